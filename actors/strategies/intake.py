"""What the base of a strategy takes note of before the table decides: time, markets, fills, the host's words."""

from abc import abstractmethod
from typing import Any

from actors.analytics.attribution import ExecutionCosts
from actors.analytics.pnl import ZERO, Ledger
from actors.machine import Machine, StateT
from actors.strategies.cycles import CycleLog
from actors.strategies.market_view import MarketView
from actors.strategies.own_orders import OwnOrders, Recent
from actors.strategies.parameters import change_parameters, decode_parameters
from messages.gateway_link import VenueDown, VenueUp
from messages.instruments import Instrument
from messages.market import Depth, Gap, MarkPrice, Trade
from messages.orders import Fill, FundingPaid
from messages.strategy_host import (
    DrainStrategy,
    FlattenStrategy,
    HaltStrategy,
    ParametersChanged,
    RecoveryCompleted,
    ResumeStrategy,
    StrategyStarted,
    TimerFired,
)


class Intake(Machine[StateT]):
    """Each method takes one message, and says whether it tells anything new."""

    instruments: dict[str, Instrument]
    views: dict[str, MarketView]
    ledger: Ledger
    own_orders: OwnOrders
    costs: ExecutionCosts
    cycle_log: CycleLog
    is_draining: bool
    is_flattening: bool
    is_recovered: bool
    _funding_ids: Recent

    @abstractmethod
    def alert(self, text: str) -> None:
        """Tell a person; sent before the other outputs of this message."""

    @abstractmethod
    def on_parameters_changed(self) -> None:
        """Live parameters have just changed, with all that follows from them."""

    def _pass_time(self, ts_ns: int) -> None:
        self.own_orders.now_ns = max(self.own_orders.now_ns, ts_ns)

    def _take_stamp(self, message: Trade) -> bool:
        self._pass_time(message.ts_received)
        return True

    def _take_depth(self, message: Depth) -> bool:
        self._pass_time(message.ts_received)
        self.views[message.instrument].on_depth(message)
        return True

    def _take_mark(self, message: MarkPrice) -> bool:
        self._pass_time(message.ts_received)
        self.views[message.instrument].on_mark(message)
        return True

    def _take_gap(self, message: Gap) -> bool:
        self._pass_time(message.ts_received)
        self.views[message.instrument].on_gap(message)
        return True

    def _take_report(self, message: Any) -> bool:
        self._pass_time(message.ts_event)
        is_news = self.own_orders.apply(message)
        if is_news and isinstance(message, Fill):
            change = self.ledger.apply_fill(message)
            self.costs.book(message, change, self.views[message.instrument].quote)
            self.cycle_log.count_fill()
        return is_news

    def _take_funding(self, message: FundingPaid) -> bool:
        self._pass_time(message.ts_event)
        if not self._funding_ids.add((message.instrument, message.funding_id)):
            return False
        self.ledger.apply_funding(message)
        return True

    def _take_timer(self, message: TimerFired) -> bool:
        self._pass_time(message.ts)
        return self.own_orders.take_timer(message)

    def _take_command(self, message: HaltStrategy) -> bool:
        self._pass_time(message.ts)
        return True

    def _take_drain(self, message: DrainStrategy) -> bool:
        self._pass_time(message.ts)
        self.is_draining = True
        return True

    def _take_resume(self, message: ResumeStrategy) -> bool:
        self._pass_time(message.ts)
        self.is_draining = self.is_flattening = False
        return True

    def _take_flatten(self, message: FlattenStrategy) -> bool:
        self._pass_time(message.ts)
        self.is_draining = self.is_flattening = True
        return True

    def _take_parameters(self, message: ParametersChanged) -> bool:
        """Change the parameters where it stands; the host has checked them.

        :raises ParameterError: they cannot be changed so; nothing has changed.
        """
        self._pass_time(message.ts)
        change_parameters(self, decode_parameters(type(self), message.parameters))
        self.on_parameters_changed()
        return True

    def _take_venue(self, message: VenueDown | VenueUp) -> bool:
        self._pass_time(message.ts)
        for view in self.views.values():
            if view.instrument.venue == message.venue:
                view.on_venue(is_up=isinstance(message, VenueUp))
        return True

    def _take_start(self, message: StrategyStarted) -> bool:
        self._pass_time(message.ts)
        self.own_orders.start(message)
        self.is_draining = self.is_flattening = self.is_recovered = False
        for view in self.views.values():
            view.on_venue(is_up=True)
        return True

    def _take_recovery(self, message: RecoveryCompleted) -> bool:
        """The gateways' word beats the journal: adopt their positions, close what they do not know as open."""
        self._pass_time(message.ts)
        self.is_recovered = True
        for name in self.own_orders.close_lost(message):
            self.alert(f"order {name} is not open any more and its end was never reported; closed as lost")
        for name in message.open_orders:
            if self.own_orders.order(name) is None:
                self.alert(f"the gateway holds order {name}, which is not in the journal; cancel it by hand")
        for name in self.instruments:
            ours, theirs = self.ledger.position(name), message.positions.get(name, ZERO)
            if ours != theirs:
                self.alert(f"position of {name} is {theirs} by the gateway and {ours} by the journal; {theirs} adopted")
                self.ledger.adopt(name, theirs)
        return True

    def _price_adopted(self, instrument: str) -> None:
        mid = self.views[instrument].mid
        if instrument in self.ledger.unpriced and mid is not None:
            self.ledger.price_adopted(instrument, mid)
