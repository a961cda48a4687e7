"""What we know of our own orders at Bybit: enough to say whose a report is, whether it is news, and when an end may be
told.

The venue tells the orders on one topic and their executions on another, in no common order: so the end of an order is
held until every fill that it speaks of has come.
"""

from collections import deque
from collections.abc import Iterable
from decimal import Decimal
from typing import Final

import msgspec

from messages.orders import Fill, OrderClosed, OrderType, QueryOrder, SubmitOrder

ORDERS_KNOWN_MAX: Final = 20_000
END_WAIT_NS: Final = 2_000_000_000
"""So long the end of an order waits for its last fills; then the venue is to be asked."""

ZERO: Final = Decimal(0)


class KnownOrder(msgspec.Struct, kw_only=True, eq=False):
    """One order of ours.

    :ivar quantity: in all, as last known; `price` likewise. None where we have never known.
    :ivar sent_ms: when it was sent, at the latest.
    :ivar changed_ms: when the venue last changed it, by the last report on it.
    :ivar is_told: it was reported accepted.
    :ivar is_amending: an amendment was sent, and what became of it was not heard; `is_cancelling`: a cancel.
    :ivar end: how it ended, held until its fills are complete; `held_since_ns` by our clock.
    """

    client_order_id: str
    strategy: str
    instrument: str
    type: OrderType = OrderType.LIMIT
    quantity: Decimal | None = None
    price: Decimal | None = None
    sent_ms: int = 0
    venue_order_id: str = ""
    changed_ms: int = 0
    is_told: bool = False
    is_amending: bool = False
    is_cancelling: bool = False
    is_ended: bool = False
    filled: Decimal = ZERO
    trade_ids: set[str] = msgspec.field(default_factory=set)
    end: OrderClosed | None = None
    held_since_ns: int = 0

    @property
    def head(self) -> tuple[str, str, str]:
        """How every report on it opens."""
        return self.client_order_id, self.strategy, self.instrument


class OrderIndex:
    """Keeps ORDERS_KNOWN_MAX orders and forgets the oldest beyond; a gateway may have far fewer open."""

    def __init__(self) -> None:
        self._by_client: dict[str, KnownOrder] = {}
        self._by_venue: dict[str, KnownOrder] = {}
        self._ages: deque[str] = deque()

    def submitted(self, request: SubmitOrder, now_ms: int) -> KnownOrder:
        """An order is about to be sent; that of another with the same id stays what it is."""
        return self._add(
            KnownOrder(
                client_order_id=request.client_order_id,
                strategy=request.strategy,
                instrument=request.instrument,
                type=request.type,
                quantity=request.quantity,
                price=request.price,
                sent_ms=now_ms,
            )
        )

    def asked(self, request: QueryOrder, now_ms: int) -> KnownOrder:
        """After a restart the gateway asks for each order that it has open: so they are known again. Who sent it did
        so before this.
        """
        return self._add(
            KnownOrder(
                client_order_id=request.client_order_id,
                strategy=request.strategy,
                instrument=request.instrument,
                sent_ms=now_ms,
            )
        )

    def find(self, client_order_id: str | None, venue_order_id: str | None = None) -> KnownOrder | None:
        """By our id; by the venue's where it leaves ours out."""
        if client_order_id:
            return self._by_client.get(client_order_id)
        return self._by_venue.get(venue_order_id) if venue_order_id else None

    def note_venue_id(self, order: KnownOrder, venue_order_id: str | None) -> None:
        if venue_order_id and not order.venue_order_id:
            order.venue_order_id = venue_order_id
            self._by_venue[venue_order_id] = order

    def overdue(self, now_ns: int) -> list[KnownOrder]:
        """The orders whose end has waited too long for their fills."""
        return [
            order
            for order in self._by_client.values()
            if order.end is not None and now_ns - order.held_since_ns >= END_WAIT_NS
        ]

    def _add(self, order: KnownOrder) -> KnownOrder:
        known = self._by_client.get(order.client_order_id)
        if known is not None:
            return known
        self._by_client[order.client_order_id] = order
        self._ages.append(order.client_order_id)
        if len(self._ages) > ORDERS_KNOWN_MAX:
            oldest = self._by_client.pop(self._ages.popleft())
            self._by_venue.pop(oldest.venue_order_id, None)
        return order


def take_fill(order: KnownOrder, fill: Fill) -> list[Fill | OrderClosed]:
    """The fill if it is news, and the end that waited for it."""
    if fill.trade_id in order.trade_ids:
        return []
    order.trade_ids.add(fill.trade_id)
    order.filled += fill.quantity
    if order.end is None or order.filled < order.end.filled_quantity:
        return [fill]
    end, order.end, order.is_ended = order.end, None, True
    return [fill, end]


def absorb(order: KnownOrder, fills: Iterable[Fill], *, is_ended: bool) -> None:
    """What was told of the order in answer to a question is news no more when the stream tells it."""
    for fill in fills:
        if fill.trade_id not in order.trade_ids:
            order.trade_ids.add(fill.trade_id)
            order.filled += fill.quantity
    order.is_told = True
    if is_ended:
        order.is_ended, order.end = True, None


def take_end(order: KnownOrder, end: OrderClosed, now_ns: int) -> list[OrderClosed]:
    """The end if it is news and no fill is missing; else it is held."""
    if order.is_ended:
        return []
    if order.filled >= end.filled_quantity:
        order.is_ended, order.end = True, None
        return [end]
    if order.end is None:
        order.held_since_ns = now_ns
    order.end = end
    return []
