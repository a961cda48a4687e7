"""The inbox of an actor, which polls the actor's own sockets: no reader thread, no hop.

Ports are served in the order of their priority, so that commands come before execution reports and those before
market data. Market data is drained when the actor is behind, and then conflated by topic (the newest quote wins),
unless its source must not lose anything. Commands and reports are never conflated or dropped.

Everything but `put` and `empty` belongs to the actor's own thread: sockets are attached in `on_start`.
"""

import contextlib
import os
from collections import deque
from collections.abc import Callable
from enum import Enum, IntEnum
from time import monotonic_ns
from typing import Any, Final, NamedTuple, cast

import msgspec
import zmq
from pykka._envelope import Envelope  # an inbox hands envelopes out; pykka has no public name for them

from actors.runtime.links import Socket, is_secured
from messages.topics import SEPARATOR, Channel

DRAIN_MAX: Final = 256
"""Frames drained from a market data port at once, before commands are looked at again."""
BACKLOG_BETWEEN_POLLS: Final = 3
"""Frames of a backlog delivered before the other ports are looked at again: a poll costs as much as a frame."""
POLL_MS_MAX: Final = 1_000
NS_PER_MS: Final = 1_000_000

_CONFLATED = tuple(f"{channel.value}:".encode() for channel in (Channel.QUOTE, Channel.DEPTH, Channel.MARK))


class Priority(IntEnum):
    """The order in which ports are served."""

    COMMANDS = 0
    EXECUTIONS = 1
    MARKET_DATA = 2


class Wire(Enum):
    """What a port's socket yields."""

    ROUTED = "sender and frame"
    SINGLE = "one frame"
    PUBLISHED = "topic and payload in one frame; may be conflated"


class Delivery(msgspec.Struct, frozen=True, gc=False):
    """One frame as it arrived.

    :ivar sender: the routing id at a ROUTER, where an answer goes; the topic on a market data port.
    :ivar user: at a ROUTER with keys: the name that belongs to the sender's key. Empty elsewhere.
    """

    port: str
    sender: bytes
    frame: bytes
    user: str = ""

    @property
    def name(self) -> str:
        """Who has sent it: by its key, or, without keys, by what it calls itself."""
        return self.user or self.sender.decode("ascii", "replace")

    def is_from(self, name: str) -> bool:
        """Whether it may speak for this name; without keys, everybody may."""
        return not self.user or self.user == name


class Letter(msgspec.Struct, frozen=True, gc=False):
    """What pykka takes for an envelope; made in C, since one is made for every message."""

    message: Any  # Any: as pykka has it
    reply_to: None = None


_letter: Final = cast("Callable[[Any], Envelope[Any]]", Letter)


class FdReady(NamedTuple):
    """A watched file descriptor is readable (a pidfd: the process has ended)."""

    fd: int


class Wake(Enum):
    """The moment set by `wake_at` has come."""

    DUE = "due"


class _Port(NamedTuple):
    name: str
    socket: Socket
    priority: Priority
    wire: Wire
    is_secured: bool


class Mailbox:
    """A pykka `ActorInbox`.

    :param is_lossless: deliver every market data frame in order, conflating nothing.
    :ivar conflated: frames that were replaced by a newer one of their topic.
    :ivar refused: multipart frames of a wrong shape, dropped.
    :ivar on_idle: called when there is nothing to deliver, before waiting: the place for housekeeping.
    """

    def __init__(self) -> None:
        self.is_lossless = False
        self.conflated = 0
        self.refused = 0
        self.on_idle: Callable[[], None] | None = None
        self._local: deque[Envelope[Any]] = deque()
        self._wake_reader, self._wake_writer = os.pipe()
        os.set_blocking(self._wake_reader, False)
        os.set_blocking(self._wake_writer, False)
        self._ports: dict[Any, _Port] = {}
        self._fds: set[int] = set()
        self._pollables: list[tuple[Any, int]] = []
        self._urgent: list[tuple[Any, int]] = []
        self._backlog: dict[Any, Delivery] = {}
        self._serial = 0
        self._unpolled = 0
        self._wake_at_ns: int | None = None
        self._rebuild()

    # --- any thread ---------------------------------------------------------------------------------------------

    def put(self, item: Envelope[Any], /) -> None:
        """Deliver an envelope of pykka's own (tell, ask, stop); served first."""
        self._local.append(item)
        with contextlib.suppress(BlockingIOError):  # the pipe is full of wake-ups already
            os.write(self._wake_writer, b"\x00")

    def empty(self) -> bool:
        return not self._local

    # --- the actor's thread -------------------------------------------------------------------------------------

    @property
    def backlog(self) -> int:
        """Frames that were taken from the sockets and not yet delivered."""
        return len(self._backlog)

    def attach(self, name: str, socket: Socket, priority: Priority, wire: Wire) -> None:
        """Serve a socket from now on."""
        self._ports[socket] = _Port(name, socket, priority, wire, is_secured(socket))
        self._rebuild()

    def watch(self, fd: int) -> None:
        """Deliver `FdReady` whenever this descriptor is readable, with the priority of a command."""
        self._fds.add(fd)
        self._rebuild()

    def unwatch(self, fd: int) -> None:
        self._fds.discard(fd)
        self._rebuild()

    def wake_at(self, mono_ns: int | None) -> None:
        """Deliver `Wake.DUE` once the monotonic clock has reached this; None: not at all. Replaces the last call."""
        self._wake_at_ns = mono_ns

    def get(self) -> Envelope[Any]:
        """The next message, waiting for it if need be."""
        while True:
            if self._local:
                return self._local.popleft()
            if self._backlog and self._unpolled < BACKLOG_BETWEEN_POLLS and not self._is_due():
                self._unpolled += 1
                return _letter(self._pop_backlog())
            self._unpolled = 0
            if self._backlog or self._is_due():
                return self._serve(zmq.zmq_poll(self._urgent, 0), is_behind=False) or self._next_at_hand()
            envelope = self._serve(zmq.zmq_poll(self._pollables, 0), is_behind=True)
            if envelope is None:
                if self.on_idle is not None:
                    self.on_idle()
                envelope = self._serve(zmq.zmq_poll(self._pollables, self._timeout_ms()), is_behind=False)
            if envelope is not None:
                return envelope

    def close(self) -> None:
        """Close the wake-up pipe; sockets belong to whoever attached them."""
        os.close(self._wake_reader)
        os.close(self._wake_writer)

    # --- helpers ------------------------------------------------------------------------------------------------

    def _rebuild(self) -> None:
        ports = sorted(self._ports.values(), key=lambda port: port.priority)
        fds: list[tuple[Any, int]] = [(fd, zmq.POLLIN) for fd in (self._wake_reader, *sorted(self._fds))]
        self._pollables = fds + [(port.socket, zmq.POLLIN) for port in ports]
        self._urgent = fds + [(port.socket, zmq.POLLIN) for port in ports if port.wire is not Wire.PUBLISHED]

    def _is_due(self) -> bool:
        return self._wake_at_ns is not None and monotonic_ns() >= self._wake_at_ns

    def _timeout_ms(self) -> int:
        if self._wake_at_ns is None:
            return POLL_MS_MAX
        left_ms = -(-(self._wake_at_ns - monotonic_ns()) // NS_PER_MS)
        return max(0, min(left_ms, POLL_MS_MAX))

    def _serve(self, ready: list[tuple[Any, int]], *, is_behind: bool) -> Envelope[Any] | None:
        """Take one message from the first ready port; `ready` is in the order of the ports' priority."""
        for source, _ in ready:
            port = self._ports.get(source)
            if port is None:
                if source != self._wake_reader:
                    return _letter(FdReady(source))
                os.read(self._wake_reader, DRAIN_MAX)
                if self._local:
                    return self._local.popleft()
                continue
            message = self._take(port, is_behind=is_behind)
            if message is not None:
                return _letter(message)
        return None

    def _take(self, port: _Port, *, is_behind: bool) -> Delivery | None:
        socket = port.socket
        if port.wire is Wire.PUBLISHED:
            if is_behind:
                self._drain(port)
                return self._pop_backlog()
            return _published(port.name, socket.recv(zmq.NOBLOCK))
        sender = socket.recv(zmq.NOBLOCK) if port.wire is Wire.ROUTED else b""
        frame = socket.recv(zmq.NOBLOCK, copy=False)
        if frame.more:
            self._drop_rest(socket)
            return None
        user = frame.get("User-Id") if port.is_secured and port.wire is Wire.ROUTED else ""
        return Delivery(port.name, sender, frame.bytes, user)  # type: ignore[arg-type]  # a property of a frame is text

    def _drop_rest(self, socket: Socket) -> None:
        """A message of too many frames has come as a whole: its other frames are at hand."""
        self.refused += 1
        while socket.recv(zmq.NOBLOCK, copy=False).more:
            pass

    def _drain(self, port: _Port) -> None:
        backlog, receive, lossless = self._backlog, port.socket.recv, self.is_lossless
        try:
            for _ in range(DRAIN_MAX):
                delivery = _published(port.name, receive(zmq.NOBLOCK))
                if not lossless and delivery.sender.startswith(_CONFLATED):
                    self.conflated += delivery.sender in backlog
                    backlog[delivery.sender] = delivery
                else:
                    self._serial += 1
                    backlog[self._serial] = delivery
        except zmq.Again:
            pass

    def _next_at_hand(self) -> Envelope[Any]:
        """What can be delivered without the sockets; a due wake-up goes first, so that a backlog starves no timer."""
        if self._is_due():
            self._wake_at_ns = None
            return _letter(Wake.DUE)
        return _letter(self._pop_backlog())

    def _pop_backlog(self) -> Delivery:
        backlog = self._backlog
        return backlog.pop(next(iter(backlog)))


def _published(port: str, frame: bytes) -> Delivery:
    end = frame.find(SEPARATOR) + 1
    return Delivery(port, frame[:end], frame[end:])
