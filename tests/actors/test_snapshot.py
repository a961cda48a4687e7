"""Snapshots: a strategy that was written and read again does and says what it would have done and said."""

import os
from collections import OrderedDict, defaultdict, deque
from decimal import Decimal as D
from functools import partial
from random import Random
from types import MappingProxyType
from typing import Any

import msgspec
import pytest

from actors import snapshot
from actors.machine import Machine, on
from actors.snapshot import SnapshotError, dump, restore
from actors.strategies.registry import KINDS
from messages.orders import Side
from tests.actors.strategies.seeded_walks import before_each_input, walk
from tests.actors.strategies.trading_world import World, parameters
from tests.support.puppet import Puppet, PuppetParameters, State

WALKS = int(os.environ.get("OUTCRY_WALKS", "60"))


@pytest.mark.timeout(3_600 if WALKS > 1_000 else 120)
@pytest.mark.parametrize("kind", sorted(KINDS))
def test_whatever_happens_a_strategy_that_is_read_from_a_snapshot_goes_on_as_the_one_that_was_written(
    kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """At random moments the strategy is replaced by a new one that was restored: the walk's own checks hold, a snapshot
    of the new one is the same again, and in the end a strategy that was never replaced has said the same to the byte.
    """
    chances = Random(1)
    replaced = 0

    def replace(world: World) -> None:
        nonlocal replaced
        if chances.random() < 0.1:
            fresh = world.make_strategy()
            written = dump(world.strategy)
            restore(written, fresh)
            assert written == dump(fresh)
            world.strategy = fresh
            replaced += 1

    before_each_input(monkeypatch, replace)
    for seed in range(WALKS):
        walk(kind, seed)
    assert replaced > WALKS


# --- what can be written ---------------------------------------------------------------------------------------------


def puppet() -> Puppet:
    return Puppet("carry", {}, PuppetParameters(()))


def through(strategy: Any) -> Any:
    """A strategy as it comes out of a snapshot."""
    fresh = puppet()
    restore(dump(strategy), fresh)
    assert dump(strategy) == dump(fresh)
    return fresh


class Part:
    """Something that a strategy is made of."""

    __slots__ = ("other", "unset")

    def __init__(self, other: Any) -> None:
        self.other = other

    def method(self) -> Any:
        return self.other


class Frozen(msgspec.Struct, frozen=True):
    part: Part
    amounts: dict[str, D]


VALUES: tuple[Any, ...] = (
    None, True, 0, -(2**63), 2**64 - 1, 2**200, -1.5, float("inf"), 0.1 + 0.2, "text", b"bytes", D("1E-30"), D("-0.10"),
    Side.BUY, State.OBEDIENT, [1, [2]], (1, "a", (2,)), {3, 1, 2}, frozenset({"a", "b"}), {"a": 1, (1, 2): [3]},
    OrderedDict(b=1, a=2), deque([1, 2], maxlen=3), deque(), Side, D, dict,
)  # fmt: skip


@pytest.mark.parametrize("value", VALUES, ids=[f"{place}-{type(value).__name__}" for place, value in enumerate(VALUES)])
def test_values_come_back_as_they_were(value: Any) -> None:
    strategy: Any = puppet()
    strategy.value = value
    found = through(strategy).value
    assert (type(value), repr(value)) == (type(found), repr(found))
    assert getattr(value, "maxlen", None) == getattr(found, "maxlen", None)


def test_what_is_shared_is_shared_again_and_what_goes_round_goes_round() -> None:
    strategy: Any = puppet()
    strategy.part = Part(strategy)
    strategy.list = [strategy.part]
    strategy.list.append(strategy.list)
    strategy.method = strategy.part.method
    strategy.by_part = {strategy.part: Frozen(strategy.part, {"BTC": D("0.10")})}
    found = through(strategy)
    assert found.part.other is found is found.method()
    assert found.list[0] is found.part
    assert found.list[1] is found.list
    assert found.by_part[found.part].part is found.part
    assert "0.10" == str(found.by_part[found.part].amounts["BTC"])
    assert not hasattr(found.part, "unset")


def test_a_default_dict_goes_on_to_make_its_defaults() -> None:
    strategy: Any = puppet()
    strategy.counts = defaultdict(int, {"a": 1})
    found = through(strategy).counts
    found["b"] += 1
    assert {"a": 1, "b": 1} == found


def test_functions_are_named_or_those_of_the_fresh_strategy() -> None:
    strategy, fresh = (puppet(), puppet())
    one, other = (lambda: 1), (lambda: 2)
    strategy.called, fresh.called = {"named": on, "nameless": one}, {"nameless": other}  # type: ignore[attr-defined]
    strategy.partly = fresh.partly = MappingProxyType({})  # type: ignore[attr-defined]
    restore(dump(strategy), fresh)
    assert fresh.called == {"named": on, "nameless": other}  # type: ignore[attr-defined]


def test_an_attribute_that_the_written_strategy_did_not_have_goes() -> None:
    strategy, fresh = puppet(), puppet()
    fresh.more = 1  # type: ignore[attr-defined]
    restore(dump(strategy), fresh)
    assert not hasattr(fresh, "more")


def test_a_machine_finds_the_rows_of_its_state_again() -> None:
    world = World(parameters())
    world.open_pair()
    fresh = world.make_strategy()
    restore(dump(world.strategy), fresh)
    assert fresh.state is world.strategy.state
    assert fresh._rows is world.strategy._rows
    assert fresh.pair._rows is world.strategy.pair._rows
    assert isinstance(fresh.pair, Machine)


# --- what cannot -----------------------------------------------------------------------------------------------------


class Listed(list):  # type: ignore[type-arg]
    """A list with attributes of its own."""


@pytest.mark.parametrize(
    ("value", "why"),
    [
        (Random(1), "it is a random.Random, which is no class of ours"),
        (partial(print), "it is a functools.partial, which is no class of ours"),
        (Listed(), "it is a Listed, which keeps more than its attributes"),
        (os.environ, "it is a os._Environ, which is no class of ours"),
    ],
)
def test_what_cannot_be_written_is_named_by_its_path(value: Any, why: str) -> None:
    strategy: Any = puppet()
    strategy.part = Part({"deep": [0, value]})
    with pytest.raises(SnapshotError) as caught:
        dump(strategy)
    assert f"part.other['deep'][1]: {why}" == str(caught.value)


def test_a_class_that_is_made_within_a_function_cannot_be_found_again() -> None:
    class Local:
        pass

    strategy: Any = puppet()
    strategy.local = Local()
    with pytest.raises(SnapshotError, match="which is no class of ours"):
        dump(strategy)


def test_more_parts_than_the_bound_are_not_written(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(snapshot, "NODES_MAX", 100)
    strategy: Any = puppet()
    strategy.many = [[] for _ in range(101)]
    with pytest.raises(SnapshotError, match="there are more than 100 parts"):
        dump(strategy)


def test_a_frozen_part_that_contains_itself_is_found_out_when_it_is_read() -> None:
    strategy: Any = puppet()
    amounts: dict[str, Any] = {}
    strategy.frozen = Frozen(Part(None), amounts)
    strategy.frozen.part.other = strategy.frozen
    written = dump(strategy)
    with pytest.raises(SnapshotError, match="a part that cannot change contains itself"):
        restore(written, puppet())


# --- what is no snapshot ---------------------------------------------------------------------------------------------


def test_bytes_that_are_no_snapshot_change_nothing() -> None:
    world = World(parameters())
    written = dump(world.strategy)
    before = dump(puppet())
    chances = Random(3)
    mutations = [bytearray(written) for _ in range(300)]
    for data in mutations:
        data[chances.randrange(len(data))] ^= 1 << chances.randrange(8)
    for data in (b"", b"\x93\x01\x90\x90", written[:-1], written, *mutations):
        fresh = puppet()
        with pytest.raises(SnapshotError):
            restore(bytes(data), fresh)
        assert before == dump(fresh)


def test_a_snapshot_of_another_format_is_none() -> None:
    written = msgspec.msgpack.decode(dump(puppet()))
    written[0] = 0
    with pytest.raises(SnapshotError, match=f"format 0, expected {snapshot.FORMAT}"):
        restore(msgspec.msgpack.encode(written), puppet())


def test_a_snapshot_names_no_class_but_ours_and_those_of_the_strategy() -> None:
    written = msgspec.msgpack.decode(dump(puppet()))
    written[1].append("os:system")
    with pytest.raises(SnapshotError, match="os:system is none of our classes"):
        restore(msgspec.msgpack.encode(written), puppet())
