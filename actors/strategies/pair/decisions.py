"""The decisions of a pair: what to do next about two legs that belong together.

Whenever nothing works any more, it looks at what is held, by the ledger, and decides from that alone, so that a fill
that was late, lost or repeated cannot confuse it. Every order is a marketable IOC limit with a cap, except the last
resort of FLATTENING. Every retry and wait has a bound, beyond which the pair is flattened, and beyond that HALTED with
its residual reported.
"""

from collections.abc import Callable
from typing import Any

from actors.analytics.pnl import Ledger
from actors.machine import Machine, Outputs, Reaction
from actors.strategies.own_orders import OwnOrders
from actors.strategies.pair.commands import PairParameters, PairState
from actors.strategies.pair.orders import LEG_TIMER, PROTECT_TIMER, RETRY_TIMER, PairOrders
from actors.strategies.pair.position import PairPosition
from actors.strategies.pair.repair import RepairKind
from actors.strategies.pair.repair_attempts import NextRepair, NoRepair, RepairAttempts
from actors.strategies.pair.sizing import Leg
from messages.health import CycleResult
from messages.orders import Fill, OrderClosed, OrderDenied, OrderRejected, is_forced, is_venue_made
from messages.strategy_host import FlattenStrategy, RecoveryCompleted, ResumeStrategy, StrategyStarted

PROTECT_GRACE_POLLS = 5
"""Polls before a residual is repaired on the one healthy market, within the budget, rather than waiting for the
other."""
PROTECT_ALERT_POLLS = 25
"""Polls (5 s) with a residual that cannot be repaired within the budget, before a person is told."""
PROTECT_RESIDUAL_POLLS_MAX = 150
"""Polls (30 s) with such a residual, before it is traded away on the one healthy market whatever that costs: an open
risk has no bound, a wide limit has."""
PROTECT_POLLS_MAX = 300
"""Polls with all venues up and an order still not ended, before the pair halts (one minute)."""
OUTAGE_POLLS_MAX = 18_000
"""Polls with something unknown or unmatched and no market to do anything about it, before the pair halts (one hour)."""
CLOSING_ROUNDS_MAX = 6
"""Rounds of a close that count and fill nothing, before it is flattened."""
CLOSING_ORDERS_MAX = 60
"""Rounds of a close altogether."""
FLATTEN_ROUNDS_MAX = 6
"""Rounds of a flattening that count, before the pair halts."""
LEAVING = "flattened by the operator"
UNPRICED = "no price to compare the legs by"

_S = PairState
_AT_REST = frozenset({_S.IDLE, _S.OPEN, _S.COOLDOWN, _S.PROTECTING})
Step = Reaction[PairState]


class PairDecisions(Machine[PairState]):
    """What a pair knows of its cycle, and how it goes on; `PairHandlers` has what is done about each message.

    :param legs: in order of execution: the less liquid one first.
    :ivar reason: why the cycle in hand ends, or why the pair halted.
    """

    def __init__(
        self, legs: tuple[Leg, Leg], own_orders: OwnOrders, ledger: Ledger, parameters: PairParameters
    ) -> None:
        self.legs = legs
        self.own_orders = own_orders
        self.parameters = parameters
        self.position = PairPosition(legs, ledger, parameters)
        self.orders = PairOrders(legs, own_orders, parameters)
        self.repairs = RepairAttempts(self.position, self.orders, parameters)
        self.reason = ""
        self._must_flatten = self._is_recovered = self._is_leaving = False
        self._begin()
        super().__init__()

    def _begin(self) -> None:
        """Forget the last cycle's counters."""
        self._rounds = self._closes = self._timeouts = self._polls = self._outage_polls = 0
        self.repairs.begin()
        self.orders.begin()
        self._was_closed = self._was_flattened = self._must_flatten = False

    # --- what the strategy asks about ---------------------------------------------------------------------------

    @property
    def is_settled(self) -> bool:
        """Nothing works, and what is held is balanced, too small to trade, or a person's business."""
        if self.state is _S.HALTED:
            return True
        if self.own_orders.working or self._must_flatten or self.state not in _AT_REST:
            return False
        return self.position.is_measurable and not self.position.is_actionable()

    def result(self, *, has_fills: bool) -> CycleResult:
        """What became of the cycle, as it stands at its end."""
        if self._was_flattened:
            return CycleResult.FLATTENED
        if not has_fills or self.state is _S.HALTED:
            return CycleResult.ABANDONED
        if self._was_closed:
            return CycleResult.REPAIRED if self.repairs.kinds else CycleResult.COMPLETED
        return CycleResult.UNWOUND if RepairKind.UNWIND in self.repairs.kinds else CycleResult.ABANDONED

    # --- taking note --------------------------------------------------------------------------------------------

    def on_message(self, message: Any) -> Outputs:
        """Take note of how our orders end, and of what the venue did without an order of ours; then the table."""
        if isinstance(message, OrderClosed | OrderRejected | OrderDenied):
            self.orders.note_end(message)
        elif isinstance(message, StrategyStarted | RecoveryCompleted):
            self._is_recovered = isinstance(message, RecoveryCompleted)
            self._is_leaving = self._is_leaving and self._is_recovered
        elif isinstance(message, FlattenStrategy | ResumeStrategy):
            self._is_leaving = isinstance(message, FlattenStrategy)
        elif isinstance(message, Fill):
            self.orders.patience.stop_awaiting()  # what is to be traded has changed
            if is_forced(message.client_order_id):
                self._follow_the_venue(message)
        outputs = super().on_message(message)
        self.position.remember()
        return outputs

    def _follow_the_venue(self, fill: Fill) -> None:
        """What the venue (or our gateway) takes away is not to be opened again: the other leg follows."""
        self.position.closes_only = True
        if not self._must_flatten:
            who = "venue" if is_venue_made(fill.client_order_id) else "gateway"
            self.reason = f"the {who} closed {fill.quantity} {fill.instrument} ({fill.client_order_id})"

    # --- when nothing works -------------------------------------------------------------------------------------

    def _settle(self) -> Step:
        """Nothing works: what is held decides where the pair stands."""
        outputs = self.orders.cancel_timers()
        position = self.position
        if position.is_wrong_way() or self._must_flatten or self.must_leave():
            state, more = self._flatten(
                self.reason or (LEAVING if self._is_leaving else "a leg is held against its direction")
            )
        elif not position.is_measurable:
            state, more = self._protect(UNPRICED)
        elif position.is_actionable():
            state, more = self._repair()
        elif position.is_holding():
            state, more = _S.OPEN, []
        else:
            self.reason = self.reason or self.orders.shortfall or "nothing is held"
            state, more = _S.FLAT, []
        return state, [*outputs, *more]

    def must_leave(self) -> bool:
        """Whether something can be closed and the operator has asked for it, since the pair began or was resumed."""
        return self._is_leaving and bool(self.position.closables())

    def _from_what_is_held(self, why: str) -> Step:
        """Begin anew from what is held, without a past. Both legs: hold them. One leg, or legs that do not match:
        repair as soon as there are prices.

        :param why: what it is called, for a person: `taken over`, say.
        """
        position = self.position
        if self.own_orders.working:
            return self._protect(f"{why} with orders that are still open")
        if not position.is_measurable:
            return self._protect(UNPRICED)
        if self.must_leave():
            self._must_flatten = True
            return self._protect(LEAVING)
        self._must_flatten = position.is_wrong_way()
        if self._must_flatten:
            return self._protect("a leg is held against its direction")
        if position.is_actionable():
            self.reason = f"{why} with legs that do not match"
            return _S.REPAIRING, [self.orders.wait(RETRY_TIMER)]
        return (_S.OPEN if position.is_holding() else _S.IDLE), []

    def _repair(self) -> Step:
        """Complete or unwind, whichever is cheaper."""
        found = self.repairs.next()
        self.reason = self.reason or self.orders.shortfall or "the legs do not match"
        if found is NoRepair.NO_MARKET:
            return self._protect(found.value)
        if isinstance(found, NoRepair):
            return self._flatten(f"{self.reason}; not repaired in {self.repairs.count} attempts: {found.value}")
        return self._send_repair(found)

    def _send_repair(self, found: NextRepair) -> Step:
        self._timeouts = 0
        outputs = self.orders.send([found.ticket])
        self.repairs.sent(found.repair, self.orders.batch[0])
        return _S.REPAIRING, outputs

    def _wait_for_retry(self) -> Step:
        if RETRY_TIMER in self.own_orders.timers:
            return self.state, []
        outputs = self.own_orders.cancel_timer(LEG_TIMER)
        return self.state, [*outputs, self.orders.retry()]

    def _retry(self, attempt: Callable[[], Step]) -> Step:
        """The next attempt, unless it would meet what the last one has met already. An attempt that was the second one
        in the same market, and filled nothing, is not counted.
        """
        if not self.orders.patience.is_awaiting_news():
            return attempt()
        if self.orders.patience.take_back():
            self.repairs.count -= self.state is _S.REPAIRING
            self._rounds -= self.state is not _S.REPAIRING
        return self.state, [self.orders.wait(RETRY_TIMER)]

    # --- closing ------------------------------------------------------------------------------------------------

    def _close_round(self) -> Step:
        wanted = self.position.closing(self.parameters.execution)
        if not any(wanted):
            return _S.FLAT, self.orders.cancel_timers()
        if self._rounds >= CLOSING_ROUNDS_MAX or self._closes >= CLOSING_ORDERS_MAX:
            return self._flatten(f"{self.reason}; not closed in {self._closes} rounds")
        if not all(self.orders.is_usable(index) for index in (0, 1) if wanted[index]):
            return self._protect(f"{self.reason}; a market went stale while closing")
        self._closes += 1
        self._timeouts = 0
        slippage_bps = self.parameters.slippage_bps_max * max(1, self._rounds)
        orders = [(index, self.legs[index].closes, wanted[index]) for index in (0, 1) if wanted[index]]
        return _S.CLOSING, self.orders.send([self.orders.capped(order, slippage_bps) for order in orders])

    def _flatten(self, reason: str) -> Step:
        self.reason = reason
        if not self._must_flatten:
            self._rounds, self._must_flatten = 0, True
        return self._flatten_round()

    def _flatten_round(self) -> Step:
        wanted = self.position.closables()
        if not wanted:
            self._was_flattened, self._must_flatten = True, False
            return _S.FLAT, self.orders.cancel_timers()
        if self._rounds >= FLATTEN_ROUNDS_MAX:
            return self._halt(f"{self.reason}; not flat after {self._rounds} rounds")
        if not self._can_flatten():
            return self._protect(self.reason)
        self._rounds += 1
        self._timeouts = 0
        return _S.FLATTENING, self.orders.send([self.orders.flattening(order, self._rounds) for order in wanted])

    def _can_flatten(self) -> bool:
        """Whether every venue that is needed for it is up; a hedge is not taken away alone."""
        return all(self.legs[index].view.is_up for index, _, _ in self.position.closables())

    # --- protecting ---------------------------------------------------------------------------------------------

    def _protect(self, reason: str) -> Step:
        if not self._must_flatten:
            self.reason = reason
        if self.state is not _S.PROTECTING:
            self._polls = 0
        outputs = [*self.orders.cancel_timers(), *self.orders.cancel_reachable()]
        return _S.PROTECTING, [*outputs, self.orders.wait(PROTECT_TIMER)]

    def _is_healthy(self) -> bool:
        if self._must_flatten:
            return self._can_flatten()
        return self.orders.is_usable(0) and self.orders.is_usable(1)

    def _poll_unknown(self) -> Step:
        """An order has not ended yet: while its venue can be reached, that cannot take long."""
        if not all(self.orders.is_reachable(order) for order in self.own_orders.working):
            self._polls = 0
        if self._polls > PROTECT_POLLS_MAX or self._outage_polls >= OUTAGE_POLLS_MAX:
            return self._halt(f"the outcome of {self._working_names()} did not become known")
        return self.state, [*self.orders.cancel_reachable(), self.orders.wait(PROTECT_TIMER)]

    def _poll_residual(self) -> Step:
        """What does not match waits for a market that is away: repair it on the other one, in the end at any cost."""
        can_reduce = self.position.is_measurable and bool(self.repairs.available())
        if can_reduce and not self._must_flatten and self._polls >= PROTECT_GRACE_POLLS:
            return self._settle()
        if self._polls == PROTECT_ALERT_POLLS:
            self.own_orders.problems.append(f"PROTECTING: {self.reason}; {self._held_text()}; waits for the market")
        if can_reduce and self._polls >= PROTECT_RESIDUAL_POLLS_MAX:
            return self._send_repair(self.repairs.last_resort())
        if self._outage_polls >= OUTAGE_POLLS_MAX:
            return self._halt(f"{self.reason}; the market did not come back")
        return self.state, [self.orders.wait(PROTECT_TIMER)]

    def _time_out(self) -> Step:
        """A timeout is not a reject: ask for the cancel, and wait for what the order's own reports say."""
        self._timeouts += 1
        if self._timeouts > self.parameters.repair_attempts_max:
            names = self._working_names()
            self.own_orders.problems.append(f"{names}: no end reported after {self._timeouts - 1} cancels; protecting")
            return self._protect(f"order {names} does not end")
        return self.state, [*self.orders.cancel_reachable(), self.orders.wait(LEG_TIMER)]

    def _working_names(self) -> str:
        return ", ".join(order.request.client_order_id for order in self.own_orders.working)

    # --- halting ------------------------------------------------------------------------------------------------

    def _halt(self, reason: str) -> Step:
        self.reason = reason or "halted"
        self.own_orders.problems.append(f"HALTED: {self.reason}; {self._held_text()}; a person must acknowledge")
        return _S.HALTED, [*self.orders.cancel_timers(), *self.orders.cancel_reachable()]

    def _held_text(self) -> str:
        return self.position.residual_text() or "the legs match"
