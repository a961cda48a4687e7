"""Futures-futures hedging (calendar, cross-venue, basis between contracts): a near against a far contract, both ways.

Enter when the executable spread is far enough from its mean to pay for everything; hold; leave when it has returned, at
a profit target, or at one of the stops. The legs are traded by `PairExecution`, which is turned to the direction of
each entry; the states here are what its states mean for this strategy.
"""

from collections.abc import Mapping
from enum import Enum
from typing import Any, ClassVar

import msgspec

from actors.analytics.funding import NS_PER_HOUR
from actors.analytics.spread_statistics import SpreadStatistics
from actors.machine import Reaction, Rows, on
from actors.strategies.futures_futures.exit import Leave, SpreadExit
from actors.strategies.futures_futures.held import HeldSpread, held_leg, held_spread
from actors.strategies.futures_futures.parameters import (
    FuturesFuturesParameters,
    faults_of,
    guard_starts_ns,
    pair_parameters,
    settlement_starts_ns,
    spread_terms,
    statistics_terms,
)
from actors.strategies.futures_futures.spread_signal import Direction, Opportunity, SpreadSignal
from actors.strategies.pair.commands import Close, FeedStale, PairParameters, PairState, Turn
from actors.strategies.pair.sizing import Leg, PlanRequest
from actors.strategies.pair.two_leg import SILENCE, TwoLegStrategy
from actors.strategies.strategy import ENDINGS, INPUTS, ORDER_REPORTS
from messages.gateway_link import VenueDown, VenueUp
from messages.instruments import Instrument
from messages.market import Gap, Quote
from messages.orders import FundingPaid, OrderUnknown, Side
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


class State(Enum):
    IDLE = "waiting for recovery, or drained"
    SCANNING_SPREADS = "nothing held; watching the spread"
    SPREAD_DETECTED = "the spread is far enough; it must stay so for a while"
    VALIDATING_OPPORTUNITY = "both legs are checked; waiting for risk headroom"
    OPENING_LONG_LEG = "the order that buys works (both orders where execution is concurrent)"
    OPENING_SHORT_LEG = "the order that sells works"
    MONITORING_SPREAD = "both legs held; watching for a reason to leave"
    ADJUSTING_POSITIONS = "bringing the legs back in line: a rebalancing or a repair"
    CLOSING_SPREAD = "both legs are being closed"
    PROTECTING = "a market is stale or gone, or an outcome unknown: no new risk"
    COOLDOWN = "resting after a cycle"
    HALTED = "stopped; a person must look at it"


_MEANING = {
    PairState.RECOVERING: State.IDLE,
    PairState.IDLE: State.SCANNING_SPREADS,
    PairState.ARMED: State.SPREAD_DETECTED,
    PairState.RESERVED: State.VALIDATING_OPPORTUNITY,
    PairState.BOTH_WORKING: State.OPENING_LONG_LEG,
    PairState.OPEN: State.MONITORING_SPREAD,
    PairState.REBALANCING: State.ADJUSTING_POSITIONS,
    PairState.REPAIRING: State.ADJUSTING_POSITIONS,
    PairState.CLOSING: State.CLOSING_SPREAD,
    PairState.FLATTENING: State.CLOSING_SPREAD,
    PairState.PROTECTING: State.PROTECTING,
    PairState.COOLDOWN: State.COOLDOWN,
    PairState.HALTED: State.HALTED,
}
_L = TwoLegStrategy
_LONG_FIRST = (State.OPENING_LONG_LEG, State.OPENING_SHORT_LEG)


class FuturesFutures(TwoLegStrategy[State]):
    """One pair at a time, of one near and one far contract.

    :ivar direction: which way the pair is turned.
    :ivar stopped: the direction that a stop has ended; nothing is entered until the spread has returned from it.
    """

    kind: ClassVar[str] = "futures-futures"
    parameters_type: ClassVar[type[msgspec.Struct]] = FuturesFuturesParameters
    live_parameters: ClassVar[frozenset[str]] = frozenset(FuturesFuturesParameters.__struct_fields__) - {
        "near",
        "far",
        "hedge_ratio",
        "execution",
        "first_leg",
        "rule",
        "statistics",
        "lookback",
    }
    drained = State.IDLE
    initial = State.IDLE
    parameters: FuturesFuturesParameters

    def __init__(self, strategy_id: str, instruments: Mapping[str, Instrument], parameters: FuturesFuturesParameters):
        super().__init__(strategy_id, instruments, parameters)
        near, far = self.views[parameters.near], self.views[parameters.far]
        self.statistics = SpreadStatistics(statistics_terms(parameters))
        self.signal = SpreadSignal(near, far, spread_terms(parameters), self.statistics)
        self.stopped: Direction | None = None
        self._guard_ns = guard_starts_ns(parameters, near.instrument, far.instrument)
        self.exits = SpreadExit(parameters, self.signal, self._guard_ns)
        self._settlement_ns = settlement_starts_ns(parameters, near.instrument, far.instrument)
        self._slack_bps = 0.0
        self._held: HeldSpread | None = None
        self._face()

    @classmethod
    def instrument_ids(cls, parameters: FuturesFuturesParameters) -> tuple[str, ...]:
        return (parameters.near, parameters.far)

    @classmethod
    def check(cls, parameters: FuturesFuturesParameters, instruments: Mapping[str, Instrument]) -> list[str]:
        return faults_of(parameters, instruments)

    def subscriptions(self) -> tuple[tuple[Channel, str], ...]:
        both = (Channel.QUOTE, Channel.DEPTH, Channel.GAP)
        return tuple(
            (channel, name)
            for name, instrument in self.instruments.items()
            for channel in ((*both, Channel.MARK) if instrument.funding_interval_hours else both)
        )

    def make_legs(self) -> tuple[Leg, Leg]:
        """Made to sell the far contract; `Turn` makes them buy it."""
        near, far = self.views[self.parameters.near], self.views[self.parameters.far]
        legs = Leg(near.instrument, Side.BUY, near), Leg(far.instrument, Side.SELL, far)
        return legs if self.parameters.first_leg == "near" else (legs[1], legs[0])

    def pair_parameters(self) -> PairParameters:
        return pair_parameters(self.parameters)

    def is_fresh(self, now_ns: int) -> bool:
        return self.signal.is_fresh(now_ns)

    @property
    def reporting_currency(self) -> str:
        """The quote currency of the linear leg; the coin where both are inverse."""
        near, far = self.signal.near.instrument, self.signal.far.instrument
        if near.inverse and far.inverse:
            return near.settle
        return far.quote if near.inverse else near.quote

    @property
    def note(self) -> str:
        texts = [f"stopped {self.stopped.name}; waits until the spread has returned"] if self.stopped else []
        if self.now_ns >= self._guard_ns:
            texts.append("within the expiry guard: nothing is entered")
        return self.note_with("; ".join([*texts, self.signal.text(self.now_ns)]))

    # --- entering -----------------------------------------------------------------------------------------------

    def seek_entry(self, _quote: Quote) -> Reaction[State]:
        """Enter on a spread that pays for everything; any other is a sample, once it was compared with those before."""
        now_ns = self.own_orders.now_ns
        if self.is_half_quoted() and self.signal.is_fresh(now_ns):
            return self._state, ()
        self._heed_stop(now_ns)
        found = None if self.stopped or now_ns >= self._guard_ns else self.signal.opportunity(now_ns)
        if found is None or (self._armed_ns and found.direction is not self.direction):
            reaction = self.hold_signal(0.0, is_there=False)
        else:
            reaction = self._pursue(found)
        if self.pair.state is PairState.IDLE:
            self._sample(now_ns)
        return reaction

    def _pursue(self, found: Opportunity) -> Reaction[State]:
        self._slack_bps = found.slack_bps
        if not self._armed_ns:
            self._turn(found)
        return self.hold_signal(found.edge_bps, is_there=True)

    def observe(self, _quote: Quote) -> Reaction[State]:
        """Between two pairs, what is known of the spread goes on to grow."""
        if not self.is_half_quoted():
            self._heed_stop(self.own_orders.now_ns)
            self._sample(self.own_orders.now_ns)
        return self._state, ()

    def _heed_stop(self, now_ns: int) -> None:
        """After a stop, see whether the spread is back at its mean.

        What was known when the pair was entered is what it is left by, and what a stop waits for. Where nothing was
        known (a pair that was taken over), a stop waits for the first mean that is.
        """
        if self.stopped is None or self.signal.levels(now_ns) is None:
            self.signal.thaw()
            return
        self.signal.freeze()
        if self.signal.has_returned(self.stopped, now_ns):
            self.stopped = None

    def _sample(self, now_ns: int) -> None:
        """While a stop is in force none is taken: what strayed is not to become the mean."""
        if not self.signal.is_frozen:
            self.signal.observe(now_ns)

    def _turn(self, found: Opportunity) -> None:
        near, far = (Side.BUY, Side.SELL) if found.direction is Direction.SHORT_FAR else (Side.SELL, Side.BUY)
        self._tell(Turn((near, far) if self.parameters.first_leg == "near" else (far, near), found.exit_bps))
        self._face()

    def _face(self) -> None:
        """Which leg is the long one follows from the direction that the pair is turned to."""
        buys_first = self.pair.legs[0].opens is Side.BUY
        is_near_first = self.parameters.first_leg == "near"
        self.direction = Direction.SHORT_FAR if buys_first is is_near_first else Direction.LONG_FAR
        first, second = _LONG_FIRST if buys_first else reversed(_LONG_FIRST)
        self.meaning = {**_MEANING, PairState.LEG_ONE_WORKING: first, PairState.LEG_TWO_WORKING: second}

    def plan_request(self, edge_bps: float) -> PlanRequest:
        return PlanRequest(
            notional=self.parameters.notional,
            hedge_ratio=self.pair.parameters.hedge_ratio,
            slippage_bps_max=self.parameters.slippage_bps_max,
            slack_bps=self._slack_bps,
            edge_bps=edge_bps,
            held=self.pair.position.held,
        )

    # --- holding ------------------------------------------------------------------------------------------------

    def watch_spread(self, _quote: Quote) -> Reaction[State]:
        """Look for a reason to leave."""
        now_ns, held = self.own_orders.now_ns, self._held
        if now_ns >= self._settlement_ns:
            return self._leave_to_settlement()
        if self.is_draining:
            return self._state, ()
        if not self.signal.is_fresh(now_ns):
            return self.follow(FeedStale(SILENCE)) if self.is_silent() else (self._state, ())
        if held is None:
            held = self._held = self._measure()
        self.signal.observe(now_ns)
        leave = self._reason_to_leave(now_ns, held) if held is not None else None
        if leave is None:
            return self._state, ()
        if leave.is_stop:
            self.stopped = self.direction
        return self.follow(Close(leave.reason))

    def _reason_to_leave(self, now_ns: int, held: HeldSpread) -> Leave | None:
        by_time = self.exits.by_time(now_ns)
        if by_time is not None or self.is_half_quoted():
            return by_time
        return self.exits.by_price(now_ns, held, self.direction)

    def follow_open(self, message: Any) -> Reaction[State]:
        self._held = None
        return self._leave_to_settlement() if self._is_settling() else super().follow_open(message)

    def watch_legs(self, fired: TimerFired) -> Reaction[State]:
        return self._leave_to_settlement() if self._is_settling() else self.watch(fired)

    def book_funding(self, _paid: FundingPaid) -> Reaction[State]:
        """The ledger has it already; the profit of the cycle is to be measured anew."""
        self._held = None
        return self._state, ()

    def _measure(self) -> HeldSpread | None:
        near, far = (
            held_leg(self.ledger.books[view.instrument.id], view) for view in (self.signal.near, self.signal.far)
        )
        return held_spread(near, far, self.earned_in_cycle())

    def begin_holding(self) -> None:
        """Set the time stop: so many half-lives, if there is one to go by, and never more than `holding_hours_max`."""
        self._held = None
        self.signal.freeze()
        limit_ns = int(self.parameters.holding_hours_max * NS_PER_HOUR)
        known = self.signal.known
        if known is not None and known.half_life_ns is not None:
            limit_ns = min(limit_ns, int(self.parameters.half_lives_max * known.half_life_ns))
        self.exits.begin(self.cycle_log.started_ns + limit_ns)

    # --- the end of a contract ----------------------------------------------------------------------------------

    def take_over(self, message: RecoveryCompleted) -> Reaction[State]:
        """The pair turns to what is held already."""
        outputs = self._tell(message)
        self._face()
        if self.own_orders.now_ns >= self._guard_ns:
            self.alert("a contract has expired, or will within expiry_guard_hours: nothing is entered")
        return self._stand(), outputs

    def trade_on(self, message: Any) -> Reaction[State]:
        """Follow what may lead to the next order, unless none may be sent any more."""
        return self._leave_to_settlement() if self._is_settling() else self.follow(message)

    def heed_settlement(self, _quote: Quote) -> Reaction[State]:
        return self._leave_to_settlement() if self._is_settling() else (self._state, ())

    def _is_settling(self) -> bool:
        return self.own_orders.now_ns >= self._settlement_ns

    def _leave_to_settlement(self) -> Reaction[State]:
        """The settlement price is being made: what is still held is the venue's to settle, and a person's to see."""
        return self.follow(HaltStrategy("the settlement window has begun", self.own_orders.now_ns))

    _SETTLED = (
        State.MONITORING_SPREAD,
        State.ADJUSTING_POSITIONS,
        State.CLOSING_SPREAD,
        State.PROTECTING,
        State.COOLDOWN,
        State.SCANNING_SPREADS,
        State.IDLE,
    )
    """Where it may stand once nothing works any more."""

    _LEFT = (State.CLOSING_SPREAD, State.PROTECTING, State.COOLDOWN, State.IDLE, State.HALTED)
    """Where it may stand when it is told to close everything."""

    _ALWAYS: Rows = {
        **dict.fromkeys(INPUTS, on(_L.stay)),
        **dict.fromkeys((*ORDER_REPORTS, VenueUp, VenueDown, Gap, DrainStrategy, ResumeStrategy), on(_L.follow)),
        FlattenStrategy: on(trade_on, *_LEFT),
        FundingPaid: on(book_funding),
        StrategyStarted: on(_L.follow, State.IDLE),
        HaltStrategy: on(_L.follow, State.HALTED),
    }
    """Rows of every state: what is only taken note of, a restart, a halt."""

    _RESTING: Rows = {
        **_ALWAYS,
        **dict.fromkeys(ENDINGS, on(_L.follow, *_SETTLED)),
        DrainStrategy: on(_L.follow, State.IDLE),
    }
    _AWAITING_START: Rows = {
        **_RESTING,
        **dict.fromkeys((Gap, VenueDown), on(_L.follow, State.SCANNING_SPREADS)),
    }
    _WORKING: Rows = {
        **_ALWAYS,
        **dict.fromkeys((*ENDINGS, TimerFired), on(trade_on, *_SETTLED, State.HALTED)),
        **dict.fromkeys((OrderUnknown, Gap, VenueDown), on(_L.follow, State.PROTECTING)),
        Quote: on(heed_settlement, State.HALTED),
    }
    _OPENING: Rows = {**_WORKING, **dict.fromkeys(ENDINGS, on(trade_on, *_LONG_FIRST, *_SETTLED, State.HALTED))}
    _ENTERING = (State.VALIDATING_OPPORTUNITY, *_LONG_FIRST)

    transitions = {
        State.IDLE: {
            **_RESTING,
            RecoveryCompleted: on(take_over, *_SETTLED),
            ResumeStrategy: on(_L.follow, State.SCANNING_SPREADS),
        },
        State.SCANNING_SPREADS: {**_RESTING, Quote: on(seek_entry, State.SPREAD_DETECTED, *_ENTERING)},
        State.SPREAD_DETECTED: {**_AWAITING_START, Quote: on(seek_entry, State.SCANNING_SPREADS, *_ENTERING)},
        State.VALIDATING_OPPORTUNITY: _AWAITING_START,
        State.OPENING_LONG_LEG: _OPENING,
        State.OPENING_SHORT_LEG: _OPENING,
        State.MONITORING_SPREAD: {
            **_WORKING,
            **dict.fromkeys(ENDINGS, on(follow_open, *_SETTLED, State.HALTED)),
            Quote: on(watch_spread, *_SETTLED, State.HALTED),
            TimerFired: on(watch_legs, State.ADJUSTING_POSITIONS, State.PROTECTING, State.HALTED),
        },
        State.ADJUSTING_POSITIONS: _WORKING,
        State.CLOSING_SPREAD: _WORKING,
        State.PROTECTING: {
            **_WORKING,
            VenueUp: on(trade_on, *_SETTLED, State.HALTED),
            OrderUnknown: on(_L.follow),
        },
        State.COOLDOWN: {
            **_RESTING,
            Quote: on(observe),
            TimerFired: on(_L.follow, State.SCANNING_SPREADS, State.IDLE),
        },
        State.HALTED: {
            **_ALWAYS,
            RecoveryCompleted: on(_L.follow),
            StrategyStarted: on(_L.follow),
            HaltStrategy: on(_L.follow),
            ResumeStrategy: on(
                _L.follow,
                State.IDLE,
                State.SCANNING_SPREADS,
                State.MONITORING_SPREAD,
                State.ADJUSTING_POSITIONS,
                State.PROTECTING,
            ),
        },
    }
