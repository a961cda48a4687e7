"""The input journal of a strategy: everything it was told, in delivery order, and everything that it answered.

Replaying it through a new object of the same class gives the same object again. A message that made a handler fail is
marked by the record behind it; it is left out on recovery if it was market data, a timer or a change of parameters, so
that a poisoned tick does not kill every incarnation. Executions are never left out: they are accounts.
"""

from collections.abc import Iterator
from enum import IntEnum
from pathlib import Path
from typing import Any, NamedTuple

from actors.runtime.journal import BEGINNING, Journal, Position, read_journal
from messages.codec import FROM_GATEWAY, MARKET_DATA, STRATEGY_INPUT
from messages.strategy_host import ParametersChanged, TimerFired


class InputChannel(IntEnum):
    """What kind a record of the journal is of."""

    MARKET_DATA = 0
    EXECUTION = 1
    CONTROL = 2
    OUTPUT = 3
    FAULT = 4


_DECODE = {
    InputChannel.MARKET_DATA: MARKET_DATA.decode,
    InputChannel.EXECUTION: FROM_GATEWAY.decode,
    InputChannel.CONTROL: STRATEGY_INPUT.decode,
}


class InputJournal:
    """Appends what a strategy is told and answers.

    `flush` comes before an answer leaves, so that every input that had an effect is on disk. The answer itself is
    appended behind it: one that leaves in the moment of death may be missing here, and a replay makes it again.

    :param after: what is before this place is not read again.
    """

    def __init__(self, directory: Path, after: Position = BEGINNING) -> None:
        self._journal = Journal(directory, after=after)
        self.append = self._journal.append
        self.flush = self._journal.flush
        self.sync = self._journal.sync
        self.close = self._journal.close

    @property
    def position(self) -> Position:
        """Behind the last record that is on disk."""
        return self._journal.position

    def mark_fault(self) -> None:
        """Say that the last input made its handler fail."""
        self._journal.append(InputChannel.FAULT, b"")
        self._journal.flush()


class JournalStep(NamedTuple):
    """One thing that a strategy was told, and the frames of what it answered.

    :param has_failed: its handler raised; what it had answered until then was never sent.
    """

    channel: InputChannel
    message: Any  # Any: whatever a strategy is told
    answers: list[bytes]
    has_failed: bool


def read_steps(directory: Path, after: Position = BEGINNING) -> Iterator[JournalStep]:
    """Everything that a strategy was told behind a place of the journal, in order, with its answers."""
    step: JournalStep | None = None
    for record in read_journal(directory, after):
        channel = InputChannel(record.channel)
        if channel is InputChannel.OUTPUT:
            if step is not None:
                step.answers.append(record.payload)
        elif channel is InputChannel.FAULT:
            if step is not None:
                step = step._replace(has_failed=True)
        else:
            if step is not None:
                yield step
            step = JournalStep(channel, _DECODE[channel](record.payload), [], has_failed=False)
    if step is not None:
        yield step


def read_inputs(directory: Path, after: Position = BEGINNING) -> Iterator[tuple[InputChannel, Any]]:
    """The messages that a strategy was told, in order, without those that are left out on recovery."""
    return ((step.channel, step.message) for step in read_steps(directory, after) if not is_left_out(step))


def is_left_out(step: JournalStep) -> bool:
    """Whether a new incarnation is spared this input: it made its handler fail, and is no account."""
    if not step.has_failed:
        return False
    return step.channel is InputChannel.MARKET_DATA or isinstance(step.message, TimerFired | ParametersChanged)
