"""The REST requests that need no key, with their weights; each answer comes back under the request's key.

Sources, read 2026-11-24: Binance Spot API docs, REST API, "Market data endpoints" and "General endpoints"; Derivatives
docs, USDⓈ-M and COIN-M Futures, REST API, "Order Book", "Exchange Information", "Get Funding Rate Info", "Check Server
Time".
"""

from typing import Final
from urllib.parse import urlencode

from gateways.binance.market import Market
from gateways.binance.operations import FUNDING_POOL, WEIGHT
from gateways.native.wire import Method, RestRequest
from messages.instruments import Instrument

EXCHANGE_INFO_KEY: Final = "exchange-info"
FUNDING_INFO_KEY: Final = "funding-info"
SERVER_TIME_KEY: Final = "server-time"
DEPTH_KEY_PREFIX: Final = "depth:"
"""The instrument's id follows."""

EXCHANGE_INFO_TIMEOUT_MS: Final = 20_000
"""Spot sends some megabytes."""

DEPTH_LEVELS_DEFAULT: Final = {Market.SPOT: 1_000, Market.USDM: 1_000, Market.COINM: 1_000}
"""Levels a side. Diffs tell of every level: what is beyond the snapshot's comes into the book as it changes."""

_PATH: Final = {Market.SPOT: "/api/v3", Market.USDM: "/fapi/v1", Market.COINM: "/dapi/v1"}
_EXCHANGE_INFO_WEIGHT: Final = {Market.SPOT: 20.0, Market.USDM: 1.0, Market.COINM: 1.0}

_SPOT_DEPTH_WEIGHTS: Final = ((100, 5.0), (500, 25.0), (1_000, 50.0), (5_000, 250.0))
"""Up to so many levels: the weight."""

_FUTURES_DEPTH_WEIGHTS: Final = {5: 2.0, 10: 2.0, 20: 2.0, 50: 2.0, 100: 5.0, 500: 10.0, 1_000: 20.0}
"""Just so many levels: the weight; other numbers are refused."""


def exchange_info_request(market: Market) -> RestRequest:
    """The list of all instruments; `instruments.read_listings` reads the answer."""
    return RestRequest(
        key=EXCHANGE_INFO_KEY,
        method=Method.GET,
        path=f"{_PATH[market]}/exchangeInfo",
        timeout_ms=EXCHANGE_INFO_TIMEOUT_MS,
        weight=((WEIGHT, _EXCHANGE_INFO_WEIGHT[market]),),
    )


def funding_info_request(market: Market) -> RestRequest:
    """The perpetuals with another funding interval than eight hours. :raises ValueError: spot has no funding."""
    if market.is_spot:
        raise ValueError("spot has no funding intervals; ask for those of usdm or coinm")
    limit = FUNDING_POOL if market is Market.USDM else WEIGHT
    return RestRequest(
        key=FUNDING_INFO_KEY, method=Method.GET, path=f"{_PATH[market]}/fundingInfo", weight=((limit, 1.0),)
    )


def server_time_request(market: Market) -> RestRequest:
    """The venue's clock: `{"serverTime": ms}`."""
    return RestRequest(key=SERVER_TIME_KEY, method=Method.GET, path=f"{_PATH[market]}/time", weight=((WEIGHT, 1.0),))


def depth_request(market: Market, instrument: Instrument, levels: int = 0) -> RestRequest:
    """The book of an instrument, best levels first.

    :param levels: a side; 0: as many as is usual here.
    :raises ValueError: the venue has no such number of levels.
    """
    levels = levels or DEPTH_LEVELS_DEFAULT[market]
    return RestRequest(
        key=f"{DEPTH_KEY_PREFIX}{instrument.id}",
        method=Method.GET,
        path=f"{_PATH[market]}/depth",
        query=urlencode({"symbol": instrument.symbol, "limit": levels}),
        weight=((WEIGHT, _depth_weight(market, levels)),),
    )


def instrument_of_depth_key(key: str) -> str | None:
    """The id of the instrument whose book a request asked for; None: it is another request's key."""
    return key.removeprefix(DEPTH_KEY_PREFIX) if key.startswith(DEPTH_KEY_PREFIX) else None


def _depth_weight(market: Market, levels: int) -> float:
    if market.is_spot:
        for most, weight in _SPOT_DEPTH_WEIGHTS:
            if 1 <= levels <= most:
                return weight
        raise ValueError(f"spot has no depth snapshot of {levels} levels; expected 1 to 5000")
    if levels not in _FUTURES_DEPTH_WEIGHTS:
        expected = ", ".join(str(each) for each in _FUTURES_DEPTH_WEIGHTS)
        raise ValueError(f"{market} has no depth snapshot of {levels} levels; expected one of {expected}")
    return _FUTURES_DEPTH_WEIGHTS[levels]
