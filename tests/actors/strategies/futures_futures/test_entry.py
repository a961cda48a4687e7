"""When a spread is entered, which way, and what it is entered against."""

from decimal import Decimal as D

import msgspec
import pytest

from actors.strategies.futures_futures.spread_signal import Direction
from messages.health import CycleResult
from messages.orders import Side
from tests.actors.strategies.futures_futures.world import (
    HOUR_NS,
    OTHER,
    SpreadWorld,
    spread_parameters,
)
from tests.actors.strategies.trading_world import PERPETUAL, S

FIXED = {"rule": "fixed", "min_spread_bps": 20.0, "min_edge_bps": -100.0}


def knowing(**changes) -> SpreadWorld:
    """After 50 samples of ±12 bps: mean 0, deviation 12.12; four fees are 20 bps, and 2 more must be left."""
    world = SpreadWorld(spread_parameters(**changes))
    world.learn()
    return world


# --- by statistics -----------------------------------------------------------------------------------------------


def test_nothing_is_sent_before_recovery_is_complete():
    world = SpreadWorld(is_started=False)
    world.start()
    world.learn()
    assert ("IDLE", {}) == (world.state, world.orders)
    world.recover()
    assert "SCANNING_SPREADS" == world.state


def test_a_dear_far_contract_is_sold_and_the_near_one_bought():
    world = knowing()
    # z_enter: 2 × 12.12 = 24.24 bps; at the prices of 25 bps: edge 25 − 20 = 5
    world.spread(25.0)
    # 10,000 / 60,150 = 0.16625 → steps of 0.003 (0.0003 and 0.001)
    order = world.last
    assert ("OPENING_SHORT_LEG", OTHER.id, Side.SELL, D("0.165")) == (
        world.state, order.instrument, order.side, order.quantity,
    )  # fmt: skip
    world.trade_all()
    assert ("MONITORING_SPREAD", (D("0.165"), D("-0.165"))) == (world.state, world.held)
    assert Direction.SHORT_FAR is world.strategy.direction


def test_a_cheap_far_contract_is_bought_and_the_near_one_sold():
    world = knowing()
    world.spread(-25.0)
    assert ("OPENING_LONG_LEG", OTHER.id, Side.BUY) == (world.state, world.last.instrument, world.last.side)
    world.trade(world.last.client_order_id)
    assert ("OPENING_SHORT_LEG", PERPETUAL.id, Side.SELL) == (world.state, world.last.instrument, world.last.side)
    world.trade_all()
    assert ("MONITORING_SPREAD", (D("-0.165"), D("0.165"))) == (world.state, world.held)
    assert Direction.LONG_FAR is world.strategy.direction


@pytest.mark.parametrize(
    ("first_leg", "bps", "states", "instruments"),
    [
        ("far", 25.0, ("OPENING_SHORT_LEG", "OPENING_LONG_LEG"), (OTHER.id, PERPETUAL.id)),
        ("far", -25.0, ("OPENING_LONG_LEG", "OPENING_SHORT_LEG"), (OTHER.id, PERPETUAL.id)),
        ("near", 25.0, ("OPENING_LONG_LEG", "OPENING_SHORT_LEG"), (PERPETUAL.id, OTHER.id)),
        ("near", -25.0, ("OPENING_SHORT_LEG", "OPENING_LONG_LEG"), (PERPETUAL.id, OTHER.id)),
    ],
)
def test_which_leg_is_the_long_one_follows_from_the_direction_and_the_first_leg(first_leg, bps, states, instruments):
    world = knowing(first_leg=first_leg)
    world.spread(bps)
    before = world.state, world.last.instrument
    world.trade(world.last.client_order_id)
    assert tuple(zip(states, instruments, strict=True)) == (before, (world.state, world.last.instrument))


def test_concurrent_execution_sends_both_legs_at_once():
    world = knowing(execution="concurrent")
    world.spread(-25.0)
    assert {(OTHER.id, Side.BUY), (PERPETUAL.id, Side.SELL)} == {
        (order.instrument, order.side) for order in world.orders.values()
    }
    assert "OPENING_LONG_LEG" == world.state


@pytest.mark.parametrize("bps", [24.2, -24.2])
def test_a_spread_within_two_deviations_is_left_alone(bps):
    world = knowing()
    world.spread(bps)
    assert ("SCANNING_SPREADS", {}) == (world.state, world.orders)


@pytest.mark.parametrize(("bps", "orders"), [(29.9, 0), (30.2, 1), (-29.9, 0), (-30.2, 1)])
def test_the_distance_to_the_mean_must_pay_for_four_fees_and_the_edge(bps, orders):
    # 20 of fees + 10 = 30 bps, beyond the 24.24 of two deviations
    world = knowing(min_edge_bps=10.0)
    world.spread(bps)
    assert orders == len(world.orders)


@pytest.mark.parametrize(("bps", "orders"), [(29.9, 0), (30.2, 1)])
def test_slippage_is_a_cost_too(bps, orders):
    world = knowing(slippage_bps=8.0)
    world.spread(bps)
    assert orders == len(world.orders)


def test_the_distance_is_counted_from_the_mean_not_from_nothing():
    world = SpreadWorld()
    world.learn(mean_bps=40.0)
    world.spread(55.0)
    assert {} == world.orders
    world.spread(65.0)
    assert Side.SELL is world.last.side


def test_the_spread_is_that_of_executable_prices_not_of_mids():
    world = knowing()
    # Mids 26 bps apart, but each market is 12 (2 bps) wide: sold at the bid, bought at the ask it is 24
    world.spread(26.0, width=12.0)
    assert {} == world.orders


def test_the_spread_is_that_of_the_whole_size_not_of_the_touch():
    world = knowing()
    world.centre(PERPETUAL, 60_000.0)
    world.depth(OTHER.id, ((60_180.0, 0.01), (60_100.0, 5.0)), ())
    world.quote(OTHER.id, 60_180.0, 60_180.2, size=0.01)
    # 0.01 at 30 bps, 0.156 at 16.7
    assert {} == world.orders


def test_a_book_without_size_is_no_opportunity():
    world = knowing()
    world.centre(PERPETUAL, 60_000.0)
    world.quote(OTHER.id, 60_180.0, 60_180.2, size=0.0)
    assert {} == world.orders


def test_a_spread_beyond_its_stop_is_not_entered():
    world = knowing()
    # z_stop: 4 × 12.12 = 48.5
    world.spread(49.0)
    assert {} == world.orders
    world.spread(48.0)
    assert 1 == len(world.orders)


def test_too_few_samples_are_no_signal():
    world = SpreadWorld()
    world.learn(samples=9)
    world.spread(-40.0)
    assert {} == world.orders
    assert "spread -40.00 bps, 9 samples so far" == world.strategy.note


def test_a_spread_that_does_not_return_is_no_signal():
    world = SpreadWorld()
    # Ever faster away: b > 0
    for number in range(20):
        world.spread(1.3**number / 10.0)
        world.wait(1_000)
    # mean 0.94, deviation 4; 30 would be seven of them, so the stop is out of the way
    assert "does not return" in world.strategy.note
    world.spread(12.0)
    assert {} == world.orders


def test_the_reading_is_told_to_a_person():
    world = knowing()
    world.spread(18.18)
    assert "spread 18.18 bps, z 1.50, enters at 2, half-life 1.0 s" == world.strategy.note


def test_a_stale_leg_is_no_signal():
    world = knowing()
    world.wait(5_001)
    world.centre(OTHER, 60_180.0)
    assert {} == world.orders
    assert "no fresh quotes" == world.strategy.note


def test_an_edge_must_hold_for_confirm_ms():
    world = knowing(confirm_ms=100)
    world.spread(25.0)
    assert ("SPREAD_DETECTED", {}) == (world.state, world.orders)
    world.wait(99)
    world.refresh()
    assert {} == world.orders
    world.wait(1)
    world.refresh()
    assert ("OPENING_SHORT_LEG", 1) == (world.state, len(world.orders))


def test_a_spread_that_goes_starts_the_clock_anew():
    world = knowing(confirm_ms=100)
    world.spread(25.0)
    world.wait(60)
    world.spread(10.0)
    assert "SCANNING_SPREADS" == world.state
    world.spread(25.0)
    world.wait(60)
    world.refresh()
    assert {} == world.orders


def test_a_spread_that_turns_about_is_another_signal():
    world = knowing(confirm_ms=100)
    world.spread(25.0)
    # One quote takes the near contract from 25 below to 25 above the far one
    world.centre(PERPETUAL, 60_000.0 * 1.005)
    assert "SCANNING_SPREADS" == world.state
    world.refresh()
    assert ("SPREAD_DETECTED", Direction.LONG_FAR) == (world.state, world.strategy.direction)


@pytest.mark.parametrize("trouble", ["gap", "venue_down"])
def test_trouble_ends_a_signal(trouble):
    world = knowing(confirm_ms=100)
    world.spread(25.0)
    getattr(world, trouble)(OTHER.id if trouble == "gap" else OTHER.venue)
    assert ("SCANNING_SPREADS", {}) == (world.state, world.orders)


def test_a_drain_ends_a_signal_for_good():
    world = knowing(confirm_ms=100)
    world.spread(25.0)
    world.drain()
    world.spread(25.0)
    assert ("IDLE", {}) == (world.state, world.orders)


def test_a_limit_gives_away_no_more_than_both_the_edge_and_the_deviations_allow():
    world = knowing()
    world.spread(25.0)
    # Executable 24.97: edge 4.97 is 2.97 over the minimum, and 0.73 over two deviations: half of that for each leg
    bid = D("60150.09")
    given_away_bps = (1 - world.last.price / bid) * 10_000
    assert 0.36 == pytest.approx(float(given_away_bps), abs=0.03)


def test_a_pair_that_cannot_be_sized_is_refused_in_words_and_nothing_is_sent():
    world = knowing(notional=D(110))
    world.spread(25.0)
    assert ("SCANNING_SPREADS", {}) == (world.state, world.orders)
    assert "below the venue's minimum" in world.strategy.note


def test_an_entry_that_fills_nothing_is_abandoned_and_rests():
    world = knowing()
    world.spread(25.0)
    world.trade_none()
    assert ("COOLDOWN", [CycleResult.ABANDONED]) == (world.state, [cycle.result for cycle in world.strategy.cycles])
    world.wait(1_000)
    assert "SCANNING_SPREADS" == world.state


def test_the_hedge_ratio_is_the_base_of_the_far_leg_for_each_of_the_near_one():
    for first_leg in ("near", "far"):
        world = knowing(hedge_ratio=D("0.5"), first_leg=first_leg)
        world.spread(25.0)
        world.trade_all()
        near, far = world.held
        assert float(near) / 2 == pytest.approx(-float(far), abs=0.0005)


# --- funding -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("leg", "rate", "bps", "orders"),
    [
        (PERPETUAL, 0.0003, 24.9, 0),  # long near pays 3: 24.9 − 20 − 3 < 2
        (PERPETUAL, 0.0003, 25.3, 1),
        (OTHER, 0.0003, 24.9, 1),  # short far receives 3
        (OTHER, -0.0003, 24.9, 0),
        (PERPETUAL, 0.0003, -24.9, 1),  # the other way round, the short near leg receives
        (OTHER, 0.0003, -24.9, 0),
    ],
)
def test_the_difference_of_funding_over_the_expected_holding_counts(leg, rate, bps, orders):
    world = knowing()
    # From 2 to 0.5 deviations are two half-lives of a second: a stamp in 1.9 s is met
    world.mark_leg(leg, rate, world.now_ns + 1_900_000_000)
    world.spread(bps)
    assert orders == len(world.orders)


def test_a_stamp_after_the_expected_holding_does_not_count():
    world = knowing()
    world.mark_leg(PERPETUAL, 0.0003, world.now_ns + 2_100_000_000)
    world.spread(24.9)
    assert 1 == len(world.orders)


def test_each_perpetual_has_its_own_interval():
    hourly = msgspec.structs.replace(OTHER, funding_interval_hours=1)
    world = SpreadWorld(spread_parameters(**FIXED, horizon_hours=8.0), far=hourly)
    for leg in (PERPETUAL, hourly):
        world.mark_leg(leg, 0.0001, world.now_ns + S)
    # Within 8 h less a second each way: near one stamp (0 h), far eight (0..7 h): 8 − 1 = 7 bps to who is short far
    assert 7.0 == pytest.approx(world.strategy.signal.funding_bps(Direction.SHORT_FAR, world.now_ns, 8 * HOUR_NS - 1))
    assert -7.0 == pytest.approx(world.strategy.signal.funding_bps(Direction.LONG_FAR, world.now_ns, 8 * HOUR_NS - 1))


# --- by a fixed spread -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("bps", "orders"), [(19.9, 0), (20.1, 1), (-19.9, 0), (-20.1, 1)])
def test_a_fixed_spread_is_entered_without_any_sample(bps, orders):
    world = SpreadWorld(spread_parameters(**FIXED))
    world.spread(bps)
    assert orders == len(world.orders)
    assert 0 == world.strategy.statistics.count


@pytest.mark.parametrize(("bps", "orders"), [(31.9, 0), (32.2, 1)])
def test_a_fixed_spread_must_pay_for_its_costs_by_the_time_half_of_it_is_left(bps, orders):
    # 10 is left at the exit, four fees are 20, the edge is 2: 32
    world = SpreadWorld(spread_parameters(rule="fixed", min_spread_bps=20.0))
    world.spread(bps)
    assert orders == len(world.orders)


def test_what_a_fixed_spread_waits_for_is_told():
    world = SpreadWorld(spread_parameters(**FIXED))
    world.spread(12.0)
    assert "spread 12.00 bps, enters at 20" == world.strategy.note
