"""A byte-level proxy between the two ends of a link: it delays, stalls, drops, cuts and reorders connections.

It only moves bytes, so that it works under CURVE, and needs no rights. For TCP it listens on a port of its own, which
one end is told instead of the other's. The socket file of a unix (`ipc`) endpoint can be moved aside: the proxy then
listens in its place, and neither end needs to know.

One thread serves all connections. Commands may come from any thread; each holds for the connections that are open and
for those to come, until the next one or its time is over.
"""

import contextlib
import selectors
import socket
import threading
import time
from collections import deque
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Final, Self

CHUNK_BYTES: Final = 65_536
BUFFERED_BYTES_MAX: Final = 8 * 1024 * 1024
"""Held in one direction of one connection; past it the proxy does not read on, and the sender's own buffers fill up."""
TICK_S: Final = 0.002
CONNECT_TIMEOUT_S: Final = 2.0
JOIN_S: Final = 5.0

Address = tuple[str, int] | str
"""(host, port) of TCP, or the path of a unix socket."""


class Pipe:
    """One direction of one connection: chunks, each with the time from which it may go on."""

    def __init__(self, source: socket.socket, sink: socket.socket) -> None:
        self.source, self.sink = source, sink
        self.chunks: deque[tuple[float, bytes]] = deque()
        self.buffered = 0
        self.has_ended = False


class _Connection:
    def __init__(self, client: socket.socket, server: socket.socket, opened_s: float) -> None:
        self.client, self.server, self.opened_s = client, server, opened_s
        self.pipes = (Pipe(client, server), Pipe(server, client))

    def close(self) -> None:
        for end in (self.client, self.server):
            with contextlib.suppress(OSError):
                end.close()


class FaultProxy:
    """A proxy that listens at one address and connects to another.

    :ivar accepted: connections taken so far; `moved_bytes` through all of them, both ways; `dropped_bytes` likewise.
    """

    def __init__(self, listen: Address, target: Address) -> None:
        self._target = target
        self._aside: tuple[Path, Path] | None = None
        self._listener = _listen(listen)
        self._selector = selectors.DefaultSelector()
        self._connections: list[_Connection] = []
        self._lock = threading.RLock()
        self._has_moved = threading.Condition(self._lock)
        self._delay_s = 0.0
        self._stalled_until_s = 0.0
        self._refused_until_s = 0.0
        self._is_dropping = False
        self._reversed_until_s = 0.0
        self._has_ended = threading.Event()
        self.accepted = self.moved_bytes = self.dropped_bytes = 0
        self._thread = threading.Thread(target=self._run, name="fault-proxy", daemon=True)
        self._thread.start()

    @classmethod
    def tcp(cls, port: int, host: str = "127.0.0.1") -> Self:
        """In front of a TCP port; connect to `endpoint` instead."""
        return cls((host, 0), (host, port))

    @classmethod
    def in_place_of(cls, path: Path) -> Self:
        """In the place of a unix socket that somebody listens on: its file is moved aside until the proxy closes.

        Connections that are open already stay as they are; cut them by restarting one of their ends, or be first.
        """
        aside = path.with_name(f"{path.name}.behind")
        path.rename(aside)
        proxy = cls(str(path), str(aside))
        proxy._aside = (aside, path)
        return proxy

    @property
    def endpoint(self) -> str:
        """Where to connect, as ZeroMQ writes it."""
        name = self._listener.getsockname()
        return f"ipc://{name}" if isinstance(name, str) else f"tcp://{name[0]}:{name[1]}"

    @property
    def open_connections(self) -> int:
        with self._lock:
            return len(self._connections)

    @property
    def held_bytes(self) -> int:
        """Taken in, and not passed on yet, both ways."""
        with self._lock:
            return sum(pipe.buffered for connection in self._connections for pipe in connection.pipes)

    def wait_for(self, is_so: Callable[[], bool], timeout_s: float) -> bool:
        """Wait until something is so of this proxy; False where it is not in time."""
        with self._has_moved:
            return self._has_moved.wait_for(is_so, timeout_s)

    # --- commands -----------------------------------------------------------------------------------------------

    def delay(self, seconds: float) -> None:
        """Every byte comes later by this from now on; 0 ends it."""
        with self._lock:
            self._delay_s = seconds

    def stall(self, seconds: float) -> None:
        """Nothing moves for so long; then all of it does, in order. Connections stay open."""
        with self._lock:
            self._stalled_until_s = time.monotonic() + seconds

    def drop(self, *, is_dropping: bool = True) -> None:
        """Read what comes and throw it away: a hole in the stream. Whoever speaks over it must notice."""
        with self._lock:
            self._is_dropping = is_dropping

    def cut(self, seconds: float = 0.0) -> int:
        """Break every connection, with what is under way, and refuse new ones for so long. :returns: how many broke."""
        with self._lock:
            self._refused_until_s = time.monotonic() + seconds
            cut, self._connections = self._connections, []
            for connection in cut:
                self._forget(connection)
            return len(cut)

    def reorder(self, seconds: float) -> None:
        """For so long hold back older connections until the newest has been served: what was sent first comes last.

        Within one connection the order is kept, as it always is.
        """
        with self._lock:
            self._reversed_until_s = time.monotonic() + seconds

    def heal(self) -> None:
        """Move bytes as they come."""
        with self._lock:
            self._delay_s = self._stalled_until_s = self._refused_until_s = self._reversed_until_s = 0.0
            self._is_dropping = False

    def close(self) -> None:
        """Cut everything, and put a socket file that was moved aside back."""
        self._has_ended.set()
        self._thread.join(JOIN_S)
        self.cut()
        self._listener.close()
        self._selector.close()
        if self._aside is not None:
            behind, place = self._aside
            with contextlib.suppress(FileNotFoundError):
                behind.replace(place)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    # --- the thread ---------------------------------------------------------------------------------------------

    def _run(self) -> None:
        self._selector.register(self._listener, selectors.EVENT_READ)
        while not self._has_ended.is_set():
            ready = self._selector.select(TICK_S)
            with self._lock:
                for key, _ in ready:
                    if key.fileobj is self._listener:
                        self._accept()
                    else:
                        self._read(key.data[0], key.data[1])
                self._write_due()
                self._pace()
                self._has_moved.notify_all()

    def _accept(self) -> None:
        client, _ = self._listener.accept()
        if time.monotonic() < self._refused_until_s:
            client.close()
            return
        try:
            server = _connect(self._target)
        except OSError:
            client.close()
            return
        connection = _Connection(client, server, time.monotonic())
        for pipe in connection.pipes:
            pipe.source.setblocking(False)
            self._selector.register(pipe.source, selectors.EVENT_READ, (connection, pipe))
        self._connections.append(connection)
        self.accepted += 1

    def _read(self, connection: _Connection, pipe: Pipe) -> None:
        if connection not in self._connections or pipe.has_ended:
            return
        try:
            data = pipe.source.recv(CHUNK_BYTES)
        except BlockingIOError:
            return
        except OSError:
            data = b""
        if not data:
            pipe.has_ended = True
            with contextlib.suppress(KeyError, ValueError):
                self._selector.unregister(pipe.source)
        elif self._is_dropping:
            self.dropped_bytes += len(data)
        else:
            pipe.chunks.append((time.monotonic() + self._delay_s, data))
            pipe.buffered += len(data)

    def _write_due(self) -> None:
        now_s = time.monotonic()
        if now_s < self._stalled_until_s:
            return
        is_reversed = now_s < self._reversed_until_s
        order = reversed(self._connections) if is_reversed else self._connections
        for connection in list(order):
            for pipe in connection.pipes:
                self._write(pipe, now_s)
            is_waiting = any(pipe.chunks for pipe in connection.pipes)
            if any(pipe.has_ended for pipe in connection.pipes) and not is_waiting:
                self._connections.remove(connection)
                self._forget(connection)
            elif is_reversed:
                break  # only the newest moves

    def _write(self, pipe: Pipe, now_s: float) -> None:
        while pipe.chunks and pipe.chunks[0][0] <= now_s:
            due_s, data = pipe.chunks[0]
            try:
                sent = pipe.sink.send(data)
            except BlockingIOError:
                return
            except OSError:
                pipe.chunks.clear()
                pipe.buffered, pipe.has_ended = 0, True
                return
            self.moved_bytes += sent
            pipe.buffered -= sent
            if sent < len(data):
                pipe.chunks[0] = (due_s, data[sent:])
                return
            pipe.chunks.popleft()

    def _pace(self) -> None:
        """Read no further from whoever has too much under way."""
        for connection in self._connections:
            for pipe in connection.pipes:
                if pipe.has_ended:
                    continue
                is_read = pipe.source in self._selector.get_map()
                if pipe.buffered > BUFFERED_BYTES_MAX and is_read:
                    self._selector.unregister(pipe.source)
                elif pipe.buffered <= BUFFERED_BYTES_MAX and not is_read:
                    self._selector.register(pipe.source, selectors.EVENT_READ, (connection, pipe))

    def _forget(self, connection: _Connection) -> None:
        for pipe in connection.pipes:
            with contextlib.suppress(KeyError, ValueError):
                self._selector.unregister(pipe.source)
        connection.close()


def _listen(address: Address) -> socket.socket:
    if isinstance(address, str):
        listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        listener.bind(address)
        Path(address).chmod(0o600)
    else:
        listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(address)
    listener.listen(128)
    listener.setblocking(False)
    return listener


def _connect(address: Address) -> socket.socket:
    kind = socket.AF_UNIX if isinstance(address, str) else socket.AF_INET
    server = socket.socket(kind, socket.SOCK_STREAM)
    server.settimeout(CONNECT_TIMEOUT_S)
    try:
        server.connect(address)
    except OSError:
        server.close()
        raise
    server.setblocking(False)
    if kind == socket.AF_INET:
        server.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return server
