"""A quantity that wanders about zero and comes back: the Ornstein–Uhlenbeck process."""

from math import exp, log, sqrt
from random import Random


class OrnsteinUhlenbeck:
    """A mean-reverting deviation, in whatever unit `deviation` has; to be read in ascending time.

    It starts in its stationary distribution, and steps of any length are exact:
    x(t + h) = x(t)·d + σ·sqrt(1 − d²)·N(0, 1) with d = 2^(−h / half-life).
    Source: Gillespie, "Exact numerical simulation of the Ornstein-Uhlenbeck process", Phys. Rev. E 54 (1996).

    :param deviation: the stationary standard deviation σ.
    """

    def __init__(self, deviation: float, half_life_s: float, start_ns: int, rng: Random) -> None:
        self._deviation = deviation
        self._rate_per_ns = log(2.0) / half_life_s / 1e9
        self._gauss = rng.gauss
        self._now_ns = start_ns
        self._value = deviation * rng.gauss(0.0, 1.0)

    def at(self, ts_ns: int) -> float:
        """The value at a moment that is not before the last one asked for."""
        if ts_ns > self._now_ns:
            decay = exp(self._rate_per_ns * (self._now_ns - ts_ns))
            shock = self._deviation * sqrt(1.0 - decay * decay) * self._gauss(0.0, 1.0)
            self._value = self._value * decay + shock
            self._now_ns = ts_ns
        return self._value
