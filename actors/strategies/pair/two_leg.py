"""What every strategy of two legs has in common: it follows one `PairExecution`, whose states mean states of its own.

A subclass says when to enter and when to leave; this base arms and opens the pair on its signal, keeps the record of
the cycle, watches that both markets are alive, and keeps the legs in line.
"""

from abc import abstractmethod
from collections.abc import Mapping
from typing import Any, ClassVar

from actors.analytics.attribution import Movement
from actors.machine import Reaction, StateT
from actors.strategies.pair.commands import (
    Arm,
    CycleRecorded,
    Disarm,
    FeedStale,
    HeadroomGranted,
    PairParameters,
    PairState,
    Rebalance,
    Reserve,
)
from actors.strategies.pair.execution import PairExecution
from actors.strategies.pair.sizing import Leg, PlanRequest, plan_pair
from actors.strategies.strategy import Strategy
from messages.instruments import Instrument
from messages.strategy_host import SetTimer, TimerFired

NS_PER_MS = 1_000_000
WATCH_TIMER = "watch"
SILENCE = "a market has not been heard of for too long"

BUSY = frozenset(PairState) - {
    PairState.RECOVERING,
    PairState.IDLE,
    PairState.ARMED,
    PairState.RESERVED,
    PairState.FLAT,
    PairState.COOLDOWN,
    PairState.HALTED,
}
"""States of a pair in which a cycle is going on."""


class TwoLegStrategy(Strategy[StateT]):
    """One pair at a time.

    :cvar drained: the state of the strategy once it is drained and nothing is going on.
    :ivar meaning: what each lasting state of the pair means here.
    :ivar parameters: as given; subclasses annotate their own type.
    """

    movement: ClassVar[Movement] = Movement.BASIS
    drained: ClassVar[Any]  # Any: a state of the subclass
    meaning: Mapping[PairState, Any]  # Any: states of the subclass

    def __init__(self, strategy_id: str, instruments: Mapping[str, Instrument], parameters: Any) -> None:
        super().__init__(strategy_id, instruments, parameters)
        self.parameters = parameters
        terms = self.pair_parameters()
        self.pair = PairExecution(self.make_legs(), self.own_orders, self.ledger, terms)
        self._confirm_ns = terms.confirm_ms * NS_PER_MS
        self._watch_ns = terms.quote_age_max_ms * NS_PER_MS
        self._skew_max_ns: int = parameters.quote_skew_max_ms * NS_PER_MS
        self._refusal = ""
        self._armed_ns = self._grace_ns = 0

    # --- what a subclass states ---------------------------------------------------------------------------------

    @abstractmethod
    def make_legs(self) -> tuple[Leg, Leg]:
        """The legs in order of execution: the less liquid one first."""

    @abstractmethod
    def pair_parameters(self) -> PairParameters:
        """The settings of the pair execution."""

    @abstractmethod
    def plan_request(self, edge_bps: float) -> PlanRequest:
        """How large the pair is to be, and what it may give away."""

    @abstractmethod
    def is_fresh(self, now_ns: int) -> bool:
        """Whether both markets can be traded on."""

    def begin_holding(self) -> None:
        """The pair has just come to be OPEN."""

    # --- what the host asks -------------------------------------------------------------------------------------

    @property
    def is_settled(self) -> bool:
        return self.pair.is_settled

    def note_with(self, signal: str) -> str:
        """Why it halted or did not enter, the residual, and what the signal says."""
        reason = self.pair.reason if self.pair.state is PairState.HALTED else self._refusal
        return "; ".join(text for text in (reason, self.pair.position.residual_text(), signal) if text)

    # --- entering -----------------------------------------------------------------------------------------------

    def is_half_quoted(self) -> bool:
        """Whether one leg's newest quote is of another moment than the other's: a price that moves on both is seen to
        move on one of them first. Not looked at where `quote_skew_max_ms` is 0.
        """
        if not self._skew_max_ns:
            return False
        first, second = self.pair.legs
        return abs(first.view.seen_ns - second.view.seen_ns) > self._skew_max_ns

    def hold_signal(self, edge_bps: float, *, is_there: bool) -> Reaction[StateT]:
        """Arm on a signal, open once it has held for `confirm_ms`, stand down when it goes."""
        if not is_there:
            return self._disarm() if self._armed_ns else (self._state, ())
        now_ns = self.own_orders.now_ns
        outputs: list[Any] = []
        if not self._armed_ns:
            self._armed_ns = now_ns
            outputs += self._tell(Arm())
        if now_ns - self._armed_ns < self._confirm_ns:
            return self._stand(), outputs
        return self._open(edge_bps, outputs)

    def _disarm(self) -> Reaction[StateT]:
        self._armed_ns = 0
        outputs = self._tell(Disarm())
        return self._stand(), outputs

    def _open(self, edge_bps: float, outputs: list[Any]) -> Reaction[StateT]:
        """Check both legs before sending either."""
        plan = plan_pair(self.pair.legs, self.plan_request(edge_bps))
        if isinstance(plan, str):
            self._refusal = f"not entered: {plan}"
            self._armed_ns = 0
            outputs += self._tell(Disarm())
            return self._stand(), outputs
        self.begin_cycle(edge_bps, self._armed_ns)
        self.cycle_log.enter(PairState.ARMED.name)
        self._armed_ns, self._refusal = 0, ""
        outputs += self._tell(Reserve(plan))
        return self._stand(), outputs

    # --- holding ------------------------------------------------------------------------------------------------

    def is_silent(self) -> bool:
        """Whether a market that is held has been silent for too long; after a restart both must be heard of first."""
        now_ns = self.own_orders.now_ns
        return now_ns >= self._grace_ns and not self.is_fresh(now_ns)

    def watch(self, _fired: TimerFired) -> Reaction[StateT]:
        """Now and then, without a quote: are both markets alive, are the legs in line?"""
        if not self.is_fresh(self.own_orders.now_ns):
            return self.follow(FeedStale(SILENCE))
        state, outputs = self._keep_in_line([])
        if self.pair.state is PairState.OPEN:
            outputs = [*outputs, self._watch_timer()]
        return state, outputs

    def follow_open(self, message: Any) -> Reaction[StateT]:
        """A report while holding: a late fill may have moved the legs apart."""
        outputs = self._tell(message)
        if self.pair.state is not PairState.OPEN:
            return self._stand(), outputs
        return self._keep_in_line(outputs)

    def _keep_in_line(self, outputs: list[Any]) -> Reaction[StateT]:
        if abs(self.pair.position.delta_ratio()) > self.pair.parameters.delta_band:
            outputs = [*outputs, *self._tell(Rebalance())]
        return self._stand(), outputs

    def _begin_holding(self) -> SetTimer:
        self.cycle_log.balance(self.own_orders.now_ns)
        self.begin_holding()
        watch = self._watch_timer()
        self._grace_ns = watch.at_ns
        return watch

    def _watch_timer(self) -> SetTimer:
        return self.own_orders.set_timer(WATCH_TIMER, self._watch_ns)

    # --- following the pair -------------------------------------------------------------------------------------

    def stay(self, _message: Any) -> Reaction[StateT]:
        return self._state, ()

    def follow(self, message: Any) -> Reaction[StateT]:
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
        if state in BUSY and not self.cycle_log.is_open:
            self.begin_cycle()
        self.cycle_log.enter(state.name)

    def _end_cycle(self) -> None:
        pair = self.pair
        result = pair.result(has_fills=self.cycle_log.fills > 0)
        reason = "; ".join(text for text in (pair.reason, pair.position.residual_text()) if text)
        self.end_cycle(result, reason)

    def _stand(self) -> StateT:
        """What the pair's state means here."""
        if self.is_draining and self.pair.state is PairState.IDLE:
            return self.drained  # type: ignore[no-any-return]  # a state of the subclass
        return self.meaning[self.pair.state]  # type: ignore[no-any-return]
