"""What a spread is compared with: samples, tenors, expiries; and contracts that are counted in different units."""

from decimal import Decimal as D

import msgspec
import pytest

from messages.orders import Side
from tests.actors.strategies.futures_futures.world import (
    DAY_NS,
    HOUR_NS,
    NEXT_QUARTER,
    OTHER,
    QUARTER,
    SpreadWorld,
    spread_parameters,
)
from tests.actors.strategies.trading_world import INVERSE, PERPETUAL, START_NS, S


def knowing(**changes) -> SpreadWorld:
    """After 50 samples of ±12 bps: mean 0, deviation 12.12; four fees are 20 bps, and 2 more must be left."""
    world = SpreadWorld(spread_parameters(**changes))
    world.learn()
    return world


# --- samples -----------------------------------------------------------------------------------------------------


def test_one_sample_is_taken_for_each_interval():
    world = SpreadWorld(spread_parameters(sample_interval_ms=500))
    for _ in range(20):
        world.spread(1.0)
        world.wait(100)
    # At 0.0, 0.5, 1.0 and 1.5 s; the first as soon as both legs have been heard of
    assert 4 == world.strategy.statistics.count


def test_quotes_of_different_moments_are_no_sample():
    world = SpreadWorld(spread_parameters(sample_ms=500))
    world.centre(PERPETUAL, 60_000.0)
    world.wait(501)
    world.centre(OTHER, 60_000.0)
    assert 0 == world.strategy.statistics.count
    world.centre(PERPETUAL, 60_000.0)
    assert 1 == world.strategy.statistics.count


def test_a_leg_that_is_not_to_be_trusted_gives_no_sample():
    world = SpreadWorld()
    world.spread(1.0)
    world.wait(1_000)
    world.gap(PERPETUAL.id)
    world.centre(OTHER, 60_000.0)
    assert 1 == world.strategy.statistics.count


def test_samples_are_taken_while_resting():
    world = knowing(cooldown_s=5.0)
    world.spread(25.0)
    world.trade_none()
    world.wait(1_000)
    world.spread(-20.0)
    # −20 for the −12 that leaves the window: −8 / 50 = −0.16 bps
    assert "COOLDOWN" == world.state
    assert -0.16e-4 == pytest.approx(world.strategy.statistics.known.mean, abs=1e-7)


def test_samples_are_taken_while_a_pair_is_held_but_it_is_left_by_what_it_was_entered_by():
    world = SpreadWorld()
    world.open_at(30.0)
    before = world.strategy.signal.known
    for _ in range(10):
        world.wait(1_000)
        world.spread(28.0)
    # Ten of 28 for ten of ±12 that leave the window: 280 / 50 = 5.6 bps
    assert 5.6e-4 == pytest.approx(world.strategy.statistics.known.mean, abs=1e-6)
    assert ("MONITORING_SPREAD", before) == (world.state, world.strategy.signal.known)
    world.close_at(0.0)
    world.wait(1_000)
    world.spread(0.0)
    assert before != world.strategy.signal.known


# --- tenors ------------------------------------------------------------------------------------------------------


def test_statistics_of_a_calendar_spread_are_yearly_and_its_costs_are_not():
    settings = spread_parameters(near=QUARTER.id, far=NEXT_QUARTER.id)
    world = SpreadWorld(settings, near=QUARTER, far=NEXT_QUARTER)
    world.learn(mean_bps=100.0)
    known = world.strategy.statistics.known
    # 73 days between both: × 365 / 73 = 5; the mean is 5 % a year, the deviation 5 × 12.12 bps
    assert 0.05 == pytest.approx(known.mean, abs=1e-5)
    assert 5 * 12.12e-4 == pytest.approx(known.deviation, rel=1e-3)
    world.spread(124.0)
    assert {} == world.orders
    world.spread(124.6)
    assert Side.SELL is world.last.side
    # What is sold is expected to be 100 bps above what is bought at the exit: e^0.01 − 1
    assert 100.5 == pytest.approx(world.strategy.pair.repairs.exit_basis_bps, abs=0.1)


def test_a_cheap_calendar_spread_expects_the_other_sign_at_its_exit():
    settings = spread_parameters(near=QUARTER.id, far=NEXT_QUARTER.id)
    world = SpreadWorld(settings, near=QUARTER, far=NEXT_QUARTER)
    world.learn(mean_bps=100.0)
    world.spread(75.0)
    assert -99.5 == pytest.approx(world.strategy.pair.repairs.exit_basis_bps, abs=0.1)


def test_a_perpetual_against_a_dated_contract_is_a_yearly_rate_of_what_is_left():
    world = SpreadWorld(spread_parameters(far=QUARTER.id), far=QUARTER)
    world.learn(mean_bps=30.0, sigma_bps=1.0)
    # 30 bps in 30 days: 3.65 % a year
    assert 0.0365 == pytest.approx(world.strategy.statistics.known.mean, abs=1e-5)
    levels = world.strategy.signal.levels(world.now_ns + 15 * DAY_NS)
    # With 15 days left, the same rate is 15 bps
    assert 15e-4 == pytest.approx(levels.mean, abs=1e-6)


def test_a_pair_is_not_entered_within_the_expiry_guard():
    soon = msgspec.structs.replace(QUARTER, expiry_ns=START_NS + 24 * HOUR_NS + 60 * S)
    world = SpreadWorld(spread_parameters(far=soon.id, min_edge_bps=-100.0, rule="fixed"), far=soon)
    world.wait(59_999)
    world.spread(15.0)
    world.wait(1)
    world.spread(25.0)
    assert {} == world.orders
    assert "within the expiry guard: nothing is entered; spread 25.00 bps, enters at 20" == world.strategy.note


def test_a_contract_that_has_expired_is_told_at_the_start():
    old = msgspec.structs.replace(QUARTER, expiry_ns=START_NS - S)
    world = SpreadWorld(spread_parameters(far=old.id), far=old)
    assert any("a contract has expired" in alert for alert in world.alerts)
    world.spread(25.0)
    assert {} == world.orders


# --- inverse contracts -------------------------------------------------------------------------------------------


def test_an_inverse_leg_holds_the_same_base():
    world = SpreadWorld(spread_parameters(far=INVERSE.id), far=INVERSE)
    world.learn()
    world.spread(25.0)
    world.trade_all()
    near, far = world.held
    # 100 USD a contract: 10,000 / 100 = 100 contracts are 10,000 / 60,150 = 0.16625 BTC, 0.166 in steps of 0.001
    assert (D("0.166"), D(-100)) == (near, far)
    assert "USDT" == world.strategy.reporting_currency


def test_two_inverse_legs_hold_the_same_contracts_and_report_in_coin():
    dated = msgspec.structs.replace(INVERSE, symbol="BTCUSD_NEXT", venue="other")
    world = SpreadWorld(spread_parameters(near=INVERSE.id, far=dated.id), near=INVERSE, far=dated)
    world.learn()
    world.spread(25.0)
    world.trade_all()
    near, far = world.held
    assert (near, "BTC") == (-far, world.strategy.reporting_currency)
    # Fees of 5 bps on both legs' coin
    coin = 2 * near * 100 / D(60_000) * D("0.0005")
    assert float(coin) == pytest.approx(float(world.strategy.pnl().fees), rel=0.01)


def test_an_inverse_near_leg_reports_in_the_quote_currency_of_the_far_one():
    world = SpreadWorld(spread_parameters(near=INVERSE.id, far=OTHER.id), near=INVERSE, far=OTHER)
    assert "USDT" == world.strategy.reporting_currency
