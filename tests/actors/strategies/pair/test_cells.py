"""Every cell of (state × event) of pair execution: what comes of it and what is said, or that it is an error.

`cells.txt` is the specification, one line for each kind of cell: state | events | given | next state | said. A
legal cell has a line for the event as it comes after the usual way into the state, and one for each other state that
it may lead to. Scenarios are played by messages (`pair_scenarios.py`).
"""

from collections import defaultdict
from pathlib import Path

import pytest

from actors.machine import UnexpectedMessage
from actors.strategies.pair.commands import COMMANDS, PairState
from actors.strategies.pair.execution import PAIR_INPUTS, PairExecution
from messages.market import Depth, MarkPrice, Quote, Trade
from messages.orders import FundingPaid
from tests.actors.strategies.pair.scenarios import EVENTS, GIVENS, ONLY_IN, play, words, world_in

AS_IT_IS = "as it is"
ROWS = [
    tuple(line.split(" | "))
    for line in Path(__file__).with_name("cells.txt").read_text().splitlines()
    if not line.startswith("#")
]
CELLS = [
    (PairState[state], event, given, PairState[target], said)
    for state, events, given, target, said in ROWS
    for event in events.split(", ")
]
HEARD_ELSEWHERE = (Quote, Depth, Trade, MarkPrice, FundingPaid)
"""Inputs of a strategy that its pair is never told: it looks at the views and the ledger."""


def type_of(event: str) -> str:
    return event.split(maxsplit=1)[0]


def legal(state: PairState) -> set[str]:
    return {message.__name__ for message in PairExecution.transitions[state]}


@pytest.mark.parametrize(
    ("state", "event", "given", "target", "said"), CELLS, ids=[f"{cell[0].name}-{cell[1]}-{cell[2]}" for cell in CELLS]
)
def test_a_legal_cell_leads_where_the_table_says_and_says_what_it_says(state, event, given, target, said):
    world, outputs = play(state, event, given)
    assert (target, said) == (world.pair.state, words(world, outputs))


@pytest.mark.parametrize("state", list(PairState), ids=lambda state: state.name)
def test_every_legal_cell_has_a_line(state):
    events = {event for event in EVENTS if type_of(event) in legal(state)}
    assert {type_of(event) for event in events} == legal(state)
    assert events == {event for from_, event, given, _, _ in CELLS if from_ is state and given == AS_IT_IS}


@pytest.mark.parametrize("state", list(PairState), ids=lambda state: state.name)
def test_every_target_that_the_table_names_is_reached_and_no_other(state):
    reached = defaultdict(set)
    for from_, event, _, target, _ in CELLS:
        if from_ is state:
            reached[type_of(event)].add(target)
    named = {message.__name__: set(row.targets) for message, row in PairExecution.transitions[state].items()}
    assert {name: targets - {state} for name, targets in named.items()} == {
        name: reached[name] - {state} for name in named
    }


def test_every_given_is_used_and_only_where_it_can_have_come_about():
    assert set(GIVENS) == {given for _, _, given, _, _ in CELLS}
    for state, _, given, _, _ in CELLS:
        assert state in ONLY_IN.get(given, PairState)


@pytest.mark.parametrize("state", list(PairState), ids=lambda state: state.name)
def test_an_illegal_cell_is_an_error_and_changes_nothing(state):
    kinds = (*PAIR_INPUTS, *COMMANDS, *HEARD_ELSEWHERE)
    assert {type_of(event) for event in EVENTS} == {kind.__name__ for kind in kinds}
    for event, make in EVENTS.items():
        if type_of(event) in legal(state):
            continue
        world = world_in(state)
        before = _picture(world)
        with pytest.raises(UnexpectedMessage, match=f"{type_of(event)} while {state.name} in PairExecution"):
            world.pair.on_message(make(world))
        assert before == _picture(world)


def _picture(world):
    own_orders, pair = world.strategy.own_orders, world.pair
    return (
        pair.state, pair.reason, pair.position.held, pair.position.sides, dict(own_orders.timers),
        [(order.request.client_order_id, order.state) for order in own_orders.open_orders], own_orders.orders_sent,
        pair.repairs.count, pair.repairs.spent,
    )  # fmt: skip
