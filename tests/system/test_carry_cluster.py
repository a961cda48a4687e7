"""The embedded cluster as a user meets it: trades, survives kills, stops in good order. Real processes and sockets."""

import os
import signal
import subprocess
import sys
from decimal import Decimal
from pathlib import Path
from time import monotonic
from typing import Any

import pytest

from messages.health import ClusterStatus
from supervisor.drill.cluster import is_back, process_of, strategy_of
from tests.support.carry_cluster import CARRY_CLUSTER, FAST_CARRY_CLUSTER
from tests.support.running_cluster import ROOT, RunningCluster, gateway_of

pytestmark = pytest.mark.timeout(150)
STOP_S = 10.0
FIRST_FILLS_S = 30.0


def pids(status: ClusterStatus) -> dict[str, int]:
    return {process.name: process.pid for process in status.processes}


def assert_position_equals_the_venues(report: dict[str, Any]) -> None:
    """The strategy is alone on its venues, so its position is what the venues' own ledgers hold."""
    held = report["strategies"]["carry-btc"]["positions"]
    for venue in ("spot", "perp"):
        assert Decimal(report["gateways"][venue]["positions"]["BTCUSDT"]) == Decimal(held[f"BTCUSDT.{venue}"])


def test_it_trades_in_thirty_seconds_refuses_a_second_up_and_is_ended_by_ctrl_c_in_ten_with_no_process_left(
    tmp_path: Path,
) -> None:
    with RunningCluster(CARRY_CLUSTER, tmp_path) as cluster:
        status = cluster.wait_until_trading()
        assert status.seconds <= FIRST_FILLS_S
        second = run_outcry(cluster, "up", "--no-status")
        assert second.returncode == 4
        assert str(cluster.process.pid) in second.stderr, "it says who runs it"
        started = monotonic()
        report = cluster.stop(STOP_S)
        assert monotonic() - started <= STOP_S
        assert cluster.processes() == []
    assert report["stopped"] == "clean"
    assert report["cluster"] == "carry"
    assert_position_equals_the_venues(report)
    assert {"supervisor", "exchange", "spot", "perp", "carry-btc"} == set(report["processes"])


def test_a_killed_strategy_comes_back_with_its_position_and_its_siblings_notice_nothing(tmp_path: Path) -> None:
    with RunningCluster(FAST_CARRY_CLUSTER, tmp_path) as cluster:
        before = cluster.wait_until_trading(fills=3)
        os.kill(process_of(before, "carry-btc").pid, signal.SIGKILL)
        after = cluster.wait_for("restart", is_back("carry-btc", process_of(before, "carry-btc").pid))
        restored = cluster.wait_for(
            "recovery",
            lambda status: strategy_of(status, "carry-btc").epoch > strategy_of(before, "carry-btc").epoch,
        )
        assert strategy_of(restored, "carry-btc").fills >= strategy_of(before, "carry-btc").fills
        for name in ("supervisor", "exchange", "spot", "perp"):
            assert process_of(after, name).pid == process_of(before, name).pid
        cluster.wait_until_trading(fills=strategy_of(restored, "carry-btc").fills + 2)
        report = cluster.stop()
    assert report["strategies"]["carry-btc"]["restarts"] == 1
    assert report["stopped"] == "clean"
    assert_position_equals_the_venues(report)


def test_a_killed_gateway_asks_the_venue_and_nothing_is_lost_or_doubled(tmp_path: Path) -> None:
    with RunningCluster(FAST_CARRY_CLUSTER, tmp_path) as cluster:
        before = cluster.wait_until_trading(fills=2)
        os.kill(process_of(before, "perp").pid, signal.SIGKILL)
        after = cluster.wait_for("restart", is_back("perp", process_of(before, "perp").pid))
        assert process_of(after, "carry-btc").pid == process_of(before, "carry-btc").pid
        cluster.wait_for("the venue's link", lambda status: gateway_of(status, "perp").is_venue_up)
        cluster.wait_until_trading(fills=strategy_of(after, "carry-btc").fills + 2)
        report = cluster.stop()
    assert report["processes"]["perp"]["restarts"] == 1
    assert_position_equals_the_venues(report)


def test_a_killed_supervisor_adopts_the_children_that_went_on_without_it(tmp_path: Path) -> None:
    with RunningCluster(FAST_CARRY_CLUSTER, tmp_path) as cluster:
        before = cluster.wait_until_trading()
        os.kill(process_of(before, "supervisor").pid, signal.SIGKILL)
        after = cluster.wait_for("restart", is_back("supervisor", process_of(before, "supervisor").pid))
        children = {name: pid for name, pid in pids(before).items() if name != "supervisor"}
        assert children == {name: pid for name, pid in pids(after).items() if name != "supervisor"}
        cluster.wait_until_trading(fills=strategy_of(before, "carry-btc").fills + 2)
        report = cluster.stop()
        assert cluster.processes() == []
    assert report["stopped"] == "clean"
    assert_position_equals_the_venues(report)


def test_halt_cancels_everything_and_nothing_is_traded_afterwards(tmp_path: Path) -> None:
    with RunningCluster(FAST_CARRY_CLUSTER, tmp_path) as cluster:
        cluster.wait_until_trading()
        assert run_outcry(cluster, "halt", "--reason", "test").returncode == 0
        halted = cluster.wait_for(
            "halt at every gateway",
            lambda status: status.is_halted and all(gateway.is_halted for gateway in status.gateways),
        )
        still = cluster.wait_for(
            "the strategy's word",
            lambda status: (
                strategy_of(status, "carry-btc").state == "HALTED" and strategy_of(status, "carry-btc").open_orders == 0
            ),
        )
        later = cluster.wait_for("two more seconds", lambda status: status.seconds >= still.seconds + 2)
        assert strategy_of(later, "carry-btc").fills == strategy_of(still, "carry-btc").fills
        assert halted.is_halted
        report = cluster.stop()
    assert_position_equals_the_venues(report)


def test_stop_now_kills_at_once_and_is_reported_as_forced(tmp_path: Path) -> None:
    with RunningCluster(FAST_CARRY_CLUSTER, tmp_path) as cluster:
        cluster.wait_for("start", lambda status: status.phase == "trading")
        assert run_outcry(cluster, "stop", "--now").returncode == 0
        assert cluster.process.wait(STOP_S) == 1
        assert cluster.processes() == []


def run_outcry(cluster: RunningCluster, command: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    config = [str(cluster.directory / "cluster.toml")] if command == "up" else []
    words = [sys.executable, "-m", "supervisor.cli", command, *config, "--state", str(cluster.paths.state_dir)]
    return subprocess.run([*words, *arguments], cwd=ROOT, capture_output=True, text=True, timeout=60, check=False)
