"""What can be wrong with a recorded CSV file, and how it is told."""

import gzip
import re
from datetime import UTC, datetime
from pathlib import Path

import pytest

from gateways.exchange.sources.csv_lines import LINE_BYTES_MAX, epoch_ns, in_order, parsed_rows
from gateways.exchange.sources.source import SourceError


def rows(file: Path) -> list[int]:
    return list(parsed_rows(file, "BTC.v", int))


def test_gzip_and_plain_files_are_told_apart_by_their_first_bytes(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_bytes(gzip.compress(b"1\n2\n"))
    (tmp_path / "b.gz").write_bytes(b"1\r\n2")
    assert [1, 2] == rows(tmp_path / "a.csv") == rows(tmp_path / "b.gz")


def test_blank_lines_and_a_byte_order_mark_are_left_out(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_bytes(b"\xef\xbb\xbf1\n\n  \n2\n")
    assert [1, 2] == rows(tmp_path / "a.csv")


@pytest.mark.parametrize("content", [b"", b"\n", gzip.compress(b"", mtime=0)])
def test_a_file_without_rows_is_told(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "a.csv").write_bytes(content)
    with pytest.raises(SourceError, match=r"a\.csv of BTC\.v has no rows; fetch the file again or leave it out"):
        rows(tmp_path / "a.csv")


def test_a_file_that_ends_in_the_middle_is_told_after_its_last_whole_line(tmp_path: Path) -> None:
    packed = gzip.compress(b"".join(b"%d\n" % (n * 7919**5) for n in range(10_000)))
    (tmp_path / "a.gz").write_bytes(packed[: len(packed) // 2])
    with pytest.raises(SourceError, match=r"a\.gz of BTC\.v cannot be read after line [1-9]\d+: .*; fetch the file"):
        rows(tmp_path / "a.gz")


def test_a_file_that_is_gone_is_told(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match=r"cannot be read after line 0: .*No such file"):
        rows(tmp_path / "none.csv")


@pytest.mark.parametrize("line", [b"x", b"\xff", b"7" * (2 * LINE_BYTES_MAX) + b"x"])
def test_a_line_that_cannot_be_parsed_is_told_by_its_number(tmp_path: Path, line: bytes) -> None:
    (tmp_path / "a.csv").write_bytes(b"1\n" + line + b"\n")
    expected = re.escape(f"recording {tmp_path / 'a.csv'} of BTC.v, line 2 is malformed: ")
    with pytest.raises(SourceError, match=f"{expected}.*; leave the line out"):
        rows(tmp_path / "a.csv")


def test_times_have_to_ascend_and_to_be_in_range() -> None:
    assert 5 == in_order(5, 4)
    for ts_ns, last_ns in ((4, 4), (3, 4), (0, 0), (-1, -2), (2**63, 4)):
        with pytest.raises(ValueError, match=f"time {ts_ns} is not after {last_ns}"):
            in_order(ts_ns, last_ns)


def test_a_time_is_exact_to_the_microsecond() -> None:
    # 18,734 days + 17 h 22 min
    expected = (18_734 * 86_400 + 17 * 3_600 + 22 * 60) * 10**9 + 172_344_000
    assert expected == epoch_ns(datetime(2021, 4, 17, 17, 22, 0, 172_344, tzinfo=UTC))
