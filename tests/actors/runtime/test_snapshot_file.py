"""Snapshot files: whole or not at all, and left aside where they are damaged, foreign or too long."""

import sys
from pathlib import Path
from types import ModuleType

import msgspec
import pytest
from structlog.testing import capture_logs

from actors.runtime import snapshot_file
from actors.runtime.journal import Position
from actors.runtime.journal_header import JournalHeader
from actors.runtime.snapshot_file import (
    KEPT,
    StrategySnapshot,
    fingerprint_of,
    read_snapshots,
    snapshot_files,
    write_snapshot,
)
from actors.strategies.spot_futures.strategy import SpotFutures
from tests.support.puppet import Puppet

HEADER = JournalHeader(strategy="carry", kind="puppet", parameters={}, instruments=())


def snapshot(offset: int, fingerprint: str = "code") -> StrategySnapshot:
    return StrategySnapshot(fingerprint, Position(1, offset), {"sim": 7}, b"state")


def test_the_newest_come_back_first_and_no_more_are_kept_than_that(tmp_path: Path) -> None:
    for offset in (8, 1_000, 20_000):
        write_snapshot(tmp_path, snapshot(offset))
    write_snapshot(tmp_path, msgspec.structs.replace(snapshot(8), position=Position(2, 8)))
    found = list(read_snapshots(tmp_path, "code"))
    assert [Position(2, 8), Position(1, 20_000)] == [one.position for one in found]
    assert len(found) == KEPT
    assert found[1] == snapshot(20_000)
    assert [0o600] * KEPT == [path.stat().st_mode & 0o777 for path in snapshot_files(tmp_path)]
    assert KEPT == len(list(tmp_path.iterdir())), "nothing is left beside them"


def test_one_that_is_damaged_torn_or_foreign_is_left_aside_with_a_warning(tmp_path: Path) -> None:
    write_snapshot(tmp_path, snapshot(8))
    (path,) = snapshot_files(tmp_path)
    whole = path.read_bytes()
    for number in range(len(whole)):
        damaged = bytearray(whole)
        damaged[number] ^= 0x10
        for data in (bytes(damaged), whole[:number]):
            path.write_bytes(data)
            with capture_logs() as logs:
                assert [] == list(read_snapshots(tmp_path, "code"))
            assert ["snapshot not used"] == [line["event"] for line in logs]
    path.write_bytes(whole)
    with capture_logs() as logs:
        assert [] == list(read_snapshots(tmp_path, "other code"))
    assert "it is of another code, or the strategy began otherwise" == logs[0]["error"]


def test_one_that_is_too_long_is_not_even_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_snapshot(tmp_path, snapshot(8))
    monkeypatch.setattr(snapshot_file, "SNAPSHOT_BYTES_MAX", 10)
    assert [] == list(read_snapshots(tmp_path, "code"))


def test_a_disk_that_takes_nothing_leaves_the_older_ones(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_snapshot(tmp_path, snapshot(8))

    def full(self: Path, _target: Path) -> Path:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "replace", full)
    with pytest.raises(OSError, match="No space"):
        write_snapshot(tmp_path, snapshot(9))
    monkeypatch.undo()
    assert [snapshot(8)] == list(read_snapshots(tmp_path, "code"))
    assert 1 == len(list(tmp_path.iterdir()))


def test_a_fingerprint_is_bound_to_the_beginning_and_to_the_code(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    known = fingerprint_of(SpotFutures, HEADER)
    assert known == fingerprint_of(SpotFutures, HEADER)
    assert known != fingerprint_of(SpotFutures, msgspec.structs.replace(HEADER, parameters={"a": 1}))
    assert known != fingerprint_of(Puppet, HEADER), "its own package counts, too"
    source = tmp_path / "theirs.py"
    module = ModuleType("theirs")
    module.__file__ = str(source)
    monkeypatch.setitem(sys.modules, "theirs", module)
    theirs = type("Theirs", (Puppet,), {"__module__": "theirs"})
    found = set()
    for text in ("A = 1", "A = 2"):
        source.write_text(text)
        found.add(fingerprint_of(theirs, HEADER))
    assert 2 == len(found)
    module.__file__ = None
    assert fingerprint_of(theirs, HEADER) not in found
