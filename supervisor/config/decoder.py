"""Decodes a TOML document into msgspec structs and reports every mistake instead of the first.

Structs are walked field by field; only leaves are left to msgspec. Money is a Decimal and is written as text or as a
whole number: a TOML float has already lost digits when it is read. A field says more in `msgspec.Meta(extra=...)`:

    expected       what is right, in words, where the type does not say it well
    above, least   bounds of a Decimal, as text: greater than, at least
    accepts_float  this Decimal may be a TOML float and is taken as it was written (fees in basis points)
"""

import math
from collections.abc import Collection, Iterator, Mapping
from decimal import Decimal, InvalidOperation
from enum import Enum
from typing import Any, Final, TypeVar, get_args

import msgspec
from msgspec import inspect

from messages.base import DECIMAL_PLACES_MAX, check_decimals
from supervisor.config.mistakes import Mistake, nearest_name, one_of, shown

StructT = TypeVar("StructT")


class Failed(Enum):
    """Stands for a value that could not be decoded; its mistake has been recorded."""

    FAILED = "failed"


FAILED: Final = Failed.FAILED


class Decoder:
    """Decodes the tables of one document.

    :ivar mistakes: whatever was wrong so far.
    :ivar decoded: every table that could be decoded, by its path, also where the table around it could not.
    """

    def __init__(self) -> None:
        self.mistakes: list[Mistake] = []
        self.decoded: dict[str, Any] = {}

    def tables(self, kind: type[StructT]) -> Iterator[tuple[str, StructT]]:
        """Every decoded table of one type, with its path."""
        return ((path, table) for path, table in self.decoded.items() if isinstance(table, kind))

    def decode(self, value: Any, kind: Any, path: str) -> Any:
        """Decode one value; `FAILED` where it or anything in it is wrong."""
        if value is FAILED:
            return FAILED
        info, extra = _type_and_extra(kind)
        if isinstance(info, inspect.UnionType | inspect.StructType):
            structs = [option for option in _options(info) if isinstance(option, inspect.StructType)]
            if structs:
                return self._table(value, structs, path)
            present = [option for option in _arguments(kind) if option is not type(None)]  # TOML has no null
            if len(present) == 1:
                return self.decode(value, present[0], path)
        if isinstance(info, inspect.ListType | inspect.VarTupleType):
            return self._list(value, kind, info, path)
        if isinstance(info, inspect.DictType):
            return self._dict(value, kind, path)
        if isinstance(info, inspect.DecimalType):
            return self._decimal(value, extra, path)
        return self._leaf(value, kind, extra.get("expected") or describe(info), path)

    def _table(self, value: Any, structs: list[inspect.StructType], path: str) -> Any:
        if not isinstance(value, dict):
            return self._wrong(path, shown(value), "a table")
        info = structs[0]
        if info.tag_field:
            by_tag = {str(option.tag): option for option in structs}
            tag = value.get(info.tag_field)
            tag_path = _join(path, info.tag_field)
            if tag is FAILED:
                return FAILED
            if tag is None:
                return self._wrong(tag_path, "missing key", one_of(by_tag))
            if not isinstance(tag, str) or tag not in by_tag:
                return self._wrong(tag_path, shown(tag), one_of(by_tag), nearest_name(str(tag), by_tag))
            info = by_tag[tag]
        return self._struct(value, info, path)

    def _struct(self, value: dict[str, Any], info: inspect.StructType, path: str) -> Any:
        fields = {field.encode_name: field for field in msgspec.structs.fields(info.cls)}
        misspelt = self._unknown_keys(value, set(fields) | ({info.tag_field} if info.tag_field else set()), path)
        values: dict[str, Any] = {}
        for key, field in fields.items():
            if key in value:
                values[field.name] = self.decode(value[key], field.type, _join(path, key))
            elif key in misspelt:
                values[field.name] = FAILED
            elif field.required:
                values[field.name] = self._wrong(_join(path, key), "missing key", expectation(field.type))
        if any(item is FAILED for item in values.values()):
            return FAILED
        try:
            table = info.cls(**values)
        except ValueError as error:  # from __post_init__, where the struct checks one field against another
            return self._wrong(*locate(str(error), fields, path))
        self.decoded[path] = table
        return table

    def _unknown_keys(self, value: dict[str, Any], valid: set[str], path: str) -> set[str]:
        """Report the keys that do not belong here; the keys that were probably meant are not missing as well."""
        meant = set()
        for key in value:
            if key not in valid:
                nearest = nearest_name(key, valid - set(value))
                expected = "" if nearest else one_of(valid)
                self._wrong(_join(path, key), "unknown key", expected, nearest)
                meant.add(nearest)
        return meant

    def _list(self, value: Any, kind: Any, info: inspect.ListType | inspect.VarTupleType, path: str) -> Any:
        if not isinstance(value, list):
            return self._wrong(path, shown(value), "a list")
        least, most = info.min_length or 0, info.max_length
        if len(value) < least or (most is not None and len(value) > most):
            bounds = f"at least {least}" if most is None else f"{least} to {most}"
            return self._wrong(path, f"{len(value)} entries", bounds)
        item_type = _arguments(kind)[0]
        items = [self.decode(item, item_type, f"{path}[{index}]") for index, item in enumerate(value)]
        if any(item is FAILED for item in items):
            return FAILED
        return tuple(items) if isinstance(info, inspect.VarTupleType) else items

    def _dict(self, value: Any, kind: Any, path: str) -> Any:
        if not isinstance(value, dict):
            return self._wrong(path, shown(value), "a table")
        key_type, item_type = _arguments(kind)
        items = {
            self.decode(key, key_type, _join(path, key)): self.decode(item, item_type, _join(path, key))
            for key, item in value.items()
        }
        return FAILED if FAILED in items or FAILED in items.values() else items

    def _decimal(self, value: Any, extra: Mapping[str, Any], path: str) -> Any:
        expected = _describe_decimal(extra)
        if isinstance(value, float) and not extra.get("accepts_float"):
            return self._wrong(path, shown(value), f'{expected}, in quotes: "{value!r}"')
        if isinstance(value, bool) or not isinstance(value, str | int | float):
            return self._wrong(path, shown(value), expected)
        try:
            number = Decimal(repr(value) if isinstance(value, float) else value)
            check_decimals(number)
        except InvalidOperation:
            return self._wrong(path, shown(value), expected)
        except ValueError:
            places = f"finite, within ±1e18, with at most {DECIMAL_PLACES_MAX} places"
            return self._wrong(path, shown(value), f"{expected}, {places}")
        if not _is_within(number, extra):
            return self._wrong(path, shown(value), expected)
        return number

    def _leaf(self, value: Any, kind: Any, expected: str, path: str) -> Any:
        if isinstance(value, float) and not math.isfinite(value):  # most bounds let infinity pass
            return self._wrong(path, shown(value), expected)
        try:
            return msgspec.convert(value, kind)
        except msgspec.ValidationError:
            info = inspect.type_info(kind)
            nearest = nearest_name(value, _choices(info)) if isinstance(value, str) else ""
            return self._wrong(path, shown(value), expected, nearest)

    def _wrong(self, path: str, found: str, expected: str = "", nearest: str = "") -> Failed:
        self.mistakes.append(Mistake(path, found, expected, nearest))
        return FAILED


def locate(text: str, fields: Collection[str], path: str) -> tuple[str, str]:
    """The place and the words of a complaint; one that opens with the name of a field is about that field."""
    first, _, rest = text.partition(" ")
    name = first.rstrip(":,")
    return (_join(path, name), rest) if name in fields and rest else (path, text)


def expectation(kind: Any) -> str:
    """What a field of this type takes, in words."""
    info, extra = _type_and_extra(kind)
    if isinstance(info, inspect.DecimalType):
        return _describe_decimal(extra)
    return extra.get("expected") or describe(info)


def describe(info: inspect.Type) -> str:
    """A type in words, with its bounds."""
    choices = _choices(info)
    if choices:
        return one_of(choices)
    if isinstance(info, inspect.IntType | inspect.FloatType):
        return ("a whole number" if isinstance(info, inspect.IntType) else "a number") + _bounds(info)
    if isinstance(info, inspect.StrType):
        longest = f" of {info.min_length or 0} to {info.max_length} characters" if info.max_length else ""
        return "text" + longest
    names: dict[type[inspect.Type], str] = {
        inspect.BoolType: "true or false",
        inspect.DateTimeType: "a date and time with its offset: 2024-12-27T08:00:00Z",
        inspect.DecimalType: "a decimal in quotes",
        inspect.ListType: "a list",
        inspect.VarTupleType: "a list",
        inspect.DictType: "a table",
        inspect.StructType: "a table",
    }
    described = [names[type(option)] for option in _options(info) if type(option) in names]
    return " or ".join(dict.fromkeys(described)) or "another value"


def _type_and_extra(kind: Any) -> tuple[inspect.Type, Mapping[str, Any]]:
    info = inspect.type_info(kind)
    return (info.type, info.extra or {}) if isinstance(info, inspect.Metadata) else (info, {})


def _options(info: inspect.Type) -> tuple[inspect.Type, ...]:
    return info.types if isinstance(info, inspect.UnionType) else (info,)


def _choices(info: inspect.Type) -> list[str]:
    if isinstance(info, inspect.EnumType):
        return [str(member.value) for member in info.cls]
    if isinstance(info, inspect.LiteralType):
        return [str(value) for value in info.values]
    return []


def _arguments(kind: Any) -> tuple[Any, ...]:
    """The type arguments of a container, below any `Annotated`."""
    return get_args(kind.__origin__ if hasattr(kind, "__metadata__") else kind)


def _bounds(info: inspect.IntType | inspect.FloatType) -> str:
    if info.ge is not None and info.le is not None:
        return f" from {info.ge:g} to {info.le:g}"
    words = (("greater than", info.gt), ("at least", info.ge), ("less than", info.lt), ("at most", info.le))
    bounds = " and ".join(f"{word} {bound:g}" for word, bound in words if bound is not None)
    return f" {bounds}" if bounds.startswith(("greater", "less")) else bounds and f" of {bounds}"


def _describe_decimal(extra: Mapping[str, Any]) -> str:
    bound = ""
    if "above" in extra:
        bound = f" greater than {extra['above']}"
    elif "least" in extra:
        bound = f" of at least {extra['least']}"
    return f"a decimal{bound}" + (f" and at most {extra['most']}" if "most" in extra else "")


def _is_within(number: Decimal, extra: Mapping[str, Any]) -> bool:
    return (
        ("above" not in extra or number > Decimal(extra["above"]))
        and ("least" not in extra or number >= Decimal(extra["least"]))
        and ("most" not in extra or number <= Decimal(extra["most"]))
    )


def _join(path: str, key: str) -> str:
    return f"{path}.{key}" if path else key
