"""Snapshots of a book: prices come back to their tick, sizes out of notionals."""

from collections.abc import Callable
from decimal import Decimal
from pathlib import Path

import msgspec
import pytest

from gateways.book import Book
from gateways.exchange.feed_spec import LobSnapshotsFeed
from gateways.exchange.simulated_venue import SimulatedVenue
from gateways.exchange.sources.lob_snapshots import LobSnapshotsSource
from gateways.exchange.sources.source import BookChange, BookReset, SourceCounts, SourceError
from messages.market import Depth, Quote
from messages.orders import Fill
from tests.gateways.exchange.trading_floor import BUY, SPOT, D, a_spec, order
from tests.support.recordings import DATA, needs_recordings

CRASH = DATA / "series" / "coinbase_lob_flash_crash_2021" / "btcusd_1min_lob15_20210417_20210418.csv.gz"
SIDES = ("bids", "asks")
HEADER = ",system_time,midpoint,spread," + ",".join(
    [f"{side}_{value}_{level}" for side in SIDES for value in ("distance", "notional", "cancel") for level in (0, 1)]
)
FIRST = "0,1970-01-01 00:01:00+00:00,100.0,0.2,-0.001,-0.002,199.8,0.0,7,7,0.001,0.003,300.3,501.5,7,7"
SECOND = "1,1970-01-01 02:02:00+02:00,100.0,0.2,-0.001,-0.002,199.8,99.8,7,7,0.001,0.003,300.3,1003,7,7"

Write = Callable[..., Path]


@pytest.fixture
def write(tmp_path: Path) -> Write:
    def write(*lines: str, name: str = "lob.csv") -> Path:
        (tmp_path / name).write_text("".join(f"{line}\n" for line in lines))
        return tmp_path / name

    return write


def a_source(*files: Path) -> LobSnapshotsSource:
    return LobSnapshotsSource(SPOT, LobSnapshotsFeed(files=tuple(map(str, files))))


def test_a_row_is_an_image_of_the_book_and_the_quote_of_its_best_levels(write: Write) -> None:
    book, quote = a_source(write(HEADER, FIRST)).events()
    ts_ns = 60 * 10**9
    assert isinstance(book, BookReset)
    # 100 × (1 ∓ 0.001) = 99.9 and 100.1, 100 × 1.003 = 100.3; 199.8 / 99.9 = 2, 300.3 / 100.1 = 3, 501.5 / 100.3 = 5
    assert [(99.9, 2.0)] == book.bids, "a level without a notional is none"
    assert [(100.1, 3.0), (100.3, 5.0)] == [(price, round(size, 9)) for price, size in book.asks]
    assert (1, ts_ns, ts_ns) == (book.update_id, book.ts_event, book.ts_received)
    assert Quote(SPOT.id, 99.9, book.bids[0][1], 100.1, book.asks[0][1], ts_ns, ts_ns) == quote


def test_the_next_row_changes_the_book(write: Write) -> None:
    source = a_source(write(HEADER, FIRST, SECOND))
    *_, change, quote = source.events()
    assert isinstance(change, BookChange)
    assert ([(99.8, 1.0)], [(100.3, 10.0)]) == (change.bids, [(price, round(size, 9)) for price, size in change.asks])
    assert 120 * 10**9 == change.ts_received == quote.ts_received, "02:02 two hours east of Greenwich"
    assert SourceCounts(quotes=2, book_updates=2) == source.counts(SPOT.id)


def test_files_follow_each_other_each_with_its_header(write: Write) -> None:
    source = a_source(write(HEADER, FIRST), write(HEADER, SECOND, name="second.csv"))
    assert 4 == len(list(source.events()))


def test_what_was_taken_from_a_level_that_stays_the_same_stays_taken(write: Write) -> None:
    venue = SimulatedVenue(a_spec(SPOT))
    first, first_quote, second, second_quote = a_source(write(HEADER, FIRST, SECOND)).events()
    for event in (first, first_quote):
        venue.on_market(event)
    assert [(D("3"), D("100.1"))] == fills(venue, "a", "3", first.ts_received)
    for event in (second, second_quote):
        venue.on_market(event)
    # the three at 100.1 are taken, and the second row shows the same three
    assert [(D("1"), D("100.3"))] == fills(venue, "b", "1", second.ts_received)


def fills(venue: SimulatedVenue, client_order_id: str, quantity: str, now_ns: int) -> list[tuple[Decimal, Decimal]]:
    """Quantity and price of what a market order gets."""
    venue.on_request(order(client_order_id, BUY, quantity), now_ns)
    return [(report.quantity, report.price) for report in venue.advance(now_ns) if isinstance(report, Fill)]


@pytest.mark.parametrize(
    ("lines", "told"),
    [
        ((HEADER.replace("midpoint", "mid"), FIRST), "line 1 is malformed: the header has no midpoint;"),
        ((HEADER.replace("asks_distance_0", "x"), FIRST), "line 1 .* has no asks_distance_0"),
        ((HEADER.replace("bids_notional_1", "x"), FIRST), "line 1 .* has no bids_notional_1"),
        ((HEADER.replace("bids_cancel_0", "spread"), FIRST), "line 1 .* a column of the header comes twice"),
        ((HEADER, FIRST + ",1"), "line 2 is malformed: 17 cells, but the header has 16"),
        ((HEADER, FIRST.replace("+00:00", "")), r"line 2 .* 1970-01-01 00:01:00 has no offset from UTC"),
        ((HEADER, FIRST.replace("1970", "19x0")), "line 2 .*Invalid isoformat string"),
        ((HEADER, FIRST, FIRST), "line 3 .* is not after 60000000000"),
        ((HEADER, FIRST.replace("199.8", "-1")), r"line 2 .* bids_notional_0 is -1\.0"),
        ((HEADER, FIRST.replace("199.8", "nan")), "line 2 .* bids_notional_0 is nan"),
        ((HEADER, FIRST.replace("199.8", "0")), "line 2 .* there are no bids"),
        ((HEADER, FIRST.replace("100.0", "inf")), "line 2 .* a level at the price inf"),
        ((HEADER, FIRST.replace("-0.001", "-1.5")), r"line 2 .* a level at the price -50\.0"),
        ((HEADER, FIRST.replace("-0.001", "0.001")), r"line 2 .* the bid 100\.1 is not below the ask 100\.1"),
        ((HEADER, FIRST.replace("100.0", "100.02")), r"line 2 .* is no multiple of the tick size 0\.1; correct the"),
        ((HEADER,), "has no rows"),
    ],
)
def test_what_is_wrong_is_told_by_file_and_line(write: Write, lines: tuple[str, ...], told: str) -> None:
    with pytest.raises(SourceError, match=rf"lob\.csv of {SPOT.id}.*{told}"):
        list(a_source(write(*lines)).events())


def test_a_missing_file_and_another_instrument_are_told(write: Write, tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="does not exist"):
        a_source(tmp_path / "none.csv")
    with pytest.raises(KeyError, match=r"ETH\.sim is not in the source"):
        a_source(write(HEADER)).counts("ETH.sim")


@needs_recordings
class TestTheFlashCrash:
    INSTRUMENT = msgspec.structs.replace(SPOT, tick_size=D("0.01"), lot_size=D("0.00000001"))

    def source(self) -> LobSnapshotsSource:
        return LobSnapshotsSource(self.INSTRUMENT, LobSnapshotsFeed(files=(str(CRASH),)))

    def test_its_mids_are_those_of_the_file(self) -> None:
        quotes = [event for event in self.source().events() if isinstance(event, Quote)]
        mids = [(D(repr(quote.bid)) + D(repr(quote.ask))) / 2 for quote in quotes]
        assert (600, D("60590.015"), D("55969.07")) == (len(mids), mids[0], mids[-1])
        assert (D("55079.045"), D("61019.455")) == (min(mids), max(mids))
        # 2021-04-18 03:22:06 is 18,735 days + 12,126 s
        assert 18_735 * 86_400 + 12_126 == quotes[mids.index(min(mids))].ts_event // 10**9

    def test_its_prices_come_back_to_the_cent_and_leave_the_spread_of_the_file(self) -> None:
        quotes = [event for event in self.source().events() if isinstance(event, Quote)]
        spreads = [D(repr(quote.ask)) - D(repr(quote.bid)) for quote in quotes]
        # columns `spread` of the first three and the last row
        assert [D("0.01"), D("0.01")] == spreads[:2]
        assert D("60.26") == spreads[-1]
        assert all(spread > 0 and spread == spread.quantize(D("0.01")) for spread in spreads)

    def test_a_book_made_of_it_is_each_image_and_never_crossed(self) -> None:
        book, levels = Book(), 0
        for event in self.source().events():
            if isinstance(event, BookReset):
                book.reset(event.bids, event.asks)
            elif isinstance(event, BookChange):
                book.apply(event.bids, event.asks)
            else:
                assert isinstance(event, Quote)
                assert ((event.bid, event.bid_size), (event.ask, event.ask_size)) == (book.best_bid(), book.best_ask())
                assert not book.is_crossed
                levels += len(book.bids(50)) + len(book.asks(50))
        assert 600 * 30 - 8 == levels, "eight levels of the file are empty"

    def test_a_venue_publishes_fifteen_levels(self) -> None:
        venue = SimulatedVenue(a_spec(self.INSTRUMENT, depth_levels=15))
        (depth,) = venue.on_market(next(iter(self.source().events())))
        assert isinstance(depth, Depth)
        assert (15, 60590.01, 15, 60590.02) == (len(depth.bids), depth.bids[0][0], len(depth.asks), depth.asks[0][0])
