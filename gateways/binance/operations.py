"""What can be asked of each of Binance's markets, where, and what it takes of the limits.

A limit is named by what it counts and over which time: `request-weight-1m`, `orders-10s`. Every market has a WebSocket
API and REST; where an operation has no WebSocket method, REST is the only way.

Sources, read 2026-11-24: Spot API docs, "WebSocket API" and "REST API": Authentication, Trading, Account and User Data
Stream requests; Derivatives docs, USDⓈ-M Futures and COIN-M Futures, "Trade", "Account" and "User Data Streams", each
for the WebSocket API and REST. Where the two disagree on a weight the larger is taken. A listen key of spot is no more
(since 2026-02-20): its user data come over the WebSocket API.
"""

from enum import StrEnum
from typing import Final

import msgspec

from gateways.binance.market import Market
from gateways.native.wire import Method

WEIGHT: Final = "request-weight-1m"
ORDERS_10S: Final = "orders-10s"
ORDERS_1M: Final = "orders-1m"
ORDERS_1D: Final = "orders-1d"
FUNDING_POOL: Final = "funding-rate-5m"
"""USDⓈ-M counts questions about past funding rates by themselves: 500 in five minutes."""

Weight = tuple[tuple[str, float], ...]


class Security(StrEnum):
    """What a request must carry."""

    NONE = "none"
    KEY = "key"
    SIGNED = "signed"


class Operation(msgspec.Struct, frozen=True, kw_only=True):
    """:param stream_method: of the WebSocket API; "" where it has none. :param path: of REST; "" where it has none."""

    stream_method: str = ""
    method: Method = Method.GET
    path: str = ""
    weight: Weight = ()
    security: Security = Security.SIGNED


class Ask(StrEnum):
    """What is asked, in our words."""

    LOG_ON = "log-on"
    SUBSCRIBE = "subscribe"
    SUBSCRIBE_SIGNED = "subscribe-signed"
    LISTEN_KEY_OPEN = "listen-key-open"
    LISTEN_KEY_KEEP = "listen-key-keep"
    PLACE = "place"
    CANCEL = "cancel"
    AMEND = "amend"
    REPLACE = "replace"
    STATUS = "status"
    TRADES = "trades"
    BALANCES = "balances"
    POSITIONS = "positions"
    OPEN_ORDERS = "open-orders"
    INCOME = "income"
    FUNDING_RATES = "funding-rates"
    COUNTDOWN = "countdown"
    POSITION_MODE = "position-mode"
    SERVER_TIME = "server-time"


def _weighing(weight: float) -> Weight:
    return ((WEIGHT, weight),)


_LOG_ON: Final = Operation(stream_method="session.logon", weight=_weighing(2))

_SPOT: Final = {
    Ask.LOG_ON: _LOG_ON,
    Ask.SUBSCRIBE: Operation(stream_method="userDataStream.subscribe", weight=_weighing(2), security=Security.NONE),
    Ask.SUBSCRIBE_SIGNED: Operation(stream_method="userDataStream.subscribe.signature", weight=_weighing(2)),
    Ask.PLACE: Operation(
        stream_method="order.place",
        method=Method.POST,
        path="/api/v3/order",
        weight=((WEIGHT, 1), (ORDERS_10S, 1), (ORDERS_1D, 1)),
    ),
    Ask.CANCEL: Operation(
        stream_method="order.cancel", method=Method.DELETE, path="/api/v3/order", weight=_weighing(1)
    ),
    Ask.AMEND: Operation(
        stream_method="order.amend.keepPriority",
        method=Method.PUT,
        path="/api/v3/order/amend/keepPriority",
        weight=_weighing(4),
    ),
    Ask.REPLACE: Operation(
        stream_method="order.cancelReplace",
        method=Method.POST,
        path="/api/v3/order/cancelReplace",
        weight=((WEIGHT, 1), (ORDERS_10S, 1), (ORDERS_1D, 1)),
    ),
    Ask.STATUS: Operation(stream_method="order.status", path="/api/v3/order", weight=_weighing(4)),
    Ask.TRADES: Operation(stream_method="myTrades", path="/api/v3/myTrades", weight=_weighing(5)),
    Ask.BALANCES: Operation(stream_method="account.status", path="/api/v3/account", weight=_weighing(20)),
    Ask.OPEN_ORDERS: Operation(stream_method="openOrders.status", path="/api/v3/openOrders", weight=_weighing(80)),
    Ask.SERVER_TIME: Operation(stream_method="time", path="/api/v3/time", weight=_weighing(1), security=Security.NONE),
}


def _futures(prefix: str) -> dict[Ask, Operation]:
    """What both futures markets have in common."""
    key = {"path": f"/{prefix}/v1/listenKey", "weight": _weighing(1), "security": Security.KEY}
    return {
        Ask.LOG_ON: _LOG_ON,
        Ask.LISTEN_KEY_OPEN: Operation(method=Method.POST, **key),  # type: ignore[arg-type]  # a plain dict of them
        Ask.LISTEN_KEY_KEEP: Operation(method=Method.PUT, **key),  # type: ignore[arg-type]
        Ask.PLACE: Operation(
            stream_method="order.place",
            method=Method.POST,
            path=f"/{prefix}/v1/order",
            weight=((ORDERS_10S, 1), (ORDERS_1M, 1)),
        ),
        Ask.CANCEL: Operation(
            stream_method="order.cancel", method=Method.DELETE, path=f"/{prefix}/v1/order", weight=_weighing(1)
        ),
        Ask.AMEND: Operation(
            stream_method="order.modify",
            method=Method.PUT,
            path=f"/{prefix}/v1/order",
            weight=((WEIGHT, 1), (ORDERS_10S, 1), (ORDERS_1M, 1)),
        ),
        Ask.STATUS: Operation(stream_method="order.status", path=f"/{prefix}/v1/order", weight=_weighing(1)),
        Ask.OPEN_ORDERS: Operation(path=f"/{prefix}/v1/openOrders", weight=_weighing(40)),
        Ask.COUNTDOWN: Operation(method=Method.POST, path=f"/{prefix}/v1/countdownCancelAll", weight=_weighing(10)),
        Ask.POSITION_MODE: Operation(path=f"/{prefix}/v1/positionSide/dual", weight=_weighing(30)),
        Ask.SERVER_TIME: Operation(path=f"/{prefix}/v1/time", weight=_weighing(1), security=Security.NONE),
    }


_USDM: Final = {
    **_futures("fapi"),
    Ask.TRADES: Operation(path="/fapi/v1/userTrades", weight=_weighing(5)),
    Ask.BALANCES: Operation(stream_method="v2/account.balance", path="/fapi/v3/balance", weight=_weighing(5)),
    Ask.POSITIONS: Operation(stream_method="v2/account.position", path="/fapi/v3/positionRisk", weight=_weighing(5)),
    Ask.INCOME: Operation(path="/fapi/v1/income", weight=_weighing(30)),
    Ask.FUNDING_RATES: Operation(path="/fapi/v1/fundingRate", weight=((FUNDING_POOL, 1),), security=Security.NONE),
}

_COINM: Final = {
    **_futures("dapi"),
    Ask.TRADES: Operation(path="/dapi/v1/userTrades", weight=_weighing(20)),
    Ask.BALANCES: Operation(stream_method="account.balance", path="/dapi/v1/balance", weight=_weighing(5)),
    Ask.POSITIONS: Operation(stream_method="account.position", path="/dapi/v1/positionRisk", weight=_weighing(5)),
    Ask.INCOME: Operation(path="/dapi/v1/income", weight=_weighing(20)),
    Ask.FUNDING_RATES: Operation(path="/dapi/v1/fundingRate", weight=_weighing(1), security=Security.NONE),
}

OPERATIONS: Final = {Market.SPOT: _SPOT, Market.USDM: _USDM, Market.COINM: _COINM}
