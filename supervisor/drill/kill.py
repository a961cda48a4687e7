"""SIGKILL of one process of a drill's cluster, and how long until it was missed and until another ran in its place."""

from time import time
from typing import Final, NamedTuple

from messages.health import ClusterStatus, ProcessState, ProcessStatus
from supervisor.drill.cluster import DrillCluster, is_back

BACK_DEADLINE_S: Final = 30.0


class KillTimes(NamedTuple):
    """Milliseconds from the signal.

    :param noticed_ms: until the supervisor knew; None where it was the supervisor.
    :param running_ms: until the next process was ready, a strategy with its position.
    """

    noticed_ms: float | None
    running_ms: float


def kill_and_measure(cluster: DrillCluster, victim: ProcessStatus) -> KillTimes:
    """Kill a process, and wait until another runs in its place.

    :raises DrillFailed: none does.
    """
    killed_s = time()
    cluster.kill(victim.pid)
    return await_next(cluster, victim, killed_s)


def await_next(cluster: DrillCluster, victim: ProcessStatus, since_s: float) -> KillTimes:
    """Wait until another process runs in the place of one that was killed or stopped at this time.

    :raises DrillFailed: none does.
    """
    cluster.wait_for(f"{victim.name} again", is_back(victim.name, victim.pid), BACK_DEADLINE_S)
    seen_s = time()
    ready_s = max(cluster.log_times(victim.name, "ready", since_s), default=seen_s)
    noticed_s = min(cluster.log_times(victim.name, f"(pid {victim.pid})", since_s), default=None)
    return KillTimes(None if noticed_s is None else (noticed_s - since_s) * 1e3, (ready_s - since_s) * 1e3)


def all_run(status: ClusterStatus) -> bool:
    """Whether a cluster trades, with every process of it."""
    return status.phase == "trading" and all(process.state is ProcessState.RUNNING for process in status.processes)
