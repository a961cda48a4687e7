"""The life of one child process, and when it is started again. Pure: moments of the monotonic clock are given."""

from typing import Final, NamedTuple

from actors.machine import Machine, Reaction, on
from messages.from_child import ProcessKind
from messages.health import ProcessState
from supervisor.child_spec import ChildPlan, Restart, RestartPolicy

NS_PER_S: Final = 1_000_000_000
START_DEADLINE_NS: Final = 20 * NS_PER_S
"""From the start of a process, or its last `StillStarting`, to its `Ready`."""
ADOPTION_DEADLINE_NS: Final = 10 * NS_PER_S
"""From the return of the supervisor to the first word of a child that lived on; its link reconnects within 2 s."""
FAULT_GRACE_NS: Final = 2 * NS_PER_S
"""For a faulted strategy host to end by itself."""
JITTER: Final = 0.25
"""A backoff is lengthened by up to this ratio, so that children that died together do not return together."""

State = ProcessState


class Launched(NamedTuple):
    """The child's process is being started."""

    now_ns: int


class Adopted(NamedTuple):
    """The supervisor came back and takes the child over as it was last known: starting, running or quarantined."""

    now_ns: int
    state: ProcessState


class BecameReady(NamedTuple):
    now_ns: int


class Ended(NamedTuple):
    """The process is gone.

    :param exit_code: negative: the signal that ended it; None: not known (an adopted process, or it never started).
    :param random: in [0, 1), for the jitter of the backoff.
    """

    exit_code: int | None
    now_ns: int
    random: float


class StopAsked(NamedTuple):
    """The cluster or the child alone is stopped; its end is no failure."""


class Released(NamedTuple):
    """The operator lets a child be started again that was given up, or waits for its restart."""


class Relaunch(NamedTuple):
    """Start the child again once the clock has reached this."""

    at_ns: int


class Quarantine(NamedTuple):
    """The child failed too often and is not started again."""

    restarts: int
    period_s: float


class Finished(NamedTuple):
    """The child has done its work, and ended by itself."""


class Lost(NamedTuple):
    """A child that cannot be started again has ended."""


Verdict = Relaunch | Quarantine | Finished | Lost


class Child(Machine[ProcessState]):
    """One child process, over all of its incarnations.

    :ivar pid: of the present process; 0 for none. `last_pid` is that of the last one.
    :ivar epoch: of the present incarnation of a strategy; 0 before the first. `spent_epoch` is the last
        one that no further process may have: a process had it, or it was ended for good.
    :ivar began_paused: the present process was told at its start that it is paused, and was not resumed since.
    :ivar owes_resume: the operator has ended a halt, and the strategy, whose journal may know only of the halt, has not
        said yet that it knows.
    :ivar is_registered: the present process has spoken; nothing that it says counts before that.
    :ivar is_ready: the present process can do its work.
    :ivar is_drained: it has handled everything that its sources will ever yield.
    :ivar is_done: it has ended with its work done or was stopped by name, and is not started again by itself.
    :ivar is_dead: it was stopped while it waited for its restart, so that nobody manages what it holds.
    :ivar due_ns: what the state waits for must have come by then: `Ready`, a heartbeat, or the end of a backoff.
    :ivar restarted_ns: the restarts within the policy's period.
    """

    initial = State.STOPPED

    def __init__(self, plan: ChildPlan, policy: RestartPolicy, heartbeat_timeout_ns: int) -> None:
        super().__init__()
        self.plan = plan
        self.policy = policy
        self.pid = self.last_pid = 0
        self.created_s = 0.0
        self.birth = ""
        self.epoch = self.spent_epoch = 0
        self.began_paused = self.owes_resume = False
        self.is_registered = self.is_ready = self.is_drained = self.is_faulted = False
        self.is_done = self.is_dead = False
        self.restarts = 0
        self.restarted_ns: list[int] = []
        self.seen_ns = 0
        self.due_ns: int | None = None
        self.note = ""
        self._heartbeat_timeout_ns = heartbeat_timeout_ns

    @property
    def name(self) -> str:
        return self.plan.name

    @property
    def kind(self) -> ProcessKind:
        return self.plan.kind

    @property
    def is_alive(self) -> bool:
        return self.pid != 0

    @property
    def is_settled(self) -> bool:
        """Whether its start need not be waited for any more: it runs, or it is given up, or it is done."""
        return self.is_out or self.state is State.RUNNING

    @property
    def is_out(self) -> bool:
        """Whether it will do nothing any more."""
        return self.is_done or self.state is State.QUARANTINED

    @property
    def is_to_start(self) -> bool:
        return self.state is State.STOPPED and not self.is_done

    def begin(self, pid: int, created_s: float, birth: str = "") -> None:
        """Its process is this one, which `ChildRecord` knows again by its start time and its birth."""
        self.pid = self.last_pid = pid
        self.created_s, self.birth = created_s, birth

    def see(self, now_ns: int) -> None:
        """The process has spoken."""
        self.seen_ns = now_ns
        if self.state is State.RUNNING and not self.is_faulted:
            self.due_ns = now_ns + self._heartbeat_timeout_ns

    def still_starting(self, now_ns: int) -> None:
        """Its start takes long and goes on."""
        if self.state is State.STARTING:
            self.due_ns = now_ns + START_DEADLINE_NS

    def fault(self, now_ns: int) -> None:
        """Its strategy failed; the host is about to end."""
        self.is_faulted = True
        if self.state in {State.STARTING, State.RUNNING}:
            self.due_ns = now_ns + FAULT_GRACE_NS

    # --- handlers -----------------------------------------------------------------------------------------------

    def launch(self, launched: Launched) -> Reaction[ProcessState]:
        self.is_dead = False
        self.due_ns = launched.now_ns + START_DEADLINE_NS
        self.seen_ns = launched.now_ns
        return State.STARTING, ()

    def adopt(self, adopted: Adopted) -> Reaction[ProcessState]:
        self.seen_ns = adopted.now_ns
        self.is_ready = adopted.state is State.RUNNING
        self.due_ns = None if adopted.state is State.QUARANTINED else adopted.now_ns + ADOPTION_DEADLINE_NS
        return adopted.state, ()

    def be_ready(self, ready: BecameReady) -> Reaction[ProcessState]:
        self.is_ready = True
        self.see(ready.now_ns)
        self.due_ns = ready.now_ns + self._heartbeat_timeout_ns
        return State.RUNNING, ()

    def be_ready_late(self, _ready: BecameReady) -> Reaction[ProcessState]:
        self.is_ready = True
        return State.STOPPING, ()

    def stay(self, _message: object) -> Reaction[ProcessState]:
        return self.state, ()

    def judge(self, ended: Ended) -> Reaction[ProcessState]:
        """Decide what comes after the end of a process that was not asked to stop."""
        self._gone()
        restart = self.plan.restart
        if restart is Restart.TEMPORARY:
            self.is_done = True
            return State.STOPPED, (Lost(),)
        if restart is Restart.TRANSIENT and ended.exit_code == 0:
            self.is_done = True
            return State.STOPPED, (Finished(),)
        period_ns = int(self.policy.period_s * NS_PER_S)
        self.restarted_ns = [at_ns for at_ns in self.restarted_ns if ended.now_ns - at_ns < period_ns]
        if len(self.restarted_ns) >= self.policy.restarts_max and restart is Restart.TRANSIENT:
            return State.QUARANTINED, (Quarantine(len(self.restarted_ns), self.policy.period_s),)
        at_ns = ended.now_ns + backoff_ns(self.policy, len(self.restarted_ns), ended.random)
        self.restarts += 1
        self.restarted_ns.append(at_ns)
        self.due_ns = at_ns
        return State.BACKOFF, (Relaunch(at_ns),)

    def finish(self, _ended: Ended) -> Reaction[ProcessState]:
        self._gone()
        return State.STOPPED, ()

    def stop(self, _asked: StopAsked) -> Reaction[ProcessState]:
        self.due_ns = None
        return (State.STOPPING if self.is_alive else State.STOPPED), ()

    def give_up_waiting(self, _asked: StopAsked) -> Reaction[ProcessState]:
        self.due_ns = None
        self.is_dead = True
        return State.STOPPED, ()

    def release(self, _released: Released) -> Reaction[ProcessState]:
        """Its failures are forgiven."""
        self.due_ns = None
        self.is_done = False
        self.restarted_ns = []
        return State.STOPPED, ()

    def _gone(self) -> None:
        self.pid = 0
        self.is_registered = self.is_ready = self.is_drained = self.is_faulted = False
        self.due_ns = None

    transitions = {
        State.STOPPED: {
            Launched: on(launch, State.STARTING),
            Adopted: on(adopt, State.STARTING, State.RUNNING, State.QUARANTINED),
            StopAsked: on(stay),
            Released: on(release),
        },
        State.STARTING: {
            BecameReady: on(be_ready, State.RUNNING),
            Ended: on(judge, State.BACKOFF, State.QUARANTINED, State.STOPPED),
            StopAsked: on(stop, State.STOPPING, State.STOPPED),
        },
        State.RUNNING: {
            BecameReady: on(stay),
            Ended: on(judge, State.BACKOFF, State.QUARANTINED, State.STOPPED),
            StopAsked: on(stop, State.STOPPING),
        },
        State.BACKOFF: {
            Launched: on(launch, State.STARTING),
            StopAsked: on(give_up_waiting, State.STOPPED),
            Released: on(release, State.STOPPED),
        },
        State.STOPPING: {BecameReady: on(be_ready_late), Ended: on(finish, State.STOPPED), StopAsked: on(stay)},
        State.QUARANTINED: {StopAsked: on(stay), Released: on(release, State.STOPPED)},
    }


def backoff_ns(policy: RestartPolicy, restarts: int, random: float) -> int:
    """How long to wait before a restart, after so many restarts within the period.

    None before the first; then min × 2^(restarts − 1), lengthened by the jitter, at most max.
    """
    if not restarts:
        return 0
    base_s = policy.backoff_min_s * 2.0 ** min(restarts - 1, 30)
    return int(min(base_s * (1.0 + JITTER * random), policy.backoff_max_s) * NS_PER_S)


def describe_end(exit_code: int | None) -> str:
    """How a process ended, in words."""
    if exit_code is None:
        return "ended"
    return f"was killed by signal {-exit_code}" if exit_code < 0 else f"ended with exit code {exit_code}"
