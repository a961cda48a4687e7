"""What a gateway must still tell its strategies, once the venue has said how an order stands. Pure."""

from gateways.venue import OrderStatus
from messages.order_lifecycle import Order, OrderState
from messages.orders import (
    DenyReason,
    ExecutionReport,
    OrderAccepted,
    OrderClosed,
    OrderDenied,
    OrderRejected,
)


def missing_reports(order: Order, status: OrderStatus) -> list[ExecutionReport]:
    """The reports that bring our record of an order to what the venue knows of it; fills come before the end.

    An order that the venue never saw is told as `OrderDenied(NOT_RECEIVED)`: nothing of it was or will be filled.
    """
    request, ts = order.request, status.ts_event
    head = (request.client_order_id, request.strategy, request.instrument)
    if not status.is_known:
        return [OrderDenied(*head, DenyReason.NOT_RECEIVED, "venue=unknown-order", ts)]
    if status.rejected is not None:
        return [OrderRejected(*head, status.rejected, "told when asked", ts)]
    reports: list[ExecutionReport] = []
    if not order.venue_order_id or order.state in (OrderState.UNKNOWN, OrderState.IN_FLIGHT):
        reports.append(OrderAccepted(*head, status.venue_order_id, ts))
    reports += [fill for fill in status.fills if fill.trade_id not in order.trade_ids]
    if status.closed is not None and order.is_open:
        reports.append(OrderClosed(*head, status.closed, status.filled_quantity, ts))
    return reports
