"""Parameters that change while a strategy runs: all that follows from them follows, nothing that was learned goes."""

import json
from collections import deque
from decimal import Decimal as D
from types import MappingProxyType, MethodType
from typing import Any, Literal, get_args, get_origin, get_type_hints

import msgspec
import pytest

from actors.snapshot import dump
from actors.strategies.parameters import attribute_names, change_faults, change_parameters, derived_changes, is_plain
from actors.strategies.registry import KINDS
from actors.strategies.strategy import ParameterError
from messages.strategy_host import ParametersChanged
from tests.actors.strategies.arbitrage.world import SPOTS, TRIANGLE, ArbitrageWorld
from tests.actors.strategies.arbitrage.world import parameters as arbitrage_parameters
from tests.actors.strategies.futures_futures.world import SpreadWorld
from tests.actors.strategies.market_making.world import MakerWorld
from tests.actors.strategies.seeded_walks import WALKS, walk
from tests.actors.strategies.trading_world import PERPETUAL_ID, SPOT_ID, World, parameters

WORLDS: dict[str, Any] = {
    "arbitrage": lambda: ArbitrageWorld(arbitrage_parameters(SPOTS, TRIANGLE)),
    "futures-futures": SpreadWorld,
    "market-making": MakerWorld,
    "spot-futures": lambda: World(parameters()),
}
CELLS = [(kind, name) for kind in sorted(KINDS) for name in sorted(KINDS[kind].live_parameters)]


def as_json(value: Any) -> str:
    return msgspec.json.encode(value).decode()


def others(kind: str, name: str, value: Any) -> list[Any]:
    """Values that a parameter could have instead."""
    hint = get_type_hints(KINDS[kind].parameters_type, include_extras=False)[name]
    if get_origin(hint) is Literal:
        return [other for other in get_args(hint) if other != value]
    if isinstance(value, bool):
        return [not value]
    if isinstance(value, int):
        return [value + 1, value - 1]
    if isinstance(value, D):
        return [value * 2, value / 2, value + D("0.001")]
    if value is None:
        return [1.0, 100.0, 100_000.0]
    return [value * 1.25, value / 1.25, 0.25, 2.0]


def changed(kind: str, name: str, strategy: Any) -> Any:
    """The parameters of a strategy with another value of one."""
    value = getattr(strategy.parameters, name)
    for other in (other for other in others(kind, name, value) if other != value):
        found = msgspec.structs.replace(strategy.parameters, **{name: other})
        if not change_faults(strategy, as_json(found)):
            return found
    raise AssertionError(f"no other value of {name} can be set: {change_faults(strategy, as_json(found))}")


def picture(strategy: Any) -> str:
    """Everything that a strategy holds, in words; which of two equal values it is does not show."""
    strategy.own_orders.cause = None
    known: dict[int, int] = {}

    def drawn(value: Any) -> Any:
        if isinstance(value, dict | MappingProxyType):
            return {repr(drawn(key)): drawn(item) for key, item in value.items()}
        if is_plain(value):
            return repr(value)
        if isinstance(value, list | tuple | deque | set | frozenset):
            return [type(value).__name__, getattr(value, "maxlen", None), *(drawn(item) for item in value)]
        if isinstance(value, MethodType):
            return [drawn(value.__self__), value.__name__]
        if id(value) in known:
            return known[id(value)]
        known[id(value)] = len(known)
        return {name: drawn(getattr(value, name)) for name in sorted(attribute_names(value)) if name != "_intake"}

    return json.dumps(drawn(strategy), indent=1)


@pytest.mark.parametrize(("kind", "name"), CELLS)
def test_a_strategy_whose_parameter_was_changed_at_the_start_is_one_that_was_made_with_it(kind, name):
    """Right then, and at the end of a walk that either of them hears of; the walk is one by the old parameters."""
    taken = walk(kind, 7)
    first = taken.world.make_strategy()
    settings = changed(kind, name, first)
    second = type(first)(first.strategy_id, first.instruments, settings)
    for strategy in (first, second):
        assert strategy.on_message(ParametersChanged(as_json(settings), 1)) == ()
    assert settings == first.parameters
    assert picture(second) == picture(first)
    for message in taken.world.inputs:
        if not isinstance(message, ParametersChanged):
            assert second.on_message(message) == first.on_message(message)
    assert picture(second) == picture(first)


@pytest.mark.parametrize("kind", sorted(KINDS))
def test_a_change_in_the_middle_of_a_walk_leaves_all_that_was_learned(kind):
    """Changed and changed back again, it is as if nothing had been said."""
    for seed in range(20):
        strategy = walk(kind, seed).world.strategy
        before, old = picture(strategy), strategy.parameters
        names = sorted(strategy.live_parameters)
        change_parameters(strategy, changed(kind, names[seed % len(names)], strategy))
        assert picture(strategy) != before
        change_parameters(strategy, old)
        assert picture(strategy) == before


@pytest.mark.parametrize("kind", sorted(KINDS))
def test_every_parameter_that_is_named_live_is_one(kind):
    assert KINDS[kind].live_parameters < set(KINDS[kind].parameters_type.__struct_fields__)
    assert set(WALKS) == set(KINDS)


@pytest.mark.parametrize(
    ("kind", "name", "value"),
    [
        ("spot-futures", "futures", SPOT_ID),
        ("spot-futures", "first_leg", "futures"),
        ("futures-futures", "lookback", 301),
        ("market-making", "levels", 2),
        ("market-making", "adverse_selection_horizon_s", 60),
        ("arbitrage", "execution", "sequential"),
    ],
)
def test_what_makes_another_strategy_is_refused_by_its_name(kind, name, value):
    strategy = WORLDS[kind]().strategy
    (fault,) = change_faults(strategy, as_json(msgspec.structs.replace(strategy.parameters, **{name: value})))
    assert fault.startswith(f"{name} cannot be changed while {strategy.strategy_id} runs; expected ")


def test_a_mistake_that_the_check_of_the_kind_finds_is_told_in_its_words():
    strategy = World(parameters()).strategy
    settings = msgspec.structs.replace(strategy.parameters, slippage_bps_max=500.0)
    assert change_faults(strategy, as_json(settings)) == [
        "slippage_bps_max is 500.0, expected at most flatten_slippage_bps, which is 100.0"
    ]


def test_what_is_no_set_of_parameters_is_refused():
    strategy = World(parameters()).strategy
    for text in (
        "",
        "[]",
        '{"spot": 1}',
        as_json({"notional": "1"}),
        as_json({"spot": SPOT_ID, "futur": PERPETUAL_ID}),
    ):
        (fault,) = change_faults(strategy, text)
        assert fault.startswith("parameters of spot-futures: ")


def test_a_part_of_another_shape_is_found_before_anything_is_changed():
    """Named as live by mistake: the number of slots follows from the number of levels."""
    strategy = MakerWorld(levels=3).strategy
    before = dump(strategy)
    settings = msgspec.structs.replace(strategy.parameters, levels=2)
    with pytest.raises(ParameterError, match=r"quotes.slots.* has 3 entries and would have 2"):
        change_parameters(strategy, settings)
    assert before == dump(strategy)


def test_one_part_that_would_be_another_of_its_parts_is_another_shape():
    """The horizon that adverse selection is read from is one of three, each with its own past."""
    strategy = MakerWorld(adverse_selection_horizon_s=10).strategy
    with pytest.raises(ParameterError, match="it is another one of its parts"):
        derived_changes(strategy, msgspec.structs.replace(strategy.parameters, adverse_selection_horizon_s=60))


def test_a_maker_looks_at_its_quotes_anew_when_its_parameters_have_changed():
    """The spread of 10 bps becomes 20: half of 10 bps more on 60,000, which is 30, on either side."""
    world = MakerWorld(levels=1, volatility_multiplier=0.0, target_spread_bps=10.0).quoting()
    bid, ask = world.bid.price, world.ask.price
    world.change(target_spread_bps=20.0)
    world.market_at(after_ms=1)
    world.cancel_all()
    world.market_at(after_ms=1)
    assert (bid - D(30), ask + D(30)) == (world.bid.price, world.ask.price)


# --- parts of another shape ------------------------------------------------------------------------------------------


class Settings(msgspec.Struct, frozen=True):
    shape: str = "usual"
    size: int = 1


class Part:
    def __init__(self, size: int) -> None:
        self.size = size

    def one(self) -> int:
        return self.size

    def other(self) -> int:
        return self.size


class Holder(msgspec.Struct, frozen=True):
    part: Part
    size: int


class Made:
    """What a strategy may be made of, by the shape that its parameters name."""

    kind = "made"
    parameters_type = Settings
    live_parameters = frozenset({"shape", "size"})

    def __init__(self, strategy_id: str, instruments: Any, parameters: Settings) -> None:
        self.strategy_id, self.instruments, self.parameters = strategy_id, instruments, parameters
        shape, size = parameters.shape, parameters.size
        self.part: Any = Part(size) if shape != "another type" else [size]
        self.method = self.part.other if shape == "another method" else getattr(self.part, "one", None)
        self.names = {"a", "b"} if shape == "another set" else {"a"}
        self.window: deque[int] = deque([1], maxlen=2 if shape == "another bound" else 3)
        self.by_name = {"a": size, **({"b": 1} if shape == "more entries" else {})}
        self.frozen = Holder(Part(size), size if shape == "within" else 1)
        self.view = MappingProxyType({"a": 1})
        self.slotted = [Part(size)]
        if shape == "more attributes":
            self.part.more = 1

    @classmethod
    def check(cls, _parameters: Any, _instruments: Any) -> list[str]:
        return []


@pytest.mark.parametrize(
    ("shape", "why"),
    [
        ("another type", "part cannot be changed in a running strategy: it is a Part and would be a list"),
        ("another method", "method cannot be changed in a running strategy: it is another method"),
        ("another set", "names cannot be changed in a running strategy: it is another set"),
        ("another bound", "window cannot be changed in a running strategy: it has 1 entries and would have 1, or"),
        ("more entries", "by_name cannot be changed in a running strategy: it has 1 entries and would have 2"),
        ("more attributes", "part cannot be changed in a running strategy: it has other attributes"),
        ("within", "frozen.size cannot be changed in a running strategy: it is part of something that cannot be"),
    ],
)
def test_every_part_of_another_shape_is_named_by_its_path(shape: str, why: str) -> None:
    made: Any = Made("made", {}, Settings())
    (fault,) = change_faults(made, as_json(Settings(shape, 2)))
    assert fault.startswith(why)
    assert 1 == made.part.size


def test_a_part_that_the_running_strategy_has_no_more_cannot_be_changed() -> None:
    made: Any = Made("made", {}, Settings())
    made.slotted.clear()
    (fault,) = change_faults(made, as_json(Settings(size=2)))
    assert "slotted[0].size cannot be changed in a running strategy: the running strategy has no such part" in fault


def test_values_within_parts_of_any_kind_are_changed_in_place() -> None:
    made: Any = Made("made", {}, Settings())
    parts = made.part, made.frozen.part, made.slotted[0]
    change_parameters(made, Settings(size=2))
    assert [2, 2, 2] == [part.size for part in parts]
    assert {"a": 2} == made.by_name
    assert 2 == made.method()
