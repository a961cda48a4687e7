"""The strategies that the backtest bench runs: one that does nothing, and one that keeps two quotes in the market."""

from collections.abc import Mapping
from decimal import Decimal
from enum import Enum
from typing import Annotated, Any

import msgspec

from actors.machine import Outputs, Reaction, on
from actors.strategies.own_orders import Ticket
from actors.strategies.strategy import INPUTS, Strategy
from messages.instruments import Instrument, Rounding
from messages.market import Quote
from messages.orders import Side, TimeInForce
from messages.strategy_host import DrainStrategy
from messages.topics import Channel

NOTHING: Outputs = ()


class BenchParameters(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """:param every: quotes from one renewal of our two orders to the next."""

    instrument: str
    order_size: Decimal = Decimal("0.002")
    every: Annotated[int, msgspec.Meta(ge=1)] = 18


class State(Enum):
    WATCHING = "hears the market"
    STOPPED = "drained"


class Idle(Strategy[State]):
    """Hears quotes and trades, and does nothing."""

    kind = "bench-idle"
    parameters_type = BenchParameters
    parameters: BenchParameters
    initial = State.WATCHING
    terminal = frozenset({State.STOPPED})

    def __init__(self, strategy_id: str, instruments: Mapping[str, Instrument], parameters: BenchParameters) -> None:
        super().__init__(strategy_id, instruments, parameters)
        self.parameters = parameters

    @classmethod
    def instrument_ids(cls, parameters: BenchParameters) -> tuple[str, ...]:
        return (parameters.instrument,)

    @classmethod
    def check(cls, parameters: BenchParameters, instruments: Mapping[str, Instrument]) -> list[str]:  # noqa: ARG003
        return []

    def subscriptions(self) -> tuple[tuple[Channel, str], ...]:
        return (Channel.QUOTE, self.parameters.instrument), (Channel.TRADE, self.parameters.instrument)

    @property
    def is_settled(self) -> bool:
        return not self.open_orders

    @property
    def reporting_currency(self) -> str:
        return self.instruments[self.parameters.instrument].quote

    def stay(self, _message: Any) -> Reaction[State]:
        return self.state, NOTHING

    def stop(self, _message: Any) -> Reaction[State]:
        return State.STOPPED, [self.own_orders.cancel(order) for order in self.own_orders.working]

    transitions = {
        State.WATCHING: dict.fromkeys(INPUTS, on(stay)) | {DrainStrategy: on(stop, State.STOPPED)},
        State.STOPPED: dict.fromkeys(INPUTS, on(stay)),
    }


class Requoter(Idle):
    """Renews a bid and an offer at the touch every so many quotes: two orders and two cancels each time."""

    kind = "bench-requoter"

    def __init__(self, strategy_id: str, instruments: Mapping[str, Instrument], parameters: BenchParameters) -> None:
        super().__init__(strategy_id, instruments, parameters)
        self._instrument = self.instruments[parameters.instrument]
        self._left = parameters.every

    def requote(self, quote: Quote) -> Reaction[State]:
        self._left -= 1
        if self._left:
            return State.WATCHING, NOTHING
        self._left = self.parameters.every
        cancels = [self.own_orders.cancel(order) for order in self.own_orders.working]
        bid = self._instrument.round_price(quote.bid, Rounding.DOWN)
        ask = self._instrument.round_price(quote.ask, Rounding.UP)
        orders = [self._order(Side.BUY, bid), self._order(Side.SELL, ask)]
        return State.WATCHING, [*cancels, *orders]

    def _order(self, side: Side, price: Decimal) -> Any:
        ticket = Ticket(
            instrument=self._instrument.id,
            side=side,
            quantity=self.parameters.order_size,
            price=price,
            time_in_force=TimeInForce.GTC,
            post_only=True,
        )
        return self.own_orders.submit(ticket).request

    transitions = {
        **Idle.transitions,
        State.WATCHING: {**Idle.transitions[State.WATCHING], Quote: on(requote)},
    }


KINDS: Mapping[str, type[Strategy[Any]]] = {kind.kind: kind for kind in (Idle, Requoter)}
