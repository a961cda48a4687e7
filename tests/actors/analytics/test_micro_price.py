"""The micro-price and the imbalance, with the arithmetic beside them."""

from actors.analytics.micro_price import imbalance, micro_price
from messages.market import Quote


def quote(bid_size: float, ask_size: float) -> Quote:
    return Quote("I.v", 100.0, bid_size, 102.0, ask_size, 1, 1)


def test_a_heavy_bid_pushes_the_micro_price_towards_the_ask():
    # (100 × 1 + 102 × 3) / 4 = 406 / 4
    assert 101.5 == micro_price(quote(3.0, 1.0))


def test_the_micro_price_is_the_mid_where_both_sides_weigh_the_same_or_nothing():
    assert (101.0, 101.0) == (micro_price(quote(2.0, 2.0)), micro_price(quote(0.0, 0.0)))


def test_imbalance_goes_from_minus_one_to_one():
    # (3 − 1) / 4
    assert (0.5, 1.0, -1.0, 0.0) == (
        imbalance(quote(3.0, 1.0)),
        imbalance(quote(1.0, 0.0)),
        imbalance(quote(0.0, 1.0)),
        imbalance(quote(0.0, 0.0)),
    )


def test_the_micro_price_is_the_mid_and_half_a_spread_times_the_imbalance():
    # 101 + 0.5 × 2 / 2
    assert micro_price(quote(3.0, 1.0)) == 101.0 + imbalance(quote(3.0, 1.0)) * 2.0 / 2.0
