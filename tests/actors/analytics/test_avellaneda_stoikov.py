"""Reservation price and spread, with the numbers of the paper's own simulation (section 3.3): s = 100, σ = 2, γ = 0.1,
κ = 1.5, T = 1.
"""

import pytest

from actors.analytics.avellaneda_stoikov import MakerTerms, reservation_price, total_spread

PAPER = MakerTerms(risk_aversion=0.1, order_arrival_decay=1.5, horizon_s=1.0)


def test_the_reservation_price_is_below_the_mid_when_long_and_above_when_short():
    # 100 − 3 × 0.1 × 2² × 1 = 98.8
    assert pytest.approx(98.8) == reservation_price(100.0, 3.0, 2.0, PAPER)
    assert pytest.approx(101.2) == reservation_price(100.0, -3.0, 2.0, PAPER)
    assert 100.0 == reservation_price(100.0, 0.0, 2.0, PAPER)


def test_the_spread_pays_for_risk_and_for_the_chance_to_be_hit():
    # 0.1 × 4 × 1 + 20 × ln(1 + 0.1 / 1.5) = 0.4 + 20 × 0.0645385 = 1.69077
    assert pytest.approx(1.69077, abs=1e-5) == total_spread(2.0, PAPER)


def test_without_risk_aversion_the_spread_is_two_over_kappa():
    # 2 / 1.5
    assert pytest.approx(4 / 3) == total_spread(2.0, PAPER._replace(risk_aversion=1e-12))


def test_a_longer_horizon_moves_both():
    terms = PAPER._replace(horizon_s=2.0)
    # 100 − 0.1 × 4 × 2 and 0.8 + 1.29077
    assert pytest.approx(99.2) == reservation_price(100.0, 1.0, 2.0, terms)
    assert pytest.approx(2.09077, abs=1e-5) == total_spread(2.0, terms)
