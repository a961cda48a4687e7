"""The keeper with a real, but dummy, supervisor process."""

import io
import json
import os
import signal
import sys
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest
from rich.console import Console

from supervisor import keeper, registry
from supervisor.commands.up_options import UpOptions
from supervisor.config import ConfigError
from supervisor.config.default import DEFAULT_CONFIG
from supervisor.launcher import find_process
from supervisor.lock import ClusterLock
from supervisor.paths import ClusterPaths, UnsafePath
from tests.support.carry_cluster import CARRY_CLUSTER

pytestmark = pytest.mark.timeout(60)

DUMMY_SUPERVISOR = Path(__file__).with_name("dummy_supervisor.py")


class Kept:
    """One run of the keeper.

    :ivar stops: the stop requests that the supervisor has heard.
    """

    def __init__(
        self, tmp_path: Path, behaviour: str, options: UpOptions | None = None, config: Path | None = None
    ) -> None:
        self.paths = ClusterPaths(tmp_path / "state")
        output = io.StringIO()
        self.code = keeper.run(
            config,
            self.paths.state_dir,
            options or UpOptions(),
            console=Console(file=output, width=200),
            command=(sys.executable, str(DUMMY_SUPERVISOR), behaviour),
        )
        self.output = output.getvalue()
        stops = self.paths.state_dir / "stops"
        self.stops = stops.read_text().split() if stops.exists() else []
        self.lives = len((self.paths.state_dir / "lives").read_text())

    @property
    def orphans_living(self) -> list[str]:
        children = registry.load(self.paths.registry_file).children
        assert children
        return [name for name, record in children.items() if find_process(record) is not None]


@pytest.fixture
def orphans() -> Iterator[None]:
    """What dead supervisors have left behind, and nobody has killed, is killed."""
    before = set(psutil.Process().children(recursive=True))
    yield
    for process in set(psutil.Process().children(recursive=True)) - before:
        if process.parent() not in before:  # a database server of other tests begins a process now and then
            process.kill()


def test_the_keeper_ends_with_its_cluster(tmp_path: Path) -> None:
    kept = Kept(tmp_path, "clean-later")
    assert kept.code == 0
    assert "desk: trading" in kept.output
    assert "stopped in good order" in kept.output
    assert kept.lives == 1


def test_status_is_not_drawn_where_it_is_not_wanted(tmp_path: Path) -> None:
    kept = Kept(tmp_path, "interrupt-at-once", UpOptions(show_status=False))
    assert "trading" not in kept.output
    assert kept.code == 0


def test_a_cluster_that_failed_makes_the_keeper_fail(tmp_path: Path) -> None:
    kept = Kept(tmp_path, "failed")
    assert kept.code == 1
    assert "stopped by force or failed: the exchange was lost; see " in kept.output


@pytest.mark.parametrize("is_drawn", [True, False])
def test_a_strategy_that_ended_in_trouble_is_told_and_makes_the_keeper_fail(
    tmp_path: Path, capfd: pytest.CaptureFixture[str], is_drawn: bool
) -> None:
    kept = Kept(tmp_path, "troubled", UpOptions(show_status=is_drawn))
    assert kept.code == 1
    assert "stopped in good order after trouble: carry ended QUARANTINED; see " in kept.output
    # two statuses have the same alert
    assert capfd.readouterr().err == "! carry FAULTED\n"


def test_a_supervisor_that_refuses_to_start_is_not_started_again(tmp_path: Path) -> None:
    kept = Kept(tmp_path, "refused")
    assert kept.code == 1
    assert "1 mistake in desk.toml: no" in kept.output
    assert kept.lives == 1


def test_the_first_ctrl_c_stops_in_good_order(tmp_path: Path) -> None:
    kept = Kept(tmp_path, "interrupted")
    assert kept.code == 0
    assert kept.stops == ["orderly"]
    assert "Ctrl-C again kills everything at once" in kept.output


def test_a_terminal_that_is_closed_stops_in_good_order_however_often_it_says_so(tmp_path: Path) -> None:
    kept = Kept(tmp_path, "hung-up")
    assert kept.code == 0
    assert kept.stops == ["orderly"]
    assert "killing everything" not in kept.output


def test_a_ctrl_c_before_the_supervisor_listens_is_passed_on_later(tmp_path: Path) -> None:
    kept = Kept(tmp_path, "interrupt-at-once")
    assert kept.code == 0
    assert kept.stops == ["orderly"]


def test_the_second_one_stops_at_once(tmp_path: Path) -> None:
    kept = Kept(tmp_path, "interrupted-twice")
    assert kept.code == 1
    assert kept.stops == ["orderly", "forced"]
    assert "killing everything" in kept.output


def test_an_end_that_was_forced_is_not_told_as_one_in_good_order(tmp_path: Path) -> None:
    kept = Kept(tmp_path, "too-late")
    assert kept.code == 1
    assert kept.stops == ["orderly", "forced"]
    assert "stopped by force: the supervisor had ended before it heard of it" in kept.output
    assert "stopped in good order" not in kept.output


def test_two_signals_are_counted_though_python_calls_one_handler(tmp_path: Path) -> None:
    kept = keeper.Keeper.__new__(keeper.Keeper)
    kept._stops_asked = 0
    kept._count_stops(bytes([signal.SIGINT, signal.SIGCHLD, signal.SIGINT]))
    assert kept._stops_asked == 2


def test_a_supervisor_that_does_not_obey_is_killed_with_its_children(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(keeper, "FORCED_DEADLINE_S", 2.0)
    kept = Kept(tmp_path, "stubborn")
    assert kept.code == 1
    assert kept.stops == ["orderly", "forced"]
    assert kept.orphans_living == []
    assert "everything was killed" in kept.output


def test_a_dead_supervisor_is_started_again(tmp_path: Path) -> None:
    kept = Kept(tmp_path, "crash-once")
    assert kept.code == 0
    assert kept.lives == 2
    assert "the supervisor ended with code -9; starting it again" in kept.output


@pytest.mark.parametrize(
    ("behaviour", "fate"),
    [
        ("crash-with-the-living", "starting it again, its children live on"),
        ("crash-with-the-dead", "starting it again; none of its children is alive"),
        ("crash-with-damage", "starting it again\n"),
    ],
)
def test_what_became_of_the_children_of_a_dead_supervisor_is_told(
    tmp_path: Path, orphans: None, behaviour: str, fate: str
) -> None:
    kept = Kept(tmp_path, behaviour)
    assert kept.code == 0
    assert fate in kept.output


def test_a_supervisor_that_dies_again_and_again_is_given_up_and_its_children_are_killed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(keeper, "RESTARTS_MAX", 2)
    kept = Kept(tmp_path, "crash-always", UpOptions(show_status=False))
    assert kept.code == 1
    assert kept.lives == 3  # the first one and two restarts
    assert "died 3 times within 60 s; giving up" in kept.output
    assert "the last words" in kept.output
    assert kept.orphans_living == []


def test_a_damaged_registry_is_told_of_when_children_should_be_killed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def damaged(path: Path) -> registry.Registry:
        raise registry.RegistryDamaged(f"registry {path} cannot be read")

    monkeypatch.setattr(keeper, "RESTARTS_MAX", 0)
    monkeypatch.setattr(keeper.registry, "load", damaged)
    kept_code = None
    try:
        kept = Kept(tmp_path, "crash-always", UpOptions(show_status=False))
        kept_code, output = kept.code, kept.output
    finally:
        monkeypatch.undo()
        for record in registry.load(tmp_path / "state" / "registry.json").children.values():
            psutil.Process(record.pid).kill()
    assert kept_code == 1
    assert "cannot be read" in output


def test_a_second_up_of_the_same_cluster_is_refused_with_the_pid(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    paths = ClusterPaths(tmp_path / "state")
    paths.create()
    lock = ClusterLock.acquire(paths.lock_file, "demo")
    lock.sign(os.getpid())
    try:
        assert keeper.run(None, paths.state_dir, UpOptions()) == 4
    finally:
        lock.release()
    assert f"cluster demo is already running: process {os.getpid()} runs it" in capsys.readouterr().err


def test_a_lock_that_cannot_be_opened_is_told(tmp_path: Path) -> None:
    paths = ClusterPaths(tmp_path / "state")
    paths.create()
    paths.lock_file.mkdir()
    with pytest.raises(UnsafePath, match=r"lock .* cannot be opened: Is a directory; choose another with --state"):
        keeper.run(None, paths.state_dir, UpOptions())


def test_a_wrong_config_starts_nothing(tmp_path: Path) -> None:
    config = tmp_path / "desk.toml"
    config.write_text("[cluster]\n")
    with pytest.raises(ConfigError):
        keeper.run(config, tmp_path / "state", UpOptions())
    assert not (tmp_path / "state").exists()


def test_the_supervisor_is_told_what_the_operator_asked(tmp_path: Path) -> None:
    kept = Kept(tmp_path, "clean", UpOptions(for_seconds=2.5, report=tmp_path / "r.json", stay=True))
    spec = (kept.paths.specs_dir / "supervisor.json").read_text()
    assert '"for_seconds": 2.5' in spec
    assert f'"report": "{tmp_path / "r.json"}"' in spec
    assert '"stay": true' in spec


def test_the_supervisor_is_told_of_a_copy_of_the_config_that_only_its_owner_can_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DESK_LEDGER", "sqlite:///secret.db")
    config = tmp_path / "desk.toml"
    config.write_text(f'{CARRY_CLUSTER}\n[ledger]\nurl = "${{DESK_LEDGER}}"\n')
    kept = Kept(tmp_path, "clean", config=config)
    spec = json.loads((kept.paths.specs_dir / "supervisor.json").read_text())
    copy = Path(spec["config"])
    assert copy.parent == kept.paths.specs_dir
    assert copy.read_text() == config.read_text(), "what a variable stands for is in nobody's file"
    assert copy.stat().st_mode & 0o777 == 0o600
    assert spec["frozen_in"] == str(Path.cwd())


def test_a_copy_of_an_earlier_start_is_replaced_with_its_mode(tmp_path: Path) -> None:
    paths = ClusterPaths(tmp_path / "state")
    paths.create()
    old = paths.specs_dir / "config.toml"
    old.write_text("what was there before, and longer than what comes" * 1_000)
    old.chmod(0o644)
    Kept(tmp_path, "clean")
    assert old.read_text() == DEFAULT_CONFIG
    assert old.stat().st_mode & 0o777 == 0o600


def test_signal_handlers_are_put_back(tmp_path: Path) -> None:
    numbers = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGCHLD)
    before = [signal.getsignal(number) for number in numbers]
    Kept(tmp_path, "clean")
    assert before == [signal.getsignal(number) for number in numbers]
