"""The commands: what they write, where, and the exit codes, which are a contract."""

import json
import subprocess
import sys
import tempfile
import types
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import psutil
import pytest
from typer.testing import CliRunner

from messages.codec import encode
from messages.operator import CommandRefused, HaltRequest, StatusReply, StopRequest
from supervisor import cli, registry
from supervisor.cluster_finder import kill_orphans
from supervisor.commands import app as commands
from supervisor.commands import cluster
from supervisor.commands import stop as stopping
from supervisor.commands.up_options import UpOptions
from supervisor.lock import AlreadyRunning, ClusterLock
from supervisor.paths import ClusterPaths, UnsafePath
from supervisor.plain import to_plain
from supervisor.registry import ChildRecord, Registry, RunRecord
from supervisor.status_view import summary
from tests.supervisor.idle_process import IDLE
from tests.supervisor.samples import STATUS
from tests.supervisor.stand_in import Answer, StandIn, usual

COMMANDS = ("up", "check", "status", "halt", "stop")


@pytest.fixture(autouse=True)
def root(monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The state root, which is also short enough for the sockets."""
    with tempfile.TemporaryDirectory(prefix="oc") as folder:
        monkeypatch.setenv("XDG_RUNTIME_DIR", folder)
        monkeypatch.setenv("OUTCRY_STATE", f"{folder}/state")
        monkeypatch.setattr(cluster, "WATCH_INTERVAL_S", 0.0)
        monkeypatch.setattr("supervisor.operator_link.TIMEOUT_MS", 500)
        yield Path(folder)


@pytest.fixture
def clusters(root: Path) -> Iterator[Any]:
    """Start stand-ins for clusters by name: `clusters("demo")`."""
    with ExitStack() as stack:
        yield lambda name, answer=usual: stack.enter_context(StandIn(ClusterPaths(root / "state" / name), answer))


def run(*arguments: str | Path) -> Any:
    return CliRunner().invoke(commands.app, [str(argument) for argument in arguments])


@pytest.fixture
def bad_config(root: Path) -> Path:
    file = root / "bad.toml"
    file.write_text('[cluster]\nname = "demo"\nhartbeat_interval_ms = 5')
    return file


class TestHelp:
    @pytest.mark.parametrize("command", COMMANDS)
    def test_every_command_has_examples_and_the_exit_codes(self, command: str) -> None:
        result = run(command, "--help")
        assert 0 == result.exit_code
        assert f"outcry {command}" in result.output
        assert "Exit codes: 0 done;" in result.output

    def test_the_help_names_every_command(self) -> None:
        output = run("--help").output
        assert all(f"│ {command} " in output for command in COMMANDS)

    def test_the_help_has_examples(self) -> None:
        output = run("--help").output
        assert all(f"outcry {words}" in output for words in ("up", "check examples/demo.toml", "status --watch"))
        assert "Exit codes: 0 done;" in output

    def test_the_version_is_told(self) -> None:
        result = run("--version")
        assert (0, "outcry 0.1.0\n") == (result.exit_code, result.output)

    @pytest.mark.parametrize("arguments", [["bogus"], ["up", "--for", "soon"], ["up", "--for", "-1"], ["status", "-x"]])
    def test_wrong_usage_ends_in_2(self, arguments: list[str]) -> None:
        assert 2 == run(*arguments).exit_code

    def test_the_command_is_the_same_app(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(sys, "argv", ["outcry", "--version"])
        with pytest.raises(SystemExit, match="0"):
            cli.main()

    @pytest.mark.parametrize("error", [KeyboardInterrupt(), SystemExit(130)])
    def test_an_interrupt_is_a_word_and_no_traceback(
        self, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], error: BaseException
    ) -> None:
        def interrupt() -> None:
            raise error

        monkeypatch.setattr(commands, "app", interrupt)
        with pytest.raises(SystemExit, match="130"):
            cli.main()
        assert "interrupted\n" == capsys.readouterr().err


class TestCheck:
    def test_the_embedded_config_is_right(self) -> None:
        result = run("check")
        assert (0, "ok: cluster demo, gateways: 3, strategies: 4\n") == (result.exit_code, result.stdout)

    def test_a_bad_config_is_a_list_on_stderr(self, bad_config: Path) -> None:
        result = run("check", bad_config)
        assert (2, "") == (result.exit_code, result.stdout)
        assert [
            f"2 mistakes in {bad_config}:",
            "  cluster.hartbeat_interval_ms: unknown key; did you mean heartbeat_interval_ms?",
            "  gateways: missing key; expected a list",
        ] == result.stderr.splitlines()

    def test_a_right_config_is_described_as_json(self) -> None:
        result = run("check", "--json")
        assert 0 == result.exit_code
        described = json.loads(result.stdout)
        assert (True, "demo") == (described["ok"], described["cluster"])
        assert {"id": "carry-btc", "kind": "spot-futures", "enabled": True} == described["strategies"][0]
        assert ["spot-a", "spot-b", "futures"] == [gateway["id"] for gateway in described["gateways"]]

    def test_mistakes_are_told_as_json(self, bad_config: Path) -> None:
        result = run("check", bad_config, "--json")
        assert 2 == result.exit_code
        told = json.loads(result.stdout)
        assert (False, str(bad_config)) == (told["ok"], told["source"])
        assert {
            "path": "cluster.hartbeat_interval_ms",
            "found": "unknown key",
            "expected": "",
            "nearest": "heartbeat_interval_ms",
        } == told["mistakes"][0]


class TestUp:
    @pytest.fixture
    def kept(self, monkeypatch: pytest.MonkeyPatch) -> list[Any]:
        """What the keeper is asked, instead of keeping a cluster."""
        asked: list[Any] = []

        def keep(config: Path | None, state_dir: Path, options: UpOptions) -> int:
            asked.extend((config, state_dir, options))
            return 4

        keeper = types.ModuleType("supervisor.keeper")
        monkeypatch.setattr(keeper, "run", keep, raising=False)
        monkeypatch.setitem(sys.modules, "supervisor.keeper", keeper)
        monkeypatch.setattr("supervisor.keeper", keeper, raising=False)
        return asked

    def test_the_keeper_is_given_the_embedded_config_and_its_state_directory(self, kept: list[Any], root: Path) -> None:
        result = run("up")
        assert [None, root / "state" / "demo", UpOptions()] == kept
        assert 4 == result.exit_code, "the keeper's exit code is the command's"

    def test_the_keeper_is_given_every_option(self, kept: list[Any], root: Path) -> None:
        report, state = root / "report.json", root / "elsewhere"
        run("up", "examples/demo.toml", "--for", "1.5", "--report", report, "--stay", "--state", state, "--no-status")
        options = UpOptions(for_seconds=1.5, report=report, stay=True, show_status=False)
        assert [Path("examples/demo.toml"), state, options] == kept

    def test_a_bad_config_starts_nothing(self, kept: list[Any], bad_config: Path) -> None:
        assert 2 == run("up", bad_config).exit_code
        assert [] == kept

    def test_a_report_that_could_not_be_written_starts_nothing(self, kept: list[Any], root: Path) -> None:
        result = run("up", "--report", root)
        told = f"the report cannot be written to {root}: it is a directory\n"
        assert (2, told) == (result.exit_code, result.stderr)
        assert [] == kept

    def test_a_state_directory_that_is_not_ours_ends_in_2(
        self, kept: list[Any], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def refuse(*_: object) -> int:
            raise UnsafePath("var/demo has mode 0755")

        monkeypatch.setattr("supervisor.keeper.run", refuse)
        result = run("up")
        assert (2, "var/demo has mode 0755\n") == (result.exit_code, result.stderr)
        assert [] == kept


class TestWhichCluster:
    def test_the_only_running_cluster_needs_no_name(self, clusters: Any) -> None:
        clusters("desk")
        assert 0 == run("status").exit_code

    def test_a_cluster_that_has_ended_is_not_running(self, clusters: Any, root: Path) -> None:
        ended = ClusterPaths(root / "state" / "ended")
        ended.create()
        ended.socket_path("operator").touch()
        clusters("desk")
        assert 0 == run("status").exit_code
        result = run("status", "--cluster", "ended")
        assert (3, f"cluster ended is not running (state directory {ended.state_dir})\n") == (
            result.exit_code,
            result.stderr,
        )

    def test_without_any_cluster_nothing_is_running(self, root: Path) -> None:
        result = run("status")
        assert (3, f"no cluster is running under {root / 'state'}\n") == (result.exit_code, result.stderr)

    def test_of_several_clusters_one_must_be_named(self, clusters: Any) -> None:
        clusters("left")
        clusters("right")
        result = run("status")
        told = "several clusters are running: left, right; name one with --cluster\n"
        assert (2, told) == (result.exit_code, result.stderr)
        assert 0 == run("status", "--cluster", "right").exit_code

    def test_a_cluster_may_be_named_by_its_config(self, clusters: Any, bad_config: Path) -> None:
        clusters("demo")
        clusters("other")
        assert 0 == run("status", bad_config).exit_code, "its name is enough, whatever else is wrong in the file"

    def test_a_config_without_a_name_ends_in_2(self, root: Path) -> None:
        (root / "empty.toml").touch()
        assert 2 == run("halt", root / "empty.toml").exit_code

    def test_a_cluster_may_be_named_by_its_state_directory(self, clusters: Any, root: Path) -> None:
        clusters("left")
        clusters("right")
        assert 0 == run("status", "--state", root / "state" / "left").exit_code

    def test_a_cluster_is_named_once(self) -> None:
        result = run("status", "--cluster", "a", "--state", "b")
        assert (2, "name the cluster once: by CONFIG, --cluster or --state\n") == (result.exit_code, result.stderr)


class TestSupervisorDead:
    @pytest.fixture
    def orphan(self) -> Iterator["subprocess.Popen[bytes]"]:
        process = subprocess.Popen(IDLE)
        yield process
        process.kill()
        process.wait()

    @pytest.fixture
    def desk(self, root: Path, orphan: "subprocess.Popen[bytes]") -> ClusterPaths:
        return self.left_behind(root, "desk", orphan)

    @staticmethod
    def left_behind(root: Path, name: str, orphan: "subprocess.Popen[bytes]") -> ClusterPaths:
        """A cluster that was halted, and of which one process lives and another does not."""
        paths = ClusterPaths(root / "state" / name)
        paths.create()
        alive = ChildRecord(pid=orphan.pid, created_s=psutil.Process(orphan.pid).create_time())
        children = {"carry": alive, "spot": ChildRecord(pid=orphan.pid, created_s=1.0)}
        run_record = RunRecord(is_halted=True, halt_reason="storm")
        registry.save(
            paths.registry_file, Registry(incarnation=2, epochs={"carry": 4}, children=children, run=run_record)
        )
        return paths

    @pytest.mark.parametrize("words", [["status"], ["stop"], ["status", "--cluster", "desk"]])
    def test_processes_without_a_supervisor_are_told_of(
        self, desk: ClusterPaths, orphan: "subprocess.Popen[bytes]", words: list[str]
    ) -> None:
        result = run(*words)
        assert 3 == result.exit_code
        assert result.stderr == (
            f"cluster desk: its supervisor is dead, 1 process trades on: carry (pid {orphan.pid}); "
            "`outcry up CONFIG` adopts them, `outcry stop --now` kills them\n"
        )
        assert orphan.poll() is None

    def test_they_are_killed_by_a_forced_stop(self, desk: ClusterPaths, orphan: "subprocess.Popen[bytes]") -> None:
        result = run("stop", "--now")
        assert (0, "killed: carry\n") == (result.exit_code, result.stdout)
        assert not psutil.pid_exists(orphan.pid), "it is killed, and was waited for"
        halted = RunRecord(is_halted=True, halt_reason="storm")
        expected = Registry(incarnation=2, epochs={"carry": 4}, run=halted)
        assert expected == registry.load(desk.registry_file), "the operator knows of the end, and ended no halt"
        assert 3 == run("stop", "--now").exit_code

    def test_while_a_keeper_lives_they_are_left_alone(
        self, desk: ClusterPaths, orphan: "subprocess.Popen[bytes]"
    ) -> None:
        lock = ClusterLock.acquire(desk.lock_file, "desk")
        try:
            assert 3 == run("stop", "--now", "--cluster", "desk").exit_code
            with pytest.raises(AlreadyRunning):
                kill_orphans(desk)
        finally:
            lock.release()
        assert orphan.poll() is None

    def test_a_supervisor_that_came_back_meanwhile_is_left_alone(
        self, desk: ClusterPaths, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def refuse(_: ClusterPaths) -> list[str]:
            raise AlreadyRunning("desk", 7)

        monkeypatch.setattr(stopping, "kill_orphans", refuse)
        result = run("stop", "--now")
        assert 1 == result.exit_code
        assert "process 7 runs it" in result.stderr

    def test_those_that_cannot_be_killed_are_told_of(self, desk: ClusterPaths, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("supervisor.cluster_finder.kill_processes", lambda _: ["carry"])
        result = run("stop", "--now")
        assert (1, "cannot be killed: carry\n") == (result.exit_code, result.stderr)
        assert registry.load(desk.registry_file).children

    def test_of_several_one_must_be_named(
        self, desk: ClusterPaths, root: Path, orphan: "subprocess.Popen[bytes]"
    ) -> None:
        self.left_behind(root, "floor", orphan)
        assert 2 == run("stop", "--now").exit_code
        assert orphan.poll() is None

    def test_a_damaged_registry_tells_of_nothing(self, desk: ClusterPaths) -> None:
        desk.registry_file.write_text("{")
        assert 3 == run("stop", "--now").exit_code
        assert "not running" in run("status", "--cluster", "desk").stderr

    def test_a_running_cluster_is_stopped_by_its_supervisor(
        self, desk: ClusterPaths, clusters: Any, orphan: "subprocess.Popen[bytes]", monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(stopping, "STOP_WAIT_S", 0.0)
        supervisor = clusters("desk")
        run("stop", "--now")
        assert 1 == len(supervisor.heard)
        assert orphan.poll() is None


def then_gone(*answers: Answer) -> Answer:
    """Answer so many requests, then be gone."""
    left = list(answers)
    return lambda request: left.pop(0)(request) if left else None


class TestStatus:
    def test_the_status_is_drawn(self, clusters: Any) -> None:
        clusters("demo")
        output = run("status").stdout
        assert output.startswith("demo  trading  0:01:13")
        assert "carry-btc OPENING_FUTURES_HEDGE, holds" in output

    def test_the_status_is_json_with_the_names_of_its_fields(self, clusters: Any) -> None:
        clusters("demo")
        assert to_plain(STATUS) == json.loads(run("status", "--json").stdout)

    def test_watching_ends_well_with_the_cluster(self, clusters: Any) -> None:
        clusters("demo", then_gone(usual, usual))
        result = run("status", "--watch")
        assert (0, f"{summary(STATUS)}\n") == (result.exit_code, result.stdout)
        assert "demo does not answer any more\n" == result.stderr

    def test_watching_as_json_is_one_object_a_line(self, clusters: Any) -> None:
        clusters("demo", then_gone(usual, usual))
        lines = run("status", "--watch", "--json").stdout.splitlines()
        assert [to_plain(STATUS)] * 2 == [json.loads(line) for line in lines]

    def test_a_watcher_who_has_seen_enough_is_no_failure(self, clusters: Any, monkeypatch: pytest.MonkeyPatch) -> None:
        def interrupt(_: float) -> None:
            raise KeyboardInterrupt

        clusters("demo")
        monkeypatch.setattr("time.sleep", interrupt)
        assert 0 == run("status", "--watch").exit_code

    def test_a_refused_request_ends_in_1(self, clusters: Any) -> None:
        clusters("demo", lambda request: [encode(CommandRefused(request.command_id, "not yet"))])
        result = run("status")
        assert (1, "not yet\n") == (result.exit_code, result.stderr)

    def test_an_answer_of_another_version_ends_in_1(self, clusters: Any) -> None:
        clusters("demo", lambda _: [b"\x91nonsense"])
        result = run("status")
        assert 1 == result.exit_code
        assert result.stderr.startswith("cannot read the answer of ipc://")


class TestHaltAndStop:
    def test_a_halt_carries_its_reason(self, clusters: Any) -> None:
        supervisor = clusters("demo")
        result = run("halt", "--reason", "storm")
        assert (0, "halted: storm; gateways: none running; supervisor: told\n") == (result.exit_code, result.stdout)
        (request,) = supervisor.heard
        assert isinstance(request, HaltRequest)

    def test_a_refused_halt_ends_in_1(self, clusters: Any) -> None:
        clusters("demo", lambda request: [encode(CommandRefused(request.command_id, "halted already"))])
        result = run("halt")
        assert (1, "the supervisor refuses: halted already\n") == (result.exit_code, result.stderr)

    def test_a_status_in_answer_to_a_halt_ends_in_1(self, clusters: Any) -> None:
        clusters("demo", lambda request: [encode(StatusReply(request.command_id, STATUS))])
        assert 1 == run("halt").exit_code

    def test_a_halt_without_a_cluster_ends_in_3(self) -> None:
        assert 3 == run("halt").exit_code

    @pytest.mark.parametrize(("options", "is_forced"), [([], False), (["--now"], True)])
    def test_a_stop_waits_for_the_end(
        self, clusters: Any, monkeypatch: pytest.MonkeyPatch, options: list[str], is_forced: bool
    ) -> None:
        ends: list[StandIn] = []

        def end(_: float) -> None:
            ends.pop().__exit__(None, None, None)

        supervisor = clusters("demo")
        ends.append(supervisor)
        monkeypatch.setattr("time.sleep", end)
        result = run("stop", *options)
        assert (0, []) == (result.exit_code, ends), "it waited once, and then the cluster had ended"
        (request,) = supervisor.heard
        assert isinstance(request, StopRequest)
        assert is_forced is request.is_forced

    def test_a_stop_waits_for_the_keeper_too(self, clusters: Any, root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        held: list[ClusterLock] = []
        supervisor = clusters("demo")
        held.append(ClusterLock.acquire(root / "state" / "demo" / "lock", "demo"))

        def end(_: float) -> None:
            if supervisor.is_serving:
                supervisor.__exit__(None, None, None)
            else:
                held.pop().release()

        monkeypatch.setattr("time.sleep", end)
        assert (0, []) == (run("stop").exit_code, held)

    def test_a_cluster_that_does_not_end_in_time_ends_the_command_in_1(
        self, clusters: Any, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        clusters("demo")
        monkeypatch.setattr(stopping, "STOP_WAIT_S", 0.0)
        result = run("stop")
        assert (1, "demo is still stopping after 0 s\n") == (result.exit_code, result.stderr)
