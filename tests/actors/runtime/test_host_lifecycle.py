"""Pause, resume, flatten and other parameters, through a host with its sockets and its journal; and over a restart."""

import shutil
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import msgspec
import pytest

from actors.runtime import recovery
from actors.runtime.child import EXIT_FAULT, EXIT_OK
from actors.runtime.input_journal import read_inputs
from actors.runtime.journal import Position
from actors.runtime.journal_header import read_header
from actors.runtime.snapshot_file import snapshot_files
from actors.strategies import registry
from messages.from_child import Ready, StrategyFault
from messages.health import Lifecycle
from messages.orders import CloseReason, Fill, OrderClosed
from messages.strategy_host import DrainStrategy, ParametersChanged, RecoveryCompleted, ResumeStrategy, StrategyStarted
from messages.to_child import ChangeParameters, Flatten, Pause, Resume, StopProcess
from tests.support.actor_thread import ActorThread, actor_threads
from tests.support.host_floor import FAR, NEAR, HostFloor
from tests.support.orders import accepted, closed, fill
from tests.support.played_ends import next_that
from tests.support.puppet import Puppet
from tests.support.sockets import until

PARAMETERS: dict[str, Any] = {"instruments": [NEAR.id, FAR.id]}


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


def restart(floor: HostFloor, **changes: Any) -> ActorThread:
    actor = floor.start(epoch=2, **changes)
    floor.near.welcomes()
    floor.far.welcomes()
    floor.is_told_a(StrategyStarted, 2)
    return actor


def with_word(word: str, **more: Any) -> str:
    return msgspec.json.encode({**PARAMETERS, "word": word, **more}).decode()


def test_a_pause_is_done_when_nothing_works_and_a_resumption_goes_on(floor: HostFloor) -> None:
    floor.start_trading()
    order = floor.buys()
    floor.supervisor.tell("carry", Pause("p1"), Pause("p2"))
    floor.is_told_a(DrainStrategy)
    assert floor.report().status.lifecycle is Lifecycle.PAUSED
    floor.near.reports(closed(order, reason=CloseReason.CANCELLED))
    next_that(floor.supervisor.hears, lambda message: getattr(message, "command_id", "") == "p2", "p2 done")
    assert floor.supervisor.asks(Resume("r")).is_ok
    floor.is_told_a(ResumeStrategy)
    assert floor.report().status.lifecycle is Lifecycle.RUNNING


def test_a_flattening_that_comes_to_nothing_is_refused_at_its_deadline(floor: HostFloor) -> None:
    """A puppet closes nothing by itself."""
    floor.start_trading()
    order = floor.buys()
    floor.near.reports(fill(order, "0.010"), closed(order, "0.010"))
    floor.is_told_a(Fill)
    done = floor.supervisor.asks(Flatten("f", 50))
    assert not done.is_ok
    assert done.text.startswith("not flat in time: it holds 0.01")
    assert done.text.endswith(f"{NEAR.id}, 0 orders work, state OBEDIENT")


def test_a_change_of_parameters_is_journaled_and_known_to_the_next_incarnation(floor: HostFloor) -> None:
    actor = floor.start_trading()
    assert floor.supervisor.asks(ChangeParameters("c", with_word("hello"))).is_ok
    assert floor.is_told_a(ParametersChanged).parameters == with_word("hello")
    refused = floor.supervisor.asks(ChangeParameters("c2", with_word("hello", size=3)))
    assert refused.text == "size cannot be changed while carry runs; expected 0, or a restart with the new value"
    assert not refused.is_ok
    stop(floor, actor)
    actor = restart(floor, parameters={**PARAMETERS, "word": "hello"})
    assert [message.parameters for message in floor.told() if isinstance(message, ParametersChanged)] == [
        with_word("hello")
    ], "it is not told again what it knows from its journal"
    assert read_header(floor.journal_dir).parameters == PARAMETERS, "with which the journal begins"
    stop(floor, actor)


def test_parameters_that_were_set_back_meanwhile_are_told_to_the_new_incarnation(floor: HostFloor) -> None:
    """As after a fault: the supervisor starts it with those from before."""
    actor = floor.start_trading()
    floor.supervisor.asks(ChangeParameters("c", with_word("hello")))
    stop(floor, actor)
    actor = restart(floor)
    told = floor.is_told_a(ParametersChanged, 2)
    assert msgspec.json.decode(told.parameters) == {**PARAMETERS, "word": "", "size": 0}
    stop(floor, actor)


def test_a_change_that_makes_it_fail_ends_it_and_is_left_out_by_the_next_incarnation(floor: HostFloor) -> None:
    actor = floor.start_trading()
    order = floor.buys()
    floor.near.reports(fill(order, "0.010"), closed(order, "0.010"))
    floor.is_told_a(Fill)
    floor.supervisor.tell("carry", ChangeParameters("c", with_word("fail")))
    assert floor.supervisor.hears_a(StrategyFault).cause == "ParametersChanged"
    assert actor.ends() == EXIT_FAULT
    actor = floor.start(epoch=2)
    floor.near.welcomes(positions={NEAR.id: Decimal("0.010")})
    floor.far.welcomes()
    floor.is_told_a(StrategyStarted, 2)
    assert floor.report().status.positions[NEAR.id] == Decimal("0.010")
    stop(floor, actor)


def test_other_parameters_that_are_not_live_begin_the_journal_anew_in_its_header(floor: HostFloor) -> None:
    actor = floor.start_trading()
    stop(floor, actor)
    actor = restart(floor, parameters={**PARAMETERS, "size": 7})
    assert not any(isinstance(message, ParametersChanged) for message in floor.told())
    assert read_header(floor.journal_dir).parameters == {**PARAMETERS, "size": 7}
    stop(floor, actor)


# --- snapshots -------------------------------------------------------------------------------------------------------


def test_a_host_writes_snapshots_when_it_is_idle_and_the_next_incarnation_begins_at_the_newest(
    floor: HostFloor, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Killed between a snapshot and what came after it: the report behind it is in the tail, and asked for no more."""
    monkeypatch.setattr(recovery, "SNAPSHOT_INPUTS_MIN", 1)
    monkeypatch.setattr(recovery, "SNAPSHOT_EVERY_INPUTS", 5)
    monkeypatch.setattr(recovery, "SNAPSHOT_REST", 0)
    floor.start_trading()
    order = floor.buys()
    floor.near.reports(accepted(order), fill(order, "0.004"))
    floor.is_told_a(Fill)
    until(lambda: snapshot_files(floor.journal_dir), floor._idle, "a snapshot")
    monkeypatch.setattr(recovery, "SNAPSHOT_INPUTS_MIN", 1_000)
    floor.near.reports(fill(order, "0.006", "t-2"), closed(order, "0.010"))
    floor.is_told_a(OrderClosed)
    heard = floor.report().status.messages
    killed = floor.journal_dir.parent / "killed"
    shutil.copytree(floor.journal_dir, killed)
    floor.supervisor.tell("carry", StopProcess("stop", 1_000))
    floor.journal_dir = killed
    begun: list[Position] = []
    monkeypatch.setattr(
        recovery, "read_inputs", lambda folder, after: begun.append(after) or read_inputs(folder, after)
    )
    floor.start(epoch=2)
    assert floor.near.welcomes(positions={NEAR.id: Decimal("0.010")}).next_seq == 5, "after four reports"
    floor.far.welcomes()
    floor.supervisor.hears_a(Ready)
    status = floor.report().status
    assert (status.positions[NEAR.id], status.fills, status.messages) == (Decimal("0.010"), 2, heard + 2)
    assert begun > [Position(1, 100)], "not from the beginning"


def test_a_strategy_that_was_paused_before_its_start_is_told_so_before_it_may_open_anything(floor: HostFloor) -> None:
    floor.start_trading(is_paused=True)
    floor.is_told_a(RecoveryCompleted)
    kinds = [type(message) for message in floor.told()]
    assert kinds.index(DrainStrategy) < kinds.index(RecoveryCompleted)
    assert floor.report().status.lifecycle is Lifecycle.PAUSED
    floor.supervisor.tell("carry", Pause("p"))
    next_that(floor.supervisor.hears, lambda message: getattr(message, "command_id", "") == "p", "p done")
    floor.supervisor.tell("carry", Resume("r"))
    floor.is_told_a(ResumeStrategy)
    assert [type(message) for message in floor.told()].count(DrainStrategy) == 1
    assert floor.report().status.lifecycle is Lifecycle.RUNNING
