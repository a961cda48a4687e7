"""A strategy with a bug, in a real cluster beside a healthy one: never a silent death, never a harmed sibling."""

import json
from decimal import Decimal
from pathlib import Path

import pytest

from messages.health import ProcessState
from supervisor.drill.cluster import process_of, strategy_of
from tests.support.carry_cluster import CARRY_CLUSTER
from tests.support.running_cluster import RunningCluster, gateway_of

pytestmark = pytest.mark.timeout(150)
FAULTY_FOLDER = Path(__file__).parents[1] / "support" / "faulty"
TRIGGER = "trigger"


@pytest.fixture
def config(tmp_path: Path) -> str:
    return f"""{CARRY_CLUSTER}
[[strategies]]
id = "buggy"
kind = "faulty"

[strategies.parameters]
instrument = "BTCUSDT.spot"
trigger = "{tmp_path / TRIGGER}"
"""


def start(config: str, directory: Path) -> RunningCluster:
    return RunningCluster(config, directory, environment={"PYTHONPATH": str(FAULTY_FOLDER)})


def test_a_fault_is_told_with_its_traceback_and_the_working_order_is_cancelled(config: str, tmp_path: Path) -> None:
    with start(config, tmp_path) as cluster:
        resting = cluster.wait_for("a resting order", lambda status: strategy_of(status, "buggy").open_orders == 1)
        (tmp_path / TRIGGER).touch()
        cluster.wait_for("the fault", lambda status: any("buggy" in alert for alert in status.alerts))
        (tmp_path / TRIGGER).unlink()
        again = cluster.wait_for(
            "the restart",
            lambda status: (
                process_of(status, "buggy").restarts >= 1
                and strategy_of(status, "buggy").epoch > strategy_of(resting, "buggy").epoch
                and strategy_of(status, "buggy").open_orders == 1
            ),
        )
        # One order of the new incarnation rests; that of the dead one was cancelled.
        assert gateway_of(again, "spot").orders.cancelled >= 1
        assert process_of(again, "carry-btc").pid == process_of(resting, "carry-btc").pid
        log = (cluster.paths.log_dir / "supervisor.log").read_text()
        cluster.stop()
    faults = [json.loads(line) for line in log.splitlines() if "a bug met quote" in line]
    assert faults, "the supervisor's log has no traceback of the fault"


def test_a_crash_loop_ends_in_quarantine_and_its_siblings_go_on(config: str, tmp_path: Path) -> None:
    (tmp_path / TRIGGER).touch()
    with start(config, tmp_path) as cluster:
        status = cluster.wait_for(
            "quarantine", lambda status: process_of(status, "buggy").state is ProcessState.QUARANTINED
        )
        # The first start and three restarts within a minute; there is no fourth.
        assert process_of(status, "buggy").restarts == 3
        healthy = process_of(status, "carry-btc").pid
        later = cluster.wait_until_trading(fills=2)
        assert process_of(later, "carry-btc").pid == healthy
        assert process_of(later, "carry-btc").restarts == 0
        flat = cluster.wait_for("no order of it left", lambda status: gateway_of(status, "spot").open_orders == 0)
        assert process_of(flat, "buggy").restarts == 3
        report = cluster.stop(expected_code=1)
    assert report["strategies"]["buggy"]["lifecycle"] == "quarantined"
    assert report["strategies"]["carry-btc"]["restarts"] == 0
    assert report["stopped"] == "clean"


def test_the_position_of_a_strategy_in_quarantine_is_told_everywhere_and_the_run_is_no_success(
    config: str, tmp_path: Path
) -> None:
    (tmp_path / TRIGGER).touch()
    with start(f"{config}is_taking = true\n", tmp_path) as cluster:
        status = cluster.wait_for("the position without a manager", lambda status: bool(status.unmanaged))
        status = cluster.wait_for(
            "quarantine", lambda status: process_of(status, "buggy").state is ProcessState.QUARANTINED
        )
        # It buys 0.01 once; each restart finds the order in its journal and fails on its next quote.
        assert (strategy_of(status, "buggy").fills > 0, gateway_of(status, "spot").holdings["buggy"]) == (
            True,
            {"BTCUSDT.spot": Decimal("0.01000")},
        )
        assert strategy_of(status, "buggy").positions["BTCUSDT.spot"] == Decimal("0.01000")
        unmanaged = "BTCUSDT.spot: the venue holds 0.01000 that no running strategy manages (buggy is quarantined)"
        assert status.unmanaged == (unmanaged,)
        report = cluster.stop(expected_code=1)
        output = (tmp_path / "up.log").read_text()
    assert report["unmanaged"] == [unmanaged]
    assert unmanaged in report["alerts"]
    assert report["strategies"]["buggy"]["positions"]["BTCUSDT.spot"] == "0.01000"
    # the first start and three restarts
    assert [fault["strategy"] for fault in report["faults"]] == ["buggy"] * 4
    assert report["faults"][0]["error"].startswith("RuntimeError: a bug met quote")
    lines = output.splitlines()
    assert 4 == sum(line.startswith("! buggy FAULTED in state FLAT on Quote: RuntimeError: a bug") for line in lines)
    assert 1 == sum(line.startswith("! buggy (pid ") and line.endswith("buggy is QUARANTINED") for line in lines)
    assert "buggy ended QUARANTINED, its position stands: 0.01000 BTCUSDT.spot" in lines[-1]
