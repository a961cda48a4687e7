"""Closed orders: remembered up to a bound, encoded once each, and made again from a snapshot as they were."""

import copy
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import gateways.gate.closed_orders
from gateways.gate.closed_orders import CHUNK_ORDERS, ClosedOrders, ClosedState
from messages.codec import encode
from messages.order_lifecycle import Order, OrderState
from tests.support.orders import submit


def ended(number: int) -> Order:
    return Order(submit(number), OrderState.CANCELLED)


def shelf_of(*numbers: int) -> tuple[ClosedOrders, dict[str, Order]]:
    orders: dict[str, Order] = {}
    shelf = ClosedOrders(orders)
    for number in numbers:
        closed(shelf, orders, number)
    return shelf, orders


def closed(shelf: ClosedOrders, orders: dict[str, Order], number: int) -> None:
    order = ended(number)
    orders[order.request.client_order_id] = order
    shelf.add(order.request.client_order_id)


def through_a_snapshot(shelf: ClosedOrders) -> tuple[ClosedOrders, dict[str, Order]]:
    state = msgspec.msgpack.decode(encode(shelf.state()), type=ClosedState)
    orders: dict[str, Order] = {}
    again = ClosedOrders(orders)
    again.load(state, shelf.chunks)
    return again, orders


ACTS = st.sampled_from(["add", "add", "add", "chunk", "late", "snapshot"])


@settings(max_examples=300, deadline=None)
@given(st.lists(st.tuples(ACTS, st.integers(0, 30)), max_size=80), st.integers(1, 9), st.integers(1, 3))
def test_what_is_remembered_is_the_same_with_and_without_snapshots(plan: Any, kept: int, chunk: int) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(gateways.gate.closed_orders, "CLOSED_ORDERS_KEPT_MAX", kept)
        patch.setattr(gateways.gate.closed_orders, "CHUNK_ORDERS", chunk)
        patch.setattr(gateways.gate.closed_orders, "LATE_MAX", 2)
        shelf, orders = shelf_of()
        model: dict[str, Order] = {}
        for number, (act, pick) in enumerate(plan):
            if act == "add":
                closed(shelf, orders, number)
                model[submit(number).client_order_id] = ended(number)
                if len(model) > kept:
                    del model[next(iter(model))]
            elif act == "chunk" and shelf.is_chunk_due:
                shelf.encode_chunk()
            elif act == "late" and model:
                name = list(model)[pick % len(model)]
                for order in (model[name], orders[name]):
                    order.venue_order_id = f"v-{number}"
                shelf.changed(name)
            elif act == "snapshot":
                shelf, orders = through_a_snapshot(shelf)
            assert orders == model
            assert list(shelf.ids) == list(model)
            assert through_a_snapshot(shelf)[1] == model
            assert len(shelf.chunks) * chunk < kept + chunk, "chunks of what is forgotten go"


def test_each_is_encoded_once_and_a_chunk_at_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    shelf, _ = shelf_of(*range(2 * CHUNK_ORDERS + 1))
    shelf.encode_chunk()
    assert shelf.is_chunk_due
    shelf.encode_chunk()
    assert not shelf.is_chunk_due
    state = shelf.state()
    assert (state.sizes, len(state.rest), state.late) == ([CHUNK_ORDERS, CHUNK_ORDERS], 1, [])
    again, _ = through_a_snapshot(shelf)
    assert again.chunks == shelf.chunks, "they are taken over as they are"
    assert not again.is_chunk_due


def test_what_changes_late_is_told_beside_the_chunks_and_too_much_of_it_has_all_encoded_anew(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(gateways.gate.closed_orders, "LATE_MAX", 1)
    monkeypatch.setattr(gateways.gate.closed_orders, "CHUNK_ORDERS", 2)
    shelf, orders = shelf_of(1, 2, 3)
    shelf.encode_chunk()
    before = copy.copy(shelf.chunks)
    orders["desk-carry-e1-1"].venue_order_id = "late"
    shelf.changed("desk-carry-e1-1")
    assert shelf.chunks == before
    assert [order.venue_order_id for order in shelf.state().late] == ["late"]
    shelf.changed("desk-carry-e1-2")
    assert shelf.chunks == []
    assert [len(shelf.state().rest), len(shelf.state().late)] == [3, 0]


def test_parts_that_do_not_fit_each_other_are_refused() -> None:
    shelf, _ = shelf_of(1, 2, 3)
    state = shelf.state()
    for wrong in (
        msgspec.structs.replace(state, kept=4),
        msgspec.structs.replace(state, sizes=[1]),
    ):
        with pytest.raises(ValueError, match="closed orders in 0 chunks"):
            ClosedOrders({}).load(wrong, [])
    with pytest.raises(ValueError, match="in 1 chunks"):
        ClosedOrders({}).load(msgspec.structs.replace(state, sizes=[2]), [encode([ended(4)])])
