"""Recorded funding rates, format `funding-csv`, in two forms that are told apart by the first line:

    yyyyMMdd HH:mm:ss,rate          no header, times in UTC (QuantConnect's LEAN)
    Symbol,Date,Funding Rate        this header; times are local, and the config says how far from UTC

A row is the rate that was paid at its stamp, so it is known from its stamp on. Stamps are of whole seconds: Binance
books some milliseconds late, but is due on the second.
"""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta, timezone
from math import isfinite
from typing import Final, NamedTuple

from gateways.exchange.feed_spec import FundingCsvFeed
from gateways.exchange.sources.csv_lines import check_files, epoch_ns, in_order, parsed_rows

HEADER: Final = "Symbol,Date,Funding Rate"
RATE_MAX: Final = 1.0
"""As a ratio; whoever pays more than all of the notional has a file of percentages."""


class FundingRow(NamedTuple):
    """`rate` as a ratio of notional at mark, positive = longs pay; `stamp_ns` since the epoch."""

    stamp_ns: int
    rate: float


class FundingCsv:
    """The recorded funding of one perpetual.

    :raises SourceError: from the constructor for a missing file; from `rows` for a damaged file, or for local times
        that the config does not place.
    """

    def __init__(self, instrument_id: str, feed: FundingCsvFeed) -> None:
        self._id = instrument_id
        self._files = check_files(feed.files, instrument_id)
        self._offset_hours = feed.utc_offset_hours
        self._has_header = False
        self._is_first = True
        self._symbol = ""
        self._stamp_last_ns = 0

    def rows(self) -> Iterator[FundingRow]:
        """Read the files one after the other; can be called once."""
        for file in self._files:
            self._is_first, self._has_header = True, False
            yield from parsed_rows(file, f"the funding of {self._id}", self._parse)

    def _parse(self, line: str) -> FundingRow | None:
        if self._is_first:
            self._is_first = False
            self._has_header = line == HEADER
            if self._has_header:
                if self._offset_hours is None:
                    raise ValueError("the times of this form are local; say utc_offset_hours in the feed, 0 for UTC")
                return None
        cells = line.split(",")
        if len(cells) != 2 + self._has_header:
            raise ValueError(f"expected {HEADER!r}" if self._has_header else "expected a time and a rate")
        if self._has_header:
            self._check_symbol(cells[0])
        return FundingRow(self._stamp_ns(cells[-2]), _rate(cells[-1]))

    def _check_symbol(self, symbol: str) -> None:
        if symbol != (self._symbol or symbol):
            raise ValueError(f"it is of {symbol}, those before are of {self._symbol}")
        self._symbol = symbol

    def _stamp_ns(self, text: str) -> int:
        zone = timezone(timedelta(hours=self._offset_hours)) if self._offset_hours else UTC
        time = datetime.fromisoformat(text)
        if time.tzinfo is not None:
            raise ValueError(f"{text} has an offset from UTC; expected a time without one")
        self._stamp_last_ns = in_order(epoch_ns(time.replace(tzinfo=zone, microsecond=0)), self._stamp_last_ns)
        return self._stamp_last_ns


def _rate(text: str) -> float:
    rate = float(text)
    if not isfinite(rate) or abs(rate) > RATE_MAX:
        raise ValueError(f"the rate {text} is not a ratio within ±{RATE_MAX:g}")
    return rate
