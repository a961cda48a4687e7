"""What a pair does over several messages: markets that stay away, what the venue takes away, and why cycles end."""

from decimal import Decimal as D

import msgspec
import pytest

from actors.strategies.pair.commands import Close, Execution, Flatten, HeadroomDenied, PairState, Rebalance
from actors.strategies.pair.decisions import OUTAGE_POLLS_MAX, PROTECT_ALERT_POLLS, PROTECT_RESIDUAL_POLLS_MAX
from messages.health import CycleResult
from messages.orders import CloseReason, RejectReason, Side
from tests.actors.strategies.pair.world import PairWorld, terms
from tests.actors.strategies.trading_world import INVERSE, INVERSE_ID, PERPETUAL, PERPETUAL_ID, SPOT, SPOT_ID

POLL_MS = 200


def half_hedged(**changes) -> PairWorld:
    """0.165 of spot, 0.1 sold against it, and the futures venue gone; unwinding 0.065 costs about 8."""
    world = PairWorld(terms(**changes))
    world.send_second()
    world.fill(world.last.client_order_id, "0.1")
    world.venue_down("usdm")
    world.close(world.last.client_order_id)
    assert PairState.PROTECTING is world.pair.state
    return world


def poll(world: PairWorld, polls: int) -> None:
    """Let time pass, in which the spot market goes on."""
    for _ in range(polls):
        world.wait(POLL_MS)
        world.quote(SPOT_ID, 60_000.0, 60_001.0)


# --- a market that stays away -------------------------------------------------------------------------------------


def test_a_residual_beyond_the_budget_is_alerted_and_at_last_traded_away_at_any_cost():
    world = half_hedged(loss_budget=1.0)
    poll(world, PROTECT_ALERT_POLLS - 1)
    assert [] == world.alerts
    poll(world, 1)
    assert 1 == len(world.alerts)
    assert "residual: holding 0.16500 BTCUSDT.spot, -0.1 BTCUSDT.usdm; waits for the market" in world.alerts[0]
    poll(world, PROTECT_RESIDUAL_POLLS_MAX - PROTECT_ALERT_POLLS - 1)
    assert (PairState.PROTECTING, []) == (world.pair.state, world.open_ids)
    poll(world, 1)
    # 60,000 × (1 − 100 bps): the wide limit of an emergency
    assert (SPOT_ID, Side.SELL, D("0.065"), D("59400.00")) == (
        world.last.instrument, world.last.side, world.last.quantity, world.last.price,
    )  # fmt: skip
    world.trade_all()
    assert (PairState.PROTECTING, (D("0.100"), D("-0.100"))) == (world.pair.state, world.held)


def test_what_is_hedged_again_waits_for_the_venue_and_is_then_flattened():
    world = half_hedged(loss_budget=1.0)
    poll(world, PROTECT_RESIDUAL_POLLS_MAX)
    world.trade_all()
    poll(world, 1_000)
    assert (PairState.PROTECTING, []) == (world.pair.state, world.open_ids)
    world.venue_up("usdm")
    assert PairState.FLATTENING is world.pair.state
    world.trade_all()
    assert ((D(0), D(0)), CycleResult.FLATTENED) == (world.held, world.cycles[0][0])
    assert "beyond the loss budget" in world.cycles[0][1]


def test_a_residual_within_the_budget_does_not_wait_so_long():
    world = half_hedged()
    poll(world, 6)
    assert (PairState.REPAIRING, SPOT_ID, D("0.065")) == (
        world.pair.state, world.last.instrument, world.last.quantity,
    )  # fmt: skip


def test_with_no_market_at_all_a_residual_waits_for_an_hour_and_halts():
    world = half_hedged()
    world.venue_down("spot")
    world.wait(OUTAGE_POLLS_MAX * POLL_MS - 1)
    assert PairState.PROTECTING is world.pair.state
    world.wait(1)
    assert PairState.HALTED is world.pair.state
    assert "the market did not come back; residual: holding 0.16500" in world.alerts[-1]


def test_an_unknown_order_at_a_venue_that_stays_away_halts_after_an_hour():
    world = PairWorld()
    world.send_second()
    world.venue_down("usdm")
    world.wait(OUTAGE_POLLS_MAX * POLL_MS)
    assert PairState.HALTED is world.pair.state
    assert "did not become known" in world.alerts[-1]


def test_an_inverse_pair_that_holds_nothing_needs_no_price_to_come_to_rest():
    world = PairWorld(futures=INVERSE)
    world.send_first()
    name = world.last.client_order_id
    world.start(2)
    world.strategy.views[INVERSE_ID].quote = world.pair.position.reference = None
    world.venue_down("coinm")
    world.recover(open_orders=(name,))
    assert PairState.PROTECTING is world.pair.state
    world.close(name)
    world.wait(POLL_MS)
    assert (PairState.COOLDOWN, []) == (world.pair.state, world.alerts)


def test_a_venue_that_comes_back_in_between_begins_the_hour_anew():
    world = half_hedged()
    world.venue_down("spot")
    world.wait(1_800_000)
    world.venue_up("usdm")
    world.venue_up("spot")
    world.refresh()
    world.wait(POLL_MS)
    assert PairState.REPAIRING is world.pair.state
    world.trade_all()
    world.venue_down("usdm")
    world.wait(3_500_000)
    assert PairState.PROTECTING is world.pair.state  # balanced: it can wait as long as it takes


def test_a_leg_held_the_wrong_way_is_flattened_although_the_other_venue_is_gone():
    world = PairWorld()
    world.market(60_000.0, 60_300.0)
    world.venue_down("usdm")
    world.stray_fill(SPOT_ID, Side.SELL, "0.1")
    assert (PairState.FLATTENING, SPOT_ID, Side.BUY) == (world.pair.state, world.last.instrument, world.last.side)


def test_a_flatten_asked_for_again_begins_its_rounds_anew():
    world = PairWorld()
    world.hold()
    world.venue_down("usdm")
    world.tell(Flatten("margin guard"))
    world.tell(Flatten("by hand"))
    assert (PairState.PROTECTING, "by hand") == (world.pair.state, world.pair.reason)
    world.venue_up("usdm")
    assert [D("59400.00"), D("60904.1")] == [order.price for order in list(world.orders.values())[-2:]]


# --- what the venue takes away ------------------------------------------------------------------------------------


def test_a_partial_liquidation_is_followed_by_the_other_leg_and_the_rest_is_held():
    world = PairWorld()
    world.hold()
    world.liquidate(PERPETUAL_ID, "0.065")
    assert (PairState.REPAIRING, SPOT_ID, Side.SELL, D("0.065")) == (
        world.pair.state, world.last.instrument, world.last.side, world.last.quantity,
    )  # fmt: skip
    world.trade_all()
    assert (PairState.OPEN, (D("0.10000"), D("-0.100"))) == (world.pair.state, world.held)


def test_what_was_liquidated_is_never_opened_again_however_cheap_that_would_be():
    world = PairWorld()
    world.hold()
    world.market(60_000.0, 61_000.0)  # completing would lock in 1,000 a BTC
    world.liquidate(PERPETUAL_ID)
    for _ in range(3):
        assert (SPOT_ID, Side.SELL) == (world.last.instrument, world.last.side)
        world.trade_none()
        world.refresh()
        world.wait(100)
    # three attempts have filled nothing: flattened, still by selling the spot leg alone
    assert (PairState.FLATTENING, SPOT_ID) == (world.pair.state, world.last.instrument)
    world.trade_all()
    assert [PERPETUAL_ID] == [order.instrument for order in world.orders.values() if order.side is Side.SELL][:1]
    assert CycleResult.FLATTENED is world.cycles[0][0]
    assert world.cycles[0][1].startswith("the venue closed 0.165 BTCUSDT.usdm (autoclose-")


def test_a_liquidation_while_the_second_order_works_unwinds_too():
    world = PairWorld()
    world.send_second()
    name = world.last.client_order_id
    world.fill(name, "0.1")
    world.liquidate(PERPETUAL_ID)
    assert PairState.LEG_TWO_WORKING is world.pair.state
    world.close(name)
    assert (PairState.REPAIRING, SPOT_ID, D("0.165")) == (world.pair.state, world.last.instrument, world.last.quantity)
    world.trade_all()
    assert ((D(0), D(0)), CycleResult.UNWOUND) == (world.held, world.cycles[0][0])


def test_a_liquidation_while_closing_only_leaves_less_to_close():
    world = PairWorld()
    world.hold()
    world.tell(Close("converged"))
    world.liquidate(PERPETUAL_ID)
    world.trade_all()
    assert ((D(0), D(0)), [(CycleResult.COMPLETED, world.cycles[0][1])]) == (world.held, world.cycles)


def test_a_liquidation_of_the_first_leg_closes_the_second():
    world = PairWorld(spot=PERPETUAL, futures=SPOT)
    world.hold()
    world.liquidate(PERPETUAL_ID)
    assert (PairState.REPAIRING, SPOT_ID, Side.BUY) == (world.pair.state, world.last.instrument, world.last.side)
    world.trade_all()
    assert (D(0), D(0)) == world.held


def test_a_liquidation_while_flattening_does_not_change_the_reason():
    world = PairWorld()
    world.hold()
    world.tell(Flatten("margin guard"))
    spot, futures = world.open_ids
    world.liquidate(PERPETUAL_ID)
    world.close(futures)  # reduce-only, with nothing left to reduce
    world.trade(spot)
    assert ((D(0), D(0)), [(CycleResult.FLATTENED, "margin guard")]) == (world.held, world.cycles)


def test_a_liquidation_that_is_heard_of_after_a_restart_is_not_made_good():
    world = PairWorld()
    world.hold()
    world.market(60_000.0, 61_000.0)
    world.start(2)
    world.liquidate(PERPETUAL_ID)  # a report that was missed
    assert PairState.RECOVERING is world.pair.state
    world.recover()
    world.refresh()
    world.wait(100)
    assert (PairState.REPAIRING, SPOT_ID, Side.SELL) == (world.pair.state, world.last.instrument, world.last.side)


def test_a_position_that_is_smaller_by_the_gateways_word_is_not_made_good_either():
    world = PairWorld()
    world.hold()
    world.market(60_000.0, 61_000.0)
    world.positions[PERPETUAL_ID] = D(0)
    world.start(2)
    world.recover()
    world.refresh()
    world.wait(100)
    assert (PairState.REPAIRING, SPOT_ID, Side.SELL) == (world.pair.state, world.last.instrument, world.last.side)


def test_the_next_cycle_may_open_again():
    world = PairWorld(terms(cooldown_ms=0))
    world.hold()
    world.liquidate(PERPETUAL_ID)
    world.trade_all()
    assert PairState.IDLE is world.pair.state
    world.send_second()
    world.reject(world.last.client_order_id)
    assert PERPETUAL_ID == world.last.instrument  # completed, as ever


def test_less_than_a_lot_too_much_after_a_liquidation_is_carried():
    world = PairWorld(terms(hedge_ratio=D("0.98")))
    world.hold()
    world.liquidate(PERPETUAL_ID, "0.001")
    # 0.98 × 0.16583 = 0.1625 → 0.162; 0.161 are left, for 0.161 / 0.98 = 0.16429 of spot: 0.00154 are sold
    assert (PairState.REPAIRING, D("0.00154")) == (world.pair.state, world.last.quantity)
    world.trade_all()
    world.liquidate(PERPETUAL_ID, "0.00001")
    # 0.00001 less is not worth the 5 USDT of an order
    assert (PairState.OPEN, []) == (world.pair.state, world.open_ids)


def test_a_rebalancing_never_opens_what_was_liquidated():
    world = PairWorld()
    world.hold()
    world.liquidate(PERPETUAL_ID, "0.065")
    world.trade_all()
    assert [] == world.tell(Rebalance())


# --- why a cycle ends ---------------------------------------------------------------------------------------------


def reason_of(world: PairWorld) -> str:
    assert 1 == len(world.cycles)
    return world.cycles[0][1]


def test_a_first_leg_that_fills_nothing_says_so():
    world = PairWorld()
    world.send_first()
    world.trade_none()
    assert "the first leg (BTCUSDT.spot) filled nothing at 60,001.00" == reason_of(world)


def test_a_first_leg_that_is_refused_says_by_whom_and_why():
    world = PairWorld()
    world.send_first()
    world.reject(world.last.client_order_id, RejectReason.INSUFFICIENT_BALANCE)
    assert "the first leg (BTCUSDT.spot) was rejected: insufficient-balance no" == reason_of(world)
    world = PairWorld()
    world.send_first()
    world.deny(world.last.client_order_id)
    assert "the first leg (BTCUSDT.spot) was denied: link-down" == reason_of(world)


def test_a_fill_too_small_to_hedge_is_the_reason_too():
    world = PairWorld()
    world.send_first()
    world.fill(world.last.client_order_id, "0.0006")
    world.close(world.last.client_order_id)
    assert "the first leg (BTCUSDT.spot) filled 0.0006 of 0.16500 at 60,001.00" == reason_of(world)
    assert "residual: holding 0.0006 BTCUSDT.spot, 0 BTCUSDT.usdm" == world.pair.position.residual_text()


def test_an_unwound_cycle_says_what_went_wrong():
    world = PairWorld()
    world.send_second()
    world.quote(PERPETUAL_ID, 59_950.0, 59_951.0)
    world.reject(world.last.client_order_id)
    world.trade_all()
    assert "the second leg (BTCUSDT.usdm) was rejected: insufficient-balance no" == reason_of(world)


def test_a_flattened_cycle_says_what_went_wrong_and_why_it_was_not_repaired():
    world = PairWorld(terms(loss_budget=1.0))
    world.send_second()
    world.quote(PERPETUAL_ID, 59_950.0, 59_951.0)
    world.close(world.last.client_order_id)
    world.trade_all()
    assert (
        "the second leg (BTCUSDT.usdm) filled nothing at 60,300.0; "
        "not repaired in 0 attempts: even the cheaper repair is beyond the loss budget"
    ) == reason_of(world)


@pytest.mark.parametrize(
    ("end", "reason"),
    [
        (lambda world: world.tell(HeadroomDenied("limit of 5,000")), "no headroom: limit of 5,000"),
        (lambda world: world.gap(SPOT_ID), "market data of BTCUSDT.spot has a gap"),
        (lambda world: world.venue_down("usdm"), "venue usdm is down"),
        (lambda world: world.drain(), "drained"),
    ],
)
def test_a_signal_that_is_given_up_says_why(end, reason):
    world = PairWorld()
    world.reserve()
    end(world)
    assert (PairState.IDLE, reason) == (world.pair.state, world.pair.reason)


def test_a_restart_that_finds_nothing_is_a_reason():
    world = PairWorld()
    world.send_first()
    world.start(2)
    world.recover()
    assert (PairState.IDLE, "restarted") == (world.pair.state, world.pair.reason)


# --- sizes --------------------------------------------------------------------------------------------------------


def test_the_second_leg_follows_in_its_own_steps_and_contracts():
    contracts = msgspec.structs.replace(INVERSE, inverse=False, settle="USDT", quote="USDT", multiplier=D("0.01"))
    world = PairWorld(terms(), spot=msgspec.structs.replace(SPOT, lot_size=D("0.0003")), futures=contracts)
    world.send_first()
    # 10,000 / 60,001 = 0.1666 in steps of lcm(0.0003, 0.01) = 0.03
    assert D("0.1500") == world.last.quantity
    world.fill(world.last.client_order_id, "0.0999")
    world.close(world.last.client_order_id)
    assert D(9) == world.last.quantity  # contracts of 0.01
    world.trade_all()
    assert (PairState.OPEN, D("0.0099")) == (world.pair.state, world.held[0] - world.held[1] * D("-0.01"))


def test_concurrent_legs_of_an_inverse_pair_match_at_the_plans_price():
    world = PairWorld(terms(execution=Execution.CONCURRENT), futures=INVERSE)
    world.hold()
    # 10,000 / 60,001 × 60,300 / 100 = 100.49: 100 contracts, which are 0.165837 BTC at the plan's 60,300, rounded up
    assert (D("0.16584"), D(-100)) == world.held
    assert (PairState.OPEN, False) == (world.pair.state, world.pair.position.is_actionable())
    world.liquidate(INVERSE_ID)
    world.trade_all()
    assert D(0) == world.held[0]


def test_what_an_unknown_order_fills_later_is_counted_before_anything_is_decided():
    world = PairWorld()
    world.send_second()
    name = world.last.client_order_id
    world.unknown(name)
    world.fill(name)
    world.close(name, CloseReason.FILLED)
    assert (PairState.OPEN, 2) == (world.pair.state, len(world.orders))
