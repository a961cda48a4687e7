"""Where Binance listens: hosts by market and environment, and the rules of a stream connection.

Sources, read 2026-11-24: Binance Spot API docs, "WebSocket Streams" (general information, Websocket Limits), "REST API"
(general information), "SPOT Testnet"; Derivatives docs, USDⓈ-M and COIN-M Futures, "Websocket Market Streams" and
"General Info"; announcement "USDⓈ-M Futures WebSocket URL" of 2026-03-06: three paths, by the kind of data, in place of
one, which is gone since 2026-04-23. A connection on the wrong path is answered, and stays silent.
"""

from enum import StrEnum
from typing import Final

import msgspec

from gateways.binance.market import Market


class Environment(StrEnum):
    LIVE = "live"
    TESTNET = "testnet"


class Tier(StrEnum):
    """The path that serves a stream; spot and COIN-M have one for all."""

    ANY = ""
    PUBLIC = "/public"
    MARKET = "/market"


class Endpoints(msgspec.Struct, frozen=True):
    """Base addresses without a slash at the end: `rest` takes a request's path, `streams` a tier and `/stream`."""

    rest: str
    streams: str


class ConnectionRules(msgspec.Struct, frozen=True, kw_only=True):
    """:param messages_per_second_max: that we send, pings and pongs among them on spot; who sends more is cut off.
    :param lifetime_ms: after which the venue closes the connection, whatever happens on it.
    :param ping_interval_ms: between the venue's pings; each is answered by a pong with its payload.
    :param pong_within_ms: it closes the connection where no pong has come for so long.
    """

    streams_max: int
    messages_per_second_max: int
    lifetime_ms: int
    ping_interval_ms: int
    pong_within_ms: int


_DAY_MS: Final = 24 * 3_600_000

RENEW_BEFORE_MS: Final = 30 * 60_000
"""So long before its end a connection is replaced: time for some attempts."""

CONNECTIONS_PER_5_MINUTES_MAX: Final = 300
"""Attempts to connect, by address."""

ENDPOINTS: Final = {
    (Market.SPOT, Environment.LIVE): Endpoints("https://api.binance.com", "wss://stream.binance.com:9443"),
    (Market.SPOT, Environment.TESTNET): Endpoints(
        "https://testnet.binance.vision", "wss://stream.testnet.binance.vision"
    ),
    (Market.USDM, Environment.LIVE): Endpoints("https://fapi.binance.com", "wss://fstream.binance.com"),
    (Market.USDM, Environment.TESTNET): Endpoints("https://demo-fapi.binance.com", "wss://demo-fstream.binance.com"),
    (Market.COINM, Environment.LIVE): Endpoints("https://dapi.binance.com", "wss://dstream.binance.com"),
    (Market.COINM, Environment.TESTNET): Endpoints(
        "https://testnet.binancefuture.com", "wss://dstream.binancefuture.com"
    ),
}

_SPOT_RULES: Final = ConnectionRules(
    streams_max=1_024,
    messages_per_second_max=5,
    lifetime_ms=_DAY_MS,
    ping_interval_ms=20_000,
    pong_within_ms=60_000,
)
_FUTURES_RULES: Final = ConnectionRules(
    streams_max=1_024,
    messages_per_second_max=10,
    lifetime_ms=_DAY_MS,
    ping_interval_ms=180_000,
    pong_within_ms=600_000,
)
CONNECTION_RULES: Final = {Market.SPOT: _SPOT_RULES, Market.USDM: _FUTURES_RULES, Market.COINM: _FUTURES_RULES}
