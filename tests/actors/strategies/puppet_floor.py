"""A strategy that does as it is told, over a spot, a linear and an inverse instrument, and a market around it."""

from collections.abc import Sequence
from decimal import Decimal as D
from enum import Enum
from typing import Any

import msgspec

from actors.machine import Reaction, on
from actors.strategies.own_orders import Ticket
from actors.strategies.strategy import INPUTS, Strategy
from messages.health import Lifecycle, StrategyStatus
from messages.instruments import Instrument, InstrumentType, Rounding
from messages.market import Quote
from messages.orders import Fill, Liquidity, Side, SubmitOrder
from messages.strategy_host import StrategyStarted

SPOT = Instrument(
    symbol="BTCUSDT", venue="spot", type=InstrumentType.SPOT, base="BTC", quote="USDT", settle="USDT",
    tick_size=D("0.01"), lot_size=D("0.00001"), fee_currency="BTC",
)  # fmt: skip
LINEAR = Instrument(
    symbol="BTCUSDT", venue="usdm", type=InstrumentType.PERPETUAL, base="BTC", quote="USDT", settle="USDT",
    tick_size=D("0.1"), lot_size=D("0.001"), multiplier=D("0.1"),
)  # fmt: skip
INVERSE = Instrument(
    symbol="BTCUSD_PERP", venue="coinm", type=InstrumentType.PERPETUAL, base="BTC", quote="USD", settle="BTC",
    tick_size=D("0.1"), lot_size=D(1), inverse=True, multiplier=D(100),
)  # fmt: skip
INSTRUMENTS = (SPOT, LINEAR, INVERSE)


class State(Enum):
    READY = "does as it is told"


class NoParameters(msgspec.Struct, frozen=True):
    pass


class Puppet(Strategy[State]):
    """Sends at the next quote whatever the test wishes for."""

    kind = "puppet"
    parameters_type = NoParameters
    initial = State.READY

    def __init__(self, instruments: Sequence[Instrument] = INSTRUMENTS) -> None:
        self.wishes: list[Any] = []
        super().__init__("puppet", {instrument.id: instrument for instrument in instruments}, NoParameters())

    @classmethod
    def instrument_ids(cls, _parameters: Any) -> tuple[str, ...]:
        return tuple(instrument.id for instrument in INSTRUMENTS)

    @classmethod
    def check(cls, _parameters: Any, _instruments: Any) -> list[str]:
        return []

    @property
    def reporting_currency(self) -> str:
        return "USDT"

    def do_as_told(self, _message: Any) -> Reaction[State]:
        wishes, self.wishes = self.wishes, []
        outputs = [self.own_orders.submit(wish).request if isinstance(wish, Ticket) else wish for wish in wishes]
        return self._state, outputs

    def stay(self, _message: Any) -> Reaction[State]:
        return self._state, ()

    transitions = {State.READY: {**dict.fromkeys(INPUTS, on(stay)), Quote: on(do_as_told)}}
    terminal = frozenset(State)


class Floor:
    """The puppet, and the market around it."""

    def __init__(self) -> None:
        self.strategy = Puppet()
        self.inputs: list[Any] = []
        self.now_ns = 1_000
        self.quotes: dict[str, tuple[D, D]] = {}
        self.fills = 0
        self.send(StrategyStarted("puppet", 1, "x-puppet", self.now_ns))

    def send(self, message: Any) -> list[Any]:
        self.now_ns += 1_000
        self.inputs.append(message)
        return list(self.strategy.on_message(message))

    def quote(self, instrument: Instrument, price: float, ticks: int) -> list[Any]:
        bid = instrument.round_price(price, Rounding.NEAREST)
        ask = bid + ticks * instrument.tick_size
        self.quotes[instrument.id] = (bid, ask)
        return self.send(Quote(instrument.id, float(bid), 1.0, float(ask), 1.0, self.now_ns, self.now_ns))

    def order(self, instrument: Instrument, side: Side) -> SubmitOrder:
        """Sent into the present market."""
        self.strategy.wishes.append(Ticket(instrument=instrument.id, side=side, quantity=D(1_000), price=None))
        bid, ask = self.quotes[instrument.id]
        (order,) = self.send(Quote(instrument.id, float(bid), 1.0, float(ask), 1.0, self.now_ns, self.now_ns))
        return order

    def mid(self, instrument: Instrument) -> D:
        bid, ask = self.quotes[instrument.id]
        return (bid + ask) / 2

    def fill(self, order: SubmitOrder, price: D, lots: int, liquidity: Liquidity, **fee: Any) -> None:
        self.fills += 1
        terms = {"fee": D("0.0001") * lots, "fee_currency": "USDT", **fee}
        instrument = self.strategy.instruments[order.instrument]
        self.send(
            Fill(
                client_order_id=order.client_order_id, strategy="puppet", instrument=order.instrument, side=order.side,
                price=price, quantity=lots * instrument.lot_size, liquidity=liquidity, trade_id=f"t{self.fills}",
                ts_event=self.now_ns, **terms,
            )
        )  # fmt: skip

    @property
    def status(self) -> StrategyStatus:
        return self.strategy.status(Lifecycle.RUNNING)

    def check(self) -> None:
        check_sums(self.strategy)


def check_sums(strategy: Strategy[Any]) -> None:
    """Every sum that must hold at any moment."""
    status, log = strategy.status(Lifecycle.RUNNING), strategy.cycle_log
    assert [pnl.total for pnl in status.pnls] == [item.total for item in status.attributions]
    assert status.pnl.total == status.attribution.total
    for cycle in strategy.cycles:
        assert [pnl.total for pnl in cycle.pnls] == [item.total for item in cycle.attributions]
        assert cycle.pnl.total == cycle.attribution.total
    whole = strategy.earned_outside_cycles().plus(log.earned_in_hand(strategy.totals().account))
    whole = whole if log.earned is None else whole.plus(log.earned)
    assert (status.pnls, status.attributions) == (whole.pnls, whole.attributions)
