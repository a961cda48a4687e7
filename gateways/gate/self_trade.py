"""Which of our open orders a new one could trade with. Pure.

Two orders can trade with each other where one can rest in the book and the other can take from it: IOC, FOK and market
orders never rest, post-only orders never take. So two IOC orders of two strategies do not bar each other, nor do the
two sides of a maker's quotes; whatever may be unacknowledged, unknown or being cancelled still bars.
"""

from decimal import Decimal
from heapq import heapify, heappop, heappush
from typing import Final

from gateways.gate.exposure import BUY
from messages.orders import OrderType, Side, SubmitOrder, TimeInForce

STALE_ENTRIES_MAX: Final = 64
"""Of closed orders in a ladder, beyond as many as are open in it."""

_LIMIT: Final = OrderType.LIMIT
_GTC: Final = TimeInForce.GTC
_MARKET_BUY: Final = Decimal("Infinity")
_MARKET_SELL: Final = Decimal(0)


def can_rest(order: SubmitOrder) -> bool:
    return order.time_in_force is _GTC and order.type is _LIMIT


def rank(side: Side, price: Decimal | None) -> Decimal:
    """A price so that lower trades with more: a buy's negated. None = a market order."""
    if side is BUY:
        return (_MARKET_BUY if price is None else price).copy_negate()
    return _MARKET_SELL if price is None else price


class Ladder:
    """Open orders of one side, the one that trades with most first.

    A heap from which orders go when they come to its top: leaving costs nothing.
    """

    __slots__ = ("_heap", "_ranks")

    def __init__(self) -> None:
        self._heap: list[tuple[Decimal, str]] = []
        self._ranks: dict[str, Decimal] = {}

    def put(self, client_order_id: str, at: Decimal) -> None:
        """Enter an order, or move it."""
        self._ranks[client_order_id] = at
        heappush(self._heap, (at, client_order_id))
        if len(self._heap) > 2 * len(self._ranks) + STALE_ENTRIES_MAX:
            self._heap = [(known, name) for name, known in self._ranks.items()]
            heapify(self._heap)

    def drop(self, client_order_id: str) -> None:
        self._ranks.pop(client_order_id, None)

    def first_within(self, bound: Decimal) -> str | None:
        """The order that trades with most, if it does at this rank."""
        ranks, heap = self._ranks, self._heap
        if not ranks:
            heap.clear()
            return None
        at, name = heap[0]
        while ranks.get(name) is not at:  # the order is closed, or has been moved since
            heappop(heap)
            at, name = heap[0]
        return name if at <= bound else None


class _Book:
    """The ladders of one instrument: who can rest, and who can take, on either side."""

    __slots__ = ("resting_buys", "resting_sells", "taking_buys", "taking_sells")

    def __init__(self) -> None:
        self.resting_buys, self.taking_buys = Ladder(), Ladder()
        self.resting_sells, self.taking_sells = Ladder(), Ladder()

    def of(self, order: SubmitOrder) -> list[Ladder]:
        """The ladders that an order belongs to."""
        is_buy = order.side is BUY
        ladders = []
        if can_rest(order):
            ladders.append(self.resting_buys if is_buy else self.resting_sells)
        if not order.post_only:
            ladders.append(self.taking_buys if is_buy else self.taking_sells)
        return ladders


class OwnCrossings:
    """All open orders of a gateway, as far as they could trade with a new one."""

    def __init__(self) -> None:
        self._books: dict[str, _Book] = {}

    def put(self, order: SubmitOrder, price: Decimal | None) -> None:
        """Enter an open order, or move it.

        :param price: its limit; while it is being amended, the one of both that crosses more. None: a market order.
        """
        book = self._books.get(order.instrument)
        if book is None:
            book = self._books[order.instrument] = _Book()
        at = rank(order.side, price)
        for ladder in book.of(order):
            ladder.put(order.client_order_id, at)

    def drop(self, order: SubmitOrder) -> None:
        for ladder in self._books[order.instrument].of(order):
            ladder.drop(order.client_order_id)

    def met_by(self, order: SubmitOrder, price: Decimal | None) -> str | None:
        """The id of an open order of ours that an order at this price could trade with; None where there is none."""
        book = self._books.get(order.instrument)
        if book is None:
            return None
        if order.side is BUY:
            resting, taking = book.resting_sells, book.taking_sells
            bound = _MARKET_BUY if price is None else price
        else:
            resting, taking = book.resting_buys, book.taking_buys
            bound = _MARKET_SELL if price is None else price.copy_negate()
        if not order.post_only and (met := resting.first_within(bound)):
            return met
        return taking.first_within(bound) if can_rest(order) else None
