"""When trades arrive: a Hawkes process, in which each trade makes the next ones likelier for a while."""

from math import exp
from random import Random

BRANCHING_RATIO = 0.6
"""Trades that one trade brings about, directly, on average. Estimates for futures markets lie between 0.3 and 1
(Filimonov and Sornette, Phys. Rev. E 85, 2012; Hardiman, Bercot and Bouchaud, Eur. Phys. J. B 86, 2013).
"""

DECAY_S = 1.0
"""Time constant of the excitation."""


class HawkesArrivals:
    """Arrivals with intensity base·activity + Σ (n/τ)·exp(−age/τ), drawn by thinning, one candidate at a time.

    A candidate is judged when its moment has come, so that the activity of the market is read in time order.
    Source: Ogata, "On Lewis' simulation method for point processes", IEEE Trans. Inf. Theory 27 (1981).

    :param rate: arrivals per second in the long run, for a mean activity of 1.
    :param activity_max: no activity is ever greater.
    :ivar next_ns: the moment of the next candidate.
    """

    def __init__(self, rate: float, activity_max: float, start_ns: int, rng: Random) -> None:
        self._base = rate * (1.0 - BRANCHING_RATIO)
        self._base_max = self._base * activity_max
        self._rng = rng
        self._excitation = 0.0
        self._now_ns = start_ns
        self._draw(start_ns)

    def judge(self, activity: float) -> bool:
        """Say whether the candidate at `next_ns` is an arrival, and draw the next one."""
        now_ns = self.next_ns
        self._excitation *= exp(-(now_ns - self._now_ns) / 1e9 / DECAY_S)
        intensity = self._base * activity + self._excitation
        is_arrival = self._rng.random() * self._bound < intensity
        if is_arrival:
            self._excitation += BRANCHING_RATIO / DECAY_S
        self._now_ns = now_ns
        self._draw(now_ns)
        return is_arrival

    def _draw(self, now_ns: int) -> None:
        # Between arrivals the intensity only falls, so its present value bounds it.
        self._bound = self._base_max + self._excitation
        self.next_ns = now_ns + 1 + int(self._rng.expovariate(self._bound) * 1e9)
