"""Pause, resume, stop, start, restart and remove a strategy of a running cluster."""

import pytest

from messages.health import Lifecycle, ProcessState
from messages.operator import (
    AddStrategyRequest,
    CommandAccepted,
    CommandFinished,
    CommandRefused,
    ConfirmationNeeded,
    HaltRequest,
    SetPriorityRequest,
    StopRequest,
    StrategyAction,
    StrategyActionRequest,
)
from messages.risk import SetTradingState, TradingState
from messages.to_child import Drain, FenceStrategy, Halt, Pause, Resume, StartTrading, StopProcess
from supervisor.actions import KillChild, SaveRegistry, StartChild
from supervisor.floor import PAUSE_DEADLINE_NS
from supervisor.pending_commands import RESEND_NS, Dispatch
from supervisor.registry import Standing
from tests.supervisor.core_driver import CARRY, EXCHANGE, OTHER, PERP, SECOND, SPOT, desk
from tests.supervisor.operations.desk_driver import DeskDrive, back

PAUSE, RESUME, STOP, START = (StrategyAction(word) for word in ("pause", "resume", "stop", "start"))
RESTART, REMOVE = StrategyAction.RESTART, StrategyAction.REMOVE
ALL = {EXCHANGE, SPOT, PERP, CARRY}


def trading(*strategies: str) -> DeskDrive:
    drive = DeskDrive(desk(*strategies))
    drive.trading()
    return drive


def stopped(drive: DeskDrive, id: str = "stop") -> DeskDrive:
    drive.act(STOP, id=id)
    drive.answer(Drain)
    drive.ends(CARRY, 0)
    return drive


def quarantined(drive: DeskDrive) -> DeskDrive:
    for _ in range(4):
        drive.ends(CARRY)
        drive.pass_time(1.5)
        if drive.core.floor.children[CARRY].is_alive:
            drive.ready(CARRY)
    assert drive.core.floor.children[CARRY].state is ProcessState.QUARANTINED
    drive.actions.clear()
    return drive


# --- pause and resume --------------------------------------------------------------------------------------------


def test_a_pause_is_saved_before_the_strategy_is_told_and_done_when_it_has_settled() -> None:
    drive = trading()
    drive.holds("0.5", "-0.5")
    assert drive.act(PAUSE) == CommandAccepted("c1", "it settles the pair in hand")
    assert [name for name, _ in drive.commands(Pause)] == [CARRY]
    assert drive.saved().standing[CARRY].is_paused
    drive.answer(Pause)
    text = "carry is paused; it holds 0.5 BTCUSDT.spot, -0.5 BTCUSDT.perp"
    assert drive.outcome(PAUSE) == CommandFinished("c1", is_ok=True, text=text)


def test_a_pause_outlives_the_strategy_and_is_told_before_it_may_trade() -> None:
    drive = trading()
    drive.act(PAUSE)
    drive.answer(Pause)
    drive.ends(CARRY)
    told = [type(item.command) for item in drive.of(Dispatch, drive.ready(CARRY)) if item.child == CARRY]
    assert told == [Pause, StartTrading]


def test_a_pause_outlives_the_supervisor() -> None:
    before = trading()
    before.act(PAUSE)
    before.answer(Pause)
    drive = back(before, ALL)
    drive.ready(EXCHANGE, SPOT, PERP, CARRY)
    assert [name for name, _ in drive.commands(Pause)] == [CARRY]


def test_a_pause_that_the_supervisor_did_not_see_the_end_of_is_ended_by_the_next_one() -> None:
    before = trading()
    before.act(PAUSE)
    drive = back(before, ALL)
    assert drive.is_under_way(PAUSE)
    drive.ready(EXCHANGE, SPOT, PERP, CARRY)
    drive.answer(Pause)
    assert drive.outcome(PAUSE).is_ok


def test_a_pause_that_does_not_end_is_told_as_such() -> None:
    drive = trading()
    drive.act(PAUSE)
    drive.pass_time(PAUSE_DEADLINE_NS / SECOND)
    outcome = drive.outcome(PAUSE)
    assert not outcome.is_ok
    assert "has not settled within 60 s" in outcome.text


def test_a_pause_of_a_strategy_that_is_down_holds_from_its_next_start() -> None:
    drive = trading()
    drive.ends(CARRY)
    reply = drive.act(PAUSE)
    assert reply == CommandFinished("c1", is_ok=True, text="carry is starting; it will be paused as soon as it is up")
    drive.ready(CARRY)
    assert [name for name, _ in drive.commands(Pause)] == [CARRY]


def test_a_pause_that_is_refused_is_told() -> None:
    drive = trading()
    drive.act(PAUSE)
    drive.answer(Pause, is_ok=False, text="no")
    assert drive.outcome(PAUSE) == CommandFinished("c1", is_ok=False, text="carry did not pause: no")


def test_a_strategy_is_resumed_at_every_gateway_and_by_itself() -> None:
    drive = trading()
    drive.act(PAUSE)
    drive.answer(Pause)
    assert drive.act(RESUME, id="r") == CommandAccepted("r", "gateways and strategy are told")
    states = [(name, command.strategy, command.state) for name, command in drive.commands(SetTradingState)]
    assert states == [(SPOT, CARRY, TradingState.ACTIVE), (PERP, CARRY, TradingState.ACTIVE)]
    assert [name for name, _ in drive.commands(Resume)] == [CARRY]
    assert CARRY not in drive.saved().standing
    drive.answer(SetTradingState)
    assert drive.is_under_way(RESUME, id="r")
    drive.answer(Resume)
    assert drive.outcome(RESUME, id="r") == CommandFinished("r", is_ok=True, text="carry trades on")


def test_a_resume_takes_the_place_of_a_pause_that_was_not_done_and_nothing_pauses_it_again() -> None:
    drive = trading()
    drive.act(PAUSE)
    drive.act(RESUME, id="r")
    assert drive.outcome(PAUSE) == CommandFinished("c1", is_ok=False, text="overtaken by resume")
    assert drive.commands(Pause, drive.pass_time(3 * RESEND_NS / SECOND)) == []


def test_a_gateway_that_comes_back_is_told_of_a_resume_that_it_missed() -> None:
    drive = trading()
    drive.act(RESUME)
    drive.ends(SPOT)
    asked = drive.ready(SPOT)
    told = drive.commands(SetTradingState, asked)
    assert [name for name, item in told if item.strategy == CARRY] == [SPOT]


def test_a_resume_that_a_gateway_does_not_hear_fails_by_its_name() -> None:
    drive = trading()
    drive.act(RESUME)
    drive.answer(Resume)
    drive.pass_time(10.0)
    text = "carry: no answer from perp, spot; resume it again once they are up"
    assert drive.outcome(RESUME) == CommandFinished("c1", is_ok=False, text=text)


def test_a_resume_that_a_gateway_refuses_fails() -> None:
    drive = trading()
    drive.act(RESUME)
    drive.answer(SetTradingState, is_ok=False, text="no journal")
    assert drive.outcome(RESUME).text == "carry was not resumed: spot: no journal"


def test_a_strategy_that_dies_while_it_is_resumed_trades_on_when_it_is_up() -> None:
    drive = trading()
    drive.act(RESUME)
    drive.answer(SetTradingState)
    drive.ends(CARRY)
    drive.ready(CARRY)
    assert drive.outcome(RESUME).text == "carry trades on as soon as it is up (it is backoff)" or drive.outcome(
        RESUME
    ).text.startswith("carry trades on as soon as it is up")


def test_no_strategy_is_resumed_while_the_cluster_is_halted() -> None:
    drive = trading()
    drive.operator(HaltRequest("h", "storm"))
    text = "carry cannot trade on: the cluster is halted (storm); `outcry unhalt` comes first"
    assert drive.act(RESUME) == CommandRefused("c1", text)


@pytest.mark.parametrize("action", [PAUSE, RESUME])
def test_what_does_not_run_is_neither_paused_nor_resumed(action: StrategyAction) -> None:
    drive = stopped(trading())
    assert drive.act(action) == CommandRefused("c1", "carry is stopped; `outcry start carry` starts it again")


# --- stop and start ----------------------------------------------------------------------------------------------


def test_a_stop_says_beforehand_what_becomes_of_orders_and_positions() -> None:
    drive = trading()
    drive.holds("0.5", "-0.5")
    drive.works(open_orders=2)
    asked = drive.operator(StrategyActionRequest("c1", CARRY, STOP))
    assert isinstance(asked, ConfirmationNeeded)
    assert asked.text == (
        "carry stops: its 2 open orders are cancelled, the pair in hand is settled as far as it can be, and its "
        "positions stay at the venues, where nobody manages them: 0.5 BTCUSDT.spot, -0.5 BTCUSDT.perp. "
        "`outcry start carry` takes them up."
    )
    assert drive.of(Dispatch) == [], "and nothing has been done"
    assert isinstance(drive.operator(StrategyActionRequest("c1", CARRY, STOP, "wrong")), ConfirmationNeeded)
    assert isinstance(drive.operator(StrategyActionRequest("c1", CARRY, STOP, asked.token)), CommandAccepted)


def test_a_strategy_is_stopped_by_name_drained_first_and_not_started_again() -> None:
    drive = trading(CARRY, OTHER)
    drive.holds("0.5", "-0.5")
    drive.act(STOP)
    assert [name for name, _ in drive.commands(Drain)] == [CARRY]
    assert drive.commands(StopProcess) == []
    drive.answer(Drain)
    assert [name for name, _ in drive.commands(StopProcess)] == [CARRY]
    asked = drive.ends(CARRY, 0)
    assert [fence.is_final for _, fence in drive.commands(FenceStrategy, asked)] == [True, True]
    text = "carry is stopped; at the venues it leaves 0.5 BTCUSDT.spot, -0.5 BTCUSDT.perp"
    assert drive.outcome(STOP) == CommandFinished("c1", is_ok=True, text=text)
    assert drive.started(drive.pass_time(60.0)) == []
    assert drive.status().strategies[0].lifecycle is Lifecycle.STOPPED
    assert drive.core.phase == "trading"
    assert drive.core.floor.children[OTHER].state is ProcessState.RUNNING


def test_every_id_that_asks_for_the_same_stop_is_answered() -> None:
    drive = trading()
    drive.act(STOP, id="a")
    drive.act(STOP, id="b")
    assert len(drive.commands(Drain)) == 1
    drive.answer(Drain)
    drive.ends(CARRY, 0)
    assert [drive.outcome(STOP, id=id).is_ok for id in ("a", "b")] == [True, True]


def test_a_strategy_that_does_not_settle_is_stopped_as_it_is_and_killed_in_the_end() -> None:
    drive = trading()
    drive.act(STOP)
    asked = drive.pass_time(3.25)
    assert [name for name, _ in drive.commands(StopProcess, asked)] == [CARRY]
    assert "carry did not settle in time and is stopped as it is" in drive.alerts
    assert drive.of(KillChild, drive.pass_time(3.25)) == [KillChild(CARRY)]
    drive.ends(CARRY, -9)
    assert drive.outcome(STOP).is_ok


def test_a_killed_process_that_stays_is_told_of() -> None:
    drive = trading()
    drive.act(STOP)
    drive.pass_time(9.0)
    assert drive.outcome(STOP).text == "carry (pid 104) was killed and is still there; look at the machine"


def test_a_drain_that_the_strategy_refuses_is_an_alert_and_the_stop_goes_on() -> None:
    drive = trading()
    drive.act(STOP)
    drive.answer(Drain, is_ok=False, text="a residual stays")
    assert drive.alerts[-1] == "carry did not settle: a residual stays"
    assert [name for name, _ in drive.commands(StopProcess)] == [CARRY]


def test_a_strategy_that_waits_for_its_restart_is_stopped_at_once() -> None:
    drive = trading()
    drive.ends(CARRY)
    drive.ends(CARRY)
    drive.holds("0.5")
    assert drive.act(STOP).text == "carry is stopped; at the venues it leaves 0.5 BTCUSDT.spot"
    assert drive.started(drive.pass_time(60.0)) == []
    assert drive.status().strategies[0].lifecycle is Lifecycle.STOPPED, "as the operator wanted it"


def test_a_strategy_that_is_still_starting_is_stopped_without_a_drain() -> None:
    drive = trading()
    drive.ends(CARRY)
    drive.act(STOP)
    assert drive.commands(Drain) == []
    assert [name for name, _ in drive.commands(StopProcess)] == [CARRY]


def test_a_stop_is_ended_by_the_next_supervisor() -> None:
    before = trading()
    before.act(STOP)
    drive = back(before, ALL)
    assert drive.is_under_way(STOP)
    drive.ready(EXCHANGE, SPOT, PERP, CARRY)
    drive.answer(Drain)
    drive.ends(CARRY, 0)
    assert drive.outcome(STOP).is_ok


def test_a_strategy_that_ended_while_it_was_stopped_and_nobody_watched_is_not_started_again() -> None:
    before = trading()
    before.act(STOP)
    drive = back(before, {EXCHANGE, SPOT, PERP})
    assert drive.started() == []
    assert drive.outcome(STOP).is_ok


def test_a_stopped_strategy_stays_stopped_under_the_next_supervisor_and_in_a_run_that_follows_a_loss() -> None:
    before = stopped(trading())
    drive = back(before, {EXCHANGE, SPOT, PERP})
    assert drive.started() == []
    assert drive.status().strategies[0].lifecycle is Lifecycle.STOPPED
    anew = back(before, set())
    assert "still changed, as the operator had asked in the run that was lost: carry: stopped" in anew.alerts
    anew.ready(EXCHANGE, SPOT, PERP)
    assert anew.started() == [EXCHANGE, SPOT, PERP]


def test_a_stop_in_good_order_ends_what_the_operator_had_changed() -> None:
    drive = stopped(trading())
    drive.operator(StopRequest("s"))
    drive.pass_time(3.0)
    for name in (SPOT, PERP, EXCHANGE):
        drive.ends(name, 0)
    assert drive.saved().standing == {}


def test_what_is_stopped_already_needs_no_question() -> None:
    drive = stopped(trading())
    assert drive.act(STOP) == CommandFinished("c1", is_ok=True, text="carry is stopped already")


def test_a_stopped_strategy_is_started_in_a_new_epoch() -> None:
    drive = stopped(trading())
    epoch = drive.epoch()
    assert isinstance(drive.act(START), CommandAccepted)
    assert drive.started() == [CARRY]
    assert drive.epoch() == epoch + 1
    assert not drive.commands(FenceStrategy)[-1][1].is_final
    drive.ready(CARRY)
    assert drive.outcome(START) == CommandFinished(
        "c1", is_ok=True, text="carry runs (pid 105, epoch 3); it holds nothing"
    )
    assert drive.act(START, id="again").text == "carry runs already"


def test_a_strategy_in_quarantine_is_started_again_with_its_failures_forgiven() -> None:
    drive = quarantined(trading())
    drive.act(START)
    drive.ready(CARRY)
    assert drive.outcome(START).is_ok
    assert drive.core.floor.children[CARRY].restarted_ns == []


def test_a_start_that_ends_in_quarantine_has_failed() -> None:
    drive = quarantined(trading())
    drive.act(START)
    for _ in range(4):
        drive.ends(CARRY)
        drive.pass_time(2.0)
    assert "carry does not stay up (3 restarts within 60 s are too many)" in drive.outcome(START).text


def test_a_start_that_takes_for_ever_has_failed() -> None:
    drive = stopped(trading())
    drive.act(START)
    drive.core.floor.children[CARRY].due_ns = None
    drive.pass_time(120.0)
    assert drive.outcome(START).text == "carry is not ready after 120 s: it is starting"


def test_a_start_that_hangs_can_be_stopped() -> None:
    drive = stopped(trading())
    drive.act(START)
    assert isinstance(drive.act(STOP, id="s"), CommandAccepted)
    assert drive.outcome(START).text == "overtaken by stop"


# --- restart and remove ------------------------------------------------------------------------------------------


def test_a_restart_ends_the_process_in_good_order_and_starts_it_in_a_new_epoch() -> None:
    drive = trading()
    drive.act(RESTART)
    assert [name for name, _ in drive.commands(StopProcess)] == [CARRY]
    drive.answer(StopProcess)
    asked = drive.ends(CARRY, 0)
    assert drive.started(asked) == [CARRY]
    assert (drive.epoch(), drive.core.floor.children[CARRY].restarts) == (2, 0)
    assert drive.is_under_way(RESTART)
    drive.ready(CARRY)
    assert drive.outcome(RESTART).text == "carry runs (pid 105, epoch 2); it holds nothing"


def test_a_process_that_does_not_end_is_killed_and_restarted_all_the_same() -> None:
    drive = trading()
    drive.act(RESTART)
    assert drive.of(KillChild, drive.pass_time(3.25)) == [KillChild(CARRY)]
    drive.ends(CARRY, -9)
    drive.ready(CARRY)
    assert drive.outcome(RESTART).is_ok


def test_a_restart_of_what_cannot_be_killed_fails() -> None:
    drive = trading()
    drive.act(RESTART)
    drive.pass_time(6.0)
    assert "was killed and is still there" in drive.outcome(RESTART).text


def test_a_restart_of_what_does_not_run_is_a_start() -> None:
    drive = stopped(trading())
    drive.act(RESTART)
    drive.ready(CARRY)
    assert drive.outcome(RESTART).is_ok


def test_while_a_strategy_is_stopped_nothing_else_is_done_to_it() -> None:
    drive = trading()
    drive.act(STOP)
    words = "stop is under way (orders are cancelled and the pair in hand is settled); wait until it is done"
    assert drive.act(PAUSE, id="p") == CommandRefused("p", f"carry: {words}")


def test_a_removed_strategy_is_forgotten_and_its_position_is_told_as_unmanaged() -> None:
    drive = trading(CARRY, OTHER)
    drive.holds("0.5")
    drive.act(REMOVE)
    drive.answer(Drain)
    drive.ends(CARRY, 0)
    assert drive.outcome(REMOVE, OTHER).text == "carry is removed; at the venues it leaves 0.5 BTCUSDT.spot"
    status = drive.status()
    assert [strategy.id for strategy in status.strategies] == [OTHER]
    assert status.unmanaged == (
        "BTCUSDT.spot: the venue holds 0.5 that no running strategy manages (carry is not of this cluster)",
    )
    assert isinstance(drive.act(PAUSE, id="p"), CommandRefused)
    again = back(drive, {EXCHANGE, SPOT, PERP, OTHER}, desk(CARRY, OTHER))
    assert CARRY not in again.core.floor.children
    assert again.saved().epochs[CARRY] == 2, "its epochs are never issued again"


def test_a_strategy_in_quarantine_is_removed_at_once() -> None:
    drive = quarantined(trading(CARRY, OTHER))
    assert drive.act(REMOVE).text == "carry is removed; at the venues it leaves nothing"
    assert CARRY not in drive.core.floor.children


def test_when_the_cluster_stops_what_is_under_way_ends_and_nothing_new_begins() -> None:
    drive = trading()
    drive.act(PAUSE)
    drive.operator(StopRequest("s"))
    assert drive.outcome(PAUSE).text == "the cluster stops"
    refused = drive.act(PAUSE, id="p")
    assert refused == CommandRefused("p", "the cluster is draining; nothing is changed any more")


def test_a_strategy_that_waits_for_its_restart_when_the_cluster_stops_has_ended_faulted_if_it_holds_something() -> None:
    drive = trading()
    drive.holds("0.5")
    drive.works()
    drive.ends(CARRY)
    drive.ends(CARRY)
    drive.operator(StopRequest("s"))
    assert drive.status().strategies[0].lifecycle is Lifecycle.FAULTED
    flat = trading()
    flat.works()
    flat.ends(CARRY)
    flat.ends(CARRY)
    flat.operator(StopRequest("s"))
    assert flat.status().strategies[0].lifecycle is Lifecycle.STOPPED


def test_alerts_and_faults_outlive_the_supervisor() -> None:
    before = trading()
    before.core.floor.alert("look at this")
    before.pass_time(1.0)  # nothing else is saved within this second
    drive = back(before, ALL)
    assert drive.alerts[0] == "look at this"
    assert drive.status().alerts_total == 2


def test_a_halt_comes_through_while_the_cluster_stops() -> None:
    drive = trading()
    drive.operator(StopRequest("s"))
    assert isinstance(drive.operator(HaltRequest("h", "storm")), CommandAccepted)
    assert [name for name, _ in drive.commands(Halt)] == [SPOT, PERP, CARRY]


# --- what outlives a kill, a registry or a save ------------------------------------------------------------------


def unkillable(drive: DeskDrive) -> DeskDrive:
    """The strategy is stopped, killed, and still there."""
    drive.act(STOP, id="stop")
    drive.answer(Drain)
    drive.pass_time(6.0)
    assert "was killed and is still there" in drive.outcome(STOP, id="stop").text
    return drive


def test_a_stopped_process_that_outlives_its_kill_is_fenced_and_not_started_when_it_ends_at_last() -> None:
    drive = unkillable(trading())
    fences = {(name, fence.epoch, fence.is_final) for name, fence in drive.commands(FenceStrategy)}
    assert fences == {(SPOT, 2, True), (PERP, 2, True)}
    assert drive.started(drive.ends(CARRY)) == []
    assert drive.started(drive.pass_time(60.0)) == []


def test_a_stopped_process_that_outlives_its_kill_and_the_supervisor_is_not_started_either() -> None:
    drive = back(unkillable(trading()), ALL)
    drive.ready(EXCHANGE, SPOT, PERP)
    assert drive.started(drive.ends(CARRY)) == []
    assert drive.started(drive.pass_time(60.0)) == []


def test_a_start_of_what_outlived_its_kill_waits_for_its_end_and_has_an_epoch_that_is_not_final() -> None:
    drive = unkillable(trading())
    drive.act(START)
    assert drive.started(drive.ends(CARRY)) == [CARRY]
    assert drive.epoch() == 3
    assert not drive.commands(FenceStrategy)[-1][1].is_final


def test_no_two_processes_of_a_strategy_have_one_epoch_whatever_ends_the_first() -> None:
    drive = trading()
    drive.act(RESTART)
    drive.pass_time(6.0)
    assert "was killed and is still there" in drive.outcome(RESTART).text
    assert drive.started(drive.ends(CARRY)) == [CARRY]
    assert drive.epoch() == 2


def test_a_paused_strategy_is_told_so_before_its_process_has_begun() -> None:
    drive = trading()
    drive.act(PAUSE)
    drive.answer(Pause)
    (start,) = drive.of(StartChild, drive.ends(CARRY))
    assert start.spec.is_paused  # type: ignore[attr-defined]


@pytest.mark.parametrize("is_taken_over", [False, True])
def test_a_strategy_that_began_paused_and_was_resumed_meanwhile_trades_on_when_it_is_up(is_taken_over: bool) -> None:
    drive = trading()
    drive.act(PAUSE)
    drive.answer(Pause)
    drive.ends(CARRY)
    drive.act(RESUME, id="r")
    drive.answer(SetTradingState)
    assert drive.outcome(RESUME, id="r").is_ok
    if is_taken_over:
        drive = back(drive, ALL)
    assert [name for name, _ in drive.commands(Resume, drive.ready(CARRY))] == [CARRY]
    drive.answer(Resume)
    drive.pass_time(1.0)
    again = back(drive, ALL)
    assert drive.commands(Resume, again.ready(CARRY)) == [], "it may have halted by itself since"


def test_no_job_is_forgotten_on_the_disk_before_its_answer_is_kept() -> None:
    drive = trading()
    drive.act(PAUSE, id="one")
    drive.act(PAUSE, id="two")
    registries = [action.registry for action in drive.of(SaveRegistry, drive.answer(Pause))]
    for registry in registries:
        kept = {answer.command_id for answer in registry.answers}
        assert kept | {id for job in registry.jobs for id in job.command_ids} == {"one", "two"}
    assert registries[-1].jobs == ()


def test_of_a_removed_strategy_only_that_is_remembered_and_of_an_added_one_nothing() -> None:
    drive = trading()
    drive.operator(SetPriorityRequest("p", CARRY, 8))
    drive.operator(AddStrategyRequest("a", "added"))
    drive.ready("added")
    for name in (CARRY, "added"):
        drive.act(REMOVE, name, id=name)
        drive.answer(Drain)
        drive.ends(name, 0)
    assert drive.saved().standing == {CARRY: Standing(is_removed=True)}


def test_no_command_of_a_supervisor_has_the_id_of_one_of_another_with_the_same_registry() -> None:
    """As after a save that failed: both begin from the same count."""
    ids = []
    for token in ("1f", "2e"):
        drive = DeskDrive(token=token)
        drive.trading()
        drive.act(PAUSE)
        drive.operator(HaltRequest("h", "storm"))
        ids.append({item.command.command_id for item in drive.of(Dispatch)})
    assert ids[0] & ids[1] == set()
    assert {"pause-1-1f-3", "halt-1-1f"} <= ids[0]


def test_a_halt_has_one_id_whoever_tells_of_it() -> None:
    before = DeskDrive(token="1f")
    before.trading()
    before.operator(HaltRequest("h", "storm"))
    drive = DeskDrive(registry=before.saved(), now_ns=before.now_ns, token="2e")
    drive.begin(ALL)
    drive.ready(EXCHANGE, SPOT, PERP, CARRY)
    assert {halt.command_id for _, halt in drive.commands(Halt)} == {"halt-1-1f"}
