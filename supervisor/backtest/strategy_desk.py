"""One strategy of a backtest: what its host is to it in a cluster, without sockets and without a clock."""

import traceback
from typing import Any, Final

import msgspec

from actors.machine import Outputs
from actors.runtime.input_journal import InputChannel, InputJournal
from actors.runtime.timers import Timers
from actors.strategies.strategy import Strategy
from messages.base import Message
from messages.codec import encode
from messages.health import Lifecycle, StrategyReport
from messages.orders import Fill
from supervisor.backtest.record import StrategyRecord

TRACEBACK_LENGTH_MAX: Final = 16_000
NOTHING: Final[Outputs] = ()


class Fault(msgspec.Struct, frozen=True, kw_only=True):
    """An exception that left a strategy; it hears nothing any more, and its orders are cancelled.

    :param cause: type of the message that it was told; `ts` its own newest time then.
    """

    strategy: str
    state: str
    cause: str
    error: str
    traceback: str
    ts: int


class StrategyDesk:
    """A strategy with its timers, its record and, if wanted, its journal.

    :param order_prefix: of its order ids.
    :ivar fault: how it failed; None while it works. `is_fenced`: its orders were cancelled after it.
    """

    def __init__(self, strategy: Strategy[Any], order_prefix: str, journal: InputJournal | None = None) -> None:
        self.id = strategy.strategy_id
        self.strategy = strategy
        self.order_prefix = order_prefix
        self.venue_of = {id: instrument.venue for id, instrument in strategy.instruments.items()}
        self.timers = Timers()
        self.record = StrategyRecord()
        self.lifecycle = Lifecycle.STARTING
        self.fault: Fault | None = None
        self.is_fenced = False
        self._journal = journal

    @property
    def is_done(self) -> bool:
        """Whether nothing more is to be waited for."""
        return self.fault is not None or self.strategy.is_settled

    def hear_market(self, message: Message) -> Outputs:
        """`hear` for market data, of which there is by far the most."""
        if self.fault is not None or self._journal is not None:
            return self.hear(InputChannel.MARKET_DATA, message)
        try:
            return self.strategy.on_message(message)
        except Exception as error:  # noqa: BLE001  # as below
            self.fail(error, message)
            return NOTHING

    def hear(self, channel: InputChannel, message: Message) -> Outputs:
        """Tell the strategy a message and return what it answers; a strategy that has failed is told nothing."""
        if self.fault is not None:
            return NOTHING
        if self._journal is not None:
            self._journal.append(channel, encode(message))
        try:
            outputs = self.strategy.on_message(message)
        except Exception as error:  # noqa: BLE001  # its fault is its own: the others go on
            self.fail(error, message)
            return NOTHING
        if type(message) is Fill:
            self.record.fills.add(message)
        if self._journal is not None:
            for output in outputs:
                self._journal.append(InputChannel.OUTPUT, encode(output))
        return outputs

    def fail(self, error: Exception, message: Message) -> None:
        """The strategy has failed on this message."""
        self.lifecycle = Lifecycle.FAULTED
        if self._journal is not None:
            self._journal.mark_fault()
        trace = "".join(traceback.format_exception(error))
        self.fault = Fault(
            strategy=self.id,
            state=self.strategy.state.name,
            cause=type(message).__name__,
            error=repr(error),
            traceback=trace[-TRACEBACK_LENGTH_MAX:],
            ts=self.strategy.now_ns,
        )

    def report(self) -> StrategyReport:
        return StrategyReport(self.strategy.status(self.lifecycle), tuple(self.strategy.cycles))

    def close(self) -> None:
        if self._journal is not None:
            self._journal.close()
