"""Positions of one strategy are closed by itself, or by the gateways where it cannot, and as its config says when it is
given up.
"""

from decimal import Decimal

import msgspec
import pytest

from messages.health import ProcessState
from messages.operator import (
    CommandAccepted,
    CommandFinished,
    ConfirmationNeeded,
    StrategyAction,
    StrategyActionRequest,
)
from messages.to_child import FenceStrategy, Flatten, FlattenPosition, Pause
from supervisor.child_spec import ClusterPlan
from supervisor.operations.flatten_jobs import FLATTEN_MS
from tests.supervisor.core_driver import CARRY, EXCHANGE, PERP, SPOT, desk
from tests.supervisor.operations.desk_driver import BTC, BTC_PERP, DeskDrive, back, instrument, traded

FLATTEN, START = StrategyAction.FLATTEN, StrategyAction.START


def trading(plan: ClusterPlan | None = None) -> DeskDrive:
    drive = DeskDrive(plan)
    drive.trading()
    drive.holds("0.5", "-0.4")
    return drive


def with_policy(on_death: str) -> DeskDrive:
    plan = traded(desk(), on_death=on_death)
    drive = DeskDrive(plan)
    drive.trading()
    return drive


def give_up(drive: DeskDrive) -> DeskDrive:
    for _ in range(4):
        drive.ends(CARRY)
        drive.pass_time(1.5)
    assert drive.core.floor.children[CARRY].state is ProcessState.QUARANTINED
    return drive


def closings(drive: DeskDrive) -> list[tuple[str, str, Decimal]]:
    return [(name, command.instrument, command.target) for name, command in drive.commands(FlattenPosition)]


BOTH = [(SPOT, BTC, Decimal(0)), (PERP, BTC_PERP, Decimal(0))]


def test_a_flatten_says_beforehand_what_is_closed() -> None:
    drive = trading()
    drive.works(open_orders=1)
    asked = drive.operator(StrategyActionRequest("c1", CARRY, FLATTEN))
    assert isinstance(asked, ConfirmationNeeded)
    assert asked.text == (
        "carry closes every position at the market's price: 0.5 BTCUSDT.spot, -0.4 BTCUSDT.perp; before that its open "
        "order is cancelled. Then it stays paused until `outcry resume carry`."
    )


def test_a_running_strategy_flattens_itself_and_stays_paused() -> None:
    drive = trading()
    assert isinstance(drive.act(FLATTEN), CommandAccepted)
    assert [(name, command.deadline_ms) for name, command in drive.commands(Flatten)] == [(CARRY, FLATTEN_MS)]
    assert drive.saved().standing[CARRY].is_paused
    drive.answer(Flatten)
    assert drive.outcome(FLATTEN).text == "carry is flat, and paused until it is resumed"
    assert closings(drive) == []


def test_a_strategy_that_dies_while_it_flattens_goes_on_when_it_is_back_and_is_not_paused_on_top() -> None:
    drive = trading()
    drive.act(FLATTEN)
    drive.ends(CARRY)
    asked = drive.ready(CARRY)
    assert [name for name, _ in drive.commands(Flatten, asked)] == [CARRY]
    assert drive.commands(Pause, asked) == []
    drive.answer(Flatten)
    assert drive.outcome(FLATTEN).is_ok


def test_a_strategy_that_cannot_is_flattened_by_its_gateways() -> None:
    drive = trading()
    drive.act(FLATTEN)
    drive.answer(Flatten, is_ok=False, text="no market")
    assert drive.alerts[-1] == "carry could not: no market; the gateways flatten it"
    assert closings(drive) == BOTH


def test_a_strategy_that_hangs_is_flattened_by_its_gateways() -> None:
    drive = trading()
    drive.act(FLATTEN)
    drive.pass_time(FLATTEN_MS / 1_000 + 0.25)
    assert closings(drive) == BOTH


def test_a_strategy_that_is_given_up_while_it_flattens_is_flattened_by_its_gateways() -> None:
    drive = trading()
    drive.act(FLATTEN)
    give_up(drive)
    assert closings(drive)[:2] == BOTH
    assert "carry is in quarantine; the gateways flatten it" in drive.alerts


def test_a_dead_strategy_is_flattened_by_the_gateways_and_done_when_their_books_say_so() -> None:
    drive = give_up(trading())
    drive.act(FLATTEN)
    assert closings(drive) == BOTH
    drive.answer(FlattenPosition)
    drive.holds("0", "-0.1")
    assert drive.is_under_way(FLATTEN)
    drive.holds("0", "0")
    text = "carry: the gateways have closed its positions, and it is paused until it is resumed; it holds nothing"
    assert drive.outcome(FLATTEN) == CommandFinished("c1", is_ok=True, text=text)


def test_a_process_that_was_on_its_way_up_when_the_gateways_began_is_paused_when_it_is_there() -> None:
    drive = trading()
    drive.ends(CARRY)
    drive.pass_time(5.0)
    drive.act(FLATTEN)
    assert closings(drive) == BOTH
    drive.ready(CARRY)
    assert [name for name, _ in drive.commands(Pause)] == [CARRY]


def test_what_is_too_little_for_an_order_is_not_waited_for() -> None:
    drive = give_up(trading())
    drive.act(FLATTEN)
    drive.answer(FlattenPosition)
    drive.holds("0.0004", "0")  # lots are of 0.001
    assert drive.outcome(FLATTEN).is_ok
    assert drive.outcome(FLATTEN).text.endswith("it holds 0.0004 BTCUSDT.spot")


def test_what_is_not_closed_in_time_is_told() -> None:
    drive = give_up(trading())
    drive.act(FLATTEN)
    drive.pass_time(FLATTEN_MS / 1_000)
    text = "carry: no answer from perp, spot; not closed: it holds 0.5 BTCUSDT.spot, -0.4 BTCUSDT.perp"
    assert drive.outcome(FLATTEN) == CommandFinished("c1", is_ok=False, text=text)


def test_a_gateway_that_cannot_flatten_is_told() -> None:
    drive = give_up(trading())
    drive.act(FLATTEN)
    drive.answer(FlattenPosition, is_ok=False, text="no price")
    assert "spot could not flatten it: no price" in drive.outcome(FLATTEN).text


def test_a_gateway_that_died_is_asked_again_when_it_is_back() -> None:
    drive = give_up(trading())
    drive.act(FLATTEN)
    drive.ends(SPOT)
    asked = drive.ready(SPOT)
    assert [(name, command.instrument) for name, command in drive.commands(FlattenPosition, asked)] == [(SPOT, BTC)]


def test_what_no_gateway_trades_is_told() -> None:
    drive = give_up(trading())
    del drive.core.floor.children[PERP]
    drive.act(FLATTEN)
    assert drive.outcome(FLATTEN).text.startswith("carry: no gateway for BTCUSDT.perp")


# --- what the config says ----------------------------------------------------------------------------------------


def test_a_position_is_held_where_the_config_says_so_and_that_is_told() -> None:
    drive = with_policy("hold")
    drive.holds("0.5", "-0.4")
    give_up(drive)
    assert closings(drive) == []
    held = "0.5 BTCUSDT.spot, -0.4 BTCUSDT.perp"
    assert f"carry is in quarantine, and its position is held (on_death = hold): {held}" in drive.alerts


def test_a_position_is_closed_where_the_config_says_so_though_the_last_word_of_the_gateways_was_flat() -> None:
    drive = give_up(with_policy("flatten"))
    assert closings(drive)[:2] == BOTH
    drive.answer(FlattenPosition)
    drive.holds()
    assert (
        drive.alerts[-1]
        == "carry: its position was closed as far as its config says (on_death = flatten); it holds nothing"
    )


def test_a_pair_is_completed_after_the_gateways_have_cancelled_its_orders() -> None:
    drive = with_policy("complete")
    drive.holds("0.5", "-0.4")
    give_up(drive)
    drive.answer(FenceStrategy)
    drive.holds("0.5", "-0.4")
    assert closings(drive) == [], "what they say may be older than the fence"
    drive.holds("0.5", "-0.3")
    # the legs have 0.3 in common; the spot leg is 0.2 too long
    assert closings(drive)[0] == (SPOT, BTC, Decimal("0.3"))
    assert "carry: its pair is completed: to 0.3 BTCUSDT.spot" in drive.alerts
    drive.answer(FlattenPosition)
    drive.holds("0.3", "-0.3")
    assert "(on_death = complete); it holds 0.3 BTCUSDT.spot, -0.3 BTCUSDT.perp" in drive.alerts[-1]


def test_legs_that_match_are_left_alone() -> None:
    drive = with_policy("complete")
    drive.holds("0.3", "-0.3")
    give_up(drive)
    for _ in range(2):
        drive.holds("0.3", "-0.3")
    assert closings(drive) == []
    assert "its legs match each other" in drive.alerts[-1]


def test_a_leg_alone_is_closed() -> None:
    drive = with_policy("complete")
    give_up(drive)
    for _ in range(2):
        drive.holds("0.3", "0")
    assert closings(drive)[0] == (SPOT, BTC, Decimal(0))
    assert "carry: its pair is completed: to 0 BTCUSDT.spot" in drive.alerts


def test_what_is_no_pair_is_held() -> None:
    drive = with_policy("complete")
    child = drive.core.floor.children[CARRY]
    spec = msgspec.structs.replace(child.plan.spec, instruments=(instrument(BTC),))
    child.plan = msgspec.structs.replace(child.plan, spec=spec)
    give_up(drive)
    for _ in range(2):
        drive.holds("0.3", "0")
    assert "its position is held, since it trades 1 instruments" in drive.alerts[-1]


def test_gateways_that_are_silent_are_not_waited_for_for_ever() -> None:
    drive = give_up(with_policy("complete"))
    drive.pass_time(FLATTEN_MS / 1_000)
    assert "carry: its pair is not completed, perp, spot is silent; it holds nothing" in drive.alerts


def test_a_policy_is_carried_out_by_the_next_supervisor() -> None:
    before = give_up(with_policy("flatten"))
    drive = back(before, {EXCHANGE, SPOT, PERP}, traded(desk(), on_death="flatten"))
    assert closings(drive)[:2] == BOTH


def test_a_start_takes_the_place_of_what_the_config_says() -> None:
    drive = give_up(with_policy("complete"))
    drive.act(START)
    drive.ready(CARRY)
    for _ in range(3):
        drive.holds("0.3", "0")
    assert closings(drive) == []


@pytest.mark.parametrize("policy", ["hold", "complete"])
def test_a_strategy_without_a_position_needs_nothing(policy: str) -> None:
    drive = give_up(with_policy(policy))
    for _ in range(2):
        drive.holds()
    assert closings(drive) == []
