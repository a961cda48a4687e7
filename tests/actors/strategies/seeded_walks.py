"""The random walks of all strategies, by a seed: for what is to be seen of every kind along the way."""

import random
from collections.abc import Callable
from types import ModuleType
from typing import Any

from tests.actors.strategies import random_walk
from tests.actors.strategies.arbitrage import walk as arbitrage_walk
from tests.actors.strategies.futures_futures import walk as futures_futures_walk
from tests.actors.strategies.market_making import walk as market_making_walk
from tests.actors.strategies.random_walk import Event
from tests.actors.strategies.trading_world import World

WALKS: dict[str, ModuleType] = {
    "arbitrage": arbitrage_walk,
    "futures-futures": futures_futures_walk,
    "market-making": market_making_walk,
    "spot-futures": random_walk,
}
EVENTS_MIN, EVENTS_MAX = 20, 60


def events(kind: str, seed: int) -> tuple[int, list[Event]]:
    """A setting and what happens then."""
    chances = random.Random(seed)
    module = WALKS[kind]
    names = getattr(module, "EVENTS", random_walk.EVENTS)
    setting = chances.randrange(len(module.SETTINGS))
    count = chances.randrange(EVENTS_MIN, EVENTS_MAX)
    return setting, [(chances.choice(names), chances.random() * 0.999) for _ in range(count)]


def walk(kind: str, seed: int) -> Any:
    """Take a walk to its end, with all of its checks."""
    setting, happens = events(kind, seed)
    return WALKS[kind].walk(setting, happens)


def before_each_input(monkeypatch: Any, do: Callable[[World], None]) -> None:
    """Let something be done to every world before its strategy hears the next message."""
    send = World.send

    def first(world: World, message: Any) -> list[Any]:
        do(world)
        return send(world, message)

    monkeypatch.setattr(World, "send", first)
