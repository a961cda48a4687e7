"""The ledger of a real cluster: its sums are the report's, and the venues' own, over kills of what feeds it."""

import json
import os
import signal
from collections import Counter, defaultdict
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from supervisor.commands import app as commands
from supervisor.config.default import DEFAULT_CONFIG
from supervisor.drill.cluster import is_back, process_of
from tests.support.running_cluster import RunningCluster

pytestmark = pytest.mark.timeout(120)
KILLED = "spot-a"


def asked(cluster: RunningCluster, *arguments: str) -> Any:
    """What a command on this cluster's ledger writes as JSON."""
    result = CliRunner().invoke(commands.app, [*arguments, "--state", str(cluster.paths.state_dir), "--json"])
    assert result.exit_code == 0, result.output
    return json.loads(result.stdout)


def kill_supervisor_and_gateway(cluster: RunningCluster) -> None:
    """Both feed the ledger: one has what is to be entered, the other enters it."""
    before = cluster.wait_until_trading(fills=6)
    old, gateway = process_of(before, "supervisor").pid, process_of(before, KILLED).pid
    os.kill(old, signal.SIGKILL)
    cluster.wait_for("a new supervisor", lambda status: process_of(status, "supervisor").pid != old)
    os.kill(gateway, signal.SIGKILL)
    cluster.wait_for("restart", is_back(KILLED, gateway))


def test_the_ledger_equals_the_report_though_its_supervisor_and_a_gateway_were_killed(tmp_path: Path) -> None:
    with RunningCluster(DEFAULT_CONFIG, tmp_path) as cluster:
        kill_supervisor_and_gateway(cluster)
        assert asked(cluster, "fills")  # while it runs, too
        report = cluster.stop()
        ledger = {name: asked(cluster, name) for name in ("orders", "fills", "positions", "pnl")}
    assert_positions(report, ledger)
    states = Counter(order["state"] for order in ledger["orders"])
    counts = [gateway["orders"] for gateway in report["gateways"].values()]
    assert states["filled"] == sum(count["filled"] for count in counts)
    assert states["cancelled"] == sum(count["cancelled"] for count in counts)
    assert len(ledger["fills"]) == sum(strategy["fills"] for strategy in report["strategies"].values())
    assert_profit(report, ledger)


def assert_positions(report: dict[str, Any], ledger: dict[str, Any]) -> None:
    """Ledger = strategies = venues, to the last digit; and the positions are the sums of the fills."""
    summed: defaultdict[tuple[str, str], Decimal] = defaultdict(Decimal)
    for fill in ledger["fills"]:
        summed[fill["strategy"], fill["instrument"]] += Decimal(fill["position_change"])
    held = {(row["strategy"], row["instrument"]): Decimal(row["quantity"]) for row in ledger["positions"]}
    assert held == {key: quantity for key, quantity in summed.items() if quantity}
    strategies = {
        (strategy, instrument): Decimal(quantity)
        for strategy, told in report["strategies"].items()
        for instrument, quantity in told["positions"].items()
        if Decimal(quantity)
    }
    assert held == strategies
    for gateway, books in report["gateways"].items():
        for symbol, position in books["positions"].items():
            ours = sum((size for (_, name), size in held.items() if name == f"{symbol}.{gateway}"), Decimal(0))
            assert ours == Decimal(position), f"{symbol}.{gateway}"


def assert_profit(report: dict[str, Any], ledger: dict[str, Any]) -> None:
    """The last sample of every strategy is its last word."""
    sampled = {(row["strategy"], row["currency"]): Decimal(row["total"]) for row in ledger["pnl"]}
    for strategy, told in report["strategies"].items():
        for pnl in told["pnls"]:
            parts = (Decimal(pnl[name]) for name in ("realised", "unrealised", "fees", "funding"))
            realised, unrealised, fees, funding = parts
            assert sampled[strategy, pnl["currency"]] == realised + unrealised - fees + funding
