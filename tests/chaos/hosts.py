"""Strategy hosts that fail from within: one holds the interpreter's lock, one crashes whenever it starts."""

from collections.abc import Callable
from random import Random
from statistics import median
from time import sleep, time

from messages.health import ClusterStatus, ProcessState
from supervisor.config.default import DEFAULT_CONFIG
from supervisor.drill.cluster import DrillCluster, is_back, process_of
from supervisor.drill.kill import all_run
from tests.chaos.clusters import CLUSTER, judged_cluster, tolerant_config
from tests.chaos.patched import patched
from tests.chaos.row import Row

VICTIM = "carry-btc"
GIL_NOTICED_MS_MAX = 400.0
HEARTBEAT_TIMEOUT_MS = 300
"""So short on a machine with a processor to spare only; by default it is 2 s."""
QUARANTINE_S_MAX = 60.0

Tell = Callable[[str], None]


def stuck_interpreter(runs: int, random: Random, tell: Tell) -> Row:
    """A C call that never gives the lock back: threads do not run any more, sockets and process live."""
    row = Row(fault="stuck-interpreter", promise=f"seen by its missing heartbeat within {GIL_NOTICED_MS_MAX:.0f} ms")
    noticed_ms: list[float] = []
    config = tolerant_config(f"heartbeat_interval_ms = 50\nheartbeat_timeout_ms = {HEARTBEAT_TIMEOUT_MS}\n")
    with (
        patched(OUTCRY_HOST_FAULT="gil", OUTCRY_VICTIM=VICTIM) as (environment, switch),
        judged_cluster(row, config, environment=environment) as cluster,
    ):
        while row.runs < runs:
            sleep(random.uniform(0.2, 1.0))
            victim = process_of(cluster.wait_for("all processes", all_run), VICTIM)
            stuck_s = time()
            switch.touch()
            killed = f"{VICTIM} (pid {victim.pid}) is killed"
            cluster.wait_for("the kill", lambda _, text=killed, at=stuck_s: _has_logged(cluster, text, at))  # type: ignore[misc]
            switch.unlink()
            noticed_ms.append((min(cluster.log_times(VICTIM, killed, stuck_s)) - stuck_s) * 1e3)
            cluster.wait_for("the next one", is_back(VICTIM, victim.pid))
            row.runs += 1
            tell(f"{row.fault}: {row.runs} of {runs}, noticed after {noticed_ms[-1]:.0f} ms")
    row.noticed_ms, row.worst_ms, row.median_ms = max(noticed_ms), max(noticed_ms), median(noticed_ms)
    if row.noticed_ms > GIL_NOTICED_MS_MAX:
        row.broken.append(f"noticed only after {row.noticed_ms:.0f} ms")
    return row


def crash_loop(runs: int, _random: Random, tell: Tell) -> Row:
    """A strategy that ends as soon as it starts: three restarts, then QUARANTINED; its siblings are as before."""
    row = Row(fault="crash-loop", promise="QUARANTINED after 3 restarts, siblings untouched")
    config = DEFAULT_CONFIG.replace(CLUSTER, CLUSTER + "backoff_min_s = 0.1\nbackoff_max_s = 0.2\n", 1)
    while row.runs < runs:
        with (
            patched(OUTCRY_HOST_FAULT="crash", OUTCRY_VICTIM=VICTIM) as (environment, switch),
            judged_cluster(row, config, environment=environment) as cluster,
        ):
            before = cluster.wait_for("all processes", all_run)
            switch.touch()
            cluster.kill(process_of(before, VICTIM).pid)
            after = cluster.wait_for("quarantine", _is_quarantined, QUARANTINE_S_MAX)
            switch.unlink()
            if process_of(after, VICTIM).restarts != 3:
                row.broken.append(f"{process_of(after, VICTIM).restarts} restarts")
            if _siblings(before) != _siblings(after):
                row.broken.append("a sibling has another pid")
        row.runs += 1
        tell(f"{row.fault}: {row.runs} of {runs}")
    return row


def _has_logged(cluster: DrillCluster, text: str, since_s: float) -> bool:
    return next(iter(cluster.log_times(VICTIM, text, since_s)), None) is not None


def _is_quarantined(status: ClusterStatus) -> bool:
    return process_of(status, VICTIM).state is ProcessState.QUARANTINED


def _siblings(status: ClusterStatus) -> dict[str, int]:
    return {process.name: process.pid for process in status.processes if process.name != VICTIM}
