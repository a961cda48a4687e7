"""Bybit's recent trades and past funding rates, as far as its REST interface gives them. Pure.

Sources: Bybit V5 API docs, "Market / Get Public Recent Trading History" and "Market / Get Funding Rate History"; read
2026-11-24.
"""

from typing import Final, Literal

import msgspec

from gateways.bybit.bodies import decode
from gateways.bybit.directory import Category
from gateways.bybit.frames import NS_PER_MS, Ms
from gateways.bybit.market_answers import public_get, result_of
from gateways.bybit.trade_feed import SIDES
from gateways.exchange.sources.source import FundingSettlement
from gateways.native.wire import RestRequest
from messages.base import Id, Price, Ratio, Size
from messages.market import Trade

TRADES_MAX: Final = {Category.SPOT: 60, Category.LINEAR: 1_000, Category.INVERSE: 1_000}
FUNDINGS_PER_PAGE: Final = 200


def recent_trades_request(key: str, category: Category, symbol: str) -> RestRequest:
    """As many of the newest trades as the venue gives."""
    fields = {"category": category.value, "symbol": symbol, "limit": str(TRADES_MAX[category])}
    return public_get(key, "/v5/market/recent-trade", fields)


def recent_trades_of(body: bytes, instrument: str, ts_received: int) -> list[Trade]:
    """Oldest first, without block trades; `trade_id` is that of the stream.

    :raises Refused: the venue says no. :raises MalformedBody: it is no list of trades.
    """
    what = f"recent trades of {instrument}"
    prints = decode(result_of(body, what), _Prints, what).list
    told = [
        Trade(instrument, one.price, one.size, SIDES[one.side], one.exec_id, one.time * NS_PER_MS, ts_received)
        for one in reversed(prints)  # they come newest first
        if not one.is_block_trade
    ]
    return sorted(told, key=lambda trade: trade.ts_event)


def funding_history_request(key: str, category: Category, symbol: str, end_ms: int | None = None) -> RestRequest:
    """A page of past fundings, newest first. :param end_ms: the newest one wanted; None: the last that was paid."""
    fields = {"category": category.value, "symbol": symbol, "limit": str(FUNDINGS_PER_PAGE)}
    if end_ms is not None:
        fields["endTime"] = str(end_ms)
    return public_get(key, "/v5/market/funding/history", fields)


def funding_history_of(body: bytes, instrument: str, ts_received: int) -> list[FundingSettlement]:
    """Oldest first; raises as `recent_trades_of` does."""
    what = f"fundings of {instrument}"
    fundings = decode(result_of(body, what), _Fundings, what).list
    settled = [
        FundingSettlement(instrument, one.funding_rate_timestamp * NS_PER_MS, one.funding_rate, ts_received)
        for one in fundings
    ]
    return sorted(settled, key=lambda funding: funding.stamp_ns)


class _Print(msgspec.Struct, gc=False, rename="camel"):
    exec_id: Id
    price: Price
    size: Size
    side: Literal["Buy", "Sell"]
    time: Ms
    is_block_trade: bool = False


class _Prints(msgspec.Struct):
    list: list[_Print]


class _Funding(msgspec.Struct, gc=False, rename="camel"):
    funding_rate: Ratio
    funding_rate_timestamp: Ms


class _Fundings(msgspec.Struct):
    list: list[_Funding]
