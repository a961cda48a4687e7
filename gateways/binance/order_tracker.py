"""What we know of our own orders at Binance: whose a report is, whether it is news, and when an end may be told.

Answers and events come over two connections in no common order, and events are told again after a reconnection: each
report is admitted here first. What is told twice, late or with a gap before it is told as just that.
"""

from collections.abc import Iterable
from decimal import Decimal
from typing import Final

import msgspec

from gateways.binance.private_asides import Aside, AsideKind
from gateways.venue import OrderStatus
from messages.orders import (
    AmendOrder,
    AmendRejected,
    CancelOrder,
    ExecutionReport,
    Fill,
    OrderAccepted,
    OrderAmended,
    OrderClosed,
    OrderRejected,
    QueryOrder,
    SubmitOrder,
)

OPEN_KNOWN_MAX: Final = 20_000
ENDED_KNOWN_MAX: Final = 20_000
END_WAIT_NS: Final = 2_000_000_000
"""So long the end of an order waits for its last fills; then it is told all the same, and the gateway asks."""

ZERO: Final = Decimal(0)

Told = ExecutionReport | Aside


class KnownOrder(msgspec.Struct, kw_only=True, eq=False):
    """One order of ours.

    :ivar sent_ms: the venue's time of sending; 0 where another process sent it.
    :ivar terms: quantity and price, as last told; None where we have never known.
    :ivar asked_terms: those of an amendment that is not answered yet.
    :ivar end: how it ended, held until its fills are complete; `held_since_ns` by our clock.
    """

    client_order_id: str
    strategy: str
    instrument: str
    sent_ms: int = 0
    venue_order_id: str = ""
    terms: tuple[Decimal, Decimal | None] | None = None
    asked_terms: tuple[Decimal, Decimal | None] | None = None
    filled: Decimal = ZERO
    trade_ids: set[str] = msgspec.field(default_factory=set)
    is_ended: bool = False
    end: OrderClosed | None = None
    held_since_ns: int = 0

    @property
    def head(self) -> tuple[str, str, str]:
        """How every report on it opens."""
        return self.client_order_id, self.strategy, self.instrument


class OrderTracker:
    """Forgets the orders that ended longest ago beyond ENDED_KNOWN_MAX, and open ones beyond OPEN_KNOWN_MAX."""

    def __init__(self) -> None:
        self._open: dict[str, KnownOrder] = {}
        self._ended: dict[str, KnownOrder] = {}

    # --- whose it is ---------------------------------------------------------------------------------------------

    def submitted(self, order: SubmitOrder, now_ms: int) -> None:
        """An order is about to be sent; that of another with the same id stays what it is."""
        known = self._know(order.client_order_id, order.strategy, order.instrument)
        if not known.sent_ms:
            known.sent_ms = now_ms
            known.terms = (order.quantity, order.price)

    def named(self, request: CancelOrder | AmendOrder | QueryOrder) -> KnownOrder:
        """After a restart the gateway asks for each order that it has open: so they are known again."""
        known = self._know(request.client_order_id, request.strategy, request.instrument)
        if isinstance(request, AmendOrder):
            known.asked_terms = (request.quantity, request.price)
        return known

    def find(self, client_order_id: str) -> KnownOrder | None:
        return self._open.get(client_order_id) or self._ended.get(client_order_id)

    def learn(self, status: OrderStatus) -> None:
        """The venue has said how an order stands; whoever asked is told it whole."""
        order = self.find(status.client_order_id)
        if order is None:
            return
        order.trade_ids.update(fill.trade_id for fill in status.fills)
        order.filled = max(order.filled, status.filled_quantity)
        order.venue_order_id = status.venue_order_id or order.venue_order_id
        if status.quantity is not None:
            order.terms = (status.quantity, status.price)
        if status.closed is not None or status.rejected is not None or not status.is_known:
            self._ends(order)

    # --- whether it is news --------------------------------------------------------------------------------------

    def admit(self, reports: Iterable[Told], now_ns: int, *, filled: Decimal | None = None) -> list[Told]:
        """The reports that are news, and what is to be said of the others.

        :param filled: what the venue says is filled of the order, the fill among the reports included.
        """
        told: list[Told] = []
        for report in reports:
            told += self._admit(report, now_ns, filled)
        return told

    def overdue(self, now_ns: int) -> list[OrderClosed]:
        """The ends that have waited too long for their fills: what is missing is to be asked for."""
        late = [
            order
            for order in self._open.values()
            if order.end is not None and now_ns - order.held_since_ns >= END_WAIT_NS
        ]
        ends = [order.end for order in late if order.end is not None]
        for order in late:
            order.end = None
        return ends

    def _admit(self, report: Told, now_ns: int, filled: Decimal | None) -> list[Told]:
        if isinstance(report, Aside):
            return [report]
        order = self.find(getattr(report, "client_order_id", ""))
        if order is None:
            return [report]
        if isinstance(report, Fill):
            return self._admit_fill(order, report, filled)
        if isinstance(report, OrderAccepted):
            return _admit_acceptance(order, report)
        if isinstance(report, OrderAmended):
            return _admit_amendment(order, report)
        if isinstance(report, OrderClosed):
            return self._admit_end(order, report, now_ns)
        if isinstance(report, OrderRejected):
            return self._admit_rejection(order, report)
        if isinstance(report, AmendRejected):
            order.asked_terms = None
        return [report]

    def _admit_fill(self, order: KnownOrder, fill: Fill, filled: Decimal | None) -> list[Told]:
        if fill.trade_id in order.trade_ids:
            return [Aside(AsideKind.REPEATED, order.client_order_id, f"execution {fill.trade_id}")]
        order.trade_ids.add(fill.trade_id)
        order.filled += fill.quantity
        told: list[Told] = [fill]
        if order.is_ended or (filled is not None and filled < order.filled):
            told.append(Aside(AsideKind.LATE, order.client_order_id, f"execution {fill.trade_id}"))
        elif filled is not None and filled > order.filled:
            text = f"filled={filled} known={order.filled}"
            told.append(Aside(AsideKind.MISSING, order.client_order_id, text))
        if order.end is not None and order.filled >= order.end.filled_quantity:
            told.append(order.end)
            self._ends(order)
        return told

    def _admit_end(self, order: KnownOrder, end: OrderClosed, now_ns: int) -> list[Told]:
        if order.is_ended or order.end is not None:
            return [Aside(AsideKind.REPEATED, order.client_order_id, f"end {end.reason}")]
        if order.filled >= end.filled_quantity:
            self._ends(order)
            return [end]
        order.end, order.held_since_ns = end, now_ns
        text = f"end {end.reason} held: filled={end.filled_quantity} known={order.filled}"
        return [Aside(AsideKind.MISSING, order.client_order_id, text)]

    def _admit_rejection(self, order: KnownOrder, rejected: OrderRejected) -> list[Told]:
        if order.is_ended:
            return [Aside(AsideKind.REPEATED, order.client_order_id, f"rejection {rejected.reason}")]
        self._ends(order)
        return [rejected]

    def _know(self, client_order_id: str, strategy: str, instrument: str) -> KnownOrder:
        known = self.find(client_order_id)
        if known is None:
            known = KnownOrder(client_order_id=client_order_id, strategy=strategy, instrument=instrument)
            self._open[client_order_id] = known
            _forget_oldest(self._open, OPEN_KNOWN_MAX)
        return known

    def _ends(self, order: KnownOrder) -> None:
        order.is_ended, order.end = True, None
        self._open.pop(order.client_order_id, None)
        self._ended[order.client_order_id] = order
        _forget_oldest(self._ended, ENDED_KNOWN_MAX)


def _admit_acceptance(order: KnownOrder, accepted: OrderAccepted) -> list[Told]:
    if order.venue_order_id == accepted.venue_order_id:
        return [Aside(AsideKind.REPEATED, order.client_order_id, "acceptance")]
    order.venue_order_id = accepted.venue_order_id
    if order.filled or order.is_ended:
        return [accepted, Aside(AsideKind.LATE, order.client_order_id, "acceptance")]
    return [accepted]


def _admit_amendment(order: KnownOrder, amended: OrderAmended) -> list[Told]:
    """The answer to a request is told even where it changes nothing; its event, or it after its event, is not."""
    terms = (amended.quantity, amended.price)
    is_answer, order.asked_terms = order.asked_terms == terms, None
    if order.terms == terms and not is_answer:
        return [Aside(AsideKind.REPEATED, order.client_order_id, "amendment")]
    order.terms = terms
    if order.is_ended:
        return [amended, Aside(AsideKind.LATE, order.client_order_id, "amendment")]
    return [amended]


def _forget_oldest(orders: dict[str, KnownOrder], orders_max: int) -> None:
    while len(orders) > orders_max:
        del orders[next(iter(orders))]
