"""How long a process that was killed is missed, and how long until another one runs in its place, on a real cluster.

`python -m bench.restart`: SIGKILL of strategies, gateways and the supervisor of the embedded cluster while it trades.
The reference is a bare Python process that imports what a strategy host imports, and ends: no restart can take less.
"""

import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from random import Random
from time import monotonic, sleep
from typing import Any

from bench.measure import Options, options, percentiles, rounded, show
from supervisor.config.default import DEFAULT_CONFIG
from supervisor.drill.cluster import DrillCluster
from supervisor.drill.kill import KillTimes, all_run, kill_and_measure

KILLS = {"strategy": 30, "gateway": 30, "supervisor": 15}
QUICK = 1
PER_CLUSTER = {"strategy": 30, "gateway": 30, "supervisor": 5}
STARTS = 10
TOLERANT = 'name = "demo"\nrestarts_max = 1000\nbackoff_min_s = 0.0\nbackoff_max_s = 0.0\n'
NAME = 'name = "demo"\n'


def bare_start_ms() -> float:
    started_s = monotonic()
    subprocess.run([sys.executable, "-c", "import actors.runtime.host"], check=True)
    return (monotonic() - started_s) * 1e3


def kill(kind: str, count: int, random: Random) -> tuple[list[float], list[float]]:
    """(noticed, running again) of so many kills, in milliseconds."""
    noticed, running = [], []
    while len(running) < count:
        with tempfile.TemporaryDirectory(prefix="oc-") as name, tolerant_cluster(Path(name)) as cluster:
            cluster.wait_until_trading()
            for _ in range(min(PER_CLUSTER[kind], count - len(running))):
                times = kill_one(cluster, kind, random)
                running.append(times.running_ms)
                if times.noticed_ms is not None:
                    noticed.append(times.noticed_ms)
            cluster.stop()
    return noticed, running


def kill_one(cluster: DrillCluster, kind: str, random: Random) -> KillTimes:
    sleep(random.uniform(0.2, 1.0))
    status = cluster.wait_for("all processes", all_run)
    return kill_and_measure(cluster, random.choice([process for process in status.processes if process.kind == kind]))


def kill_each_once(random: Random) -> dict[str, tuple[list[float], list[float]]]:
    """As `kill`, of every kind one process in the same cluster."""
    with tempfile.TemporaryDirectory(prefix="oc-") as name, tolerant_cluster(Path(name)) as cluster:
        cluster.wait_until_trading()
        killed = {kind: kill_one(cluster, kind, random) for kind in KILLS}
        cluster.stop()
    return {
        kind: ([] if times.noticed_ms is None else [times.noticed_ms], [times.running_ms])
        for kind, times in killed.items()
    }


def tolerant_cluster(directory: Path) -> DrillCluster:
    return DrillCluster(DEFAULT_CONFIG.replace(NAME, TOLERANT, 1), directory)


def run(asked: Options) -> dict[str, Any]:
    random = Random(1)
    bare = percentiles([bare_start_ms() for _ in range(QUICK if asked.is_quick else STARTS)])
    result: dict[str, Any] = {"bench": "restart", "bare_start_ms": {name: rounded(ms) for name, ms in bare.items()}}
    if asked.is_quick:
        killed = kill_each_once(random)
    else:
        killed = {kind: kill(kind, count, random) for kind, count in KILLS.items()}
    for kind, (noticed, running) in killed.items():
        of_running = percentiles(running)
        result[kind] = {
            "n": len(running),
            "running_ms": {name: rounded(ms) for name, ms in of_running.items()} | {"max": rounded(max(running))},
            "noticed_ms": {name: rounded(ms) for name, ms in percentiles(noticed).items()}
            | {"max": rounded(max(noticed))}
            if noticed
            else {},
            "ratio_p50": rounded(of_running["p50"] / bare["p50"]),
        }
    return result


def main(argv: Sequence[str] | None = None) -> int:
    asked = options("restart", "SIGKILL to noticed and to running again, beside a bare start of Python.", argv)
    result = run(asked)
    rows = [
        ("ms", "n", "p50", "p99", "max", "ratio"),
        ("bare start", "", f"{result['bare_start_ms']['p50']:.0f}", "", "", "1"),
    ]
    for kind in KILLS:
        of = result[kind]
        for what in ("noticed_ms", "running_ms"):
            ms = of[what]
            if ms:
                ratio = f"{of['ratio_p50']:.2f}" if what == "running_ms" else ""
                rows.append(
                    (
                        f"{kind} {what[:-3]}",
                        str(of["n"]),
                        *(f"{ms[percent]:.0f}" for percent in ("p50", "p99", "max")),
                        ratio,
                    )
                )
    show(result, rows, "SIGKILL of a process, all samples kept", is_json=asked.is_json)
    return 0


if __name__ == "__main__":
    sys.exit(main())
