"""The public WebSocket frames of Bybit V5 as typed structs, and their decoders. Pure.

Sources: Bybit V5 API docs, "WebSocket Stream / Public": "Orderbook", "Trade", "Ticker"; "WebSocket Stream / Connect",
sections "How to Send the Heartbeat Packet" and "Understanding the Subscription Response"; read 2026-11-24. `topic`
comes first in every frame; `ts` before or after `type`.
"""

from typing import Annotated, Final, Literal

import msgspec

from messages.base import NS_MAX, Count, Id, Price, Ratio, Size

NS_PER_MS: Final = 1_000_000

Ms = Annotated[int, msgspec.Meta(ge=0, le=NS_MAX // NS_PER_MS)]
Levels = list[tuple[Price, Size]]
Number = str | None
"""A number in text: "" where there is none; None where a delta does not speak of it."""


class Book(msgspec.Struct, gc=False):
    b: Levels
    a: Levels
    u: Count
    seq: Count = 0


class BookFrame(msgspec.Struct, gc=False):
    """:ivar cts: the matching engine's time, which agrees with that of trades; not in the oldest recordings."""

    type: Literal["snapshot", "delta"]
    ts: Ms
    data: Book
    cts: Ms | None = None

    @property
    def ts_event(self) -> int:
        """The venue's time of the change, in nanoseconds."""
        return (self.ts if self.cts is None else self.cts) * NS_PER_MS


class Print(msgspec.Struct, gc=False):
    """One trade. `S` is the side of the taker; `BT`: a block trade, agreed on outside of the book."""

    T: Ms
    S: Literal["Buy", "Sell"]
    v: Size
    p: Price
    i: Id
    BT: bool = False


class TradeFrame(msgspec.Struct, gc=False):
    data: list[Print]


class Ticker(msgspec.Struct, gc=False, rename="camel"):
    """What we want of a ticker; spot tickers have none of it."""

    mark_price: Number = None
    index_price: Number = None
    funding_rate: Number = None
    next_funding_time: Number = None
    bid1_price: Number = None
    bid1_size: Number = None
    ask1_price: Number = None
    ask1_size: Number = None


class TickerFrame(msgspec.Struct, gc=False):
    type: Literal["snapshot", "delta"]
    ts: Ms
    data: Ticker


class SubscribedTopics(msgspec.Struct, gc=False, rename="camel"):
    fail_topics: list[str] = []


class Header(msgspec.Struct, gc=False):
    """What any frame may say of itself; the older protocols answer with `request`, and their REST with `ret_code`."""

    topic: str = ""
    op: str = ""
    type: str = ""
    success: bool | None = None
    ret_msg: str = ""
    ret_message: str = msgspec.field(name="retMsg", default="")
    ret_code: int | None = msgspec.field(name="retCode", default=None)
    conn_id: str = ""
    connection_id: str = msgspec.field(name="connId", default="")
    req_id: str = ""
    request: msgspec.Raw = msgspec.Raw()
    old_ret_code: int | None = msgspec.field(name="ret_code", default=None)
    data: msgspec.Raw = msgspec.Raw()


# Lax mode reads the venue's quoted numbers straight into bounded floats.
decode_book = msgspec.json.Decoder(BookFrame, strict=False).decode
decode_trades = msgspec.json.Decoder(TradeFrame, strict=False).decode
decode_ticker = msgspec.json.Decoder(TickerFrame, strict=False).decode
decode_header = msgspec.json.Decoder(Header, strict=False).decode
decode_subscribed_topics = msgspec.json.Decoder(SubscribedTopics).decode


def price_of(text: str) -> float | None:
    """A price or size in text, within bounds; None where there is none.

    :raises msgspec.ValidationError: it is no number, or out of bounds.
    """
    return _price(text) if text else None


def rate_of(text: str) -> float:
    """A rate in text; 0.0 where there is none, as of a future that pays no funding."""
    return _rate(text) if text else 0.0


def stamp_ns(text: str) -> int:
    """Milliseconds since the epoch in text, as nanoseconds; 0 where there is none."""
    return _ms(text) * NS_PER_MS if text else 0


def _price(text: str) -> float:
    value: float = msgspec.convert(text, Price, strict=False)
    return value


def _rate(text: str) -> float:
    value: float = msgspec.convert(text, Ratio, strict=False)
    return value


def _ms(text: str) -> int:
    value: int = msgspec.convert(text, Ms, strict=False)
    return value
