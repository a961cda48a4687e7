"""The orders of one strategy: makes them, names them, and follows each through its life.

It also keeps what every order needs: the newest time seen, the message that is being answered, and the timers set.
"""

from collections import OrderedDict
from decimal import Decimal
from typing import Any

import msgspec

from messages.market import Depth, MarkPrice, Quote, Trade
from messages.order_lifecycle import CancelRequested, IllegalOrderStep, Order
from messages.orders import (
    AmendRejected,
    CancelOrder,
    CancelRejected,
    CloseReason,
    ExecutionReport,
    Fill,
    FundingPaid,
    OrderAccepted,
    OrderAmended,
    OrderClosed,
    OrderDenied,
    OrderRejected,
    OrderType,
    OrderUnknown,
    Side,
    SubmitOrder,
    TimeInForce,
    is_forced,
    is_venue_made,
)
from messages.strategy_host import CancelTimer, RecoveryCompleted, SetTimer, StrategyStarted, TimerFired

CLOSED_ORDERS_KEPT_MAX = 1_000
TRADE_IDS_KEPT_MAX = 10_000
CAUSE_LENGTH_MAX = 128
VALID_FOR_MS_MAX = 60_000


OrderReport = (
    OrderAccepted
    | OrderRejected
    | OrderDenied
    | OrderAmended
    | AmendRejected
    | CancelRejected
    | OrderUnknown
    | Fill
    | OrderClosed
)
"""What an order may be told; funding concerns no order."""


class Ticket(msgspec.Struct, frozen=True, kw_only=True):
    """What a strategy wants done, before it is an order.

    :param quantity: unsigned, in the instrument's own unit.
    :param price: limit; None = a market order.
    :param post_only: the venue refuses it where it would take.
    """

    instrument: str
    side: Side
    quantity: Decimal
    price: Decimal | None
    time_in_force: TimeInForce = TimeInForce.IOC
    reduce_only: bool = False
    post_only: bool = False
    valid_for_ms: int = 1_000


class Recent:
    """A set that forgets the oldest beyond a bound."""

    def __init__(self, size_max: int) -> None:
        self._size_max = size_max
        self._items: OrderedDict[Any, None] = OrderedDict()  # Any: whatever can be hashed

    def add(self, item: object) -> bool:
        """Remember an item; False where it was known."""
        if item in self._items:
            return False
        self._items[item] = None
        if len(self._items) > self._size_max:
            self._items.popitem(last=False)
        return True


class OwnOrders:
    """Orders, time, cause and timers of one strategy."""

    def __init__(self, strategy: str) -> None:
        self.strategy = strategy
        self.epoch = 0
        self.now_ns = 0
        self.cause: Any = None  # Any: the message that is being answered, of whatever type
        self.orders_sent = 0
        self.fills_counted = 0
        self.problems: list[str] = []
        self.timers: dict[str, int] = {}
        self._prefix = strategy
        self._count = 0
        self._open: dict[str, Order] = {}
        self._closed: OrderedDict[str, Order] = OrderedDict()
        self._early_ends: dict[str, OrderClosed] = {}
        self._trade_ids = Recent(TRADE_IDS_KEPT_MAX)

    def start(self, message: StrategyStarted) -> None:
        """Begin an incarnation: new order ids, no timers; what was open stays open until its fate is known."""
        self.epoch, self._prefix, self._count = message.epoch, message.order_prefix, 0
        self.timers.clear()

    # --- orders -------------------------------------------------------------------------------------------------

    def submit(self, ticket: Ticket) -> Order:
        self._count += 1
        self.orders_sent += 1
        request = SubmitOrder(
            client_order_id=f"{self._prefix}-e{self.epoch}-{self._count}",
            strategy=self.strategy,
            epoch=self.epoch,
            instrument=ticket.instrument,
            side=ticket.side,
            quantity=ticket.quantity,
            price=ticket.price,
            type=OrderType.MARKET if ticket.price is None else OrderType.LIMIT,
            time_in_force=ticket.time_in_force,
            reduce_only=ticket.reduce_only,
            post_only=ticket.post_only,
            ts_created=self.now_ns,
            valid_for_ms=min(ticket.valid_for_ms, VALID_FOR_MS_MAX),
            caused_by=cause_of(self.cause),
            cause_mono_ns=getattr(self.cause, "published_mono_ns", 0),
        )
        order = self._open[request.client_order_id] = Order(request)
        return order

    def cancel(self, order: Order) -> CancelOrder:
        request = order.request
        order.apply(CancelRequested(request.client_order_id))
        return CancelOrder(request.client_order_id, self.strategy, self.epoch, request.instrument, cause_of(self.cause))

    @property
    def open_orders(self) -> list[Order]:
        return list(self._open.values())

    @property
    def working(self) -> list[Order]:
        """Orders that can still fill: one that has filled completely is done, whenever its end is reported."""
        return [order for order in self._open.values() if order.open_quantity > 0]

    def order(self, client_order_id: str) -> Order | None:
        return self._open.get(client_order_id) or self._closed.get(client_order_id)

    def apply(self, report: ExecutionReport) -> bool:
        """Take a report; False where it tells nothing new. A fill is counted once, whatever its order's state."""
        if isinstance(report, FundingPaid):
            return True
        order = self.order(report.client_order_id)
        if isinstance(report, Fill):
            return self._apply_fill(report, order)
        if order is None:
            self.problems.append(f"{type(report).__name__} for unknown order {report.client_order_id}; ignored")
            return False
        if isinstance(report, OrderClosed) and order.is_open and report.filled_quantity > order.filled_quantity:
            # The end has overtaken a fill: the order counts as open until that fill is here.
            self._early_ends[report.client_order_id] = report
            return False
        return self._step(order, report)

    def _step(self, order: Order, report: OrderReport) -> bool:
        try:
            changed = order.apply(report)
        except IllegalOrderStep as error:
            self.problems.append(str(error))
            return False
        self._file(order)
        return changed

    def _apply_fill(self, fill: Fill, order: Order | None) -> bool:
        if not self._trade_ids.add((fill.instrument, fill.trade_id)):
            return False
        self.fills_counted += 1
        if order is None:
            whose = _whose(fill.client_order_id)
            self.problems.append(
                f"fill {fill.trade_id} of {fill.instrument} {whose} {fill.client_order_id}; counted in the position"
            )
            return True
        try:
            order.apply(fill)
        except IllegalOrderStep as error:
            self.problems.append(f"{error}; the fill is counted in the position")
        end = self._early_ends.get(fill.client_order_id)
        if end is not None and order.filled_quantity >= end.filled_quantity:
            self._step(order, end)
        return True

    def close_lost(self, message: RecoveryCompleted) -> list[str]:
        """Close every order that the gateways do not regard as open any more; returns their ids."""
        lost = [name for name in self._open if name not in message.open_orders]
        for name in lost:
            order = self._open[name]
            order.apply(
                OrderClosed(
                    name,
                    self.strategy,
                    order.request.instrument,
                    CloseReason.CANCELLED,
                    order.filled_quantity,
                    message.ts,
                )
            )
            self._file(order)
        return [name for name in lost if self._closed[name].filled_quantity < self._closed[name].request.quantity]

    def _file(self, order: Order) -> None:
        name = order.request.client_order_id
        if not order.is_open and self._open.pop(name, None) is not None:
            self._early_ends.pop(name, None)
            self._closed[name] = order
            if len(self._closed) > CLOSED_ORDERS_KEPT_MAX:
                self._closed.popitem(last=False)

    # --- timers -------------------------------------------------------------------------------------------------

    def set_timer(self, name: str, after_ns: int) -> SetTimer:
        at_ns = self.now_ns + after_ns
        self.timers[name] = at_ns
        return SetTimer(name, at_ns)

    def cancel_timer(self, name: str) -> list[CancelTimer]:
        return [CancelTimer(name)] if self.timers.pop(name, None) is not None else []

    def take_timer(self, fired: TimerFired) -> bool:
        """Whether this timer is one that still waits (not cancelled or replaced meanwhile); it waits no longer."""
        if self.timers.get(fired.name) != fired.due_ns:
            return False
        del self.timers[fired.name]
        return True


def _whose(name: str) -> str:
    """By whom an order that is not ours was made, in words."""
    if is_venue_made(name):
        return "forced by the venue"
    return "forced by the gateway" if is_forced(name) else "for unknown order"


def cause_of(message: object) -> str:
    """The id of the message that led to an order, e.g. `quote:BTCUSDT.binance-spot:812`."""
    if type(message) is Quote:  # the most frequent one, on the way of every order
        return f"quote:{message.instrument}:{message.seq}"
    if isinstance(message, Depth | MarkPrice):
        cause = f"{type(message).__name__.lower()}:{message.instrument}:{message.seq}"
    elif isinstance(message, Fill | Trade):
        cause = f"{type(message).__name__.lower()}:{message.instrument}:{message.trade_id}"
    elif isinstance(message, TimerFired):
        cause = f"timer:{message.name}"
    elif message is None:
        cause = ""
    else:
        name = getattr(message, "client_order_id", getattr(message, "instrument", getattr(message, "venue", "")))
        cause = f"{type(message).__name__}:{name}"
    return cause[:CAUSE_LENGTH_MAX]
