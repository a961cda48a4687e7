import json

import pytest

from gateways.bybit.bodies import MalformedBody
from gateways.bybit.directory import Category
from gateways.bybit.market_history import (
    funding_history_of,
    funding_history_request,
    recent_trades_of,
    recent_trades_request,
)
from gateways.exchange.sources.source import FundingSettlement
from messages.market import Trade
from messages.orders import Side
from tests.gateways.bybit.public_frames import ID, fixture_body

MS = 1_000_000


def trades(*lines: dict) -> bytes:
    told = {"symbol": "BTCUSDT", "price": "16618.49", "size": "0.00012", "side": "Buy", "isBlockTrade": False}
    return json.dumps({"retCode": 0, "result": {"category": "spot", "list": [told | line for line in lines]}}).encode()


def test_as_many_trades_are_asked_for_as_the_venue_gives():
    assert "category=spot&symbol=BTCUSDT&limit=60" == recent_trades_request("k", Category.SPOT, "BTCUSDT").query
    request = recent_trades_request("k", Category.INVERSE, "BTCUSD")
    assert ("/v5/market/recent-trade", "category=inverse&symbol=BTCUSD&limit=1000") == (request.path, request.query)


def test_recent_trades_come_oldest_first_without_block_trades():
    body = trades(
        {"execId": "4", "time": "1001"},
        {"execId": "3", "time": "1001"},
        {"execId": "2", "time": "1000", "isBlockTrade": True},
        {"execId": "1", "time": "999", "side": "Sell"},
    )

    told = recent_trades_of(body, ID, 5)

    assert ["1", "3", "4"] == [trade.trade_id for trade in told]
    assert Trade(ID, 16618.49, 0.00012, Side.SELL, "1", 999 * MS, 5) == told[0]


def test_the_published_trades_are_read():
    (trade,) = recent_trades_of(fixture_body("http_get_trades_recent.json"), ID, 5)

    trade_id = "a905d5c3-1ed0-4f37-83e4-9c73a2fe2f01"
    assert Trade(ID, 27450.5, 0.005, Side.BUY, trade_id, 1709891679000 * MS, 5) == trade


def test_past_fundings_are_asked_for_page_by_page():
    first = funding_history_request("k", Category.LINEAR, "BTCUSDT")
    second = funding_history_request("k", Category.LINEAR, "BTCUSDT", end_ms=1709855999999)

    assert ("/v5/market/funding/history", "category=linear&symbol=BTCUSDT&limit=200") == (first.path, first.query)
    assert "category=linear&symbol=BTCUSDT&limit=200&endTime=1709855999999" == second.query


def test_the_published_fundings_are_read_oldest_first():
    told = funding_history_of(fixture_body("http_get_funding_history.json"), ID, 5)

    assert [
        FundingSettlement(ID, 1709856000000 * MS, 0.00015, 5),
        FundingSettlement(ID, 1709884800000 * MS, 0.0001, 5),
    ] == told


def test_a_malformed_list_is_named():
    with pytest.raises(MalformedBody, match=r"recent trades of BTCUSDT.bybit cannot be decoded"):
        recent_trades_of(trades({"execId": "1", "time": "soon"}), ID, 5)
