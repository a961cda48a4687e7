"""The gateway's drop copy on its command link: what it has journaled, also before its restart, and at its end."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from messages.from_child import DropCopy, Ready, StrategyAlerted
from messages.orders import OrderAccepted, SubmitOrder
from messages.to_child import DropCopyApplied
from tests.support.actor_thread import actor_threads
from tests.support.gateway_floor import VENUE, GatewayFloor
from tests.support.orders import accepted, submit

ORDER = submit()


@pytest.fixture
def floor(tmp_path: Path) -> Iterator[GatewayFloor]:
    with actor_threads() as threads:
        floor = GatewayFloor(tmp_path, threads)
        yield floor
    floor.close()


def trade(floor: GatewayFloor, order: SubmitOrder = ORDER) -> None:
    """Send an order that the venue accepts."""
    carry = floor.strategy()
    carry.says(order)
    floor.venue.hears_a(SubmitOrder)
    floor.venue.tells(accepted(order))
    carry.hears_a(OrderAccepted)


def test_intent_and_report_are_told_once_the_ledger_has_spoken(floor: GatewayFloor) -> None:
    floor.open()
    trade(floor)
    floor.supervisor.tell(VENUE, DropCopyApplied(0))
    copy = floor.supervisor.hears_a(DropCopy)
    assert (copy.first, copy.records[0]) == (1, ORDER)
    assert [type(record) for record in copy.records] == [SubmitOrder, OrderAccepted]


def test_a_restarted_gateway_goes_on_behind_what_the_ledger_has(floor: GatewayFloor, tmp_path: Path) -> None:
    floor.open()
    trade(floor)
    floor.restart_as_killed(tmp_path)
    floor.venue.lets_in()
    floor.venue.tells_account()
    floor.supervisor.hears_a(Ready)
    floor.supervisor.tell(VENUE, DropCopyApplied(1))
    copy = floor.supervisor.hears_a(DropCopy)
    assert copy.first == 2
    assert isinstance(copy.records[0], OrderAccepted)


def test_a_ledger_that_is_ahead_is_an_alert_and_harms_nothing(floor: GatewayFloor) -> None:
    floor.open()
    floor.supervisor.tell(VENUE, DropCopyApplied(9))
    assert "the ledger has 9 records of sim, its journal 0" in floor.supervisor.hears_a(StrategyAlerted).text
    trade(floor)
    assert not any(isinstance(message, DropCopy) for message in floor.supervisor.heard)


def test_what_was_not_acknowledged_is_told_at_the_end(floor: GatewayFloor) -> None:
    actor = floor.open()
    floor.supervisor.tell(VENUE, DropCopyApplied(0))
    trade(floor)
    floor.supervisor.hears_a(DropCopy)
    actor.stop()
    first = floor.supervisor.hears_a(DropCopy).first
    assert first == 1
