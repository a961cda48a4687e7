"""Mean and deviation of a window and of fading weights, beside numbers worked by hand and by the standard library."""

from math import sqrt
from statistics import fmean, stdev

import pytest
from hypothesis import given
from hypothesis import strategies as st

from actors.analytics.rolling import EwmaMoments, RollingMoments


def fed(moments, values):
    for value in values:
        moments.add(value)
    return moments


def test_a_window_knows_the_mean_and_the_deviation_of_a_sample():
    # 2, 4, 9: mean 5; (9 + 1 + 16) / 2 = 13
    moments = fed(RollingMoments(10), [2.0, 4.0, 9.0])
    assert (3, 5.0, pytest.approx(sqrt(13.0))) == (moments.count, moments.mean, moments.deviation)


def test_the_oldest_sample_leaves_a_full_window():
    # 100 has gone: 2, 4, 9
    moments = fed(RollingMoments(3), [100.0, 2.0, 4.0, 9.0])
    assert 3 == moments.count
    assert (5.0, sqrt(13.0)) == pytest.approx((moments.mean, moments.deviation))


def test_one_sample_has_no_deviation():
    assert (0, 0.0, 0.0) == (RollingMoments(3).count, RollingMoments(3).mean, RollingMoments(3).deviation)
    assert 0.0 == fed(RollingMoments(3), [7.0]).deviation


@given(st.lists(st.floats(-1.0, 1.0), min_size=2, max_size=80), st.integers(2, 20))
def test_a_window_is_what_the_standard_library_says_of_its_samples(values, size):
    moments = fed(RollingMoments(size), values)
    window = values[-size:]
    assert fmean(window) == pytest.approx(moments.mean, abs=1e-12)
    assert stdev(window) == pytest.approx(moments.deviation, abs=1e-7)


def test_floats_do_not_drift_away_over_a_million_samples():
    # A large level under a small movement, and an outlier that has long left the window
    moments = RollingMoments(100)
    moments.add(1e6)
    for number in range(1_000_000):
        moments.add(1.0 + (number % 10) * 1e-6)
    window = [1.0 + number * 1e-6 for number in range(10)] * 10
    assert fmean(window) == pytest.approx(moments.mean, abs=1e-14)
    assert stdev(window) == pytest.approx(moments.deviation, rel=1e-9)


def test_fading_weights_by_hand():
    # span 3: α = 0.5. After 1: m 1, v 0. After 3: d 2, m 2, v = 0.5 × (0 + 2 × 1) = 1.
    # After 6: d 4, m 4, v = 0.5 × (1 + 4 × 2) = 4.5
    moments = fed(EwmaMoments(3), [1.0, 3.0])
    assert (2, 2.0, 1.0) == (moments.count, moments.mean, moments.deviation)
    moments.add(6.0)
    assert (3, 4.0, sqrt(4.5)) == (moments.count, moments.mean, pytest.approx(moments.deviation))


def test_fading_weights_are_weighted_sums():
    # Weights of 5, 7, 4, 8 by α = 0.5, the first taken whole: 1/8, 1/8, 1/4, 1/2
    values, weights = [5.0, 7.0, 4.0, 8.0], [0.125, 0.125, 0.25, 0.5]
    moments = fed(EwmaMoments(3), values)
    mean = sum(weight * value for weight, value in zip(weights, values, strict=True))
    variance = sum(weight * (value - mean) ** 2 for weight, value in zip(weights, values, strict=True))
    assert (mean, sqrt(variance)) == pytest.approx((moments.mean, moments.deviation))


def test_no_fading_sample_has_no_deviation():
    assert (0, 0.0) == (EwmaMoments(3).count, EwmaMoments(3).deviation)
