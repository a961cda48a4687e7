"""The host of a strategy, message by message: greeting, orders, reports, commands and time.

The faults of a strategy and what a new incarnation makes of them are in `test_host_faults.py`.
"""

import os
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from time import monotonic_ns, time_ns

import pytest
from structlog.testing import capture_logs

from actors.runtime.child import EXIT_FAULT, EXIT_OK
from actors.runtime.gateway_link import APPLIED_EVERY
from actors.strategies import registry
from messages.base import PROTOCOL_VERSION
from messages.from_child import CommandDone, Heartbeat, ProcessKind, Ready, Register, StrategyAlerted, StrategyUpdate
from messages.gateway_link import (
    CheckpointReached,
    ExecutionsApplied,
    Hello,
    HelloRefused,
    StillAlive,
    VenueDown,
    VenueUp,
    Welcome,
)
from messages.health import Lifecycle
from messages.market import Checkpoint, ClockTick, EndOfData, Gap
from messages.orders import (
    AmendOrder,
    AmendRejected,
    CancelOrder,
    CloseReason,
    DenyReason,
    Fill,
    OrderAccepted,
    OrderClosed,
    OrderDenied,
    RejectReason,
    SubmitOrder,
)
from messages.strategy_host import DrainStrategy, HaltStrategy, RecoveryCompleted, StrategyStarted, TimerFired
from messages.to_child import Drain, FenceStrategy, Halt, StartTrading, StopProcess
from messages.topics import Channel, topic
from tests.support.actor_thread import actor_threads
from tests.support.host_floor import FAR, NEAR, HostFloor
from tests.support.orders import MS, NOW_NS, accepted, closed, fill
from tests.support.played_ends import next_that
from tests.support.puppet import TIMER, Puppet

HELLO = Hello("carry", 1, 1, False, PROTOCOL_VERSION)


@pytest.fixture
def floor(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[HostFloor]:
    monkeypatch.setattr(registry, "KINDS", {Puppet.kind: Puppet})
    with actor_threads() as threads:
        floor = HostFloor(tmp_path, threads)
        yield floor
    floor.close()


# --- starting --------------------------------------------------------------------------------------------------------


def test_a_host_is_ready_and_hears_the_market_only_once_every_gateway_has_welcomed_it(floor: HostFloor) -> None:
    actor = floor.start()
    assert floor.supervisor.hears_a(Register) == Register(
        "carry", ProcessKind.STRATEGY, os.getpid(), 1, PROTOCOL_VERSION
    )
    assert floor.near.welcomes(positions={NEAR.id: Decimal("0.5")}) == HELLO
    assert floor.far.hears_a(Hello) == HELLO
    floor.supervisor.hears_beats(3)
    assert not floor.near.market.has_new_subscriptions
    assert not floor.supervisor.has_heard(Ready("carry"))

    floor.far.tells(Welcome("far", "carry", 1, 0, {FAR.id: Decimal(-1)}, (), True))
    floor.supervisor.hears_a(Ready)
    floor.is_subscribed(*floor.topics())
    assert floor.near.market.topics == floor.topics(), "and to nothing else"
    floor.is_told_a(RecoveryCompleted)
    started, recovered = floor.told()
    assert started == StrategyStarted("carry", 1, "desk-carry", 0), "before any message market time is 0"
    assert recovered == RecoveryCompleted({NEAR.id: Decimal("0.5"), FAR.id: Decimal(-1)}, (), 0)
    assert floor.supervisor.asks(StopProcess("stop", 1_000)).is_ok
    assert actor.ends() == EXIT_OK


def test_a_refused_host_ends_with_the_code_of_a_fault(floor: HostFloor) -> None:
    with capture_logs() as logs:
        actor = floor.start()
        floor.near.hears_a(Hello)
        floor.near.tells(HelloRefused("sim", "carry", "epoch 1 of carry is over; epoch 2 is served"))
        assert actor.ends() == EXIT_FAULT
    (line,) = (line for line in logs if line["event"] == "gateway refuses us")
    assert line["text"] == "epoch 1 of carry is over; epoch 2 is served"


def test_a_welcome_of_another_incarnation_is_ignored(floor: HostFloor) -> None:
    floor.start()
    floor.near.welcomes(epoch=0)
    floor.far.welcomes()
    floor.supervisor.hears_beats(2)
    assert not floor.supervisor.has_heard(Ready("carry"))
    assert floor.near.welcomes() == HELLO, "it greets again"
    floor.supervisor.hears_a(Ready)


def test_a_strategy_is_told_that_a_gateway_has_no_venue_behind_it(floor: HostFloor) -> None:
    floor.start()
    floor.near.welcomes(is_venue_up=False)
    floor.far.welcomes()
    down = floor.is_told_a(VenueDown)
    assert (down.venue, down.text) == ("sim", "the gateway has no link to it")
    floor.near.tells(VenueUp("sim", NOW_NS))
    floor.is_told(VenueUp("sim", NOW_NS))


# --- orders ----------------------------------------------------------------------------------------------------------


def test_an_order_goes_to_its_gateway_once_what_caused_it_is_on_disk(floor: HostFloor) -> None:
    floor.start_trading()
    trade = floor.trade("buy", instrument=FAR.id)
    order = floor.far.hears_a(SubmitOrder)  # which looks at the journal
    assert (order.client_order_id, order.instrument, order.epoch) == ("desk-carry-e1-1", FAR.id, 1)
    assert order.caused_by == f"trade:{FAR.id}:{trade.trade_id}"
    floor.trade("buy")
    assert floor.near.hears_a(SubmitOrder).client_order_id == "desk-carry-e1-2"
    assert floor.far.hears_nothing
    floor.trade("amend", size=0.02)
    assert floor.near.hears_a(AmendOrder).quantity == Decimal("0.020")


def test_what_the_link_does_not_take_is_denied_at_once_and_never_sent_later(floor: HostFloor) -> None:
    floor.start_trading()
    order = floor.buys()
    floor.near.reports(accepted(order))
    floor.is_told_a(OrderAccepted)
    floor.near.close()
    down = floor.is_told_a(VenueDown)
    assert (down.venue, down.text) == ("sim", "link to the gateway lost")

    floor.trade("amend", size=0.02)
    refused = floor.is_told_a(AmendRejected)
    assert (refused.client_order_id, refused.reason, refused.seq) == (order.client_order_id, RejectReason.OTHER, 0)
    floor.trade("buy")
    denied = floor.is_told_a(OrderDenied)
    assert (denied.client_order_id, denied.reason, denied.context, denied.seq) == (
        "desk-carry-e1-2", DenyReason.LINK_DOWN, "venue=sim", 0,
    )  # fmt: skip
    cancelling = floor.trade("cancel")
    floor.is_told(cancelling)
    assert floor.report().status.open_orders == 1, "order 1 stands; order 2 is denied"
    floor.trade("buy", instrument=FAR.id)
    assert floor.far.hears_a(SubmitOrder).client_order_id == "desk-carry-e1-3", "the other link is as it was"

    floor.near.bind()
    floor.near.heard.clear()
    assert floor.near.welcomes(open_orders=(order.client_order_id,)).next_seq == 2
    up = floor.is_told_a(VenueUp)
    assert up.venue == "sim"
    assert floor.buys().client_order_id == "desk-carry-e1-4"
    sent = [message for message in floor.near.heard if not isinstance(message, Hello | ExecutionsApplied)]
    assert [message.client_order_id for message in sent] == ["desk-carry-e1-4"]  # type: ignore[union-attr]


def test_an_order_that_the_gateway_does_not_know_when_it_is_back_was_not_received(floor: HostFloor) -> None:
    floor.start_trading()
    lost, kept = floor.buys(), floor.buys()
    elsewhere = floor.buys(FAR.id)
    floor.near.close()
    floor.is_told_a(VenueDown)
    floor.near.bind()
    floor.near.welcomes(open_orders=(kept.client_order_id,))
    denied = floor.is_told_a(OrderDenied)
    assert (denied.client_order_id, denied.reason) == (lost.client_order_id, DenyReason.NOT_RECEIVED)
    assert denied.context == "venue=sim epoch=1"
    floor.is_told_a(VenueUp)
    assert [message for message in floor.told() if isinstance(message, OrderDenied)] == [denied]
    assert floor.report().status.open_orders == 2
    floor.trade("cancel")
    assert floor.near.hears_a(CancelOrder).client_order_id == kept.client_order_id
    assert floor.far.hears_a(CancelOrder).client_order_id == elsewhere.client_order_id


# --- reports ---------------------------------------------------------------------------------------------------------


def test_reports_are_handed_over_once_and_after_a_gap_the_host_greets_again(floor: HostFloor) -> None:
    floor.start_trading(heartbeat_interval_ms=60_000)
    floor.supervisor.hears_a(Heartbeat)  # the last for a minute: what it does now, it does at once
    order = floor.buys()
    first, second, third = (
        fill(order, "0.002", f"t-{seq}", seq=seq) for seq in (1, 2, 3)
    )  # fmt: skip
    floor.near.tells(first, first, third)
    assert floor.near.welcomes(last_seq=3).next_seq == 2, "a welcome that is ahead of the reports is not taken"
    floor.near.tells(first, second, third, Welcome("sim", "carry", 1, 3, {}, (order.client_order_id,), True))
    floor.is_told(third)
    assert [first, second, third] == [message for message in floor.told() if isinstance(message, Fill)]
    floor.is_told_a(VenueUp)
    assert floor.report().status.positions[NEAR.id] == Decimal("0.006")


def test_a_report_is_acknowledged_at_the_next_heartbeat_once_it_is_on_disk(floor: HostFloor) -> None:
    floor.start_trading()
    floor.near.reports(accepted(floor.buys()))
    assert floor.near.hears_a(ExecutionsApplied) == ExecutionsApplied("carry", 1, 1)  # which looks at the journal
    floor.supervisor.hears_beats(3)
    assert floor.near.hears_nothing, "once"


def test_many_reports_are_acknowledged_without_waiting_for_a_heartbeat(floor: HostFloor) -> None:
    floor.start_trading(heartbeat_interval_ms=60_000)
    floor.supervisor.hears_a(Heartbeat)  # the last for a minute
    order = floor.buys()
    floor.near.reports(*(fill(order, "0.0001", f"t-{number}") for number in range(APPLIED_EVERY)))
    assert floor.near.hears_a(ExecutionsApplied) == ExecutionsApplied("carry", APPLIED_EVERY, 1)


def test_a_frame_that_is_no_message_is_refused_and_does_no_harm(floor: HostFloor) -> None:
    floor.start_trading()
    with capture_logs() as logs:
        floor.near.tells(b"no message at all", VenueUp("sim", NOW_NS))
        floor.is_told(VenueUp("sim", NOW_NS))
        floor.near.market.publish_frame(topic(Channel.TRADE, NEAR.id) + b"no message at all")
        floor.is_told(floor.trade("look"))
    refused = [(line["port"], line["sender"]) for line in logs if line["event"] == "frame refused"]
    assert refused == [("sim", ""), ("market", f"trade:{NEAR.id}\0")]


# --- the market ------------------------------------------------------------------------------------------------------


def test_a_lost_trade_is_told_as_a_gap(floor: HostFloor) -> None:
    floor.start_trading()
    floor.trade("look", seq=7)
    floor.trade("look", seq=8)
    floor.trade("look", instrument=FAR.id, seq=1)
    last = floor.trade("look", seq=10, ts_received=NOW_NS + 5)
    told_by_the_venue = Gap(FAR.id, "missing book update", NOW_NS + 6, 1)
    floor.publish(told_by_the_venue)
    floor.is_told(last)
    floor.is_told(told_by_the_venue)
    heard = [message for message in floor.told() if hasattr(message, "ts_received")]
    assert [message.seq for message in heard if message.instrument == NEAR.id] == [7, 8, 0, 10]
    assert Gap(NEAR.id, "trades-lost", NOW_NS + 5) == heard[heard.index(last) - 1], "told before the trade behind it"


def test_a_lossless_host_says_at_which_checkpoint_it_is(floor: HostFloor) -> None:
    floor.start(is_lossless=True)
    assert floor.near.welcomes() == Hello("carry", 1, 1, True, PROTOCOL_VERSION)
    floor.far.welcomes()
    floor.is_subscribed(*(topic(Channel.CHECKPOINT, venue) for venue in ("sim", "far")))
    floor.publish(Checkpoint("far", 3))
    assert floor.far.hears_a(CheckpointReached) == CheckpointReached("carry", 3)
    assert floor.near.hears_nothing


def test_a_host_is_drained_once_the_data_of_all_its_venues_have_ended(floor: HostFloor) -> None:
    floor.start_trading()
    floor.publish(EndOfData("far", NOW_NS))
    floor.is_told(floor.trade("look", instrument=FAR.id))
    floor.supervisor.hears_beats(2)
    assert not floor.supervisor.hears_a(Heartbeat).is_drained
    floor.publish(EndOfData("sim", NOW_NS))
    floor.supervisor.hears_drained()


# --- time ------------------------------------------------------------------------------------------------------------


def test_where_market_time_runs_a_timer_fires_by_itself(floor: HostFloor) -> None:
    floor.start_trading()
    floor.trade("timer", size=float(20 * MS))
    floor.publish(ClockTick("sim", NOW_NS, monotonic_ns(), 1.0))
    fired = floor.is_told_a(TimerFired)
    assert (fired.name, fired.due_ns) == (TIMER, NOW_NS + 20 * MS)
    assert fired.ts >= fired.due_ns


def test_where_market_time_stands_still_a_timer_fires_with_the_message_that_reaches_it(floor: HostFloor) -> None:
    floor.start_trading()
    floor.publish(ClockTick("sim", NOW_NS, monotonic_ns(), 0.0))
    floor.trade("timer", size=2.0)
    floor.supervisor.hears_beats(3)
    before = floor.trade("look", ts_received=NOW_NS + 1)
    reached = floor.trade("look", ts_received=NOW_NS + 3)
    fired = floor.is_told_a(TimerFired)
    assert fired == TimerFired(TIMER, NOW_NS + 2, NOW_NS + 3)
    assert floor.told()[-3:] == [before, reached, fired]


def test_a_cancelled_timer_does_not_fire(floor: HostFloor) -> None:
    floor.start_trading()
    floor.trade("timer", size=2.0)
    floor.trade("untimer")
    floor.is_told(floor.trade("look", ts_received=NOW_NS + 9))
    floor.trade("timer", size=2.0, ts_received=NOW_NS + 10)  # due at + 12
    floor.trade("look", ts_received=NOW_NS + 12)
    assert floor.is_told_a(TimerFired).due_ns == NOW_NS + 12, "the first that fires is the second that was set"


def test_with_real_venues_market_time_is_that_of_the_wall(floor: HostFloor) -> None:
    floor.start_trading(is_simulated=False)
    floor.publish(ClockTick("sim", 1, 1, 0.0))  # a clock of no concern
    floor.trade("timer", size=float(5 * MS), ts_received=time_ns())
    fired = floor.is_told_a(TimerFired)
    assert fired.due_ns <= fired.ts <= time_ns()


# --- commands --------------------------------------------------------------------------------------------------------


def test_a_halt_is_told_to_the_strategy(floor: HostFloor) -> None:
    floor.start_trading()
    assert floor.supervisor.asks(Halt("c1", "drill")) == CommandDone("c1", "carry", True, "")
    assert floor.is_told_a(HaltStrategy).reason == "drill"
    assert floor.supervisor.asks(StartTrading("c2")) == CommandDone("c2", "carry", True, "")


def test_a_drain_is_done_when_nothing_works_any_more(floor: HostFloor) -> None:
    floor.start_trading()
    order = floor.buys()
    floor.supervisor.tell("carry", Drain("c1", 1_000), Drain("c2", 1_000))
    floor.is_told_a(DrainStrategy)
    floor.supervisor.hears_beats(3)
    assert not any(isinstance(message, CommandDone) for message in floor.supervisor.heard)
    assert floor.report().status.lifecycle is Lifecycle.DRAINING
    floor.near.reports(closed(order, reason=CloseReason.CANCELLED))
    done = CommandDone("c2", "carry", True, "")
    next_that(floor.supervisor.hears, lambda message: message == done, f"{done}")
    assert len([message for message in floor.told() if isinstance(message, DrainStrategy)]) == 1


def test_a_command_for_another_kind_of_process_is_refused(floor: HostFloor) -> None:
    floor.start_trading()
    assert floor.supervisor.asks(FenceStrategy("c1", "carry", 2, False)) == CommandDone(
        "c1", "carry", False, "FenceStrategy is not for a strategy host"
    )


def test_a_host_says_now_and_then_how_its_strategy_is_doing_and_reports_when_asked(floor: HostFloor) -> None:
    floor.start_trading()
    order = floor.buys()
    floor.near.reports(accepted(order), fill(order, "0.004"), closed(order, "0.004"))
    floor.is_told_a(OrderClosed)
    status = next_that(
        lambda: floor.supervisor.hears_a(StrategyUpdate).status,
        lambda status: status.fills == 1 and not status.open_orders,
        "status",
    )
    assert (status.id, status.kind, status.lifecycle, status.epoch) == ("carry", "puppet", Lifecycle.RUNNING, 1)
    assert (status.orders, status.open_orders, status.positions[NEAR.id]) == (1, 0, Decimal("0.004"))
    assert floor.report().status.positions == status.positions


def test_an_alert_of_the_strategy_reaches_the_log_and_the_supervisor(floor: HostFloor) -> None:
    floor.start_trading()
    with capture_logs() as logs:
        trade = floor.trade("alert")
        alerted = floor.supervisor.hears_a(StrategyAlerted)
    assert alerted == StrategyAlerted("carry", f"carry: {trade.trade_id}", NOW_NS)
    (line,) = (line for line in logs if line["event"] == "strategy alert")
    assert line["text"] == f"carry: {trade.trade_id}"


def test_every_gateway_that_has_welcomed_it_hears_that_the_strategy_lives(floor: HostFloor) -> None:
    floor.start()
    floor.near.hears_a(Hello)
    floor.supervisor.hears_beats(3)
    assert floor.near.hears_nothing, "before the welcome it says nothing"
    floor.far.welcomes()
    assert floor.far.hears_alive() == floor.far.hears_alive() == StillAlive("carry", 1)
