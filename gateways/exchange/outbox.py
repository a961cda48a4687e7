"""What the exchange has still to tell one gateway: reports are never dropped because a link is full for a moment."""

from collections import deque
from typing import Final

import zmq

from actors.runtime.links import Socket

PENDING_MAX: Final = 100_000


class OutboxFull(Exception):
    """A connected gateway has not read its reports for far too long."""


class Outbox:
    """Reports to one peer of a ROUTER, in order.

    A peer that is not connected is told nothing: it asks when it is back, as it would ask any venue.

    :ivar address: the routing id that it last logged in from.
    """

    def __init__(self, socket: Socket, peer: str) -> None:
        self._socket = socket
        self._peer = peer
        self.address = peer.encode()
        self._pending: deque[bytes] = deque()

    def send(self, frame: bytes) -> None:
        """Send, or keep for the next `flush` where the link is full.

        :raises OutboxFull: more than PENDING_MAX reports wait.
        """
        self._pending.append(frame)
        if len(self._pending) > PENDING_MAX:
            raise OutboxFull(f"{PENDING_MAX} reports wait for gateway {self._peer}, which reads none; restart it")
        self.flush()

    def flush(self) -> None:
        """Send what was kept."""
        while self._pending:
            try:
                self._socket.send_multipart((self.address, self._pending[0]), zmq.NOBLOCK)
            except zmq.Again:
                return
            except zmq.ZMQError as error:
                if error.errno != zmq.EHOSTUNREACH:
                    raise
                self._pending.clear()
                return
            self._pending.popleft()
