"""The decisions of the supervisor: an occurrence in, actions out. No I/O, no clock, no randomness of its own.

Children are started level by level, each level when the one before is ready. A child that dies is started again by its
restart policy; before a strategy returns, its old incarnation is fenced at every gateway. Nothing here is on the path
of an order: while the supervisor is away, trading goes on.
"""

from collections.abc import Callable, Iterator
from typing import Any, Final

import msgspec

from messages.from_child import ProcessKind
from messages.health import ClusterStatus, ProcessState, StrategyStatus
from messages.operator import StatusReply, StatusRequest, ToOperator, UnhaltRequest
from messages.to_child import StartTrading
from supervisor.actions import SUPERVISOR, Action, ClearLatch, MeasureUsage, ReplyOperator, SetAlarm, SetLatch
from supervisor.child_spec import ClusterPlan
from supervisor.children import (
    FAULT_GRACE_NS,
    Child,
)
from supervisor.closing import Closing, RunOptions
from supervisor.deaths import Deaths
from supervisor.floor import START_TRADING_ID, Floor
from supervisor.hearing import Hearing
from supervisor.ledger.bookkeeping import Bookkeeping, trouble_of
from supervisor.ledger.entries import LedgerNews, LedgerOpened, LedgerRecovered, LedgerTroubled, RecordsApplied
from supervisor.occurrences import (
    AlarmRang,
    Begun,
    ChildSaid,
    Latch,
    Measured,
    Occurrence,
    OperatorAsked,
    ProcessEnded,
    ProcessStarted,
    StartFailed,
    StopSignalled,
)
from supervisor.operations.consequences import changes_in_words
from supervisor.operations.desk import Desk
from supervisor.operations.planner import Planner
from supervisor.operations.rule_flatten import RuleFlatten
from supervisor.registry import Registry
from supervisor.risk.risk_desk import RiskDesk

NS_PER_S: Final = 1_000_000_000
LEVELS: Final = (ProcessKind.EXCHANGE, ProcessKind.GATEWAY, ProcessKind.STRATEGY)
MEASURE_NS: Final = NS_PER_S
STALL_NS: Final = NS_PER_S // 2
"""An alarm later than this says that the supervisor itself stood still, and not that its children did."""


class Core:
    """The supervisor without its shell.

    :param pid: of its own process.
    :param planner: of what the operator changes while the cluster runs; None where nothing can be changed.
    :param token: drawn for this process; part of the ids of its commands.
    """

    def __init__(
        self,
        plan: ClusterPlan,
        registry: Registry,
        options: RunOptions,
        pid: int,
        planner: Planner | None = None,
        *,
        token: str = "",
    ) -> None:
        self.floor = Floor(plan, registry, planner, token)
        self.closing = Closing(self.floor, options, pid)
        self.bookkeeping = Bookkeeping()
        self.risk = RiskDesk(self.floor, plan.risk, registry.risk)
        self.floor.risk_record = self.risk.record
        self.desk = Desk(self.floor, self.closing, self.risk, self.status)
        self.risk.before_tighten = self.desk.board.tightened
        self.rule_flatten = RuleFlatten(self.floor, self.closing, self.desk.board, self.risk)
        self.risk.flatten = self.rule_flatten.begin
        self.deaths = Deaths(self.floor, self.closing, self.desk.board)
        self.hearing = Hearing(self.floor, self.closing, self.desk.board, self.risk, self.bookkeeping)
        self._registry = registry
        self._pid = pid
        self._measure_ns = 0
        self._alarm_ns: int | None = None

    def handle(self, occurrence: Occurrence, now_ns: int, random: float) -> list[Action]:
        """Hear what has happened and say what is to be done.

        :param now_ns: monotonic clock.
        :param random: in [0, 1).
        """
        floor = self.floor
        floor.now_ns, floor.random = now_ns, random  # actions stay, should the last occurrence have failed half-way
        _OCCURRENCES[type(occurrence)](self, occurrence)
        if not self.closing.is_begun:
            self._bring_up()
            self.closing.begin_if_due()
        if self.closing.is_begun:
            self.desk.board.cluster_stops()
        actions, floor.actions = floor.actions, []
        self._alarm_ns = min(self._dues())
        actions.append(SetAlarm(self._alarm_ns))
        return actions

    @property
    def phase(self) -> str:
        if self.closing.is_begun:
            return self.closing.phase
        if self.floor.run.trading_since_ns is None:
            return "starting"
        return "halted" if self.floor.run.is_halted else "trading"

    # --- the supervisor's own life ------------------------------------------------------------------------------

    def _begin(self, begun: Begun) -> None:
        floor = self.floor
        self._measure_ns = floor.now_ns + MEASURE_NS
        floor.log("info", "supervisor begins", pid=self._pid, incarnation=floor.incarnation)
        if begun.living:
            self._come_back(begun.living, begun.latch)
        else:
            self._begin_anew(begun.archive)
            self._obey_halts(begun.latch)
        if floor.misfit:
            floor.alert(floor.misfit)
        floor.save()

    def _come_back(self, living: frozenset[str], latch: Latch | None) -> None:
        """Take over the run of an earlier supervisor, and tell the ends that nobody heard of."""
        floor = self.floor
        died = floor.adopt(self._registry, living)
        self.risk.came_back(living)
        adopted = sorted(living & floor.children.keys())
        floor.alert(f"the supervisor is back and has adopted {', '.join(adopted)}")
        if floor.run.is_exhausted:
            self.closing.await_drained()
        if floor.run.is_stopping:
            self.closing.begin("the shutdown that an earlier supervisor began")
        else:
            was_halted = floor.run.is_halted
            self._obey_halts(latch)  # first: an unhalt that is under way is older than a halt that we do not know of
            self.desk.restore(is_halted_anew=floor.run.is_halted and not was_halted)
        for child in died:
            self.deaths.end(child, None)

    def _begin_anew(self, archive: str) -> None:
        """Begin a run; say what became of one before it that nobody has ended, and keep its halt."""
        floor, last = self.floor, self._registry
        self.risk.begin_anew()
        if last.has_lost_children:
            kept = f"; its journals are kept in {archive}" if archive else ""
            text = f"nothing of the last run was alive: its simulated venues and their positions are gone{kept}"
            floor.fail(text)
            floor.alert(text)
        if last.run.is_halted:
            reason = last.run.halt_reason
            floor.run = last.without_run(keeps_halt=True).run
            floor.save()
            if last.run.is_latched:
                floor.actions.append(SetLatch(reason, last.run.is_flattening))
            until = "until `outcry unhalt`" if last.run.is_latched else "until it is stopped in good order"
            floor.alert(f"still halted, as the last run was ({reason}), {until}")
        for name, wish in floor.standing.items():
            if wish.is_stopped and name in floor.children:
                floor.children[name].is_done = True
        changes = changes_in_words(floor.standing, floor.limits)
        if changes:
            floor.alert(f"still changed, as the operator had asked in the run that was lost: {changes}")

    def _obey_halts(self, latch: Latch | None) -> None:
        """Be halted where anybody has demanded it while there was no supervisor, or as it died.

        A latch that the operator has ended already was left behind by a supervisor that died before it was gone.
        """
        ended = self._registry.run.unhalted_latch
        if latch is not None and latch.id and latch.id == ended:
            self.floor.latch_id = ended
            self.floor.change_run(unhalted_latch=ended)
            self.floor.actions.append(ClearLatch())
        else:
            self._obey_latch(latch)
        self.risk.halt_as_remembered()

    def _obey_latch(self, latch: Latch | None) -> None:
        """Be halted where the state directory says so, whoever has written it."""
        floor = self.floor
        floor.latch_id = "" if latch is None else latch.id
        if latch is not None and not floor.run.is_halted and not self.closing.is_begun:
            floor.halt(latch.reason, is_flattening=latch.is_flattening)
            floor.change_run(halted_ns=max(0, floor.now_ns - latch.age_ns))

    def _on_stop_signal(self, _signalled: StopSignalled) -> None:
        self.closing.begin("the supervisor was told to end")

    def _measured(self, measured: Measured) -> None:
        self.floor.telemetry.measured(measured.usages)
        self.floor.note_refused(SUPERVISOR, measured.refused)
        self._obey_latch(measured.latch)
        self.risk.monitor.look(measured.wall_ns)
        self.rule_flatten.look()

    def _ledger_spoke(self, news: LedgerNews) -> None:
        self.floor.actions += self.bookkeeping.on_news(news)
        if text := trouble_of(news):
            self.floor.alert(text)

    # --- starting -----------------------------------------------------------------------------------------------

    def _bring_up(self) -> None:
        """Start what is to be started and can be; begin trading once everything is ready."""
        floor = self.floor
        for kind in LEVELS:
            level = floor.of_kind(kind)
            for child in level:
                if child.is_to_start:
                    floor.launch(child)
            if not all(child.is_settled for child in level):
                return
        if floor.run.trading_since_ns is None:
            floor.change_run(trading_since_ns=floor.now_ns)
            floor.log("info", "trading begins")
            for child in reversed(floor.children.values()):
                if child.is_ready:
                    floor.tell(child, StartTrading(START_TRADING_ID))

    def _process_started(self, started: ProcessStarted) -> None:
        child = self.floor.children[started.name]
        child.begin(started.pid, started.created_s, started.birth)
        self.floor.log("info", "process started", process=started.name, pid=started.pid, epoch=child.epoch)
        self.floor.save()

    def _start_failed(self, failed: StartFailed) -> None:
        child = self.floor.children[failed.name]
        self.floor.alert(f"{failed.name} cannot be started: {failed.text}", process=failed.name)
        self.deaths.end(child, None)

    def _process_ended(self, ended: ProcessEnded) -> None:
        child = self.floor.children[ended.name]
        if child.pid == ended.pid:
            self.deaths.end(child, ended.exit_code)

    def _child_said(self, said: ChildSaid) -> None:
        self.hearing.child_said(said)

    # --- the operator speaks ------------------------------------------------------------------------------------

    def _operator_asked(self, asked: OperatorAsked) -> None:
        request = asked.request
        if isinstance(request, StatusRequest):
            reply: ToOperator = StatusReply(request.command_id, self.status())
        else:
            if isinstance(request, UnhaltRequest):
                self._obey_latch(asked.latch)
            reply = self.desk.ask(request)
        self.floor.actions.append(ReplyOperator(asked.peer, reply))

    def status(self) -> ClusterStatus:
        """The cluster as it is now."""
        floor = self.floor
        children, telemetry, since_ns = floor.children.values(), floor.telemetry, floor.run.trading_since_ns
        until_ns = self.closing.ended_ns if self.closing.is_begun else floor.now_ns
        return ClusterStatus(
            cluster=floor.plan.cluster,
            phase=self.phase,
            seconds=0.0 if since_ns is None else max(0, until_ns - since_ns) / NS_PER_S,
            is_halted=floor.run.is_halted,
            processes=telemetry.processes(
                children, floor.now_ns, pid=self._pid, restarts=floor.run.supervisor_restarts
            ),
            gateways=tuple(telemetry.gateways(children).values()),
            strategies=tuple(self._with_changes(status) for status in telemetry.strategies(children).values()),
            alerts=tuple(telemetry.alerts),
            alerts_total=telemetry.alerts_total,
            unmanaged=telemetry.unmanaged(children),
            trading_state=self.risk.cluster_state,
            limits=self.risk.limit_uses(),
        )

    def _with_changes(self, status: StrategyStatus) -> StrategyStatus:
        """With what the operator has changed since its config was read, and what it may do."""
        wish = self.floor.wish(status.id)
        changed = wish.changes | ({"priority": str(wish.priority)} if wish.priority else {})
        state = self.risk.trading_state(status.id)
        return msgspec.structs.replace(status, changed=changed, trading_state=state)

    # --- time passes --------------------------------------------------------------------------------------------

    def _on_alarm(self, _rang: AlarmRang) -> None:
        floor = self.floor
        self._forgive_stall()
        for child in floor.children.values():
            if child.due_ns is not None and floor.now_ns >= child.due_ns:
                self._overdue(child)
        again, given_up = floor.pending.repeat(floor.now_ns)
        floor.actions += again
        for name, command in given_up:
            if not self.closing.is_begun:
                floor.alert(f"{name} did not answer {command.command_id}", process=name)
        self.closing.on_alarm()
        self.desk.board.on_alarm()
        if floor.now_ns >= self._measure_ns:
            self._measure_ns = floor.now_ns + MEASURE_NS
            floor.actions.append(MeasureUsage())
            floor.save_news()

    def _forgive_stall(self) -> None:
        """Where the supervisor itself stood still, children are given the time that it slept."""
        late_ns = 0 if self._alarm_ns is None else self.floor.now_ns - self._alarm_ns
        if late_ns > STALL_NS:
            self.floor.log("warning", "the supervisor stood still", seconds=late_ns / NS_PER_S)
            for child in self.floor.children.values():
                if child.due_ns is not None and child.is_alive:
                    child.due_ns += late_ns

    def _overdue(self, child: Child) -> None:
        floor = self.floor
        if child.state is ProcessState.BACKOFF:
            floor.launch(child)
        elif child.state is ProcessState.STARTING:
            floor.kill(child, "it did not become ready in time")
        elif child.is_faulted:
            floor.kill(child, f"it has faulted and did not end within {FAULT_GRACE_NS / NS_PER_S:g} s")
        else:
            floor.kill(child, f"no heartbeat for {(floor.now_ns - child.seen_ns) / NS_PER_S:.1f} s")

    def _dues(self) -> Iterator[int]:
        yield self._measure_ns
        yield from self.floor.dues()
        yield from self.closing.dues()
        yield from self.desk.board.dues()


# Any: each handler takes the one type that its row names.
_OCCURRENCES: Final[dict[type, Callable[[Core, Any], None]]] = {
    Begun: Core._begin,
    ProcessStarted: Core._process_started,
    StartFailed: Core._start_failed,
    ProcessEnded: Core._process_ended,
    ChildSaid: Core._child_said,
    OperatorAsked: Core._operator_asked,
    Measured: Core._measured,
    AlarmRang: Core._on_alarm,
    StopSignalled: Core._on_stop_signal,
    LedgerOpened: Core._ledger_spoke,
    RecordsApplied: Core._ledger_spoke,
    LedgerTroubled: Core._ledger_spoke,
    LedgerRecovered: Core._ledger_spoke,
}
