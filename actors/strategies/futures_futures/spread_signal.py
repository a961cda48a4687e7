"""The numbers that a pair of futures is entered and left by, in floats, from executable prices for its size.

Spreads and distances are plain log ratios, s = ln(F_far / F_near): bps of notional / 10,000. Statistics are kept of the
tenor-normalised spread; their mean and deviation are brought back to the tenor of the moment.
"""

from enum import Enum
from math import exp
from typing import NamedTuple

import msgspec

from actors.analytics.basis import BPS, round_trip_fees_bps
from actors.analytics.funding import NS_PER_HOUR, expected_funding_bps, stamps_within
from actors.analytics.spread import log_spread, tenor_factor
from actors.analytics.spread_statistics import Known, Sample, SpreadStatistics
from actors.strategies.market_view import MarketView
from messages.orders import Side

NEVER = float("inf")
NS_PER_S = 1e9


class Direction(Enum):
    """The value is the sign of the deviation that it is entered at."""

    SHORT_FAR = 1
    LONG_FAR = -1


class Levels(NamedTuple):
    """Where the spread belongs, and how far from there is far: plain log ratios, distances unsigned.

    :param target: distance that is expected to be left at the exit.
    """

    mean: float
    enter: float
    leave: float
    stop: float
    target: float


class SpreadTerms(msgspec.Struct, frozen=True, kw_only=True):
    """:param notional: of each leg, in quote currency. :param slippage_bps: allowed for in the whole round trip.

    :param fixed_bps: distance from 0 to enter at; None: entered by statistics, at `z_enter` deviations.
    :param holding_half_lives: how many of them a deviation is expected to take. :param horizon_ns: without statistics.
    """

    notional: float
    fixed_bps: float | None
    z_enter: float
    z_exit: float
    z_stop: float
    min_edge_bps: float
    slippage_bps: float
    holding_half_lives: float
    holding_ns_max: int
    horizon_ns: int
    skew_ns_max: int
    quote_age_max_ns: int


class Opportunity(NamedTuple):
    """:param edge_bps: net of all costs. :param slack_bps: what may be given away before it is none any more.

    :param exit_bps: price of the leg that is sold over the one that is bought, as expected at the exit.
    """

    direction: Direction
    edge_bps: float
    slack_bps: float
    exit_bps: float


class SpreadSignal:
    """Of one near and one far contract, both ways.

    :param statistics: of the tenor-normalised spread; taken by `observe`.
    """

    def __init__(self, near: MarketView, far: MarketView, terms: SpreadTerms, statistics: SpreadStatistics) -> None:
        self.near = near
        self.far = far
        self.terms = terms
        self.statistics = statistics
        self.is_frozen = False
        self._frozen: Known | None = None
        self.fixed_costs_bps = round_trip_fees_bps(near.instrument, far.instrument) + terms.slippage_bps

    def is_fresh(self, now_ns: int) -> bool:
        age_max_ns = self.terms.quote_age_max_ns
        return self.near.is_fresh(now_ns, age_max_ns) and self.far.is_fresh(now_ns, age_max_ns)

    # --- statistics ---------------------------------------------------------------------------------------------

    @property
    def known(self) -> Known | None:
        """Of the spread: what the last samples say, or what they said when it was frozen."""
        return self._frozen if self.is_frozen else self.statistics.known

    def freeze(self) -> None:
        """Keep what is known (or not), while samples go on to be taken; what is frozen already stays as it is."""
        if not self.is_frozen:
            self.is_frozen, self._frozen = True, self.statistics.known

    def thaw(self) -> None:
        self.is_frozen = False

    def observe(self, now_ns: int) -> None:
        """Take a sample, if one is due, and both quotes are fresh and of the same moment."""
        statistics = self.statistics
        if now_ns < statistics.next_ns or abs(self.near.seen_ns - self.far.seen_ns) > self.terms.skew_ns_max:
            return
        if self.terms.fixed_bps is not None or not self.is_fresh(now_ns):
            return
        near, far = mid(self.near), mid(self.far)
        factor = tenor_factor(self.near.instrument, self.far.instrument, now_ns)
        statistics.add(Sample(now_ns, log_spread(near, far) * factor, near, far))

    def levels(self, now_ns: int) -> Levels | None:
        """Where the spread belongs now; None while too little is known of it."""
        terms = self.terms
        if terms.fixed_bps is not None:
            enter = terms.fixed_bps / BPS
            return Levels(0.0, enter, enter / 2.0, NEVER, enter / 2.0)
        known = self.known
        if known is None:
            return None
        factor = tenor_factor(self.near.instrument, self.far.instrument, now_ns)
        deviation = known.deviation / factor
        return Levels(
            known.mean / factor, terms.z_enter * deviation, terms.z_exit * deviation, terms.z_stop * deviation, 0.0
        )

    def holding_ns(self) -> int | None:
        """How long a pair entered now is expected to be held; None where its spread does not return."""
        terms = self.terms
        if terms.fixed_bps is not None:
            return terms.horizon_ns
        known = self.known
        if known is None or known.half_life_ns is None:
            return None
        return min(round(known.half_life_ns * terms.holding_half_lives), terms.holding_ns_max)

    # --- entering -----------------------------------------------------------------------------------------------

    def opportunity(self, now_ns: int) -> Opportunity | None:
        """A spread that is far enough from where it belongs, at executable prices, to pay for everything."""
        if not self.is_fresh(now_ns):
            return None
        levels = self.levels(now_ns)
        if levels is None:
            return None
        direction = self._direction(levels)
        if direction is None or direction.value * (self.mid_spread() - levels.mean) >= levels.stop:
            return None
        entry = self._entry_spread(direction)
        holding_ns = self.holding_ns()
        if entry is None or holding_ns is None:
            return None
        distance = direction.value * (entry - levels.mean)
        costs_bps = self.fixed_costs_bps - self.funding_bps(direction, now_ns, holding_ns)
        edge_bps = (distance - levels.target) * BPS - costs_bps
        slack_bps = min(edge_bps - self.terms.min_edge_bps, (distance - levels.enter) * BPS)
        if slack_bps < 0.0:
            return None
        exit_bps = (exp(direction.value * levels.mean + levels.target) - 1.0) * BPS
        return Opportunity(direction, edge_bps, slack_bps, exit_bps)

    def _direction(self, levels: Levels) -> Direction | None:
        """Which way the touch is far enough; what is behind the touch can only be worse."""
        near, far = self.near.quote, self.far.quote
        assert near is not None
        assert far is not None
        if log_spread(near.ask, far.bid) - levels.mean >= levels.enter:
            return Direction.SHORT_FAR
        if levels.mean - log_spread(near.bid, far.ask) >= levels.enter:
            return Direction.LONG_FAR
        return None

    def _entry_spread(self, direction: Direction) -> float | None:
        """At what the whole size would be entered: what is sold at its bids, what is bought at its asks; None where a
        book is empty.
        """
        sells_far = direction is Direction.SHORT_FAR
        near_side, far_side = (Side.BUY, Side.SELL) if sells_far else (Side.SELL, Side.BUY)
        near = self.near.executable(near_side, self._contracts(self.near, near_side)).price
        far = self.far.executable(far_side, self._contracts(self.far, far_side)).price
        return log_spread(near, far) if near > 0.0 and far > 0.0 else None

    def _contracts(self, view: MarketView, side: Side) -> float:
        """How many contracts (base, for a multiplier of 1) the notional is."""
        instrument = view.instrument
        price = 1.0 if instrument.inverse else view.touch(side)
        return self.terms.notional / (price * float(instrument.multiplier))

    def funding_bps(self, direction: Direction, now_ns: int, holding_ns: int) -> float:
        """What the pair is expected to receive at the funding stamps of both legs; negative = it pays."""
        near, far = (_short_receives_bps(view, now_ns, holding_ns) for view in (self.near, self.far))
        return direction.value * (far - near)

    # --- holding ------------------------------------------------------------------------------------------------

    def mid_spread(self) -> float:
        return log_spread(mid(self.near), mid(self.far))

    def has_returned(self, direction: Direction, now_ns: int) -> bool:
        """Whether the mid is back at its mean (a fixed spread: at its exit), or beyond."""
        levels = self.levels(now_ns) if self.is_fresh(now_ns) else None
        return levels is not None and direction.value * (self.mid_spread() - levels.mean) <= levels.target

    def text(self, now_ns: int) -> str:
        """The spread as it is and what is known of it, for a person."""
        if not self.is_fresh(now_ns):
            return "no fresh quotes"
        terms, known, spread = self.terms, self.known, self.mid_spread()
        shown = f"spread {spread * BPS:.2f} bps"
        if terms.fixed_bps is not None:
            return f"{shown}, enters at {terms.fixed_bps:g}"
        if known is None:
            return f"{shown}, {self.statistics.count} samples so far"
        z = (spread * tenor_factor(self.near.instrument, self.far.instrument, now_ns) - known.mean) / known.deviation
        returns = (
            "does not return" if known.half_life_ns is None else f"half-life {known.half_life_ns / NS_PER_S:.1f} s"
        )
        beta = self.statistics.beta
        moves = "" if beta is None else f", beta {beta:.2f}"
        return f"{shown}, z {z:.2f}, enters at {terms.z_enter:g}, {returns}{moves}"


def mid(view: MarketView) -> float:
    quote = view.quote
    assert quote is not None
    return (quote.bid + quote.ask) / 2.0


def _short_receives_bps(view: MarketView, now_ns: int, horizon_ns: int) -> float:
    """What a short of one notional receives within the horizon, at the present rate and its own interval."""
    mark, hours = view.mark, view.instrument.funding_interval_hours
    if mark is None or not hours or not mark.funding_rate:
        return 0.0
    stamps = stamps_within(now_ns, horizon_ns, mark.next_funding_ns, hours * NS_PER_HOUR)
    return expected_funding_bps(mark.funding_rate, stamps)
