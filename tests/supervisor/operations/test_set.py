"""Parameters of a running strategy are changed, proved, and put back where they do not prove themselves."""

import msgspec

from actors.runtime.spec import HostSpec
from messages.control import ChangeParameters, Drain, StrategyFault
from messages.operator import (
    CommandAccepted,
    CommandFinished,
    CommandRefused,
    SetParameterRequest,
    SetPriorityRequest,
    StrategyAction,
)
from supervisor.actions import StartChild
from tests.supervisor.core_driver import CARRY, EXCHANGE, PERP, SPOT
from tests.supervisor.operations.desk_driver import DeskDrive, back

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
    text = "carry did not answer; the old parameters are used from its next start on"
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
