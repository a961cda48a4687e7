"""Paused, resumed, halted and resumed, flattened: what each strategy makes of it where it stands."""

from collections.abc import Callable
from decimal import Decimal as D
from typing import Any

import pytest

from messages.health import CycleResult
from messages.orders import FLATTEN_PREFIX, CancelOrder, CloseReason, OrderType, Side, SubmitOrder
from messages.strategy_host import CancelTimer, HaltStrategy, ResumeStrategy, SetTimer, TimerFired
from tests.actors.strategies.arbitrage.test_strategy import rich_beta
from tests.actors.strategies.arbitrage.test_triangle import S as TriangleState
from tests.actors.strategies.arbitrage.world import ALPHA, BETA, SPOTS, TRIANGLE, ArbitrageWorld
from tests.actors.strategies.arbitrage.world import parameters as arbitrage_parameters
from tests.actors.strategies.futures_futures.world import SpreadWorld
from tests.actors.strategies.market_making.world import MakerWorld
from tests.actors.strategies.trading_world import MS, PERPETUAL_ID, SPOT_ID, S, World, parameters


def arbitrage() -> ArbitrageWorld:
    world = ArbitrageWorld(arbitrage_parameters(SPOTS))
    world.quiet()
    return world


def spreads() -> SpreadWorld:
    world = SpreadWorld()
    world.learn()
    return world


def entering(world: Any) -> None:
    """The market is such that it trades."""
    if isinstance(world, ArbitrageWorld):
        rich_beta(world)
    elif isinstance(world, SpreadWorld):
        world.spread(30.0)
    elif isinstance(world, MakerWorld):
        world.market_at(after_ms=1)
    else:
        world.market(60_000.0, 60_300.0)


READY: dict[str, Callable[[], Any]] = {
    "arbitrage": arbitrage, "futures-futures": spreads, "market-making": MakerWorld, "spot-futures": World,
}  # fmt: skip
KINDS = sorted(READY)
PAUSES = {"pause": World.drain, "halt": World.halt, "flatten": World.flatten}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("pause", sorted(PAUSES))
def test_whatever_stopped_it_flat_it_trades_on_in_the_same_process_when_it_is_resumed(kind, pause):
    world = READY[kind]()
    PAUSES[pause](world)
    entering(world)
    assert not world.orders
    world.resume()
    assert (False, False) == (world.strategy.is_draining, world.strategy.is_flattening)
    entering(world)
    assert world.orders


@pytest.mark.parametrize("kind", KINDS)
def test_before_the_gateways_have_had_their_word_nothing_is_done_about_a_resumption(kind):
    world = type(READY[kind]())(is_started=False)
    world.start()
    for said in (world.resume, world.flatten, world.resume):
        said()
    assert "IDLE" == world.state
    assert not [output for output in world.outputs if isinstance(output, SubmitOrder | CancelOrder)]


@pytest.mark.parametrize("kind", KINDS)
def test_a_halt_that_is_ended_between_start_and_recovery_waits_for_the_gateways(kind):
    world = READY[kind]()
    world.halt()
    world.start(2)
    world.resume()
    entering(world)
    assert not world.orders
    world.recover()
    world.resume()
    entering(world)
    assert world.orders


# --- pairs -----------------------------------------------------------------------------------------------------------


def test_a_pair_that_is_held_over_a_halt_is_watched_again(kind="spot-futures"):
    world = World(parameters())
    world.open_pair()
    world.halt()
    assert "HALTED" == world.state
    world.resume()
    assert ("MONITORING_POSITIONS", "watch") == (world.state, world.outputs[-1].name)
    assert isinstance(world.outputs[-1], SetTimer)


def test_a_residual_that_is_held_over_a_halt_is_repaired():
    """The second leg was lost in the halt; unchanged prices make completing the cheaper way."""
    world = World(parameters())
    world.market(60_000.0, 60_300.0)
    world.trade(world.last.client_order_id)
    second = world.last
    world.halt()
    world.close(second.client_order_id)
    world.resume()
    assert "REBALANCING" == world.state
    world.wait(100)
    world.trade_all()
    assert "MONITORING_POSITIONS" == world.state
    assert -world.held[0] == world.held[1]


def test_an_order_that_is_still_open_after_a_halt_is_waited_for():
    world = World(parameters())
    world.market(60_000.0, 60_300.0)
    name = world.last.client_order_id
    world.halt()
    world.resume()
    assert ("PROTECTING", "resumed with orders that are still open") == (world.state, world.strategy.pair.reason)
    world.close(name)
    assert "COOLDOWN" == world.state


def test_a_flattening_closes_both_legs_of_what_is_held_and_opens_nothing_more():
    world = World(parameters())
    world.open_pair()
    world.flatten()
    assert "CLOSING_POSITIONS" == world.state
    assert {(SPOT_ID, Side.SELL), (PERPETUAL_ID, Side.BUY)} == {
        (order.instrument, order.side) for order in list(world.orders.values())[-2:]
    }
    assert not world.strategy.is_flat
    world.trade_all()
    assert (D(0), D(0)) == world.held
    assert world.strategy.is_flat
    assert [CycleResult.FLATTENED] == [cycle.result for cycle in world.strategy.cycles]
    world.wait(2_000)
    world.market(60_000.0, 60_300.0)
    assert ("IDLE", 4) == (world.state, len(world.orders))


def test_a_fill_that_is_late_after_a_flattening_is_closed_too():
    world = World(parameters())
    world.market(60_000.0, 60_300.0)
    name = world.last.client_order_id
    world.flatten()
    world.close(name, CloseReason.CANCELLED)
    world.wait(2_000)
    world.refresh()
    assert ("IDLE", True) == (world.state, world.strategy.is_flat)
    world.fill(name, "0.1")
    assert "CLOSING_POSITIONS" == world.state
    world.trade_all()
    assert D(0) == world.held[0]


def test_what_a_gateway_has_closed_for_us_is_followed_by_the_other_leg():
    """An order by which the gateway flattens is no order of ours; nothing is opened again in its place."""
    world = World(parameters())
    world.open_pair()
    held = world.held[1]
    world.stray_fill(PERPETUAL_ID, Side.BUY, -held, f"{FLATTEN_PREFIX}carry-1")
    assert world.strategy.pair.reason.startswith(f"the gateway closed {-held} {PERPETUAL_ID} (flatten-carry-1)")
    assert any("forced by the gateway flatten-carry-1" in alert for alert in world.alerts)
    assert (SPOT_ID, Side.SELL) == (world.last.instrument, world.last.side)


# --- market making ---------------------------------------------------------------------------------------------------


def test_a_maker_takes_its_inventory_back_to_nothing_and_stays_idle():
    world = MakerWorld(levels=1).quoting()
    world.execute(world.bid.client_order_id)
    held = world.position
    assert held > 0
    world.flatten()
    assert "INVENTORY_MANAGEMENT" == world.state
    world.cancel_all()
    order = world.ask
    assert (Side.SELL, held, True) == (order.side, order.quantity, order.reduce_only)
    assert not world.strategy.is_flat
    world.trade(order.client_order_id)
    assert ("IDLE", D(0), True) == (world.state, world.position, world.strategy.is_flat)
    world.market_at(after_ms=2_000)
    assert not world.open_ids
    world.resume()
    world.market_at(after_ms=1)
    assert world.open_ids
    assert not world.strategy.inventory.is_closing


def test_a_maker_whose_quote_fills_on_the_way_to_idle_closes_that_too():
    world = MakerWorld(levels=1).quoting()
    bid = world.bid.client_order_id
    world.flatten()
    world.cancel_all()
    world.market_at(after_ms=1)
    assert "IDLE" == world.state
    world.fill(bid, "0.1")
    assert "INVENTORY_MANAGEMENT" == world.state
    assert Side.SELL is world.ask.side


def test_a_maker_watches_the_time_again_once_it_is_resumed():
    world = MakerWorld(levels=1).quoting()
    world.drain()
    world.cancel_all()
    world.wait(10_000)
    assert not world.timers
    world.resume()
    assert ["watch"] == list(world.timers)


# --- arbitrage -------------------------------------------------------------------------------------------------------


def with_inventory(**changes: Any) -> ArbitrageWorld:
    """Bought on alpha and sold on beta, and both kept."""
    world = ArbitrageWorld(arbitrage_parameters(SPOTS, **changes))
    rich_beta(world)
    world.trade_all()
    assert world.positions[ALPHA.id] == -world.positions[BETA.id] > 0
    world.quiet()
    return world


def test_an_inventory_goes_back_to_its_start_at_every_venue():
    world = with_inventory()
    held = dict(world.positions)
    world.flatten()
    assert "REPAIRING" == world.state
    assert {(ALPHA.id, Side.SELL, held[ALPHA.id]), (BETA.id, Side.BUY, -held[BETA.id])} == {
        (order.instrument, order.side, order.quantity) for order in world.working
    }
    world.trade_all()
    assert ("IDLE", True) == (world.state, world.strategy.is_flat)
    assert {ALPHA.id: D(0), BETA.id: D(0)} == world.positions
    assert (CycleResult.FLATTENED, "every position is back where it was at the start") == (
        world.last_cycle.result,
        world.last_cycle.reason.split(";")[0],
    )
    world.resume()
    assert world.state in {"COOLDOWN", "SCANNING_OPPORTUNITIES"}
    assert not world.strategy.routes[0].is_suspended


def test_an_inventory_is_closed_at_wider_prices_and_then_at_any():
    """At the bid of 59,999.99 less 100 bps, then less 300 bps, then at the market; a fill begins anew."""
    world = with_inventory()
    seen = []
    world.flatten()
    for _ in range(3):
        order = next(order for order in world.working if order.instrument == ALPHA.id)
        seen.append((order.type, order.price))
        world.trade_none()
        world.now_ns += 100 * MS
        world.send(TimerFired("inventory-close", world.timers.pop("inventory-close"), world.now_ns))
    bid = D(repr(world.quotes[ALPHA.id][0]))
    assert [
        (OrderType.LIMIT, (bid * D("0.99")).quantize(D("0.01"), "ROUND_FLOOR")),
        (OrderType.LIMIT, (bid * D("0.97")).quantize(D("0.01"), "ROUND_FLOOR")),
        (OrderType.MARKET, None),
    ] == seen


def test_an_inventory_that_cannot_be_closed_halts_and_says_what_is_held():
    world = with_inventory()
    held = world.positions[ALPHA.id]
    world.flatten()
    for _ in range(25):
        world.trade_none()
        world.wait(100)
    assert "HALTED" == world.state
    assert any(f"HALTED: not closed in 20 rounds; holding {held} {ALPHA.id}" in alert for alert in world.alerts)
    world.resume()
    assert "REPAIRING" == world.state, "what has begun is brought to its end"
    world.trade_all()
    assert {ALPHA.id: D(0), BETA.id: D(0)} == world.positions


def test_an_order_of_the_closing_that_does_not_end_is_cancelled_and_in_the_end_halts():
    world = with_inventory()
    world.flatten()
    for _ in range(302):
        world.wait(2_100)
    assert "HALTED" == world.state
    assert any("HALTED: an order does not end" in alert for alert in world.alerts)


def test_a_closing_that_a_restart_interrupts_goes_on():
    world = with_inventory()
    world.flatten()
    first = world.working[0]
    world.trade(first.client_order_id)
    world.start(2)
    world.close(world.working[0].client_order_id)
    world.recover()
    assert "REPAIRING" == world.state
    world.quiet()
    world.wait(100)
    world.trade_all()
    assert {ALPHA.id: D(0), BETA.id: D(0)} == world.positions


def test_a_closing_waits_for_a_venue_that_is_down():
    world = with_inventory()
    world.venue_down("alpha")
    world.flatten()
    assert [BETA.id] == [order.instrument for order in world.working]
    world.trade_all()
    world.wait(300)
    assert not world.working
    world.venue_up("alpha")
    world.quiet()
    world.wait(100)
    world.trade_all()
    assert world.strategy.is_flat


def test_a_halt_stops_a_closing():
    world = with_inventory()
    world.flatten()
    world.halt()
    assert "HALTED" == world.state
    assert len([output for output in world.outputs if isinstance(output, CancelOrder)]) == 2
    assert isinstance([output for output in world.outputs if isinstance(output, CancelTimer)][-1], CancelTimer)


def test_what_a_triangle_has_exchanged_is_no_inventory():
    """It leaves a position in each of its three instruments, and no coin."""
    world = ArbitrageWorld(arbitrage_parameters(TRIANGLE, cooldown_s=0.0))
    world.quiet()
    for instrument in world.instruments.values():
        if instrument.quote == "BTC":
            world.at(instrument, 0.051)
    world.trade_all()
    assert any(world.positions.values())
    assert {} == world.strategy.closables()
    count = len(world.orders)
    world.flatten()
    assert (count, "IDLE", True) == (len(world.orders), world.state, world.strategy.is_flat)


def test_a_triangle_that_was_halted_on_its_way_goes_back_when_it_is_resumed_or_flattened():
    for said in (ArbitrageWorld.resume, ArbitrageWorld.flatten):
        world = ArbitrageWorld(arbitrage_parameters(TRIANGLE, cooldown_s=0.0))
        world.quiet()
        for instrument in world.instruments.values():
            if instrument.quote == "BTC":
                world.at(instrument, 0.051)
        world.trade(world.working[0].client_order_id)
        world.halt()
        for order in world.working:
            world.close(order.client_order_id)
        said(world)
        assert TriangleState.PROTECTING is world.route.execution.state
        world.quiet()
        world.wait(300)
        world.trade_all()
        world.now_ns += S
        assert world.strategy.is_flat, world.state


def test_the_words_of_the_operator_reach_a_route_that_has_to_wait_for_another():
    world = ArbitrageWorld(arbitrage_parameters(SPOTS, TRIANGLE))
    world.quiet()
    rich_beta(world)
    strategy = world.strategy
    assert strategy._active is strategy.routes[0]
    world.resume()
    assert [ResumeStrategy] == [type(message) for message in strategy._waiting[strategy.routes[1]]]
    world.flatten()
    world.send(HaltStrategy("operator", world.now_ns))
    assert "HALTED" == world.state


def test_a_closing_is_begun_by_the_operator_alone_and_once():
    world = with_inventory()
    closing = world.strategy.closing
    for begin in (closing.plan, closing.begin):
        with pytest.raises(NotImplementedError, match="on the operator's word"):
            begin(None)  # type: ignore[arg-type]
    world.flatten()
    count = len(world.orders)
    world.flatten()
    assert (count, False, "") == (len(world.orders), closing.is_settled, closing.residual_text)


def test_a_closing_whose_order_ends_late_waits_for_it():
    world = with_inventory()
    world.flatten()
    first, second = world.working
    world.trade(first.client_order_id)
    world.wait(150)
    assert [second.client_order_id, first.client_order_id][:1] == world.cancels[-1:]
    world.trade(second.client_order_id)
    assert world.strategy.is_flat
