"""Pause, resume, stop, start, restart and remove, each for one strategy. Pure."""

from typing import ClassVar, Final

from messages.from_child import CommandDone, ProcessKind
from messages.health import ProcessState
from messages.risk import SetTradingState, TradingState
from messages.to_child import Drain, Pause, Resume, StopProcess
from supervisor.children import Released, StopAsked
from supervisor.floor import PAUSE_DEADLINE_NS, Floor
from supervisor.operations.job import ANSWER_NS, GRACE_NS, NS_PER_MS, Job
from supervisor.operations.risk_port import RiskPort
from supervisor.registry import JobRecord

NS_PER_S: Final = 1_000_000_000
START_NS: Final = 120 * NS_PER_S
"""For a strategy to be ready, restarts of its start included; its process has a deadline of its own."""
KILL_NS: Final = 2 * NS_PER_S
"""For a killed process to disappear."""


class PauseJob(Job):
    """Open nothing new, cancel, settle; the process goes on."""

    action = "pause"

    def begin(self) -> None:
        self.floor.stand(self.strategy, is_paused=True)
        self.floor.save()
        if self.child.is_ready:
            self._ask()
        else:
            self.finish(f"{self.strategy} is {self.child.state.value}; it will be paused as soon as it is up")

    def child_ready(self) -> None:
        self._ask()

    def answered(self, done: CommandDone) -> None:
        if done.is_ok:
            self.finish(f"{self.strategy} is paused; it holds {self.held}")
        else:
            self.fail(f"{self.strategy} did not pause: {done.text}")

    def overdue(self) -> None:
        self.fail(
            f"{self.strategy} has not settled within {PAUSE_DEADLINE_NS / NS_PER_S:g} s; it opens nothing new, and "
            "goes on settling: look with `outcry status`, or flatten it"
        )

    def _ask(self) -> None:
        self.forget(self.strategy)
        self.ask(self.child, Pause(self.floor.command_id("pause")), PAUSE_DEADLINE_NS)
        self.wait("it settles the pair in hand", PAUSE_DEADLINE_NS)


class ResumeJob(Job):
    """Trade on, also where a risk rule or its own caution had stopped it; gateways are told first."""

    action = "resume"

    def __init__(self, floor: Floor, record: JobRecord, risk: RiskPort) -> None:
        super().__init__(floor, record)
        self._risk = risk

    def begin(self) -> None:
        floor = self.floor
        floor.stand(self.strategy, is_paused=False)
        floor.save()
        self._risk.on_resumed(self.strategy)
        for gateway in floor.of_kind(ProcessKind.GATEWAY):
            command_id = floor.command_id("active")
            reason = "the operator resumed it"
            self.ask(gateway, SetTradingState(command_id, self.strategy, TradingState.ACTIVE, reason))
        if self.child.is_ready:
            self.ask(self.child, Resume(floor.command_id("resume")))
        self.wait("gateways and strategy are told", ANSWER_NS)

    def child_ready(self) -> None:
        self.forget(self.strategy)
        self.ask(self.child, Resume(self.floor.command_id("resume")))

    def child_ended(self) -> None:
        self._finish_if_told()

    def answered(self, done: CommandDone) -> None:
        if not done.is_ok:
            self.fail(f"{self.strategy} was not resumed: {done.process}: {done.text}")
        self._finish_if_told()

    def overdue(self) -> None:
        self.fail(f"{self.strategy}: no answer from {self.unanswered}; resume it again once they are up")

    def _finish_if_told(self) -> None:
        if not self.is_waiting and self.outcome is None:
            state = "" if self.child.is_ready else f" as soon as it is up (it is {self.child.state.value})"
            self.finish(f"{self.strategy} trades on{state}")


class StopJob(Job):
    """Drain, then stop the process; it is not started again by itself."""

    action = "stop"
    is_final = True

    def __init__(self, floor: Floor, record: JobRecord) -> None:
        super().__init__(floor, record)
        self._step = self._ended

    def begin(self) -> None:
        child = self.child
        self.floor.stand(self.strategy, is_stopped=True)
        if not child.is_alive:
            self._ended()
            return
        can_drain = child.is_ready and not child.is_faulted and child.state is ProcessState.RUNNING
        child.on_message(StopAsked())
        self.floor.save()
        if can_drain:
            deadline_ms = self.floor.plan.drain_deadline_ms
            self.ask(child, Drain(self.floor.command_id("drain"), deadline_ms), deadline_ms * NS_PER_MS)
            self._await("orders are cancelled and the pair in hand is settled", deadline_ms)
            self._step = self._stop_process
        else:
            self._stop_process()

    def answered(self, done: CommandDone) -> None:
        if self._step == self._stop_process:
            if not done.is_ok:
                self.floor.alert(f"{self.strategy} did not settle: {done.text}", process=self.strategy)
            self._stop_process()

    def overdue(self) -> None:
        if self._step == self._stop_process:
            self.floor.alert(f"{self.strategy} did not settle in time and is stopped as it is", process=self.strategy)
        self._step()

    def child_ended(self) -> None:
        self._ended()

    def _await(self, words: str, deadline_ms: int) -> None:
        self.wait(words, deadline_ms * NS_PER_MS + GRACE_NS)

    def _stop_process(self) -> None:
        deadline_ms = self.floor.plan.stop_deadline_ms
        self.ask(self.child, StopProcess(self.floor.command_id("stop"), deadline_ms), deadline_ms * NS_PER_MS)
        self._await("its process ends", deadline_ms)
        self._step = self._kill

    def _kill(self) -> None:
        self.floor.kill(self.child, f"it did not stop within {self.floor.plan.stop_deadline_ms} ms")
        self.wait("its process is killed", KILL_NS)
        self._step = self._give_up

    def _give_up(self) -> None:
        """When it ends after all, it is not started again; until then nothing that it says counts."""
        self.child.is_done = True
        self.floor.fence(self.child, is_final=True)
        self.fail(f"{self.strategy} (pid {self.child.pid}) was killed and is still there; look at the machine")

    def _ended(self) -> None:
        child = self.child
        child.on_message(StopAsked())
        child.is_done, child.is_dead, child.note = True, False, "stopped by the operator"
        self.floor.fence(child, is_final=True)
        self.finish(f"{self.strategy} is stopped; at the venues it leaves {self.held}")


class RemoveJob(StopJob):
    """Stop it and forget it."""

    action = "remove"

    def _ended(self) -> None:
        super()._ended()
        self.floor.dismiss(self.strategy)
        self.finish(f"{self.strategy} is removed; at the venues it leaves {self.held}")


class StartJob(Job):
    """Start a strategy again, whatever has ended it."""

    action: ClassVar[str] = "start"
    is_final = True

    def begin(self) -> None:
        self.floor.stand(self.strategy, is_stopped=False)
        self._start()

    def child_ready(self) -> None:
        if self.child.state is ProcessState.RUNNING:
            self.finish(f"{self.strategy} runs (pid {self.child.pid}, epoch {self.child.epoch}); it holds {self.held}")

    def child_given_up(self) -> None:
        self.fail(f"{self.strategy} does not stay up ({self.child.note}); see its log, and its alerts in the status")

    def overdue(self) -> None:
        self.fail(f"{self.strategy} is not ready after {START_NS / NS_PER_S:g} s: it is {self.child.state.value}")

    def _start(self) -> None:
        """What is STOPPED and not done is started with all others."""
        child = self.child
        if not child.is_alive:
            child.on_message(Released())
            child.note = ""
            if child.epoch:
                self.floor.fence(child, is_final=False)
        child.is_done = False  # of one that was stopped and is still there, too: it is started once it has ended
        self.floor.save()
        self.wait("its process starts", START_NS)


class RestartJob(StartJob):
    """End the process in good order, and start it in a new epoch, with its position."""

    action = "restart"

    def begin(self) -> None:
        child, floor = self.child, self.floor
        if not child.is_alive:
            super().begin()
            return
        child.on_message(StopAsked())
        floor.stand(self.strategy, is_stopped=False)
        floor.save()
        deadline_ms = floor.plan.stop_deadline_ms
        self.ask(child, StopProcess(floor.command_id("stop"), deadline_ms), deadline_ms * NS_PER_MS)
        self.wait("its process ends", deadline_ms * NS_PER_MS + GRACE_NS)

    def child_ended(self) -> None:
        if self.child.state is ProcessState.STOPPED:
            self._start()

    def overdue(self) -> None:
        if self.child.state is not ProcessState.STOPPING:
            super().overdue()
        elif self.words != "its process is killed":
            self.floor.kill(self.child, f"it did not stop within {self.floor.plan.stop_deadline_ms} ms")
            self.wait("its process is killed", KILL_NS)
        else:
            self.fail(f"{self.strategy} (pid {self.child.pid}) was killed and is still there; look at the machine")
