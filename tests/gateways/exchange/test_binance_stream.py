import gzip
import os
from collections import Counter
from decimal import Decimal
from itertools import islice, pairwise
from pathlib import Path

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gateways.book import Book
from gateways.exchange.feed_spec import BinanceStreamFeed
from gateways.exchange.sources.binance_stream import LINE_BYTES_MAX, BinanceStreamSource
from gateways.exchange.sources.merge import merge
from gateways.exchange.sources.source import BookChange, BookReset, SourceCounts, SourceError
from messages.codec import MARKET_DATA, encode
from messages.instruments import Instrument, InstrumentType
from messages.market import Gap, Quote, Trade
from messages.orders import Side

DATA = Path(os.environ.get("OUTCRY_DATA", Path(__file__).resolve().parents[4] / "shared" / "data"))
CAPTURE = DATA / "wire" / "binance_spot_usdm_coinm_2024"

SPOT_QUOTE = b'{"stream":"btcusdt@bookTicker","data":{"u":1,"s":"BTCUSDT","b":"100.10","B":"2.5","a":"100.20","A":"0"}}'
USDM_QUOTE = (
    b'{"stream":"btcusdt@bookTicker","data":{"e":"bookTicker","u":7,"s":"BTCUSDT","b":"100.10","B":"2.5",'
    b'"a":"100.20","A":"0.5","T":1723161257465,"E":1723161257476}}'
)
TRADE = (
    b'{"stream":"btcusdt@trade","data":{"e":"trade","E":1723161255343,"s":"BTCUSDT","t":3735683259,"p":"61837.63",'
    b'"q":"0.02","T":1723161255342,"m":true,"M":true}}'
)


def an_instrument(symbol: str = "BTCUSDT") -> Instrument:
    return Instrument(
        symbol=symbol,
        venue="v",
        type=InstrumentType.PERPETUAL,
        base="BTC",
        quote="USDT",
        settle="USDT",
        tick_size=Decimal("0.01"),
        lot_size=Decimal("0.00001"),
    )


def a_source(*files: Path, market: str = "spot", symbol: str = "BTCUSDT") -> BinanceStreamSource:
    feed = BinanceStreamFeed(market=market, files=tuple(str(file) for file in files))
    return BinanceStreamSource(an_instrument(symbol), feed)


def depth(first: int, last: int, *, bids: str = "[]", asks: str = "[]", extra: str = "") -> bytes:
    """A diff frame; its E is 10 ms after the epoch."""
    return (
        f'{{"stream":"btcusdt@depth@100ms","data":{{"e":"depthUpdate","E":10,"s":"BTCUSDT","U":{first},"u":{last},'
        f'{extra}"b":{bids},"a":{asks}}}}}'
    ).encode()


def snapshot(update_id: int, *, extra: str = "") -> bytes:
    return f'{{"lastUpdateId":{update_id},{extra}"bids":[["100.0","1.0"]],"asks":[["101.0","2.0"]]}}'.encode()


@pytest.fixture
def record(tmp_path):
    """Write frames to a gz file: one a line, received 1,000, 1,001, ... ns after the epoch."""

    def write(*frames: bytes, name: str = "capture.gz", first_ns: int = 1_000) -> Path:
        file = tmp_path / name
        lines = [b"%d %s\n" % (first_ns + number, frame) for number, frame in enumerate(frames)]
        file.write_bytes(gzip.compress(b"".join(lines)))
        return file

    return write


def test_a_spot_quote_carries_our_time_as_the_venue_gives_none(record):
    expected = Quote("BTCUSDT.v", 100.1, 2.5, 100.2, 0.0, ts_event=1_000, ts_received=1_000)
    assert [expected] == list(a_source(record(SPOT_QUOTE)).events())


def test_a_futures_quote_carries_the_event_time_of_the_venue(record):
    expected = Quote("BTCUSDT.v", 100.1, 2.5, 100.2, 0.5, ts_event=1_723_161_257_476_000_000, ts_received=1_000)
    assert [expected] == list(a_source(record(USDM_QUOTE), market="usdm").events())


def test_a_trade_whose_buyer_was_the_maker_was_sold_into(record):
    bought = TRADE.replace(b'"m":true', b'"m":false')
    events = list(a_source(record(TRADE, bought)).events())
    assert [Side.SELL, Side.BUY] == [event.aggressor for event in events]
    expected = Trade("BTCUSDT.v", 61_837.63, 0.02, Side.SELL, "3735683259", 1_723_161_255_343_000_000, 1_000)
    assert expected == events[0]


def test_diffs_are_joined_to_the_snapshot_that_comes_after_them(record):
    file = record(
        depth(90, 100),
        depth(101, 103, bids='[["99.5","4.0"]]'),
        snapshot(100),
        depth(104, 110, asks='[["101.0","0.0"],["101.5","3.0"]]'),
    )
    source = a_source(file)
    expected = [
        BookReset("BTCUSDT.v", [(100.0, 1.0)], [(101.0, 2.0)], 100, 1_002, 1_002),
        BookChange("BTCUSDT.v", [(99.5, 4.0)], [], 103, 10_000_000, 1_002),  # came at 1,001, takes effect now
        BookChange("BTCUSDT.v", [], [(101.0, 0.0), (101.5, 3.0)], 110, 10_000_000, 1_003),
    ]
    assert expected == list(source.events())
    assert SourceCounts(book_updates=2, book_updates_discarded=1) == source.counts("BTCUSDT.v")
    assert 110 == source.last_update_id


def test_a_futures_snapshot_carries_the_event_time_of_the_venue(record):
    (reset,) = a_source(record(snapshot(100, extra='"E":7,"T":6,"symbol":"BTCUSDT",')), market="usdm").events()
    assert (7_000_000, 1_000) == (reset.ts_event, reset.ts_received)


def test_a_missing_diff_is_told_once_and_healed_by_the_next_snapshot(record):
    frames = [snapshot(100), depth(101, 103), depth(106, 108), depth(109, 110), snapshot(107), depth(111, 112)]
    source = a_source(record(*frames))
    events = list(source.events())
    kinds = [BookReset, BookChange, Gap, BookReset, BookChange, BookChange, BookChange]
    assert kinds == [type(event) for event in events]
    assert Gap("BTCUSDT.v", "missing book update", 1_002) == events[2]
    # 106-108 straddles 108 = 107 + 1; then 109-110 and 111-112
    assert [108, 110, 112] == [event.update_id for event in events[4:]]
    assert SourceCounts(book_updates=4, gaps=1) == source.counts("BTCUSDT.v")


def test_futures_diffs_are_chained_by_the_id_of_the_one_before(record):
    frames = [snapshot(100), depth(95, 103, extra='"pu":94,'), depth(150, 160, extra='"pu":103,')]
    source = a_source(record(*frames), market="usdm")
    assert [BookReset, BookChange, BookChange] == [type(event) for event in source.events()]


def test_a_snapshot_older_than_the_book_is_skipped(record):
    source = a_source(record(snapshot(100), depth(101, 105), snapshot(103), depth(106, 107)))
    assert [100, 105, 107] == [event.update_id for event in source.events()]
    assert 1 == source.lines_skipped


def test_lines_of_other_symbols_and_streams_are_counted_and_skipped(record):
    file = record(
        SPOT_QUOTE.replace(b"btcusdt", b"ethusdt"),
        b'{"stream":"btcusdt@kline_1m","data":{}}',
        b'{"stream":"btcusdt@trade2","data":{}}',
        b'{"result":null,"id":1}',
        snapshot(100, extra='"symbol":"ETHUSDT",'),
        SPOT_QUOTE,
    )
    source = a_source(file)
    assert [Quote] == [type(event) for event in source.events()]
    assert 5 == source.lines_skipped
    assert SourceCounts(quotes=1) == source.counts("BTCUSDT.v")


def test_symbols_match_in_any_case(record):
    frames = [
        each.replace(b"btcusdt@", b"BTCUSD_Perp@") for each in (SPOT_QUOTE, TRADE, snapshot(100), depth(100, 101))
    ]
    events = list(a_source(record(*frames), market="coinm", symbol="btcusd_PERP").events())
    assert [Quote, Trade, BookReset, BookChange] == [type(event) for event in events]


def test_a_frame_whose_fields_come_in_another_order_is_read_all_the_same(record):
    frame = b'{ "data" : {"A":"0","u":1,"s":"BTCUSDT","a":"9","b":"8","B":"2.5"}, "stream" : "btcusdt@bookTicker" }'
    (quote,) = a_source(record(frame)).events()
    assert (8.0, 9.0) == (quote.bid, quote.ask)


def test_files_are_read_one_after_the_other_as_one_stream(record):
    first = record(snapshot(100), depth(101, 103), name="1.gz")
    second = record(depth(104, 106), name="2.gz", first_ns=2_000)
    source = a_source(first, second)
    assert [100, 103, 106] == [event.update_id for event in source.events()]
    assert 0 == source.counts("BTCUSDT.v").gaps


def test_files_in_the_wrong_order_are_refused(record):
    first, second = record(SPOT_QUOTE, name="1.gz", first_ns=2_000), record(SPOT_QUOTE, name="2.gz", first_ns=1_999)
    with pytest.raises(SourceError, match=r"2\.gz of BTCUSDT\.v, line 1 .*order of their recording"):
        list(a_source(first, second).events())


@pytest.mark.parametrize(
    "frame",
    [
        b"",
        b"{",
        b"[]",
        b"\xff\xfe",
        SPOT_QUOTE[:-1],
        b'{"stream":"btcusdt@trade"}',
        SPOT_QUOTE.replace(b"100.10", b"nan"),
        SPOT_QUOTE.replace(b"100.10", b"inf"),
        SPOT_QUOTE.replace(b"100.10", b"-1"),
        SPOT_QUOTE.replace(b"100.10", b"2e15"),
        TRADE.replace(b"1723161255343", b"9300000000000"),  # past the last nanosecond of 63 bits
        depth(101, 102, bids='[["1.0"]]'),
        depth(101, 102, asks='[["1.0","-2"]]'),
        b'{"lastUpdateId":100}',
        b'{"deep":' + b"[" * 100_000,
    ],
)
def test_a_malformed_line_is_named_by_file_and_number(record, frame):
    source = a_source(record(SPOT_QUOTE, frame, SPOT_QUOTE))
    events = source.events()
    assert isinstance(next(events), Quote)
    with pytest.raises(SourceError, match=r"capture\.gz of BTCUSDT\.v, line 2 of \d+ bytes is malformed"):
        next(events)


@pytest.mark.parametrize("line", [b"\n", b"x {}\n", b"{}\n", b"-1 {}\n", b"99999999999999999999 {}\n"])
def test_a_line_without_a_proper_time_is_malformed(tmp_path, line):
    file = tmp_path / "capture.gz"
    file.write_bytes(gzip.compress(line))
    with pytest.raises(SourceError, match="line 1 of"):
        list(a_source(file).events())


def test_a_line_without_end_is_refused_and_not_kept_in_memory(tmp_path):
    file = tmp_path / "capture.gz"
    file.write_bytes(gzip.compress(b"1 " + b" " * (2 * LINE_BYTES_MAX)))
    with pytest.raises(SourceError, match=f"line 1 of {LINE_BYTES_MAX} bytes"):
        list(a_source(file).events())


def test_a_last_line_without_a_line_break_counts(tmp_path):
    file = tmp_path / "capture.gz"
    file.write_bytes(gzip.compress(b"1 " + SPOT_QUOTE + b"\n2 " + SPOT_QUOTE))
    assert [1, 2] == [event.ts_received for event in a_source(file).events()]


def test_a_file_cut_short_gives_what_it_has_and_then_an_error(record):
    numbered = [SPOT_QUOTE.replace(b'"u":1', b'"u":%d' % (number * 7919 % 10007)) for number in range(10_000)]
    file = record(*numbered)
    file.write_bytes(file.read_bytes()[:-100])
    events = a_source(file).events()
    assert 1_000 == len(list(islice(events, 1_000)))
    with pytest.raises(SourceError, match=r"capture\.gz of BTCUSDT\.v cannot be read after line \d+: .*fetch"):
        list(events)


def test_a_damaged_file_is_an_error(record):
    file = record(*[SPOT_QUOTE] * 100)
    content = bytearray(file.read_bytes())
    content[-6] ^= 1  # in the checksum
    file.write_bytes(content)
    with pytest.raises(SourceError, match="CRC check failed"):
        list(a_source(file).events())


def test_a_file_that_is_not_gzip_is_an_error(tmp_path):
    file = tmp_path / "capture.gz"
    file.write_bytes(b"1 " + SPOT_QUOTE)
    with pytest.raises(SourceError, match=r"capture\.gz of BTCUSDT\.v cannot be read after line 0: Not a gzipped file"):
        list(a_source(file).events())


def test_a_file_without_lines_is_an_error(tmp_path):
    file = tmp_path / "capture.gz"
    file.write_bytes(b"")
    with pytest.raises(SourceError, match=r"capture\.gz of BTCUSDT\.v has no lines"):
        list(a_source(file).events())


def test_a_missing_file_is_found_before_anything_is_read(record, tmp_path):
    with pytest.raises(SourceError, match=r"nowhere\.gz of BTCUSDT\.v does not exist; correct the path"):
        a_source(record(SPOT_QUOTE), tmp_path / "nowhere.gz")


def test_a_wrong_feed_is_refused_with_what_is_expected(record):
    with pytest.raises(SourceError, match=r"'options'; expected spot \| usdm \| coinm"):
        a_source(record(SPOT_QUOTE), market="options")
    with pytest.raises(SourceError, match="names no files"):
        a_source()


def test_counts_of_another_instrument_are_refused(record):
    with pytest.raises(KeyError, match=r"ETHUSDT\.v is not in the source of BTCUSDT\.v"):
        a_source(record(SPOT_QUOTE)).counts("ETHUSDT.v")


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=200)
@given(data=st.data())
def test_a_mutated_line_gives_an_event_within_bounds_or_the_one_error(record, data):
    frame = bytearray(data.draw(st.sampled_from([SPOT_QUOTE, USDM_QUOTE, TRADE, snapshot(100), depth(1, 2)])))
    for _ in range(data.draw(st.integers(1, 4))):
        frame[data.draw(st.integers(0, len(frame) - 1))] = data.draw(st.integers(0, 255))
    source = a_source(record(bytes(frame)))
    try:
        events = list(source.events())
    except SourceError:
        return
    for event in events:
        if isinstance(event, Quote | Trade):
            assert event == MARKET_DATA.decode(encode(event))


class Truth(msgspec.Struct):
    """What independent scripts found in the capture."""

    symbol: str
    files: tuple[str, ...]
    counts: SourceCounts
    update_id: int
    best: tuple[tuple[float, float], tuple[float, float]]
    levels: tuple[int, int]
    buyer_taker: int
    volume: str


TRUTH = {
    "spot": Truth(
        "BTCUSDT",
        ("spot_btcusdt_20240808.gz", "spot_btcusdt_20240809.gz"),
        SourceCounts(73_174, 19_904, 6_493, 2, 0),
        50_093_696_318,
        ((61_602.01, 1.67177), (61_602.02, 2.66795)),
        (1_971, 2_962),
        9_093,
        "437.91552",
    ),
    "usdm": Truth(
        "BTCUSDT",
        ("usdm_btcusdt_20240808.gz",),
        SourceCounts(66_089, 21_313, 6_547, 4, 0),
        5_123_135_475_514,
        ((61_659.7, 1.486), (61_659.8, 0.981)),
        (5_018, 4_578),
        9_616,
        "2429.366",
    ),
    "coinm": Truth(
        "BTCUSD_PERP",
        ("cm_btcusd_perp_20240808.gz", "cm_btcusd_perp_20240809.gz"),
        SourceCounts(48_355, 5_235, 44_772, 23, 0),
        1_007_206_781_963,
        ((61_600.0, 27.0), (61_600.1, 1_647.0)),
        (1_510, 1_733),
        2_565,
        "182183",
    ),
}
needs_capture = pytest.mark.skipif(
    not CAPTURE.is_dir(), reason=f"recorded data is not in {CAPTURE}; set OUTCRY_DATA to the folder that has it"
)


def a_recorded_source(market: str) -> BinanceStreamSource:
    truth = TRUTH[market]
    return a_source(*(CAPTURE / name for name in truth.files), market=market, symbol=truth.symbol)


@needs_capture
@pytest.mark.parametrize("market", TRUTH)
def test_the_capture_is_read_as_independent_scripts_read_it(market):
    truth, source, book = TRUTH[market], a_recorded_source(market), Book()
    instrument = f"{truth.symbol}.v"
    resets = crossed = buyer_taker = ts_last = 0
    volume = Decimal(0)
    for event in source.events():
        assert ts_last <= event.ts_received
        ts_last = event.ts_received
        if isinstance(event, BookChange):
            book.apply(event.bids, event.asks)
            crossed += book.is_crossed
        elif isinstance(event, BookReset):
            book.reset(event.bids, event.asks)
            resets += 1
        elif isinstance(event, Trade):
            buyer_taker += event.aggressor is Side.BUY
            volume += Decimal(repr(event.size))
    assert truth.counts == source.counts(instrument)
    assert truth.update_id == source.last_update_id
    assert truth.best == (book.best_bid(), book.best_ask())
    assert truth.levels == (book.bid_levels, book.ask_levels)
    assert (1, 0, 0) == (resets, crossed, source.lines_skipped)
    assert truth.buyer_taker == buyer_taker
    assert Decimal(truth.volume) == volume


@needs_capture
def test_the_three_markets_run_on_one_clock():
    sources = {market: a_recorded_source(market) for market in TRUTH}
    events = Counter()
    times = []
    for market, event in merge(sources):
        events[market] += 1
        times.append(event.ts_received)
    assert all(before <= after for before, after in pairwise(times))
    # quotes + trades + diffs applied + one snapshot each
    assert {"spot": 73_174 + 19_904 + 6_493 + 1, "usdm": 66_089 + 21_313 + 6_547 + 1, "coinm": 98_363} == events
