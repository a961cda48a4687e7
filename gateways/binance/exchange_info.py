"""The venue's lists of instruments as they are sent: `exchangeInfo` of the three markets, and `fundingInfo`.

The names of fields are the venue's. Decimals are read from its text.

Sources, read 2026-11-24: Binance Spot API docs, REST API, "Exchange information", and "Filters"; Derivatives docs,
USDⓈ-M and COIN-M Futures, "Exchange Information", "Get Funding Rate Info", "Common Definition".
"""

from decimal import Decimal
from typing import Annotated

import msgspec

from gateways.binance.frames import Ms
from gateways.binance.limits import RateLimit
from gateways.binance.malformed import DECODE_ERRORS, malformed
from gateways.binance.market import Market

Places = Annotated[int, msgspec.Meta(ge=0, le=18)]


class Filter(msgspec.Struct, frozen=True, rename="camel"):
    """A trading rule; each type has some of the fields. Spot says `minNotional` where USDⓈ-M says `notional`."""

    filter_type: str
    tick_size: Decimal | None = None
    min_price: Decimal | None = None
    max_price: Decimal | None = None
    step_size: Decimal | None = None
    min_qty: Decimal | None = None
    max_qty: Decimal | None = None
    min_notional: Decimal | None = None
    notional: Decimal | None = None
    max_notional: Decimal | None = None


class Symbol(msgspec.Struct, frozen=True, rename="camel"):
    """`status` on spot and USDⓈ-M is `contractStatus` on COIN-M; spot has neither contract type nor margin asset."""

    symbol: str
    base_asset: str
    quote_asset: str
    filters: tuple[Filter, ...]
    status: str = ""
    contract_status: str = ""
    is_spot_trading_allowed: bool = True
    contract_type: str = ""
    margin_asset: str = ""
    contract_size: Decimal | None = None
    delivery_date: Ms = 0
    order_types: tuple[str, ...] = ()


class ExchangeInfo(msgspec.Struct, frozen=True, rename="camel"):
    server_time: Ms
    symbols: tuple[Symbol, ...]
    rate_limits: tuple[RateLimit, ...] = ()
    exchange_filters: tuple[Filter, ...] = ()


class FundingInfo(msgspec.Struct, frozen=True, rename="camel"):
    """A perpetual whose funding was adjusted; the others pay every eight hours."""

    symbol: str
    funding_interval_hours: Annotated[int, msgspec.Meta(ge=1, le=168)]


_decode_exchange_info = msgspec.json.Decoder(ExchangeInfo, strict=False).decode
_decode_funding_info = msgspec.json.Decoder(list[FundingInfo], strict=False).decode


def decode_exchange_info(market: Market, body: bytes) -> ExchangeInfo:
    """:raises MalformedMessage: it is not an instrument list."""
    try:
        return _decode_exchange_info(body)
    except DECODE_ERRORS as error:
        raise malformed(f"exchangeInfo of Binance {market}", body, error) from error


def decode_funding_info(market: Market, body: bytes) -> dict[str, int]:
    """Hours between fundings by symbol, of those that were adjusted.

    :raises MalformedMessage: it is not a list of funding intervals.
    """
    try:
        return {info.symbol: info.funding_interval_hours for info in _decode_funding_info(body)}
    except DECODE_ERRORS as error:
        raise malformed(f"fundingInfo of Binance {market}", body, error) from error
