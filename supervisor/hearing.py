"""What the children of a cluster say, and what follows from it. Pure."""

from collections.abc import Callable
from typing import Any, Final

from messages.base import PROTOCOL_VERSION
from messages.from_child import (
    CommandDone,
    DropCopy,
    GatewayUpdate,
    Heartbeat,
    ProcessKind,
    Ready,
    Register,
    SourcesExhausted,
    StillStarting,
    StrategyAlerted,
    StrategyFault,
    StrategyReported,
    StrategyUpdate,
    VenuesReported,
)
from messages.risk import LeaseRequest, PositionMismatch
from messages.to_child import ReportRequest, Resume
from supervisor.children import BecameReady, Child
from supervisor.closing import Closing
from supervisor.floor import Floor
from supervisor.ledger.bookkeeping import Bookkeeping
from supervisor.occurrences import ChildSaid
from supervisor.operations.job_board import JobBoard
from supervisor.risk.risk_desk import RiskDesk


class Hearing:
    """Every message of every child; those of strangers, and of processes that have not registered, do not count."""

    def __init__(
        self, floor: Floor, closing: Closing, board: JobBoard, risk: RiskDesk, bookkeeping: Bookkeeping
    ) -> None:
        self._floor = floor
        self._closing = closing
        self._board = board
        self._risk = risk
        self._bookkeeping = bookkeeping
        bookkeeping.on_books = risk.ledger_spoke

    def child_said(self, said: ChildSaid) -> None:
        """Hear one message."""
        floor, message = self._floor, said.message
        child = floor.children.get(said.name)
        if child is None or message.process != said.name:
            floor.log("warning", "message of a stranger", sender=said.name, message=type(message).__name__)
        elif isinstance(message, Register):
            self._register(child, message)
        elif child.is_registered:
            child.see(floor.now_ns)
            floor.actions += self._bookkeeping.heard(message, floor.now_ns)
            handler = _MESSAGES.get(type(message))
            if handler is not None:
                handler(self, child, message)
        elif isinstance(message, _LAST_WORDS):
            floor.actions += self._bookkeeping.heard(message, floor.now_ns)
            handler = _MESSAGES.get(type(message))
            if handler is not None:
                handler(self, child, message)

    def _register(self, child: Child, register: Register) -> None:
        floor = self._floor
        if register.pid != child.pid:
            floor.log("warning", "registration of a stranger", process=child.name, pid=register.pid, known=child.pid)
        elif register.protocol_version != PROTOCOL_VERSION:
            versions = f"{register.protocol_version}, the supervisor {PROTOCOL_VERSION}"
            floor.kill(child, f"it speaks protocol version {versions}; install one version of the project")
        else:
            child.is_registered = True
            child.see(floor.now_ns)
            self._risk.registered(child)
            floor.log("info", "registered", process=child.name, pid=child.pid)

    def _ready(self, child: Child, _ready: Ready) -> None:
        floor = self._floor
        was_ready = child.is_ready
        child.on_message(BecameReady(floor.now_ns))
        if not was_ready:
            floor.log("info", "ready", process=child.name)
            floor.save()
        if self._closing.is_begun:
            return
        if child.kind is ProcessKind.STRATEGY:  # paused before it may trade
            self._board.greet(child)
        floor.greet(child)
        self._risk.greet(child)
        if child.kind is ProcessKind.GATEWAY:
            self._board.greet(child)

    def _heartbeat(self, child: Child, heartbeat: Heartbeat) -> None:
        child.is_drained = heartbeat.is_drained
        self._floor.note_refused(child.name, heartbeat.refused)

    def _still_starting(self, child: Child, _still: StillStarting) -> None:
        child.still_starting(self._floor.now_ns)

    def _fault(self, child: Child, fault: StrategyFault) -> None:
        floor = self._floor
        last_line = fault.traceback.strip().rpartition("\n")[2]
        text = f"{fault.strategy} FAULTED in state {fault.state or '-'} on {fault.cause}: {last_line}"
        floor.alert(text, process=child.name, traceback=fault.traceback)
        floor.telemetry.faults.append(fault)
        child.note = text
        if child.is_registered:
            child.fault(floor.now_ns)
            self._board.faulted(child)

    def _alerted(self, child: Child, alerted: StrategyAlerted) -> None:
        self._floor.alert(alerted.text, process=child.name)

    def _strategy_update(self, child: Child, update: StrategyUpdate) -> None:
        self._floor.telemetry.strategy_statuses[child.name] = update.status

    def _gateway_update(self, child: Child, update: GatewayUpdate) -> None:
        self._floor.telemetry.gateway_statuses[child.name] = update.status
        self._board.gateway_updated(child.name)

    def _drop_copied(self, _child: Child, copy: DropCopy) -> None:
        self._risk.copied(copy)

    def _mismatched(self, _child: Child, mismatch: PositionMismatch) -> None:
        self._risk.monitor.mismatched(mismatch)

    def _lease_asked(self, child: Child, request: LeaseRequest) -> None:
        self._risk.lease_asked(child, request)

    def _strategy_reported(self, child: Child, reported: StrategyReported) -> None:
        self._floor.telemetry.strategy_reports[child.name] = reported.report
        self._reported(child, reported.command_id)

    def _venues_reported(self, child: Child, reported: VenuesReported) -> None:
        self._floor.telemetry.venue_reports = dict(reported.reports)
        self._reported(child, reported.command_id)

    def _reported(self, child: Child, command_id: str) -> None:
        command = self._floor.pending.settle(child.name, command_id)
        if command is not None:
            self._closing.answered(child, command)

    def _command_done(self, child: Child, done: CommandDone) -> None:
        command = self._floor.pending.settle(child.name, done.command_id)
        if isinstance(command, Resume) and done.is_ok and (child.began_paused or child.owes_resume):
            child.began_paused = child.owes_resume = False
            self._floor.save()
        if self._board.answered(done) or command is None:
            return
        if not done.is_ok:
            self._closing.refused(child, done)
        elif isinstance(command, ReportRequest):
            self._floor.log("warning", "report asked for and not sent", process=child.name)
        self._closing.answered(child, command)

    def _exhausted(self, _child: Child, _exhausted: SourcesExhausted) -> None:
        if not self._floor.run.is_exhausted:
            self._floor.log("info", "every source is exhausted")
            self._floor.change_run(is_exhausted=True)
            self._closing.await_drained()


# Any: each handler takes the one type that its row names.
_MESSAGES: Final[dict[type, Callable[[Hearing, Child, Any], None]]] = {
    Ready: Hearing._ready,
    StillStarting: Hearing._still_starting,
    Heartbeat: Hearing._heartbeat,
    StrategyFault: Hearing._fault,
    StrategyAlerted: Hearing._alerted,
    StrategyUpdate: Hearing._strategy_update,
    GatewayUpdate: Hearing._gateway_update,
    LeaseRequest: Hearing._lease_asked,
    DropCopy: Hearing._drop_copied,
    PositionMismatch: Hearing._mismatched,
    StrategyReported: Hearing._strategy_reported,
    VenuesReported: Hearing._venues_reported,
    CommandDone: Hearing._command_done,
    SourcesExhausted: Hearing._exhausted,
}
_LAST_WORDS: Final = (
    DropCopy,
    StrategyFault,
    StrategyAlerted,
    StrategyUpdate,
    GatewayUpdate,
    StrategyReported,
    VenuesReported,
)
"""Heard also of a process whose end was heard of first."""
