"""The publishing end of the market data link: one frame a message, a sequence a topic, last values for newcomers."""

from time import monotonic_ns
from typing import Final

import msgspec
import zmq

from actors.runtime.links import Socket
from messages.codec import FrameError, encode
from messages.market import Checkpoint, ClockTick, Depth, EndOfData, Gap, MarketData, MarkPrice, Quote, Trade
from messages.topics import Channel, topic

_CHANNELS: Final[dict[type, Channel]] = {
    Quote: Channel.QUOTE,
    Trade: Channel.TRADE,
    Depth: Channel.DEPTH,
    MarkPrice: Channel.MARK,
    Gap: Channel.GAP,
    ClockTick: Channel.CLOCK,
    Checkpoint: Channel.CHECKPOINT,
    EndOfData: Channel.END,
}
_LASTING: Final = (Quote, Depth, MarkPrice, ClockTick, EndOfData)
"""What a new subscriber is told at once. Trades and gaps are events; a checkpoint belongs to those who were there."""
_SUBSCRIBE: Final = 1


class Publisher:
    """Publishes over an XPUB socket.

    :param is_stamping: number each message in its topic and stamp it with the monotonic clock; False where whoever
        passes it on will do so.
    :ivar published: messages sent so far.
    """

    def __init__(self, socket: Socket, *, is_stamping: bool = True) -> None:
        self._socket = socket
        self._is_stamping = is_stamping
        self._topics: dict[tuple[type, str], bytes] = {}
        self._seqs: dict[bytes, int] = {}
        self._last: dict[bytes, bytes] = {}
        self.published = 0

    def publish(self, message: MarketData) -> None:
        """Send to whoever listens."""
        kind = type(message)
        if isinstance(message, ClockTick | Checkpoint | EndOfData):
            name = self._topic(kind, message.venue)
        else:
            name = self._topic(kind, message.instrument)
            if self._is_stamping:
                seq = self._seqs[name] = self._seqs.get(name, 0) + 1
                message = msgspec.structs.replace(message, seq=seq, published_mono_ns=monotonic_ns())
        frame = name + encode(message)
        if kind in _LASTING:
            self._last[name] = frame
        self.published += 1
        self._socket.send(frame, zmq.NOBLOCK)

    def on_subscription(self, frame: bytes) -> None:
        """Answer a subscription with the last value of its topic.

        :raises FrameError: the frame is neither a subscription nor the end of one.
        """
        if not frame or frame[0] > _SUBSCRIBE:
            raise FrameError(f"market data: a frame of {len(frame)} bytes came from a reader and is no subscription")
        if frame[0] == _SUBSCRIBE:
            last = self._last.get(frame[1:])
            if last is not None:
                self._socket.send(last, zmq.NOBLOCK)

    def _topic(self, kind: type, subject: str) -> bytes:
        name = self._topics.get((kind, subject))
        if name is None:
            name = self._topics[kind, subject] = topic(_CHANNELS[kind], subject)
        return name
