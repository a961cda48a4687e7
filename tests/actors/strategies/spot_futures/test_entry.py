"""When a pair is entered, how large, in what order, and what the books say afterwards."""

from decimal import Decimal as D

import msgspec
import pytest

from messages.health import CycleResult, Lifecycle
from messages.instruments import InstrumentType
from messages.orders import CloseReason, Side, TimeInForce
from tests.actors.strategies.trading_world import (
    INVERSE,
    INVERSE_ID,
    MS,
    PERPETUAL,
    PERPETUAL_ID,
    SPOT,
    SPOT_ID,
    START_NS,
    S,
    World,
    parameters,
)


def test_nothing_is_sent_before_recovery_is_complete():
    world = World(is_started=False)
    world.start()
    world.market(60_000.0, 60_300.0)
    assert ("IDLE", {}) == (world.state, world.orders)
    world.recover()
    assert "ANALYZING_MARKET" == world.state


def test_an_edge_below_the_minimum_is_left_alone():
    world = World()
    # basis (60,190 / 60,001 − 1) = 31.5 bps, four fees 30: 1.5 < 2
    world.market(60_000.0, 60_190.0)
    assert ("ANALYZING_MARKET", {}) == (world.state, world.orders)
    assert "edge 1.50 bps, enters at 2" == world.strategy.note


def test_the_spot_leg_goes_first_as_a_capped_ioc():
    world = World()
    world.market(60_000.0, 60_300.0)
    assert "OPENING_SPOT_POSITION" == world.state
    # 10,000 / 60,300 = 0.1658 → 0.165; 60,001 × 1.0005 = 60,031.0005
    order = world.last
    assert (SPOT_ID, Side.BUY, D("0.165"), D("60031.00"), TimeInForce.IOC, False) == (
        order.instrument, order.side, order.quantity, order.price, order.time_in_force, order.reduce_only,
    )  # fmt: skip
    assert ("quote:BTCUSDT.usdm:2", 77, 1_000) == (order.caused_by, order.cause_mono_ns, order.valid_for_ms)


def test_the_futures_leg_follows_what_the_spot_leg_filled():
    world = World()
    world.market(60_000.0, 60_300.0)
    world.trade(world.last.client_order_id, "0.1234")
    assert "OPENING_FUTURES_HEDGE" == world.state
    assert (PERPETUAL_ID, Side.SELL, D("0.123")) == (world.last.instrument, world.last.side, world.last.quantity)
    assert world.last.caused_by.startswith("OrderClosed:")
    world.trade_all()
    # 0.0004 BTC is below the futures lot: carried, and the pair counts as balanced
    assert ("MONITORING_POSITIONS", (D("0.1234"), D("-0.123"))) == (world.state, world.held)


def test_a_complete_fill_lets_the_second_leg_go_before_the_end_is_reported():
    world = World()
    world.market(60_000.0, 60_300.0)
    world.fill(world.last.client_order_id)
    assert "OPENING_FUTURES_HEDGE" == world.state
    assert "fill:BTCUSDT.spot:t1" == world.last.caused_by


def test_a_fill_before_its_acknowledgement_is_applied_once():
    world = World()
    world.market(60_000.0, 60_300.0)
    name = world.last.client_order_id
    fill = world.fill(name, "0.05")
    world.accept(name)
    world.send(fill)
    assert D("0.05") == world.strategy.ledger.position(SPOT_ID)
    assert 1 == world.strategy.own_orders.fills_counted


def test_concurrent_execution_sends_both_legs_at_once():
    world = World(parameters(execution="concurrent"))
    world.market(60_000.0, 60_300.0)
    assert {SPOT_ID, PERPETUAL_ID} == {order.instrument for order in world.orders.values()}
    world.trade_all()
    assert ("MONITORING_POSITIONS", (D("0.165"), D("-0.165"))) == (world.state, world.held)


def test_the_futures_leg_can_go_first():
    world = World(parameters(first_leg="futures"))
    world.market(60_000.0, 60_300.0)
    assert ("OPENING_FUTURES_HEDGE", PERPETUAL_ID) == (world.state, world.last.instrument)
    world.trade(world.last.client_order_id, "0.1")
    assert ("OPENING_SPOT_POSITION", D("0.1")) == (world.state, world.last.quantity)
    world.trade_all()
    assert "MONITORING_POSITIONS" == world.state


def test_an_inverse_hedge_counts_contracts_and_does_not_chase_the_price():
    world = World(parameters(futures=INVERSE_ID, profit_target=1.0), futures=INVERSE)
    world.open_pair()
    # 10,000 / 60,300 × 60,300 / 100 = 100 contracts of 100 USD
    assert ("MONITORING_POSITIONS", (D("0.16584"), D(-100))) == (world.state, world.held)
    sent = len(world.orders)
    world.market(62_000.0, 62_400.0)
    world.wait(4_000)
    world.market(62_000.0, 62_400.0)
    world.wait(1_500)
    assert sent == len(world.orders)
    assert 0.0 == pytest.approx(world.strategy.pair.position.delta_ratio(), abs=1e-4)


def test_a_fee_taken_in_base_is_bought_on_top_so_that_the_hedge_matches():
    spot = msgspec.structs.replace(SPOT, fee_currency="BTC")
    world = World(spot=spot)
    world.market(60_000.0, 60_300.0)
    assert D("0.16517") == world.last.quantity  # 0.165 / 0.999 up to the lot
    world.trade_all()
    # 0.16517 − 0.1 % = 0.16500483
    assert (D("0.16500483"), D("-0.165")) == world.held
    assert "MONITORING_POSITIONS" == world.state


def test_an_edge_must_hold_for_confirm_ms():
    world = World(parameters(confirm_ms=100))
    world.market(60_000.0, 60_300.0)
    world.wait(99)
    world.market(60_000.0, 60_300.0)
    assert {} == world.orders
    world.wait(1)
    world.refresh()
    assert 1 == len(world.orders)


def test_an_edge_that_goes_starts_the_clock_anew():
    world = World(parameters(confirm_ms=100))
    world.market(60_000.0, 60_300.0)
    world.wait(60)
    world.market(60_000.0, 60_000.0)
    assert "IDLE" == world.strategy.pair.state.name
    world.market(60_000.0, 60_300.0)
    world.wait(60)
    world.refresh()
    assert {} == world.orders


def test_a_stale_leg_is_no_signal():
    world = World()
    world.quote(SPOT_ID, 60_000.0, 60_001.0)
    world.wait(5_001)
    world.quote(PERPETUAL_ID, 60_300.0, 60_301.0)
    assert {} == world.orders


def test_the_edge_is_that_of_the_whole_size_not_of_the_touch():
    world = World()
    world.quote(SPOT_ID, 60_000.0, 60_001.0, size=0.01)
    world.depth(SPOT_ID, (), ((60_001.0, 0.01), (60_300.0, 5.0)))
    world.quote(PERPETUAL_ID, 60_300.0, 60_301.0)
    assert {} == world.orders


def test_expected_funding_counts_towards_the_edge():
    world = World()
    # 31.5 bps of basis − 30 of fees + one payment of 10 bps within 8 hours
    world.mark(60_000.0, 0.001, world.now_ns + 4 * 3_600 * S)
    world.market(60_000.0, 60_190.0)
    assert 1 == len(world.orders)


def test_no_entry_just_before_a_stamp_for_one_payment_that_does_not_cover_the_round_trip():
    world = World()
    world.mark(60_000.0, 0.001, world.now_ns + 30 * S)
    world.market(60_000.0, 60_190.0)
    assert {} == world.orders
    # 50 bps in one payment cover the 30 of the round trip
    world.mark(60_000.0, 0.005, world.now_ns + 30 * S)
    world.refresh()
    assert 1 == len(world.orders)


def test_a_basis_that_pays_for_itself_is_entered_before_a_stamp_too():
    world = World()
    world.mark(60_000.0, 0.0001, world.now_ns + 30 * S)
    world.market(60_000.0, 60_300.0)
    assert 1 == len(world.orders)


def test_a_minimum_funding_rate_is_a_condition_where_it_is_set():
    world = World(parameters(min_funding_apr=0.2))
    world.mark(60_000.0, 0.0001, world.now_ns + 4 * 3_600 * S)  # 10.95 % a year
    world.market(60_000.0, 60_300.0)
    assert {} == world.orders
    world.mark(60_000.0, 0.0002, world.now_ns + 4 * 3_600 * S)  # 21.9 %
    world.refresh()
    assert 1 == len(world.orders)


def test_a_dated_future_is_not_entered_within_its_expiry_guard():
    future = msgspec.structs.replace(
        PERPETUAL, type=InstrumentType.FUTURE, funding_interval_hours=0, expiry_ns=START_NS + 24 * 3_600 * S
    )
    world = World(futures=future)
    world.market(60_000.0, 60_300.0)
    assert {} == world.orders


def test_a_negative_threshold_forces_trading():
    world = World(parameters(min_edge_bps=-100.0))
    world.market(60_000.0, 60_000.0)
    assert 1 == len(world.orders)


def test_a_pair_that_cannot_be_sized_is_refused_in_words_and_nothing_is_sent():
    world = World(parameters(notional=D(110)))
    world.market(60_000.0, 60_300.0)
    # 110 / 60,300 → 0.001: 60.3 USDT of futures are below the minimum of 100
    assert ({}, "ANALYZING_MARKET") == (world.orders, world.state)
    assert "not entered: 0.001 BTCUSDT.usdm at 60269.9 is below the venue's minimum" in world.strategy.note


def test_an_entry_that_fills_nothing_is_abandoned_and_rests():
    world = World()
    world.market(60_000.0, 60_300.0)
    world.trade(world.last.client_order_id, "0")
    (cycle,) = world.strategy.cycles
    assert ("COOLDOWN", CycleResult.ABANDONED, 1, 0) == (world.state, cycle.result, cycle.orders, cycle.fills)
    world.wait(1_000)
    assert "ANALYZING_MARKET" == world.state


@pytest.mark.parametrize("refuse", ["reject", "deny"])
def test_a_first_leg_that_is_refused_abandons_the_cycle(refuse):
    world = World(parameters(cooldown_s=0.0))
    world.market(60_000.0, 60_300.0)
    getattr(world, refuse)(world.last.client_order_id)
    assert ("ANALYZING_MARKET", [CycleResult.ABANDONED]) == (
        world.state, [cycle.result for cycle in world.strategy.cycles],
    )  # fmt: skip


def test_a_fill_below_the_second_legs_minimum_is_carried_into_the_next_entry():
    world = World()
    world.market(60_000.0, 60_300.0)
    world.trade(world.last.client_order_id, "0.0009")
    # 0.0009 of futures is no whole lot: kept as residual, and said
    (cycle,) = world.strategy.cycles
    assert ("COOLDOWN", CycleResult.ABANDONED) == (world.state, cycle.result)
    assert "residual: holding 0.0009 BTCUSDT.spot, 0 BTCUSDT.usdm" in cycle.reason
    assert "residual" in world.strategy.note
    world.wait(1_000)
    world.refresh()
    assert D("0.1641") == world.last.quantity  # 0.165 − 0.0009
    world.trade_all()
    assert (D("0.165"), D("-0.165")) == world.held


def test_a_fill_reports_pnl_in_the_reporting_currency_and_by_settle_currency():
    world = World(parameters(futures=INVERSE_ID), futures=INVERSE)
    world.open_pair()
    status = world.strategy.status(Lifecycle.RUNNING)
    assert ["BTC", "USDT"] == [pnl.currency for pnl in status.pnls]
    coin, quote = status.pnls
    rate = D("60000.5")  # mid of the spot
    assert (quote.fees + (coin.fees * rate).quantize(D("1e-8")), "USDT") == (status.pnl.fees, status.pnl.currency)
    assert (2, 2, 0, 1) == (status.orders, status.fills, status.open_orders, status.epoch)
    assert {SPOT_ID: D("0.16584"), INVERSE_ID: D(-100)} == status.positions


def test_a_third_token_that_cannot_be_converted_is_left_out_of_the_sum():
    world = World()
    world.open_pair()
    world.strategy.ledger.fees["BNB"] = D(1)
    status = world.strategy.status(Lifecycle.RUNNING)
    assert ["BNB", "USDT"] == [pnl.currency for pnl in status.pnls]
    assert status.pnls[1].fees == status.pnl.fees


def test_a_filled_report_moves_the_clock():
    world = World()
    world.market(60_000.0, 60_300.0)
    world.now_ns += 7 * MS
    world.accept(world.last.client_order_id)
    assert START_NS + 7 * MS == world.strategy.now_ns


def test_an_end_that_overtakes_its_fill_does_not_lose_it():
    world = World()
    world.market(60_000.0, 60_300.0)
    name = world.last.client_order_id
    world.remaining[name] = D("0.065")
    world.close(name, CloseReason.EXPIRED)
    assert "OPENING_SPOT_POSITION" == world.state
    world.remaining[name] = D("0.165")
    world.fill(name, "0.1")
    assert ("OPENING_FUTURES_HEDGE", D("0.1")) == (world.state, world.last.quantity)
