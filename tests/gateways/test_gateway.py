"""A gateway, message by message: its venue, its strategies, commands and status.

The market that it passes on is in `test_gateway_market.py`, what it makes of its journal when it starts again in
`test_gateway_restart.py`.
"""

import os
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from time import monotonic_ns
from typing import Any

import msgspec
import pytest
from structlog.testing import capture_logs

from actors.runtime.child import EXIT_OK
from gateways.gateway import TELL_AGAIN_EVERY_PULSES
from gateways.venue import AccountQuery, LoginAccepted, VenueLogin
from messages.base import PROTOCOL_VERSION
from messages.codec import encode
from messages.from_child import CommandDone, ProcessKind, Ready, Register
from messages.gateway_link import ExecutionsApplied, Hello, HelloRefused, VenueDown, VenueUp, Welcome
from messages.market import EndOfData, Quote, Trade
from messages.orders import (
    AmendOrder,
    AmendRejected,
    CancelOrder,
    CancelRejected,
    DenyReason,
    Fill,
    FundingPaid,
    OrderAccepted,
    OrderClosed,
    OrderDenied,
    OrderUnknown,
    QueryOrder,
    RejectReason,
    Side,
    SubmitOrder,
)
from messages.to_child import Drain, FenceStrategy, Halt, StartTrading, StopProcess
from messages.topics import Channel, topic
from tests.support.actor_thread import actor_threads
from tests.support.gateway_floor import LAST_TOPIC, GatewayFloor, PlayedStrategy
from tests.support.limits import disk_full_behind
from tests.support.orders import (
    NOW_NS,
    PERPETUAL,
    SPOT,
    accepted,
    amend,
    booked,
    cancel,
    closed,
    fill,
    head,
    status,
    submit,
)
from tests.support.played_ends import next_that

QUOTE = Quote(SPOT.id, 49_999.9, 1.0, 50_000.0, 2.0, NOW_NS, NOW_NS)
TRADE = Trade(SPOT.id, 50_000.0, 0.1, Side.BUY, "p-1", NOW_NS, NOW_NS)


@pytest.fixture
def floor(tmp_path: Path) -> Iterator[GatewayFloor]:
    with actor_threads() as threads:
        floor = GatewayFloor(tmp_path, threads)
        yield floor
    floor.close()


def numbered(report: Any, seq: int) -> Any:
    return msgspec.structs.replace(report, seq=seq)


# --- the venue -------------------------------------------------------------------------------------------------------


def test_a_gateway_is_ready_once_its_venue_has_let_it_in_and_told_the_account(floor: GatewayFloor) -> None:
    actor = floor.start()
    assert floor.supervisor.hears_a(Register) == Register("sim", ProcessKind.GATEWAY, os.getpid(), 0, PROTOCOL_VERSION)
    assert floor.venue.hears() == VenueLogin("sim", PROTOCOL_VERSION)
    floor.supervisor.hears_beats(3)
    floor.venue.tells(LoginAccepted("sim", NOW_NS))
    assert floor.venue.hears() == AccountQuery("sim", 0)
    assert not floor.supervisor.has_heard(Ready("sim"))
    floor.venue.tells_account()
    floor.supervisor.hears_a(Ready)
    assert floor.supervisor.asks(StopProcess("stop", 1_000)).is_ok
    assert actor.ends() == EXIT_OK


def test_a_venue_that_goes_before_it_has_let_us_in_is_logged_in_to_when_it_is_back(floor: GatewayFloor) -> None:
    floor.start()
    carry = PlayedStrategy(floor.context, floor, "carry")
    assert not carry.joins().is_venue_up
    floor.venue.hears_a(VenueLogin)
    floor.venue.close()
    floor.supervisor.hears_beats(5)
    floor.venue.bind()
    floor.venue.lets_in()
    floor.venue.tells_account()
    assert carry.hears() == VenueUp("sim", 0), "and was never told of a venue that went down"


def test_a_login_that_is_not_answered_is_sent_again_and_answered_twice_does_no_harm(floor: GatewayFloor) -> None:
    floor.start()
    floor.venue.hears_a(VenueLogin)
    floor.venue.lets_in()
    floor.venue.tells_account()
    floor.supervisor.hears_a(Ready)
    carry = floor.strategy()
    carry.says(submit())
    floor.venue.hears_a(SubmitOrder)
    floor.venue.tells(LoginAccepted("sim", NOW_NS))
    floor.venue.tells(accepted(submit()))
    carry.hears_a(OrderAccepted)
    carry.says(cancel(submit()))
    floor.venue.hears_a(CancelOrder)
    assert not any(isinstance(message, QueryOrder) for message in floor.venue.heard), "it knows how its order stands"


def test_a_venue_that_is_lost_leaves_every_order_unknown_until_it_has_been_asked(floor: GatewayFloor) -> None:
    floor.open()
    carry, other = floor.strategy(), floor.strategy("other")
    order = submit()
    carry.says(order)
    floor.venue.hears_a(SubmitOrder)
    floor.venue.tells(accepted(order))
    carry.hears_a(OrderAccepted)

    floor.venue.close()
    unknown, down = carry.hears(), carry.hears()
    assert unknown == OrderUnknown(*head(order), "link to the venue lost", NOW_NS, 2)
    assert down == other.hears() == VenueDown("sim", "link to the venue lost", NOW_NS)
    carry.says(submit(2))
    denied = carry.hears_a(OrderDenied)
    assert (denied.client_order_id, denied.reason) == (submit(2).client_order_id, DenyReason.VENUE_DOWN)
    assert not floor.strategy("third").heard[-1].is_venue_up  # type: ignore[union-attr]

    floor.venue.bind()
    floor.venue.heard.clear()
    floor.venue.lets_in()
    assert floor.venue.hears() == QueryOrder(order.client_order_id, "carry", 1, order.instrument)
    floor.venue.tells(status(order, fill(order, "0.004")))
    floor.venue.tells_account()
    assert [carry.hears() for _ in range(3)] == [
        numbered(accepted(order), 4),
        fill(order, "0.004", seq=5),
        VenueUp("sim", NOW_NS),
    ]
    assert other.hears() == VenueUp("sim", NOW_NS)
    assert not any(isinstance(message, SubmitOrder) for message in floor.venue.heard), "nothing is sent again"


def test_funding_that_was_missed_comes_with_the_account(floor: GatewayFloor) -> None:
    floor.open()
    carry = floor.strategy()
    order = submit(instrument=PERPETUAL.id, quantity=Decimal(10))
    carry.says(order)
    floor.venue.hears_a(SubmitOrder)
    floor.venue.tells(fill(order, "10"), booked(1, "-0.0001", position="10"))
    carry.hears_a(Fill)
    paid = carry.hears_a(FundingPaid)
    assert (paid.amount, paid.position, paid.seq) == (Decimal("-0.0001"), Decimal(10), 2)
    missed = booked(2, "0.0002", position="10")
    next_that(lambda: floor.venue.tells_account(fundings=(missed,)), lambda query: query.after_funding == 1, "query")
    assert carry.hears_a(FundingPaid).amount == Decimal("0.0002")


# --- strategies ------------------------------------------------------------------------------------------------------


def test_a_strategy_is_told_what_it_missed_in_order_and_then_welcomed(floor: GatewayFloor) -> None:
    floor.open()
    carry = floor.strategy()
    order = submit()
    carry.says(order)
    floor.venue.hears_a(SubmitOrder)
    carry.is_acknowledging = False
    floor.venue.tells(accepted(order), fill(order, "0.004"), fill(order, "0.001", "t-2"))
    next_that(carry.hears, lambda report: report == fill(order, "0.001", "t-2", seq=3), "third report")
    carry.says(ExecutionsApplied("carry", 1, 1))
    carry.close()

    carry = PlayedStrategy(floor.context, floor, "carry")
    welcome = carry.joins(epoch=2, next_seq=2)
    assert carry.heard[:-1] == [fill(order, "0.004", seq=2), fill(order, "0.001", "t-2", seq=3)]
    held = {SPOT.id: Decimal("0.005")}
    assert welcome == Welcome("sim", "carry", 2, 3, held, (order.client_order_id,), True)


@pytest.mark.parametrize(
    ("changes", "text"),
    [
        ({"epoch": 1}, "epoch 1 of carry is over; epoch 2 is served"),
        ({"protocol_version": 99}, f"protocol version 99, this gateway speaks {PROTOCOL_VERSION}"),
        ({"next_seq": 5}, "carry has report 4, this gateway's journal ends at 0"),
    ],
)
def test_a_greeting_that_cannot_be_served_is_refused(floor: GatewayFloor, changes: dict[str, int], text: str) -> None:
    floor.open()
    carry = floor.strategy(epoch=2)
    carry.greets(**{"epoch": 2} | changes)
    assert carry.hears() == HelloRefused("sim", "carry", text)
    order = submit(epoch=2)
    carry.says(order)
    assert floor.venue.hears_a(SubmitOrder) == order, "the incarnation that is served is served on"


def test_requests_go_to_the_venue_and_reports_to_the_strategy_whose_order_it_is(floor: GatewayFloor) -> None:
    floor.open()
    carry, other = floor.strategy(), floor.strategy("other")
    mine, theirs = submit(), submit(2, strategy="other")
    carry.says(mine)
    assert floor.venue.hears_a(SubmitOrder) == mine
    other.says(theirs)
    assert floor.venue.hears_a(SubmitOrder) == theirs
    floor.venue.tells(accepted(theirs), accepted(mine))
    assert carry.hears() == numbered(accepted(mine), 1)
    assert other.hears() == numbered(accepted(theirs), 1)

    query = QueryOrder(mine.client_order_id, "carry", 1, SPOT.id)
    carry.says(amend(mine, quantity=Decimal("0.020")), query, cancel(mine))
    assert floor.venue.hears_a(AmendOrder) == amend(mine, quantity=Decimal("0.020"))
    assert floor.venue.hears_a(QueryOrder) == query
    assert floor.venue.hears_a(CancelOrder) == cancel(mine)
    floor.venue.tells(closed(mine))
    assert carry.hears() == numbered(closed(mine), 2)
    carry.says(cancel(mine), amend(mine))
    rejected, refused = carry.hears_a(CancelRejected), carry.hears_a(AmendRejected)
    assert (rejected.reason, rejected.seq, refused.reason) == (
        RejectReason.UNKNOWN_ORDER, 0, RejectReason.UNKNOWN_ORDER,
    )  # fmt: skip
    assert other.hears_nothing


def test_a_report_that_is_not_acknowledged_is_told_again(floor: GatewayFloor) -> None:
    floor.open()
    carry = floor.strategy()
    order = submit()
    carry.says(order)
    floor.venue.hears_a(SubmitOrder)
    carry.is_acknowledging = False
    floor.venue.tells(accepted(order), fill(order, "0.004"))
    assert [carry.hears().seq for _ in range(2)] == [1, 2]  # type: ignore[union-attr]
    assert [carry.hears().seq for _ in range(2)] == [1, 2], "as nothing was acknowledged"  # type: ignore[union-attr]
    carry.says(ExecutionsApplied("carry", 1, 1))
    next_that(lambda: [carry.hears().seq for _ in range(2)], lambda seqs: seqs == [2, 2], "repetition of the second")  # type: ignore[union-attr]
    carry.joins(next_seq=3)
    floor.supervisor.hears_beats(3 * TELL_AGAIN_EVERY_PULSES)
    assert carry.hears_nothing, "whoever asks for the third has the second"


def test_a_report_that_could_not_be_journaled_is_asked_for_when_the_disk_has_room_again(floor: GatewayFloor) -> None:
    floor.open()
    carry = floor.strategy()
    order = submit()
    carry.says(order)
    floor.venue.hears_a(SubmitOrder)
    with disk_full_behind(floor.journal_dir) as logs:
        floor.venue.tells(accepted(order))
        floor.supervisor.hears_beats(3)
        assert [line["event"] for line in logs][:1] == ["report not journaled"]
        assert carry.hears_nothing
    assert floor.venue.hears_a(QueryOrder).client_order_id == order.client_order_id
    floor.venue.tells(status(order))
    assert carry.hears() == numbered(accepted(order), 1)


def test_what_is_no_message_is_refused_and_does_no_harm(floor: GatewayFloor) -> None:
    floor.open()
    carry = floor.strategy()
    with capture_logs() as logs:
        carry.says(b"no message at all", encode(Ready("carry")), b"")
        floor.venue.tells(b"no message at all", accepted(submit(99)))
        floor.venue.market.publish_frame(topic(Channel.QUOTE, SPOT.id) + b"no message at all")
        order = submit()
        carry.says(order)
        assert floor.venue.hears_a(SubmitOrder) == order
        floor.venue.tells(accepted(order))
        carry.hears_a(OrderAccepted)
        floor.venue.market.publish(EndOfData("sim", NOW_NS))
        floor.supervisor.hears_drained()
    refused = [(line["port"], line["sender"]) for line in logs if line["event"] == "frame refused"]
    assert sorted(refused) == [("orders", "carry")] * 3 + [("venue", ""), ("venue-data", f"quote:{SPOT.id}\0")]
    assert [line["order"].client_order_id for line in logs if line["event"] == "report of an unknown order"] == [
        submit(99).client_order_id
    ]


# --- commands and status ---------------------------------------------------------------------------------------------


def test_a_halt_cancels_what_works_and_denies_what_is_new(floor: GatewayFloor) -> None:
    floor.open()
    carry = floor.strategy()
    order = submit()
    carry.says(order)
    floor.venue.hears_a(SubmitOrder)
    assert floor.supervisor.asks(Halt("c1", "drill")) == CommandDone("c1", "sim", True, "")
    assert floor.venue.hears_a(CancelOrder).client_order_id == order.client_order_id
    carry.says(submit(2))
    denied = carry.hears_a(OrderDenied)
    assert (denied.client_order_id, denied.reason) == (submit(2).client_order_id, DenyReason.HALTED)


def test_a_fence_cancels_the_orders_of_the_dead_and_drops_what_they_still_send(floor: GatewayFloor) -> None:
    floor.open()
    zombie = floor.strategy()
    old = submit()
    zombie.says(old)
    floor.venue.hears_a(SubmitOrder)
    assert floor.supervisor.asks(FenceStrategy("c1", "carry", 2, False)) == CommandDone("c1", "sim", True, "")
    assert floor.venue.hears_a(CancelOrder) == CancelOrder(old.client_order_id, "carry", 1, SPOT.id, "fenced")
    zombie.says(submit(2))
    new = submit(3, client_order_id="desk-carry-e2-1", epoch=2)
    zombie.says(new)
    assert floor.venue.hears_a(SubmitOrder) == new, "and order 2 of epoch 1 never came"
    zombie.greets()
    assert zombie.hears_a(HelloRefused).text == "epoch 1 of carry is over; epoch 2 is served"


def test_commands_for_others_are_refused_and_the_opening_of_markets_is_acknowledged(floor: GatewayFloor) -> None:
    floor.open()
    assert floor.supervisor.asks(StartTrading("c1")) == CommandDone("c1", "sim", True, "")
    assert floor.supervisor.asks(Drain("c2", 1_000)) == CommandDone("c2", "sim", False, "Drain is not for a gateway")


def test_a_gateway_says_now_and_then_how_it_is_doing(floor: GatewayFloor) -> None:
    floor.start()
    early = floor.status()
    assert (early.id, early.is_venue_up, early.is_halted, early.balances) == ("sim", False, False, {})
    floor.venue.lets_in()
    floor.venue.tells_account(balances={"USDT": Decimal(1_000)})
    floor.venue.market.is_subscribed(LAST_TOPIC)
    floor.venue.market.publish(QUOTE, TRADE)
    carry = floor.strategy()
    first, second = submit(cause_mono_ns=monotonic_ns()), submit(2)
    carry.says(first, second)
    floor.venue.hears_a(SubmitOrder)
    floor.venue.tells(accepted(first), fill(first, "0.004"), accepted(second), closed(second))
    carry.hears_a(OrderClosed)
    late = floor.status(lambda status: status.orders.cancelled == 1 and status.published == 2)
    assert (late.is_venue_up, late.open_orders, late.published) == (True, 1, 2)
    assert (late.orders.accepted, late.orders.cancelled, late.orders.denied) == (2, 1, 0)
    assert (late.positions, late.balances) == ({SPOT.id: Decimal("0.004")}, {"USDT": Decimal(1_000)})
    assert late.tick_to_order["carry"].n == 1
    floor.supervisor.asks(Halt("c1", "drill"))
    floor.status(lambda status: status.is_halted)


def test_a_strategy_of_another_name_cannot_be_told_and_harms_nobody(floor: GatewayFloor) -> None:
    floor.open()
    stranger = PlayedStrategy(floor.context, floor, "stranger")
    stranger.says(Hello("nobody", 1, 1, False, PROTOCOL_VERSION))
    stranger.joins()
    assert floor.strategy().heard[-1].strategy == "carry"  # type: ignore[union-attr]
    assert [message.strategy for message in stranger.heard] == ["stranger"]  # type: ignore[union-attr]
