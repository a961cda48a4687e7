"""What a pair does about each message; `actors/strategies/pair/execution.py` has the table that names when."""

from typing import Any

from actors.strategies.pair.commands import (
    Close,
    CycleRecorded,
    Disarm,
    Execution,
    Flatten,
    HeadroomDenied,
    HeadroomGranted,
    PairState,
    Rebalance,
    Release,
    Reserve,
    Turn,
)
from actors.strategies.pair.decisions import UNPRICED, PairDecisions, Step
from actors.strategies.pair.orders import COOLDOWN_TIMER, LEG_TIMER, PROTECT_TIMER, RETRY_TIMER
from actors.strategies.pair.sizing import PairPlan, closable, to_order
from actors.strategies.pair.trouble import trouble
from messages.gateway_link import VenueDown
from messages.market import Gap
from messages.order_lifecycle import OrderState
from messages.strategy_host import (
    DrainStrategy,
    FlattenStrategy,
    HaltStrategy,
    RecoveryCompleted,
    ResumeStrategy,
    StrategyStarted,
    TimerFired,
)

_S = PairState


class PairHandlers(PairDecisions):
    """The handlers of the table."""

    _plan: PairPlan | None = None

    def stay(self, _message: Any) -> Step:
        return self.state, []

    # --- opening ------------------------------------------------------------------------------------------------

    def turn(self, command: Turn) -> Step:
        self.position.turn(command.sides)
        self.repairs.exit_basis_bps = command.exit_basis_bps
        return self.state, []

    def arm(self, _command: Any) -> Step:
        return _S.ARMED, []

    def stand_down(self, message: Disarm | Gap | VenueDown | DrainStrategy) -> Step:
        """A signal ends before anything was sent."""
        self.reason = trouble(message)
        return _S.IDLE, []

    def cut_rest(self, _message: DrainStrategy) -> Step:
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
        self.reason, self.position.closes_only = "", False
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

    def after_repair(self, _report: Any) -> Step:
        """An attempt has ended: account for it, and try again a little later if the legs still do not match."""
        if self.own_orders.working:
            return self.state, []
        self.repairs.account()
        if not self.position.is_measurable or not self.position.is_actionable():
            return self._settle()
        return self._wait_for_retry()

    # --- holding ------------------------------------------------------------------------------------------------

    def check_open(self, _report: Any) -> Step:
        """A late report while the pair is held: a leg that is gone altogether must be replaced or the other closed.

        What the venue took away is followed at once; a smaller fill of ours is the strategy's to rebalance.
        """
        position = self.position
        if position.is_one_legged() or position.is_wrong_way() or not position.is_holding() or position.closes_only:
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

    def release(self, command: Release) -> Step:
        self.reason, self._was_closed = command.reason, True
        self.position.release()
        return _S.FLAT, self.orders.cancel_timers()

    def notice(self, _report: Any) -> Step:
        """A late report while nothing should be held: take over what it brought."""
        position = self.position
        if not position.is_measurable:
            return self._protect(UNPRICED)
        if position.is_actionable() or position.is_holding() or position.is_wrong_way() or self.must_leave():
            self._begin()
            self.reason = "a late fill"
            return self._settle()
        return self.state, []

    # --- closing ------------------------------------------------------------------------------------------------

    def close(self, command: Close) -> Step:
        self.reason = command.reason
        self._rounds, self._closes, self._was_closed = 0, 0, True
        return self._close_round()

    def after_close(self, _report: Any) -> Step:
        if self.own_orders.working or RETRY_TIMER in self.own_orders.timers:
            return self.state, []
        has_filled = self.orders.has_filled
        self._rounds = 0 if has_filled else self._rounds + 1
        if has_filled or not any(self.position.closing(self.parameters.execution)):
            return self._close_round()
        return self._wait_for_retry()

    def leave_resting(self, message: FlattenStrategy) -> Step:
        """Close what may be held all the same: a residual that was carried."""
        if not self.own_orders.working and not self.position.closables():
            return _S.IDLE, self.orders.cancel_timers()
        self._begin()
        return self.flatten(message)

    def flatten(self, command: Flatten | FlattenStrategy) -> Step:
        """Close both legs at any price; what works is cancelled first."""
        self._must_flatten, self.reason, self._rounds = True, command.reason, 0
        return self._protect(command.reason) if self.own_orders.working else self._flatten_round()

    def after_flatten(self, _report: Any) -> Step:
        if self.own_orders.working:
            return self.state, []
        return self._wait_for_retry() if self.position.closables() else self._flatten_round()

    def rest(self, _recorded: CycleRecorded) -> Step:
        self.position.closes_only = False
        if not self.parameters.cooldown_ms:
            return _S.IDLE, []
        return _S.COOLDOWN, [self.orders.wait(COOLDOWN_TIMER)]

    # --- time ---------------------------------------------------------------------------------------------------

    def late_leg(self, fired: TimerFired) -> Step:
        """The order of a leg is late."""
        return self._time_out() if fired.name == LEG_TIMER else (self.state, [])

    def close_again(self, fired: TimerFired) -> Step:
        return self._retry(self._close_round) if fired.name == RETRY_TIMER else self.late_leg(fired)

    def flatten_again(self, fired: TimerFired) -> Step:
        return self._retry(self._flatten_round) if fired.name == RETRY_TIMER else self.late_leg(fired)

    def repair_again(self, fired: TimerFired) -> Step:
        return self._retry(self._settle) if fired.name == RETRY_TIMER else self.late_leg(fired)

    def end_rest(self, fired: TimerFired) -> Step:
        return (_S.IDLE, []) if fired.name == COOLDOWN_TIMER else (self.state, [])

    # --- protecting ---------------------------------------------------------------------------------------------

    def protect(self, message: Any) -> Step:
        return self._protect(trouble(message))

    def hear_protected(self, message: Any) -> Step:
        """A report or a venue's return while protecting: go on as soon as everything is known and fresh."""
        if not self.own_orders.working and self._is_healthy():
            return self._go_on()
        return self.cancel_rest(message)

    def poll_protected(self, fired: TimerFired) -> Step:
        if fired.name != PROTECT_TIMER:
            return self.state, []
        self._polls += 1
        self._outage_polls += 1
        if self.own_orders.working:
            return self._poll_unknown()
        self.repairs.account()
        position = self.position
        is_idle = position.is_measurable and not (position.is_holding() or position.is_actionable())
        if self._is_healthy() or (is_idle and not position.is_wrong_way()):
            return self._go_on()
        if position.is_measurable and not position.is_actionable() and not self._must_flatten:
            return self.state, [self.orders.wait(PROTECT_TIMER)]  # hedged: it can wait as long as it takes
        return self._poll_residual()

    def _go_on(self) -> Step:
        self.repairs.account()
        self._outage_polls = 0
        return self._settle()

    # --- ends ---------------------------------------------------------------------------------------------------

    def halt(self, message: HaltStrategy) -> Step:
        return self._halt(message.reason)

    def cancel_rest(self, _message: Any) -> Step:
        """What turns out to work still is cancelled; what it had filled is counted."""
        working = [order for order in self.own_orders.working if order.state is OrderState.WORKING]
        return self.state, [self.own_orders.cancel(order) for order in working if self.orders.is_reachable(order)]

    def drain(self, _message: DrainStrategy) -> Step:
        """Cancel what would open more; what restores the balance goes on."""
        return self.state, self.orders.cancel_reachable()

    def recover(self, _message: StrategyStarted) -> Step:
        self._begin()
        self.reason = "restarted"
        return _S.RECOVERING, []

    def take_over(self, _message: RecoveryCompleted) -> Step:
        """Go on from what is held. Where the gateways know of less than we did, the venue has taken it: it is not
        opened again.
        """
        position = self.position
        if position.has_lost():
            self.position.closes_only = True
        if position.turn_to_what_is_held():
            self.repairs.exit_basis_bps = None
        return self._from_what_is_held("taken over")

    def resume(self, _message: ResumeStrategy) -> Step:
        """The operator has ended a halt: go on from what is held, as the ledger has it."""
        self._begin()
        self.reason = "resumed"
        return self._from_what_is_held("resumed") if self._is_recovered else (_S.RECOVERING, [])
