"""The mirror of cash and carry: spot that is held or borrowed is sold, and the future bought below it."""

from decimal import Decimal as D

import msgspec
import pytest

from actors.strategies.market_view import MarketView
from actors.strategies.spot_futures.carry_signal import CarrySignal, CarryTerms, HeldPair
from actors.strategies.spot_futures.strategy import SpotFutures
from actors.strategies.strategy import ParameterError
from messages.health import CycleResult
from messages.market import MarkPrice, Quote
from messages.orders import Side
from tests.actors.strategies.trading_world import INVERSE, INVERSE_ID, PERPETUAL, PERPETUAL_ID, SPOT, SPOT_ID, World
from tests.actors.strategies.trading_world import parameters as carry_parameters

NOW_NS = 1_700_000_000_000_000_000
HELD = HeldPair(
    spot_base=0.1, spot_entry=60_300.0, contracts=0.1, futures_base=0.1, futures_entry=60_000.0, booked=-9.0
)


def parameters(**changes):
    return carry_parameters(direction="short-spot", can_short_spot=True, **changes)


def a_signal(futures=PERPETUAL, **changes) -> CarrySignal:
    """Spot 60,300 bid, futures 60,000 ask, both a spread of 1."""
    terms = CarryTerms(
        notional=10_000.0, horizon_hours=8.0, exit_basis_bps=0.0, slippage_bps=0.0, borrow_apr=0.0,
        quote_age_max_ms=5_000, is_long_spot=False,
    )  # fmt: skip
    spot, perpetual = MarketView(SPOT), MarketView(futures)
    spot.on_quote(Quote(SPOT.id, 60_300.0, 1_000.0, 60_301.0, 1_000.0, NOW_NS, NOW_NS))
    perpetual.on_quote(Quote(futures.id, 59_999.0, 1_000.0, 60_000.0, 1_000.0, NOW_NS, NOW_NS))
    return CarrySignal(spot, perpetual, msgspec.structs.replace(terms, **changes))


def mark(rate: float, price: float = 60_000.0) -> MarkPrice:
    return MarkPrice(PERPETUAL_ID, price, price, rate, NOW_NS + 3_600_000_000_000, NOW_NS, NOW_NS)


def opened(**changes) -> World:
    world = World(parameters(**changes))
    world.market(60_300.0, 60_000.0)
    world.trade_all()
    assert "MONITORING_POSITIONS" == world.state
    return world


# --- the numbers ----------------------------------------------------------------------------------------------------


def test_the_edge_is_the_negative_basis_less_every_cost():
    # 60,000 / 60,300 − 1 = −49.751 bps, so +49.751 − 30 of fees
    assert 19.751 == pytest.approx(a_signal().entry_edge_bps(NOW_NS), abs=0.001)
    # a basis of +2 bps that is expected at the exit is 2 bps more
    assert 21.751 == pytest.approx(a_signal(exit_basis_bps=2.0).entry_edge_bps(NOW_NS), abs=0.001)


def test_funding_is_paid_where_it_is_positive_and_earned_where_it_is_negative():
    signal = a_signal()
    signal.futures.on_mark(mark(0.0001))
    assert (-0.0001, -1.0) == (signal.funding_rate, pytest.approx(signal.funding_bps(NOW_NS)))
    signal.futures.on_mark(mark(-0.0005))
    assert 19.751 + 5.0 == pytest.approx(signal.entry_edge_bps(NOW_NS), abs=0.001)


def test_what_is_left_is_measured_where_it_would_be_closed():
    # futures sold at 59,999, spot bought at 60,301: −(59,999 / 60,301 − 1) = 50.082 bps
    assert 50.082 == pytest.approx(a_signal().remaining_bps(NOW_NS, HELD), abs=0.001)


def test_profit_is_that_of_short_spot_and_long_futures():
    # spot 0.1 × (60,300 − 60,301) = −0.1; futures 0.1 × (59,999 − 60,000) = −0.1; booked −9
    assert -9.2 == pytest.approx(a_signal().profit(HELD))
    held = msgspec.structs.replace(HELD, contracts=60.0, futures_entry=60_000.0)
    # 6,000 × (1 / 60,000 − 1 / 59,999) = −0.0000016667 BTC × 60,301 = −0.1005; −0.1 − 9
    assert -9.2005 == pytest.approx(a_signal(INVERSE).profit(held), abs=0.0001)


def test_the_margin_is_that_of_a_long():
    signal = a_signal()
    signal.futures.on_mark(mark(0.0, price=57_000.0))
    # (60,000 / 10 + 57,000 − 60,000) / 57,000 = 3,000 / 57,000
    assert 3_000 / 57_000 == pytest.approx(signal.margin_ratio(HELD, 10.0))


# --- the strategy ---------------------------------------------------------------------------------------------------


def test_it_sells_spot_and_buys_the_future_when_the_future_is_cheap():
    world = World(parameters())
    world.market(60_000.0, 60_300.0)
    assert {} == world.orders  # rich futures are not for the mirror
    world.market(60_300.0, 60_000.0)
    assert (SPOT_ID, Side.SELL) == (world.last.instrument, world.last.side)
    world.trade(world.last.client_order_id)
    assert (PERPETUAL_ID, Side.BUY, False) == (world.last.instrument, world.last.side, world.last.reduce_only)
    world.trade_all()
    assert -world.held[0] == world.held[1] > 0


def test_it_leaves_when_the_prices_have_met_and_earns_the_difference():
    world = opened()
    for _ in range(3):
        world.market(60_000.0, 60_001.0)
    assert "CLOSING_POSITIONS" == world.state
    assert (SPOT_ID, Side.BUY) == (world.last.instrument, world.last.side)
    world.trade_all()
    (cycle,) = world.strategy.cycles
    assert (CycleResult.COMPLETED, (D(0), D(0))) == (cycle.result, world.held)
    # the spot fell by 300 and the future rose by 1: 0.165 × 301
    assert D("49.665") == cycle.attribution.basis
    assert world.orders[world.last.client_order_id].reduce_only


def test_it_stops_when_the_difference_grows():
    world = opened(stop_loss=0.01, exit_edge_bps=-10_000.0)
    for _ in range(3):
        world.quote(PERPETUAL_ID, 59_200.0, 59_201.0)
    assert world.strategy.pair.reason.startswith("stop loss at -1")


def test_it_leaves_when_longs_begin_to_pay():
    world = World(parameters(exit_edge_bps=-10_000.0))
    world.quote(PERPETUAL_ID, 60_000.0, 60_001.0)
    world.mark(60_000.0, -0.0001, world.now_ns + 1_000)
    world.quote(SPOT_ID, 60_300.0, 60_301.0)
    world.trade_all()
    for _ in range(3):
        world.mark(60_000.0, 0.0001, world.now_ns + 1_000)
    assert "funding flipped to -0.000100" == world.strategy.pair.reason


def test_a_missing_second_leg_is_completed_or_unwound_as_ever():
    world = World(parameters())
    world.market(60_300.0, 60_000.0)
    world.trade(world.last.client_order_id)
    world.reject(world.last.client_order_id)
    assert (PERPETUAL_ID, Side.BUY) == (world.last.instrument, world.last.side)
    world.quote(PERPETUAL_ID, 60_400.0, 60_401.0)
    world.trade_none()
    world.wait(100)
    assert (SPOT_ID, Side.BUY) == (world.last.instrument, world.last.side)


def test_a_restart_takes_it_over_and_the_other_direction_is_an_error():
    world = opened()
    world.start(2)
    world.recover()
    assert "MONITORING_POSITIONS" == world.state
    world = World(parameters(), is_started=False)
    world.start()
    world.recover({SPOT_ID: D("0.165"), PERPETUAL_ID: D("-0.165")})
    assert "PROTECTING" == world.state


def test_an_inverse_future_is_bought_in_contracts():
    world = World(parameters(futures=INVERSE_ID), futures=INVERSE)
    world.market(60_300.0, 60_000.0)
    world.trade_all()
    assert (D(99), "MONITORING_POSITIONS") == (world.held[1], world.state)


def test_spot_that_cannot_be_sold_is_refused_with_the_reason():
    with pytest.raises(ParameterError, match="direction is short-spot, which sells spot that it has not bought"):
        SpotFutures("carry", {SPOT_ID: SPOT, PERPETUAL_ID: PERPETUAL}, carry_parameters(direction="short-spot"))


def test_the_repairs_know_the_difference_that_is_expected_at_the_exit():
    world = World(parameters(exit_basis_bps=5.0))
    assert -5.0 == world.strategy.pair.parameters.exit_basis_bps
