"""A strategy that is silent, dead or halted with a position: what its gateway does about it."""

from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from gateways.safety import guard
from gateways.safety.halt_latch import HaltNote, set_halt
from messages.from_child import CommandDone, StrategyAlerted
from messages.gateway_link import ExecutionsApplied, HelloRefused, StillAlive
from messages.orders import (
    CancelOrder,
    CloseReason,
    DenyReason,
    Fill,
    OrderAccepted,
    OrderClosed,
    OrderDenied,
    OrderType,
    Side,
    SubmitOrder,
    is_forced,
)
from messages.risk import DeathPolicy, Lease, LeaseGrant, LeaseRequest
from messages.to_child import FenceStrategy, FlattenPosition, Halt
from tests.support.actor_thread import actor_threads
from tests.support.gateway_floor import GatewayFloor, PlayedStrategy
from tests.support.orders import PERPETUAL, accepted, closed, fill, submit

D = Decimal
TTL_MS = 100


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


def holds(floor: GatewayFloor, strategy: PlayedStrategy, quantity: str, **changes: Any) -> SubmitOrder:
    """The strategy has bought so much of the perpetual."""
    order = submit(1, instrument=PERPETUAL.id, quantity=D(quantity), **changes)
    works(floor, strategy, order)
    bought = fill(order, quantity, "t-open", fee_currency="BTC", fee=D(0))
    floor.venue.tells(bought, closed(order, quantity, CloseReason.FILLED))
    strategy.hears_a(OrderClosed)
    return order


def flattening(floor: GatewayFloor) -> SubmitOrder:
    order: SubmitOrder = floor.venue.hears_a(SubmitOrder)
    assert is_forced(order.client_order_id)
    return order


def fills(floor: GatewayFloor, order: SubmitOrder, quantity: str, trade_id: str) -> None:
    """The venue accepts a flattening order, fills so much of it, and ends it."""
    reason = CloseReason.FILLED if D(quantity) == order.quantity else CloseReason.EXPIRED
    traded = fill(order, quantity, trade_id, fee_currency="BTC", fee=D(0))
    floor.venue.tells(accepted(order), traded, closed(order, quantity, reason))


# --- silence ---------------------------------------------------------------------------------------------------------


def test_a_strategy_that_falls_silent_loses_its_orders_with_no_supervisor_there(floor: GatewayFloor) -> None:
    floor.open(lease_ttl_ms=TTL_MS)
    carry, other = floor.strategy(), floor.strategy("other")
    mine, theirs = submit(1), submit(2, strategy="other")
    works(floor, carry, mine)
    works(floor, other, theirs)
    floor.supervisor.close()
    for _ in range(100):
        other.says(StillAlive("other", 1))
        if floor.venue.has_heard(None) or any(isinstance(heard, CancelOrder) for heard in floor.venue.heard):
            break
        other.hears_nothing_for(TTL_MS // 5)
    (cancelled,) = [heard for heard in floor.venue.heard if isinstance(heard, CancelOrder)]
    assert (cancelled.client_order_id, cancelled.caused_by) == (mine.client_order_id, "silent")


def test_a_silent_strategy_may_only_reduce_until_it_speaks(floor: GatewayFloor) -> None:
    floor.open(lease_ttl_ms=TTL_MS)
    carry = floor.strategy()
    holds(floor, carry, "5")
    alert: StrategyAlerted = floor.supervisor.hears_a(StrategyAlerted)
    assert "has not heard of carry for 100 ms" in alert.text
    carry.says(submit(2))
    denied: OrderDenied = carry.hears_a(OrderDenied)
    assert (denied.reason, denied.context) == (DenyReason.REDUCING, "reason='the strategy is silent'")
    closing = submit(3, instrument=PERPETUAL.id, quantity=D(5), side=Side.SELL, reduce_only=True)
    carry.says(closing)
    assert floor.venue.hears_a(SubmitOrder).client_order_id == closing.client_order_id
    carry.says(StillAlive("carry", 1), submit(4))
    assert floor.venue.hears_a(SubmitOrder).client_order_id == submit(4).client_order_id


def test_a_run_that_waits_for_its_slowest_reader_is_patient(floor: GatewayFloor) -> None:
    floor.open(lease_ttl_ms=TTL_MS, is_lossless=True)
    floor.strategy()
    floor.supervisor.hears_beats(5 * TTL_MS // 5)
    assert not any(isinstance(heard, StrategyAlerted) for heard in floor.supervisor.heard)


def test_a_zombie_that_speaks_is_told_that_its_epoch_is_over_and_frees_no_report(floor: GatewayFloor) -> None:
    floor.open()
    carry = floor.strategy(epoch=2)
    carry.is_acknowledging = False
    works(floor, carry, submit(1, epoch=2))
    carry.says(ExecutionsApplied("carry", 1, 1))
    assert "epoch 1 of carry is over; epoch 2 is served" in carry.hears_a(HelloRefused).text
    carry.greets(epoch=2, next_seq=1)
    assert isinstance(carry.hears_a(OrderAccepted), OrderAccepted), "the acceptance is told again"


def test_a_zombie_that_speaks_does_not_count(floor: GatewayFloor) -> None:
    floor.open(lease_ttl_ms=TTL_MS)
    carry = floor.strategy(epoch=2)
    works(floor, carry, submit(1, epoch=2))
    for _ in range(100):
        carry.says(StillAlive("carry", 1))
        if floor.venue.has_heard(None) or any(isinstance(heard, CancelOrder) for heard in floor.venue.heard):
            return
        while not carry.hears_nothing_for(TTL_MS // 5):
            carry.hears()  # that its epoch is over
    raise AssertionError("the words of epoch 1 kept the orders of epoch 2")


def test_a_strategy_whose_end_was_dealt_with_is_not_missed(floor: GatewayFloor) -> None:
    floor.open(lease_ttl_ms=TTL_MS)
    floor.strategy()
    assert floor.supervisor.asks(FenceStrategy("f-1", "carry", 2, is_final=True)).is_ok
    floor.supervisor.hears_beats(3 * TTL_MS // 5)
    assert not any(isinstance(heard, StrategyAlerted) for heard in floor.supervisor.heard)


# --- the position ----------------------------------------------------------------------------------------------------


def test_a_position_is_flattened_at_the_supervisors_word(floor: GatewayFloor) -> None:
    floor.open()
    carry = floor.strategy()
    holds(floor, carry, "5")
    resting = submit(2, instrument=PERPETUAL.id, quantity=D(2))
    works(floor, carry, resting)
    floor.supervisor.tell("sim", FlattenPosition("c-1", "carry", PERPETUAL.id, D(0), "quarantined"))
    assert floor.venue.hears_a(CancelOrder).client_order_id == resting.client_order_id
    floor.venue.tells(closed(resting))
    first = flattening(floor)
    assert (first.side, first.quantity, first.type, first.reduce_only) == (Side.SELL, D(5), OrderType.MARKET, True)
    fills(floor, first, "3", "t-1")
    second = flattening(floor)
    assert second.quantity == D(2), "5 - 3"
    fills(floor, second, "2", "t-2")
    done: CommandDone = floor.supervisor.hears_a(CommandDone)
    assert (done.command_id, done.is_ok, done.text) == ("c-1", True, f"carry holds 0 {PERPETUAL.id}")

    carry.hears_a(OrderClosed)
    told = [carry.hears(), carry.hears()]
    assert [(type(report), report.client_order_id) for report in told] == [
        (Fill, first.client_order_id), (Fill, second.client_order_id),
    ], "of the gateway's own orders a strategy is told the fills alone, in its own sequence"  # fmt: skip
    floor.supervisor.hears_beats(3)
    assert carry.hears_nothing
    assert floor.status().positions == {}


def test_an_order_that_the_gate_refuses_is_tried_again_and_alerted(floor: GatewayFloor) -> None:
    floor.open()
    floor.supervisor.tell("sim", FlattenPosition("c-1", "carry", PERPETUAL.id, D(1), "quarantined"))
    alert: StrategyAlerted = floor.supervisor.hears_a(StrategyAlerted)
    assert "not on the way out" in alert.text
    done: CommandDone = floor.supervisor.hears_a(CommandDone)
    assert (done.command_id, done.is_ok) == ("c-1", False)


def test_a_strategys_own_order_cannot_pass_for_the_gateways(floor: GatewayFloor) -> None:
    floor.open()
    carry = floor.strategy()
    floor.supervisor.tell("sim", Halt("h-1", "drill"))
    floor.supervisor.hears_a(CommandDone)
    carry.says(submit(1, client_order_id="flatten-1"), submit(2))
    denied: OrderDenied = carry.hears_a(OrderDenied)
    assert denied.client_order_id == submit(2).client_order_id, "and the first was refused as no message of the link"


def test_a_flattening_halt_closes_every_position_of_every_strategy(floor: GatewayFloor, tmp_path: Path) -> None:
    floor.open()
    carry, other = floor.strategy(), floor.strategy("other")
    holds(floor, carry, "5")
    theirs = submit(2, strategy="other", instrument=PERPETUAL.id, quantity=D(3), side=Side.SELL)
    works(floor, other, theirs)
    sold = fill(theirs, "3", "t-2", fee_currency="BTC", fee=D(0))
    floor.venue.tells(sold, closed(theirs, "3", CloseReason.FILLED))
    other.hears_a(OrderClosed)
    floor.supervisor.tell("sim", Halt("h-1", "out", is_flattening=True))
    orders = {order.strategy: order for order in (flattening(floor), flattening(floor))}
    # +5 and -3 in one account: the venue would net them, so our own gate holds each to its strategy's position
    assert [(orders[name].side, orders[name].quantity) for name in ("carry", "other")] == [
        (Side.SELL, D(5)), (Side.BUY, D(3)),
    ]  # fmt: skip
    assert not any(order.reduce_only for order in orders.values())
    for number, order in enumerate(orders.values()):
        fills(floor, order, str(order.quantity), f"t-close-{number}")
    assert floor.status(lambda status: not status.positions).is_halted


def test_flattening_goes_on_after_a_restart(floor: GatewayFloor, tmp_path: Path) -> None:
    latch = tmp_path / "halt.json"
    floor.open(halt_file=str(latch))
    carry = floor.strategy()
    holds(floor, carry, "5")
    set_halt(latch, HaltNote(reason="out", at_ns=1, by="operator", is_flattening=True))
    first = flattening(floor)
    fills(floor, first, "3", "t-1")
    second = flattening(floor)
    floor.restart_as_killed(tmp_path, halt_file=str(latch))
    floor.venue.lets_in()
    query = floor.venue.hears()
    assert query.client_order_id == second.client_order_id, "whose outcome is not known is asked about"  # type: ignore[union-attr]
    floor.venue.tells_account()
    fills(floor, second, "1", "t-2")
    third = flattening(floor)
    assert third.quantity == D(1), "5 - 3 - 1"
    numbers = [int(order.client_order_id.rpartition("-")[2]) for order in (first, second, third)]
    assert numbers == [1, 2, 3]


# --- with the supervisor dead ----------------------------------------------------------------------------------------


def is_leased(floor: GatewayFloor, *leases: Lease) -> None:
    """The supervisor grants this, but for half a second: a lease that has ended is a supervisor that is dead."""
    floor.supervisor.hears_beats(1)  # and so the request is of now: the lease is counted from it
    request: LeaseRequest = floor.supervisor.hears_a(LeaseRequest)
    floor.supervisor.tell("sim", LeaseGrant(request.asked_mono_ns, 1, 500, leases))


@pytest.mark.parametrize("policy", list(DeathPolicy))
def test_the_policy_of_a_dead_strategy_is_applied_by_the_gateway_where_it_can(
    floor: GatewayFloor, monkeypatch: pytest.MonkeyPatch, policy: DeathPolicy, tmp_path: Path
) -> None:
    monkeypatch.setattr(guard, "DEATH_GRACE_NS", 100_000_000)
    floor.open()
    carry = floor.strategy()
    holds(floor, carry, "5")
    carry.close()  # or it would come back, and be told what is for the next of its name
    floor.restart_as_killed(tmp_path, is_leased=True, lease_ttl_ms=TTL_MS, death_policies={"carry": policy})
    floor.venue.lets_in()
    floor.venue.tells_account()
    again = PlayedStrategy(floor.context, floor, "carry")
    is_leased(floor)
    again.joins(next_seq=4)
    floor.supervisor.hears_a(StrategyAlerted)
    if policy is DeathPolicy.FLATTEN:
        assert flattening(floor).quantity == D(5)
    else:
        floor.supervisor.hears_beats(150)
        assert not any(isinstance(heard, SubmitOrder) for heard in floor.venue.heard)


def test_the_policy_of_a_strategy_that_the_gateway_did_not_know_at_its_start_is_that_of_its_lease(
    floor: GatewayFloor, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(guard, "DEATH_GRACE_NS", 100_000_000)
    floor.open()
    carry = floor.strategy()
    holds(floor, carry, "5")
    carry.close()  # or it would come back, and be told what is for the next of its name
    floor.restart_as_killed(tmp_path, is_leased=True, lease_ttl_ms=TTL_MS)
    floor.venue.lets_in()
    floor.venue.tells_account()
    again = PlayedStrategy(floor.context, floor, "carry")
    is_leased(floor, Lease("carry", PERPETUAL.id, 1, D(9), D(9), D(10_000), on_death=DeathPolicy.FLATTEN))
    again.joins(next_seq=4)
    assert flattening(floor).quantity == D(5)
