"""Two quotes of one instant come one after the other: with `quote_skew_max_ms`, no price decides in between."""

from math import exp

import pytest

from actors.strategies.futures_futures.spread_signal import Direction
from tests.actors.strategies.futures_futures.world import SpreadWorld, spread_parameters
from tests.actors.strategies.trading_world import PERPETUAL_ID, SPOT_ID, World, parameters

HALF_HOUR_MS = 1_800_000


def carry(**changes) -> World:
    return World(parameters(**{"quote_skew_max_ms": 100, "exit_confirm": 1, **changes}))


def held_carry(**changes) -> World:
    world = carry(**changes)
    world.open_pair()
    assert "MONITORING_POSITIONS" == world.state
    return world


def spread(**changes) -> SpreadWorld:
    """It has learnt a mean of 0 and a deviation of 12.12 bps; the last quotes of both are a second old."""
    world = SpreadWorld(spread_parameters(**{"quote_skew_max_ms": 100, **changes}))
    world.learn()
    world.wait(1_000)
    return world


def held_spread(**changes) -> SpreadWorld:
    world = spread(**changes)
    world.spread(30.0)
    world.trade_at_touch()
    assert "MONITORING_SPREAD" == world.state
    world.wait(1_000)
    return world


def far_at(world: SpreadWorld, bps: float) -> None:
    world.centre(world.far, 60_000.0 * exp(bps / 10_000))


# --- spot and futures ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("skew_max_ms", "apart_ms", "state"),
    [
        (100, 101, "ANALYZING_MARKET"),
        (100, 100, "OPENING_SPOT_POSITION"),
        (0, 4_000, "OPENING_SPOT_POSITION"),
    ],
)
def test_an_edge_between_quotes_too_far_apart_is_none(skew_max_ms, apart_ms, state):
    world = carry(quote_skew_max_ms=skew_max_ms)
    world.quote(SPOT_ID, 60_000.0, 60_001.0)
    world.wait(apart_ms)
    world.quote(PERPETUAL_ID, 60_300.0, 60_301.0)
    assert state == world.state


def test_the_later_quote_is_awaited():
    world = carry()
    world.quote(SPOT_ID, 60_000.0, 60_001.0)
    world.wait(1_000)
    world.quote(PERPETUAL_ID, 60_300.0, 60_301.0)
    world.quote(SPOT_ID, 60_300.0, 60_301.0)  # both have moved
    assert ("ANALYZING_MARKET", {}) == (world.state, world.orders)
    world.quote(SPOT_ID, 60_000.0, 60_001.0)
    assert "OPENING_SPOT_POSITION" == world.state


def test_half_a_quote_does_not_end_a_signal_that_is_being_confirmed():
    world = carry(confirm_ms=500)
    world.market(60_000.0, 60_300.0)
    world.wait(1_000)
    world.quote(SPOT_ID, 60_300.0, 60_301.0)
    world.quote(PERPETUAL_ID, 60_600.0, 60_601.0)
    assert "OPENING_SPOT_POSITION" == world.state


def test_a_market_that_has_fallen_silent_does():
    world = carry(confirm_ms=500)
    world.market(60_000.0, 60_300.0)
    world.wait(6_000)
    world.quote(SPOT_ID, 60_000.0, 60_001.0)
    world.quote(PERPETUAL_ID, 60_300.0, 60_301.0)
    assert "ANALYZING_MARKET" == world.state
    world.wait(500)
    world.market(60_000.0, 60_300.0)
    assert "OPENING_SPOT_POSITION" == world.state


def test_nothing_is_left_by_the_price_of_half_a_quote():
    world = held_carry()
    world.wait(1_000)
    world.quote(PERPETUAL_ID, 59_999.0, 60_000.0)
    assert "MONITORING_POSITIONS" == world.state
    world.quote(SPOT_ID, 60_000.0, 60_001.0)
    assert "CLOSING_POSITIONS" == world.state
    assert world.strategy.pair.reason.startswith("converged")


def test_time_waits_for_no_quote():
    world = held_carry(quote_age_max_ms=3_600_000, holding_hours_max=0.5)
    world.wait(HALF_HOUR_MS)
    world.quote(SPOT_ID, 60_000.0, 60_001.0)
    assert ("CLOSING_POSITIONS", "time limit or expiry guard") == (world.state, world.strategy.pair.reason)


def test_margin_waits_for_no_quote():
    world = held_carry(leverage=10.0, margin_ratio_min=0.05)
    world.mark(63_200.0, 0.0, 0)
    world.wait(1_000)
    world.quote(SPOT_ID, 60_000.0, 60_001.0)
    assert "margin guard" == world.strategy.pair.reason


# --- two futures --------------------------------------------------------------------------------------------------


def test_a_spread_between_quotes_too_far_apart_is_none():
    world = spread()
    far_at(world, 30.0)
    assert ("SCANNING_SPREADS", {}) == (world.state, world.orders)
    world.centre(world.near, 60_000.0)
    assert "OPENING_SHORT_LEG" == world.state


def test_a_spread_that_one_leg_has_only_shown_first_is_not_entered():
    world = spread()
    far_at(world, 30.0)
    world.centre(world.near, 60_000.0 * exp(30.0 / 10_000))
    assert ("SCANNING_SPREADS", {}) == (world.state, world.orders)


def test_without_the_parameter_it_is():
    world = spread(quote_skew_max_ms=0)
    far_at(world, 30.0)
    assert "OPENING_SHORT_LEG" == world.state


def test_a_spread_has_not_returned_by_half_a_quote():
    world = held_spread()
    far_at(world, 0.0)
    assert "MONITORING_SPREAD" == world.state
    world.centre(world.near, 60_000.0)
    assert "CLOSING_SPREAD" == world.state


def test_the_time_stop_waits_for_no_quote_and_ends_by_whole_ones_only():
    world = held_spread(quote_age_max_ms=3_600_000, holding_hours_max=0.5, cooldown_s=10.0)
    world.wait(HALF_HOUR_MS)
    far_at(world, 30.0)
    assert ("CLOSING_SPREAD", "time stop") == (world.state, world.strategy.pair.reason)
    world.trade_at_touch()
    assert ("COOLDOWN", Direction.SHORT_FAR) == (world.state, world.strategy.stopped)
    far_at(world, -2.0)
    assert Direction.SHORT_FAR is world.strategy.stopped
    world.centre(world.near, 60_000.0)
    assert world.strategy.stopped is None
