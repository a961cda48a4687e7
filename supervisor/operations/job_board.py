"""The jobs that are under way: who may begin beside whom, what each is told, and whom its end is told to. Pure."""

from collections.abc import Callable, Iterable, Iterator
from typing import Any, Final, Protocol

from messages.from_child import CommandDone, ProcessKind
from messages.health import ProcessState
from messages.operator import CommandAccepted
from messages.to_child import Pause, Resume
from supervisor.children import Child
from supervisor.floor import PAUSE_DEADLINE_NS, Floor
from supervisor.operations.cluster_jobs import SetJob, UnhaltJob
from supervisor.operations.flatten_jobs import FlattenJob, OrphanJob
from supervisor.operations.job import Job
from supervisor.operations.lifecycle_jobs import PauseJob, RemoveJob, RestartJob, ResumeJob, StartJob, StopJob
from supervisor.operations.risk_port import RiskPort
from supervisor.registry import JobRecord

_KINDS: Final[dict[str, Callable[[Floor, JobRecord], Job]]] = {
    kind.action: kind
    for kind in (
        PauseJob,
        StopJob,
        RemoveJob,
        StartJob,
        RestartJob,
        FlattenJob,
        OrphanJob,
        SetJob,
    )
}
_ENDS_PROCESS: Final = frozenset({"stop", "remove", "restart"})
_ON_ITS_OWN: Final = frozenset({"set", "unhalt"})
"""Jobs that stand beside the one about the life of a strategy."""


class Finished(Protocol):
    def __call__(self, command_id: str, text: str, *, is_ok: bool) -> None: ...


class JobBoard:
    """All jobs of a cluster.

    :param finished: is told of the end of each command, once all of its jobs have ended.
    """

    def __init__(self, floor: Floor, risk: RiskPort, finished: Finished) -> None:
        self._floor = floor
        self._risk = risk
        self._finished = finished
        self._jobs: list[Job] = []
        self._told: dict[str, list[tuple[bool, str]]] = {}
        floor.before_halt = self._halted

    def __iter__(self) -> Iterator[Job]:
        return iter(self._jobs)

    def restore(self, *, is_halted_anew: bool = False) -> None:
        """Begin again what an earlier incarnation of the supervisor has not ended; every first step may be repeated.

        :param is_halted_anew: the cluster was halted while there was no supervisor: what would end that halt fails.
        """
        known = (job for job in self._floor.jobs if not job.strategy or job.strategy in self._floor.children)
        self._jobs = [self._make(record) for record in known]
        self._remember()  # all of them before any begins, which saves: this supervisor may die as well
        if is_halted_anew:
            self._halted()
        for job in list(self._jobs):
            if job.outcome is None:
                job.begin()
        self._sweep()

    def begin(self, record: JobRecord) -> CommandAccepted:
        """Begin a job, or join the one that does the same; what stands in its way was asked for before (`obstacle`)."""
        (command_id,) = record.command_ids
        same = next((job for job in self._jobs if self._is_same(job, record)), None)
        if same is not None:
            same.command_ids.append(command_id)
            self._remember()
            self._floor.save()
        else:
            self._overtake(record)
            self._begin(self._make(record))
        job = next(job for job in self._jobs if command_id in job.command_ids)
        words = job.words
        self._sweep()
        return CommandAccepted(command_id, words)

    def obstacle(self, child: Child, action: str) -> str | None:
        """Why this cannot be done to a strategy now; None where it can."""
        for job in self._of(child.name):
            if job.action == action and action != "set":
                return None
            if action == "set" and (job.action == "set" or job.is_final):
                return f"{child.name}: {job.action} is under way ({job.words}); wait until it is done"
            if job.is_final and not self._may_overtake(job, child, action):
                return f"{child.name}: {job.action} is under way ({job.words}); wait until it is done"
        return None

    def progress(self, command_id: str) -> CommandAccepted | None:
        """How far a command is that is under way."""
        words = [job.words for job in self._jobs if command_id in job.command_ids]
        return CommandAccepted(command_id, "; ".join(words)) if words else None

    def is_closing(self, strategy: str) -> bool:
        """Whether positions of a strategy are being closed already, whoever has asked for it."""
        return any(isinstance(job, FlattenJob) for job in self._of(strategy))

    def is_flattened_by_rule(self, strategy: str) -> bool:
        """Whether a risk rule closes what a strategy holds; it stays paused after that."""
        return any(isinstance(job, FlattenJob) and job.is_of_rule for job in self._of(strategy))

    # --- what happens -------------------------------------------------------------------------------------------

    def answered(self, done: CommandDone) -> bool:
        """A child has answered a command. :returns: False where no job waits for it."""
        job = next((job for job in self._jobs if job.claims(done)), None)
        if job is not None:
            job.answered(done)
            self._sweep()
        return job is not None

    def greet(self, child: Child) -> None:
        """A child can do its work, or has come back."""
        if child.kind is ProcessKind.STRATEGY:
            jobs = list(self._of(child.name))
            is_told = any(isinstance(job, PauseJob | FlattenJob) for job in jobs)
            is_resuming = any(isinstance(job, ResumeJob) for job in jobs)
            if self._floor.wish(child.name).is_paused and not is_told:
                self._floor.tell(child, Pause(self._floor.command_id("pause")), PAUSE_DEADLINE_NS)
            elif self._has_been_resumed(child) and not is_told and not is_resuming:
                self._floor.tell(child, Resume(self._floor.command_id("resume")))
            self._each(jobs, lambda job: job.child_ready())
        elif child.kind is ProcessKind.GATEWAY:
            self._each(self._jobs, lambda job: job.gateway_ready(child))

    def _has_been_resumed(self, child: Child) -> bool:
        """Whether the operator has resumed a strategy, or ended a halt, and its process does not know of it."""
        is_free = not self._floor.wish(child.name).is_paused and not self._floor.run.is_halted
        is_unhalting = any(isinstance(job, UnhaltJob) for job in self._jobs)  # it tells them after the gateways
        return (child.began_paused or (child.owes_resume and not is_unhalting)) and is_free

    def ended(self, child: Child) -> None:
        """The process of a strategy or a gateway is gone; it is not started again yet."""

        def tell(job: Job) -> None:
            job.forget(child.name)
            job.child_ended()

        self._each(self._of(child.name), tell)
        if child.kind is ProcessKind.GATEWAY:
            self._each(self._jobs, lambda job: job.gateway_ended(child.name))

    def faulted(self, child: Child) -> None:
        self._each(self._of(child.name), lambda job: job.child_faulted())

    def given_up(self, child: Child) -> None:
        """A strategy is in quarantine: what its config says is done with its position."""
        self._each(self._of(child.name), lambda job: job.child_given_up())
        has_duty = child.plan.on_death != "hold" or bool(self._floor.telemetry.held(child.name))
        if has_duty and not any(isinstance(job, FlattenJob) for job in self._of(child.name)):
            self._begin(OrphanJob(self._floor, JobRecord(action=OrphanJob.action, strategy=child.name)))
            self._sweep()

    def gateway_updated(self, gateway: str) -> None:
        if self._jobs:
            self._each(self._jobs, lambda job: job.gateway_updated(gateway))

    def on_alarm(self) -> None:
        now_ns = self._floor.now_ns
        self._each(
            [job for job in self._jobs if job.due_ns is not None and now_ns >= job.due_ns], lambda job: job.overdue()
        )

    def cluster_stops(self) -> None:
        """Nothing is done any more but what the shutdown does."""
        for job in self._jobs:
            job.abandon()
            job.fail("the cluster stops")
        self._sweep()

    def dues(self) -> Iterator[int]:
        yield from (job.due_ns for job in self._jobs if job.due_ns is not None)

    def _halted(self) -> None:
        """What would end a halt, or say so to a gateway that comes back, ends here."""
        for job in self._jobs:
            if isinstance(job, UnhaltJob) and job.outcome is None:
                job.abandon()
                job.fail("the cluster was halted again meanwhile")
        self._sweep()

    def tightened(self, strategy: str) -> None:
        """A risk rule restricts a strategy: the operator's word to let it trade on is older, and ends here."""
        for job in self._of(strategy):
            if isinstance(job, ResumeJob) and job.outcome is None:
                job.abandon()
                job.fail(f"a risk rule has restricted {strategy} meanwhile; look with `outcry status`")
        self._sweep()

    # --- helpers ------------------------------------------------------------------------------------------------

    def _of(self, strategy: str) -> Iterable[Job]:
        return [job for job in self._jobs if job.strategy == strategy]

    def _make(self, record: JobRecord) -> Job:
        if record.action == ResumeJob.action:
            return ResumeJob(self._floor, record, self._risk)
        if record.action == UnhaltJob.action:
            return UnhaltJob(self._floor, record, self._risk)
        return _KINDS[record.action](self._floor, record)

    @staticmethod
    def _is_same(job: Job, record: JobRecord) -> bool:
        return job.action == record.action and job.strategy == record.strategy and record.action != "set"

    @staticmethod
    def _may_overtake(job: Job, child: Child, action: str) -> bool:
        return isinstance(job, StartJob) and action in {"stop", "remove"} and child.state is not ProcessState.STOPPING

    def _overtake(self, record: JobRecord) -> None:
        """The newest word about the life of a strategy holds; the ones before it end here."""
        if record.action in _ON_ITS_OWN:
            return
        for job in self._of(record.strategy):
            if job.action not in _ON_ITS_OWN:
                job.abandon()
                job.fail(f"overtaken by {record.action}")
            elif record.action in _ENDS_PROCESS:
                job.abandon()
                job.finish(f"changed, and not watched to the end: {record.action} came in between")
        self._floor.pending.withdraw(Pause, child=record.strategy)
        self._sweep()

    def _begin(self, job: Job) -> None:
        self._jobs.append(job)
        self._remember()
        job.begin()

    def _each(self, jobs: Iterable[Job], tell: Callable[[Job], Any]) -> None:  # Any: what is told has no answer
        for job in list(jobs):
            if job.outcome is None:
                tell(job)
        self._sweep()

    def _remember(self) -> None:
        self._floor.jobs = tuple(job.record for job in self._jobs)

    def _sweep(self) -> None:
        """Tell the ends of all jobs that have ended."""
        over = [job for job in self._jobs if job.outcome is not None]
        if not over:
            return
        self._jobs = [job for job in self._jobs if job.outcome is None]
        for job in over:
            job.abandon()
            self._tell_end(job)
        self._remember()  # no job is forgotten before its answer is kept
        self._floor.save()

    def _tell_end(self, job: Job) -> None:
        assert job.outcome is not None
        is_ok, text = job.outcome
        if not job.command_ids:
            self._floor.alert(text, process=job.strategy)
        elif job.is_of_rule and not is_ok:
            self._floor.alert(f"{job.strategy} is not flattened, as a risk rule demands: {text}", process=job.strategy)
        else:
            self._floor.log("info" if is_ok else "warning", text, process=job.strategy, action=job.action)
        for command_id in job.command_ids:
            told = self._told.setdefault(command_id, [])
            told.append((is_ok, text))
            if not any(command_id in other.command_ids for other in self._jobs):
                del self._told[command_id]
                texts = "; ".join(text for _, text in told)
                self._finished(command_id, texts, is_ok=all(is_good for is_good, _ in told))
