"""Market streams of Binance to market data: every frame is told as events, counted as not wanted, or named unknown.

One `MarketData` for the instruments of one market, whatever the number of its connections. The shell hands it each
frame and each depth snapshot with the time that it came, and asks the venue for a snapshot on `SnapshotNeeded`.
"""

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Final

import msgspec

from gateways.binance.frames import AnyBookTicker, MarkPriceUpdate, combined, decode_any_book_ticker
from gateways.binance.instrument_feed import FeedEvent, InstrumentFeed, OnFrame
from gateways.binance.malformed import DECODE_ERRORS, malformed
from gateways.binance.market import Market
from gateways.binance.stream_kinds import (
    NOT_WANTED,
    OPEN_INTEREST,
    RPI_DEPTH,
    SHUTDOWN,
    WANTED,
    EventHeader,
    FrameHeader,
    ServerClosing,
    SubscriptionAnswered,
    SubscriptionRefused,
    UnknownMessage,
    answer_of,
    decode_event_header,
    decode_event_headers,
    decode_frame_header,
    unknown,
)
from gateways.native.wire import SnapshotNeeded
from messages.instruments import Instrument
from messages.market import Gap

OTHER_INSTRUMENT: Final = "of another instrument"
KIND_BY_CHANNEL: Final = {"bookTicker": "bookTicker", "depth": "depthUpdate"}
"""Spot does not say the kind of these in the data; the stream's name does."""

_STREAM_START: Final = len(b'{"stream":"')
_NS_PER_MS: Final = 1_000_000

Notice = SubscriptionAnswered | SubscriptionRefused | ServerClosing | UnknownMessage
Heard = FeedEvent | Notice


class MarketData:
    """:ivar not_wanted: frames by kind that are known and of no use, or of instruments that are not ours.

    :ivar unknown: frames of kinds that are not known; each was told as an `UnknownMessage` too.
    """

    def __init__(self, market: Market, instruments: Iterable[Instrument]) -> None:
        self._market = market
        self.feeds = {instrument.id: InstrumentFeed(instrument, market) for instrument in instruments}
        self._by_symbol = {feed.symbol: feed for feed in self.feeds.values()}
        self._by_stream_symbol = {symbol.lower(): feed for symbol, feed in self._by_symbol.items()}
        self._on_frame: dict[bytes, OnFrame] = {
            f"{feed.symbol.lower()}@{channel}".encode(): on_frame
            for feed in self.feeds.values()
            for channel, on_frame in feed.handlers().items()
        }
        self.not_wanted: Counter[str] = Counter()
        self.unknown = 0

    def on_frame(self, frame: bytes, ts_received: int, raw_stream: str = "") -> Sequence[Heard]:
        """Take one frame.

        :param raw_stream: the name of the stream where the connection is of the raw form, which does not say it.
        :raises MalformedMessage: it is not what Binance sends.
        """
        on_frame = self._on_frame.get(frame[_STREAM_START : frame.find(b'"', _STREAM_START)])
        try:
            if on_frame is not None:
                return on_frame(frame, ts_received)
            return self._on_other(frame, ts_received, raw_stream)
        except DECODE_ERRORS as error:
            raise malformed(f"frame from Binance {self._market}", frame, error) from error

    def on_snapshot(self, instrument: str, body: bytes, ts_received: int) -> Sequence[Heard]:
        """Take the body of the answer to the request for an instrument's book.

        :raises MalformedMessage: it is no snapshot, or another instrument's. :raises KeyError: no such instrument.
        """
        try:
            return self.feeds[instrument].on_snapshot(body, ts_received)
        except DECODE_ERRORS as error:
            raise malformed(f"depth snapshot of {instrument} from Binance {self._market}", body, error) from error

    def on_snapshot_failed(self, instrument: str) -> Sequence[SnapshotNeeded]:
        """That request was refused, or there was no answer. :raises KeyError: no such instrument."""
        return self.feeds[instrument].on_snapshot_failed()

    def on_lost(self, streams: Iterable[str], ts_received: int) -> Sequence[Gap]:
        """No connection delivers these streams any more; one gap for each of our instruments among them."""
        channels: dict[str, list[str]] = {}
        for stream in streams:
            symbol, _, channel = stream.partition("@")
            channels.setdefault(symbol.lower(), []).append(channel)
        lost = [(feed, channels[name]) for name, feed in self._by_stream_symbol.items() if name in channels]
        return [gap for feed, of_feed in lost for gap in feed.on_lost(of_feed, ts_received)]

    def _on_other(self, frame: bytes, ts_received: int, raw_stream: str) -> Sequence[Heard]:
        """A frame that is no plain stream of ours, or says so in an unusual order."""
        if raw_stream and frame.startswith(b"["):
            return self.on_frame(combined(raw_stream, frame), ts_received)
        header = decode_frame_header(frame)
        if header.stream:
            return self._on_combined(header, frame, ts_received)
        if (closing := _closing_of(header)) is not None:
            return (closing,)
        if (answer := answer_of(header)) is not None:
            return (answer,)
        if stream := raw_stream or self._raw_stream(header):
            return self.on_frame(combined(stream, frame), ts_received)
        return self._on_kind(header.e or (OPEN_INTEREST if header.open_interest else ""), frame)

    def _on_combined(self, header: FrameHeader, frame: bytes, ts_received: int) -> Sequence[Heard]:
        symbol, _, channel = header.stream.partition("@")
        on_frame = self._on_frame.get(f"{symbol.lower()}@{channel}".encode())
        if on_frame is not None:
            return on_frame(frame, ts_received)
        data = bytes(header.data)
        if header.stream == "!bookTicker":
            return self._on_any_ticker(decode_any_book_ticker(frame).data, ts_received)
        if data.startswith(b"["):
            return self._on_array(decode_event_headers(data), data, frame, ts_received)
        event = decode_event_header(data)
        if event.e == SHUTDOWN:
            return (ServerClosing(event.E * _NS_PER_MS),)
        if channel.startswith(RPI_DEPTH):
            return self._on_kind(RPI_DEPTH, frame)
        kind = event.e or next((kind for start, kind in KIND_BY_CHANNEL.items() if channel.startswith(start)), "")
        if kind in WANTED and symbol.lower() in self._by_stream_symbol:
            kind = ""  # a stream of ours of a form that we cannot read; its name says which
        return self._on_kind(kind, frame, header.stream)

    def _on_any_ticker(self, data: AnyBookTicker, ts_received: int) -> Sequence[Heard]:
        feed = self._by_symbol.get(data.s)
        if feed is None:
            return self._on_kind("bookTicker", b"")
        return feed.on_ticker_data(data, ts_received)

    def _on_array(self, headers: list[EventHeader], data: bytes, frame: bytes, ts_received: int) -> Sequence[Heard]:
        """All instruments of the market in one frame: mark prices, tickers."""
        kinds = {header.e for header in headers}
        if kinds != {"markPriceUpdate"}:
            return [heard for kind in sorted(kinds) for heard in self._on_kind(kind, frame)]
        heard: list[Heard] = []
        for mark in _decode_marks(data):
            feed = self._by_symbol.get(mark.s)
            heard += self._on_kind("markPriceUpdate", frame) if feed is None else feed.on_mark_data(mark, ts_received)
        return heard

    def _on_kind(self, kind: str, frame: bytes, stream: str = "") -> Sequence[UnknownMessage]:
        if kind in NOT_WANTED:
            self.not_wanted[kind] += 1
            return ()
        if kind in WANTED:
            self.not_wanted[f"{kind} {OTHER_INSTRUMENT}"] += 1
            return ()
        self.unknown += 1
        return (unknown(kind or stream, frame),)

    def _raw_stream(self, header: FrameHeader) -> str:
        """The name of the stream that a raw frame is of; "" where it does not say enough."""
        symbol = header.s.lower()
        if header.e == "markPriceUpdate":
            return f"{symbol}@markPrice"
        if header.e == "depthUpdate":
            return f"{symbol}@depth"
        if header.e in ("trade", "aggTrade", "bookTicker"):
            return f"{symbol}@{header.e}"
        if symbol and header.u is not None and bytes(header.a):  # spot does not name the kind
            return f"{symbol}@bookTicker"
        return ""


_decode_marks = msgspec.json.Decoder(list[MarkPriceUpdate], strict=False).decode


def _closing_of(header: FrameHeader) -> ServerClosing | None:
    if header.e == SHUTDOWN:
        return ServerClosing(header.E * _NS_PER_MS)
    if header.event is not None and header.event.e == SHUTDOWN:
        return ServerClosing(header.event.E * _NS_PER_MS)
    return None
