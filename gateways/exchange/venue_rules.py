"""The rules of a simulated venue: which instruments it can carry, and which orders it refuses at entry.

Reasons are enumerated; the words beside them follow the error messages and filter names of Binance, for people.
"""

from decimal import Context, Decimal
from typing import NamedTuple

from gateways.exchange.spec import VenueSpec
from messages.base import DECIMAL_PLACES_MAX
from messages.instruments import ONE, Instrument
from messages.orders import OrderType, RejectReason, SubmitOrder, TimeInForce

FEE_PLACES = 4
"""Basis points divide by 10,000: four decimal places more."""

NOTIONAL_MAX = Decimal("1e12")
"""No single order is larger, in quote currency; it keeps every amount within exact arithmetic."""

_WIDE = Context(prec=64)
"""A price of 1e18 on a tick of 1e-18 has 36 digits; the default context refuses the remainder past 28."""


class Refusal(NamedTuple):
    reason: RejectReason
    text: str


def check_instrument(request: SubmitOrder, instrument: Instrument | None, now_ns: int) -> Refusal | None:
    """Refuse an order for something that is not traded here, or not any more."""
    if instrument is None:
        return Refusal(RejectReason.UNKNOWN_INSTRUMENT, f"invalid symbol: {request.instrument} is not traded here")
    if 0 < instrument.expiry_ns <= now_ns:
        return Refusal(RejectReason.EXPIRED_INSTRUMENT, f"symbol is closed: {instrument.id} has expired")
    return None


def check_terms(request: SubmitOrder, instrument: Instrument) -> Refusal | None:
    """Refuse an order whose fields contradict each other or break the instrument's steps and bounds."""
    return _check_type(request) or _check_price(request, instrument) or _check_quantity(request, instrument)


def check_notional(request: SubmitOrder, instrument: Instrument, market_price: Decimal | None) -> Refusal | None:
    """Refuse an order below the minimum notional, or absurdly large.

    Reduce-only orders of derivatives have no minimum, so that a small rest of a position can be closed.

    :param market_price: best opposite price, at which market orders are valued; None where nobody offers.
    """
    price = market_price if request.price is None else request.price
    if price is None:
        return None
    notional = instrument.notional(request.quantity, price)
    if notional > NOTIONAL_MAX:
        return Refusal(RejectReason.INVALID_QUANTITY, f"filter failure: NOTIONAL: above {NOTIONAL_MAX}")
    is_exempt = request.reduce_only and not instrument.is_spot
    if notional < instrument.min_notional and not is_exempt:
        return Refusal(
            RejectReason.MIN_NOTIONAL,
            f"filter failure: NOTIONAL: {notional} {instrument.quote} is below {instrument.min_notional}",
        )
    return None


def check_reduce_only(request: SubmitOrder, instrument: Instrument, position: Decimal) -> Refusal | None:
    """Refuse a reduce-only order where there is nothing to reduce.

    Spot has no positions: a reduce-only sale is a sale of what is held, which the balance bounds; a purchase reduces
    nothing.
    """
    if not request.reduce_only:
        return None
    reduces = request.side.sign < 0 if instrument.is_spot else position * request.side.sign < 0
    if reduces:
        return None
    held = "" if instrument.is_spot else f", the position is {position}"
    return Refusal(
        RejectReason.REDUCE_ONLY,
        f"ReduceOnly order is rejected: a {request.side} reduces nothing in {instrument.id}{held}",
    )


def check_spec(spec: VenueSpec) -> None:
    """Check that a simulated venue can carry what its spec names.

    :raises ValueError: naming every fault found.
    """
    faults = [fault for instrument in spec.instruments for fault in _instrument_faults(instrument, spec.id)]
    symbols = [instrument.symbol for instrument in spec.instruments]
    faults += [f"{symbol} is listed twice" for symbol in sorted({name for name in symbols if symbols.count(name) > 1})]
    faults += [f"balance of {name} is negative" for name, amount in spec.balances.items() if amount < 0]
    if faults:
        raise ValueError(f"simulated venue {spec.id}: " + "; ".join(faults))


def _check_type(request: SubmitOrder) -> Refusal | None:
    if (request.price is None) != (request.type is OrderType.MARKET):
        text = "price not required for market orders" if request.price is not None else "limit orders need a price"
        return Refusal(RejectReason.INVALID_PRICE, text)
    if request.post_only and (request.type is OrderType.MARKET or request.time_in_force is not TimeInForce.GTC):
        return Refusal(RejectReason.OTHER, "post-only orders are good-till-cancelled limit orders")
    return None


def _check_price(request: SubmitOrder, instrument: Instrument) -> Refusal | None:
    price = request.price
    if price is None:
        return None
    if price <= 0:
        return Refusal(RejectReason.INVALID_PRICE, f"filter failure: PRICE_FILTER: {price} is not above 0")
    if _WIDE.remainder(price, instrument.tick_size):
        return Refusal(
            RejectReason.INVALID_PRICE,
            f"filter failure: PRICE_FILTER: {price} is not a multiple of the tick size {instrument.tick_size}",
        )
    return None


def _check_quantity(request: SubmitOrder, instrument: Instrument) -> Refusal | None:
    quantity, lowest, highest = request.quantity, instrument.min_quantity, instrument.max_quantity
    fault = None
    if quantity <= 0:
        fault = "is not above 0"
    elif _WIDE.remainder(quantity, instrument.lot_size):
        fault = f"is not a multiple of the lot size {instrument.lot_size}"
    elif quantity < lowest:
        fault = f"is below the minimum of {lowest}"
    elif highest is not None and quantity > highest:
        fault = f"is above the maximum of {highest}"
    if fault is None:
        return None
    return Refusal(RejectReason.INVALID_QUANTITY, f"filter failure: LOT_SIZE: {quantity} {fault}")


def _instrument_faults(instrument: Instrument, venue: str) -> list[str]:
    symbol, faults = instrument.symbol, []
    if instrument.venue != venue:
        faults.append(f"{symbol} belongs to venue {instrument.venue}")
    if instrument.is_spot and instrument.multiplier != ONE:
        faults.append(f"{symbol} is spot and has the multiplier {instrument.multiplier}; expected 1")
    settle = instrument.base if instrument.inverse else instrument.quote
    if not instrument.is_spot and instrument.settle != settle:
        faults.append(f"{symbol} settles in {instrument.settle}; only {settle} is simulated")
    allowed = {instrument.quote, instrument.base} if instrument.is_spot else {instrument.settle}
    if instrument.fee_currency and instrument.fee_currency not in allowed:
        expected = " or ".join(sorted(allowed))
        faults.append(f"{symbol} charges fees in {instrument.fee_currency}; only {expected} is simulated")
    places = _money_places(instrument)
    if places > DECIMAL_PLACES_MAX:
        faults.append(f"{symbol} leads to amounts of {places} decimal places; at most {DECIMAL_PLACES_MAX} are exact")
    return faults


def _money_places(instrument: Instrument) -> int:
    """Decimal places of the finest amount that a fill can book: quantity × price × multiplier × fee rate."""
    fee = max(_places(instrument.maker_fee_bps), _places(instrument.taker_fee_bps)) + FEE_PLACES
    steps = _places(instrument.lot_size) + _places(instrument.tick_size) + _places(instrument.multiplier)
    return 0 if instrument.inverse else steps + fee


def _places(value: Decimal) -> int:
    exponent = value.normalize().as_tuple().exponent
    assert isinstance(exponent, int), "instruments carry finite decimals only"
    return max(0, -exponent)
