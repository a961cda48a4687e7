"""Limits, additions, and what is common to all commands."""

from decimal import Decimal

import pytest

from messages.operator import (
    AddStrategyRequest,
    CommandAccepted,
    CommandFinished,
    CommandRefused,
    ConfirmationNeeded,
    SetLimitRequest,
    StopRequest,
    StrategyAction,
)
from messages.to_child import Drain
from supervisor.actions import SaveRegistry
from supervisor.operations.answers import ANSWERS_KEPT_MAX, Answers
from supervisor.operations.confirmations import CONFIRM_NS, CONFIRMATIONS_MAX, Confirmations
from supervisor.operations.desk import ADDED_MAX
from supervisor.operations.planner import FixedPlanner, Unfit
from supervisor.operations.risk_port import NoRisk, UnknownLimit
from supervisor.registry import Answer, Standing
from tests.supervisor.core_driver import CARRY, EXCHANGE, OTHER, PERP, SPOT, desk
from tests.supervisor.operations.desk_driver import DeskDrive, back

ALL = {EXCHANGE, SPOT, PERP, CARRY}
GROSS = "portfolio.gross_notional_max"


class OneLimit:
    """A risk desk with one limit, which may be unset, and refuses what is below 0."""

    def __init__(self, value: Decimal | None) -> None:
        self.value = value

    def limit(self, path: str) -> Decimal | None:
        if path != GROSS:
            raise UnknownLimit(f"no limit {path}")
        return self.value

    def set_limit(self, path: str, value: Decimal) -> None:
        self.limit(path)
        if value < 0:
            raise UnknownLimit("expected at least 0")
        self.value = value

    def set_priority(self, strategy: str, priority: int) -> None: ...

    def on_resumed(self, strategy: str) -> None: ...


def trading(limit: str | None = "1000", planner: FixedPlanner | None = None) -> tuple[DeskDrive, OneLimit]:
    drive = DeskDrive(**({"planner": planner} if planner else {}))
    drive.trading()
    risk = OneLimit(None if limit is None else Decimal(limit))
    drive.core.desk._risk = risk
    return drive, risk


def set_limit(value: str, id: str = "c1", path: str = GROSS, token: str = "") -> SetLimitRequest:
    return SetLimitRequest(id, path, Decimal(value), token)


# --- limits ------------------------------------------------------------------------------------------------------


def test_a_limit_is_lowered_at_once_and_remembered() -> None:
    drive, risk = trading()
    reply = drive.operator(set_limit("500"))
    assert reply == CommandFinished("c1", is_ok=True, text=f"{GROSS} is 500, after 1000")
    assert risk.value == 500
    assert drive.saved().limits == {GROSS: Decimal(500)}


def test_a_limit_is_raised_when_that_is_confirmed() -> None:
    drive, risk = trading()
    asked = drive.operator(set_limit("2000"))
    assert isinstance(asked, ConfirmationNeeded)
    assert asked.text == f"{GROSS} is raised from 1000 to 2000: more may be held from then on"
    assert risk.value == 1000
    other = drive.operator(set_limit("9000", token=asked.token))
    assert isinstance(other, ConfirmationNeeded), "a token is good for what was read"
    assert drive.operator(set_limit("2000", token=asked.token)).is_ok
    assert risk.value == 2000


def test_a_limit_where_there_was_none_is_no_loosening() -> None:
    drive, _ = trading(limit=None)
    assert drive.operator(set_limit("2000")).text == f"{GROSS} is 2000, after no limit"


def test_limits_that_do_not_exist_or_cannot_be_are_refused() -> None:
    drive, _ = trading()
    assert drive.operator(set_limit("1", path="gross")) == CommandRefused("c1", "no limit gross")
    assert drive.operator(set_limit("-1", id="c2")) == CommandRefused("c2", "expected at least 0")
    assert drive.core.floor.limits == {}


def test_without_risk_in_the_config_there_is_no_limit() -> None:
    with pytest.raises(UnknownLimit, match="has no \\[risk\\]"):
        NoRisk().set_limit(GROSS, Decimal(1))


# --- adding ------------------------------------------------------------------------------------------------------


def test_strategies_are_added_and_done_when_all_of_them_run() -> None:
    drive, _ = trading()
    request = AddStrategyRequest("c1", "one two")
    assert drive.operator(request) == CommandAccepted("c1", "one, two: the processes start")
    assert drive.started() == ["one", "two"]
    drive.ready("one")
    assert isinstance(drive.operator(request), CommandAccepted)
    drive.ready("two")
    ended = drive.ended(request)
    assert ended.is_ok
    assert [part.partition(" runs")[0] for part in ended.text.split("; ") if " runs" in part] == ["one", "two"]


def test_an_added_strategy_is_of_the_cluster_under_the_next_supervisor_too() -> None:
    before, _ = trading()
    before.operator(AddStrategyRequest("c1", OTHER))
    before.ready(OTHER)
    drive = back(before, {*ALL, OTHER})
    assert OTHER in drive.core.floor.children
    assert drive.started() == []


@pytest.mark.parametrize(
    ("table", "text"),
    [
        ("bad", "not TOML"),
        (CARRY, "carry: of this cluster already; give it another id, or remove the other first"),
        (" ".join(f"s{number}" for number in range(ADDED_MAX + 1)), "33 strategies at once are too many"),
    ],
)
def test_what_cannot_be_added_is_refused_and_starts_nothing(table: str, text: str) -> None:
    drive, _ = trading()
    reply = drive.operator(AddStrategyRequest("c1", table))
    assert isinstance(reply, CommandRefused)
    assert text in reply.text
    assert drive.started() == []


def test_a_cluster_without_a_config_can_be_neither_changed_nor_added_to() -> None:
    planner = FixedPlanner(desk())
    assert set(planner.strategies({CARRY: Standing(is_paused=True)})) == {CARRY}
    assert planner.strategies({CARRY: Standing(is_removed=True)}) == {}
    with pytest.raises(Unfit, match="no config that could be changed"):
        planner.strategies({CARRY: Standing(changes={"a": "1"})})
    with pytest.raises(Unfit, match="no config that anything could be added to"):
        planner.names_in("x")


# --- all commands ------------------------------------------------------------------------------------------------


def test_an_answer_outlives_the_supervisor() -> None:
    before, _ = trading()
    before.operator(set_limit("500"))
    drive = back(before, ALL)
    assert drive.operator(set_limit("500")).text == f"{GROSS} is 500, after 1000"


def test_what_is_under_way_outlives_two_supervisors_that_die_one_after_the_other_as_they_begin() -> None:
    plan = desk(CARRY, OTHER)
    before = DeskDrive(plan)
    before.trading()
    before.act(StrategyAction.STOP, CARRY, "c1")
    before.act(StrategyAction.STOP, OTHER, "c2")
    second = back(before, {*ALL, OTHER}, plan)
    for index, action in enumerate(second.actions):  # it may die after any of its saves
        if isinstance(action, SaveRegistry):
            died = DeskDrive(plan)
            died.actions = second.actions[: index + 1]
            drive = back(died, {*ALL, OTHER}, plan)
            assert drive.is_under_way(StrategyAction.STOP, CARRY, "c1")
            assert drive.is_under_way(StrategyAction.STOP, OTHER, "c2")
    drive.ready(EXCHANGE, SPOT, PERP, CARRY, OTHER)
    drive.answer(Drain)
    drive.ends(CARRY, 0)
    drive.ends(OTHER, 0)
    assert drive.outcome(StrategyAction.STOP, CARRY, "c1").is_ok
    assert drive.outcome(StrategyAction.STOP, OTHER, "c2").is_ok


def test_a_stop_of_the_cluster_is_answered_again_and_done_once() -> None:
    drive, _ = trading()
    first = drive.operator(StopRequest("s"))
    assert drive.operator(StopRequest("s")) == first
    assert drive.operator(StopRequest("t")).text == "stopping already: draining"
    assert drive.operator(StopRequest("f", is_forced=True)).text == "everything is killed"


def test_an_unknown_strategy_is_refused() -> None:
    drive, _ = trading()
    assert drive.act(StrategyAction.PAUSE, "crary").text == "no strategy crary; did you mean carry?"


def test_the_oldest_answers_give_way() -> None:
    answers = Answers()
    for number in range(ANSWERS_KEPT_MAX + 1):
        answers.keep(Answer(command_id=f"c{number}", outcome="done", text=""))
    assert answers.find("c0") is None
    assert answers.find("c1") == CommandFinished("c1", is_ok=True, text="")
    assert len(answers.all) == ANSWERS_KEPT_MAX


def test_a_later_answer_takes_the_place_of_an_earlier_one() -> None:
    answers = Answers([Answer(command_id="c", outcome="accepted", text="a")])
    answers.keep(Answer(command_id="c", outcome="failed", text="b"))
    assert answers.find("c") == CommandFinished("c", is_ok=False, text="b")
    assert answers.find("d") is None


def test_a_token_is_the_same_until_it_is_used_or_over() -> None:
    confirmations = Confirmations()
    token = confirmations.offer("a", 0, 0.5)
    assert token == "80000000"  # half of 2 ** 32
    assert confirmations.offer("a", CONFIRM_NS - 1, 0.75) == token
    assert not confirmations.redeem("b", token, 1)
    assert not confirmations.redeem("a", "other", 1)
    assert confirmations.redeem("a", token, 2 * CONFIRM_NS - 2)
    assert not confirmations.redeem("a", token, 2)


def test_only_so_many_confirmations_are_open() -> None:
    confirmations = Confirmations()
    tokens = {number: confirmations.offer(number, 0, number / 1_000) for number in range(CONFIRMATIONS_MAX + 1)}
    assert not confirmations.redeem(0, tokens[0], 1)
    assert confirmations.redeem(1, tokens[1], 1)
