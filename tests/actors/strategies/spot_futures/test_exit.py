"""Why and how a pair is left, what its cycle says, and that the sums are exact."""

from decimal import Decimal as D

import msgspec
import pytest

from actors.strategies.pair.decisions import CLOSING_ORDERS_MAX
from messages.health import CycleResult
from messages.instruments import InstrumentType
from messages.orders import FundingPaid, OrderType, Side
from tests.actors.strategies.trading_world import (
    INVERSE,
    INVERSE_ID,
    PERPETUAL,
    PERPETUAL_ID,
    SPOT_ID,
    START_NS,
    S,
    World,
    parameters,
)


def held_world(**changes) -> World:
    world = World(parameters(**changes))
    world.open_pair()
    assert "MONITORING_POSITIONS" == world.state
    return world


def fund(world: World, amount: str, number: int = 1, currency: str = "USDT") -> None:
    world.send(FundingPaid("carry", world.futures.id, D(amount), currency, 0.0001, D(-1), f"f{number}", world.now_ns))


def converge(world: World, times: int = 3) -> None:
    for _ in range(times):
        world.quote(SPOT_ID, 60_100.0, 60_101.0)
        world.quote(world.futures.id, 60_099.0, 60_100.0)


def test_convergence_must_be_read_several_times_in_a_row():
    world = held_world(exit_confirm=3)
    world.quote(PERPETUAL_ID, 59_999.0, 60_000.0)
    world.quote(PERPETUAL_ID, 60_300.0, 60_301.0)
    world.quote(PERPETUAL_ID, 59_999.0, 60_000.0)
    world.quote(PERPETUAL_ID, 59_999.0, 60_000.0)
    assert "MONITORING_POSITIONS" == world.state
    world.quote(PERPETUAL_ID, 59_999.0, 60_000.0)
    assert "CLOSING_POSITIONS" == world.state


def test_a_close_is_sequential_and_the_futures_leg_is_reduce_only():
    world = held_world()
    converge(world)
    assert (SPOT_ID, Side.SELL, D("0.165")) == (world.last.instrument, world.last.side, world.last.quantity)
    world.trade(world.last.client_order_id, "0.1")
    # the second leg follows what the first has closed
    assert (PERPETUAL_ID, Side.BUY, D("0.1"), True) == (
        world.last.instrument, world.last.side, world.last.quantity, world.last.reduce_only,
    )  # fmt: skip
    world.trade_all()
    assert ("COOLDOWN", (D(0), D(0))) == (world.state, world.held)


def test_a_completed_cycle_tells_its_whole_story():
    world = held_world()
    fund(world, "1.5")
    converge(world)
    world.trade_all()
    (cycle,) = world.strategy.cycles
    assert (CycleResult.COMPLETED, 4, 4, 10.0) == (cycle.result, cycle.orders, cycle.fills, cycle.ms)
    assert (
        "ARMED", "RESERVED", "LEG_ONE_WORKING", "LEG_TWO_WORKING", "OPEN", "CLOSING", "FLAT",
    ) == cycle.transitions  # fmt: skip
    assert cycle.reason.startswith("converged: ")
    # 60,300 / 60,001 − 1 = 49.83 bps, less 30 of fees
    assert 19.83 == pytest.approx(cycle.entry_edge_bps, abs=0.01)
    assert D("1.5") == cycle.pnl.funding


def test_the_sum_of_the_cycles_is_the_profit_and_the_cash_to_the_last_digit():
    world = held_world()
    fund(world, "1.5")
    fund(world, "1.5")  # repeated: booked once
    converge(world)
    world.trade_all()
    cash = D("1.5")
    for message in world.inputs:
        if type(message).__name__ == "Fill":
            cash -= message.side.sign * message.quantity * message.price + message.fee
    assert cash == world.strategy.cycles[0].pnl.total == world.strategy.pnl().total


def test_concurrent_execution_closes_both_legs_at_once():
    world = held_world(execution="concurrent")
    converge(world)
    assert [SPOT_ID, PERPETUAL_ID] == [order.instrument for order in list(world.orders.values())[2:]]
    world.trade_all()
    assert (D(0), D(0)) == world.held


def test_a_close_goes_on_at_once_while_it_fills_and_waits_a_little_when_it_does_not():
    world = held_world()
    converge(world)
    world.trade(world.last.client_order_id, "0.1")
    world.trade(world.last.client_order_id, "0.04")
    assert (PERPETUAL_ID, D("0.06")) == (world.last.instrument, world.last.quantity)
    world.trade_none()
    assert [] == world.open_ids
    world.wait(100)
    assert (PERPETUAL_ID, D("0.06")) == (world.last.instrument, world.last.quantity)


def test_a_close_in_tiny_parts_is_bounded():
    world = held_world(notional=D(100_000))
    converge(world)
    for _ in range(CLOSING_ORDERS_MAX):
        world.trade(world.last.client_order_id, "0.001")
    assert "FLATTENING" == world.strategy.pair.state.name


def test_a_close_that_does_not_fill_is_tried_again_and_then_flattened():
    world = held_world()
    converge(world)
    for _ in range(6):
        world.trade_none()
        world.refresh()
        world.wait(100)
    assert "FLATTENING" == world.strategy.pair.state.name
    world.trade_all()
    assert [CycleResult.FLATTENED] == [cycle.result for cycle in world.strategy.cycles]
    assert (D(0), D(0)) == world.held


def test_a_stop_loss_leaves_at_the_loss():
    world = held_world(stop_loss=0.01)
    # 0.165 × (60,600 − 60,231) ≈ −61 − fees; then −0.165 × 669 ≈ −110 < −100
    world.quote(PERPETUAL_ID, 60_600.0, 60_601.0)
    assert "MONITORING_POSITIONS" == world.state
    for _ in range(2):
        world.quote(PERPETUAL_ID, 60_900.0, 60_901.0)
    assert "MONITORING_POSITIONS" == world.state
    world.quote(PERPETUAL_ID, 60_600.0, 60_601.0)  # the row is broken
    for _ in range(3):
        assert "MONITORING_POSITIONS" == world.state
        world.quote(PERPETUAL_ID, 60_900.0, 60_901.0)
    assert "CLOSING_POSITIONS" == world.state
    assert world.strategy.pair.reason.startswith("stop loss at -1")


def test_a_profit_target_leaves_at_the_profit():
    world = held_world(profit_target=0.005, exit_edge_bps=-10_000.0)
    for _ in range(3):
        assert "MONITORING_POSITIONS" == world.state
        world.quote(PERPETUAL_ID, 59_800.0, 59_801.0)
    assert world.strategy.pair.reason.startswith("profit target at ")


def test_funding_counts_towards_the_profit_target():
    world = held_world(profit_target=0.005, exit_edge_bps=-10_000.0)
    fund(world, "80")
    for _ in range(2):
        world.refresh()
    assert "CLOSING_POSITIONS" == world.state


def test_a_time_limit_leaves_after_so_many_hours():
    world = held_world(holding_hours_max=1.0, quote_age_max_ms=3_600_000)
    world.wait(3_599_000)
    world.refresh()
    assert "MONITORING_POSITIONS" == world.state
    world.wait(2_000)
    world.refresh()
    assert "time limit or expiry guard" == world.strategy.pair.reason


def test_a_dated_future_is_left_before_it_expires():
    future = msgspec.structs.replace(
        PERPETUAL, type=InstrumentType.FUTURE, funding_interval_hours=0, expiry_ns=START_NS + 90_000 * S
    )
    world = World(parameters(quote_age_max_ms=3_600_000), futures=future)
    world.open_pair()
    world.wait(3_500_000)
    world.refresh()
    assert "MONITORING_POSITIONS" == world.state
    world.wait(200_000)  # 24 h = 86,400 s before the expiry begin 3,600 s after the start
    world.refresh()
    assert "time limit or expiry guard" == world.strategy.pair.reason


def test_a_margin_guard_flattens():
    world = held_world(leverage=10.0, margin_ratio_min=0.05, stop_loss=1.0, profit_target=1.0)
    # short from 60,269.9: (6,026.99 + 60,269.9 − 63,200) / 63,200 = 0.049
    world.mark(63_200.0, 0.0, 0)
    world.quote(SPOT_ID, 63_000.0, 63_001.0)
    assert ("FLATTENING", "margin guard") == (world.strategy.pair.state.name, world.strategy.pair.reason)


def test_a_funding_flip_leaves_after_enough_readings():
    world = World(parameters(exit_confirm=2, exit_edge_bps=-10_000.0))
    world.mark(60_000.0, 0.0001, world.now_ns + 4 * 3_600 * S)
    world.open_pair()
    world.mark(60_000.0, -0.0001, world.now_ns + 4 * 3_600 * S)
    assert "MONITORING_POSITIONS" == world.state
    world.mark(60_000.0, -0.0001, world.now_ns + 4 * 3_600 * S)
    assert world.strategy.pair.reason.startswith("funding flipped to -0.0001")


def test_a_pair_that_was_not_entered_for_funding_does_not_mind_its_sign():
    world = held_world(exit_confirm=1, exit_edge_bps=-10_000.0)
    world.mark(60_000.0, -0.0001, world.now_ns + 4 * 3_600 * S)
    assert "MONITORING_POSITIONS" == world.state


def test_expected_funding_keeps_a_converged_pair():
    world = held_world()
    world.mark(60_000.0, 0.001, world.now_ns + 4 * 3_600 * S)  # 10 bps to come
    converge(world)
    assert "MONITORING_POSITIONS" == world.state


def test_a_book_without_size_is_no_reading():
    world = held_world(exit_confirm=2, stop_loss=0.001)
    for _ in range(5):
        world.quote(SPOT_ID, 60_000.0, 60_001.0, size=0.0)
    assert "MONITORING_POSITIONS" == world.state


def test_a_stop_loss_is_read_at_what_the_whole_size_would_fetch():
    world = held_world(stop_loss=0.01, exit_edge_bps=-10_000.0)
    world.depth(SPOT_ID, ((60_000.0, 0.001), (59_300.0, 5.0)), ((60_001.0, 5.0),))
    for _ in range(3):
        assert "MONITORING_POSITIONS" == world.state
        world.quote(SPOT_ID, 60_000.0, 60_001.0, size=0.001)
    # 0.001 at the touch, 0.164 at 700 less: −0.164 × 700 ≈ −115, and the fees
    assert ("CLOSING_POSITIONS", True) == (world.state, world.strategy.pair.reason.startswith("stop loss at -1"))


def test_a_cycle_of_an_inverse_pair_profits_in_coin_and_quote():
    world = World(parameters(futures=INVERSE_ID, profit_target=1.0), futures=INVERSE)
    world.open_pair()
    converge(world)
    world.trade_all()
    coin, quote = world.strategy.ledger.pnls({})
    # 100 × 100 × (1/entry − 1/exit), rounded to 1e-8 each: a short gains coin when the price falls
    assert ("BTC", "USDT") == (coin.currency, quote.currency)
    assert coin.realised < 0.001
    assert coin.realised > 0
    assert [CycleResult.COMPLETED] == [cycle.result for cycle in world.strategy.cycles]


def test_rebalancing_trades_the_second_leg_beyond_the_band():
    world = held_world()
    # a third of the hedge is bought back by somebody else (auto-deleveraging, a person)
    world.stray_fill(PERPETUAL_ID, Side.BUY, "0.055")
    assert ("REBALANCING", Side.SELL, D("0.055"), False) == (
        world.state, world.last.side, world.last.quantity, world.last.reduce_only,
    )  # fmt: skip
    world.trade_all()
    assert ("MONITORING_POSITIONS", (D("0.165"), D("-0.165"))) == (world.state, world.held)


def test_an_excess_hedge_is_bought_back_reduce_only():
    world = held_world()
    world.stray_fill(PERPETUAL_ID, Side.SELL, "0.055")
    assert (Side.BUY, D("0.055"), True) == (world.last.side, world.last.quantity, world.last.reduce_only)
    world.trade_all()
    assert (D("0.165"), D("-0.165")) == world.held


def test_a_drift_within_the_band_is_left_alone():
    world = held_world(delta_band=0.05)
    sent = len(world.orders)
    world.stray_fill(PERPETUAL_ID, Side.BUY, "0.008")  # 4.8 %
    assert (sent, "MONITORING_POSITIONS") == (len(world.orders), world.state)


def test_a_rebalancing_that_does_not_fill_becomes_a_repair():
    world = held_world()
    world.stray_fill(PERPETUAL_ID, Side.BUY, "0.055")
    world.trade_none()
    assert "REPAIRING" == world.strategy.pair.state.name
    world.trade_all()
    assert "MONITORING_POSITIONS" == world.state


def test_the_liquidation_of_one_leg_closes_the_other():
    world = held_world()
    world.liquidate(PERPETUAL_ID)
    assert "REPAIRING" == world.strategy.pair.state.name
    assert (SPOT_ID, Side.SELL, D("0.165")) == (world.last.instrument, world.last.side, world.last.quantity)
    assert any("fill t3 of BTCUSDT.usdm forced by the venue autoclose-" in alert for alert in world.alerts)
    world.trade_all()
    assert ((D(0), D(0)), "COOLDOWN") == (world.held, world.state)


def test_after_a_cycle_it_rests_and_then_looks_again():
    world = held_world()
    converge(world)
    world.trade_all()
    world.market(60_000.0, 60_300.0)
    assert "COOLDOWN" == world.state
    world.wait(999)
    assert "COOLDOWN" == world.state
    world.wait(1)
    assert "ANALYZING_MARKET" == world.state
    world.refresh()
    assert "OPENING_SPOT_POSITION" == world.state


def test_flattening_goes_wide_then_wider_then_to_the_market():
    world = held_world(leverage=10.0, margin_ratio_min=0.05, stop_loss=1.0, profit_target=1.0)
    world.mark(63_200.0, 0.0, 0)
    world.quote(SPOT_ID, 63_000.0, 63_001.0)
    first = [order for order in world.orders.values() if order.client_order_id in world.open_ids]
    # 63,000 × 0.99; 60,301 × 1.01 = 60,904.01 up to the tick
    assert [D("62370.00"), D("60904.1")] == [order.price for order in first]
    world.trade_none()
    world.refresh()
    world.wait(100)
    assert [D("61110.00"), D("62110.1")] == [world.orders[name].price for name in world.open_ids]  # three times as wide
    world.trade_none()
    world.refresh()
    world.wait(100)
    assert [OrderType.MARKET] * 2 == [world.orders[name].type for name in world.open_ids]
    assert [False, True] == [world.orders[name].reduce_only for name in world.open_ids]
    world.trade_all()
    assert ((D(0), D(0)), [CycleResult.FLATTENED]) == (world.held, [cycle.result for cycle in world.strategy.cycles])


def test_a_flattening_that_fails_halts_with_its_residual():
    world = held_world(leverage=10.0, margin_ratio_min=0.05, stop_loss=1.0, profit_target=1.0)
    world.mark(63_200.0, 0.0, 0)
    world.quote(SPOT_ID, 63_000.0, 63_001.0)
    name = world.open_ids[1]
    world.trade(name)  # the futures leg closes, the spot leg never does
    for _ in range(8):
        world.trade_none()
        world.refresh()
        world.wait(100)
    assert "HALTED" == world.state
    assert any("not flat after 6 rounds; residual: holding 0.165" in alert for alert in world.alerts)
    assert world.strategy.is_settled


def test_a_drift_is_also_seen_without_a_report():
    world = held_world()
    world.strategy.ledger.adopt(PERPETUAL_ID, D("-0.1"))
    world.wait(4_000)
    world.refresh()
    world.wait(1_100)
    assert ("REBALANCING", D("0.065")) == (world.state, world.last.quantity)
