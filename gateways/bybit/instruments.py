"""Bybit's lists of instruments as ours, with the rules that their orders must keep. Pure.

Quantities are the venue's own: base currency of spot and linear contracts (one contract is one coin), quote currency
of inverse ones (one contract is one dollar); so every multiplier is 1.

What cannot be said in an `Instrument` is not traded, and is named with the reason (`Unlisted`): options, and whatever
new thing the venue invents. One strange line costs that line only.

Source: Bybit V5 API docs, "Market / Get Instruments Info"; "Enums Definitions", sections "contractType" and "status";
read 2026-11-24. `minOrderQty` and `maxOrderAmt` of spot are no longer checked by the venue, says that page.
"""

from collections.abc import Mapping
from decimal import Decimal
from enum import StrEnum
from typing import Final

import msgspec

from gateways.bybit.bodies import MalformedBody, Page, decode, exact, exact_or_none, exact_or_zero, ns_of_ms
from gateways.bybit.directory import Category
from gateways.bybit.market_answers import result_of
from messages.instruments import Instrument, InstrumentType

MINUTES_PER_HOUR: Final = 60


class ListingStatus(StrEnum):
    """:cvar OTHER: one that is not documented; it is not traded."""

    PRE_LAUNCH = "PreLaunch"
    TRADING = "Trading"
    DELIVERING = "Delivering"
    CLOSED = "Closed"
    OTHER = "other"

    @classmethod
    def _missing_(cls, value: object) -> "ListingStatus":  # noqa: ARG003
        return cls.OTHER


class Listing(msgspec.Struct, frozen=True, kw_only=True):
    """One line of the venue's list.

    :param max_market_quantity: of a market order; `instrument.max_quantity` is that of a limit order.
    :param funding_interval_minutes: exactly; the instrument has it in whole hours, rounded up.
    :param delisting_ns: when trading in a perpetual ends; 0 where no end is set.
    """

    instrument: Instrument
    category: Category
    status: ListingStatus
    max_market_quantity: Decimal | None = None
    funding_interval_minutes: int = 0
    delisting_ns: int = 0

    @property
    def is_tradable(self) -> bool:
        return self.status is ListingStatus.TRADING


class Unlisted(msgspec.Struct, frozen=True):
    """A line of the list that is not traded here, and why."""

    symbol: str
    reason: str


class InstrumentPage(msgspec.Struct, frozen=True):
    """:param cursor: of the next page; empty: there is none."""

    listings: tuple[Listing, ...]
    unlisted: tuple[Unlisted, ...]
    cursor: str


def instrument_page(body: bytes, category: Category, venue: str) -> InstrumentPage:
    """Read one answer to `instruments_request`.

    :param venue: the id of our gateway.
    :raises Refused: the venue says no. :raises MalformedBody: it is no list.
    """
    what = f"{category} instruments"
    page = decode(result_of(body, what), Page, what)
    listings: list[Listing] = []
    unlisted: list[Unlisted] = []
    for number, raw in enumerate(page.list):
        symbol = f"line {number}"
        try:
            symbol = decode(raw, _Named, symbol).symbol
            listings.append(_spot(raw, venue) if category is Category.SPOT else _contract(raw, category, venue))
        except ValueError as error:  # of which MalformedBody is one, and what Instrument says of its fields
            unlisted.append(Unlisted(symbol, str(error)))
    return InstrumentPage(tuple(listings), tuple(unlisted), page.next_page_cursor or "")


_CONTRACTS: Final[Mapping[str, tuple[Category, InstrumentType]]] = {
    "LinearPerpetual": (Category.LINEAR, InstrumentType.PERPETUAL),
    "LinearFutures": (Category.LINEAR, InstrumentType.FUTURE),
    "InversePerpetual": (Category.INVERSE, InstrumentType.PERPETUAL),
    "InverseFutures": (Category.INVERSE, InstrumentType.FUTURE),
}


def _contract(raw: msgspec.Raw, category: Category, venue: str) -> Listing:
    line = decode(raw, _Contract, "contract")
    if line.contract_type not in _CONTRACTS or _CONTRACTS[line.contract_type][0] is not category:
        raise MalformedBody(f"contract type {line.contract_type!r} is none of {category}")
    kind = _CONTRACTS[line.contract_type][1]
    is_perpetual = kind is InstrumentType.PERPETUAL
    end_ns = ns_of_ms(line.delivery_time, f"deliveryTime of {line.symbol}")
    minutes = line.funding_interval if is_perpetual else 0
    lot, where = line.lot_size_filter, line.symbol
    instrument = Instrument(
        symbol=line.symbol,
        venue=venue,
        type=kind,
        base=line.base_coin,
        quote=line.quote_coin,
        settle=line.settle_coin,
        tick_size=exact(line.price_filter.tick_size, f"tickSize of {where}"),
        lot_size=exact(lot.qty_step, f"qtyStep of {where}"),
        inverse=category is Category.INVERSE,
        min_quantity=exact_or_zero(lot.min_order_qty, f"minOrderQty of {where}"),
        max_quantity=exact_or_none(lot.max_order_qty, f"maxOrderQty of {where}"),
        min_notional=exact_or_zero(lot.min_notional_value, f"minNotionalValue of {where}"),
        expiry_ns=0 if is_perpetual else end_ns,
        funding_interval_hours=-(-minutes // MINUTES_PER_HOUR),
    )
    return Listing(
        instrument=instrument,
        category=category,
        status=ListingStatus(line.status),
        max_market_quantity=exact_or_none(lot.max_mkt_order_qty, f"maxMktOrderQty of {where}"),
        funding_interval_minutes=minutes,
        delisting_ns=end_ns if is_perpetual else 0,
    )


def _spot(raw: msgspec.Raw, venue: str) -> Listing:
    line = decode(raw, _Pair, "pair")
    lot, where = line.lot_size_filter, line.symbol
    instrument = Instrument(
        symbol=line.symbol,
        venue=venue,
        type=InstrumentType.SPOT,
        base=line.base_coin,
        quote=line.quote_coin,
        settle=line.quote_coin,
        tick_size=exact(line.price_filter.tick_size, f"tickSize of {where}"),
        lot_size=exact(lot.base_precision, f"basePrecision of {where}"),
        max_quantity=exact_or_none(lot.max_limit_order_qty or lot.max_order_qty, f"maxLimitOrderQty of {where}"),
        min_notional=exact_or_zero(lot.min_order_amt, f"minOrderAmt of {where}"),
    )
    return Listing(
        instrument=instrument,
        category=Category.SPOT,
        status=ListingStatus(line.status),
        max_market_quantity=exact_or_none(lot.max_market_order_qty, f"maxMarketOrderQty of {where}"),
    )


class _Named(msgspec.Struct):
    symbol: str


class _PriceFilter(msgspec.Struct, rename="camel"):
    tick_size: str


class _ContractLot(msgspec.Struct, rename="camel"):
    qty_step: str
    min_order_qty: str | None = None
    max_order_qty: str | None = None
    max_mkt_order_qty: str | None = None
    min_notional_value: str | None = None


class _Contract(msgspec.Struct, rename="camel"):
    symbol: str
    status: str
    base_coin: str
    quote_coin: str
    settle_coin: str
    price_filter: _PriceFilter
    lot_size_filter: _ContractLot
    contract_type: str = ""
    delivery_time: str | None = None
    funding_interval: int = 0


class _PairLot(msgspec.Struct, rename="camel"):
    base_precision: str
    min_order_amt: str | None = None
    max_order_qty: str | None = None
    max_limit_order_qty: str | None = None
    max_market_order_qty: str | None = None


class _Pair(msgspec.Struct, rename="camel"):
    symbol: str
    status: str
    base_coin: str
    quote_coin: str
    price_filter: _PriceFilter
    lot_size_filter: _PairLot
