"""Reduce-only where several strategies share an account: the gate holds each to its own position."""

from decimal import Decimal as D
from pathlib import Path
from typing import Any

import msgspec
import pytest

from gateways.gate.checks import Denial
from gateways.gate.order_records import OrderRecords
from gateways.gate.shared_account import as_venue_sees_it
from messages.orders import DenyReason, OrderDenied, Side, SubmitOrder
from tests.support.desk import DeskFloor
from tests.support.orders import INSTRUMENTS, PERPETUAL, accepted, closed, fill, submit


def order(number: int, strategy: str, side: Side, quantity: int, **changes: Any) -> SubmitOrder:
    return submit(
        number,
        client_order_id=f"desk-{strategy}-e1-{number}",
        strategy=strategy,
        instrument=PERPETUAL.id,
        side=side,
        quantity=D(quantity),
        **changes,
    )


def closing(number: int, quantity: int, side: Side = Side.BUY) -> SubmitOrder:
    return order(number, "carry", side, quantity, reduce_only=True)


class Book:
    """The records of an account, built from whole trades."""

    def __init__(self) -> None:
        self.records = OrderRecords(INSTRUMENTS)
        self._trades = 0

    def holds(self, strategy: str, quantity: int) -> None:
        self._trades += 1
        opening = order(100 + self._trades, strategy, Side.BUY if quantity > 0 else Side.SELL, abs(quantity))
        self.records.record_intent(opening)
        for report in (
            accepted(opening),
            fill(opening, str(abs(quantity)), trade_id=f"h-{self._trades}", fee=D(0), fee_currency="BTC"),
            closed(opening, str(abs(quantity))),
        ):
            numbered = self.records.number(report)
            assert numbered is not None
            self.records.apply(numbered)


def test_an_account_of_one_strategy_leaves_reduce_only_to_the_venue() -> None:
    book = Book()
    book.holds("carry", -10)
    too_much = closing(1, 50)
    assert too_much is as_venue_sees_it(too_much, book.records)


def test_on_a_shared_account_the_venue_is_not_told_of_the_flag() -> None:
    book = Book()
    book.holds("carry", -10)
    book.holds("calendar", 10)  # the venue sees a flat account, and would refuse
    assert msgspec.structs.replace(closing(1, 10), reduce_only=False) == as_venue_sees_it(closing(1, 10), book.records)


def test_on_a_shared_account_no_more_than_what_is_held_can_be_reduced() -> None:
    book = Book()
    book.holds("carry", -10)
    book.holds("calendar", 7)
    denial = Denial(DenyReason.REDUCE_ONLY, "quantity=11 reducible=10 account=shared")
    assert denial == as_venue_sees_it(closing(1, 11), book.records)


@pytest.mark.parametrize(("side", "held"), [(Side.SELL, -10), (Side.BUY, 10), (Side.BUY, 0)])
def test_an_order_that_reduces_nothing_is_denied_on_a_shared_account(side: Side, held: int) -> None:
    book = Book()
    if held:
        book.holds("carry", held)
    book.holds("calendar", 5)
    denial = Denial(DenyReason.REDUCE_ONLY, "quantity=1 reducible=0 account=shared")
    assert denial == as_venue_sees_it(closing(1, 1, side), book.records)


def test_what_works_already_counts() -> None:
    book = Book()
    book.holds("carry", -10)
    book.holds("calendar", 5)
    book.records.record_intent(closing(1, 6))
    # 10 held, 6 on their way: 4 are left
    assert isinstance(as_venue_sees_it(closing(2, 4), book.records), SubmitOrder)
    denial = Denial(DenyReason.REDUCE_ONLY, "quantity=5 reducible=4 account=shared")
    assert denial == as_venue_sees_it(closing(2, 5), book.records)


def test_an_order_of_another_strategy_makes_an_account_shared() -> None:
    book = Book()
    book.holds("carry", -10)
    book.records.record_intent(order(9, "calendar", Side.BUY, 3))
    assert msgspec.structs.replace(closing(1, 10), reduce_only=False) == as_venue_sees_it(closing(1, 10), book.records)


def test_orders_that_may_open_pass_as_they_are() -> None:
    book = Book()
    book.holds("calendar", 5)
    opening = order(1, "carry", Side.SELL, 10)
    assert opening is as_venue_sees_it(opening, book.records)


def test_the_desk_journals_and_sends_what_the_venue_is_to_see(tmp_path: Path) -> None:
    floor = DeskFloor(tmp_path)
    others = order(1, "calendar", Side.BUY, 5)
    mine = order(2, "carry", Side.SELL, 10)
    for opening, traded in ((others, "5"), (mine, "10")):
        floor.submit(opening)
        floor.desk.report(accepted(opening))
        floor.desk.report(fill(opening, traded, trade_id=opening.client_order_id[-2:], fee=D(0), fee_currency="BTC"))
        floor.desk.report(closed(opening, traded))
    floor.sends()
    floor.tells()
    floor.submit(closing(3, 10))
    (sent,) = floor.sends()
    assert (D(10), False) == (sent.quantity, sent.reduce_only)
    floor.submit(closing(4, 1))
    (denied,) = floor.tells()
    assert isinstance(denied, OrderDenied)
    assert (DenyReason.REDUCE_ONLY, "quantity=1 reducible=0 account=shared") == (denied.reason, denied.context)
