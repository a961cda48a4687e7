"""How a cluster ends: in good order by the shutdown table, or at once. Pure."""

from collections.abc import Iterator
from typing import Final

import msgspec

from messages.from_child import CommandDone, ProcessKind
from messages.to_child import ChildCommand, Drain, ReportRequest, StopProcess
from supervisor.actions import EXIT_CLEAN, EXIT_FAILED, EXIT_TROUBLED, Exit, KillChild, WriteReport
from supervisor.children import Child, Ended, StopAsked, describe_end
from supervisor.floor import Floor
from supervisor.operations.consequences import changes_in_words
from supervisor.report import RunResult
from supervisor.shutdown import KILL_DEADLINE_MS, Goal, Living, Shutdown, Step
from supervisor.unmanaged import fate_of_dead

NS_PER_MS: Final = 1_000_000
NS_PER_S: Final = 1_000_000_000


DRAINED_DEADLINE_NS: Final = 60 * NS_PER_S
"""From the end of all sources until every strategy has handled what they yielded."""


class RunOptions(msgspec.Struct, frozen=True):
    """What the operator asked of this run.

    :param for_seconds: of trading; None = no end.
    :param stay: go on when every source is exhausted.
    """

    for_seconds: float | None = None
    stay: bool = False
    writes_report: bool = False


class Closing:
    """The end of one run: when, and how.

    :ivar is_begun: nothing is started or restarted any more.
    :ivar is_forced: a process had to be killed.
    :ivar is_over: everything has ended, and the shell was told to end too.
    """

    def __init__(self, floor: Floor, options: RunOptions, pid: int) -> None:
        self._floor = floor
        self._options = options
        self._pid = pid
        self._drained_by_ns: int | None = None
        self._shutdown: Shutdown | None = None
        self._kill_by_ns: int | None = None
        self._ended_ns = 0
        self._killed: set[str] = set()
        self.phase = "stopping"
        self.is_begun = self.is_forced = self.is_over = False

    def await_drained(self) -> None:
        """Every source is exhausted; the run ends when all of it was handled, unless it is to stay."""
        if not self._options.stay:
            self._drained_by_ns = self._floor.now_ns + DRAINED_DEADLINE_NS

    def begin_if_due(self) -> None:
        """End a run whose time is up, or that has handled all of its recorded data."""
        floor, end_ns = self._floor, self._end_ns
        if end_ns is not None and floor.now_ns >= end_ns:
            self.begin(f"{self._options.for_seconds:g} s of trading are over")
        elif self._drained_by_ns is not None:
            strategies = floor.of_kind(ProcessKind.STRATEGY)
            behind = [child.name for child in strategies if not (child.is_out or child.is_drained)]
            if not behind:
                self.begin("every source is exhausted, and all of it was handled")
            elif floor.now_ns >= self._drained_by_ns:
                floor.alert(f"every source is exhausted, and not all of it was handled by {', '.join(behind)}")
                self.begin("every source is exhausted")

    def begin(self, reason: str) -> None:
        """Shut down in good order; once is enough."""
        if self.is_begun:
            return
        self._stop_all(reason)
        plan = self._floor.plan
        self._shutdown = Shutdown(plan.drain_deadline_ms, plan.stop_deadline_ms)
        self._next_step()

    def force(self) -> None:
        """Kill everything at once."""
        if self.is_over:
            return
        if not self.is_begun:
            self._stop_all("forced")
        floor = self._floor
        self._shutdown = None
        self.is_forced = True
        self.phase = "stopping"
        self._kill_by_ns = floor.now_ns + KILL_DEADLINE_MS * NS_PER_MS
        text = "everything is killed, as the operator asked"
        floor.fail(text)
        floor.alert(text)
        floor.actions += [KillChild(child.name) for child in floor.living]
        self._finish_if_alone()

    # --- what happens meanwhile ---------------------------------------------------------------------------------

    def ended(self, child: Child, pid: int, exit_code: int | None) -> None:
        """A process is gone; nothing is started in its place."""
        floor, shutdown = self._floor, self._shutdown
        was_asked = shutdown is None or (
            shutdown.step is not None and shutdown.step.goal is Goal.END and child.name in shutdown.waiting
        )
        child.on_message(Ended(exit_code, floor.now_ns, floor.random))
        if exit_code or not was_asked:
            floor.alert(
                f"{child.name} (pid {pid}) {describe_end(exit_code)} while the cluster stopped", process=child.name
            )
        is_clean = was_asked and not exit_code and child.name not in self._killed
        if child.kind is ProcessKind.STRATEGY and shutdown is not None and not is_clean:
            floor.fence(child, is_final=True)
        if child.kind is ProcessKind.EXCHANGE and not was_asked:
            floor.fail(f"{child.name} (pid {pid}) {describe_end(exit_code)} while the cluster stopped")
        if shutdown is not None:
            shutdown.ended(child.name)
        self._go_on()

    def answered(self, child: Child, command: ChildCommand) -> None:
        """A command of the present step was answered."""
        shutdown = self._shutdown
        if shutdown is not None and shutdown.step is not None and isinstance(command, shutdown.step.command):
            shutdown.answered(child.name)
            self._go_on()

    def refused(self, child: Child, done: CommandDone) -> None:
        self._floor.alert(f"{child.name} did not do {done.command_id}: {done.text}", process=child.name)

    def on_alarm(self) -> None:
        floor, shutdown = self._floor, self._shutdown
        if self._kill_by_ns is not None and floor.now_ns >= self._kill_by_ns and not self.is_over:
            floor.alert(f"killed and still there: {', '.join(child.name for child in floor.living)}")
            self._finish()
        late = shutdown.overdue(floor.now_ns) if shutdown is not None else None
        if late is None:
            return
        names = ", ".join(late.names)
        if late.is_killed:
            self.is_forced = True
            self._killed.update(late.names)
            floor.fail(f"{names} did not stop within {floor.plan.stop_deadline_ms} ms and had to be killed")
            for name in late.names:
                floor.kill(floor.children[name], f"it did not stop within {floor.plan.stop_deadline_ms} ms")
        elif late.step.goal is Goal.ANSWER:
            floor.alert(f"no answer in time to {late.step.name}: {names}")
        else:
            floor.alert(f"killed and still there: {names}")
        self._go_on()

    def dues(self) -> Iterator[int]:
        """The moments at which the end must be looked at again."""
        if self.is_over:
            return
        shutdown_ns = None if self._shutdown is None else self._shutdown.due_ns
        planned = (None, None) if self.is_begun else (self._end_ns, self._drained_by_ns)
        yield from (due_ns for due_ns in (*planned, self._kill_by_ns, shutdown_ns) if due_ns is not None)

    @property
    def _end_ns(self) -> int | None:
        since_ns, seconds = self._floor.run.trading_since_ns, self._options.for_seconds
        return None if since_ns is None or seconds is None else since_ns + int(seconds * NS_PER_S)

    @property
    def ended_ns(self) -> int:
        """When the run ended, and its shutdown began."""
        return self._ended_ns

    # --- helpers ------------------------------------------------------------------------------------------------

    def _stop_all(self, reason: str) -> None:
        floor = self._floor
        self.is_begun = True
        self._ended_ns = floor.now_ns
        floor.log("info", "shutdown begins", reason=reason)
        for child in floor.children.values():
            child.on_message(StopAsked())
        floor.change_run(is_stopping=True)

    def _go_on(self) -> None:
        if self._shutdown is None:
            self._finish_if_alone()
        elif not self._shutdown.waiting and not self.is_over:
            self._next_step()

    def _next_step(self) -> None:
        floor, shutdown = self._floor, self._shutdown
        assert shutdown is not None
        living = {child.name: Living(child.kind, child.is_ready) for child in floor.living}
        step = shutdown.next_step(living, floor.now_ns)
        if step is None:
            self._finish()
            return
        self.phase = step.phase
        floor.log("info", "shutdown step", step=step.name, processes=sorted(shutdown.waiting))
        deadline_ms = shutdown.deadline_ms(step)
        command = self._command(step, deadline_ms)
        for name in sorted(shutdown.waiting):
            floor.tell(floor.children[name], command, deadline_ms * NS_PER_MS)

    def _command(self, step: Step, deadline_ms: int) -> ChildCommand:
        command_id = self._floor.command_id(step.name)
        if step.command is ReportRequest:
            return ReportRequest(command_id)
        return (Drain if step.command is Drain else StopProcess)(command_id, deadline_ms)

    def _finish_if_alone(self) -> None:
        if not self._floor.living and not self.is_over:
            self._finish()

    def _finish(self) -> None:
        floor = self._floor
        self.is_over = True
        self.phase = "stopped"
        is_failed = self.is_forced or floor.run.is_failed
        for text in floor.telemetry.unmanaged(floor.children.values()):
            floor.alert(text)
        if self._options.writes_report:
            floor.actions.append(WriteReport(self._result(is_forced=is_failed)))
        changes = changes_in_words(floor.standing, floor.limits)
        if changes:
            floor.log("warning", f"what was changed while the cluster ran ends with it: {changes}")
        floor.log("info", "stopped", stopped="forced" if is_failed else "clean")
        if not floor.living:
            floor.forget_run(keeps_halt=self.is_forced or floor.run.is_latched)
        floor.actions.append(self._exit(is_failed=is_failed))

    def _exit(self, *, is_failed: bool) -> Exit:
        """How the supervisor ends, and why the run was not a success."""
        telemetry, children = self._floor.telemetry, self._floor.children.values()
        dead = fate_of_dead(telemetry.gateways(children).values(), telemetry.strategies(children))
        if is_failed:
            cause = self._floor.run.failure or (telemetry.alerts[-1] if telemetry.alerts else "")
            return Exit(EXIT_FAILED, "; ".join(text for text in (cause, dead) if text))
        return Exit(EXIT_TROUBLED, dead) if dead else Exit(EXIT_CLEAN)

    def _result(self, *, is_forced: bool) -> RunResult:
        floor = self._floor
        children, telemetry = floor.children.values(), floor.telemetry
        since_ns = floor.run.trading_since_ns
        return RunResult(
            cluster=floor.plan.cluster,
            seconds=0.0 if since_ns is None else (self._ended_ns - since_ns) / NS_PER_S,
            stopped="forced" if is_forced else "clean",
            gateway_reports=telemetry.venue_reports,
            gateway_statuses=telemetry.gateways(children),
            strategy_reports=telemetry.reports(children),
            strategy_statuses=telemetry.strategies(children),
            processes=telemetry.processes_at_end(children, pid=self._pid, restarts=floor.run.supervisor_restarts),
            alerts=tuple(telemetry.alerts),
            faults=tuple(telemetry.faults),
            unmanaged=telemetry.unmanaged(children),
        )
