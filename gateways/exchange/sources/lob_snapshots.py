"""Recorded snapshots of a book, format `lob-snapshots`: a CSV file with a header, one image of the book a row.

Read are `system_time` (with its offset from UTC), `midpoint`, and for both sides as many levels as the header has:
`bids_distance_0`, `bids_notional_0` and so on. Price of a level = midpoint × (1 + distance), size = notional / price.
The other columns are flows since the row before, and say nothing of the book.
"""

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Final

import msgspec

from gateways.exchange.feed_spec import LobSnapshotsFeed
from gateways.exchange.sources.book_image import BookImages
from gateways.exchange.sources.csv_lines import check_files, epoch_ns, in_order, parsed_rows
from gateways.exchange.sources.source import PriceLevels, SourceCounts, SourceEvent, counts_of_one
from messages.instruments import Instrument, Rounding
from messages.market import DEPTH_LEVELS_MAX, Quote

TICK_TOLERANCE: Final = 0.01
"""Ticks by which a computed price may miss its tick. Distances have thirteen places: 6e-9 on a price of 60,000."""

PRICE_MAX: Final = 1e15
NOTIONAL_MAX: Final = 1e15

_TIME: Final = "system_time"
_MID: Final = "midpoint"


class Snapshot(msgspec.Struct, gc=False):
    """One image; levels best first, none of them empty."""

    ts_ns: int
    bids: PriceLevels
    asks: PriceLevels


class LobSnapshotsSource:
    """The recorded book of one instrument. Each row makes an image of the book, and the quote of its best levels.

    :raises SourceError: from the constructor for a missing file; from `events` for a damaged file.
    """

    def __init__(self, instrument: Instrument, feed: LobSnapshotsFeed) -> None:
        self._instrument = instrument
        self._files = check_files(feed.files, instrument.id)
        self._images = BookImages(instrument.id)
        self._counts = SourceCounts()
        self._ts_last = 0
        self._columns: dict[str, int] = {}

    def counts(self, instrument: str) -> SourceCounts:
        """What has been read so far.

        :raises KeyError: for another instrument than this source's.
        """
        return counts_of_one(instrument, self._instrument.id, self._counts)

    def events(self) -> Iterator[SourceEvent]:
        """Read the files one after the other; can be called once."""
        id_ = self._instrument.id
        for file in self._files:
            self._columns = {}
            for snapshot in parsed_rows(file, id_, self._parse):
                ts_ns = snapshot.ts_ns
                self._counts.quotes += 1
                self._counts.book_updates += 1
                yield self._images.take(snapshot.bids, snapshot.asks, ts_ns)
                (bid, bid_size), (ask, ask_size) = snapshot.bids[0], snapshot.asks[0]
                yield Quote(id_, bid, bid_size, ask, ask_size, ts_ns, ts_ns)

    def _parse(self, line: str) -> Snapshot | None:
        cells = line.split(",")
        if not self._columns:
            self._columns = _header(cells)
            return None
        if len(cells) != len(self._columns):
            raise ValueError(f"{len(cells)} cells, but the header has {len(self._columns)}")
        row = {name: cells[index] for name, index in self._columns.items()}
        time = datetime.fromisoformat(row[_TIME])
        if time.tzinfo is None:
            raise ValueError(f"{row[_TIME]} has no offset from UTC")
        self._ts_last = in_order(epoch_ns(time), self._ts_last)
        bids, asks = self._levels("bids", row), self._levels("asks", row)
        if not bids[0][0] < asks[0][0]:
            raise ValueError(f"the bid {bids[0][0]} is not below the ask {asks[0][0]}")
        return Snapshot(self._ts_last, bids, asks)

    def _levels(self, side: str, row: Mapping[str, str]) -> PriceLevels:
        mid = float(row[_MID])
        levels = []
        for level in range(_levels_in(self._columns, side)):
            price = self._on_tick(mid * (1.0 + float(row[f"{side}_distance_{level}"])))
            notional = float(row[f"{side}_notional_{level}"])
            if not 0 <= notional < NOTIONAL_MAX:
                raise ValueError(f"{side}_notional_{level} is {notional}")
            if notional:
                levels.append((price, notional / price))
        if not levels:
            raise ValueError(f"there are no {side}")
        return sorted(levels, reverse=side == "bids")

    def _on_tick(self, price: float) -> float:
        if not 0 < price < PRICE_MAX:
            raise ValueError(f"a level at the price {price}")
        tick = self._instrument.tick_size
        rounded = float(self._instrument.round_price(price, Rounding.NEAREST))
        if abs(price - rounded) > TICK_TOLERANCE * float(tick):
            raise ValueError(f"the price {price} is no multiple of the tick size {tick}; correct the tick_size")
        return rounded


def _header(cells: list[str]) -> dict[str, int]:
    """Where each column is.

    :raises ValueError: one that is needed is missing, or one comes twice.
    """
    columns = {name: index for index, name in enumerate(cells)}
    needed = {_TIME, _MID}
    for side in ("bids", "asks"):
        levels = max(1, _levels_in(columns, side))
        needed |= {f"{side}_{value}_{level}" for value in ("distance", "notional") for level in range(levels)}
    missing = sorted(needed - columns.keys())
    if missing or len(columns) < len(cells):
        raise ValueError(f"the header has no {', '.join(missing)}" if missing else "a column of the header comes twice")
    return columns


def _levels_in(columns: Mapping[str, int], side: str) -> int:
    levels = 0
    while levels < DEPTH_LEVELS_MAX and f"{side}_distance_{levels}" in columns:
        levels += 1
    return levels
