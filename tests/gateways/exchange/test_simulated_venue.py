import pytest

import gateways.exchange.latency
import gateways.exchange.order_entry
from gateways.exchange.simulated_venue import SimulatedVenue
from gateways.exchange.sources.source import BookChange, BookReset, SourceCounts
from gateways.venue import FROM_VENUE, AccountQuery
from messages.codec import encode
from messages.health import FeedReport, OrderCounts
from messages.market import Depth, Gap, MarkPrice, Quote, Trade
from messages.orders import AmendOrder, CancelOrder, CloseReason, Fill, OrderAccepted, QueryOrder, RejectReason
from tests.gateways.exchange.trading_floor import (
    BUY,
    INVERSE,
    LINEAR,
    MS,
    SELL,
    SPOT,
    VENUE,
    D,
    Floor,
    a_spec,
    closed,
    fill,
    order,
    said,
)

BIDS = [(99.9, 2.0), (99.8, 3.0), (99.7, 4.0)]
ASKS = [(100.0, 2.0), (100.1, 3.0), (100.2, 4.0)]


def a_floor(*instruments, **fields):
    floor = Floor(*instruments, **fields)
    for instrument in instruments or (SPOT,):
        floor.book(BIDS, ASKS, instrument.id)
    return floor


# --- market data ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "event",
    [
        Quote(LINEAR.id, 99.9, 1.0, 100.0, 1.0, 5, 6),
        Trade(LINEAR.id, 99.9, 1.0, BUY, "t", 5, 6),
        MarkPrice(LINEAR.id, 100.0, 100.0, 0.0001, 0, 5, 6),
        Gap(LINEAR.id, "missing book update", 6),
    ],
)
def test_market_data_pass_through_unchanged(event):
    outputs = SimulatedVenue(a_spec(LINEAR)).on_market(event)
    assert [event] == outputs


def test_book_events_are_published_as_the_best_levels_of_the_book():
    venue = SimulatedVenue(a_spec(SPOT, depth_levels=2))
    assert [Depth(SPOT.id, tuple(BIDS[:2]), tuple(ASKS[:2]), 7, 1, 2)] == venue.on_market(
        BookReset(SPOT.id, BIDS, ASKS, 7, 1, 2)
    )
    change = BookChange(SPOT.id, [(99.9, 0.0)], [(99.95, 1.0)], 8, 2, 3)
    assert [
        Depth(SPOT.id, ((99.8, 3.0), (99.7, 4.0)), ((99.95, 1.0), (100.0, 2.0)), 8, 2, 3),
    ] == venue.on_market(change)


def test_the_event_is_published_before_the_fills_that_it_led_to():
    floor = a_floor()
    floor.submit("a", BUY, "1", "99.9")
    outputs = floor.venue.on_market(Trade(SPOT.id, 99.8, 1.0, SELL, "t", floor.tick(), floor.now_ns))
    assert ["Trade", "Fill", "OrderClosed"] == [type(output).__name__ for output in outputs]


def test_an_event_of_an_instrument_that_the_venue_does_not_have_is_an_error():
    with pytest.raises(KeyError, match=r"BTCUSDT-PERP\.sim"):
        SimulatedVenue(a_spec(SPOT)).on_market(Quote(LINEAR.id, 1.0, 1.0, 2.0, 1.0, 5, 6))


def test_a_venue_that_cannot_be_simulated_is_refused():
    with pytest.raises(ValueError, match="listed twice"):
        SimulatedVenue(a_spec(SPOT, SPOT))


# --- latency ----------------------------------------------------------------------------------------------------------


def test_a_request_takes_effect_after_the_latency_in_the_market_of_that_moment():
    venue = SimulatedVenue(a_spec(SPOT, latency_ms=5.0))
    venue.on_market(BookReset(SPOT.id, BIDS, ASKS, 1, 0, 10 * MS))
    assert [] == venue.on_request(order("a", BUY, "1", "100.2"), 11 * MS)
    assert 16 * MS == venue.due_ns()
    assert [] == venue.advance(16 * MS - 1)
    assert 1 == len(venue.on_market(BookChange(SPOT.id, [], [(100.0, 0.0)], 2, 0, 15 * MS)))
    reports = venue.advance(20 * MS)
    assert [("accepted", "a"), fill("a", "1", "100.1"), closed("a", "filled", "1")] == said(reports)
    assert {16 * MS} == {report.ts_event for report in reports}
    assert venue.due_ns() is None


def test_what_is_due_comes_before_the_market_event_of_the_same_instant():
    venue = SimulatedVenue(a_spec(SPOT, latency_ms=5.0))
    venue.on_market(BookReset(SPOT.id, BIDS, ASKS, 1, 0, 10 * MS))
    venue.on_request(order("a", BUY, "1", "100.2"), 11 * MS)
    *reports, depth = venue.on_market(BookChange(SPOT.id, [], [(100.0, 0.0)], 2, 0, 16 * MS))
    assert [("accepted", "a"), fill("a", "1", "100.0"), closed("a", "filled", "1")] == said(reports)
    assert isinstance(depth, Depth)


def test_queries_are_answered_in_turn_after_every_request_sent_before():
    venue = SimulatedVenue(a_spec(SPOT, latency_ms=5.0, latency_jitter_ms=20.0))
    venue.on_market(BookReset(SPOT.id, BIDS, ASKS, 1, 0, 10 * MS))
    for request in (
        order("a", BUY, "1", "99.9"),
        QueryOrder("a", "carry", 1, SPOT.id),
        AccountQuery(VENUE, 0),
        CancelOrder("a", "carry", 1, SPOT.id),
        AccountQuery(VENUE, 0),
    ):
        assert [] == venue.on_request(request, 11 * MS)
    accepted, status, before, cancelled, after = venue.advance(10_000 * MS)
    assert OrderAccepted("a", "carry", SPOT.id, "1", accepted.ts_event) == accepted
    assert (True, None, "1") == (status.is_known, status.closed, status.venue_order_id)
    assert (("a",), ()) == (before.open_orders, after.open_orders)
    assert CloseReason.CANCELLED == cancelled.reason


def test_before_the_market_opens_requests_take_effect_at_once():
    venue = SimulatedVenue(a_spec(SPOT, latency_ms=5.0))
    assert [("account", {})] == said(venue.on_request(AccountQuery(VENUE, 0), 0))
    assert [("accepted", "a")] == said(venue.on_request(order("a", BUY, "1", "99.9"), 0))
    assert venue.due_ns() is None
    venue.on_market(BookReset(SPOT.id, BIDS, ASKS, 1, 0, 10 * MS))
    assert [] == venue.on_request(AccountQuery(VENUE, 0), 10 * MS)
    assert 15 * MS == venue.due_ns()


def test_a_venue_with_too_many_requests_under_way_refuses_risk_but_takes_cancels(monkeypatch):
    monkeypatch.setattr(gateways.exchange.latency, "REQUESTS_QUEUED_MAX", 2)
    floor = a_floor(SPOT, latency_ms=5.0)
    for name in "ab":
        assert [] == floor.venue.on_request(order(name, BUY, "1", "99.9"), floor.now_ns)
    (refused,) = floor.venue.on_request(order("c", BUY, "1", "99.9"), floor.now_ns)
    assert (RejectReason.OTHER, "c") == (refused.reason, refused.client_order_id)
    (refused,) = floor.venue.on_request(AmendOrder("a", "carry", 1, SPOT.id, D(1), D(99)), floor.now_ns)
    assert (RejectReason.OTHER, "a") == (refused.reason, refused.client_order_id)
    assert [] == floor.venue.on_request(CancelOrder("a", "carry", 1, SPOT.id), floor.now_ns)
    assert [("accepted", "a"), ("accepted", "b"), closed("a", "cancelled", "0")] == said(
        floor.venue.advance(floor.now_ns + 5 * MS)
    )


# --- refusals and queries ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("request_", "expected"),
    [
        (order("a", BUY, "1", "100", instrument="ETHUSDT.sim"), RejectReason.UNKNOWN_INSTRUMENT),
        (order("a", BUY, "1", "100.05"), RejectReason.INVALID_PRICE),
        (order("a", BUY, "1.0001", "100"), RejectReason.INVALID_QUANTITY),
        (order("a", BUY, "0.01", "100"), RejectReason.MIN_NOTIONAL),
        (order("a", BUY, "0.01"), RejectReason.MIN_NOTIONAL),
        (order("a", BUY, "1", "100", reduce_only=True), RejectReason.REDUCE_ONLY),
        (order("a", SELL, "11", "100"), RejectReason.INSUFFICIENT_BALANCE),
        (order("a", BUY, "1001", "100"), RejectReason.INSUFFICIENT_BALANCE),
        (order("a", BUY, "21000", "100", instrument=LINEAR.id), RejectReason.INSUFFICIENT_BALANCE),
    ],
)
def test_an_order_that_breaks_a_rule_is_refused_and_remembered_as_refused(request_, expected):
    floor = a_floor(SPOT, LINEAR)
    (rejected,) = floor.ask(request_)
    assert (expected, "a", "carry", request_.instrument, 0) == (
        rejected.reason,
        rejected.client_order_id,
        rejected.strategy,
        rejected.instrument,
        rejected.seq,
    )
    assert rejected.text
    status = floor.query("a")
    assert (True, expected, None, "") == (status.is_known, status.rejected, status.closed, status.venue_order_id)
    assert [("cancel rejected", "a", "unknown-order")] == floor.cancel("a")


def test_a_market_buy_must_be_affordable_at_the_worst_price_that_it_would_pay():
    floor = a_floor(SPOT, balances={"USDT": D(300)})
    # 2 at 100.0 and 1 at 100.1; 3 × 100.1 × 1.001 = 300.6003
    assert [("rejected", "a", "insufficient-balance")] == floor.submit("a", BUY, "3")
    # 2.99 × 100.1 × 1.001 = 299.598...
    assert [("accepted", "b"), fill("b", "2", "100"), fill("b", "0.99", "100.1"), closed("b", "filled", "2.99")] == (
        floor.submit("b", BUY, "2.99")
    )


def test_a_client_order_id_is_used_once_and_the_first_order_stands():
    floor = a_floor()
    floor.submit("a", BUY, "1", "99.9")
    assert [("rejected", "a", "duplicate-id")] == floor.submit("a", BUY, "1", "99.9")
    assert (None, None) == (floor.query("a").rejected, floor.query("a").closed)
    assert ("a",) == floor.account().open_orders


def test_an_order_that_was_never_seen_is_not_known():
    status = a_floor().query("nobody")
    assert (False, "", None, None, D(0), ()) == (
        status.is_known,
        status.venue_order_id,
        status.rejected,
        status.closed,
        status.filled_quantity,
        status.fills,
    )


def test_a_query_tells_all_fills_of_a_closed_order():
    floor = a_floor()
    reports = floor.ask(order("a", BUY, "3", "100.1"))
    status = floor.query("a")
    assert tuple(report for report in reports if isinstance(report, Fill)) == status.fills
    assert (CloseReason.FILLED, D(3)) == (status.closed, status.filled_quantity)


def test_the_oldest_ended_orders_are_forgotten_past_the_bound(monkeypatch):
    monkeypatch.setattr(gateways.exchange.order_entry, "CLOSED_ORDERS_MAX", 2)
    floor = a_floor()
    floor.submit("open", BUY, "1", "99.9")
    for name in ("a", "b", "c"):
        floor.submit(name, BUY, "1", "100.05")
    assert [True, False, True, True] == [floor.query(name).is_known for name in ("open", "a", "b", "c")]


def test_an_order_ends_with_the_last_fill_that_can_be_told_of_it(monkeypatch):
    monkeypatch.setattr(gateways.exchange.order_entry, "FILLS_PER_ORDER_MAX", 2)
    floor = a_floor()
    assert [
        ("accepted", "a"),
        fill("a", "2", "100"),
        fill("a", "3", "100.1"),
        closed("a", "expired", "5"),
    ] == floor.submit("a", BUY, "9", "100.2")


def test_reports_can_be_sent_over_the_link():
    floor = a_floor(SPOT, LINEAR, INVERSE)
    reports = [
        *floor.ask(order("a", BUY, "3", "100.1")),
        *floor.ask(order("b", BUY, "3", "100.05")),
        floor.query("a"),
        floor.account(),
    ]
    assert reports == [FROM_VENUE.decode(encode(report)) for report in reports]


# --- account and report -----------------------------------------------------------------------------------------------


def test_the_account_tells_derivative_positions_total_balances_and_open_orders():
    floor = a_floor(SPOT, LINEAR)
    floor.submit("a", BUY, "1", "100")
    floor.submit("b", BUY, "1", "99.9")
    floor.submit("c", SELL, "1", "99.9", instrument=LINEAR.id)
    state = floor.account()
    assert {LINEAR.id: D(-1)} == state.positions
    # spot: -100 - 0.1 of fee; futures: -99.9 × 5 bps = -0.04995 of fee; the open order's reserve is not taken off
    assert {"USDT": D("99899.85005"), "BTC": D(11)} == state.balances
    assert (("b",), (), floor.now_ns) == (state.open_orders, state.fundings, state.ts_event)


def test_the_report_has_symbols_for_keys_and_the_built_book():
    floor = a_floor(SPOT, LINEAR)
    floor.quote(99.0, 1.0, 101.0, 1.0)  # the report is about the book
    floor.change(bids=[(100.3, 1.0)])
    floor.change(bids=[(100.3, 0.0)])
    floor.submit("filled", BUY, "1", "100")
    floor.submit("cancelled", BUY, "1", "99.9")
    floor.cancel("cancelled")
    floor.submit("expired", SELL, "9999")
    floor.submit("open", SELL, "1", "101", instrument=LINEAR.id)
    update_id = floor.now_ns - 6 * MS  # six requests after the last change
    report = floor.venue.report({SPOT.id: SourceCounts(5, 4, 3, 2, 1)})
    assert (
        FeedReport(
            quotes=5,
            trades=4,
            book_updates=3,
            book_updates_discarded=2,
            gaps=1,
            crossed=1,
            best_bid=D("99.9"),
            best_bid_size=D("2.0"),
            best_ask=D("100.0"),
            best_ask_size=D("2.0"),
            last_update_id=update_id + MS,
        )
        == report.instruments["BTCUSDT"]
    )
    assert OrderCounts(accepted=3, rejected=1, denied=0, cancelled=1, filled=1) == report.orders
    assert {"BTCUSDT": D(1), "BTCUSDT-PERP": D(0)} == report.positions
    assert {"USDT": D("99899.9"), "BTC": D("11")} == report.balances
    assert 0 == report.instruments["BTCUSDT-PERP"].quotes


def test_the_report_of_a_market_without_a_book_has_the_newest_quote_and_before_it_nothing():
    floor = Floor()
    assert (D(0), D(0)) == _touch(floor)
    floor.quote(99.9, 1.5, 100.0, 1.0)
    assert (D("99.9"), D("1.5")) == _touch(floor)


def test_the_report_shows_a_computed_size_with_as_many_places_as_a_message_carries():
    """0.01 / 59 023.4 = 0.00000016942433001148697 has 23 places, 18 of them are told."""
    floor = Floor()
    floor.book([(59_023.4, 0.01 / 59_023.4)], ASKS)
    assert D("1.69424330011E-7") == _touch(floor)[1]


def _touch(floor):
    feed = floor.venue.report({}).instruments["BTCUSDT"]
    return feed.best_bid, feed.best_bid_size
