"""What every body of Bybit V5 has in common: its envelope, its numbers in quotes, and the one error of a bad one.

Source: Bybit V5 API documentation, "Integration Guidance", section "Common response parameters"; "Websocket Trade
Guideline", section "Create/Amend/Cancel Order"; read 2026-11-24. Fields that are not named here are ignored.
"""

from decimal import Decimal, InvalidOperation
from typing import Annotated, Any, Final, TypeVar

import msgspec

from messages.base import NS_MAX, check_decimals

NS_PER_MS: Final = 1_000_000
TEXT_SHOWN_MAX: Final = 200

Millis = Annotated[int, msgspec.Meta(ge=0, le=NS_MAX // NS_PER_MS)]
Text = str | None
"""Bybit leaves out, nulls or empties the fields that do not apply."""

_Body = TypeVar("_Body")


class MalformedBody(ValueError):
    """What came is not what the venue's documentation says. The text names what was decoded, and where it failed."""


class Envelope(msgspec.Struct, frozen=True, rename="camel"):
    """The answer to a call of the REST interface."""

    ret_code: int
    ret_msg: Text = ""
    result: msgspec.Raw = msgspec.Raw(b"{}")
    time: Millis = 0


class TradeAnswer(msgspec.Struct, frozen=True, rename="camel"):
    """An answer on the trade WebSocket. :param header: the limits, under their names of REST headers."""

    op: str = ""
    req_id: Text = ""
    ret_code: int = 0
    ret_msg: Text = ""
    data: msgspec.Raw = msgspec.Raw(b"{}")
    header: dict[str, Any] = {}


class Page(msgspec.Struct, frozen=True, rename="camel"):
    """A list that comes in parts; an empty cursor ends it."""

    list: tuple[msgspec.Raw, ...] = ()
    next_page_cursor: Text = ""
    category: Text = ""


class OrderNames(msgspec.Struct, frozen=True, rename="camel"):
    """What an acknowledged request for an order names."""

    order_id: Text = ""
    order_link_id: Text = ""


def decode(data: bytes | msgspec.Raw, kind: type[_Body], what: str) -> _Body:
    """:raises MalformedBody: with the path of what failed."""
    try:
        return msgspec.json.decode(data, type=kind, strict=False)
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        shown = bytes(data)[:TEXT_SHOWN_MAX].decode("utf-8", "replace")
        raise MalformedBody(f"{what} cannot be decoded: {error}; in {shown!r}") from error


def exact(text: str, where: str) -> Decimal:
    """A number of the venue's, to its last digit.

    :raises MalformedBody: it is no finite number within our bounds.
    """
    try:
        value = Decimal(text)
        check_decimals(value)
    except (InvalidOperation, ValueError) as error:
        raise MalformedBody(f"{where} is {text!r}; expected a decimal number within ±1e18") from error
    return value


def exact_or_none(text: Text, where: str) -> Decimal | None:
    """The same where the venue may have nothing to say."""
    return exact(text, where) if text else None


def exact_or_zero(text: Text, where: str) -> Decimal:
    return exact(text, where) if text else Decimal(0)


def ns_of_ms(text: Text, where: str, otherwise_ms: int = 0) -> int:
    """Milliseconds in quotes, as nanoseconds; `otherwise_ms` where there are none."""
    if not text:
        return otherwise_ms * NS_PER_MS
    if not text.isascii() or not text.isdigit() or int(text) > NS_MAX // NS_PER_MS:
        raise MalformedBody(f"{where} is {text!r}; expected milliseconds since the epoch")
    return int(text) * NS_PER_MS


def plain(value: Decimal) -> str:
    """A number as the venue reads it: never with an exponent."""
    return format(value, "f")
