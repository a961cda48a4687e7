"""Input journals for tests: what a strategy was told and answered, written as its host would."""

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import msgspec

from actors.replay import Replay, Replayed
from actors.runtime.input_journal import InputChannel, InputJournal, read_steps
from actors.runtime.journal_header import JournalHeader, read_header, write_header
from actors.runtime.strategy_kinds import strategy_class
from actors.strategies.strategy import MARKET_MESSAGES, ORDER_REPORTS, Strategy
from messages.codec import encode
from messages.orders import FundingPaid


def channel_of(message: Any) -> InputChannel:
    if isinstance(message, MARKET_MESSAGES):
        return InputChannel.MARKET_DATA
    return InputChannel.EXECUTION if isinstance(message, (*ORDER_REPORTS, FundingPaid)) else InputChannel.CONTROL


def replayed(folder: Path) -> Replayed:
    """Tell a journal to a new strategy, made from its header."""
    header = read_header(folder)
    kind = strategy_class(header.kind)
    parameters = msgspec.convert(header.parameters, kind.parameters_type)
    strategy = kind(header.strategy, {instrument.id: instrument for instrument in header.instruments}, parameters)
    return Replay(strategy).run(read_steps(folder))


def write_steps(directory: Path, steps: Iterable[tuple[Any, Sequence[Any]]]) -> None:
    """Write inputs, each with its answers."""
    journal = InputJournal(directory)
    for message, answers in steps:
        journal.append(channel_of(message), encode(message))
        for answer in answers:
            journal.append(InputChannel.OUTPUT, encode(answer))
    journal.close()


def write_journal(directory: Path, strategy: Strategy[Any], inputs: Iterable[Any]) -> None:
    """Tell a strategy all of it, and write what it was told and answered, with the header."""
    parameters = msgspec.json.decode(msgspec.json.encode(strategy.parameters))
    header = JournalHeader(
        strategy=strategy.strategy_id,
        kind=strategy.kind,
        parameters=parameters,
        instruments=tuple(strategy.instruments.values()),
    )
    write_header(directory, header)
    write_steps(directory, ((message, list(strategy.on_message(message))) for message in inputs))
