"""A strategy's end of its link to one gateway: greeting, the sequence of reports, and orders that never queue."""

from enum import Enum
from typing import Final

from actors.runtime.links import Socket, try_send
from messages.base import PROTOCOL_VERSION, Message
from messages.codec import encode
from messages.gateway_link import ExecutionsApplied, Hello, Welcome
from messages.orders import ExecutionReport

GREETING_RETRY_NS: Final = 500_000_000
APPLIED_EVERY: Final = 32
"""Reports are acknowledged when so many have been handed over, or at the next heartbeat."""


class LinkState(Enum):
    DOWN = "not connected"
    GREETING = "connected; waiting for the welcome"
    UP = "welcomed; orders may be sent"


class GatewayLink:
    """One DEALER to one gateway.

    :ivar last_seq: the last report of this gateway that is in the strategy's journal.
    """

    def __init__(self, venue: str, strategy: str, epoch: int) -> None:
        self.venue = venue
        self.state = LinkState.DOWN
        self.last_seq = 0
        self._socket: Socket | None = None
        self._strategy = strategy
        self._epoch = epoch
        self._applied_seq = 0
        self._greeted_ns = 0

    def bind(self, socket: Socket) -> None:
        """Use this DEALER from now on."""
        self._socket = socket

    def greet(self, mono_ns: int, *, is_lossless: bool) -> None:
        """Introduce ourselves, again where no welcome has come for a while."""
        if self.state is LinkState.GREETING and mono_ns - self._greeted_ns >= GREETING_RETRY_NS:
            hello = Hello(self._strategy, self._epoch, self.last_seq + 1, is_lossless, PROTOCOL_VERSION)
            if self.tell(hello):
                self._greeted_ns = mono_ns

    def on_connection(self, *, is_up: bool) -> None:
        self.state = LinkState.GREETING if is_up else LinkState.DOWN
        self._greeted_ns = -GREETING_RETRY_NS

    def on_welcome(self, welcome: Welcome) -> bool:
        """Whether the welcome is for this incarnation and complete: no report before it is missing."""
        if welcome.epoch != self._epoch or welcome.last_seq != self.last_seq:
            return False
        self.state = LinkState.UP
        return True

    def is_next(self, report: ExecutionReport) -> bool:
        """Whether the report is to be handed on: the next of its sequence, or one that has no number.

        A repeated one is dropped; after a gap we greet again.
        """
        if not report.seq:
            return True
        if report.seq == self.last_seq + 1:
            self.last_seq = report.seq
            return True
        if report.seq > self.last_seq + 1:
            self.on_connection(is_up=True)
        return False

    def send_order(self, frame: bytes) -> bool:
        """Send now or not at all."""
        return self.state is LinkState.UP and self._socket is not None and try_send(self._socket, frame)

    def tell(self, message: Message) -> bool:
        return self._socket is not None and try_send(self._socket, encode(message))

    @property
    def unacknowledged(self) -> int:
        """Reports that were handed over and that the gateway still keeps for us."""
        return self.last_seq - self._applied_seq

    def acknowledge(self) -> None:
        """Tell the gateway which reports it need not keep for us: those that are in our journal on disk."""
        if self.tell(ExecutionsApplied(self._strategy, self.last_seq, self._epoch)):
            self._applied_seq = self.last_seq
