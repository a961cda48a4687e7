import json
from decimal import Decimal

import pytest

from gateways.bybit.bodies import MalformedBody
from gateways.bybit.directory import Category
from gateways.bybit.instruments import ListingStatus, instrument_page
from gateways.bybit.market_answers import Refused
from messages.instruments import Instrument, InstrumentType
from tests.gateways.bybit.public_frames import fixture_body

CONTRACT = {
    "symbol": "BTCUSDT",
    "contractType": "LinearPerpetual",
    "status": "Trading",
    "baseCoin": "BTC",
    "quoteCoin": "USDT",
    "deliveryTime": "0",
    "priceFilter": {"minPrice": "0.10", "maxPrice": "1999999.80", "tickSize": "0.10"},
    "lotSizeFilter": {
        "maxOrderQty": "1190.000",
        "minOrderQty": "0.001",
        "qtyStep": "0.001",
        "maxMktOrderQty": "500.000",
        "minNotionalValue": "5",
    },
    "fundingInterval": 480,
    "settleCoin": "USDT",
    "isPreListing": False,
    "preListingInfo": None,
}
PAIR = {
    "symbol": "BTCUSDT",
    "baseCoin": "BTC",
    "quoteCoin": "USDT",
    "status": "Trading",
    "lotSizeFilter": {
        "basePrecision": "0.000001",
        "quotePrecision": "0.0000001",
        "minOrderQty": "0.000011",
        "maxOrderQty": "83",
        "minOrderAmt": "5",
        "maxOrderAmt": "8000000",
        "maxLimitOrderQty": "84",
        "maxMarketOrderQty": "41.5",
    },
    "priceFilter": {"tickSize": "0.1"},
}


def body(*lines: dict, cursor: str | None = "", code: int = 0, text: str = "OK") -> bytes:
    result = {"list": lines, "nextPageCursor": cursor}
    return json.dumps({"retCode": code, "retMsg": text, "result": result, "time": 1}).encode()


def the_listing(line: dict, category: Category = Category.LINEAR):
    (listing,) = instrument_page(body(line), category, "bybit").listings
    return listing


def test_a_linear_perpetual_is_counted_in_coins():
    listing = the_listing(CONTRACT)

    assert (
        Instrument(
            symbol="BTCUSDT",
            venue="bybit",
            type=InstrumentType.PERPETUAL,
            base="BTC",
            quote="USDT",
            settle="USDT",
            tick_size=Decimal("0.10"),
            lot_size=Decimal("0.001"),
            multiplier=Decimal(1),
            min_quantity=Decimal("0.001"),
            max_quantity=Decimal("1190.000"),
            min_notional=Decimal(5),
            funding_interval_hours=8,
        )
        == listing.instrument
    )
    assert (480, Decimal(500), 0) == (
        listing.funding_interval_minutes,
        listing.max_market_quantity,
        listing.delisting_ns,
    )
    assert listing.is_tradable


def test_an_inverse_perpetual_is_counted_in_dollars_and_settles_in_coin():
    line = CONTRACT | {"symbol": "BTCUSD", "contractType": "InversePerpetual", "quoteCoin": "USD", "settleCoin": "BTC"}

    instrument = the_listing(line, Category.INVERSE).instrument

    assert (True, "BTC", Decimal(1)) == (instrument.inverse, instrument.settle, instrument.multiplier)
    # 20,000 contracts of one dollar at 40,000 are half a coin.
    assert Decimal("0.5") == instrument.settle_value(Decimal(20_000), Decimal(40_000))


def test_a_future_expires_and_pays_no_funding():
    line = CONTRACT | {"contractType": "LinearFutures", "deliveryTime": "1735286400000"}

    listing = the_listing(line)

    assert InstrumentType.FUTURE is listing.instrument.type
    assert 1735286400000 * 1_000_000 == listing.instrument.expiry_ns
    assert (0, 0, 0) == (
        listing.instrument.funding_interval_hours,
        listing.funding_interval_minutes,
        listing.delisting_ns,
    )


def test_the_delivery_time_of_a_perpetual_is_its_delisting():
    listing = the_listing(CONTRACT | {"deliveryTime": "1735286400000"})

    assert (0, 1735286400000 * 1_000_000) == (listing.instrument.expiry_ns, listing.delisting_ns)


@pytest.mark.parametrize(("minutes", "hours"), [(60, 1), (240, 4), (90, 2), (8, 1), (0, 0)])
def test_a_funding_interval_is_rounded_up_to_whole_hours(minutes: int, hours: int):
    listing = the_listing(CONTRACT | {"fundingInterval": minutes})

    assert (minutes, hours) == (listing.funding_interval_minutes, listing.instrument.funding_interval_hours)


def test_a_spot_pair_has_no_least_quantity_but_a_least_amount():
    listing = the_listing(PAIR, Category.SPOT)

    instrument = listing.instrument
    assert (InstrumentType.SPOT, "USDT") == (instrument.type, instrument.settle)
    assert (Decimal("0.1"), Decimal("0.000001")) == (instrument.tick_size, instrument.lot_size)
    assert (Decimal(0), Decimal(84), Decimal(5)) == (
        instrument.min_quantity,
        instrument.max_quantity,
        instrument.min_notional,
    )
    assert Decimal("41.5") == listing.max_market_quantity


@pytest.mark.parametrize(
    ("text", "status"),
    [
        ("PreLaunch", ListingStatus.PRE_LAUNCH),
        ("Delivering", ListingStatus.DELIVERING),
        ("Closed", ListingStatus.CLOSED),
        ("Resting", ListingStatus.OTHER),
    ],
)
def test_only_what_is_in_trading_is_traded(text: str, status: ListingStatus):
    listing = the_listing(CONTRACT | {"status": text})

    assert status is listing.status
    assert not listing.is_tradable


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"contractType": "InversePerpetual"}, "contract type 'InversePerpetual' is none of linear"),
        ({"contractType": ""}, "contract type '' is none of linear"),
        ({"lotSizeFilter": {"qtyStep": "0"}}, "lot_size of BTCUSDT must be greater than 0"),
        ({"lotSizeFilter": {"qtyStep": "NaN"}}, "qtyStep of BTCUSDT is 'NaN'"),
        ({"priceFilter": {}}, "missing required field `tickSize`"),
        ({"deliveryTime": "soon"}, "deliveryTime of BTCUSDT is 'soon'"),
    ],
)
def test_a_strange_line_is_named_and_costs_only_itself(change: dict, reason: str):
    page = instrument_page(body(CONTRACT | change, CONTRACT), Category.LINEAR, "bybit")

    (unlisted,) = page.unlisted
    assert "BTCUSDT" == unlisted.symbol
    assert reason in unlisted.reason
    assert 1 == len(page.listings)


def test_a_line_without_a_symbol_is_named_by_its_number():
    page = instrument_page(body(CONTRACT, {}), Category.LINEAR, "bybit")

    assert "line 1" == page.unlisted[0].symbol


def test_the_cursor_is_that_of_the_next_page():
    cursor = "first%3DBIOUSDT%26last%3DBIOUSDT"

    assert cursor == instrument_page(body(cursor=cursor), Category.LINEAR, "bybit").cursor
    assert "" == instrument_page(body(cursor=None), Category.LINEAR, "bybit").cursor


def test_a_refusal_is_no_empty_list():
    with pytest.raises(Refused, match="linear instruments was refused with code 10001: params error"):
        instrument_page(body(code=10001, text="params error"), Category.LINEAR, "bybit")


def test_a_page_that_is_none_is_refused():
    with pytest.raises(MalformedBody, match="linear instruments cannot be decoded"):
        instrument_page(b"<html>", Category.LINEAR, "bybit")


@pytest.mark.parametrize(
    ("name", "category", "symbols"),
    [
        ("http_get_instruments_linear.json", Category.LINEAR, ["BTCUSDT", "ETHUSDT"]),
        ("http_get_instruments_inverse.json", Category.INVERSE, ["BTCUSD"]),
        ("http_get_instruments_inverse_symbol_type.json", Category.INVERSE, ["BRENTUSD"]),
        ("http_get_instruments_spot.json", Category.SPOT, ["BTCUSDT", "ETHUSDT"]),
        ("http_get_instruments_spot_xstocks.json", Category.SPOT, ["AAPLUSDT"]),
    ],
)
def test_the_published_bodies_are_read_whole(name: str, category: Category, symbols: list[str]):
    page = instrument_page(fixture_body(name), category, "bybit")

    assert symbols == [listing.instrument.symbol for listing in page.listings]
    assert () == page.unlisted
    assert all(listing.is_tradable for listing in page.listings)


def test_options_are_named_as_not_traded():
    for name in ("http_get_instruments_option.json", "http_get_instruments_option_symbol_id.json"):
        page = instrument_page(fixture_body(name), Category.LINEAR, "bybit")

        assert () == page.listings
        assert 1 == len(page.unlisted)
