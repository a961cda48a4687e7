"""A supervisor that is started again runs the cluster that was started, whatever became of its config file since."""

import os
import signal
from pathlib import Path

import pytest
from typer.testing import CliRunner

from messages.health import ClusterStatus
from supervisor.commands import app as commands
from supervisor.drill.cluster import process_of
from tests.support.carry_cluster import CARRY_CLUSTER
from tests.support.running_cluster import RunningCluster

pytestmark = pytest.mark.timeout(120)
ADDED = CARRY_CLUSTER[CARRY_CLUSTER.index("[[strategies]]") :].replace("carry-btc", "another")


def run(cluster: RunningCluster, *arguments: str) -> None:
    result = CliRunner().invoke(commands.app, [*arguments, "--state", str(cluster.paths.state_dir)])
    assert result.exit_code == 0, result.output


def children(status: ClusterStatus) -> dict[str, int]:
    return {process.name: process.pid for process in status.processes if process.name != "supervisor"}


def is_whole(status: ClusterStatus) -> bool:
    return all(process.pid for process in status.processes)


def kill_supervisor(cluster: RunningCluster, before: ClusterStatus) -> ClusterStatus:
    old = process_of(before, "supervisor").pid
    os.kill(old, signal.SIGKILL)
    return cluster.wait_for("a new supervisor", lambda status: process_of(status, "supervisor").pid != old)


def test_a_config_file_that_is_broken_edited_or_gone_changes_nothing_of_a_running_cluster(tmp_path: Path) -> None:
    file = tmp_path / "cluster.toml"
    with RunningCluster(CARRY_CLUSTER, tmp_path) as cluster:
        before = cluster.wait_until_trading()
        last = before
        for becomes in ("[cluster\n", CARRY_CLUSTER.replace('"carry-btc"', '"other"'), None):
            file.unlink() if becomes is None else file.write_text(becomes)
            last = kill_supervisor(cluster, last)
            assert children(last) == children(before)
        report = cluster.stop()
    assert list(report["strategies"]) == ["carry-btc"]


def test_what_the_operator_has_changed_outlives_a_supervisor_whose_config_file_is_broken(tmp_path: Path) -> None:
    added = tmp_path / "added.toml"
    added.write_text(ADDED)
    with RunningCluster(CARRY_CLUSTER, tmp_path) as cluster:
        cluster.wait_until_trading()
        run(cluster, "add", str(added))
        run(cluster, "priority", "carry-btc", "8")
        before = cluster.wait_for("the added strategy", is_whole)
        (tmp_path / "cluster.toml").write_text("[cluster\n")
        after = kill_supervisor(cluster, before)
        assert children(after) == children(before)
        assert {strategy.id for strategy in after.strategies} == {"carry-btc", "another"}
        run(cluster, "set", "another", "notional=700")  # planned and checked by the config of the start
        run(cluster, "remove", "another", "--yes")
        report = cluster.stop()
    assert "another" not in report["strategies"]
