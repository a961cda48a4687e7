"""The last word of every process, strategy and gateway, of which status and report are made. Pure."""

from collections import deque
from collections.abc import Collection, Iterable, Mapping
from decimal import Decimal
from typing import Final

import msgspec

from messages.from_child import ProcessKind, StrategyFault
from messages.health import (
    GatewayReport,
    GatewayStatus,
    Lifecycle,
    OrderCounts,
    Pnl,
    ProcessState,
    ProcessStatus,
    StrategyReport,
    StrategyStatus,
)
from supervisor.actions import SUPERVISOR
from supervisor.children import Child
from supervisor.occurrences import Usage
from supervisor.unmanaged import unmanaged_positions

ALERTS_KEPT_MAX: Final = 20
ALERT_LENGTH_MAX: Final = 500
FAULTS_KEPT_MAX: Final = 20
NS_PER_MS: Final = 1_000_000
REFUSED_TOLD_EVERY_NS: Final = 60_000 * NS_PER_MS

NOT_MEASURED: Final = Usage(0.0, 0.0, 0.0)
ZERO: Final = Decimal(0)
NO_PNL: Final = Pnl(ZERO, ZERO, ZERO, ZERO, "")


class Telemetry:
    """What is known, by name of the process (which is the id of its strategy or gateway)."""

    def __init__(self) -> None:
        self.alerts: deque[str] = deque(maxlen=ALERTS_KEPT_MAX)
        self.alerts_total = 0
        self.faults: deque[StrategyFault] = deque(maxlen=FAULTS_KEPT_MAX)
        self.usages: dict[str, Usage] = {}
        self.strategy_statuses: dict[str, StrategyStatus] = {}
        self.strategy_reports: dict[str, StrategyReport] = {}
        self.gateway_statuses: dict[str, GatewayStatus] = {}
        self.venue_reports: dict[str, GatewayReport] = {}
        self.refused: dict[str, int] = {}
        self._refused_told: dict[str, tuple[int, int]] = {}

    def alert(self, text: str) -> None:
        """Keep an alert for status and report; the oldest give way."""
        self.alerts.append(text[:ALERT_LENGTH_MAX])
        self.alerts_total += 1

    def restore(self, alerts: Iterable[str], alerts_total: int, faults: Iterable[StrategyFault]) -> None:
        """Remember what an earlier incarnation of the supervisor was told."""
        self.alerts.extendleft(reversed(list(alerts)))
        self.alerts_total += alerts_total
        self.faults.extendleft(reversed(list(faults)))

    def measured(self, usages: Mapping[str, Usage]) -> None:
        """Take new measurements; of processes that are gone, the last one is kept."""
        self.usages.update(usages)

    def note_refused(self, process: str, refused: int, now_ns: int) -> int:
        """Take how much a process has refused since it started.

        :returns: how much of it is to be told of now: whatever is new, at most once a minute for each process.
        """
        self.refused[process] = refused
        told, told_ns = self._refused_told.get(process, (0, now_ns - REFUSED_TOLD_EVERY_NS))
        if refused < told:  # it has started again
            told = 0
        if refused == told or now_ns - told_ns < REFUSED_TOLD_EVERY_NS:
            return 0
        self._refused_told[process] = (refused, now_ns)
        return refused - told

    def processes(
        self, children: Iterable[Child], now_ns: int, *, pid: int, restarts: int
    ) -> tuple[ProcessStatus, ...]:
        """All processes as they are now, the supervisor (of this pid, and restarted so often) first."""
        return (self._supervisor(pid, restarts), *(self._process(child, now_ns) for child in children))

    def processes_at_end(self, children: Iterable[Child], *, pid: int, restarts: int) -> tuple[ProcessStatus, ...]:
        """All processes for the report: their last pids, and their CPU over their whole life."""
        return tuple(
            msgspec.structs.replace(process, cpu_percent=self._usage(process.name).cpu_percent_mean, pid=last_pid)
            for process, last_pid in [
                (self._supervisor(pid, restarts), pid),
                *((self._process(child, child.seen_ns), child.last_pid) for child in children),
            ]
        )

    def strategies(self, children: Iterable[Child]) -> dict[str, StrategyStatus]:
        """Every strategy, also those that have never spoken."""
        return {
            child.name: self._adjusted(self.strategy_statuses.get(child.name) or _unheard(child), child)
            for child in children
            if child.kind is ProcessKind.STRATEGY
        }

    def reports(self, children: Iterable[Child]) -> dict[str, StrategyReport]:
        """The strategies that have reported."""
        return {
            child.name: msgspec.structs.replace(report, status=self._adjusted(report.status, child))
            for child in children
            if (report := self.strategy_reports.get(child.name)) is not None
        }

    def gateways(self, children: Iterable[Child]) -> dict[str, GatewayStatus]:
        """Every gateway; one without a process has no venue either."""
        statuses = {}
        for child in children:
            if child.kind is ProcessKind.GATEWAY:
                status = self.gateway_statuses.get(child.name) or _silent(child.name)
                is_venue_up = status.is_venue_up and child.is_alive
                statuses[child.name] = msgspec.structs.replace(status, is_venue_up=is_venue_up)
        return statuses

    def unmanaged(self, children: Collection[Child]) -> tuple[str, ...]:
        """The positions that no running strategy manages, a sentence each."""
        return unmanaged_positions(self.gateways(children).values(), self.strategies(children))

    def held(self, strategy: str) -> dict[str, Decimal]:
        """What a strategy holds by the gateways' own books, by instrument."""
        return {
            instrument: size
            for status in self.gateway_statuses.values()
            for instrument, size in status.holdings.get(strategy, {}).items()
            if size
        }

    def _adjusted(self, status: StrategyStatus, child: Child) -> StrategyStatus:
        """The strategy's own word on its life, unless its process tells otherwise; a fault is not undone by a stop."""
        if child.state is ProcessState.QUARANTINED:
            lifecycle = Lifecycle.QUARANTINED
        elif child.state is ProcessState.BACKOFF:
            lifecycle = Lifecycle.FAULTED
        elif child.state is ProcessState.STOPPED and (child.last_pid or child.is_done):
            is_dead = status.lifecycle is Lifecycle.FAULTED or (child.is_dead and bool(self.held(child.name)))
            lifecycle = Lifecycle.FAULTED if is_dead else Lifecycle.STOPPED
        elif status.epoch != child.epoch:
            lifecycle = Lifecycle.STARTING
        else:
            return status
        return msgspec.structs.replace(status, lifecycle=lifecycle)

    def _usage(self, name: str) -> Usage:
        return self.usages.get(name, NOT_MEASURED)

    def _supervisor(self, pid: int, restarts: int) -> ProcessStatus:
        usage = self._usage(SUPERVISOR)
        return ProcessStatus(
            SUPERVISOR, SUPERVISOR, ProcessState.RUNNING, pid, restarts, usage.cpu_percent, usage.rss_mb, 0.0, "",
            self.refused.get(SUPERVISOR, 0),
        )  # fmt: skip

    def _process(self, child: Child, now_ns: int) -> ProcessStatus:
        usage = self._usage(child.name)
        return ProcessStatus(
            name=child.name,
            kind=child.kind.value,
            state=child.state,
            pid=child.pid,
            restarts=child.restarts,
            cpu_percent=usage.cpu_percent if child.is_alive else 0.0,
            rss_mb=usage.rss_mb,
            heartbeat_age_ms=max(0, now_ns - child.seen_ns) / NS_PER_MS if child.is_registered else 0.0,
            note=child.note,
            refused=self.refused.get(child.name, 0),
        )


def _unheard(child: Child) -> StrategyStatus:
    return StrategyStatus(
        id=child.name,
        kind=child.plan.strategy_kind,
        lifecycle=Lifecycle.STARTING,
        state="",
        epoch=child.epoch,
        messages=0,
        orders=0,
        fills=0,
        open_orders=0,
        positions={},
        pnl=NO_PNL,
        pnls=(),
        cycles=0,
        note="",
    )


def _silent(gateway: str) -> GatewayStatus:
    return GatewayStatus(
        id=gateway,
        is_venue_up=False,
        is_halted=False,
        open_orders=0,
        orders=OrderCounts(),
        positions={},
        balances={},
        published=0,
        tick_to_order={},
    )
