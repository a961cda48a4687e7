"""Every fault of one leg, on simulated venues: the strategy ends balanced or flat, within its loss budget."""

import json
from decimal import Decimal as D

import msgspec
import pytest
from typer.testing import CliRunner

from actors.strategies.spot_futures.strategy import SpotFutures
from messages.orders import SubmitOrder
from messages.strategy_host import SetTimer
from supervisor.commands.app import app
from supervisor.faults.rigs import PERPETUAL, RIGS, SPOT
from supervisor.faults.run import FaultRun
from supervisor.faults.scenario import Fault, Scenario, scenarios_of
from supervisor.faults.stage import Stage

CARRY = RIGS["spot-futures"]
RUNS = [(kind, scenario) for kind, rig in RIGS.items() for scenario in scenarios_of(rig)]


@pytest.mark.parametrize(("kind", "scenario"), RUNS, ids=[f"{kind}: {scenario.title}" for kind, scenario in RUNS])
def test_every_strategy_of_two_legs_survives_every_fault(kind, scenario):
    assert "" == FaultRun(RIGS[kind], scenario).play().failure


def carry(fault: Fault, leg: int = 2):
    return FaultRun(CARRY, Scenario(fault, leg)).play()


def test_both_legs_of_every_kind_of_fault_are_played():
    faults = [(scenario.fault, scenario.leg) for scenario in scenarios_of(CARRY)]
    # a spot leg cannot be liquidated
    assert {(fault, leg) for fault in Fault for leg in (1, 2)} - {(Fault.NONE, 2), (Fault.LIQUIDATED, 1)} == set(faults)
    titles = [scenario.title for scenario in scenarios_of(RIGS["arbitrage"])]
    assert not any("holding" in title for title in titles)


def test_the_cost_without_a_fault_is_the_fees_and_half_the_spreads():
    outcome = carry(Fault.NONE)
    # 0.165 × 60,000.01 × 0.1 % + 0.165 × 60,300 × 0.05 % + 0.165 × (0.005 + 0.05)
    assert D("9.90000165") + D("4.97475") + D("0.009075") == outcome.cost
    assert ("open", 2, 0, D(0)) == (outcome.result, outcome.orders, outcome.repairs, outcome.residual)


def test_a_second_leg_that_is_rejected_once_is_completed():
    outcome = carry(Fault.REJECTED)
    assert ("open", 3, 1, D(0)) == (outcome.result, outcome.orders, outcome.repairs, outcome.residual)


def test_a_second_leg_whose_venue_takes_nothing_is_flattened():
    outcome = carry(Fault.REFUSED)
    # the first, the second, three repairs, and the sale of what the first bought
    assert ("flattened", 6, 3) == (outcome.result, outcome.orders, outcome.repairs)
    assert "insufficient-balance" in outcome.reason


def test_a_market_that_has_gone_is_not_followed_but_the_first_leg_unwound():
    outcome = carry(Fault.MOVED)
    assert ("unwound", 3, 1, D(0)) == (outcome.result, outcome.orders, outcome.repairs, outcome.residual)
    assert "filled nothing at 60,269.9" in outcome.reason


def test_what_is_filled_below_the_minimum_is_carried_and_said():
    outcome = carry(Fault.PARTLY, leg=1)
    assert ("abandoned", D("0.00083"), 1) == (outcome.result, outcome.residual, outcome.orders)
    assert "residual: holding 0.00083 BTCUSDT.spot" in outcome.reason


def test_a_liquidation_closes_the_other_leg_and_never_opens_the_first_again():
    run = FaultRun(CARRY, Scenario(Fault.LIQUIDATED, 2))
    outcome = run.play()
    assert ("unwound", "the venue closed 0.165 BTCUSDT.usdm (autoclose-1)") == (outcome.result, outcome.reason)
    requests = [order.request for order in run.floors["usdm"].records.orders.values()]
    assert ["f-pair-e1-2"] == [request.client_order_id for request in requests]
    assert D(0) == run.floors["usdm"].venue.ledger.position(PERPETUAL.id)
    assert any("forced by the venue" in alert for alert in run.stage.alerts)


def test_an_order_that_never_arrived_is_sent_again_only_when_that_is_known():
    run = FaultRun(CARRY, Scenario(Fault.UNKNOWN_LOST, 2))
    run.play()
    first, second = [order.request for order in run.floors["usdm"].records.orders.values()]
    assert second.ts_created - first.ts_created >= 3_000_000_000


def test_a_venue_that_is_gone_takes_no_orders():
    run = FaultRun(CARRY, Scenario(Fault.GONE_LONG, 2))
    run.floors["usdm"].lose(0)
    order = SubmitOrder(
        client_order_id="f-1", strategy="pair", epoch=1, instrument=PERPETUAL.id, side="buy", quantity=D(1),
        price=D(60_000), ts_created=0,
    )  # fmt: skip
    (denied,) = run.floors["usdm"].submit(order, 0)
    assert "venue-down" == denied.reason


class Restless:
    """A strategy that wants to be woken at once, for ever."""

    strategy_id = "restless"
    instruments = CARRY.instruments

    def on_message(self, message):
        return [SetTimer("again", message.ts)]


def test_a_strategy_that_answers_itself_without_end_is_stopped():
    stage = Stage(Restless(), FaultRun(CARRY, Scenario(Fault.NONE, 1)).floors, 5)
    stage.start()
    with pytest.raises(RuntimeError, match="restless answers itself without end at 5 ns"):
        stage.pass_time(6)


# --- what is not good enough ----------------------------------------------------------------------------------------


def test_a_cost_beyond_the_budget_is_a_failure():
    rig = msgspec.structs.replace(CARRY, loss_budget=D(1))
    assert FaultRun(rig, Scenario(Fault.NONE, 1)).play().failure.startswith("it cost 14.88")


def test_a_strategy_that_does_not_trade_shows_nothing():
    rig = msgspec.structs.replace(CARRY, prices={SPOT.id: (60_000.0, 60_000.01), PERPETUAL.id: (60_000.0, 60_000.1)})
    assert "it did not trade" == FaultRun(rig, Scenario(Fault.NONE, 1)).play().failure


def test_a_halt_and_books_that_are_not_the_venues_are_failures():
    rig = msgspec.structs.replace(CARRY, parameters={**CARRY.parameters, "repair_attempts_max": 1})
    run = FaultRun(rig, Scenario(Fault.REJECTED, 2))
    run.play()
    run.strategy.ledger.adopt(SPOT.id, D(1))
    run.strategy.pair._enter(type(run.strategy.pair.state).HALTED)
    run.strategy._enter(type(run.strategy.state).HALTED)
    failures = list(run._failures(D("0.1"), D(0)))
    assert [
        "it has not come to rest: HALTED",
        "its books have 1 BTCUSDT.spot, the venue's 0.16500",
        "0.1 is not hedged",
    ] == failures
    assert isinstance(run.strategy, SpotFutures)


# --- the command ----------------------------------------------------------------------------------------------------


@pytest.fixture
def no_terminal(monkeypatch):
    """Output to a file or a pipe, whose width nobody has told."""
    monkeypatch.delenv("COLUMNS", raising=False)


@pytest.mark.usefixtures("no_terminal")
def test_the_command_shows_a_table_and_ends_well():
    result = CliRunner().invoke(app, ["faults", "spot-futures"])
    assert 0 == result.exit_code
    assert "leg 2 rejected once" in result.output
    assert "futures-futures" not in result.output
    assert "FAILED" not in result.output


def test_the_command_writes_json():
    result = CliRunner().invoke(app, ["faults", "spot-futures", "--json"])
    rows = json.loads(result.output)
    assert len(list(scenarios_of(CARRY))) == len(rows)
    assert {"kind": "spot-futures", "scenario": "nothing goes wrong", "repairs": 0} == {
        name: rows[0][name] for name in ("kind", "scenario", "repairs")
    }


@pytest.mark.usefixtures("no_terminal")
def test_a_failure_is_shown_and_is_the_exit_code(monkeypatch):
    monkeypatch.setitem(RIGS, "spot-futures", msgspec.structs.replace(CARRY, loss_budget=D(1)))
    result = CliRunner().invoke(app, ["faults", "spot-futures"])
    assert 1 == result.exit_code
    assert "FAILED: it cost" in result.output


def test_an_unknown_kind_is_bad_usage():
    result = CliRunner().invoke(app, ["faults", "hope"])
    assert (2, True) == (result.exit_code, "there are: spot-futures" in result.output)
