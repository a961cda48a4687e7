"""A strategy that dies between its legs: the next incarnation completes the pair in hand, and enters no other."""

from collections.abc import Callable
from decimal import Decimal as D
from typing import Any

import pytest

from actors.snapshot import dump, restore
from messages.health import CycleResult
from messages.orders import DenyReason, OrderDenied, SubmitOrder
from tests.actors.strategies.arbitrage.test_strategy import rich_beta
from tests.actors.strategies.arbitrage.world import SPOTS, ArbitrageWorld
from tests.actors.strategies.arbitrage.world import parameters as arbitrage_parameters
from tests.actors.strategies.futures_futures.world import SpreadWorld, spread_parameters
from tests.actors.strategies.trading_world import World, parameters


def spot_futures() -> World:
    world = World(parameters())
    world.market(60_000.0, 60_300.0)
    return world


def futures_futures() -> World:
    world = SpreadWorld(spread_parameters())
    world.learn()
    world.spread(25.0)
    return world


def arbitrage() -> World:
    world = ArbitrageWorld(arbitrage_parameters(SPOTS, execution="sequential"))
    rich_beta(world)
    return world


ENTERED: dict[str, Callable[[], World]] = {
    "spot-futures": spot_futures, "futures-futures": futures_futures, "arbitrage": arbitrage,
}  # fmt: skip


def by_replay(world: World) -> Any:
    fresh = world.make_strategy()
    for message in world.inputs:
        fresh.on_message(message)
    return fresh


def by_snapshot(world: World) -> Any:
    fresh = world.make_strategy()
    restore(dump(world.strategy), fresh)
    return fresh


def reborn(world: World, how: Callable[[World], Any]) -> None:
    """Killed; the new incarnation has read its journal, and greets."""
    world.strategy = how(world)
    world.start(epoch=2)


def go_on(world: World, *open_orders: str) -> None:
    """The gateways' word, and the market goes on."""
    world.recover(open_orders=open_orders)
    for _ in range(5):
        world.now_ns += 50_000_000
        world.refresh()
        world.wait(150)
        world.trade_all()


def orders_of(world: World, instrument: str) -> list[SubmitOrder]:
    return [order for order in world.orders.values() if order.instrument == instrument]


def check_one_pair(world: World, first: SubmitOrder, second: SubmitOrder) -> None:
    """Both legs are held, as large as they were planned, by one entry; in one cycle."""
    assert [first] == orders_of(world, first.instrument)
    assert first.side.sign * first.quantity == world.positions[first.instrument]
    assert second.side.sign * second.quantity == world.positions[second.instrument]
    assert world.strategy.own_orders.working == []
    assert "HALTED" not in " ".join(world.alerts)
    cycles = world.strategy.cycles
    if isinstance(world, ArbitrageWorld):
        assert [cycle.result for cycle in cycles] in ([CycleResult.COMPLETED], [CycleResult.REPAIRED])
        assert cycles[0].fills >= 2
    else:
        assert cycles == []
        assert world.strategy.cycle_log.is_open
        assert world.strategy.pair.position.delta_ratio() == 0.0


CASES = [
    pytest.param(kind, how, id=f"{kind}-{how.__name__}") for kind in sorted(ENTERED) for how in (by_replay, by_snapshot)
]


@pytest.mark.parametrize(("kind", "how"), CASES)
def test_a_second_leg_that_filled_while_the_strategy_was_away_completes_the_pair(kind, how):
    world = ENTERED[kind]()
    first = world.last
    world.trade(first.client_order_id)
    second = world.last
    reborn(world, how)
    world.trade(second.client_order_id)
    go_on(world)
    check_one_pair(world, first, second)
    assert [first, second] == list(world.orders.values())


@pytest.mark.parametrize(("kind", "how"), CASES)
def test_a_second_leg_that_still_works_is_ended_and_the_rest_of_it_completed(kind, how):
    world = ENTERED[kind]()
    first = world.last
    world.trade(first.client_order_id)
    second = world.last
    world.accept(second.client_order_id)
    reborn(world, how)
    world.recover(open_orders=(second.client_order_id,))
    assert world.cancels[-1:] == [second.client_order_id]
    half = world.instruments[second.instrument].round_quantity(second.quantity / 2)
    world.fill(second.client_order_id, half)
    world.close(second.client_order_id)
    for _ in range(5):
        world.now_ns += 50_000_000
        world.refresh()
        world.wait(150)
        world.trade_all()
    check_one_pair(world, first, second)
    rest = orders_of(world, second.instrument)[1:]
    assert second.quantity - half == sum((order.quantity for order in rest), D(0))


@pytest.mark.parametrize(("kind", "how"), CASES)
def test_a_second_leg_that_never_reached_its_gateway_is_sent_by_the_new_incarnation(kind, how):
    world = ENTERED[kind]()
    first = world.last
    world.trade(first.client_order_id)
    second = world.last
    reborn(world, how)
    world.send(
        OrderDenied(second.client_order_id, "carry", second.instrument, DenyReason.NOT_RECEIVED, "", world.now_ns)
    )
    go_on(world)
    check_one_pair(world, first, second)
    assert [(D(0) + second.quantity, "x-carry-e2-1")] == [
        (order.quantity, order.client_order_id) for order in orders_of(world, second.instrument)[1:]
    ]


@pytest.mark.parametrize(("kind", "how"), CASES)
def test_a_first_leg_that_filled_while_the_strategy_was_away_is_followed_by_the_second(kind, how):
    world = ENTERED[kind]()
    first = world.last
    reborn(world, how)
    world.trade(first.client_order_id)
    go_on(world)
    (second,) = [order for order in world.orders.values() if order is not first]
    assert second.instrument != first.instrument
    check_one_pair(world, first, second)
