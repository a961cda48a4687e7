"""A host whose strategy fails or whose disk is full, and the next incarnation, which goes on from the journal."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from actors.runtime import recovery
from actors.runtime.child import EXIT_FAULT, EXIT_OK
from actors.runtime.input_journal import InputChannel, InputJournal
from actors.runtime.spec import write_spec
from actors.strategies import registry
from messages.base import PROTOCOL_VERSION
from messages.codec import encode
from messages.from_child import Heartbeat, ProcessKind, Ready, Register, StillStarting, StrategyFault, StrategyUpdate
from messages.gateway_link import ExecutionsApplied, Hello
from messages.health import Lifecycle
from messages.market import Trade
from messages.orders import CancelOrder, DenyReason, Fill, OrderAccepted, OrderDenied, Side, SubmitOrder
from messages.strategy_host import RecoveryCompleted
from messages.to_child import StopProcess
from tests.support.actor_thread import ActorThread, actor_threads
from tests.support.host_floor import FAR, NEAR, HostFloor
from tests.support.limits import disk_full_behind
from tests.support.orders import NOW_NS, accepted, fill
from tests.support.puppet import Puppet

ROOT = Path(__file__).parents[3]


@pytest.fixture
def floor(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[HostFloor]:
    monkeypatch.setattr(registry, "KINDS", {Puppet.kind: Puppet})
    with actor_threads() as threads:
        floor = HostFloor(tmp_path, threads)
        yield floor
    floor.close()


def stop(floor: HostFloor, actor: ActorThread) -> None:
    floor.supervisor.tell("carry", StopProcess("stop", 1_000))
    assert actor.ends() == EXIT_OK


def cancelled(*orders: SubmitOrder) -> list[CancelOrder]:
    """The cancels of a host whose strategy has failed."""
    return [
        CancelOrder(order.client_order_id, "carry", order.epoch, order.instrument, "strategy-fault") for order in orders
    ]


# --- faults ----------------------------------------------------------------------------------------------------------


def test_a_strategy_that_fails_says_where_cancels_its_orders_and_ends(floor: HostFloor) -> None:
    actor = floor.start_trading()
    near, far = floor.buys(), floor.buys(FAR.id)
    floor.near.reports(accepted(near))
    floor.is_told_a(OrderAccepted)
    poison = floor.trade("fail")

    fault = floor.supervisor.hears_a(StrategyFault)
    assert (fault.process, fault.strategy, fault.state, fault.cause) == ("carry", "carry", "OBEDIENT", "Trade")
    assert f"RuntimeError: the puppet was told to {poison.trade_id}" in fault.traceback
    assert "puppet.py" in fault.traceback
    assert [floor.near.hears_a(CancelOrder), floor.far.hears_a(CancelOrder)] == cancelled(near, far)
    assert actor.ends() == EXIT_FAULT
    assert floor.told()[-1] == poison
    assert [record.channel for record in floor.on_disk()][-2:] == [InputChannel.MARKET_DATA, InputChannel.FAULT]


def test_a_strategy_that_fails_on_a_full_disk_cancels_its_orders_all_the_same(floor: HostFloor) -> None:
    actor = floor.start_trading()
    order = floor.buys()
    floor.near.reports(accepted(order))
    floor.is_told_a(OrderAccepted)
    floor.near.hears_a(ExecutionsApplied)
    with disk_full_behind(floor.journal_dir) as logs:
        floor.trade("fail")
        assert floor.supervisor.hears_a(StrategyFault).cause == "Trade"
        assert floor.near.hears_a(CancelOrder) == cancelled(order)[0]
        assert actor.ends() == EXIT_FAULT
    assert "fault not journaled" in [line["event"] for line in logs]
    assert InputChannel.FAULT not in [record.channel for record in floor.on_disk()]


@pytest.mark.parametrize("word", ["look", "buy"])
def test_a_host_that_cannot_journal_sends_no_order_and_cancels_those_that_work(floor: HostFloor, word: str) -> None:
    """The disk is full: `look` is found out when the host is idle, `buy` before the order would leave."""
    actor = floor.start_trading()
    order = floor.buys()
    floor.near.reports(accepted(order))
    floor.is_told_a(OrderAccepted)
    floor.near.hears_a(ExecutionsApplied)
    with disk_full_behind(floor.journal_dir):
        floor.trade(word)
        fault = floor.supervisor.hears_a(StrategyFault)
        assert fault.cause == {"look": "host", "buy": "Trade"}[word]
        assert "JournalFailed" in fault.traceback
        assert floor.near.hears_a(CancelOrder) == cancelled(order)[0]
        assert actor.ends() == EXIT_FAULT
    assert [message for message in floor.near.heard if isinstance(message, SubmitOrder)] == [order]


def test_a_strategy_that_fails_says_first_what_it_has_done_and_holds(floor: HostFloor) -> None:
    """Long before the next of its regular words: the heartbeat is slow here."""
    actor = floor.start_trading(heartbeat_interval_ms=60_000)
    first = floor.supervisor.hears_a(StrategyUpdate).status
    assert (first.lifecycle, first.fills) == (Lifecycle.RUNNING, 0)
    order = floor.buys()
    floor.near.reports(accepted(order), fill(order, "0.004"))
    floor.is_told_a(Fill)
    floor.trade("fail")
    last = floor.supervisor.hears_a(StrategyUpdate).status
    assert (last.lifecycle, last.fills, last.positions[NEAR.id]) == (Lifecycle.FAULTED, 1, Decimal("0.004"))
    floor.supervisor.hears_a(StrategyFault)
    assert actor.ends() == EXIT_FAULT


# --- the next incarnation --------------------------------------------------------------------------------------------


def test_a_new_incarnation_is_where_the_last_one_was_and_asks_for_the_next_report(floor: HostFloor) -> None:
    actor = floor.start_trading()
    first, second = floor.buys(), floor.buys()
    floor.near.reports(accepted(first), fill(first, "0.004"), accepted(second))
    floor.is_told_a(OrderAccepted, 2)
    stop(floor, actor)

    missed = fill(second, "0.010", "t-2", seq=4)
    floor.start(epoch=2)
    assert floor.supervisor.hears_a(Register) == Register(
        "carry", ProcessKind.STRATEGY, os.getpid(), 2, PROTOCOL_VERSION
    )
    assert floor.far.welcomes() == Hello("carry", 2, 1, False, PROTOCOL_VERSION)
    hello = floor.near.hears_a(Hello)
    assert hello == Hello("carry", 2, 4, False, PROTOCOL_VERSION)
    status = floor.report().status
    assert (status.positions[NEAR.id], status.open_orders, status.epoch) == (Decimal("0.004"), 2, 2)

    floor.near.tells(missed)
    floor.near.answers(hello, last_seq=4, positions={NEAR.id: Decimal("0.014")})
    floor.supervisor.hears_a(Ready)
    recovered = floor.is_told_a(RecoveryCompleted, 2)
    denied = floor.is_told_a(OrderDenied)
    assert (denied.client_order_id, denied.reason) == (first.client_order_id, DenyReason.NOT_RECEIVED)
    told = floor.told()
    assert told[told.index(missed) :][:2] == [missed, denied], "the books are complete before the gateways' word"
    assert told.index(denied) < told.index(recovered)
    assert floor.report().status.positions[NEAR.id] == Decimal("0.014")

    floor.is_subscribed(*floor.topics())
    assert floor.buys().client_order_id == "desk-carry-e2-1", "order ids begin anew"


def test_an_incarnation_that_was_killed_has_left_all_that_had_an_effect(floor: HostFloor, tmp_path: Path) -> None:
    floor.start_trading()
    order = floor.buys()
    killed_now = floor.killed_journal(tmp_path)
    floor.supervisor.tell("carry", StopProcess("stop", 1_000))
    floor.journal_dir = killed_now
    floor.start(epoch=2)
    floor.near.welcomes(open_orders=(order.client_order_id,))
    floor.far.welcomes()
    floor.supervisor.hears_a(Ready)
    floor.is_subscribed(*floor.topics())
    floor.trade("cancel")
    assert floor.near.hears_a(CancelOrder).client_order_id == order.client_order_id, "it knows the order again"


def test_a_poisoned_tick_does_not_kill_the_next_incarnation(floor: HostFloor) -> None:
    actor = floor.start_trading()
    order = floor.buys()
    floor.near.reports(fill(order, "0.010"))
    floor.is_told_a(Fill)
    floor.trade("fail")
    assert actor.ends() == EXIT_FAULT
    trades = [message for message in floor.told() if isinstance(message, Trade)]
    assert [trade.trade_id for trade in trades] == ["buy 1", "fail 2"]

    floor.start(epoch=2)
    floor.near.welcomes(positions={NEAR.id: Decimal("0.010")}, open_orders=(order.client_order_id,))
    floor.far.welcomes()
    floor.is_told_a(RecoveryCompleted, 2)
    status = floor.report().status
    assert status.positions[NEAR.id] == Decimal("0.010")
    assert status.messages == 2 + 2 + 1 + 1, "StrategyStarted and RecoveryCompleted twice, the first trade, the fill"
    assert [message for message in floor.told() if isinstance(message, Trade)] == trades, "the journal keeps both"


def test_a_host_that_replays_a_long_journal_says_that_it_is_still_at_it(
    floor: HostFloor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(recovery, "STILL_STARTING_EVERY", 2_000)
    journal = InputJournal(floor.journal_dir)
    trade = encode(Trade(NEAR.id, 50_000.0, 1.0, Side.BUY, "look", NOW_NS, NOW_NS))
    for _ in range(40_000):
        journal.append(InputChannel.MARKET_DATA, trade)
    journal.close()
    floor.start()
    floor.supervisor.hears_a(Register)
    assert floor.supervisor.hears_a(StillStarting) == StillStarting("carry")
    assert not any(isinstance(message, Ready | Heartbeat) for message in floor.supervisor.heard)
    floor.near.welcomes()
    floor.far.welcomes()
    floor.supervisor.hears_a(Ready)
    assert floor.report().status.messages == 40_000 + 2


# --- the process -----------------------------------------------------------------------------------------------------


def test_the_host_process_runs_until_it_is_told_to_stop_or_signalled(floor: HostFloor, tmp_path: Path) -> None:
    spec: Any = floor.spec(kind="faulty", parameters={"instrument": NEAR.id, "trigger": str(tmp_path / "trigger")})
    write_spec(tmp_path / "host.json", spec)
    environment = {**os.environ, "PYTHONPATH": str(ROOT / "tests" / "support" / "faulty")}
    command = (sys.executable, "-m", "actors.runtime.host", str(tmp_path / "host.json"))
    process = subprocess.Popen(command, cwd=ROOT, env=environment)
    try:
        floor.near.welcomes()
        floor.far.welcomes()
        floor.supervisor.hears_a(Ready)
        process.send_signal(signal.SIGTERM)
        assert process.wait(10) == EXIT_OK
    finally:
        process.kill()
        process.wait()
