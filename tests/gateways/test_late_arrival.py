"""An order that the venue said not to know, and received after all: adopted, cancelled, and no fill of it lost."""

from decimal import Decimal
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from gateways.gate.not_received import NOT_RECEIVED_KEPT_MAX, NOT_RECEIVED_KEPT_NS
from gateways.gate.rate_limits import RateRule, RequestKind
from gateways.venue import OpenOrder
from messages.codec import encode
from messages.order_lifecycle import OrderState
from messages.orders import (
    CancelOrder,
    CancelRejected,
    CloseReason,
    DenyReason,
    Fill,
    OrderAccepted,
    OrderDenied,
    OrderRejected,
    QueryOrder,
    RejectReason,
)
from tests.support.desk import DeskFloor
from tests.support.orders import NOW_NS, SPOT, accepted, closed, fill, head, status, submit

D = Decimal
S = 1_000_000_000
ORDER = submit()
QUERY = QueryOrder(*head(ORDER)[:2], ORDER.epoch, SPOT.id)
CANCEL = CancelOrder(*head(ORDER)[:2], 1, SPOT.id, "adopted")
NOT_KNOWN = status(ORDER, is_known=False, venue_order_id="")


@pytest.fixture
def floor(tmp_path: Path) -> DeskFloor:
    """A desk whose order was lost with the link, as far as the venue knew."""
    return denied(DeskFloor(tmp_path))


def denied(floor: DeskFloor) -> DeskFloor:
    floor.submit(ORDER)
    floor.desk.venue_is_lost()
    floor.desk.venue_is_back()
    floor.desk.on_order_status(NOT_KNOWN)
    (*_, told) = floor.tells()
    assert (type(told), told.reason) == (OrderDenied, DenyReason.NOT_RECEIVED)
    floor.sends()
    return floor


def record_state(floor: DeskFloor) -> OrderState:
    return floor.records.orders[ORDER.client_order_id].state


def test_a_late_acceptance_is_told_and_the_order_cancelled(floor: DeskFloor) -> None:
    floor.desk.report(accepted(ORDER))
    assert [type(report) for report in floor.tells()] == [OrderAccepted]
    assert floor.sends() == [CANCEL]
    assert record_state(floor) is OrderState.DENIED


def test_a_late_fill_is_booked_told_journaled_and_counts(floor: DeskFloor) -> None:
    got = fill(ORDER, "0.004")
    for _ in range(2):
        floor.desk.report(got)
    (told,) = floor.tells()
    assert (type(told), told.quantity) == (Fill, D("0.004"))
    assert floor.records.positions("carry") == {SPOT.id: D("0.004")}
    assert floor.records.exposures()["carry", SPOT.id].long == D("0.004")
    assert encode(told) in [record.payload for record in floor.on_disk()]
    assert floor.sends() == [CANCEL], "the rest of it works"
    again = floor.killed_and_restarted()
    assert again.records.positions("carry") == {SPOT.id: D("0.004")}


def test_what_the_venue_tells_when_it_is_asked_again_is_booked_too(floor: DeskFloor) -> None:
    floor.desk.on_order_status(status(ORDER, fill(ORDER, "0.010"), closed=CloseReason.FILLED))
    assert [type(report) for report in floor.tells()] == [OrderAccepted, Fill]
    assert floor.records.positions("carry") == {SPOT.id: D("0.010")}
    floor.desk.on_order_status(status(ORDER, fill(ORDER, "0.010"), closed=CloseReason.FILLED))
    assert floor.tells() == []


@pytest.mark.parametrize(
    "end", [closed(ORDER), OrderRejected(*head(ORDER), RejectReason.OTHER, "no", NOW_NS), NOT_KNOWN]
)
def test_its_end_is_no_news(floor: DeskFloor, end: object) -> None:
    if end is NOT_KNOWN:
        floor.desk.on_order_status(NOT_KNOWN)
    else:
        floor.desk.report(end)  # type: ignore[arg-type]  # a report
    assert (floor.sends(), floor.tells()) == ([], [])


def test_a_burst_of_late_fills_is_answered_by_one_cancel_a_second(floor: DeskFloor) -> None:
    for number in range(5):
        floor.desk.report(fill(ORDER, "0.001", f"t-{number}"))
    assert floor.sends() == [CANCEL]
    floor.now_ns += S
    floor.desk.report(fill(ORDER, "0.001", "t-9"))
    assert floor.sends() == [CANCEL]


def test_a_cancel_that_comes_too_late_leaves_it_as_it_is(floor: DeskFloor) -> None:
    floor.desk.report(accepted(ORDER))
    floor.sends(), floor.tells()
    floor.desk.report(CancelRejected(*head(ORDER), RejectReason.UNKNOWN_ORDER, "filled", NOW_NS))
    assert floor.sends() == []
    assert [type(report) for report in floor.tells()] == [CancelRejected]
    assert record_state(floor) is OrderState.DENIED


def test_an_adopted_cancel_waits_for_the_rate_limit_and_goes_though_our_books_have_the_order_as_ended(
    tmp_path: Path,
) -> None:
    floor = DeskFloor(tmp_path, RateRule(name="orders", capacity=1.0, per_ms=1_000, cancel_reserve=0.0, query=0.0))
    denied(floor)
    floor.desk.queue.budget.spend(RequestKind.CANCEL, floor.now_ns)
    floor.desk.cancel_adopted(OpenOrder(ORDER.client_order_id, SPOT.id))
    assert floor.sends() == []
    floor.now_ns += 2 * S
    floor.desk.pump()
    assert floor.sends() == [CANCEL]


def test_a_cancel_that_waits_does_not_go_once_its_order_has_ended(tmp_path: Path) -> None:
    floor = DeskFloor(tmp_path, RateRule(name="orders", capacity=1.0, per_ms=1_000, cancel_reserve=0.0))
    floor.submit(ORDER)
    floor.desk.report(accepted(ORDER))
    floor.sends()
    floor.desk.cancel_orders(floor.records.open_orders(), "halt")
    floor.desk.report(closed(ORDER))
    floor.now_ns += 2 * S
    floor.desk.pump()
    assert floor.sends() == []


def test_the_next_process_asks_about_it_and_books_what_it_has_filled_meanwhile(floor: DeskFloor) -> None:
    again = floor.killed_and_restarted()
    assert again.sends() == [QUERY]
    assert again.desk.uncertain_instruments == {SPOT.id}, "what it may have brought is not known"
    again.desk.on_order_status(status(ORDER, fill(ORDER, "0.004")))
    assert again.records.positions("carry") == {SPOT.id: D("0.004")}
    assert again.sends() == [CANCEL]
    assert again.desk.uncertain_instruments == set()


def test_the_next_process_books_a_fill_that_it_is_told_all_the_same(floor: DeskFloor) -> None:
    again = floor.killed_and_restarted()
    again.sends()
    again.desk.on_order_status(NOT_KNOWN)
    assert again.tells() == []
    again.desk.report(fill(ORDER, "0.004"))
    assert again.records.positions("carry") == {SPOT.id: D("0.004")}
    assert again.sends() == [CANCEL]


def test_what_it_fills_while_the_link_is_away_is_asked_for_however_long_that_is(floor: DeskFloor) -> None:
    floor.desk.venue_is_lost()
    floor.now_ns += 100 * NOT_RECEIVED_KEPT_NS
    floor.desk.venue_is_back()
    assert floor.sends() == [QUERY]


def test_it_is_not_asked_about_for_ever(floor: DeskFloor) -> None:
    later = NOW_NS + NOT_RECEIVED_KEPT_NS + 1
    other = submit(2)
    floor.submit(other)
    floor.desk.report(OrderAccepted(*head(other), "v-2", later))
    floor.sends()
    floor.desk.venue_is_lost()
    floor.desk.venue_is_back()
    assert [request.client_order_id for request in floor.sends()] == [other.client_order_id]


def test_of_many_the_newest_are_asked_about(tmp_path: Path) -> None:
    floor = DeskFloor(tmp_path)
    orders = [submit(number) for number in range(NOT_RECEIVED_KEPT_MAX + 1)]
    for order in orders:
        floor.records.record_intent(order)
        floor.desk.on_order_status(status(order, is_known=False, venue_order_id=""))
    floor.desk.venue_is_lost()
    floor.desk.venue_is_back()
    assert [request.client_order_id for request in floor.sends()] == [order.client_order_id for order in orders[1:]]


def test_an_end_with_more_filled_than_we_know_is_asked_about(floor: DeskFloor) -> None:
    with capture_logs():
        floor.desk.report(closed(ORDER, "0.004"))
    assert (floor.sends(), floor.tells()) == ([QUERY], [])
    floor.desk.on_order_status(status(ORDER, fill(ORDER, "0.004"), closed=CloseReason.CANCELLED))
    assert floor.records.positions("carry") == {SPOT.id: D("0.004")}
    floor.desk.report(closed(ORDER, "0.004"))
    assert not any(isinstance(request, QueryOrder) for request in floor.sends()), "now it is known"


# --- rejected, and there all the same --------------------------------------------------------------------------------


@pytest.fixture
def rejected(tmp_path: Path) -> DeskFloor:
    """A desk whose order the venue said to have refused: after a timeout of its own, say."""
    floor = DeskFloor(tmp_path)
    floor.submit(ORDER)
    floor.desk.report(OrderRejected(*head(ORDER), RejectReason.OTHER, "timeout", NOW_NS))
    floor.sends(), floor.tells()
    return floor


def test_a_rejected_order_that_is_accepted_is_told_and_cancelled(rejected: DeskFloor) -> None:
    rejected.desk.report(accepted(ORDER))
    assert [type(report) for report in rejected.tells()] == [OrderAccepted]
    assert rejected.sends() == [CANCEL]
    assert record_state(rejected) is OrderState.REJECTED


def test_a_fill_of_a_rejected_order_is_booked_told_and_journaled(rejected: DeskFloor) -> None:
    rejected.desk.report(fill(ORDER, "0.004"))
    assert [type(report) for report in rejected.tells()] == [Fill]
    assert rejected.sends() == [CANCEL], "the rest of it works"
    assert rejected.records.positions("carry") == {SPOT.id: D("0.004")}
    assert rejected.killed_and_restarted().records.positions("carry") == {SPOT.id: D("0.004")}


@pytest.mark.parametrize("end", [closed(ORDER), NOT_KNOWN])
def test_the_end_of_a_rejected_order_is_no_news(rejected: DeskFloor, end: object) -> None:
    if end is NOT_KNOWN:
        rejected.desk.on_order_status(NOT_KNOWN)
    else:
        rejected.desk.report(end)  # type: ignore[arg-type]  # a report
    assert (rejected.sends(), rejected.tells(), record_state(rejected)) == ([], [], OrderState.REJECTED)


def test_the_end_of_a_rejected_order_with_fills_that_we_do_not_know_is_asked_about(rejected: DeskFloor) -> None:
    with capture_logs():
        rejected.desk.report(closed(ORDER, "0.010", CloseReason.FILLED))
    assert rejected.sends() == [QUERY]
