"""The market data of one instrument: each of its streams to events, without doubles, and snapshots asked for.

Two connections may deliver the same stream, as they do while one takes over from the other: what comes twice, or late,
is told once, by the venue's own numbers. A mark price that comes twice is told twice; it is a whole image.
"""

from collections.abc import Callable, Collection, Sequence
from typing import Final

from gateways.binance.depth_feed import BookEvent, DepthFeed
from gateways.binance.frames import (
    DIFF_CHANNELS,
    MARK_CHANNELS,
    PARTIAL_CHANNELS,
    BookTicker,
    MarkPriceUpdate,
    aggregate_trade_of,
    decode_aggregate_trade,
    decode_book_ticker,
    decode_mark_price,
    decode_partial_depth,
    decode_snapshot,
    decode_trade,
    mark_price_of,
    partial_reset_of,
    quote_of,
    trade_of,
)
from gateways.binance.market import Market
from gateways.binance.snapshot_sync import SyncState
from gateways.exchange.sources.source import BookReset
from gateways.native.wire import SnapshotNeeded
from messages.instruments import Instrument
from messages.market import Gap, MarkPrice, Quote, Trade

LOST_REASON: Final = "connection lost"

FeedEvent = Quote | Trade | MarkPrice | BookEvent | SnapshotNeeded
OnFrame = Callable[[bytes, int], Sequence[FeedEvent]]


class InstrumentFeed:
    """:ivar repeated: quotes and trades that had been told already; the book counts its own in `book.sync`.

    :ivar spent: trade ids that the venue spent without a trade.
    :ivar snapshots_too_old: snapshots that did not reach the diffs that waited for them.
    """

    __slots__ = (
        "_is_asked", "_last_aggregate_id", "_last_quote_id", "_last_trade_id", "book", "id",
        "repeated", "snapshots_too_old", "spent", "symbol",
    )  # fmt: skip

    def __init__(self, instrument: Instrument, market: Market) -> None:
        self.id = instrument.id
        self.symbol = instrument.symbol
        self.book = DepthFeed(instrument.id, market)
        self._is_asked = False
        self._last_quote_id = -1
        self._last_trade_id = -1
        self._last_aggregate_id = -1
        self.repeated = 0
        self.spent = 0
        self.snapshots_too_old = 0

    def handlers(self) -> dict[str, OnFrame]:
        """What to do with a combined frame, by the part of its stream's name behind the symbol."""
        return {
            "bookTicker": self.on_book_ticker,
            "trade": self.on_trade,
            "aggTrade": self.on_aggregate_trade,
            **dict.fromkeys(MARK_CHANNELS, self.on_mark_price),
            **dict.fromkeys(DIFF_CHANNELS, self.on_diff),
            **dict.fromkeys(PARTIAL_CHANNELS, self.on_partial_depth),
        }

    def on_book_ticker(self, frame: bytes, ts_received: int) -> Sequence[Quote]:
        return self.on_ticker_data(decode_book_ticker(frame).data, ts_received)

    def on_ticker_data(self, data: BookTicker, ts_received: int) -> Sequence[Quote]:
        if data.u <= self._last_quote_id:
            self.repeated += 1
            return ()
        self._last_quote_id = data.u
        return (quote_of(data, self.id, ts_received),)

    def on_trade(self, frame: bytes, ts_received: int) -> Sequence[Trade]:
        data = decode_trade(frame).data
        if data.t <= self._last_trade_id:
            self.repeated += 1
            return ()
        self._last_trade_id = data.t
        trade = trade_of(data, self.id, ts_received)
        if trade is None:
            self.spent += 1
            return ()
        return (trade,)

    def on_aggregate_trade(self, frame: bytes, ts_received: int) -> Sequence[Trade]:
        data = decode_aggregate_trade(frame).data
        if data.a <= self._last_aggregate_id:
            self.repeated += 1
            return ()
        self._last_aggregate_id = data.a
        return (aggregate_trade_of(data, self.id, ts_received),)

    def on_mark_price(self, frame: bytes, ts_received: int) -> Sequence[MarkPrice]:
        return self.on_mark_data(decode_mark_price(frame).data, ts_received)

    def on_mark_data(self, data: MarkPriceUpdate, ts_received: int) -> Sequence[MarkPrice]:
        return (mark_price_of(data, self.id, ts_received),)

    def on_diff(self, frame: bytes, ts_received: int) -> Sequence[BookEvent | SnapshotNeeded]:
        events = self.book.on_diff(frame, ts_received)
        if self.book.sync.state is SyncState.SYNCHRONISED:
            return events
        return [*events, *self._ask()]

    def on_partial_depth(self, frame: bytes, ts_received: int) -> Sequence[BookReset]:
        """The best levels are told as a whole book: who has asked for them has not asked for diffs."""
        return (partial_reset_of(decode_partial_depth(frame).data, self.id, ts_received),)

    def on_snapshot(self, body: bytes, ts_received: int) -> Sequence[BookEvent | SnapshotNeeded]:
        """The body of the answer to a request for the book.

        One that is too old for the diffs that wait is not taken: a newer one is asked for.

        :raises ValueError: it is another instrument's.
        """
        snapshot = decode_snapshot(body)
        if snapshot.symbol not in ("", self.symbol):
            raise ValueError(f"the snapshot for {self.id} is of {snapshot.symbol}")
        self._is_asked = False
        if self.book.sync.is_too_old(snapshot.last_update_id):
            self.snapshots_too_old += 1
            return self._ask()
        events = self.book.on_snapshot(snapshot, ts_received)
        if self.book.sync.state is SyncState.SYNCHRONISED:
            return events
        return [*events, *self._ask()]

    def on_snapshot_failed(self) -> Sequence[SnapshotNeeded]:
        """The request was refused or not answered: ask again, if there is still need."""
        self._is_asked = False
        return () if self.book.sync.state is SyncState.SYNCHRONISED else self._ask()

    def on_lost(self, channels: Collection[str], ts_received: int) -> Sequence[Gap]:
        """No connection delivers these any more; a new snapshot is asked for with the first diff of the next one.

        :param channels: parts of the streams' names behind the symbol.
        """
        if any(channel in DIFF_CHANNELS for channel in channels):
            self.book.sync.lose()
            self._is_asked = False
        self._forget_ids(channels)
        return (Gap(self.id, LOST_REASON, ts_received),)

    def _ask(self) -> Sequence[SnapshotNeeded]:
        if self._is_asked:
            return ()
        self._is_asked = True
        return (SnapshotNeeded(self.id),)

    def _forget_ids(self, channels: Collection[str]) -> None:
        """The venue may count anew after an outage."""
        if "bookTicker" in channels:
            self._last_quote_id = -1
        if "trade" in channels:
            self._last_trade_id = -1
        if "aggTrade" in channels:
            self._last_aggregate_id = -1
