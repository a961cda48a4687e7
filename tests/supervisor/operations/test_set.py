"""Parameters of a running strategy are changed, proved, and put back where they do not prove themselves."""

from collections.abc import Collection, Mapping
from typing import Any

import msgspec

from actors.runtime.spec import HostSpec
from messages.from_child import StrategyFault
from messages.operator import (
    CommandAccepted,
    CommandFinished,
    CommandRefused,
    SetParameterRequest,
    SetPriorityRequest,
    StrategyAction,
)
from messages.to_child import ChangeParameters, Drain
from supervisor.actions import KillChild, StartChild
from supervisor.child_spec import ChildPlan
from supervisor.operations.planner import Unfit
from supervisor.registry import Registry, Standing
from tests.supervisor.core_driver import CARRY, EXCHANGE, OTHER, PERP, SPOT, desk
from tests.supervisor.operations.desk_driver import DeskDrive, NotedPlanner, back

ALL = {EXCHANGE, SPOT, PERP, CARRY}
REQUEST = SetParameterRequest("c1", CARRY, {"notional": "2000"})


def trading() -> DeskDrive:
    drive = DeskDrive()
    drive.trading()
    return drive


def parameters(drive: DeskDrive) -> object:
    spec = drive.core.floor.children[CARRY].plan.spec
    assert isinstance(spec, HostSpec)
    return spec.parameters


def told(drive: DeskDrive) -> list[dict[str, str]]:
    return [msgspec.json.decode(command.parameters) for _, command in drive.commands(ChangeParameters)]


def test_new_parameters_are_told_and_hold_when_they_have_proved_themselves() -> None:
    drive = trading()
    assert drive.operator(REQUEST) == CommandAccepted("c1", "it is told")
    assert told(drive) == [{"notional": "2000"}]
    drive.answer(ChangeParameters)
    assert drive.operator(REQUEST) == CommandAccepted("c1", "changed; it is watched for 5 s")
    drive.pass_time(5.0)
    assert drive.ended(REQUEST) == CommandFinished("c1", is_ok=True, text="carry trades with notional = 2000")
    assert drive.status().strategies[0].changed == {"notional": "2000"}


def test_changed_parameters_are_those_of_every_later_incarnation_and_of_the_next_supervisor() -> None:
    drive = trading()
    drive.operator(REQUEST)
    drive.answer(ChangeParameters)
    drive.pass_time(5.0)
    asked = drive.ends(CARRY)
    (start,) = drive.of(StartChild, asked)
    assert start.spec.parameters == {"notional": "2000"}  # type: ignore[attr-defined]
    assert parameters(back(drive, ALL)) == {"notional": "2000"}


def test_one_change_comes_on_top_of_the_other() -> None:
    drive = trading()
    drive.operator(REQUEST)
    drive.answer(ChangeParameters)
    drive.pass_time(5.0)
    drive.operator(SetParameterRequest("c2", CARRY, {"edge": "3"}))
    assert told(drive)[-1] == {"notional": "2000", "edge": "3"}


def test_what_is_no_config_changes_nothing() -> None:
    drive = trading()
    reply = drive.operator(SetParameterRequest("c1", CARRY, {"bad": "1"}))
    assert reply == CommandFinished("c1", is_ok=False, text="carry.parameters.bad: unknown key")
    assert told(drive) == []
    assert parameters(drive) == {}


def test_what_the_strategy_refuses_is_put_back() -> None:
    drive = trading()
    drive.operator(REQUEST)
    drive.answer(ChangeParameters, is_ok=False, text="a cycle is in hand")
    text = "carry refuses notional = 2000: a cycle is in hand; nothing has changed"
    assert drive.ended(REQUEST) == CommandFinished("c1", is_ok=False, text=text)
    assert parameters(drive) == {}
    assert drive.status().strategies[0].changed == {}


def test_a_strategy_that_fails_with_its_new_parameters_is_restarted_with_the_old_ones() -> None:
    drive = trading()
    drive.operator(REQUEST)
    drive.answer(ChangeParameters)
    drive.pass_time(4.9)
    drive.says(CARRY, StrategyFault(CARRY, CARRY, "IDLE", "Quote", "ValueError: no", 5))
    text = "carry: it failed within 5 s of notional = 2000; rolled back"
    assert drive.ended(REQUEST) == CommandFinished("c1", is_ok=False, text=text)
    assert drive.alerts[-1] == text
    (start,) = drive.of(StartChild, drive.ends(CARRY, 3))
    assert start.spec.parameters == {}  # type: ignore[attr-defined]


def test_a_strategy_that_dies_before_it_answers_has_the_old_ones_again() -> None:
    drive = trading()
    drive.operator(REQUEST)
    (start,) = drive.of(StartChild, drive.ends(CARRY, -9))
    assert start.spec.parameters == {}  # type: ignore[attr-defined]
    assert "its process ended within 5 s" in drive.ended(REQUEST).text


def test_a_change_that_the_next_supervisor_ends_is_rolled_back_to_what_was_before_it() -> None:
    before = trading()
    before.operator(REQUEST)
    before.answer(ChangeParameters)
    before.pass_time(2.0)
    drive = back(before, ALL)
    drive.ready(EXCHANGE, SPOT, PERP, CARRY)
    assert told(drive)[-1] == {"notional": "2000"}
    drive.answer(ChangeParameters)
    drive.ends(CARRY)
    assert parameters(drive) == {}
    assert "rolled back" in drive.ended(REQUEST).text


def test_a_strategy_that_does_not_answer_keeps_the_old_ones() -> None:
    drive = trading()
    drive.operator(REQUEST)
    drive.pass_time(10.0)
    text = "carry did not answer; the old parameters hold again"
    assert drive.ended(REQUEST) == CommandFinished("c1", is_ok=False, text=text)
    assert parameters(drive) == {}


def test_a_strategy_that_is_down_has_them_from_its_next_start_on() -> None:
    drive = trading()
    drive.act(StrategyAction.STOP, id="s")
    drive.answer(Drain)
    drive.ends(CARRY, 0)
    assert drive.operator(REQUEST).text == "carry is stopped; notional = 2000 from its next start on"
    assert parameters(drive) == {"notional": "2000"}


def test_one_change_is_made_after_the_other() -> None:
    drive = trading()
    drive.operator(REQUEST)
    other = SetParameterRequest("c2", CARRY, {"edge": "3"})
    assert drive.operator(other) == CommandRefused("c2", "carry: set is under way (it is told); wait until it is done")


def test_nothing_is_changed_while_the_strategy_stops() -> None:
    drive = trading()
    drive.act(StrategyAction.STOP, id="s")
    assert "stop is under way" in drive.operator(REQUEST).text


def test_a_stop_within_the_time_of_proof_is_no_failure() -> None:
    drive = trading()
    drive.operator(REQUEST)
    drive.answer(ChangeParameters)
    drive.act(StrategyAction.STOP, id="s")
    assert drive.ended(REQUEST).text == "changed, and not watched to the end: stop came in between"
    drive.answer(Drain)
    drive.ends(CARRY, 0)
    assert parameters(drive) == {"notional": "2000"}


def test_an_unknown_strategy_is_told_with_the_nearest_name() -> None:
    drive = trading()
    assert drive.operator(SetParameterRequest("c1", "cary", {"a": "1"})).text == "no strategy cary; did you mean carry?"
    assert drive.operator(SetPriorityRequest("c2", "zzz", 7)).text == "no strategy zzz; there are: carry"
    assert drive.operator(SetPriorityRequest("c3", SPOT, 7)).text == "no strategy spot; there are: carry"


def test_a_priority_holds_from_now_on_and_is_remembered() -> None:
    drive = trading()
    reply = drive.operator(SetPriorityRequest("c1", CARRY, 8))
    assert reply == CommandFinished("c1", is_ok=True, text="carry has priority 8, after 5")
    assert drive.core.floor.children[CARRY].plan.priority == 8
    assert drive.status().strategies[0].changed == {"priority": "8"}
    assert back(drive, ALL).core.floor.children[CARRY].plan.priority == 8


def test_what_does_not_fit_the_config_of_the_next_supervisor_is_told_and_left_out() -> None:
    before = trading()
    before.operator(REQUEST)
    registry = before.saved()
    standing = {CARRY: msgspec.structs.replace(registry.standing[CARRY], changes={"bad": "1"})}
    drive = DeskDrive(registry=msgspec.structs.replace(registry, standing=standing, jobs=()), now_ns=before.now_ns)
    drive.begin(ALL)
    assert "does not fit its config any more: carry.parameters.bad: unknown key" in drive.alerts[-1]
    assert parameters(drive) == {}


def with_wishes(before: DeskDrive, **standing: Standing) -> DeskDrive:
    """The next supervisor, whose registry has these wishes."""
    registry = msgspec.structs.replace(before.saved(), standing=standing, jobs=())
    drive = DeskDrive(desk(CARRY, OTHER), registry=registry, now_ns=before.now_ns, first_pid=301)
    drive.begin(())
    drive.ready(EXCHANGE, SPOT, PERP)
    return drive


def test_a_change_that_does_not_fit_any_more_takes_nothing_else_that_was_asked_with_it() -> None:
    before = trading()
    before.operator(REQUEST)
    drive = with_wishes(
        before,
        carry=Standing(is_paused=True, changes={"bad": "1"}, priority=7),
        other=Standing(changes={"edge": "3"}),
        gone=Standing(is_removed=True),
    )
    paused = {start.name: (start.spec.is_paused, start.spec.parameters) for start in starts(drive)}
    assert paused == {CARRY: (True, {}), OTHER: (False, {"edge": "3"})}
    assert drive.core.floor.wish(CARRY) == Standing(is_paused=True)


def test_who_was_removed_or_stopped_is_not_started_because_a_change_of_another_does_not_fit() -> None:
    before = trading()
    before.operator(REQUEST)
    drive = with_wishes(before, carry=Standing(is_stopped=True, changes={"bad": "1"}), other=Standing(is_removed=True))
    assert [start.name for start in starts(drive)] == []
    assert OTHER not in drive.core.floor.children


def test_where_not_even_the_config_fits_those_of_whom_something_was_asked_are_not_started() -> None:
    class Unfitting(NotedPlanner):
        def strategies(self, standing: Mapping[str, Standing], added: Collection[str] = ()) -> dict[str, ChildPlan]:
            raise Unfit("no venue is left")

    plan = desk(CARRY, OTHER)
    registry = Registry(standing={CARRY: Standing(is_paused=True)})
    drive = DeskDrive(plan, registry=registry, planner=Unfitting(plan))
    drive.begin(())
    drive.ready(EXCHANGE, SPOT, PERP)
    assert [start.name for start in starts(drive)] == [OTHER]
    assert "not started, since what was asked of them cannot be kept: carry (no venue is left)" in drive.alerts[-1]
    assert drive.saved().standing == {CARRY: Standing(is_paused=True)}


def starts(drive: DeskDrive) -> list[Any]:
    return [start for start in drive.of(StartChild) if isinstance(start.spec, HostSpec)]


def test_a_change_while_the_strategy_is_starting_must_prove_itself_too() -> None:
    drive = trading()
    drive.ends(CARRY)
    assert drive.operator(REQUEST) == CommandAccepted("c1", "it is starting; it is told once it is up")
    drive.ready(CARRY)
    assert told(drive) == [{"notional": "2000"}]
    drive.answer(ChangeParameters)
    drive.pass_time(5.0)
    assert drive.ended(REQUEST).is_ok


def test_a_change_while_the_strategy_is_down_is_rolled_back_when_it_does_not_come_up() -> None:
    drive = trading()
    drive.ends(CARRY)
    drive.ends(CARRY)
    drive.operator(REQUEST)
    (start,) = drive.of(StartChild, drive.pass_time(1.0))
    assert start.spec.parameters == {"notional": "2000"}  # type: ignore[attr-defined]
    drive.ends(CARRY)
    assert drive.ended(REQUEST).text == "carry: its process ended before it was told of notional = 2000; rolled back"
    assert parameters(drive) == {}


def test_a_change_of_a_strategy_that_does_not_become_ready_in_time_is_put_back() -> None:
    drive = trading()
    drive.ends(CARRY)
    drive.operator(REQUEST)
    assert drive.of(KillChild, drive.pass_time(20.0)) == [KillChild(CARRY)]
    drive.ends(CARRY)
    assert drive.ended(REQUEST).text == "carry: its process ended before it was told of notional = 2000; rolled back"
    assert parameters(drive) == {}


def test_a_strategy_that_does_not_answer_is_told_the_old_ones_again() -> None:
    """It may have heard of the new ones, or may hear of them yet."""
    drive = trading()
    drive.operator(REQUEST)
    asked = drive.pass_time(10.0)
    last = [item for _, item in drive.commands(ChangeParameters, asked)][-1]
    assert msgspec.json.decode(last.parameters) == {}
    drive.actions.clear()
    drive.pass_time(1.0)
    assert {command for _, command in drive.commands(ChangeParameters)} == {last}, "until it is answered"


def test_where_the_old_parameters_do_not_fit_either_the_strategy_is_restarted_all_the_same() -> None:
    drive = trading()
    drive.operator(REQUEST)
    drive.answer(ChangeParameters)

    def unfit(_standing: Mapping[str, Standing]) -> dict[str, ChildPlan]:
        raise Unfit("carry.notional: too small")

    drive.core.floor.planner.strategies = unfit  # type: ignore[method-assign]
    (start,) = drive.of(StartChild, drive.ends(CARRY))
    assert start.spec.parameters == {"notional": "2000"}  # type: ignore[attr-defined]
    assert "carry keeps notional = 2000: carry.notional: too small" in drive.alerts
    assert "the old parameters do not fit the config any more" in drive.ended(REQUEST).text
