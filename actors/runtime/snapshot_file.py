"""Snapshots of a strategy, in the folder of its input journal: where it stood at a place in that journal.

They only save time: whatever is wrong with one, or does not fit any more, the journal has everything. So a file that
is torn, damaged, of another code or of another beginning is left aside, with a warning.
"""

import hashlib
import os
import struct
import sys
from collections.abc import Iterable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any, Final

import google_crc32c
import msgspec
import structlog

from actors.runtime.journal import Position
from actors.runtime.journal_header import JournalHeader

MAGIC: Final = b"OUTSNAP1"
KEPT: Final = 2
"""The newest, and the one before it for the case that the newest is damaged."""
SNAPSHOT_BYTES_MAX: Final = 67_108_864
_CRC: Final = struct.Struct("<I")

log = structlog.get_logger()


class StrategySnapshot(msgspec.Struct, frozen=True, array_like=True):
    """:param fingerprint: of the code that wrote it and of what the strategy began with.

    :param position: in the input journal; everything before it is in `state`.
    :param last_seqs: the last execution report of each gateway, by venue.
    :param state: `actors.snapshot.dump`.
    """

    fingerprint: str
    position: Position
    last_seqs: dict[str, int]
    state: bytes


_decode: Final = msgspec.msgpack.Decoder(StrategySnapshot).decode


def write_snapshot(directory: Path, snapshot: StrategySnapshot) -> int:
    """Write a snapshot whole or not at all, and remove those that it makes needless; returns its size in bytes.

    :raises OSError: the disk did not take it; the older ones are as they were.
    """
    body = msgspec.msgpack.encode(snapshot)
    path = directory / f"{snapshot.position.segment:08d}-{snapshot.position.offset:012d}.snapshot"
    beside = directory / f".{path.name}.{os.getpid()}"
    try:
        descriptor = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            file.write(MAGIC + _CRC.pack(google_crc32c.value(body)) + body)
        beside.replace(path)
    except OSError:
        with suppress(OSError):
            beside.unlink()
        raise
    for old in snapshot_files(directory)[KEPT:]:
        old.unlink(missing_ok=True)
    return len(body)


def snapshot_files(directory: Path) -> list[Path]:
    """The newest first."""
    return sorted(directory.glob("*.snapshot"), reverse=True)


def read_snapshots(directory: Path, fingerprint: str) -> Iterator[StrategySnapshot]:
    """Those that can be used, the newest first; of each other one the log says why not."""
    for path in snapshot_files(directory):
        fault = ""
        snapshot = None
        try:
            snapshot = _read(path)
            if snapshot.fingerprint != fingerprint:
                fault = "it is of another code, or the strategy began otherwise"
        except (OSError, ValueError, msgspec.MsgspecError) as error:
            fault = str(error)
        if snapshot is None or fault:
            log.warning("snapshot not used", file=str(path), error=fault)
        else:
            yield snapshot


def _read(path: Path) -> StrategySnapshot:
    with path.open("rb") as file:
        data = file.read(SNAPSHOT_BYTES_MAX + 1)
    start = len(MAGIC) + _CRC.size
    if len(data) > SNAPSHOT_BYTES_MAX or not data.startswith(MAGIC) or len(data) < start:
        raise ValueError("it is no snapshot")
    body = data[start:]
    if _CRC.unpack_from(data, len(MAGIC))[0] != google_crc32c.value(body):
        raise ValueError("it is damaged")
    return _decode(body)


def fingerprint_of(kind: type, header: JournalHeader) -> str:
    """Of everything that a snapshot is bound to: the code of our pure packages and of the strategy's own, the Python
    that runs it, and what the journal says that the strategy began with.
    """
    digest = hashlib.sha256(repr(sys.version_info[:2]).encode())
    digest.update(msgspec.json.encode(header))
    for file in sorted({*_own_sources(), *_sources_of(kind)}):
        digest.update(str(file.name).encode() + b"\0" + file.read_bytes())
    return digest.hexdigest()


def _own_sources() -> Iterable[Path]:
    """Sources of the messages, and of what is pure in `actors`."""
    actors = Path(__file__).parents[1]
    yield from actors.glob("*.py")
    for folder in (actors / "strategies", actors / "analytics", actors.parent / "messages"):
        yield from folder.rglob("*.py")


def _sources_of(kind: type[Any]) -> Iterable[Path]:
    """Sources of the package of a strategy that is not ours, or of its one module."""
    package = sys.modules.get(kind.__module__.partition(".")[0])
    if package is None or package.__name__ == "actors":
        return ()
    if hasattr(package, "__path__"):
        return [file for folder in package.__path__ for file in Path(folder).rglob("*.py")]
    return [Path(package.__file__)] if package.__file__ else ()
