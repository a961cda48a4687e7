"""The kinds of strategies that can be used here, as rows: their origins, parameters, states and transitions."""

import re
from decimal import Decimal
from enum import Enum
from typing import Any, Final

import msgspec
from msgspec import NODEFAULT, inspect

from actors.diagram import arrows, mermaid
from actors.runtime.strategy_kinds import BrokenKind, StrategyKinds
from actors.strategies.strategy import Strategy
from supervisor import docstrings
from supervisor.plain import decimal_text

UNITS: Final = {
    "ns": "ns", "us": "µs", "ms": "ms", "s": "s", "minutes": "minutes", "hours": "hours", "days": "days",
    "bps": "bps", "apr": "ratio a year", "ticks": "ticks", "lots": "lots",
}  # fmt: skip
"""By the last word of a name, bounds left out: `slippage_bps_max` is in bps."""

_SUFFIX = re.compile(r"_(?P<unit>[a-z]+?)(?:_(?:max|min))?\Z")


class KindRow(msgspec.Struct, frozen=True):
    """One kind.

    :param origin: `built in`, or the distribution that offers it.
    :param fault: why it cannot be used; empty where it can.
    """

    kind: str
    purpose: str
    origin: str
    fault: str = ""


class ParameterRow(msgspec.Struct, frozen=True):
    """One parameter.

    :param default: as a config would have it; empty where it must be given.
    :param unit: from the end of its name; empty for none.
    """

    name: str
    type: str
    is_required: bool
    default: str
    unit: str
    range: str
    description: str


class StateRow(msgspec.Struct, frozen=True):
    name: str
    meaning: str


class TransitionRow(msgspec.Struct, frozen=True):
    """From one state to another, and the messages that may lead there."""

    source: str
    target: str
    messages: tuple[str, ...]


class KindDetails(msgspec.Struct, frozen=True):
    """Everything about one kind.

    :param diagram: of its states, in Mermaid's language.
    """

    kind: str
    purpose: str
    origin: str
    parameters: tuple[ParameterRow, ...]
    states: tuple[StateRow, ...]
    transitions: tuple[TransitionRow, ...]
    diagram: str


def kind_rows(kinds: StrategyKinds) -> tuple[KindRow, ...]:
    """Every kind, those that cannot be used included."""
    return tuple(_kind_row(kinds, kind) for kind in sorted(kinds))


def kind_details(kinds: StrategyKinds, kind: str) -> KindDetails:
    """All about one kind.

    :raises UnknownKind: there is none of this name.
    :raises BrokenKind: it cannot be used.
    """
    found = kinds[kind]
    return KindDetails(
        kind=kind,
        purpose=docstrings.purpose(found),
        origin=kinds.origin(kind),
        parameters=parameter_rows(found.parameters_type),
        states=tuple(StateRow(state.name, str(state.value)) for state in type(found.initial)),
        transitions=transition_rows(found),
        diagram=mermaid(found.initial, found.transitions, found.terminal),
    )


def transition_rows(found: type[Strategy[Any]]) -> tuple[TransitionRow, ...]:
    by_states = arrows(type(found.initial), found.transitions)
    return tuple(TransitionRow(source, target, names) for (source, target), names in by_states.items())


def parameter_rows(struct: type[msgspec.Struct], prefix: str = "") -> tuple[ParameterRow, ...]:
    """The parameters of a struct: its own in their order, then those of its bases; those of a table within it follow
    under its name.
    """
    described = docstrings.fields(struct)
    own = struct.__annotations__
    rows: list[ParameterRow] = []
    for field in sorted(msgspec.structs.fields(struct), key=lambda field: field.name not in own):
        info = inspect.type_info(field.type)
        name = f"{prefix}{field.encode_name}"
        default = "" if field.required else _shown(_default_of(field))
        words = (type_in_words(info), field.required, default, _unit(field.encode_name), range_in_words(info))
        rows.append(ParameterRow(name, *words, described.get(field.name, "")))
        rows += _rows_within(name, info)
    return tuple(rows)


def _rows_within(name: str, info: inspect.Type) -> list[ParameterRow]:
    """The parameters of the tables within a parameter; where there are several sorts of them, of each sort."""
    tables = _tables_in(info)
    mark = "[]" if _is_list(info) else ""
    tagged = [table for table in tables if table.tag_field]
    rows = []
    if tagged:
        tags = " | ".join(str(table.tag) for table in tagged)
        rows.append(ParameterRow(f"{name}{mark}.{tagged[0].tag_field}", tags, True, "", "", "", "which sort of it"))
    for table in tables:
        sort = f"[{table.tag}]" if table.tag_field else mark
        rows += parameter_rows(table.cls, f"{name}{sort}.")
    return rows


def type_in_words(info: inspect.Type) -> str:
    bare = _bare(info)
    if isinstance(bare, inspect.UnionType):
        options = [option for option in bare.types if not isinstance(option, inspect.NoneType)]
        return " or ".join(dict.fromkeys(type_in_words(option) for option in options))
    if isinstance(bare, inspect.EnumType):
        return " | ".join(str(member.value) for member in bare.cls)
    if isinstance(bare, inspect.LiteralType):
        return " | ".join(str(value) for value in bare.values)
    if isinstance(bare, inspect.ListType | inspect.VarTupleType | inspect.SetType | inspect.FrozenSetType):
        return f"list of {type_in_words(bare.item_type)}"
    if isinstance(bare, inspect.DictType):
        return f"table of {type_in_words(bare.value_type)} by {type_in_words(bare.key_type)}"
    if isinstance(bare, inspect.TupleType):
        return f"list of {len(bare.item_types)}: {', '.join(type_in_words(item) for item in bare.item_types)}"
    names: dict[type[inspect.Type], str] = {
        inspect.StrType: "text",
        inspect.BoolType: "true or false",
        inspect.IntType: "whole number",
        inspect.FloatType: "number",
        inspect.DecimalType: "decimal as text",
        inspect.DateTimeType: "date and time",
        inspect.StructType: "table",
    }
    return names.get(type(bare), "value")


def range_in_words(info: inspect.Type) -> str:
    """The bounds that the type states; empty for none. What the kind's own check demands is not seen here."""
    extra = (info.extra or {}) if isinstance(info, inspect.Metadata) else {}
    bare = _bare(info)
    if isinstance(bare, inspect.UnionType):
        return next((words for words in map(range_in_words, bare.types) if words), "")
    if isinstance(bare, inspect.IntType | inspect.FloatType):
        return _interval(bare.gt, bare.ge, bare.lt, bare.le)
    if isinstance(bare, inspect.DecimalType):
        return _interval(extra.get("above"), extra.get("least"), None, extra.get("most"))
    if isinstance(bare, inspect.ListType | inspect.VarTupleType):
        entries = _interval(None, bare.min_length, None, bare.max_length)
        return f"{entries} entries" if entries else ""
    return ""


def _interval(gt: Any, ge: Any, lt: Any, le: Any) -> str:
    if ge is not None and le is not None:
        return f"{_number(ge)} to {_number(le)}"
    bounds = ((">", gt), ("≥", ge), ("<", lt), ("≤", le))
    return ", ".join(f"{sign} {_number(bound)}" for sign, bound in bounds if bound is not None)


def _number(bound: Any) -> str:
    return decimal_text(Decimal(str(bound)).normalize())


def _bare(info: inspect.Type) -> inspect.Type:
    return info.type if isinstance(info, inspect.Metadata) else info


def _is_list(info: inspect.Type) -> bool:
    return isinstance(_bare(info), inspect.ListType | inspect.VarTupleType)


def _tables_in(info: inspect.Type) -> list[inspect.StructType]:
    bare = _bare(info)
    if isinstance(bare, inspect.ListType | inspect.VarTupleType):
        return _tables_in(bare.item_type)
    options = bare.types if isinstance(bare, inspect.UnionType) else (bare,)
    return [option for option in options if isinstance(option, inspect.StructType)]


def _default_of(field: msgspec.structs.FieldInfo) -> Any:
    return field.default if field.default is not NODEFAULT else field.default_factory()


def _shown(value: Any) -> str:
    if value is None:
        return "none"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, Enum):
        return str(value.value)
    if isinstance(value, tuple | list):
        return f"[{', '.join(_shown(item) for item in value)}]"
    return decimal_text(value) if isinstance(value, Decimal) else str(value)


def _unit(name: str) -> str:
    matched = _SUFFIX.search(name)
    return UNITS.get(matched["unit"], "") if matched else ""


def _kind_row(kinds: StrategyKinds, kind: str) -> KindRow:
    try:
        return KindRow(kind, docstrings.purpose(kinds[kind]), kinds.origin(kind))
    except BrokenKind as error:
        return KindRow(kind, "", kinds.origin(kind), str(error))
