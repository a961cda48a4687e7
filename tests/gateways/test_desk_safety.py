"""What the order desk does for the guard and the reconciler: with a full disk and a full link, too."""

from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from gateways.venue import ForcedFill, OpenOrder
from messages.orders import CancelOrder, Fill, Side
from tests.support.desk import DeskFloor
from tests.support.orders import PERPETUAL, SPOT, accepted, cancel, closed, fill, status, submit

D = Decimal


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[DeskFloor]:
    floor = DeskFloor(tmp_path / "journal")
    yield floor
    floor.log.close()


def holding(desk: DeskFloor, quantity: str = "5") -> ForcedFill:
    """The strategy holds so much; what the venue would do to close it."""
    order = submit(1, instrument=PERPETUAL.id, quantity=D(quantity))
    desk.submit(order)
    desk.desk.report(accepted(order))
    desk.desk.report(fill(order, quantity, "t-1", fee=D(0)))
    desk.sends()
    desk.tells()
    changes = {"side": Side.SELL, "client_order_id": "autoclose-1", "strategy": "venue", "fee": D(0)}
    return ForcedFill(1, fill(order, quantity, "T9", **changes))


# --- cancels that the link does not take -----------------------------------------------------------------------------


def test_a_cancel_that_the_link_does_not_take_is_sent_once_it_does(desk: DeskFloor) -> None:
    one, two = submit(1), submit(2)
    for order in (one, two):
        desk.submit(order)
    desk.sends()
    desk.is_link_up = False
    desk.desk.cancel_orders(desk.records.open_orders(), "halt")
    assert desk.desk.unsent_cancels == 2
    desk.desk.send_waiting_cancels()
    assert desk.desk.unsent_cancels == 2
    desk.desk.report(closed(two))
    desk.is_link_up = True
    desk.desk.send_waiting_cancels()
    assert [request.client_order_id for request in desk.sends()] == [one.client_order_id], "the other has ended"
    assert desk.desk.unsent_cancels == 0


def test_after_a_loss_of_the_venue_waiting_cancels_give_way_to_questions(desk: DeskFloor) -> None:
    desk.submit(submit())
    desk.is_link_up = False
    desk.desk.cancel_orders(desk.records.open_orders(), "halt")
    desk.desk.venue_is_lost()
    desk.desk.send_waiting_cancels()
    assert desk.desk.unsent_cancels == 0


# --- adoption --------------------------------------------------------------------------------------------------------


def test_an_order_without_a_record_is_cancelled_even_if_the_disk_is_full(desk: DeskFloor) -> None:
    stray = OpenOrder("desk-carry-e9-1", SPOT.id)
    desk.desk.cancel_adopted(stray)
    with desk.full_disk():
        desk.desk.cancel_adopted(stray)
    cancel = CancelOrder("desk-carry-e9-1", "adopted", 0, SPOT.id, "adopted")
    assert desk.sends() == [cancel, cancel]
    with capture_logs() as logs:
        desk.desk.report(closed(submit(1, client_order_id="desk-carry-e9-1")))
    assert [entry["event"] for entry in logs] == ["report of an unknown order"]
    assert desk.tells() == []


# --- forced fills ----------------------------------------------------------------------------------------------------


def test_a_forced_fill_that_cannot_be_journaled_comes_again(desk: DeskFloor) -> None:
    forced = holding(desk)
    with desk.full_disk():
        desk.desk.on_forced(forced)
        assert (desk.records.positions(), desk.records.forced_fills) == ({PERPETUAL.id: D(5)}, 0)
    desk.desk.on_forced(forced)
    assert (desk.records.positions(), desk.records.forced_fills) == ({}, 1)
    assert [type(report) for report in desk.tells()] == [Fill]


def test_one_that_is_ahead_of_its_turn_waits(desk: DeskFloor) -> None:
    forced = holding(desk)
    desk.desk.on_forced(ForcedFill(2, forced.fill))
    assert desk.records.positions() == {PERPETUAL.id: D(5)}


def test_one_that_met_no_position_is_not_applied_to_a_later_one(desk: DeskFloor) -> None:
    order = submit(1, instrument=PERPETUAL.id, quantity=D(5))
    early = fill(order, "5", "T9", side=Side.SELL, client_order_id="autoclose-1", strategy="venue", fee=D(0))
    desk.desk.report(early)
    forced = holding(desk)
    desk.desk.on_forced(forced)
    assert (desk.records.positions(), desk.records.forced_fills) == ({PERPETUAL.id: D(5)}, 1)


def test_forced_fills_and_balances_outlive_the_gateway(desk: DeskFloor) -> None:
    forced = holding(desk)
    desk.desk.on_forced(forced)
    assert desk.desk.note_base("BTC", D("2.5"))
    again = desk.killed_and_restarted()
    assert again.records.forced_fills == 1
    assert again.log.bases == {"BTC": D("2.5")}
    again.desk.on_forced(forced)
    assert again.tells() == []


def test_a_balance_or_a_number_that_cannot_be_journaled_is_not_lost_sight_of(desk: DeskFloor) -> None:
    with desk.full_disk():
        assert not desk.desk.note_base("BTC", D(1))
        order = submit(1, instrument=PERPETUAL.id, quantity=D(5))
        flat = fill(order, "5", "T9", side=Side.SELL, client_order_id="autoclose-1", strategy="venue", fee=D(0))
        desk.desk.on_forced(ForcedFill(1, flat))
    assert desk.records.forced_fills == 1, "nobody held it; it is known by its trade id"


# --- what is not certain ---------------------------------------------------------------------------------------------


def test_an_instrument_whose_reports_were_missed_is_uncertain(desk: DeskFloor) -> None:
    order = submit()
    desk.submit(order)
    desk.desk.report(accepted(order))
    assert desk.desk.uncertain_instruments == set()
    with desk.full_disk():
        desk.desk.report(fill(order, "0.004"))
    assert desk.desk.uncertain_instruments == {SPOT.id}


def test_a_cancel_outlives_the_loss_of_the_venue_and_of_the_gateway(desk: DeskFloor) -> None:
    order = submit()
    desk.submit(order)
    desk.desk.report(accepted(order))
    desk.desk.cancel(cancel(order))
    desk.desk.venue_is_lost()
    again = desk.killed_and_restarted()
    again.sends()
    again.desk.on_order_status(status(order))
    (repeated,) = again.sends()
    assert isinstance(repeated, CancelOrder)
    assert (repeated.client_order_id, repeated.caused_by) == (order.client_order_id, "cancel-repeated")
