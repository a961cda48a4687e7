"""An order id that comes twice while the venue's rate limit is used up: the order that works is left as it is."""

from decimal import Decimal
from pathlib import Path

import pytest

from gateways.gate.rate_limits import RateRule
from messages.order_lifecycle import OrderState
from messages.orders import CancelOrder, OrderDenied
from messages.to_child import FenceStrategy
from tests.support.desk import DeskFloor
from tests.support.orders import NOW_NS, accepted, cancel, submit

D = Decimal
S = 1_000_000_000
WORKS = submit(1, valid_for_ms=60_000)
WAITS = submit(2, valid_for_ms=60_000)


@pytest.fixture
def floor(tmp_path: Path) -> DeskFloor:
    """A desk of one request a second, whose first order works."""
    floor = DeskFloor(tmp_path, RateRule(name="orders", capacity=1.0, per_ms=1_000, cancel_reserve=0.0))
    floor.submit(WORKS)
    floor.desk.report(accepted(WORKS))
    floor.sends(), floor.tells()
    return floor


def state(floor: DeskFloor) -> OrderState:
    return floor.records.orders[WORKS.client_order_id].state


def test_the_id_of_an_order_that_works_does_not_wait_and_its_strategy_is_not_told(floor: DeskFloor) -> None:
    floor.submit(WORKS)
    assert not floor.desk.is_waiting(WORKS.client_order_id)
    floor.desk.withdraw_waiting("halt")
    floor.now_ns += 70 * S
    floor.desk.pump()
    assert (floor.tells(), state(floor)) == ([], OrderState.WORKING)
    assert floor.desk.denials == {"duplicate-id": 1}


def test_a_halt_after_it_cancels_the_order_that_works(floor: DeskFloor) -> None:
    floor.submit(WORKS)
    floor.desk.withdraw_waiting("halt")
    floor.now_ns += S
    floor.desk.halt("operator")
    assert [request.client_order_id for request in floor.sends()] == [WORKS.client_order_id]


def test_an_order_of_an_incarnation_that_is_over_does_not_wait(floor: DeskFloor) -> None:
    floor.desk.fence(FenceStrategy("f-1", "carry", 2, is_final=False))
    floor.sends()
    floor.submit(WAITS)
    assert not floor.desk.is_waiting(WAITS.client_order_id)
    assert floor.tells() == []
    assert floor.desk.denials == {"stale-epoch": 1}


@pytest.mark.parametrize("is_up", [True, False])
def test_the_id_of_an_order_that_waits_is_dropped_and_the_first_goes(floor: DeskFloor, is_up: bool) -> None:
    floor.submit(WAITS)
    floor.desk.line.is_up = is_up
    floor.submit(submit(2, valid_for_ms=60_000, quantity=D("0.020")))
    assert floor.tells() == [], "that it is denied would be told of the one that waits"
    floor.desk.line.is_up = True
    floor.now_ns += S
    floor.desk.pump()
    assert floor.sends() == [WAITS]


@pytest.mark.parametrize("end", ["expired", "withdrawn", "cancelled"])
def test_whatever_becomes_of_one_that_waits_does_not_touch_the_order_of_its_id(floor: DeskFloor, end: str) -> None:
    floor.submit(WAITS)
    floor.records.record_intent(WAITS)  # it has left some other way
    if end == "expired":
        floor.now_ns = NOW_NS + 61 * S
        floor.desk.pump()
    elif end == "withdrawn":
        floor.desk.withdraw_waiting("hello", "carry")
    else:
        floor.desk.cancel(cancel(WAITS))
        floor.now_ns += S
        floor.desk.pump()
        assert [type(request) for request in floor.sends()] == [CancelOrder], "the one that has left is cancelled"
    assert not any(isinstance(report, OrderDenied) for report in floor.tells())
    assert floor.records.orders[WAITS.client_order_id].is_open
