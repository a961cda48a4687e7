"""The life of one order: every legal step in one table, the surprising ones too.

`SubmitOrder → (OrderDenied | sent → OrderAccepted | OrderRejected | OrderUnknown) → Fill* → OrderClosed`.
A fill may come before its acknowledgement and after a cancel request; a cancel may lose to a fill; an unknown order
is asked about and may turn out to be anything. A late or repeated report of a closed order changes nothing; a late
*fill* of a closed order is a fill all the same (venues report out of order), so it is counted. So it is with an order
that was denied because the venue did not know it, and which reached the venue after all, and with one that the venue
said to have rejected (after a timeout of its own, or for the id of an order that exists) and that works; it stays
denied or rejected, its gateway cancels what is left of it.
"""

from decimal import Decimal
from enum import Enum

import msgspec

from messages.orders import (
    AmendRejected,
    CancelRejected,
    CloseReason,
    ExecutionReport,
    Fill,
    OrderAccepted,
    OrderAmended,
    OrderClosed,
    OrderDenied,
    OrderRejected,
    OrderUnknown,
    SubmitOrder,
)

ZERO = Decimal(0)


class OrderState(Enum):
    IN_FLIGHT = "sent, not yet acknowledged"
    WORKING = "acknowledged; can still fill"
    CANCELLING = "a cancel was sent; can still fill"
    UNKNOWN = "outcome not known; counts fully until the venue has been asked"
    FILLED = "filled completely"
    CANCELLED = "cancelled; what was filled before stands"
    EXPIRED = "the rest of it lapsed; what was filled before stands"
    REJECTED = "refused by the venue"
    DENIED = "refused by our own gate, or never seen by the venue as far as it knew"

    __hash__ = object.__hash__
    """Members are what they are; Enum's own hash is a Python function, and every step of every order looks them up."""


OPEN_STATES = frozenset({OrderState.IN_FLIGHT, OrderState.WORKING, OrderState.CANCELLING, OrderState.UNKNOWN})
CLOSED_STATES = frozenset(OrderState) - OPEN_STATES

_CLOSED_BY = {
    CloseReason.FILLED: OrderState.FILLED,
    CloseReason.CANCELLED: OrderState.CANCELLED,
    CloseReason.EXPIRED: OrderState.EXPIRED,
}


class CancelRequested(msgspec.Struct, frozen=True):
    """We asked for the cancel; not a report, but a step of the order's life all the same."""

    client_order_id: str


_S = OrderState
_ENDINGS: dict[type, frozenset[OrderState]] = {
    OrderRejected: frozenset({_S.REJECTED}),
    OrderDenied: frozenset({_S.DENIED}),
    OrderClosed: frozenset({_S.FILLED, _S.CANCELLED, _S.EXPIRED}),
}


def _after(closed: OrderState) -> dict[type, frozenset[OrderState]]:
    late = (
        Fill,
        OrderAccepted,
        OrderAmended,
        AmendRejected,
        OrderUnknown,
        CancelRequested,
        CancelRejected,
        OrderClosed,
    )
    return dict.fromkeys(late, frozenset({closed}))


LIFECYCLE: dict[OrderState, dict[type, frozenset[OrderState]]] = {
    _S.IN_FLIGHT: {
        OrderAccepted: frozenset({_S.WORKING}),
        OrderUnknown: frozenset({_S.UNKNOWN}),
        Fill: frozenset({_S.WORKING}),  # before its acknowledgement
        CancelRequested: frozenset({_S.CANCELLING}),
        CancelRejected: frozenset({_S.IN_FLIGHT}),
        **_ENDINGS,
    },
    _S.WORKING: {
        OrderAccepted: frozenset({_S.WORKING}),  # the acknowledgement after the fill
        OrderAmended: frozenset({_S.WORKING}),
        AmendRejected: frozenset({_S.WORKING}),
        OrderUnknown: frozenset({_S.UNKNOWN}),
        Fill: frozenset({_S.WORKING}),
        CancelRequested: frozenset({_S.CANCELLING}),
        CancelRejected: frozenset({_S.WORKING}),
        **_ENDINGS,
    },
    _S.CANCELLING: {
        OrderAccepted: frozenset({_S.CANCELLING}),
        OrderAmended: frozenset({_S.CANCELLING}),
        AmendRejected: frozenset({_S.CANCELLING}),
        OrderUnknown: frozenset({_S.UNKNOWN}),
        Fill: frozenset({_S.CANCELLING}),
        CancelRequested: frozenset({_S.CANCELLING}),
        CancelRejected: frozenset({_S.WORKING}),
        **_ENDINGS,
    },
    _S.UNKNOWN: {
        OrderAccepted: frozenset({_S.WORKING}),
        OrderAmended: frozenset({_S.WORKING}),
        AmendRejected: frozenset({_S.UNKNOWN}),
        OrderUnknown: frozenset({_S.UNKNOWN}),
        Fill: frozenset({_S.UNKNOWN}),  # one fill known does not tell the rest
        CancelRequested: frozenset({_S.UNKNOWN}),
        CancelRejected: frozenset({_S.UNKNOWN}),
        **_ENDINGS,
    },
    _S.FILLED: _after(_S.FILLED),
    _S.CANCELLED: _after(_S.CANCELLED),
    _S.EXPIRED: _after(_S.EXPIRED),
    _S.REJECTED: {
        **_after(_S.REJECTED),  # of one that works all the same
        OrderRejected: frozenset({_S.REJECTED}),
        OrderDenied: frozenset({_S.REJECTED}),
    },
    _S.DENIED: {
        **_after(_S.DENIED),  # of one that the venue did not know, and then received after all
        OrderRejected: frozenset({_S.DENIED}),
        OrderDenied: frozenset({_S.DENIED}),
    },
}

_TELLING = (OrderAmended, OrderAccepted)
"""Steps that tell something even where they leave the state. (A union written at its use is made anew each time.)"""


class IllegalOrderStep(Exception):
    """A report that cannot follow the order's state; the order is to be asked about, never guessed at."""


class Order(msgspec.Struct):
    """One order of ours as far as its reports have told, with the fills already applied.

    :param request: what was asked, with the quantity and price of the last confirmed amendment.
    """

    request: SubmitOrder
    state: OrderState = OrderState.IN_FLIGHT
    filled_quantity: Decimal = ZERO
    venue_order_id: str = ""
    trade_ids: set[str] = msgspec.field(default_factory=set)

    @property
    def is_open(self) -> bool:
        return self.state in OPEN_STATES

    @property
    def open_quantity(self) -> Decimal:
        """What may still be filled, unsigned; the whole rest while the outcome is unknown."""
        return self.request.quantity - self.filled_quantity if self.state in OPEN_STATES else ZERO

    def changes(self, step: ExecutionReport | CancelRequested) -> bool:
        """Whether `apply` would change anything: False where the step is known already (a repeated fill).

        :raises IllegalOrderStep: the table has no such row.
        """
        return self._leads_on(step, self._target(step))

    def apply(self, step: ExecutionReport | CancelRequested) -> bool:
        """Take one step of the life; False where the step was known already (a repeated fill) and changed nothing.

        :raises IllegalOrderStep: the table has no such row; the order is unchanged.
        """
        target = self._target(step)
        if not self._leads_on(step, target):
            return False
        if isinstance(step, Fill):
            self.trade_ids.add(step.trade_id)
            self.filled_quantity += step.quantity
        elif isinstance(step, OrderAccepted):
            self.venue_order_id = step.venue_order_id
        elif isinstance(step, OrderAmended):
            self.request = msgspec.structs.replace(self.request, quantity=step.quantity, price=step.price)
        self.state = target
        return True

    def _leads_on(self, step: ExecutionReport | CancelRequested, target: OrderState) -> bool:
        if isinstance(step, Fill):
            return step.trade_id not in self.trade_ids
        return target is not self.state or isinstance(step, _TELLING)

    def _target(self, step: ExecutionReport | CancelRequested) -> OrderState:
        row = LIFECYCLE[self.state].get(type(step))
        if row is None:
            raise IllegalOrderStep(
                f"{type(step).__name__} for order {self.request.client_order_id} while {self.state.name}; "
                "ask the venue about it"
            )
        if isinstance(step, OrderClosed) and self.state in OPEN_STATES:
            return _CLOSED_BY[step.reason]
        (only,) = row
        return only
