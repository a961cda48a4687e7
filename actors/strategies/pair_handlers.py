"""The decisions of a pair: what to do about two legs that belong together.

Whenever nothing works any more, it looks at what is held, by the ledger, and decides from that alone, so that a fill
that was late, lost or repeated cannot confuse it. Every order is a marketable IOC limit with a cap, except the last
resort of FLATTENING. Every retry and wait has a bound, beyond which the pair is flattened, and beyond that HALTED with
its residual reported.
"""

from typing import Any

from actors.analytics.pnl import Ledger
from actors.machine import Machine, Reaction
from actors.strategies.own_orders import OwnOrders
from actors.strategies.pair_commands import (
    Close,
    CycleRecorded,
    Execution,
    Flatten,
    HeadroomDenied,
    HeadroomGranted,
    PairParameters,
    PairState,
    Rebalance,
    Reserve,
)
from actors.strategies.pair_orders import COOLDOWN_TIMER, LEG_TIMER, PROTECT_TIMER, RETRY_TIMER, PairOrders
from actors.strategies.pair_position import PairPosition
from actors.strategies.repair import RepairKind
from actors.strategies.repair_attempts import NoRepair, RepairAttempts
from actors.strategies.sizing import Leg, PairPlan, closable, to_order
from actors.strategies.trouble import trouble
from messages.control import DrainStrategy, HaltStrategy, RecoveryCompleted, StrategyStarted, TimerFired
from messages.health import CycleResult
from messages.order_lifecycle import OrderState

PROTECT_GRACE_POLLS = 5
"""Polls before a residual is unwound on the one healthy market, rather than waiting for the other."""
PROTECT_POLLS_MAX = 300
"""Polls with all venues up and an order still not ended, before the pair halts (one minute)."""
CLOSING_ROUNDS_MAX = 6
"""Rounds of a close that fill nothing, before it is flattened."""
CLOSING_ORDERS_MAX = 60
"""Rounds of a close altogether."""
FLATTEN_ROUNDS_MAX = 6
UNPRICED = "no price to compare the legs by"

_S = PairState
_AT_REST = frozenset({_S.IDLE, _S.OPEN, _S.COOLDOWN, _S.PROTECTING})
Step = Reaction[PairState]


class PairHandlers(Machine[PairState]):
    """The handlers; `actors/strategies/pair.py` has the table that names when each is called.

    :param legs: in order of execution: the less liquid one first.
    :ivar reason: why the cycle in hand ends, or why the pair halted.
    """

    def __init__(
        self, legs: tuple[Leg, Leg], own_orders: OwnOrders, ledger: Ledger, parameters: PairParameters
    ) -> None:
        self.legs = legs
        self.own_orders = own_orders
        self.parameters = parameters
        self.position = PairPosition(legs, ledger, parameters.hedge_ratio)
        self.orders = PairOrders(legs, own_orders, parameters)
        self.repairs = RepairAttempts(self.position, self.orders, parameters)
        self.reason = ""
        self._plan: PairPlan | None = None
        self._must_flatten = False
        self._begin()
        super().__init__()

    def _begin(self) -> None:
        """Forget the last cycle's counters."""
        self._rounds = self._closes = self._timeouts = self._polls = 0
        self.repairs.begin()
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

    # --- opening ------------------------------------------------------------------------------------------------

    def stay(self, _message: Any) -> Step:
        return self.state, []

    def arm(self, _command: Any) -> Step:
        return _S.ARMED, []

    def stand_down(self, _message: Any) -> Step:
        return _S.IDLE, self.orders.cancel_timers()

    def reserve(self, command: Reserve) -> Step:
        self._plan = command.plan
        return _S.RESERVED, []

    def deny(self, command: HeadroomDenied) -> Step:
        self.reason = f"no headroom: {command.reason}"
        return _S.IDLE, []

    def open_pair(self, _granted: HeadroomGranted) -> Step:
        plan = self._plan
        assert plan is not None
        self._begin()
        self.reason = ""
        self.position.reference = plan.reference_price
        if self.parameters.execution is Execution.CONCURRENT:
            tickets = [self.orders.opening(index, plan.quantities[index], plan.limits[index]) for index in (0, 1)]
            return _S.BOTH_WORKING, self.orders.send(tickets)
        return _S.LEG_ONE_WORKING, self.orders.send([self.orders.opening(0, plan.quantities[0], plan.limits[0])])

    def follow_leg_one(self, _report: Any) -> Step:
        """The second leg follows what the first one filled, net of a fee taken in base."""
        if self.own_orders.working:
            return self.state, []
        gap = self.position.gap()
        plan = self._plan
        if plan is None or gap <= 0 or not self.position.is_actionable():
            return self._settle()
        if not self.orders.is_usable(1):
            return self._protect(f"{self.legs[1].instrument.id} is not fresh")
        self._timeouts = 0
        return _S.LEG_TWO_WORKING, self.orders.send(
            [self.orders.opening(1, to_order(self.legs[1], gap), plan.limits[1])]
        )

    def settle(self, _report: Any) -> Step:
        return (self.state, []) if self.own_orders.working else self._settle()

    def _settle(self) -> Step:
        """Nothing works: what is held decides where the pair stands."""
        outputs = self.orders.cancel_timers()
        position = self.position
        if position.is_wrong_way() or self._must_flatten:
            state, more = self._flatten(self.reason or "a leg is held against its direction")
        elif not position.is_measurable:
            state, more = self._protect(UNPRICED)
        elif position.is_actionable():
            state, more = self._repair()
        elif position.is_holding():
            state, more = _S.OPEN, []
        else:
            state, more = _S.FLAT, []
        return state, [*outputs, *more]

    # --- repairing ----------------------------------------------------------------------------------------------

    def _repair(self) -> Step:
        """Complete or unwind, whichever is cheaper."""
        found = self.repairs.next()
        if found is NoRepair.NO_MARKET:
            return self._protect(found.value)
        if isinstance(found, NoRepair):
            return self._flatten(f"not repaired in {self.repairs.count} attempts: {found.value}")
        self._timeouts = 0
        outputs = self.orders.send([found.ticket])
        self.repairs.sent(found.repair, self.orders.batch[0])
        return _S.REPAIRING, outputs

    def after_repair(self, _report: Any) -> Step:
        """An attempt has ended: account for it, and try again a little later if the legs still do not match."""
        if self.own_orders.working:
            return self.state, []
        self.repairs.account()
        if not self.position.is_measurable or not self.position.is_actionable():
            return self._settle()
        return self._wait_for_retry()

    def _wait_for_retry(self) -> Step:
        if RETRY_TIMER in self.own_orders.timers:
            return self.state, []
        outputs = self.own_orders.cancel_timer(LEG_TIMER)
        return self.state, [*outputs, self.orders.wait(RETRY_TIMER)]

    # --- holding ------------------------------------------------------------------------------------------------

    def check_open(self, _report: Any) -> Step:
        """A late report while the pair is held: a leg that is gone altogether must be replaced or the other closed."""
        if self.position.is_one_legged() or self.position.is_wrong_way() or not self.position.is_holding():
            return self._settle()
        return self.state, []

    def rebalance(self, _command: Rebalance) -> Step:
        gap = self.position.gap()
        leg = self.legs[1]
        quantity = to_order(leg, gap) if gap > 0 else closable(leg, -gap)
        side = leg.opens if gap > 0 else leg.closes
        if not quantity or not self.position.is_actionable() or not self.orders.is_usable(1):
            return self.state, []
        self._timeouts = self.repairs.count = 0
        return _S.REBALANCING, self.orders.send(
            [self.orders.capped((1, side, quantity), self.parameters.slippage_bps_max)]
        )

    def notice(self, _report: Any) -> Step:
        """A late report while nothing should be held: take over what it brought."""
        position = self.position
        if not position.is_measurable and any(position.held):
            return self._protect(UNPRICED)
        if position.is_actionable() or position.is_holding() or position.is_wrong_way():
            self._begin()
            self.reason = "a late fill"
            return self._settle()
        return self.state, []

    # --- closing ------------------------------------------------------------------------------------------------

    def close(self, command: Close) -> Step:
        self.reason = command.reason
        self._rounds, self._closes, self._was_closed = 0, 0, True
        return self._close_round()

    def _close_round(self) -> Step:
        wanted = self.position.closing(self.parameters.execution)
        if not any(wanted):
            return _S.FLAT, self.orders.cancel_timers()
        if self._rounds >= CLOSING_ROUNDS_MAX or self._closes >= CLOSING_ORDERS_MAX:
            return self._flatten(f"{self.reason}; not closed in {self._closes} rounds")
        if not all(self.orders.is_usable(index) for index in (0, 1) if wanted[index]):
            return self._protect("a market went stale while closing")
        self._closes += 1
        self._timeouts = 0
        slippage_bps = self.parameters.slippage_bps_max * max(1, self._rounds)
        orders = [(index, self.legs[index].closes, wanted[index]) for index in (0, 1) if wanted[index]]
        return _S.CLOSING, self.orders.send([self.orders.capped(order, slippage_bps) for order in orders])

    def after_close(self, _report: Any) -> Step:
        if self.own_orders.working or RETRY_TIMER in self.own_orders.timers:
            return self.state, []
        has_filled = self.orders.has_filled
        self._rounds = 0 if has_filled else self._rounds + 1
        if has_filled or not any(self.position.closing(self.parameters.execution)):
            return self._close_round()
        return self._wait_for_retry()

    def flatten(self, command: Flatten) -> Step:
        """Close both legs at any price; what works is cancelled first."""
        if self.own_orders.working:
            self._must_flatten, self.reason, self._rounds = True, command.reason, 0
            return self._protect(command.reason)
        return self._flatten(command.reason)

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
        if not all(self.legs[index].view.is_up for index, _, _ in wanted):
            return self._protect(self.reason)
        self._rounds += 1
        self._timeouts = 0
        return _S.FLATTENING, self.orders.send([self.orders.flattening(order, self._rounds) for order in wanted])

    def after_flatten(self, _report: Any) -> Step:
        if self.own_orders.working:
            return self.state, []
        return self._wait_for_retry() if self.position.closables() else self._flatten_round()

    def rest(self, _recorded: CycleRecorded) -> Step:
        if not self.parameters.cooldown_ms:
            return _S.IDLE, []
        return _S.COOLDOWN, [self.orders.wait(COOLDOWN_TIMER)]

    # --- time ---------------------------------------------------------------------------------------------------

    def on_timer(self, fired: TimerFired) -> Step:
        """A leg's order is late, or it is time for the next attempt."""
        if fired.name == LEG_TIMER:
            return self._time_out()
        if self.state is _S.CLOSING:
            return self._close_round()
        return self._flatten_round() if self.state is _S.FLATTENING else self._settle()

    def _time_out(self) -> Step:
        """A timeout is not a reject: ask for the cancel, and wait for what the order's own reports say."""
        self._timeouts += 1
        if self._timeouts > self.parameters.repair_attempts_max:
            names = ", ".join(order.request.client_order_id for order in self.own_orders.working)
            self.own_orders.problems.append(f"{names}: no end reported after {self._timeouts - 1} cancels; protecting")
            return self._protect(f"order {names} does not end")
        return self.state, [*self.orders.cancel_reachable(), self.orders.wait(LEG_TIMER)]

    # --- protecting ---------------------------------------------------------------------------------------------

    def protect(self, message: Any) -> Step:
        return self._protect(trouble(message))

    def _protect(self, reason: str) -> Step:
        if not self._must_flatten:
            self.reason = reason
        self._polls = 0
        outputs = [*self.orders.cancel_timers(), *self.orders.cancel_reachable()]
        return _S.PROTECTING, [*outputs, self.orders.wait(PROTECT_TIMER)]

    def hear_protected(self, _message: Any) -> Step:
        """A report or a venue's return while protecting: go on as soon as everything is known and fresh."""
        if not self.own_orders.working and self._is_healthy():
            self.repairs.account()
            return self._settle()
        return self.cancel_rest(_message)

    def poll_protected(self, _fired: TimerFired) -> Step:
        self._polls += 1
        if self.own_orders.working:
            return self._poll_unknown()
        self.repairs.account()
        position = self.position
        is_idle = position.is_measurable and not (position.is_holding() or position.is_actionable())
        if self._is_healthy() or (is_idle and not position.is_wrong_way()):
            return self._settle()
        can_reduce = position.is_measurable and position.is_actionable() and bool(self.repairs.available())
        if self._polls >= PROTECT_GRACE_POLLS and can_reduce:
            return self._settle()
        return self.state, [self.orders.wait(PROTECT_TIMER)]

    def _poll_unknown(self) -> Step:
        if not all(self.orders.is_reachable(order) for order in self.own_orders.working):
            self._polls = 0
        if self._polls > PROTECT_POLLS_MAX:
            names = ", ".join(order.request.client_order_id for order in self.own_orders.working)
            return self._halt(f"the outcome of {names} did not become known")
        return self.state, [*self.orders.cancel_reachable(), self.orders.wait(PROTECT_TIMER)]

    def _is_healthy(self) -> bool:
        if self._must_flatten:
            return all(leg.view.is_up for leg in self.legs)
        return self.orders.is_usable(0) and self.orders.is_usable(1)

    # --- ends ---------------------------------------------------------------------------------------------------

    def halt(self, message: HaltStrategy) -> Step:
        return self._halt(message.reason)

    def _halt(self, reason: str) -> Step:
        self.reason = reason
        held = self.position.residual_text() or "the legs match"
        self.own_orders.problems.append(f"HALTED: {reason}; {held}; a person must acknowledge")
        return _S.HALTED, [*self.orders.cancel_timers(), *self.orders.cancel_reachable()]

    def cancel_rest(self, _message: Any) -> Step:
        """What turns out to work still is cancelled; what it had filled is counted."""
        working = [order for order in self.own_orders.working if order.state is OrderState.WORKING]
        return self.state, [self.own_orders.cancel(order) for order in working if self.orders.is_reachable(order)]

    def drain(self, _message: DrainStrategy) -> Step:
        """Cancel what would open more; what restores the balance goes on."""
        return self.state, self.orders.cancel_reachable()

    def recover(self, _message: StrategyStarted) -> Step:
        self._begin()
        return _S.RECOVERING, []

    def take_over(self, _message: RecoveryCompleted) -> Step:
        """Both legs: hold them. One leg, or legs that do not match: repair as soon as there are prices."""
        if self.own_orders.working:
            return self._protect("orders of an earlier incarnation are still open")
        position = self.position
        held_something = any(held > 0 for held in position.held)
        if held_something and not position.is_measurable:
            return self._protect(UNPRICED)
        if position.is_wrong_way():
            self._must_flatten = True
            return self._protect("a leg is held against its direction")
        if position.is_actionable():
            self.reason = "taken over with legs that do not match"
            return _S.REPAIRING, [self.orders.wait(RETRY_TIMER)]
        return (_S.OPEN if position.is_holding() else _S.IDLE), []
