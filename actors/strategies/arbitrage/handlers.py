"""What simple arbitrage does about each message; `arbitrage/strategy.py` has the table that names when.

It watches every route, and takes the one that pays most above its threshold; one route executes at a time. A route of
two legs buys and sells at once (or one after the other) and keeps what it traded as inventory; a triangle comes back to
the currency that it began in. The states here are what those of the route's execution mean for the strategy.
"""

from collections import OrderedDict
from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any, ClassVar

import msgspec

from actors.analytics.account import Rates
from actors.analytics.attribution import Movement
from actors.analytics.pnl import ZERO
from actors.machine import Reaction
from actors.strategies.arbitrage.closing import InventoryClosing
from actors.strategies.arbitrage.flows import flows_text
from actors.strategies.arbitrage.inventory import Inventory
from actors.strategies.arbitrage.pair_route import PairRoute
from actors.strategies.arbitrage.parameters import ArbitrageParameters, faults_of, instrument_ids
from actors.strategies.arbitrage.route_parameters import AnyRoute, Triangular
from actors.strategies.arbitrage.routes import ArbitrageRoute, Desk, Outcome, Plan, awaiting
from actors.strategies.arbitrage.scanner import Scanner, Signal
from actors.strategies.arbitrage.state import State
from actors.strategies.arbitrage.triangle.route import TriangleRoute
from actors.strategies.arbitrage.valuation import Held, common_mids, worth_of
from actors.strategies.cycles import Totals
from actors.strategies.own_orders import CLOSED_ORDERS_KEPT_MAX
from actors.strategies.strategy import Strategy
from messages.gateway_link import VenueDown, VenueUp
from messages.health import CycleResult
from messages.instruments import Instrument
from messages.market import Gap, Quote
from messages.order_lifecycle import OrderState
from messages.orders import Fill, SubmitOrder
from messages.strategy_host import (
    DrainStrategy,
    FlattenStrategy,
    HaltStrategy,
    RecoveryCompleted,
    ResumeStrategy,
    StrategyStarted,
    TimerFired,
)
from messages.topics import Channel

NS_PER_MS = 1_000_000
NS_PER_S = 1_000_000_000
COOLDOWN_TIMER = "cooldown"
PLANNED = frozenset({CycleResult.COMPLETED, CycleResult.ABANDONED})
"""Results that do not count against a route."""
PROFITABLE = frozenset({CycleResult.COMPLETED, CycleResult.REPAIRED})


class ArbitrageHandlers(Strategy[State]):
    """The handlers.

    :ivar routes: of the parameters, in their order; one at a time executes.
    :ivar closing: of the inventory, beside them.
    """

    movement: ClassVar[Movement] = Movement.BASIS
    parameters: ArbitrageParameters

    def __init__(self, strategy_id: str, instruments: Mapping[str, Instrument], parameters: ArbitrageParameters):
        super().__init__(strategy_id, instruments, parameters)
        self.parameters = parameters
        self.inventory = Inventory(self.ledger, self.own_orders.problems, parameters)
        desk = Desk(self.views, self.own_orders, self.inventory)
        self.routes = [_route(settings, parameters, desk) for settings in parameters.routes]
        self.scanner = Scanner(self.routes, self.inventory, self.views, parameters)
        self._confirm_ns = parameters.confirm_ms * NS_PER_MS
        self._skew_max_ns = parameters.quote_skew_max_ms * NS_PER_MS
        self._signal: Signal | None = None
        self._active: ArbitrageRoute | None = None
        self.closing = InventoryClosing(desk, parameters, self.routes, self.closables)
        self._waiting: dict[ArbitrageRoute, list[Any]] = {}  # what each is to hear, once the active one is done
        self._route_of: OrderedDict[str, ArbitrageRoute] = OrderedDict()
        self._held: Held | None = None
        self._is_done = False
        self._halt_reason = self._refusal = ""

    # --- what a strategy states ---------------------------------------------------------------------------------

    @classmethod
    def instrument_ids(cls, parameters: ArbitrageParameters) -> tuple[str, ...]:
        return instrument_ids(parameters)

    @classmethod
    def check(cls, parameters: ArbitrageParameters, instruments: Mapping[str, Instrument]) -> list[str]:
        return faults_of(parameters, instruments)

    @classmethod
    def opening_inventory(cls, parameters: ArbitrageParameters) -> Mapping[str, Decimal]:
        return parameters.inventory

    def subscriptions(self) -> tuple[tuple[Channel, str], ...]:
        return tuple(
            (channel, name) for name in self.instruments for channel in (Channel.QUOTE, Channel.DEPTH, Channel.GAP)
        )

    @property
    def is_settled(self) -> bool:
        if self._state is State.HALTED:
            return True
        is_idle = self._active is None and not self._waiting and not self.own_orders.working
        return is_idle and all(route.is_settled for route in self.routes)

    @property
    def reporting_currency(self) -> str:
        first = self.parameters.routes[0]
        return first.start if isinstance(first, Triangular) else self.instruments[first.first].quote

    @property
    def note(self) -> str:
        residuals = [route.residual_text for route in self.routes]
        suspended = ", ".join(route.name for route in self.routes if route.is_suspended)
        edge = self.scanner.text(self.now_ns) if self._state is State.SCANNING_OPPORTUNITIES else ""
        parts = (self._halt_reason, *residuals, suspended and f"suspended: {suspended}", self._refusal, edge)
        return "; ".join(text for text in parts if text)

    def _mids(self) -> dict[str, Decimal]:
        return common_mids(self.instruments.values(), super()._mids(), self._worth())

    def _worth(self) -> dict[str, Decimal]:
        return worth_of(self.instruments.values(), super()._mids(), self.reporting_currency)

    def totals(self) -> Totals:
        totals = super().totals()
        rates = Rates(self.reporting_currency, {**totals.rates.worth, **self._worth()})
        return msgspec.structs.replace(totals, rates=rates)

    def begin_cycle(self, edge_bps: float = 0.0, started_ns: int | None = None) -> None:
        super().begin_cycle(edge_bps, started_ns)
        self._held = Held(self.ledger, self._mids())

    def end_cycle(self, result: CycleResult, reason: str) -> None:
        """A cycle has earned what its own fills have; how inventory from before has moved in price is no part of it."""
        if self._held is not None:
            self.cycle_log.leave_out(self._held.moved(self._mids(), self.movement))
            self._held = None
        super().end_cycle(result, reason)

    # --- scanning -----------------------------------------------------------------------------------------------

    def seek(self, quote: Quote) -> Reaction[State]:
        """Take the edge that pays most above its threshold, once it has held."""
        depeg = self.scanner.depeg(quote.instrument)
        if depeg:
            return self._halt_now(depeg)
        if self._signal is None:
            self._signal = self.scanner.best(quote.instrument, self.own_orders.now_ns)
        return (self._state, ()) if self._signal is None else self._consider(self._signal)

    def _consider(self, signal: Signal) -> Reaction[State]:
        """Does it still pay, has it held, are both sides' quotes of the same moment, and would the venues take it?"""
        now_ns, way = self.own_orders.now_ns, signal.direction
        if not self.scanner.still_pays(way, now_ns):
            self._signal = None
            return State.SCANNING_OPPORTUNITIES, ()
        if now_ns - signal.since_ns < self._confirm_ns:
            return State.OPPORTUNITY_DETECTED, ()
        if way.chain.skew_ns() > self._skew_max_ns:
            return State.VALIDATING_OPPORTUNITY, ()
        self._signal = None
        plan = signal.route.plan(way)
        if isinstance(plan, str):
            self._refusal = f"not traded: {plan}"
            return State.SCANNING_OPPORTUNITIES, ()
        return self._execute(signal, plan)

    def _execute(self, signal: Signal, plan: Plan) -> Reaction[State]:
        self._refusal = ""
        self.begin_cycle(plan.edge_bps, signal.since_ns)
        for state in (State.OPPORTUNITY_DETECTED, State.VALIDATING_OPPORTUNITY):
            self.cycle_log.enter(state.name)
        outputs = self._after(signal.route, signal.route.begin(plan))
        return self._stand(), outputs

    # --- executing ----------------------------------------------------------------------------------------------

    def stay(self, _message: Any) -> Reaction[State]:
        return self._state, ()

    def follow_report(self, report: Any) -> Reaction[State]:
        """A report concerns the route whose order it is."""
        route = self._book(report) if isinstance(report, Fill) else self._route_of.get(report.client_order_id)
        return (self._state, ()) if route is None else self._let_hear(route, report)

    def _book(self, fill: Fill) -> ArbitrageRoute | None:
        """Book a fill with the route whose it is. One that no order of ours asked for (a liquidation, or from before a
        lost journal) is the business of the route that executes, or else of the first that trades the instrument.
        """
        candidates = self.routes if self._active is None else [self._active, *self.routes]
        route = self._route_of.get(fill.client_order_id) or next(
            (route for route in candidates if fill.instrument in route.instruments), None
        )
        if route is not None:
            route.book(fill)
        return route

    def follow_active(self, message: Any) -> Reaction[State]:
        """A gap, an outage or a timer concerns what is being executed."""
        active = self._active
        if active is None or (isinstance(message, Gap | VenueDown | VenueUp) and not active.concerns(message)):
            return self._state, ()
        return self._let_hear(active, message)

    def follow_timer(self, fired: TimerFired) -> Reaction[State]:
        return (self._stand(), ()) if fired.name == COOLDOWN_TIMER else self.follow_active(fired)

    def _let_hear(self, route: ArbitrageRoute, message: Any) -> Reaction[State]:
        outputs = self._tell(route, message)
        return self._stand(), outputs

    def _tell(self, route: ArbitrageRoute, message: Any) -> list[Any]:
        """Let a route hear a message; while another one executes, it is to hear it afterwards.

        What matters about a late report is booked already, so that the newest one stands for all; but a recovery or
        the operator's word is not forgotten over it.
        """
        if self._active not in (None, route):
            self._waiting[route] = awaiting(self._waiting.get(route, []), message)
            return []
        outputs = self._after(route, route.hear(message))
        while self._active is None and self._waiting and self._halt_reason == "":
            waiting = next(iter(self._waiting))
            for heard in self._waiting.pop(waiting):
                outputs += self._after(waiting, waiting.hear(heard))
        return outputs

    def _after(self, route: ArbitrageRoute, outputs: list[Any]) -> list[Any]:
        """Take note of what a route has done: its orders, its states, the end of its attempt."""
        for output in outputs:
            if type(output) is SubmitOrder:
                self._route_of[output.client_order_id] = route
                if len(self._route_of) > CLOSED_ORDERS_KEPT_MAX:
                    self._route_of.popitem(last=False)
        if route.is_busy or self.is_recovered:  # until it is recovered, the attempt in hand is not forgotten
            self._active = route if route.is_busy else None
        if route.is_busy or route.outcome:
            self._signal = None
        if not self.cycle_log.is_open and (route.is_busy or route.outcome):
            self.begin_cycle()
        for state in route.path:
            self.cycle_log.enter(state.name)
        route.path.clear()
        if route.outcome is not None:
            outcome, route.outcome = route.outcome, None
            return [*outputs, *self._end(route, outcome)]
        if route.state is State.HALTED:
            self._stop(f"{route.name} halted", but=route)
        elif not route.is_busy and self.cycle_log.is_open and self.is_recovered:
            self.end_cycle(CycleResult.ABANDONED, f"{route.name}: over, with nothing held")
        return outputs

    def _end(self, route: ArbitrageRoute, outcome: Outcome) -> list[Any]:
        """An attempt has ended: record it, count it against its route where it went wrong, and rest."""
        moved = flows_text(outcome.moved, Rates(self.reporting_currency, self._worth()))
        self.end_cycle(outcome.result, outcome.reason + (f"; locked in {moved}" if moved else ""))
        if outcome.result not in PLANNED and route.is_judged:
            route.mishaps += 1
            if route.mishaps == self.parameters.repairs_max:
                route.is_suspended = True
                self.alert(f"route {route.name} is suspended: {route.mishaps} attempts did not come out as planned")
        self._is_done = self._is_done or (self.parameters.mode == "once" and outcome.result in PROFITABLE)
        if self._is_done or not self.parameters.cooldown_s:
            return []
        return [self.own_orders.set_timer(COOLDOWN_TIMER, int(self.parameters.cooldown_s * NS_PER_S))]

    # --- restarts and ends --------------------------------------------------------------------------------------

    def restart(self, message: StrategyStarted) -> Reaction[State]:
        self._signal = None
        self._waiting.clear()
        for route in (*self.routes, self.closing):
            route.hear(message)
            route.path.clear()
        return State.IDLE, ()

    def _take_recovery(self, message: RecoveryCompleted) -> bool:
        """What an attempt has traded without a report, by the gateway's word, is the attempt's to repair."""
        active = self._active
        before = {name: self.ledger.position(name) for name in active.instruments} if active else {}
        is_news = super()._take_recovery(message)
        for name, ours in before.items():
            if active is not None and self.ledger.position(name) != ours:
                active.adopt(name, self.ledger.position(name) - ours)
        return is_news

    def recover(self, message: RecoveryCompleted) -> Reaction[State]:
        """The route that was executing first; what others may have to repair waits for it."""
        first, self._active = self._active, None
        outputs: list[Any] = []
        for route in sorted((*self.routes, self.closing), key=lambda route: route is not first):
            outputs += self._tell(route, message)
        if self.is_flattening:
            outputs += self._close_all(FlattenStrategy("flattened by the operator", message.ts))
        return self._stand(), outputs

    def halt(self, message: HaltStrategy) -> Reaction[State]:
        active = self._active
        if active is None:
            return self._halt_now(message.reason)
        return self._let_hear(active, message)

    def _halt_now(self, reason: str) -> Reaction[State]:
        self.alert(f"HALTED: {reason}; a person must acknowledge")
        self._stop(reason)
        return State.HALTED, self.own_orders.cancel_timer(COOLDOWN_TIMER)

    def _stop(self, reason: str, but: ArbitrageRoute | None = None) -> None:
        """Halted for good: end the record, and report every residual that the route that halted has not reported."""
        self._halt_reason = reason
        held = "; ".join(text for route in self.routes if route is not but and (text := route.residual_text))
        if held:
            self.alert(held)
        self.end_cycle(CycleResult.ABANDONED, reason)

    def resume(self, message: ResumeStrategy) -> Reaction[State]:
        """Go on from what every route holds; one that is busy first."""
        if not self.is_recovered:
            self.alert("is not resumed: it is not recovered yet; resume it again")
            return self._state, ()
        if self._halt_reason:
            self._halt_reason, self._signal = "", None
        outputs = self._tell_all((self.closing, *self.routes), message)
        return self._stand(), outputs

    def flatten(self, message: FlattenStrategy) -> Reaction[State]:
        """Let every attempt come to its end, what it holds closed; then close the inventory."""
        if not self.is_recovered:
            return self._state, ()
        self._halt_reason, self._signal = "", None
        outputs = [*self.own_orders.cancel_timer(COOLDOWN_TIMER), *self._close_all(message)]
        return self._stand(), outputs

    def _close_all(self, message: FlattenStrategy) -> list[Any]:
        return [*self._tell_all(self.routes, message), *self._tell(self.closing, message)]

    def _tell_all(self, routes: Sequence[ArbitrageRoute], message: Any) -> list[Any]:
        outputs: list[Any] = []
        for route in sorted(routes, key=lambda route: route is not self._active):
            outputs += self._tell(route, message)
        return outputs

    def closables(self) -> dict[str, Decimal]:
        """Inventory away from its start, by instrument; what triangles have exchanged is none."""
        found = {}
        for name in self.instruments:
            exchanged = sum((route.position(name) for route in self.routes), ZERO)
            size = self.closable(name, self.ledger.position(name) - exchanged)
            if size:
                found[name] = size
        return found

    @property
    def is_flat(self) -> bool:
        return self._active is None and not self._waiting and super().is_flat

    def follow_halted(self, message: Any) -> Reaction[State]:
        """What turns out to work still is cancelled; what it had filled is counted."""
        if isinstance(message, Fill):
            self._book(message)
        working = [order for order in self.own_orders.working if order.state is OrderState.WORKING]
        reachable = [order for order in working if self.views[order.request.instrument].is_up]
        return self._state, [self.own_orders.cancel(order) for order in reachable]

    def drain(self, message: DrainStrategy) -> Reaction[State]:
        self._signal = None
        if self._active is None:
            return State.IDLE, self.own_orders.cancel_timer(COOLDOWN_TIMER)
        return self.follow_active(message)

    def _stand(self) -> State:
        """Where it stands, by what its routes do."""
        if self._halt_reason:
            return State.HALTED
        if self._active is not None:
            return self._active.state
        if self.is_draining or any(route.state is State.IDLE for route in self.routes):
            return State.IDLE
        if self._is_done:
            return State.PROFIT_REALIZED
        if COOLDOWN_TIMER in self.own_orders.timers:
            return State.COOLDOWN
        return State.SCANNING_OPPORTUNITIES if self._signal is None else self._state


def _route(settings: AnyRoute, parameters: ArbitrageParameters, desk: Desk) -> ArbitrageRoute:
    if isinstance(settings, Triangular):
        return TriangleRoute(settings, parameters, desk)
    return PairRoute(settings, parameters, desk)
