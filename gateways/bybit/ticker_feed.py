"""The ticker of one Bybit instrument: a snapshot, then deltas of what has changed, merged into mark prices. Pure.

A `MarkPrice` is told when mark price, index price, funding rate or the time of the next funding has changed. The best
bid and ask are told as a `Quote` where no book topic tells them sooner.

Source: Bybit V5 API docs, "WebSocket Stream / Public / Ticker" ("if a response param is not found in the message, then
its value has not changed"); read 2026-11-24.
"""

from collections.abc import Iterator, Sequence
from typing import Final

import msgspec

from gateways.bybit.book_feed import DISCONNECTED_REASON, ONE_SIDED_REASON
from gateways.bybit.frames import NS_PER_MS, Ticker, decode_ticker, price_of, rate_of, stamp_ns
from gateways.bybit.streams import Topic
from messages.market import Gap, MarkPrice, Quote

TickerEvent = MarkPrice | Quote | Gap
TickerValue = float | int | None

MARK_FIELDS: Final = frozenset({"mark_price", "index_price", "funding_rate", "next_funding_time"})
TOP_FIELDS: Final = frozenset({"bid1_price", "bid1_size", "ask1_price", "ask1_size"})
_READERS: Final = {"funding_rate": rate_of, "next_funding_time": stamp_ns}


class TickerState(msgspec.Struct, gc=False):
    """Everything that is known of one ticker; None: not told, or told to be none.

    :ivar next_funding_time: in nanoseconds; 0 where no funding is paid.
    """

    mark_price: float | None = None
    index_price: float | None = None
    funding_rate: float = 0.0
    next_funding_time: int = 0
    bid1_price: float | None = None
    bid1_size: float | None = None
    ask1_price: float | None = None
    ask1_size: float | None = None

    def merge(self, ticker: Ticker) -> frozenset[str]:
        """Take in what a frame says, all of it or, where a number is malformed, nothing.

        :returns: the names of the fields that it speaks of.
        """
        told = [(name, getattr(ticker, name)) for name in self.__struct_fields__]
        values = {name: _READERS.get(name, price_of)(text) for name, text in told if text is not None}
        for name, value in values.items():
            setattr(self, name, value)
        return frozenset(values)

    def mark(self, instrument: str, ts_event: int, ts_received: int) -> MarkPrice | None:
        """None where mark or index price is not known, as of spot."""
        if self.mark_price is None or self.index_price is None:
            return None
        rate, stamp = self.funding_rate, self.next_funding_time
        return MarkPrice(instrument, self.mark_price, self.index_price, rate, stamp, ts_event, ts_received)

    def quote(self, instrument: str, ts_event: int, ts_received: int) -> Quote | None:
        """None where a side is empty or not known."""
        if not self.bid1_price or not self.ask1_price or self.bid1_size is None or self.ask1_size is None:
            return None
        top = (self.bid1_price, self.bid1_size, self.ask1_price, self.ask1_size)
        return Quote(instrument, *top, ts_event, ts_received)


class TickerFeed:
    """:ivar quotes: told so far; `marks` likewise. :ivar dropped: deltas that came without a snapshot before them."""

    def __init__(self, topic: Topic) -> None:
        self._id = topic.instrument
        self._makes_quotes = topic.makes_quotes
        self._has_quoted = False
        self._state: TickerState | None = None
        self.quotes = 0
        self.marks = 0
        self.dropped = 0

    def on_frame(self, frame: bytes, ts_received: int) -> Sequence[TickerEvent]:
        decoded = decode_ticker(frame)
        state = TickerState() if decoded.type == "snapshot" else self._state
        if state is None:
            self.dropped += 1
            return ()
        told = state.merge(decoded.data)
        self._state = state
        return tuple(self._events(state, told, decoded.ts * NS_PER_MS, ts_received))

    def on_disconnect(self, ts_received: int) -> Sequence[TickerEvent]:
        """What was merged is stale; a new subscription begins with a snapshot."""
        had_state, self._state = self._state is not None, None
        self._has_quoted = False
        return (Gap(self._id, DISCONNECTED_REASON, ts_received),) if had_state else ()

    def _events(
        self, state: TickerState, told: frozenset[str], ts_event: int, ts_received: int
    ) -> Iterator[TickerEvent]:
        if told & MARK_FIELDS and (mark := state.mark(self._id, ts_event, ts_received)) is not None:
            self.marks += 1
            yield mark
        if not (self._makes_quotes and told & TOP_FIELDS):
            return
        if (quote := state.quote(self._id, ts_event, ts_received)) is not None:
            self._has_quoted = True
            self.quotes += 1
            yield quote
        elif self._has_quoted:  # the last quote stands no more
            self._has_quoted = False
            yield Gap(self._id, ONE_SIDED_REASON, ts_received)
