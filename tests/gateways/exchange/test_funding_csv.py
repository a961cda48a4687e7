"""Funding rates as venues and collectors write them down."""

from collections import Counter
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path

import pytest

from gateways.exchange.feed_spec import FundingCsvFeed
from gateways.exchange.sources.funding_csv import HEADER, FundingCsv, FundingRow
from gateways.exchange.sources.source import SourceError
from tests.gateways.exchange.trading_floor import D
from tests.support.recordings import DATA, needs_recordings

HOUR_NS = 3_600 * 10**9
Write = Callable[..., str]


@pytest.fixture
def write(tmp_path: Path) -> Write:
    def write(*lines: str, name: str = "funding.csv") -> str:
        (tmp_path / name).write_text("".join(f"{line}\n" for line in lines))
        return str(tmp_path / name)

    return write


def rows(*files: str, offset_hours: float | None = None) -> list[FundingRow]:
    return list(FundingCsv("BTC.v", FundingCsvFeed(files=files, utc_offset_hours=offset_hours)).rows())


def test_the_form_without_a_header_is_in_utc(write: Write) -> None:
    expected = [FundingRow(8 * HOUR_NS, 0.0001), FundingRow(16 * HOUR_NS, -0.00022398)]
    assert expected == rows(write("19700101 08:00:00,0.00010000", "19700101 16:00:00,-0.00022398"))


def test_the_form_with_a_header_is_in_the_local_time_that_is_stated(write: Write) -> None:
    file = write(HEADER, "BTC-USDT,1970-01-01 11:00:00,0.0001")
    assert [FundingRow(8 * HOUR_NS, 0.0001)] == rows(file, offset_hours=3)
    assert [FundingRow(11 * HOUR_NS, 0.0001)] == rows(file, offset_hours=0)
    # half past five is the offset of India: 11:00 there is 05:30 UTC
    assert [FundingRow(11 * HOUR_NS // 2, 0.0001)] == rows(file, offset_hours=5.5)


def test_local_times_that_nobody_places_are_refused(write: Write) -> None:
    with pytest.raises(
        SourceError, match=r"line 1 is malformed: the times of this form are local; say utc_offset_hours"
    ):
        rows(write(HEADER, "BTC-USDT,1970-01-01 11:00:00,0.0001"))


def test_the_milliseconds_of_a_stamp_are_dropped(write: Write) -> None:
    file = write(HEADER, "BTC-USDT,1970-01-01 08:00:00.047,0.0001")
    assert [FundingRow(8 * HOUR_NS, 0.0001)] == rows(file, offset_hours=0)


def test_files_follow_each_other_each_with_or_without_a_header(write: Write) -> None:
    first = write(HEADER, "BTC-USDT,1970-01-01 08:00:00,0.0001")
    second = write("19700101 16:00:00,0.0002", name="second.csv")
    assert [8 * HOUR_NS, 16 * HOUR_NS] == [row.stamp_ns for row in rows(first, second, offset_hours=0)]


@pytest.mark.parametrize(
    ("lines", "told"),
    [
        (("19700101 08:00:00",), "line 1 is malformed: expected a time and a rate"),
        (("BTC,19700101 08:00:00,0.1",), "line 1 is malformed: expected a time and a rate"),
        ((HEADER, "1970-01-01 08:00:00,0.1"), f"line 2 is malformed: expected '{HEADER}'"),
        (("19700101 08:00:00,x",), "line 1 is malformed: could not convert string to float: 'x'"),
        (("19700101 08:00:00,nan",), "line 1 is malformed: the rate nan is not a ratio within ±1"),
        (("19700101 08:00:00,1.5",), r"line 1 is malformed: the rate 1\.5 is not a ratio"),
        (("19701301 08:00:00,0.1",), "line 1 is malformed: "),
        (("1970-01-01 08:00:00+00:00,0.1",), "line 1 is malformed: .* has an offset from UTC"),
        (("19700101 08:00:00,0.1", "19700101 08:00:00,0.1"), "line 2 is malformed: .* is not after"),
        (
            (HEADER, "BTC-USDT,1970-01-01 08:00:00,0.1", "ETH-USDT,1970-01-01 16:00:00,0.1"),
            "line 3 is malformed: it is of ETH-USDT, those before are of BTC-USDT",
        ),
        ((HEADER,), "has no rows"),
    ],
)
def test_what_is_wrong_is_told_by_file_and_line(write: Write, lines: tuple[str, ...], told: str) -> None:
    with pytest.raises(SourceError, match=rf"funding\.csv of the funding of BTC\.v.*{told}"):
        rows(write(*lines), offset_hours=0)


def test_a_missing_file_is_told_at_once() -> None:
    with pytest.raises(SourceError, match=r"none\.csv of BTC\.v does not exist"):
        FundingCsv("BTC.v", FundingCsvFeed(files=("none.csv",)))


# --- recorded files ---------------------------------------------------------------------------------------------------

LEAN = DATA / "series" / "lean_funding"
HISTORY = DATA / "series" / "funding_history"


@needs_recordings
def test_the_funding_of_a_day_is_that_of_the_files() -> None:
    bybit = rows(str(LEAN / "bybit_btcusdt_funding.csv"))
    assert [-0.0002016, -0.00022398, -0.00038555] == [row.rate for row in bybit]
    assert D("-0.00081113") == sum(D(repr(row.rate)) for row in bybit)
    # 2022-12-13 is day 19,339
    assert [19_339 * 24 + hour for hour in (0, 8, 16)] == [row.stamp_ns // HOUR_NS for row in bybit]
    binance = rows(str(LEAN / "binance_btcusd_funding.csv"))
    assert (12, D("-0.00008914")) == (len(binance), sum(D(repr(row.rate)) for row in binance[-3:]))


HISTORIES = [
    ("binance", 3, 4383, "0.59878779", {0, 8, 16}, {8: 4382}),
    ("bybit", 3, 3285, "0.50127858", {0, 8, 16}, {8: 3284}),
    ("mexc", 3, 3285, "0.35820603", {0, 8, 16}, {8: 3284}),
    ("kucoin", 3, 3285, "0.477373", {4, 12, 20}, {8: 3284}),
    ("gate", 0, 4290, "0.549716", {0, 8, 16}, {8: 4288, 752: 1}),
    ("dydx", 0, 17_520, "0.0923836416", set(range(24)), {1: 17_519}),
    ("htx", 3, 3284, "0.396481450140450847", {0, 3, 8, 9, 10, 16, 18, 19}, {8: 3268, 10: 4, 6: 4, 5: 2}),
]
"""Hours east of Greenwich, rows, sum of the rates, hours of the day in UTC, steps in hours."""


@needs_recordings
@pytest.mark.parametrize(("venue", "offset", "count", "total", "hours", "steps"), HISTORIES)
def test_a_history_is_that_of_the_file_in_utc(
    venue: str, offset: float, count: int, total: str, hours: set[int], steps: dict[int, int]
) -> None:
    history = rows(str(HISTORY / f"btcusdt_{venue}.csv.gz"), offset_hours=offset)
    stamps = [row.stamp_ns for row in history]
    assert (count, D(total)) == (len(history), sum(D(repr(row.rate)) for row in history))
    assert hours == {stamp // HOUR_NS % 24 for stamp in stamps}
    assert all(stamp % HOUR_NS == 0 for stamp in stamps)
    found = Counter((after - before) // HOUR_NS for before, after in pairwise(stamps))
    assert steps == {hours: found[hours] for hours in steps}


@needs_recordings
def test_two_collectors_of_one_venue_agree() -> None:
    history = rows(str(HISTORY / "btcusdt_bybit.csv.gz"), offset_hours=3)
    day = rows(str(LEAN / "bybit_btcusdt_funding.csv"))
    assert day == [row for row in history if day[0].stamp_ns <= row.stamp_ns <= day[-1].stamp_ns]
