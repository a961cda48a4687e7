"""A halt is ended by the operator alone, in two steps, and by nothing else."""

from decimal import Decimal
from typing import Any

import msgspec

from messages.from_child import GatewayUpdate
from messages.operator import (
    CommandAccepted,
    CommandFinished,
    CommandRefused,
    ConfirmationNeeded,
    HaltRequest,
    StrategyAction,
    UnhaltRequest,
)
from messages.to_child import Drain, Halt, Pause, Resume, Unhalt
from supervisor.actions import Action, Audit, ClearLatch, SaveRegistry, SetLatch
from supervisor.occurrences import Begun, Latch, Measured
from supervisor.operations.confirmations import CONFIRM_NS
from supervisor.pending_commands import RESEND_NS, Dispatch
from tests.supervisor.core_driver import CARRY, EXCHANGE, OTHER, PERP, SECOND, SPOT, desk
from tests.supervisor.operations.desk_driver import DeskDrive, back
from tests.supervisor.samples import SPOT as SPOT_STATUS

ALL = {EXCHANGE, SPOT, PERP, CARRY}
LATCH = Latch("storm", 3 * SECOND, id="7-1")


def halted(*strategies: str, is_flattening: bool = False) -> DeskDrive:
    drive = DeskDrive(desk(*strategies))
    drive.trading()
    drive.operator(HaltRequest("h", "storm", is_flattening))
    return drive


def unhalt(drive: DeskDrive, id: str = "u") -> Any:
    asked = drive.operator(UnhaltRequest(id, "over"))
    assert isinstance(asked, ConfirmationNeeded), asked
    return drive.operator(UnhaltRequest(id, "over", asked.token))


def test_a_halt_sets_the_latch_and_tells_all_whether_to_flatten() -> None:
    drive = halted(is_flattening=True)
    assert [(name, command.is_flattening) for name, command in drive.commands(Halt)] == [
        (SPOT, True), (PERP, True), (CARRY, True),
    ]  # fmt: skip
    assert drive.of(SetLatch) == [SetLatch("storm", is_flattening=True)]
    assert [(audit.kind, audit.payload["reason"]) for audit in drive.of(Audit)] == [("halt", "storm")]


def test_a_halt_that_is_asked_for_twice_under_one_id_is_done_once() -> None:
    drive = halted()
    again = drive.operator(HaltRequest("h", "storm"))
    assert isinstance(again, CommandAccepted)
    assert len(drive.commands(Halt)) == 3


def test_every_halt_is_a_command_of_its_own() -> None:
    drive = halted()
    drive.answer(Halt)
    drive.operator(HaltRequest("h2", "again", is_flattening=True))
    assert {command.command_id for _, command in drive.commands(Halt)} == {"halt-2"}


def test_an_unhalt_says_what_is_halted_since_when_and_why_before_anything_is_done() -> None:
    drive = halted(CARRY, OTHER)
    drive.act(StrategyAction.PAUSE)
    status = msgspec.structs.replace(SPOT_STATUS, positions={"BTCUSDT.spot": Decimal(1)}, holdings={}, unknown_orders=3)
    drive.says(SPOT, GatewayUpdate(SPOT, status))
    drive.pass_time(12.0)
    asked = drive.operator(UnhaltRequest("u", "over"))
    assert isinstance(asked, ConfirmationNeeded)
    assert asked.text.splitlines() == [
        "cluster desk is halted for 12 s: storm",
        "halted gateways: spot, perp",
        "positions: 1 BTCUSDT.spot",
        "orders of unknown outcome: 3 at spot",
        "would trade on: other; stay paused: carry",
    ]
    assert drive.core.floor.run.is_halted
    assert drive.commands(Unhalt) == []


def test_what_keeps_the_halt_goes_first_then_gateways_then_the_strategies_that_are_not_paused() -> None:
    drive = halted(CARRY, OTHER)
    drive.act(StrategyAction.PAUSE)
    assert unhalt(drive) == CommandAccepted("u", "the gateways are told")
    assert not drive.saved().run.is_halted
    assert drive.of(ClearLatch) == [ClearLatch()]
    assert [name for name, _ in drive.commands(Unhalt)] == [SPOT, PERP]
    assert drive.commands(Resume) == []
    drive.answer(Unhalt)
    assert [name for name, _ in drive.commands(Resume)] == [OTHER]
    text = "the halt is over; told to trade on: other"
    assert drive.ended(UnhaltRequest("u", "")) == CommandFinished("u", is_ok=True, text=text)
    assert drive.core.phase == "trading"
    assert ("unhalt", "over") in [(audit.kind, audit.payload.get("reason")) for audit in drive.of(Audit)]


def test_a_halt_that_was_not_heard_is_not_said_after_the_unhalt() -> None:
    drive = halted()
    unhalt(drive)
    assert drive.commands(Halt, drive.pass_time(3 * RESEND_NS / SECOND)) == []


def test_an_unhalt_that_was_not_heard_is_not_said_after_the_next_halt() -> None:
    drive = halted()
    unhalt(drive)
    drive.operator(HaltRequest("h2", "again"))
    assert drive.commands(Unhalt, drive.pass_time(3 * RESEND_NS / SECOND)) == []
    drive.answer(Unhalt)
    assert drive.ended(UnhaltRequest("u", "")).text == "the cluster was halted again meanwhile"
    assert drive.commands(Resume) == []
    assert drive.core.floor.run.is_halted


def test_a_token_is_good_once_and_for_a_minute() -> None:
    drive = halted()
    asked = drive.operator(UnhaltRequest("u", ""))
    drive.pass_time(CONFIRM_NS / SECOND)
    again = drive.operator(UnhaltRequest("u", "", asked.token))
    assert isinstance(again, ConfirmationNeeded)
    assert isinstance(drive.operator(UnhaltRequest("u", "", again.token)), CommandAccepted)
    drive.answer(Unhalt)
    drive.operator(HaltRequest("h2", "x"))
    assert isinstance(drive.operator(UnhaltRequest("v", "", again.token)), ConfirmationNeeded)


def test_a_gateway_that_was_away_is_told_when_it_is_back() -> None:
    drive = halted()
    unhalt(drive)
    drive.ends(SPOT)
    assert [name for name, _ in drive.commands(Unhalt, drive.ready(SPOT))] == [SPOT]


def test_a_gateway_that_does_not_answer_is_named_and_asked_again_by_another_unhalt() -> None:
    drive = halted()
    unhalt(drive)
    drive.pass_time(10.0)
    text = "no answer from perp, spot; say unhalt again once they are up"
    assert drive.ended(UnhaltRequest("u", "")) == CommandFinished("u", is_ok=False, text=text)
    drive.says(SPOT, GatewayUpdate(SPOT, msgspec.structs.replace(SPOT_STATUS, is_halted=True)))
    drive.actions.clear()
    unhalt(drive, id="again")
    assert [name for name, _ in drive.commands(Unhalt)] == [SPOT, PERP]


def test_an_unhalt_that_ran_out_of_time_is_carried_through_by_the_next_one() -> None:
    drive = halted(CARRY, OTHER)
    unhalt(drive)
    drive.pass_time(10.0)
    assert not drive.ended(UnhaltRequest("u", "")).is_ok
    drive.actions.clear()
    unhalt(drive, id="again")
    drive.answer(Unhalt)
    assert [name for name, _ in drive.commands(Resume)] == [CARRY, OTHER]
    drive.answer(Resume)
    assert drive.operator(UnhaltRequest("more", "")).text == "desk is not halted"


def test_who_is_paused_needs_no_further_unhalt() -> None:
    drive = halted()
    drive.act(StrategyAction.PAUSE)
    unhalt(drive)
    drive.pass_time(10.0)
    assert drive.operator(UnhaltRequest("again", "")).text == "desk is not halted"


def test_a_gateway_that_dies_meanwhile_is_not_waited_for() -> None:
    drive = halted()
    unhalt(drive)
    drive.done(next(item for item in drive.of(Dispatch) if isinstance(item.command, Unhalt) and item.child == SPOT))
    assert drive.commands(Resume) == []
    drive.ends(PERP)
    assert [name for name, _ in drive.commands(Resume)] == [CARRY]
    assert drive.ended(UnhaltRequest("u", "")).is_ok
    assert drive.commands(Halt, drive.ready(PERP)) == []


def test_a_gateway_that_refuses_is_told_of() -> None:
    drive = halted()
    unhalt(drive)
    drive.answer(Unhalt, is_ok=False, text="disk full")
    assert drive.ended(UnhaltRequest("u", "")).text == "spot stays halted: disk full"


def test_what_is_not_halted_needs_no_unhalt() -> None:
    drive = DeskDrive()
    drive.trading()
    assert drive.operator(UnhaltRequest("u", "")).text == "desk is not halted"


def test_an_unhalt_is_ended_by_the_next_supervisor() -> None:
    before = halted()
    unhalt(before)
    drive = back(before, ALL)
    drive.ready(EXCHANGE, SPOT, PERP, CARRY)
    drive.answer(Unhalt)
    assert drive.ended(UnhaltRequest("u", "")).is_ok


def dies_before_the_latch_is_gone(drive: DeskDrive) -> DeskDrive:
    """Its unhalt was saved, and nothing that follows was done."""
    first = next(index for index, action in enumerate(drive.actions) if is_unhalted(action))
    del drive.actions[first + 1 :]
    return drive


def is_unhalted(action: Action) -> bool:
    return isinstance(action, SaveRegistry) and not action.registry.run.is_halted


def unhalt_of_latch(drive: DeskDrive) -> None:
    drive.actions.clear()
    asked = drive.operator(UnhaltRequest("u", "over"), LATCH)
    drive.operator(UnhaltRequest("u", "over", asked.token), LATCH)


def test_an_unhalt_that_was_saved_is_carried_through_by_the_next_supervisor_though_the_latch_was_still_there() -> None:
    before = halted()
    unhalt_of_latch(before)
    drive = back(dies_before_the_latch_is_gone(before), ALL, latch=LATCH)
    assert not drive.core.floor.run.is_halted
    assert drive.of(ClearLatch)
    assert drive.of(SetLatch) == []
    drive.ready(EXCHANGE, SPOT, PERP, CARRY)
    assert {name for name, _ in drive.commands(Unhalt)} == {SPOT, PERP}
    assert drive.commands(Halt) == []
    drive.answer(Unhalt)
    assert drive.ended(UnhaltRequest("u", "")).is_ok
    assert [name for name, _ in drive.commands(Resume)] == [CARRY]


def test_it_is_carried_through_by_the_one_after_that_too() -> None:
    before = halted()
    unhalt_of_latch(before)
    second = back(dies_before_the_latch_is_gone(before), ALL, latch=LATCH)
    drive = back(dies_before_the_latch_is_gone(second), ALL, latch=LATCH)
    drive.ready(EXCHANGE, SPOT, PERP, CARRY)
    drive.answer(Unhalt)
    assert drive.ended(UnhaltRequest("u", "")).is_ok


def test_a_gateway_that_has_not_cleared_its_latch_is_told_by_the_next_supervisor() -> None:
    before = halted()
    unhalt_of_latch(before)
    before.done(next(item for item in before.of(Dispatch) if isinstance(item.command, Unhalt)))
    drive = back(before, ALL)
    assert not drive.core.floor.run.is_halted
    drive.ready(EXCHANGE, SPOT, PERP, CARRY)
    assert PERP in {name for name, _ in drive.commands(Unhalt)}


def test_a_latch_that_was_set_again_since_the_unhalt_halts_the_next_supervisor() -> None:
    before = halted()
    unhalt_of_latch(before)
    drive = back(dies_before_the_latch_is_gone(before), ALL, latch=LATCH._replace(id="another"))
    assert drive.core.floor.run.is_halted
    drive.ready(EXCHANGE, SPOT, PERP, CARRY)
    assert drive.commands(Unhalt) == []
    assert drive.ended(UnhaltRequest("u", "")).text == "the cluster was halted again meanwhile"


def test_the_latch_of_an_ended_halt_does_not_halt_a_cluster_all_of_which_has_died() -> None:
    before = halted()
    unhalt_of_latch(before)
    drive = back(dies_before_the_latch_is_gone(before), set(), latch=LATCH)
    assert not drive.core.floor.run.is_halted
    assert drive.of(ClearLatch) == [ClearLatch()]
    assert drive.saved().run.unhalted_latch == LATCH.id, "this supervisor may die as well"


def test_a_latch_that_cannot_be_told_from_others_always_halts() -> None:
    before = halted()
    unhalt(before)
    drive = back(dies_before_the_latch_is_gone(before), ALL, latch=LATCH._replace(id=""))
    assert drive.core.floor.run.is_halted


def test_a_latch_that_was_set_just_before_an_unhalt_is_what_the_unhalt_is_about() -> None:
    drive = DeskDrive()
    drive.trading()
    asked = drive.operator(UnhaltRequest("u", ""), LATCH)
    assert isinstance(asked, ConfirmationNeeded)
    assert drive.core.floor.run.halt_reason == "storm"


def test_nothing_is_unhalted_while_the_cluster_stops() -> None:
    drive = halted()
    drive.core.closing.begin("test")
    assert isinstance(drive.operator(UnhaltRequest("u", "")), CommandRefused)


def test_a_latch_that_somebody_else_has_set_halts_within_a_second() -> None:
    drive = DeskDrive()
    drive.trading()
    drive.tell(Measured({}, Latch("by hand", 3 * SECOND)))
    assert drive.core.floor.run.halt_reason == "by hand"
    assert [name for name, _ in drive.commands(Halt)] == [SPOT, PERP, CARRY]
    assert drive.core.floor.run.halted_ns == drive.now_ns - 3 * SECOND
    drive.actions.clear()
    drive.tell(Measured({}, Latch("by hand", 4 * SECOND)))
    assert drive.commands(Halt) == []


def test_a_cluster_whose_latch_is_set_starts_halted() -> None:
    drive = DeskDrive()
    drive.tell(Begun(frozenset(), "", Latch("by hand", 0, is_flattening=True)))
    drive.ready(EXCHANGE)
    drive.ready(SPOT, PERP)
    assert [(name, command.is_flattening) for name, command in drive.commands(Halt)] == [(SPOT, True), (PERP, True)]
    assert drive.alerts == ["halted: by hand"]


def test_a_strategy_that_comes_back_while_all_is_halted_is_told_so() -> None:
    drive = halted()
    drive.ends(CARRY)
    assert [name for name, _ in drive.commands(Halt, drive.ready(CARRY))] == [CARRY]
    assert drive.commands(Pause) == drive.commands(Drain) == []


def test_a_strategy_that_was_away_when_the_halt_ended_is_told_when_it_is_back() -> None:
    """Its journal knows only of the halt."""
    drive = halted()
    drive.ends(CARRY)
    unhalt(drive)
    drive.answer(Unhalt)
    assert drive.ended(UnhaltRequest("u", "")).is_ok
    assert drive.commands(Resume) == []
    drive.pass_time(5.0)
    drive.ready(CARRY)
    assert [name for name, _ in drive.commands(Resume)] == [CARRY]
    drive.answer(Resume)
    assert not drive.saved().children[CARRY].owes_resume, "it knows"


def test_a_strategy_that_died_before_it_has_heard_of_the_end_is_told_again_by_the_next_supervisor_too() -> None:
    before = halted()
    unhalt(before)
    before.answer(Unhalt)
    assert [name for name, _ in before.commands(Resume)] == [CARRY]
    drive = back(before, ALL)
    drive.ready(EXCHANGE, SPOT, PERP, CARRY)
    assert [name for name, _ in drive.commands(Resume)] == [CARRY]


def test_a_strategy_that_has_not_heard_of_the_end_stays_halted_by_the_next_halt() -> None:
    drive = halted()
    drive.ends(CARRY)
    unhalt(drive)
    drive.answer(Unhalt)
    drive.operator(HaltRequest("h2", "again"))
    drive.pass_time(5.0)
    drive.ready(CARRY)
    assert drive.commands(Resume) == []
