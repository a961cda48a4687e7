"""Parameters of a pair of futures: ranges, combinations, and readable mistakes."""

from decimal import Decimal as D

import msgspec
import pytest

from actors.strategies.futures_futures.parameters import (
    FuturesFuturesParameters,
    guard_starts_ns,
    pair_parameters,
    reversion_half_lives,
    settlement_starts_ns,
    spread_terms,
    statistics_terms,
)
from actors.strategies.futures_futures.spread_signal import NEVER
from actors.strategies.futures_futures.strategy import FuturesFutures
from actors.strategies.pair.parameters import TwoLegParameters
from actors.strategies.registry import KINDS
from actors.strategies.strategy import ParameterError
from messages.topics import Channel
from tests.actors.strategies.futures_futures.world import (
    HOUR_NS,
    INVERSE_QUARTER,
    NEXT_QUARTER,
    OTHER,
    QUARTER,
    spread_parameters,
)
from tests.actors.strategies.trading_world import INVERSE, MS, PERPETUAL, SPOT

ALL = {
    instrument.id: instrument
    for instrument in (SPOT, PERPETUAL, OTHER, QUARTER, NEXT_QUARTER, INVERSE, INVERSE_QUARTER)
}


def decode(**changes) -> FuturesFuturesParameters:
    settings = {"near": PERPETUAL.id, "far": OTHER.id, "notional": "10000", **changes}
    return msgspec.convert(settings, FuturesFuturesParameters)


def faults(instruments=None, **changes) -> list[str]:
    return FuturesFutures.check(spread_parameters(**changes), ALL if instruments is None else instruments)


def test_the_defaults_are_those_of_the_specification():
    settings = decode()
    assert [] == FuturesFutures.check(settings, ALL)
    assert (2.0, 0.5, 4.0, 20.0, 50.0, 30.0, 48.0, 5.0, 3.0) == (
        settings.z_enter, settings.z_exit, settings.z_stop, settings.min_spread_bps, settings.max_loss_bps,
        settings.profit_target_bps, settings.holding_hours_max, settings.slippage_bps_max, settings.half_lives_max,
    )  # fmt: skip


def test_its_kind_is_in_the_registry():
    assert FuturesFutures is KINDS["futures-futures"]


@pytest.mark.parametrize(
    "change",
    [
        {"z_enter": -1.0},
        {"lookback": 5},
        {"statistics": "median"},
        {"rule": "both"},
        {"first_leg": "spot"},
        {"sample_interval_ms": 0},
        {"min_spread_bps": 0.0},
        {"max_loss_bps": -1.0},
        {"expiry_guard_hours": 0.5},
        {"notional": "many"},
        {"z": 2.0},
    ],
)
def test_values_out_of_range_and_unknown_names_do_not_decode(change):
    with pytest.raises(msgspec.ValidationError):
        decode(**change)


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"notional": D(0)}, "notional is 0, expected more than 0"),
        ({"notional": D("NaN")}, "notional is NaN, expected more than 0"),
        ({"hedge_ratio": D(-1)}, "hedge_ratio is -1, expected more than 0 and at most 10"),
        ({"hedge_ratio": D(1000)}, "hedge_ratio is 1000, expected more than 0 and at most 10"),
        ({"z_exit": 2.0}, "z_exit is 2.0, expected less than z_enter, which is 2.0"),
        ({"z_enter": 4.5}, "z_enter is 4.5, expected less than z_stop, which is 4.0"),
        ({"samples_min": 51}, "samples_min is 51, expected at most lookback, which is 50"),
        ({"sample_ms": 6_000}, "sample_ms is 6000, expected at most quote_age_max_ms, which is 5000"),
        ({"confirm_ms": 5_000}, "confirm_ms is 5000, expected less than quote_age_max_ms, which is 5000"),
        ({"flatten_slippage_bps": 1.0}, "slippage_bps_max is 5.0, expected at most flatten_slippage_bps, which is 1.0"),
        (
            {"expiry_guard_hours": 1.0, "settlement_minutes": 60.0},
            "settlement_minutes is 60.0, expected less than expiry_guard_hours, which is 60 minutes",
        ),
        ({"near": "BTC.nowhere"}, "near is 'BTC.nowhere', which is no instrument here; there are: "),
        ({"near": SPOT.id}, "near is BTCUSDT.spot, a spot instrument; expected a perpetual or a dated future"),
        ({"far": SPOT.id}, "far is BTCUSDT.spot, a spot instrument; expected a perpetual or a dated future"),
        ({"far": PERPETUAL.id}, "far is BTCUSDT.usdm, which is the near leg too; expected another contract"),
        ({"near": QUARTER.id}, "far is BTCUSDT.other, which does not expire, but near is dated"),
        (
            {"near": NEXT_QUARTER.id, "far": QUARTER.id},
            "near is BTCUSDT_240329.usdm, which expires after BTCUSDT_231229.usdm; expected the contract that expires",
        ),
        ({"notional": D(50)}, "notional is 50, less than one order of BTCUSDT.usdm needs (100)"),
        (
            {"far": INVERSE.id, "notional": D(99)},
            "notional is 99, less than one order of BTCUSD_PERP.coinm",
        ),
    ],
)
def test_mistakes_in_combination_are_one_sentence_each(changes, sentence):
    assert [sentence] == [fault[: len(sentence)] for fault in faults(**changes) if fault.startswith(sentence)]


def test_legs_of_different_assets_or_quotes_are_no_spread():
    other = {PERPETUAL.id: PERPETUAL, OTHER.id: msgspec.structs.replace(OTHER, base="ETH", quote="USDC")}
    assert ["far is in ETH and near in BTC", "far is quoted in USDC and near in USDT"] == [
        fault.split(";")[0] for fault in faults(other)
    ]


def test_a_linear_and_an_inverse_contract_may_be_quoted_differently():
    assert [] == faults(far=INVERSE_QUARTER.id)
    assert [] == faults(near=INVERSE.id, far=INVERSE_QUARTER.id)


def test_a_dated_future_without_expiry_is_a_mistake():
    dated = {**ALL, QUARTER.id: msgspec.structs.replace(QUARTER, expiry_ns=0)}
    assert ["far is BTCUSDT_231229.usdm, a dated future without an expiry"] == faults(dated, far=QUARTER.id)


def test_no_instruments_at_all_are_said_to_be_none():
    assert [True, True] == ["there are: none" in fault for fault in faults({})]


def test_a_strategy_that_cannot_work_is_not_made_and_says_everything_at_once():
    with pytest.raises(ParameterError) as caught:
        FuturesFutures("calendar", ALL, spread_parameters(near=SPOT.id, notional=D(0)))
    text = str(caught.value)
    assert text.startswith("strategy calendar (futures-futures): ")
    assert "notional is 0" in text
    assert "near is BTCUSDT.spot" in text


def test_it_wants_quotes_depth_and_gaps_of_both_and_the_marks_of_perpetuals():
    subscriptions = FuturesFutures("basis", ALL, spread_parameters(far=QUARTER.id)).subscriptions()
    assert [PERPETUAL.id] == [name for channel, name in subscriptions if channel is Channel.MARK]
    assert 7 == len(set(subscriptions))
    assert (PERPETUAL.id, QUARTER.id) == FuturesFutures.instrument_ids(spread_parameters(far=QUARTER.id))


def test_the_hedge_ratio_is_turned_round_where_the_far_leg_goes_first():
    assert D("0.5") == pair_parameters(spread_parameters(hedge_ratio=D(2), first_leg="far")).hedge_ratio
    assert D(2) == pair_parameters(spread_parameters(hedge_ratio=D(2), first_leg="near")).hedge_ratio


def test_the_loss_budget_is_a_share_of_notional_and_the_pair_goes_both_ways():
    terms = pair_parameters(spread_parameters())
    assert (100.0, True) == (terms.loss_budget, terms.is_two_way)


def test_the_guard_and_the_settlement_window_begin_before_the_first_expiry():
    settings = spread_parameters(expiry_guard_hours=24.0, settlement_minutes=30.0)
    for near in (PERPETUAL, QUARTER):
        far = QUARTER if near is PERPETUAL else NEXT_QUARTER
        assert QUARTER.expiry_ns - 24 * HOUR_NS == guard_starts_ns(settings, near, far)
        assert QUARTER.expiry_ns - HOUR_NS // 2 == settlement_starts_ns(settings, near, far)
    assert (NEVER, NEVER) == (
        guard_starts_ns(settings, PERPETUAL, OTHER), settlement_starts_ns(settings, PERPETUAL, OTHER),
    )  # fmt: skip


def test_a_deviation_takes_as_many_half_lives_as_it_must_halve():
    # From 2 to 0.5: halved twice; from 4 to 0.5 three times; to 0 for ever
    assert 2.0 == reversion_half_lives(2.0, 0.5, 5.0)
    assert 3.0 == reversion_half_lives(4.0, 0.5, 5.0)
    assert (1.0, 5.0) == (reversion_half_lives(2.0, 0.5, 1.0), reversion_half_lives(2.0, 0.0, 5.0))


def test_an_expected_holding_is_no_longer_than_the_longest_one():
    assert 36 * 10**9 == spread_terms(spread_parameters(holding_hours_max=0.01)).holding_ns_max


def test_a_hole_between_samples_is_longer_than_a_quote_may_be_old():
    assert 6_000 * MS == statistics_terms(spread_parameters()).hole_ns


def test_every_parameter_is_documented_with_its_unit():
    documented = f"{TwoLegParameters.__doc__}{FuturesFuturesParameters.__doc__}"
    assert all(f":param {name}:" in documented for name in FuturesFuturesParameters.__struct_fields__)
