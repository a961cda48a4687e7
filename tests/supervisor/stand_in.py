"""Stands in for a supervisor at the operator's link: answers requests from a thread of its own."""

import threading
from collections.abc import Callable
from types import TracebackType
from typing import Self

import zmq

from messages.codec import FROM_OPERATOR, encode
from messages.health import ClusterStatus
from messages.operator import CommandAccepted, FromOperator, HaltRequest, StatusReply, StatusRequest, ToOperator
from supervisor.operator_link import SOCKET_NAME
from supervisor.paths import ClusterPaths
from tests.supervisor.samples import STATUS

Answer = Callable[[FromOperator], list[bytes] | None]
"""The frames to answer with; None: answer nothing and be gone."""


def usual(request: FromOperator, status: ClusterStatus = STATUS) -> list[bytes]:
    """Answer as a supervisor in good health does."""
    reply: ToOperator
    if isinstance(request, StatusRequest):
        reply = StatusReply(request.command_id, status)
    elif isinstance(request, HaltRequest):
        reply = CommandAccepted(request.command_id, f"halted: {request.reason}")
    else:
        reply = CommandAccepted(request.command_id, "killing" if request.is_forced else "stopping")
    return [encode(reply)]


class StandIn:
    """Bound when made; serves inside a `with`, until an answer is None."""

    def __init__(self, paths: ClusterPaths, answer: Answer = usual) -> None:
        paths.create()
        self.heard: list[FromOperator] = []
        self._answer = answer
        self._context = zmq.Context()
        self._socket = self._context.socket(zmq.ROUTER)
        self._socket.bind(paths.endpoint(SOCKET_NAME))
        self._is_over = threading.Event()
        self._thread = threading.Thread(target=self._serve)

    def _serve(self) -> None:
        try:
            while not self._is_over.is_set():
                if not self._socket.poll(20):
                    continue
                peer, frame = self._socket.recv_multipart()
                request = FROM_OPERATOR.decode(frame)
                self.heard.append(request)
                replies = self._answer(request)
                if replies is None:
                    return
                for reply in replies:
                    self._socket.send_multipart([peer, reply])
        finally:
            # Answers on their way must still arrive; nobody listens any more all the same.
            self._socket.close(linger=1_000)
            self._context.term()

    @property
    def is_serving(self) -> bool:
        return self._thread.is_alive()

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._is_over.set()
        self._thread.join(10)
