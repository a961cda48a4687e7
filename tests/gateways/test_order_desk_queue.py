"""The order desk under a venue's rate limit: who leaves first, who never does, and the gate judges at the exit."""

from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from gateways.gate.rate_limits import RateRule
from gateways.gate.send_queue import WAITING_MAX
from messages.orders import (
    AmendOrder,
    AmendRejected,
    CancelOrder,
    CancelRejected,
    CloseReason,
    DenyReason,
    OrderDenied,
    QueryOrder,
    RejectReason,
    Side,
    SubmitOrder,
)
from tests.support.desk import DeskFloor
from tests.support.orders import NOW_NS, accepted, amend, cancel, closed, fill, head, status, submit

D = Decimal
S = 1_000_000_000
ONE_A_SECOND = RateRule(name="orders", capacity=1.0, per_ms=1_000, cancel_reserve=0.0)


@pytest.fixture
def floor(tmp_path: Path) -> DeskFloor:
    """A desk whose venue takes one request a second; the first has left, and works."""
    floor = DeskFloor(tmp_path, ONE_A_SECOND)
    floor.submit(submit(1))
    floor.desk.report(accepted(submit(1)))
    assert floor.sends() == [submit(1)]
    floor.tells()
    return floor


def patient(number: int, **changes: Any) -> SubmitOrder:
    return submit(number, **{"valid_for_ms": 60_000, **changes})


def leaves(floor: DeskFloor, seconds: float) -> list[Any]:
    """What the venue is sent when so many seconds have passed since the last request."""
    floor.now_ns += int(seconds * S)
    floor.desk.pump()
    return floor.sends()


def denials(floor: DeskFloor) -> list[tuple[str, DenyReason]]:
    return [(report.client_order_id[-1], report.reason) for report in floor.tells() if isinstance(report, OrderDenied)]


def test_an_order_waits_for_the_rate_limit_and_is_journaled_when_it_leaves(floor: DeskFloor) -> None:
    records = len(floor.on_disk())
    floor.submit(patient(2))
    assert floor.sends() == []
    assert len(floor.on_disk()) == records, "what may never leave is no intent"
    assert floor.desk.has_waiting
    assert floor.desk.pump() == pytest.approx(S, rel=0.01)
    assert leaves(floor, 0.5) == []
    assert leaves(floor, 0.5) == [patient(2)]
    assert not floor.desk.has_waiting


def test_a_cancel_goes_before_every_order_that_waits(floor: DeskFloor) -> None:
    floor.submit(patient(2))
    floor.desk.cancel(cancel(submit(1)))
    assert [type(request) for request in leaves(floor, 1.0)] == [CancelOrder]
    assert leaves(floor, 1.0) == [patient(2)]


def test_what_only_reduces_goes_before_what_opens(floor: DeskFloor) -> None:
    floor.desk.report(fill(submit(1), "0.010"))
    floor.desk.report(closed(submit(1), "0.010", CloseReason.FILLED))
    opening, exit_ = patient(2), patient(3, side=Side.SELL, price=D("50010.0"))
    floor.submit(opening)
    floor.submit(exit_)
    assert leaves(floor, 1.0) == [exit_]
    assert leaves(floor, 1.0) == [opening]


def test_an_order_that_waits_past_its_time_is_denied_and_never_sent(floor: DeskFloor) -> None:
    floor.submit(submit(2, valid_for_ms=300))
    assert leaves(floor, 0.2) == []
    assert denials(floor) == []
    assert leaves(floor, 0.2) == []
    (report,) = floor.tells()
    assert (report.reason, report.context) == (DenyReason.ORDER_EXPIRED, "waited_ms=400.0 for=rate-limit")
    assert leaves(floor, 2.0) == []
    (budget,) = floor.desk.budgets
    assert (budget.waiting, budget.expired) == (0, 1)


def test_an_order_that_is_cancelled_while_it_waits_never_leaves(floor: DeskFloor) -> None:
    floor.submit(patient(2))
    floor.desk.cancel(cancel(patient(2)))
    assert denials(floor) == [("2", DenyReason.CANCELLED_UNSENT)]
    assert leaves(floor, 2.0) == []


def test_the_gate_judges_an_order_when_it_leaves(floor: DeskFloor) -> None:
    floor.submit(patient(2))
    floor.gate.states.halt_reason = "test"
    assert leaves(floor, 1.0) == []
    assert denials(floor) == [("2", DenyReason.HALTED)]
    (budget,) = floor.desk.budgets
    assert budget.left == 1.0, "what was denied has cost nothing"


def test_more_than_may_wait_is_denied_at_once(floor: DeskFloor) -> None:
    for number in range(WAITING_MAX):
        floor.submit(patient(10_000 + number))
    assert denials(floor) == []
    floor.submit(patient(9))
    assert denials(floor) == [("9", DenyReason.QUEUE_FULL)]


def test_an_amendment_that_is_more_than_may_wait_is_refused_at_once(floor: DeskFloor) -> None:
    for number in range(WAITING_MAX):
        floor.submit(patient(10_000 + number))
    floor.desk.amend(amend(submit(1), price=D("49990.0")))
    (refused,) = floor.tells()
    assert (type(refused), refused.text) == (AmendRejected, "queue-full")


def test_a_newer_amendment_takes_the_place_of_one_that_waits(floor: DeskFloor) -> None:
    older, newer = amend(submit(1), price=D("49990.0")), amend(submit(1), price=D("49980.0"))
    floor.desk.amend(older)
    floor.desk.amend(newer)
    (refused,) = floor.tells()
    assert isinstance(refused, AmendRejected)
    assert leaves(floor, 0.9) == []
    assert leaves(floor, 0.1) == [newer]


def test_an_amendment_that_waits_too_long_is_refused(tmp_path: Path) -> None:
    floor = DeskFloor(tmp_path, RateRule(name="orders", capacity=1.0, per_ms=10_000, cancel_reserve=0.0))
    floor.submit(submit(1))
    floor.desk.report(accepted(submit(1)))
    floor.tells()
    floor.desk.amend(amend(submit(1), price=D("49990.0")))
    floor.now_ns = NOW_NS + 2 * S
    floor.desk.pump()
    (refused,) = floor.tells()
    assert isinstance(refused, AmendRejected)
    assert "order-expired" in refused.text
    assert not any(isinstance(request, AmendOrder) for request in floor.sends())


def test_a_question_about_an_unknown_order_goes_before_new_orders(floor: DeskFloor) -> None:
    floor.submit(patient(2))
    floor.desk.ask_about(floor.records.open_orders())
    assert [type(request) for request in leaves(floor, 1.0)] == [QueryOrder]
    assert leaves(floor, 1.0) == [patient(2)]


def test_a_cancel_that_the_full_link_refused_leaves_with_the_next_look(floor: DeskFloor) -> None:
    floor.desk.cancel(cancel(submit(1)))
    floor.is_link_up = False
    assert leaves(floor, 1.0) == []
    assert floor.desk.unsent_cancels == 1
    floor.is_link_up = True
    floor.desk.send_waiting_cancels()
    assert [type(request) for request in floor.sends()] == [CancelOrder]


def test_a_cancel_that_is_repeated_while_the_first_is_under_way_takes_nothing_from_the_rate_limit(
    floor: DeskFloor,
) -> None:
    floor.desk.cancel(cancel(submit(1)))
    assert len(leaves(floor, 1.0)) == 1
    floor.desk.cancel(cancel(submit(1)))
    assert leaves(floor, 0.5) == []
    floor.now_ns += S
    floor.desk.cancel(cancel(submit(1)))
    assert len(leaves(floor, 0.0)) == 1, "a second later, it may have been lost"


def test_a_cancel_that_is_under_way_is_not_sent_again_though_there_is_room(tmp_path: Path) -> None:
    floor = DeskFloor(tmp_path, RateRule(name="orders", capacity=10.0, per_ms=1_000))
    floor.submit(submit(1))
    floor.sends()
    for _ in range(3):
        floor.desk.cancel(cancel(submit(1)))
    assert [type(request) for request in floor.sends()] == [CancelOrder]


def test_an_order_whose_cancel_found_nothing_is_asked_about(tmp_path: Path) -> None:
    floor = DeskFloor(tmp_path)
    floor.submit(submit(1))
    floor.desk.report(accepted(submit(1)))
    floor.desk.cancel(cancel(submit(1)))
    floor.sends()
    # its last fill was lost on the way
    floor.desk.report(CancelRejected(*head(submit(1)), RejectReason.UNKNOWN_ORDER, "filled", NOW_NS))
    assert [type(request) for request in floor.sends()] == [QueryOrder]


def test_the_late_cancel_of_a_zombie_is_not_answered_to_its_successor(tmp_path: Path) -> None:
    floor = DeskFloor(tmp_path)
    floor.gate.fence("carry", 2)
    floor.desk.cancel(cancel(submit(7)))
    assert floor.tells() == []
    floor.desk.cancel(cancel(submit(7), epoch=2))
    assert [type(report) for report in floor.tells()] == [CancelRejected]


def test_a_cancel_that_was_refused_is_not_repeated_before_the_question_about_its_order_is_answered(
    floor: DeskFloor,
) -> None:
    floor.desk.cancel(cancel(submit(1)))
    assert len(leaves(floor, 1.0)) == 1
    # it was filled, and the fill was lost on its way
    floor.desk.report(CancelRejected(*head(submit(1)), RejectReason.UNKNOWN_ORDER, "filled", NOW_NS))
    for _ in range(5):
        floor.desk.cancel(cancel(submit(1)))
    assert [type(request) for request in leaves(floor, 1.0)] == [QueryOrder]
    floor.desk.on_order_status(status(submit(1)))
    assert [type(request) for request in leaves(floor, 1.0)] == [CancelOrder], "it works after all"
