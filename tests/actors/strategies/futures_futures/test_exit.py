"""When a pair of futures is left, what is done about it until then, and what a stop forbids afterwards."""

from decimal import Decimal as D

import msgspec
import pytest

from actors.strategies.futures_futures.held import held_leg, held_spread
from actors.strategies.futures_futures.spread_signal import Direction
from messages.health import CycleResult
from messages.instruments import Instrument
from messages.orders import Side
from tests.actors.strategies.futures_futures.world import HOUR_NS, OTHER, QUARTER, SpreadWorld, spread_parameters
from tests.actors.strategies.trading_world import INVERSE, PERPETUAL, START_NS, S

FIXED = {"rule": "fixed", "min_spread_bps": 20.0, "min_edge_bps": -100.0}


def holding(bps: float = 30.0, **changes) -> SpreadWorld:
    """Entered at so many bps against a mean of 0 and a deviation of 12.12 bps; four fees are 20 bps."""
    world = SpreadWorld(spread_parameters(**changes))
    world.open_at(bps)
    return world


def reasons(world: SpreadWorld) -> list[str]:
    return [cycle.reason for cycle in world.strategy.cycles]


# --- returning ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("sign", [1.0, -1.0])
def test_a_spread_that_has_returned_is_closed_both_ways(sign):
    # z_exit: 0.5 × 12.12 = 6.06 bps
    world = holding(sign * 30.0)
    world.spread(sign * 6.2)
    assert "MONITORING_SPREAD" == world.state
    world.close_at(sign * 5.9)
    assert ("COOLDOWN", (0, 0)) == (world.state, world.held)
    (cycle,) = world.strategy.cycles
    assert (CycleResult.COMPLETED, "returned: 5.93 bps left") == (cycle.result, cycle.reason)


def test_what_a_cycle_earns_is_the_spread_less_four_fees():
    world = holding()
    world.close_at(0.0)
    (cycle,) = world.strategy.cycles
    # 0.165 BTC: sold at 60,180.17 and bought back at 60,000.1; bought at 60,000.1 and sold at 59,999.9
    gross = D("0.165") * (D("60180.17") - D("60000.1") - D("0.2"))
    fees = D("0.165") * (D("60180.17") + D("60000.1") + D("60000.1") + D("59999.9")) * D("0.0005")
    assert (gross, fees) == (cycle.pnl.realised, cycle.pnl.fees)
    assert (cycle.pnl.total, cycle.attribution.total) == (gross - fees, gross - fees)


def test_the_spread_has_returned_at_the_prices_of_a_close_not_at_the_mid():
    world = holding()
    # The mid is back; but closing would buy and sell across two markets of 48 (8 bps) each: 8 bps
    world.spread(0.0, width=48.0)
    assert "MONITORING_SPREAD" == world.state
    world.spread(0.0, width=30.0)
    assert "CLOSING_SPREAD" == world.state


def test_a_spread_that_runs_through_its_mean_has_returned():
    world = holding(profit_target_bps=1_000.0)
    world.spread(-15.0)
    assert "CLOSING_SPREAD" == world.state


def test_a_reading_is_confirmed_before_it_closes_a_pair():
    world = holding(exit_confirm=3)
    for bps in (0.0, 30.0, 0.0):
        world.spread(bps)
    # The near quote comes first, then the far one: returned once, twice (far is not at 30 yet), not, not, once
    assert "MONITORING_SPREAD" == world.state
    world.spread(0.0)
    assert "CLOSING_SPREAD" == world.state


def test_a_book_without_size_is_no_reading():
    world = holding()
    world.quote(OTHER.id, 60_000.0, 60_000.2, size=0.0)
    assert "MONITORING_SPREAD" == world.state


# --- stops -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("sign", [1.0, -1.0])
def test_a_spread_that_strays_beyond_its_stop_is_given_up(sign):
    # z_stop: 4 × 12.12 = 48.5 bps
    world = holding(sign * 30.0)
    world.spread(sign * 48.2)
    assert "MONITORING_SPREAD" == world.state
    world.spread(sign * 48.8)
    assert "CLOSING_SPREAD" == world.state
    world.trade_at_touch()
    assert ["strayed: 48.80 bps off"] == reasons(world)


def test_a_wide_market_is_no_stop():
    world = holding()
    # The mid is at 40, but closing would pay 20 bps more
    world.spread(40.0, width=120.0)
    assert "MONITORING_SPREAD" == world.state


def test_a_loss_that_is_too_large_is_taken():
    # Entered at 30, 10 bps of fees are paid: at 45.5 the loss is 15.5 + 10 + the width of both markets
    world = holding(max_loss_bps=25.0)
    world.spread(44.5)
    assert "MONITORING_SPREAD" == world.state
    world.close_at(45.5)
    assert [True] == [reason.startswith("stop loss at -25.") for reason in reasons(world)]


def test_a_profit_that_is_large_enough_is_taken():
    # 30 − 9.5 − 10 of fees = 10.5, while the spread is not back within 6.06 yet
    world = holding(profit_target_bps=10.2)
    world.spread(10.0)
    assert "MONITORING_SPREAD" == world.state
    world.close_at(9.5)
    assert [True] == [reason.startswith("profit target at 10.") for reason in reasons(world)]


def test_time_is_up_after_so_many_half_lives():
    # Half of a deviation is gone after one sample: 3 × 1 s
    world = holding(half_lives_max=3.0, holding_hours_max=48.0)
    started_ns = world.strategy.cycle_log.started_ns
    world.wait(2_900)
    world.spread(30.0)
    assert "MONITORING_SPREAD" == world.state
    world.wait((started_ns + 3 * S - world.now_ns) / 1e6)
    world.close_at(30.0)
    assert ["time stop"] == reasons(world)


def test_time_is_up_after_the_longest_holding():
    world = holding(holding_hours_max=0.001)
    world.wait(3_595)
    world.close_at(30.0)
    assert ["time stop"] == reasons(world)


@pytest.mark.parametrize("sign", [1.0, -1.0])
def test_after_a_stop_nothing_is_entered_until_the_spread_has_crossed_its_mean(sign):
    world = holding(sign * 30.0)
    world.close_at(sign * 49.0)
    world.wait(1_000)
    orders = len(world.orders)
    for bps in (30.0, 0.1, 30.0):
        world.spread(sign * bps)
    assert (orders, "SCANNING_SPREADS") == (len(world.orders), world.state)
    direction = "SHORT_FAR" if sign > 0 else "LONG_FAR"
    assert world.strategy.note.startswith(f"stopped {direction}; waits until the spread has returned; spread")
    world.spread(sign * -0.1)
    world.spread(sign * 30.0)
    assert orders + 1 == len(world.orders)


def test_a_stop_freezes_mean_and_deviation():
    world = holding()
    world.close_at(49.0)
    before, count = world.strategy.statistics.known, world.strategy.statistics.next_ns
    for _ in range(10):
        world.wait(1_000)
        world.spread(40.0)
    assert (before, count) == (world.strategy.statistics.known, world.strategy.statistics.next_ns)
    world.spread(-0.1)
    world.wait(1_000)
    world.spread(5.0)
    assert before != world.strategy.statistics.known


def test_a_stop_is_lifted_while_resting_too():
    world = holding(cooldown_s=10.0)
    world.close_at(49.0)
    world.spread(-1.0)
    assert ("COOLDOWN", None) == (world.state, world.strategy.stopped)


def test_a_stop_is_not_lifted_by_a_quote_that_is_old():
    world = holding()
    world.close_at(49.0)
    world.wait(5_001)
    world.centre(OTHER, 59_990.0)
    assert Direction.SHORT_FAR is world.strategy.stopped
    world.centre(PERPETUAL, 60_000.0)
    assert None is world.strategy.stopped


def test_a_profit_forbids_nothing():
    world = holding(profit_target_bps=5.0)
    world.close_at(14.0)
    assert ["profit target"] == [reason[:13] for reason in reasons(world)]
    assert None is world.strategy.stopped


# --- the fixed rule ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("sign", [1.0, -1.0])
def test_a_fixed_spread_is_left_at_half_of_it(sign):
    world = SpreadWorld(spread_parameters(**FIXED))
    world.spread(sign * 22.0)
    world.trade_at_touch()
    world.spread(sign * 10.1)
    assert "MONITORING_SPREAD" == world.state
    world.close_at(sign * 9.9)
    assert ["returned: 9.93 bps left"] == reasons(world)


def test_a_fixed_spread_has_no_stop_but_the_loss():
    world = SpreadWorld(spread_parameters(**FIXED, max_loss_bps=50.0))
    world.spread(22.0)
    world.trade_at_touch()
    world.spread(60.0)
    assert "MONITORING_SPREAD" == world.state
    world.close_at(63.0)
    assert ["stop loss"] == [reason[:9] for reason in reasons(world)]
    world.wait(1_000)
    orders = len(world.orders)
    for bps in (25.0, 10.1, 25.0):
        world.spread(bps)
    assert orders == len(world.orders)
    world.spread(9.9)
    world.spread(25.0)
    assert orders + 1 == len(world.orders)


# --- the end of a contract ---------------------------------------------------------------------------------------


def ending(seconds: float, **changes) -> SpreadWorld:
    """A pair of which the far contract's expiry guard of an hour begins after so many seconds."""
    far = msgspec.structs.replace(QUARTER, expiry_ns=START_NS + HOUR_NS + int(seconds * S))
    settings = {**FIXED, "far": far.id, "expiry_guard_hours": 1.0, "settlement_minutes": 59.5, **changes}
    return SpreadWorld(spread_parameters(**settings), far=far)


def test_a_pair_is_closed_before_a_contract_expires():
    world = ending(60.0, quote_age_max_ms=3_600_000)
    world.spread(22.0)
    world.trade_at_touch()
    world.wait(59_000)
    world.spread(22.0)
    assert "MONITORING_SPREAD" == world.state
    world.wait(1_000)
    world.close_at(22.0)
    assert ["expiry guard"] == reasons(world)
    assert None is world.strategy.stopped


def hold_into_settlement() -> SpreadWorld:
    """A pair whose close fills nothing for the 30 seconds from the guard to the settlement window."""
    world = ending(60.0, quote_age_max_ms=3_600_000)
    world.spread(22.0)
    world.trade_at_touch()
    world.wait(60_000)
    world.spread(22.0)
    assert "CLOSING_SPREAD" == world.state
    return world


def test_no_order_is_sent_within_the_settlement_window_by_a_timer():
    world = hold_into_settlement()
    name = world.last.client_order_id
    world.close(name)
    world.now_ns += 30 * S
    orders = len(world.orders)
    world.wait(0)
    assert ("HALTED", orders) == (world.state, len(world.orders))
    assert any("HALTED: the settlement window has begun" in alert for alert in world.alerts)


def test_no_order_is_sent_within_the_settlement_window_by_a_report():
    world = hold_into_settlement()
    world.now_ns += 30 * S
    orders = len(world.orders)
    world.fill(world.last.client_order_id)
    assert ("HALTED", orders) == (world.state, len(world.orders))
    assert any("residual: holding" in alert for alert in world.alerts)


def test_no_order_is_sent_within_the_settlement_window_by_a_quote():
    world = hold_into_settlement()
    world.now_ns += 30 * S
    world.centre(PERPETUAL, 60_000.0)
    assert "HALTED" == world.state


@pytest.mark.parametrize("by", ["quote", "timer", "report"])
def test_a_pair_that_is_held_into_the_settlement_window_is_left_to_a_person(by):
    world = ending(60.0, quote_age_max_ms=3_600_000)
    world.spread(22.0)
    world.trade_at_touch()
    world.now_ns += 90 * S
    orders = len(world.orders)
    if by == "quote":
        world.spread(22.0)
    elif by == "report":
        world.stray_fill(world.far.id, Side.BUY, "0.1")
    else:
        world.wait(3_600_000)
    assert ("HALTED", orders) == (world.state, len(world.orders))


def test_a_close_that_is_not_in_the_window_goes_on():
    world = hold_into_settlement()
    world.now_ns += 29 * S
    world.refresh()
    world.trade_at_touch()
    assert "COOLDOWN" == world.state


def test_perpetuals_never_settle():
    world = holding(quote_age_max_ms=3_600_000)
    world.wait(900_000)
    world.spread(20.0)
    assert "MONITORING_SPREAD" == world.state


# --- in between --------------------------------------------------------------------------------------------------


def test_funding_is_booked_and_counts_towards_the_profit():
    world = holding(profit_target_bps=25.0)
    world.spread(20.0)
    world.pay_funding(OTHER, "16.5")
    # 9.9 − 10 of fees + 16.5 on 10,000 = 16.5 bps: no reason yet; with 16.5 more it is
    world.spread(20.0)
    assert "MONITORING_SPREAD" == world.state
    world.pay_funding(PERPETUAL, "16.5", "f2")
    world.close_at(20.0)
    assert ["profit target"] == [reason[:13] for reason in reasons(world)]
    assert D("33.0") == world.strategy.cycles[0].pnl.funding


def test_a_market_that_falls_silent_is_protected_from():
    world = holding()
    world.wait(5_001)
    assert "PROTECTING" == world.state
    world.spread(30.0)
    world.wait(200)
    assert "MONITORING_SPREAD" == world.state


def test_a_market_that_is_found_silent_by_the_other_ones_quote_is_protected_from():
    world = holding()
    world.now_ns += 5_001_000_000
    world.centre(PERPETUAL, 60_000.0)
    assert "PROTECTING" == world.state


def test_a_drained_pair_is_held():
    world = holding()
    world.drain()
    world.spread(0.0)
    assert ("MONITORING_SPREAD", True) == (world.state, world.strategy.is_settled)


def test_a_leg_that_has_lost_a_part_is_brought_back_in_line():
    world = holding()
    world.stray_fill(PERPETUAL.id, Side.SELL, "0.03")
    assert "ADJUSTING_POSITIONS" == world.state
    world.trade_at_touch()
    near, far = world.held
    assert ("MONITORING_SPREAD", near) == (world.state, -far)


def test_legs_in_line_are_watched_on():
    world = holding()
    for _ in range(4):
        world.wait(3_000)
        world.spread(30.0)
    assert "MONITORING_SPREAD" == world.state


def profit_of(near: Instrument, far: Instrument) -> float:
    world = SpreadWorld(spread_parameters(**FIXED, near=near.id, far=far.id), near=near, far=far)
    world.spread(30.0)
    world.trade_at_touch()
    world.spread(30.0, price=61_000.0)
    held = world.strategy._held
    assert held is not None
    closing = held.close()
    assert closing is not None
    return closing.profit


def test_the_profit_of_inverse_legs_is_counted_in_quote_currency():
    dated = msgspec.structs.replace(INVERSE, symbol="BTCUSD_NEXT", venue="other")
    # 0.165 BTC, 30 bps apart: at 60,000 that is 180.27, at 61,000 it is 183.27; fees 0.165 × 120,180 × 0.0005 = 9.91;
    # both markets' widths once, 0.4: −0.165 × (3.0 + 0.4) − 9.91 = −10.47
    assert -10.47 == pytest.approx(profit_of(PERPETUAL, OTHER), abs=0.02)
    # 100 contracts of 100 USD each way, each leg's coin at the price of its close:
    # 10,000 × (60,999.9 / 60,000.1 − 1) − 10,000 × (61,183.4 / 60,180.2 − 1) = 166.63 − 166.70;
    # fees of 5 × (1 / 60,000 + 1 / 60,180) coin at 61,183: 10.18
    assert -10.25 == pytest.approx(profit_of(INVERSE, dated), abs=0.02)


def test_a_leg_without_an_entry_price_has_no_profit_yet():
    world = SpreadWorld()
    view = world.strategy.signal.near
    leg = held_leg(world.strategy.ledger.books[PERPETUAL.id], view)
    assert (None, None) == (leg, held_spread(leg, leg, world.strategy.pnl()))
