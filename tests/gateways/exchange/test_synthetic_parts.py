"""The parts of the synthetic market by themselves: efficient price, deviations, arrivals, book, fair value."""

from decimal import Decimal
from itertools import pairwise
from math import log, sqrt
from random import Random
from statistics import mean, pstdev

import pytest

from gateways.exchange.sources.efficient_price import GRID_NS, EfficientPrice, Regime
from gateways.exchange.sources.fair_value import FairValue
from gateways.exchange.sources.hawkes import HawkesArrivals
from gateways.exchange.sources.mean_reversion import OrnsteinUhlenbeck
from gateways.exchange.sources.synthetic_book import SyntheticBook
from gateways.exchange.sources.synthetic_profile import DEFAULTS, resolve
from gateways.exchange.spec import AssetSpec, SyntheticProfile, SyntheticSourceSpec
from messages.instruments import Instrument, InstrumentType

START_NS = 1_700_000_000_000_000_000
SECOND_NS = 1_000_000_000
YEAR_S = 365 * 86_400

SPOT = Instrument(
    symbol="BTCUSDT", venue="north", type=InstrumentType.SPOT, base="BTC", quote="USDT", settle="USDT",
    tick_size=Decimal("0.01"), lot_size=Decimal("0.00001"),
)  # fmt: skip


def path(asset: str = "BTC", seed: int = 1, **spec) -> EfficientPrice:
    return EfficientPrice(asset, AssetSpec(**spec), seed, START_NS)


def grid(price: EfficientPrice, steps: int) -> list[float]:
    return [price.at(START_NS + step * GRID_NS) for step in range(steps)]


# --- efficient price -----------------------------------------------------------------------------------------------


def test_the_path_does_not_depend_on_when_it_is_read():
    every_step, now_and_then = path(), path()
    expected = grid(every_step, 2_000)
    assert expected[1_999] == now_and_then.at(START_NS + 1_999 * GRID_NS)
    assert expected[1_950] == now_and_then.at(START_NS + 1_950 * GRID_NS + GRID_NS - 1)


def test_the_path_depends_on_seed_and_asset():
    steps = 100
    first = grid(path("AAA", 1, price=1.0), steps)
    assert first == grid(path("AAA", 1, price=1.0), steps)
    assert first != grid(path("AAA", 2, price=1.0), steps)
    assert first != grid(path("BBB", 1, price=1.0), steps)


def test_before_its_start_the_price_is_the_first_one():
    assert pytest.approx(60_000.0) == path().at(START_NS - SECOND_NS)


def test_a_price_of_longer_ago_than_the_greatest_lag_is_a_mistake():
    price = path()
    price.at(START_NS + 20 * SECOND_NS)
    price.at(START_NS + 10 * SECOND_NS)
    with pytest.raises(AssertionError, match="read it in time order"):
        price.at(START_NS + 9 * SECOND_NS)


def test_realised_volatility_is_the_stated_one_over_both_regimes():
    prices = grid(path(volatility_annual=0.8, calm_s=3.0, active_s=1.0), 100_000)
    moves = [log(b / a) for a, b in pairwise(prices)]
    # 5,000 s are about 1,250 pairs of regimes; the variance of a half-active path errs by a few per cent.
    assert pytest.approx(0.8, rel=0.05) == pstdev(moves) * sqrt(YEAR_S / 0.05)


def test_both_regimes_are_visited_and_the_active_one_moves_more():
    price = path(seed=3)
    moves: dict[Regime, list[float]] = {regime: [] for regime in Regime}
    last = price.at(START_NS)
    for step in range(1, 12_000):  # ten minutes
        ts_ns = START_NS + step * GRID_NS
        moves[price.regime(ts_ns)].append(log(price.at(ts_ns) / last))
        last = price.at(ts_ns)
    assert min(len(each) for each in moves.values()) > 1_000
    assert pytest.approx(3.0, rel=0.1) == pstdev(moves[Regime.ACTIVE]) / pstdev(moves[Regime.CALM])


def test_activity_averages_one_and_is_greatest_in_the_active_regime():
    price = path(calm_s=3.0, active_s=1.0)
    activities = [price.activity(START_NS + step * GRID_NS) for step in range(100_000)]
    # A quarter of the time active, 3 times as busy: calm 1 / (0.75 + 0.25 × 3) = 2/3, active 2.
    assert pytest.approx([2 / 3, 2.0]) == sorted(set(activities))
    assert pytest.approx(2.0) == price.activity_max
    assert pytest.approx(1.0, rel=0.05) == mean(activities)


def test_a_stablecoin_stays_near_one_and_the_reporting_currency_is_one():
    prices = grid(path("USDC"), 72_000)  # an hour
    assert 0.0 < pstdev(prices) < 5e-4
    assert max(abs(price - 1.0) for price in prices) < 2e-3
    assert {1.0} == set(grid(path("USD"), 100))


@pytest.mark.parametrize(
    ("asset", "spec", "expected"),
    [("ETH", {}, 3_000.0), ("ETH", {"price": 2_000.0}, 2_000.0), ("PEPE", {}, 100.0), ("USDT", {"price": 0.9}, 0.9)],
)
def test_an_asset_starts_from_its_stated_or_usual_price(asset, spec, expected):
    assert pytest.approx(expected) == path(asset, **spec).at(START_NS)


def test_any_asset_may_be_given_a_half_life():
    prices = grid(path("BTC", price=50_000.0, volatility_annual=0.5, half_life_s=1.0), 20_000)
    # σ·sqrt(h / (2 ln 2)) = 0.5·sqrt(1 / 31,536,000 / 1.386) = 0.76 bps
    assert pytest.approx(0.76e-4, rel=0.25) == pstdev(prices) / 50_000.0


# --- mean reversion ------------------------------------------------------------------------------------------------


def test_a_deviation_has_its_stationary_size_and_half_life():
    process = OrnsteinUhlenbeck(10.0, 12.0, START_NS, Random(1))
    values = [process.at(START_NS + second * SECOND_NS) for second in range(20_000)]
    assert pytest.approx(10.0, rel=0.1) == pstdev(values)
    assert pytest.approx(0.0, abs=1.5) == mean(values)
    covariance = mean(a * b for a, b in zip(values, values[12:], strict=False))
    assert pytest.approx(0.5, abs=0.07) == covariance / pstdev(values) ** 2  # 12 s later half is left


def test_a_deviation_read_twice_at_one_moment_is_the_same():
    process = OrnsteinUhlenbeck(10.0, 12.0, START_NS, Random(1))
    first = process.at(START_NS + SECOND_NS)
    assert first == process.at(START_NS + SECOND_NS)


# --- arrivals ------------------------------------------------------------------------------------------------------


def test_arrivals_keep_their_rate_and_excite_each_other():
    arrivals = HawkesArrivals(2.0, 1.0, START_NS, Random(5))
    stamps = []
    while arrivals.next_ns < START_NS + 5_000 * SECOND_NS:
        candidate_ns = arrivals.next_ns
        if arrivals.judge(1.0):
            stamps.append(candidate_ns)
        assert arrivals.next_ns > candidate_ns
    assert pytest.approx(2.0, rel=0.1) == len(stamps) / 5_000
    gaps = [(b - a) / SECOND_NS for a, b in pairwise(stamps)]
    assert pstdev(gaps) / mean(gaps) > 1.3  # 1 for a Poisson process


# --- book ----------------------------------------------------------------------------------------------------------


def test_the_touch_stays_while_the_middle_moves_little():
    book = SyntheticBook(5, 10, Random(1))
    book.lay(1_000.0, 8.0, 100.0)
    assert (996, 1_004) == (book.top[0], book.top[2])
    book.lay(1_002.0, 8.0, 100.0)  # a quarter of the spread is 2 ticks
    assert (996, 1_004) == (book.top[0], book.top[2])
    book.lay(1_003.0, 8.0, 100.0)
    assert (999, 1_007) == (book.top[0], book.top[2])


def test_levels_behind_the_touch_stand_on_a_lattice():
    book = SyntheticBook(4, 10, Random(1))
    book.lay(1_000.0, 8.0, 100.0)
    assert [-996, -990, -980, -970] == list(book.bids.sizes)
    assert [1_004, 1_010, 1_020, 1_030] == list(book.asks.sizes)


def test_bids_end_at_one_tick():
    book = SyntheticBook(10, 1, Random(1))
    book.lay(4.0, 2.0, 100.0)
    assert [-3, -2, -1] == list(book.bids.sizes)
    assert 10 == len(book.asks.sizes)


@pytest.mark.parametrize("seed", range(5))
def test_a_book_is_never_crossed_wherever_the_middle_jumps(seed):
    rng = Random(seed)
    book = SyntheticBook(5, 3, Random(seed))
    for _ in range(2_000):
        book.lay(1.0 + rng.random() * 30.0, rng.random() * 40.0, 2.0)
        assert book.bids.best < 0
        assert -book.bids.best < book.asks.best
        side = rng.choice((book.bids, book.asks))
        side.take(rng.randrange(1, 12))
        assert min(side.sizes.values()) >= 1
        assert side.best == min(side.sizes)


def test_taking_walks_the_levels_and_leaves_one_lot():
    book = SyntheticBook(2, 10, Random(1))
    book.lay(1_000.0, 8.0, 100.0)
    touch, behind = book.asks.sizes.values()
    assert [(1_004, touch), (1_010, 3)] == book.asks.take(touch + 3)
    assert {1_010: behind - 3} == book.asks.sizes
    assert [(1_010, behind - 4)] == book.asks.take(1_000_000)
    assert {1_010: 1} == book.asks.sizes
    assert [] == book.asks.take(1)


# --- fair value and profile ----------------------------------------------------------------------------------------


def test_a_venue_sees_the_efficient_price_late_by_its_lag():
    spec = SyntheticSourceSpec(profiles={"BTCUSDT": SyntheticProfile(noise_bps=0.0, lag_ms=500.0)})
    base, quote = path(), path("USD")
    fair = FairValue(SPOT, resolve(SPOT, spec), base, quote, start_ns=START_NS, rng=Random(1))
    reference = grid(path(), 400)
    for step in range(10, 400):
        now_ns = START_NS + step * GRID_NS
        assert reference[step] == fair.index(now_ns)
        assert reference[step - 10] == fair.mid(now_ns)  # 10 steps of 50 ms


def test_a_profile_keeps_the_defaults_that_it_does_not_override():
    spec = SyntheticSourceSpec(
        events_per_second=33.0, profiles={"BTCUSDT": SyntheticProfile(spread_bps=2.5, lag_ms=0.0)}
    )
    profile = resolve(SPOT, spec)
    assert (2.5, 0.0, 33.0) == (profile.spread_bps, profile.lag_ms, profile.events_per_second)
    assert DEFAULTS[InstrumentType.SPOT].noise_bps == profile.noise_bps
    assert DEFAULTS[InstrumentType.SPOT].level_notional == profile.level_notional
