"""Open orders, positions and balances: what the venue says against our records, and who is asked when."""

from decimal import Decimal

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st

from gateways.reconcile import (
    Difference,
    balance_differences,
    in_flight,
    position_differences,
    spot_currencies,
    unexplained,
    unlisted,
)
from gateways.safety.reconciliation import (
    ADOPT_AGAIN_NS,
    ANSWER_NS,
    ASK_AGAIN_NS,
    ASKED_AT_ONCE_MAX,
    NS_PER_S,
    TELL_AGAIN_NS,
    Adoptions,
    Inquiries,
    Mismatches,
)
from gateways.venue import OpenOrder
from messages.instruments import InstrumentType
from messages.order_lifecycle import Order, OrderState
from tests.support.orders import NOW_NS, PERPETUAL, SPOT, submit

D = Decimal
STATES = list(OrderState)


def record(number: int = 1, state: OrderState = OrderState.WORKING, instrument: str = SPOT.id) -> Order:
    return Order(submit(number, instrument=instrument), state)


def named(*orders: Order) -> dict[str, Order]:
    return {order.request.client_order_id: order for order in orders}


def listed(*names: str) -> list[OpenOrder]:
    return [OpenOrder(name, SPOT.id) for name in names]


# --- open orders -----------------------------------------------------------------------------------------------------


def test_an_order_under_our_prefix_that_no_intent_explains_is_found() -> None:
    ours = record(1)
    found = unexplained(
        listed("desk-carry-e1-1", "desk-carry-e1-2", "flatten-desk-1a2b-3", "flatten-other-1", "web_hand", "desk2-a-1"),
        named(ours),
        "desk-",
    )
    assert [order.client_order_id for order in found] == ["desk-carry-e1-2", "flatten-desk-1a2b-3"]


def test_without_a_prefix_nothing_is_taken_for_ours() -> None:
    assert unexplained(listed("desk-carry-e1-2", "flatten-1"), {}, "") == []


def test_an_order_that_works_at_the_venue_and_has_ended_in_our_books_is_found() -> None:
    orders = [record(number, state) for number, state in enumerate(STATES, start=1)]
    found = unexplained(listed(*named(*orders)), named(*orders), "")
    ended = [order.request.client_order_id for order in orders if not order.is_open]
    assert [order.client_order_id for order in found] == ended
    assert len(ended) == 5, "filled, cancelled, expired, rejected, denied"


def test_an_order_that_we_take_for_open_and_the_venue_does_not_list_is_found() -> None:
    orders = [record(number, state) for number, state in enumerate(STATES, start=1)]
    missing = unlisted(frozenset(), orders)
    assert {order.state for order in missing} == {OrderState.WORKING, OrderState.CANCELLING}
    assert unlisted(frozenset(named(*orders)), orders) == []


# --- who is asked ----------------------------------------------------------------------------------------------------


def test_an_order_of_unknown_outcome_is_asked_about_every_two_seconds_for_ever() -> None:
    inquiries, order = Inquiries(), record(state=OrderState.UNKNOWN)
    asked = sum(len(inquiries.due([order], tenth * NS_PER_S // 10)) for tenth in range(36_001))
    assert asked == 1_800, "in an hour, every 2 s"


def test_an_order_or_a_cancel_that_is_not_answered_is_asked_about() -> None:
    for state in (OrderState.IN_FLIGHT, OrderState.CANCELLING):
        inquiries, order = Inquiries(), record(state=state)
        assert inquiries.due([order], 0) == []
        assert inquiries.due([order], ANSWER_NS - 1) == []
        assert inquiries.due([order], ANSWER_NS) == [order]
        assert inquiries.due([order], ANSWER_NS + ASK_AGAIN_NS - 1) == []
        assert inquiries.due([order], ANSWER_NS + ASK_AGAIN_NS) == [order]


def test_a_change_of_its_state_begins_the_wait_anew() -> None:
    inquiries, order = Inquiries(), record(state=OrderState.IN_FLIGHT)
    inquiries.due([order], 0)
    order.state = OrderState.CANCELLING
    assert inquiries.due([order], ANSWER_NS) == []
    order.state = OrderState.WORKING
    assert inquiries.due([order], 9 * ANSWER_NS) == []


def test_many_are_asked_about_a_few_at_a_time_and_all_of_them_in_turn() -> None:
    inquiries = Inquiries()
    orders = [record(number, OrderState.UNKNOWN) for number in range(3 * ASKED_AT_ONCE_MAX)]
    inquiries.due(orders, 0)
    asked: list[str] = []
    for look in range(3):
        due = inquiries.due(orders, ASK_AGAIN_NS + look)
        assert len(due) == ASKED_AT_ONCE_MAX
        asked += [order.request.client_order_id for order in due]
    assert len(set(asked)) == len(orders)


def test_one_that_the_venue_does_not_list_is_not_asked_about_at_every_look() -> None:
    inquiries, order = Inquiries(), record()
    assert inquiries.ask_now([order], 0) == [order]
    inquiries.due([order], 1)
    assert inquiries.ask_now([order], 2) == []
    assert inquiries.ask_now([order], ASK_AGAIN_NS) == [order]
    inquiries.due([order], 3 * ASK_AGAIN_NS)
    assert inquiries.ask_now([order], 3 * ASK_AGAIN_NS) == [order]


@settings(deadline=None)
@given(st.lists(st.tuples(st.integers(0, 3 * ASK_AGAIN_NS), st.sampled_from(STATES)), max_size=40))
def test_no_order_is_asked_about_twice_within_two_seconds(steps: list[tuple[int, OrderState]]) -> None:
    inquiries, order, now_ns = Inquiries(), record(), 0
    last: dict[OrderState, int] = {}
    for passed_ns, state in steps:
        now_ns += passed_ns
        if state is not order.state:
            last.clear()
        order.state = state
        if inquiries.due([order], now_ns):
            assert now_ns - last.get(state, -ASK_AGAIN_NS) >= ASK_AGAIN_NS
            last[state] = now_ns


# --- adoption --------------------------------------------------------------------------------------------------------


def test_an_adopted_order_is_told_of_once_and_cancelled_until_it_is_gone() -> None:
    adoptions, found = Adoptions(), listed("desk-a-1")
    assert adoptions.due(found, 0) == (found, found)
    assert adoptions.due(found, 1) == ([], [])
    assert adoptions.due(found, ADOPT_AGAIN_NS) == (found, [])
    assert adoptions.due([], ADOPT_AGAIN_NS + 1) == ([], [])
    assert adoptions.due(found, ADOPT_AGAIN_NS + 2) == (found, found), "it is back"


# --- positions -------------------------------------------------------------------------------------------------------


def test_positions_in_derivatives_are_compared_flat_ones_too() -> None:
    other = msgspec.structs.replace(PERPETUAL, symbol="ETHUSD_PERP", base="ETH", settle="ETH")
    instruments = (SPOT, PERPETUAL, other)
    assert position_differences(instruments, {PERPETUAL.id: D(5)}, {PERPETUAL.id: D("5.0"), other.id: D(0)}, 0) == {}
    assert position_differences(instruments, {PERPETUAL.id: D(5), SPOT.id: D(1)}, {other.id: D(2)}, 0) == {
        PERPETUAL.id: Difference(D(5), D(0)),
        other.id: Difference(D(0), D(2)),
    }


def test_a_contract_that_has_expired_is_not_compared() -> None:
    dated = msgspec.structs.replace(PERPETUAL, type=InstrumentType.FUTURE, expiry_ns=NOW_NS)
    assert position_differences([dated], {dated.id: D(5)}, {}, NOW_NS - 1) != {}
    assert position_differences([dated], {dated.id: D(5)}, {}, NOW_NS) == {}


def test_only_currencies_that_nothing_else_is_paid_in_are_compared() -> None:
    linear = msgspec.structs.replace(PERPETUAL, settle="USDT", inverse=False)
    ether = msgspec.structs.replace(SPOT, symbol="ETHBTC", base="ETH", quote="BTC")
    assert spot_currencies([SPOT, linear]) == {"BTC": [SPOT.id]}
    assert spot_currencies([SPOT, PERPETUAL]) == {}, "the perpetual settles in BTC"
    assert spot_currencies([SPOT, ether]) == {"ETH": [ether.id]}, "ETH is paid for in BTC"


def test_a_balance_is_what_was_there_before_and_what_was_bought() -> None:
    currencies, held = {"BTC": [SPOT.id]}, {SPOT.id: D("0.5")}
    assert balance_differences(currencies, {"BTC": D(2)}, held, {"BTC": D("2.5")}) == {}
    assert balance_differences(currencies, {"BTC": D(2)}, held, {"BTC": D("2.4")}) == {
        "BTC": Difference(D("2.5"), D("2.4"))  # 2 + 0.5
    }
    assert balance_differences(currencies, {}, held, {"BTC": D(9)}) == {}, "nobody knows what was there before"


def test_orders_whose_standing_is_not_known_make_their_instrument_uncertain() -> None:
    assert in_flight([record(1), record(2, OrderState.UNKNOWN, PERPETUAL.id)]) == {PERPETUAL.id}
    assert in_flight([record(1, OrderState.IN_FLIGHT), record(2, OrderState.CANCELLING)]) == {SPOT.id}


A = {"a": Difference(D(1), D(2))}


def test_a_difference_counts_when_two_looks_in_a_row_agree() -> None:
    mismatches = Mismatches()
    assert mismatches.look(A, (), 0) == {}
    assert mismatches.sentences() == ()
    assert mismatches.look(A, (), 1) == A
    assert mismatches.sentences() == ("a: our books say 1, the venue 2",)
    assert mismatches.look(A, (), 2) == {}, "it has been told"
    assert mismatches.look(A, (), 1 + TELL_AGAIN_NS) == A
    assert mismatches.look({}, (), 2 + TELL_AGAIN_NS) == {}
    assert mismatches.confirmed == {}


def test_a_difference_that_changes_is_under_way() -> None:
    mismatches = Mismatches()
    for number in range(10):
        assert mismatches.look({"a": Difference(D(number), D(20))}, (), number) == {}
    assert mismatches.confirmed == {}


def test_a_look_with_something_in_flight_says_nothing() -> None:
    mismatches = Mismatches()
    mismatches.look(A, (), 0)
    assert mismatches.look(A, ("a",), 1) == {}
    assert mismatches.look(A, (), 2) == {}, "the looks before and after were not in a row"
    assert mismatches.look(A, (), 3) == A
    mismatches.look({}, ("a",), 4)
    assert mismatches.confirmed == A, "what was confirmed stands until a clear look"
