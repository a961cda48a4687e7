import json
from decimal import Decimal

import pytest

from gateways.bybit.directory import Category
from gateways.bybit.streams import (
    ARGS_CHARACTERS_MAX,
    MAINNET,
    PING_INTERVAL_MS,
    TESTNET,
    Channel,
    Hosts,
    Wanted,
    ping_request,
    public_streams,
    resubscribe_requests,
    streams_for,
    subscribe_requests,
    topics_by_key,
)
from messages.instruments import Instrument, InstrumentType

ALL = frozenset(Channel)


def wanted(symbol: str, *channels: Channel, depth: int = 50) -> Wanted:
    return Wanted(symbol, f"{symbol}.bybit", frozenset(channels) or ALL, depth)


def args_of(request) -> list[str]:
    return json.loads(request.frame)["args"]


def test_a_contract_has_a_topic_for_each_channel():
    (stream,) = public_streams(MAINNET, Category.LINEAR, [wanted("BTCUSDT", depth=200)])

    assert "wss://stream.bybit.com/v5/public/linear" == stream.url
    assert [
        "orderbook.1.BTCUSDT",
        "orderbook.200.BTCUSDT",
        "publicTrade.BTCUSDT",
        "tickers.BTCUSDT",
    ] == [topic.name for topic in stream.topics]
    assert {"BTCUSDT.bybit"} == {topic.instrument for topic in stream.topics}


def test_a_spot_pair_has_no_ticker_for_it_has_no_mark_price():
    (stream,) = public_streams(TESTNET, Category.SPOT, [wanted("BTCUSDT", Channel.TRADES, Channel.TICKER)])

    assert "wss://stream-testnet.bybit.com/v5/public/spot" == stream.url
    assert ["publicTrade.BTCUSDT"] == [topic.name for topic in stream.topics]


def test_only_a_ticker_without_a_faster_channel_makes_quotes():
    (stream,) = public_streams(
        Hosts("http://127.0.0.1:1", "ws://127.0.0.1:1"),
        Category.INVERSE,
        [wanted("BTCUSD", Channel.TICKER), wanted("ETHUSD", Channel.TICKER, Channel.BOOK)],
    )

    assert ["BTCUSD.bybit"] == [topic.instrument for topic in stream.topics if topic.makes_quotes]


def test_a_depth_that_the_venue_does_not_have_is_refused():
    with pytest.raises(ValueError, match=r"BTCUSDT.bybit: bybit has no book of depth 20; expected 50 \| 200"):
        wanted("BTCUSDT", depth=20)


def test_spot_subscribes_to_ten_topics_a_request():
    symbols = [wanted(f"COIN{number}USDT", Channel.TRADES) for number in range(23)]
    (stream,) = public_streams(MAINNET, Category.SPOT, symbols)

    requests = subscribe_requests(stream)

    assert [10, 10, 3] == [len(args_of(request)) for request in requests]
    assert ["subscribe-0", "subscribe-1", "subscribe-2"] == [request.key for request in requests]
    assert {"public-spot-0"} == {request.stream for request in requests}
    assert {"req_id": "subscribe-2", "op": "subscribe"} == {
        name: value for name, value in json.loads(requests[2].frame).items() if name != "args"
    }


def test_a_refused_request_can_be_traced_to_its_topics():
    symbols = [wanted(f"COIN{number}USDT", Channel.TRADES) for number in range(60)]
    (stream,) = public_streams(MAINNET, Category.LINEAR, symbols)

    by_key = topics_by_key(stream)

    assert {request.key: args_of(request) for request in subscribe_requests(stream)} == {
        key: [topic.name for topic in topics] for key, topics in by_key.items()
    }
    assert [50, 10] == [len(topics) for topics in by_key.values()]


def test_the_args_of_one_connection_stay_within_the_venues_limit():
    symbols = [wanted(f"COIN{number}USDT") for number in range(500)]

    streams = public_streams(MAINNET, Category.LINEAR, symbols)

    assert 2_000 == sum(len(stream.topics) for stream in streams)
    assert 3 == len(streams)
    assert ["public-linear-0", "public-linear-1", "public-linear-2"] == [stream.name for stream in streams]
    for stream in streams:
        args = json.dumps([topic.name for topic in stream.topics], separators=(",", ":"))
        assert len(args) <= ARGS_CHARACTERS_MAX


def test_instruments_go_to_the_connections_of_their_categories():
    def an_instrument(symbol: str, kind: InstrumentType, *, inverse: bool = False) -> Instrument:
        return Instrument(
            symbol=symbol, venue="v", type=kind, base="BTC", quote="USD", settle="USD", inverse=inverse,
            tick_size=Decimal("0.1"), lot_size=Decimal(1),
        )  # fmt: skip

    instruments = [
        an_instrument("BTCUSD", InstrumentType.PERPETUAL, inverse=True),
        an_instrument("BTCUSDT", InstrumentType.SPOT),
        an_instrument("BTCUSDZ26", InstrumentType.FUTURE, inverse=True),
        an_instrument("BTCPERP", InstrumentType.PERPETUAL),
    ]

    streams = streams_for(MAINNET, instruments, [Channel.BOOK, Channel.TICKER], depth=1000)

    assert {
        "public-spot-0": ["orderbook.1000.BTCUSDT"],
        "public-linear-0": ["orderbook.1000.BTCPERP", "tickers.BTCPERP"],
        "public-inverse-0": [
            "orderbook.1000.BTCUSD", "tickers.BTCUSD", "orderbook.1000.BTCUSDZ26", "tickers.BTCUSDZ26",
        ],
    } == {stream.name: [topic.name for topic in stream.topics] for stream in streams}  # fmt: skip
    assert "BTCUSDT.v" == streams[0].topics[0].instrument


def test_nothing_wanted_is_no_connection():
    assert () == public_streams(MAINNET, Category.LINEAR, [])


def test_more_connections_than_the_venue_allows_are_refused():
    symbols = [wanted(f"COIN{number}USDT", Channel.TRADES) for number in range(1_001)]

    with pytest.raises(ValueError, match="1001 connections are more than 1000; ask for fewer"):
        public_streams(MAINNET, Category.LINEAR, symbols, args_characters_max=10)


def test_a_snapshot_is_had_by_subscribing_anew():
    (stream,) = public_streams(MAINNET, Category.LINEAR, [wanted("BTCUSDT"), wanted("ETHUSDT")])

    leave, enter = resubscribe_requests(stream, "ETHUSDT.bybit", attempt=2)

    assert "unsubscribe" == json.loads(leave.frame)["op"]
    assert "subscribe" == json.loads(enter.frame)["op"]
    assert ["orderbook.1.ETHUSDT", "orderbook.50.ETHUSDT"] == args_of(leave) == args_of(enter)
    assert "subscribe-0-2-ETHUSDT.bybit" == enter.key


def test_where_there_is_no_book_there_is_nothing_to_subscribe_to_anew():
    (stream,) = public_streams(MAINNET, Category.LINEAR, [wanted("BTCUSDT", Channel.TRADES)])

    assert () == resubscribe_requests(stream, "BTCUSDT.bybit", attempt=1)


def test_a_ping_carries_its_number():
    (stream,) = public_streams(MAINNET, Category.LINEAR, [wanted("BTCUSDT")])

    request = ping_request(stream, 3)

    assert {"req_id": "ping-3", "op": "ping"} == json.loads(request.frame)
    assert 20_000 == PING_INTERVAL_MS
