"""What a market maker works with, keeps account of, and shows; its decisions are in `market_making/strategy.py`."""

from collections.abc import Mapping
from decimal import Decimal
from enum import Enum
from typing import Any, ClassVar

import msgspec

from actors.analytics.pnl import settle_currency
from actors.strategies.market_making.inventory import Inventory
from actors.strategies.market_making.orders import QuoteOrders
from actors.strategies.market_making.parameters import MarketMakingParameters, faults_of
from actors.strategies.market_making.quotes import Ladders
from actors.strategies.market_making.reduction import Reduction
from actors.strategies.market_making.signals import MakerSignals
from actors.strategies.strategy import Strategy
from messages.health import CycleResult, Markout
from messages.instruments import Instrument
from messages.orders import Fill
from messages.topics import Channel


class State(Enum):
    IDLE = "waiting for recovery, or drained"
    CALCULATING_SPREADS = "nothing works; waiting for what a quote needs"
    PLACING_ORDERS = "quotes are on the way to the venue"
    MONITORING_ORDERS = "quotes stand; watching market and inventory"
    ADJUSTING_SPREADS = "outdated quotes are being cancelled, to be replaced"
    ORDER_FILLED = "a quote filled; resting before the others are refreshed"
    INVENTORY_MANAGEMENT = "the position is beyond its hard limit; taking it back"
    WITHDRAWN = "everything cancelled: the market is toxic or stale"
    PROTECTING = "the market is gone or an outcome unknown: nothing new"
    HALTED = "stopped; a person must look at it"


QUOTING = (
    State.CALCULATING_SPREADS,
    State.PLACING_ORDERS,
    State.MONITORING_ORDERS,
    State.ADJUSTING_SPREADS,
    State.ORDER_FILLED,
)


class MakerDesk(Strategy[State]):
    """:ivar half_bps: half-spread of the last ladder. :ivar reason: why it does not quote; empty while it does."""

    parameters_type: ClassVar[type[msgspec.Struct]] = MarketMakingParameters
    live_parameters: ClassVar[frozenset[str]] = frozenset(MarketMakingParameters.__struct_fields__) - {
        "instrument",
        "opening_inventory",
        "levels",
        "lead_instrument",
        "adverse_selection_horizon_s",
    }

    def __init__(self, strategy_id: str, instruments: Mapping[str, Instrument], parameters: MarketMakingParameters):
        super().__init__(strategy_id, instruments, parameters)
        self.parameters = parameters
        self.instrument = self.instruments[parameters.instrument]
        view = self.views[self.instrument.id]
        self.signals = MakerSignals(parameters, self.views)
        self.inventory = Inventory(self.instrument, parameters)
        self.quotes = QuoteOrders(self.inventory, self.own_orders, parameters)
        self.reduction = Reduction(view, self.inventory, self.own_orders, parameters)
        self.ladders = Ladders(parameters)
        self.half_bps = 0.0
        self.reason = ""
        self._has_reduced = False

    @classmethod
    def instrument_ids(cls, parameters: MarketMakingParameters) -> tuple[str, ...]:
        lead = parameters.lead_instrument
        return (parameters.instrument,) if lead is None else (parameters.instrument, lead)

    @classmethod
    def check(cls, parameters: MarketMakingParameters, instruments: Mapping[str, Instrument]) -> list[str]:
        return faults_of(parameters, instruments)

    @classmethod
    def opening_inventory(cls, parameters: MarketMakingParameters) -> Mapping[str, Decimal]:
        return {parameters.instrument: parameters.opening_inventory}

    def subscriptions(self) -> tuple[tuple[Channel, str], ...]:
        own = tuple(
            (channel, self.instrument.id) for channel in (Channel.QUOTE, Channel.TRADE, Channel.DEPTH, Channel.GAP)
        )
        lead = self.parameters.lead_instrument
        return own if lead is None else (*own, (Channel.QUOTE, lead), (Channel.GAP, lead))

    @property
    def is_settled(self) -> bool:
        """Nothing works; inventory is held, not closed."""
        return not self.own_orders.working

    @property
    def reporting_currency(self) -> str:
        return settle_currency(self.instrument)

    @property
    def note(self) -> str:
        inventory = self.inventory
        held = f"inventory {self.position}, limits {inventory.lower} to {inventory.upper}"
        quoted = f"half-spread {self.half_bps:.2f} bps" if self.state in QUOTING and self.half_bps else ""
        return "; ".join(text for text in (self.reason, quoted, held) if text)

    @property
    def markouts(self) -> tuple[Markout, ...]:
        return self.signals.markouts

    @property
    def position(self) -> Decimal:
        """What is held, signed, in the instrument's own unit; on spot net of the opening inventory."""
        return self.ledger.position(self.instrument.id)

    def take_note(self, report: Any) -> None:
        """Let the books of quotes and markouts follow a report."""
        if isinstance(report, Fill):
            self.signals.on_fill(report, self.own_orders.now_ns)
        self.quotes.take(report, self.own_orders.now_ns)

    # --- cycles: round trips of the inventory, off its target and back to it or across it ---------------------------

    def note_reduction(self) -> None:
        """The cycle in hand needed orders that take."""
        self._has_reduced = True

    def close_adopted_cycle(self) -> None:
        """The gateways' word may have ended the round trip in hand, without a fill that says so."""
        if not self.inventory.side_of(self.position):
            self._end_round_trip(CycleResult.ABANDONED, "the position was adopted from the gateway")

    def _take_report(self, message: Any) -> bool:
        if not isinstance(message, Fill):
            return super()._take_report(message)
        before = None if self.cycle_log.is_open else self.totals()
        side_before = self.inventory.side_of(self.position)
        if not super()._take_report(message):
            return False
        if before is not None:
            self.cycle_log.begin(before, self.half_bps, before.now_ns)
            self.cycle_log.count_fill()
            self.cycle_log.enter(self.state.name)
        side = self.inventory.side_of(self.position)
        if not side or side == -side_before:
            self._end_round_trip(CycleResult.FLATTENED if self._has_reduced else CycleResult.COMPLETED, "")
        if side and side == -side_before:
            self.begin_cycle(self.half_bps)
        return True

    def _end_round_trip(self, result: CycleResult, reason: str) -> None:
        self._has_reduced = False
        self.end_cycle(result, reason)

    def _enter(self, state: State) -> None:
        super()._enter(state)
        self.cycle_log.enter(state.name)
