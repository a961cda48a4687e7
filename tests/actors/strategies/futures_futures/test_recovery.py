"""What a pair of futures does with what it finds after a restart, with a journal and without one."""

from decimal import Decimal as D

import pytest

from actors.strategies.futures_futures.spread_signal import Direction
from messages.orders import Side
from tests.actors.strategies.futures_futures.world import OTHER, SpreadWorld, spread_parameters
from tests.actors.strategies.trading_world import PERPETUAL


def cold(near: str, far: str, **changes) -> SpreadWorld:
    """Started without a journal, while the gateways know of a position."""
    world = SpreadWorld(spread_parameters(**changes), is_started=False)
    world.positions = {PERPETUAL.id: D(near), OTHER.id: D(far)}
    world.start()
    world.recover()
    return world


@pytest.mark.parametrize(
    ("near", "far", "direction"),
    [("0.165", "-0.165", Direction.SHORT_FAR), ("-0.165", "0.165", Direction.LONG_FAR)],
)
def test_a_pair_that_is_held_is_taken_over_whichever_way_it_was_opened(near, far, direction):
    world = cold(near, far)
    assert ("MONITORING_SPREAD", direction) == (world.state, world.strategy.direction)


@pytest.mark.parametrize(("near", "far"), [("0.165", "0"), ("-0.165", "0"), ("0", "0.165"), ("0", "-0.165")])
def test_one_leg_alone_is_completed_or_unwound(near, far):
    world = cold(near, far)
    assert "ADJUSTING_POSITIONS" == world.state
    world.spread(0.0)
    world.wait(100)
    world.trade_at_touch()
    held_near, held_far = world.held
    assert held_near == -held_far
    assert world.state in {"MONITORING_SPREAD", "COOLDOWN"}


def test_two_long_legs_are_no_pair_and_are_flattened():
    world = cold("0.165", "0.165")
    world.spread(0.0)
    world.wait(200)
    world.trade_at_touch()
    assert (0, 0) == world.held


def test_an_inherited_pair_without_statistics_is_left_at_a_loss():
    world = cold("0.165", "-0.165", max_loss_bps=40.0)
    world.spread(30.0)
    assert "MONITORING_SPREAD" == world.state
    # Priced at the first mids: 30 bps; at 71, 41 are lost
    world.close_at(71.0)
    assert ["stop loss"] == [cycle.reason[:9] for cycle in world.strategy.cycles]


def test_an_inherited_pair_without_statistics_is_left_in_time():
    world = cold("-0.165", "0.165", holding_hours_max=0.001)
    for _ in range(3):
        world.wait(1_000)
        world.spread(0.0)
    assert "MONITORING_SPREAD" == world.state
    world.wait(600)
    world.close_at(0.0)
    assert ["time stop"] == [cycle.reason for cycle in world.strategy.cycles]


def test_a_stop_without_statistics_waits_until_there_is_a_mean_to_cross():
    world = cold("0.165", "-0.165", holding_hours_max=0.0001)
    world.spread(0.0)
    world.wait(1_000)
    world.close_at(0.0)
    assert Direction.SHORT_FAR is world.strategy.stopped
    world.learn(samples=8)
    assert (Direction.SHORT_FAR, None) == (world.strategy.stopped, world.strategy.signal.known)
    # It learns, and the mean of ±12 is crossed as soon as it is known
    world.learn(samples=4)
    assert None is world.strategy.stopped


def test_a_pair_that_was_taken_over_is_not_left_by_a_mean_that_was_learnt_from_it():
    world = cold("0.165", "-0.165")
    for number in range(30):
        world.wait(1_000)
        world.spread(30.0 + number % 2)
    assert world.strategy.statistics.known is not None
    assert ("MONITORING_SPREAD", None) == (world.state, world.strategy.signal.known)


def test_a_journal_brings_back_statistics_and_stops():
    world = SpreadWorld()
    world.open_at(30.0)
    world.close_at(49.0)
    again = world.make_strategy()
    for message in world.inputs:
        again.on_message(message)
    assert world.strategy.statistics.known == again.statistics.known
    assert Direction.SHORT_FAR is again.stopped


def test_a_restart_while_a_pair_is_held_keeps_its_mean_and_its_time():
    world = SpreadWorld(spread_parameters(half_lives_max=100.0))
    world.open_at(-30.0)
    before = world.strategy.exits.time_stop_ns
    # What is sampled in between does not count: a slower return would be another half-life
    for number in range(4):
        world.wait(1_000)
        world.spread(-30.0 + number)
    world.now_ns += 2_000_000_000
    world.start(2)
    assert "IDLE" == world.state
    world.recover()
    assert ("MONITORING_SPREAD", before) == (world.state, world.strategy.exits.time_stop_ns)
    world.close_at(0.0)
    assert ("COOLDOWN", (0, 0)) == (world.state, world.held)


def test_legs_of_the_other_direction_are_closed_by_the_sides_that_close_them():
    world = cold("-0.165", "0.165", holding_hours_max=0.0001)
    world.spread(0.0)
    world.wait(1_000)
    world.spread(0.0)
    assert (OTHER.id, Side.SELL, True) == (world.last.instrument, world.last.side, world.last.reduce_only)
    world.trade(world.last.client_order_id)
    assert (PERPETUAL.id, Side.BUY, True) == (world.last.instrument, world.last.side, world.last.reduce_only)
