"""What every source of market data yields: events in the order of our receive time, already checked for gaps."""

from collections.abc import Iterator
from typing import Protocol

import msgspec

from messages.market import Gap, MarkPrice, Quote, Trade

PriceLevels = list[tuple[float, float]]
"""Levels as (price, size); a size of 0 removes the level."""


class BookReset(msgspec.Struct, gc=False):
    """A whole book, in place of what was known; levels in any order."""

    instrument: str
    bids: PriceLevels
    asks: PriceLevels
    update_id: int
    ts_event: int
    ts_received: int


class BookChange(msgspec.Struct, gc=False):
    """New absolute sizes of some levels, in sequence with what came before."""

    instrument: str
    bids: PriceLevels
    asks: PriceLevels
    update_id: int
    ts_event: int
    ts_received: int


SourceEvent = Quote | Trade | MarkPrice | Gap | BookReset | BookChange


class SourceCounts(msgspec.Struct):
    """What a source has read for one instrument so far.

    :ivar quotes: top-of-book messages; `trades` likewise.
    :ivar book_updates: diffs applied; `book_updates_discarded`: diffs that the snapshot already contained.
    :ivar gaps: breaks of the venue's sequence.
    :ivar crossed: times that the built book had best bid >= best ask after a diff (counted by the venue's book).
    """

    quotes: int = 0
    trades: int = 0
    book_updates: int = 0
    book_updates_discarded: int = 0
    gaps: int = 0


class Source(Protocol):
    """A market of one or several instruments of one venue."""

    def events(self) -> Iterator[SourceEvent]:
        """Yield events in ascending `ts_received`; ends when the source is exhausted (synthetic ones never are)."""
        ...

    def counts(self, instrument: str) -> SourceCounts:
        """What has been read so far for one instrument id."""
        ...
