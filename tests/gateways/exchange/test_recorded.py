"""The feeds of a venue as one market."""

from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest

from gateways.exchange.feed_spec import BinanceStreamFeed, Feed, FundingCsvFeed, LeanMinuteFeed, LobSnapshotsFeed
from gateways.exchange.sources.binance_stream import BinanceStreamSource
from gateways.exchange.sources.lean_minute import LeanMinuteSource
from gateways.exchange.sources.lob_snapshots import LobSnapshotsSource
from gateways.exchange.sources.make import make_source
from gateways.exchange.sources.recorded import RecordedSource
from gateways.exchange.sources.source import BookChange, BookReset, FundingSettlement, Source, SourceCounts, SourceError
from gateways.exchange.sources.synthetic import SyntheticSource
from gateways.exchange.spec import RecordedSourceSpec, VenueSpec
from messages.instruments import Instrument
from messages.market import MarkPrice, Quote, Trade
from tests.gateways.exchange.trading_floor import LINEAR, SPOT, VENUE, a_spec

Write = Callable[..., tuple[str]]


@pytest.fixture
def write(tmp_path: Path) -> Write:
    def write(name: str, *lines: str) -> tuple[str]:
        (tmp_path / name).write_text("".join(f"{line}\n" for line in lines))
        return (str(tmp_path / name),)

    return write


def a_source(*feeds: Feed, instruments: tuple[Instrument, ...] = (LINEAR,)) -> Source:
    return make_source(VenueSpec(VENUE, instruments, {}, RecordedSourceSpec(feeds=feeds)), 0)


def quote_lines(*minutes: int) -> list[str]:
    return [f"{60_000 * minute},1,1,1,10,1,1,1,1,11,1" for minute in minutes]


def test_one_feed_is_its_own_source(write: Write) -> None:
    files = write("19700101_quote.csv", *quote_lines(0))
    assert LeanMinuteSource is type(a_source(LeanMinuteFeed(files=files)))
    assert LobSnapshotsSource is type(a_source(LobSnapshotsFeed(files=files)))
    assert BinanceStreamSource is type(a_source(BinanceStreamFeed(market="usdm", files=files)))
    assert SyntheticSource is type(make_source(a_spec(SPOT), 0))


def test_the_short_form_is_one_feed(write: Write) -> None:
    files = write("19700101_quote.csv", *quote_lines(0))
    source = RecordedSourceSpec("binance-stream", "spot", files)
    assert (BinanceStreamFeed(files=files, market="spot"),) == source.feed_specs
    assert (LeanMinuteFeed(files=files),) == RecordedSourceSpec("lean-minute", files=files).feed_specs
    for wrong in (RecordedSourceSpec(), RecordedSourceSpec("binance-stream", files=files)):
        with pytest.raises(ValueError, match=r"market|Invalid value ''"):
            wrong.feed_specs  # noqa: B018  # a property that raises


def test_feeds_pass_through_json() -> None:
    feeds: tuple[Feed, ...] = (
        LeanMinuteFeed(files=("a",), bars="quote"),
        FundingCsvFeed(files=("b",), symbol="X", utc_offset_hours=3.0),
    )
    spec = RecordedSourceSpec(feeds=feeds)
    assert spec == msgspec.json.decode(msgspec.json.encode(spec), type=RecordedSourceSpec)


def test_the_feeds_of_two_instruments_are_merged_in_the_order_of_the_instruments(write: Write) -> None:
    perpetual = LeanMinuteFeed(symbol=LINEAR.symbol, files=write("perp_19700101_quote.csv", *quote_lines(0, 1)))
    spot = LeanMinuteFeed(symbol=SPOT.symbol, files=write("spot_19700101_quote.csv", *quote_lines(0, 2)))
    source = a_source(perpetual, spot, instruments=(SPOT, LINEAR))
    quotes = [(event.instrument, event.ts_received // 10**9) for event in source.events() if isinstance(event, Quote)]
    assert [(SPOT.id, 60), (LINEAR.id, 60), (LINEAR.id, 120), (SPOT.id, 180)] == quotes
    assert [SourceCounts(quotes=2, book_updates=2)] * 2 == [source.counts(SPOT.id), source.counts(LINEAR.id)]


def test_the_feeds_of_one_instrument_are_counted_together_and_joined_with_its_funding(write: Write) -> None:
    source = a_source(
        LeanMinuteFeed(files=write("19700101_trade.csv", "0,1,1,1,10,5")),
        LeanMinuteFeed(files=write("19700101_quote.csv", *quote_lines(0, 1))),
        FundingCsvFeed(files=write("funding.csv", "19700101 00:01:30,0.001", "19700101 08:00:00,0.002")),
    )
    kinds = [type(event) for event in source.events()]
    opening = [Trade, BookReset, Quote, MarkPrice, FundingSettlement]
    assert [*opening, MarkPrice, FundingSettlement, BookChange, Quote, MarkPrice] == kinds
    assert SourceCounts(quotes=2, trades=1, book_updates=2) == source.counts(LINEAR.id)
    with pytest.raises(KeyError):
        source.counts("ETH.sim")


def test_trades_alone_are_read_and_make_no_quotes(write: Write) -> None:
    source = a_source(LeanMinuteFeed(files=write("19700101_trade.csv", "0,1,1,1,10,5")))
    assert [Trade] == [type(event) for event in source.events()]


def test_a_feed_of_no_instrument_or_of_several_is_refused(write: Write) -> None:
    files = write("19700101_quote.csv", *quote_lines(0))
    both = (SPOT, LINEAR)
    for symbol, found in (("ETH", "ETH"), ("", "no symbol")):
        expected = f"a recorded feed is of {found}; expected one of {SPOT.symbol}, {LINEAR.symbol}"
        with pytest.raises(SourceError, match=expected):
            a_source(LeanMinuteFeed(files=files, symbol=symbol), instruments=both)


def test_funding_twice_is_refused_and_alone_it_is_an_empty_market(write: Write) -> None:
    funding = FundingCsvFeed(files=write("funding.csv", "19700101 00:01:30,0.001"))
    with pytest.raises(SourceError, match=f"{LINEAR.id} has two feeds of funding"):
        a_source(funding, funding)
    source = a_source(funding)
    assert RecordedSource is type(source)
    assert [] == list(source.events())
