"""A child process: registers, beats, does each command once, and ends in good order or says that it did not."""

import gc
import logging
import os
import resource
import signal
import subprocess
import sys
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from threading import Thread
from typing import IO, Any

import pytest
import structlog
import zmq

from actors.runtime.child import COMMANDS_REMEMBERED_MAX, EXIT_FAULT, EXIT_OK, IDLE_ALLOCATIONS_MAX
from actors.runtime.links import Context, Socket, dealer, router, try_send
from actors.runtime.spec import write_spec
from messages.base import PROTOCOL_VERSION, Message
from messages.codec import FROM_CHILD, encode
from messages.from_child import CommandDone, Heartbeat, ProcessKind, Ready, Register
from messages.to_child import Drain, Halt, ReportRequest, StartTrading, StopProcess
from tests.support.echo_child import EchoSpec, main
from tests.support.sockets import PATIENCE_MS, receive, until

ROOT = Path(__file__).parents[3]


class Supervisor:
    """The supervisor's end of the command link: a ROUTER, and what it heard."""

    def __init__(self, context: Context, endpoint: str) -> None:
        self._context, self.endpoint = context, endpoint
        self.bind()

    def bind(self) -> None:
        self._socket = router(self._context, self.endpoint)

    def close(self) -> None:
        self._socket.close(0)

    def tell(self, message: Message | bytes) -> None:
        self._socket.send_multipart((b"echo", message if isinstance(message, bytes) else encode(message)))

    def hears(self) -> Message:
        sender, frame = receive(self._socket, "a message of the child")
        assert sender == b"echo"
        message: Message = FROM_CHILD.decode(frame)
        return message

    def hears_a(self, kind: type[Any]) -> Any:
        """The next message of this kind; others are passed over."""
        while not isinstance(message := self.hears(), kind):
            pass
        return message

    def asks(self, command: Message) -> CommandDone:
        self.tell(command)
        done: CommandDone = self.hears_a(CommandDone)
        return done


@pytest.fixture
def context() -> Iterator[Context]:
    context: Context = zmq.Context()
    yield context
    context.destroy(0)


@pytest.fixture
def supervisor(context: Context, tmp_path: Path) -> Supervisor:
    return Supervisor(context, f"ipc://{tmp_path}/supervisor")


class Children:
    """Starts children, and leaves none behind."""

    def __init__(self, directory: Path, supervisor: Supervisor) -> None:
        self._directory, self._supervisor = directory, supervisor
        self._started: list[subprocess.Popen[bytes]] = []

    def spec(self, **changes: Any) -> Path:
        path = self._directory / "echo.json"
        common = {"process": "echo", "cluster": "test", "supervisor_endpoint": self._supervisor.endpoint}
        write_spec(path, EchoSpec(**{"heartbeat_interval_ms": 20} | common | changes))
        return path

    def start(self, *, log: IO[bytes] | int = subprocess.PIPE, **changes: Any) -> subprocess.Popen[bytes]:
        command = (sys.executable, "-m", "tests.support.echo_child", str(self.spec(**changes)))
        child = subprocess.Popen(command, cwd=ROOT, stderr=log)
        self._started.append(child)
        return child

    def kill(self) -> None:
        for child in self._started:
            child.kill()
            child.communicate()


def end_of(child: subprocess.Popen[bytes]) -> tuple[int, str]:
    """The exit code of a child and what it wrote to its log."""
    _, log = child.communicate(timeout=PATIENCE_MS / 1_000)
    return child.returncode, (log or b"").decode()


@pytest.fixture
def children(tmp_path: Path, supervisor: Supervisor) -> Iterator[Children]:
    children = Children(tmp_path, supervisor)
    yield children
    children.kill()


def test_a_child_registers_is_ready_beats_does_each_command_once_and_stops(
    supervisor: Supervisor, children: Children
) -> None:
    child = children.start()
    assert supervisor.hears() == Register("echo", ProcessKind.EXCHANGE, child.pid, 7, PROTOCOL_VERSION)
    assert supervisor.hears() == Ready("echo")
    beats = [supervisor.hears_a(Heartbeat) for _ in range(3)]
    assert all(later.mono_ns - earlier.mono_ns >= 20_000_000 for earlier, later in pairwise(beats))
    assert {(beat.process, beat.is_drained, beat.backlog) for beat in beats} == {("echo", False, 0)}

    once = CommandDone("c1", "echo", True, "start 1")
    assert supervisor.asks(StartTrading("c1")) == once
    assert supervisor.asks(StartTrading("c1")) == once, "a repetition is answered in the same way and not done again"
    assert supervisor.asks(StartTrading("c2")) == CommandDone("c2", "echo", True, "start 2")

    supervisor.tell(b"no message at all")
    supervisor.tell(encode(Ready("echo")))  # a message of another link
    supervisor.tell(Drain("c3", 1_000))
    while not supervisor.hears_a(Heartbeat).is_drained:
        pass

    assert supervisor.asks(StopProcess("c4", 1_000)) == CommandDone("c4", "echo", True, "")
    code, log = end_of(child)
    assert code == EXIT_OK
    assert log.count('"event": "frame refused"') == 2


def test_a_child_whose_link_is_up_before_it_is_ready_registers_first_and_is_ready_once(
    supervisor: Supervisor, children: Children
) -> None:
    children.start(opens_slowly=True)
    heard = [supervisor.hears() for _ in range(4)]
    assert [type(message) for message in heard] == [Register, Ready, Heartbeat, Heartbeat]


def test_a_termination_signal_ends_a_child_in_good_order_and_an_interrupt_does_not(
    supervisor: Supervisor, children: Children
) -> None:
    child = children.start()
    supervisor.hears_a(Ready)
    child.send_signal(signal.SIGINT)  # Ctrl-C in the terminal of the cluster reaches every process of it
    assert supervisor.asks(StartTrading("c1")).is_ok
    child.terminate()
    assert end_of(child)[0] == EXIT_OK


def test_an_exception_in_a_handler_ends_a_child_with_the_code_of_a_fault_and_its_traceback(
    supervisor: Supervisor, children: Children
) -> None:
    child = children.start()
    supervisor.hears_a(Ready)
    supervisor.tell(Halt("c1", "a handler fails"))
    code, log = end_of(child)
    assert code == EXIT_FAULT
    assert '"error": "a handler fails"' in log
    assert "Traceback (most recent call last)" in log


def test_a_child_whose_log_is_on_a_full_disk_works_on(
    supervisor: Supervisor, children: Children, tmp_path: Path
) -> None:
    with (tmp_path / "log").open("wb") as log:
        child = children.start(log=log)
        supervisor.hears_a(Ready)
        resource.prlimit(child.pid, resource.RLIMIT_FSIZE, (0, 0))
        supervisor.tell(b"a frame that is refused, which is logged")
        assert supervisor.asks(StartTrading("c1")).is_ok
        supervisor.tell(StopProcess("c2", 1_000))
        assert end_of(child)[0] == EXIT_OK
    assert (tmp_path / "log").stat().st_size == 0


@pytest.mark.parametrize("hook", ["open", "close"])
def test_a_child_that_cannot_open_or_close_ends_and_says_why(
    supervisor: Supervisor, children: Children, hook: str
) -> None:
    child = children.start(fails_in=hook)
    if hook == "close":
        supervisor.hears_a(Ready)
        supervisor.tell(StopProcess("c1", 1_000))
    code, log = end_of(child)
    assert code == (EXIT_OK if hook == "close" else EXIT_FAULT)
    assert f"RuntimeError: failed in {hook}" in log


def test_a_child_works_on_without_its_supervisor_and_is_adopted_by_the_next(
    supervisor: Supervisor, children: Children, context: Context, tmp_path: Path
) -> None:
    child = children.start(bound_endpoint=f"ipc://{tmp_path}/bound")
    supervisor.hears_a(Ready)
    assert supervisor.asks(StartTrading("c1")).text == "start 1"
    supervisor.close()
    user = dealer(context, f"ipc://{tmp_path}/bound", "user")
    until(lambda: try_send(user, b"still there"), user, "the connection")
    assert receive(user, "the echo") == [b"still there"]
    supervisor.bind()
    assert supervisor.hears_a(Register) == Register("echo", ProcessKind.EXCHANGE, child.pid, 7, PROTOCOL_VERSION)
    assert supervisor.hears_a(Ready) == Ready("echo")
    assert supervisor.asks(StartTrading("c1")).text == "start 1", "it remembers what it has done"
    supervisor.tell(StopProcess("c2", 1_000))
    assert end_of(child)[0] == EXIT_OK


# --- in this process, where the thread of the actor can be looked at -------------------------------------------------


@pytest.fixture
def own_process() -> Iterator[None]:
    """Undo what `run_child` does to the process that it is made for."""
    handlers = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)}
    cpus, log_handlers = os.sched_getaffinity(0), logging.root.handlers[:]
    signal.signal(signal.SIGTERM, signal.SIG_IGN)  # one that comes too early must not end the tests
    yield
    for number, handler in handlers.items():
        signal.signal(number, handler)
    os.sched_setaffinity(0, cpus)
    structlog.reset_defaults()
    logging.root.handlers[:] = log_handlers
    gc.unfreeze()
    gc.enable()


class Script(Thread):
    """A supervisor that follows a script in a thread of its own, while the child has the main thread."""

    def __init__(self, act: Any) -> None:
        super().__init__(daemon=True)
        self._act = act
        self.error: BaseException | None = None
        self.start()

    def run(self) -> None:
        try:
            self._act()
        except BaseException as error:  # noqa: BLE001  # raised again in the test's thread
            self.error = error
            os.kill(os.getpid(), signal.SIGTERM)

    def check(self) -> None:
        self.join(PATIENCE_MS / 1_000)
        if self.error is not None:
            raise self.error


@pytest.mark.usefixtures("own_process")
def test_a_child_hears_of_its_connections_its_alarms_and_its_frames(
    supervisor: Supervisor, children: Children, context: Context, tmp_path: Path
) -> None:
    peer: list[Socket] = [router(context, f"ipc://{tmp_path}/peer")]
    cpu = min(os.sched_getaffinity(0))

    def heard(number: int) -> str:
        return supervisor.asks(ReportRequest(f"r{number}")).text

    def act() -> None:
        supervisor.hears_a(Ready)
        numbers = iter(range(1_000))
        while "peer-up alarm" not in heard(next(numbers)):
            supervisor.hears_a(Heartbeat)
        peer.pop().close(0)
        while "peer-up peer-down" not in heard(next(numbers)):
            supervisor.hears_a(Heartbeat)
        for number in range(COMMANDS_REMEMBERED_MAX + 2):
            assert supervisor.asks(StartTrading(f"s{number}")).text == f"start {number + 1}"
        assert supervisor.asks(StartTrading("s0")).text == "start 1003", "the oldest commands are forgotten"
        assert supervisor.asks(StartTrading("s0")).text == "start 1003"
        supervisor.tell(b"no message at all")
        hoard = [[number] for number in range(2 * IDLE_ALLOCATIONS_MAX)]
        while gc.get_count()[0] > len(hoard) // 2:  # the collector is off: the actor collects when it is idle
            supervisor.hears_a(Heartbeat)
        supervisor.close()
        supervisor.bind()
        supervisor.hears_a(Register)
        user = dealer(context, f"ipc://{tmp_path}/bound", "user")
        until(lambda: try_send(user, b"frame"), user, "the connection")
        assert receive(user, "the echo") == [b"frame"]
        user.send(b"poison")

    spec = children.spec(
        peer_endpoint=f"ipc://{tmp_path}/peer", bound_endpoint=f"ipc://{tmp_path}/bound", cpus=(cpu,)
    )  # fmt: skip
    script = Script(act)
    assert main([str(spec)]) == EXIT_FAULT
    script.check()
    assert os.sched_getaffinity(0) == {cpu}


@pytest.mark.usefixtures("own_process")
@pytest.mark.parametrize("way", ["told", "signalled"])
def test_a_child_that_was_told_to_stop_or_was_signalled_ends_well(
    supervisor: Supervisor, children: Children, way: str
) -> None:
    def act() -> None:
        supervisor.hears_a(Ready)
        if way == "told":
            supervisor.tell(StopProcess("c1", 1_000))
        else:
            os.kill(os.getpid(), signal.SIGTERM)

    script = Script(act)
    assert main([str(children.spec())]) == EXIT_OK
    script.check()
