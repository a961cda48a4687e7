"""Funding payments, stamps and rates, with the arithmetic beside them."""

import pytest

from actors.analytics.funding import (
    NS_PER_HOUR,
    expected_funding_bps,
    funding_apr,
    funding_payment,
    stamps_within,
)


def test_a_short_is_paid_where_the_rate_is_positive():
    # −sign(−1) × 10,000 × 0.0001 = +1
    assert 1.0 == pytest.approx(funding_payment(-2.0, 10_000.0, 0.0001))


def test_a_long_pays_where_the_rate_is_positive():
    assert -1.0 == pytest.approx(funding_payment(2.0, 10_000.0, 0.0001))


def test_nothing_held_pays_nothing():
    assert 0.0 == funding_payment(0.0, 10_000.0, 0.0001)


def test_the_worked_example_needs_thirty_payments_to_earn_its_fees():
    # 0.30 % at 0.01 % for each 8 h: 30 payments, 30 / 3 a day = 10 days
    assert 30.0 == pytest.approx(expected_funding_bps(0.0001, 30))


@pytest.mark.parametrize(
    ("interval_hours", "expected"),
    [
        (8.0, 0.1095),  # 0.0001 × 3 × 365
        (4.0, 0.219),  # 0.0001 × 6 × 365
        (1.0, 0.876),  # 0.0001 × 24 × 365
    ],
)
def test_the_yearly_rate_follows_the_instruments_own_interval(interval_hours, expected):
    assert expected == pytest.approx(funding_apr(0.0001, interval_hours))


@pytest.mark.parametrize(
    ("horizon_hours", "next_hours", "expected"),
    [
        (8, 9, 0),  # the stamp lies beyond the horizon
        (8, 8, 1),  # just at its end
        (8, 1, 1),  # 1 h; the next at 9 h is too late
        (24, 1, 3),  # 1, 9, 17 h
        (24, 0, 0),  # a stamp that has passed is not known any more
    ],
)
def test_stamps_are_counted_from_the_next_one(horizon_hours, next_hours, expected):
    now_ns = 1_000 * NS_PER_HOUR
    next_ns = now_ns + next_hours * NS_PER_HOUR
    assert expected == stamps_within(now_ns, horizon_hours * NS_PER_HOUR, next_ns, 8 * NS_PER_HOUR)
