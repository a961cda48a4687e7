from decimal import Decimal as D
from typing import Any

import msgspec
import pytest

from actors.strategies.arbitrage.parameters import ArbitrageParameters
from actors.strategies.arbitrage.route_parameters import CrossPair, CrossVenue, Stablecoin, Triangular, loop
from actors.strategies.arbitrage.strategy import Arbitrage
from actors.strategies.strategy import ParameterError
from messages.instruments import Instrument, InstrumentType
from tests.actors.strategies.arbitrage.world import (
    ALPHA,
    BETA,
    CROSS,
    ETH_BTC,
    ETH_USDT,
    IN_USDC,
    INSTRUMENTS,
    PAIRS,
    PERPETUAL,
    SPOT_PERPETUAL,
    SPOTS,
    STABLE,
    TRIANGLE,
    parameters,
)

INVERSE = Instrument(
    symbol="BTCUSD_PERP", venue="coinm", type=InstrumentType.PERPETUAL, base="BTC", quote="USDT", settle="BTC",
    tick_size=D("0.1"), lot_size=D(1), inverse=True, multiplier=D(100),
)  # fmt: skip
DATED = Instrument(
    symbol="BTCUSDT_250627", venue="perp", type=InstrumentType.FUTURE, base="BTC", quote="USDT", settle="USDT",
    tick_size=D("0.1"), lot_size=D("0.001"), expiry_ns=1,
)  # fmt: skip
KNOWN = {**INSTRUMENTS, INVERSE.id: INVERSE, DATED.id: DATED}


def faults(*routes: Any, **changes: Any) -> list[str]:
    return Arbitrage.check(parameters(*routes, **changes), KNOWN)


@pytest.mark.parametrize("route", [SPOTS, SPOT_PERPETUAL, PAIRS, STABLE, TRIANGLE], ids=lambda route: route.name)
def test_every_sort_of_route_can_be_right(route):
    assert [] == faults(route)


def test_an_impossible_strategy_is_refused_with_every_reason():
    settings = parameters(CrossVenue(name="a", first=ALPHA.id, second=ETH_USDT.id), notional=D(20_000))
    with pytest.raises(ParameterError) as caught:
        Arbitrage("arb", INSTRUMENTS, settings)
    text = str(caught.value)
    assert "strategy arb (arbitrage): " in text
    assert "both legs need the same base currency" in text
    assert "expected at most position_value_max" in text


@pytest.mark.parametrize(
    ("route", "fault"),
    [
        (CrossVenue(name="a", first=ALPHA.id, second=ALPHA.id), "both legs are BTCUSDT.alpha"),
        (
            CrossVenue(name="a", first=ALPHA.id, second=ETH_USDT.id),
            "BTCUSDT.alpha is in BTC and ETHUSDT.alpha in ETH; both legs need the same base currency",
        ),
        (
            CrossVenue(name="a", first=ALPHA.id, second=IN_USDC.id),
            "BTCUSDT.alpha is quoted in USDT and BTCUSDC.beta in USDC; that is a cross-pair route, with an fx market "
            "between them",
        ),
        (
            CrossVenue(name="a", first=ALPHA.id, second=INVERSE.id),
            "BTCUSD_PERP.coinm is inverse: its profit is in BTC, so that equal base amounts lock in no profit",
        ),
        (
            CrossVenue(name="a", first=ALPHA.id, second=DATED.id),
            "BTCUSDT_250627.perp is a dated future, whose basis is carry and no arbitrage; trade it as a hedge",
        ),
        (
            CrossPair(name="a", first=ALPHA.id, second=BETA.id, fx=CROSS.id),
            "both legs are quoted in USDT; that is a cross-venue route",
        ),
        (
            CrossPair(name="a", first=ALPHA.id, second=IN_USDC.id, fx=ETH_USDT.id),
            "fx is ETHUSDT.alpha, which does not exchange USDT and USDC",
        ),
        (
            CrossPair(name="a", first=ALPHA.id, second=IN_USDC.id, fx=PERPETUAL.id),
            "fx is BTCUSDT.perp, a perpetual; an exchange rate needs a spot instrument",
        ),
        (
            Stablecoin(name="a", first=ALPHA.id, second=PERPETUAL.id),
            "BTCUSDT.perp is a perpetual; a stablecoin route needs spot instruments",
        ),
        (
            Stablecoin(name="a", first=CROSS.id, second=CROSS.id),
            "both legs are at beta; a stablecoin route needs two venues",
        ),
        (
            Triangular(name="a", instruments=(PERPETUAL.id, ETH_BTC.id, ETH_USDT.id), start="USDT"),
            "BTCUSDT.perp is a perpetual; a triangle needs spot instruments, which change hands",
        ),
        (
            Triangular(name="a", instruments=(BETA.id, ETH_BTC.id, ETH_USDT.id), start="USDT"),
            "its instruments are at alpha, beta; a triangle needs one venue",
        ),
        (
            Triangular(name="a", instruments=(ALPHA.id, ETH_BTC.id, ETH_USDT.id), start="EUR"),
            "BTC/USDT, ETH/BTC, ETH/USDT do not lead from EUR back to EUR through two other currencies",
        ),
        (
            Triangular(name="a", instruments=(ALPHA.id, ALPHA.id, ETH_USDT.id), start="USDT"),
            "BTC/USDT, BTC/USDT, ETH/USDT do not lead from USDT back to USDT through two other currencies",
        ),
    ],
)  # fmt: skip
def test_an_impossible_route_is_refused_with_the_reason(route, fault):
    assert f"routes: a: {fault}" in faults(route)


def test_a_triangle_leads_through_two_other_currencies_and_back():
    assert ("BTC", "ETH", "USDT") == loop("USDT", (ALPHA, ETH_BTC, ETH_USDT))
    assert ("ETH", "BTC", "USDT") == loop("USDT", (ETH_USDT, ETH_BTC, ALPHA))
    assert loop("USDT", (ALPHA, ALPHA, ALPHA)) is None


def test_instruments_must_exist():
    found = faults(CrossVenue(name="a", first=ALPHA.id, second="X.y"))
    assert 1 == len(found)
    assert found[0].startswith("routes: a names 'X.y', which is no instrument here; there are: BTCUSDC.beta, BTCUSDT")
    assert "there are: none" in Arbitrage.check(parameters(SPOTS), {})[0]


def test_names_of_routes_are_told_apart():
    assert ["routes: there are 2 called 'spots'"] == faults(SPOTS, SPOTS)


@pytest.mark.parametrize(
    ("changes", "fault"),
    [
        ({"notional": D(0)}, "notional is 0, expected more than 0"),
        ({"position_value_max": D("NaN")}, "position_value_max is NaN, expected more than 0"),
        ({"confirm_ms": 5_000}, "confirm_ms is 5000, expected less than quote_age_max_ms, which is 5000"),
        (
            {"slippage_bps_max": 200.0},
            "flatten_slippage_bps is 100.0, expected at least slippage_bps_max (200.0)",
        ),
        (
            {"inventory_skew_bps": 11.0},
            "inventory_skew_bps is 11.0, expected at most min_profit_bps (10.0): a trade that brings inventory back "
            "must not lose",
        ),
        ({"inventory": {CROSS.id: D(1)}}, "inventory names 'USDCUSDT.beta', which no route uses"),
        ({"inventory": {ALPHA.id: D(-1), BETA.id: D(1)}}, "inventory of BTCUSDT.alpha is -1, expected at least 0"),
        ({"notional": D(4)}, "routes: spots: notional is 4, less than one order of BTCUSDT.alpha needs (5)"),
        (
            {"notional": D(10_001)},
            "routes: spots: notional is 10001, expected at most position_value_max (10000)",
        ),
        (
            {"inventory": {}},
            "routes: spots: nothing can be sold: inventory has none of BTCUSDT.alpha or BTCUSDT.beta, and "
            "balance_check is true",
        ),
    ],
)
def test_parameters_that_cannot_work_together_are_named(changes, fault):
    assert fault in faults(SPOTS, **changes)


def test_the_inventory_is_of_spot():
    found = faults(SPOT_PERPETUAL, inventory={ALPHA.id: D(1), PERPETUAL.id: D(1)})
    assert ["inventory names BTCUSDT.perp, a perpetual; only spot has an inventory"] == found


def test_a_route_may_have_its_own_size_and_threshold():
    route = msgspec.structs.replace(SPOTS, notional=D(0), min_profit_bps=5.0)
    assert "routes: spots: notional is 0, expected more than 0" in faults(route)
    own = parameters(msgspec.structs.replace(SPOTS, notional=D(700), min_profit_bps=5.0))
    assert (D(700), 5.0) == (own.notional_of(own.routes[0]), own.min_profit_bps_of(own.routes[0]))
    assert [] == faults(SPOTS, min_profit_bps=-5.0, inventory_skew_bps=50.0)


def test_a_negative_threshold_is_a_loss_on_purpose_and_needs_no_inventory_when_nothing_is_checked():
    one_way = msgspec.structs.replace(SPOT_PERPETUAL, directions="sell-first")
    assert [] == faults(one_way, inventory={}, balance_check=False)
    assert 1 == len(faults(one_way, inventory={}))
    assert [] == faults(msgspec.structs.replace(SPOT_PERPETUAL, directions="buy-first"), inventory={})


def test_routes_are_decoded_by_their_type():
    text = """{"notional": "100", "routes": [
        {"type": "cross-venue", "name": "a", "first": "A.x", "second": "A.y", "transfer_cost_bps": 2},
        {"type": "cross-pair", "name": "b", "first": "A.x", "second": "A.z", "fx": "F.x", "is_pegged": true},
        {"type": "stablecoin", "name": "c", "first": "U.x", "second": "U.y"},
        {"type": "triangular", "name": "d", "instruments": ["A.x", "B.x", "C.x"], "start": "USDT"}]}"""
    found = msgspec.json.decode(text, type=ArbitrageParameters)
    assert [CrossVenue, CrossPair, Stablecoin, Triangular] == [type(route) for route in found.routes]
    assert ("A.x", "A.y", "A.z", "F.x", "U.x", "U.y", "B.x", "C.x") == Arbitrage.instrument_ids(found)


@pytest.mark.parametrize(
    "wrong",
    [
        '{"notional": "1", "routes": []}',
        '{"notional": "1", "routes": [{"type": "none", "name": "a"}]}',
        '{"notional": "1", "routes": [{"type": "stablecoin", "name": "c", "first": "U.x", "second": "U.y", "fx": ""}]}',
        '{"notional": "1", "mode": "twice", "routes": [{"type": "stablecoin", "name":"c", "first":"a", "second":"b"}]}',
    ],
)
def test_what_the_types_exclude_is_not_decoded(wrong):
    with pytest.raises(msgspec.ValidationError):
        msgspec.json.decode(wrong, type=ArbitrageParameters)
