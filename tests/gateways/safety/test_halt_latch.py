import stat
from pathlib import Path

import pytest

from gateways.safety import halt_latch
from gateways.safety.halt_latch import HaltNote, clear_halt, decode_note, encode_note, read, set_halt
from messages.codec import encode
from messages.to_child import Halt
from tests.support.limits import files_no_longer_than

NOTE = HaltNote(reason="drill", at_ns=12, by="operator")


def test_a_note_is_read_as_it_was_written() -> None:
    assert decode_note(encode_note(NOTE)) == NOTE
    assert b'"reason": "drill"' in encode_note(NOTE), "a person can read it"


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"{",
        b"[]",
        b'{"reason": 1}',
        b"\xff\xfe",
        b'{"reason": "\xff", "at_ns": 1, "by": "x"}',
        b'{"x": ' + b"[" * 60_000,
    ],
    ids=["empty", "cut off", "another thing", "another type", "no text", "another encoding", "too deep"],
)
def test_what_is_no_note_is_a_halt_all_the_same(data: bytes) -> None:
    assert "cannot be read" in decode_note(data).reason


@pytest.mark.parametrize("size", [2_000, 60_000, 100_000])
def test_a_huge_reason_in_the_file_halts_and_is_short_enough_for_every_message(tmp_path: Path, size: int) -> None:
    path = tmp_path / "halt.json"
    path.write_text(f'{{"reason": "{"x" * size}", "at_ns": 5, "by": "{"y" * 100}", "is_flattening": true}}')
    note = read(path)
    assert note is not None
    if size < halt_latch.LATCH_BYTES_MAX:
        assert note == HaltNote(reason="x" * 1_023 + "…", at_ns=5, by="y" * 63 + "…", is_flattening=True)
    else:
        assert "cannot be read" in note.reason
    assert len(encode(Halt("halt-1", note.reason))) < 8_192


@pytest.mark.parametrize("at_ns", [-1, -(10**400), 2**63])
def test_a_time_that_no_message_could_carry_is_not_known(at_ns: int) -> None:
    data = f'{{"reason": "drill", "at_ns": {at_ns}, "by": "operator"}}'.encode()
    assert decode_note(data) == HaltNote(reason="drill", at_ns=0, by="operator")


def test_a_reason_of_any_length_and_spelling_is_written(tmp_path: Path) -> None:
    path = tmp_path / "halt.json"
    set_halt(path, HaltNote(reason="caf\udce9 " + "x" * 100_000, at_ns=1, by="operator"))  # as of another encoding
    note = read(path)
    assert note is not None
    assert note.reason == "caf? " + "x" * 1_018 + "…"  # 5 + 1,018 + 1 = 1,024


def test_a_latch_is_set_for_its_owner_only_and_taken_away(tmp_path: Path) -> None:
    path = tmp_path / "halt.json"
    assert read(path) is None
    assert halt_latch.stamp(path) is None
    set_halt(path, NOTE)
    halt_latch.sync(path)
    assert read(path) == NOTE
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert halt_latch.stamp(path) is not None
    clear_halt(path)
    clear_halt(path)
    halt_latch.sync(path)  # too late, and harmless
    assert read(path) is None
    assert list(tmp_path.iterdir()) == []


def test_the_first_note_stays_unless_a_later_one_flattens(tmp_path: Path) -> None:
    path = tmp_path / "halt.json"
    later = HaltNote(reason="later", at_ns=13, by="gateway")
    flattening = HaltNote(reason="out", at_ns=14, by="operator", is_flattening=True)
    set_halt(path, NOTE)
    seen = halt_latch.stamp(path)
    set_halt(path, later)
    assert read(path) == NOTE
    assert halt_latch.stamp(path) != seen, "whoever ends the first halt has not ended this one"
    set_halt(path, flattening)
    assert read(path) == flattening
    assert halt_latch.stamp(path) != seen, "one look tells that it was written again"
    set_halt(path, later)
    assert read(path) == flattening


def test_a_latch_that_cannot_be_opened_halts(tmp_path: Path) -> None:
    path = tmp_path / "halt.json"
    path.mkdir()
    note = read(path)
    assert note is not None
    assert "cannot be read" in note.reason


def test_a_latch_in_a_folder_that_cannot_be_entered_says_nothing(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    assert halt_latch.stamp(tmp_path / "file" / "halt.json") is None


def test_a_full_disk_leaves_no_half_a_latch(tmp_path: Path) -> None:
    with pytest.raises(OSError, match=r"\[Errno"), files_no_longer_than(0):
        set_halt(tmp_path / "halt.json", NOTE)
    assert list(tmp_path.iterdir()) == []


def test_a_latch_that_goes_as_it_is_set_again_is_written_anew(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "halt.json"
    set_halt(path, NOTE)
    monkeypatch.setattr(halt_latch, "read", lambda path: (read(path), path.unlink())[0])
    later = HaltNote(reason="later", at_ns=13, by="gateway")
    set_halt(path, later)
    monkeypatch.undo()
    assert read(path) == later


def test_a_latch_whose_stamp_cannot_be_changed_is_set_all_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise PermissionError

    path = tmp_path / "halt.json"
    set_halt(path, NOTE)
    monkeypatch.setattr(halt_latch.os, "utime", fail)
    set_halt(path, HaltNote(reason="later", at_ns=13, by="gateway"))
    assert read(path) == NOTE
