"""Messages as plain objects, for JSON that a person or a script reads: fields by name, Decimals as text."""

from collections.abc import Mapping
from decimal import Decimal
from enum import Enum
from typing import Any

import msgspec


def to_plain(value: Any) -> Any:
    """Turn a message, and whatever it holds, into dicts, lists, text and numbers.

    `msgspec.to_builtins` would make lists of messages, which are encoded as arrays.
    """
    if isinstance(value, msgspec.Struct):
        return {name: to_plain(getattr(value, name)) for name in value.__struct_fields__}
    if isinstance(value, Mapping):
        return {str(key): to_plain(item) for key, item in value.items()}
    if isinstance(value, tuple | list):
        return [to_plain(item) for item in value]
    if isinstance(value, Decimal):
        return decimal_text(value)
    return value.value if isinstance(value, Enum) else value


def decimal_text(value: Decimal) -> str:
    """A Decimal without an exponent: 0.00000001, not 1E-8."""
    return f"{value:f}"
