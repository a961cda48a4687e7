"""Every cell of (state × input) of spot-futures: what comes of it and what is said.

`cells.txt` is the specification, in the form of `cells.txt`: state | events | given | next state |
said. Where a row may lead is the table of the pair, seen through what its states mean (`pair_rows.py`).
"""

from pathlib import Path

import pytest

from actors.machine import UnexpectedMessage
from actors.strategies.spot_futures.strategy import SpotFutures, State
from actors.strategies.strategy import INPUTS
from messages.market import Checkpoint, ClockTick, EndOfData
from tests.actors.strategies.pair.scenarios import words
from tests.actors.strategies.spot_futures.scenarios import EVENTS, GIVENS, play, world_in

ROWS = [
    tuple(line.split(" | "))
    for line in Path(__file__).with_name("cells.txt").read_text().splitlines()
    if not line.startswith("#")
]
CELLS = [
    (State[state], event, given, State[target], said)
    for state, events, given, target, said in ROWS
    for event in events.split(", ")
]


@pytest.mark.parametrize(
    ("state", "event", "given", "target", "said"), CELLS, ids=[f"{cell[0].name}-{cell[1]}-{cell[2]}" for cell in CELLS]
)
def test_a_cell_leads_where_the_table_says_and_says_what_it_says(state, event, given, target, said):
    world, outputs = play(state, event, given)
    assert (target, said) == (world.strategy.state, words(world, outputs))
    named = {message.__name__: row.targets for message, row in SpotFutures.transitions[state].items()}
    assert target in {state, *named[event.split()[0]]}


@pytest.mark.parametrize("state", list(State), ids=lambda state: state.name)
def test_every_input_of_every_state_has_a_line(state):
    assert {message.__name__ for message in INPUTS} == {event.split()[0] for event in EVENTS}
    assert set(EVENTS) == {event for from_, event, given, _, _ in CELLS if from_ is state and given == "as it is"}
    assert set(GIVENS) == {given for _, _, given, _, _ in CELLS}


@pytest.mark.parametrize("state", list(State), ids=lambda state: state.name)
def test_what_is_no_input_is_an_error_and_changes_nothing(state):
    for message in (ClockTick("v", 1, 1, 1.0), EndOfData("v", 1), Checkpoint("v", 1)):
        world = world_in(state)
        before = (world.strategy.pair.state, world.held, world.open_ids, dict(world.strategy.own_orders.timers))
        with pytest.raises(UnexpectedMessage, match=f"{type(message).__name__} while {state.name}"):
            world.send(message)
        assert (state, *before) == (
            world.strategy.state, world.strategy.pair.state, world.held, world.open_ids,
            dict(world.strategy.own_orders.timers),
        )  # fmt: skip


def test_a_row_names_only_what_the_pair_can_come_to():
    rows = SpotFutures.transitions
    late = {message.__name__: row.targets for message, row in rows[State.OPENING_SPOT_POSITION].items()}
    assert frozenset({State.PROTECTING}) == late["TimerFired"]
    assert frozenset({State.HALTED}) == late["HaltStrategy"]
    assert frozenset() == late["OrderAccepted"]
    held = {message.__name__: row.targets for message, row in rows[State.MONITORING_POSITIONS].items()}
    assert frozenset({State.REBALANCING, State.PROTECTING}) == held["TimerFired"]
    assert frozenset({State.ANALYZING_MARKET, State.IDLE}) == rows[State.COOLDOWN][_type("TimerFired")].targets


def _type(name):
    return next(message for message in INPUTS if message.__name__ == name)
