"""The embedded cluster as a user meets it: four strategies at three venues, killed and replayed. Real processes."""

import os
import signal
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from supervisor.config.default import DEFAULT_CONFIG
from supervisor.drill.cluster import is_back, process_of, strategy_of
from tests.support.journals import replayed
from tests.support.running_cluster import RunningCluster

pytestmark = pytest.mark.timeout(180)
STRATEGIES = ("arbitrage-btc", "calendar-btc", "carry-btc", "maker-eth")
KILLED = "carry-btc"
TRADING_S = 90.0


def held_by_strategies(report: dict[str, Any], gateway: str, symbol: str) -> Decimal:
    """What all strategies hold of one instrument together."""
    positions = (strategy["positions"] for strategy in report["strategies"].values())
    return sum((Decimal(held.get(f"{symbol}.{gateway}", "0")) for held in positions), Decimal(0))


def test_four_strategies_trade_survive_a_kill_and_can_be_replayed_to_the_byte(tmp_path: Path) -> None:
    with RunningCluster(DEFAULT_CONFIG, tmp_path) as cluster:
        before = cluster.wait_for(
            "fills of every strategy",
            lambda status: len(status.strategies) == 4 and all(strategy.fills for strategy in status.strategies),
            TRADING_S,
        )
        assert STRATEGIES == tuple(sorted(strategy.id for strategy in before.strategies))
        for name in (KILLED, "futures"):
            os.kill(process_of(before, name).pid, signal.SIGKILL)
            cluster.wait_for("restart", is_back(name, process_of(before, name).pid))
        fills = strategy_of(before, KILLED).fills
        cluster.wait_for("more fills", lambda status: strategy_of(status, KILLED).fills >= fills + 2, TRADING_S)
        report = cluster.stop()
        assert cluster.processes() == []
    assert report["stopped"] == "clean"
    for gateway, books in report["gateways"].items():
        for symbol, position in books["positions"].items():
            assert held_by_strategies(report, gateway, symbol) == Decimal(position), f"{symbol}.{gateway}"
    for name in STRATEGIES:
        result = replayed(cluster.paths.journal_dir / f"strategy-{name}")
        assert result.difference is None
        assert result.orders > 0
