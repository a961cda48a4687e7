"""What happens at a venue by its own calendar: funding stamps and the expiry of dated futures."""

import msgspec

from messages.market import Quote
from tests.gateways.exchange.trading_floor import (
    BUY,
    FUTURE,
    INVERSE,
    LINEAR,
    MS,
    SELL,
    SPOT,
    START_NS,
    D,
    Floor,
    closed,
    fill,
    order,
    said,
)

BIDS = [(99.9, 2.0), (99.8, 3.0), (99.7, 4.0)]
ASKS = [(100.0, 2.0), (100.1, 3.0), (100.2, 4.0)]


def a_floor(*instruments, **fields):
    floor = Floor(*instruments, **fields)
    for instrument in instruments:
        floor.book(BIDS, ASKS, instrument.id)
    return floor


# --- funding ----------------------------------------------------------------------------------------------------------

STAMP = START_NS + 100 * MS


def a_funded_floor(quantity="1", side=BUY, **fields):
    floor = a_floor(LINEAR, **fields)
    floor.submit("open", side, quantity)
    return floor


def test_funding_is_booked_once_when_market_time_reaches_the_stamp_without_any_event():
    floor = a_funded_floor()
    floor.mark(100.0, 0.0001, STAMP)
    floor.mark(110.0, 0.001, STAMP)
    assert STAMP == floor.venue.due_ns()
    assert [] == floor.venue.advance(STAMP - 1)
    (booked,) = floor.venue.advance(STAMP)
    # -1 × 110 × 0.001, by the last mark and rate before the stamp
    assert (1, LINEAR.id, D("-0.11"), "USDT", 0.001, 110.0, D(1), STAMP) == (
        booked.number,
        booked.instrument,
        booked.amount,
        booked.currency,
        booked.rate,
        booked.mark,
        booked.position,
        booked.ts_event,
    )
    floor.now_ns = STAMP
    assert [] == floor.mark(110.0, 0.001, STAMP)  # the venue repeats the old stamp for a while
    assert floor.venue.due_ns() is None
    assert [] == floor.mark(110.0, 0.001, STAMP + 50 * MS)
    assert [("funding", 2, D("-0.11"), "USDT")] == said(floor.venue.advance(STAMP + 50 * MS))
    assert [2] == [funding.number for funding in floor.account(after_funding=1).fundings]


def test_a_stamp_comes_before_the_event_that_passes_it():
    floor = a_funded_floor(side=SELL)
    floor.mark(100.0, 0.0001, STAMP)
    floor.now_ns = STAMP + 5 * MS
    booked, quote = floor.venue.on_market(Quote(LINEAR.id, 50.0, 1.0, 51.0, 1.0, floor.now_ns, floor.now_ns))
    assert D("0.01") == booked.amount  # a short of 1 × 100 × 0.0001 is paid
    assert isinstance(quote, Quote)


def test_a_position_opened_after_the_stamp_does_not_pay_even_in_the_same_instant():
    floor = a_floor(LINEAR, latency_ms=5.0)
    floor.mark(100.0, 0.0001, STAMP)
    floor.venue.on_request(order("a", BUY, "1", instrument=LINEAR.id), STAMP - 5 * MS)
    assert [("accepted", "a"), fill("a", "1", "100"), closed("a", "filled", "1")] == said(floor.venue.advance(STAMP))


def test_an_order_in_flight_that_fills_before_the_stamp_pays():
    floor = a_floor(LINEAR, latency_ms=5.0)
    floor.mark(100.0, 0.0001, STAMP)
    floor.venue.on_request(order("a", BUY, "1", instrument=LINEAR.id), STAMP - 6 * MS)
    assert ("funding", 1, D("-0.01"), "USDT") == said(floor.venue.advance(STAMP))[-1]


def test_a_flat_account_and_a_stamp_already_past_pay_nothing():
    floor = a_floor(LINEAR)
    floor.mark(100.0, 0.0001, STAMP)
    assert [] == floor.venue.advance(STAMP)
    floor = a_funded_floor()
    floor.now_ns = STAMP
    assert [] == floor.mark(100.0, 0.0001, STAMP - MS)
    assert floor.venue.due_ns() is None


def test_spot_and_dated_futures_have_no_funding():
    floor = a_floor(FUTURE)
    floor.submit("open", BUY, "1")
    floor.mark(100.0, 0.0001, STAMP)
    assert FUTURE.expiry_ns == floor.venue.due_ns()


def test_a_stamp_that_the_venue_moves_is_paid_at_its_new_time_only():
    hour = 3_600_000 * MS
    floor = a_funded_floor()
    floor.mark(100.0, 0.0001, START_NS + 2 * hour)
    floor.mark(100.0, 0.0001, START_NS + hour)  # sooner
    assert [("funding", 1, D("-0.01"), "USDT")] == said(floor.venue.advance(START_NS + 2 * hour))
    floor = a_funded_floor()
    floor.mark(100.0, 0.0001, START_NS + hour)
    floor.mark(100.0, 0.0002, START_NS + 2 * hour)  # later
    assert [("funding", 1, D("-0.02"), "USDT")] == said(floor.venue.advance(START_NS + 2 * hour))


def test_a_stamp_that_has_passed_by_the_venues_faster_clock_is_paid_with_its_own_rate():
    floor = a_funded_floor()
    floor.mark(100.0, 0.0001, STAMP)
    assert [("funding", 1, D("-0.01"), "USDT")] == floor.mark(100.0, 0.0009, STAMP + 3_600_000 * MS)
    assert [] == floor.venue.advance(STAMP)


def test_a_stamp_moved_there_and_back_is_paid_once():
    hour = 3_600_000 * MS
    floor = a_funded_floor()
    for stamp in (2 * hour, hour, 2 * hour):
        floor.mark(100.0, 0.0001, START_NS + stamp)
    assert 1 == len(floor.venue.advance(START_NS + 3 * hour))


# --- expiry -----------------------------------------------------------------------------------------------------------


def test_at_expiry_orders_end_the_position_settles_at_the_mark_and_later_orders_are_refused():
    floor = a_floor(FUTURE)
    floor.submit("open", BUY, "1", "100")  # fee 100 × 5 bps = 0.05
    floor.submit("resting", BUY, "1", "99.9")
    floor.mark(110.04)
    assert FUTURE.expiry_ns == floor.venue.due_ns()
    assert [closed("resting", "expired", "0"), ("account", {FUTURE.id: D(0)})] == said(
        floor.venue.advance(FUTURE.expiry_ns)
    )
    assert D("100009.95") == floor.ledger.balance("USDT")  # settled at 110.0, on the tick: +10 - 0.05
    floor.now_ns = FUTURE.expiry_ns
    assert [("rejected", "late", "expired-instrument")] == floor.submit("late", BUY, "1", "100")


def test_a_future_without_a_mark_settles_at_the_market():
    floor = a_floor(FUTURE)
    floor.submit("open", SELL, "1", "99.9")
    floor.quote(89.9, 1.0, 90.1, 1.0)
    assert [("account", {FUTURE.id: D(0)})] == said(floor.venue.advance(FUTURE.expiry_ns))
    assert D("9.9") == floor.ledger.realised["USDT"]  # short from 99.9, mid 90


def test_a_flat_future_expires_in_silence():
    assert [] == a_floor(FUTURE).venue.advance(FUTURE.expiry_ns)


def test_a_position_filled_through_the_only_price_ever_seen_settles_there():
    floor = Floor(FUTURE)
    floor.submit("a", BUY, "1", "100")
    floor.quote(0.0, 0.0, 99.5, 1.0)  # no bid: there is no mid
    assert D(1) == floor.ledger.position(FUTURE.id)
    floor.venue.advance(FUTURE.expiry_ns)
    assert {"USDT": D(0)} == floor.ledger.realised


def test_expiry_leaves_the_orders_of_other_instruments_alone():
    floor = a_floor(SPOT, FUTURE)
    floor.submit("spot", BUY, "1", "99.9")
    floor.submit("future", BUY, "1", "99.9", instrument=FUTURE.id)
    assert [closed("future", "expired", "0")] == said(floor.venue.advance(FUTURE.expiry_ns))
    assert ("spot",) == floor.account().open_orders


def test_an_inverse_future_settles_in_coin():
    future = msgspec.structs.replace(INVERSE, type=FUTURE.type, expiry_ns=FUTURE.expiry_ns, funding_interval_hours=0)
    floor = Floor(future)
    floor.book([(59_999.9, 10.0)], [(60_000.0, 10.0)])
    floor.submit("a", BUY, "3")
    floor.mark(66_000.0)
    floor.venue.advance(FUTURE.expiry_ns)
    assert {"BTC": D("0.00045455")} == floor.ledger.realised  # 300 / 60000 - 300 / 66000 = 0.005 - 0.00454545
