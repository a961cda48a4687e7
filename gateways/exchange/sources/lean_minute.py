"""Recorded bars of a minute or a second, format `lean-minute`: the CSV files of QuantConnect's LEAN, unzipped.

A quote bar is `ms,bidO,bidH,bidL,bidC,lastBidSize,askO,askH,askL,askC,lastAskSize`, a trade bar
`ms,open,high,low,close,volume`; `ms` counts from midnight UTC to the START of the bar. A bar is known at its end only,
so that is the time of its events: of a quote bar the quote of its closes, and a book of one level a side; of a trade
bar one print of its volume at its close. Where no row is, nothing happens: the last quote grows old.
"""

import heapq
import re
from collections.abc import Iterator
from datetime import UTC, date, datetime, time
from functools import partial
from pathlib import Path
from typing import NamedTuple

import msgspec

from gateways.exchange.feed_spec import BarKind, LeanMinuteFeed
from gateways.exchange.sources.book_image import BookImages
from gateways.exchange.sources.csv_lines import check_files, epoch_ns, in_order, parsed_rows
from gateways.exchange.sources.source import SourceCounts, SourceError, SourceEvent, counts_of_one
from messages.base import Price, Size
from messages.instruments import Instrument
from messages.market import Quote, Trade
from messages.orders import Side

NS_PER_MS = 1_000_000
DAY_MS = 86_400_000
BAR_MS = {"minute": 60_000, "second": 1_000}
SIDE_CELLS = 5
"""Open, high, low, close and last size of one side of a quote bar."""

_DATE = re.compile(r"(?<!\d)\d{8}(?!\d)")


class BarFile(NamedTuple):
    """What a file holds.

    :ivar midnight_ns: of its day, UTC, nanoseconds since the epoch.
    """

    path: Path
    kind: BarKind
    midnight_ns: int
    bar_ms: int


class _QuoteBar(msgspec.Struct, array_like=True, gc=False, forbid_unknown_fields=True):
    ms: int
    bid_open: Price
    bid_high: Price
    bid_low: Price
    bid: Price
    bid_size: Size
    ask_open: Price
    ask_high: Price
    ask_low: Price
    ask: Price
    ask_size: Size


class _TradeBar(msgspec.Struct, array_like=True, gc=False, forbid_unknown_fields=True):
    ms: int
    open: Price
    high: Price
    low: Price
    close: Price
    volume: Size


def bar_file(name: str, feed: LeanMinuteFeed) -> BarFile:
    """What a file holds, by what the feed says of its files, else by its name.

    :raises ValueError: neither tells.
    """
    path = Path(name)
    words = set(re.split(r"[^a-z0-9]+", path.name.lower()))
    kind = feed.bars or ("quote" if "quote" in words else "trade" if "trade" in words else None)
    if kind is None:
        raise ValueError(f'neither "quote" nor "trade" is in the name {path.name}')
    day = feed.date or _date_in(path.name)
    if day is None:
        raise ValueError(f"no date yyyymmdd is in the name {path.name}")
    resolution = feed.resolution or ("second" if "second" in words else "minute")
    return BarFile(path, kind, epoch_ns(datetime.combine(day, time(), UTC)), BAR_MS[resolution])


class LeanMinuteSource:
    """The recorded bars of one instrument; quotes and trades are read side by side, at one time the trade first.

    :ivar rows_skipped: quote bars without a bid or an ask.
    :raises SourceError: from the constructor for a missing file or one whose name does not tell enough; from `events`
        for a damaged file.
    """

    def __init__(self, instrument: Instrument, feed: LeanMinuteFeed) -> None:
        self._id = instrument.id
        check_files(feed.files, self._id)
        try:
            self._files = tuple(bar_file(name, feed) for name in feed.files)
        except ValueError as error:
            raise SourceError(f"recorded feed of {self._id}: {error}; say it in the feed by bars and date") from error
        self._images = BookImages(self._id)
        self._counts = SourceCounts()
        self._ends_ns: dict[BarKind, int] = {"quote": 0, "trade": 0}
        self._price_last = 0.0
        self._aggressor = Side.BUY
        self.rows_skipped = 0

    def counts(self, instrument: str) -> SourceCounts:
        """What has been read so far.

        :raises KeyError: for another instrument than this source's.
        """
        return counts_of_one(instrument, self._id, self._counts)

    def events(self) -> Iterator[SourceEvent]:
        """Read the files of quotes one after the other, and those of trades; can be called once."""
        return heapq.merge(self._trades(), self._quotes(), key=lambda event: event.ts_received)

    def _quotes(self) -> Iterator[SourceEvent]:
        for file in self._files:
            if file.kind == "quote":
                for quote in parsed_rows(file.path, self._id, partial(self._quote, file)):
                    self._counts.quotes += 1
                    self._counts.book_updates += 1
                    bids, asks = [(quote.bid, quote.bid_size)], [(quote.ask, quote.ask_size)]
                    yield self._images.take(bids, asks, quote.ts_received)
                    yield quote

    def _trades(self) -> Iterator[SourceEvent]:
        for file in self._files:
            if file.kind == "trade":
                for trade in parsed_rows(file.path, self._id, partial(self._trade, file)):
                    self._counts.trades += 1
                    yield trade

    def _quote(self, file: BarFile, line: str) -> Quote | None:
        cells = line.split(",")
        if not (all(cells[1 : 1 + SIDE_CELLS]) and all(cells[1 + SIDE_CELLS :])):  # LEAN's way to say: nobody there
            self.rows_skipped += 1
            return None
        bar = msgspec.convert(cells, _QuoteBar, strict=False)
        end_ns = self._end_ns(file, bar.ms)
        if not 0 < bar.bid < bar.ask:
            raise ValueError(f"the bid {bar.bid} is not below the ask {bar.ask}, or is 0")
        return Quote(self._id, bar.bid, bar.bid_size, bar.ask, bar.ask_size, end_ns, end_ns)

    def _trade(self, file: BarFile, line: str) -> Trade | None:
        bar = msgspec.convert(line.split(","), _TradeBar, strict=False)
        end_ns = self._end_ns(file, bar.ms)
        if not bar.volume:
            return None
        # The tick rule: nobody recorded who took.
        before = self._price_last or bar.open
        if bar.close != before:
            self._aggressor = Side.BUY if bar.close > before else Side.SELL
        self._price_last = bar.close
        return Trade(self._id, bar.close, bar.volume, self._aggressor, str(end_ns), end_ns, end_ns)

    def _end_ns(self, file: BarFile, start_ms: int) -> int:
        if not 0 <= start_ms < DAY_MS or start_ms % file.bar_ms:
            raise ValueError(f"{start_ms} is not the start of a bar of {file.bar_ms} ms within a day")
        end_ns = file.midnight_ns + (start_ms + file.bar_ms) * NS_PER_MS
        self._ends_ns[file.kind] = in_order(end_ns, self._ends_ns[file.kind])
        return end_ns


def _date_in(file_name: str) -> date | None:
    found = _DATE.search(file_name)
    try:
        return None if found is None else datetime.strptime(found.group(), "%Y%m%d").replace(tzinfo=UTC).date()
    except ValueError:
        return None
