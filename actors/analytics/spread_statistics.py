"""What is known of a spread from its past: mean, deviation, half-life, and how far the legs move together."""

from math import log
from typing import Literal, NamedTuple

import msgspec

from actors.analytics.half_life import RollingRegression, half_life
from actors.analytics.rolling import EwmaMoments, Moments, RollingMoments

DEVIATION_MIN = 1e-9
"""A smaller standard deviation is what floats leave of a spread that does not move."""


class StatisticsTerms(msgspec.Struct, frozen=True, kw_only=True):
    """:param lookback: samples of the window, or span of the exponential weights.

    :param samples_min: before anything is said. :param interval_ns: between two samples, at least.
    :param hole_ns: samples further apart than that are no step of one series.
    """

    weights: Literal["rolling", "ewma"]
    lookback: int
    samples_min: int
    interval_ns: int
    hole_ns: int


class Sample(msgspec.Struct, frozen=True):
    """:param spread: normalised, if tenors differ. :param near: mid price; :param far: likewise."""

    now_ns: int
    spread: float
    near: float
    far: float


class Known(NamedTuple):
    """What samples tell of a spread: normalised, if tenors differ.

    :param half_life_ns: time until half of a deviation is gone, at least one sample; none with too few steps, or where
        it does not return.
    """

    mean: float
    deviation: float
    half_life_ns: int | None


class SpreadStatistics:
    """Takes samples when it is given them.

    :ivar next_ns: when the next sample is due.
    :ivar count: samples seen (of a window: in it).
    :ivar known: as of the last sample; None while there are too few, or they do not differ.
    """

    def __init__(self, terms: StatisticsTerms) -> None:
        self.next_ns = self.count = 0
        self.known: Known | None = None
        self._terms = terms
        self._moments: Moments = (
            RollingMoments(terms.lookback) if terms.weights == "rolling" else EwmaMoments(terms.lookback)
        )
        self._reversion = RollingRegression(terms.lookback)
        self._returns = RollingRegression(terms.lookback)
        self._spacing_ns = RollingMoments(terms.lookback)
        self._last: Sample | None = None

    def add(self, sample: Sample) -> None:
        self.next_ns = sample.now_ns + self._terms.interval_ns
        self._moments.add(sample.spread)
        self.count = self._moments.count
        last, self._last = self._last, sample
        if last is not None and sample.now_ns - last.now_ns <= self._terms.hole_ns:
            self._reversion.add(last.spread, sample.spread - last.spread)
            self._returns.add(log(sample.near / last.near), log(sample.far / last.far))
            self._spacing_ns.add(float(sample.now_ns - last.now_ns))
        self.known = self._describe()

    def _describe(self) -> Known | None:
        """Once a sample, rather than with every quote that is compared with them."""
        deviation = self._moments.deviation
        if self.count < self._terms.samples_min or deviation <= DEVIATION_MIN:
            return None
        return Known(self._moments.mean, deviation, self._half_life_ns())

    def _half_life_ns(self) -> int | None:
        if self._reversion.count + 1 < self._terms.samples_min:
            return None
        samples = half_life(self._reversion.slope)
        return None if samples is None else round(max(samples, 1.0) * self._spacing_ns.mean)

    @property
    def beta(self) -> float | None:
        """Regression of the far contract's log returns on the near one's; none with too few steps."""
        return self._returns.slope if self._returns.count + 1 >= self._terms.samples_min else None
