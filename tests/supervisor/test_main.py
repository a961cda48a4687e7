"""The supervisor process: what it is told, and how it ends."""

import json
import os
from pathlib import Path

import msgspec
import pytest

from gateways.exchange.spec import RecordedSourceSpec
from supervisor import main as main_module
from supervisor import registry
from supervisor.actions import EXIT_FAILED
from supervisor.actor import SupervisorActor
from supervisor.child_spec import ClusterPlan
from supervisor.config import Config
from supervisor.lock import ClusterLock
from supervisor.main import EXIT_CRASHED, EXIT_REFUSED, SupervisorSpec, main, supervise, write_supervisor_spec
from supervisor.paths import ClusterPaths
from supervisor.registry import ChildRecord
from tests.supervisor.core_driver import CARRY, EXCHANGE
from tests.supervisor.desk_config import changed, recorded
from tests.supervisor.dummy_cluster import dummy_plan, new_paths

pytestmark = pytest.mark.timeout(60)

RECORDED = changed('id = "spot"', 'id = "spot"\ncpus = [1023]', recorded("spot", "data/gone.jsonl"))


def spec_of(paths: ClusterPaths, **changes: object) -> SupervisorSpec:
    return msgspec.structs.replace(SupervisorSpec(config=None, state_dir=str(paths.state_dir)), **changes)


def run_main(paths: ClusterPaths, spec: SupervisorSpec) -> int:
    return main([str(write_supervisor_spec(paths, spec))])


def test_a_cluster_runs_for_the_time_asked_for_and_reports(tmp_path: Path) -> None:
    paths = new_paths(tmp_path)
    report = tmp_path / "report.json"
    assert supervise(dummy_plan(paths), paths, spec_of(paths, for_seconds=0.2, report=str(report))) == 0
    assert 0.2 <= json.loads(report.read_text())["seconds"] < 5.0
    lines = [json.loads(line) for line in (paths.log_dir / "supervisor.log").read_text().splitlines()]
    events = [line["event"] for line in lines]
    assert events[0] == "supervisor begins"
    assert "trading begins" in events
    assert events[-1] == "stopped"


def test_a_report_that_cannot_be_written_is_told_and_fails_the_run(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    paths = new_paths(tmp_path)
    (tmp_path / "file").touch()
    spec = spec_of(paths, for_seconds=0.1, report=str(tmp_path / "file" / "report.json"))
    assert supervise(dummy_plan(paths), paths, spec) == EXIT_FAILED
    told = f"the report cannot be written to {tmp_path}/file/report.json: "
    assert capsys.readouterr().err.startswith(told)


def test_the_cause_of_a_failed_run_is_the_last_line_on_standard_error(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    paths = new_paths(tmp_path)
    lost = ChildRecord(pid=2**22 + 1, created_s=1.0)
    registry.save(paths.registry_file, registry.Registry(children={EXCHANGE: lost}))
    (paths.journal_dir / "gateway").mkdir()
    assert supervise(dummy_plan(paths), paths, spec_of(paths, for_seconds=0.1)) == EXIT_FAILED
    told = capsys.readouterr().err.splitlines()[-1]
    assert told.startswith(
        "nothing of the last run was alive: its simulated venues and their positions are gone; its journals are kept in"
    )
    assert f"{paths.journal_dir}/run-" in told


def test_sigterm_stops_the_cluster_in_good_order(tmp_path: Path) -> None:
    paths = new_paths(tmp_path)
    assert supervise(dummy_plan(paths, {CARRY: "terminate-parent"}), paths, spec_of(paths)) == 0


def test_main_runs_the_cluster_of_its_config(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    paths = new_paths(tmp_path)
    planned = []

    def plan(config: object, paths: ClusterPaths) -> object:
        planned.append(config.cluster.name)  # type: ignore[attr-defined]
        return dummy_plan(paths, {EXCHANGE: "exhausted"})

    monkeypatch.setattr(main_module, "prepare_keys", lambda *_: None)  # the dummies have no keys
    monkeypatch.setattr(main_module, "plan_cluster", plan)
    assert run_main(paths, spec_of(paths)) == 0
    assert planned == ["demo"]  # the embedded config
    assert not paths.runtime_dir.exists(), "the sockets of a cluster that has ended are removed"


def test_main_uses_the_lock_that_it_inherits(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    paths = new_paths(tmp_path)
    lock = ClusterLock.acquire(paths.lock_file, "demo")
    monkeypatch.setattr(main_module, "prepare_keys", lambda *_: None)  # the dummies have no keys
    monkeypatch.setattr(main_module, "plan_cluster", lambda _, paths: dummy_plan(paths, {EXCHANGE: "exhausted"}))
    assert run_main(paths, spec_of(paths, lock_descriptor=lock.descriptor)) == 0
    lock.release()


def test_a_supervisor_without_a_keeper_is_refused_where_another_one_runs(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    paths = new_paths(tmp_path)
    lock = ClusterLock.acquire(paths.lock_file, "demo")
    lock.sign(os.getpid())
    assert run_main(paths, spec_of(paths)) == EXIT_REFUSED
    assert "already running" in capsys.readouterr().err
    lock.release()


def test_a_wrong_config_is_told_and_not_tried_again(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    paths = new_paths(tmp_path)
    config = tmp_path / "desk.toml"
    config.write_text("[cluster]\nnam = 1\n")
    assert run_main(paths, spec_of(paths, config=str(config))) == EXIT_REFUSED
    assert "did you mean name?" in capsys.readouterr().err


def test_a_config_that_was_checked_when_the_cluster_started_is_not_refused_for_what_has_changed_around_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    paths = new_paths(tmp_path)
    config = paths.specs_dir / "config.toml"
    config.write_text(RECORDED)  # its data file is not there any more, and no machine has a processor 1023
    planned: list[Config] = []

    def plan(config: Config, paths: ClusterPaths) -> ClusterPlan:
        planned.append(config)
        return dummy_plan(paths, {EXCHANGE: "exhausted"})

    monkeypatch.setattr(main_module, "prepare_keys", lambda *_: None)  # the dummies have no keys
    monkeypatch.setattr(main_module, "plan_cluster", plan)
    assert run_main(paths, spec_of(paths, config=str(config))) == EXIT_REFUSED
    assert run_main(paths, spec_of(paths, config=str(config), frozen_in="/srv/desk")) == 0
    (loaded,) = planned
    source = loaded.gateways[0].source
    assert isinstance(source, RecordedSourceSpec)
    assert source.files == ("/srv/desk/data/gone.jsonl",), "relative to where the operator was"


def test_a_damaged_registry_is_told_and_not_tried_again(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    paths = new_paths(tmp_path)
    paths.registry_file.write_text("{")
    assert run_main(paths, spec_of(paths)) == EXIT_REFUSED
    assert "registry.json cannot be read" in capsys.readouterr().err


def test_a_supervisor_that_fails_to_start_says_that_it_crashed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(_actor: SupervisorActor) -> None:
        raise OSError("no sockets left")

    paths = new_paths(tmp_path)
    monkeypatch.setattr(SupervisorActor, "on_start", fail)
    monkeypatch.setattr(main_module, "FINISH_TIMEOUT_S", 0.1)
    assert supervise(dummy_plan(paths), paths, spec_of(paths)) == EXIT_CRASHED
