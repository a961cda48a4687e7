"""The supervisor's decisions while a cluster starts and trades."""

import msgspec
import pytest

from actors.runtime.spec import HostSpec
from messages.base import PROTOCOL_VERSION
from messages.from_child import (
    CommandDone,
    GatewayUpdate,
    Heartbeat,
    ProcessKind,
    Ready,
    Register,
    SourcesExhausted,
    StillStarting,
    StrategyAlerted,
    StrategyFault,
    StrategyUpdate,
)
from messages.health import Lifecycle, ProcessState
from messages.operator import CommandAccepted, HaltRequest, StopRequest
from messages.to_child import FenceStrategy, Halt, StartTrading
from supervisor.actions import EXIT_FAILED, Exit, KillChild, Log, MeasureUsage, SaveRegistry, SetLatch, StartChild
from supervisor.children import ADOPTION_DEADLINE_NS, START_DEADLINE_NS
from supervisor.closing import DRAINED_DEADLINE_NS, RunOptions
from supervisor.occurrences import AlarmRang, Begun, Measured, ProcessEnded, StartFailed, StopSignalled, Usage
from supervisor.pending_commands import COMMAND_DEADLINE_NS, RESEND_NS, Dispatch
from supervisor.registry import ChildRecord, Registry, RunRecord
from tests.supervisor.core_driver import CARRY, EXCHANGE, MS, OTHER, PERP, SECOND, SPOT, Drive, desk
from tests.supervisor.samples import SPOT as SPOT_STATUS
from tests.supervisor.samples import STRATEGY as STRATEGY_STATUS


def epoch_of(start: StartChild) -> int:
    assert isinstance(start.spec, HostSpec)
    return start.spec.epoch


def saved_epoch_before(drive: Drive, action: object) -> int:
    """The epoch of the strategy that was on the disk when this was done."""
    before = drive.actions[: drive.actions.index(action)]  # type: ignore[arg-type]
    return drive.of(SaveRegistry, before)[-1].registry.epochs[CARRY]


# --- starting ----------------------------------------------------------------------------------------------------


def test_children_are_started_level_by_level_each_when_the_one_before_is_ready() -> None:
    drive = Drive(desk(CARRY, OTHER))
    assert drive.started(drive.begin()) == [EXCHANGE]
    assert drive.started(drive.ready(EXCHANGE)) == [SPOT, PERP]
    assert drive.started(drive.ready(SPOT)) == []
    assert drive.started(drive.ready(PERP)) == [CARRY, OTHER]
    assert drive.core.phase == "starting"


def test_trading_begins_when_everything_is_ready_and_the_exchange_opens_last() -> None:
    drive = Drive()
    drive.begin()
    drive.ready(EXCHANGE, SPOT, PERP)
    assert drive.commands(StartTrading) == []
    asked = drive.ready(CARRY)
    assert [name for name, _ in drive.commands(StartTrading, asked)] == [CARRY, PERP, SPOT, EXCHANGE]
    assert drive.core.phase == "trading"


def test_the_first_epoch_is_on_the_disk_before_the_strategy_is_started() -> None:
    drive = Drive()
    drive.begin()
    drive.ready(EXCHANGE, SPOT, PERP)
    (start,) = [action for action in drive.of(StartChild) if action.name == CARRY]
    assert epoch_of(start) == 1
    assert saved_epoch_before(drive, start) == 1


def test_epochs_go_on_rising_in_the_next_run_and_gateways_are_told() -> None:
    drive = Drive(registry=Registry(incarnation=4, epochs={CARRY: 7}))
    drive.begin()
    drive.ready(EXCHANGE, SPOT, PERP)
    (start,) = [action for action in drive.of(StartChild) if action.name == CARRY]
    assert epoch_of(start) == 8
    fences = drive.commands(FenceStrategy)
    assert [(name, fence.strategy, fence.epoch, fence.is_final) for name, fence in fences] == [
        (SPOT, CARRY, 8, False),
        (PERP, CARRY, 8, False),
    ]
    assert fences[0][1].command_id.startswith("fence-5-")  # the ids of incarnation 5 differ from those of 4


def test_a_child_that_does_not_become_ready_is_killed_and_restarted() -> None:
    drive = Drive()
    drive.begin()
    asked = drive.pass_time(START_DEADLINE_NS / SECOND)
    assert drive.of(KillChild, asked) == [KillChild(EXCHANGE)]
    assert "did not become ready in time" in drive.alerts[-1]


def test_a_child_whose_long_start_goes_on_is_given_time() -> None:
    drive = Drive()
    drive.begin()
    drive.register(EXCHANGE)
    drive.pass_time(START_DEADLINE_NS / SECOND - 1)
    drive.says(EXCHANGE, StillStarting(EXCHANGE))
    assert drive.of(KillChild, drive.pass_time(START_DEADLINE_NS / SECOND - 1)) == []
    assert drive.of(KillChild, drive.pass_time(2)) == [KillChild(EXCHANGE)], "and no more than that"


def test_a_strategy_that_is_quarantined_while_it_starts_does_not_keep_the_others_from_trading() -> None:
    drive = Drive(desk(CARRY, OTHER))
    drive.begin()
    drive.ready(EXCHANGE, SPOT, PERP, OTHER)
    for _ in range(4):
        drive.ends(CARRY, 3)
        drive.pass_time(1.5)
    assert drive.core.phase == "trading"
    assert drive.core.floor.children[CARRY].state is ProcessState.QUARANTINED


def test_a_process_that_cannot_be_started_counts_as_one_that_died() -> None:
    drive = Drive()
    drive.begin()
    drive.ready(EXCHANGE)
    drive.core.floor.children[SPOT].pid = 0
    drive.tell(StartFailed(SPOT, "no such file"))
    assert "spot cannot be started: no such file" in drive.alerts[-2]
    assert "restart 1 within 60 s" in drive.alerts[-1]


def test_what_a_process_says_before_it_registers_does_not_count() -> None:
    drive = Drive()
    drive.begin()
    drive.says(EXCHANGE, Ready(EXCHANGE))
    assert drive.core.floor.children[EXCHANGE].state is ProcessState.STARTING


def test_a_registration_of_another_process_is_not_taken() -> None:
    drive = Drive()
    drive.begin()
    drive.says(EXCHANGE, Register(EXCHANGE, ProcessKind.EXCHANGE, 999, 0, PROTOCOL_VERSION))
    assert not drive.core.floor.children[EXCHANGE].is_registered
    assert drive.of(KillChild) == []


def test_a_process_of_another_protocol_version_is_killed() -> None:
    drive = Drive()
    drive.begin()
    pid = drive.core.floor.children[EXCHANGE].pid
    asked = drive.says(EXCHANGE, Register(EXCHANGE, ProcessKind.EXCHANGE, pid, 0, PROTOCOL_VERSION + 1))
    assert drive.of(KillChild, asked) == [KillChild(EXCHANGE)]
    assert f"protocol version {PROTOCOL_VERSION + 1}" in drive.alerts[-1]


@pytest.mark.parametrize("sender", ["nobody", SPOT])
def test_a_message_under_a_strange_or_foreign_name_is_logged_and_nothing_else(sender: str) -> None:
    drive = Drive().trading()
    asked = drive.says(sender, Heartbeat(PERP, 1, 0, True))
    assert [action.event for action in drive.of(Log, asked)] == ["message of a stranger"]
    assert not drive.core.floor.children[PERP].is_drained


# --- commands ----------------------------------------------------------------------------------------------------


def test_a_command_is_sent_again_until_it_is_answered() -> None:
    drive = Drive().trading()
    drive.operator(HaltRequest("h", "test"))
    halts = drive.commands(Halt)
    assert [name for name, _ in halts] == [SPOT, PERP, CARRY]
    again = drive.pass_time(RESEND_NS / SECOND)
    assert drive.commands(Halt, again) == halts
    drive.done(Dispatch(*halts[0]))
    assert [name for name, _ in drive.commands(Halt, drive.pass_time(RESEND_NS / SECOND))] == [PERP, CARRY]


def test_a_command_that_is_never_answered_becomes_an_alert() -> None:
    drive = Drive().trading()
    drive.operator(HaltRequest("h", "test"))
    drive.pass_time(COMMAND_DEADLINE_NS / SECOND)
    assert "spot did not answer halt-1" in drive.alerts
    assert drive.commands(Halt, drive.pass_time(1.0)) == []


def test_an_answer_that_comes_twice_changes_nothing() -> None:
    drive = Drive().trading()
    drive.operator(HaltRequest("h", "test"))
    (first, *_) = drive.of(Dispatch)
    drive.done(first)
    asked = drive.done(first)
    assert drive.of(Log, asked) == []


def test_a_command_that_a_child_refuses_becomes_an_alert() -> None:
    drive = Drive().trading()
    drive.operator(HaltRequest("h", "test"))
    (first, *_) = drive.of(Dispatch)
    drive.done(first, is_ok=False, text="no venue")
    assert drive.alerts[-1] == "spot did not do halt-1: no venue"


def test_halt_goes_to_gateways_first_and_shows_in_the_status() -> None:
    drive = Drive().trading()
    assert isinstance(drive.operator(HaltRequest("h", "maintenance")), CommandAccepted)
    status = drive.status()
    assert status.is_halted
    assert status.phase == "halted"
    assert status.alerts[-1] == "halted: maintenance"


def test_a_child_that_comes_back_is_told_to_halt_before_it_is_told_to_trade() -> None:
    drive = Drive().trading()
    drive.operator(HaltRequest("h", "maintenance"))
    drive.ends(SPOT)
    told = [type(dispatch.command) for dispatch in drive.of(Dispatch, drive.ready(SPOT)) if dispatch.child == SPOT]
    assert told == [Halt, StartTrading]


# --- the death of a strategy -------------------------------------------------------------------------------------


def test_a_killed_strategy_is_fenced_at_every_gateway_before_it_is_started_again_in_a_new_epoch() -> None:
    drive = Drive().trading()
    asked = drive.ends(CARRY, -9)
    fences = drive.commands(FenceStrategy, asked)
    assert [(name, fence.strategy, fence.epoch, fence.is_final) for name, fence in fences] == [
        (SPOT, CARRY, 2, False),
        (PERP, CARRY, 2, False),
    ]
    (start,) = drive.of(StartChild, asked)
    assert epoch_of(start) == 2
    order = [action for action in asked if action == start or isinstance(action, Dispatch)]
    assert order[-1] == start
    assert saved_epoch_before(drive, order[0]) == 2
    assert drive.alerts == [
        "carry (pid 104) was killed by signal 9 while running; restart 1 of at most 3 within 60 s, in 0.0 s"
    ]


def test_a_strategy_that_came_back_trades_again_and_its_siblings_notice_nothing() -> None:
    drive = Drive(desk(CARRY, OTHER)).trading()
    asked = drive.ends(CARRY)
    asked += drive.ready(CARRY)
    assert [name for name, _ in drive.commands(StartTrading, asked)] == [CARRY]
    assert [dispatch for dispatch in drive.of(Dispatch, asked) if dispatch.child == OTHER] == []
    assert drive.core.floor.children[OTHER].restarts == 0


def test_the_second_restart_waits_for_its_backoff() -> None:
    drive = Drive().trading()
    drive.ends(CARRY)
    assert drive.started(drive.ends(CARRY)) == []
    assert drive.status().strategies[0].lifecycle is Lifecycle.FAULTED
    assert drive.started(drive.pass_time(0.499)) == []
    assert drive.started(drive.pass_time(0.001)) == [CARRY]


def test_a_strategy_past_its_intensity_is_quarantined_and_fenced_for_good() -> None:
    drive = Drive(desk(CARRY, OTHER)).trading()
    for _ in range(3):
        drive.ends(CARRY)
        drive.pass_time(1.5)
        drive.ready(CARRY)
    asked = drive.ends(CARRY)
    fences = drive.commands(FenceStrategy, asked)
    assert [(name, fence.epoch, fence.is_final) for name, fence in fences] == [(SPOT, 5, True), (PERP, 5, True)]
    assert "carry is QUARANTINED" in drive.alerts[-1]
    assert drive.started(drive.pass_time(50.0)) == []
    status = {item.id: item for item in drive.status().strategies}
    assert status[CARRY].lifecycle is Lifecycle.QUARANTINED
    assert drive.core.floor.children[OTHER].state is ProcessState.RUNNING


def test_a_strategy_that_ends_by_itself_with_code_0_is_done() -> None:
    drive = Drive().trading()
    asked = drive.ends(CARRY, 0)
    assert drive.started(asked) == []
    assert [fence.is_final for _, fence in drive.commands(FenceStrategy, asked)] == [True, True]
    assert drive.alerts == []
    assert drive.status().strategies[0].lifecycle is Lifecycle.STOPPED


def test_a_silent_strategy_is_killed_after_the_heartbeat_timeout() -> None:
    drive = Drive().trading()
    drive.silent = {CARRY}
    assert drive.of(KillChild, drive.pass_time(1.999)) == []
    assert drive.of(KillChild, drive.pass_time(0.001)) == [KillChild(CARRY)]
    assert "no heartbeat for 2.0 s" in drive.alerts[-1]
    assert drive.of(KillChild, drive.pass_time(5.0)) == []  # once is enough


def test_children_are_not_blamed_when_the_supervisor_itself_stood_still() -> None:
    drive = Drive().trading()
    drive.now_ns += 10 * SECOND
    asked = drive.tell(AlarmRang())
    assert drive.of(KillChild, asked) == []
    drive.silent = {CARRY}
    assert drive.of(KillChild, drive.pass_time(3.0)) == [KillChild(CARRY)]


def test_a_fault_is_recorded_with_its_traceback_and_the_host_is_killed_unless_it_ends() -> None:
    drive = Drive().trading()
    fault = StrategyFault(CARRY, CARRY, "HEDGED", "Quote", "Traceback ...\nZeroDivisionError: division by zero\n", 1)
    asked = drive.says(CARRY, fault)
    (entry,) = [action for action in drive.of(Log, asked) if action.level == "error"]
    assert entry.fields["traceback"] == fault.traceback
    assert drive.alerts == ["carry FAULTED in state HEDGED on Quote: ZeroDivisionError: division by zero"]
    assert drive.of(KillChild, drive.pass_time(1.9)) == []
    assert drive.of(KillChild, drive.pass_time(0.2)) == [KillChild(CARRY)]
    assert "has faulted and did not end" in drive.alerts[-1]
    drive.ends(CARRY)
    assert drive.core.floor.children[CARRY].restarts == 1


def test_what_a_strategy_wants_a_person_to_see_is_among_the_alerts() -> None:
    drive = Drive().trading()
    drive.says(CARRY, StrategyAlerted(CARRY, "carry: HALTED with 0.003 BTC unmatched", 1))
    assert drive.alerts == ["carry: HALTED with 0.003 BTC unmatched"]


def test_the_last_words_of_a_process_are_heard_after_its_end() -> None:
    drive = Drive().trading()
    drive.ends(CARRY, 3)
    due_ns = drive.core.floor.children[CARRY].due_ns
    drive.says(CARRY, StrategyFault(CARRY, CARRY, "", "Fill", "KeyError: 'x'", 1))
    assert drive.alerts[-1] == "carry FAULTED in state - on Fill: KeyError: 'x'"
    assert drive.core.floor.children[CARRY].due_ns == due_ns  # the new incarnation is not to blame


def test_the_end_of_a_process_that_was_replaced_is_nobodys_end() -> None:
    drive = Drive().trading()
    pid = drive.core.floor.children[CARRY].pid
    drive.ends(CARRY)
    drive.tell(ProcessEnded(CARRY, pid, -9))
    assert drive.core.floor.children[CARRY].restarts == 1


# --- gateways and the exchange -----------------------------------------------------------------------------------


def test_a_gateway_that_comes_back_learns_of_every_fenced_strategy() -> None:
    drive = Drive(desk(CARRY, OTHER)).trading()
    drive.ends(CARRY)
    drive.ready(CARRY)
    drive.ends(SPOT)
    fences = drive.commands(FenceStrategy, drive.ready(SPOT))
    assert [(name, fence.strategy, fence.epoch) for name, fence in fences] == [(SPOT, CARRY, 2)]


def test_a_fence_is_not_waited_for_at_a_dead_gateway() -> None:
    drive = Drive().trading()
    drive.ends(SPOT)
    drive.ends(SPOT)  # it waits for its restart now
    assert [name for name, _ in drive.commands(FenceStrategy, drive.ends(CARRY))] == [PERP]


def test_a_gateway_past_its_intensity_is_started_again_and_no_strategy_is_touched() -> None:
    drive = Drive().trading()
    for _ in range(4):
        drive.ends(PERP)
        drive.pass_time(1.5)
    assert drive.core.floor.children[PERP].state is ProcessState.BACKOFF
    drive.pass_time(30.0)
    assert drive.core.floor.children[PERP].state is ProcessState.STARTING
    assert drive.core.floor.children[CARRY].state is ProcessState.RUNNING
    assert drive.core.phase == "trading"


def test_a_dead_gateway_has_no_venue() -> None:
    drive = Drive().trading()
    drive.says(SPOT, GatewayUpdate(SPOT, SPOT_STATUS))
    assert drive.status().gateways[0].is_venue_up
    drive.ends(SPOT)
    drive.ends(SPOT)
    assert not drive.status().gateways[0].is_venue_up


def test_the_loss_of_the_exchange_halts_and_ends_the_cluster_as_failed() -> None:
    drive = Drive().trading()
    asked = drive.ends(EXCHANGE, -9)
    assert [name for name, _ in drive.commands(Halt, asked)] == [SPOT, PERP, CARRY]
    assert drive.core.phase == "draining"
    assert drive.core.floor.run.is_failed
    assert "its ledgers are lost" in drive.alerts[-1]


# --- status ------------------------------------------------------------------------------------------------------


def test_status_tells_processes_strategies_gateways_and_time() -> None:
    drive = Drive().trading()
    drive.says(CARRY, StrategyUpdate(CARRY, STRATEGY_STATUS))
    drive.tell(Measured({CARRY: Usage(12.5, 3.0, 40.0), "supervisor": Usage(1.0, 1.0, 30.0)}))
    drive.pass_time(2.0625)
    status = drive.status()
    assert status.cluster == "desk"
    assert status.phase == "trading"
    assert status.seconds == 2.0625
    assert [(item.name, item.kind, item.pid) for item in status.processes] == [
        ("supervisor", "supervisor", 100),
        (EXCHANGE, "exchange", 101),
        (SPOT, "gateway", 102),
        (PERP, "gateway", 103),
        (CARRY, "strategy", 104),
    ]
    carry = status.processes[-1]
    assert (carry.cpu_percent, carry.rss_mb, carry.restarts) == (12.5, 40.0, 0)
    assert carry.heartbeat_age_ms == 62.5  # 2.0625 s is 62.5 ms after the twentieth heartbeat
    assert status.strategies[0].fills == STRATEGY_STATUS.fills
    assert [gateway.id for gateway in status.gateways] == [SPOT, PERP]


def test_a_strategy_that_never_spoke_is_in_the_status_too() -> None:
    drive = Drive()
    drive.begin()
    (strategy,) = drive.status().strategies
    assert (strategy.id, strategy.kind, strategy.lifecycle) == (CARRY, "spot-futures", Lifecycle.STARTING)
    assert drive.status().seconds == 0.0


def test_a_strategy_that_has_not_spoken_in_its_present_epoch_is_starting() -> None:
    drive = Drive().trading()
    drive.says(CARRY, StrategyUpdate(CARRY, msgspec.structs.replace(STRATEGY_STATUS, epoch=1)))
    assert drive.status().strategies[0].lifecycle is STRATEGY_STATUS.lifecycle
    drive.ends(CARRY)
    assert drive.status().strategies[0].lifecycle is Lifecycle.STARTING


def test_only_the_last_twenty_alerts_are_kept() -> None:
    drive = Drive().trading()
    for number in range(25):
        drive.operator(HaltRequest(f"h{number}", f"reason {number}"))
    assert list(drive.status().alerts) == [f"halted: reason {number}" for number in range(5, 25)]


def test_processes_are_measured_once_a_second() -> None:
    drive = Drive().trading()
    assert len(drive.of(MeasureUsage, drive.pass_time(3.0))) == 3


# --- the end of a run --------------------------------------------------------------------------------------------


def test_the_time_asked_for_is_counted_from_the_start_of_trading() -> None:
    drive = Drive(options=RunOptions(for_seconds=5.0))
    drive.begin()
    drive.pass_time(10.0)
    drive.ready(EXCHANGE, SPOT, PERP, CARRY)
    drive.pass_time(4.999)
    assert drive.core.phase == "trading"
    drive.pass_time(0.001)
    assert drive.core.phase == "draining"


def test_a_cluster_ends_when_its_sources_are_exhausted_and_all_of_it_was_handled() -> None:
    drive = Drive(desk(CARRY, OTHER)).trading()
    drive.says(EXCHANGE, SourcesExhausted(EXCHANGE))
    drive.drained = {CARRY}
    drive.pass_time(1.0)
    assert drive.core.phase == "trading"
    drive.drained = {CARRY, OTHER}
    drive.pass_time(0.1)
    assert drive.core.phase == "draining"


def test_a_strategy_that_never_drains_is_not_waited_for_for_ever() -> None:
    drive = Drive().trading()
    drive.says(EXCHANGE, SourcesExhausted(EXCHANGE))
    drive.pass_time(DRAINED_DEADLINE_NS / SECOND - 0.001)
    assert drive.core.phase == "trading"
    drive.pass_time(0.001)
    assert drive.core.phase == "draining"
    assert "not all of it was handled by carry" in drive.alerts[-1]


def test_a_quarantined_strategy_is_not_waited_for() -> None:
    drive = Drive().trading()
    for _ in range(4):
        drive.ends(CARRY)
        drive.pass_time(1.5)
    drive.says(EXCHANGE, SourcesExhausted(EXCHANGE))
    assert drive.core.phase == "draining"


def test_a_cluster_that_is_to_stay_goes_on_when_its_sources_are_exhausted() -> None:
    drive = Drive(options=RunOptions(stay=True)).trading()
    drive.drained = {CARRY}
    drive.says(EXCHANGE, SourcesExhausted(EXCHANGE))
    drive.says(EXCHANGE, SourcesExhausted(EXCHANGE))
    drive.pass_time(DRAINED_DEADLINE_NS / SECOND + 1)
    assert drive.core.phase == "trading"


# --- adoption ----------------------------------------------------------------------------------------------------


def last_registry(drive: Drive) -> Registry:
    return drive.of(SaveRegistry)[-1].registry


def back(registry: Registry, living: set[str], **options: object) -> tuple[Drive, list[object]]:
    drive = Drive(registry=registry, now_ns=1_030 * SECOND, first_pid=201, **options)  # type: ignore[arg-type]
    return drive, list(drive.begin(living))


def test_living_children_are_adopted_and_not_started_again() -> None:
    before = Drive().trading()
    before.operator(HaltRequest("h", "maintenance"))
    drive, _ = back(last_registry(before), {EXCHANGE, SPOT, PERP, CARRY})
    assert drive.started() == []
    assert drive.core.phase == "halted"
    assert drive.core.floor.run.halt_reason == "maintenance"
    assert [known.pid for known in drive.core.floor.children.values()] == [101, 102, 103, 104]
    assert drive.alerts[0] == "halted: maintenance", "what the one before was told is not forgotten"
    assert "has adopted carry, exchange, perp, spot" in drive.alerts[1]
    drive.ready(EXCHANGE, SPOT, PERP, CARRY)
    drive.pass_time(30.0)
    assert drive.of(KillChild) == []
    assert round(drive.status().seconds) == 60  # trading began 30 s before, and went on meanwhile


def test_an_adopted_child_that_does_not_come_forward_is_killed() -> None:
    before = Drive().trading()
    before.says(CARRY, Ready(CARRY))
    before.operator(HaltRequest("h", "x"))
    drive, _ = back(last_registry(before), {EXCHANGE, SPOT, PERP, CARRY})
    drive.ready(EXCHANGE, SPOT, PERP)
    drive.pass_time(ADOPTION_DEADLINE_NS / SECOND)
    assert drive.of(KillChild) == [KillChild(CARRY)]


def test_a_strategy_that_died_while_nobody_watched_is_fenced_and_restarted() -> None:
    before = Drive().trading()
    before.operator(HaltRequest("h", "x"))
    drive, asked = back(last_registry(before), {EXCHANGE, SPOT, PERP})
    (start,) = drive.of(StartChild, asked)  # type: ignore[arg-type]
    assert epoch_of(start) == 2
    assert [name for name, _ in drive.commands(FenceStrategy, asked)] == [SPOT, PERP]  # type: ignore[arg-type]
    assert drive.core.floor.children[CARRY].restarts == 1


def test_an_exchange_that_died_while_nobody_watched_ends_the_cluster() -> None:
    before = Drive().trading()
    before.operator(HaltRequest("h", "x"))
    drive, _ = back(last_registry(before), {SPOT, PERP, CARRY})
    assert drive.core.floor.run.is_failed
    assert drive.core.phase == "draining"


def test_a_strategy_that_waited_for_its_restart_gets_yet_another_epoch() -> None:
    before = Drive().trading()
    before.ends(CARRY)
    before.ends(CARRY)  # epoch 3 is issued, and no process has it yet
    drive, asked = back(last_registry(before), {EXCHANGE, SPOT, PERP})
    (start,) = drive.of(StartChild, asked)  # type: ignore[arg-type]
    assert epoch_of(start) == 4
    assert drive.core.floor.children[CARRY].restarts == 2


def test_a_quarantine_outlives_the_supervisor() -> None:
    before = Drive().trading()
    for _ in range(4):
        before.ends(CARRY)
        before.pass_time(1.5)
    drive, asked = back(last_registry(before), {EXCHANGE, SPOT, PERP})
    assert drive.started(asked) == []  # type: ignore[arg-type]
    assert drive.core.floor.children[CARRY].state is ProcessState.QUARANTINED
    fences = drive.commands(FenceStrategy, drive.ready(SPOT))
    assert [(name, fence.is_final) for name, fence in fences] == [(SPOT, True)]


def test_a_finished_strategy_is_not_started_again_by_the_next_supervisor() -> None:
    before = Drive(desk(CARRY, OTHER)).trading()
    before.ends(CARRY, 0)
    drive, asked = back(last_registry(before), {EXCHANGE, SPOT, PERP, OTHER}, plan=desk(CARRY, OTHER))
    assert drive.started(asked) == []  # type: ignore[arg-type]


def test_a_shutdown_that_was_begun_is_begun_again() -> None:
    record = ChildRecord(pid=104, is_ready=True)
    registry = Registry(children={CARRY: record}, run=RunRecord(trading_since_ns=0, is_stopping=True))
    drive, _ = back(registry, {CARRY})
    assert drive.core.phase == "draining"
    assert drive.started() == []


def test_exhausted_sources_are_remembered() -> None:
    before = Drive().trading()
    before.says(EXCHANGE, SourcesExhausted(EXCHANGE))
    drive, _ = back(last_registry(before), {EXCHANGE, SPOT, PERP, CARRY})
    drive.ready(EXCHANGE, SPOT, PERP, CARRY)
    drive.drained = {CARRY}
    drive.pass_time(0.1)
    assert drive.core.phase == "draining"


def test_a_child_that_was_starting_is_adopted_as_starting() -> None:
    before = Drive()
    before.begin()
    drive, _ = back(last_registry(before), {EXCHANGE})
    assert drive.core.floor.children[EXCHANGE].state is ProcessState.STARTING
    assert drive.started(drive.ready(EXCHANGE)) == [SPOT, PERP]


def test_a_registered_child_that_the_config_does_not_name_any_more_is_not_adopted() -> None:
    before = Drive(desk(CARRY, OTHER)).trading()
    before.operator(HaltRequest("h", "x"))
    drive, _ = back(last_registry(before), {EXCHANGE, SPOT, PERP, CARRY})
    assert OTHER not in drive.core.floor.children


def interrupted() -> Registry:
    """What is on the disk while a cluster trades."""
    before = Drive().trading()
    before.says(CARRY, Ready(CARRY))
    before.ends(CARRY)
    return last_registry(before)


def test_a_new_run_begins_when_no_child_of_the_last_one_lives() -> None:
    drive, asked = back(interrupted(), set())
    assert drive.core.phase == "starting"
    assert not drive.core.floor.run.is_halted
    assert drive.core.floor.run.trading_since_ns is None
    assert drive.started(asked) == [EXCHANGE]  # type: ignore[arg-type]


def test_the_loss_of_a_whole_run_is_told_and_makes_the_next_one_fail() -> None:
    drive = Drive(registry=interrupted(), first_pid=201)
    drive.tell(Begun(frozenset(), "/state/journal/run-1"))
    lost = (
        "nothing of the last run was alive: its simulated venues and their positions are gone; "
        "its journals are kept in /state/journal/run-1"
    )
    assert drive.alerts == [lost]
    drive.tell(StopSignalled())
    drive.ends(EXCHANGE, 0)
    assert drive.of(Exit) == [Exit(EXIT_FAILED, lost)]


def test_a_run_in_which_no_process_was_left_is_not_lost() -> None:
    drive, _ = back(Registry(children={CARRY: ChildRecord(is_quarantined=True)}), set())
    assert drive.alerts == []
    assert not drive.core.floor.run.is_failed


def test_a_halt_outlives_a_run_that_was_not_ended_in_good_order() -> None:
    before = Drive().trading()
    before.operator(HaltRequest("h", "maintenance"))
    drive, _ = back(last_registry(before), set())
    assert "still halted, as the last run was (maintenance)" in drive.alerts[-1]
    drive.ready(EXCHANGE)
    asked = [*drive.ready(SPOT, PERP), *drive.ready(CARRY)]
    commands = [(item.child, type(item.command)) for item in drive.of(Dispatch, asked)]
    for name in (SPOT, PERP, CARRY):
        assert [kind for child, kind in commands if child == name and kind is not FenceStrategy] == [Halt, StartTrading]
    assert drive.commands(Halt)[0][1].reason == "maintenance"
    assert drive.core.phase == "halted"
    assert last_registry(drive).run.halt_reason == "maintenance"


def test_a_halt_outlives_every_end_of_a_run() -> None:
    forced = Drive().trading()
    forced.operator(HaltRequest("h", "maintenance"))
    forced.operator(StopRequest("s", is_forced=True))
    for name in (EXCHANGE, SPOT, PERP, CARRY):
        forced.ends(name)
    halt = {"halt_reason": "maintenance", "halts": 1, "halted_ns": 1_000 * SECOND, "halt_id": "halt-1"}
    expected = RunRecord(is_halted=True, is_latched=True, **halt)
    assert last_registry(forced) == Registry(incarnation=1, epochs={CARRY: 1}, run=expected)
    again, _ = back(last_registry(forced), set())
    assert again.core.floor.run == expected, "halted, and no loss: the operator has ended the last run"
    assert again.alerts == ["still halted, as the last run was (maintenance), until `outcry unhalt`"]
    again.tell(StopSignalled())
    again.ends(EXCHANGE, 0)
    assert last_registry(again).run == expected, "an end in good order is no unhalt"


def test_the_halt_of_a_lost_exchange_ends_with_its_run() -> None:
    drive = Drive().trading()
    drive.ends(EXCHANGE, -9)
    assert drive.core.floor.run.is_halted
    assert not drive.core.floor.run.is_latched
    assert drive.of(SetLatch) == []


def test_the_supervisor_counts_its_own_restarts_within_a_run() -> None:
    before = Drive().trading()
    before.says(CARRY, Heartbeat(CARRY, 0, 0, is_drained=False))
    before.operator(HaltRequest("h", "x"))
    assert before.status().processes[0].restarts == 0
    second, _ = back(last_registry(before), {EXCHANGE, SPOT, PERP, CARRY})
    third, _ = back(last_registry(second), {EXCHANGE, SPOT, PERP, CARRY})
    assert [drive.status().processes[0].restarts for drive in (second, third)] == [1, 2]


def test_actions_of_an_occurrence_that_failed_half_way_are_done_with_the_next_one() -> None:
    drive = Drive().trading()
    with pytest.raises(KeyError):
        drive.core.handle(ProcessEnded("nobody", 1, 0), drive.now_ns, 0.0)
    drive.core.floor.actions.append(KillChild(CARRY))
    assert KillChild(CARRY) in drive.says(SPOT, Heartbeat(SPOT, 1, 0, False))


def test_the_alarm_is_never_later_than_the_next_thing_to_do() -> None:
    drive = Drive().trading()
    drive.pass_time(0.5)
    assert drive.alarm_ns - drive.now_ns <= 1_000 * MS
    drive.operator(HaltRequest("h", "x"))
    assert drive.alarm_ns == drive.now_ns + RESEND_NS


def test_the_answer_to_an_unknown_command_is_passed_over() -> None:
    drive = Drive().trading()
    asked = drive.says(SPOT, CommandDone("never-asked", SPOT, False, "?"))
    assert drive.of(Log, asked) == []
