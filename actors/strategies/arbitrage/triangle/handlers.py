"""The decisions of a triangle: three conversions in a row, and the way back when one of them falls short.

Whenever nothing works any more it looks at what is held between start and start, and decides from that alone. Every
order is an IOC limit with a cap, except the last resort of FLATTENING. Every retry has a bound, beyond which what is
held is flattened, and beyond that HALTED with it reported. Only a market that stays away is waited for without end.
"""

from collections.abc import Sequence
from decimal import Decimal
from typing import Any

from actors.machine import Machine, Reaction
from actors.strategies.arbitrage.edge import Hop
from actors.strategies.arbitrage.flows import Flows
from actors.strategies.arbitrage.triangle.commands import Begin, TriangleParameters, TrianglePlan, TriangleState
from actors.strategies.arbitrage.triangle.holdings import TriangleHoldings, touch_price
from actors.strategies.market_view import MarketView
from actors.strategies.own_orders import OwnOrders, Ticket
from actors.strategies.pair.patience import RETRY_MS, Patience
from actors.strategies.pair.sizing import slipped
from actors.strategies.pair.trouble import trouble
from messages.health import CycleResult
from messages.order_lifecycle import Order, OrderState
from messages.orders import Fill, Side
from messages.strategy_host import (
    DrainStrategy,
    FlattenStrategy,
    HaltStrategy,
    RecoveryCompleted,
    ResumeStrategy,
    SetTimer,
    StrategyStarted,
    TimerFired,
)

NS_PER_MS = 1_000_000
PROTECT_POLL_MS = 200
PROTECT_POLLS_MAX = 300
"""Polls with the venue up and an order still not ended, before it halts (one minute)."""
FLATTEN_ROUNDS_MAX = 6
FLATTEN_WIDER = 3.0
STEP_TIMER, RETRY_TIMER, PROTECT_TIMER = "triangle-step", "triangle-retry", "triangle-protect"
TIMERS = (STEP_TIMER, RETRY_TIMER, PROTECT_TIMER)

_S = TriangleState
Step = Reaction[TriangleState]
Outputs = list[Any]


class TriangleHandlers(Machine[TriangleState]):
    """The handlers; `actors/strategies/arbitrage/triangle/execution.py` has the table that names when each is called.

    :ivar flows: what the attempt has moved, in every currency.
    :ivar reason: why the attempt ends, or why it halted.
    """

    def __init__(
        self, markets: tuple[MarketView, ...], start: str, own_orders: OwnOrders, parameters: TriangleParameters
    ) -> None:
        self.markets = {view.instrument.id: view for view in markets}
        self.own_orders = own_orders
        self.parameters = parameters
        self.holdings = TriangleHoldings(markets, start)
        self.flows = Flows()
        self.reason = ""
        self._patience = Patience(markets, own_orders, parameters.quote_age_max_ms)
        self._plan: TrianglePlan | None = None
        self._step_order: tuple[Order, Hop] | None = None
        self._way_order: tuple[Order, Hop] | None = None
        self._is_recovered = False
        self._begin()
        super().__init__()

    def _begin(self) -> None:
        """Forget the last attempt."""
        self._step = self._returns = self._rounds = self._timeouts = self._polls = 0
        self._went_on = self._went_back = self._was_flattened = self._must_flatten = self._is_attempt = False
        self._patience.begin()

    # --- what the strategy asks about ---------------------------------------------------------------------------

    @property
    def is_settled(self) -> bool:
        return self.state is _S.HALTED or (self.state is _S.IDLE and not self.own_orders.working)

    @property
    def working_side(self) -> Side | None:
        """Side of the order of a step that works; None where none does."""
        return self._step_order[1].side if self.state is _S.CONVERTING and self._step_order is not None else None

    def book(self, fill: Fill) -> None:
        """Take note of a fill, before its report is heard."""
        self.holdings.move(self.flows.add(fill, self.markets[fill.instrument].instrument))

    def adopt(self, instrument: str, difference: Decimal) -> None:
        """Take over what was traded of an instrument, at a price that nobody told: the middle of the market."""
        traded, mid = self.markets[instrument].instrument, self.markets[instrument].mid
        moved = {traded.base: difference, traded.quote: -difference * (mid or 0)}
        self.flows.move(moved)
        self.holdings.move(moved)

    def on_message(self, message: Any) -> Sequence[Any]:
        """Take note of how our orders end; then the table."""
        self._patience.note_end(message)
        if isinstance(message, StrategyStarted | RecoveryCompleted):
            self._is_recovered = isinstance(message, RecoveryCompleted)
        elif isinstance(message, Fill):
            self._patience.stop_awaiting()  # what is to be traded has changed
        return super().on_message(message)

    @property
    def is_round(self) -> bool:
        """Whether the attempt went all the way round, as planned."""
        return self._plan is not None and self._step == len(self._plan.hops)

    def result(self, *, has_fills: bool) -> CycleResult:
        if self._was_flattened:
            return CycleResult.FLATTENED
        if not has_fills or self.state is _S.HALTED:
            return CycleResult.ABANDONED
        if self._went_back:
            return CycleResult.UNWOUND
        if self._went_on:
            return CycleResult.REPAIRED
        return CycleResult.COMPLETED if self.is_round else CycleResult.ABANDONED

    # --- forward ------------------------------------------------------------------------------------------------

    def stay(self, _message: Any) -> Step:
        return self.state, []

    def begin(self, command: Begin) -> Step:
        plan = self._plan = command.plan
        self._begin()
        self._is_attempt = True
        self.flows.clear()
        self.reason = "all steps taken"
        return _S.CONVERTING, self._convert(plan.hops[0], plan.quantity, plan.limits[0])

    def _convert(self, hop: Hop, quantity: Decimal, limit: Decimal) -> Outputs:
        orders, outputs = self._send([self._ticket(hop, quantity, limit)])
        self._step_order = orders[0], hop
        return outputs

    def follow_step(self, _report: Any) -> Step:
        """The next step is as large as what is held pays for; a step that falls short begins the way back."""
        if self.own_orders.working:
            return self.state, []
        assert self._step_order is not None
        assert self._plan is not None
        order, plan = self._step_order[0], self._plan
        self._step_order = None
        if order.filled_quantity < order.request.quantity and (self._step or not order.filled_quantity):
            self.reason = f"step {self._step + 1} filled {order.filled_quantity} of {order.request.quantity}"
            return self._settle()
        self._step += 1
        if self._step == len(plan.hops):
            return self._settle()
        hop, limit = plan.hops[self._step], plan.limits[self._step]
        quantity = self.holdings.quantity(hop, limit)
        if not quantity or not self._is_usable(hop):
            self.reason = f"step {self._step + 1} cannot be taken: {quantity} {hop.instrument.id}"
            return self._settle()
        self._timeouts = 0
        return _S.CONVERTING, self._convert(hop, quantity, limit)

    # --- back ---------------------------------------------------------------------------------------------------

    def _settle(self) -> Step:
        """Nothing works: what is held decides."""
        outputs = self._cancel_timers()
        leftovers = self.holdings.leftovers()
        if not leftovers and self.holdings.is_measurable:
            self._must_flatten = False
            return _S.DONE, outputs
        if not leftovers:
            state, more = self._protect(f"{self.reason}; no price to go back at")
        else:
            state, more = self._flatten_round() if self._must_flatten else self._return(leftovers)
        return state, [*outputs, *more]

    def _return(self, leftovers: list[str]) -> Step:
        """One order on the better way back, within the loss budget."""
        usable = {name for name, view in self.markets.items() if self._is_fresh(view)}
        ways = {currency: self.holdings.way_back(currency, usable) for currency in leftovers}
        way = next((way for way in ways.values() if way is not None), None)
        if self._returns >= self.parameters.returns_max:
            return self._flatten(f"{self.reason}; not back in {self._returns} attempts")
        if way is None:
            return self._protect(f"{self.reason}; no market to go back through")
        loss = -float(self.flows.amounts.get(self.holdings.start, 0)) - sum(way.value for way in ways.values() if way)
        if loss > self.parameters.loss_budget and all(ways.values()):
            return self._flatten(f"{self.reason}; the way back would lose {loss:.6g}")
        self._timeouts = 0
        slippage_bps = self.parameters.slippage_bps_max * (self._returns + 1)
        limit = slipped(way.hop.instrument, way.hop.side, way.hop.view.touch(way.hop.side), slippage_bps)
        quantity = self.holdings.quantity(way.hop, limit) or way.quantity
        orders, outputs = self._send([self._ticket(way.hop, quantity, limit)])
        self._way_order = orders[0], way.hop
        return _S.RETURNING, outputs

    def after_return(self, _report: Any) -> Step:
        """An order of the way back has ended: account for it, and go on a little later if something is left."""
        if self.own_orders.working:
            return self.state, []
        self._account()
        return self._wait_for_retry() if self.holdings.leftovers() else self._settle()

    def _account(self) -> None:
        """Nothing works: note what the last order has done, and which way it went; an order of the way back that did
        not fill wholly counts against the bound.
        """
        if self._step_order is not None:
            order = self._step_order[0]
            self._step += order.filled_quantity >= order.request.quantity
            self._step_order = None
        if self._way_order is None:
            return
        order, hop = self._way_order
        self._way_order = None
        if order.filled_quantity < order.request.quantity:
            self._returns += 1
        if order.filled_quantity:
            planned = self._plan.hops if self._plan is not None else ()
            is_onward = any(hop.instrument is step.instrument and hop.side is step.side for step in planned)
            self._went_on, self._went_back = self._went_on or is_onward, self._went_back or not is_onward

    def _flatten(self, reason: str) -> Step:
        self.reason, self._rounds, self._must_flatten = reason, 0, True
        return self._flatten_round()

    def _flatten_round(self) -> Step:
        """Straight back: a wide limit first, then one three times as wide, then the market."""
        hops = [self.holdings.direct[currency] for currency in self.holdings.leftovers()]
        if self._rounds >= FLATTEN_ROUNDS_MAX:
            return self._halt(f"{self.reason}; not back after {self._rounds} rounds")
        self._rounds += 1
        self._timeouts = 0
        self._was_flattened = True
        return _S.FLATTENING, self._send([self._flattening(hop) for hop in hops])[1]

    def _flattening(self, hop: Hop) -> Ticket:
        wide_bps = self.parameters.flatten_slippage_bps * (1.0 if self._rounds == 1 else FLATTEN_WIDER)
        touch = touch_price(hop)
        limit = slipped(hop.instrument, hop.side, touch, wide_bps)
        quantity = self.holdings.quantity(hop, limit) or self.holdings.quantity(hop, touch)
        return self._ticket(hop, quantity, limit if self._rounds <= 2 else None)

    def after_flatten(self, _report: Any) -> Step:
        if self.own_orders.working:
            return self.state, []
        return self._wait_for_retry() if self.holdings.leftovers() else self._settle()

    def notice(self, _report: Any) -> Step:
        """A late report while nothing should be held: take over what it brought."""
        if not self.holdings.leftovers():
            return self.state, []
        self._begin()
        self._is_attempt = True
        self.reason = "a late fill"
        return self._settle()

    def rest(self, _recorded: Any) -> Step:
        self._is_attempt = False
        return _S.IDLE, []

    # --- time ---------------------------------------------------------------------------------------------------

    def try_again(self, fired: TimerFired) -> Step:
        """It is time for the next attempt, or an order is late. An attempt that would meet what the last one has met
        already waits; one that was the second in the same market, and filled nothing, is not counted.
        """
        if fired.name == STEP_TIMER:
            return self.late_order(fired)
        if not self._patience.is_awaiting_news():
            return self._settle()
        if self._patience.take_back():
            self._returns -= self.state is _S.RETURNING
            self._rounds -= self.state is _S.FLATTENING
        return self.state, [self._wait(RETRY_TIMER, RETRY_MS)]

    def late_order(self, _fired: TimerFired) -> Step:
        """A timeout is not a reject: ask for the cancel, and wait for what the order's own reports say."""
        self._timeouts += 1
        if self._timeouts > self.parameters.returns_max:
            self.own_orders.problems.append(
                f"{self._working_names()}: no end reported after {self._timeouts - 1} cancels; protecting"
            )
            return self._protect(f"order {self._working_names()} does not end")
        return self.state, [*self._cancel_working(), self._wait(STEP_TIMER, self.parameters.step_timeout_ms)]

    def _wait_for_retry(self) -> Step:
        if RETRY_TIMER in self.own_orders.timers:
            return self.state, []
        self._patience.start_awaiting()
        return self.state, [*self.own_orders.cancel_timer(STEP_TIMER), self._wait(RETRY_TIMER, RETRY_MS)]

    # --- protecting ---------------------------------------------------------------------------------------------

    def protect(self, message: Any) -> Step:
        return self._protect(trouble(message))

    def _protect(self, reason: str) -> Step:
        self.reason, self._polls = reason, 0
        outputs = [*self._cancel_timers(), *self._cancel_working()]
        return _S.PROTECTING, [*outputs, self._wait(PROTECT_TIMER, PROTECT_POLL_MS)]

    def hear_protected(self, _message: Any) -> Step:
        """A report or the venue's return while protecting: go on as soon as everything is known and fresh."""
        if not self.own_orders.working and self._may_go_on():
            return self._go_on()
        return self.cancel_rest(_message)

    def poll_protected(self, _fired: TimerFired) -> Step:
        self._polls += 1
        working = self.own_orders.working
        if not working and self._may_go_on():
            return self._go_on()
        if not working or not all(self._is_reachable(order) for order in working):
            self._polls = 0
        if self._polls > PROTECT_POLLS_MAX:
            return self._halt(f"the outcome of {self._working_names()} did not become known")
        return self.state, [*self._cancel_working(), self._wait(PROTECT_TIMER, PROTECT_POLL_MS)]

    def _go_on(self) -> Step:
        self._account()
        return self._settle()

    def _may_go_on(self) -> bool:
        """Whether there is a market for everything that is left."""
        if not self.holdings.is_measurable:
            return False
        hops = [self.holdings.direct[currency] for currency in self.holdings.leftovers()]
        return all(hop.view.is_up if self._must_flatten else self._is_usable(hop) for hop in hops)

    # --- ends ---------------------------------------------------------------------------------------------------

    def halt(self, message: HaltStrategy) -> Step:
        return self._halt(message.reason)

    def _halt(self, reason: str) -> Step:
        self.reason = reason
        held = self.holdings.text() or "nothing is held"
        self.own_orders.problems.append(f"HALTED: {reason}; {held}; a person must acknowledge")
        return _S.HALTED, [*self._cancel_timers(), *self._cancel_working()]

    def cancel_rest(self, _message: Any) -> Step:
        """What turns out to work still is cancelled; what it had filled is counted."""
        working = [order for order in self.own_orders.working if order.state is OrderState.WORKING]
        return self.state, [self.own_orders.cancel(order) for order in working if self._is_reachable(order)]

    def drain(self, _message: DrainStrategy | FlattenStrategy) -> Step:
        """Do not begin; what has begun goes on to its start."""
        return self.state, self._cancel_working() if not self._step else []

    def recover(self, _message: Any) -> Step:
        """What the attempt has done so far is not forgotten over a restart, only how often it has waited."""
        self._timeouts = self._polls = 0
        return _S.RECOVERING, []

    def take_over(self, _message: Any) -> Step:
        """What is held goes back as soon as there are prices."""
        if self.own_orders.working:
            return self._protect("orders of an earlier incarnation are still open")
        self._account()
        if self.holdings.leftovers() or not self.holdings.is_measurable:
            return self._protect("taken over between start and start")
        return (_S.DONE if self._is_attempt else _S.IDLE), []

    def resume(self, message: ResumeStrategy | FlattenStrategy) -> Step:
        """The operator has ended a halt: what is held goes back, as after a restart."""
        self._returns = self._rounds = self._timeouts = self._polls = 0
        return self.take_over(message) if self._is_recovered else (_S.RECOVERING, [])

    # --- orders -------------------------------------------------------------------------------------------------

    def _ticket(self, hop: Hop, quantity: Decimal, price: Decimal | None) -> Ticket:
        return Ticket(
            instrument=hop.instrument.id,
            side=hop.side,
            quantity=quantity,
            price=price,
            valid_for_ms=self.parameters.step_timeout_ms,
        )

    def _send(self, tickets: list[Ticket]) -> tuple[list[Order], Outputs]:
        orders = [self.own_orders.submit(ticket) for ticket in tickets]
        self._patience.sent(orders)
        outputs = [*self.own_orders.cancel_timer(RETRY_TIMER), *(order.request for order in orders)]
        return orders, [*outputs, self._wait(STEP_TIMER, self.parameters.step_timeout_ms)]

    def _cancel_working(self) -> Outputs:
        return [self.own_orders.cancel(order) for order in self.own_orders.working if self._is_reachable(order)]

    def _is_reachable(self, order: Order) -> bool:
        return self.markets[order.request.instrument].is_up

    def _is_usable(self, hop: Hop) -> bool:
        return self._is_fresh(hop.view)

    def _is_fresh(self, view: MarketView) -> bool:
        return view.is_fresh(self.own_orders.now_ns, self.parameters.quote_age_max_ms * NS_PER_MS)

    def _working_names(self) -> str:
        return ", ".join(order.request.client_order_id for order in self.own_orders.working)

    def _wait(self, timer: str, after_ms: int) -> SetTimer:
        return self.own_orders.set_timer(timer, after_ms * NS_PER_MS)

    def _cancel_timers(self) -> Outputs:
        return [cancel for name in TIMERS for cancel in self.own_orders.cancel_timer(name)]
