"""The operator's side of the link to a running cluster: one request, one answer."""

import contextlib
import time
from types import TracebackType
from typing import Self
from uuid import uuid4

import zmq

from actors.runtime.keys import Keyring
from actors.runtime.links import Socket, dealer, open_context
from messages.codec import TO_OPERATOR, FrameError, encode
from messages.operator import FromOperator, ToOperator

SOCKET_NAME = "operator"
"""The supervisor binds its ROUTER for operators under this name in the cluster's runtime directory."""

TIMEOUT_MS = 2_000
RESEND_MS = 300
"""A request is said again so often: what was told to a supervisor that has died since is told to the next one."""


class OperatorLinkError(Exception):
    """The base of the errors of this link."""


class NotRunning(OperatorLinkError):
    """Nobody answers: the cluster is not running, or its supervisor is on its way back."""


class BadReply(OperatorLinkError):
    """The answer is no message of this link; probably another version is running."""


def new_command_id() -> str:
    return uuid4().hex


class OperatorLink:
    """A connection to the supervisor of one cluster; not to be shared between threads.

    :param keyring: the operator's; None where the cluster's links have no keys.
    :raises UnsafeKey: the keyring does not know the endpoint.
    """

    def __init__(self, endpoint: str, keyring: Keyring | None = None) -> None:
        self.endpoint = endpoint
        self._context = open_context(keyring)
        self._socket: Socket = dealer(self._context, endpoint, f"operator-{new_command_id()}")

    def request(self, message: FromOperator, timeout_ms: int | None = None) -> ToOperator:
        """Send a request until the answer comes that carries its command id; older answers are passed over.

        Every request is done once, however often it is heard.

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
            self._await_reply(deadline, encode(message))
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

    def _await_reply(self, deadline: float, frame: bytes) -> None:
        while (remaining_ms := int((deadline - time.monotonic()) * 1_000)) > 0:
            if self._socket.poll(min(remaining_ms, RESEND_MS), zmq.POLLIN):
                return
            with contextlib.suppress(zmq.Again):  # there is no connection just now
                self._socket.send(frame, zmq.NOBLOCK)
        if not self._socket.poll(0, zmq.POLLIN):
            raise NotRunning(f"no answer from {self.endpoint}")
