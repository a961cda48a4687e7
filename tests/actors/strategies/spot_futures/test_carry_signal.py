"""Edges and profits of a pair, with the arithmetic beside them."""

from decimal import Decimal as D

import msgspec
import pytest

from actors.analytics.pnl import InstrumentBook
from actors.strategies.market_view import MarketView
from actors.strategies.spot_futures.carry_signal import NOTHING, CarrySignal, CarryTerms, HeldPair, held_pair
from messages.instruments import Instrument, InstrumentType
from messages.market import MarkPrice, Quote
from tests.actors.strategies.trading_world import INVERSE, PERPETUAL, SPOT

HOUR_NS = 3_600_000_000_000
NOW_NS = 1_000 * HOUR_NS


def a_signal(futures: Instrument = PERPETUAL, size: float = 1_000.0, **changes) -> CarrySignal:
    settings = {
        "notional": 10_000.0, "horizon_hours": 8.0, "exit_basis_bps": 0.0, "slippage_bps": 0.0, "borrow_apr": 0.0,
        "quote_age_max_ms": 5_000,
    }  # fmt: skip
    views = MarketView(SPOT), MarketView(futures)
    views[0].on_quote(Quote(SPOT.id, 59_999.0, size, 60_000.0, size, NOW_NS, NOW_NS))
    views[1].on_quote(Quote(futures.id, 60_300.0, size, 60_301.0, size, NOW_NS, NOW_NS))
    return CarrySignal(*views, CarryTerms(**{**settings, **changes}))


def mark(rate: float, hours: float, price: float = 60_000.0) -> MarkPrice:
    return MarkPrice(PERPETUAL.id, price, price, rate, NOW_NS + int(hours * HOUR_NS), NOW_NS, NOW_NS)


HELD = HeldPair(
    spot_base=0.1, spot_entry=60_000.0, contracts=0.1, futures_base=0.1, futures_entry=60_300.0, booked=-9.0
)


def test_the_edge_is_basis_less_every_cost():
    # 60,300 / 60,000 = 50 bps − 30 of fees
    assert 20.0 == pytest.approx(a_signal().entry_edge_bps(NOW_NS))
    # − 1 slippage − 2 exit basis − 0.0876 × 8 / 8,760 × 10,000 = 0.8 of borrow
    signal = a_signal(slippage_bps=1.0, exit_basis_bps=2.0, borrow_apr=0.0876)
    assert 16.2 == pytest.approx(signal.entry_edge_bps(NOW_NS))


def test_funding_within_the_horizon_adds_to_the_edge():
    signal = a_signal(horizon_hours=24.0)
    signal.futures.on_mark(mark(0.0001, 1.0))
    # stamps at 1, 9, 17 h: 3 × 1 bps
    assert 23.0 == pytest.approx(signal.entry_edge_bps(NOW_NS))


def test_negative_funding_takes_from_the_edge():
    signal = a_signal()
    signal.futures.on_mark(mark(-0.0005, 1.0))
    assert 15.0 == pytest.approx(signal.entry_edge_bps(NOW_NS))


def test_a_dated_future_pays_no_funding():
    future = msgspec.structs.replace(
        PERPETUAL, type=InstrumentType.FUTURE, funding_interval_hours=0, expiry_ns=NOW_NS * 2
    )
    signal = a_signal(future)
    signal.futures.on_mark(mark(0.01, 1.0))
    assert (0.0, 0.0, 0.0) == (signal.funding_rate, signal.funding_bps(NOW_NS), signal.funding_apr())


def test_without_sizes_or_fresh_quotes_there_is_no_edge():
    assert NOTHING == a_signal(size=0.0).entry_edge_bps(NOW_NS)
    assert NOTHING == a_signal(size=0.0).remaining_bps(NOW_NS, HELD)
    assert NOTHING == a_signal().entry_edge_bps(NOW_NS + 5_000_000_001)


def test_inverse_contracts_are_counted_in_their_own_size():
    # 10,000 / 100 = 100 contracts: a top of 99 does not cover them, and there is no depth behind it
    signal = a_signal(INVERSE, size=99.0)
    assert 20.0 == pytest.approx(signal.entry_edge_bps(NOW_NS))


def test_what_is_left_is_the_exit_basis_and_the_funding_to_come():
    signal = a_signal(exit_basis_bps=1.0)
    signal.futures.on_mark(mark(0.0001, 1.0))
    # 60,301 / 59,999 − 1 = 50.334 bps − 1 + 1
    assert 50.334 == pytest.approx(signal.remaining_bps(NOW_NS, HELD), abs=0.001)


def test_profit_of_a_linear_pair():
    # spot 0.1 × (59,999 − 60,000) = −0.1; futures 0.1 × (60,300 − 60,301) = −0.1; booked −9
    assert -9.2 == pytest.approx(a_signal().profit(HELD))


def test_profit_of_an_inverse_pair_is_coin_at_the_spot_bid():
    held = msgspec.structs.replace(HELD, contracts=60.0, futures_entry=60_000.0)
    # 6,000 × (1 / 60,301 − 1 / 60,000) = −0.000499155 BTC × 59,999 = −29.94877; −0.1 − 9
    assert -39.0488 == pytest.approx(a_signal(INVERSE).profit(held), abs=0.001)


def test_without_a_mark_the_margin_is_not_in_question():
    assert float("inf") == a_signal().margin_ratio(HELD, 1.0)


def test_the_margin_ratio_is_taken_at_the_mark():
    signal = a_signal()
    signal.futures.on_mark(mark(0.0, 1.0, 66_330.0))
    # (60,300 / 10 + 60,300 − 66,330) / 66,330 = 0
    assert 0.0 == pytest.approx(signal.margin_ratio(HELD, 10.0))


def test_what_two_books_hold_is_a_pair_once_both_have_a_price():
    spot, futures = InstrumentBook(SPOT), InstrumentBook(PERPETUAL)
    spot.change(D("0.1"), D(60_000))
    assert held_pair(spot, futures, D(0)) is None
    futures.change(D("-0.1"), D(60_300))
    assert HELD == held_pair(spot, futures, D(-9))
