"""The statistics of the synthetic market, on fixed seeds: cointegration, basis, clusters, regimes, funding."""

from decimal import Decimal
from itertools import pairwise
from math import log
from statistics import mean, pstdev, pvariance

import pytest

from gateways.exchange.sources.efficient_price import EfficientPrice, Regime
from gateways.exchange.sources.synthetic import SyntheticSource
from gateways.exchange.spec import AssetSpec, SyntheticProfile, SyntheticSourceSpec
from messages.instruments import Instrument, InstrumentType
from messages.market import MarkPrice, Quote, Trade

START_NS = 1_700_000_000_000_000_000
SECOND_NS = 1_000_000_000
MINUTE_NS = 60 * SECOND_NS
HOUR_NS = 60 * MINUTE_NS
DAY_NS = 24 * HOUR_NS


def instrument(venue: str, symbol: str, kind: InstrumentType = InstrumentType.SPOT, **rules) -> Instrument:
    values = {
        "base": "BTC", "quote": "USDT", "settle": "USDT",
        "tick_size": Decimal("0.1"), "lot_size": Decimal("0.00001"),
    } | rules  # fmt: skip
    return Instrument(symbol=symbol, venue=venue, type=kind, **values)


def perpetual(**rules) -> Instrument:
    return instrument("north", "BTCPERP", InstrumentType.PERPETUAL, **{"funding_interval_hours": 8, **rules})


def until(seconds: float, each: Instrument, start_ns: int = START_NS, **spec) -> list:
    events = []
    for event in SyntheticSource(each.venue, (each,), SyntheticSourceSpec(**spec), start_ns).events():
        if event.ts_received > start_ns + seconds * SECOND_NS:
            break
        events.append(event)
    return events


def mids(events: list, seconds: int) -> list[float]:
    """The middle of the quote that stood at each whole second."""
    quotes = (event for event in events if type(event) is Quote)
    last, following, sampled = next(quotes), next(quotes), []
    for second in range(seconds):
        while following.ts_received <= START_NS + second * SECOND_NS:
            last, following = following, next(quotes)
        sampled.append((last.bid + last.ask) / 2.0)
    return sampled


def marks(events: list) -> list[MarkPrice]:
    return [event for event in events if type(event) is MarkPrice]


# --- prices across venues ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("seed", (1, 2, 3))
def test_two_venues_of_one_asset_stay_together_while_the_price_wanders(seed):
    north = mids(until(601, instrument("north", "BTCUSDT"), seed=seed), 600)
    south = mids(until(601, instrument("south", "XBTUSDT"), seed=seed), 600)
    spread_bps = [(a / b - 1.0) * 1e4 for a, b in zip(north, south, strict=True)]
    price_bps = [log(a / north[0]) * 1e4 for a in north]
    crossings = sum(a * b < 0.0 for a, b in pairwise(spread_bps))
    # Noise of 1.5 bps on each side: the spread deviates by 1.5·√2 = 2.1 bps, and forgets within seconds.
    assert 1.5 < pstdev(spread_bps) < 3.0
    assert max(map(abs, spread_bps)) < 12.0
    assert crossings > 60
    assert max(price_bps) - min(price_bps) > 20.0


def test_two_venues_of_different_seeds_part():
    north = mids(until(601, instrument("north", "BTCUSDT"), seed=1), 600)
    south = mids(until(601, instrument("south", "BTCUSDT"), seed=2), 600)
    assert max(abs(a / b - 1.0) * 1e4 for a, b in zip(north, south, strict=True)) > 20.0


def test_marks_of_two_venues_have_the_same_index_to_the_last_digit():
    north = marks(until(60, instrument("north", "A", InstrumentType.PERPETUAL)))
    south = marks(until(60, instrument("south", "B", InstrumentType.FUTURE, expiry_ns=START_NS + DAY_NS)))
    assert 61 == len(north)
    assert [(event.ts_event, event.index) for event in north] == [(event.ts_event, event.index) for event in south]


def test_a_stablecoin_quote_is_priced_by_the_stablecoin():
    in_usdt = marks(until(300, perpetual()))
    in_usdc = marks(until(300, perpetual(quote="USDC")))
    ratios_bps = [(a.index / b.index - 1.0) * 1e4 for a, b in zip(in_usdt, in_usdc, strict=True)]
    assert 0.3 < pstdev(ratios_bps) < 5.0
    assert max(map(abs, ratios_bps)) < 20.0


# --- basis ---------------------------------------------------------------------------------------------------------


def test_the_default_basis_of_a_perpetual_is_rich_and_cheap_within_two_minutes_for_most_seeds():
    visited = 0
    for seed in range(1, 21):
        premiums = [(event.mark / event.index - 1.0) * 1e4 for event in marks(until(120, perpetual(), seed=seed))]
        visited += max(premiums) > 8.0 and min(premiums) < 2.0
    assert visited >= 18


def test_the_books_of_spot_and_perpetual_offer_a_round_trip_beyond_four_fees_within_a_minute_on_average():
    spot = mids(until(601, instrument("north", "BTCUSDT"), seed=4), 600)
    derivative = mids(until(601, perpetual(), seed=4), 600)
    basis_bps = [(b / a - 1.0) * 1e4 for a, b in zip(spot, derivative, strict=True)]
    is_held, trips = False, 0
    for value in basis_bps:
        # In at 11, out at 1: 10 bps gross, less half of each spread twice (2 × 0.9) and four fees (4): 4.2 bps net.
        if not is_held and value > 11.0:
            is_held = True
        elif is_held and value < 1.0:
            is_held, trips = False, trips + 1
    assert trips >= 10


def test_a_dated_future_carries_its_time_to_expiry():
    quarter = instrument("north", "Q", InstrumentType.FUTURE, expiry_ns=START_NS + 90 * DAY_NS)
    week = instrument("north", "W", InstrumentType.FUTURE, expiry_ns=START_NS + 7 * DAY_NS)
    premiums = {
        each.symbol: mean((event.mark / event.index - 1.0) * 1e4 for event in marks(until(900, each)))
        for each in (quarter, week)
    }
    # 600 bps a year × 90/365 = 147.9 bps; × 7/365 = 11.5 bps; the mean of 900 s of deviations errs by about 2 bps.
    assert pytest.approx(147.9, abs=6.0) == premiums["Q"]
    assert pytest.approx(11.5, abs=6.0) == premiums["W"]


def test_a_dated_future_without_deviation_meets_its_index_at_expiry():
    future = instrument("north", "Q", InstrumentType.FUTURE, expiry_ns=START_NS + 30 * SECOND_NS)
    profile = SyntheticProfile(basis_volatility_bps=0.0, carry_bps_annual=5_000.0)
    after = [event for event in marks(until(60, future, profiles={"Q": profile})) if event.ts_event > future.expiry_ns]
    assert 30 == len(after)
    assert [event.index for event in after] == [event.mark for event in after]


def test_spot_has_no_marks():
    assert [] == marks(until(10, instrument("north", "BTCUSDT")))


# --- order flow ----------------------------------------------------------------------------------------------------


def trade_counts(seed: int, window_s: int = 5) -> list[int]:
    counts = [0] * (1_200 // window_s)
    stamps = {
        event.ts_event for event in until(1_200, instrument("north", "BTCUSDT"), seed=seed) if type(event) is Trade
    }
    for stamp in stamps:  # one taker may print at several levels: counted once
        counts[min((stamp - START_NS) // (window_s * SECOND_NS), len(counts) - 1)] += 1
    return counts


def test_trades_come_in_clusters():
    counts = trade_counts(seed=1)
    # The index of dispersion of a Poisson process is 1; of 240 windows of one it exceeds 1.3 once in a thousand times.
    assert pvariance(counts) / mean(counts) > 2.0
    assert pytest.approx(1.5 * 5, rel=0.2) == mean(counts)


def test_takers_tend_to_stay_on_their_side():
    trades = [event for event in until(900, instrument("north", "BTCUSDT")) if type(event) is Trade]
    takers = list({event.ts_event: event.aggressor for event in trades}.values())
    same = sum(a is b for a, b in pairwise(takers)) / (len(takers) - 1)
    assert pytest.approx(0.65, abs=0.05) == same
    assert pytest.approx(0.5, abs=0.1) == sum(side.sign > 0 for side in takers) / len(takers)


def test_the_active_regime_has_more_trades_than_the_calm_one():
    path = EfficientPrice("BTC", AssetSpec(), 1, START_NS)
    regimes = [path.regime(START_NS + second * SECOND_NS) for second in range(1_200)]
    counts = trade_counts(seed=1, window_s=1)
    rates = {
        regime: mean(count for count, seen in zip(counts, regimes, strict=True) if seen is regime) for regime in Regime
    }
    assert rates[Regime.ACTIVE] > 1.5 * rates[Regime.CALM]


# --- funding -------------------------------------------------------------------------------------------------------


def test_marks_come_once_a_second_on_the_second():
    events = marks(until(30.5, perpetual(), start_ns=START_NS + 1))
    expected = [START_NS + 1, *range(START_NS + SECOND_NS, START_NS + 31 * SECOND_NS, SECOND_NS)]
    assert expected == [event.ts_event for event in events]


@pytest.mark.parametrize(
    ("hours", "minutes", "interval_ns"),
    [(8, 0, 8 * HOUR_NS), (1, 0, HOUR_NS), (8, 1, MINUTE_NS), (0, 5, 5 * MINUTE_NS)],
)
def test_funding_stamps_lie_on_the_grid_of_the_interval(hours, minutes, interval_ns):
    events = marks(until(130, perpetual(funding_interval_hours=hours), funding_interval_minutes=minutes))
    for event in events:
        assert 0 == event.next_funding_ns % interval_ns
        assert 0 < event.next_funding_ns - event.ts_event <= interval_ns


def test_the_funding_rate_is_the_mean_premium_of_the_interval():
    minute_ns = START_NS // MINUTE_NS * MINUTE_NS
    events = marks(until(140, perpetual(), start_ns=minute_ns, funding_interval_minutes=1))
    second = [event for event in events if event.next_funding_ns == minute_ns + 2 * MINUTE_NS]
    assert 60 == len(second)
    premium = mean(event.mark / event.index - 1.0 for event in second)
    assert pytest.approx(premium, abs=1e-6) == second[-1].funding_rate  # marks are rounded to their tick


@pytest.mark.parametrize(("basis_bps", "rate"), [(20.0, 0.002), (-20.0, -0.002), (90.0, 0.003), (-90.0, -0.003)])
def test_the_sign_of_the_funding_rate_is_that_of_the_premium_within_its_cap(basis_bps, rate):
    profile = SyntheticProfile(basis_bps=basis_bps, basis_volatility_bps=0.0)
    last = marks(until(60, perpetual(), profiles={"BTCPERP": profile}))[-1]
    assert pytest.approx(rate, rel=1e-3) == last.funding_rate


@pytest.mark.parametrize(
    "each",
    [perpetual(funding_interval_hours=0), instrument("north", "Q", InstrumentType.FUTURE, funding_interval_hours=8)],
    ids=["perpetual without an interval", "dated future"],
)
def test_where_no_funding_is_paid_rate_and_stamp_are_zero(each):
    assert {(0.0, 0)} == {(event.funding_rate, event.next_funding_ns) for event in marks(until(10, each))}
