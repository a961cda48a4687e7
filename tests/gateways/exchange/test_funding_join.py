"""Funding joined to recorded quotes: announced by what was paid last, paid by what was recorded."""

from collections.abc import Iterator

from gateways.exchange.feed_spec import FundingCsvFeed, LeanMinuteFeed
from gateways.exchange.simulated_venue import SimulatedVenue
from gateways.exchange.sources.funding_csv import FundingRow
from gateways.exchange.sources.funding_join import MARK_INTERVAL_NS, FundingJoin
from gateways.exchange.sources.recorded import make_recorded
from gateways.exchange.sources.source import FundingSettlement, SourceEvent
from gateways.venue import FundingBooked
from messages.market import MarkPrice, Quote, Trade
from tests.gateways.exchange.trading_floor import BUY, LINEAR, SELL, D, a_spec, order
from tests.support.recordings import DATA, needs_recordings

S = 10**9
ID = LINEAR.id


def a_quote(second: float, bid: float = 100.0, ask: float = 101.0) -> Quote:
    return Quote(ID, bid, 5.0, ask, 5.0, int(second * S), int(second * S))


def a_row(second: int, rate: float) -> FundingRow:
    return FundingRow(second * S, rate)


def joined(rows: list[FundingRow], *events: SourceEvent) -> list[SourceEvent]:
    return list(FundingJoin(ID, iter(rows)).join(events))


def a_mark(second: int, mark: float, rate: float, next_second: int) -> MarkPrice:
    return MarkPrice(ID, mark, mark, rate, next_second * S, second * S, second * S)


def test_the_mark_is_the_mid_and_the_expected_rate_the_one_paid_last() -> None:
    quote = a_quote(20)
    assert [quote, a_mark(20, 100.5, 0.01, 30), FundingSettlement(ID, 30 * S, 0.03, 20 * S)] == joined(
        [a_row(5, 0.02), a_row(10, 0.01), a_row(30, 0.03)], quote
    )


def test_before_the_first_stamp_of_the_data_no_rate_is_expected() -> None:
    assert a_mark(20, 100.5, 0.0, 30) == joined([a_row(30, 0.03)], a_quote(20))[1]


def test_at_a_stamp_the_rate_that_was_paid_is_told_with_the_stamp_after_it() -> None:
    events = joined([a_row(30, 0.03), a_row(90, 0.01)], a_quote(20), a_quote(40, 110.0, 111.0))
    assert [
        a_mark(30, 100.5, 0.03, 90),
        FundingSettlement(ID, 90 * S, 0.01, 30 * S),
        a_quote(40, 110.0, 111.0),
        a_mark(40, 110.5, 0.03, 90),
    ] == events[3:]


def test_after_the_last_stamp_of_the_data_none_is_announced() -> None:
    assert a_mark(30, 100.5, 0.03, 0) == joined([a_row(30, 0.03)], a_quote(20), a_quote(40))[3]


def test_marks_come_once_a_second_at_most() -> None:
    quotes = [a_quote(20 + step * 0.25) for step in range(9)]
    marks = [event for event in joined([a_row(90, 0.0)], *quotes) if isinstance(event, MarkPrice)]
    assert [20 * S, 21 * S, 22 * S] == [mark.ts_received for mark in marks]
    assert MARK_INTERVAL_NS == S


def test_a_quote_with_an_empty_side_makes_no_mark_and_trades_pass() -> None:
    trade = Trade(ID, 1.0, 1.0, BUY, "1", 21 * S, 21 * S)
    events = [a_quote(20, 0.0, 100.0), trade]
    assert events == joined([a_row(90, 0.0)], *events)


def test_the_data_are_read_one_row_ahead_only() -> None:
    taken = []

    def rows() -> Iterator[FundingRow]:
        for second in range(30, 1_000, 30):
            taken.append(second)
            yield a_row(second, 0.0)

    list(FundingJoin(ID, rows()).join([a_quote(20), a_quote(70)]))
    assert [30, 60, 90] == taken


# --- what a venue makes of it -----------------------------------------------------------------------------------------


def played(venue: SimulatedVenue, events: list[SourceEvent]) -> list[object]:
    return [output for event in events for output in venue.on_market(event)]


def test_a_venue_pays_the_recorded_rate_and_nobody_is_told_of_it_before() -> None:
    venue = SimulatedVenue(a_spec(LINEAR))
    events = joined([a_row(10, 0.01), a_row(30, -0.03), a_row(90, 0.5)], a_quote(20), a_quote(40))
    told = played(venue, events[:3])
    venue.on_request(order("a", SELL, "2", instrument=ID), 21 * S)
    assert [0.01] == [mark.funding_rate for mark in told if isinstance(mark, MarkPrice)]
    assert not any(isinstance(output, FundingSettlement) for output in told)
    booked, *after = [output for output in played(venue, events[3:]) if isinstance(output, FundingBooked | MarkPrice)]
    assert isinstance(booked, FundingBooked)
    # -(-2 × 100.5) × -0.03
    assert (D("-6.03"), -0.03, 30 * S) == (booked.amount, booked.rate, booked.ts_event)
    assert [(-0.03, 90 * S)] * 2 == [(mark.funding_rate, mark.next_funding_ns) for mark in after]


def test_a_stamp_announced_before_the_quotes_ended_is_paid_by_its_recorded_rate() -> None:
    venue = SimulatedVenue(a_spec(LINEAR))
    played(venue, joined([a_row(10, 0.01), a_row(30, -0.03)], a_quote(20)))
    venue.on_request(order("a", BUY, "1", instrument=ID), 21 * S)
    (booked,) = [output for output in venue.advance(50 * S) if isinstance(output, FundingBooked)]
    assert D("3.015") == booked.amount  # -(1 × 100.5) × -0.03


@needs_recordings
def test_a_short_on_a_recorded_day_gets_the_recorded_funding_to_the_last_digit() -> None:
    bars = DATA / "series" / "lean_minute_bars" / "bybit_future_btcusdt_minute_20221213_quote.csv.gz"
    rates = DATA / "series" / "lean_funding" / "bybit_btcusdt_funding.csv"
    source = make_recorded((LINEAR,), (LeanMinuteFeed(files=(str(bars),)), FundingCsvFeed(files=(str(rates),))))
    venue, booked, last_quote = SimulatedVenue(a_spec(LINEAR)), [], None
    midnight_ns = 19_339 * 86_400 * S
    for event in source.events():
        stamp_ns = midnight_ns + 8 * 3_600 * S
        if isinstance(event, Quote) and event.ts_received < stamp_ns:
            last_quote = event
        booked += [output for output in venue.on_market(event) if isinstance(output, FundingBooked)]
        if isinstance(event, Quote) and event.ts_received == midnight_ns + 60 * S:
            venue.on_request(order("a", SELL, "0.005", instrument=LINEAR.id), event.ts_received)
    booked += [output for output in venue.advance(midnight_ns + 16 * 3_600 * S) if isinstance(output, FundingBooked)]
    morning, evening = booked
    assert last_quote is not None
    mid = (D(repr(last_quote.bid)) + D(repr(last_quote.ask))) / 2
    # a short of 0.005 pays where the rate is negative: 0.005 × mid × -0.00022398, rounded to 1e-8
    assert (D("0.005") * mid * D("-0.00022398")).quantize(D("1e-8")) == morning.amount
    assert D("-0.01920265") == morning.amount
    # the quotes end at 12:01 with a mid of 17435.25: 0.005 × 17435.25 × -0.00038555 = -0.033610802...
    assert D("-0.03361080") == evening.amount
