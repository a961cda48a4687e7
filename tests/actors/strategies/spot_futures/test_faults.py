"""Legs that do not match, orders that do not end, markets that go: repaired, unwound, flattened, or HALTED and said."""

from decimal import Decimal as D

import msgspec
import pytest

from actors.strategies.pair.decisions import PROTECT_POLLS_MAX
from messages.health import CycleResult
from messages.market import Trade
from messages.orders import AmendRejected, CloseReason, OrderAmended, RejectReason, Side
from messages.strategy_host import RecoveryCompleted
from tests.actors.strategies.trading_world import INVERSE, INVERSE_ID, PERPETUAL_ID, SPOT, SPOT_ID, World, parameters


def half_open(**changes) -> World:
    """The spot leg has filled 0.165; the futures order is in flight."""
    world = World(parameters(**changes))
    world.market(60_000.0, 60_300.0)
    world.trade(world.last.client_order_id)
    assert "OPENING_FUTURES_HEDGE" == world.state
    return world


def results(world: World) -> list[CycleResult]:
    return [cycle.result for cycle in world.strategy.cycles]


def pair_state(world: World) -> str:
    return world.strategy.pair.state.name


@pytest.mark.parametrize("fate", ["reject", "deny", "close"])
def test_a_second_leg_that_fails_is_completed_while_that_is_cheaper(fate):
    world = half_open()
    getattr(world, fate)(world.last.client_order_id)
    # locked basis 300 a BTC against selling spot at a loss of 31 and a fee: complete, 5 bps below the touch
    assert ("REBALANCING", "REPAIRING") == (world.state, pair_state(world))
    assert (PERPETUAL_ID, Side.SELL, D("0.165"), D("60269.8")) == (
        world.last.instrument, world.last.side, world.last.quantity, world.last.price,
    )  # fmt: skip
    world.trade_all()
    assert ("MONITORING_POSITIONS", (D("0.165"), D("-0.165"))) == (world.state, world.held)


def test_a_repaired_cycle_says_so_when_it_ends():
    world = half_open()
    world.reject(world.last.client_order_id)
    world.trade_all()
    for _ in range(3):
        world.market(60_100.0, 60_100.0)
    world.trade_all()
    assert [CycleResult.REPAIRED] == results(world)


def test_a_second_leg_that_fails_is_unwound_once_the_basis_is_gone():
    world = half_open()
    world.quote(PERPETUAL_ID, 59_950.0, 59_951.0)
    world.close(world.last.client_order_id)
    assert (SPOT_ID, Side.SELL, D("0.165")) == (world.last.instrument, world.last.side, world.last.quantity)
    world.trade_all()
    assert ("COOLDOWN", (D(0), D(0)), [CycleResult.UNWOUND]) == (world.state, world.held, results(world))


def test_a_second_leg_that_filled_in_part_leaves_only_the_rest_to_repair():
    world = half_open()
    world.trade(world.last.client_order_id, "0.1")
    assert D("0.065") == world.last.quantity
    world.trade_all()
    assert (D("0.165"), D("-0.165")) == world.held


def test_attempts_wait_a_little_and_give_way_a_little_more():
    world = half_open()
    world.close(world.last.client_order_id)
    first = world.last.price
    world.quote(PERPETUAL_ID, 60_300.0, 60_301.0)
    world.trade_none()
    assert [] == world.open_ids
    world.wait(99)
    assert [] == world.open_ids
    world.wait(1)
    # 60,300 × (1 − 10 bps) = 60,239.7
    assert (D("60269.8"), D("60239.7")) == (first, world.last.price)


def test_attempts_are_bounded_and_then_everything_is_flattened():
    world = half_open(repair_attempts_max=2)
    world.refresh()
    world.close(world.last.client_order_id)
    for _ in range(2):
        world.trade_none()
        world.refresh()
        world.wait(100)
    assert ("CLOSING_POSITIONS", "FLATTENING") == (world.state, pair_state(world))
    world.trade_all()
    assert ((D(0), D(0)), [CycleResult.FLATTENED]) == (world.held, results(world))
    assert "not repaired in 2 attempts" in world.strategy.cycles[0].reason


def test_a_repair_beyond_the_loss_budget_is_flattened_instead():
    world = half_open(loss_budget=0.0001)  # 1 USDT; unwinding costs 31 × 0.165 + 9.9
    world.quote(PERPETUAL_ID, 59_950.0, 59_951.0)
    world.close(world.last.client_order_id)
    assert ("FLATTENING", SPOT_ID) == (pair_state(world), world.last.instrument)
    assert D("59400.00") == world.last.price  # 60,000 × 0.99
    assert "beyond the loss budget" in world.strategy.pair.reason


def test_what_repairs_cost_comes_off_the_budget():
    world = half_open(loss_budget=0.002)  # 20 USDT; the unwinding costs about 15
    world.quote(PERPETUAL_ID, 59_950.0, 59_951.0)
    world.close(world.last.client_order_id)
    world.trade(world.last.client_order_id, "0.1")
    world.wait(100)
    assert "REPAIRING" == pair_state(world)
    assert 5.0 < world.strategy.pair.repairs.spent < 12.0


def test_concurrent_legs_that_fill_differently_are_repaired():
    world = World(parameters(execution="concurrent"))
    world.market(60_000.0, 60_300.0)
    spot, futures = world.open_ids
    world.trade(futures)
    assert "BOTH_WORKING" == pair_state(world)
    world.trade(spot, "0.1")
    # 0.065 too many futures: buy them back, or buy more spot
    assert ("REPAIRING", D("0.065")) == (pair_state(world), world.last.quantity)
    world.trade_all()
    assert world.held[0] == -world.held[1]


def test_a_late_order_is_cancelled_and_its_fill_may_win():
    world = half_open(leg_timeout_ms=1_000)
    name = world.last.client_order_id
    world.accept(name)
    world.wait(1_000)
    assert [name] == world.cancels
    world.reject_cancel(name)
    world.fill(name)
    assert "MONITORING_POSITIONS" == world.state
    world.close(name)
    assert (D("0.165"), D("-0.165")) == world.held


def test_a_timeout_is_not_a_reject():
    world = half_open()
    sent = len(world.orders)
    world.wait(2_500)
    assert sent == len(world.orders)  # asked for the cancel again, sent nothing new
    assert 2 == len(world.cancels)


def test_an_order_that_does_not_end_protects_and_at_last_halts():
    world = half_open(repair_attempts_max=2)
    name = world.last.client_order_id
    world.wait(3_000)
    assert ("PROTECTING", "PROTECTING") == (world.state, pair_state(world))
    assert any("no end reported after 2 cancels" in alert for alert in world.alerts)
    for _ in range(PROTECT_POLLS_MAX + 1):
        world.wait(200)
    assert "HALTED" == world.state
    assert any(
        f"the outcome of {name} did not become known; residual: holding 0.16500 BTCUSDT.spot" in alert
        for alert in world.alerts
    )
    assert [CycleResult.ABANDONED] == results(world)


def test_an_unknown_outcome_means_no_new_risk_until_it_is_known():
    world = half_open()
    name = world.last.client_order_id
    sent = len(world.orders)
    world.unknown(name)
    assert "PROTECTING" == world.state
    for _ in range(10):
        world.wait(200)
        world.refresh()
    assert (sent, "PROTECTING", False) == (len(world.orders), world.state, world.strategy.is_settled)
    world.fill(name, "0.1")
    world.close(name)
    assert ("REPAIRING", D("0.065")) == (pair_state(world), world.last.quantity)


def test_an_unknown_order_that_turns_out_to_work_is_cancelled():
    world = half_open()
    name = world.last.client_order_id
    world.unknown(name)
    world.cancels.clear()
    world.accept(name)
    assert [name] == world.cancels
    world.close(name, CloseReason.CANCELLED)
    assert "REPAIRING" == pair_state(world)


def test_an_unknown_order_at_a_venue_that_is_down_is_waited_for():
    world = half_open()
    world.venue_down("usdm")
    for _ in range(PROTECT_POLLS_MAX + 10):
        world.wait(200)
    assert "PROTECTING" == world.state


def test_an_outage_while_holding_protects_and_the_pair_goes_on_afterwards():
    world = World(parameters())
    world.open_pair()
    world.venue_down("usdm")
    assert ("PROTECTING", True) == (world.state, world.strategy.is_settled)
    world.quote(SPOT_ID, 60_000.0, 60_001.0)
    world.wait(2_000)
    assert "PROTECTING" == world.state
    world.venue_up("usdm")
    assert "PROTECTING" == world.state  # up, but not quoted yet
    world.refresh()
    world.wait(200)
    assert "MONITORING_POSITIONS" == world.state


def test_a_gap_while_holding_protects_until_depth_and_quote_are_back():
    world = World(parameters())
    world.depth(SPOT_ID, ((60_000.0, 5.0),), ((60_001.0, 5.0),))
    world.open_pair()
    world.gap(SPOT_ID)
    world.refresh()
    world.wait(200)
    assert "PROTECTING" == world.state
    world.depth(SPOT_ID, ((60_000.0, 5.0),), ((60_001.0, 5.0),))
    world.wait(200)
    assert "MONITORING_POSITIONS" == world.state


def test_a_stale_feed_while_holding_protects_even_when_nothing_is_heard():
    world = World(parameters())
    world.open_pair()
    world.wait(10_001)
    assert "PROTECTING" == world.state


def test_a_quote_after_a_long_silence_of_the_other_leg_protects_at_once():
    world = World(parameters(quote_age_max_ms=5_000))
    world.open_pair()
    world.now_ns += 4_900_000_000
    world.quote(SPOT_ID, 60_000.0, 60_001.0)
    world.now_ns += 200_000_000
    world.quote(SPOT_ID, 60_000.0, 60_001.0)
    assert "PROTECTING" == world.state


def test_a_residual_is_unwound_on_the_healthy_market_when_the_other_stays_away():
    world = half_open()
    world.deny(world.last.client_order_id)  # repairing by completing
    world.venue_down("usdm")
    world.deny(world.last.client_order_id)
    assert "PROTECTING" == world.state
    world.wait(800)
    world.quote(SPOT_ID, 60_000.0, 60_001.0)
    assert "PROTECTING" == world.state
    world.wait(200)
    assert ("REPAIRING", SPOT_ID, Side.SELL) == (pair_state(world), world.last.instrument, world.last.side)
    world.trade_all()
    assert ((D(0), D(0)), [CycleResult.UNWOUND]) == (world.held, results(world))


def test_a_second_leg_whose_market_went_stale_is_not_traded_blindly():
    world = World(parameters(leg_timeout_ms=20_000))
    world.market(60_000.0, 60_300.0)
    world.now_ns += 6_000_000_000
    world.quote(SPOT_ID, 60_000.0, 60_001.0)
    world.fill(world.last.client_order_id)
    assert "PROTECTING" == world.state
    world.refresh()
    world.wait(200)
    assert "REPAIRING" == pair_state(world)


def test_trouble_before_anything_is_sent_only_ends_the_signal():
    world = World(parameters(confirm_ms=100))
    for trouble in (lambda: world.gap(SPOT_ID), lambda: world.venue_down("spot")):
        world.refresh() if world.quotes else world.market(60_000.0, 60_300.0)
        world.market(60_000.0, 60_300.0)
        assert "ARMED" == pair_state(world)
        trouble()
        assert ("ANALYZING_MARKET", "IDLE", {}) == (world.state, pair_state(world), world.orders)


def test_a_market_that_goes_stale_while_closing_protects():
    world = World(parameters())
    world.open_pair()
    for _ in range(3):
        world.market(60_100.0, 60_100.0)
    world.now_ns += 6_000_000_000
    world.trade(world.last.client_order_id)
    assert "PROTECTING" == world.state
    world.refresh()
    world.wait(200)
    # the futures that are left over are closed
    assert ("REPAIRING", PERPETUAL_ID, True) == (pair_state(world), world.last.instrument, world.last.reduce_only)
    world.trade_all()
    assert ((D(0), D(0)), [CycleResult.REPAIRED]) == (world.held, results(world))


def test_an_outage_while_flattening_waits_for_the_venue_and_then_goes_on():
    world = World(parameters(leverage=10.0, margin_ratio_min=0.05, stop_loss=1.0, profit_target=1.0))
    world.open_pair()
    world.mark(63_200.0, 0.0, 0)
    world.quote(SPOT_ID, 63_000.0, 63_001.0)
    world.gap(SPOT_ID)
    assert "FLATTENING" == pair_state(world)  # a gap does not stop it
    world.venue_down("usdm")
    world.trade_none()
    world.wait(1_000)
    assert ("PROTECTING", False) == (world.state, world.strategy.is_settled)
    world.venue_up("usdm")
    assert "FLATTENING" == pair_state(world)
    world.trade_all()
    assert [CycleResult.FLATTENED] == results(world)


def test_a_late_fill_while_nothing_is_held_is_taken_over_and_repaired():
    world = World(parameters())
    world.market(60_000.0, 60_000.0)
    world.stray_fill(SPOT_ID, Side.BUY, "0.1")
    assert "REPAIRING" == pair_state(world)
    assert any("unknown order venue-1" in alert for alert in world.alerts)
    world.trade_all()
    assert [CycleResult.UNWOUND] == results(world)


def test_a_late_fill_during_the_cooldown_is_taken_over_too():
    world = World(parameters())
    world.market(60_000.0, 60_300.0)
    world.trade_none()
    assert "COOLDOWN" == world.state
    world.stray_fill(SPOT_ID, Side.BUY, "0.1")
    assert ("REBALANCING", ["pair-leg"]) == (world.state, list(world.timers))


def test_a_leg_that_is_held_the_wrong_way_is_flattened():
    world = World(parameters())
    world.market(60_000.0, 60_000.0)
    world.stray_fill(PERPETUAL_ID, Side.BUY, "0.1")
    assert "FLATTENING" == pair_state(world)
    assert (PERPETUAL_ID, Side.SELL, True) == (world.last.instrument, world.last.side, world.last.reduce_only)
    world.trade_all()
    assert (D(0), D(0)) == world.held


def test_a_repeated_report_changes_nothing_anywhere():
    world = World(parameters())
    world.open_pair()
    reports = [message for message in world.inputs if hasattr(message, "client_order_id")]
    before = (world.state, world.held, len(world.orders))
    for report in reports:
        world.send(report)
    assert before == (world.state, world.held, len(world.orders))
    assert world.held[0] == world.strategy.ledger.position(SPOT_ID)


def test_reports_about_amendments_are_heard_although_nothing_is_amended():
    world = half_open()
    name = world.last.client_order_id
    world.accept(name)
    world.send(AmendRejected(name, "carry", PERPETUAL_ID, RejectReason.OTHER, "no", world.now_ns))
    world.send(OrderAmended(name, "carry", PERPETUAL_ID, D("0.165"), D(60_000), world.now_ns))
    assert "OPENING_FUTURES_HEDGE" == world.state


def test_a_halt_cancels_what_works_and_keeps_what_is_held():
    world = half_open()
    name = world.last.client_order_id
    world.halt()
    assert ("HALTED", [name], D("0.165")) == (world.state, world.cancels, world.held[0])
    assert "HALTED: operator; residual: holding 0.16500 BTCUSDT.spot" in world.alerts[-1]
    world.fill(name, "0.1")
    assert D("-0.1") == world.strategy.ledger.position(PERPETUAL_ID)
    assert world.strategy.is_settled
    assert "residual: holding 0.16500 BTCUSDT.spot, -0.1 BTCUSDT.usdm" in world.strategy.note


def test_a_halted_pair_stays_halted_whatever_comes():
    world = World(parameters())
    world.open_pair()
    world.halt()
    world.refresh()
    world.halt()
    world.drain()
    world.wait(100_000)
    world.start(2)
    world.send(RecoveryCompleted(world.positions, (), world.now_ns))
    assert "HALTED" == world.state


def test_a_halted_pair_cancels_what_turns_out_to_work():
    world = half_open()
    name = world.last.client_order_id
    world.unknown(name)
    world.venue_down("usdm")
    world.halt()
    world.cancels.clear()
    world.accept(name)
    assert [] == world.cancels  # the venue cannot be reached
    world.venue_up("usdm")
    assert [name] == world.cancels


def test_a_drain_opens_nothing_new():
    world = World(parameters(confirm_ms=100))
    world.market(60_000.0, 60_300.0)
    world.drain()
    world.wait(200)
    world.refresh()
    assert ("IDLE", {}, True) == (world.state, world.orders, world.strategy.is_settled)


def test_a_drain_while_opening_cancels_and_hedges_what_filled():
    world = World(parameters())
    world.market(60_000.0, 60_300.0)
    name = world.last.client_order_id
    world.fill(name, "0.1")
    world.drain()
    assert ([name], False) == (world.cancels, world.strategy.is_settled)
    world.close(name, CloseReason.CANCELLED)
    assert ("OPENING_FUTURES_HEDGE", D("0.1")) == (world.state, world.last.quantity)
    world.trade_all()
    assert ("MONITORING_POSITIONS", True) == (world.state, world.strategy.is_settled)


def test_a_drained_pair_is_held_whatever_the_market_says():
    world = World(parameters())
    world.open_pair()
    world.drain()
    for _ in range(5):
        world.market(60_100.0, 60_100.0)
        world.mark(60_000.0, -0.01, 0)
    assert ("MONITORING_POSITIONS", 2, True) == (world.state, len(world.orders), world.strategy.is_settled)


def test_a_drain_while_resting_is_the_end():
    world = World(parameters())
    world.market(60_000.0, 60_300.0)
    world.trade_none()
    world.drain()
    assert ("IDLE", True) == (world.state, world.strategy.is_settled)


def test_a_drain_while_repairing_lets_the_repair_go_on():
    world = half_open()
    world.close(world.last.client_order_id)
    world.drain()
    assert "REPAIRING" == pair_state(world)
    world.trade_all()
    assert ("MONITORING_POSITIONS", True) == (world.state, world.strategy.is_settled)


def test_a_fill_from_elsewhere_does_not_hurry_the_next_attempt():
    world = half_open()
    world.close(world.last.client_order_id)
    world.trade_none()
    world.stray_fill(SPOT_ID, Side.BUY, "0.01")
    assert ([], "REPAIRING") == (world.open_ids, pair_state(world))
    world.wait(100)
    assert D("0.175") == world.last.quantity


def test_a_flattening_does_not_take_the_hedge_away_while_the_other_venue_is_gone():
    world = half_open(loss_budget=0.0001)
    world.fill(world.last.client_order_id, "0.1")
    world.venue_down("usdm")
    world.close(world.last.client_order_id)
    for _ in range(8):
        world.wait(200)
        world.quote(SPOT_ID, 59_000.0, 59_001.0)
    # unwinding 0.065 spot is beyond the budget of 1; flattening needs both venues
    assert ("PROTECTING", [], False) == (world.state, world.open_ids, world.strategy.is_settled)
    world.venue_up("usdm")
    assert "FLATTENING" == pair_state(world)


def test_a_late_fill_that_cannot_be_compared_yet_is_counted_and_waits():
    world = World(parameters(futures=INVERSE_ID), futures=INVERSE)
    world.quote(SPOT_ID, 60_000.0, 60_001.0)
    world.stray_fill(SPOT_ID, Side.BUY, "0.1")
    assert ("PROTECTING", D("0.1"), False) == (
        world.state, world.strategy.ledger.position(SPOT_ID), world.strategy.is_settled,
    )  # fmt: skip
    world.market(60_000.0, 60_000.0)
    world.wait(200)
    assert ("REPAIRING", SPOT_ID, Side.SELL) == (pair_state(world), world.last.instrument, world.last.side)


def test_dust_that_cannot_be_sold_is_kept_and_shown():
    world = World(spot=msgspec.structs.replace(SPOT, fee_currency="BTC"))
    world.open_pair()
    for _ in range(3):
        world.market(60_100.0, 60_100.0)
    world.trade_all()
    # 0.16500483 bought, 0.165 sold: 0.00000483 BTC are less than a lot
    assert ("COOLDOWN", [CycleResult.COMPLETED]) == (world.state, results(world))
    assert "residual: holding 0.00000483 BTCUSDT.spot, 0.000 BTCUSDT.usdm" == world.strategy.note
    assert "residual" in world.strategy.cycles[0].reason


def test_public_trades_only_move_the_clock():
    world = World(parameters())
    world.now_ns += 5
    assert [] == world.send(Trade(SPOT_ID, 1.0, 1.0, Side.BUY, "p1", world.now_ns, world.now_ns))
    assert world.now_ns == world.strategy.now_ns
