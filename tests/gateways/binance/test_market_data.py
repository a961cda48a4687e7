import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateways.binance.frames import combined
from gateways.binance.malformed import MalformedMessage
from gateways.binance.market import Market
from gateways.binance.market_data import MarketData
from gateways.binance.stream_kinds import ServerClosing, SubscriptionAnswered, SubscriptionRefused, UnknownMessage
from gateways.exchange.sources.source import BookChange, BookReset
from gateways.native.wire import SnapshotNeeded
from messages.codec import MARKET_DATA, encode
from messages.market import Gap, MarkPrice, Quote, Trade
from messages.orders import Side
from tests.gateways.binance.wire import an_instrument

QUOTE = b'{"stream":"btcusdt@bookTicker","data":{"u":7,"s":"BTCUSDT","b":"100.10","B":"2.5","a":"100.20","A":"0"}}'
TRADE = (
    b'{"stream":"btcusdt@trade","data":{"e":"trade","E":10,"s":"BTCUSDT","t":41,"p":"61837.63","q":"0.02","T":9,'
    b'"m":true,"M":true}}'
)
AGGREGATE = (
    b'{"stream":"btcusdt@aggTrade","data":{"e":"aggTrade","E":10,"a":5,"s":"BTCUSDT","p":"62.5","q":"0.094","f":1,"l":3,'
    b'"T":8,"m":false}}'
)
MARK = (
    b'{"stream":"btcusdt@markPrice@1s","data":{"e":"markPriceUpdate","E":20,"s":"BTCUSDT","p":"58940.5","P":"1",'
    b'"i":"58857.25","r":"-0.00058455","T":30}}'
)
LOST = ("btcusdt@depth@100ms", "btcusdt@bookTicker", "btcusdt@trade", "btcusdt@aggTrade", "ethusdt@trade")


def diff(first: int, last: int, *, previous: int = 0, speed: str = "@100ms", bids: str = "[]") -> bytes:
    return (
        f'{{"stream":"btcusdt@depth{speed}","data":{{"e":"depthUpdate","E":10,"s":"BTCUSDT","U":{first},"u":{last},'
        f'"pu":{previous},"b":{bids},"a":[]}}}}'
    ).encode()


def snapshot(update_id: int, extra: str = "") -> bytes:
    return f'{{"lastUpdateId":{update_id},{extra}"bids":[["100.0","1.0"]],"asks":[["101.0","2.0"]]}}'.encode()


def raw(frame: bytes) -> bytes:
    return bytes(msgspec.json.decode(frame, type=dict[str, msgspec.Raw])["data"])


def market_data(market: Market = Market.SPOT, *symbols: str) -> MarketData:
    return MarketData(market, [an_instrument(symbol, market) for symbol in symbols or ("BTCUSDT",)])


def synchronised(market: Market = Market.SPOT, last: int = 100) -> MarketData:
    data = market_data(market)
    data.on_snapshot("BTCUSDT.v", snapshot(last), 1)
    return data


def test_each_stream_is_told_as_the_event_that_it_is():
    data = market_data(Market.USDM)
    assert [Quote("BTCUSDT.v", 100.1, 2.5, 100.2, 0.0, 3, 3)] == list(data.on_frame(QUOTE, 3))
    expected = Trade("BTCUSDT.v", 61_837.63, 0.02, Side.SELL, "41", 10_000_000, 4)  # the buyer was the maker
    assert [expected] == list(data.on_frame(TRADE, 4))
    expected = Trade("BTCUSDT.v", 62.5, 0.094, Side.BUY, "5", 10_000_000, 5)
    assert [expected] == list(data.on_frame(AGGREGATE, 5))
    expected = MarkPrice("BTCUSDT.v", 58_940.5, 58_857.25, -0.00058455, 30_000_000, 20_000_000, 6)
    assert [expected] == list(data.on_frame(MARK, 6))


@pytest.mark.parametrize(
    ("old", "new", "index", "rate", "stamp"),
    [
        (b'"i":"58857.25",', b"", 58_940.5, -0.00058455, 30_000_000),  # COIN-M said no index in 2021
        (b'"r":"-0.00058455","T":30', b'"r":"","T":0', 58_857.25, 0.0, 0),  # a dated future
    ],
)
def test_a_mark_price_without_index_or_funding_says_the_mark_and_none(old, new, index, rate, stamp):
    (mark,) = market_data(Market.COINM).on_frame(MARK.replace(old, new), 6)
    assert (index, rate, stamp) == (mark.index, mark.funding_rate, mark.next_funding_ns)


def test_the_same_is_told_of_raw_frames_and_of_frames_in_an_unusual_order():
    for frame in (QUOTE, TRADE, AGGREGATE, MARK, diff(101, 102, speed="")):
        expected = list(synchronised().on_frame(frame, 3))
        assert expected
        assert expected == list(synchronised().on_frame(raw(frame), 3))
        unusual = b'{ "data" : %s, "stream" : "%s" }' % (raw(frame), msgspec.json.decode(frame)["stream"].encode())
        assert expected == list(synchronised().on_frame(unusual, 3))
        shouting = combined(msgspec.json.decode(frame)["stream"].replace("btcusdt", "BTCUSDT"), raw(frame))
        assert expected == list(synchronised().on_frame(shouting, 3))


def test_a_raw_frame_that_does_not_name_its_stream_is_read_by_the_name_of_its_connection():
    partial = b'{"lastUpdateId":160,"bids":[["0.5","10"]],"asks":[["0.75","5"],["1","4"]]}'
    expected = BookReset("BTCUSDT.v", [(0.5, 10.0)], [(0.75, 5.0), (1.0, 4.0)], 160, 3, 3)
    assert [expected] == list(market_data().on_frame(partial, 3, "btcusdt@depth5@100ms"))
    marks = b"[%s]" % raw(MARK)
    assert ["BTCUSDT.v"] == [each.instrument for each in market_data().on_frame(marks, 3, "!markPrice@arr@1s")]
    (unknown,) = market_data().on_frame(partial, 3)
    assert UnknownMessage("", partial.decode()) == unknown


@pytest.mark.parametrize("channel", ["depth5", "depth10@100ms", "depth20@500ms", "depth20@0ms"])
def test_the_best_levels_are_told_as_a_whole_book(channel):
    frame = combined(f"btcusdt@{channel}", b'{"e":"depthUpdate","E":9,"u":5,"U":4,"pu":-1,"b":[],"a":[["8.44","2"]]}')
    expected = BookReset("BTCUSDT.v", [], [(8.44, 2.0)], 5, 9_000_000, 3)
    assert [expected] == list(market_data(Market.COINM).on_frame(frame, 3))


def test_a_snapshot_is_asked_for_once_and_the_diffs_wait_for_it():
    data = market_data()
    assert [SnapshotNeeded("BTCUSDT.v")] == list(data.on_frame(diff(90, 100), 2))
    assert [] == list(data.on_frame(diff(101, 103, bids='[["99.5","4.0"]]'), 3))
    expected = [
        BookReset("BTCUSDT.v", [(100.0, 1.0)], [(101.0, 2.0)], 100, 4, 4),
        BookChange("BTCUSDT.v", [(99.5, 4.0)], [], 103, 10_000_000, 4),  # came at 3, takes effect now
    ]
    assert expected == list(data.on_snapshot("BTCUSDT.v", snapshot(100), 4))
    assert [BookChange("BTCUSDT.v", [], [], 105, 10_000_000, 5)] == list(data.on_frame(diff(104, 105), 5))


def test_a_snapshot_that_is_too_old_is_not_taken_and_another_is_asked_for():
    data = market_data()
    data.on_frame(diff(101, 103), 2)
    assert [SnapshotNeeded("BTCUSDT.v")] == list(data.on_snapshot("BTCUSDT.v", snapshot(90), 3))
    assert 1 == data.feeds["BTCUSDT.v"].snapshots_too_old
    kinds = [type(event) for event in data.on_snapshot("BTCUSDT.v", snapshot(100), 4)]
    assert [BookReset, BookChange] == kinds


def test_a_missing_diff_is_a_gap_and_asks_for_a_snapshot():
    data = synchronised()
    data.on_frame(diff(101, 103), 2)
    expected = [Gap("BTCUSDT.v", "missing book update", 3), SnapshotNeeded("BTCUSDT.v")]
    assert expected == list(data.on_frame(diff(106, 108), 3))
    assert [] == list(data.on_frame(diff(109, 110), 4))
    kinds = [type(event) for event in data.on_snapshot("BTCUSDT.v", snapshot(107), 5)]
    assert [BookReset, BookChange, BookChange] == kinds


def test_a_gap_among_the_waiting_diffs_asks_again():
    data = market_data()
    data.on_frame(diff(101, 103), 2)
    data.on_frame(diff(106, 108), 3)
    expected = [BookReset, BookChange, Gap, SnapshotNeeded]
    assert expected == [type(event) for event in data.on_snapshot("BTCUSDT.v", snapshot(100), 4)]


def test_a_refused_request_for_a_snapshot_is_made_again_while_there_is_need():
    data = market_data()
    assert [SnapshotNeeded("BTCUSDT.v")] == list(data.on_snapshot_failed("BTCUSDT.v"))
    data.on_snapshot("BTCUSDT.v", snapshot(100), 4)
    assert [] == list(data.on_snapshot_failed("BTCUSDT.v"))


def test_a_snapshot_older_than_the_book_changes_nothing():
    data = synchronised()
    data.on_frame(diff(101, 105), 2)
    assert [] == list(data.on_snapshot("BTCUSDT.v", snapshot(103), 3))
    assert [BookChange] == [type(event) for event in data.on_frame(diff(106, 107), 4)]


def test_a_snapshot_of_another_instrument_is_refused():
    with pytest.raises(MalformedMessage, match=r"depth snapshot of BTCUSDT\.v from Binance coinm .* is of ETHUSD_PERP"):
        market_data(Market.COINM).on_snapshot("BTCUSDT.v", snapshot(1, '"symbol":"ETHUSD_PERP",'), 1)
    with pytest.raises(MalformedMessage, match=r"malformed: .*bids"):
        market_data().on_snapshot("BTCUSDT.v", b'{"lastUpdateId":3}', 1)


def test_what_a_second_connection_delivers_again_is_told_once():
    data = synchronised(Market.USDM)
    frames = [QUOTE, TRADE, AGGREGATE, diff(100, 103, previous=99)]
    assert [1, 1, 1, 1] == [len(data.on_frame(frame, 2)) for frame in frames]
    assert [0, 0, 0, 0] == [len(data.on_frame(frame, 3)) for frame in frames]
    assert 3 == data.feeds["BTCUSDT.v"].repeated
    assert 1 == data.feeds["BTCUSDT.v"].book.sync.discarded


def test_a_trade_id_that_was_spent_without_a_trade_is_counted_and_not_told():
    data = market_data(Market.USDM)
    spent = TRADE.replace(b'"61837.63"', b'"0"').replace(b'"0.02"', b'"0"')
    assert [] == list(data.on_frame(spent, 2))
    assert 1 == data.feeds["BTCUSDT.v"].spent


def test_a_lost_connection_is_a_gap_and_the_next_diff_asks_for_a_snapshot():
    data = synchronised()
    for frame in (QUOTE, TRADE, AGGREGATE, diff(101, 105)):
        data.on_frame(frame, 2)
    assert [Gap("BTCUSDT.v", "connection lost", 3)] == list(data.on_lost(LOST, 3))
    assert [1, 1, 1] == [len(data.on_frame(frame, 4)) for frame in (QUOTE, TRADE, AGGREGATE)]  # it may count anew
    assert [SnapshotNeeded("BTCUSDT.v")] == list(data.on_frame(diff(106, 107), 4))


def test_the_loss_of_other_streams_leaves_the_book():
    data = synchronised()
    for frame in (QUOTE, TRADE):
        data.on_frame(frame, 2)
    assert 1 == len(data.on_lost(["btcusdt@markPrice@1s"], 3))
    assert [0, 0, 1] == [len(data.on_frame(frame, 4)) for frame in (QUOTE, TRADE, diff(101, 105))]


@pytest.mark.parametrize("kind", ["kline", "24hrTicker", "forceOrder", "contractInfo", "continuous_kline"])
def test_kinds_that_nobody_wants_are_counted(kind):
    data = market_data()
    for frame in (combined(f"btcusdt@{kind}", b'{"e":"%s"}' % kind.encode()), b'{"e":"%s"}' % kind.encode()):
        assert [] == list(data.on_frame(frame, 1))
    assert ({kind: 2}, 0) == (data.not_wanted, data.unknown)


def test_frames_of_instruments_that_are_not_ours_are_counted_by_kind():
    data = market_data(Market.USDM)
    frames = [frame.replace(b"btcusdt", b"ethusdt").replace(b"BTCUSDT", b"ETHUSDT") for frame in (QUOTE, TRADE, MARK)]
    frames += [combined("!bookTicker", raw(frames[0])), combined("!markPrice@arr", b"[%s]" % raw(frames[2]))]
    frames += [combined("ethusdt@depth20", b'{"bids":[]}'), raw(frames[1])]
    assert [[]] * len(frames) == [list(data.on_frame(frame, 1)) for frame in frames]
    of_another = {"bookTicker": 2, "trade": 2, "markPriceUpdate": 2, "depthUpdate": 1}
    assert {f"{kind} of another instrument": number for kind, number in of_another.items()} == data.not_wanted


def test_streams_of_all_instruments_tell_of_ours():
    data = market_data(Market.USDM)
    assert [Quote] == [type(event) for event in data.on_frame(combined("!bookTicker", raw(QUOTE)), 1)]
    marks = b"[%s,%s]" % (raw(MARK), raw(MARK).replace(b"BTCUSDT", b"ETHUSDT"))
    assert [MarkPrice] == [type(event) for event in data.on_frame(combined("!markPrice@arr", marks), 1)]
    assert [] == list(data.on_frame(combined("!ticker@arr", b'[{"e":"24hrTicker"},{"e":"24hrTicker"}]'), 1))
    assert 1 == data.not_wanted["24hrTicker"]


@pytest.mark.parametrize(
    ("frame", "kind"),
    [
        (combined("btcusdt@newThing", b'{"e":"newThing"}'), "newThing"),
        (combined("btcusdt@newThing", b"{}"), "btcusdt@newThing"),
        (combined("btcusdt@depth@1ms", raw(diff(1, 2))), "btcusdt@depth@1ms"),  # of ours, at a speed not known
        (combined("!new@arr", b'[{"e":"newThing"}]'), "newThing"),
        (b'{"e":"newThing","s":"BTCUSDT"}', "newThing"),
        (b"{}", ""),
    ],
)
def test_a_message_of_a_kind_that_is_not_known_is_reported(frame, kind):
    data = market_data()
    assert [UnknownMessage(kind, frame.decode())] == list(data.on_frame(frame, 1))
    assert 1 == data.unknown


def test_a_book_with_retail_orders_in_it_is_known_and_not_wanted():
    data = market_data(Market.USDM)
    assert [] == list(data.on_frame(combined("btcusdt@rpiDepth@500ms", raw(diff(1, 2))), 1))
    assert {"rpiDepth": 1} == data.not_wanted


@pytest.mark.parametrize(
    ("frame", "expected"),
    [
        (b'{"result":null,"id":312}', SubscriptionAnswered("312")),
        (b'{"result":["btcusdt@aggTrade"],"id":"three"}', SubscriptionAnswered("three", ("btcusdt@aggTrade",))),
        (b'{"result":true,"id":2}', SubscriptionAnswered("2")),
        (b'{"error":{"code":2,"msg":"too many"},"id":1}', SubscriptionRefused("1", 2, "too many")),
        (b'{"code":3,"msg":"Invalid JSON"}', SubscriptionRefused("", 3, "Invalid JSON")),
        (b'{"e":"serverShutdown","E":1770123456789}', ServerClosing(1_770_123_456_789_000_000)),
        (b'{"event":{"e":"serverShutdown","E":2}}', ServerClosing(2_000_000)),
        (b'{"stream":"","data":{}, "e":"serverShutdown","E":2}', ServerClosing(2_000_000)),
        (combined("x", b'{"e":"serverShutdown","E":2}'), ServerClosing(2_000_000)),
    ],
)
def test_answers_and_notices_are_told(frame, expected):
    assert [expected] == list(market_data().on_frame(frame, 1))


@pytest.mark.parametrize(
    "frame",
    [
        b"", b"{", b"[]", b"\xff\xfe", b"null", QUOTE[:-1], b'{"stream":"btcusdt@trade"}', b'{"stream":"x@y"}',
        QUOTE.replace(b"100.10", b"nan"), QUOTE.replace(b"100.10", b"-1"), QUOTE.replace(b"100.10", b"2e15"),
        MARK.replace(b"-0.00058455", b"nan"), MARK.replace(b"-0.00058455", b"much"), MARK.replace(b":20,", b":-1,"),
        diff(101, 102, bids='[["1.0"]]'), b'{"deep":' + b"[" * 100_000,
    ],
)  # fmt: skip
def test_malformed_bytes_are_named(frame):
    pattern = rf"frame from Binance spot of {len(frame)} bytes is malformed: .*it begins with b['\"]"
    with pytest.raises(MalformedMessage, match=pattern):
        market_data().on_frame(frame, 1)


@settings(max_examples=300)
@given(data=st.data())
def test_a_mutated_frame_is_told_within_bounds_or_raises_the_one_error(data):
    frame = bytearray(data.draw(st.sampled_from([QUOTE, TRADE, AGGREGATE, MARK, diff(1, 2), snapshot(1)])))
    for _ in range(data.draw(st.integers(1, 4))):
        frame[data.draw(st.integers(0, len(frame) - 1))] = data.draw(st.integers(0, 255))
    try:
        events = market_data().on_frame(bytes(frame), 1)
    except MalformedMessage:
        return
    for event in events:
        if isinstance(event, Quote | Trade | MarkPrice):
            assert event == MARKET_DATA.decode(encode(event))
