"""Helpers of the tests that use real sockets. Every wait has a deadline; none is a sleep."""

from collections.abc import Callable
from time import monotonic

import zmq

from actors.runtime.links import Socket

PATIENCE_MS = 10_000
"""How long a test waits for what must come; it takes milliseconds unless something is wrong."""


def receive(socket: Socket, what: str) -> list[bytes]:
    """The next message of a socket, in its parts."""
    assert socket.poll(PATIENCE_MS), f"{what} did not come within {PATIENCE_MS} ms"
    return socket.recv_multipart()


def until(condition: Callable[[], bool], socket: Socket, what: str) -> None:
    """Try again, a few milliseconds apart (a poll of an idle socket), until something is so."""
    deadline = monotonic() + PATIENCE_MS / 1_000
    while not condition():
        assert monotonic() < deadline, f"{what}: not so within {PATIENCE_MS} ms"
        socket.poll(5, zmq.POLLIN)
