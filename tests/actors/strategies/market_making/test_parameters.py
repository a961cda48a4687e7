"""Parameters of market making: their ranges, and the mistakes that only show in combination."""

from decimal import Decimal as D

import msgspec
import pytest

from actors.strategies.market_making.parameters import MarketMakingParameters, faults_of, widest_floor_bps
from actors.strategies.market_making.strategy import MarketMaking
from actors.strategies.strategy import ParameterError
from tests.actors.strategies.market_making.world import LEAD_ID, PERPETUAL, SPOT, maker_parameters
from tests.actors.strategies.trading_world import INVERSE

INSTRUMENTS = {instrument.id: instrument for instrument in (PERPETUAL, SPOT, INVERSE)}


def faults(instrument=PERPETUAL, **changes):
    return faults_of(maker_parameters(instrument, **changes), INSTRUMENTS)


@pytest.mark.parametrize("instrument", [PERPETUAL, SPOT, INVERSE])
def test_the_defaults_make_a_market_maker_of_any_instrument(instrument):
    assert [] == faults(instrument)


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"order_size": D(0)}, "order_size is 0, expected more than 0"),
        ({"inventory_max": D("NaN")}, "inventory_max is NaN, expected more than 0"),
        ({"inventory_target": D("Infinity")}, "inventory_target is Infinity, expected a number"),
        ({"opening_inventory": D(-1)}, "opening_inventory is -1, expected 0 or more"),
        ({"inventory_max": D("0.05")}, "inventory_max is 0.05, expected at least order_size, which is 0.1"),
        ({"inventory_target": D(1)}, "inventory_target is 1, expected within ± inventory_max, which is 0.4"),
        (
            {"target_spread_bps": 4.0},
            "target_spread_bps is 4, expected between min_spread_bps (5) and max_spread_bps (50)",
        ),
        ({"min_spread_bps": 60.0}, "min_spread_bps is 60, expected at most max_spread_bps, which is 50"),
        ({"refresh_tolerance_bps": 6.0}, "refresh_tolerance_bps is 6, expected at most half of target_spread_bps (5)"),
        ({"price_floor": 2.0, "price_ceiling": 1.0}, "price_floor is 2, expected less than price_ceiling, which is 1"),
        (
            {"hanging_orders": True, "hanging_distance_bps": 25.0},
            "hanging_distance_bps is 25, expected more than half of max_spread_bps (25)",
        ),
        ({"lead_instrument": "X.y"}, "lead_instrument is 'X.y', which is no instrument here"),
        ({"lead_instrument": PERPETUAL.id}, "lead_instrument is BTCUSDT.usdm, the instrument itself"),
        ({"order_size": D("0.1005")}, "order_size is 0.1005, expected a multiple of the lot of BTCUSDT.usdm (0.001)"),
        (
            {"order_size": D("0.002"), "levels": 6},
            "levels is 6, of which the last would have 0.000 BTCUSDT.usdm; the venue's least is 0.001",
        ),
        ({"opening_inventory": D(1)}, "opening_inventory is 1, but BTCUSDT.usdm is a perpetual"),
        (
            {"levels": 20, "level_size_decay": 1.0},
            "levels is 20, of which the last could be 55421 bps away, expected less than 9950",
        ),
    ],
)
def test_what_cannot_work_is_said_in_words(changes, expected):
    found = faults(**changes)
    assert any(fault.startswith(expected) for fault in found), found


def test_spot_cannot_be_sold_beyond_what_was_held_at_the_opening():
    assert [] == faults(SPOT, opening_inventory=D("0.2"), inventory_target=D("-0.2"))
    (fault,) = faults(SPOT, opening_inventory=D("0.1"), inventory_target=D("-0.2"))
    assert "inventory_target is -0.2; on spot no more than opening_inventory (0.1) can be sold" == fault


def test_an_order_may_not_be_larger_than_the_venue_takes():
    small = msgspec.structs.replace(PERPETUAL, max_quantity=D("0.05"))
    (fault,) = faults_of(maker_parameters(), {small.id: small})
    assert "order_size is 0.1, expected at most 0.05, the most BTCUSDT.usdm takes" == fault


def test_an_unknown_instrument_is_told_which_there_are():
    (fault,) = faults_of(msgspec.structs.replace(maker_parameters(), instrument="X.y"), INSTRUMENTS)
    there_are = "BTCUSDT.spot, BTCUSDT.usdm, BTCUSD_PERP.coinm"
    assert f"instrument is 'X.y', which is no instrument here; there are: {there_are}" == fault


def test_without_instruments_the_fault_says_that_there_are_none():
    (fault,) = faults_of(maker_parameters(), {})
    assert fault.endswith("there are: none")


def test_a_strategy_is_not_made_of_faulty_parameters():
    with pytest.raises(ParameterError, match=r"strategy maker \(market-making\): order_size is 0"):
        MarketMaking("maker", INSTRUMENTS, maker_parameters(order_size=D(0)))


@pytest.mark.parametrize(
    ("name", "value"),
    [("levels", 0), ("levels", 21), ("level_size_decay", 1.1), ("inventory_range", 0), ("model", "magic"), ("nam", 1)],
)
def test_a_single_value_out_of_range_is_refused_while_decoding(name, value):
    given = {"instrument": PERPETUAL.id, "order_size": "1", "inventory_max": "2", name: value}
    with pytest.raises(msgspec.ValidationError):
        msgspec.convert(given, MarketMakingParameters, strict=False)


def test_the_widest_cost_floor_has_the_fee_but_no_rebate():
    # 1 + 5 + 0.5
    assert 6.5 == widest_floor_bps(maker_parameters(), PERPETUAL)
    rebate = msgspec.structs.replace(PERPETUAL, maker_fee_bps=D(-1))
    assert 5.5 == widest_floor_bps(maker_parameters(), rebate)


def test_it_hears_its_instrument_and_the_quotes_of_the_lead():
    maker = MarketMaking("maker", INSTRUMENTS, maker_parameters(lead_instrument=LEAD_ID))
    heard = [f"{channel.value} {name}" for channel, name in maker.subscriptions()]
    assert [
        "quote BTCUSDT.usdm", "trade BTCUSDT.usdm", "depth BTCUSDT.usdm", "gap BTCUSDT.usdm",
        "quote BTCUSDT.spot", "gap BTCUSDT.spot",
    ] == heard  # fmt: skip
    assert (PERPETUAL.id, LEAD_ID) == maker.instrument_ids(maker.parameters)
    alone = MarketMaking("maker", INSTRUMENTS, maker_parameters())
    assert 4 == len(alone.subscriptions())


@pytest.mark.parametrize(("instrument", "currency"), [(PERPETUAL, "USDT"), (SPOT, "USDT"), (INVERSE, "BTC")])
def test_its_profit_is_in_the_currency_that_the_instrument_settles_in(instrument, currency):
    maker = MarketMaking("maker", INSTRUMENTS, maker_parameters(instrument))
    assert currency == maker.reporting_currency
