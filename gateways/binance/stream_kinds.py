"""What else comes over a market stream: answers to subscriptions, notices, kinds that nobody here wants.

Sources, read 2026-11-24: Binance Spot API docs, "WebSocket Streams" (Live Subscribing/Unsubscribing, Error Messages,
each stream); Derivatives docs, USDⓈ-M and COIN-M Futures, "Websocket Market Streams" (list of streams), "Live
Subscribing Unsubscribing to streams"; Spot API docs, "Connection events" (`serverShutdown`). The two `_all` kinds are
of options, which share a host with USDⓈ-M.
"""

from typing import Annotated, Final

import msgspec

from messages.base import Count

TEXT_MAX: Final = 400
"""Characters of a foreign text that are kept."""

OPEN_INTEREST: Final = "openInterest"
"""A REST answer, recorded among the frames of some."""

RPI_DEPTH: Final = "rpiDepth"
"""The book with retail price improvement orders in it, which an order over the API cannot meet."""

NOT_WANTED: Final = frozenset(
    {
        "kline", "continuous_kline", "indexPrice_kline", "markPrice_kline", "indexPriceUpdate",
        "24hrTicker", "24hrMiniTicker", "1hTicker", "4hTicker", "1dTicker", "avgPrice", "referencePrice",
        "forceOrder", "compositeIndex", "contractInfo", "assetIndexUpdate", "tradingSession",
        "EquityUpdate", "CommodityUpdate", "trade_all", "ticker_all",
        OPEN_INTEREST, RPI_DEPTH,
    }
)  # fmt: skip
"""Kinds (`e`) that are known, and of no use to us."""

WANTED: Final = frozenset({"bookTicker", "trade", "aggTrade", "markPriceUpdate", "depthUpdate"})
"""Kinds that we read: of instruments that are not ours they are known, and not wanted."""

SHUTDOWN: Final = "serverShutdown"


class SubscriptionAnswered(msgspec.Struct, frozen=True):
    """The venue has heard a request on a stream connection.

    That a stream will deliver is not said by this: a name that does not exist, or that another path serves, is
    answered in the same way.

    :param id: of the request; "" where the venue does not say. :param streams: of LIST_SUBSCRIPTIONS.
    """

    id: str
    streams: tuple[str, ...] = ()


class SubscriptionRefused(msgspec.Struct, frozen=True):
    id: str
    code: int
    text: str


class ServerClosing(msgspec.Struct, frozen=True):
    """The venue is going to close this connection; open another one now."""

    ts_event: int


class UnknownMessage(msgspec.Struct, frozen=True):
    """A message of a kind that this protocol does not know: the venue has something new, or we are mistaken.

    :param kind: its `e`, else its stream, else "". :param head: how it begins.
    """

    kind: str
    head: str


class RefusalBody(msgspec.Struct, gc=False):
    code: int = 0
    msg: str = ""


class EventHeader(msgspec.Struct, gc=False):
    e: str = ""
    s: str = ""
    E: Count = 0


ABSENT: Final = msgspec.Raw()
"""What a field that was not sent is; a `null` that was sent is not empty."""


class FrameHeader(msgspec.Struct, gc=False):
    """What any frame may say of itself; a raw one has no `stream` and is itself what a combined one has in `data`."""

    stream: str = ""
    data: msgspec.Raw = ABSENT
    event: EventHeader | None = None
    e: str = ""
    s: str = ""
    E: Count = 0
    u: Count | None = None
    a: msgspec.Raw = ABSENT
    result: msgspec.Raw = ABSENT
    error: RefusalBody | None = None
    code: int | None = None
    msg: str = ""
    id: Annotated[str, msgspec.Meta(max_length=64)] | int | None = None
    last_update_id: Count | None = msgspec.field(name="lastUpdateId", default=None)
    open_interest: str = msgspec.field(name="openInterest", default="")


decode_frame_header = msgspec.json.Decoder(FrameHeader).decode
decode_event_header = msgspec.json.Decoder(EventHeader).decode
decode_event_headers = msgspec.json.Decoder(list[EventHeader]).decode


def answer_of(header: FrameHeader) -> SubscriptionAnswered | SubscriptionRefused | None:
    """None: it is not an answer."""
    request = "" if header.id is None else str(header.id)
    if header.error is not None:
        return SubscriptionRefused(request, header.error.code, header.error.msg[:TEXT_MAX])
    if header.code is not None:
        return SubscriptionRefused(request, header.code, header.msg[:TEXT_MAX])
    if not (result := bytes(header.result)):
        return None
    listed = msgspec.json.decode(result)
    streams = tuple(str(name) for name in listed) if isinstance(listed, list) else ()
    return SubscriptionAnswered(request, streams)


def unknown(kind: str, frame: bytes) -> UnknownMessage:
    return UnknownMessage(kind[:TEXT_MAX], frame[:TEXT_MAX].decode("utf-8", "replace"))
