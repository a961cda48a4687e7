"""The simulation finds a cluster that does not do what its operator says: each promise is broken here on purpose."""

from collections.abc import Iterator
from typing import Any

import pytest

from actors.runtime.strategy_commands import StrategyCommands
from actors.strategies import intake
from gateways.safety import halt_latch
from gateways.safety.guard import Guard
from messages.operator import CommandFinished
from messages.to_child import Halt
from supervisor import actor
from supervisor.actions import ClearLatch, ReplyOperator
from supervisor.operations.cluster_jobs import UnhaltJob
from supervisor.operations.desk import Desk
from supervisor.operations.flatten_jobs import FlattenJob
from supervisor.risk.lease_desk import LeaseDesk
from supervisor.risk.risk_desk import RiskDesk
from tests.simulation.patches import STAGE, patched
from tests.simulation.run import RunResult, run_seed
from tests.simulation.scenario import Kind
from tests.simulation.test_simulation import Moment, complaints, strike

UNHALTED = strike("halt-and-unhalt", at_s=4.0, duration_s=2.0, pick=0.9)


@pytest.fixture(autouse=True)
def simulation() -> Iterator[None]:
    with patched():
        yield


def play(*strikes: Any, seed: int = 1, **kind: Any) -> RunResult:
    return run_seed(seed, strikes, kind=Kind(**kind))


# --- halt and unhalt -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("pick", [0.1, 0.3, 0.6, 0.9])
def test_trading_goes_on_after_an_unhalt(pick: float) -> None:
    result = play(strike("halt-and-unhalt", at_s=4.0, pick=pick))
    assert not result.violations
    assert STAGE.cluster.operator.was_unhalted_ns
    assert not STAGE.cluster.operator.wants_halt


@pytest.mark.parametrize("pick", [0.05, 0.33, 0.57, 0.88])
@pytest.mark.parametrize("kind", ["unhalt-over-a-death", "unhalt-in-a-partition"])
def test_an_unhalt_is_carried_through_whoever_is_away(kind: str, pick: float) -> None:
    result = play(strike(kind, at_s=4.0, pick=pick, duration_s=4.0))
    assert not result.violations
    assert STAGE.cluster.operator.was_unhalted_ns


def deaf(take: Any) -> Any:
    """Strategies that say that they have halted, and trade on: it is for their gateways to stop them."""

    def heard(commands: Any, command: Any, mono_ns: int) -> None:
        if isinstance(command, Halt):
            commands._desk.finish(command.command_id)
        else:
            take(commands, command, mono_ns)

    return heard


def test_a_gateway_that_acknowledges_a_halt_and_trades_on_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Guard, "_stand_still", lambda *_, **__: None)
    monkeypatch.setattr(StrategyCommands, "take", deaf(StrategyCommands.take))
    found = play(strike("halt", at_s=4.0)).violations
    assert [text for text in found if "while halted" in text]
    assert [text for text in found if "though the latch is set" in text]


def test_a_latch_that_is_left_behind_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(actor._DOINGS, ClearLatch, lambda *_: None)
    assert complaints(play(UNHALTED), "the latch is left behind")


def test_a_latch_that_nobody_was_to_take_away_is_found() -> None:
    moment = Moment(strike("halt", at_s=4.0))
    halt_latch.clear_halt(moment.cluster.paths.halt_file)
    assert "the latch was taken away, and not by the operator's word" in moment.sends(epoch=1)


def test_a_gateway_that_stays_halted_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Guard, "unhalt", lambda _self: "")
    assert complaints(play(UNHALTED), "spot is halted")


def test_strategies_that_nobody_tells_of_the_end_of_a_halt_are_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(UnhaltJob, "_resume_if_told", lambda self: self.is_waiting or self.finish("over"))
    assert complaints(play(UNHALTED), "no order since the operator has ended the halt")


# --- every command is done once and answered -------------------------------------------------------------------------


def test_a_command_that_is_not_answered_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    reply = actor._DOINGS[ReplyOperator]

    def lose(who: Any, action: Any) -> None:
        if not isinstance(action.reply, CommandFinished):
            reply(who, action)

    monkeypatch.setitem(actor._DOINGS, ReplyOperator, lose)
    assert complaints(play(strike("operator-prioritises", at_s=4.0)), "SetPriorityRequest", "is not answered")


def test_a_repeated_command_that_is_done_again_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Desk, "_keep", lambda *_: None)
    strikes = [strike("operator-prioritises", at_s=3.0 + step / 2) for step in range(8)]
    assert complaints(play(*strikes), "was done 2 times")


def test_the_priority_of_the_newest_command_holds(monkeypatch: pytest.MonkeyPatch) -> None:
    strikes = [strike("operator-prioritises", at_s=3.0), strike("kill-supervisor", at_s=5.0)]
    assert not play(*strikes).violations
    monkeypatch.setattr(actor.registry, "save", lambda *_: None)
    assert complaints(play(*strikes), "has priority", "set to")


def test_a_limit_that_is_not_set_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(RiskDesk, "set_limit", lambda *_: None)
    assert complaints(play(strike("operator-limits", at_s=4.0), is_limited=True), "limit instruments", "set to")


def test_a_limit_that_is_lowered_for_show_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(LeaseDesk, "change_limits", lambda *_: None)
    strikes = [strike("operator-limits", at_s=at_s, pick=0.05) for at_s in (2.5, 2.6)]
    found = [complaints(play(*strikes, seed=seed, is_limited=True, is_shared=True), "worst case") for seed in range(6)]
    assert any(found)


def test_parameters_that_are_not_taken_are_found(monkeypatch: pytest.MonkeyPatch) -> None:
    assert not play(strike("operator-sets", at_s=4.0)).violations
    monkeypatch.setattr(intake, "change_parameters", lambda *_: None)
    assert complaints(play(strike("operator-sets", at_s=4.0)), "other parameters than the supervisor believes")


def test_a_pause_that_nobody_tells_the_strategy_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    def begin(job: Any) -> None:
        job.floor.stand(job.strategy, is_paused=True)
        job.finish("flat, and paused")

    monkeypatch.setattr(FlattenJob, "begin", begin)
    assert complaints(play(strike("operator-flattens", at_s=4.0)), "and to be paused")
