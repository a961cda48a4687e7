"""`outcry keys`: makes, lists, replaces and revokes keys, and never shows a secret."""

import json
import os
from pathlib import Path
from typing import Any

import psutil
import pytest
from typer.testing import CliRunner

from supervisor import registry
from supervisor.commands import app as commands
from supervisor.lock import ClusterLock
from supervisor.paths import ClusterPaths
from tests.support.carry_cluster import CARRY_CLUSTER


@pytest.fixture
def config(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("OUTCRY_STATE", str(tmp_path / "var"))
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
    file = tmp_path / "carry.toml"
    file.write_text(CARRY_CLUSTER)
    return file


def run(*arguments: str | Path) -> Any:
    return CliRunner(env={"COLUMNS": "80"}).invoke(commands.app, ["keys", *map(str, arguments)])


def paths_of(tmp_path: Path) -> ClusterPaths:
    return ClusterPaths(tmp_path / "var" / "carry")


def test_the_keys_of_a_config_are_made_and_listed_without_secrets(config: Path, tmp_path: Path) -> None:
    result = run(config, "--json")
    assert result.exit_code == 0
    rows = json.loads(result.output)["keys"]
    assert {(row["name"], row["role"], row["mode"]) for row in rows} == {
        ("supervisor", "supervisor", "0600"), ("operator", "operator", "0600"), ("exchange", "exchange", "0600"),
        ("spot", "gateway", "0600"), ("perp", "gateway", "0600"), ("carry-btc", "strategy", "0600"),
    }  # fmt: skip
    table = run("--cluster", "carry").output
    assert max(map(len, table.splitlines()[1:])) <= 80  # the first line holds a path
    for row in rows:
        assert row["public"] in table
        secret = Path(row["file"]).read_text().strip()
        assert secret not in result.output + table


def test_keys_are_replaced_and_revoked_by_name(config: Path, tmp_path: Path) -> None:
    before = {row["name"]: row["public"] for row in json.loads(run(config, "--json").output)["keys"]}
    replaced = json.loads(run("--cluster", "carry", "--rotate", "--json").output)["keys"]
    assert {row["name"] for row in replaced} == set(before)
    assert not {row["public"] for row in replaced} & set(before.values())
    result = run("--state", paths_of(tmp_path).state_dir, "--revoke", "carry-btc")
    assert result.exit_code == 0
    assert not paths_of(tmp_path).secret_key_file("carry-btc").exists()
    unknown = run("--cluster", "carry", "--revoke", "carry-btc")
    assert unknown.exit_code == 2
    assert "not in the allow-list: carry-btc" in unknown.output


def test_a_missing_key_is_listed_as_missing(config: Path, tmp_path: Path) -> None:
    run(config)
    paths_of(tmp_path).secret_key_file("spot").unlink()
    rows = json.loads(run("--cluster", "carry", "--json").output)["keys"]
    assert [row["name"] for row in rows if row["mode"] == "missing"] == ["spot"]


def test_keys_are_not_replaced_while_the_cluster_runs(config: Path, tmp_path: Path) -> None:
    run(config)
    paths = paths_of(tmp_path)
    lock = ClusterLock.acquire(paths.lock_file, "carry")
    result = run("--cluster", "carry", "--rotate")
    assert result.exit_code == 1
    assert "keys are replaced while nothing runs" in result.output
    lock.release()
    own = registry.ChildRecord(pid=os.getpid(), created_s=psutil.Process().create_time())
    registry.save(paths.registry_file, registry.Registry(children={"spot": own}))
    orphaned = run("--cluster", "carry", "--rotate")
    assert orphaned.exit_code == 1
    assert "spot still run with the old keys" in orphaned.output


def test_where_there_are_no_keys_it_says_how_to_make_them(config: Path, tmp_path: Path) -> None:
    result = run("--state", tmp_path / "nothing")
    assert result.exit_code == 2
    assert "make the keys: outcry keys" in result.output


def test_keys_open_to_others_are_refused_with_what_mends_it(config: Path, tmp_path: Path) -> None:
    run(config)
    paths = paths_of(tmp_path)
    paths.secret_key_file("spot").chmod(0o644)
    result = run(config)
    assert result.exit_code == 2
    assert f"chmod 600 {paths.secret_key_file('spot')}" in result.output.replace("\n", " ")


def test_a_cluster_is_named_once(config: Path) -> None:
    assert run(config, "--cluster", "carry").exit_code == 2
