"""A gateway that starts on the journal of one that was killed: it asks, and never sends an order again."""

import signal
import subprocess
import sys
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path

import pytest

import gateways.intent_log
from actors.runtime.child import EXIT_OK
from actors.runtime.spec import write_spec
from gateways.venue import AccountQuery, VenueLogin
from messages.base import PROTOCOL_VERSION
from messages.codec import encode
from messages.from_child import Ready, StrategyAlerted
from messages.gateway_link import HelloRefused, Welcome
from messages.market import ClockTick, EndOfData, Quote
from messages.orders import (
    CancelOrder,
    DenyReason,
    OrderAccepted,
    OrderDenied,
    QueryOrder,
    SubmitOrder,
)
from messages.to_child import FenceStrategy
from messages.topics import Channel
from tests.support.actor_thread import actor_threads
from tests.support.gateway_floor import LAST_TOPIC, GatewayFloor, PlayedStrategy
from tests.support.orders import NOW_NS, SPOT, accepted, cancel, fill, head, status, submit

QUOTE = Quote(SPOT.id, 49_999.9, 1.0, 50_000.0, 2.0, NOW_NS, NOW_NS)
ROOT = Path(__file__).parents[2]


@pytest.fixture
def floor(tmp_path: Path) -> Iterator[GatewayFloor]:
    with actor_threads() as threads:
        floor = GatewayFloor(tmp_path, threads)
        yield floor
    floor.close()


def test_after_a_kill_between_order_and_answer_the_order_is_asked_about_and_not_sent_again(
    floor: GatewayFloor, tmp_path: Path
) -> None:
    floor.open()
    carry = floor.strategy()
    lost, known = submit(1), submit(2)
    carry.says(lost, known)
    floor.venue.hears_a(SubmitOrder)
    floor.venue.hears_a(SubmitOrder)
    carry.close()
    floor.restart_as_killed(tmp_path)

    floor.venue.lets_in()
    asked = [floor.venue.hears_a(QueryOrder).client_order_id for _ in range(2)]
    assert asked == [lost.client_order_id, known.client_order_id]
    floor.venue.tells(status(lost, is_known=False), status(known, fill(known, "0.004")))
    floor.venue.tells_account()
    floor.supervisor.hears_a(Ready)
    carry = PlayedStrategy(floor.context, floor, "carry")
    welcome = carry.joins(epoch=2)
    assert carry.heard == [
        OrderDenied(*head(lost), DenyReason.NOT_RECEIVED, "venue=unknown-order", NOW_NS, 1),
        OrderAccepted(*head(known), "v-1", NOW_NS, 2),
        fill(known, "0.004", seq=3),
        Welcome("sim", "carry", 2, 3, {SPOT.id: Decimal("0.004")}, (known.client_order_id,), True),
    ]
    assert welcome.last_seq == 3
    assert [type(message) for message in floor.venue.heard if not isinstance(message, AccountQuery)] == [
        VenueLogin, QueryOrder, QueryOrder,
    ]  # fmt: skip


def test_a_cancel_whose_outcome_is_not_known_is_sent_again_after_the_order_was_asked_about(
    floor: GatewayFloor, tmp_path: Path
) -> None:
    floor.open()
    carry = floor.strategy()
    order = submit()
    carry.says(order, cancel(order))
    floor.venue.hears_a(CancelOrder)
    floor.restart_as_killed(tmp_path)
    floor.venue.lets_in()
    floor.venue.hears_a(QueryOrder)
    floor.venue.tells(status(order))
    repeated = floor.venue.hears_a(CancelOrder)
    assert (repeated.client_order_id, repeated.caused_by) == (order.client_order_id, "cancel-repeated")


def test_a_report_that_cannot_be_read_does_not_keep_the_next_process_from_starting(
    floor: GatewayFloor, tmp_path: Path
) -> None:
    log = gateways.intent_log.IntentLog(floor.journal_dir)
    log.intend(encode(submit()))
    log._write((gateways.intent_log.IntentChannel.REPORT, encode(OrderAccepted(*head(submit()), "", NOW_NS, 1))))
    log.close()
    floor.start()
    floor.venue.lets_in()
    assert floor.venue.hears_a(QueryOrder).client_order_id == submit().client_order_id
    assert "report 1 of carry cannot be read" in floor.supervisor.hears_a(StrategyAlerted).text


def test_reports_and_fences_outlive_the_gateway(floor: GatewayFloor, tmp_path: Path) -> None:
    floor.open()
    carry = floor.strategy()
    order = submit()
    carry.says(order)
    floor.venue.hears_a(SubmitOrder)
    floor.venue.tells(accepted(order), fill(order, "0.010"))
    assert [carry.hears().seq for _ in range(2)] == [1, 2]  # type: ignore[union-attr]
    floor.supervisor.asks(FenceStrategy("c1", "carry", 2, False))
    floor.restart_as_killed(tmp_path)
    carry.close()
    carry = PlayedStrategy(floor.context, floor, "carry")
    carry.greets()
    assert carry.hears() == HelloRefused("sim", "carry", "epoch 1 of carry is over; epoch 2 is served")
    welcome = carry.joins(epoch=2, next_seq=2)
    assert carry.heard[1] == fill(order, "0.010", seq=2)
    assert (welcome.last_seq, welcome.positions, welcome.is_venue_up) == (2, {SPOT.id: Decimal("0.010")}, False)


def test_a_gateway_that_comes_late_is_told_how_the_clock_runs_and_that_the_data_have_ended(
    floor: GatewayFloor, tmp_path: Path
) -> None:
    floor.open()
    clock = ClockTick("sim", NOW_NS + 1, 2, 0.0)
    floor.venue.market.publish(clock, QUOTE, EndOfData("sim", NOW_NS + 1))
    floor.supervisor.hears_drained()
    floor.restart_as_killed(tmp_path)
    floor.venue.market.is_subscribed(LAST_TOPIC)
    floor.supervisor.hears_drained()
    carry = PlayedStrategy(floor.context, floor, "carry")
    carry.market.subscribe(Channel.CLOCK, "sim")
    assert carry.market.hears() == clock
    carry.market.subscribe(Channel.QUOTE, SPOT.id)
    assert carry.market.hears_a(Quote).bid == QUOTE.bid


def test_the_gateway_process_runs_until_it_is_signalled(floor: GatewayFloor, tmp_path: Path) -> None:
    write_spec(tmp_path / "gateway.json", floor.spec())
    process = subprocess.Popen((sys.executable, "-m", "gateways", str(tmp_path / "gateway.json")), cwd=ROOT)
    try:
        assert floor.venue.hears_a(VenueLogin) == VenueLogin("sim", PROTOCOL_VERSION)
        process.send_signal(signal.SIGTERM)
        assert process.wait(10) == EXIT_OK
    finally:
        process.kill()
        process.wait()


def test_what_was_acknowledged_is_not_kept_by_the_next_gateway(
    floor: GatewayFloor, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(gateways.intent_log, "ACKNOWLEDGED_EVERY", 2)
    floor.open()
    carry = floor.strategy()
    order = submit()
    carry.says(order)
    floor.venue.hears_a(SubmitOrder)
    floor.venue.tells(accepted(order), fill(order, "0.004"), fill(order, "0.004", "t-2"))
    assert [carry.hears().seq for _ in range(3)] == [1, 2, 3]  # type: ignore[union-attr]
    carry.says(cancel(order))
    floor.venue.hears_a(CancelOrder)  # and so the acknowledgements before it were heard
    floor.restart_as_killed(tmp_path)
    carry.close()
    carry = PlayedStrategy(floor.context, floor, "carry")
    carry.is_acknowledging = False
    welcome = carry.joins()
    assert carry.heard == [fill(order, "0.004", "t-2", seq=3), welcome], "two were noted, the third not yet"
