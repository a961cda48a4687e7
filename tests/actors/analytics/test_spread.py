"""Worked numbers beside each formula."""

from decimal import Decimal as D
from math import exp

import pytest

from actors.analytics.spread import NS_PER_DAY, TENOR_NS_MIN, has_tenor, log_spread, tenor_factor
from messages.instruments import Instrument, InstrumentType

NOW_NS = 20_000 * NS_PER_DAY


def contract(days: int, venue: str = "v") -> Instrument:
    """A contract that expires in so many days; a perpetual for 0."""
    kind = InstrumentType.FUTURE if days else InstrumentType.PERPETUAL
    return Instrument(
        symbol=f"BTC{days}", venue=venue, type=kind, base="BTC", quote="USDT", settle="USDT", tick_size=D("0.1"),
        lot_size=D("0.001"), expiry_ns=NOW_NS + days * NS_PER_DAY if days else 0,
    )  # fmt: skip


def test_a_spread_is_the_log_of_the_price_ratio():
    # ln(60,600 / 60,000) = ln 1.01 = 0.00995033
    assert 0.00995033 == pytest.approx(log_spread(60_000.0, 60_600.0), abs=1e-8)


def test_what_is_far_below_near_is_a_negative_spread_of_the_same_size():
    assert -log_spread(100.0, 101.0) == pytest.approx(log_spread(101.0, 100.0))


def test_a_calendar_spread_is_a_yearly_rate_over_the_time_between_both_expiries():
    # 73 days between: 365 / 73 = 5; a curve at 10 % a year has ln(far / near) = 0.1 × 73 / 365 = 0.02
    near, far = contract(17), contract(90)
    factor = tenor_factor(near, far, NOW_NS)
    assert 5.0 == pytest.approx(factor)
    assert 0.1 == pytest.approx(log_spread(60_000.0, 60_000.0 * exp(0.02)) * factor)


def test_the_time_between_two_expiries_does_not_change():
    near, far = contract(17), contract(90)
    assert tenor_factor(near, far, NOW_NS) == tenor_factor(near, far, NOW_NS + 10 * NS_PER_DAY)


def test_a_perpetual_against_a_dated_contract_counts_the_days_that_are_left():
    # 36.5 days left: 365 / 36.5 = 10; half of that passed: 20
    near, far = contract(0), contract(73)
    assert 10.0 == pytest.approx(tenor_factor(near, far, NOW_NS + 73 * NS_PER_DAY // 2))
    assert 20.0 == pytest.approx(tenor_factor(near, far, NOW_NS + 73 * NS_PER_DAY * 3 // 4))


def test_the_last_hour_of_a_contract_is_taken_for_an_hour():
    # 365 × 24 = 8,760
    near, far = contract(0), contract(10)
    for left_ns in (TENOR_NS_MIN, 60_000_000_000, 0, -NS_PER_DAY):
        assert 8_760.0 == pytest.approx(tenor_factor(near, far, far.expiry_ns - left_ns))


def test_contracts_that_end_together_or_never_have_no_tenor():
    for near, far in ((contract(0), contract(0, "w")), (contract(90), contract(90, "w"))):
        assert (False, 1.0) == (has_tenor(near, far), tenor_factor(near, far, NOW_NS))
    assert has_tenor(contract(0), contract(90))
