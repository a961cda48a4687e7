"""Least squares and half-lives, beside numbers worked by hand.

Source: E. Chan, Algorithmic Trading, 2013, chapter 2, "Half-Life of Mean Reversion".
"""

from itertools import pairwise
from math import log
from random import Random
from statistics import linear_regression

import pytest
from hypothesis import given
from hypothesis import strategies as st

from actors.analytics.half_life import RollingRegression, half_life


def fitted(size, pairs):
    regression = RollingRegression(size)
    for x, y in pairs:
        regression.add(x, y)
    return regression


def test_a_slope_by_hand():
    # x 1, 2, 3, 6 (mean 3), y 1, 3, 2, 6 (mean 3): Σ(x−3)(y−3) = 4 + 0 + 0 + 9 = 13; Σ(x−3)² = 4 + 1 + 0 + 9 = 14
    assert 13 / 14 == pytest.approx(fitted(10, [(1, 1), (2, 3), (3, 2), (6, 6)]).slope)


def test_the_oldest_pair_leaves_a_full_window():
    # (50, −7) has gone
    pairs = [(50.0, -7.0), (1.0, 1.0), (2.0, 3.0), (3.0, 2.0), (6.0, 6.0)]
    assert 13 / 14 == pytest.approx(fitted(4, pairs).slope)


def test_fewer_than_three_pairs_or_one_x_have_no_slope():
    assert None is fitted(10, [(1.0, 1.0), (2.0, 3.0)]).slope
    assert None is fitted(10, [(1.0, 1.0), (1.0, 3.0), (1.0, 2.0)]).slope


coordinates = st.floats(-1.0, 1.0)


@given(st.lists(st.tuples(coordinates, coordinates), min_size=3, max_size=60), st.integers(3, 20))
def test_a_window_is_what_the_standard_library_says_of_its_pairs(pairs, size):
    window = pairs[-size:]
    xs = [x for x, _ in window]
    if len(window) < 3 or max(xs) - min(xs) < 0.01:
        return
    expected = linear_regression(xs, [y for _, y in window]).slope
    assert expected == pytest.approx(fitted(size, pairs).slope, rel=1e-6, abs=1e-6)


def test_a_series_that_halves_its_distance_has_a_half_life_of_one_sample():
    # 16, 8, 4, 2, 1 around 0: Δs = −s / 2, so b = −0.5, and ln 2 / −ln 0.5 = 1
    series = [16.0, 8.0, 4.0, 2.0, 1.0]
    slope = fitted(10, [(before, after - before) for before, after in pairwise(series)]).slope
    assert -0.5 == pytest.approx(slope)
    assert 1.0 == pytest.approx(half_life(slope))


def test_a_level_does_not_matter_and_a_slow_return_takes_long():
    # 100 + 10 × 0.9^n: b = −0.1; ln 2 / −ln 0.9 = 0.693147 / 0.105361 = 6.5788
    series = [100.0 + 10.0 * 0.9**number for number in range(12)]
    slope = fitted(10, [(before, after - before) for before, after in pairwise(series)]).slope
    assert 6.5788 == pytest.approx(half_life(slope), abs=1e-4)


def test_a_spread_that_does_not_return_has_no_half_life():
    assert [None, None, None] == [half_life(slope) for slope in (None, 0.0, 0.02)]


def test_a_slope_that_floats_make_of_none_is_none():
    assert [None, None] == [half_life(slope) for slope in (-1e-17, -5e-324)]


def test_a_spread_that_overshoots_has_returned_within_a_sample():
    assert [0.0, 0.0] == [half_life(slope) for slope in (-1.0, -1.4)]
    assert log(2) / -log(0.01) == pytest.approx(half_life(-0.99))


def test_the_half_life_of_a_noisy_series_is_found():
    # AR(1) with 0.95: ln 2 / −ln 0.95 = 13.51 samples
    chance, value, pairs = Random(7), 0.0, []
    for _ in range(20_000):
        after = 0.95 * value + chance.gauss(0.0, 1.0)
        pairs.append((value, after - value))
        value = after
    assert 13.51 == pytest.approx(half_life(fitted(20_000, pairs).slope), rel=0.1)
