"""Buys a dip and sells the recovery: a small strategy to start from.

It keeps a moving average of one spot instrument's mid price. When the ask falls `dip_bps` below that average, one order
buys; when the bid is `gain_bps` above the entry price, or `loss_bps` below it, one order sells.
"""

from collections.abc import Mapping
from decimal import Decimal
from enum import Enum
from math import exp
from typing import Annotated, Any, ClassVar

import msgspec

from actors.machine import Reaction, Rows, on
from actors.strategies.own_orders import Ticket
from actors.strategies.pair.sizing import is_tradable
from actors.strategies.strategy import ENDINGS, INPUTS, Strategy
from messages.health import CycleResult
from messages.instruments import Instrument, Rounding
from messages.market import Quote
from messages.orders import Side
from messages.strategy_host import (
    DrainStrategy,
    FlattenStrategy,
    HaltStrategy,
    RecoveryCompleted,
    ResumeStrategy,
    StrategyStarted,
)
from messages.topics import Channel

BPS = 10_000.0
NS_PER_S = 1_000_000_000
QUOTE_AGE_MAX_NS = 5 * NS_PER_S

Bps = Annotated[float, msgspec.Meta(gt=0, le=1_000)]
Seconds = Annotated[float, msgspec.Meta(gt=0, le=86_400)]


class DipBuyerParameters(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What can be set in the config.

    :param instrument: id of the spot instrument that is traded.
    :param notional: size of a purchase, in quote currency.
    :param dip_bps: buy when the ask is so far below the average.
    :param gain_bps: sell when the bid is so far above the entry price; both fees come off it.
    :param loss_bps: sell when the bid is so far below the entry price.
    :param average_s: time constant of the moving average, and how long it warms up, in market time.
    :param pause_s: rest after each order, in market time.
    """

    instrument: str
    notional: Decimal
    dip_bps: Bps = 5.0
    gain_bps: Bps = 5.0
    loss_bps: Bps = 30.0
    average_s: Seconds = 10.0
    pause_s: Seconds = 1.0


class State(Enum):
    IDLE = "waiting for recovery, or drained"
    FLAT = "nothing held; waiting for a dip"
    WORKING = "an order works"
    HOLDING = "bought; waiting for the recovery"
    HALTED = "stopped; a person must look at it"


class DipBuyer(Strategy[State]):
    """One instrument, one order at a time."""

    kind: ClassVar[str] = "dip-buyer"
    parameters_type: ClassVar[type[msgspec.Struct]] = DipBuyerParameters
    live_parameters = frozenset({"notional", "dip_bps", "gain_bps", "loss_bps", "average_s", "pause_s"})
    initial = State.IDLE

    def __init__(self, strategy_id: str, instruments: Mapping[str, Instrument], parameters: DipBuyerParameters) -> None:
        super().__init__(strategy_id, instruments, parameters)
        self.parameters = parameters
        self._instrument = self.instruments[parameters.instrument]
        self._view = self.views[parameters.instrument]
        self._book = self.ledger.books[parameters.instrument]
        self._average = 0.0
        self._learned_ns = 0
        self._warm_ns = 0
        self._paused_until_ns = 0

    # --- what the host asks -------------------------------------------------------------------------------------

    @classmethod
    def instrument_ids(cls, parameters: DipBuyerParameters) -> tuple[str, ...]:
        return (parameters.instrument,)

    @classmethod
    def check(cls, parameters: DipBuyerParameters, instruments: Mapping[str, Instrument]) -> list[str]:
        """Every mistake that the types do not exclude; a sentence that opens with a parameter's name is shown there."""
        instrument = instruments.get(parameters.instrument)
        if instrument is None:
            return [f"instrument is {parameters.instrument!r}, which is no instrument here"]
        faults = []
        if not instrument.is_spot:
            faults.append(f"instrument is {instrument.id}, a {instrument.type.value}; expected a spot instrument")
        least = 2 * instrument.min_notional  # what was bought must be large enough to be sold after a loss, too
        if not parameters.notional.is_finite() or parameters.notional <= least:
            faults.append(f"notional is {parameters.notional}, expected more than {least} for {instrument.id}")
        return faults

    def subscriptions(self) -> tuple[tuple[Channel, str], ...]:
        return ((Channel.QUOTE, self.parameters.instrument),)

    @property
    def is_settled(self) -> bool:
        return not self.own_orders.working

    @property
    def reporting_currency(self) -> str:
        return self._instrument.quote

    @property
    def note(self) -> str:
        return f"average {self._average:.2f}"

    # --- decisions ----------------------------------------------------------------------------------------------

    def seek_dip(self, quote: Quote) -> Reaction[State]:
        """Buy when the ask is far enough below the average."""
        self._learn(quote)
        if not self._may_trade() or quote.ask > self._average * (1 - self.parameters.dip_bps / BPS):
            return self.state, ()
        price = self._instrument.round_price(quote.ask, Rounding.UP)
        return self._order(Side.BUY, self._instrument.round_quantity(self.parameters.notional / price), price)

    def seek_exit(self, quote: Quote) -> Reaction[State]:
        """Sell on the recovery, when the loss is large enough, or because the operator wants everything sold."""
        self._learn(quote)
        if not self._wants_out(quote):
            return self.state, ()
        price = self._instrument.round_price(quote.bid, Rounding.DOWN)
        return self._order(Side.SELL, self._sellable, price)

    def _wants_out(self, quote: Quote) -> bool:
        if self.is_flattening:
            return self._view.is_fresh(self.now_ns, QUOTE_AGE_MAX_NS)
        entry = self._book.average_price()
        if entry is None or not self._may_trade():
            return False
        gain_bps = (quote.bid / float(entry) - 1) * BPS
        return not -self.parameters.loss_bps < gain_bps < self.parameters.gain_bps

    def _order(self, side: Side, quantity: Decimal, price: Decimal) -> Reaction[State]:
        """Send a limit order that takes what is there now and is gone then (IOC)."""
        if not is_tradable(self._instrument, quantity, price):
            return self.state, ()
        if not self.cycle_log.is_open:
            self.begin_cycle()
        ticket = Ticket(instrument=self._instrument.id, side=side, quantity=quantity, price=price)
        return State.WORKING, [self.own_orders.submit(ticket).request]

    def _may_trade(self) -> bool:
        now_ns = self.now_ns
        is_due = now_ns >= self._warm_ns and now_ns >= self._paused_until_ns
        return is_due and not self.is_draining and self._view.is_fresh(now_ns, QUOTE_AGE_MAX_NS)

    def learn(self, quote: Quote) -> Reaction[State]:
        self._learn(quote)
        return self.state, ()

    def _learn(self, quote: Quote) -> None:
        """Move the average towards the mid; the longer the last quote ago, the further."""
        mid = (quote.bid + quote.ask) / 2
        if not self._learned_ns:
            self._average = mid
            self._warm_ns = self.now_ns + round(self.parameters.average_s * NS_PER_S)
        passed_s = (self.now_ns - self._learned_ns) / NS_PER_S
        self._average += (mid - self._average) * (1 - exp(-passed_s / self.parameters.average_s))
        self._learned_ns = self.now_ns

    # --- orders and the host's words ----------------------------------------------------------------------------

    def settle(self, _report: Any) -> Reaction[State]:
        """An order may have ended, or a late fill come: what works and what is held says where we stand."""
        state = self._stand()
        if state is not State.WORKING:
            self._paused_until_ns = self.now_ns + round(self.parameters.pause_s * NS_PER_S)
            if not self._is_holding:
                result = CycleResult.COMPLETED if self.cycle_log.fills else CycleResult.ABANDONED
                self.end_cycle(result, f"{self._book.position} {self._instrument.base} left")
        return state, ()

    def take_over(self, _recovered: RecoveryCompleted) -> Reaction[State]:
        """Go on with what an earlier incarnation has left; the base has adopted the gateway's word by now."""
        return self._stand(), self._cancels()

    def restart(self, _started: StrategyStarted) -> Reaction[State]:
        return State.IDLE, ()

    def obey(self, _word: DrainStrategy | ResumeStrategy | FlattenStrategy) -> Reaction[State]:
        """Open nothing new; trade on; sell everything. The base has noted which: cancel what works, and stand there."""
        return (self._stand(), self._cancels()) if self.is_recovered else (self.state, ())

    def halt(self, halt: HaltStrategy) -> Reaction[State]:
        self.alert(f"HALTED: {halt.reason}; holding {self._book.position} {self._instrument.base}")
        return State.HALTED, self._cancels()

    def stay(self, _message: Any) -> Reaction[State]:
        return self.state, ()

    def _stand(self) -> State:
        if self.own_orders.working:
            return State.WORKING
        if self.is_draining and not (self.is_flattening and self._is_holding):
            return State.IDLE
        return State.HOLDING if self._is_holding else State.FLAT

    @property
    def _is_holding(self) -> bool:
        """Whether as much is held as can be sold; less than that is left where it is."""
        return is_tradable(self._instrument, self._sellable, self._view.mid)

    @property
    def _sellable(self) -> Decimal:
        return self._instrument.round_quantity(max(self._book.position, Decimal(0)))

    def _cancels(self) -> list[Any]:
        return [self.own_orders.cancel(order) for order in self.own_orders.working]

    # --- the table ----------------------------------------------------------------------------------------------

    _NOTED: Rows = {**dict.fromkeys(INPUTS, on(stay)), HaltStrategy: on(halt, State.HALTED)}
    """Rows of every state: whatever may come is heard, and a halt is obeyed."""

    _STANDS = (State.IDLE, State.FLAT, State.WORKING, State.HOLDING)
    _TRADING: Rows = {
        **_NOTED,
        Quote: on(learn),
        **dict.fromkeys(ENDINGS, on(settle, State.FLAT, State.WORKING, State.HOLDING, State.IDLE)),
        **dict.fromkeys((DrainStrategy, ResumeStrategy, FlattenStrategy), on(obey, *_STANDS)),
        StrategyStarted: on(restart, State.IDLE),
    }

    transitions = {
        State.IDLE: {
            **_NOTED,
            RecoveryCompleted: on(take_over, *_STANDS),
            **dict.fromkeys((ResumeStrategy, FlattenStrategy), on(obey, *_STANDS)),
        },
        State.FLAT: {**_TRADING, Quote: on(seek_dip, State.WORKING)},
        State.WORKING: _TRADING,
        State.HOLDING: {**_TRADING, Quote: on(seek_exit, State.WORKING)},
        State.HALTED: {
            **dict.fromkeys(INPUTS, on(stay)),
            **dict.fromkeys((ResumeStrategy, FlattenStrategy), on(obey, *_STANDS)),
        },
    }
