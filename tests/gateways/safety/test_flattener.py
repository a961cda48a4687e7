"""Closing a position by the gateway's own orders, step by step."""

from decimal import Decimal
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateways.safety.flattener import (
    ATTEMPTS_MAX,
    NS_PER_S,
    PATIENCE_NS,
    RETRY_NS,
    CancelFirst,
    Finished,
    Flattener,
    Moment,
    Send,
    Task,
    flatten_number,
    flatten_prefix,
)
from messages.order_lifecycle import Order, OrderState
from messages.orders import CLIENT_ORDER_ID_LENGTH_MAX, OrderType, Side, TimeInForce, is_forced
from tests.support.orders import INSTRUMENTS, NOW_NS, PERPETUAL, SPOT, submit

D = Decimal
PREFIX = flatten_prefix("desk-", "sim")


def flattener(last_number: int = 0) -> Flattener:
    return Flattener(INSTRUMENTS, PREFIX, last_number)


def task(held: str = "5", target: str = "0", instrument: str = PERPETUAL.id, command_id: str = "c-1") -> Task:
    return Task(command_id, "carry", instrument, D(target), "died", 0, D(held))


def moment(held: str = "5", *orders: Order, mono_ns: int = 0) -> Moment:
    return Moment(D(held), orders, 1, NOW_NS, mono_ns)


def working(number: int = 1, state: OrderState = OrderState.WORKING, **changes: Any) -> Order:
    return Order(submit(number, instrument=PERPETUAL.id, quantity=D(1), **changes), state)


def sent(closing: Flattener, of: Task, at: Moment) -> Any:
    step = closing.next(of, at)
    assert isinstance(step, Send), step
    return step.order


# --- the order -------------------------------------------------------------------------------------------------------


def test_a_position_is_closed_by_a_reduce_only_market_order_of_the_gateway() -> None:
    closing, of = flattener(), task()
    assert closing.begin(of) is None
    order = sent(closing, of, moment())
    assert order.client_order_id == f"{PREFIX}1"
    assert is_forced(order.client_order_id)
    assert (order.strategy, order.epoch, order.side, order.quantity) == ("carry", 1, Side.SELL, D(5))
    assert (order.type, order.time_in_force, order.price) == (OrderType.MARKET, TimeInForce.IOC, None)
    assert order.reduce_only
    assert closing.next(of, moment("5", Order(order))) is None, "its end is waited for"
    assert closing.next(of, moment("0")) == Finished("c-1", is_ok=True, text=f"carry holds 0 {PERPETUAL.id}")
    assert closing.tasks == {}


def test_a_short_position_is_bought_back_and_spot_is_not_told_to_reduce() -> None:
    closing, of = flattener(), task("-0.010", instrument=SPOT.id)
    closing.begin(of)
    order = sent(closing, of, moment("-0.010"))
    assert (order.side, order.quantity, order.reduce_only) == (Side.BUY, D("0.010"), False)


def test_a_target_leaves_a_part_of_the_position() -> None:
    closing, of = flattener(), task("5", target="3")
    closing.begin(of)
    assert sent(closing, of, moment("5")).quantity == D(2), "5 - 3"
    step = closing.next(of, moment("3"))
    assert isinstance(step, Finished)
    assert step.is_ok


def test_a_large_position_goes_in_parts_that_the_venue_takes() -> None:
    closing, of = flattener(), task("25", instrument=SPOT.id)
    closing.begin(of)
    # 10 is the most of one order: 25 = 10 + 10 + 5
    quantities = [sent(closing, of, moment(held)).quantity for held in ("25", "15", "5")]
    assert quantities == [D(10), D(10), D(5)]
    assert isinstance(closing.next(of, moment("0")), Finished)


@pytest.mark.parametrize("dust", ["0.0009", "0.001"])
def test_what_is_too_little_to_trade_is_left_and_told(dust: str) -> None:
    closing, of = flattener(), task(dust, instrument=SPOT.id)
    closing.begin(of)
    step = closing.next(of, moment(dust))
    assert isinstance(step, Finished)
    assert step.is_ok
    assert "too little to trade" in step.text


def test_the_numbers_go_on_where_the_journal_ends_and_ids_stay_short() -> None:
    closing, of = flattener(41), task()
    closing.begin(of)
    name = sent(closing, of, moment()).client_order_id
    assert flatten_number(name) == 42
    assert flatten_number(submit(7).client_order_id) == 0
    assert flatten_number("flatten-x") == 0
    longest = flatten_prefix("abcdefgh-", "binance-usdm") + "9" * 10
    assert len(longest) == CLIENT_ORDER_ID_LENGTH_MAX, "ten thousand million orders"
    assert flatten_prefix("desk-", "binance-spot") != flatten_prefix("desk-", "binance-usdm")


# --- what comes first ------------------------------------------------------------------------------------------------


def test_the_strategys_orders_are_cancelled_and_waited_for_first() -> None:
    closing, of = flattener(), task()
    closing.begin(of)
    one, two = working(1), working(2, OrderState.CANCELLING)
    assert closing.next(of, moment("5", one, two)) == CancelFirst([one])
    one.state = OrderState.CANCELLING
    assert closing.next(of, moment("5", one, two)) is None
    one.state = OrderState.WORKING
    assert closing.next(of, moment("5", one, two)) is None, "its cancel was refused just now, and would be again"
    assert closing.next(of, moment("5", one, two, mono_ns=RETRY_NS)) == CancelFirst([one])
    assert sent(closing, of, moment("6")).quantity == D(6), "it filled before its cancel came"


def test_an_order_of_unknown_outcome_is_cancelled_once_and_waited_for() -> None:
    closing, of = flattener(), task()
    closing.begin(of)
    lost = working(1, OrderState.UNKNOWN)
    assert closing.next(of, moment("5", lost)) == CancelFirst([lost])
    assert closing.next(of, moment("5", lost)) is None
    step = closing.next(of, moment("5", lost, mono_ns=PATIENCE_NS + 1))
    assert isinstance(step, Finished)
    assert not step.is_ok
    assert "orders are still open" in step.text


def test_an_own_order_of_unknown_outcome_is_never_sent_again() -> None:
    closing, of = flattener(), task()
    closing.begin(of)
    own = Order(sent(closing, of, moment()), OrderState.UNKNOWN)
    for second in range(60):
        assert closing.next(of, moment("5", own, mono_ns=second * NS_PER_S)) is None


# --- refusals --------------------------------------------------------------------------------------------------------


def test_an_order_that_brings_nothing_is_tried_again_a_bounded_number_of_times() -> None:
    closing, of, now_ns, tries = flattener(), task(), 0, 0
    closing.begin(of)
    while not isinstance(step := closing.next(of, moment("5", mono_ns=now_ns)), Finished):
        tries += isinstance(step, Send)
        now_ns += RETRY_NS // 2
    assert tries == ATTEMPTS_MAX
    assert not step.is_ok
    assert "close it by hand" in step.text


def test_a_fill_in_between_begins_the_count_anew() -> None:
    closing, of = flattener(), task("25", instrument=SPOT.id)
    closing.begin(of)
    held, now_ns = D(25), 0
    for _ in range(3):
        for _ in range(ATTEMPTS_MAX - 1):
            sent(closing, of, moment(str(held), mono_ns=now_ns))
            assert closing.next(of, moment(str(held), mono_ns=now_ns)) is None, "a second's pause"
            now_ns += RETRY_NS
        sent(closing, of, moment(str(held), mono_ns=now_ns))
        held -= 1
    assert isinstance(closing.next(of, moment("0")), Finished)


def test_what_takes_too_long_is_given_up() -> None:
    closing, of = flattener(), task()
    closing.begin(of)
    step = closing.next(of, moment("5", mono_ns=PATIENCE_NS + 1))
    assert isinstance(step, Finished)
    assert "takes too long" in step.text


@pytest.mark.parametrize(("held", "target"), [("5", "-1"), ("5", "6"), ("0", "1"), ("-5", "1"), ("-5", "-6")])
def test_a_target_that_is_not_on_the_way_out_is_refused(held: str, target: str) -> None:
    closing = flattener()
    end = closing.begin(task(held, target))
    assert end is not None
    assert (end.command_id, end.is_ok) == ("c-1", False)
    assert closing.tasks == {}


def test_an_instrument_of_another_gateway_is_refused() -> None:
    end = flattener().begin(task(instrument="ETHUSDT.other"))
    assert end is not None
    assert end.text == "ETHUSDT.other is not traded here"


def test_a_repeated_command_changes_nothing_and_another_takes_its_place() -> None:
    closing, of = flattener(), task()
    assert closing.begin(of) is None
    assert closing.begin(task()) is None
    assert closing.tasks[of.key] is of
    later = task(command_id="c-2")
    assert closing.begin(later) == Finished("c-1", is_ok=False, text="replaced by c-2")
    assert closing.tasks[of.key] is later


def test_tasks_without_a_command_can_be_given_up() -> None:
    closing, of = flattener(), task(command_id="")
    closing.begin(of)
    asked = task(instrument=SPOT.id)
    closing.begin(asked)
    closing.forget_unasked()
    assert list(closing.tasks.values()) == [asked]


@settings(deadline=None)
@given(
    held=st.integers(-50, 50).filter(bool),
    share=st.integers(0, 100),
    fills=st.lists(st.integers(0, 10), min_size=1, max_size=40),
)
def test_no_order_ever_goes_past_the_target(held: int, share: int, fills: list[int]) -> None:
    """However little of each order fills, a position only ever comes nearer to its target."""
    target = abs(held) * share // 100 * (1 if held > 0 else -1)
    closing, of = flattener(), task(str(held), str(target))
    closing.begin(of)
    position, now_ns = D(held), 0
    for fill in fills:
        step = closing.next(of, moment(str(position), mono_ns=now_ns))
        if isinstance(step, Send):
            order = step.order
            assert order.side.sign * held < 0
            assert order.quantity <= abs(position - target)
            position += order.side.sign * min(D(fill), order.quantity)
        elif isinstance(step, Finished):
            assert not step.is_ok or position == target
            break
        now_ns += RETRY_NS
    assert abs(target) <= abs(position) <= abs(held)


def test_a_task_is_judged_by_what_is_held_now() -> None:
    closing, of = flattener(), task("5", target="3")
    closing.begin(msgspec.structs.replace(of))
    of = closing.tasks[of.key]
    for held in ("2", "0", "-1"):
        closing.tasks[of.key] = of
        step = closing.next(of, moment(held))
        assert isinstance(step, Finished), f"{held} needs no sale"
        assert step.is_ok
