"""What goes wrong with a route of two legs, and what becomes of it."""

from decimal import Decimal as D

import pytest

from messages.health import CycleResult
from messages.orders import OrderUnknown, Side, SubmitOrder
from messages.strategy_host import RecoveryCompleted
from tests.actors.strategies.arbitrage.test_strategy import rich_beta, rich_usdc
from tests.actors.strategies.arbitrage.world import (
    ALPHA,
    BETA,
    ETH_USDT,
    INSTRUMENTS,
    PAIRS,
    PERPETUAL,
    SPOT_PERPETUAL,
    SPOTS,
    TRIANGLE,
    ArbitrageWorld,
    parameters,
)


def working(world: ArbitrageWorld) -> list[tuple[str, Side, D]]:
    return [(order.instrument, order.side, order.quantity) for order in world.working]


def executing(settings=None) -> tuple[ArbitrageWorld, str, str]:
    world = ArbitrageWorld(settings)
    rich_beta(world)
    buy, sell = world.open_ids
    return world, buy, sell


def test_a_side_that_is_refused_is_completed_while_that_is_cheaper():
    world, buy, sell = executing()
    world.trade(buy)
    world.reject(sell)
    assert ("REPAIRING", [(BETA.id, Side.SELL, D("0.0999"))]) == (world.state, working(world))
    world.trade_all()
    assert ("COOLDOWN", CycleResult.REPAIRED) == (world.state, world.last_cycle.result)
    assert "PROFIT_REALIZED" in world.last_cycle.transitions
    assert D(0) == world.net["BTC"]


def test_a_side_that_ran_away_is_unwound_where_it_is_cheaper():
    world, buy, sell = executing()
    world.trade(buy)
    world.at(BETA, 59_000.0)
    world.close(sell)
    # completing: 0.0999 × (60,060 + fees − 59,000) ≈ 115; unwinding at 59,999.99: 6 of slippage and 6 of fee
    assert ("REPAIRING", [(ALPHA.id, Side.SELL, D("0.09990"))]) == (world.state, working(world))
    world.trade_all()
    assert CycleResult.UNWOUND is world.last_cycle.result
    assert world.last_cycle.reason.startswith("spots: ")


def test_a_partial_fill_leaves_the_rest_to_repair():
    world, buy, sell = executing()
    world.trade(buy)
    world.trade(sell, "0.06")
    assert [(BETA.id, Side.SELL, D("0.0399"))] == working(world)


def test_a_rest_below_the_minimum_is_carried_and_told_and_traded_with_the_next_one():
    world, buy, sell = executing(parameters(SPOTS, position_value_max=D(50_000)))
    world.trade(buy, "0.09984")
    world.trade(sell, "0.0998")
    assert ("COOLDOWN", CycleResult.COMPLETED) == (world.state, world.last_cycle.result)
    assert "spots: residual: holding 0.00004 BTCUSDT.alpha" in world.last_cycle.reason
    assert "residual" in world.strategy.note
    assert world.strategy.is_settled
    world.wait(1_001)
    world.refresh()
    assert [(ALPHA.id, Side.BUY, D("0.09986")), (BETA.id, Side.SELL, D("0.0999"))] == working(world)


def test_nothing_filled_is_an_attempt_abandoned():
    world, _, _ = executing()
    world.trade_none()
    assert ("COOLDOWN", CycleResult.ABANDONED, 0) == (world.state, world.last_cycle.result, world.route.mishaps)


def test_an_order_that_does_not_end_is_cancelled_and_its_late_fill_counts():
    world, buy, sell = executing()
    world.trade(buy)
    world.wait(2_001)
    assert [sell] == world.cancels
    world.fill(sell)
    world.close(sell)
    assert CycleResult.COMPLETED is world.last_cycle.result


def test_an_unknown_outcome_stops_everything_until_it_is_known():
    world, buy, sell = executing()
    world.unknown(sell)
    world.trade(buy)
    assert "PROTECTING" == world.state
    world.refresh()
    world.wait(1_000)
    world.refresh()
    assert 2 == len(world.orders)
    world.fill(sell)
    world.close(sell)
    world.wait(250)
    assert CycleResult.COMPLETED is world.last_cycle.result


def test_a_venue_that_goes_down_in_between_is_waited_for_and_then_the_other_side_is_unwound():
    world, buy, sell = executing()
    world.trade(buy)
    world.venue_down("beta")
    world.unknown(sell)
    assert "PROTECTING" == world.state
    world.venue_up("beta")
    world.close(sell)
    world.refresh()
    world.wait(250)
    assert "REPAIRING" == world.state
    world.trade_all()
    assert D(0) == world.net["BTC"]


def test_what_happens_to_other_routes_markets_does_not_stop_this_one():
    world = ArbitrageWorld(parameters(SPOTS, SPOT_PERPETUAL))
    rich_beta(world)
    assert "MONITORING_EXECUTION" == world.state
    world.gap(PERPETUAL.id)
    world.venue_down("perp")
    world.venue_up("perp")
    assert "MONITORING_EXECUTION" == world.state
    world.gap(ALPHA.id)
    assert "PROTECTING" == world.state


def test_repairs_beyond_the_loss_budget_flatten():
    world, buy, sell = executing(parameters(SPOTS, loss_budget=0.0001))
    world.trade(buy)
    world.at(BETA, 59_000.0)
    world.at(ALPHA, 59_500.0)
    world.close(sell)
    # even unwinding costs 0.0999 × 560: more than 0.6; wide IOC at 59,500 × 0.99
    assert ("REPAIRING", D("58905.00")) == (world.state, world.last.price)
    world.trade_all()
    assert CycleResult.FLATTENED is world.last_cycle.result


def test_a_route_that_cannot_be_flattened_halts_and_says_what_it_holds():
    world, buy, sell = executing(parameters(SPOTS, loss_budget=0.0001))
    world.trade(buy)
    world.at(ALPHA, 59_500.0)
    world.at(BETA, 59_000.0)
    world.close(sell)
    for _ in range(8):
        world.trade_none()
        world.refresh()
        world.wait(150)
    assert "HALTED" == world.state
    assert any("residual: holding 0.0999" in alert for alert in world.alerts)
    assert "spots halted" in world.strategy.note
    assert CycleResult.ABANDONED is world.last_cycle.result
    assert world.strategy.is_settled


def test_a_route_that_often_needs_repairs_is_suspended_and_others_go_on():
    world = ArbitrageWorld(parameters(SPOTS, SPOT_PERPETUAL, repairs_max=2, cooldown_s=0.0, notional=D(2_000)))
    world.at(PERPETUAL, 60_000.0)
    for _ in range(2):
        world.at(ALPHA, 59_999.99)
        world.at(BETA, 60_300.0)
        buy, sell = world.open_ids
        world.trade(buy)
        world.reject(sell)
        world.trade_all()
    assert ["carry: route spots is suspended: 2 attempts did not come out as planned"] == world.alerts
    world.refresh()
    assert ("SCANNING_OPPORTUNITIES", []) == (world.state, world.working)
    assert "suspended: spots" in world.strategy.note
    world.at(PERPETUAL, 60_300.0)
    assert [ALPHA.id, PERPETUAL.id] == [order.instrument for order in world.working]


def test_costs_of_a_repair_are_counted_at_the_exchange_rate():
    world = ArbitrageWorld(parameters(PAIRS))
    rich_usdc(world)
    buy, sell = world.open_ids
    world.trade(buy)
    world.reject(sell)
    first, second = world.route.legs
    assert (1.0, pytest.approx(0.9990)) == (first.rate, second.rate)
    assert "REPAIRING" == world.state
    # completing at 60,300 USDC = 60,239.70 USDT against 60,060 paid: still a gain of 60,239.7 × 0.9995 − 60,060 × 1.001
    (repair, *_) = world.route.pair.repairs.available()
    cost = -0.0999 * (60_300 * 0.9990 * 0.9995 - 60_060.0 * 1.001) - 0.0999 * 60_060 * 0.001
    assert repair.cost == pytest.approx(cost, abs=1.0)


# --- late and strange fills -------------------------------------------------------------------------------------


def test_a_late_fill_reaches_its_own_route():
    world = ArbitrageWorld(parameters(SPOTS, SPOT_PERPETUAL))
    rich_beta(world)
    buy, sell = world.open_ids
    world.trade(buy, "0.05")
    world.trade(sell, "0.05")
    assert "COOLDOWN" == world.state
    world.fill(buy, "0.02")  # after its end
    assert ("REPAIRING", "spots") == (world.state, world.strategy._active.name)
    world.trade_all()
    assert D(0) == world.net["BTC"]


def test_a_late_fill_of_another_route_waits_for_the_one_that_executes():
    world = ArbitrageWorld(parameters(SPOTS, SPOT_PERPETUAL, cooldown_s=0.0))
    world.at(PERPETUAL, 60_000.0)
    rich_beta_only(world)
    buy, sell = world.open_ids
    world.trade(buy, "0.05")
    world.trade(sell, "0.05")
    world.at(BETA, 60_000.0)
    world.at(PERPETUAL, 60_300.0)
    assert [ALPHA.id, PERPETUAL.id] == [order.instrument for order in world.working]
    world.fill(sell, "0.02")
    world.fill(sell, "0.01")
    assert 2 == len(world.working)  # nothing new for it while the other route works
    assert not world.strategy.is_settled
    for name in world.open_ids:
        world.trade(name)
    assert "REPAIRING" == world.state  # one at a time: now it is its turn
    assert ["spots"] == [route.name for route in world.strategy.routes if route.is_busy]
    world.trade_all()
    assert D(0) == world.net["BTC"]


def rich_beta_only(world: ArbitrageWorld) -> None:
    world.at(ALPHA, 59_999.99)
    world.at(BETA, 60_300.0)


def test_a_liquidation_is_followed_by_the_inventory_on_the_other_side():
    world = ArbitrageWorld(parameters(SPOT_PERPETUAL))
    world.at(ALPHA, 59_999.99)
    world.at(PERPETUAL, 60_300.0)
    world.trade_all()
    world.at(ALPHA, 60_300.0)
    world.liquidate(PERPETUAL.id, "99")
    assert "REPAIRING" == world.state
    world.trade_all()
    assert D(0) == world.net["BTC"]


def test_a_fill_that_no_route_could_have_made_is_only_counted():
    world = ArbitrageWorld(parameters(PAIRS))
    rich_usdc(world)
    world.trade_all()
    world.stray_fill("USDCUSDT.beta", Side.BUY, "10")
    assert ("COOLDOWN", D(10)) == (world.state, world.strategy.ledger.position("USDCUSDT.beta"))


# --- restarts, draining, halting --------------------------------------------------------------------------------


def test_before_recovery_nothing_is_traded():
    world = ArbitrageWorld(is_started=False)
    world.start()
    rich_beta(world)
    assert ("IDLE", False) == (world.state, world.strategy.is_settled)
    world.recover()
    world.refresh()
    assert "MONITORING_EXECUTION" == world.state


def test_a_restart_in_the_middle_waits_for_open_orders_and_then_repairs():
    world, buy, sell = executing()
    world.trade(buy)
    world.start(2)
    assert "IDLE" == world.state
    world.recover(open_orders=(sell,))
    assert "PROTECTING" == world.state
    assert sell in world.cancels
    world.close(sell)
    world.refresh()
    world.wait(250)
    assert "REPAIRING" == world.state
    world.trade_all()
    assert CycleResult.REPAIRED is world.last_cycle.result


def test_a_restart_after_both_sides_filled_locks_the_profit_in():
    world, buy, sell = executing()
    world.trade(buy)
    world.start(2)
    world.fill(sell)  # reported before the recovery is over
    world.close(sell)
    world.recover()
    assert ("COOLDOWN", CycleResult.COMPLETED) == (world.state, world.last_cycle.result)


def test_what_the_gateway_knows_of_an_attempt_and_no_report_told_is_repaired():
    world, buy, _ = executing()
    world.trade(buy)
    world.start(2)
    world.positions[BETA.id] = D("-0.0999")
    world.recover()
    assert any("position of BTCUSDT.beta is -0.0999 by the gateway" in alert for alert in world.alerts)
    assert CycleResult.COMPLETED is world.last_cycle.result


def test_what_the_gateway_knows_of_no_attempt_is_inventory():
    world = ArbitrageWorld()
    world.quiet()
    world.start(2)
    world.positions[ALPHA.id] = D("0.05")
    world.recover()
    assert ("SCANNING_OPPORTUNITIES", D("0.05")) == (world.state, world.strategy.ledger.position(ALPHA.id))
    assert 1 == len(world.alerts)


def test_a_restart_with_nothing_left_ends_the_attempt():
    world, _, _ = executing()
    world.start(2)
    world.recover()
    assert ("SCANNING_OPPORTUNITIES", CycleResult.ABANDONED) == (world.state, world.last_cycle.result)
    assert "spots: over, with nothing held" == world.last_cycle.reason


def test_a_restart_of_several_routes_recovers_the_one_that_executed_first():
    world = ArbitrageWorld(parameters(TRIANGLE, SPOTS))
    world.at(ETH_USDT, 3_000.0)
    rich_beta_only(world)
    buy, sell = world.open_ids
    world.trade(buy)
    world.start(2)
    world.recover(open_orders=(sell,))
    assert ("PROTECTING", ["spots"]) == (world.state, [route.name for route in world.strategy.routes if route.is_busy])
    world.fill(sell)
    world.close(sell)
    world.refresh()
    world.wait(250)
    assert "COOLDOWN" == world.state
    assert ["SCANNING_OPPORTUNITIES"] * 2 == [route.state.name for route in world.strategy.routes]


def test_draining_cancels_what_opens_and_finishes_what_must_be():
    world, buy, sell = executing()
    world.trade(buy)
    world.drain()
    assert [sell] == world.cancels
    world.close(sell)
    assert "REPAIRING" == world.state
    world.trade_all()
    assert ("IDLE", True) == (world.state, world.strategy.is_settled)
    world.refresh()
    assert [] == world.working


def test_draining_at_rest_is_done_at_once():
    world = ArbitrageWorld(parameters(SPOTS, confirm_ms=100))
    rich_beta(world)
    world.drain()
    assert ("IDLE", True) == (world.state, world.strategy.is_settled)


def test_a_halt_at_rest_reports_what_is_carried():
    world, buy, sell = executing()
    world.trade(buy, "0.09984")
    world.trade(sell, "0.0998")
    world.halt()
    assert "HALTED" == world.state
    assert "carry: HALTED: operator; a person must acknowledge" in world.alerts
    assert any(alert.startswith("carry: spots: residual: holding 0.00004 BTCUSDT.alpha") for alert in world.alerts)
    assert "cooldown" not in world.timers


def test_a_halt_while_executing_cancels_and_counts_what_still_fills():
    world, buy, sell = executing()
    world.accept(buy)
    world.halt()
    assert "HALTED" == world.state
    assert {buy, sell} == set(world.cancels)
    world.reject_cancel(buy)
    assert 3 == len(world.cancels)  # it works still: once more
    world.fill(buy, "0.01")
    assert D("0.01") == world.strategy.ledger.position(ALPHA.id)
    assert "residual: holding 0.01" in world.strategy.note
    world.start(2)
    world.send(RecoveryCompleted(dict(world.positions), (buy, sell), world.now_ns))
    assert "HALTED" == world.state


def test_two_instances_that_hear_the_same_say_the_same():
    world, buy, sell = executing()
    world.trade(buy)
    world.reject(sell)
    world.trade_all()
    again = world.make_strategy()
    assert world.outputs == [output for message in world.inputs for output in again.on_message(message)]


def test_an_order_of_a_route_is_found_for_as_long_as_orders_are_kept(monkeypatch):
    monkeypatch.setattr("actors.strategies.arbitrage.handlers.CLOSED_ORDERS_KEPT_MAX", 2)
    world = ArbitrageWorld(parameters(SPOTS, cooldown_s=0.0))
    rich_beta(world)
    world.trade_all()
    world.refresh()
    assert 2 == len(world.strategy._route_of)
    assert isinstance(world.last, SubmitOrder)
    world.send(OrderUnknown("x-carry-e1-1", "carry", ALPHA.id, "late", world.now_ns))
    assert "MONITORING_EXECUTION" == world.state


def test_instruments_that_no_route_uses_are_not_wanted():
    assert set(ArbitrageWorld().strategy.instruments) < set(INSTRUMENTS)
