"""Spot-futures in each of its states, brought there by messages, and everything that it can be told there."""

from collections.abc import Callable, Mapping
from typing import Any

import msgspec

from actors.machine import Machine
from actors.strategies.spot_futures.strategy import State
from messages.gateway_link import VenueDown, VenueUp
from messages.market import MarkPrice, Quote
from messages.orders import Fill
from messages.strategy_host import Alert, ParametersChanged
from tests.actors.strategies.pair.scenarios import EVENTS as PAIR_EVENTS
from tests.actors.strategies.pair.scenarios import GIVENS as PAIR_GIVENS
from tests.actors.strategies.trading_world import PERPETUAL_ID, SPOT_ID, World, parameters
from tests.actors.strategies.trading_world import S as NS_PER_S

S = State


def _analyse(world: World) -> None:
    world.market(60_000.0, 60_000.0)


def _open(world: World) -> None:
    world.market(60_000.0, 60_300.0)


def _hedge(world: World) -> None:
    _open(world)
    world.trade(world.last.client_order_id)


def _repair(world: World) -> None:
    _hedge(world)
    world.reject(world.last.client_order_id)


def _close(world: World) -> None:
    world.open_pair()
    world.market(60_100.0, 60_100.0)


def _protect(world: World) -> None:
    _hedge(world)
    world.unknown(world.last.client_order_id)


def _rest(world: World) -> None:
    _open(world)
    world.trade_none()


def _halt(world: World) -> None:
    _hedge(world)
    world.halt()


INTO: Mapping[State, Callable[[World], None]] = {
    S.IDLE: lambda world: world.start(2),
    S.ANALYZING_MARKET: _analyse,
    S.OPENING_SPOT_POSITION: _open,
    S.OPENING_FUTURES_HEDGE: _hedge,
    S.MONITORING_POSITIONS: World.open_pair,
    S.REBALANCING: _repair,
    S.CLOSING_POSITIONS: _close,
    S.PROTECTING: _protect,
    S.COOLDOWN: _rest,
    S.HALTED: _halt,
}


def world_in(state: State) -> World:
    world = World(parameters(exit_confirm=1))
    INTO[state](world)
    assert state is world.strategy.state
    return world


# --- what is said ---------------------------------------------------------------------------------------------------


def quote(instrument: str, bid: float, size: float = 1_000.0) -> Callable[[World], Quote]:
    return lambda world: Quote(instrument, bid, size, bid + 1.0, size, world.now_ns, world.now_ns, 9_999)


def mark(price: float, rate: float) -> Callable[[World], MarkPrice]:
    return lambda world: MarkPrice(PERPETUAL_ID, price, price, rate, 0, world.now_ns, world.now_ns)


def _entered_for_funding(world: World) -> None:
    world.strategy._entry_rate = 0.0001


def _in_margin_trouble(world: World) -> None:
    world.strategy.views[PERPETUAL_ID].on_mark(mark(115_000.0, 0.0)(world))


def _overdue(world: World) -> None:
    world.strategy._deadline_ns = 1


def _silent(world: World) -> None:
    """Nothing has been heard of either market for six seconds, and the legs do not match."""
    PAIR_GIVENS["too little hedged"](world)
    world.strategy.own_orders.now_ns += 6 * NS_PER_S


def _no_rest(world: World) -> None:
    PAIR_GIVENS["no fills"](world)
    pair = world.strategy.pair
    pair.parameters = msgspec.structs.replace(pair.parameters, cooldown_ms=0)


def _no_rest_drained(world: World) -> None:
    _no_rest(world)
    world.strategy.is_draining = True


COMMANDS = frozenset(
    {"Turn", "Arm", "Disarm", "Reserve", "HeadroomGranted", "HeadroomDenied", "Rebalance", "Close", "Release",
     "Flatten", "FeedStale", "CycleRecorded"}
)  # fmt: skip
EVENTS: Mapping[str, Callable[[Any], Any]] = {
    **{name: make for name, make in PAIR_EVENTS.items() if name not in COMMANDS},
    "Quote": quote(SPOT_ID, 60_000.0),
    "Quote rich": quote(PERPETUAL_ID, 60_300.0),
    "Quote cheap": quote(PERPETUAL_ID, 60_000.0),
    "Quote at a loss": quote(PERPETUAL_ID, 62_000.0),
    "MarkPrice": mark(60_000.0, 0.0001),
    "MarkPrice flipped": mark(60_000.0, -0.0001),
    "TimerFired watch": PAIR_EVENTS["TimerFired other"],
    "ParametersChanged": lambda world: ParametersChanged("{}", world.now_ns),
}
GIVENS: Mapping[str, Callable[[Any], None]] = {
    **{name: PAIR_GIVENS[name] for name in ("as it is", "no fills", "one leg", "balanced", "wrong way")},
    "stale": _silent,
    "no fills, no cooldown": _no_rest,
    "no fills, no cooldown, drained": _no_rest_drained,
    "entered for funding": _entered_for_funding,
    "in margin trouble": _in_margin_trouble,
    "overdue": _overdue,
}


def play(state: State, event: str, given: str) -> tuple[World, list[Any]]:
    """Say something to a strategy in a state, after its views, orders and books have taken note of it."""
    world = world_in(state)
    strategy, own_orders = world.strategy, world.strategy.own_orders
    message = EVENTS[event](world)
    if hasattr(message, "client_order_id"):
        is_news = own_orders.apply(message)
        if is_news and isinstance(message, Fill) and given == "as it is":
            strategy.ledger.apply_fill(message)
        own_orders.problems.clear()
    elif isinstance(message, VenueDown | VenueUp):
        strategy.views[PERPETUAL_ID].on_venue(is_up=isinstance(message, VenueUp))
    elif event in ("DrainStrategy", "FlattenStrategy"):
        strategy.is_draining = True
    GIVENS[given](world)
    if isinstance(message, Quote):
        strategy.views[message.instrument].on_quote(message)
    elif isinstance(message, MarkPrice):
        strategy.views[message.instrument].on_mark(message)
    own_orders.cause = message
    said = list(Machine.on_message(strategy, message))
    return world, [Alert(problem, world.now_ns) for problem in own_orders.problems] + said
