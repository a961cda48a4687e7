from pathlib import Path

import pytest

from actors.runtime.journal import JournalFailed
from actors.runtime.journal_header import FILE_NAME, HeaderUnreadable, JournalHeader, read_header, write_header
from tests.support.orders import PERPETUAL, SPOT

HEADER = JournalHeader(
    strategy="carry-btc",
    kind="spot-futures",
    parameters={"spot": SPOT.id, "notional": "10000", "min_edge_bps": 2.5},
    instruments=(SPOT, PERPETUAL),
)


def test_a_header_is_read_as_it_was_written(tmp_path: Path) -> None:
    write_header(tmp_path / "journal", HEADER)
    assert HEADER == read_header(tmp_path / "journal")


def test_a_later_header_takes_the_place_of_an_earlier_one(tmp_path: Path) -> None:
    write_header(tmp_path, HEADER)
    write_header(tmp_path, JournalHeader(strategy="other", kind="spot-futures", parameters={}, instruments=()))
    assert "other" == read_header(tmp_path).strategy
    assert [FILE_NAME] == [file.name for file in tmp_path.iterdir()]


def test_a_folder_without_a_header_is_no_journal(tmp_path: Path) -> None:
    with pytest.raises(HeaderUnreadable, match=r"is no journal of a strategy: strategy\.json cannot be read: No such"):
        read_header(tmp_path)


@pytest.mark.parametrize("content", [b"", b"{}", b"[1, 2]", b'{"strategy": 5}', b"\xff"])
def test_a_damaged_header_is_told_with_its_file(tmp_path: Path, content: bytes) -> None:
    (tmp_path / FILE_NAME).write_bytes(content)
    with pytest.raises(HeaderUnreadable, match=rf"{FILE_NAME} is no header of a journal: .*; restore"):
        read_header(tmp_path)


def test_a_header_that_cannot_be_written_says_where(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(JournalFailed, match="file cannot be written"):
        write_header(tmp_path / "file", HEADER)
