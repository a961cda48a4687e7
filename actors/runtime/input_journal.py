"""The input journal of a strategy: everything it was told, in delivery order, and everything that it answered.

Replaying it through a new object of the same class gives the same object again. A message that made a handler fail is
marked by the record behind it; it is left out on recovery if it was market data or a timer, so that a poisoned tick
does not kill every incarnation. Executions are never left out: they are accounts.
"""

from collections.abc import Iterator
from enum import IntEnum
from pathlib import Path
from typing import Any

from actors.runtime.journal import Journal, read_journal
from messages.codec import FROM_GATEWAY, MARKET_DATA, STRATEGY_INPUT
from messages.control import TimerFired


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
    """

    def __init__(self, directory: Path) -> None:
        self._journal = Journal(directory)
        self.append = self._journal.append
        self.flush = self._journal.flush
        self.sync = self._journal.sync
        self.close = self._journal.close

    def mark_fault(self) -> None:
        """Say that the last input made its handler fail."""
        self._journal.append(InputChannel.FAULT, b"")
        self._journal.flush()


def read_inputs(directory: Path) -> Iterator[tuple[InputChannel, Any]]:
    """The messages that a strategy was told, in order, without those that are left out on recovery."""
    held: tuple[InputChannel, Any] | None = None
    for record in read_journal(directory):
        channel = InputChannel(record.channel)
        if channel is InputChannel.OUTPUT:
            continue
        if channel is InputChannel.FAULT:
            if held is not None and _may_be_left_out(*held):
                held = None
            continue
        if held is not None:
            yield held
        held = channel, _DECODE[channel](record.payload)
    if held is not None:
        yield held


def _may_be_left_out(channel: InputChannel, message: Any) -> bool:
    return channel is InputChannel.MARKET_DATA or isinstance(message, TimerFired)
