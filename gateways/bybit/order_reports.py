"""Changes of orders on Bybit's stream → our reports, each told once, and an end only after its fills.

Source: Bybit V5 API documentation, "Order" (private stream), its tip on two `Filled` messages, and "Enums
Definitions", section "orderStatus"; read 2026-11-24.
"""

from collections.abc import Sequence

from gateways.bybit.asides import Aside, AsideKind
from gateways.bybit.bodies import NS_PER_MS
from gateways.bybit.directory import Directory
from gateways.bybit.order_bodies import (
    CONDITIONAL,
    ENDED,
    WORKING,
    OrderBody,
    closing_of,
    refusal_of,
    reject_reason,
)
from gateways.bybit.order_index import KnownOrder, OrderIndex, take_end
from messages.orders import (
    AmendRejected,
    CancelRejected,
    ExecutionReport,
    OrderAccepted,
    OrderAmended,
    OrderClosed,
    OrderRejected,
    OrderType,
)


class OrderReports:
    def __init__(self, directory: Directory, index: OrderIndex) -> None:
        self._directory = directory
        self._index = index

    def read_all(self, bodies: Sequence[OrderBody], created_ms: int, now_ns: int) -> list[ExecutionReport | Aside]:
        """:param created_ms: of the frame; the time of an order that has none of its own.
        :raises MalformedBody: a number is none; then no order is taken for told.
        """
        for body in bodies:
            if self._directory.find(body.category or "", body.symbol) is not None:
                body.check()
        return [told for body in bodies for told in self._read(body, created_ms, now_ns)]

    def _read(self, body: OrderBody, created_ms: int, now_ns: int) -> list[ExecutionReport | Aside]:
        if self._directory.find(body.category or "", body.symbol) is None:
            return [Aside(AsideKind.NOT_TRADED, body.symbol, f"order {body.order_id} is {body.order_status}")]
        if body.order_status in CONDITIONAL:
            return [Aside(AsideKind.NOT_TRADED, body.order_id, f"a conditional order, {body.order_status}")]
        if body.order_status not in WORKING | ENDED:
            return [Aside(AsideKind.UNKNOWN_VALUE, body.order_id, f"orderStatus {body.order_status!r}")]
        order = self._index.find(body.order_link_id, body.order_id)
        if order is None:
            text = f"order {body.order_link_id or body.order_id} is {body.order_status}"
            return [Aside(AsideKind.FOREIGN_ORDER, body.order_link_id or body.order_id, text)]
        self._index.note_venue_id(order, body.order_id)
        ts_event = body.ts_event(created_ms)
        if body.order_status in ENDED:
            return [*_ended(order, body, ts_event, now_ns)]
        return [*_working(order, body, ts_event)]


def _working(order: KnownOrder, body: OrderBody, ts_event: int) -> list[ExecutionReport]:
    told = [*_accepted(order, body, ts_event), *_refused_change(order, body, ts_event)]
    # A report that is older than what we know must not turn the terms back.
    if ts_event // NS_PER_MS >= order.changed_ms:
        order.changed_ms = ts_event // NS_PER_MS
        told += _amended(order, body, ts_event)
    return told


def _ended(order: KnownOrder, body: OrderBody, ts_event: int, now_ns: int) -> list[ExecutionReport]:
    refusal = refusal_of(body)
    if refusal is not None and not order.is_told:
        if order.is_ended:
            return []
        order.is_ended = True
        return [OrderRejected(*order.head, refusal, body.reject_reason or body.order_status, ts_event)]
    told = _accepted(order, body, ts_event)
    reason = closing_of(body)
    assert reason is not None, f"{body.order_status} is an end"
    if body.order_status == "Filled":
        told += _refused_change(order, body, ts_event)
    end = OrderClosed(*order.head, reason, body.filled, ts_event)
    return [*told, *take_end(order, end, now_ns)]


def _accepted(order: KnownOrder, body: OrderBody, ts_event: int) -> list[ExecutionReport]:
    if order.is_told or order.is_ended:
        return []
    order.is_told = True
    return [OrderAccepted(*order.head, body.order_id, ts_event)]


def _amended(order: KnownOrder, body: OrderBody, ts_event: int) -> list[ExecutionReport]:
    """Other terms than we know. Where we have known none, the order was adopted: its terms are told when asked."""
    quantity, price = body.quantity, body.limit_price
    was_known = order.quantity is not None
    is_news = (quantity, price) != (order.quantity, order.price)
    if order.type is OrderType.MARKET or price is None or not is_news:
        return []
    order.quantity, order.price, order.is_amending = quantity, price, False
    return [OrderAmended(*order.head, quantity, price, ts_event)] if was_known else []


def _refused_change(order: KnownOrder, body: OrderBody, ts_event: int) -> list[ExecutionReport]:
    """An amendment or a cancel that was acknowledged, and that the matching engine then refused; told once, though the
    venue may print the reason again.
    """
    if not body.has_reason:
        return []
    refusal = (*order.head, reject_reason(body.reject_reason), body.reject_reason or "", ts_event)
    if order.is_cancelling and (body.cancel_type == "CancelByUser" or not order.is_amending):
        order.is_cancelling = False
        return [CancelRejected(*refusal)]
    if order.is_amending:
        order.is_amending = False
        return [AmendRejected(*refusal)]
    return []
