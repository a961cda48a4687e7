"""`outcry halt` and `outcry unhalt`: with everything alive, with the supervisor dead, and with nothing running."""

import json
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import psutil
import pytest
from typer.testing import CliRunner

from gateways.safety import halt_latch
from messages.codec import encode
from messages.operator import (
    CommandAccepted,
    CommandFinished,
    ConfirmationNeeded,
    FromOperator,
    HaltRequest,
    UnhaltRequest,
)
from supervisor import kill_switch, registry
from supervisor.cluster_finder import locate
from supervisor.commands import app as commands
from supervisor.commands import asking
from supervisor.kill_switch import gateways_of, halted_because
from supervisor.lock import ClusterLock
from supervisor.operator_link import NotRunning
from supervisor.paths import ClusterPaths, UnsafePath
from supervisor.registry import ChildRecord, Registry, RunRecord
from tests.supervisor.control_stand_in import ControlStandIn, registered
from tests.supervisor.idle_process import IDLE
from tests.supervisor.stand_in import StandIn, usual

UNHALT_TEXT = "cluster demo is halted for 3 s: storm"


@pytest.fixture(autouse=True)
def root(monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="oc") as folder:
        monkeypatch.setenv("XDG_RUNTIME_DIR", folder)
        monkeypatch.setenv("OUTCRY_STATE", f"{folder}/state")
        monkeypatch.setattr(kill_switch, "CONTROL_TIMEOUT_MS", 300)
        monkeypatch.setattr("supervisor.operator_link.TIMEOUT_MS", 500)
        monkeypatch.setattr(asking, "POLL_S", 0.0)
        yield Path(folder)


@pytest.fixture
def paths(root: Path) -> ClusterPaths:
    made = ClusterPaths(root / "state" / "demo")
    made.create()
    return made


@pytest.fixture
def stack() -> Iterator[ExitStack]:
    with ExitStack() as held:
        yield held


@pytest.fixture
def orphan(paths: ClusterPaths) -> Iterator["subprocess.Popen[bytes]"]:
    """A process of a cluster whose supervisor is dead."""
    process = subprocess.Popen(IDLE)
    record = ChildRecord(pid=process.pid, created_s=psutil.Process(process.pid).create_time())
    registry.save(paths.registry_file, Registry(children={"carry": record}))
    yield process
    process.kill()
    process.wait()


def run(*arguments: str | Path, input: str | None = None) -> Any:
    return CliRunner().invoke(commands.app, [str(argument) for argument in arguments], input=input)


def unhalts(request: FromOperator) -> list[bytes]:
    """Answers as a supervisor does whose cluster is halted."""
    if not isinstance(request, UnhaltRequest):
        return usual(request)
    if request.token != "t1":
        return [encode(ConfirmationNeeded(request.command_id, "t1", UNHALT_TEXT))]
    return [encode(CommandFinished(request.command_id, True, "the halt is over"))]


def typing(monkeypatch: pytest.MonkeyPatch, answer: str) -> None:
    """The operator sits at a terminal and types this."""
    monkeypatch.setattr("supervisor.commands.asking._is_at_terminal", lambda: True)
    monkeypatch.setattr("supervisor.commands.kill.typer.prompt", lambda *_, **__: answer)


LONG = "storm " + "x" * 100_000
CUT = "storm " + "x" * 1_017 + "…"  # 6 + 1,017 + 1 = 1,024 characters


def test_a_halt_with_a_reason_of_any_length_reaches_everybody_cut(paths: ClusterPaths, stack: ExitStack) -> None:
    supervisor = stack.enter_context(StandIn(paths))
    gateways = stack.enter_context(ControlStandIn(paths, "spot"))
    result = run("halt", "--reason", LONG)
    assert (result.exit_code, result.stdout) == (
        0,
        f"halted: {CUT}; gateways: spot acknowledged; supervisor: told\n",
    )
    assert [halt.reason for _, halt in gateways.heard] == [CUT]
    assert [request.reason for request in supervisor.heard if isinstance(request, HaltRequest)] == [CUT]
    assert str(halted_because(paths)).startswith(f"{CUT} (by operator, since ")


def test_an_unhalt_with_a_reason_of_any_length_is_heard(paths: ClusterPaths, stack: ExitStack) -> None:
    supervisor = stack.enter_context(StandIn(paths, unhalts))
    assert run("unhalt", "--reason", LONG, "--yes", "--no-wait").exit_code == 0
    assert {request.reason for request in supervisor.heard if isinstance(request, UnhaltRequest)} == {CUT}


# --- halt --------------------------------------------------------------------------------------------------------


def test_a_halt_sets_the_latch_and_tells_every_gateway_and_the_supervisor(
    paths: ClusterPaths, stack: ExitStack
) -> None:
    supervisor = stack.enter_context(StandIn(paths))
    gateways = stack.enter_context(ControlStandIn(paths, "spot", "perp"))
    result = run("halt", "--reason", "storm", "--flatten")
    told = "halted: storm; gateways: perp acknowledged, spot acknowledged; supervisor: told\n"
    assert (result.exit_code, result.stdout) == (0, told)
    note = halt_latch.read(paths.halt_file)
    assert note is not None
    assert (note.reason, note.by, note.is_flattening) == ("storm", "operator", True)
    assert {(name, halt.reason, halt.is_flattening) for name, halt in gateways.heard} == {
        ("spot", "storm", True),
        ("perp", "storm", True),
    }
    (request,) = supervisor.heard
    assert isinstance(request, HaltRequest)
    assert request.is_flattening


def test_a_halt_works_while_the_supervisor_is_dead(
    paths: ClusterPaths, orphan: "subprocess.Popen[bytes]", stack: ExitStack
) -> None:
    stack.enter_context(ControlStandIn(paths, "spot"))
    result = run("halt", "--json")
    assert result.exit_code == 0
    assert json.loads(result.stdout) == {
        "is_latched": True,
        "gateways": {"spot": "acknowledged"},
        "supervisor": "not running",
        "problem": "",
    }
    assert orphan.poll() is None


def test_a_dead_gateway_is_halted_by_the_latch_and_a_silent_one_is_a_problem(
    paths: ClusterPaths, stack: ExitStack
) -> None:
    stack.enter_context(StandIn(paths))
    registered(paths, "perp", dead=["perp"])
    result = run("halt")
    assert (result.exit_code, "perp dead" in result.stdout) == (0, True)
    stack.enter_context(ControlStandIn(paths, "spot", is_deaf=True, frame=b"\x93nonsense"))
    result = run("halt")
    assert result.exit_code == 1
    assert "perp dead, spot silent" in result.stdout
    assert result.stderr == "no answer from spot: end the process if its orders do not go\n"


def test_a_supervisor_that_hangs_does_not_keep_the_gateways_from_halting(
    paths: ClusterPaths, stack: ExitStack, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("supervisor.commands.kill.SUPERVISOR_TIMEOUT_MS", 50)
    stack.enter_context(StandIn(paths, lambda _: []))
    stack.enter_context(ControlStandIn(paths, "spot"))
    result = run("halt")
    assert result.exit_code == 0
    assert "spot acknowledged; supervisor: not told (no answer from ipc://" in result.stdout


def test_a_cluster_that_does_not_run_is_halted_before_its_next_run(paths: ClusterPaths) -> None:
    result = run("halt", "--cluster", "demo", "--reason", "exam")
    assert (result.exit_code, result.stdout) == (
        0,
        "halted: exam; gateways: none running; supervisor: not running\n",
    )
    assert halt_latch.read(paths.halt_file) is not None


def test_without_a_name_there_must_be_a_cluster_that_runs(root: Path) -> None:
    result = run("halt")
    assert result.exit_code == 3
    assert result.stderr.endswith("name one that does not run with --cluster\n")
    assert run("halt", "--cluster", "never").exit_code == 3


def test_a_latch_that_cannot_be_written_is_a_problem(paths: ClusterPaths, stack: ExitStack) -> None:
    stack.enter_context(StandIn(paths))
    paths.halt_file.mkdir()
    result = run("halt", "--flatten")
    assert result.exit_code == 1
    assert f"the halt file {paths.halt_file} cannot be written" in result.stderr


def test_keys_that_cannot_be_trusted_keep_the_latch_from_nothing(
    paths: ClusterPaths, stack: ExitStack, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise UnsafePath("operator.key has mode 0644")

    monkeypatch.setattr("supervisor.commands.kill.keyring_of", refuse)
    stack.enter_context(StandIn(paths))
    result = run("halt")
    assert result.exit_code == 1
    assert "operator.key has mode 0644" in result.stderr
    assert halt_latch.read(paths.halt_file) is not None


def test_specs_of_an_earlier_config_and_files_that_are_none_name_no_gateway(paths: ClusterPaths) -> None:
    registered(paths, "spot")
    (paths.specs_dir / "old.json").write_text('{"process": "old", "control_endpoint": "ipc://old"}')
    (paths.specs_dir / "bad.json").write_text("{")
    (paths.specs_dir / "carry.json").write_text('{"process": "carry"}')
    assert gateways_of(paths) == ("spot",)
    paths.registry_file.write_text("{")
    assert gateways_of(paths) == ()


# --- unhalt ------------------------------------------------------------------------------------------------------


def test_an_unhalt_without_a_terminal_says_what_it_would_do_and_does_nothing(
    paths: ClusterPaths, stack: ExitStack
) -> None:
    supervisor = stack.enter_context(StandIn(paths, unhalts))
    result = run("unhalt")
    assert result.exit_code == 2
    assert result.stderr.splitlines() == [
        UNHALT_TEXT,
        "nothing was done: say it again with --yes if that is what you want",
    ]
    assert len(supervisor.heard) == 1


def test_an_unhalt_that_is_sure_says_what_it_does_and_does_it(paths: ClusterPaths, stack: ExitStack) -> None:
    stack.enter_context(StandIn(paths, unhalts))
    result = run("unhalt", "--yes")
    assert (result.exit_code, result.stdout) == (0, f"{UNHALT_TEXT}\nthe halt is over\n")


@pytest.mark.parametrize(("answer", "code"), [("demo", 0), (" demo ", 0), ("yes", 1), ("", 1)])
def test_the_operator_types_the_name_of_the_cluster(
    paths: ClusterPaths, stack: ExitStack, monkeypatch: pytest.MonkeyPatch, answer: str, code: int
) -> None:
    stack.enter_context(StandIn(paths, unhalts))
    typing(monkeypatch, answer)
    result = run("unhalt")
    assert result.exit_code == code
    assert ("the halt is over" if code == 0 else "nothing was done") in result.output


def test_a_cluster_without_a_supervisor_is_not_unhalted(paths: ClusterPaths, orphan: "subprocess.Popen[bytes]") -> None:
    result = run("unhalt", "--yes")
    assert result.exit_code == 3
    assert "only that may end a halt: `outcry up CONFIG` first" in result.stderr
    assert orphan.poll() is None


def test_the_halt_of_a_cluster_that_does_not_run_is_ended_offline(paths: ClusterPaths) -> None:
    run("halt", "--cluster", "demo", "--reason", "exam")
    run_record = RunRecord(is_halted=True, is_latched=True, halt_reason="exam", halts=2)
    registry.save(paths.registry_file, Registry(incarnation=3, epochs={"carry": 4}, run=run_record))
    refused = run("unhalt", "--cluster", "demo")
    assert refused.exit_code == 2
    assert "its next run would start halted: exam (by operator, since " in refused.stderr
    done = run("unhalt", "--cluster", "demo", "--yes", "--json")
    assert done.exit_code == 0
    assert json.loads(done.stdout) == {
        "outcome": "done",
        "text": "the halt of demo is over: its next run starts trading",
    }
    assert halt_latch.read(paths.halt_file) is None
    expected = Registry(incarnation=3, epochs={"carry": 4}, run=RunRecord(halts=2))
    assert registry.load(paths.registry_file) == expected
    assert run("unhalt", "--cluster", "demo").stdout == "demo is not halted\n"


def test_a_cluster_that_is_just_starting_is_not_unhalted_offline(paths: ClusterPaths) -> None:
    run("halt", "--cluster", "demo")
    lock = ClusterLock.acquire(paths.lock_file, "demo")
    try:
        result = run("unhalt", "--cluster", "demo", "--yes")
    finally:
        lock.release()
    assert result.exit_code == 1
    assert result.stderr.startswith("demo stays halted: cluster demo is already running")


def test_why_a_cluster_is_halted_is_known_without_its_latch_too(paths: ClusterPaths) -> None:
    assert halted_because(paths) is None
    registry.save(paths.registry_file, Registry(run=RunRecord(is_halted=True, halt_reason="storm")))
    assert halted_because(paths) == "storm"


def test_a_cluster_that_starts_halted_says_so_loudly(paths: ClusterPaths, monkeypatch: pytest.MonkeyPatch) -> None:
    run("halt", "--cluster", "demo", "--reason", "exam")
    monkeypatch.setattr("supervisor.keeper.run", lambda *_: 0)
    result = run("up", "--no-status")
    assert result.stderr.startswith("!!! demo starts HALTED: exam (by operator, since ")
    assert "no order is sent before the operator says: outcry unhalt" in result.stderr


def test_a_cluster_is_located_whether_or_not_it_runs(paths: ClusterPaths, root: Path) -> None:
    file = root / "demo.toml"
    file.write_text('[cluster]\nname = "demo"\n')
    for named in ((file, None, None), (None, "demo", None), (None, None, paths.state_dir)):
        assert locate(*named).state_dir == paths.state_dir
    with pytest.raises(NotRunning):
        locate(None, None, None)


def test_a_status_in_answer_to_an_unhalt_is_no_end(paths: ClusterPaths, stack: ExitStack) -> None:
    answers = iter(range(100))

    def slow(request: FromOperator) -> list[bytes]:
        if next(answers) < 3:
            return [encode(CommandAccepted(request.command_id, "the gateways are told"))]
        return [encode(CommandFinished(request.command_id, False, "spot stays halted"))]

    stack.enter_context(StandIn(paths, slow))
    result = run("unhalt")
    assert (result.exit_code, result.stderr) == (1, "spot stays halted\n")
