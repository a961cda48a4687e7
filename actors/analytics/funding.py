"""Funding of perpetuals: what one payment is, how many there will be, and the yearly rate.

A rate is per interval, a ratio of the notional at mark; positive = longs pay shorts. The interval is the instrument's
own. Only a position that is held at the stamp pays or is paid.
"""

from actors.analytics.basis import BPS, DAYS_A_YEAR, HOURS_A_DAY

NS_PER_HOUR = 3_600_000_000_000


def funding_payment(position: float, notional: float, rate: float) -> float:
    """What a position receives at one stamp: −sign(position) × notional at mark × rate; negative = it pays."""
    if position == 0:
        return 0.0
    return -notional * rate if position > 0 else notional * rate


def funding_apr(rate: float, interval_hours: float) -> float:
    """Gross yearly rate: funding × (24 / interval) × 365."""
    return rate * (HOURS_A_DAY / interval_hours) * DAYS_A_YEAR


def stamps_within(now_ns: int, horizon_ns: int, next_stamp_ns: int, interval_ns: int) -> int:
    """How many funding stamps lie in (now, now + horizon]; 0 where the next stamp is not known."""
    if next_stamp_ns <= now_ns:
        return 0
    beyond_ns = now_ns + horizon_ns - next_stamp_ns
    return 0 if beyond_ns < 0 else 1 + beyond_ns // interval_ns


def expected_funding_bps(rate: float, stamps: int) -> float:
    """What a short of one notional receives over `stamps` payments if the rate stays as it is."""
    return rate * stamps * BPS
