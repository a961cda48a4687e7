"""What every source of market data yields: events in the order of our receive time, already checked for gaps."""

from collections.abc import Iterator
from typing import Protocol, runtime_checkable

import msgspec

from messages.market import Gap, MarkPrice, Quote, Trade


class SourceError(Exception):
    """A recording cannot be read: which file, which line, and what to do."""


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


class FundingSettlement(msgspec.Struct, gc=False):
    """The rate that a perpetual is going to pay at a stamp, for the venue's books only.

    A recording knows it long before its stamp, when the market could not: it is never published.

    :param rate: as a ratio of notional at mark; positive = longs pay shorts.
    """

    instrument: str
    stamp_ns: int
    rate: float
    ts_received: int


SourceEvent = Quote | Trade | MarkPrice | Gap | BookReset | BookChange | FundingSettlement


class SourceCounts(msgspec.Struct):
    """What a source has read for one instrument so far.

    :ivar quotes: top-of-book messages; `trades` likewise.
    :ivar book_updates: diffs applied, or whole images where the recording has no diffs.
    :ivar book_updates_discarded: diffs that the snapshot already contained.
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


@runtime_checkable
class Measured(Protocol):
    """A source that knows how much of its files it has read."""

    @property
    def bytes_read(self) -> int: ...

    @property
    def bytes_total(self) -> int: ...


def counts_of_one(instrument: str, owner: str, counts: SourceCounts) -> SourceCounts:
    """The counts of a source that has one instrument, `owner`.

    :raises KeyError: asked for another one.
    """
    if instrument != owner:
        raise KeyError(f"{instrument} is not in the source of {owner}")
    return counts
