import msgspec
import pytest

from gateways.binance.endpoints import CONNECTION_RULES, ENDPOINTS, RENEW_BEFORE_MS, Environment
from gateways.binance.frames import combined
from gateways.binance.malformed import MalformedMessage
from gateways.binance.market import Market
from gateways.binance.market_data import MarketData
from gateways.binance.streams import (
    STREAMS_PER_FRAME_MAX,
    UnknownChannel,
    plan_connections,
    subscribe_frames,
    unsubscribe_frames,
)
from messages.topics import Channel
from tests.gateways.binance.wire import an_instrument

ALL = (Channel.MARK, Channel.DEPTH, Channel.TRADE, Channel.QUOTE)


def plan(market: Market, symbols: list[str], channels=ALL):
    instruments = [an_instrument(symbol, market) for symbol in symbols]
    return plan_connections(market, ENDPOINTS[market, Environment.LIVE], instruments, channels)


def test_spot_has_one_connection_for_all_and_no_mark_prices():
    (connection,) = plan(Market.SPOT, ["BTCUSDT", "ETHUSDT"])
    assert ("spot-0", "wss://stream.binance.com:9443/stream") == (connection.key, connection.url)
    names = ("bookTicker", "trade", "depth@100ms")
    expected = [f"{symbol}@{name}" for symbol in ("btcusdt", "ethusdt") for name in names]
    assert expected == list(connection.streams)
    assert ("BTCUSDT.v", "ETHUSDT.v") == connection.instruments


def test_usdm_has_a_connection_for_each_path():
    public, market = plan(Market.USDM, ["BTCUSDT"])
    assert ("usdm-public-0", "wss://fstream.binance.com/public/stream") == (public.key, public.url)
    assert ("btcusdt@bookTicker", "btcusdt@depth@100ms") == public.streams
    assert ("usdm-market-0", "wss://fstream.binance.com/market/stream") == (market.key, market.url)
    assert ("btcusdt@aggTrade", "btcusdt@markPrice@1s") == market.streams


def test_coinm_has_one_path():
    (connection,) = plan(Market.COINM, ["BTCUSD_PERP"])
    assert "wss://dstream.binance.com/stream" == connection.url
    expected = ("bookTicker", "aggTrade", "depth@100ms", "markPrice@1s")
    assert tuple(f"btcusd_perp@{name}" for name in expected) == connection.streams


def test_only_what_is_wanted_is_opened():
    assert ["usdm-public-0"] == [each.key for each in plan(Market.USDM, ["BTCUSDT"], {Channel.QUOTE})]
    assert [] == list(plan(Market.SPOT, ["BTCUSDT"], {Channel.MARK}))
    assert [] == list(plan(Market.SPOT, [], ALL))


def test_no_connection_has_more_streams_than_the_venue_allows():
    symbols = [f"COIN{number}USDT" for number in range(700)]
    connections = plan(Market.SPOT, symbols)  # three streams each; 1024 = 341 × 3 + 1
    assert [1_023, 1_023, 54] == [len(each.streams) for each in connections]
    assert ["spot-0", "spot-1", "spot-2"] == [each.key for each in connections]
    assert [f"{symbol}.v" for symbol in symbols] == [name for each in connections for name in each.instruments]


def test_a_subscription_is_cut_into_numbered_frames():
    (connection,) = plan(Market.SPOT, [f"COIN{number}USDT" for number in range(70)])  # 210 streams
    frames = subscribe_frames(connection, 5)
    bodies = [msgspec.json.decode(each.frame) for each in frames]
    assert [("SUBSCRIBE", 5), ("SUBSCRIBE", 6), ("SUBSCRIBE", 7)] == [(each["method"], each["id"]) for each in bodies]
    assert [100, 100, 10] == [len(each["params"]) for each in bodies]
    assert list(connection.streams) == [name for each in bodies for name in each["params"]]
    found = {(each.stream, each.weight, each.is_private) for each in frames}
    assert {("spot-0", (("stream-messages-1s", 1.0),), False)} == found
    assert ["5", "6", "7"] == [each.key for each in frames]
    assert all(len(each.frame) < 8_192 for each in frames)
    assert len(bodies[0]["params"]) == STREAMS_PER_FRAME_MAX


def test_streams_are_left_by_the_same_names():
    (connection,) = plan(Market.SPOT, ["BTCUSDT"], {Channel.QUOTE})
    (frame,) = unsubscribe_frames(connection, 1)
    assert b'{"method":"UNSUBSCRIBE","params":["btcusdt@bookTicker"],"id":1}' == frame.frame


@pytest.mark.parametrize("market", Market)
def test_every_stream_that_is_opened_can_be_read(market):
    data = MarketData(market, [an_instrument("BTCUSDT", market)])
    for connection in plan(market, ["BTCUSDT"]):
        for stream in connection.streams:
            with pytest.raises(MalformedMessage):  # it looks for the fields of the stream
                data.on_frame(combined(stream, b"{}"), 1)


def test_a_channel_that_no_venue_has_is_refused():
    with pytest.raises(UnknownChannel, match="clock: not a market data channel; expected depth, mark, quote, trade"):
        plan(Market.SPOT, ["BTCUSDT"], {Channel.QUOTE, Channel.CLOCK})


@pytest.mark.parametrize("market", Market)
def test_a_connection_is_renewed_before_its_day_is_over(market):
    rules = CONNECTION_RULES[market]
    assert 24 * 3_600_000 == rules.lifetime_ms
    assert 0 < RENEW_BEFORE_MS < rules.lifetime_ms
    assert rules.ping_interval_ms < rules.pong_within_ms
    assert rules.messages_per_second_max == (5 if market is Market.SPOT else 10)
    for environment in Environment:
        endpoints = ENDPOINTS[market, environment]
        assert endpoints.rest.startswith("https://")
        assert endpoints.streams.startswith("wss://")
