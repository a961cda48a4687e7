"""Reconciling: whatever we know of an order, the venue's answer brings our record to the venue's."""

from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateways.reconcile import missing_reports
from gateways.venue import OrderStatus
from messages.order_lifecycle import CancelRequested, Order, OrderState
from messages.orders import (
    CloseReason,
    DenyReason,
    ExecutionReport,
    Fill,
    OrderAccepted,
    OrderAmended,
    OrderClosed,
    OrderDenied,
    OrderRejected,
    OrderUnknown,
    RejectReason,
    SubmitOrder,
)
from tests.support.orders import NOW_NS, accepted, closed, fill, head, status, submit

D = Decimal
CLOSED_AS = {
    CloseReason.FILLED: OrderState.FILLED,
    CloseReason.CANCELLED: OrderState.CANCELLED,
    CloseReason.EXPIRED: OrderState.EXPIRED,
    None: OrderState.WORKING,
}
ORDER = submit(quantity=D("0.010"))


def kinds(reports: list[ExecutionReport]) -> list[str]:
    return [report.trade_id if isinstance(report, Fill) else type(report).__name__ for report in reports]


def unknown(order: SubmitOrder) -> OrderUnknown:
    return OrderUnknown(*head(order), "link lost", NOW_NS)


def test_an_order_of_which_nothing_is_known_is_told_from_its_acceptance_to_its_end() -> None:
    venue = status(ORDER, fill(ORDER, "0.004", "a"), fill(ORDER, "0.006", "b"), closed=CloseReason.FILLED)
    assert kinds(missing_reports(Order(ORDER), venue)) == ["OrderAccepted", "a", "b", "OrderClosed"]


def test_only_what_is_missing_is_told() -> None:
    order = Order(ORDER)
    for report in (accepted(ORDER), fill(ORDER, "0.006", "b")):
        order.apply(report)
    venue = status(ORDER, fill(ORDER, "0.004", "a"), fill(ORDER, "0.006", "b"))
    assert kinds(missing_reports(order, venue)) == ["a"]
    assert missing_reports(order, status(ORDER, fill(ORDER, "0.006", "b"))) == []


def test_an_order_that_the_venue_never_saw_was_not_received() -> None:
    venue = status(ORDER, is_known=False, venue_order_id="")
    (denied,) = missing_reports(Order(ORDER), venue)
    assert denied == OrderDenied(*head(ORDER), DenyReason.NOT_RECEIVED, "venue=unknown-order", NOW_NS)


def test_an_order_that_the_venue_refused_is_rejected_for_the_reason_it_gives() -> None:
    venue = status(ORDER, rejected=RejectReason.MIN_NOTIONAL, venue_order_id="")
    (rejected,) = missing_reports(Order(ORDER), venue)
    assert isinstance(rejected, OrderRejected)
    assert rejected.reason is RejectReason.MIN_NOTIONAL


def test_a_late_fill_of_a_closed_order_is_told_and_its_end_is_not_told_again() -> None:
    order = Order(ORDER)
    for report in (accepted(ORDER), closed(ORDER)):
        order.apply(report)
    venue = status(ORDER, fill(ORDER, "0.004", "late"), closed=CloseReason.CANCELLED)
    assert kinds(missing_reports(order, venue)) == ["late"]


histories = st.builds(
    lambda sizes, reason: (sizes, reason),
    st.lists(st.integers(1, 5), max_size=5),
    st.sampled_from(list(CLOSED_AS)),
)


def true_status(sizes: list[int], reason: CloseReason | None) -> OrderStatus:
    fills = tuple(fill(ORDER, str(D(size) / 1_000), f"t-{number}") for number, size in enumerate(sizes))
    return status(ORDER, *fills, closed=reason)


@settings(max_examples=400)
@given(histories, st.data())
def test_whatever_was_heard_before_our_record_ends_as_the_venue_says(
    history: tuple[list[int], CloseReason | None], data: st.DataObject
) -> None:
    venue = true_status(*history)
    reports: list[ExecutionReport | CancelRequested] = [accepted(ORDER), *venue.fills, unknown(ORDER)]
    if venue.closed is not None:
        reports.append(OrderClosed(*head(ORDER), venue.closed, venue.filled_quantity, NOW_NS))
    reports.append(CancelRequested(ORDER.client_order_id))
    heard = data.draw(st.lists(st.sampled_from(reports), max_size=8))
    order = Order(ORDER)
    for report in heard:
        order.apply(report)
    for report in missing_reports(order, venue):
        order.apply(report)
    assert order.filled_quantity == venue.filled_quantity
    assert order.trade_ids == {fill.trade_id for fill in venue.fills}
    assert order.venue_order_id == "v-1"
    if order.state is OrderState.CANCELLING:
        assert venue.closed is None
        assert any(isinstance(report, CancelRequested) for report in heard)
    else:
        assert order.state is CLOSED_AS[venue.closed]
    assert missing_reports(order, venue) == [], "asked again, nothing is missing"


@pytest.mark.parametrize("state", ["in flight", "accepted", "cancelling", "unknown"])
@pytest.mark.parametrize("answer", ["never seen", "refused"])
def test_an_order_that_came_to_nothing_is_closed_from_any_open_state(state: str, answer: str) -> None:
    order = Order(ORDER)
    for report in {
        "in flight": [],
        "accepted": [accepted(ORDER)],
        "cancelling": [CancelRequested(ORDER.client_order_id)],
        "unknown": [unknown(ORDER)],
    }[state]:  # type: ignore[attr-defined]
        order.apply(report)
    changes = {"is_known": False} if answer == "never seen" else {"rejected": RejectReason.OTHER}
    venue = status(ORDER, **changes)
    for missing in missing_reports(order, venue):
        order.apply(missing)
    assert order.state is (OrderState.DENIED if answer == "never seen" else OrderState.REJECTED)
    assert OrderAccepted not in [type(missing) for missing in missing_reports(order, venue)]


# --- terms ---------------------------------------------------------------------------------------------------------


def test_an_amendment_whose_answer_was_lost_is_told() -> None:
    order = Order(ORDER)
    order.apply(accepted(ORDER))
    found = status(ORDER, quantity=D("0.020"), price=D("49000.0"))
    (amended,) = missing_reports(order, found)
    assert amended == OrderAmended(*head(ORDER), D("0.020"), D("49000.0"), NOW_NS)
    order.apply(amended)
    assert missing_reports(order, found) == [], "and then it is known"


def test_an_order_of_unknown_outcome_is_told_accepted_and_amended_before_its_fills() -> None:
    order = Order(ORDER)
    order.apply(OrderUnknown(*head(ORDER), "lost", NOW_NS))
    filled = fill(ORDER, "0.015", "t-1")
    found = status(ORDER, filled, quantity=D("0.015"), price=D("50000.0"), closed=CloseReason.FILLED)
    reports = missing_reports(order, found)
    assert kinds(reports) == ["OrderAccepted", "OrderAmended", "t-1", "OrderClosed"]
    for report in reports:
        order.apply(report)
    assert order.state is OrderState.FILLED


@pytest.mark.parametrize("terms", [{}, {"quantity": ORDER.quantity, "price": ORDER.price}, {"quantity": D(1)}])
def test_terms_that_are_as_we_know_them_or_are_not_told_change_nothing(terms: dict[str, Decimal]) -> None:
    order = Order(ORDER)
    order.apply(accepted(ORDER))
    assert missing_reports(order, status(ORDER, **terms)) == []


def test_what_has_ended_is_not_amended() -> None:
    order = Order(ORDER)
    order.apply(accepted(ORDER))
    order.apply(closed(ORDER))
    assert missing_reports(order, status(ORDER, quantity=D("0.020"), price=ORDER.price)) == []
