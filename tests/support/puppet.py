"""A strategy that does what the public trades tell it, for tests of the process that it lives in."""

from collections.abc import Mapping
from enum import Enum
from typing import Any

import msgspec

from actors.machine import Reaction, on
from actors.strategies.own_orders import Ticket, cause_of
from actors.strategies.strategy import INPUTS, Strategy
from messages.instruments import Instrument, Rounding
from messages.market import Trade
from messages.orders import AmendOrder, Side, TimeInForce
from messages.topics import Channel

TIMER = "alarm-clock"


class State(Enum):
    OBEDIENT = "does what the next trade says"


class PuppetParameters(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    instruments: tuple[str, ...]
    word: str = ""
    size: int = 0


class Puppet(Strategy[State]):
    """The first word of a trade's id is what it does: `buy` at the trade's price and size, `cancel` or `amend` its
    orders, `timer` after so many nanoseconds as the trade's size says, `untimer`, `alert`, `fail`; or else nothing.
    """

    kind = "puppet"
    parameters_type = PuppetParameters
    initial = State.OBEDIENT
    terminal = frozenset(State)
    live_parameters = frozenset({"word"})
    reporting_currency = "USDT"

    def __init__(self, strategy_id: str, instruments: Mapping[str, Instrument], parameters: PuppetParameters) -> None:
        super().__init__(strategy_id, instruments, parameters)

    @classmethod
    def instrument_ids(cls, parameters: Any) -> tuple[str, ...]:
        return tuple(parameters.instruments)

    @classmethod
    def check(cls, parameters: Any, instruments: Mapping[str, Instrument]) -> list[str]:
        return []

    @property
    def is_settled(self) -> bool:
        return not self.open_orders

    def on_parameters_changed(self) -> None:
        if self.parameters.word == "fail":
            raise RuntimeError("the puppet was told to fail by its parameters")

    def subscriptions(self) -> tuple[tuple[Channel, str], ...]:
        return tuple((Channel.TRADE, name) for name in self.instruments)

    def obey(self, trade: Trade) -> Reaction[State]:
        word = trade.trade_id.split(" ")[0]
        if word == "fail":
            raise RuntimeError(f"the puppet was told to {trade.trade_id}")
        if word == "alert":
            self.alert(trade.trade_id)
        does = {"buy": self.buy, "cancel": self.cancel, "amend": self.amend, "timer": self.set_timer}
        does["untimer"] = lambda _trade: self.own_orders.cancel_timer(TIMER)
        return State.OBEDIENT, does[word](trade) if word in does else ()

    def buy(self, trade: Trade) -> list[Any]:
        instrument = self.instruments[trade.instrument]
        ticket = Ticket(
            instrument=trade.instrument,
            side=Side.BUY,
            quantity=instrument.round_quantity(trade.size),
            price=instrument.round_price(trade.price, Rounding.DOWN),
            time_in_force=TimeInForce.GTC,
        )
        return [self.own_orders.submit(ticket).request]

    def cancel(self, _trade: Trade) -> list[Any]:
        return [self.own_orders.cancel(order) for order in self.open_orders]

    def amend(self, trade: Trade) -> list[Any]:
        quantity = self.instruments[trade.instrument].round_quantity(trade.size)
        price, cause = self.instruments[trade.instrument].round_price(trade.price, Rounding.DOWN), cause_of(trade)
        heads = [(order.request.client_order_id, self.strategy_id, self.own_orders.epoch) for order in self.open_orders]
        return [AmendOrder(*head, trade.instrument, quantity, price, cause) for head in heads]

    def set_timer(self, trade: Trade) -> list[Any]:
        return [self.own_orders.set_timer(TIMER, round(trade.size))]

    def take_note(self, _message: Any) -> Reaction[State]:
        return State.OBEDIENT, ()

    transitions = {
        State.OBEDIENT: {**dict.fromkeys(INPUTS, on(take_note)), Trade: on(obey)},
    }
