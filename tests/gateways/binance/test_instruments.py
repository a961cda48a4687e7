from decimal import Decimal

import msgspec
import pytest

from gateways.binance.instruments import MarketLot, Unlisted, read_listings
from gateways.binance.limits import VenueLimit
from gateways.binance.malformed import MalformedMessage
from gateways.binance.market import Market
from messages.instruments import Instrument, InstrumentType
from tests.gateways.binance.wire import exchange_info, needs_data

PRICE = {"filterType": "PRICE_FILTER", "minPrice": "0.01000000", "maxPrice": "1000000.00", "tickSize": "0.01000000"}
LOT = {"filterType": "LOT_SIZE", "minQty": "0.00001000", "maxQty": "9000.00000000", "stepSize": "0.00001000"}
SPOT = {"symbol": "BTCUSDT", "status": "TRADING", "baseAsset": "BTC", "quoteAsset": "USDT", "filters": [PRICE, LOT]}
USDM = {**SPOT, "contractType": "PERPETUAL", "marginAsset": "USDT", "deliveryDate": 4_133_404_800_000}
COINM = {
    "symbol": "BTCUSD_PERP", "contractStatus": "TRADING", "contractType": "PERPETUAL", "contractSize": 100,
    "baseAsset": "BTC", "quoteAsset": "USD", "marginAsset": "BTC", "deliveryDate": 4_133_404_800_000,
    "filters": [PRICE, {**LOT, "minQty": "1", "stepSize": "1", "maxQty": "1000000"}],
}  # fmt: skip


def info(*symbols: dict, **more: object) -> bytes:
    return msgspec.json.encode({"serverTime": 5, "symbols": symbols, **more})


def listings(market: Market, *symbols: dict, funding: bytes = b"[]"):
    return read_listings(market, "v", info(*symbols), funding)


def the_listing(market: Market, symbol: dict, funding: bytes = b"[]"):
    return listings(market, symbol, funding=funding).by_symbol[symbol["symbol"]]


def with_filters(*filters: dict) -> dict:
    return {**SPOT, "filters": [PRICE, LOT, *filters]}


def test_a_spot_symbol_is_an_instrument_in_base_currency():
    listing = the_listing(Market.SPOT, SPOT)
    expected = Instrument(
        symbol="BTCUSDT",
        venue="v",
        type=InstrumentType.SPOT,
        base="BTC",
        quote="USDT",
        settle="USDT",
        tick_size=Decimal("0.01"),
        lot_size=Decimal("0.00001"),
        min_quantity=Decimal("0.00001"),
        max_quantity=Decimal(9000),
    )
    assert expected == listing.instrument
    assert "0.01" == str(listing.instrument.tick_size)  # the venue pads with zeros
    assert ("TRADING", True) == (listing.status, listing.is_trading)
    assert (Decimal("0.01"), Decimal(1_000_000)) == (listing.min_price, listing.max_price)


def test_a_perpetual_pays_every_eight_hours_unless_the_venue_says_another_interval():
    assert 8 == the_listing(Market.USDM, USDM).instrument.funding_interval_hours
    funding = b'[{"symbol":"BTCUSDT","fundingIntervalHours":4,"adjustedFundingRateCap":"0.02","disclaimer":false}]'
    assert 4 == the_listing(Market.USDM, USDM, funding).instrument.funding_interval_hours
    assert 0 == the_listing(Market.SPOT, SPOT, funding).instrument.funding_interval_hours


def test_a_dated_future_has_an_expiry_and_no_funding():
    quarter = {**USDM, "symbol": "BTCUSDT_210924", "contractType": "CURRENT_QUARTER", "deliveryDate": 1_632_470_400_000}
    instrument = the_listing(Market.USDM, quarter).instrument
    assert (InstrumentType.FUTURE, 1_632_470_400_000_000_000) == (instrument.type, instrument.expiry_ns)
    assert 0 == instrument.funding_interval_hours
    assert 0 == the_listing(Market.USDM, USDM).instrument.expiry_ns  # a perpetual's date is the year 2100


def test_a_coin_margined_contract_is_inverse_and_settles_in_coin():
    instrument = the_listing(Market.COINM, COINM).instrument
    found = (instrument.inverse, instrument.multiplier, instrument.settle, instrument.lot_size)
    assert (True, Decimal(100), "BTC", Decimal(1)) == found
    # 3 contracts of 100 USD at 60,000 are 0.005 BTC
    assert Decimal("0.005") == instrument.settle_value(Decimal(3), Decimal(60_000))


@pytest.mark.parametrize(
    ("rules", "expected"),
    [
        ([], 0),
        ([{"filterType": "MIN_NOTIONAL", "minNotional": "10.00000000", "applyToMarket": True}], 10),
        ([{"filterType": "NOTIONAL", "minNotional": "5.0", "maxNotional": "9000000.0"}], 5),
        ([{"filterType": "MIN_NOTIONAL", "notional": "100"}], 100),  # as USDT-M says it
        ([{"filterType": "MIN_NOTIONAL", "minNotional": "1"}, {"filterType": "NOTIONAL", "minNotional": "7"}], 7),
    ],
)
def test_the_least_notional_is_read_in_each_of_its_forms(rules, expected):
    assert Decimal(expected) == the_listing(Market.SPOT, with_filters(*rules)).instrument.min_notional


def test_the_largest_notional_is_kept_beside_the_instrument():
    rule = {"filterType": "NOTIONAL", "minNotional": "5.0", "maxNotional": "9000000.0"}
    assert Decimal(9_000_000) == the_listing(Market.SPOT, with_filters(rule)).max_notional


@pytest.mark.parametrize(
    ("market_lot", "expected"),
    [
        ({"minQty": "0.00001000", "maxQty": "9000.0", "stepSize": "0.00001"}, None),
        ({"minQty": "0.00000000", "maxQty": "0.0", "stepSize": "0.00000000"}, None),  # 0 switches a rule off
        ({"minQty": "0", "maxQty": "100.05", "stepSize": "0"}, MarketLot(None, Decimal("100.05"), None)),
        ({"minQty": "1", "maxQty": "9000", "stepSize": "1"}, MarketLot(Decimal(1), None, Decimal(1))),
    ],
)
def test_market_orders_may_have_quantities_of_their_own(market_lot, expected):
    listing = the_listing(Market.SPOT, with_filters({"filterType": "MARKET_LOT_SIZE", **market_lot}))
    assert expected == listing.market_lot


def test_rules_that_nobody_here_checks_are_named_and_those_of_orders_that_we_never_send_are_not():
    rules = [{"filterType": name} for name in ("PERCENT_PRICE_BY_SIDE", "MAX_POSITION", "BRAND_NEW", "ICEBERG_PARTS")]
    listing = the_listing(Market.SPOT, with_filters(*rules))
    assert ("BRAND_NEW", "MAX_POSITION", "PERCENT_PRICE_BY_SIDE") == listing.unhonoured
    names = ("EXCHANGE_MAX_NUM_ORDERS", "EXCHANGE_MAX_NUM_ALGO_ORDERS")
    of_venue = [{"filterType": name} for name in names]
    assert ("EXCHANGE_MAX_NUM_ORDERS",) == read_listings(Market.SPOT, "v", info(exchangeFilters=of_venue)).unhonoured


@pytest.mark.parametrize(
    ("change", "status"),
    [({"status": "BREAK"}, "BREAK"), ({"isSpotTradingAllowed": False}, "TRADING"), ({"status": ""}, "")],
)
def test_a_symbol_that_takes_no_orders_is_listed_and_says_so(change, status):
    listing = the_listing(Market.SPOT, {**SPOT, **change})
    assert (status, False) == (listing.status, listing.is_trading)


@pytest.mark.parametrize(
    ("market", "symbol", "reason"),
    [
        (Market.SPOT, {**SPOT, "filters": [LOT]}, "it has no tick size"),
        (Market.SPOT, {**SPOT, "filters": [{**PRICE, "tickSize": "0.00"}, LOT]}, "it has no tick size"),
        (Market.SPOT, {**SPOT, "filters": [PRICE]}, "it has no step size"),
        (Market.SPOT, {**SPOT, "filters": [PRICE, {**LOT, "stepSize": "0"}]}, "it has no step size"),
        (Market.USDM, {**USDM, "contractType": ""}, "its contract type '' is not known"),
        (Market.COINM, {**COINM, "contractSize": None}, "it has no contract size"),
        (
            Market.SPOT,
            {**SPOT, "filters": [{**PRICE, "tickSize": "1e-30"}, LOT]},
            "expected a decimal with at most 18 places",
        ),
    ],
)
def test_a_symbol_that_cannot_be_told_does_not_hide_the_others(market, symbol, reason):
    other = {**(COINM if market is Market.COINM else USDM), "symbol": "OTHER"}
    found = listings(market, symbol, other)
    assert (Unlisted(symbol["symbol"], reason),) == found.unlisted
    assert ["OTHER"] == list(found.by_symbol)


@pytest.mark.parametrize("body", [b"", b"[]", b"{}", b'{"serverTime":1,"symbols":[{}]}', b'{"code":-1121,"msg":"x"}'])
def test_a_malformed_list_is_named(body):
    with pytest.raises(MalformedMessage, match=rf"exchangeInfo of Binance usdm of {len(body)} bytes is malformed: "):
        read_listings(Market.USDM, "v", body)


def test_a_malformed_funding_list_is_named():
    with pytest.raises(MalformedMessage, match=r"fundingInfo of Binance usdm .*fundingIntervalHours"):
        read_listings(Market.USDM, "v", info(), b'[{"symbol":"X","fundingIntervalHours":0}]')


LIMITS = {
    Market.SPOT: [
        VenueLimit("request-weight-1m", 1_200.0, 60_000),
        VenueLimit("orders-10s", 50.0, 10_000),
        VenueLimit("orders-1d", 160_000.0, 86_400_000),
        VenueLimit("raw-requests-5m", 6_100.0, 300_000),
    ],
    Market.USDM: [
        VenueLimit("request-weight-1m", 2_400.0, 60_000),
        VenueLimit("orders-1m", 1_200.0, 60_000),
        VenueLimit("orders-10s", 300.0, 10_000),
    ],
    Market.COINM: [
        VenueLimit("request-weight-1m", 2_400.0, 60_000),
        VenueLimit("orders-1m", 1_200.0, 60_000),
    ],
}
COUNTS = {  # perpetuals, futures, spot, taking orders, not told; counted in the files with grep
    Market.SPOT: (0, 0, 1_695, 1_222, ()),
    Market.USDM: (119, 2, 0, 121, (Unlisted("BTCSTUSDT", "its contract type '' is not known"),)),
    Market.COINM: (18, 18, 0, 36, ()),
}


@needs_data
@pytest.mark.parametrize("market", Market)
def test_the_recorded_lists_of_2021_are_told(market):
    found = read_listings(market, "v", exchange_info(f"binance_{market}"))
    types = [listing.instrument.type for listing in found.by_symbol.values()]
    kinds = (InstrumentType.PERPETUAL, InstrumentType.FUTURE, InstrumentType.SPOT)
    trading = sum(listing.is_trading for listing in found.by_symbol.values())
    assert COUNTS[market] == (*(types.count(kind) for kind in kinds), trading, found.unlisted)
    assert LIMITS[market] == list(found.limits)


@needs_data
def test_a_recorded_instrument_is_told_to_the_digit():
    found = read_listings(Market.COINM, "v", exchange_info("binance_coinm")).by_symbol["BTCUSD_211231"]
    expected = Instrument(
        symbol="BTCUSD_211231",
        venue="v",
        type=InstrumentType.FUTURE,
        base="BTC",
        quote="USD",
        settle="BTC",
        tick_size=Decimal("0.1"),
        lot_size=Decimal(1),
        inverse=True,
        multiplier=Decimal(100),
        min_quantity=Decimal(1),
        max_quantity=Decimal(1_000_000),
        expiry_ns=1_640_937_600_000_000_000,
    )
    assert expected == found.instrument
    assert MarketLot(None, Decimal(500), None) == found.market_lot
    assert ("MAX_NUM_ORDERS", "PERCENT_PRICE") == found.unhonoured
