"""The shape that all messages share, and the bounds of the values that they carry.

A float in a message is a signal and is bounded (an unbounded msgspec float accepts NaN and infinity); a Decimal is
money or an order and is checked by `check_decimals`, because msgspec accepts any text that `Decimal` accepts.
"""

from decimal import Decimal
from typing import Annotated

import msgspec

PROTOCOL_VERSION = 2
"""Checked at every login; two processes that disagree refuse each other."""

DECIMAL_MAX = Decimal("1e18")
DECIMAL_PLACES_MAX = 18
ID_LENGTH_MAX = 64
TEXT_LENGTH_MAX = 16_384
NS_MAX = 2**63 - 1

_PLAIN_LENGTH_MAX = 18

Id = Annotated[str, msgspec.Meta(min_length=1, max_length=ID_LENGTH_MAX)]
"""An identifier of ours or of a venue: 1 to 64 characters."""

OptionalId = Annotated[str, msgspec.Meta(max_length=ID_LENGTH_MAX)]
"""As `Id`, where the empty string says that there is none."""

Text = Annotated[str, msgspec.Meta(max_length=TEXT_LENGTH_MAX)]
"""Words for a person: a reason, a traceback (at most 16,384 characters)."""

Price = Annotated[float, msgspec.Meta(ge=0.0, le=1e15)]
Size = Annotated[float, msgspec.Meta(ge=0.0, le=1e15)]
Ratio = Annotated[float, msgspec.Meta(ge=-1e15, le=1e15)]
Count = Annotated[int, msgspec.Meta(ge=0, le=NS_MAX)]
Ns = Annotated[int, msgspec.Meta(ge=0, le=NS_MAX)]
"""Integer nanoseconds: since the epoch in `ts_*` fields, of the monotonic clock in `*_mono_ns` fields."""


class Message(msgspec.Struct, frozen=True, tag_field="message", array_like=True, gc=False, forbid_unknown_fields=True):
    """The base of every message: frozen, tagged by its subclass, encoded as an array, invisible to the GC."""


def check_decimals(*values: Decimal | None) -> None:
    """Refuse a Decimal that is not finite, or outside ±1e18, or finer than 18 decimal places.

    :raises ValueError: which msgspec turns into its ValidationError while decoding.
    """
    for value in values:
        if value is None:
            continue
        text = str(value)
        # Up to 18 characters of plain digits are in bounds; this runs for every order, taking it apart costs more.
        if len(text) > _PLAIN_LENGTH_MAX or "E" in text or "N" in text or "I" in text:
            _check_unusual(value)


def _check_unusual(value: Decimal) -> None:
    """The same for a Decimal that is not plainly in bounds by its digits, as 1E+3 is not."""
    if not value.is_finite():
        raise ValueError("expected a finite decimal")
    exponent = value.as_tuple().exponent
    if isinstance(exponent, int) and not -DECIMAL_PLACES_MAX <= exponent <= DECIMAL_PLACES_MAX:
        raise ValueError(f"expected a decimal with at most {DECIMAL_PLACES_MAX} places")
    if not -DECIMAL_MAX <= value <= DECIMAL_MAX:
        raise ValueError("expected a decimal within ±1e18")
