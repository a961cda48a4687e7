"""The life of an order: every legal row of the table is walked, every other one raises and changes nothing."""

from decimal import Decimal as D

import pytest

from messages.order_lifecycle import (
    CLOSED_STATES,
    LIFECYCLE,
    OPEN_STATES,
    CancelRequested,
    IllegalOrderStep,
    Order,
    OrderState,
)
from messages.orders import (
    AmendRejected,
    CancelRejected,
    CloseReason,
    DenyReason,
    Fill,
    Liquidity,
    OrderAccepted,
    OrderAmended,
    OrderClosed,
    OrderDenied,
    OrderRejected,
    OrderUnknown,
    RejectReason,
    Side,
    SubmitOrder,
)

ID, STRATEGY, INSTRUMENT = "x-carry-e1-1", "carry", "BTCUSDT.spot"
REQUEST = SubmitOrder(
    client_order_id=ID, strategy=STRATEGY, epoch=1, instrument=INSTRUMENT, side=Side.BUY, quantity=D(3), price=D(100),
    ts_created=1,
)  # fmt: skip
IDS = (ID, STRATEGY, INSTRUMENT)


def a_fill(trade_id: str = "t1", quantity: D = D(1)) -> Fill:
    return Fill(
        client_order_id=ID, strategy=STRATEGY, instrument=INSTRUMENT, side=Side.BUY, price=D(100), quantity=quantity,
        fee=D(0), fee_currency="USDT", liquidity=Liquidity.TAKER, trade_id=trade_id, ts_event=2,
    )  # fmt: skip


STEPS = {
    OrderAccepted: OrderAccepted(*IDS, "v1", 2),
    OrderRejected: OrderRejected(*IDS, RejectReason.OTHER, "no", 2),
    OrderDenied: OrderDenied(*IDS, DenyReason.HALTED, "", 2),
    OrderAmended: OrderAmended(*IDS, D(5), D(101), 2),
    AmendRejected: AmendRejected(*IDS, RejectReason.OTHER, "no", 2),
    CancelRejected: CancelRejected(*IDS, RejectReason.UNKNOWN_ORDER, "late", 2),
    OrderUnknown: OrderUnknown(*IDS, "venue gone", 2),
    Fill: a_fill(),
    CancelRequested: CancelRequested(ID),
}
ENDS = {
    CloseReason.FILLED: OrderState.FILLED,
    CloseReason.CANCELLED: OrderState.CANCELLED,
    CloseReason.EXPIRED: OrderState.EXPIRED,
}


def closed(reason: CloseReason) -> OrderClosed:
    return OrderClosed(*IDS, reason, D(0), 2)


LEGAL = [
    (state, kind, next(iter(targets)))
    for state, rows in LIFECYCLE.items()
    for kind, targets in rows.items()
    if kind is not OrderClosed
]
ILLEGAL = [(state, kind) for state in OrderState for kind in (*STEPS, OrderClosed) if kind not in LIFECYCLE[state]]


def test_every_state_has_rows_and_is_either_open_or_closed():
    assert set(OrderState) == set(LIFECYCLE)
    assert set(OrderState) == OPEN_STATES | CLOSED_STATES
    assert not OPEN_STATES & CLOSED_STATES


@pytest.mark.parametrize(("state", "kind", "target"), LEGAL)
def test_a_legal_step_leads_where_the_table_says(state, kind, target):
    order = Order(REQUEST, state)
    order.apply(STEPS[kind])
    assert target is order.state


@pytest.mark.parametrize("state", sorted(OPEN_STATES, key=lambda state: state.name))
@pytest.mark.parametrize("reason", list(CloseReason))
def test_the_end_of_an_open_order_leads_to_the_state_of_its_reason(state, reason):
    order = Order(REQUEST, state)
    assert order.apply(closed(reason))
    assert ENDS[reason] is order.state


@pytest.mark.parametrize("state", [OrderState.FILLED, OrderState.CANCELLED, OrderState.EXPIRED])
@pytest.mark.parametrize("reason", list(CloseReason))
def test_a_second_end_changes_nothing(state, reason):
    order = Order(REQUEST, state)
    assert not order.apply(closed(reason))
    assert state is order.state


@pytest.mark.parametrize(("state", "kind"), ILLEGAL)
def test_an_illegal_step_raises_and_leaves_the_order_as_it_was(state, kind):
    order = Order(REQUEST, state)
    with pytest.raises(IllegalOrderStep, match=f"{kind.__name__} for order {ID} while {state.name}"):
        order.apply(closed(CloseReason.FILLED) if kind is OrderClosed else STEPS[kind])
    assert (state, D(0), REQUEST) == (order.state, order.filled_quantity, order.request)


def test_there_are_illegal_steps_to_test():
    assert len(ILLEGAL) == 8, "no amendment before the order is there, no refusal after another end"


def test_a_fill_before_its_acknowledgement_is_applied_once():
    order = Order(REQUEST)
    assert order.apply(a_fill())
    assert order.apply(STEPS[OrderAccepted])
    assert not order.apply(a_fill())
    assert (OrderState.WORKING, D(1), D(2)) == (order.state, order.filled_quantity, order.open_quantity)


def test_a_cancel_may_lose_to_a_fill():
    order = Order(REQUEST)
    order.apply(CancelRequested(ID))
    order.apply(a_fill(quantity=D(3)))
    order.apply(closed(CloseReason.FILLED))
    assert OrderState.FILLED is order.state


def test_a_late_fill_of_a_cancelled_order_is_a_fill_all_the_same():
    order = Order(REQUEST, OrderState.CANCELLED)
    assert order.apply(a_fill())
    assert (OrderState.CANCELLED, D(1), D(0)) == (order.state, order.filled_quantity, order.open_quantity)


def test_an_order_that_the_venue_did_not_know_and_then_received_stays_denied_and_its_fills_count():
    order = Order(REQUEST)
    order.apply(OrderDenied(*IDS, DenyReason.NOT_RECEIVED, "", 2))
    assert order.apply(STEPS[OrderAccepted])
    assert order.apply(a_fill())
    assert not order.apply(a_fill())
    assert not order.apply(closed(CloseReason.CANCELLED))
    assert not order.apply(STEPS[OrderRejected])
    assert (OrderState.DENIED, "v1", D(1), D(0)) == (
        order.state, order.venue_order_id, order.filled_quantity, order.open_quantity,
    )  # fmt: skip


def test_an_order_that_the_venue_rejected_and_that_works_all_the_same_stays_rejected_and_its_fills_count():
    order = Order(REQUEST)
    order.apply(STEPS[OrderRejected])
    assert order.apply(STEPS[OrderAccepted])
    assert order.apply(a_fill())
    assert not order.apply(closed(CloseReason.CANCELLED))
    assert not order.apply(STEPS[OrderDenied])
    assert (OrderState.REJECTED, "v1", D(1), D(0)) == (
        order.state, order.venue_order_id, order.filled_quantity, order.open_quantity,
    )  # fmt: skip


def test_an_unknown_order_counts_with_its_whole_rest():
    order = Order(REQUEST)
    order.apply(STEPS[OrderUnknown])
    order.apply(a_fill())
    assert (OrderState.UNKNOWN, D(2)) == (order.state, order.open_quantity)


def test_a_confirmed_amendment_changes_quantity_and_price():
    order = Order(REQUEST, OrderState.WORKING)
    order.apply(STEPS[OrderAmended])
    assert (D(5), D(101)) == (order.request.quantity, order.request.price)


def test_a_closed_order_has_no_open_quantity():
    order = Order(REQUEST, OrderState.EXPIRED)
    assert not order.is_open
    assert D(0) == order.open_quantity


def test_a_step_that_repeats_what_is_known_says_so():
    order = Order(REQUEST, OrderState.WORKING)
    assert not order.apply(STEPS[CancelRejected])
    assert order.apply(CancelRequested(ID))
    assert not order.apply(CancelRequested(ID))
