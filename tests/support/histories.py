"""Random histories of an order desk: everything that may happen to orders, venue and disk, one step at a time."""

from decimal import Decimal
from typing import Any

from hypothesis import strategies as st

from messages.orders import (
    AmendRejected,
    CancelRejected,
    CloseReason,
    OrderAmended,
    OrderRejected,
    OrderUnknown,
    RejectReason,
    Side,
)
from tests.support.orders import (
    NOW_NS,
    PERPETUAL,
    SPOT,
    accepted,
    amend,
    booked,
    cancel,
    closed,
    fill,
    head,
    status,
    submit,
)

D = Decimal

ORDERS = [
    submit(1),
    submit(2, side=Side.SELL, epoch=2, client_order_id="desk-carry-e2-2"),
    submit(1, strategy="other", client_order_id="desk-other-e1-1", instrument=PERPETUAL.id, quantity=D(5)),
    submit(2, strategy="other", client_order_id="desk-other-e1-2", price=D("50000.05")),  # denied: off the tick
]
REASONS = list(CloseReason)


def refusal(kind: Any, order: Any) -> Any:
    return kind(*head(order), RejectReason.OTHER, "no", NOW_NS)


def quantity_of(order: Any, size: int) -> str:
    return str(size) if order.instrument == PERPETUAL.id else str(D(size) / 1_000)


ACTS: dict[str, Any] = {
    "submit": lambda floor, order, _: floor.submit(order),
    "cancel": lambda floor, order, _: floor.desk.cancel(cancel(order)),
    "amend": lambda floor, order, size: floor.desk.amend(amend(order, quantity=order.quantity * size)),
    "accepted": lambda floor, order, _: floor.desk.report(accepted(order)),
    "rejected": lambda floor, order, _: floor.desk.report(refusal(OrderRejected, order)),
    "fill": lambda floor, order, size: floor.desk.report(fill(order, quantity_of(order, size), f"t-{size}")),
    "fee in base": lambda floor, order, size: floor.desk.report(
        fill(order, quantity_of(order, size), f"b-{size}", fee=D("0.00001"), fee_currency="BTC")
    ),
    "amended": lambda floor, order, size: floor.desk.report(
        OrderAmended(*head(order), order.quantity * size, D("49999.9"), NOW_NS)
    ),
    "amend rejected": lambda floor, order, _: floor.desk.report(refusal(AmendRejected, order)),
    "cancel rejected": lambda floor, order, _: floor.desk.report(refusal(CancelRejected, order)),
    "unknown": lambda floor, order, _: floor.desk.report(OrderUnknown(*head(order), "?", NOW_NS)),
    "closed": lambda floor, order, size: floor.desk.report(closed(order, "0.001", REASONS[size % 3])),
    "status": lambda floor, order, size: floor.desk.on_order_status(
        status(order, fill(order, quantity_of(order, size), f"t-{size}"), closed=[None, *REASONS][size % 4])
    ),
    "never seen": lambda floor, order, _: floor.desk.on_order_status(status(order, is_known=False)),
    "venue lost": lambda floor, *_: floor.desk.venue_is_lost(),
    "venue back": lambda floor, *_: floor.desk.venue_is_back(),
    "link down": lambda floor, *_: setattr(floor, "is_link_up", False),
    "link up": lambda floor, *_: setattr(floor, "is_link_up", True),
    "funding": lambda floor, _, size: floor.desk.on_funding(
        booked(floor.records.fundings + size % 3, "0.00000010", SPOT.id if size == 5 else PERPETUAL.id)
    ),
    "catch up": lambda floor, *_: floor.desk.catch_up(),
}
LIKELY = ["submit"] * 6 + ["cancel"] * 4 + ["accepted", "fill", "fill"]
steps = st.tuples(
    st.sampled_from([*LIKELY, *ACTS]),
    st.sampled_from([ORDERS[0], *ORDERS]),
    st.integers(1, 5),
    st.sampled_from([False] * 3 + [True]),
)
