"""What is known of a spread, from samples; when it is not enough, nothing is said."""

from math import exp, log

import pytest

from actors.analytics.spread_statistics import DEVIATION_MIN, Sample, SpreadStatistics, StatisticsTerms

S = 1_000_000_000


def terms(**changes) -> StatisticsTerms:
    settings = {"weights": "rolling", "lookback": 50, "samples_min": 5, "interval_ns": S, "hole_ns": 6 * S, **changes}
    return StatisticsTerms(**settings)


def fed(spreads, *, step_ns=2 * S, **changes) -> SpreadStatistics:
    """Spreads at even steps, of a near leg that alternates between 100 and 101."""
    statistics = SpreadStatistics(terms(**changes))
    for number, spread in enumerate(spreads):
        near = 100.0 + number % 2
        statistics.add(Sample(number * step_ns, spread, near, near * exp(spread)))
    return statistics


def test_nothing_is_said_before_there_are_enough_samples():
    statistics = fed([0.004, 0.002, 0.001, 0.0005])
    assert (4, None, None) == (statistics.count, statistics.known, statistics.beta)


def test_mean_deviation_and_half_life_of_a_spread_that_halves():
    # 16, 8, 4, 2, 1 bps: mean 6.2; b = −0.5, so one sample, and samples are 2 s apart
    statistics = fed([0.0016, 0.0008, 0.0004, 0.0002, 0.0001])
    assert 0.00062 == pytest.approx(statistics.known.mean)
    # (9.8² + 1.8² + 2.2² + 4.2² + 5.2²) / 4 = 37.2
    assert 37.2**0.5 * 1e-4 == pytest.approx(statistics.known.deviation)
    assert 2 * S == statistics.known.half_life_ns


def test_a_half_life_is_at_least_one_sample():
    # 16, −4, 1, ...: b = −1.25
    assert 2 * S == fed([16e-4, -4e-4, 1e-4, -0.25e-4, 0.0625e-4]).known.half_life_ns


def test_a_spread_that_runs_away_has_no_half_life():
    assert None is fed([1e-4, 2e-4, 4e-4, 8e-4, 16e-4]).known.half_life_ns


def test_a_spread_that_does_not_move_says_nothing():
    statistics = fed([0.001 + number * DEVIATION_MIN / 1e6 for number in range(60)])
    assert (50, None) == (statistics.count, statistics.known)


def test_the_next_sample_is_due_after_the_interval():
    statistics = fed([0.001])
    assert S == statistics.next_ns


def test_a_step_over_a_hole_is_no_step_of_the_series():
    statistics = fed([0.0016, 0.0008, 0.0004, 0.0002, 0.0001])
    before = statistics.known.half_life_ns, statistics.beta
    statistics.add(Sample(8 * S + 6 * S + 1, 0.5, 900.0, 3.0))
    assert before == (statistics.known.half_life_ns, statistics.beta)
    assert 6 == statistics.count


def test_samples_with_holes_between_them_have_a_mean_but_no_half_life():
    statistics = fed([0.0016, 0.0008, 0.0004, 0.0002, 0.0001], step_ns=7 * S)
    assert 0.00062 == pytest.approx(statistics.known.mean)
    assert (None, None) == (statistics.known.half_life_ns, statistics.beta)


def test_beta_is_how_far_far_moves_when_near_moves():
    # ln far moves twice as far as ln near, each time
    statistics = SpreadStatistics(terms())
    for number in range(6):
        near = 100.0 + number * number
        statistics.add(Sample(number * S, number * 1e-4, near, 50.0 * exp(2.0 * log(near / 100.0))))
    assert 2.0 == pytest.approx(statistics.beta)


def test_weights_that_fade_follow_a_new_level_sooner():
    levels = [0.0] * 100 + [0.001] * 20
    fading, window = fed(levels, weights="ewma", lookback=10), fed(levels, lookback=100)
    # α = 2 / 11: 1 − (9 / 11)^20 = 98.2 % of the way; the window has 20 of 100
    assert 0.000982 == pytest.approx(fading.known.mean, abs=1e-6)
    assert 0.0002 == pytest.approx(window.known.mean)
