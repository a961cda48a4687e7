"""Loaded by every Python that has this folder in PYTHONPATH: adds a strategy whose handler fails to the registry.

So the real host process, started in the real way, runs a strategy with a bug in it.
"""

from collections.abc import Mapping
from enum import Enum
from pathlib import Path
from typing import Any

import msgspec

from actors.machine import Reaction, on
from actors.strategies import registry
from actors.strategies.own_orders import Ticket
from actors.strategies.strategy import INPUTS, Strategy
from messages.instruments import Instrument, Rounding
from messages.market import Quote
from messages.orders import OrderAccepted, Side, TimeInForce
from messages.topics import Channel


class State(Enum):
    FLAT = "no order yet"
    RESTING = "an order rests in the book, far from the market"


class FaultyParameters(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """:param trigger: while this file is there, the next quote after the order was accepted raises.
    :param is_taking: its order is filled at once and does not rest.
    """

    instrument: str
    trigger: str
    is_taking: bool = False


class Faulty(Strategy[State]):
    """Places one order, resting or taking; fails on the next quote while its trigger file is there."""

    kind = "faulty"
    parameters_type = FaultyParameters
    initial = State.FLAT
    is_settled = True
    reporting_currency = "USDT"

    def __init__(self, strategy_id: str, instruments: Mapping[str, Instrument], parameters: FaultyParameters) -> None:
        self._trigger = Path(parameters.trigger)
        self._bid_ratio = 1.02 if parameters.is_taking else 0.9
        self._is_accepted = False
        super().__init__(strategy_id, instruments, parameters)

    @classmethod
    def instrument_ids(cls, parameters: Any) -> tuple[str, ...]:
        return (parameters.instrument,)

    @classmethod
    def check(cls, parameters: Any, instruments: Mapping[str, Instrument]) -> list[str]:
        return []

    def subscriptions(self) -> tuple[tuple[Channel, str], ...]:
        return tuple((Channel.QUOTE, name) for name in self.instruments)

    def place(self, quote: Quote) -> Reaction[State]:
        self._fail_if_triggered(quote)
        price = self.instruments[quote.instrument].round_price(quote.bid * self._bid_ratio, Rounding.DOWN)
        quantity = self.instruments[quote.instrument].round_quantity(0.01)
        ticket = Ticket(
            instrument=quote.instrument,
            side=Side.BUY,
            quantity=quantity,
            price=price,
            time_in_force=TimeInForce.GTC,
        )
        return State.RESTING, [self.own_orders.submit(ticket).request]

    def note_acceptance(self, _accepted: OrderAccepted) -> Reaction[State]:
        self._is_accepted = True
        return self.state, ()

    def fail(self, quote: Quote) -> Reaction[State]:
        self._fail_if_triggered(quote)
        return State.RESTING, ()

    def _fail_if_triggered(self, quote: Quote) -> None:
        if self._is_accepted and self._trigger.exists():
            raise RuntimeError(f"a bug met quote {quote.seq}")

    def stay(self, _message: Any) -> Reaction[State]:
        return self.state, ()

    def rest_no_more(self, _message: Any) -> Reaction[State]:
        return (State.RESTING if self.open_orders else State.FLAT), ()

    transitions = {
        State.FLAT: {**dict.fromkeys(INPUTS, on(stay)), Quote: on(place, State.RESTING)},
        State.RESTING: {
            **dict.fromkeys(INPUTS, on(rest_no_more, State.FLAT)),
            Quote: on(fail),
            OrderAccepted: on(note_acceptance),
        },
    }


registry.KINDS = {**registry.KINDS, Faulty.kind: Faulty}
