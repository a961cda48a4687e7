"""Exponentially weighted volatility, with the arithmetic beside it."""

from math import exp, log, sqrt

import pytest

from actors.analytics.volatility import EwmaVolatility

S = 1_000_000_000


def test_without_a_return_there_is_no_volatility():
    volatility = EwmaVolatility(60.0)
    volatility.on_price(100.0, 5 * S)
    assert (0.0, 0) == (volatility.sigma_bps, volatility.samples)


def test_the_first_return_is_the_first_estimate():
    volatility = EwmaVolatility(60.0)
    volatility.on_price(100.0, 5 * S)
    volatility.on_price(100.0 * exp(0.0002), 9 * S)
    # 2 bps in 4 s: √(0.0002² / 4) = 0.0001 for each √second
    assert pytest.approx(1.0) == volatility.sigma_bps


def test_the_first_returns_are_averaged_evenly_and_later_ones_by_their_half_life():
    volatility = EwmaVolatility(1.0)
    for second, price in enumerate((0.0, 0.0002, 0.0002)):
        volatility.on_price(100.0 * exp(price), (second + 1) * S)
    # 4e-8 and 0, with weight max(1 − 2^−1, 1/2) = 1/2: 2e-8
    assert pytest.approx(sqrt(2e-8) * 10_000) == volatility.sigma_bps
    volatility.on_price(100.0 * exp(0.0002), 5 * S)
    # two more quiet seconds: 2e-8 × 2^−2
    assert pytest.approx(sqrt(0.5e-8) * 10_000) == volatility.sigma_bps
    assert 3 == volatility.samples


def test_prices_between_two_samples_do_not_count():
    volatility = EwmaVolatility(60.0)
    volatility.on_price(100.0, S)
    volatility.on_price(200.0, S + S // 2)
    volatility.on_price(100.0, 2 * S)
    assert (0.0, 1) == (volatility.sigma_bps, volatility.samples)


def test_it_is_the_same_for_any_way_that_a_walk_of_equal_steps_is_sampled():
    once, often = EwmaVolatility(1e9, sample_s=4.0), EwmaVolatility(1e9)
    for second in range(400):
        price = 100.0 * exp(0.0001 * (second % 2))
        often.on_price(price, (second + 1) * S)
    assert pytest.approx(1.0) == often.sigma_bps
    for second in range(100):
        once.on_price(100.0 * exp(0.0002 * (second % 2)), (4 * second + 1) * S)
    # 2 bps each 4 s is 1 bps for each √second
    assert pytest.approx(1.0) == once.sigma_bps
    assert pytest.approx(2.0) == abs(log(exp(0.0002))) * 10_000
