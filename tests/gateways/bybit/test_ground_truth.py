"""Every public Bybit frame of the recordings, against what independent scripts have found in them.

`wire/cryptofeed/bybit_v2_legacy` is the protocol before V5, which the venue no longer speaks: it is not read here.
"""

import gzip
import json
from collections import Counter

import pytest

from gateways.book import Book
from gateways.bybit.feed_events import Operation, Reply, Unrecognised
from gateways.bybit.frame_kinds import FrameKind
from gateways.bybit.market_data import MarketData
from gateways.bybit.streams import Channel
from gateways.exchange.sources.source import BookChange, BookReset, SourceCounts
from messages.market import Quote, Trade
from messages.orders import Side
from tests.gateways.bybit.public_frames import ID, fixture_bodies, fixture_body, market_data, recording, records_of

MS = 1_000_000
XRP = "XRPUSDT.bybit"


def xrp_lines() -> list[bytes]:
    return gzip.decompress(recording("bybit_v5/2024-12-01_XRPUSDT_ob500.jsonl.gz").read_bytes()).splitlines()


def replay(lines: list[bytes]) -> tuple[MarketData, Book, list, int]:
    data, book, told, crossed = market_data(Channel.BOOK, symbol="XRPUSDT", depth=500), Book(), [], 0
    for number, line in enumerate(lines):
        for event in data.on_frame(line, number):
            told.append(event)
            if isinstance(event, BookReset):
                book.reset(event.bids, event.asks)
            elif isinstance(event, BookChange):
                book.apply(event.bids, event.asks)
            crossed += book.is_crossed
    return data, book, told, crossed


def test_the_v5_book_ends_as_the_ground_truth_says():
    data, book, told, crossed = replay(xrp_lines())

    assert {BookReset: 1, BookChange: 49} == Counter(type(event) for event in told)
    assert SourceCounts(book_updates=49) == data.counts(XRP)
    assert {FrameKind.BOOK: 50} == data.frames
    assert 20254918 == data.update_id(XRP)
    assert ((1.9537, 10605.0), (1.9538, 6702.0)) == (book.best_bid(), book.best_ask())
    assert (500, 500) == (book.bid_levels, book.ask_levels)
    assert 0 == crossed


def test_the_v5_book_is_stamped_by_the_matching_engine():
    *_, told, _ = replay(xrp_lines())

    assert (1733011200589 * MS, 1733011205488 * MS) == (told[0].ts_event, told[-1].ts_event)
    assert [event.update_id for event in told] == list(range(20254869, 20254919))


def test_a_lost_frame_of_the_v5_book_is_seen():
    lines = xrp_lines()
    data, _, told, _ = replay(lines[:20] + lines[21:])

    assert SourceCounts(book_updates=19, gaps=1) == data.counts(XRP)
    assert ["Gap", "SnapshotNeeded"] == [type(event).__name__ for event in told[-2:]]


def test_a_second_snapshot_brings_the_book_to_the_same_end():
    """The book rebuilt from an image of itself half way equals the one that was changed step by step."""
    lines = xrp_lines()
    _, half_way, _, _ = replay(lines[:25])
    image = json.loads(lines[24])
    image["type"] = "snapshot"
    image["data"]["b"] = [[str(price), str(size)] for price, size in half_way.bids(500)]
    image["data"]["a"] = [[str(price), str(size)] for price, size in half_way.asks(500)]

    data, book, _, _ = replay([json.dumps(image).encode(), *lines[25:]])
    _, whole, _, _ = replay(lines)

    assert (whole.bids(500), whole.asks(500)) == (book.bids(500), book.asks(500))
    assert SourceCounts(book_updates=25) == data.counts(XRP)


def test_every_single_message_is_of_the_protocols_before_v5():
    """All 19: 14 frames and 5 REST bodies, of 2021 and 2022."""
    raws = [record["raw"].encode() for record in records_of("single_messages/bybit.jsonl.gz")]
    data = market_data(*Channel)

    events = [event for raw in raws for event in data.on_frame(raw, 0)]

    assert {FrameKind.OLD_PROTOCOL: 19} == data.frames
    assert 19 == sum(isinstance(event, Unrecognised) for event in events)


def fixture_events(name: str, *channels: Channel) -> list:
    return list(market_data(*channels).on_frame(fixture_body(name), 5))


def test_the_published_book_frames_are_read():
    """Of the level-1 book, which then had two levels and deltas: its best ask goes, the second becomes the best."""
    data = market_data(Channel.TOP)

    (first,) = data.on_frame(fixture_body("ws_orderbook_snapshot.json"), 5)
    (second,) = data.on_frame(fixture_body("ws_orderbook_delta.json"), 6)

    assert Quote(ID, 27450.0, 0.5, 27451.0, 0.75, 1709891679000 * MS, 5) == first
    assert Quote(ID, 27450.0, 0.4, 27451.5, 0.9, 1709891679500 * MS, 6) == second


def test_the_published_trade_is_read():
    """Its topic, `trade.linear.BTCUSDT`, is not that of the documentation, `publicTrade.BTCUSDT`; its body is."""
    (trade,) = fixture_events("ws_public_trade.json", Channel.TRADES)

    trade_id = "9dc75fca-4bdd-4773-9f78-6f5d7ab2a110"
    assert Trade(ID, 27451.0, 0.01, Side.BUY, trade_id, 1709891679000 * MS, 5) == trade


@pytest.mark.parametrize(
    ("name", "operation", "is_ok", "key", "text"),
    [
        ("ws_subscription_ack.json", Operation.SUBSCRIBE, True, "sub-orderbook-1", ""),
        ("ws_subscription_failure.json", Operation.SUBSCRIBE, False, "", "Invalid topic: invalid.topic.BTCUSDT"),
        ("ws_auth_success.json", Operation.AUTH, True, "", ""),
        ("ws_auth_failure.json", Operation.AUTH, False, "", "Invalid apikey"),
    ],
)
def test_the_published_replies_are_read(name: str, operation: Operation, is_ok: bool, key: str, text: str):
    (reply,) = fixture_events(name, Channel.TOP)

    assert isinstance(reply, Reply)
    assert (operation, is_ok, key, text) == (reply.operation, reply.is_ok, reply.key, reply.text)
    assert reply.connection.startswith("cejreaspqfm9se7usbrg-")


def test_no_published_frame_is_unknown_on_a_public_connection():
    """Of the 24 `ws_` bodies one is no frame: a position alone, without topic."""
    frames = Counter()
    for name, body in fixture_bodies().items():
        if name.startswith("ws_") and name != "ws_account_position_with_open_time.json":
            data = market_data(*Channel)
            data.on_frame(body, 5)
            frames.update(data.frames)

    assert {FrameKind.PRIVATE: 16, FrameKind.BOOK: 2, FrameKind.TRADES: 1, FrameKind.REPLY: 4} == frames
