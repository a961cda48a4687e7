import json
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateways.bybit.bodies import MalformedBody
from gateways.bybit.feed_events import Operation, Reply, Unrecognised
from gateways.bybit.frame_kinds import FrameKind
from gateways.bybit.streams import Channel
from gateways.exchange.sources.source import SourceCounts
from messages.market import Gap, Quote, Trade
from messages.orders import Side
from tests.gateways.bybit.public_frames import ID, TICKER, a_print, book_frame, market_data, ticker_frame, trade_frame

CONNECTION = "465772b1-7630-4fdc-a492-e003e6f0f260"


def heard(**frame):
    data = market_data(*Channel)
    return data.on_frame(json.dumps(frame).encode(), 5), data


def test_trades_come_in_their_order_with_the_side_of_the_taker():
    data = market_data(Channel.TRADES)

    buy, sell = data.on_frame(trade_frame(a_print(), a_print(S="Sell", i="2290", p="16578")), 5)

    event_ns = 1672304486865 * 1_000_000
    assert Trade(ID, 16578.5, 0.001, Side.BUY, "20f43950-d8dd-5b31-9112-a178eb6023af", event_ns, 5) == buy
    assert (Side.SELL, "2290", 16578.0) == (sell.aggressor, sell.trade_id, sell.price)
    assert SourceCounts(trades=2) == data.counts(ID)


def test_block_trades_are_left_out():
    data = market_data(Channel.TRADES)

    assert [] == data.on_frame(trade_frame(a_print(BT=True)), 5)
    assert SourceCounts() == data.counts(ID)


def test_a_lost_connection_is_a_gap_of_the_trades_once():
    data = market_data(Channel.TRADES)
    data.on_frame(trade_frame(a_print()), 5)

    assert (Gap(ID, "connection lost", 6),) == data.on_disconnect(6)
    assert () == data.on_disconnect(7)


def test_a_trade_without_a_side_is_malformed():
    data = market_data(Channel.TRADES)

    with pytest.raises(MalformedBody, match="Invalid enum value 'None'"):
        data.on_frame(trade_frame(a_print(S="None")), 5)


def test_the_order_of_a_frames_fields_does_not_matter():
    data = market_data(Channel.TOP)
    frame = json.loads(book_frame("snapshot", 7, bids=[["1", "1"]], asks=[["2", "1"]], depth=1))
    turned = {"ts": frame.pop("ts"), "data": frame.pop("data")} | frame

    (quote,) = data.on_frame(json.dumps(turned, indent=1).encode(), 5)

    assert isinstance(quote, Quote)
    assert {FrameKind.BOOK: 1} == data.frames


@pytest.mark.parametrize(
    ("topic", "kind"),
    [
        ("kline.5.BTCUSDT", FrameKind.KLINE),
        ("liquidation.BTCUSDT", FrameKind.LIQUIDATION),
        ("allLiquidation.BTCUSDT", FrameKind.LIQUIDATION),
        ("orderbook.rpi.BTCUSDT", FrameKind.OTHER_PUBLIC),
        ("orderbook.full.BTCUSDT", FrameKind.OTHER_PUBLIC),
        ("insurance.USDT", FrameKind.OTHER_PUBLIC),
        ("adlAlert.USDT", FrameKind.OTHER_PUBLIC),
        ("priceLimit.BTCUSDT", FrameKind.OTHER_PUBLIC),
    ],
)
def test_what_is_known_and_not_wanted_is_counted(topic: str, kind: FrameKind):
    events, data = heard(topic=topic, type="snapshot", ts=1, data=[])

    assert () == events
    assert {kind: 1} == data.frames


@pytest.mark.parametrize(
    ("topic", "kind"),
    [
        ("orderbook.50.ETHUSDT", FrameKind.NOT_SUBSCRIBED),
        ("publicTrade.ETHUSDT", FrameKind.NOT_SUBSCRIBED),
        ("tickers.ETHUSDT", FrameKind.NOT_SUBSCRIBED),
        ("trade.linear.ETHUSDT", FrameKind.NOT_SUBSCRIBED),
        ("order", FrameKind.PRIVATE),
        ("execution.fast", FrameKind.PRIVATE),
        ("trade.BTCUSD", FrameKind.OLD_PROTOCOL),
        ("orderBookL2_25.BTCUSD", FrameKind.OLD_PROTOCOL),
        ("klineV2.1.BTCUSD", FrameKind.OLD_PROTOCOL),
        ("somethingNew.BTCUSDT", FrameKind.UNKNOWN),
    ],
)
def test_what_has_no_place_here_is_named(topic: str, kind: FrameKind):
    events, data = heard(topic=topic, type="snapshot", ts=1, data={})

    assert (Unrecognised(kind, topic),) == events
    assert {kind: 1} == data.frames


def test_a_frame_without_topic_or_operation_is_unknown():
    assert (Unrecognised(FrameKind.UNKNOWN, ""),) == heard(hello="world")[0]


def test_an_order_reply_belongs_to_the_private_side():
    events, _ = heard(op="order.create", retCode=0, retMsg="OK", connId="c", reqId="1", data={})

    assert (Unrecognised(FrameKind.PRIVATE, "order.create"),) == events


def test_the_old_protocols_answers_are_named():
    ack = {"success": True, "ret_msg": "", "conn_id": "c", "request": {"op": "subscribe", "args": ["trade.BTCUSD"]}}
    rest = {"ret_code": 0, "ret_msg": "OK", "result": []}

    assert (Unrecognised(FrameKind.OLD_PROTOCOL, "reply"),) == heard(**ack)[0]
    assert (Unrecognised(FrameKind.OLD_PROTOCOL, "reply"),) == heard(**rest)[0]


@pytest.mark.parametrize(
    ("frame", "reply"),
    [
        (
            {"success": True, "ret_msg": "subscribe", "conn_id": CONNECTION, "req_id": "10001", "op": "subscribe"},
            Reply(Operation.SUBSCRIBE, True, "10001", "subscribe", CONNECTION),
        ),
        (
            {"success": False, "ret_msg": "Invalid topic", "conn_id": CONNECTION, "op": "subscribe"},
            Reply(Operation.SUBSCRIBE, False, "", "Invalid topic", CONNECTION),
        ),
        (
            {"success": True, "ret_msg": "", "conn_id": CONNECTION, "req_id": "7", "op": "unsubscribe"},
            Reply(Operation.UNSUBSCRIBE, True, "7", "", CONNECTION),
        ),
        (
            {"success": True, "ret_msg": "pong", "conn_id": CONNECTION, "req_id": "ping-3", "op": "ping"},
            Reply(Operation.PING, True, "ping-3", "pong", CONNECTION),
        ),
        (
            {"req_id": "test", "op": "pong", "args": ["1675418560633"], "conn_id": "c"},
            Reply(Operation.PING, True, "test", "", "c"),
        ),
        (
            {"success": False, "op": "auth", "retCode": 10003, "retMsg": "Invalid apikey", "connId": "c"},
            Reply(Operation.AUTH, False, "", "Invalid apikey", "c"),
        ),
        (
            {
                "success": True,
                "conn_id": "c",
                "type": "COMMAND_RESP",
                "data": {"failTopics": ["x"]},
            },
            Reply(Operation.SUBSCRIBE, False, "", "x", "c"),
        ),
        (
            {"success": True, "conn_id": "c", "type": "COMMAND_RESP"},
            Reply(Operation.SUBSCRIBE, True, "", "", "c"),
        ),
        ({"op": "newop", "success": True}, Reply(Operation.OTHER, True, "", "", "")),
    ],
)
def test_the_answers_to_our_frames_are_replies(frame: dict, reply: Reply):
    events, data = heard(**frame)

    assert (reply,) == events
    assert {FrameKind.PONG if reply.operation is Operation.PING else FrameKind.REPLY: 1} == data.frames


@pytest.mark.parametrize("frame", [b"", b"{", b"[]", b"null", b'{"topic":5}', b"\x00\xff", b"[" * 5_000])
def test_bytes_that_are_no_frame_are_refused(frame: bytes):
    with pytest.raises(MalformedBody, match="on public-linear-0"):
        market_data(Channel.BOOK).on_frame(frame, 5)


FRAMES = (
    book_frame("snapshot", 7, bids=[["1", "1"]], asks=[["2", "1"]]),
    book_frame("delta", 8, bids=[["1", "0"]], depth=1),
    trade_frame(a_print()),
    ticker_frame("snapshot", **TICKER),
    b'{"success":true,"ret_msg":"","conn_id":"c","req_id":"1","op":"subscribe"}',
)


@given(st.sampled_from(FRAMES), st.data())
def test_a_damaged_frame_is_read_or_refused_and_nothing_else(frame: bytes, draw: st.DataObject):
    start = draw.draw(st.integers(0, len(frame)))
    end = draw.draw(st.integers(start, min(len(frame), start + 8)))
    damaged = frame[:start] + draw.draw(st.binary(max_size=8)) + frame[end:]

    with suppress(MalformedBody):
        events = market_data(*Channel).on_frame(damaged, 5)
        assert all(event is not None for event in events)


def test_counts_of_an_instrument_that_is_not_carried_are_an_error():
    with pytest.raises(KeyError, match=r"ETHUSDT.bybit is not on public-linear-0"):
        market_data(Channel.BOOK).counts("ETHUSDT.bybit")


def test_a_ticker_is_of_the_topic_it_came_on():
    data = market_data(Channel.TICKER)

    data.on_frame(ticker_frame("snapshot", markPrice="1", indexPrice="1"), 1)

    assert {FrameKind.TICKER: 1} == data.frames
