"""The checks that an order must pass by itself, each a pure function: None, or why not."""

from decimal import Context
from typing import NamedTuple

from messages.instruments import Instrument
from messages.orders import AmendOrder, DenyReason, OrderType, SubmitOrder

NS_PER_MS = 1_000_000

_WIDE = Context(prec=64)
"""A price of 1e18 on a tick of 1e-18 has 36 digits; the default context refuses the remainder past 28."""


class Denial(NamedTuple):
    """Why our gate refuses an order; `context` is `key=value` pairs for whoever reads it."""

    reason: DenyReason
    context: str


def check_expiry(order: SubmitOrder, now_ns: int) -> Denial | None:
    """An order that took longer than `valid_for_ms` to get here was decided on a market that has gone."""
    age_ms = (now_ns - order.ts_created) / NS_PER_MS
    if age_ms <= order.valid_for_ms:
        return None
    return Denial(DenyReason.ORDER_EXPIRED, f"age_ms={age_ms:.1f} valid_for_ms={order.valid_for_ms}")


def check_price(request: SubmitOrder | AmendOrder, instrument: Instrument) -> Denial | None:
    price = request.price
    if price is None:
        if isinstance(request, SubmitOrder) and request.type is OrderType.MARKET:
            return None
        return Denial(DenyReason.INVALID_PRICE, "price=none type=limit")
    if price <= 0 or _WIDE.remainder(price, instrument.tick_size):
        return Denial(DenyReason.INVALID_PRICE, f"price={price} tick_size={instrument.tick_size}")
    return None


def check_quantity(request: SubmitOrder | AmendOrder, instrument: Instrument) -> Denial | None:
    quantity = request.quantity
    if quantity <= 0 or _WIDE.remainder(quantity, instrument.lot_size) or quantity < instrument.min_quantity:
        context = f"quantity={quantity} lot_size={instrument.lot_size} min_quantity={instrument.min_quantity}"
        return Denial(DenyReason.INVALID_QUANTITY, context)
    if instrument.max_quantity is not None and quantity > instrument.max_quantity:
        return Denial(DenyReason.MAX_QUANTITY, f"quantity={quantity} max_quantity={instrument.max_quantity}")
    return None


def check_notional(order: SubmitOrder, instrument: Instrument) -> Denial | None:
    """Reduce-only orders are exempt, as at the venues: a rest below the minimum must be closable."""
    if order.price is None or order.reduce_only:
        return None
    notional = instrument.notional(order.quantity, order.price)
    if notional >= instrument.min_notional:
        return None
    return Denial(DenyReason.MIN_NOTIONAL, f"notional={notional} min_notional={instrument.min_notional}")
