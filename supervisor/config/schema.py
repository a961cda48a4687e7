"""The JSON Schema of a config, made from the structs that it is decoded into; for editors.

It says what the types say, as the decoder takes it: Decimals as text or whole numbers, no null, no unknown keys. What a
config cannot be in combination, only `outcry check` knows. Descriptions are those of the docstrings.
"""

from collections.abc import Mapping
from enum import Enum
from typing import Any, Final

import msgspec
from msgspec import NODEFAULT, inspect

from actors.runtime.strategy_kinds import BrokenKind
from supervisor import docstrings
from supervisor.config.shape import Config, StrategyConfig
from supervisor.config.strategies import StrategyKind
from supervisor.plain import to_plain

DRAFT: Final = "https://json-schema.org/draft/2020-12/schema"
VARIABLE: Final = r"\$\{[^}]*\}"
"""A text may hold `${NAME}`, whose value is not known yet."""

END: Final = r"\Z"
"""Python's end of a text, which `$` is in JSON Schema."""

_NUMBER: Final = r"(?:\d[\d_]*(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d+)?"
_Schema = dict[str, Any]


def config_schema(kinds: Mapping[str, StrategyKind]) -> tuple[_Schema, tuple[str, ...]]:
    """The schema of a whole config.

    :returns: the schema, and why kinds had to be left out.
    """
    writer = _Writer()
    top = writer.table(inspect.type_info(Config))
    strategy = writer.definitions[StrategyConfig.__name__]
    broken = _add_parameters(writer, strategy, kinds)
    schema = {"$schema": DRAFT, **top, "title": "Open Outcry cluster", "$defs": writer.definitions}
    return schema, broken


def _add_parameters(writer: "_Writer", strategy: _Schema, kinds: Mapping[str, StrategyKind]) -> tuple[str, ...]:
    """Make the parameters of a strategy those of its kind."""
    broken, usable, rules = [], [], []
    for kind in sorted(kinds):
        try:
            parameters = inspect.type_info(kinds[kind].parameters_type)
        except BrokenKind as error:
            broken.append(str(error))
            continue
        usable.append(kind)
        assert isinstance(parameters, inspect.StructType)
        then: _Schema = {"properties": {"parameters": writer.of(parameters)}}
        if any(field.required for field in parameters.fields):
            then["required"] = ["parameters"]
        rules.append({"if": {"properties": {"kind": {"const": kind}}, "required": ["kind"]}, "then": then})
    strategy["properties"]["kind"] = {**strategy["properties"]["kind"], "enum": usable}
    strategy["properties"]["parameters"] = {"type": "object", **_described(strategy["properties"]["parameters"])}
    strategy["allOf"] = rules
    return tuple(broken)


def _described(schema: _Schema) -> _Schema:
    return {key: value for key, value in schema.items() if key == "description"}


class _Writer:
    """:ivar definitions: every table met so far, by name."""

    def __init__(self) -> None:
        self.definitions: dict[str, _Schema] = {}
        self._names: dict[type, str] = {}

    def of(self, info: inspect.Type) -> _Schema:
        """The schema of a value."""
        extra: Mapping[str, Any] = {}
        if isinstance(info, inspect.Metadata):
            extra, info = info.extra or {}, info.type
        expected = {"description": f"Expected: {extra['expected']}."} if "expected" in extra else {}
        if isinstance(info, inspect.StructType):
            return {"$ref": f"#/$defs/{self._define(info)}"}
        if isinstance(info, inspect.UnionType):
            return self._union(info, extra)
        if isinstance(info, inspect.ListType | inspect.VarTupleType | inspect.SetType | inspect.FrozenSetType):
            bounds = _present(minItems=info.min_length, maxItems=info.max_length)
            return {"type": "array", "items": self.of(info.item_type), **bounds}
        if isinstance(info, inspect.TupleType):
            count = len(info.item_types)
            entries = [self.of(item) for item in info.item_types]
            return {"type": "array", "prefixItems": entries, "minItems": count, "maxItems": count}
        if isinstance(info, inspect.DictType):
            keys = self.of(info.key_type)
            return {"type": "object", "propertyNames": keys, "additionalProperties": self.of(info.value_type)}
        return {**_leaf(info, extra), **expected}

    def _union(self, info: inspect.UnionType, extra: Mapping[str, Any]) -> _Schema:
        options = [option for option in info.types if not isinstance(option, inspect.NoneType)]  # TOML has no null
        schemas = [self.of(inspect.Metadata(option, extra=dict(extra)) if extra else option) for option in options]
        return schemas[0] if len(schemas) == 1 else {"anyOf": schemas}

    def _define(self, info: inspect.StructType) -> str:
        if info.cls not in self._names:
            name = info.cls.__name__
            if name in self._names.values():
                name = f"{info.cls.__module__}.{name}"
            self._names[info.cls] = name
            self.definitions[name] = self.table(info)
        return self._names[info.cls]

    def table(self, info: inspect.Type) -> _Schema:
        assert isinstance(info, inspect.StructType)
        described = docstrings.fields(info.cls)
        properties: dict[str, _Schema] = {}
        if info.tag_field:
            properties[info.tag_field] = {"const": info.tag}
        for field in info.fields:
            properties[field.encode_name] = {**self.of(field.type), **_default(field)}
            if field.name in described:
                properties[field.encode_name]["description"] = described[field.name]
        required = [info.tag_field] if info.tag_field else []
        return {
            "type": "object",
            **_present(description=docstrings.summary(info.cls) or None),
            "properties": properties,
            "required": [*required, *(field.encode_name for field in info.fields if field.required)],
            "additionalProperties": False,
        }


def _leaf(info: inspect.Type, extra: Mapping[str, Any]) -> _Schema:
    if isinstance(info, inspect.DecimalType):
        return _decimal(extra)
    if isinstance(info, inspect.IntType | inspect.FloatType):
        kind = "integer" if isinstance(info, inspect.IntType) else "number"
        bounds = _present(minimum=info.ge, exclusiveMinimum=info.gt, maximum=info.le, exclusiveMaximum=info.lt)
        return {"type": kind, **bounds}
    if isinstance(info, inspect.StrType):
        bounds = _present(minLength=info.min_length, maxLength=info.max_length)
        return {"type": "string", **bounds, **_present(pattern=info.pattern and _or_variable(info.pattern))}
    if isinstance(info, inspect.EnumType):
        return {"enum": [member.value for member in info.cls]}
    if isinstance(info, inspect.LiteralType):
        return {"enum": list(info.values)}
    if isinstance(info, inspect.BoolType):
        return {"type": "boolean"}
    return {"type": "string", "format": "date-time"} if isinstance(info, inspect.DateTimeType) else {}


def _decimal(extra: Mapping[str, Any]) -> _Schema:
    """Text or a whole number (any number where the field says so). Of a text's bounds only the sign can be told."""
    above, least, most = (_plain_number(extra.get(name)) for name in ("above", "least", "most"))
    lowest = above if least is None else least
    sign = r"\+?" if lowest is not None and lowest >= 0 else "[+-]?"
    is_positive = r"(?=[^eE]*[1-9])" if above == 0 else ""
    bounds = _present(exclusiveMinimum=above, minimum=least, maximum=most)
    return {
        "anyOf": [
            {"type": "string", "pattern": _or_variable(rf"^{is_positive}{sign}{_NUMBER}$")},
            {"type": "number" if extra.get("accepts_float") else "integer", **bounds},
        ]
    }


def _plain_number(text: str | None) -> int | float | None:
    if text is None:
        return None
    number = float(text)
    return int(number) if number.is_integer() else number


def _or_variable(pattern: str) -> str:
    """The pattern in the language of JSON Schema, or a text with a variable in it."""
    return f"{pattern.removesuffix(END)}{'$' if pattern.endswith(END) else ''}|{VARIABLE}"


def _default(field: inspect.Field) -> _Schema:
    value = field.default if field.default is not NODEFAULT else None
    if isinstance(value, msgspec.Struct | Enum | tuple | str | int | float) or hasattr(value, "as_tuple"):
        return {"default": to_plain(value)}
    return {}


def _present(**keywords: Any) -> _Schema:
    return {name: value for name, value in keywords.items() if value is not None}
