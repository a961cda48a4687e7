"""Clusters for campaigns: the embedded one, with restarts that never end in quarantine."""

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from supervisor.config.default import DEFAULT_CONFIG
from supervisor.drill.books import gateway_books, strategy_fills
from supervisor.drill.cluster import DrillCluster
from supervisor.drill.verdict import judge
from tests.chaos.row import Row

CLUSTER = 'name = "demo"\n'
SOURCE = 'kind = "synthetic"\n'
LATENCY = "latency_ms = 5\n"
SPEED = 4.0
LATENCY_MS = 200
"""Market time; 50 ms of the wall clock."""

TOLERANT = CLUSTER + "restarts_max = 1000\nbackoff_min_s = 0.0\nbackoff_max_s = 0.0\n"


def tolerant_config(more: str = "") -> str:
    """The embedded cluster, four times as fast, with orders that are on their way most of the time.

    :param more: lines of its `[cluster]` table.
    """
    text = DEFAULT_CONFIG.replace(CLUSTER, TOLERANT + more, 1)
    text = text.replace(SOURCE, SOURCE + f"speed = {SPEED}\n")
    text = text.replace(LATENCY, f"latency_ms = {LATENCY_MS}\nlatency_jitter_ms = {LATENCY_MS}\n")
    assert text.count(f"speed = {SPEED}\n") == text.count(f"latency_ms = {LATENCY_MS}\n") >= 3
    return text


@contextmanager
def judged_cluster(
    row: Row, config: str | None = None, *, environment: dict[str, str] | None = None
) -> Iterator[DrillCluster]:
    """A cluster that trades; when the campaign is done with it, it is stopped, and the oracle's verdict taken down."""
    with tempfile.TemporaryDirectory(prefix="oc-") as name:
        directory = Path(name)
        with DrillCluster(config or tolerant_config(), directory, environment=environment) as cluster:
            cluster.wait_until_trading()
            yield cluster
            report = cluster.stop()
        journals = cluster.paths.journal_dir
        broken_before = len(row.broken)
        row.add(judge(report, gateway_books(journals), strategy_fills(journals)))
        if report["stopped"] != "clean":
            row.broken.append(f"stopped {report['stopped']}: {report['alerts'][-1:]}")
        if len(row.broken) > broken_before:  # whoever looks for the cause needs its journals, logs and report
            kept = tempfile.mkdtemp(prefix="outcry-broken-")
            shutil.copytree(directory, kept, dirs_exist_ok=True, ignore=_sockets)
            row.note = f"{row.note} its files are kept in {kept}".strip()


def _sockets(folder: str, names: list[str]) -> list[str]:
    """What is no file that can be copied."""
    return [name for name in names if not (path := Path(folder) / name).is_dir() and not path.is_file()]
