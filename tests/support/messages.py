"""Arbitrary valid messages of any class, made from what msgspec knows of its fields, and what is true of all of them.

One builder over a `random.Random` serves both: Hypothesis hands in its own (`st.randoms`), a fuzzer a seeded one.
"""

from collections.abc import Iterator
from decimal import Decimal
from functools import cache
from random import Random
from typing import Any, get_args

import msgspec
from msgspec import inspect

from gateways.venue import FROM_VENUE, TO_VENUE, FromVenue, ToVenue
from messages.base import DECIMAL_MAX, DECIMAL_PLACES_MAX
from messages.codec import (
    FROM_CHILD,
    FROM_GATEWAY,
    FROM_OPERATOR,
    MARKET_DATA,
    STRATEGY_INPUT,
    TO_CHILD,
    TO_GATEWAY,
    TO_OPERATOR,
    Codec,
)
from messages.from_child import FromChild
from messages.gateway_link import FromGateway, ToGateway
from messages.market import MarketData
from messages.operator import FromOperator, ToOperator
from messages.risk import Lease
from messages.strategy_host import StrategyInput
from messages.to_child import ToChild

LINKS: dict[str, tuple[Codec[Any], Any]] = {
    "market data": (MARKET_DATA, MarketData),
    "to gateway": (TO_GATEWAY, ToGateway),
    "from gateway": (FROM_GATEWAY, FromGateway),
    "from child": (FROM_CHILD, FromChild),
    "to child": (TO_CHILD, ToChild),
    "from operator": (FROM_OPERATOR, FromOperator),
    "to operator": (TO_OPERATOR, ToOperator),
    "strategy input": (STRATEGY_INPUT, StrategyInput),
    "to venue": (TO_VENUE, ToVenue),
    "from venue": (FROM_VENUE, FromVenue),
}
"""Every codec of the project with the union that it decodes."""

ITEMS_MAX = 3
UNSIGNED = {(Lease, name) for name in ("long_max", "short_max", "notional_max")}
LETTERS = "abcXYZ019-_.:/ \x00\n\x7fßИ水🪙"
ORDER_ID_LETTERS = "abcXYZ019-"


def classes_of(link: str) -> tuple[type[msgspec.Struct], ...]:
    """The message classes that a link carries."""
    return get_args(LINKS[link][1])


def arbitrary(cls: type, random: Random, *, items_min: int = 0) -> Any:
    """A valid message of this class; bounds of its fields are as likely as what lies between.

    :param items_min: of every tuple and dict in it.
    """
    return _struct(_info(cls), random, items_min)


def leaves(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[tuple[Any, ...], Any]]:
    """Every leaf of a message, with its place in the array that the message is encoded as (the tag comes first)."""
    if isinstance(value, msgspec.Struct):
        for index, name in enumerate(value.__struct_fields__, start=1):
            yield from leaves(getattr(value, name), (*path, index))
    elif isinstance(value, tuple):
        for index, item in enumerate(value):
            yield from leaves(item, (*path, index))
    elif isinstance(value, dict):
        for key, item in value.items():
            yield from leaves(item, (*path, key))
    else:
        yield path, value


@cache
def _info(cls: type) -> inspect.StructType:
    info = inspect.type_info(cls)
    assert isinstance(info, inspect.StructType)
    return info


def _struct(info: inspect.StructType, random: Random, items_min: int) -> Any:
    values = {field.name: _value(field.type, random, items_min) for field in info.fields}
    return info.cls(**{name: abs(value) if (info.cls, name) in UNSIGNED else value for name, value in values.items()})


def _value(info: inspect.Type, random: Random, items_min: int) -> Any:
    match info:
        case inspect.StructType():
            return _struct(info, random, items_min)
        case inspect.UnionType():
            return _value(random.choice(info.types), random, items_min)
        case inspect.NoneType():
            return None
        case inspect.BoolType():
            return random.random() < 0.5
        case inspect.EnumType():
            return random.choice(list(info.cls))
        case inspect.DecimalType():
            return arbitrary_decimal(random)
        case inspect.IntType():
            return _integer(info, random)
        case inspect.FloatType():
            return _float(info, random)
        case inspect.StrType():
            return _text(info, random)
        case inspect.TupleType():
            return tuple(_value(item, random, items_min) for item in info.item_types)
        case inspect.VarTupleType():
            count = random.randint(max(items_min, info.min_length or 0), ITEMS_MAX)
            return tuple(_value(info.item_type, random, items_min) for _ in range(count))
        case inspect.DictType():
            count = random.randint(max(items_min, info.min_length or 0), ITEMS_MAX)
            return {f"key-{number}": _value(info.value_type, random, items_min) for number in range(count)}
    raise AssertionError(f"no message has had a field of type {info} before; say here how to make one")


def arbitrary_decimal(random: Random) -> Decimal:
    """Within the bounds of `check_decimals`, of any scale, trailing zeros and negative zero included."""
    exponent = random.choice((-DECIMAL_PLACES_MAX, DECIMAL_PLACES_MAX, random.randint(-DECIMAL_PLACES_MAX, 0), -8, 0))
    digits_max = 18 - exponent
    digits = random.choice((0, 1, 10**digits_max, random.randrange(10 ** random.randint(1, digits_max + 1))))
    value = Decimal((random.randint(0, 1), tuple(map(int, str(digits))), exponent))
    return value if abs(value) <= DECIMAL_MAX else DECIMAL_MAX


def _integer(info: inspect.IntType, random: Random) -> int:
    assert info.ge is not None, "integers of messages are bounded"
    assert info.le is not None, "integers of messages are bounded"
    return random.choice((info.ge, info.le, random.randint(info.ge, info.le)))


def _float(info: inspect.FloatType, random: Random) -> float:
    assert info.ge is not None, "floats of messages are bounded"
    assert info.le is not None, "floats of messages are bounded"
    return random.choice((float(info.ge), float(info.le), random.uniform(info.ge, info.le), 0.0, 5e-324, 0.1 + 0.2))


def _text(info: inspect.StrType, random: Random) -> str:
    if info.pattern is not None:
        return "".join(random.choice(ORDER_ID_LETTERS) for _ in range(random.choice((1, 32, random.randint(1, 32)))))
    shortest = info.min_length or 0
    longest = info.max_length or 40
    length = random.choice((shortest, random.randint(shortest, min(longest, 40)), min(longest, 64)))
    return "".join(random.choice(LETTERS) for _ in range(length))
