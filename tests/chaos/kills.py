"""SIGKILL of processes at random moments, again and again in the same cluster."""

import signal
from collections.abc import Callable, Iterator
from random import Random
from statistics import median
from time import sleep, time

from messages.from_child import ProcessKind
from messages.health import ClusterStatus
from supervisor.drill.cluster import DrillCluster, process_of
from supervisor.drill.kill import BACK_DEADLINE_S, all_run, kill_and_measure
from tests.chaos.clusters import judged_cluster
from tests.chaos.row import Row

KILLS_PER_CLUSTER = {"strategy": 100, "gateway": 100, "supervisor": 5}
"""The keeper gives a cluster up whose supervisor dies more than five times in a minute."""
COLD_STARTS_PER_CLUSTER = 25
PAUSE_S_MAX = 1.0
RUNNING_MS_MAX = {"kill-strategy": 1_500.0, "kill-gateway": 5_000.0, "kill-supervisor": 2_000.0}
NOTICED_MS_MAX = 100.0
COLD_START_MS_MAX = 10_000.0

Tell = Callable[[str], None]


def kill_one_kind(fault: str, kind: str) -> Callable[[int, Random, Tell], Row]:
    """A campaign that kills processes of one kind."""

    def campaign(runs: int, random: Random, tell: Tell) -> Row:
        row = Row(fault=fault, promise=f"back within {RUNNING_MS_MAX[fault]:.0f} ms, nothing lost, nothing doubled")
        times_ms: list[float] = []
        while row.runs < runs:
            with judged_cluster(row) as cluster:
                for _ in range(min(KILLS_PER_CLUSTER[kind], runs - row.runs)):
                    times_ms.append(_kill_and_wait(cluster, row, kind, random))
                    row.runs += 1
                    if row.runs % 10 == 0 or row.runs == runs:
                        tell(f"{fault}: {row.runs} of {runs} kills, worst {max(times_ms):.0f} ms")
        row.worst_ms, row.median_ms = max(times_ms), median(times_ms)
        if row.worst_ms > RUNNING_MS_MAX[fault]:
            row.broken.append(f"running again only after {row.worst_ms:.0f} ms")
        if row.noticed_ms > NOTICED_MS_MAX:
            row.broken.append(f"noticed only after {row.noticed_ms:.0f} ms")
        return row

    return campaign


def cold_start(runs: int, random: Random, tell: Tell) -> Row:
    """Kill everything but the venues, keeper included, and start again from the journals."""
    row = Row(fault="cold-start", promise="recovers from journals and venues within 10 s, nothing lost or doubled")
    times_ms: list[float] = []
    while row.runs < runs:
        with judged_cluster(row) as cluster:
            for _ in range(min(COLD_STARTS_PER_CLUSTER, runs - row.runs)):
                sleep(random.uniform(0.2, 1.0))
                times_ms.append(_kill_all_and_start(cluster))
                row.runs += 1
                tell(f"cold-start: {row.runs} of {runs}, worst {max(times_ms):.0f} ms")
    row.worst_ms, row.median_ms = max(times_ms), median(times_ms)
    if row.worst_ms > COLD_START_MS_MAX:
        row.broken.append(f"trading again only after {row.worst_ms:.0f} ms")
    return row


def _kill_and_wait(cluster: DrillCluster, row: Row, kind: str, random: Random) -> float:
    """Kill one process of a kind at a random moment. :returns: milliseconds until another one runs in its place."""
    sleep(random.uniform(0.0, PAUSE_S_MAX))
    status = cluster.wait_for("all processes", all_run)
    victim = random.choice([process for process in status.processes if process.kind == kind])
    times = kill_and_measure(cluster, victim)
    row.noticed_ms = max(row.noticed_ms, times.noticed_ms or 0.0)
    return times.running_ms


def _kill_all_and_start(cluster: DrillCluster) -> float:
    status = cluster.wait_for("all processes", all_run)
    cluster.process.send_signal(signal.SIGKILL)
    cluster.process.wait()
    for process in status.processes:
        if process.kind != ProcessKind.EXCHANGE:
            cluster.kill(process.pid)
    killed_s = time()
    cluster.start()
    pids = {process.pid for process in status.processes if process.kind != ProcessKind.EXCHANGE}
    cluster.wait_for("the next cluster", lambda seen: all_run(seen) and pids.isdisjoint(_pids(seen)), BACK_DEADLINE_S)
    return (time() - killed_s) * 1e3


def _pids(status: ClusterStatus) -> Iterator[int]:
    return (process_of(status, process.name).pid for process in status.processes)
