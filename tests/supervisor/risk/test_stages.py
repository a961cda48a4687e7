"""How trading is tightened step by step, and loosened by the operator alone."""

import pytest

from actors.machine import UnexpectedMessage
from messages.risk import TradingState
from supervisor.risk.stages import Changed, Eased, Resumed, Stage, Strictness, Tighten

UP = (Stage.WARNED, Stage.REDUCING, Stage.HALTED, Stage.FLATTENED)


@pytest.mark.parametrize("start", list(Stage))
@pytest.mark.parametrize("demand", UP)
def test_a_demand_tightens_and_never_loosens(start: Stage, demand: Stage) -> None:
    found = Strictness(start, "before")
    outputs = found.on_message(Tighten(demand, "since"))
    if demand.rank > start.rank:
        assert found.state is demand
        assert outputs == (Changed(demand, "since"),)
        assert found.why == "since"
    else:
        assert found.state is start
        assert outputs == ()
        assert found.why == "before"


@pytest.mark.parametrize("start", UP)
def test_the_operator_loosens_from_everywhere(start: Stage) -> None:
    found = Strictness(start, "a loss")
    (changed,) = found.on_message(Resumed())
    assert (found.state, found.why, changed.stage) == (Stage.NORMAL, "", Stage.NORMAL)


def test_to_resume_what_is_not_restricted_changes_nothing() -> None:
    found = Strictness()
    assert found.on_message(Resumed()) == ()
    assert found.state is Stage.NORMAL


def test_a_warning_goes_away_by_itself() -> None:
    found = Strictness(Stage.WARNED, "a loss")
    found.on_message(Eased())
    assert (found.state, found.why) == (Stage.NORMAL, "")


@pytest.mark.parametrize("start", [Stage.NORMAL, Stage.REDUCING, Stage.HALTED, Stage.FLATTENED])
def test_nothing_but_a_warning_goes_away_by_itself(start: Stage) -> None:
    found = Strictness(start, "a loss")
    with pytest.raises(UnexpectedMessage, match=f"Eased while {start.name}"):
        found.on_message(Eased())
    assert found.state is start


def test_gateways_are_told_the_state_of_a_stage() -> None:
    assert {stage: stage.trading_state for stage in Stage} == {
        Stage.NORMAL: TradingState.ACTIVE,
        Stage.WARNED: TradingState.ACTIVE,
        Stage.REDUCING: TradingState.REDUCING,
        Stage.HALTED: TradingState.HALTED,
        Stage.FLATTENED: TradingState.REDUCING,
    }
