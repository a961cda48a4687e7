"""What kinds of WebSocket frames Bybit sends, told by their topics. Pure.

Sources: Bybit V5 API docs, section "WebSocket Stream" (Public: Orderbook, RPI Orderbook, Full Orderbook, Trade, Ticker,
Kline, LT Kline, LT Ticker, LT Nav, All Liquidation, Insurance Pool, ADL Alert, Order Price Limit; Private: Order,
Execution, Position, Wallet, Greek, Dcp; System Status); read 2026-11-24. The topics of the protocol before V5 are those
of sessions and frames recorded in 2021 and 2022.
"""

from enum import StrEnum
from typing import Final

from gateways.bybit.directory import Category


class FrameKind(StrEnum):
    BOOK = "book"
    TRADES = "trades"
    TICKER = "ticker"
    REPLY = "reply"
    PONG = "pong"
    KLINE = "kline"
    LIQUIDATION = "liquidation"
    OTHER_PUBLIC = "other public"
    NOT_SUBSCRIBED = "not subscribed"
    PRIVATE = "private"
    OLD_PROTOCOL = "old protocol"
    UNKNOWN = "unknown"


NOT_WANTED: Final = frozenset({FrameKind.KLINE, FrameKind.LIQUIDATION, FrameKind.OTHER_PUBLIC})
"""Kinds that are known, and that nothing here makes use of: they are counted, and make no event."""

ORDER_OPERATION_START: Final = "order."
"""How the operations of the connection for orders begin."""

_KINDS: Final = {
    "publicTrade": FrameKind.TRADES,
    "tickers": FrameKind.TICKER,
    "kline": FrameKind.KLINE,
    "liquidation": FrameKind.LIQUIDATION,
    "allLiquidation": FrameKind.LIQUIDATION,
    "insurance": FrameKind.OTHER_PUBLIC,
    "adlAlert": FrameKind.OTHER_PUBLIC,
    "priceLimit": FrameKind.OTHER_PUBLIC,
    "kline_lt": FrameKind.OTHER_PUBLIC,
    "tickers_lt": FrameKind.OTHER_PUBLIC,
    "lt": FrameKind.OTHER_PUBLIC,
    "system": FrameKind.OTHER_PUBLIC,
    "order": FrameKind.PRIVATE,
    "execution": FrameKind.PRIVATE,
    "position": FrameKind.PRIVATE,
    "wallet": FrameKind.PRIVATE,
    "greeks": FrameKind.PRIVATE,
    "dcp": FrameKind.PRIVATE,
    "orderBookL2_25": FrameKind.OLD_PROTOCOL,
    "orderBook_200": FrameKind.OLD_PROTOCOL,
    "instrument_info": FrameKind.OLD_PROTOCOL,
    "klineV2": FrameKind.OLD_PROTOCOL,
    "candle": FrameKind.OLD_PROTOCOL,
}


def kind_of_topic(topic: str) -> FrameKind:
    """The kind of a frame with this topic.

    `trade.BTCUSD` is the V2 trade stream; `trade.linear.BTCUSDT`, as some recorded bodies have it, names a V5 category
    and carries what `publicTrade` does.
    """
    first, _, rest = topic.partition(".")
    second = rest.partition(".")[0]
    if first == "orderbook":
        return FrameKind.BOOK if second.isdecimal() else FrameKind.OTHER_PUBLIC
    if first == "trade":
        return FrameKind.TRADES if second in set(Category) else FrameKind.OLD_PROTOCOL
    return _KINDS.get(first, FrameKind.UNKNOWN)
