"""The supervisor's shell with real processes and sockets; the children are dummies."""

import json
import os
import signal
from collections.abc import Iterator, Mapping
from pathlib import Path

import psutil
import pykka
import pytest
import structlog
import zmq

from messages.operator import CommandAccepted, HaltRequest, StopRequest
from supervisor import registry
from supervisor.actions import EXIT_CLEAN, EXIT_FAILED
from supervisor.actor import Outcome, SupervisorActor
from supervisor.child_spec import CHILDREN_SOCKET
from supervisor.closing import RunOptions
from supervisor.core import Core
from supervisor.occurrences import OperatorAsked, StopSignalled
from supervisor.operator_link import SOCKET_NAME
from supervisor.paths import ClusterPaths
from supervisor.process_birth import birth_of
from tests.supervisor.core_driver import CARRY, EXCHANGE, SPOT
from tests.supervisor.dummy_cluster import Desk, all_gone, dummy_plan, eventually, new_paths

pytestmark = pytest.mark.timeout(60)


class Running:
    """A supervisor in this process, with dummy children."""

    def __init__(
        self,
        paths: ClusterPaths,
        behaviours: Mapping[str, str] | None = None,
        options: RunOptions | None = None,
        core_type: type[Core] = Core,
        **settings: int,
    ) -> None:
        found = registry.load(paths.registry_file)
        self.plan = dummy_plan(paths, behaviours, **settings)
        self.outcome = Outcome()
        core = core_type(self.plan, found, options or RunOptions(), os.getpid())
        report = paths.state_dir / "report.json"
        self.actor = SupervisorActor.start(core, found, paths, self.outcome, report)
        self.desk = Desk(paths)

    def finish(self) -> int | None:
        assert self.outcome.is_finished.wait(20)
        return self.outcome.exit_code

    def stop(self) -> int | None:
        self.desk.link.request(StopRequest("stop"))
        return self.finish()

    def die(self) -> None:
        """End the supervisor and leave its children alone, as if it had been killed."""
        self.actor.stop()
        assert self.outcome.is_finished.wait(5)
        self.desk.link.close()


@pytest.fixture
def paths(tmp_path: Path) -> Iterator[ClusterPaths]:
    """A cluster's folders; whatever still runs in the end is killed."""
    paths = new_paths(tmp_path)
    structlog.configure(logger_factory=structlog.ReturnLoggerFactory())
    yield paths
    pykka.ActorRegistry.stop_all()
    for process in psutil.process_iter(["cmdline"]):
        if any(str(paths.specs_dir) in word for word in process.info["cmdline"] or []):
            process.kill()
    structlog.reset_defaults()


def test_a_cluster_starts_trades_stops_clean_and_leaves_no_process(paths: ClusterPaths) -> None:
    running = Running(paths, options=RunOptions(writes_report=True))
    running.desk.await_phase("trading")
    pids = running.desk.pids()
    assert len(pids) == 3
    assert running.stop() == EXIT_CLEAN
    assert all_gone(pids)
    report = json.loads((paths.state_dir / "report.json").read_text())
    assert report["stopped"] == "clean"
    assert report["strategies"][CARRY]["fills"] == 3
    assert report["processes"][CARRY]["pid"] == pids[2]
    assert registry.load(paths.registry_file) == registry.Registry(incarnation=1, epochs={CARRY: 1})


def test_spec_files_and_logs_are_for_the_owner_only(paths: ClusterPaths) -> None:
    running = Running(paths)
    running.desk.await_phase("trading")
    files = [paths.specs_dir / f"{CARRY}.json", paths.log_dir / f"{CARRY}.log", paths.registry_file]
    assert [file.stat().st_mode & 0o777 for file in files] == [0o600, 0o600, 0o600]
    assert running.stop() == EXIT_CLEAN


def test_a_killed_strategy_is_noticed_fenced_and_restarted_in_a_new_epoch(paths: ClusterPaths) -> None:
    running = Running(paths)
    running.desk.await_phase("trading")
    before = running.desk.process(CARRY)
    gateway = running.desk.process(SPOT).pid
    os.kill(before.pid, signal.SIGKILL)
    eventually(lambda: running.desk.process(CARRY).pid not in {0, before.pid}, "a new process")
    running.desk.await_phase("trading")
    eventually(lambda: "FenceStrategy" in running.desk.log(SPOT), "a fence at the gateway")
    assert "epoch=2, is_final=False" in running.desk.log(SPOT)
    assert json.loads((paths.specs_dir / f"{CARRY}.json").read_text())["epoch"] == 2
    assert running.desk.process(SPOT).pid == gateway
    assert running.desk.process(CARRY).restarts == 1
    assert running.stop() == EXIT_CLEAN


def test_a_faulted_strategy_is_restarted_and_its_fault_is_told(paths: ClusterPaths) -> None:
    running = Running(paths, {CARRY: "faulty-at-first"})
    eventually(lambda: running.desk.process(CARRY).restarts == 1, "a restart")
    status = running.desk.await_phase("trading")
    assert "carry FAULTED in state HEDGED on Quote: KeyError: 'x'" in status.alerts
    assert any("ended with exit code 3" in alert for alert in status.alerts)
    assert running.stop() == EXIT_CLEAN


def test_a_strategy_without_heartbeat_is_killed_and_restarted(paths: ClusterPaths) -> None:
    running = Running(paths, {CARRY: "silent-at-first"}, heartbeat_timeout_ms=800)
    eventually(lambda: running.desk.process(CARRY).restarts == 1, "a restart")
    status = running.desk.status()
    assert status is not None
    assert any("no heartbeat" in alert for alert in status.alerts)
    assert running.stop() == EXIT_CLEAN


def test_a_cluster_ends_by_itself_when_its_sources_are_exhausted(paths: ClusterPaths) -> None:
    running = Running(paths, {EXCHANGE: "exhausted"})
    assert running.finish() == EXIT_CLEAN


def test_a_process_that_does_not_stop_is_killed(paths: ClusterPaths) -> None:
    running = Running(paths, {SPOT: "stubborn"}, stop_deadline_ms=100)
    running.desk.await_phase("trading")
    pids = running.desk.pids()
    assert running.stop() == EXIT_FAILED
    assert all_gone(pids)


def test_a_forced_stop_ends_everything_at_once(paths: ClusterPaths) -> None:
    running = Running(paths)
    running.desk.await_phase("trading")
    pids = running.desk.pids()
    reply = running.desk.link.request(StopRequest("s", is_forced=True))
    assert isinstance(reply, CommandAccepted)
    assert running.finish() == EXIT_FAILED
    assert all_gone(pids)


def test_the_loss_of_the_exchange_fails_the_cluster(paths: ClusterPaths) -> None:
    running = Running(paths, drain_deadline_ms=100)
    running.desk.await_phase("trading")
    os.kill(running.desk.process(EXCHANGE).pid, signal.SIGKILL)
    assert running.finish() == EXIT_FAILED
    assert "Halt(" in running.desk.log(SPOT)


def test_a_supervisor_that_is_back_adopts_its_children(paths: ClusterPaths) -> None:
    first = Running(paths)
    first.desk.await_phase("trading")
    pids = first.desk.pids()
    first.die()
    second = Running(paths)
    status = second.desk.await_phase("trading")
    assert [process.pid for process in status.processes[1:]] == pids
    assert "has adopted carry, exchange, spot" in status.alerts[0]
    eventually(lambda: second.desk.process(CARRY).heartbeat_age_ms > 0, "a heartbeat")
    os.kill(pids[2], signal.SIGKILL)  # the end of an adopted process is noticed too
    eventually(lambda: second.desk.process(CARRY).restarts == 1, "a restart")
    second.desk.await_phase("trading")
    assert second.stop() == EXIT_CLEAN
    assert all_gone(pids)


def test_a_latch_with_a_huge_reason_is_obeyed_and_told_cut(paths: ClusterPaths) -> None:
    note = {"reason": "storm " + "x" * 60_000, "at_ns": -1, "by": "y" * 1_000}
    paths.halt_file.write_text(json.dumps(note))
    running = Running(paths)
    status = running.desk.await_phase("halted")
    assert status.is_halted
    cut = "storm " + "x" * 1_017 + "…"  # 6 + 1,017 + 1 = 1,024 characters
    assert [alert[:20] for alert in status.alerts] == [f"halted: {cut}"[:20]]
    for name in (SPOT, CARRY):
        eventually(lambda name=name: cut in running.desk.log(name), "the halt")  # type: ignore[misc]  # a bound name
    assert running.stop() == EXIT_CLEAN


@pytest.mark.skipif(not birth_of(os.getpid()), reason="the system tells no births of processes")
def test_a_step_of_the_wall_clock_costs_no_child_its_life(paths: ClusterPaths, monkeypatch: pytest.MonkeyPatch) -> None:
    last = Running(paths)
    last.desk.await_phase("trading")
    pids = last.desk.pids()
    create_time = psutil.Process.create_time
    monkeypatch.setattr(psutil.Process, "create_time", lambda process: create_time(process) + 3_600.0)
    for _ in range(2):  # the next supervisor, and the one after it
        last.die()
        last = Running(paths)
        assert [process.pid for process in last.desk.await_phase("trading").processes[1:]] == pids
    assert last.stop() == EXIT_CLEAN


def test_a_process_that_was_started_and_not_registered_is_killed_by_the_next_supervisor(paths: ClusterPaths) -> None:
    first = Running(paths)
    first.desk.await_phase("trading")
    pids = first.desk.pids()
    first.die()
    known = registry.load(paths.registry_file)
    children = {name: record for name, record in known.children.items() if name != SPOT}
    registry.save(paths.registry_file, registry.Registry(epochs=known.epochs, children=children, run=known.run))
    second = Running(paths)
    eventually(lambda: all_gone(pids[1:2]), "the end of the stray")
    second.desk.await_phase("trading")
    assert second.desk.process(SPOT).pid not in {0, pids[1]}
    assert second.stop() == EXIT_CLEAN


def test_frames_that_are_no_messages_are_refused_and_nothing_else(paths: ClusterPaths) -> None:
    running = Running(paths)
    running.desk.await_phase("trading")
    with zmq.Context() as context:
        for name in (CHILDREN_SOCKET, SOCKET_NAME):
            socket = context.socket(zmq.DEALER)
            socket.connect(paths.endpoint(name))
            socket.send(b"\xff nonsense")
            socket.send_multipart([b"too", b"many"])
            socket.close(1_000)
    assert running.desk.await_phase("trading").alerts == ()
    assert running.stop() == EXIT_CLEAN


class FailingCore(Core):
    def handle(self, occurrence, now_ns, random):
        if isinstance(occurrence, OperatorAsked) and isinstance(occurrence.request, HaltRequest):
            raise ZeroDivisionError("a mistake in the core")
        return super().handle(occurrence, now_ns, random)


def test_a_failing_handler_does_not_end_the_supervisor(paths: ClusterPaths) -> None:
    running = Running(paths, core_type=FailingCore)
    running.desk.await_phase("trading")
    with pytest.raises(Exception, match="no answer"):
        running.desk.link.request(HaltRequest("h", "boom"), 200)
    assert running.desk.await_phase("trading").phase == "trading"
    assert running.stop() == EXIT_CLEAN


def test_a_program_that_cannot_be_started_is_told_of(paths: ClusterPaths) -> None:
    paths.log_dir.rmdir()  # no log, no process
    running = Running(paths)
    assert running.finish() == EXIT_FAILED  # it is the exchange that cannot be started, and is lost by that


def test_a_registry_that_cannot_be_written_does_not_end_the_supervisor(paths: ClusterPaths) -> None:
    running = Running(paths)
    running.desk.await_phase("trading")
    paths.registry_file.unlink()
    paths.registry_file.mkdir()  # the file cannot be replaced any more
    (paths.registry_file / "in-the-way").touch()
    running.desk.link.request(HaltRequest("h", "x"))
    assert running.desk.await_phase("halted").is_halted
    assert running.stop() == EXIT_CLEAN


def test_a_signal_to_the_supervisor_stops_the_cluster(paths: ClusterPaths) -> None:
    running = Running(paths)
    running.desk.await_phase("trading")
    running.actor.tell(StopSignalled())
    assert running.finish() == EXIT_CLEAN
