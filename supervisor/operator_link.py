"""The operator's side of the link to a running cluster: one request, one answer."""

import time
from types import TracebackType
from typing import Self
from uuid import uuid4

import zmq

from messages.codec import FRAME_BYTES_MAX, TO_OPERATOR, FrameError, encode
from messages.operator import FromOperator, ToOperator

SOCKET_NAME = "operator"
"""The supervisor binds its ROUTER for operators under this name in the cluster's runtime directory."""

TIMEOUT_MS = 2_000


class OperatorLinkError(Exception):
    """The base of the errors of this link."""


class NotRunning(OperatorLinkError):
    """Nobody answers: the cluster is not running, or its supervisor is on its way back."""


class BadReply(OperatorLinkError):
    """The answer is no message of this link; probably another version is running."""


def new_command_id() -> str:
    return uuid4().hex


class OperatorLink:
    """A connection to the supervisor of one cluster; not to be shared between threads."""

    def __init__(self, endpoint: str) -> None:
        self.endpoint = endpoint
        self._context = zmq.Context()
        self._socket = self._context.socket(zmq.DEALER)
        self._socket.setsockopt(zmq.LINGER, 0)
        self._socket.setsockopt(zmq.IMMEDIATE, 1)
        self._socket.setsockopt(zmq.MAXMSGSIZE, FRAME_BYTES_MAX)
        self._socket.connect(endpoint)

    def request(self, message: FromOperator, timeout_ms: int | None = None) -> ToOperator:
        """Send a request and wait for the answer that carries its command id; older answers are passed over.

        :param timeout_ms: `TIMEOUT_MS` by default.
        :raises NotRunning: no answer within the timeout.
        :raises BadReply: an answer that cannot be read.
        """
        timeout_ms = TIMEOUT_MS if timeout_ms is None else timeout_ms
        deadline = time.monotonic() + timeout_ms / 1_000
        self._socket.setsockopt(zmq.SNDTIMEO, timeout_ms)  # IMMEDIATE: nothing is sent before there is a connection
        try:
            self._socket.send(encode(message))
        except zmq.Again as error:
            raise NotRunning(f"nobody answers at {self.endpoint}") from error
        while True:
            self._await_reply(deadline)
            try:
                reply = TO_OPERATOR.decode(self._socket.recv())
            except FrameError as error:
                raise BadReply(f"cannot read the answer of {self.endpoint}: {error}") from error
            if reply.command_id == message.command_id:
                return reply

    def close(self) -> None:
        self._socket.close()
        self._context.term()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _await_reply(self, deadline: float) -> None:
        remaining_ms = max(0, int((deadline - time.monotonic()) * 1_000))
        if not self._socket.poll(remaining_ms, zmq.POLLIN):
            raise NotRunning(f"no answer from {self.endpoint}")
