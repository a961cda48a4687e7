"""A gateway holds its venue's word against its own books, message by message."""

from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path

import pytest

from gateways.venue import AccountQuery, ForcedFill, OpenOrder
from messages.from_child import StrategyAlerted
from messages.market import Gap
from messages.orders import (
    AmendOrder,
    CancelOrder,
    CloseReason,
    DenyReason,
    Fill,
    OrderAccepted,
    OrderAmended,
    OrderClosed,
    OrderDenied,
    QueryOrder,
    Side,
    SubmitOrder,
)
from messages.risk import PositionMismatch
from tests.support.actor_thread import actor_threads
from tests.support.gateway_floor import GatewayFloor, PlayedStrategy
from tests.support.orders import NOW_NS, PERPETUAL, SPOT, accepted, amend, closed, fill, status, submit

D = Decimal


@pytest.fixture
def floor(tmp_path: Path) -> Iterator[GatewayFloor]:
    with actor_threads() as threads:
        floor = GatewayFloor(tmp_path, threads)
        yield floor
    floor.close()


def works(floor: GatewayFloor, strategy: PlayedStrategy, order: SubmitOrder) -> None:
    strategy.says(order)
    floor.venue.hears_a(SubmitOrder)
    floor.venue.tells(accepted(order))
    strategy.hears_a(OrderAccepted)


def bought(floor: GatewayFloor, strategy: PlayedStrategy, quantity: str) -> SubmitOrder:
    order = submit(1, instrument=PERPETUAL.id, quantity=D(quantity))
    works(floor, strategy, order)
    got = fill(order, quantity, "t-open", fee_currency="BTC", fee=D(0))
    floor.venue.tells(got, closed(order, quantity, CloseReason.FILLED))
    strategy.hears_a(OrderClosed)
    return order


def test_an_order_that_no_intent_explains_is_cancelled_and_told_of_once(floor: GatewayFloor) -> None:
    floor.open(order_prefix="desk-")
    stray = OpenOrder("desk-carry-e9-1", SPOT.id)
    for _ in range(3):
        floor.venue.tells_account(
            open_orders=("desk-carry-e9-1", "by-hand"), listed=(stray, OpenOrder("by-hand", SPOT.id))
        )
    (request,) = [heard for heard in floor.venue.heard if isinstance(heard, CancelOrder)]
    assert (request.client_order_id, request.instrument) == ("desk-carry-e9-1", SPOT.id)
    alert: StrategyAlerted = floor.supervisor.hears_a(StrategyAlerted)
    assert "desk-carry-e9-1 works in BTCUSDT.sim, and no intent of ours explains it" in alert.text
    floor.supervisor.hears_beats(3)
    assert [type(heard) for heard in floor.supervisor.heard].count(StrategyAlerted) == 1


def test_an_order_that_was_denied_and_works_at_the_venue_is_cancelled_and_its_fill_booked(floor: GatewayFloor) -> None:
    floor.open(order_prefix="desk-")
    carry = floor.strategy()
    order = submit()
    carry.says(order)
    floor.venue.hears_a(SubmitOrder)
    floor.venue.tells(status(order, is_known=False, venue_order_id=""))
    assert carry.hears_a(OrderDenied).reason is DenyReason.NOT_RECEIVED
    floor.venue.tells_account(
        open_orders=(order.client_order_id,), listed=(OpenOrder(order.client_order_id, order.instrument),)
    )
    assert floor.venue.hears_a(CancelOrder).client_order_id == order.client_order_id
    alert: StrategyAlerted = floor.supervisor.hears_a(StrategyAlerted)
    assert "order desk-carry-e1-1 works in BTCUSDT.sim, which our books have as DENIED; it is cancelled" in alert.text
    floor.venue.tells(fill(order, "0.004"), closed(order, "0.004"))
    assert carry.hears_a(Fill).quantity == D("0.004")
    assert floor.status(lambda status: bool(status.positions)).positions == {SPOT.id: D("0.004")}


def test_the_cancel_of_an_adopted_order_does_no_harm_to_the_next_start(floor: GatewayFloor, tmp_path: Path) -> None:
    floor.open(order_prefix="desk-")
    floor.venue.tells_account(open_orders=("desk-a-1",), listed=(OpenOrder("desk-a-1", SPOT.id),))
    floor.venue.hears_a(CancelOrder)
    floor.restart_as_killed(tmp_path)
    floor.venue.lets_in()
    floor.venue.tells_account()
    assert floor.status().open_orders == 0


def test_an_order_that_the_venue_does_not_list_is_asked_about(floor: GatewayFloor) -> None:
    floor.open()
    carry = floor.strategy()
    order = submit()
    works(floor, carry, order)
    assert floor.venue.tells_account_until(QueryOrder).client_order_id == order.client_order_id
    floor.venue.tells(status(order, fill(order, "0.010"), closed=CloseReason.FILLED))
    assert carry.hears_a(Fill).quantity == D("0.010")
    assert carry.hears_a(OrderClosed).reason is CloseReason.FILLED


def test_a_position_that_differs_twice_in_a_row_is_told_and_shown(floor: GatewayFloor) -> None:
    floor.open()
    carry = floor.strategy()
    bought(floor, carry, "5")
    floor.venue.tells_account(positions={PERPETUAL.id: D(4)}, balances={"USDT": D(1)})
    floor.venue.tells_account(positions={PERPETUAL.id: D(4)}, balances={"USDT": D(2)})
    told: PositionMismatch = floor.supervisor.hears_a(PositionMismatch)
    assert (told.process, told.instrument, told.ours, told.venues) == ("sim", PERPETUAL.id, D(5), D(4))
    shown = floor.status(lambda status: bool(status.mismatches))
    assert shown.mismatches == (f"{PERPETUAL.id}: our books say 5, the venue 4",)
    floor.venue.tells_account(positions={PERPETUAL.id: D(5)})
    floor.status(lambda status: not status.mismatches)


def test_nothing_is_told_of_a_position_with_an_order_in_flight(floor: GatewayFloor) -> None:
    floor.open()
    carry = floor.strategy()
    order = submit(instrument=PERPETUAL.id, quantity=D(5))
    carry.says(order)
    floor.venue.hears_a(SubmitOrder)
    for _ in range(3):
        floor.venue.tells_account(positions={PERPETUAL.id: D(5)})
    assert not floor.supervisor.has_heard(None)
    assert not any(isinstance(heard, PositionMismatch) for heard in floor.supervisor.heard)


def test_a_spot_balance_is_compared_with_what_was_there_before_across_restarts(
    floor: GatewayFloor, tmp_path: Path
) -> None:
    floor.open(instruments=(SPOT,))  # where the perpetual settles in BTC, the balance says nothing
    for _ in range(2):
        floor.venue.tells_account(balances={"BTC": D(3)})
    floor.restart_as_killed(tmp_path, instruments=(SPOT,))
    floor.venue.lets_in()
    for _ in range(3):
        floor.venue.tells_account(balances={"BTC": D("2.5")})
    told: PositionMismatch = floor.supervisor.hears_a(PositionMismatch)
    # the floor's first account says 0 BTC, so 0 was there before we traded
    assert (told.instrument, told.ours, told.venues) == ("BTC", D(0), D("2.5"))


def test_a_forced_fill_that_was_missed_comes_with_the_account_once(floor: GatewayFloor, tmp_path: Path) -> None:
    floor.open()
    carry = floor.strategy()
    order = bought(floor, carry, "5")
    forced = fill(
        order, "5", "T9", side=Side.SELL, client_order_id="autoclose-1", strategy="venue", fee_currency="BTC", fee=D(0)
    )
    for _ in range(2):
        floor.venue.tells_account(forced=(ForcedFill(1, forced),))
    told = carry.hears_a(Fill)
    assert (told.client_order_id, told.quantity, told.strategy) == ("autoclose-1", D(5), "carry")
    floor.venue.tells(forced)
    floor.venue.tells_account()
    floor.status(lambda status: not status.positions)
    floor.restart_as_killed(tmp_path)
    floor.venue.lets_in()
    assert floor.venue.hears_a(AccountQuery) == AccountQuery("sim", 0, 1)


def test_a_forced_fill_that_was_told_is_not_applied_again_with_the_account(floor: GatewayFloor) -> None:
    floor.open()
    carry = floor.strategy()
    order = bought(floor, carry, "5")
    forced = fill(
        order, "3", "T9", side=Side.SELL, client_order_id="autoclose-1", strategy="venue", fee_currency="BTC", fee=D(0)
    )
    floor.venue.tells(forced)
    carry.hears_a(Fill)
    floor.venue.tells_account(forced=(ForcedFill(1, forced),))
    assert floor.venue.tells_account().after_forced <= 1
    assert floor.status().positions == {PERPETUAL.id: D(2)}, "5 - 3"


def test_an_amendment_whose_answer_was_lost_is_told_when_the_order_is_asked_about(floor: GatewayFloor) -> None:
    floor.open()
    carry = floor.strategy()
    order = submit()
    works(floor, carry, order)
    carry.says(amend(order, quantity=D("0.020"), price=D("49000.0")))
    floor.venue.hears_a(AmendOrder)
    carry.says(QueryOrder(order.client_order_id, "carry", 1, SPOT.id))
    floor.venue.hears_a(QueryOrder)
    floor.venue.tells(status(order, quantity=D("0.020"), price=D("49000.0")))
    amended: OrderAmended = carry.hears_a(OrderAmended)
    assert (amended.quantity, amended.price) == (D("0.020"), D("49000.0"))


def test_a_gap_in_the_market_has_the_account_looked_at(floor: GatewayFloor, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gateways.venue_session.ACCOUNT_EVERY_PULSES", 10**9)
    monkeypatch.setattr("gateways.venue_session.GAP_NS", 0)
    floor.open()
    floor.venue.market.publish(Gap(SPOT.id, "lost", NOW_NS))
    floor.venue.hears_a(AccountQuery)


def test_the_account_is_looked_at_however_long_a_heartbeat_is(
    floor: GatewayFloor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("gateways.venue_session.ACCOUNT_EVERY_PULSES", 10**9)
    monkeypatch.setattr("gateways.venue_session.RECONCILE_EVERY_NS", 10_000_000)
    floor.open()
    floor.venue.hears_a(AccountQuery)
