"""The venue's lists of instruments as our instruments, with the rules of theirs that ours cannot hold.

Quantities are in base currency on spot and USDⓈ-M, in contracts on COIN-M (`contractSize` is their size in quote
currency). Fees are the account's, not the instrument's: they are not in these lists.

Sources: those of `exchange_info`, read 2026-11-24.
"""

from collections.abc import Mapping
from decimal import Decimal
from typing import Final

import msgspec

from gateways.binance.exchange_info import ExchangeInfo, Filter, Symbol, decode_exchange_info, decode_funding_info
from gateways.binance.limits import VenueLimit, venue_limit
from gateways.binance.market import Market
from messages.instruments import ONE, Instrument, InstrumentType

FUNDING_INTERVAL_HOURS_DEFAULT: Final = 8
"""`fundingInfo` names only the instruments with another one."""

TRADING: Final = "TRADING"
PERPETUAL_TYPES: Final = frozenset({"PERPETUAL", "TRADIFI_PERPETUAL", "PERPETUAL_DELIVERING"})
FUTURE_TYPES: Final = frozenset(
    {
        "CURRENT_MONTH", "NEXT_MONTH", "CURRENT_QUARTER", "NEXT_QUARTER",
        "CURRENT_QUARTER_DELIVERING", "NEXT_QUARTER_DELIVERING",
    }
)  # fmt: skip

NOT_OUR_ORDERS: Final = frozenset(
    {
        "ICEBERG_PARTS", "MAX_NUM_ICEBERG_ORDERS", "MAX_NUM_ALGO_ORDERS", "MAX_NUM_ORDER_LISTS", "TRAILING_DELTA",
        "EXCHANGE_MAX_NUM_ICEBERG_ORDERS", "EXCHANGE_MAX_NUM_ALGO_ORDERS", "EXCHANGE_MAX_NUM_ORDER_LISTS",
    }
)  # fmt: skip
"""Filters of icebergs, stop orders, trailing stops and order lists, none of which we send."""

_HELD: Final = frozenset({"PRICE_FILTER", "LOT_SIZE", "MARKET_LOT_SIZE", "MIN_NOTIONAL", "NOTIONAL"})
_NS_PER_MS: Final = 1_000_000
_ZERO: Final = Decimal(0)


class MarketLot(msgspec.Struct, frozen=True):
    """The quantities of market orders; None: as of limit orders."""

    min_quantity: Decimal | None
    max_quantity: Decimal | None
    lot_size: Decimal | None


class Listing(msgspec.Struct, frozen=True, kw_only=True):
    """One instrument of the venue's list.

    :param status: the venue's word; `is_trading`: orders are taken.
    :param min_price: and `max_price`: of a limit order; None: no bound. `max_notional` likewise, in quote currency.
    :param market_lot: where market orders have other quantities than limit orders; else None.
    :param unhonoured: the venue's rules that neither the instrument nor this holds: an order against one of them is
        refused by the venue, not by us.
    """

    instrument: Instrument
    status: str
    is_trading: bool
    min_price: Decimal | None = None
    max_price: Decimal | None = None
    max_notional: Decimal | None = None
    market_lot: MarketLot | None = None
    unhonoured: tuple[str, ...] = ()


class Unlisted(msgspec.Struct, frozen=True):
    """A symbol of the venue's list that cannot be told as an instrument, and why."""

    symbol: str
    reason: str


class Listings(msgspec.Struct, frozen=True):
    """:param by_symbol: in the venue's spelling. :param limits: of the venue's rate limits, those that we know.
    :param unhonoured: rules for the whole venue that nobody here checks.
    """

    by_symbol: dict[str, Listing]
    unlisted: tuple[Unlisted, ...]
    limits: tuple[VenueLimit, ...]
    unhonoured: tuple[str, ...]
    server_time_ms: int


def read_listings(market: Market, venue: str, exchange_info: bytes, funding_info: bytes = b"[]") -> Listings:
    """Read the bodies of the answers to `exchangeInfo` and, on futures, `fundingInfo`.

    :param venue: the id of the gateway that trades them.
    :raises MalformedMessage: one of them is not what Binance sends. A single symbol that cannot be told does not
        raise; it is in `unlisted`.
    """
    info = decode_exchange_info(market, exchange_info)
    reader = _Reader(market, venue, decode_funding_info(market, funding_info))
    listed: dict[str, Listing] = {}
    unlisted: list[Unlisted] = []
    for symbol in info.symbols:
        told = reader.listing(symbol)
        if isinstance(told, Unlisted):
            unlisted.append(told)
        else:
            listed[symbol.symbol] = told
    return Listings(listed, tuple(unlisted), _limits(info), _unhonoured(info.exchange_filters), info.server_time)


def _limits(info: ExchangeInfo) -> tuple[VenueLimit, ...]:
    return tuple(known for limit in info.rate_limits if (known := venue_limit(limit)) is not None)


class _Reader:
    """Tells the symbols of one market."""

    def __init__(self, market: Market, venue: str, funding_intervals: Mapping[str, int]) -> None:
        self._market = market
        self._venue = venue
        self._funding_intervals = funding_intervals

    def listing(self, symbol: Symbol) -> Listing | Unlisted:
        filters = {each.filter_type: each for each in symbol.filters}
        kind = self._type(symbol)
        if reason := self._lacks(symbol, filters, kind):
            return Unlisted(symbol.symbol, reason)
        try:
            instrument = self._instrument(symbol, kind or InstrumentType.SPOT, filters)
        except ValueError as error:
            return Unlisted(symbol.symbol, str(error))
        price, status = filters["PRICE_FILTER"], symbol.status or symbol.contract_status
        return Listing(
            instrument=instrument,
            status=status,
            is_trading=status == TRADING and symbol.is_spot_trading_allowed,
            min_price=price.min_price or None,
            max_price=price.max_price or None,
            max_notional=filters["NOTIONAL"].max_notional if "NOTIONAL" in filters else None,
            market_lot=_market_lot(filters["LOT_SIZE"], filters.get("MARKET_LOT_SIZE")),
            unhonoured=_unhonoured(symbol.filters),
        )

    def _lacks(self, symbol: Symbol, filters: Mapping[str, Filter], kind: InstrumentType | None) -> str:
        """What it would have to say; "" where it says all."""
        if "PRICE_FILTER" not in filters or not filters["PRICE_FILTER"].tick_size:
            return "it has no tick size"
        if "LOT_SIZE" not in filters or not filters["LOT_SIZE"].step_size:
            return "it has no step size"
        if kind is None:
            return f"its contract type {symbol.contract_type!r} is not known"
        if self._market is Market.COINM and not symbol.contract_size:
            return "it has no contract size"
        return ""

    def _type(self, symbol: Symbol) -> InstrumentType | None:
        if self._market.is_spot:
            return InstrumentType.SPOT
        if symbol.contract_type in PERPETUAL_TYPES:
            return InstrumentType.PERPETUAL
        return InstrumentType.FUTURE if symbol.contract_type in FUTURE_TYPES else None

    def _instrument(self, symbol: Symbol, kind: InstrumentType, filters: Mapping[str, Filter]) -> Instrument:
        is_inverse = self._market is Market.COINM
        lot = filters["LOT_SIZE"]
        interval = self._funding_intervals.get(symbol.symbol, FUNDING_INTERVAL_HOURS_DEFAULT)
        return Instrument(
            symbol=symbol.symbol,
            venue=self._venue,
            type=kind,
            base=symbol.base_asset,
            quote=symbol.quote_asset,
            settle=symbol.margin_asset or symbol.quote_asset,
            tick_size=_plain(filters["PRICE_FILTER"].tick_size),
            lot_size=_plain(lot.step_size),
            inverse=is_inverse,
            multiplier=_plain(symbol.contract_size) if is_inverse else ONE,
            min_quantity=_plain(lot.min_qty),
            max_quantity=_plain(lot.max_qty) if lot.max_qty else None,
            min_notional=_min_notional(filters),
            expiry_ns=symbol.delivery_date * _NS_PER_MS if kind is InstrumentType.FUTURE else 0,
            funding_interval_hours=interval if kind is InstrumentType.PERPETUAL else 0,
        )


def _min_notional(filters: Mapping[str, Filter]) -> Decimal:
    """The strictest of its forms: MIN_NOTIONAL and NOTIONAL of spot, MIN_NOTIONAL of USDⓈ-M; COIN-M has none."""
    said = [filters[name] for name in ("MIN_NOTIONAL", "NOTIONAL") if name in filters]
    return _plain(max((each.min_notional or each.notional or _ZERO for each in said), default=_ZERO))


def _market_lot(lot: Filter, market: Filter | None) -> MarketLot | None:
    """A value of 0 switches its rule off."""
    if market is None:
        return None
    own = [
        theirs if theirs and theirs != ours else None
        for theirs, ours in (
            (market.min_qty, lot.min_qty),
            (market.max_qty, lot.max_qty),
            (market.step_size, lot.step_size),
        )
    ]
    return MarketLot(*own) if any(own) else None


def _unhonoured(filters: tuple[Filter, ...]) -> tuple[str, ...]:
    return tuple(sorted({each.filter_type for each in filters} - _HELD - NOT_OUR_ORDERS))


def _plain(value: Decimal | None) -> Decimal:
    """Without the zeros that the venue pads with: 0.01000000 is 0.01, and 100 is not 1E+2."""
    if not value:
        return _ZERO
    whole = value.to_integral_value()
    return whole if whole == value else value.normalize()
