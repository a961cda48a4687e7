"""Spot-futures hedging (cash and carry, funding): long spot, short a perpetual or dated future of the same asset.

Enter when basis and expected funding, net of every cost, are worth `min_edge_bps`; hold; leave on convergence, profit
target, stop loss, funding flip, time limit, expiry or margin. The legs are traded by `PairExecution`; the states here
are what its states mean for this strategy.
"""

from collections.abc import Mapping
from enum import Enum
from typing import Any, ClassVar

import msgspec

from actors.machine import Reaction, Rows, on
from actors.strategies.carry_signal import CarrySignal, HeldPair, held_pair
from actors.strategies.pair import PairExecution
from actors.strategies.pair_commands import (
    Arm,
    Close,
    Command,
    CycleRecorded,
    Disarm,
    FeedStale,
    Flatten,
    HeadroomGranted,
    PairState,
    Rebalance,
    Reserve,
)
from actors.strategies.sizing import Leg, PlanRequest, plan_pair
from actors.strategies.spot_futures_parameters import (
    SpotFuturesParameters,
    carry_terms,
    deadline_ns,
    faults_of,
    pair_parameters,
)
from actors.strategies.strategy import ENDINGS, INPUTS, ORDER_REPORTS, Strategy
from messages.control import (
    DrainStrategy,
    HaltStrategy,
    RecoveryCompleted,
    SetTimer,
    StrategyStarted,
    TimerFired,
    VenueDown,
    VenueUp,
)
from messages.instruments import Instrument
from messages.market import Gap, MarkPrice, Quote
from messages.orders import FundingPaid, OrderUnknown, Side
from messages.topics import Channel

NS_PER_MS = 1_000_000
NS_PER_S = 1_000_000_000
WATCH_TIMER = "watch"
SILENCE = "a market has not been heard of for too long"


class State(Enum):
    IDLE = "waiting for recovery, or drained"
    ANALYZING_MARKET = "nothing held; watching the edge"
    OPENING_SPOT_POSITION = "the spot order works (both orders where execution is concurrent)"
    OPENING_FUTURES_HEDGE = "the futures order works, as large as the spot leg filled"
    MONITORING_POSITIONS = "spot long equals futures short; watching for a reason to leave"
    REBALANCING = "bringing the legs back in line: a rebalancing or a repair"
    CLOSING_POSITIONS = "both legs are being closed"
    PROTECTING = "a market is stale or gone, or an outcome unknown: no new risk"
    COOLDOWN = "resting after a cycle"
    HALTED = "stopped; a person must look at it"


_MEANING = {
    PairState.RECOVERING: State.IDLE,
    PairState.IDLE: State.ANALYZING_MARKET,
    PairState.ARMED: State.ANALYZING_MARKET,
    PairState.BOTH_WORKING: State.OPENING_SPOT_POSITION,
    PairState.OPEN: State.MONITORING_POSITIONS,
    PairState.REBALANCING: State.REBALANCING,
    PairState.REPAIRING: State.REBALANCING,
    PairState.CLOSING: State.CLOSING_POSITIONS,
    PairState.FLATTENING: State.CLOSING_POSITIONS,
    PairState.PROTECTING: State.PROTECTING,
    PairState.COOLDOWN: State.COOLDOWN,
    PairState.HALTED: State.HALTED,
}
_BUSY = frozenset(State) - {State.IDLE, State.ANALYZING_MARKET, State.COOLDOWN, State.HALTED}
_SPOT_FIRST = (State.OPENING_SPOT_POSITION, State.OPENING_FUTURES_HEDGE)


class SpotFutures(Strategy[State]):
    """One pair at a time, of one spot and one futures instrument."""

    kind: ClassVar[str] = "spot-futures"
    parameters_type: ClassVar[type[msgspec.Struct]] = SpotFuturesParameters
    initial = State.IDLE

    def __init__(self, strategy_id: str, instruments: Mapping[str, Instrument], parameters: SpotFuturesParameters):
        super().__init__(strategy_id, instruments, parameters)
        self.parameters = parameters
        self._spot, self._futures = self.views[parameters.spot], self.views[parameters.futures]
        legs = (
            Leg(self._spot.instrument, Side.BUY, self._spot),
            Leg(self._futures.instrument, Side.SELL, self._futures),
        )
        opening = _SPOT_FIRST
        if parameters.first_leg == "futures":
            legs, opening = (legs[1], legs[0]), (opening[1], opening[0])
        self._meaning = {
            **_MEANING,
            PairState.LEG_ONE_WORKING: opening[0],
            PairState.LEG_TWO_WORKING: opening[1],
        }
        self.pair = PairExecution(legs, self.own_orders, self.ledger, pair_parameters(parameters))
        self.signal = CarrySignal(self._spot, self._futures, carry_terms(parameters))
        self._min_edge_bps = parameters.min_edge_bps
        self._notional = float(parameters.notional)
        self._refusal = ""
        self._armed_ns = self._readings = self._flips = 0
        self._entry_rate = 0.0
        self._deadline_ns = self._grace_ns = 0
        self._held: HeldPair | None = None

    @classmethod
    def instrument_ids(cls, parameters: SpotFuturesParameters) -> tuple[str, ...]:
        return (parameters.spot, parameters.futures)

    @classmethod
    def check(cls, parameters: SpotFuturesParameters, instruments: Mapping[str, Instrument]) -> list[str]:
        return faults_of(parameters, instruments)

    def subscriptions(self) -> tuple[tuple[Channel, str], ...]:
        spot, futures = self.parameters.spot, self.parameters.futures
        both = tuple(
            (channel, name) for name in (spot, futures) for channel in (Channel.QUOTE, Channel.DEPTH, Channel.GAP)
        )
        return (*both, (Channel.MARK, futures))

    @property
    def is_settled(self) -> bool:
        return self.pair.is_settled

    @property
    def reporting_currency(self) -> str:
        return self._spot.instrument.quote

    @property
    def note(self) -> str:
        reason = self.pair.reason if self.state is State.HALTED else self._refusal
        edge = ""
        if self.state is State.ANALYZING_MARKET and self.signal.is_fresh(self.now_ns):
            edge = f"edge {self.signal.entry_edge_bps(self.now_ns):.2f} bps, enters at {self._min_edge_bps:g}"
        return "; ".join(text for text in (reason, self.pair.position.residual_text(), edge) if text)

    # --- entering -----------------------------------------------------------------------------------------------

    def seek_entry(self, _quote: Quote) -> Reaction[State]:
        """Arm on an edge, enter once it has held for `confirm_ms`, stand down when it goes."""
        now_ns = self.own_orders.now_ns
        edge_bps = self.signal.entry_edge_bps(now_ns)
        if edge_bps < self._min_edge_bps or not self._may_enter(now_ns, edge_bps):
            return self._disarm() if self._armed_ns else (self._state, ())
        outputs: list[Any] = []
        if not self._armed_ns:
            self._armed_ns = now_ns
            outputs += self._tell(Arm())
        if now_ns - self._armed_ns < self.parameters.confirm_ms * NS_PER_MS:
            return self._state, outputs
        return self._open(edge_bps, outputs)

    def _disarm(self) -> Reaction[State]:
        self._armed_ns = 0
        return self._state, self._tell(Disarm())

    def _may_enter(self, now_ns: int, edge_bps: float) -> bool:
        parameters = self.parameters
        if now_ns >= deadline_ns(parameters, self._futures.instrument, now_ns):
            return False
        if parameters.min_funding_apr is not None and self.signal.funding_apr() < parameters.min_funding_apr:
            return False
        guard_ns = int(parameters.funding_guard_s * NS_PER_S)
        return not self.signal.is_before_a_poor_stamp(now_ns, guard_ns, edge_bps - self._min_edge_bps)

    def _open(self, edge_bps: float, outputs: list[Any]) -> Reaction[State]:
        """Check both legs before sending either."""
        plan = plan_pair(
            self.pair.legs,
            PlanRequest(
                notional=self.parameters.notional,
                hedge_ratio=self.pair.parameters.hedge_ratio,
                slippage_bps_max=self.parameters.slippage_bps_max,
                slack_bps=edge_bps - self._min_edge_bps,
                edge_bps=edge_bps,
                held=self.pair.position.held,
            ),
        )
        if isinstance(plan, str):
            self._refusal = f"not entered: {plan}"
            self._armed_ns = 0
            return self._state, [*outputs, *self._tell(Disarm())]
        self.cycle_log.start(self._armed_ns, edge_bps, self.pnl(), self.own_orders.orders_sent)
        self.cycle_log.enter(PairState.ARMED.name)
        self._armed_ns, self._refusal = 0, ""
        self._entry_rate = self.signal.funding_rate
        outputs += self._tell(Reserve(plan))
        return self._stand(), outputs

    # --- holding ------------------------------------------------------------------------------------------------

    def watch_carry(self, _quote: Quote) -> Reaction[State]:
        """Look for a reason to leave."""
        if self.is_draining:
            return self._state, ()
        now_ns, held = self.own_orders.now_ns, self._held
        if not self.signal.is_fresh(now_ns):
            # After a restart both markets have to be heard of once before their silence means anything.
            return self.follow(FeedStale(SILENCE)) if now_ns >= self._grace_ns else (self._state, ())
        if held is None:
            held = self._held = self._measure()
        command = self._reason_to_leave(now_ns, held) if held is not None else None
        return (self._state, ()) if command is None else self.follow(command)

    def _reason_to_leave(self, now_ns: int, held: HeldPair) -> Command | None:
        parameters = self.parameters
        profit = self.signal.profit(held)
        if profit <= -parameters.stop_loss * self._notional:
            return Close(f"stop loss at {profit:.2f}")
        if profit >= parameters.profit_target * self._notional:
            return Close(f"profit target at {profit:.2f}")
        if now_ns >= self._deadline_ns:
            return Close("time limit or expiry guard")
        if self.signal.margin_ratio(held, parameters.leverage) < parameters.margin_ratio_min:
            return Flatten("margin guard")
        remaining_bps = self.signal.remaining_bps(now_ns, held)
        self._readings = self._readings + 1 if remaining_bps < parameters.exit_edge_bps else 0
        if self._readings >= parameters.exit_confirm:
            return Close(f"converged: {remaining_bps:.2f} bps left")
        return None

    def watch_funding(self, _mark: MarkPrice) -> Reaction[State]:
        """Leave when the funding that was entered for has turned against us."""
        has_flipped = self._entry_rate > 0.0 > self.signal.funding_rate
        self._flips = self._flips + 1 if has_flipped else 0
        if self.is_draining or self._flips < self.parameters.exit_confirm:
            return self._state, ()
        return self.follow(Close(f"funding flipped to {self.signal.funding_rate:.6f}"))

    def watch(self, _fired: TimerFired) -> Reaction[State]:
        """Now and then, without a quote: are both markets alive, are the legs in line?"""
        if not self.signal.is_fresh(self.own_orders.now_ns):
            return self.follow(FeedStale(SILENCE))
        state, outputs = self._keep_in_line([])
        if self.pair.state is PairState.OPEN:
            outputs = [*outputs, self._watch_timer()]
        return state, outputs

    def follow_open(self, message: Any) -> Reaction[State]:
        """A report while holding: a late fill may have moved the legs apart."""
        outputs = self._tell(message)
        if self.pair.state is not PairState.OPEN:
            return self._stand(), outputs
        return self._keep_in_line(outputs)

    def _keep_in_line(self, outputs: list[Any]) -> Reaction[State]:
        if abs(self.pair.position.delta_ratio()) > self.parameters.delta_band:
            outputs = [*outputs, *self._tell(Rebalance())]
        self._held = None
        return self._stand(), outputs

    def book_funding(self, _paid: FundingPaid) -> Reaction[State]:
        """The ledger has it already; the profit of the cycle is to be measured anew."""
        self._held = None
        return self._state, ()

    def _measure(self) -> HeldPair | None:
        cycle = self.cycle_log.so_far(self.pnl())
        booked = cycle.realised - cycle.fees + cycle.funding
        return held_pair(self.ledger.books[self.parameters.spot], self.ledger.books[self.parameters.futures], booked)

    # --- following the pair -------------------------------------------------------------------------------------

    def stay(self, _message: Any) -> Reaction[State]:
        return self._state, ()

    def follow(self, message: Any) -> Reaction[State]:
        outputs = self._tell(message)
        return self._stand(), outputs

    def _tell(self, message: Any) -> list[Any]:
        """Let the pair hear a message, and take it through the states that need a word of ours."""
        pair, before = self.pair, self.pair.state
        outputs = list(pair.on_message(message))
        if pair.state is before:
            return outputs
        if before is PairState.OPEN:
            outputs += self.own_orders.cancel_timer(WATCH_TIMER)
        self._note_cycle()
        if pair.state is PairState.RESERVED:
            outputs += self._tell(HeadroomGranted())
        elif pair.state is PairState.OPEN:
            outputs.append(self._begin_holding())
        elif pair.state is PairState.FLAT:
            self._end_cycle()
            outputs += self._tell(CycleRecorded())
        elif pair.state in {PairState.HALTED, PairState.IDLE} and self.cycle_log.is_open:
            self._end_cycle()
        if pair.state is not PairState.ARMED:
            self._armed_ns = 0
        return outputs

    def _note_cycle(self) -> None:
        """A cycle that did not begin with a signal begins with what was taken over, or with a late fill."""
        state = self.pair.state
        is_busy = self._meaning.get(state, State.IDLE) in _BUSY
        if is_busy and not self.cycle_log.is_open:
            self.cycle_log.start(self.own_orders.now_ns, 0.0, self.pnl(), self.own_orders.orders_sent)
        self.cycle_log.enter(state.name)

    def _begin_holding(self) -> SetTimer:
        self.cycle_log.balance(self.own_orders.now_ns)
        self._held = None
        self._readings = self._flips = 0
        self._deadline_ns = deadline_ns(self.parameters, self._futures.instrument, self.cycle_log.started_ns)
        watch = self._watch_timer()
        self._grace_ns = watch.at_ns
        return watch

    def _watch_timer(self) -> SetTimer:
        return self.own_orders.set_timer(WATCH_TIMER, self.parameters.quote_age_max_ms * NS_PER_MS)

    def _end_cycle(self) -> None:
        pair = self.pair
        result = pair.result(has_fills=self.cycle_log.fills > 0)
        reason = "; ".join(text for text in (pair.reason, pair.position.residual_text()) if text)
        self.cycle_log.finish(result, self.own_orders.now_ns, self.pnl(), self.own_orders.orders_sent, reason)

    def _stand(self) -> State:
        """What the pair's state means here."""
        if self.is_draining and self.pair.state is PairState.IDLE:
            return State.IDLE
        return self._meaning[self.pair.state]

    _SETTLED = (
        State.MONITORING_POSITIONS,
        State.REBALANCING,
        State.CLOSING_POSITIONS,
        State.PROTECTING,
        State.COOLDOWN,
        State.ANALYZING_MARKET,
        State.IDLE,
    )
    """Where it may stand once nothing works any more."""

    _ALWAYS: Rows = {
        **dict.fromkeys(INPUTS, on(stay)),
        **dict.fromkeys((*ORDER_REPORTS, VenueUp, VenueDown, Gap, DrainStrategy), on(follow)),
        FundingPaid: on(book_funding),
        StrategyStarted: on(follow, State.IDLE),
        HaltStrategy: on(follow, State.HALTED),
    }
    """Rows of every state: what is only taken note of, a restart, a halt."""

    _RESTING: Rows = {
        **_ALWAYS,
        **dict.fromkeys(ENDINGS, on(follow, *_SETTLED)),
        DrainStrategy: on(follow, State.IDLE),
    }
    _WORKING: Rows = {
        **_ALWAYS,
        **dict.fromkeys(ENDINGS, on(follow, *_SETTLED)),
        **dict.fromkeys((OrderUnknown, Gap, VenueDown), on(follow, State.PROTECTING)),
        TimerFired: on(follow, *_SETTLED, State.HALTED),
    }
    _OPENING: Rows = {**_WORKING, **dict.fromkeys(ENDINGS, on(follow, *_SPOT_FIRST, *_SETTLED))}

    transitions = {
        State.IDLE: {**_RESTING, RecoveryCompleted: on(follow, *_SETTLED)},
        State.ANALYZING_MARKET: {**_RESTING, Quote: on(seek_entry, *_SPOT_FIRST)},
        State.OPENING_SPOT_POSITION: _OPENING,
        State.OPENING_FUTURES_HEDGE: _OPENING,
        State.MONITORING_POSITIONS: {
            **_WORKING,
            **dict.fromkeys(ENDINGS, on(follow_open, *_SETTLED)),
            Quote: on(watch_carry, *_SETTLED),
            MarkPrice: on(watch_funding, *_SETTLED),
            TimerFired: on(watch, State.REBALANCING, State.PROTECTING),
        },
        State.REBALANCING: _WORKING,
        State.CLOSING_POSITIONS: _WORKING,
        State.PROTECTING: {**_WORKING, VenueUp: on(follow, *_SETTLED), OrderUnknown: on(follow)},
        State.COOLDOWN: {**_RESTING, TimerFired: on(follow, State.ANALYZING_MARKET, State.IDLE)},
        State.HALTED: {**_ALWAYS, RecoveryCompleted: on(follow), StrategyStarted: on(follow), HaltStrategy: on(follow)},
    }
    terminal = frozenset({State.HALTED})
