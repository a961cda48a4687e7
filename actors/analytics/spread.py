"""The spread between two futures of one asset, as a log ratio, and what brings different tenors to one scale.

Plain spread s = ln(F_far / F_near), a ratio; positive = the far contract is dear. Tenor-normalised spread
y = s × 365 / (T_far − T_near), T in days to expiry: the yearly rate that the curve implies between both expiries.
Source: cost of carry F = S·e^(cT), J. Hull, Options, Futures, and Other Derivatives, chapter 5, "The cost of carry", so
that ln(F_far / F_near) = c·(T_far − T_near).
"""

from math import log

from actors.analytics.basis import DAYS_A_YEAR
from actors.analytics.funding import NS_PER_HOUR
from messages.instruments import Instrument

NS_PER_DAY = 24 * NS_PER_HOUR
TENOR_NS_MIN = NS_PER_HOUR
"""A shorter tenor is taken for an hour: a yearly rate over the last minutes of a contract means nothing."""


def log_spread(near: float, far: float) -> float:
    """Return s = ln(far / near), of two prices above 0."""
    return log(far / near)


def has_tenor(near: Instrument, far: Instrument) -> bool:
    """Whether the contracts end at different times, so that their spread depends on the time between."""
    return near.expiry_ns != far.expiry_ns


def tenor_factor(near: Instrument, far: Instrument, now_ns: int) -> float:
    """What a plain spread is multiplied by to be a yearly rate: 365 / (T_far − T_near); 1 where both end together.

    A perpetual has T = 0: it never ends, but its funding ties it to the spot price all the time, as an expiry does
    once; against a dated contract it stands for spot. Source: Ackerer, Hugonnier, Jermann, "Perpetual Futures
    Pricing", arXiv 2310.11771, abstract, read 2026-11-24.
    """
    if not has_tenor(near, far):
        return 1.0
    tenor_ns = max(TENOR_NS_MIN, far.expiry_ns - (near.expiry_ns or now_ns))
    return DAYS_A_YEAR * NS_PER_DAY / tenor_ns
