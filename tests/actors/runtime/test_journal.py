"""The journal: what went in comes out again, a torn tail is cut, and damage anywhere else is named."""

import os
import struct
from collections.abc import Iterable
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory
from typing import NoReturn

import google_crc32c
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from actors.runtime.journal import (
    BUFFER_BYTES_MAX,
    MAGIC,
    RECORD_BYTES_MAX,
    Journal,
    JournalDamaged,
    JournalFailed,
    Record,
    read_journal,
    segment_files,
)
from tests.support.limits import files_no_longer_than, no_new_files

MUTATIONS = int(os.environ.get("OUTCRY_FUZZ", "200"))
"""Damaged journals tried by each property; OUTCRY_FUZZ=10000 for the long run."""

HEADER_BYTES = 8
RECORDS = [
    Record(0, b"first"),
    Record(255, b""),
    Record(7, bytes(range(256))),
    Record(1, bytes(40)),
    Record(2, b"last"),
]

records_lists = st.lists(
    st.builds(Record, st.integers(0, 255), st.binary(max_size=60) | st.just(MAGIC) | st.just(bytes(20))),
    min_size=1,
    max_size=8,
)


def write(directory: Path, records: Iterable[Record], *, segment_bytes_max: int = 1 << 20) -> list[Path]:
    """A journal of these records, each flushed by itself; returns its segments."""
    journal = Journal(directory, segment_bytes_max=segment_bytes_max)
    for record in records:
        journal.append(*record)
        journal.flush()
    journal.close()
    return segment_files(directory)


def size_of(record: Record) -> int:
    return HEADER_BYTES + 1 + len(record.payload)


def starts_of(records: list[Record]) -> list[int]:
    """Where each record of a single segment begins, and where the last one ends."""
    starts = [len(MAGIC)]
    for record in records:
        starts.append(starts[-1] + size_of(record))
    return starts


# --- writing and reading -----------------------------------------------------------------------------------------


@settings(max_examples=100, deadline=None)
@given(records_lists, st.integers(1, 200))
def test_what_went_in_comes_out_whatever_the_size_of_a_segment(records: list[Record], segment_bytes_max: int) -> None:
    with TemporaryDirectory() as directory:
        write(Path(directory) / "log", records, segment_bytes_max=segment_bytes_max)
        assert list(read_journal(Path(directory) / "log")) == records


def test_a_record_on_disk_is_its_length_its_checksum_its_channel_and_its_payload(tmp_path: Path) -> None:
    (segment,) = write(tmp_path, [Record(7, b"abc")])
    body = b"\x07abc"
    assert segment.read_bytes() == b"OUTCRY1\n" + struct.pack("<II", 4, google_crc32c.value(body)) + body
    assert segment.stat().st_mode & 0o777 == 0o600


def test_an_empty_journal_and_a_missing_one_have_no_records(tmp_path: Path) -> None:
    assert list(read_journal(tmp_path / "none")) == []
    write(tmp_path / "log", [])
    assert list(read_journal(tmp_path / "log")) == []


def test_a_segment_that_is_full_is_followed_by_the_next(tmp_path: Path) -> None:
    # 8 bytes of magic + 3 records of 8 + 1 + 11 = 20 bytes are 68; the fourth begins the second segment
    records = [Record(0, b"%011d" % number) for number in range(7)]
    segments = write(tmp_path, records, segment_bytes_max=60)
    assert [segment.name for segment in segments] == ["00000001.log", "00000002.log", "00000003.log"]
    assert [segment.stat().st_size for segment in segments] == [68, 68, 28]
    assert list(read_journal(tmp_path)) == records


def test_a_journal_that_is_opened_again_goes_on_behind_its_last_record(tmp_path: Path) -> None:
    for number in range(0, 9, 3):
        journal = Journal(tmp_path, segment_bytes_max=70)
        for payload in range(number, number + 3):
            journal.append(1, b"%020d" % payload)
            journal.flush()
        journal.close()
    assert [int(record.payload) for record in read_journal(tmp_path)] == list(range(9))


def test_what_was_not_flushed_is_lost_and_nothing_else(tmp_path: Path) -> None:
    journal = Journal(tmp_path)
    journal.append(1, b"flushed")
    journal.flush()
    journal.flush()  # nothing to write
    journal.append(1, b"buffered")
    assert list(read_journal(tmp_path)) == [Record(1, b"flushed")], "as another process would find it after a SIGKILL"
    journal.discard()
    journal.append(1, b"after")
    journal.sync()
    journal.close()
    assert list(read_journal(tmp_path)) == [Record(1, b"flushed"), Record(1, b"after")]


def test_a_buffer_that_is_full_is_written_by_itself(tmp_path: Path) -> None:
    journal = Journal(tmp_path)
    journal.append(1, b"x" * (BUFFER_BYTES_MAX // 2))
    assert list(read_journal(tmp_path)) == []
    journal.append(2, b"y" * (BUFFER_BYTES_MAX // 2))
    assert [record.channel for record in read_journal(tmp_path)] == [1, 2]
    journal.close()


def test_a_record_longer_than_any_frame_is_refused_and_one_of_that_length_is_not(tmp_path: Path) -> None:
    journal = Journal(tmp_path)
    with pytest.raises(JournalFailed, match=f"record of {RECORD_BYTES_MAX + 1} bytes is longer"):
        journal.append(0, bytes(RECORD_BYTES_MAX))
    journal.append(0, bytes(RECORD_BYTES_MAX - 1))
    journal.close()
    assert [len(record.payload) for record in read_journal(tmp_path)] == [RECORD_BYTES_MAX - 1]


# --- torn tails --------------------------------------------------------------------------------------------------


def test_a_tail_torn_at_any_byte_costs_the_last_record_only(tmp_path: Path) -> None:
    (segment,) = write(tmp_path, RECORDS)
    whole = segment.read_bytes()
    last = starts_of(RECORDS)[-2]
    for length in range(last, len(whole)):
        segment.write_bytes(whole[:length])
        assert list(read_journal(tmp_path)) == RECORDS[:-1], f"cut at byte {length}"
        again = Record(3, b"again")
        write(tmp_path, [again])
        assert list(read_journal(tmp_path)) == [*RECORDS[:-1], again], f"cut at byte {length}"


def test_a_segment_cut_short_at_any_byte_keeps_every_record_before(tmp_path: Path) -> None:
    (segment,) = write(tmp_path, RECORDS)
    whole, starts = segment.read_bytes(), starts_of(RECORDS)
    for length in range(len(whole)):
        segment.write_bytes(whole[:length])
        kept = sum(end <= length for end in starts[1:])
        assert list(read_journal(tmp_path)) == RECORDS[:kept], f"cut at byte {length}"


def test_a_death_between_two_segments_loses_nothing(tmp_path: Path) -> None:
    write(tmp_path, RECORDS)
    for begun in range(len(MAGIC)):
        (tmp_path / "00000002.log").write_bytes(MAGIC[:begun])
        assert list(read_journal(tmp_path)) == RECORDS
    write(tmp_path, [Record(9, b"next")])
    assert list(read_journal(tmp_path)) == [*RECORDS, Record(9, b"next")]
    assert (tmp_path / "00000002.log").read_bytes().startswith(MAGIC)


@pytest.mark.parametrize("tail", [b"\x00" * 4096, b"\xff" * 100, b"\x00"])
def test_what_a_loss_of_power_leaves_behind_the_last_record_is_cut_off(tmp_path: Path, tail: bytes) -> None:
    (segment,) = write(tmp_path, RECORDS)
    size = segment.stat().st_size
    segment.write_bytes(segment.read_bytes() + tail)
    assert list(read_journal(tmp_path)) == RECORDS
    Journal(tmp_path).close()
    assert segment.stat().st_size == size


# --- damage ------------------------------------------------------------------------------------------------------


def read_or_none(directory: Path, segment: Path) -> list[Record] | None:
    """The records of a journal, or None where it is damaged, which names the file."""
    try:
        return list(read_journal(directory))
    except JournalDamaged as error:
        assert str(segment) in str(error)
        with pytest.raises(JournalDamaged):
            Journal(directory)
        return None


@pytest.mark.timeout(120 + MUTATIONS // 50)
@settings(max_examples=MUTATIONS, deadline=None)
@given(records_lists, st.integers(0), st.integers(0, 7))
def test_a_flipped_bit_is_named_unless_it_is_in_the_last_record(records: list[Record], where: int, bit: int) -> None:
    with TemporaryDirectory() as name:
        directory = Path(name)
        (segment,) = write(directory, records)
        data = bytearray(segment.read_bytes())
        position = where % len(data)
        data[position] ^= 1 << bit
        segment.write_bytes(data)
        starts = starts_of(records)
        if position < starts[-2]:
            with pytest.raises(JournalDamaged, match=str(segment)):
                list(read_journal(directory))
        else:
            assert read_or_none(directory, segment) in (None, records[:-1])


@pytest.mark.timeout(120 + MUTATIONS // 50)
@settings(max_examples=MUTATIONS, deadline=None)
@given(records_lists, st.integers(0, 2**32))
def test_no_mutation_of_a_journal_makes_it_tell_what_was_not_written(records: list[Record], seed: int) -> None:
    random = Random(seed)
    with TemporaryDirectory() as name:
        directory = Path(name)
        (segment,) = write(directory, records)
        data = bytearray(segment.read_bytes())
        touched = len(data)
        for _ in range(random.randint(1, 3)):
            position = random.randrange(len(data) + 1)
            match random.randrange(4):
                case 0:
                    data[position : position + 1] = random.randbytes(1)
                case 1:
                    del data[position:]
                case 2:
                    data[position:position] = random.randbytes(random.randint(1, 12))
                case _:
                    data += random.randbytes(random.randint(1, 40))
                    position = len(data)
            touched = min(touched, position)
        segment.write_bytes(data)
        whole = sum(end <= touched for end in starts_of(records)[1:])
        found = read_or_none(directory, segment)
        if found is None:
            return
        assert found == records[: len(found)], "a prefix of what was written"
        assert len(found) >= whole, "nothing before the damage is lost"


def test_damage_in_the_middle_names_the_file_and_the_byte_and_refuses_to_open(tmp_path: Path) -> None:
    (segment,) = write(tmp_path, RECORDS)
    data = bytearray(segment.read_bytes())
    second = starts_of(RECORDS)[1]
    data[second + HEADER_BYTES] ^= 1
    segment.write_bytes(data)
    for act in (lambda: list(read_journal(tmp_path)), lambda: Journal(tmp_path)):
        with pytest.raises(JournalDamaged, match=f"{segment} is damaged at byte {second} of {len(data)}; restore"):
            act()
    assert segment.read_bytes() == data, "nothing was cut off"


def test_the_tail_of_a_segment_that_is_not_the_last_may_not_be_torn(tmp_path: Path) -> None:
    segments = write(tmp_path, RECORDS, segment_bytes_max=30)
    assert len(segments) > 2
    segments[0].write_bytes(segments[0].read_bytes()[:-1])
    with pytest.raises(JournalDamaged, match=str(segments[0])):
        list(read_journal(tmp_path))
    segments[0].write_bytes(MAGIC[:4])
    with pytest.raises(JournalDamaged, match="does not begin as a journal segment"):
        Journal(tmp_path)


def test_a_missing_segment_is_damage(tmp_path: Path) -> None:
    segments = write(tmp_path, RECORDS, segment_bytes_max=30)
    segments[1].unlink()
    with pytest.raises(JournalDamaged, match=r"segments between .*00000001\.log and 00000003\.log are missing"):
        list(read_journal(tmp_path))


def test_a_file_that_is_no_journal_is_refused(tmp_path: Path) -> None:
    (tmp_path / "00000001.log").write_bytes(b"something else")
    with pytest.raises(JournalDamaged, match="does not begin as a journal segment"):
        Journal(tmp_path)


# --- a full disk -------------------------------------------------------------------------------------------------


def test_a_full_disk_is_a_failure_and_leaves_nothing_half_written(tmp_path: Path) -> None:
    journal = Journal(tmp_path)
    journal.append(0, b"before")
    journal.flush()
    (segment,) = segment_files(tmp_path)
    size = segment.stat().st_size
    for room in (0, 1, HEADER_BYTES, 50):  # refused at once, or cut short in the middle of the record
        journal.append(1, b"x" * 100)
        with files_no_longer_than(size + room), pytest.raises(JournalFailed, match=r"cannot be written.*free the disk"):
            journal.flush()
        assert segment.stat().st_size == size
        journal.discard()
    assert list(read_journal(tmp_path)) == [Record(0, b"before")]
    journal.append(2, b"after")
    journal.close()
    assert list(read_journal(tmp_path)) == [Record(0, b"before"), Record(2, b"after")]


def refuses(*_: object) -> NoReturn:
    raise OSError("Read-only file system")


@pytest.mark.parametrize("call", ["ftruncate", "lseek"])
@pytest.mark.parametrize("is_kept", [False, True])
def test_what_cannot_be_cut_off_again_is_a_failure_until_it_can_be(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, call: str, is_kept: bool
) -> None:
    journal = Journal(tmp_path)
    journal.append(0, b"before")
    journal.flush()
    (segment,) = segment_files(tmp_path)
    size = segment.stat().st_size
    kept = Record(1, b"x" * 100)
    with monkeypatch.context() as disk:
        disk.setattr(os, call, refuses)
        journal.append(*kept)
        with files_no_longer_than(size + 50), pytest.raises(JournalFailed, match=f"cut back to byte {size} of segment"):
            journal.flush()
        for _ in range(2):
            with pytest.raises(JournalFailed, match=r"Read-only file system; check the disk"):
                journal.flush()  # there is room again, but not at the right place
        if not is_kept:
            journal.discard()
        with pytest.raises(JournalFailed, match="cut back"):
            journal.flush()  # with nothing to write, too
        assert list(read_journal(tmp_path)) == [Record(0, b"before")]
    journal.append(2, b"after")
    journal.close()
    assert list(read_journal(tmp_path)) == [Record(0, b"before"), *[kept] * is_kept, Record(2, b"after")]


def test_a_full_segment_that_cannot_be_closed_is_left_for_the_next_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    journal = Journal(tmp_path, segment_bytes_max=30)
    with monkeypatch.context() as disk:
        disk.setattr(os, "close", refuses)
        for record in RECORDS:
            journal.append(*record)
            journal.flush()
    journal.close()
    assert len(segment_files(tmp_path)) > 1
    assert list(read_journal(tmp_path)) == RECORDS


def test_what_could_not_be_written_is_kept_until_there_is_room_or_it_is_discarded(tmp_path: Path) -> None:
    journal = Journal(tmp_path)
    journal.append(1, b"x" * 100)
    with files_no_longer_than(20), pytest.raises(JournalFailed):
        journal.flush()
    journal.append(2, b"y")
    journal.close()
    assert list(read_journal(tmp_path)) == [Record(1, b"x" * 100), Record(2, b"y")]


def test_a_journal_is_closed_even_if_its_last_records_cannot_be_written(tmp_path: Path) -> None:
    journal = Journal(tmp_path)
    journal.append(1, b"x" * 100)
    with files_no_longer_than(20), pytest.raises(JournalFailed):
        journal.close()
    with pytest.raises(JournalFailed, match="cannot be synced"):  # its descriptor is gone
        journal.sync()
    assert list(read_journal(tmp_path)) == []


def test_a_segment_that_cannot_be_begun_is_no_segment(tmp_path: Path) -> None:
    with files_no_longer_than(4), pytest.raises(JournalFailed, match=r"00000001\.log cannot be opened.*free the disk"):
        Journal(tmp_path)
    assert segment_files(tmp_path) == []
    write(tmp_path, RECORDS)
    assert list(read_journal(tmp_path)) == RECORDS


def test_without_room_for_a_new_segment_the_old_one_goes_on(tmp_path: Path) -> None:
    journal = Journal(tmp_path, segment_bytes_max=30)
    with no_new_files():
        for record in RECORDS[:3]:
            journal.append(*record)
            journal.flush()
    assert len(segment_files(tmp_path)) == 1
    for record in RECORDS[3:]:
        journal.append(*record)
        journal.flush()
    journal.close()
    assert len(segment_files(tmp_path)) > 1
    assert list(read_journal(tmp_path)) == RECORDS
