"""The states of a market maker: starting, fills, limits, trouble, restarts, the end; and the record of its cycles."""

from decimal import Decimal as D

import pytest

from messages.health import CycleResult, Lifecycle
from messages.orders import FundingPaid, Side, TimeInForce
from messages.strategy_host import RecoveryCompleted
from tests.actors.strategies.market_making.world import LEAD_ID, PERPETUAL_ID, MakerWorld, prices
from tests.actors.strategies.trading_world import INVERSE, MS

# --- starting ---------------------------------------------------------------------------------------------------


def test_nothing_is_quoted_before_the_gateways_have_spoken():
    world = MakerWorld(is_started=False)
    world.market_at()
    world.start()
    world.market_at()
    assert ("IDLE", {}) == (world.state, world.orders)
    world.recover()
    assert "CALCULATING_SPREADS" == world.state
    world.market_at()
    assert "PLACING_ORDERS" == world.state


def test_a_model_that_is_built_on_volatility_waits_until_it_is_known():
    world = MakerWorld(model="avellaneda_stoikov")
    for second in range(10):
        world.market_at(60_000.0 + second % 2, after_ms=1_000)
        assert "CALCULATING_SPREADS" == world.state
    assert world.strategy.note.startswith("volatility is known from 9 of 10 returns")
    world.market_at(after_ms=1_000)
    assert "PLACING_ORDERS" == world.state


def test_the_note_says_why_nothing_can_be_quoted():
    world = MakerWorld(order_size=D("0.001"), inventory_max=D("0.001"))
    world.market_at(9_000.0)  # 0.001 × 9000 is less than the venue's minimum of 10
    assert ("CALCULATING_SPREADS", {}) == (world.state, world.orders)
    assert world.strategy.note.startswith("nothing to quote: below the venue's minimum")


def test_the_note_says_what_is_quoted_and_held():
    world = MakerWorld().quoting()
    assert "half-spread 5.00 bps; inventory 0, limits -0.4 to 0.4" == world.strategy.note
    assert world.strategy.note == world.strategy.status(Lifecycle.RUNNING).note


# --- fills ------------------------------------------------------------------------------------------------------


def test_a_fill_is_rested_on_before_the_other_quotes_follow():
    world = MakerWorld(levels=2, filled_order_delay_ms=500).quoting()
    world.execute(world.working(Side.BUY)[0].client_order_id)
    assert ("ORDER_FILLED", []) == (world.state, world.cancels)
    world.wait(200)
    world.execute(world.working(Side.BUY)[0].client_order_id)  # a second one does not make the rest longer
    world.market_at(60_050.0)
    world.accept_all()
    assert ("ORDER_FILLED", []) == (world.state, world.cancels)
    world.wait(299)
    assert "ORDER_FILLED" == world.state
    world.wait(1)
    assert ("ADJUSTING_SPREADS", 2) == (world.state, len(world.cancels))


def test_a_maker_that_is_filled_on_both_sides_earns_the_spread():
    world = MakerWorld().quoting()
    world.execute(world.bid.client_order_id)
    world.cancel_all()
    world.fill(world.ask.client_order_id, "0.1")
    pnl = world.strategy.pnl()
    # bought at 59970, sold at 60026.3: 56.3 × 0.1; fees 1 bps of 5997 and of 6002.63
    assert (D("5.63"), D("1.199963"), D(0)) == (pnl.realised, pnl.fees, pnl.unrealised)


def test_fills_against_us_widen_the_spread():
    world = MakerWorld(adverse_selection_horizon_s=1, jump_bps=5_000.0, volatility_max_bps=5_000.0).quoting()
    world.execute(world.bid.client_order_id)
    world.market_at(59_940.0, after_ms=900)
    world.market_at(59_940.0, after_ms=200)
    assert 6.5 == world.strategy.signals.floor_bps()  # a fee of 1, of the 10 against us 5 at most, a profit of 0.5
    assert [1, 0, 0] == [markout.n for markout in world.strategy.markouts]
    # (59940 − 59970) / 59970
    assert -5.0025 == pytest.approx(world.strategy.markouts[0].mean_bps, abs=1e-4)
    world.cancel_all()
    assert world.strategy.note.startswith("half-spread 6.50 bps")


def test_funding_while_quoting_is_booked():
    world = MakerWorld().quoting()
    world.send(FundingPaid("maker", PERPETUAL_ID, D("1.5"), "USDT", 0.0001, D(1), "1", world.now_ns))
    assert ("MONITORING_ORDERS", D("1.5")) == (world.state, world.strategy.pnl().funding)


# --- the hard limit ---------------------------------------------------------------------------------------------


def test_at_the_soft_limit_only_the_reducing_side_is_quoted():
    world = MakerWorld().quoting()
    for _ in range(8):
        if not world.working(Side.BUY):
            break
        world.execute(world.bid.client_order_id)
        world.cancel_all()
    # 0.1, then 0.05, 0.025, 0.012: (0.187 − 0) / 0.2 = 0.935 → 0.006, 0.003, 0.002, 0.001
    assert D("0.18") < world.position <= D("0.2")
    assert "MONITORING_ORDERS" == world.state
    assert D("0.19") < world.ask.quantity <= D("0.2")


def test_a_position_beyond_its_limit_is_taken_back_when_no_quote_works_any_more():
    world = MakerWorld().quoting()
    world.stray_fill(PERPETUAL_ID, Side.BUY, "0.5")
    assert ("INVENTORY_MANAGEMENT", 2) == (world.state, len(world.cancels))
    world.cancel_all()
    order = world.last
    # back to 0.4 × 0.5; the bid 59999.5 less 50 bps
    assert (Side.SELL, D("0.3"), D("59699.5"), TimeInForce.IOC, True, False) == (
        order.side, order.quantity, order.price, order.time_in_force, order.reduce_only, order.post_only,
    )  # fmt: skip
    world.execute(order.client_order_id)
    assert ("PLACING_ORDERS", D("0.2")) == (world.state, world.position)


def test_a_cycle_that_needed_such_an_order_is_told_as_flattened():
    world = MakerWorld(inventory_range=0.1).quoting()
    world.stray_fill(PERPETUAL_ID, Side.BUY, "0.5")
    world.cancel_all()
    world.execute(world.last.client_order_id)
    world.accept_all()
    world.execute(world.ask.client_order_id)
    (cycle,) = world.strategy.cycles
    assert (CycleResult.FLATTENED, 3) == (cycle.result, cycle.fills)
    assert "INVENTORY_MANAGEMENT" in cycle.transitions


def test_attempts_slip_farther_each_time_and_end_halted():
    world = MakerWorld(flatten_attempts_max=2, order_timeout_ms=100).quoting()
    world.stray_fill(PERPETUAL_ID, Side.SELL, "0.5")
    world.cancel_all()
    asked = []
    for _ in range(2):
        asked.append(world.last.price)
        world.close(world.last.client_order_id)
        assert "INVENTORY_MANAGEMENT" == world.state
        world.market_at(after_ms=99)
        world.market_at(after_ms=1)
    # 60000.5 and 50, then 100 bps: 60300.5025 and 60600.505, to the tick above
    assert [D("60300.6"), D("60600.6")] == asked
    assert "HALTED" == world.state
    assert "2 orders have not brought it back; -0.5 of BTCUSDT.usdm is held" in world.alerts[-1]


def test_an_order_that_is_refused_is_an_attempt():
    world = MakerWorld(flatten_attempts_max=1, order_timeout_ms=100).quoting()
    world.stray_fill(PERPETUAL_ID, Side.BUY, "0.5")
    world.cancel_all()
    world.reject(world.last.client_order_id)
    world.market_at(after_ms=100)
    assert "HALTED" == world.state


def test_an_order_that_does_not_end_is_cancelled():
    world = MakerWorld(order_timeout_ms=100).quoting()
    world.stray_fill(PERPETUAL_ID, Side.BUY, "0.5")
    world.cancel_all()
    name = world.last.client_order_id
    world.wait(99)
    assert name not in world.cancels
    world.wait(1)
    assert name in world.cancels


def test_inverse_contracts_beyond_their_limit_are_taken_back():
    world = MakerWorld(INVERSE).quoting()
    world.stray_fill(INVERSE.id, Side.BUY, "300")
    world.cancel_all()
    assert (Side.SELL, D(180)) == (world.last.side, world.last.quantity)


def test_a_limit_is_minded_even_while_withdrawn():
    world = MakerWorld().quoting()
    world.quote(PERPETUAL_ID, 0.0, 60_001.0)
    world.cancel_all()
    world.quotes[PERPETUAL_ID] = (59_999.5, 60_000.5)
    world.stray_fill(PERPETUAL_ID, Side.BUY, "0.5")
    assert "WITHDRAWN" == world.state  # there is no market to sell into
    world.market_at()
    assert "INVENTORY_MANAGEMENT" == world.state


# --- trouble ----------------------------------------------------------------------------------------------------


def test_an_unknown_outcome_stops_everything_until_it_is_known():
    world = MakerWorld().quoting()
    bid, ask = world.bid.client_order_id, world.ask.client_order_id
    world.unknown(bid)
    assert ("PROTECTING", {bid, ask}) == (world.state, set(world.cancels))
    assert world.strategy.note.startswith(f"the outcome of order {bid} is not known")
    world.close(ask)
    assert [] == prices(world.market_at(after_ms=10))
    world.close(bid)
    assert "PLACING_ORDERS" == world.state


@pytest.mark.parametrize(
    ("trouble", "reason"),
    [
        (lambda world: world.venue_down("usdm"), "venue usdm is down"),
        (lambda world: world.gap(PERPETUAL_ID), "market data of BTCUSDT.usdm has a gap"),
    ],
)
def test_a_lost_market_stops_everything_until_it_is_back(trouble, reason):
    world = MakerWorld().quoting()
    trouble(world)
    assert ("PROTECTING", 2) == (world.state, len(world.cancels))
    assert world.strategy.note.startswith(reason)
    world.cancel_all()
    assert "PROTECTING" == world.state
    world.venue_up("usdm")
    assert "PROTECTING" == world.state  # nothing has been quoted yet
    world.market_at()
    assert "PLACING_ORDERS" == world.state


def test_cancels_that_an_outage_swallowed_are_sent_again_when_the_venue_is_back():
    world = MakerWorld(order_timeout_ms=100).quoting()
    world.venue_down("usdm")
    world.cancels.clear()
    world.now_ns += 200 * MS
    world.venue_up("usdm")
    assert 2 == len(world.cancels)


def test_losing_the_lead_changes_nothing():
    world = MakerWorld(lead_instrument=LEAD_ID).quoting()
    world.gap(LEAD_ID)
    world.venue_down("spot")
    assert ("MONITORING_ORDERS", []) == (world.state, world.cancels)


def test_a_dangerous_market_after_an_outage_is_waited_out():
    world = MakerWorld(quiet_s=5.0, volatility_max_bps=100.0).quoting()
    world.gap(PERPETUAL_ID)
    world.cancel_all()
    world.market_at(60_500.0)
    assert "WITHDRAWN" == world.state
    assert world.strategy.note.startswith("withdrawn: a jump to 60500")
    world.market_at(60_500.0, after_ms=5_000)
    assert "PLACING_ORDERS" == world.state


def test_an_outage_while_withdrawn_or_reducing_is_protected_from():
    world = MakerWorld().quoting()
    world.quote(PERPETUAL_ID, 0.0, 60_001.0)
    world.unknown(world.ask.client_order_id)
    assert "PROTECTING" == world.state
    world = MakerWorld().quoting()
    world.stray_fill(PERPETUAL_ID, Side.BUY, "0.5")
    world.venue_down("usdm")
    assert "PROTECTING" == world.state


# --- restarts ---------------------------------------------------------------------------------------------------


def test_a_restart_cancels_what_is_open_and_quotes_anew():
    world = MakerWorld().quoting()
    names = tuple(world.open_ids)
    world.start(2)
    assert "IDLE" == world.state
    world.recover(open_orders=names)
    assert ("CALCULATING_SPREADS", set(names)) == (world.state, set(world.cancels))
    assert [] == prices(world.market_at())  # the levels are still taken
    world.cancel_all()
    assert ["x-carry-e2-1", "x-carry-e2-2"] == sorted(world.open_ids)


def test_orders_that_the_gateways_do_not_know_any_more_free_their_levels():
    world = MakerWorld().quoting()
    world.start(2)
    world.recover()
    assert ["buy 59970.0", "sell 60030.0"] == prices(world.market_at())


def test_an_order_that_is_still_unknown_after_a_restart_is_waited_for():
    world = MakerWorld().quoting()
    bid = world.bid.client_order_id
    world.unknown(bid)
    world.start(2)
    world.recover(open_orders=(bid,))
    assert "PROTECTING" == world.state
    world.market_at()
    world.close(bid)
    assert "PLACING_ORDERS" == world.state


def test_an_adopted_position_is_quoted_from_and_ends_the_cycle_where_it_is_the_target():
    world = MakerWorld().quoting()
    world.execute(world.bid.client_order_id)
    world.cancel_all()
    world.start(2)
    world.send(RecoveryCompleted({}, (), world.now_ns))
    (cycle,) = world.strategy.cycles
    assert (CycleResult.ABANDONED, D(0)) == (cycle.result, world.strategy.position)
    world.positions[PERPETUAL_ID] = D("0.2")
    world.start(3)
    world.recover()
    world.market_at()
    assert ([], D("0.2")) == (world.working(Side.BUY), world.ask.quantity)


# --- the end ----------------------------------------------------------------------------------------------------


def test_a_drained_maker_holds_its_inventory_and_is_settled_when_nothing_works():
    world = MakerWorld().quoting()
    world.fill(world.bid.client_order_id, "0.05")
    world.drain()
    assert ("IDLE", False) == (world.state, world.strategy.is_settled)
    world.cancels *= 2
    world.cancel_all()
    world.market_at()
    assert ("IDLE", True, D("0.05")) == (world.state, world.strategy.is_settled, world.position)


def test_a_maker_that_was_drained_before_it_recovered_quotes_nothing():
    world = MakerWorld(is_started=False)
    world.start()
    world.drain()
    world.recover()
    world.market_at()
    assert ("IDLE", {}) == (world.state, world.orders)


def test_a_halt_cancels_everything_and_has_no_way_out():
    world = MakerWorld(order_timeout_ms=100).quoting()
    names = set(world.open_ids)
    world.halt()
    assert ("HALTED", names) == (world.state, set(world.cancels))
    assert ["maker: HALTED: operator; 0 of BTCUSDT.usdm is held; a person must acknowledge"] == world.alerts
    world.wait(250)
    assert 4 <= len(world.cancels)
    world.fill(world.bid.client_order_id)
    world.drain()
    world.halt()
    world.start(2)
    world.recover(open_orders=tuple(names))
    world.cancel_all()
    world.market_at()
    assert ("HALTED", True, D("0.1")) == (world.state, world.strategy.is_settled, world.position)
    assert 2 == len(world.orders)


def test_a_settled_maker_sets_no_more_timers():
    world = MakerWorld(order_timeout_ms=100).quoting()
    world.halt()
    world.cancel_all()
    world.wait(1_000)
    assert {} == world.timers


# --- cycles -----------------------------------------------------------------------------------------------------


def test_a_cycle_is_a_round_trip_of_the_inventory():
    world = MakerWorld().quoting()
    world.execute(world.bid.client_order_id)
    world.cancel_all()
    world.execute(world.ask.client_order_id, "0.06")
    world.cancel_all()
    assert [] == world.strategy.cycles
    world.execute(world.ask.client_order_id, "0.04")
    (cycle,) = world.strategy.cycles
    assert (CycleResult.COMPLETED, 3, 5.0) == (cycle.result, cycle.fills, cycle.entry_edge_bps)
    assert world.strategy.pnl().total == cycle.pnl.total
    assert cycle.attribution.total == cycle.pnl.total


def test_a_fill_across_the_target_ends_one_cycle_and_begins_the_next():
    world = MakerWorld().quoting()
    world.execute(world.bid.client_order_id)
    world.cancel_all()
    world.execute(world.ask.client_order_id)  # 0.15 of it
    assert (1, True, D("-0.05")) == (len(world.strategy.cycles), world.strategy.cycle_log.is_open, world.position)


def test_cycles_are_counted_from_the_target():
    world = MakerWorld(inventory_target=D("0.1")).quoting()
    world.execute(world.bid.client_order_id, "0.05")
    world.cancel_all()
    assert [] == world.strategy.cycles
    world.execute(world.bid.client_order_id, "0.05")
    assert 1 == len(world.strategy.cycles)
