"""A strategy of another distribution, as `outcry new-strategy` writes it, in a real cluster: found, run, restarted."""

import os
import signal
from decimal import Decimal
from pathlib import Path

import pytest

from messages.health import ProcessState
from supervisor.drill.cluster import is_back, process_of, strategy_of
from supervisor.scaffold.writer import Names, write_strategy
from tests.support.distributions import install
from tests.support.running_cluster import RunningCluster

pytestmark = pytest.mark.timeout(120)
MINE = "btc-dips"


def test_a_new_strategy_trades_survives_a_kill_and_stops_in_good_order(tmp_path: Path) -> None:
    project = tmp_path / "project"
    write_strategy(Names("my-dips"), project)
    module = (project / "my_dips.py").read_text()
    install(tmp_path / "site", "my_dips", module, {"my-dips": "my_dips:MyDips"})
    config = (project / "my-dips.toml").read_text()
    with RunningCluster(config, tmp_path, environment={"PYTHONPATH": str(tmp_path / "site")}) as cluster:
        status = cluster.wait_until_trading(fills=2)
        host = process_of(status, MINE)
        assert (ProcessState.RUNNING, 0) == (host.state, host.restarts)
        fills = strategy_of(status, MINE).fills
        os.kill(host.pid, signal.SIGKILL)
        cluster.wait_for("the restart", is_back(MINE, host.pid))
        cluster.wait_for("more fills", lambda status: strategy_of(status, MINE).fills >= fills + 2)
        report = cluster.stop()
    told, venue = report["strategies"][MINE], report["gateways"]["spot"]
    assert ("my-dips", "stopped", "IDLE", 1) == (told["kind"], told["lifecycle"], told["state"], told["restarts"])
    assert "clean" == report["stopped"]
    assert told["fills"] == venue["orders"]["filled"] >= fills + 2
    assert Decimal(told["positions"]["BTCUSDT.spot"]) == Decimal(venue["positions"]["BTCUSDT"]), "by its own ledger"
