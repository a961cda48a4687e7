"""Processes started, watched, measured and killed."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from supervisor import launcher as launcher_module
from supervisor.actions import SUPERVISOR
from supervisor.launcher import Launcher, LaunchFailed, find_process, kill_processes, living_records, open_log
from supervisor.occurrences import ProcessEnded, ProcessStarted
from supervisor.process_birth import birth_of
from supervisor.registry import ChildRecord
from tests.supervisor.dummy_cluster import eventually
from tests.supervisor.idle_process import IDLE

needs_births = pytest.mark.skipif(not birth_of(os.getpid()), reason="the system tells no births of processes")


@pytest.fixture
def launcher(tmp_path: Path) -> Iterator[Launcher]:
    before = set(psutil.Process().children())  # such as the database server of other tests in this process
    launcher = Launcher(tmp_path)
    yield launcher
    for child in set(psutil.Process().children()) - before:
        child.kill()
        child.wait(5)
    launcher.close()


def record_of(pid: int, shift_s: float = 0.0) -> ChildRecord:
    return ChildRecord(pid=pid, created_s=psutil.Process(pid).create_time() + shift_s)


def recorded(started: ProcessStarted) -> ChildRecord:
    return ChildRecord(pid=started.pid, created_s=started.created_s, birth=started.birth)


def step_the_clock(monkeypatch: pytest.MonkeyPatch, by_s: float) -> None:
    """From now on start times are reckoned from another boot time, as after a step of the wall clock."""
    create_time = psutil.Process.create_time
    monkeypatch.setattr(psutil.Process, "create_time", lambda process: create_time(process) + by_s)


def ended(launcher: Launcher) -> list[ProcessEnded]:
    found: list[ProcessEnded] = []

    def has_ended() -> bool:
        found.extend(launcher.sweep())
        return bool(found)

    eventually(has_ended, "the end of a process")
    return found


def test_a_process_runs_in_a_session_of_its_own_and_writes_to_its_log(launcher: Launcher, tmp_path: Path) -> None:
    code = "import os; print('session', os.getsid(0) == os.getpid(), flush=True)"
    started = launcher.start("spot", (sys.executable, "-c", code))
    assert abs(started.created_s - psutil.Process().create_time()) < 3_600
    assert ended(launcher) == [ProcessEnded("spot", started.pid, 0)]
    assert (tmp_path / "spot.log").read_text() == "session True\n"
    assert launcher.sweep() == []


@pytest.mark.parametrize("has_pidfds", [True, False])
def test_the_end_of_a_killed_process_is_told_with_its_signal(
    launcher: Launcher, monkeypatch: pytest.MonkeyPatch, has_pidfds: bool
) -> None:
    if not has_pidfds:
        monkeypatch.delattr(os, "pidfd_open", raising=False)
    pid = launcher.start("spot", IDLE).pid
    assert len(launcher.descriptors()) == (1 if has_pidfds and hasattr(os, "pidfd_open") else 0)
    assert launcher.sweep() == []
    launcher.kill("spot")
    assert ended(launcher) == [ProcessEnded("spot", pid, -signal.SIGKILL)]
    assert launcher.descriptors() == set()
    launcher.kill("spot")  # harmless


def test_a_program_that_is_not_there_cannot_be_started(launcher: Launcher) -> None:
    with pytest.raises(LaunchFailed, match="/no/such/program"):
        launcher.start("spot", ("/no/such/program",))


@pytest.mark.parametrize("has_pidfds", [True, False])
def test_an_adopted_process_is_watched_and_its_exit_code_is_not_known(
    launcher: Launcher, monkeypatch: pytest.MonkeyPatch, has_pidfds: bool
) -> None:
    if not has_pidfds:
        monkeypatch.delattr(os, "pidfd_open", raising=False)
    with subprocess.Popen(IDLE) as stranger:
        assert launcher.adopt({"spot": record_of(stranger.pid)}) == {"spot"}
        assert launcher.sweep() == []
        launcher.kill("spot")
        assert ended(launcher) == [ProcessEnded("spot", stranger.pid, None)]


def test_a_process_that_has_the_pid_of_a_registered_one_is_not_adopted(launcher: Launcher) -> None:
    with subprocess.Popen(IDLE) as stranger:
        assert launcher.adopt({"spot": record_of(stranger.pid, shift_s=-60.0)}) == set()
        stranger.kill()


@needs_births
@pytest.mark.parametrize("step_s", [3_600.0, -3_600.0])
def test_a_step_of_the_wall_clock_makes_no_child_a_stray(
    launcher: Launcher, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, step_s: float
) -> None:
    spec_file = tmp_path / "spot.json"
    records = {"spot": recorded(launcher.start("spot", (*IDLE, str(spec_file))))}
    step_the_clock(monkeypatch, step_s)
    after = Launcher(tmp_path)  # of the next supervisor
    assert after.adopt(records) == {"spot"}
    assert after.kill_strays([spec_file]) == []
    assert launcher.sweep() == [], "it lives"
    assert living_records(records) == records, "the kill switch and the keeper know it, too"
    assert kill_processes(records) == []
    assert living_records(records) == {}
    after.close()


@needs_births
@pytest.mark.parametrize(
    ("boot_id", "later_ticks"), [("", 1), ("9f2c6c1e-another-boot", 0)], ids=["a tick later", "another boot"]
)
def test_a_pid_that_was_used_again_is_not_taken_whatever_the_wall_clock_says(
    launcher: Launcher, boot_id: str, later_ticks: int
) -> None:
    started = launcher.start("spot", IDLE)
    found, _, ticks = started.birth.partition(":")
    other = f"{boot_id or found}:{int(ticks) - later_ticks}"
    dead = ChildRecord(pid=started.pid, created_s=started.created_s, birth=other)
    assert find_process(dead) is None
    assert living_records({"spot": dead}) == {}
    assert kill_processes({"spot": dead}) == []
    assert launcher.sweep() == [], "the process that has its pid by now is left alone"


def test_a_record_without_a_birth_is_compared_by_the_wall_clock(launcher: Launcher) -> None:
    started = launcher.start("spot", IDLE)
    for shift_s, is_found in ((0.0, True), (1.5, True), (3.0, False), (-3.0, False)):  # the tolerance is 2 s
        old = ChildRecord(pid=started.pid, created_s=started.created_s + shift_s)
        assert (find_process(old) is not None) is is_found


def test_a_system_that_tells_no_births_is_compared_by_the_wall_clock(
    launcher: Launcher, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(launcher_module, "birth_of", lambda _: "")
    started = launcher.start("spot", IDLE)
    assert started.birth == ""
    assert find_process(recorded(started)) is not None
    moved = ChildRecord(
        pid=started.pid, created_s=started.created_s, birth="boot:5"
    )  # its registry came from elsewhere
    assert find_process(moved) is not None


def test_neither_zombies_nor_the_dead_are_adopted(launcher: Launcher) -> None:
    zombie = subprocess.Popen((sys.executable, "-c", ""))
    record = record_of(zombie.pid)
    eventually(lambda: psutil.Process(zombie.pid).status() == psutil.STATUS_ZOMBIE, "a zombie")
    assert find_process(record) is None
    zombie.wait()
    assert launcher_module._pidfd(zombie.pid) is None
    assert find_process(record) is None
    assert find_process(ChildRecord()) is None


def test_processes_with_our_spec_files_that_are_not_known_are_killed(launcher: Launcher, tmp_path: Path) -> None:
    spec_file = tmp_path / "spot.json"
    known_pid = launcher.start("perp", (*IDLE, str(tmp_path / "perp.json"))).pid
    with subprocess.Popen((*IDLE, str(spec_file))) as stray:
        files = [spec_file, tmp_path / "perp.json"]
        assert launcher.kill_strays(files) == [stray.pid]
        assert stray.wait(10) == -signal.SIGKILL
    assert psutil.pid_exists(known_pid)


def test_processes_are_measured_with_the_supervisor_itself(launcher: Launcher) -> None:
    launcher.start("spot", IDLE)
    usages = launcher.measure()
    assert set(usages) == {SUPERVISOR, "spot"}
    assert usages[SUPERVISOR].rss_mb > 1
    assert usages[SUPERVISOR].cpu_percent_mean > 0


def test_registered_processes_are_killed(launcher: Launcher) -> None:
    started = launcher.start("spot", IDLE)
    records = {"spot": recorded(started), "perp": ChildRecord()}
    assert kill_processes(records) == []
    assert find_process(records["spot"]) is None


def test_a_log_that_has_grown_too_long_is_put_aside(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(launcher_module, "LOG_BYTES_MAX", 3)
    for text in (b"abcd", b"efgh"):
        with open_log(tmp_path / "spot.log") as log:
            log.write(text)
    assert (tmp_path / "spot.log").read_bytes() == b"efgh"
    assert (tmp_path / "spot.log.old").read_bytes() == b"abcd"
    assert (tmp_path / "spot.log").stat().st_mode & 0o777 == 0o600
