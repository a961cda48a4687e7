"""What follows the end of a child's process while the cluster runs. Pure."""

from collections.abc import Callable
from typing import Any, Final

from messages.from_child import ProcessKind
from supervisor.child_spec import Restart
from supervisor.children import Child, Ended, Finished, Lost, Quarantine, Relaunch, Verdict, describe_end
from supervisor.closing import Closing
from supervisor.floor import Floor
from supervisor.operations.job_board import JobBoard

NS_PER_S: Final = 1_000_000_000


class Deaths:
    """Carries out what a child's restart policy says; a strategy is fenced before it can return."""

    def __init__(self, floor: Floor, closing: Closing, board: JobBoard) -> None:
        self._floor = floor
        self._closing = closing
        self._board = board

    def end(self, child: Child, exit_code: int | None) -> None:
        """A child's process is gone, or could not be started."""
        floor, pid = self._floor, child.pid
        floor.pending.forget(child.name)
        if self._closing.is_begun:
            self._closing.ended(child, pid, exit_code)
            return
        cause = f"{describe_end(exit_code)} while {child.state.value}"
        child.note = cause
        verdicts = child.on_message(Ended(exit_code, floor.now_ns, floor.random))
        self._board.ended(child)
        for verdict in verdicts:  # none where it was asked to stop
            _VERDICTS[type(verdict)](self, child, verdict, f"{child.name} (pid {pid}) {cause}")
        floor.save()

    def _relaunch(self, child: Child, verdict: Relaunch, how: str) -> None:
        floor, policy = self._floor, self._floor.plan.policy
        wait_s = (verdict.at_ns - floor.now_ns) / NS_PER_S
        most = "" if child.plan.restart is Restart.PERMANENT else f" of at most {policy.restarts_max}"
        count = f"restart {len(child.restarted_ns)}{most} within {policy.period_s:g} s"
        floor.alert(f"{how}; {count}, in {wait_s:.1f} s", process=child.name)
        if child.kind is ProcessKind.STRATEGY:
            floor.fence(child, is_final=False)
        if verdict.at_ns <= floor.now_ns:
            floor.launch(child)

    def _quarantine(self, child: Child, verdict: Quarantine, how: str) -> None:
        floor = self._floor
        child.note = f"{verdict.restarts} restarts within {verdict.period_s:g} s are too many"
        floor.alert(f"{how}; {child.note}: {child.name} is QUARANTINED", process=child.name)
        if child.kind is ProcessKind.STRATEGY:
            floor.fence(child, is_final=True)
            self._board.given_up(child)

    def _finished(self, child: Child, _verdict: Finished, how: str) -> None:
        self._floor.log("info", f"{how}; its work is done", process=child.name)
        child.note = "done"
        if child.kind is ProcessKind.STRATEGY:
            self._floor.fence(child, is_final=True)

    def _lost(self, child: Child, _verdict: Lost, how: str) -> None:
        """The venues are gone, and their books with them: nothing can be settled any more."""
        text = f"{how}; its ledgers are lost and the cluster cannot go on"
        self._floor.fail(text)
        self._floor.halt(text, is_latched=False)
        self._closing.begin(f"{child.name} was lost")


# Any: each handler takes the one verdict that its row names.
_VERDICTS: Final[dict[type[Verdict], Callable[[Deaths, Child, Any, str], None]]] = {
    Relaunch: Deaths._relaunch,
    Quarantine: Deaths._quarantine,
    Finished: Deaths._finished,
    Lost: Deaths._lost,
}
