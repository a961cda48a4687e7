"""What a review found in the interplay of rate limit, halt, restart and refusals."""

from decimal import Decimal
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from gateways.gate.rate_limits import RateRule, RequestKind, VenueBudget
from gateways.gate.send_queue import AGE_EVERY, WAITING_MAX, SendQueue, Urgency, Waiting
from messages.orders import (
    FLATTEN_PREFIX,
    CancelOrder,
    CancelRejected,
    DenyReason,
    Fill,
    OrderDenied,
    OrderType,
    QueryOrder,
    RejectReason,
    Side,
    TimeInForce,
)
from messages.to_child import FenceStrategy
from tests.support.desk import DeskFloor
from tests.support.orders import NOW_NS, accepted, amend, cancel, fill, head, status, submit

D = Decimal
S = 1_000_000_000
FAR_NS = 10**18
SLOW = RateRule(name="orders", capacity=1.0, per_ms=1_000, cancel_reserve=0.0)


def spent(*rules: RateRule) -> SendQueue:
    """A queue before an empty bucket, but for what is kept for cancels."""
    queue = SendQueue(VenueBudget(rules, 0))
    while queue.budget.admits(RequestKind.SUBMIT, 0):
        queue.budget.spend(RequestKind.SUBMIT, 0)
    return queue


def waiting(kind: RequestKind, key: str, urgency: Urgency) -> Waiting:
    return Waiting(kind, key, urgency, 5, 0, FAR_NS, key)


def leave(queue: SendQueue, now_ns: int = 0) -> list[str]:
    left = []
    for entry in queue.release(now_ns):
        queue.budget.spend(entry.kind, now_ns)
        left.append(entry.key)
    return left


@pytest.fixture
def slow(tmp_path: Path) -> DeskFloor:
    """A desk of one request a second, whose first order works."""
    floor = DeskFloor(tmp_path, SLOW)
    floor.submit(submit(1))
    floor.desk.report(accepted(submit(1)))
    floor.sends(), floor.tells()
    return floor


def test_a_question_that_has_its_turn_and_no_token_does_not_hold_up_the_cancels() -> None:
    weight = RateRule(name="weight", capacity=1.0, per_ms=86_400_000, cancel_reserve=0.0, cancel=0.0)
    queue = spent(RateRule(name="orders", capacity=300.0, per_ms=86_400_000, cancel_reserve=0.1), weight)
    queue.add(waiting(RequestKind.QUERY, "unknown", Urgency.REDUCING))
    for number in range(2 * AGE_EVERY):
        queue.add(waiting(RequestKind.CANCEL, f"cancel-{number}", Urgency.CANCEL))
    assert leave(queue) == [f"cancel-{number}" for number in range(2 * AGE_EVERY)]


def test_what_needs_none_of_the_tokens_that_the_first_lacks_leaves_before_it() -> None:
    orders = RateRule(name="orders", capacity=1.0, per_ms=60_000, cancel_reserve=0.0, query=0.0, cancel=0.0)
    weight = RateRule(name="weight", capacity=100.0, per_ms=60_000, cancel_reserve=0.0)
    queue = spent(orders, weight)
    queue.add(waiting(RequestKind.SUBMIT, "exit", Urgency.REDUCING))
    queue.add(waiting(RequestKind.QUERY, "unknown", Urgency.REDUCING))
    queue.add(waiting(RequestKind.AMEND, "amendment", Urgency.OTHER))
    assert leave(queue) == ["unknown"], "an amendment would take of the tokens that the exit waits for"


def test_orders_by_which_a_gateway_flattens_are_let_into_a_full_queue() -> None:
    queue = spent(SLOW)
    for number in range(WAITING_MAX):
        queue.add(waiting(RequestKind.SUBMIT, f"order-{number}", Urgency.OTHER))
    assert not queue.add(waiting(RequestKind.SUBMIT, "one-more", Urgency.OTHER))
    assert queue.add(waiting(RequestKind.SUBMIT, f"{FLATTEN_PREFIX}x-1", Urgency.REDUCING))
    assert queue.add(waiting(RequestKind.QUERY, "unknown", Urgency.REDUCING))


def test_orders_that_wait_when_the_gateway_halts_do_not_leave_after_the_halt_is_over(slow: DeskFloor) -> None:
    slow.submit(submit(2, valid_for_ms=60_000))
    slow.desk.amend(amend(submit(1), price=D("49990.0")))
    slow.desk.withdraw_waiting("halt")
    told = slow.tells()
    assert [type(report).__name__ for report in told] == ["OrderDenied", "AmendRejected"]
    assert told[0].reason is DenyReason.CANCELLED_UNSENT
    slow.now_ns += 10 * S
    slow.desk.pump()
    assert slow.sends() == []


def test_only_its_own_strategy_withdraws_a_waiting_order(slow: DeskFloor) -> None:
    slow.submit(submit(2, valid_for_ms=60_000))
    other = CancelOrder(submit(2).client_order_id, "maker", 1, submit(2).instrument, "test")
    slow.desk.cancel(other)
    assert [type(report) for report in slow.tells()] == [CancelRejected]
    assert slow.desk.is_waiting(submit(2).client_order_id)


def test_the_gateways_own_orders_wait_on_when_a_strategys_are_withdrawn(slow: DeskFloor) -> None:
    slow.desk.report(fill(submit(1), "0.010"))
    flatten = submit(
        9, client_order_id=f"{FLATTEN_PREFIX}desk-1", side=Side.SELL, price=None, type=OrderType.MARKET,
        time_in_force=TimeInForce.IOC, valid_for_ms=10_000,
    )  # fmt: skip
    slow.submit(flatten)
    slow.desk.withdraw_waiting("flatten", "carry")
    assert slow.desk.is_waiting(flatten.client_order_id)
    slow.desk.forget_waiting(flatten.client_order_id)
    assert not slow.desk.is_waiting(flatten.client_order_id)


def test_a_venue_that_refuses_a_cancel_at_once_is_not_asked_without_an_end(tmp_path: Path) -> None:
    floor = DeskFloor(tmp_path)
    floor.submit(submit(1))
    floor.desk.report(accepted(submit(1)))
    floor.desk.fence(FenceStrategy("f-1", "carry", 2, is_final=True))
    for _ in range(5):
        floor.desk.report(CancelRejected(*head(submit(1)), RejectReason.OTHER, "busy", NOW_NS))
        floor.desk.on_order_status(status(submit(1)))
    assert sum(isinstance(request, CancelOrder) for request in floor.sends()) == 1
    floor.now_ns += 2 * S
    floor.desk.cancel_fenced()
    assert [type(request) for request in floor.sends()] == [CancelOrder]


def test_a_question_that_the_link_did_not_take_is_asked_again(tmp_path: Path) -> None:
    floor = DeskFloor(tmp_path)
    floor.submit(submit(1))
    floor.desk.report(accepted(submit(1)))
    with capture_logs(), floor.full_disk():
        floor.desk.report(fill(submit(1), "0.010"))
    floor.sends()
    floor.is_link_up = False
    floor.desk.catch_up()
    assert floor.desk.uncertain_instruments == {submit(1).instrument}
    floor.is_link_up = True
    floor.desk.catch_up()
    assert [type(request) for request in floor.sends()] == [QueryOrder]
    floor.desk.catch_up()
    assert floor.sends() == [], "once is enough until the venue has answered"
    floor.desk.on_order_status(status(submit(1), fill(submit(1), "0.010")))
    assert any(isinstance(report, Fill) for report in floor.tells())
    assert floor.desk.uncertain_instruments == set()


def test_cancels_that_a_full_link_held_up_do_not_go_round_the_rate_limit(slow: DeskFloor) -> None:
    slow.now_ns += S
    slow.is_link_up = False
    slow.desk.cancel(cancel(submit(1)))
    assert slow.desk.unsent_cancels == 1
    slow.is_link_up = True
    slow.desk.queue.budget.spend(RequestKind.CANCEL, slow.now_ns)
    slow.desk.send_waiting_cancels()
    assert slow.sends() == [], "the token has gone to another"
    slow.now_ns += S
    slow.desk.pump()
    assert [type(request) for request in slow.sends()] == [CancelOrder]


def test_a_denial_of_what_waited_is_told_once(slow: DeskFloor) -> None:
    slow.submit(submit(2, valid_for_ms=60_000))
    slow.desk.withdraw_waiting("hello", "carry")
    slow.desk.withdraw_waiting("hello", "carry")
    assert [type(report) for report in slow.tells()] == [OrderDenied]
