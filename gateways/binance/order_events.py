"""What an order's event says, in our messages: one function for spot and futures. Pure; see `user_stream.py`.

Sources: see `user_events.py`; Derivatives docs, "Event: Order Update" (Execution Type, Liquidation and ADL, Expiry
Reason); Spot API docs, "User Data Streams" (Execution types); read 2026-11-24.
"""

from typing import Final

from gateways.binance.market import Market
from gateways.binance.order_bodies import CLOSED, NS_PER_MS, SIDES
from gateways.binance.order_tracker import KnownOrder, Told
from gateways.binance.orders import REPLACED_PREFIX
from gateways.binance.private_asides import Aside, AsideKind
from gateways.binance.refusals import reason_of
from gateways.binance.user_events import OrderEvent
from messages.orders import (
    CloseReason,
    Fill,
    Liquidity,
    OrderAccepted,
    OrderAmended,
    OrderClosed,
    OrderRejected,
    RejectReason,
)

VENUE: Final = "venue"
"""The strategy of what the venue does by itself."""
CURRENCY_UNKNOWN: Final = "UNKNOWN"
"""Of a fee of zero whose currency the venue does not say."""

EXECUTIONS: Final = frozenset({"TRADE", "CALCULATED"})
"""CALCULATED: of a liquidation or of auto-deleveraging."""
_ENDS: Final = frozenset({"CANCELED", "EXPIRED", "TRADE_PREVENTION"})
_AMENDMENTS: Final = frozenset({"REPLACED", "AMENDMENT"})
_POST_ONLY: Final = "GTX"
_WOULD_TAKE: Final = frozenset({"", "0", "11"})
"""Expiry reasons of a post-only order that would have taken; the last since 2026, the others say nothing."""


def reports_of(market: Market, event: OrderEvent, order: KnownOrder) -> list[Told]:
    """What has become of an order of ours.

    :raises ValueError: a value is out of bounds.
    """
    ts = event.T * NS_PER_MS
    if event.x == "NEW":
        return _entered(event, order, ts)
    if event.x in EXECUTIONS:
        return [fill_of(event, order.client_order_id, order.strategy, order.instrument), *_end(event, order, ts)]
    if event.x in _AMENDMENTS:
        return [OrderAmended(*order.head, event.q, event.p, ts)]
    if event.x == "REJECTED":
        return [OrderRejected(*order.head, reason_of(market, 0, event.r), event.r or "rejected", ts)]
    if event.x in _ENDS:
        return _ended(event, order, ts)
    return [Aside(AsideKind.UNKNOWN_VALUE, order.client_order_id, f"execution type {event.x}")]


def fill_of(event: OrderEvent, client_order_id: str, strategy: str, instrument: str, settle: str = "") -> Fill:
    """:param settle: the contract's settle currency, for an execution without a fee."""
    return Fill(
        client_order_id=client_order_id,
        strategy=strategy,
        instrument=instrument,
        side=SIDES[event.S],
        price=event.L,
        quantity=event.l,
        fee=event.n,
        fee_currency=event.N or event.ma or settle or CURRENCY_UNKNOWN,
        liquidity=Liquidity.MAKER if event.m else Liquidity.TAKER,
        trade_id=event.trade_id,
        ts_event=event.T * NS_PER_MS,
    )


def _entered(event: OrderEvent, order: KnownOrder, ts: int) -> list[Told]:
    """The venue has it; under a new venue id it is the second half of a cancel-replace."""
    accepted = OrderAccepted(*order.head, str(event.i), ts)
    if order.venue_order_id in ("", accepted.venue_order_id):
        return [accepted]
    return [OrderAmended(*order.head, event.q, event.p, ts), accepted]


def _end(event: OrderEvent, order: KnownOrder, ts: int) -> list[Told]:
    reason = CLOSED.get(event.X)
    return [] if reason is None else [OrderClosed(*order.head, reason, event.z, ts)]


def _ended(event: OrderEvent, order: KnownOrder, ts: int) -> list[Told]:
    name = order.client_order_id
    if event.c.startswith(REPLACED_PREFIX):
        return [Aside(AsideKind.REPLACED, name, f"venue order {event.i}")]
    if event.f == _POST_ONLY and event.x == "EXPIRED" and not event.z and str(event.er) in _WOULD_TAKE:
        text = f"post-only order expired unfilled, expiry reason {event.er or 'not told'}"
        return [OrderRejected(*order.head, RejectReason.POST_ONLY_WOULD_TAKE, text, ts)]
    if event.x != "TRADE_PREVENTION":
        reason = CLOSED.get(event.X, CloseReason.CANCELLED if event.x == "CANCELED" else CloseReason.EXPIRED)
        return [OrderClosed(*order.head, reason, event.z, ts)]
    return [Aside(AsideKind.PREVENTED, name, f"status {event.X}"), *_end(event, order, ts)]
