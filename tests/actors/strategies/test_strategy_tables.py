"""Every cell of both tables: what may come has a row in every state, what may not is an error."""

from decimal import Decimal as D
from pathlib import Path
from typing import Any

import msgspec
import pytest

from actors.diagram import mermaid
from actors.machine import UnexpectedMessage
from actors.strategies.pair.commands import (
    COMMANDS,
    Arm,
    Close,
    CycleRecorded,
    Disarm,
    FeedStale,
    Flatten,
    HeadroomDenied,
    HeadroomGranted,
    PairState,
    Rebalance,
    Release,
    Reserve,
    Turn,
)
from actors.strategies.pair.execution import PAIR_INPUTS, PairExecution
from actors.strategies.registry import KINDS
from actors.strategies.spot_futures.strategy import SpotFutures, State
from actors.strategies.strategy import INPUTS, Strategy
from messages.market import ClockTick, EndOfData
from messages.orders import Side
from tests.actors.strategies.trading_world import PERPETUAL_ID, SPOT_ID, World, parameters

DOCS = Path(__file__).parents[3] / "docs" / "strategies"

LEGAL_COMMANDS = {
    PairState.RECOVERING: set(),
    PairState.IDLE: {Arm, Turn},
    PairState.ARMED: {Disarm, Reserve, Turn},
    PairState.RESERVED: {Disarm, HeadroomGranted, HeadroomDenied},
    PairState.LEG_ONE_WORKING: {Flatten},
    PairState.LEG_TWO_WORKING: {Flatten},
    PairState.BOTH_WORKING: {Flatten},
    PairState.OPEN: {Rebalance, Release, Close, Flatten, FeedStale},
    PairState.REBALANCING: {Flatten},
    PairState.REPAIRING: {Flatten},
    PairState.CLOSING: {Flatten},
    PairState.PROTECTING: {Flatten, FeedStale},
    PairState.FLATTENING: {Flatten},
    PairState.FLAT: {CycleRecorded},
    PairState.COOLDOWN: set(),
    PairState.HALTED: {Flatten},
}
SAMPLES: dict[type, Any] = {
    Arm: Arm(), Disarm: Disarm(), Reserve: Reserve(None), HeadroomGranted: HeadroomGranted(),  # type: ignore[arg-type]
    HeadroomDenied: HeadroomDenied("limit"), Rebalance: Rebalance(), Close: Close("why"), Flatten: Flatten("why"),
    FeedStale: FeedStale("why"), CycleRecorded: CycleRecorded(),
    Release: Release("why"), Turn: Turn((Side.SELL, Side.BUY)),
}  # fmt: skip


def pair_in(state: PairState) -> PairExecution:
    pair = World(parameters()).strategy.pair
    pair._enter(state)
    return pair


@pytest.mark.parametrize("state", [state for state in PairState if state is not PairState.FLAT])
def test_whatever_comes_from_outside_has_a_row_in_every_lasting_state(state):
    assert set(PAIR_INPUTS) <= set(PairExecution.transitions[state])


@pytest.mark.parametrize("state", list(PairState))
def test_a_command_is_legal_just_where_it_makes_sense(state):
    assert LEGAL_COMMANDS[state] == set(COMMANDS) & set(PairExecution.transitions[state])


@pytest.mark.parametrize(
    ("state", "command"),
    [(state, command) for state in PairState for command in COMMANDS if command not in LEGAL_COMMANDS[state]],
)
def test_an_illegal_command_raises_and_changes_nothing(state, command):
    pair = pair_in(state)
    with pytest.raises(UnexpectedMessage, match=f"{command.__name__} while {state.name}"):
        pair.on_message(SAMPLES[command])
    assert state is pair.state


def test_a_finished_cycle_is_recorded_before_anything_else_is_heard():
    assert {CycleRecorded} == set(PairExecution.transitions[PairState.FLAT])


@pytest.mark.parametrize("kind", sorted(KINDS))
def test_every_input_has_a_row_in_every_state_of_every_strategy(kind):
    for state, rows in KINDS[kind].transitions.items():
        assert set(INPUTS) <= set(rows), state


def test_what_is_no_input_of_a_strategy_is_an_error_in_every_state():
    for state in State:
        strategy = World(parameters()).strategy
        strategy._enter(state)
        for message in (ClockTick("v", 1, 1, 1.0), EndOfData("v", 1)):
            with pytest.raises(UnexpectedMessage, match=f"{type(message).__name__} while {state.name}"):
                strategy.on_message(message)


def test_the_base_leaves_every_decision_to_its_subclass():
    base = object.__new__(Strategy)
    for ask in (
        lambda: Strategy.instrument_ids(None),
        lambda: Strategy.check(None, {}),
        base.subscriptions,
        lambda: base.is_settled,
        lambda: base.reporting_currency,
    ):
        with pytest.raises(NotImplementedError):
            ask()
    assert "" == base.note


def test_headroom_that_is_denied_ends_the_signal():
    world = World(parameters())
    pair = world.strategy.pair
    pair.on_message(Arm())
    pair.on_message(Reserve(None))  # type: ignore[arg-type]
    pair.on_message(HeadroomDenied("limit of the own_orders"))
    assert (PairState.IDLE, "no headroom: limit of the own_orders") == (pair.state, pair.reason)


def test_a_flatten_while_orders_work_cancels_them_first():
    world = World(parameters())
    world.market(60_000.0, 60_300.0)
    name = world.last.client_order_id
    pair = world.strategy.pair
    said = pair.on_message(Flatten("by hand"))
    assert (PairState.PROTECTING, "by hand") == (pair.state, pair.reason)
    assert any(getattr(output, "client_order_id", "") == name for output in said)
    world.fill(name, "0.1")
    world.close(name)
    assert (PairState.FLATTENING, SPOT_ID, Side.SELL) == (pair.state, world.last.instrument, world.last.side)
    world.trade_all()
    assert 0 == world.held[0]


def test_a_rebalancing_that_is_not_needed_or_not_possible_is_not_done():
    world = World(parameters())
    world.open_pair()
    assert [] == world.strategy.pair.on_message(Rebalance())
    world.wait(6_000)
    world.quote(SPOT_ID, 60_000.0, 60_001.0)
    world.strategy.pair._enter(PairState.OPEN)
    world.strategy.ledger.adopt(PERPETUAL_ID, world.positions[PERPETUAL_ID] / 2)
    assert [] == world.strategy.pair.on_message(Rebalance())


@pytest.mark.parametrize(
    ("machine", "heading"),
    [(SpotFutures, "## States"), (PairExecution, "## Pair execution")],
)
def test_the_diagrams_in_the_docs_are_those_of_the_tables(machine, heading):
    text = (DOCS / "spot_futures.md").read_text()
    section = text[text.index(heading) :]
    drawn = section.split("```mermaid\n")[1].split("```")[0]
    assert mermaid(machine.initial, machine.transitions, machine.terminal) == drawn


def test_the_docs_name_every_parameter_with_its_default():
    text = (DOCS / "spot_futures.md").read_text()
    for field in msgspec.structs.fields(SpotFutures.parameters_type):
        shown = "" if field.required else "none" if field.default is None else field.default
        assert f"| `{field.name}` | {shown} |" in text, field.name


def test_net_delta_is_a_share_of_the_first_leg():
    world = World(parameters())
    position, ledger = world.strategy.pair.position, world.strategy.ledger
    assert 0.0 == position.delta_ratio()
    ledger.adopt(PERPETUAL_ID, D("-0.1"))
    assert -1.0 == position.delta_ratio()
    ledger.adopt(SPOT_ID, D("0.2"))
    assert 0.5 == position.delta_ratio()
