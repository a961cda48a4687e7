import pytest

from gateways.binance.market import Market
from gateways.binance.public_requests import (
    depth_request,
    exchange_info_request,
    funding_info_request,
    instrument_of_depth_key,
    server_time_request,
)
from gateways.native.wire import Method
from tests.gateways.binance.wire import an_instrument

PATHS = {Market.SPOT: "/api/v3", Market.USDM: "/fapi/v1", Market.COINM: "/dapi/v1"}


@pytest.mark.parametrize("market", Market)
def test_each_market_is_asked_on_its_own_path_without_a_key(market):
    requests = [exchange_info_request(market), server_time_request(market), depth_request(market, an_instrument())]
    assert [f"{PATHS[market]}/{name}" for name in ("exchangeInfo", "time", "depth")] == [each.path for each in requests]
    found = {(each.method, each.body, each.headers, each.is_private) for each in requests}
    assert {(Method.GET, b"", (), False)} == found
    assert 3 == len({each.key for each in requests})


@pytest.mark.parametrize(
    ("market", "levels", "weight"),
    [
        (Market.SPOT, 1, 5), (Market.SPOT, 100, 5), (Market.SPOT, 101, 25), (Market.SPOT, 500, 25),
        (Market.SPOT, 1_000, 50), (Market.SPOT, 5_000, 250), (Market.SPOT, 0, 50),
        (Market.USDM, 5, 2), (Market.USDM, 50, 2), (Market.USDM, 100, 5), (Market.COINM, 500, 10),
        (Market.COINM, 1_000, 20), (Market.USDM, 0, 20),
    ],
)  # fmt: skip
def test_a_snapshot_weighs_by_its_levels(market, levels, weight):
    request = depth_request(market, an_instrument("BTCUSD_PERP"), levels)
    assert (("request-weight-1m", float(weight)),) == request.weight
    assert f"symbol=BTCUSD_PERP&limit={levels or 1000}" == request.query


@pytest.mark.parametrize(
    ("market", "levels", "text"),
    [
        (Market.SPOT, 5_001, "spot has no depth snapshot of 5001 levels; expected 1 to 5000"),
        (Market.SPOT, -1, "spot has no depth snapshot of -1 levels"),
        (Market.USDM, 200, "usdm has no depth snapshot of 200 levels; expected one of 5, 10, 20, 50, 100, 500, 1000"),
    ],
)
def test_a_number_of_levels_that_the_venue_does_not_have_is_refused(market, levels, text):
    with pytest.raises(ValueError, match=text):
        depth_request(market, an_instrument(), levels)


def test_a_symbol_is_encoded_as_an_address_wants_it():
    assert "symbol=%E5%B8%81%E5%AE%89USDT&limit=1000" == depth_request(Market.SPOT, an_instrument("币安USDT")).query


def test_the_key_of_a_snapshot_request_names_its_instrument():
    request = depth_request(Market.SPOT, an_instrument())
    assert "BTCUSDT.v" == instrument_of_depth_key(request.key)
    assert None is instrument_of_depth_key(exchange_info_request(Market.SPOT).key)


def test_funding_intervals_are_asked_of_futures_only():
    assert ("/fapi/v1/fundingInfo", (("funding-rate-5m", 1.0),)) == (
        funding_info_request(Market.USDM).path,
        funding_info_request(Market.USDM).weight,
    )
    assert (("request-weight-1m", 1.0),) == funding_info_request(Market.COINM).weight
    with pytest.raises(ValueError, match="spot has no funding intervals"):
        funding_info_request(Market.SPOT)


def test_the_list_of_spot_instruments_is_heavy():
    assert (("request-weight-1m", 20.0),) == exchange_info_request(Market.SPOT).weight
    assert (("request-weight-1m", 1.0),) == exchange_info_request(Market.USDM).weight
