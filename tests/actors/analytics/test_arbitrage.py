import pytest

from actors.analytics.arbitrage import (
    EMPTY_WALK,
    Conversion,
    Fee,
    conversions,
    edge_bps,
    give_away,
    rate_at,
    skewed_min_bps,
    walk_chain,
)
from messages.orders import Side

TEN_BPS, FIVE_BPS, IN_BASE = Fee(0.001, False), Fee(0.0005, False), Fee(0.001, True)


def test_a_purchase_turns_quote_into_base_and_a_sale_base_into_quote_net_of_fees():
    # Bought at 50,000 with 0.1 %: in quote 1 / 50,050, in base 0.999 / 50,000. Sold: 50,000 × 0.999 = 49,950.
    assert 1 / 50_050 == pytest.approx(rate_at(Side.BUY, 50_000.0, TEN_BPS))
    assert 0.999 / 50_000 == pytest.approx(rate_at(Side.BUY, 50_000.0, IN_BASE))
    assert 49_950.0 == pytest.approx(rate_at(Side.SELL, 50_000.0, TEN_BPS))


def test_a_book_side_becomes_conversions_up_to_the_limit():
    asks = ((50_000.0, 0.5), (50_010.0, 0.0), (50_020.0, 1.0), (50_100.0, 9.0))
    found = conversions(Side.BUY, asks, TEN_BPS, limit=50_050.0)
    # 0.5 × 50,000 × 1.001 = 25,025; 1 × 50,020 × 1.001 = 50,070.02
    assert [25_025.0, 50_070.02] == pytest.approx([level.capacity for level in found])
    assert [50_000.0, 50_020.0] == [level.price for level in found]
    bids = ((50_000.0, 0.5), (49_990.0, 1.0), (49_900.0, 9.0))
    assert [0.5, 1.0] == [level.capacity for level in conversions(Side.SELL, bids, TEN_BPS, limit=49_950.0)]


def test_contracts_count_as_the_base_that_they_stand_for():
    (bid,) = conversions(Side.SELL, ((50_000.0, 200.0),), FIVE_BPS, limit=0.0, multiplier=0.001)
    assert (0.2, 49_975.0) == pytest.approx((bid.capacity, bid.rate))  # 200 contracts of 0.001
    (ask,) = conversions(Side.BUY, ((50_000.0, 200.0),), IN_BASE, limit=1e9, multiplier=0.001)
    assert 10_000.0 == pytest.approx(ask.capacity)  # a fee in base is not paid on top


def test_two_stepped_books_are_walked_to_the_last_unit_that_pays():
    buy = conversions(Side.BUY, ((100.0, 1.0), (100.2, 2.0), (100.9, 5.0)), TEN_BPS, limit=1e9)
    sell = conversions(Side.SELL, ((101.0, 2.0), (100.8, 5.0)), FIVE_BPS, limit=0.0)
    walk = walk_chain([buy, sell], 1e9, 1.003, 1.0)
    # unit 1: 101 × 0.9995 / (100 × 1.001) = 100.9495 / 100.1    = 1.008487
    # unit 2: 101 × 0.9995 / (100.2 × 1.001) = 100.9495 / 100.3002 = 1.006474
    # unit 3: 100.8 × 0.9995 / 100.3002 = 100.7496 / 100.3002      = 1.004481
    # unit 4: 100.7496 / (100.9 × 1.001 = 101.0009)                = 0.997512 → not taken
    assert (100.2, 100.8) == walk.worst
    assert 1.004481 == pytest.approx(walk.marginal, abs=1e-6)
    # given 100.1 + 2 × 100.3002 = 300.7004; 3 units; received 2 × 100.9495 + 100.7496 = 302.6486
    assert (300.7004, 3.0, 302.6486) == pytest.approx(walk.amounts)
    assert 64.788 == pytest.approx(edge_bps(walk, 1.0), abs=1e-3)  # 302.6486 / 300.7004 − 1


def test_a_walk_stops_at_the_amount_that_is_wanted():
    buy = conversions(Side.BUY, ((100.0, 10.0),), TEN_BPS, limit=1e9)
    sell = conversions(Side.SELL, ((102.0, 10.0),), TEN_BPS, limit=0.0)
    walk = walk_chain([buy, sell], 500.5, 1.0, 1.0)
    assert (500.5, 5.0, 509.49) == pytest.approx(walk.amounts)  # 5 × 100.1; 5 × 102 × 0.999


def test_the_exchange_rate_and_the_transfer_cost_weigh_on_every_unit():
    buy = conversions(Side.BUY, ((60_000.0, 1.0),), TEN_BPS, limit=1e9)
    sell = conversions(Side.SELL, ((60_300.0, 1.0),), FIVE_BPS, limit=0.0)
    keep = 0.9990 * (1 - 0.0002)  # USDC at 0.9990 USDT, 2 bps to bring it back
    walk = walk_chain([buy, sell], 6_006.0, 1.0, keep)
    # 60,300 × 0.9995 × 0.9990 × 0.9998 / (60,000 × 1.001) = 60,197.54 / 60,060 = 1.0022900
    assert 22.91 == pytest.approx(edge_bps(walk, keep), abs=0.01)
    assert EMPTY_WALK == walk_chain([buy, sell], 6_006.0, 1.0023, keep)


def test_three_books_are_walked_at_once():
    # USDT → BTC at 60,000, BTC → ETH at 0.05, ETH → USDT at 3,030, no fees: 1 / 60,000 / 0.05 × 3,030 = 1.01
    free = Fee(0.0, False)
    steps = [
        conversions(Side.BUY, ((60_000.0, 1.0),), free, limit=1e9),
        conversions(Side.BUY, ((0.05, 8.0),), free, limit=1e9),
        conversions(Side.SELL, ((3_030.0, 100.0),), free, limit=0.0),
    ]
    walk = walk_chain(steps, 1e9, 1.0, 1.0)
    # the middle book has 8 ETH = 0.4 BTC = 24,000 USDT; they bring 24,240
    assert (24_000.0, 0.4, 8.0, 24_240.0) == pytest.approx(walk.amounts)
    assert 100.0 == pytest.approx(edge_bps(walk, 1.0))


def test_nothing_is_walked_without_books_or_without_an_amount():
    level = Conversion(2.0, 1.0, 2.0)
    assert EMPTY_WALK == walk_chain([[level], []], 1.0, 0.0, 1.0)
    assert EMPTY_WALK == walk_chain([[level]], 0.0, 0.0, 1.0)
    assert float("-inf") == edge_bps(EMPTY_WALK, 1.0)


def test_what_each_step_may_give_away_together_gives_away_all_of_the_edge():
    factor = give_away(1.004004, 2)
    assert 1.002 == pytest.approx(factor)  # 1.002² = 1.004004
    assert 1.0 == pytest.approx(1.004004 / factor**2)
    assert 1.0 == give_away(0.99, 2)


def test_the_threshold_leans_against_the_drift():
    assert (60.0, 40.0, 50.0) == (
        skewed_min_bps(50.0, 20.0, 0.5), skewed_min_bps(50.0, 20.0, -0.5), skewed_min_bps(50.0, 20.0, 0.0),
    )  # fmt: skip
    assert (70.0, 30.0) == (skewed_min_bps(50.0, 20.0, 3.0), skewed_min_bps(50.0, 20.0, -3.0))
