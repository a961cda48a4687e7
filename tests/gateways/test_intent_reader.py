"""Reading the intent journal beside its writer: only what is numbered, across segments, a little at a time."""

from pathlib import Path

import pytest

from actors.runtime.journal import Journal
from gateways import intent_reader
from gateways.intent_reader import IntentReader
from messages.from_child import DROP_COPY_RECORDS_MAX

INTENT, REPORT, NOTE = range(3)


def written(journal: Journal, *numbers: int) -> None:
    for number in numbers:
        journal.append(INTENT if number % 2 else REPORT, b"%d" % number)
        journal.append(NOTE, b"a note")
    journal.flush()


def reader(directory: Path) -> IntentReader:
    return IntentReader(directory, (INTENT, REPORT))


def test_intents_and_reports_are_numbered_and_notes_are_passed_over(tmp_path: Path) -> None:
    written(Journal(tmp_path), 1, 2, 3)
    assert reader(tmp_path).read(1) == [b"1", b"2", b"3"]


def test_reading_begins_where_it_is_asked_to(tmp_path: Path) -> None:
    written(Journal(tmp_path), 1, 2, 3)
    assert reader(tmp_path).read(3) == [b"3"]


def test_what_is_written_later_is_read_later(tmp_path: Path) -> None:
    journal, reading = Journal(tmp_path), reader(tmp_path)
    written(journal, 1)
    assert reading.read(1) == [b"1"]
    assert reading.read(2) == []
    written(journal, 2)
    assert reading.read(2) == [b"2"]


def test_what_was_passed_can_be_read_again(tmp_path: Path) -> None:
    written(Journal(tmp_path), 1, 2)
    reading = reader(tmp_path)
    assert reading.read(1) == reading.read(1) == [b"1", b"2"]


def test_segments_are_read_one_after_the_other(tmp_path: Path) -> None:
    journal = Journal(tmp_path, segment_bytes_max=64)
    for number in range(1, 21):
        written(journal, number)
    assert len(list(tmp_path.iterdir())) > 3
    assert reader(tmp_path).read(1) == [b"%d" % number for number in range(1, 21)]


def test_a_call_returns_at_most_one_frame_of_records(tmp_path: Path) -> None:
    written(Journal(tmp_path), *range(1, 301))
    reading = reader(tmp_path)
    assert len(reading.read(1)) == DROP_COPY_RECORDS_MAX
    assert len(reading.read(257)) == 300 - DROP_COPY_RECORDS_MAX  # 300 - 256 = 44


def test_a_call_reads_no_more_than_it_may_on_the_way(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(intent_reader, "READ_BYTES_MAX", 100)
    written(Journal(tmp_path), *range(1, 21))
    reading = reader(tmp_path)
    # A number and its note take 10 + 15 bytes: a call gets through four of them, so the fifth one finds the twentieth.
    assert [reading.read(20) for _ in range(5)] == [[], [], [], [], [b"20"]]


def test_a_journal_without_segments_has_nothing(tmp_path: Path) -> None:
    reading = reader(tmp_path)
    assert reading.read(1) == []
    reading.close()
