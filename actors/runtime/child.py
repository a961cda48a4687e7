"""What every process of a cluster has in common: a command link, a heartbeat from the actor's own loop, an orderly end.

A child registers with the supervisor whenever the command link comes up, so that a supervisor that was restarted
adopts it. It goes on working while the supervisor is away.
"""

import gc
import os
import signal
import traceback
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from time import monotonic_ns
from types import FrameType
from typing import Any, ClassVar, Final, NamedTuple, TypeVar

import msgspec
import pykka
import structlog
import zmq

from actors.runtime.keys import UnsafeKey, load_keyring
from actors.runtime.links import COMMANDS_HWM, Context, Socket, monitored_dealer, open_context, try_send
from actors.runtime.logs import configure_logging
from actors.runtime.mailbox import Delivery, Mailbox, Priority, Wake, Wire
from actors.runtime.refusals import Refusals
from actors.runtime.spec import ChildSpec
from messages.base import PROTOCOL_VERSION, Message
from messages.codec import TO_CHILD, FrameError, encode
from messages.from_child import CommandDone, Heartbeat, ProcessKind, Ready, Register, StillStarting
from messages.to_child import ChildCommand, ChildNews, StopProcess

COMMANDS: Final = "commands"
NS_PER_MS: Final = 1_000_000
STARTING_PULSE_NS: Final = 10 * NS_PER_MS
"""Until a child is ready it looks at its connections this often; after that, at each heartbeat."""
COMMANDS_REMEMBERED_MAX: Final = 1_000
FAREWELL_MS: Final = 500
"""How long a child that ends waits for its last messages to leave."""
IDLE_ALLOCATIONS_MAX: Final = 20_000
"""The garbage collector is off; the actor collects when it is idle and has allocated this much since."""

EXIT_OK: Final = 0
EXIT_FAULT: Final = 3

SpecT = TypeVar("SpecT", bound=ChildSpec)
log = structlog.get_logger()


Handler = Callable[[Delivery], None]


class Port(NamedTuple):
    """Where an actor hears: a name for the logs, when it is served, what its socket yields, and its bound."""

    name: str
    priority: Priority
    wire: Wire = Wire.SINGLE
    hwm: int = COMMANDS_HWM


@dataclass
class Outcome:
    """How a child ended; a fault, until it says otherwise."""

    exit_code: int = EXIT_FAULT


class ChildActor(pykka.ThreadingActor):
    """The actor of a child process.

    Subclasses override the hooks: `on_open` (attach sockets, each with its handler), `on_command`, `on_connection`,
    `on_alarm` (the moment set by `set_alarm`), `on_pulse` (each heartbeat), `on_close`. A handler that raises
    FrameError has refused a frame; any other exception is a fault.
    """

    kind: ProcessKind
    shares_context: ClassVar[bool] = False
    """Whether the actors of this class in one process share a ZeroMQ context, and with it the I/O thread."""

    def __init__(self, spec: ChildSpec, outcome: Outcome) -> None:
        super().__init__()
        self.child = spec
        self.outcome = outcome
        self.keyring = load_keyring(spec.process, spec.keys)
        self.refusals = Refusals()
        self.epoch = 0
        self.is_ready = False
        self.is_drained = False
        self._has_registered = False
        self._alarm_ns: int | None = None
        self._pulse_ns = 0
        self._monitors: dict[str, Socket] = {}
        self._sockets: list[Socket] = []
        self._handlers: dict[str, Handler] = {}
        self._done: dict[str, CommandDone] = {}

    @staticmethod
    def _create_actor_inbox() -> Mailbox:
        return Mailbox()

    @property
    def mailbox(self) -> Mailbox:
        assert isinstance(self.actor_inbox, Mailbox)
        return self.actor_inbox

    # --- hooks --------------------------------------------------------------------------------------------------

    def on_open(self) -> None:
        """Make the actor's sockets; runs in its own thread."""

    def on_news(self, news: ChildNews) -> None:
        """Take what the supervisor tells without asking for an acknowledgement."""

    def on_command(self, command: ChildCommand) -> None:
        """Handle a command that was not handled before; answer with `finish` now or later."""

    def on_connection(self, name: str, *, is_up: bool) -> None:
        """A monitored connection was made or lost."""

    def on_registered(self) -> None:
        """The supervisor, perhaps a new one, was just told that we are here."""

    def on_alarm(self) -> None:
        """The moment set by `set_alarm` has come."""

    def on_pulse(self, mono_ns: int) -> None:
        """A heartbeat was sent."""

    def on_idle(self) -> None:
        """Nothing is waiting."""

    def on_close(self) -> None:
        """The actor ends; sockets are closed afterwards."""

    def on_fault(self, error: Exception, trace: str) -> None:
        """An exception left a handler. By default the process ends and the supervisor restarts it."""
        log.error("handler failed", process=self.child.process, error=str(error), traceback=trace)
        self.end(EXIT_FAULT)

    # --- services -----------------------------------------------------------------------------------------------

    def attach(self, port: Port, socket: Socket, handler: Handler) -> Socket:
        """Serve a socket with this handler, and close it at the end."""
        self.mailbox.attach(port.name, socket, port.priority, port.wire)
        self._handlers[port.name] = handler
        self._sockets.append(socket)
        return socket

    def connect(self, port: Port, endpoint: str, identity: str, handler: Handler) -> Socket:
        """Connect a DEALER and serve it; `on_connection` is told when its connection is made and lost."""
        socket, monitor = monitored_dealer(self.context, endpoint, identity, hwm=port.hwm)
        self._monitors[port.name] = monitor
        return self.attach(port, socket, handler)

    def tell_supervisor(self, message: Message) -> bool:
        """Send to the supervisor if it is there."""
        return try_send(self._commands, encode(message))

    def still_starting(self) -> None:
        """For a start that takes long: register as soon as the command link is up, and say that work goes on."""
        self._watch_connections()
        self.tell_supervisor(StillStarting(self.child.process))

    def set_ready(self) -> None:
        self.is_ready = True
        if self._has_registered:  # or else it is said right after that
            self.tell_supervisor(Ready(self.child.process))

    def set_alarm(self, mono_ns: int | None) -> None:
        """Call `on_alarm` once at this monotonic time; replaces the last call."""
        self._alarm_ns = mono_ns
        self._arm()

    def finish(self, command_id: str, text: str = "", *, is_ok: bool = True) -> None:
        """Acknowledge a command; a repetition of it is answered in the same way and not done again."""
        done = CommandDone(command_id, self.child.process, is_ok, text)
        self._done[command_id] = done
        if len(self._done) > COMMANDS_REMEMBERED_MAX:
            del self._done[next(iter(self._done))]
        self.tell_supervisor(done)

    def end(self, exit_code: int) -> None:
        """End the actor and with it the process."""
        self.outcome.exit_code = exit_code
        self.stop()

    # --- the actor ----------------------------------------------------------------------------------------------

    def on_start(self) -> None:
        self.context: Context = Context.instance() if self.shares_context else open_context(self.keyring)
        child = self.child
        port = Port(COMMANDS, Priority.COMMANDS)
        self._commands = self.connect(port, child.supervisor_endpoint, child.process, self._on_command_frame)
        self.on_open()
        self.mailbox.on_idle = self._housekeeping
        gc.collect()
        gc.freeze()
        gc.disable()
        self._pulse(monotonic_ns())

    def on_receive(self, message: Any) -> None:
        try:
            if type(message) is Delivery:
                self._handlers[message.port](message)
            elif message is Wake.DUE:
                self._on_due()
        except FrameError as error:
            self._refuse_frame(message, error)
        except Exception as error:  # noqa: BLE001  # the shell loop: nothing may escape to pykka, which would drop the inbox
            self.on_fault(error, traceback.format_exc())

    def _refuse_frame(self, delivery: Delivery, error: FrameError) -> None:
        count = self.refusals.add(monotonic_ns())
        if count:
            head = {"process": self.child.process, "port": delivery.port, "sender": delivery.name}
            log.warning("frame refused", **head, error=str(error), count=count)

    @property
    def refused(self) -> int:
        """Frames and connections that were refused since the start."""
        doorkeeper = self.context.doorkeeper
        return self.refusals.total + self.mailbox.refused + (doorkeeper.refusals.total if doorkeeper else 0)

    def on_stop(self) -> None:
        try:
            self.on_close()
        finally:
            for socket in self._monitors.values():
                socket.close(0)
            for socket in self._sockets:
                socket.close(FAREWELL_MS)
            if not self.shares_context:
                self.context.term()

    def _on_command_frame(self, delivery: Delivery) -> None:
        command = TO_CHILD.decode(delivery.frame)
        if isinstance(command, ChildNews):
            self.on_news(command)
            return
        done = self._done.get(command.command_id)
        if done is not None:
            self.tell_supervisor(done)
        elif isinstance(command, StopProcess):
            self.finish(command.command_id)
            self.end(EXIT_OK)
        else:
            self.on_command(command)

    def _on_due(self) -> None:
        now_ns = monotonic_ns()
        if self._alarm_ns is not None and now_ns >= self._alarm_ns:
            self._alarm_ns = None
            self.on_alarm()
        if now_ns >= self._pulse_ns:
            self._pulse(now_ns)
        self._arm()

    def _pulse(self, now_ns: int) -> None:
        self._watch_connections()
        self.tell_supervisor(Heartbeat(self.child.process, now_ns, self.mailbox.backlog, self.is_drained, self.refused))
        self.on_pulse(now_ns)
        interval_ns = self.child.heartbeat_interval_ms * NS_PER_MS
        self._pulse_ns = now_ns + (interval_ns if self.is_ready else min(interval_ns, STARTING_PULSE_NS))
        self._arm()

    def _watch_connections(self) -> None:
        for name, socket in self._monitors.items():
            for is_up in _connection_changes(socket):
                if name != COMMANDS:
                    self.on_connection(name, is_up=is_up)
                elif is_up:
                    self._register()

    def _register(self) -> None:
        self._has_registered = True
        self.tell_supervisor(
            Register(self.child.process, self.kind, os.getpid(), self.epoch, PROTOCOL_VERSION),
        )
        if self.is_ready:
            self.tell_supervisor(Ready(self.child.process))
        self.on_registered()

    def _arm(self) -> None:
        alarm_ns = self._alarm_ns
        self.mailbox.wake_at(self._pulse_ns if alarm_ns is None else min(alarm_ns, self._pulse_ns))

    def _housekeeping(self) -> None:
        if gc.get_count()[0] > IDLE_ALLOCATIONS_MAX:
            gc.collect(0)
        try:
            self.on_idle()
        except Exception as error:  # noqa: BLE001  # the mailbox calls this outside of any handler
            self.on_fault(error, traceback.format_exc())


def _connection_changes(monitor: Socket) -> list[bool]:
    changes = []
    while monitor.poll(0):
        event = int.from_bytes(monitor.recv_multipart()[0][:2], "little")
        changes.append(event == zmq.EVENT_HANDSHAKE_SUCCEEDED)
    return changes


def run_child(actor_class: type[ChildActor], spec_type: type[SpecT], arguments: Sequence[str]) -> int:
    """Run a child process until its actor has ended; its one argument is the path of its spec file.

    SIGTERM ends it in good order. :returns: the exit code.
    """
    os.umask(0o077)  # whatever a process writes is its owner's alone
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the keeper's; it ends the cluster in good order
    spec = msgspec.json.decode(Path(arguments[0]).read_bytes(), type=spec_type)
    configure_logging()
    if spec.cpus and hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, spec.cpus)
    outcome = Outcome()
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM})  # until there is an actor to stop
    try:
        actor = actor_class.start(spec, outcome)
    except UnsafeKey as error:
        log.error("keys cannot be used", process=spec.process, error=str(error))
        return EXIT_FAULT

    def on_sigterm(_signal: int, _frame: FrameType | None) -> None:
        outcome.exit_code = EXIT_OK
        actor.stop(block=False)

    signal.signal(signal.SIGTERM, on_sigterm)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGTERM})
    actor.actor_stopped.wait()
    return outcome.exit_code
