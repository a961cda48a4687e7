"""Which open orders a new one could trade with: who can rest, who can take, and at what price they meet."""

from decimal import Decimal as D
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateways.gate.self_trade import STALE_ENTRIES_MAX, Ladder, OwnCrossings, can_rest
from messages.orders import OrderType, Side, SubmitOrder, TimeInForce
from tests.support.orders import PERPETUAL, submit

KINDS: dict[str, dict[str, Any]] = {
    "resting": {},
    "post-only": {"post_only": True},
    "ioc": {"time_in_force": TimeInForce.IOC},
    "fok": {"time_in_force": TimeInForce.FOK},
    "market": {"type": OrderType.MARKET, "price": None},
}


def buy(price: str, number: int = 1, **changes: Any) -> SubmitOrder:
    return submit(number, price=D(price), **changes)


def sell(price: str, number: int = 2, **changes: Any) -> SubmitOrder:
    return buy(price, number, side=Side.SELL, **changes)


def open_orders(*orders: SubmitOrder) -> OwnCrossings:
    crossings = OwnCrossings()
    for order in orders:
        crossings.put(order, order.price)
    return crossings


def met(new: SubmitOrder, *known: SubmitOrder) -> str | None:
    return open_orders(*known).met_by(new, new.price)


@pytest.mark.parametrize(
    ("new", "is_met"),
    [(buy("99.9"), False), (buy("100.0"), True), (buy("100.1"), True)],
)
def test_a_buy_meets_a_sell_at_its_price_or_below(new: SubmitOrder, is_met: bool) -> None:
    assert (met(new, sell("100.0", client_order_id="ours")) == "ours") is is_met


@pytest.mark.parametrize(
    ("new", "is_met"),
    [(sell("100.1"), False), (sell("100.0"), True), (sell("99.9"), True)],
)
def test_a_sell_meets_a_buy_at_its_price_or_above(new: SubmitOrder, is_met: bool) -> None:
    assert (met(new, buy("100.0", client_order_id="ours")) == "ours") is is_met


@pytest.mark.parametrize("known", KINDS)
@pytest.mark.parametrize("new", KINDS)
def test_two_orders_meet_where_one_can_rest_and_the_other_can_take(new: str, known: str) -> None:
    makes = {"resting", "post-only"}
    expected = (new in makes and known != "post-only") or (known in makes and new != "post-only")
    for side in Side:
        theirs = submit(1, side=side.opposite, **KINDS[known])
        ours = submit(2, side=side, **KINDS[new])
        assert (met(ours, theirs) is not None) is expected


def test_only_limits_that_stay_can_rest() -> None:
    assert [can_rest(submit(**KINDS[kind])) for kind in KINDS] == [True, True, False, False, False]


def test_neither_the_same_side_nor_another_instrument_is_met() -> None:
    assert met(buy("100.0"), buy("90.0", 2)) is None
    assert met(buy("100.0"), sell("90.0", instrument=PERPETUAL.id)) is None


def test_an_order_that_is_closed_is_met_no_more_and_the_next_best_is() -> None:
    near, far = sell("100.0", 1), sell("101.0", 2)
    crossings = open_orders(near, far)
    assert crossings.met_by(buy("101.0", 3), D("101.0")) == near.client_order_id
    crossings.drop(near)
    assert crossings.met_by(buy("100.0", 3), D("100.0")) is None
    assert crossings.met_by(buy("101.0", 3), D("101.0")) == far.client_order_id
    crossings.drop(far)
    assert crossings.met_by(buy("101.0", 3), D("101.0")) is None


def test_an_order_that_was_moved_is_met_where_it_is_now() -> None:
    moved = sell("100.0")
    crossings = open_orders(moved)
    crossings.put(moved, D("105.0"))
    assert crossings.met_by(buy("104.0"), D("104.0")) is None
    crossings.put(moved, D("100.0"))
    assert crossings.met_by(buy("104.0"), D("104.0")) == moved.client_order_id


def test_a_ladder_under_which_orders_come_and_go_does_not_grow() -> None:
    ladder = Ladder()
    ladder.put("stays", D(1))
    for number in range(10_000):
        ladder.put(f"order-{number}", D(2 + number))
        ladder.drop(f"order-{number}")
    assert len(ladder._heap) <= 2 + STALE_ENTRIES_MAX
    assert ladder.first_within(D(1)) == "stays"
    assert ladder.first_within(D("0.9")) is None


@given(
    st.lists(st.tuples(st.integers(0, 9), st.sampled_from(["put", "drop"]), st.integers(1, 5)), max_size=60),
    st.integers(0, 6),
)
def test_a_ladder_says_what_a_search_through_all_orders_would(steps: list[tuple[int, str, int]], bound: int) -> None:
    ladder, known = Ladder(), {}
    for number, step, at in steps:
        name = f"order-{number}"
        if step == "put":
            ladder.put(name, D(at))
            known[name] = D(at)
        else:
            ladder.drop(name)
            known.pop(name, None)
        found = ladder.first_within(D(bound))
        within = {order for order, rank in known.items() if rank <= bound and rank == min(known.values())}
        assert found in within if within else found is None
