"""What is told of a kind: everything from its own types, docstrings and table."""

from decimal import Decimal
from enum import StrEnum
from typing import Annotated, Any, Literal

import msgspec
import pytest

from actors.runtime.strategy_kinds import Offer, StrategyKinds
from actors.strategies.registry import KINDS
from supervisor.scaffold.template.dip_buyer import DipBuyer
from supervisor.strategy_catalogue import (
    KindRow,
    ParameterRow,
    StateRow,
    TransitionRow,
    kind_details,
    kind_rows,
    parameter_rows,
)

BUILT_IN: Any = {"dip-buyer": DipBuyer}


class Pace(StrEnum):
    SLOW = "slow"
    FAST = "fast"


class Leg(msgspec.Struct):
    """:param instrument: what is traded."""

    instrument: str


class Straight(msgspec.Struct, tag="straight", tag_field="shape"):
    """:param length_m: from end to end."""

    length_m: float


class Round(msgspec.Struct, tag="round", tag_field="shape"):
    corners: tuple[int, str]


class Shapes(msgspec.Struct):
    """:param pieces: one after the other."""

    pieces: list[Straight | Round]
    spare: Leg | None = None


class Base(msgspec.Struct, kw_only=True):
    """What all have.

    :param wait_s: told by the base, :param note: and here, in one line.

    This paragraph is about no field.
    """

    wait_s: Annotated[float, msgspec.Meta(gt=0, lt=1)] = 0.5
    note: str = ""


class Parameters(Base, kw_only=True):
    """:param legs: which legs,
        in their order.
    :raises ValueError: never.
    """

    legs: Annotated[tuple[Leg, ...], msgspec.Meta(min_length=1, max_length=3)]
    budget: Annotated[Decimal, msgspec.Meta(extra={"above": "0", "most": "1000"})] = Decimal("1E+2")
    edge_bps_max: Annotated[float, msgspec.Meta(ge=-1e4, le=1e4)] | None = None
    pace: Pace = Pace.SLOW
    side: Literal["buy", "sell"] = "buy"
    is_shy: bool = False
    weights: dict[str, float] = {}
    names: list[str] = []
    count: Annotated[int, msgspec.Meta(ge=0)] = 3


@pytest.mark.parametrize(
    "expected",
    [
        ParameterRow("legs", "list of table", True, "", "", "1 to 3 entries", "which legs, in their order"),
        ParameterRow("legs[].instrument", "text", True, "", "", "", "what is traded"),
        ParameterRow("budget", "decimal as text", False, "100", "", "> 0, ≤ 1000", ""),
        ParameterRow("edge_bps_max", "number", False, "none", "bps", "-10000 to 10000", ""),
        ParameterRow("pace", "slow | fast", False, "slow", "", "", ""),
        ParameterRow("side", "buy | sell", False, "buy", "", "", ""),
        ParameterRow("is_shy", "true or false", False, "false", "", "", ""),
        ParameterRow("weights", "table of number by text", False, "{}", "", "", ""),
        ParameterRow("names", "list of text", False, "[]", "", "", ""),
        ParameterRow("count", "whole number", False, "3", "", "≥ 0", ""),
        ParameterRow("wait_s", "number", False, "0.5", "s", "> 0, < 1", "told by the base,"),
        ParameterRow("note", "text", False, "", "", "", "and here, in one line"),
    ],
    ids=lambda row: row.name,
)
def test_a_parameter_is_told_from_its_type_its_name_and_the_docstring(expected: ParameterRow) -> None:
    (row,) = (row for row in parameter_rows(Parameters) if row.name == expected.name)
    assert expected == row


def test_parameters_keep_their_order_and_a_table_is_followed_by_its_own() -> None:
    names = [row.name for row in parameter_rows(Parameters)]
    assert ["legs", "legs[].instrument"] == [name for name in names if name.startswith("legs")]
    assert len(names) == len(set(names)) == 12


def test_tables_of_several_sorts_are_told_sort_by_sort() -> None:
    assert [
        ("pieces", "list of table"),
        ("pieces[].shape", "straight | round"),
        ("pieces[round].corners", "list of 2: whole number, text"),
        ("pieces[straight].length_m", "number"),
        ("spare", "table"),
        ("spare.instrument", "text"),
    ] == sorted((row.name, row.type) for row in parameter_rows(Shapes))


def test_a_kind_is_told_whole() -> None:
    details = kind_details(StrategyKinds(BUILT_IN, ()), "dip-buyer")
    assert ("dip-buyer", "built in") == (details.kind, details.origin)
    assert "Buys a dip and sells the recovery: a small strategy to start from." == details.purpose
    assert ["instrument", "notional"] == [row.name for row in details.parameters if row.is_required]
    assert StateRow("HOLDING", "bought; waiting for the recovery") in details.states
    assert TransitionRow("FLAT", "HALTED", ("HaltStrategy",)) in details.transitions
    assert details.diagram.startswith("stateDiagram-v2\n    [*] --> IDLE\n")


@pytest.mark.parametrize("kind", sorted(KINDS))
def test_every_parameter_of_a_built_in_kind_is_described(kind: str) -> None:
    details = kind_details(StrategyKinds(KINDS, ()), kind)
    assert [] == [row.name for row in details.parameters if not row.description]
    assert details.purpose.endswith(".")


def test_a_kind_that_cannot_be_used_is_a_row_among_the_others() -> None:
    kinds = StrategyKinds(BUILT_IN, (Offer("away", "no_such_module:Away", "far 2.1"),))
    away, dip = kind_rows(kinds)
    cause = "ModuleNotFoundError: No module named 'no_such_module'"
    fault = f'kind "away" of far 2.1 (no_such_module:Away) cannot be used: {cause}; correct or uninstall it'
    assert KindRow("away", "", "far 2.1", fault) == away
    assert ("dip-buyer", "") == (dip.kind, dip.fault)
