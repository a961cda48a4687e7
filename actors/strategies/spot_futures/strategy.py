"""Spot-futures hedging (cash and carry, funding): long spot, short a perpetual or dated future of the same asset.

Or the mirror, where spot can be sold that was not bought.

Enter when basis and expected funding, net of every cost, are worth `min_edge_bps`; hold; leave on convergence, profit
target, stop loss, funding flip, time limit, expiry or margin. The legs are traded by `PairExecution`; the states here
are what its states mean for this strategy.
"""

from collections.abc import Mapping
from enum import Enum
from typing import Any, ClassVar

import msgspec

from actors.machine import Reaction, Row, Rows, on
from actors.strategies.pair.commands import (
    Close,
    Command,
    FeedStale,
    Flatten,
    PairParameters,
    PairState,
)
from actors.strategies.pair.rows import meaning_of_all, rows_of_pair, targets_of_pair
from actors.strategies.pair.sizing import Leg, PlanRequest
from actors.strategies.pair.two_leg import SILENCE, TwoLegStrategy
from actors.strategies.spot_futures.carry_signal import CarrySignal, HeldPair, held_pair
from actors.strategies.spot_futures.parameters import (
    SpotFuturesParameters,
    carry_terms,
    deadline_ns,
    faults_of,
    is_long_spot,
    pair_parameters,
)
from actors.strategies.strategy import ENDINGS, INPUTS
from messages.instruments import Instrument
from messages.market import MarkPrice, Quote
from messages.orders import FundingPaid, Side
from messages.strategy_host import ResumeStrategy, TimerFired
from messages.topics import Channel

NS_PER_S = 1_000_000_000


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


class Exit(Enum):
    STOP = "the loss is too large"
    TARGET = "the profit is large enough"
    CONVERGED = "holding on brings too little"
    FLIPPED = "funding has turned"


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
_L = TwoLegStrategy
_SPOT_FIRST = (State.OPENING_SPOT_POSITION, State.OPENING_FUTURES_HEDGE)
_OUTER = meaning_of_all(
    {
        **{state: frozenset({meaning}) for state, meaning in _MEANING.items()},
        PairState.IDLE: frozenset({State.ANALYZING_MARKET, State.IDLE}),
        PairState.LEG_ONE_WORKING: frozenset(_SPOT_FIRST),
        PairState.LEG_TWO_WORKING: frozenset(_SPOT_FIRST),
    }
)
"""All that each state of the pair may mean, whichever leg goes first, drained or not."""


def _after(*messages: type) -> frozenset[State]:
    """Where it may stand after it has told its pair, which is OPEN, one of these."""
    return targets_of_pair(State.MONITORING_POSITIONS, _OUTER, *messages)


def _following(funding: Row) -> Mapping[State, Rows]:
    """Rows by which every state follows the pair; what the pair is not told is only taken note of."""
    unheard = {**dict.fromkeys(INPUTS, on(_L.stay)), FundingPaid: funding}
    return {state: {**unheard, **rows_of_pair(state, _OUTER, _L.follow)} for state in State}


class SpotFutures(TwoLegStrategy[State]):
    """One pair at a time, of one spot and one futures instrument."""

    kind: ClassVar[str] = "spot-futures"
    parameters_type: ClassVar[type[msgspec.Struct]] = SpotFuturesParameters
    live_parameters: ClassVar[frozenset[str]] = frozenset(SpotFuturesParameters.__struct_fields__) - {
        "spot",
        "futures",
        "hedge_ratio",
        "execution",
        "first_leg",
        "direction",
        "can_short_spot",
    }
    drained = State.IDLE
    initial = State.IDLE
    parameters: SpotFuturesParameters

    def __init__(self, strategy_id: str, instruments: Mapping[str, Instrument], parameters: SpotFuturesParameters):
        super().__init__(strategy_id, instruments, parameters)
        self._spot, self._futures = self.views[parameters.spot], self.views[parameters.futures]
        first, second = _SPOT_FIRST if parameters.first_leg == "spot" else reversed(_SPOT_FIRST)
        self.meaning = {**_MEANING, PairState.LEG_ONE_WORKING: first, PairState.LEG_TWO_WORKING: second}
        self.signal = CarrySignal(self._spot, self._futures, carry_terms(parameters))
        self._min_edge_bps = parameters.min_edge_bps
        self._notional = float(parameters.notional)
        self._readings = dict.fromkeys(Exit, 0)
        self._deadline_ns = 0
        self._entry_rate = 0.0
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

    def make_legs(self) -> tuple[Leg, Leg]:
        spot, futures = self.views[self.parameters.spot], self.views[self.parameters.futures]
        side = Side.BUY if is_long_spot(self.parameters) else Side.SELL
        legs = Leg(spot.instrument, side, spot), Leg(futures.instrument, side.opposite, futures)
        return legs if self.parameters.first_leg == "spot" else (legs[1], legs[0])

    def pair_parameters(self) -> PairParameters:
        return pair_parameters(self.parameters)

    def is_fresh(self, now_ns: int) -> bool:
        return self.signal.is_fresh(now_ns)

    @property
    def reporting_currency(self) -> str:
        return self._spot.instrument.quote

    @property
    def note(self) -> str:
        edge = ""
        if self.state is State.ANALYZING_MARKET and self.signal.is_fresh(self.now_ns):
            edge = f"edge {self.signal.entry_edge_bps(self.now_ns):.2f} bps, enters at {self._min_edge_bps:g}"
        return self.note_with(edge)

    # --- entering -----------------------------------------------------------------------------------------------

    def seek_entry(self, _quote: Quote) -> Reaction[State]:
        """Enter on an edge that pays for everything."""
        now_ns = self.own_orders.now_ns
        edge_bps = self.signal.entry_edge_bps(now_ns)
        if edge_bps < self._min_edge_bps and not self._armed_ns:
            return self._state, ()
        if self.is_half_quoted() and self.signal.is_fresh(now_ns):
            return self._state, ()
        is_there = edge_bps >= self._min_edge_bps and self._may_enter(now_ns, edge_bps)
        return self.hold_signal(edge_bps, is_there=is_there)

    def _may_enter(self, now_ns: int, edge_bps: float) -> bool:
        parameters = self.parameters
        if now_ns >= deadline_ns(parameters, self._futures.instrument, now_ns):
            return False
        if parameters.min_funding_apr is not None and self.signal.funding_apr() < parameters.min_funding_apr:
            return False
        guard_ns = int(parameters.funding_guard_s * NS_PER_S)
        return not self.signal.is_before_a_poor_stamp(now_ns, guard_ns, edge_bps - self._min_edge_bps)

    def plan_request(self, edge_bps: float) -> PlanRequest:
        self._entry_rate = self.signal.funding_rate
        return PlanRequest(
            notional=self.parameters.notional,
            hedge_ratio=self.pair.parameters.hedge_ratio,
            slippage_bps_max=self.parameters.slippage_bps_max,
            slack_bps=edge_bps - self._min_edge_bps,
            edge_bps=edge_bps,
            held=self.pair.position.held,
        )

    # --- holding ------------------------------------------------------------------------------------------------

    def watch_carry(self, _quote: Quote) -> Reaction[State]:
        """Look for a reason to leave."""
        if self.is_draining:
            return self._state, ()
        now_ns, held = self.own_orders.now_ns, self._held
        if not self.signal.is_fresh(now_ns):
            return self.follow(FeedStale(SILENCE)) if self.is_silent() else (self._state, ())
        if held is None:
            held = self._held = self._measure()
        command = self._reason_to_leave(now_ns, held) if held is not None else None
        return (self._state, ()) if command is None else self.follow(command)

    def _reason_to_leave(self, now_ns: int, held: HeldPair) -> Command | None:
        """Margin and time are acted on at once; what depends on a price must be read `exit_confirm` times in a row, so
        that one bad quote does not close a pair.
        """
        parameters = self.parameters
        if self.signal.margin_ratio(held, parameters.leverage) < parameters.margin_ratio_min:
            return Flatten("margin guard")
        if now_ns >= self._deadline_ns:
            return Close("time limit or expiry guard")
        profit = None if self.is_half_quoted() else self.signal.profit(held)
        if profit is None:
            return None  # a book without size is no reading, nor are quotes of two moments
        if self._is_confirmed(Exit.STOP, is_read=profit <= -parameters.stop_loss * self._notional):
            return Close(f"stop loss at {profit:.2f}")
        if self._is_confirmed(Exit.TARGET, is_read=profit >= parameters.profit_target * self._notional):
            return Close(f"profit target at {profit:.2f}")
        remaining_bps = self.signal.remaining_bps(now_ns, held)
        if self._is_confirmed(Exit.CONVERGED, is_read=remaining_bps < parameters.exit_edge_bps):
            return Close(f"converged: {remaining_bps:.2f} bps left")
        return None

    def _is_confirmed(self, reason: Exit, *, is_read: bool) -> bool:
        """Whether this reason to leave has been read often enough in a row."""
        readings = self._readings[reason] = self._readings[reason] + 1 if is_read else 0
        return readings >= self.parameters.exit_confirm

    def watch_funding(self, _mark: MarkPrice) -> Reaction[State]:
        """Leave when the funding that was entered for has turned against us."""
        has_flipped = self._entry_rate > 0.0 > self.signal.funding_rate
        if not self._is_confirmed(Exit.FLIPPED, is_read=has_flipped) or self.is_draining:
            return self._state, ()
        return self.follow(Close(f"funding flipped to {self.signal.funding_rate:.6f}"))

    def follow_open(self, message: Any) -> Reaction[State]:
        self._held = None
        return super().follow_open(message)

    def book_funding(self, _paid: FundingPaid) -> Reaction[State]:
        """The ledger has it already; the profit of the cycle is to be measured anew."""
        self._held = None
        return self._state, ()

    def _measure(self) -> HeldPair | None:
        cycle = self.earned_in_cycle()
        booked = cycle.realised - cycle.fees + cycle.funding
        return held_pair(self.ledger.books[self.parameters.spot], self.ledger.books[self.parameters.futures], booked)

    def begin_holding(self) -> None:
        self._held = None
        self._readings = dict.fromkeys(Exit, 0)
        self._deadline_ns = deadline_ns(self.parameters, self._futures.instrument, self.cycle_log.started_ns)

    _FOLLOWING = _following(on(book_funding))

    transitions = {
        **_FOLLOWING,
        State.IDLE: {**_FOLLOWING[State.IDLE], ResumeStrategy: on(_L.follow, State.ANALYZING_MARKET)},
        State.ANALYZING_MARKET: {**_FOLLOWING[State.ANALYZING_MARKET], Quote: on(seek_entry, *_SPOT_FIRST)},
        State.MONITORING_POSITIONS: {
            **_FOLLOWING[State.MONITORING_POSITIONS],
            **dict.fromkeys(ENDINGS, on(follow_open, State.REBALANCING, *_after(*ENDINGS))),
            Quote: on(watch_carry, *_after(Close, Flatten, FeedStale)),
            MarkPrice: on(watch_funding, *_after(Close)),
            TimerFired: on(_L.watch, State.REBALANCING, *_after(FeedStale)),
        },
    }
