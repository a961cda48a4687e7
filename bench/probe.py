"""The strategy of the latency bench: answers every quote with one order, and takes note of every report."""

from collections.abc import Mapping
from decimal import Decimal
from enum import Enum
from typing import Any

import msgspec

from actors.machine import Reaction, on
from actors.strategies.own_orders import Ticket
from actors.strategies.strategy import INPUTS, Strategy
from messages.instruments import Instrument, Rounding
from messages.market import Quote
from messages.orders import Side, TimeInForce
from messages.topics import Channel


class State(Enum):
    ANSWERING = "every quote is answered with an order"


class ProbeParameters(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    instrument: str
    quantity: Decimal


class Probe(Strategy[State]):
    """One order a quote, at the quote's own bid."""

    kind = "probe"
    parameters_type = ProbeParameters
    initial = State.ANSWERING
    terminal = frozenset(State)
    is_settled = True
    reporting_currency = "USDT"

    def __init__(self, strategy_id: str, instruments: Mapping[str, Instrument], parameters: ProbeParameters) -> None:
        self._quantity = parameters.quantity
        super().__init__(strategy_id, instruments, parameters)

    @classmethod
    def instrument_ids(cls, parameters: Any) -> tuple[str, ...]:
        return (parameters.instrument,)

    @classmethod
    def check(cls, parameters: Any, instruments: Mapping[str, Instrument]) -> list[str]:
        return [] if parameters.instrument in instruments else [f"instrument {parameters.instrument} does not exist"]

    def subscriptions(self) -> tuple[tuple[Channel, str], ...]:
        return tuple((Channel.QUOTE, name) for name in self.instruments)

    def answer(self, quote: Quote) -> Reaction[State]:
        price = self.instruments[quote.instrument].round_price(quote.bid, Rounding.DOWN)
        ticket = Ticket(
            instrument=quote.instrument,
            side=Side.BUY,
            quantity=self._quantity,
            price=price,
            time_in_force=TimeInForce.IOC,
            valid_for_ms=60_000,
        )
        return State.ANSWERING, [self.own_orders.submit(ticket).request]

    def take_note(self, _message: Any) -> Reaction[State]:
        return State.ANSWERING, ()

    transitions = {
        State.ANSWERING: {**dict.fromkeys(INPUTS, on(take_note)), Quote: on(answer)},
    }
