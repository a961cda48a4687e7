"""Stands in for gateways at their control sockets: answers halts from a thread of its own."""

import threading
from collections.abc import Iterable
from types import TracebackType
from typing import Self

import msgspec
import psutil
import zmq

from messages.codec import TO_CONTROL, encode
from messages.from_child import CommandDone
from messages.to_child import Halt
from supervisor import registry
from supervisor.paths import ClusterPaths
from supervisor.registry import ChildRecord, Registry


def registered(paths: ClusterPaths, *gateways: str, dead: Iterable[str] = ()) -> None:
    """Gateways of the present run: their specs, and records of processes that live (this one) or do not."""
    paths.create()
    own = psutil.Process()
    for name in gateways:
        spec = {"process": name, "control_endpoint": paths.control_endpoint(name), "venue": name}
        (paths.specs_dir / f"{name}.json").write_bytes(msgspec.json.encode(spec))
    alive = ChildRecord(pid=own.pid, created_s=own.create_time())
    children = {name: ChildRecord() if name in set(dead) else alive for name in gateways}
    known = registry.load(paths.registry_file)
    registry.save(paths.registry_file, Registry(children={**known.children, **children}, run=known.run))


class ControlStandIn:
    """The control sockets of these gateways.

    :ivar heard: (gateway, halt), in order.
    """

    def __init__(self, paths: ClusterPaths, *gateways: str, is_deaf: bool = False, frame: bytes = b"") -> None:
        registered(paths, *gateways)
        self.heard: list[tuple[str, Halt]] = []
        self._is_deaf = is_deaf
        self._frame = frame
        self._context = zmq.Context()
        self._sockets = {}
        for name in gateways:
            socket = self._context.socket(zmq.ROUTER)
            socket.bind(paths.control_endpoint(name))
            self._sockets[socket] = name
        self._is_over = threading.Event()
        self._thread = threading.Thread(target=self._serve)

    def _serve(self) -> None:
        poller = zmq.Poller()
        for socket in self._sockets:
            poller.register(socket, zmq.POLLIN)
        while not self._is_over.is_set():
            for socket in dict(poller.poll(20)):
                peer, frame = socket.recv_multipart()
                halt = TO_CONTROL.decode(frame)
                name = self._sockets[socket]
                self.heard.append((name, halt))
                if self._frame:
                    socket.send_multipart([peer, self._frame])
                if not self._is_deaf:
                    socket.send_multipart([peer, encode(CommandDone(halt.command_id, name, True, "halted"))])
        for socket in self._sockets:
            socket.close(linger=1_000)
        self._context.term()

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._is_over.set()
        self._thread.join(10)
