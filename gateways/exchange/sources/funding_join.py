"""Funding put into the market of a perpetual that was recorded without marks.

The mark is the mid of the last quote. The expected rate is the one that was paid last, since the rate to come was not
known; what is really paid is told to the venue alone. When the next stamp comes is public, and taken from the data.
"""

from collections.abc import Iterable, Iterator
from typing import Final

from gateways.exchange.sources.funding_csv import FundingRow
from gateways.exchange.sources.source import FundingSettlement, SourceEvent
from messages.market import MarkPrice, Quote

MARK_INTERVAL_NS: Final = 1_000_000_000
"""Marks come once a second at most, as the venues send them."""


class FundingJoin:
    """Joins the funding of one perpetual to its other events.

    :param rows: in ascending order; read one row ahead.
    """

    def __init__(self, instrument_id: str, rows: Iterator[FundingRow]) -> None:
        self._id = instrument_id
        self._rows = rows
        self._next: FundingRow | None = None
        self._rate = 0.0
        self._mid = 0.0
        self._marked_ns = 0

    def join(self, events: Iterable[SourceEvent]) -> Iterator[SourceEvent]:
        """Yield the events with marks behind the quotes and at the stamps.

        It ends with the events: nobody pays by a mark that is gone, but for the stamp announced last.
        """
        self._next = next(self._rows, None)
        for event in events:
            while self._next is not None and self._next.stamp_ns <= event.ts_received:
                yield from self._on_stamp(self._next)
            yield event
            if isinstance(event, Quote):
                yield from self._on_quote(event)

    def _on_stamp(self, row: FundingRow) -> Iterator[SourceEvent]:
        self._rate = row.rate
        self._next = next(self._rows, None)
        if self._mid:
            yield from self._announce(row.stamp_ns)

    def _on_quote(self, quote: Quote) -> Iterator[SourceEvent]:
        if not 0 < quote.bid <= quote.ask:
            return
        is_first = not self._mid
        self._mid = (quote.bid + quote.ask) / 2.0
        if is_first:
            yield from self._announce(quote.ts_received)
        elif quote.ts_received - self._marked_ns >= MARK_INTERVAL_NS:
            yield self._mark(quote.ts_received)

    def _announce(self, ts_ns: int) -> Iterator[SourceEvent]:
        """Tell of another stamp than before."""
        yield self._mark(ts_ns)
        if self._next is not None:
            yield FundingSettlement(self._id, self._next.stamp_ns, self._next.rate, ts_ns)

    def _mark(self, ts_ns: int) -> MarkPrice:
        self._marked_ns = ts_ns
        stamp_ns = 0 if self._next is None else self._next.stamp_ns
        return MarkPrice(self._id, self._mid, self._mid, self._rate, stamp_ns, ts_ns, ts_ns)
