"""The decisions of the supervisor: an occurrence in, actions out. No I/O, no clock, no randomness of its own.

Children are started level by level, each level when the one before is ready. A child that dies is started again by its
restart policy; before a strategy returns, its old incarnation is fenced at every gateway. Nothing here is on the path
of an order: while the supervisor is away, trading goes on.
"""

from collections.abc import Callable, Iterator
from typing import Any, Final

from messages.base import PROTOCOL_VERSION
from messages.control import (
    CommandDone,
    GatewayUpdate,
    Heartbeat,
    ProcessKind,
    Ready,
    Register,
    ReportRequest,
    SourcesExhausted,
    StartTrading,
    StillStarting,
    StrategyAlerted,
    StrategyFault,
    StrategyReported,
    StrategyUpdate,
    VenuesReported,
)
from messages.health import ClusterStatus, ProcessState
from messages.operator import CommandAccepted, CommandRefused, HaltRequest, StatusReply, StatusRequest, StopRequest
from supervisor.actions import Action, MeasureUsage, ReplyOperator, SetAlarm
from supervisor.child_spec import ClusterPlan
from supervisor.children import (
    FAULT_GRACE_NS,
    BecameReady,
    Child,
)
from supervisor.closing import Closing, RunOptions
from supervisor.deaths import Deaths
from supervisor.floor import START_TRADING_ID, Floor
from supervisor.occurrences import (
    AlarmRang,
    Begun,
    ChildSaid,
    Measured,
    Occurrence,
    OperatorAsked,
    ProcessEnded,
    ProcessStarted,
    StartFailed,
    StopSignalled,
)
from supervisor.registry import Registry

NS_PER_S: Final = 1_000_000_000
LEVELS: Final = (ProcessKind.EXCHANGE, ProcessKind.GATEWAY, ProcessKind.STRATEGY)
MEASURE_NS: Final = NS_PER_S
STALL_NS: Final = NS_PER_S // 2
"""An alarm later than this says that the supervisor itself stood still, and not that its children did."""


class Core:
    """The supervisor without its shell.

    :param pid: of its own process.
    """

    def __init__(self, plan: ClusterPlan, registry: Registry, options: RunOptions, pid: int) -> None:
        self.floor = Floor(plan, registry)
        self.closing = Closing(self.floor, options, pid)
        self.deaths = Deaths(self.floor, self.closing)
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
            self._come_back(begun.living)
        else:
            self._begin_anew(begun.archive)
        floor.save()

    def _come_back(self, living: frozenset[str]) -> None:
        """Take over the run of an earlier supervisor, and tell the ends that nobody heard of."""
        floor = self.floor
        died = floor.adopt(self._registry, living)
        adopted = sorted(living & floor.children.keys())
        floor.alert(f"the supervisor is back and has adopted {', '.join(adopted)}")
        if floor.run.is_exhausted:
            self.closing.await_drained()
        if floor.run.is_stopping:
            self.closing.begin("the shutdown that an earlier supervisor began")
        for child in died:
            self.deaths.end(child, None)

    def _begin_anew(self, archive: str) -> None:
        """Begin a run; say what became of one before it that nobody has ended, and keep its halt."""
        floor, last = self.floor, self._registry
        if last.has_lost_children:
            kept = f"; its journals are kept in {archive}" if archive else ""
            text = f"nothing of the last run was alive: its simulated venues and their positions are gone{kept}"
            floor.fail(text)
            floor.alert(text)
        if last.run.is_halted:
            reason = last.run.halt_reason
            floor.change_run(is_halted=True, halt_reason=reason)
            floor.alert(f"still halted, as the last run was ({reason}), until the cluster is stopped in good order")

    def _on_stop_signal(self, _signalled: StopSignalled) -> None:
        self.closing.begin("the supervisor was told to end")

    def _measured(self, measured: Measured) -> None:
        self.floor.telemetry.measured(measured.usages)

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
        child.begin(started.pid, started.created_s)
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

    # --- children speak -----------------------------------------------------------------------------------------

    def _child_said(self, said: ChildSaid) -> None:
        floor, message = self.floor, said.message
        child = floor.children.get(said.name)
        if child is None or message.process != said.name:
            floor.log("warning", "message of a stranger", sender=said.name, message=type(message).__name__)
        elif isinstance(message, Register):
            self._register(child, message)
        elif child.is_registered:
            child.see(floor.now_ns)
            handler = _MESSAGES.get(type(message))
            if handler is not None:
                handler(self, child, message)
        elif isinstance(message, _LAST_WORDS):
            _MESSAGES[type(message)](self, child, message)

    def _register(self, child: Child, register: Register) -> None:
        floor = self.floor
        if register.pid != child.pid:
            floor.log("warning", "registration of a stranger", process=child.name, pid=register.pid, known=child.pid)
        elif register.protocol_version != PROTOCOL_VERSION:
            versions = f"{register.protocol_version}, the supervisor {PROTOCOL_VERSION}"
            floor.kill(child, f"it speaks protocol version {versions}; install one version of the project")
        else:
            child.is_registered = True
            child.see(floor.now_ns)
            floor.log("info", "registered", process=child.name, pid=child.pid)

    def _ready(self, child: Child, _ready: Ready) -> None:
        floor = self.floor
        was_ready = child.is_ready
        child.on_message(BecameReady(floor.now_ns))
        if not was_ready:
            floor.log("info", "ready", process=child.name)
            floor.save()
        if not self.closing.is_begun:
            floor.greet(child)

    def _heartbeat(self, child: Child, heartbeat: Heartbeat) -> None:
        child.is_drained = heartbeat.is_drained

    def _still_starting(self, child: Child, _still: StillStarting) -> None:
        child.still_starting(self.floor.now_ns)

    def _fault(self, child: Child, fault: StrategyFault) -> None:
        floor = self.floor
        last_line = fault.traceback.strip().rpartition("\n")[2]
        text = f"{fault.strategy} FAULTED in state {fault.state or '-'} on {fault.cause}: {last_line}"
        floor.alert(text, process=child.name, traceback=fault.traceback)
        floor.telemetry.faults.append(fault)
        child.note = text
        if child.is_registered:
            child.fault(floor.now_ns)

    def _alerted(self, child: Child, alerted: StrategyAlerted) -> None:
        self.floor.alert(alerted.text, process=child.name)

    def _strategy_update(self, child: Child, update: StrategyUpdate) -> None:
        self.floor.telemetry.strategy_statuses[child.name] = update.status

    def _gateway_update(self, child: Child, update: GatewayUpdate) -> None:
        self.floor.telemetry.gateway_statuses[child.name] = update.status

    def _strategy_reported(self, child: Child, reported: StrategyReported) -> None:
        self.floor.telemetry.strategy_reports[child.name] = reported.report
        self._reported(child, reported.command_id)

    def _venues_reported(self, child: Child, reported: VenuesReported) -> None:
        self.floor.telemetry.venue_reports = dict(reported.reports)
        self._reported(child, reported.command_id)

    def _reported(self, child: Child, command_id: str) -> None:
        command = self.floor.pending.settle(child.name, command_id)
        if command is not None:
            self.closing.answered(child, command)

    def _command_done(self, child: Child, done: CommandDone) -> None:
        command = self.floor.pending.settle(child.name, done.command_id)
        if command is None:
            return
        if not done.is_ok:
            self.closing.refused(child, done)
        elif isinstance(command, ReportRequest):
            self.floor.log("warning", "report asked for and not sent", process=child.name)
        self.closing.answered(child, command)

    def _exhausted(self, _child: Child, _exhausted: SourcesExhausted) -> None:
        if not self.floor.run.is_exhausted:
            self.floor.log("info", "every source is exhausted")
            self.floor.change_run(is_exhausted=True)
            self.closing.await_drained()

    # --- the operator speaks ------------------------------------------------------------------------------------

    def _operator_asked(self, asked: OperatorAsked) -> None:
        request = asked.request
        if isinstance(request, StatusRequest):
            reply: StatusReply | CommandAccepted | CommandRefused = StatusReply(request.command_id, self.status())
        elif isinstance(request, HaltRequest | StopRequest):
            reply = CommandAccepted(request.command_id, self._obey(request))
        else:
            reply = CommandRefused(request.command_id, f"{type(request).__name__} is not known to this supervisor")
        self.floor.actions.append(ReplyOperator(asked.peer, reply))

    def _obey(self, request: HaltRequest | StopRequest) -> str:
        if isinstance(request, HaltRequest):
            self.floor.halt(request.reason)
            return "halting: working orders are cancelled and new ones denied"
        if request.is_forced:
            self.closing.force()
            return "everything is killed"
        if self.closing.is_begun:
            return f"stopping already: {self.phase}"
        self.closing.begin("the operator asked")
        return "stopping: orders are cancelled, then strategies, gateways and venues stop"

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
            strategies=tuple(telemetry.strategies(children).values()),
            alerts=tuple(telemetry.alerts),
            alerts_total=telemetry.alerts_total,
            unmanaged=telemetry.unmanaged(children),
        )

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
        if floor.now_ns >= self._measure_ns:
            self._measure_ns = floor.now_ns + MEASURE_NS
            floor.actions.append(MeasureUsage())

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
}
_MESSAGES: Final[dict[type, Callable[[Core, Child, Any], None]]] = {
    Ready: Core._ready,
    StillStarting: Core._still_starting,
    Heartbeat: Core._heartbeat,
    StrategyFault: Core._fault,
    StrategyAlerted: Core._alerted,
    StrategyUpdate: Core._strategy_update,
    GatewayUpdate: Core._gateway_update,
    StrategyReported: Core._strategy_reported,
    VenuesReported: Core._venues_reported,
    CommandDone: Core._command_done,
    SourcesExhausted: Core._exhausted,
}
_LAST_WORDS: Final = (StrategyFault, StrategyAlerted, StrategyUpdate, GatewayUpdate, StrategyReported, VenuesReported)
"""Heard also of a process whose end was heard of first."""
