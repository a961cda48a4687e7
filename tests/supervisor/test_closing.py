"""The supervisor's decisions while a cluster ends."""

from decimal import Decimal

import msgspec

from messages.from_child import GatewayUpdate, Ready, StrategyFault, StrategyReported, StrategyUpdate, VenuesReported
from messages.health import Lifecycle
from messages.operator import CommandAccepted, HaltRequest, StopRequest
from messages.to_child import Drain, FenceStrategy, ReportRequest, StopProcess
from supervisor.actions import EXIT_CLEAN, EXIT_FAILED, EXIT_TROUBLED, Exit, KillChild, SaveRegistry, WriteReport
from supervisor.closing import RunOptions
from supervisor.occurrences import Measured, StopSignalled, Usage
from supervisor.pending_commands import Dispatch
from supervisor.registry import ChildRecord, Registry, RunRecord
from supervisor.report import RunResult
from tests.supervisor.core_driver import CARRY, EXCHANGE, OTHER, PERP, SPOT, Drive, desk
from tests.supervisor.samples import SPOT as SPOT_STATUS
from tests.supervisor.samples import SPOT_REPORT, STRATEGY, STRATEGY_REPORT

REPORTING = RunOptions(writes_report=True)


def drain(drive: Drive) -> None:
    for name, command in drive.commands(Drain):
        drive.done(Dispatch(name, command))


def report(drive: Drive) -> None:
    """Everybody answers the request for reports, as the children do: the report, then that it is done."""
    for name, request in drive.commands(ReportRequest):
        if name == EXCHANGE:
            drive.says(name, VenuesReported(request.command_id, name, {SPOT: SPOT_REPORT}))
        else:
            drive.says(name, StrategyReported(request.command_id, name, STRATEGY_REPORT))
        drive.done(Dispatch(name, request))


def stop_all(drive: Drive) -> None:
    drain(drive)
    report(drive)
    for name in [*list(drive.core.floor.children)[3:], SPOT, PERP, EXCHANGE]:
        if drive.core.floor.children[name].is_alive:
            drive.ends(name, 0)


def result(drive: Drive) -> RunResult:
    (written,) = drive.of(WriteReport)
    return written.result


def test_a_stop_drains_reports_and_stops_level_by_level() -> None:
    drive = Drive(options=REPORTING).trading()
    reply = drive.operator(StopRequest("s"))
    assert isinstance(reply, CommandAccepted)
    assert [name for name, _ in drive.commands(Drain)] == [CARRY]
    drain(drive)
    assert [name for name, _ in drive.commands(ReportRequest)] == [CARRY, EXCHANGE]
    report(drive)
    assert [name for name, _ in drive.commands(StopProcess)] == [CARRY]
    assert drive.core.phase == "stopping"
    drive.ends(CARRY, 0)
    assert [name for name, _ in drive.commands(StopProcess)[1:]] == [PERP, SPOT]
    drive.ends(SPOT, 0)
    drive.ends(PERP, 0)
    assert drive.commands(StopProcess)[-1][0] == EXCHANGE
    assert drive.of(Exit) == []
    drive.ends(EXCHANGE, 0)
    assert [action.code for action in drive.of(Exit)] == [EXIT_CLEAN]
    assert drive.core.phase == "stopped"
    assert drive.started() == []
    assert drive.alerts == []


def test_the_report_holds_the_last_word_of_everybody() -> None:
    drive = Drive(options=REPORTING).trading()
    drive.says(SPOT, GatewayUpdate(SPOT, SPOT_STATUS))
    drive.tell(Measured({CARRY: Usage(99.0, 7.5, 40.0)}))
    drive.pass_time(3.0)
    drive.operator(StopRequest("s"))
    drive.pass_time(1.0)
    stop_all(drive)
    final = result(drive)
    assert final.cluster == "desk"
    assert final.seconds == 3.0  # of trading; the shutdown is not counted
    assert final.stopped == "clean"
    assert final.gateway_reports == {SPOT: SPOT_REPORT}
    assert final.gateway_statuses[SPOT].orders == SPOT_STATUS.orders
    assert final.strategy_reports[CARRY].cycles == STRATEGY_REPORT.cycles
    assert final.strategy_reports[CARRY].status.lifecycle is Lifecycle.STOPPED
    carry = final.processes[-1]
    assert (carry.name, carry.pid, carry.cpu_percent, carry.rss_mb) == (CARRY, 104, 7.5, 40.0)


def quarantined(drive: Drive) -> None:
    """CARRY fails at once, again and again; what it holds is known to the gateway."""
    held = {"BTCUSDT.spot": Decimal("0.16000")}
    drive.says(SPOT, GatewayUpdate(SPOT, msgspec.structs.replace(SPOT_STATUS, holdings={CARRY: held})))
    for _ in range(4):
        drive.says(CARRY, StrategyFault(CARRY, CARRY, "IDLE", "Quote", "ValueError: no", 5))
        drive.ends(CARRY, 1)
        drive.pass_time(5.0)
        if drive.core.floor.children[CARRY].is_alive:
            drive.ready(CARRY)


def test_a_stop_after_a_quarantine_is_in_good_order_and_no_success() -> None:
    drive = Drive(options=REPORTING).trading()
    quarantined(drive)
    drive.operator(StopRequest("s"))
    stop_all(drive)
    cause = "carry ended QUARANTINED, its position stands: 0.16000 BTCUSDT.spot"
    assert drive.of(Exit) == [Exit(EXIT_TROUBLED, cause)]
    final = result(drive)
    assert final.stopped == "clean"
    unmanaged = "BTCUSDT.spot: the venue holds 0.16000 that no running strategy manages"
    assert [text.partition(" (")[0] for text in final.unmanaged] == [unmanaged]
    assert final.alerts[-1] == final.unmanaged[0]
    assert [fault.cause for fault in final.faults] == ["Quote"] * 4


def test_a_forced_end_tells_of_a_quarantine_too() -> None:
    drive = Drive().trading()
    quarantined(drive)
    drive.operator(StopRequest("f", is_forced=True))
    for name in (EXCHANGE, SPOT, PERP):
        drive.ends(name)
    (ended,) = drive.of(Exit)
    assert ended.code == EXIT_FAILED
    assert ended.cause.startswith("everything is killed, as the operator asked; carry ended QUARANTINED")


def test_a_strategy_that_faults_while_the_cluster_stops_has_ended_faulted() -> None:
    drive = Drive().trading()
    drive.operator(StopRequest("s"))
    drive.says(CARRY, StrategyUpdate(CARRY, msgspec.structs.replace(STRATEGY, lifecycle=Lifecycle.FAULTED)))
    drive.ends(CARRY, 1)
    stop_all(drive)
    assert drive.of(Exit) == [Exit(EXIT_TROUBLED, "carry ended FAULTED, flat")]


def test_no_report_is_written_unless_one_was_asked_for() -> None:
    drive = Drive().trading()
    drive.operator(StopRequest("s"))
    stop_all(drive)
    assert drive.of(WriteReport) == []


def test_a_clean_end_leaves_nothing_but_the_epochs() -> None:
    drive = Drive().trading()
    drive.operator(StopRequest("s"))
    stop_all(drive)
    assert drive.of(SaveRegistry)[-1].registry == Registry(incarnation=1, epochs={CARRY: 1})


def test_a_strategy_that_does_not_drain_is_not_waited_for_and_is_stopped() -> None:
    drive = Drive().trading()
    drive.operator(StopRequest("s"))
    drive.pass_time(3.25)
    assert "no answer in time to drain: carry" in drive.alerts
    assert [name for name, _ in drive.commands(ReportRequest)][:2] == [CARRY, EXCHANGE]


def test_a_process_that_does_not_stop_is_killed_and_the_run_counts_as_forced() -> None:
    drive = Drive(options=REPORTING).trading()
    drive.operator(StopRequest("s"))
    drain(drive)
    report(drive)
    drive.pass_time(3.25)
    assert drive.of(KillChild) == [KillChild(CARRY)]
    asked = drive.ends(CARRY, -9)
    fences = drive.commands(FenceStrategy, asked)
    assert [(name, fence.epoch, fence.is_final) for name, fence in fences] == [(SPOT, 2, True), (PERP, 2, True)]
    for name in (SPOT, PERP, EXCHANGE):
        drive.ends(name, 0)
    assert [action.code for action in drive.of(Exit)] == [EXIT_FAILED]
    assert result(drive).stopped == "forced"


def test_a_killed_process_that_does_not_disappear_is_given_up() -> None:
    drive = Drive().trading()
    drive.operator(StopRequest("s"))
    drain(drive)
    report(drive)
    drive.pass_time(3.25 + 2.0)
    assert "killed and still there: carry" in drive.alerts
    assert [name for name, _ in drive.commands(StopProcess)][-2:] == [PERP, SPOT]


def test_a_strategy_that_crashes_while_it_drains_is_fenced_and_not_restarted() -> None:
    drive = Drive().trading()
    drive.operator(StopRequest("s"))
    asked = drive.ends(CARRY, -11)
    assert [(name, fence.is_final) for name, fence in drive.commands(FenceStrategy, asked)] == [
        (SPOT, True),
        (PERP, True),
    ]
    assert drive.alerts == ["carry (pid 104) was killed by signal 11 while the cluster stopped"]
    assert [name for name, _ in drive.commands(ReportRequest, asked)] == [EXCHANGE]


def test_an_exchange_that_dies_while_the_cluster_stops_makes_the_run_a_failure() -> None:
    drive = Drive().trading()
    drive.operator(StopRequest("s"))
    drive.ends(EXCHANGE, -9)
    stop_all(drive)
    assert [action.code for action in drive.of(Exit)] == [EXIT_FAILED]


def test_a_strategy_adopted_by_this_supervisor_stops_clean_though_its_exit_code_is_not_known() -> None:
    record = ChildRecord(pid=104, is_ready=True)
    registry = Registry(children={CARRY: record}, run=RunRecord(trading_since_ns=0, is_stopping=True))
    drive = Drive(registry=registry)
    drive.begin({CARRY})
    drive.register(CARRY)
    drain(drive)
    report(drive)
    asked = drive.ends(CARRY, None)
    assert drive.commands(FenceStrategy, asked) == []
    assert [action.code for action in drive.of(Exit)] == [EXIT_CLEAN]


def test_a_report_that_was_promised_and_not_sent_does_not_hold_the_shutdown_up() -> None:
    drive = Drive().trading()
    drive.operator(StopRequest("s"))
    drain(drive)
    for name, request in drive.commands(ReportRequest):
        drive.done(Dispatch(name, request))
    assert [name for name, _ in drive.commands(StopProcess)] == [CARRY]


def test_a_drain_that_is_refused_counts_as_an_answer() -> None:
    drive = Drive().trading()
    drive.operator(StopRequest("s"))
    ((name, command),) = drive.commands(Drain)
    drive.done(Dispatch(name, command), is_ok=False, text="faulted")
    assert drive.alerts[-1].startswith("carry did not do drain-")
    assert [child for child, _ in drive.commands(ReportRequest)] == [CARRY, EXCHANGE]


def test_a_stop_while_starting_ends_what_was_started() -> None:
    drive = Drive()
    drive.begin()
    drive.ready(EXCHANGE)
    drive.register(SPOT)
    drive.operator(StopRequest("s"))
    assert [name for name, _ in drive.commands(Drain)] == []
    report(drive)
    assert [name for name, _ in drive.commands(StopProcess)] == [PERP, SPOT]
    drive.says(SPOT, Ready(SPOT))  # too late to be greeted
    assert [dispatch for dispatch in drive.of(Dispatch) if dispatch.child == SPOT] == [
        Dispatch(SPOT, drive.commands(StopProcess)[-1][1])
    ]
    for name in (SPOT, PERP, EXCHANGE):
        drive.ends(name, 0)
    assert [action.code for action in drive.of(Exit)] == [EXIT_CLEAN]


def test_a_stop_before_anything_lives_ends_at_once() -> None:
    drive = Drive(desk(CARRY))
    drive.begin()
    drive.ends(EXCHANGE, 1)
    assert [action.code for action in drive.of(Exit)] == [EXIT_FAILED]


def test_a_second_stop_changes_nothing() -> None:
    drive = Drive().trading()
    drive.operator(StopRequest("s"))
    reply = drive.operator(StopRequest("t"))
    assert reply.text == "stopping already: draining"
    assert len(drive.commands(Drain)) == 1


def test_sigterm_to_the_supervisor_stops_the_cluster_in_good_order() -> None:
    drive = Drive().trading()
    drive.tell(StopSignalled())
    drive.tell(StopSignalled())
    assert len(drive.commands(Drain)) == 1


def test_a_halt_is_heard_while_the_cluster_drains() -> None:
    drive = Drive().trading()
    drive.operator(StopRequest("s"))
    drive.operator(HaltRequest("h", "now"))
    assert drive.status().is_halted


def test_a_forced_stop_kills_everything_at_once_and_reports_what_is_known() -> None:
    drive = Drive(desk(CARRY, OTHER), options=REPORTING).trading()
    drive.says(CARRY, StrategyUpdate(CARRY, STRATEGY))
    drive.operator(StopRequest("s", is_forced=True))
    assert {action.name for action in drive.of(KillChild)} == {EXCHANGE, SPOT, PERP, CARRY, OTHER}
    for name in (EXCHANGE, SPOT, PERP, CARRY, OTHER):
        assert drive.of(Exit) == []
        drive.ends(name, -9)
    assert [action.code for action in drive.of(Exit)] == [EXIT_FAILED]
    final = result(drive)
    assert final.stopped == "forced"
    assert final.strategy_reports == {}
    assert final.strategy_statuses[CARRY].positions == STRATEGY.positions
    assert final.strategy_statuses[OTHER].pnl.realised == Decimal(0)
    assert drive.commands(FenceStrategy) == []


def test_a_forced_stop_breaks_an_orderly_one_off() -> None:
    drive = Drive().trading()
    drive.operator(StopRequest("s"))
    drive.operator(StopRequest("t", is_forced=True))
    assert drive.core.phase == "stopping"
    for name in (CARRY, SPOT, PERP, EXCHANGE):
        drive.ends(name, -9)
    assert [action.code for action in drive.of(Exit)] == [EXIT_FAILED]
    assert len(drive.commands(Drain)) == 1
    drive.operator(StopRequest("u", is_forced=True))
    drive.pass_time(5.0)
    assert [action.code for action in drive.of(Exit)] == [EXIT_FAILED]


def test_a_forced_stop_does_not_wait_for_ever_for_what_cannot_be_killed() -> None:
    drive = Drive().trading()
    drive.operator(StopRequest("s", is_forced=True))
    for name in (SPOT, PERP, EXCHANGE):
        drive.ends(name, -9)
    drive.pass_time(2.0)
    assert [action.code for action in drive.of(Exit)] == [EXIT_FAILED]
    assert drive.alerts[-1] == "killed and still there: carry"
    assert drive.of(SaveRegistry)[-1].registry.children[CARRY].pid == 104  # it is not forgotten


def test_unanswered_commands_are_no_alerts_once_the_cluster_stops() -> None:
    drive = Drive().trading()
    drive.operator(HaltRequest("h", "x"))
    drive.pass_time(29.0)
    drive.operator(StopRequest("s"))
    drive.pass_time(1.5)
    assert not any("did not answer" in alert for alert in drive.alerts)


def test_a_forced_end_names_the_operator_as_its_cause_and_not_the_last_process_that_was_killed() -> None:
    drive = Drive().trading()
    drive.operator(StopRequest("s"))
    drive.operator(StopRequest("f", is_forced=True))
    for name in (EXCHANGE, SPOT, PERP, CARRY):
        drive.ends(name)
    assert drive.of(Exit) == [Exit(EXIT_FAILED, "everything is killed, as the operator asked")]
