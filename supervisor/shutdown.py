"""The shutdown of a cluster as a table: what is asked of whom, in which order, and how long it may take.

Strategies cancel and settle while their gateways still work; the reports are collected while the books still stand;
then processes stop in the reverse order of their start. What does not stop by its deadline is killed.
"""

from collections.abc import Mapping, Set
from enum import Enum
from typing import Final, NamedTuple

from messages.from_child import ProcessKind
from messages.to_child import Drain, ReportRequest, StopProcess

NS_PER_MS: Final = 1_000_000
REPORT_DEADLINE_MS: Final = 2_000
ANSWER_GRACE_MS: Final = 250
"""For an answer to arrive, beyond the deadline that the child itself was given."""
KILL_DEADLINE_MS: Final = 2_000
"""For a killed process to disappear; one that does not (it is stuck in the kernel) is given up."""


class Goal(Enum):
    """What a step waits for from each process."""

    ANSWER = "its answer"
    END = "its end"


class Step(NamedTuple):
    """One row of the table.

    :param phase: of the cluster, while the step lasts.
    :param kinds: of the processes that are asked.
    :param command: what they are asked.
    """

    name: str
    phase: str
    kinds: frozenset[ProcessKind]
    command: type[Drain] | type[ReportRequest] | type[StopProcess]
    goal: Goal


STRATEGY, GATEWAY, EXCHANGE = ProcessKind.STRATEGY, ProcessKind.GATEWAY, ProcessKind.EXCHANGE

TABLE: Final = (
    Step("drain", "draining", frozenset({STRATEGY}), Drain, Goal.ANSWER),
    Step("report", "draining", frozenset({STRATEGY, EXCHANGE}), ReportRequest, Goal.ANSWER),
    Step("stop-strategies", "stopping", frozenset({STRATEGY}), StopProcess, Goal.END),
    Step("stop-gateways", "stopping", frozenset({GATEWAY}), StopProcess, Goal.END),
    Step("stop-exchange", "stopping", frozenset({EXCHANGE}), StopProcess, Goal.END),
)


class Living(NamedTuple):
    """A process that has not ended. One that never became ready is not asked for an answer, only to stop."""

    kind: ProcessKind
    is_ready: bool


class Late(NamedTuple):
    """The deadline of the present step has passed for these."""

    step: Step
    names: tuple[str, ...]
    is_killed: bool


class Shutdown:
    """The walk through the table.

    :ivar step: the present one; None before the first and after the last.
    :ivar due_ns: when the present step is over at the latest.
    """

    def __init__(self, drain_deadline_ms: int, stop_deadline_ms: int) -> None:
        self._deadline_ms: Mapping[type, int] = {
            Drain: drain_deadline_ms,
            ReportRequest: REPORT_DEADLINE_MS,
            StopProcess: stop_deadline_ms,
        }
        self._left = list(TABLE)
        self._waiting: set[str] = set()
        self._is_killing = False
        self.step: Step | None = None
        self.due_ns: int | None = None

    @property
    def waiting(self) -> Set[str]:
        """The processes that the present step still waits for."""
        return self._waiting

    def deadline_ms(self, step: Step) -> int:
        return self._deadline_ms[step.command]

    def next_step(self, living: Mapping[str, Living], now_ns: int) -> Step | None:
        """Enter the next step that has anybody to wait for; None where the table has been walked to its end."""
        self._is_killing = False
        self.step = self.due_ns = None
        while self._left:
            step = self._left.pop(0)
            self._waiting = {
                name
                for name, process in living.items()
                if process.kind in step.kinds and (process.is_ready or step.goal is Goal.END)
            }
            if self._waiting:
                self.step = step
                self.due_ns = now_ns + (self.deadline_ms(step) + ANSWER_GRACE_MS) * NS_PER_MS
                return step
        return None

    def answered(self, name: str) -> None:
        """The process has answered the command of the present step."""
        if self.step is not None and self.step.goal is Goal.ANSWER:
            self._waiting.discard(name)

    def ended(self, name: str) -> None:
        self._waiting.discard(name)

    def overdue(self, now_ns: int) -> Late | None:
        """Take those that are late, if the deadline has passed: answers are not waited for any more, processes are to
        be killed, and killed ones are given up.
        """
        if self.step is None or self.due_ns is None or now_ns < self.due_ns or not self._waiting:
            return None
        names = tuple(sorted(self._waiting))
        if self.step.goal is Goal.END and not self._is_killing:
            self._is_killing = True
            self.due_ns = now_ns + KILL_DEADLINE_MS * NS_PER_MS
            return Late(self.step, names, is_killed=True)
        self._waiting.clear()
        return Late(self.step, names, is_killed=False)
