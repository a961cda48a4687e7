"""The checks of the gate one by one, each a pure function: None, or why not."""

from collections.abc import Sequence
from decimal import Context, Decimal
from typing import NamedTuple

import msgspec

from gateways.gate.exposure import BUY, Stake
from gateways.gate.gate_limits import GateLimits
from gateways.gate.reference_price import NEVER_NS, Reference
from gateways.gate.throttles import NS_PER_S, is_repeated
from messages.instruments import Instrument
from messages.orders import AmendOrder, DenyReason, OrderType, SubmitOrder
from messages.risk import Lease

NS_PER_MS = 1_000_000
TEN_THOUSAND = Decimal(10_000)
ZERO = Decimal(0)
MARKET = OrderType.MARKET

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


def check_price(order: SubmitOrder, instrument: Instrument) -> Denial | None:
    """A limit needs a price and a market order has none: one with a price would be judged by it, and not held to it."""
    price = order.price
    if (price is None) != (order.type is MARKET):
        context = "price=none type=limit" if price is None else f"price={price} type=market"
        return Denial(DenyReason.INVALID_PRICE, context)
    if price is None:
        return None
    if price <= ZERO or _WIDE.remainder(price, instrument.tick_size):
        return Denial(DenyReason.INVALID_PRICE, f"price={price} tick_size={instrument.tick_size}")
    return None


def check_quantity(request: SubmitOrder | AmendOrder, instrument: Instrument) -> Denial | None:
    quantity = request.quantity
    if quantity <= ZERO or _WIDE.remainder(quantity, instrument.lot_size) or quantity < instrument.min_quantity:
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


class Growth(msgspec.Struct, frozen=True, gc=False):
    """An order that does not only reduce, and what it may lead to.

    :ivar stake: without it.
    :ivar worst: the position in the direction of its side, were it and every other order of that side filled.
    :ivar is_more: whether that is more than before; an amendment of the price alone adds nothing.
    """

    order: SubmitOrder
    stake: Stake
    worst: Decimal
    is_more: bool = True


def check_size(order: SubmitOrder, instrument: Instrument, reference: Reference, limits: GateLimits) -> Denial | None:
    """Hold one order to the largest that the config allows; a market order is valued at the reference."""
    quantity_max = limits.order_quantity_max.get(instrument.symbol)
    if quantity_max is not None and order.quantity > quantity_max:
        return Denial(DenyReason.MAX_QUANTITY, f"quantity={order.quantity} order_quantity_max={quantity_max}")
    notional = instrument.notional(order.quantity, reference.price if order.price is None else order.price)
    if notional <= limits.order_notional_max:
        return None
    return Denial(DenyReason.MAX_NOTIONAL, f"notional={notional} order_notional_max={limits.order_notional_max}")


def check_reference(reference: Reference | None, now_ns: int, age_max_ms: int) -> Denial | None:
    """What may increase a position needs a price that is fresh."""
    if reference is None:
        return Denial(DenyReason.STALE_REFERENCE, f"reference=none reference_age_max_ms={age_max_ms}")
    age_ns = now_ns - reference.ts_ns
    if age_ns <= age_max_ms * NS_PER_MS:
        return None
    age = "untrusted" if reference.ts_ns == NEVER_NS else f"{age_ns / NS_PER_MS:.0f}"
    return Denial(DenyReason.STALE_REFERENCE, f"age_ms={age} reference_age_max_ms={age_max_ms}")


def check_collar(order: SubmitOrder, reference: Reference, collar_bps: Decimal) -> Denial | None:
    """Refuse a limit that is too far on the bad side of the reference; the good side is merely hopeful."""
    if order.price is None:
        return None
    worse_by = order.price - reference.price if order.side is BUY else reference.price - order.price
    if worse_by * TEN_THOUSAND <= reference.price * collar_bps:
        return None
    return Denial(
        DenyReason.PRICE_COLLAR,
        f"side={order.side.value} price={order.price} reference={reference.price} price_collar_bps={collar_bps}",
    )


def check_lease(
    growth: Growth, lease: Lease | None, instrument: Instrument, reference: Reference, *, is_running: bool
) -> Denial | None:
    """Hold the worst case of a strategy to its lease: all of its open and unknown orders filled."""
    order, worst = growth.order, growth.worst
    if lease is None:
        return Denial(DenyReason.NO_LEASE, f"strategy={order.strategy} instrument={order.instrument}")
    if not is_running:
        return Denial(DenyReason.LEASE_EXPIRED, f"strategy={order.strategy} may=reduce")
    if order.epoch < lease.epoch:
        return Denial(DenyReason.STALE_EPOCH, f"epoch={order.epoch} lease_epoch={lease.epoch}")
    if not growth.is_more:
        return None
    bound = lease.long_max if order.side is BUY else lease.short_max
    if worst > bound:
        side = "long" if order.side is BUY else "short"
        return Denial(DenyReason.LEASE_POSITION, f"{side}={worst} {side}_max={bound}")
    notional = instrument.notional(worst, reference.price)
    if notional <= lease.notional_max:
        return None
    context = f"notional={notional} notional_max={lease.notional_max} reference={reference.price}"
    return Denial(DenyReason.LEASE_NOTIONAL, context)


def check_open_orders(of_strategy: int, of_gateway: int, limits: GateLimits) -> Denial | None:
    """Whether one more order may be open."""
    if of_strategy >= limits.open_orders_per_strategy_max:
        return Denial(
            DenyReason.OPEN_ORDERS,
            f"open={of_strategy} open_orders_per_strategy_max={limits.open_orders_per_strategy_max}",
        )
    if of_gateway >= limits.open_orders_max:
        return Denial(DenyReason.OPEN_ORDERS, f"open={of_gateway} open_orders_max={limits.open_orders_max}")
    return None


def check_repetition(times_ns: Sequence[int], now_ns: int, limits: GateLimits) -> Denial | None:
    """Refuse what has filled too often of late: a strategy that trades in a loop.

    :param times_ns: when orders of this strategy, instrument and side filled, ascending.
    """
    count, period_s = limits.repeated_executions_max, limits.repeated_executions_period_s
    if not count or not is_repeated(times_ns, count, round(period_s * NS_PER_S), now_ns):
        return None
    context = f"repeated_executions_max={count} repeated_executions_period_s={period_s:g}"
    return Denial(DenyReason.REPEATED_EXECUTIONS, context)
