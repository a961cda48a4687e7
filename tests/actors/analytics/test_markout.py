"""Markouts of own fills, with the arithmetic beside them."""

import pytest

from actors.analytics.markout import NEVER_NS, PENDING_MAX, FillMark, Horizon, Markouts

S = 1_000_000_000


def bought(price: float = 99.0, mid: float = 100.0, ts_s: float = 0.0, size: float = 1.0) -> FillMark:
    return FillMark(1, price, size, mid, int(ts_s * S))


def figures(markouts: Markouts, seconds: int) -> tuple[int, float, float]:
    horizon = markouts.horizons[seconds]
    return horizon.fills, pytest.approx(horizon.mean_bps), pytest.approx(horizon.adverse_bps)


def test_a_buy_is_measured_against_the_mid_that_prevails_after_each_horizon():
    markouts = Markouts()
    markouts.on_mid(100.0, 0)
    markouts.on_fill(bought())
    markouts.on_mid(99.9, S // 2)
    markouts.on_mid(98.0, 2 * S)
    # after 1 s the mid was still 99.9: (99.9 − 99) / 99 = 90.909 bps; it has moved 10 bps against us since the fill
    assert figures(markouts, 1) == (1, 90.9090909, 10.0)
    assert 0 == markouts.horizons[10].fills
    markouts.on_mid(101.0, 11 * S)
    # after 10 s it was 98: −101.01 bps, 200 bps against us
    assert figures(markouts, 10) == (1, -101.01010, 200.0)
    markouts.on_mid(101.0, 70 * S)
    # after 60 s 101: 202.02 bps, 100 bps for us
    assert figures(markouts, 60) == (1, 202.02020, -100.0)


def test_a_sell_gains_when_the_price_falls():
    markouts = Markouts()
    markouts.on_mid(100.0, 0)
    markouts.on_fill(FillMark(-1, 101.0, 1.0, 100.0, 0))
    markouts.on_mid(99.0, S)
    markouts.on_mid(99.0, S + 1)
    # (101 − 99) / 101 = 198.02 bps; the mid moved 100 bps for us
    assert figures(markouts, 1) == (1, 198.01980, -100.0)


def test_a_quote_at_the_very_moment_counts():
    markouts = Markouts()
    markouts.on_mid(100.0, 0)
    markouts.on_fill(bought())
    markouts.on_mid(99.0, S)
    assert 0 == markouts.horizons[1].fills
    markouts.on_mid(50.0, S + 1)
    assert figures(markouts, 1) == (1, 0.0, 100.0)


def test_the_mean_is_weighted_by_size_and_adverse_selection_by_recency():
    markouts = Markouts()
    markouts.on_mid(100.0, 0)
    markouts.on_fill(bought(price=100.0, size=3.0))
    markouts.on_mid(99.0, S // 2)
    markouts.on_fill(bought(price=100.0, mid=99.0, ts_s=0.5, size=1.0))
    markouts.on_mid(99.0, 5 * S)
    # both −100 bps from the fill price; against us 100 and 0 bps, of two fills half each
    assert figures(markouts, 1) == (2, -100.0, 50.0)


def test_after_many_fills_the_newest_has_a_tenth_of_the_weight():
    horizon = Horizon(1)
    for number in range(20):
        horizon.add(bought(price=100.0, ts_s=number))
    horizon.settle(100.0, 30 * S)
    horizon.add(bought(price=100.0, ts_s=40))
    horizon.settle(99.0, 50 * S)
    # 0.9 × 0 + 0.1 × 100
    assert pytest.approx(10.0) == horizon.adverse_bps


def test_nothing_is_due_where_nothing_was_filled():
    markouts = Markouts()
    assert NEVER_NS == markouts.next_due_ns
    assert 0.0 == markouts.horizons[1].mean_bps
    markouts.on_fill(bought(ts_s=2.0))
    assert 3 * S == markouts.next_due_ns


def test_beyond_the_bound_the_oldest_fill_is_left_out():
    horizon = Horizon(1)
    for number in range(PENDING_MAX + 1):
        horizon.add(bought(ts_s=number))
    assert 2 * S == horizon.due_ns
