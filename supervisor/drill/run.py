"""One drill from its start to its verdict."""

import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Final

import msgspec

from supervisor.config import instruments, load
from supervisor.config.default import DEFAULT_CONFIG
from supervisor.drill.books import gateway_books, strategy_fills
from supervisor.drill.cluster import DrillCluster
from supervisor.drill.faults import DRILLS, trade_on
from supervisor.drill.stage import Observation, Stage
from supervisor.drill.verdict import Verdict, judge

SUBJECT: Final = "carry-btc"


class DrillResult(msgspec.Struct, frozen=True):
    """:param times_ms: what was measured, by name. :param failures: promises that were broken, a sentence each."""

    name: str
    promise: str
    verdict: Verdict
    times_ms: dict[str, float]
    failures: tuple[str, ...]

    @property
    def is_good(self) -> bool:
        return self.verdict.is_good and not self.failures


def run_drill(name: str, tell: Callable[[Observation], None], *, directory: Path | None = None) -> DrillResult:
    """Start the embedded cluster, do a fault to it, let it trade on, stop it, and compare the ledgers.

    :param directory: where it leaves its files; None: in a temporary one, which is removed.
    :raises DrillFailed: the cluster did not start, or never recovered.
    """
    if directory is None:
        with tempfile.TemporaryDirectory(prefix="outcry-") as made:
            return run_drill(name, tell, directory=Path(made))
    drill, config = DRILLS[name], load(None)
    with DrillCluster(DEFAULT_CONFIG, directory) as cluster:
        stage = Stage(cluster, instruments(config), SUBJECT, config.cluster.lease_ttl_ms, tell)
        cluster.wait_until_trading()
        stage.say("the cluster trades")
        drill(stage)
        trade_on(stage)
        report = cluster.stop()
    journals = cluster.paths.journal_dir
    verdict = judge(report, gateway_books(journals), strategy_fills(journals))
    return DrillResult(name, promise_of(name), verdict, stage.times_ms, tuple(stage.failures))


def promise_of(name: str) -> str:
    """What a drill is about, in one sentence."""
    return (DRILLS[name].__doc__ or "").strip()
