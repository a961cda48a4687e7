"""Instruments, orders and reports of the gateway tests, each with sensible values for what a test does not name."""

from decimal import Decimal
from typing import Any

from gateways.gate.gate_limits import GateLimits
from gateways.venue import FundingBooked, OrderStatus
from messages.instruments import Instrument, InstrumentType
from messages.market import Quote
from messages.orders import (
    AmendOrder,
    CancelOrder,
    CloseReason,
    Fill,
    Liquidity,
    OrderAccepted,
    OrderClosed,
    Side,
    SubmitOrder,
)

D = Decimal
MS = 1_000_000
NOW_NS = 1_000_000 * MS

SPOT = Instrument(
    symbol="BTCUSDT", venue="sim", type=InstrumentType.SPOT, base="BTC", quote="USDT", settle="USDT",
    tick_size=D("0.1"), lot_size=D("0.001"), min_quantity=D("0.002"), max_quantity=D(10), min_notional=D(100),
)  # fmt: skip
PERPETUAL = Instrument(
    symbol="BTCUSD_PERP", venue="sim", type=InstrumentType.PERPETUAL, base="BTC", quote="USD", settle="BTC",
    tick_size=D("0.1"), lot_size=D(1), inverse=True, multiplier=D(100), min_notional=D(200),
)  # fmt: skip
INSTRUMENTS = {SPOT.id: SPOT, PERPETUAL.id: PERPETUAL}
QUOTES = tuple(Quote(id, 49_999.9, 1.0, 50_000.1, 1.0, NOW_NS, NOW_NS) for id in INSTRUMENTS)
"""Around 50,000, the price of `submit`."""

OPEN_LIMITS = GateLimits(
    order_notional_max=D("1e18"), price_collar_bps=D(10_000), reference_age_max_ms=86_400_000,
    open_orders_max=100_000, open_orders_per_strategy_max=100_000, messages_per_s=100_000.0,
)  # fmt: skip
"""For tests that are about something else than the gate's bounds."""


def submit(number: int = 1, **changes: Any) -> SubmitOrder:
    """A buy of 0.01 BTC at 50,000 (500 USDT) of epoch 1."""
    fields: dict[str, Any] = {
        "client_order_id": f"desk-carry-e1-{number}",
        "strategy": "carry",
        "epoch": 1,
        "instrument": SPOT.id,
        "side": Side.BUY,
        "quantity": D("0.010"),
        "price": D("50000.0"),
        "ts_created": NOW_NS,
    }
    return SubmitOrder(**fields | changes)


def cancel(order: SubmitOrder, epoch: int | None = None) -> CancelOrder:
    return CancelOrder(
        order.client_order_id, order.strategy, order.epoch if epoch is None else epoch, order.instrument, "test"
    )


def amend(order: SubmitOrder, **changes: Any) -> AmendOrder:
    """Keeps quantity and price unless it says otherwise."""
    fields: dict[str, Any] = {
        "client_order_id": order.client_order_id,
        "strategy": order.strategy,
        "epoch": order.epoch,
        "instrument": order.instrument,
        "quantity": order.quantity,
        "price": order.price,
    }
    return AmendOrder(**fields | changes)


def head(order: SubmitOrder) -> tuple[str, str, str]:
    """What every report of an order begins with."""
    return order.client_order_id, order.strategy, order.instrument


def accepted(order: SubmitOrder) -> OrderAccepted:
    return OrderAccepted(*head(order), "v-1", NOW_NS)


def fill(order: SubmitOrder, quantity: str, trade_id: str = "t-1", **changes: Any) -> Fill:
    fields: dict[str, Any] = {
        "client_order_id": order.client_order_id,
        "strategy": order.strategy,
        "instrument": order.instrument,
        "side": order.side,
        "price": order.price or D(50_000),
        "quantity": D(quantity),
        "fee": D("0.5"),
        "fee_currency": "USDT",
        "liquidity": Liquidity.TAKER,
        "trade_id": trade_id,
        "ts_event": NOW_NS,
    }
    return Fill(**fields | changes)


def closed(order: SubmitOrder, filled: str = "0", reason: CloseReason = CloseReason.CANCELLED) -> OrderClosed:
    return OrderClosed(*head(order), reason, D(filled), NOW_NS)


def status(order: SubmitOrder, *fills: Fill, **changes: Any) -> OrderStatus:
    """A working order with these fills, as the venue knows it."""
    fields: dict[str, Any] = {
        "client_order_id": order.client_order_id,
        "strategy": order.strategy,
        "instrument": order.instrument,
        "is_known": True,
        "venue_order_id": "v-1",
        "rejected": None,
        "closed": None,
        "filled_quantity": sum((fill.quantity for fill in fills), D(0)),
        "fills": fills,
        "ts_event": NOW_NS,
    }
    return OrderStatus(**fields | changes)


def booked(number: int, amount: str, instrument: str = PERPETUAL.id, position: str = "1") -> FundingBooked:
    return FundingBooked(number, instrument, D(amount), "BTC", 0.0001, 50_000.0, D(position), NOW_NS)
