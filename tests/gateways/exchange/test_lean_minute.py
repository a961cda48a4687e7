"""Bars of a minute or a second: known at their end, and never before."""

import gzip
from collections.abc import Callable
from datetime import date
from decimal import Decimal
from itertools import islice
from pathlib import Path

import pytest

from gateways.exchange.feed_spec import LeanMinuteFeed
from gateways.exchange.sources.lean_minute import LeanMinuteSource
from gateways.exchange.sources.source import BookChange, BookReset, SourceCounts, SourceError
from messages.market import Quote, Trade
from messages.orders import Side
from tests.gateways.exchange.trading_floor import LINEAR
from tests.support.recordings import DATA, needs_recordings

BARS = DATA / "series" / "lean_minute_bars"

MIDNIGHT_NS = 1_670_889_600 * 10**9
"""2022-12-13 00:00 UTC: 19,339 days of 86,400 s."""

MINUTE_NS = 60 * 10**9
QUOTE = "0,99,101,98,100,2.5,99.5,101.5,98.5,100.5,3"
TRADE = "0,100,101,99,100.5,7"

Write = Callable[..., Path]


@pytest.fixture
def write(tmp_path: Path) -> Write:
    def write(*lines: str, name: str = "btc_minute_20221213_quote.csv.gz") -> Path:
        text = "".join(f"{line}\n" for line in lines).encode()
        (tmp_path / name).write_bytes(gzip.compress(text) if name.endswith("gz") else text)
        return tmp_path / name

    return write


def a_source(*files: Path, **keys: object) -> LeanMinuteSource:
    return LeanMinuteSource(LINEAR, LeanMinuteFeed(files=tuple(map(str, files)), **keys))


def test_a_quote_bar_becomes_the_book_and_the_quote_of_its_closes_at_its_end(write: Write) -> None:
    book, quote = a_source(write(QUOTE)).events()
    end_ns = MIDNIGHT_NS + MINUTE_NS
    assert BookReset(LINEAR.id, [(100.0, 2.5)], [(100.5, 3.0)], 1, end_ns, end_ns) == book
    assert Quote(LINEAR.id, 100.0, 2.5, 100.5, 3.0, end_ns, end_ns) == quote


def test_the_next_bar_changes_the_book_and_leaves_a_level_that_is_the_same(write: Write) -> None:
    second = "60000,100,100,100,100,2.5,100.5,101,100.5,101,1"
    *_, change, _quote = a_source(write(QUOTE, second)).events()
    end_ns = MIDNIGHT_NS + 2 * MINUTE_NS
    assert BookChange(LINEAR.id, [], [(100.5, 0.0), (101.0, 1.0)], 2, end_ns, end_ns) == change


def test_a_missing_minute_is_no_event(write: Write) -> None:
    later = QUOTE.replace("0,", "180000,", 1)
    source = a_source(write(QUOTE, later))
    ends = [(event.ts_received - MIDNIGHT_NS) // MINUTE_NS for event in source.events() if isinstance(event, Quote)]
    assert [1, 4] == ends
    assert SourceCounts(quotes=2, book_updates=2) == source.counts(LINEAR.id)


def test_a_bar_of_a_second_ends_a_second_later(write: Write) -> None:
    (trade,) = a_source(write("4000,1,1,1,1,2", name="x_second_20161007_trade.csv")).events()
    assert 5 * 10**9 == trade.ts_received % (86_400 * 10**9)


def test_trades_are_prints_at_the_close_whose_side_is_told_by_the_tick(write: Write) -> None:
    closes = (100.5, 101, 101, 99, 99)
    lines = [f"{60_000 * n},100,200,1,{close},7" for n, close in enumerate(closes)]
    source = a_source(write(*lines, name="20221213_trade.csv"))
    trades = list(source.events())
    # the first close stands above its open; after that up, unchanged, down, unchanged
    assert [Side.BUY, Side.BUY, Side.BUY, Side.SELL, Side.SELL] == [trade.aggressor for trade in trades]
    end_ns = MIDNIGHT_NS + MINUTE_NS
    assert Trade(LINEAR.id, 100.5, 7.0, Side.BUY, str(end_ns), end_ns, end_ns) == trades[0]
    assert SourceCounts(trades=5) == source.counts(LINEAR.id)


def test_a_bar_without_volume_is_no_trade(write: Write) -> None:
    assert (
        []
        == list(a_source(write("0,1,1,1,1,0", TRADE.replace("0,", "60000,", 1), name="20221213_trade.csv")).events())[
            1:
        ]
    )


def test_quotes_and_trades_are_read_side_by_side_the_trade_first(write: Write) -> None:
    trades = write(TRADE, TRADE.replace("0,", "60000,", 1), name="20221213_trade.csv")
    quotes = write(QUOTE, QUOTE.replace("0,", "60000,", 1))
    kinds = [type(event) for event in a_source(quotes, trades).events()]
    assert [Trade, BookReset, Quote, Trade, BookChange, Quote] == kinds


def test_a_bar_with_nobody_on_one_side_is_left_out(write: Write) -> None:
    source = a_source(
        write("0,,,,,,99.5,101.5,98.5,100.5,3", "60000,99,101,98,100,2.5,,,,,", QUOTE.replace("0,", "120000,", 1))
    )
    assert 2 == len(list(source.events()))
    assert 2 == source.rows_skipped


def test_days_are_read_one_after_the_other(write: Write) -> None:
    first, second = write(QUOTE), write(QUOTE, name="btc_20221214_quote.csv.gz")
    stamps = [event.ts_received for event in a_source(first, second).events() if isinstance(event, Quote)]
    assert [MIDNIGHT_NS + MINUTE_NS, MIDNIGHT_NS + 86_400 * 10**9 + MINUTE_NS] == stamps


def test_what_the_name_does_not_tell_is_told_by_the_feed(write: Write) -> None:
    file = write(TRADE.replace("0,", "1000,", 1), name="mine.csv")
    (trade,) = a_source(file, date=date(2022, 12, 13), bars="trade", resolution="second").events()
    assert MIDNIGHT_NS + 2 * 10**9 == trade.ts_received


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("20221213.csv", 'neither "quote" nor "trade" is in the name 20221213.csv'),
        ("btc_quote.csv", "no date yyyymmdd is in the name btc_quote.csv"),
        ("20221313_quote.csv", "no date yyyymmdd is in the name 20221313_quote.csv"),
    ],
)
def test_a_name_that_does_not_tell_enough_is_refused(write: Write, name: str, told: str) -> None:
    with pytest.raises(SourceError, match=f"recorded feed of {LINEAR.id}: {told}; say it in the feed"):
        a_source(write(QUOTE, name=name))


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ("60001,99,101,98,100,2.5,99.5,101.5,98.5,100.5,3", "60001 is not the start of a bar of 60000 ms"),
        ("86400000,99,101,98,100,2.5,99.5,101.5,98.5,100.5,3", "86400000 is not the start of a bar"),
        ("0,99,101,98,100,2.5,99.5,101.5,98.5,100.5,3", "is not after"),
        ("60000,99,101,98,100.5,2.5,99.5,101.5,98.5,100.5,3", r"the bid 100\.5 is not below the ask 100\.5"),
        ("60000,99,101,98,0,2.5,99.5,101.5,98.5,100.5,3", r"the bid 0\.0 is not below"),
        ("60000,99,101,98,x,2.5,99.5,101.5,98.5,100.5,3", "Expected `float`"),
        ("60000,99,101,98,nan,2.5,99.5,101.5,98.5,100.5,3", "Expected `float`"),
        ("60000,99,101,98,-1,2.5,99.5,101.5,98.5,100.5,3", "Expected `float` >= 0"),
        ("60000,99,101,98", "length 11"),
        ("60000,99,101,98,100,2.5,99.5,101.5,98.5,100.5,3,4", "length 11"),
    ],
)
def test_a_wrong_line_is_told_by_file_and_number(write: Write, line: str, told: str) -> None:
    with pytest.raises(SourceError, match=rf"quote\.csv\.gz of {LINEAR.id}, line 2 is malformed: .*{told}.*; leave"):
        list(a_source(write(QUOTE, line)).events())


def test_a_wrong_trade_is_told_too(write: Write) -> None:
    with pytest.raises(SourceError, match="line 1 is malformed"):
        list(a_source(write("0,1,1,1,inf,1", name="20221213_trade.csv")).events())


def test_files_in_the_wrong_order_are_told(write: Write) -> None:
    with pytest.raises(SourceError, match=r"20221213_quote.* line 1 is malformed: .* give the files in the order"):
        list(a_source(write(QUOTE, name="20221214_quote.csv"), write(QUOTE)).events())


def test_missing_files_and_no_files_are_told_before_anything_is_read(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match=r"20221213_quote\.csv of .* does not exist; correct the path"):
        a_source(tmp_path / "20221213_quote.csv")
    with pytest.raises(SourceError, match="names no files"):
        a_source()


def test_counts_of_another_instrument_are_refused(write: Write) -> None:
    with pytest.raises(KeyError, match=r"ETH\.sim is not in the source"):
        a_source(write(QUOTE)).counts("ETH.sim")


def test_nothing_is_told_before_the_bars_that_it_comes_from_have_ended(write: Write) -> None:
    """What has come by the end of bar n is the same, whatever the bars after n say."""

    def bars(closes: list[int]) -> list[str]:
        return [f"{60_000 * n},1,1,1,{close},1,9,9,9,{close + 1},1" for n, close in enumerate(closes)]

    def first_events(closes: list[int], name: str) -> list[object]:
        return list(islice(a_source(write(*bars(closes), name=name)).events(), 4))

    told = first_events([5, 6, 7, 8], "a_20221213_quote.csv")
    assert told == first_events([5, 6, 50, 2], "b_20221213_quote.csv")
    assert MIDNIGHT_NS + 2 * MINUTE_NS == max(event.ts_received for event in told)


# --- recorded files ---------------------------------------------------------------------------------------------------

QUOTES = [
    ("binance_future_btcusd_minute_20221213", 1104, (17207.5, 1565, 17207.6, 221), (17779.6, 13153, 17779.7, 936)),
    ("bybit_future_btcusdt_minute_20221213", 460, (17199, 135.724, 17199.5, 17.697), (17435, 46.412, 17435.5, 11.592)),
    (
        "bybit_spot_btcusdt_minute_20221213", 721,
        (17205.01, 0.00531, 17206.77, 0.00416), (17451.17, 0.031253, 17452.62, 0.001666),
    ),
    (
        "coinbase_spot_btcusd_minute_20180404", 1437,
        (7424.9, 1.88483821, 7424.91, 33.35399601000002), (6791.67, 1.76705729, 6791.68, 27.039899029999997),
    ),
]  # fmt: skip
"""Rows, and bid, its size, ask, its size of the first and the last row, as the data's own notes tell them."""


@needs_recordings
@pytest.mark.parametrize(("name", "rows", "first", "last"), QUOTES)
def test_the_recorded_quotes_are_those_of_the_files(
    name: str, rows: int, first: tuple[float, ...], last: tuple[float, ...]
) -> None:
    source = a_source(BARS / f"{name}_quote.csv.gz")
    quotes = [event for event in source.events() if isinstance(event, Quote)]
    assert (rows, 0) == (len(quotes), source.rows_skipped)
    assert (first, last) == tuple((q.bid, q.bid_size, q.ask, q.ask_size) for q in (quotes[0], quotes[-1]))
    assert all(quote.bid < quote.ask for quote in quotes)


TRADES = [
    ("binance_future_btcusd_minute_20221213", 1439, "17933640", 17207.6, 17779.7),
    ("binance_spot_btcbusd_minute_20221213", 1440, "182861.34542", 17208.88, 17777.08),
    ("bybit_future_btcusdt_minute_20221213", 721, "64455.405", 17199.0, 17435.5),
    ("bybit_spot_btcusdt_minute_20221213", 1440, "6979.514601", 17205.0, 17778.49),
    ("coinbase_spot_btcusd_minute_20180404", 1007, "9190.96476367", 7422.0, 6894.01),
    ("coinbase_spot_ethusd_minute_20180405", 1440, "92115.05225926", 378.02, 381.55),
]
"""Rows, volume in all, first and last close."""


@needs_recordings
@pytest.mark.parametrize(("name", "rows", "volume", "first", "last"), TRADES)
def test_the_recorded_trades_are_those_of_the_files(
    name: str, rows: int, volume: str, first: float, last: float
) -> None:
    trades = [event for event in a_source(BARS / f"{name}_trade.csv.gz").events() if isinstance(event, Trade)]
    assert (rows, first, last) == (len(trades), trades[0].price, trades[-1].price)
    assert Decimal(volume) == sum(Decimal(repr(trade.size)) for trade in trades)


@needs_recordings
@pytest.mark.parametrize(("day", "rows"), [("20161007", 4063), ("20161008", 3453)])
def test_the_recorded_bars_of_a_second_are_those_of_the_files(day: str, rows: int) -> None:
    assert rows == len(list(a_source(BARS / f"coinbase_spot_btcusd_second_{day}_trade.csv.gz").events()))


def mids(name: str) -> dict[int, float]:
    quotes = a_source(BARS / f"{name}_quote.csv.gz").events()
    return {quote.ts_received: (quote.bid + quote.ask) / 2 for quote in quotes if isinstance(quote, Quote)}


@needs_recordings
@pytest.mark.parametrize(
    ("a", "b", "minutes", "mean_bps"),
    [
        ("bybit_spot_btcusdt", "bybit_future_btcusdt", 460, -7.2776),
        ("bybit_spot_btcusdt", "binance_future_btcusd", 468, -0.6881),
        ("bybit_future_btcusdt", "binance_future_btcusd", 402, 6.5959),
    ],
)
def test_the_mean_basis_of_the_common_minutes_is_that_of_the_files(
    a: str, b: str, minutes: int, mean_bps: float
) -> None:
    left, right = mids(f"{a}_minute_20221213"), mids(f"{b}_minute_20221213")
    bases = [right[ts] / left[ts] - 1 for ts in left if ts in right]
    assert (minutes, mean_bps) == (len(bases), round(1e4 * sum(bases) / len(bases), 4))
