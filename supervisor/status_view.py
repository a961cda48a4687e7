"""How a running cluster looks in a terminal: 80 columns and 24 lines are enough, more show more."""

from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal
from typing import Final

import msgspec
from rich.console import Console, ConsoleOptions, Group, RenderableType, RenderResult
from rich.text import Text

from messages.health import (
    ClusterStatus,
    GatewayStatus,
    Latency,
    Lifecycle,
    ProcessState,
    ProcessStatus,
    StrategyStatus,
)
from supervisor.plain import decimal_text
from supervisor.report import worst_latency
from supervisor.tables import ID_WIDTH, Column, FittedTable, number, shortened
from supervisor.unmanaged import DEAD

WIDE = 110
"""From so many columns on, the tables show what can be done without in 80."""

ALERTS_SHOWN = 3
STATE_WIDTH: Final = 26
"""Of a strategy's state in a line that has to be short."""
STOPPED: Final = "stopped"
"""The phase of a cluster that has ended; nothing is open any more."""

_GOOD, _BUSY, _BAD = "green", "yellow", "bold red"
_PROCESS_STYLES = {
    ProcessState.RUNNING: _GOOD,
    ProcessState.STOPPED: "dim",
    ProcessState.QUARANTINED: _BAD,
}
_LIFECYCLE_STYLES = {
    Lifecycle.RUNNING: _GOOD,
    Lifecycle.STOPPED: "dim",
    Lifecycle.FAULTED: _BAD,
    Lifecycle.QUARANTINED: _BAD,
}


def render(status: ClusterStatus, width: int, height: int | None = None) -> RenderableType:
    """Draw a status for a terminal of so many columns; where it has to fit so many lines, the least important go."""
    is_wide = width >= WIDE
    headline, alerts = _headline(status), [f"! {text}" for text in (*status.alerts[-ALERTS_SHOWN:], *status.unmanaged)]
    processes = _processes(status.processes, is_wide=is_wide)
    gateways: list[RenderableType] = [Text(), _gateways(status, is_wide=is_wide)] if status.gateways else []
    strategies: list[RenderableType] = [Text(), _strategies(status, is_wide=is_wide)] if status.strategies else []
    words = [*(Text(_doing(strategy)) for strategy in status.strategies), *(Text(alert, _BAD) for alert in alerts)]
    whole = Group(headline, processes, *gateways, *strategies, *words)
    if height is None:
        return whole
    few = _unwell(status.processes, is_wide=is_wide)
    short = [
        *(Text(_doing_shortened(strategy, width)) for strategy in status.strategies),
        *(Text(shortened(alert, width), _BAD) for alert in alerts),
    ]
    return _Fitting(
        (
            whole,
            Group(headline, few, *gateways, *strategies, *words),
            Group(headline, few, *gateways, *strategies, *short),
            Group(headline, few, *strategies, *short),
        ),
        height,
    )


class _Fitting:
    """The first of several drawings that fits so many lines, or else the last one."""

    def __init__(self, drawings: Sequence[RenderableType], height: int) -> None:
        self._drawings = drawings
        self._height = height

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        unlimited = options.update(height=None)
        for drawing in self._drawings[:-1]:
            if len(console.render_lines(drawing, unlimited, pad=False)) <= self._height:
                yield drawing
                return
        yield self._drawings[-1]


def ended(status: ClusterStatus) -> ClusterStatus:
    """The last status of a cluster that has ended since: its figures, without processes and venues that are no more."""
    gone = {"state": ProcessState.STOPPED, "pid": 0, "cpu_percent": 0.0, "rss_mb": 0.0, "heartbeat_age_ms": 0.0}
    return msgspec.structs.replace(
        status,
        phase=STOPPED,
        processes=tuple(msgspec.structs.replace(process, **gone) for process in status.processes),
        gateways=tuple(msgspec.structs.replace(gateway, is_venue_up=False) for gateway in status.gateways),
        strategies=tuple(
            strategy if strategy.lifecycle in DEAD else msgspec.structs.replace(strategy, lifecycle=Lifecycle.STOPPED)
            for strategy in status.strategies
        ),
    )


def summary(status: ClusterStatus) -> str:
    """A status in one line, for where nothing can be redrawn."""
    running = sum(process.state is ProcessState.RUNNING for process in status.processes)
    fills = sum(strategy.fills for strategy in status.strategies)
    halted = ", halted" if status.is_halted and status.phase != "halted" else ""
    pnls = "".join(f", {strategy.id} {money(strategy)}" for strategy in status.strategies)
    return (
        f"{status.cluster}: {status.phase}{halted} for {status.seconds:.0f} s, "
        f"{running} of {len(status.processes)} processes running, {fills} fills{pnls}"
    )


def money(strategy: StrategyStatus) -> str:
    """Total profit and loss with its sign, to the cent, and its currency."""
    return f"{strategy.pnl.total:+,.2f} {strategy.pnl.currency}".rstrip()


def _headline(status: ClusterStatus) -> Text:
    line = Text()
    line.append(status.cluster, "bold")
    line.append(f"  {status.phase}  {_duration(status.seconds)}")
    if status.is_halted:
        line.append("  HALTED", _BAD)
    return line


def _unwell(processes: Sequence[ProcessStatus], *, is_wide: bool) -> RenderableType:
    """How many processes run; those that do not, one by one."""
    others = [process for process in processes if process.state is not ProcessState.RUNNING]
    line = Text(f"{len(processes) - len(others)} of {len(processes)} processes running")
    return Group(line, _processes(others, is_wide=is_wide)) if others else line


def _processes(processes: Iterable[ProcessStatus], *, is_wide: bool) -> FittedTable:
    table = FittedTable(
        Column("process"),
        Column("state"),
        number("pid"),
        number("restarts"),
        number("cpu %", 2),
        number("MB", 1),
        number("heartbeat ms", 3),
        *([Column("note", rank=4, wraps=True)] if is_wide else []),
    )
    for process in processes:
        row = [
            Text(process.name),
            Text(process.state.value, _PROCESS_STYLES.get(process.state, _BUSY)),
            Text(str(process.pid) if process.pid else "-"),
            Text(str(process.restarts), _BUSY if process.restarts else ""),
            Text(f"{process.cpu_percent:.0f}"),
            Text(f"{process.rss_mb:.0f}"),
            Text(f"{process.heartbeat_age_ms:.0f}"),
        ]
        table.add_row(*row, *([Text(process.note)] if is_wide else []))
    return table


def _gateways(status: ClusterStatus, *, is_wide: bool) -> FittedTable:
    table = FittedTable(
        Column("gateway"),
        Column("venue"),
        number("open"),
        number("accepted", 1),
        number("rejected", 3),
        number("denied", 2),
        number("filled"),
        number("published", 4),
        *([Column("balances", rank=5, wraps=True)] if is_wide else []),
    )
    for gateway in status.gateways:
        orders = gateway.orders
        counts = (orders.accepted, orders.rejected, orders.denied, orders.filled, gateway.published)
        row = [Text(gateway.id), _venue(gateway), _open(gateway.open_orders, status), *(Text(str(n)) for n in counts)]
        table.add_row(*row, *([Text(_quantities(gateway.balances))] if is_wide else []))
    return table


def _venue(gateway: GatewayStatus) -> Text:
    if not gateway.is_venue_up:
        return Text("down", _BAD)
    return Text("halted", _BAD) if gateway.is_halted else Text("up", _GOOD)


def _open(count: int, status: ClusterStatus) -> Text:
    """Open orders; the last count that was heard of a cluster that has ended is old."""
    return Text("-" if status.phase == STOPPED else str(count))


def _strategies(status: ClusterStatus, *, is_wide: bool) -> FittedTable:
    table = FittedTable(
        Column("strategy"),
        Column("lifecycle"),
        number("orders", 2),
        number("fills", 1),
        number("cycles", 3),
        number("PnL"),
        number("p50/p99 µs", 4),
        *([number("messages", 6), number("open", 5)] if is_wide else []),
    )
    for strategy in status.strategies:
        latency = worst_latency(
            gateway.tick_to_order[strategy.id] for gateway in status.gateways if strategy.id in gateway.tick_to_order
        )
        row = [
            Text(strategy.id),
            Text(strategy.lifecycle.value, _LIFECYCLE_STYLES.get(strategy.lifecycle, _BUSY)),
            Text(str(strategy.orders)),
            Text(str(strategy.fills)),
            Text(str(strategy.cycles)),
            Text(money(strategy), _BAD if strategy.pnl.total < 0 else _GOOD),
            Text(_percentiles(latency)),
        ]
        wide = [Text(str(strategy.messages)), _open(strategy.open_orders, status)] if is_wide else []
        table.add_row(*row, *wide)
    return table


def _doing(strategy: StrategyStatus) -> str:
    note = f"  ({strategy.note})" if strategy.note else ""
    held = _quantities(_held(strategy)) or "nothing"
    changed = ", ".join(f"{path} = {value}" for path, value in strategy.changed.items())
    since = f"; changed by the operator: {changed}" if changed else ""
    return f"{strategy.id} {strategy.state or 'no state yet'}, holds {held}{note}{since}"


def _doing_shortened(strategy: StrategyStatus, width: int) -> str:
    """The same in one line: state and positions as far as there is room, each number whole."""
    whole = _doing(strategy)
    if len(whole) <= width:
        return whole
    held = [f"{decimal_text(quantity)} {name}" for name, quantity in _held(strategy).items()]
    state = _cut(strategy.state or "no state yet", STATE_WIDTH)
    head = f"{_cut(strategy.id, ID_WIDTH)} {state}, holds "
    for shown in range(len(held), 0, -1):
        more = f" and {len(held) - shown} more" if shown < len(held) else ""
        if len(head) + len(text := ", ".join(held[:shown]) + more) <= width:
            return head + text
    return shortened(head + (f"{len(held)} positions" if held else "nothing"), width)


def _cut(name: str, width: int) -> str:
    return name if len(name) <= width else f"{name[: width - 1]}…"


def _held(strategy: StrategyStatus) -> dict[str, Decimal]:
    return {instrument: quantity for instrument, quantity in strategy.positions.items() if quantity}


def _quantities(quantities: Mapping[str, Decimal]) -> str:
    return ", ".join(f"{decimal_text(quantity)} {name}" for name, quantity in quantities.items())


def _percentiles(latency: Latency | None) -> str:
    return f"{latency.p50:.0f}/{latency.p99:.0f}" if latency else "-"


def _duration(seconds: float) -> str:
    minutes, rest = divmod(int(seconds), 60)
    return f"{minutes // 60:d}:{minutes % 60:02d}:{rest:02d}"
