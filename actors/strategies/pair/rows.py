"""Rows of a strategy's table that follow from the table of its pair: where the pair may go, the strategy may stand."""

from collections.abc import Mapping
from enum import Enum
from typing import TypeVar

from actors.machine import Handler, Row, Rows
from actors.strategies.pair.commands import PairState
from actors.strategies.pair.execution import PAIR_INPUTS, PairExecution
from messages.strategy_host import DrainStrategy, FlattenStrategy

_DRAINS = frozenset({DrainStrategy, FlattenStrategy})
OuterT = TypeVar("OuterT", bound=Enum)
Meaning = Mapping[PairState, frozenset[OuterT]]
"""What each state of the pair may mean to the strategy. FLAT lasts for no time: the cycle is recorded, and the pair is
in COOLDOWN or IDLE; nor does RESERVED, where headroom is granted at once.
"""


def meaning_of_all(lasting: Meaning[OuterT]) -> Meaning[OuterT]:
    """Complete the meanings of the states that last with those that do not."""
    flat = lasting[PairState.COOLDOWN] | lasting[PairState.IDLE]
    return {**lasting, PairState.FLAT: flat, PairState.RESERVED: frozenset()}


def rows_of_pair(outer: OuterT, meaning: Meaning[OuterT], handler: Handler) -> Rows:
    """One row for everything that a pair hears, with just the targets that the pair's own table leads to."""
    return {message: Row(handler, targets_of_pair(outer, meaning, message)) for message in PAIR_INPUTS}


def targets_of_pair(outer: OuterT, meaning: Meaning[OuterT], *messages: type) -> frozenset[OuterT]:
    """Where a strategy in this state may stand after its pair has heard one of these messages or commands."""
    found: set[OuterT] = set()
    for inside in (state for state, outers in meaning.items() if outer in outers and state is not PairState.FLAT):
        rows = PairExecution.transitions[inside]
        ends = {PairState(end) for message in messages if message in rows for end in rows[message].targets}
        if inside is not PairState.IDLE or not _DRAINS.intersection(messages):
            ends.discard(inside)  # IDLE means something else to a strategy that is drained
        found.update(target for end in ends for target in meaning[end])
    return frozenset(found - {outer})
