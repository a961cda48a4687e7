"""The recorded market of one venue: the feeds of all its instruments on one clock."""

import heapq
from collections.abc import Iterator, Sequence

from gateways.exchange.feed_spec import BinanceStreamFeed, Feed, FundingCsvFeed, LeanMinuteFeed
from gateways.exchange.sources.binance_stream import BinanceStreamSource
from gateways.exchange.sources.funding_csv import FundingCsv
from gateways.exchange.sources.funding_join import FundingJoin
from gateways.exchange.sources.lean_minute import LeanMinuteSource
from gateways.exchange.sources.lob_snapshots import LobSnapshotsSource
from gateways.exchange.sources.source import Source, SourceCounts, SourceError, SourceEvent
from messages.instruments import Instrument


def make_recorded(instruments: Sequence[Instrument], feeds: Sequence[Feed]) -> Source:
    """The source of one venue's feeds.

    :raises SourceError: a feed is of no instrument, or one of them cannot be read.
    """
    if len(instruments) == len(feeds) == 1 and not isinstance(feeds[0], FundingCsvFeed):
        return _single(instruments[0], feeds[0])  # most recordings; nothing to merge
    return RecordedSource(instruments, feeds)


class RecordedSource:
    """Merges by receive time; what comes at one time comes in the order of the instruments, then of their feeds."""

    def __init__(self, instruments: Sequence[Instrument], feeds: Sequence[Feed]) -> None:
        self._instruments = tuple(instrument.id for instrument in instruments)
        self._parts: dict[str, list[Source]] = {id_: [] for id_ in self._instruments}
        self._fundings: dict[str, FundingCsv] = {}
        for feed in feeds:
            instrument = _instrument_of(feed, instruments)
            if not isinstance(feed, FundingCsvFeed):
                self._parts[instrument.id].append(_single(instrument, feed))
            elif instrument.id in self._fundings:
                raise SourceError(f"{instrument.id} has two feeds of funding; expected one, of several files")
            else:
                self._fundings[instrument.id] = FundingCsv(instrument.id, feed)

    def events(self) -> Iterator[SourceEvent]:
        """Yield the events of all feeds in the order of time; can be called once."""
        return _merged([self._events_of(id_) for id_ in self._instruments])

    def counts(self, instrument: str) -> SourceCounts:
        """What all feeds of one instrument have read so far."""
        total = SourceCounts()
        for part in self._parts[instrument]:
            counts = part.counts(instrument)
            for name in SourceCounts.__struct_fields__:
                setattr(total, name, getattr(total, name) + getattr(counts, name))
        return total

    def _events_of(self, instrument: str) -> Iterator[SourceEvent]:
        events = _merged([part.events() for part in self._parts[instrument]])
        funding = self._fundings.get(instrument)
        return events if funding is None else FundingJoin(instrument, funding.rows()).join(events)


def _single(instrument: Instrument, feed: Feed) -> Source:
    if isinstance(feed, BinanceStreamFeed):
        return BinanceStreamSource(instrument, feed)
    if isinstance(feed, LeanMinuteFeed):
        return LeanMinuteSource(instrument, feed)
    assert not isinstance(feed, FundingCsvFeed), "funding is no market by itself"
    return LobSnapshotsSource(instrument, feed)


def _instrument_of(feed: Feed, instruments: Sequence[Instrument]) -> Instrument:
    found = [instrument for instrument in instruments if feed.symbol in ("", instrument.symbol)]
    if len(found) != 1:
        symbols = ", ".join(instrument.symbol for instrument in instruments)
        raise SourceError(f"a recorded feed is of {feed.symbol or 'no symbol'}; expected one of {symbols}")
    return found[0]


def _merged(streams: Sequence[Iterator[SourceEvent]]) -> Iterator[SourceEvent]:
    return heapq.merge(*streams, key=lambda event: event.ts_received)
