"""Parameters: ranges, combinations, and readable mistakes."""

from decimal import Decimal as D

import msgspec
import pytest

from actors.strategies.pair.parameters import TwoLegParameters
from actors.strategies.spot_futures.parameters import NS_PER_HOUR, SpotFuturesParameters, deadline_ns, pair_parameters
from actors.strategies.spot_futures.strategy import SpotFutures
from actors.strategies.strategy import ParameterError
from messages.instruments import InstrumentType
from messages.topics import Channel
from tests.actors.strategies.trading_world import (
    INVERSE,
    INVERSE_ID,
    PERPETUAL,
    PERPETUAL_ID,
    SPOT,
    SPOT_ID,
    parameters,
)

FUTURE = msgspec.structs.replace(
    PERPETUAL,
    symbol="BTCUSDT_241227",
    type=InstrumentType.FUTURE,
    funding_interval_hours=0,
    expiry_ns=10_000 * NS_PER_HOUR,
)
ALL = {instrument.id: instrument for instrument in (SPOT, PERPETUAL, INVERSE, FUTURE)}


def decode(**changes) -> SpotFuturesParameters:
    settings = {"spot": SPOT_ID, "futures": PERPETUAL_ID, "notional": "10000", **changes}
    return msgspec.convert(settings, SpotFuturesParameters)


def test_a_config_gives_strings_for_decimals_and_numbers_for_floats():
    decoded = decode(hedge_ratio="0.98", min_edge_bps=-100, loss_budget=0.02)
    assert (D(10_000), D("0.98"), -100.0, 0.02) == (
        decoded.notional, decoded.hedge_ratio, decoded.min_edge_bps, decoded.loss_budget,
    )  # fmt: skip
    assert [] == SpotFutures.check(decoded, ALL)


@pytest.mark.parametrize(
    "change",
    [
        {"delta_band": 0.0},
        {"stop_loss": 2.0},
        {"leg_timeout_ms": 0},
        {"repair_attempts_max": 0},
        {"execution": "both"},
        {"first_leg": "near"},
        {"leverage": 0.0},
        {"notional": "many"},
        {"min_edge": 2.0},
    ],
)
def test_values_out_of_range_and_unknown_names_do_not_decode(change):
    with pytest.raises(msgspec.ValidationError):
        decode(**change)


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"notional": D(0)}, "notional is 0, expected more than 0"),
        ({"notional": D(-5)}, "notional is -5, expected more than 0"),
        ({"notional": D("NaN")}, "notional is NaN, expected more than 0"),
        ({"hedge_ratio": D(0)}, "hedge_ratio is 0, expected more than 0 and at most 10"),
        ({"hedge_ratio": D("10.1")}, "hedge_ratio is 10.1, expected more than 0 and at most 10"),
        ({"hedge_ratio": D("NaN")}, "hedge_ratio is NaN, expected more than 0 and at most 10"),
        ({"confirm_ms": 5_000}, "confirm_ms is 5000, expected less than quote_age_max_ms"),
        ({"flatten_slippage_bps": 1.0}, "slippage_bps_max is 5.0, expected at most flatten_slippage_bps, which is 1.0"),
        ({"spot": "BTC.nowhere"}, "spot is 'BTC.nowhere', which is no instrument here"),
        ({"spot": PERPETUAL_ID}, "spot is BTCUSDT.usdm, a perpetual; the leg that is bought must be a spot"),
        ({"futures": SPOT_ID}, "futures is BTCUSDT.spot, a spot instrument; expected a perpetual"),
        ({"notional": D(50)}, "notional is 50, less than one order of BTCUSDT.usdm needs (100)"),
        ({"futures": FUTURE.id, "min_funding_apr": 0.1}, "min_funding_apr needs a perpetual"),
    ],
)
def test_mistakes_in_combination_are_one_sentence_each(changes, sentence):
    assert any(sentence in fault for fault in SpotFutures.check(parameters(**changes), ALL))


def test_an_inverse_pair_needs_the_notional_of_one_contract():
    faults = SpotFutures.check(parameters(futures=INVERSE_ID, notional=D(60)), ALL)
    assert ["notional is 60, less than one order of BTCUSD_PERP.coinm needs (100)"] == faults


def test_legs_of_different_assets_or_quotes_are_no_hedge():
    other = {
        SPOT_ID: SPOT,
        PERPETUAL_ID: msgspec.structs.replace(PERPETUAL, base="ETH", quote="USDC"),
    }
    faults = SpotFutures.check(parameters(), other)
    assert ["spot is in BTC and futures in ETH", "spot is quoted in USDT and futures in USDC"] == [
        fault.split(";")[0] for fault in faults
    ]


def test_a_dated_future_without_expiry_is_a_mistake():
    dated = {SPOT_ID: SPOT, FUTURE.id: msgspec.structs.replace(FUTURE, expiry_ns=0)}
    assert any(
        "a dated future without an expiry" in fault for fault in SpotFutures.check(parameters(futures=FUTURE.id), dated)
    )


def test_no_instruments_at_all_are_said_to_be_none():
    assert all("there are: none" in fault for fault in SpotFutures.check(parameters(), {}))


def test_a_strategy_that_cannot_work_is_not_made_and_says_everything_at_once():
    with pytest.raises(ParameterError) as caught:
        SpotFutures("carry-btc", ALL, parameters(spot=PERPETUAL_ID, notional=D(0)))
    text = str(caught.value)
    assert text.startswith("strategy carry-btc (spot-futures): ")
    assert "notional is 0" in text
    assert "spot is BTCUSDT.usdm" in text


def test_it_wants_quotes_depth_and_gaps_of_both_and_the_mark_of_the_futures():
    subscriptions = SpotFutures("carry", ALL, parameters()).subscriptions()
    assert (Channel.MARK, PERPETUAL_ID) in subscriptions
    assert 7 == len(set(subscriptions))
    assert (SPOT_ID, PERPETUAL_ID) == SpotFutures.instrument_ids(parameters())


def test_the_hedge_ratio_is_turned_round_where_the_futures_go_first():
    assert D("0.5") == pair_parameters(parameters(hedge_ratio=D(2), first_leg="futures")).hedge_ratio
    assert D(2) == pair_parameters(parameters(hedge_ratio=D(2))).hedge_ratio


def test_the_loss_budget_is_a_share_of_notional():
    assert 100.0 == pair_parameters(parameters()).loss_budget  # 1 % of 10,000


def test_a_dated_future_must_be_left_before_its_expiry():
    settings = parameters(futures=FUTURE.id, holding_hours_max=48.0, expiry_guard_hours=24.0)
    assert 9_976 * NS_PER_HOUR == deadline_ns(settings, FUTURE, 9_950 * NS_PER_HOUR)
    assert 9_048 * NS_PER_HOUR == deadline_ns(settings, FUTURE, 9_000 * NS_PER_HOUR)


def test_every_parameter_is_documented_with_its_unit():
    documented = f"{TwoLegParameters.__doc__}{SpotFuturesParameters.__doc__}"
    assert all(f":param {name}:" in documented for name in SpotFuturesParameters.__struct_fields__)
