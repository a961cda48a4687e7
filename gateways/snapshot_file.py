"""Snapshots of a gateway's books, in the folder of its intent journal: how they stood at a place in that journal.

They only save time: whatever is wrong with one, or does not fit any more, the journal has everything. So a file that is
torn, damaged, of another version or of another journal is left aside, with a warning.
"""

import os
import struct
from collections.abc import Iterator, Sequence
from contextlib import suppress
from decimal import Decimal
from pathlib import Path
from typing import Final, NamedTuple

import google_crc32c
import msgspec
import structlog

from actors.runtime.journal import Position, read_tail
from gateways.gate.order_records import RecordsState
from messages.codec import encode
from messages.risk import TradingState

VERSION: Final = 1
"""To be raised with every change of what a snapshot holds, or of what the books make of a record."""
MAGIC: Final = b"OUTBOOK1"
KEPT: Final = 2
"""The newest, and the one before it for the case that the newest is damaged."""
SNAPSHOT_BYTES_MAX: Final = 268_435_456
"""100,000 closed orders have some 20 MB."""

_HEAD: Final = struct.Struct("<II")
"""Version, and the checksum of all that follows."""
_LENGTH: Final = struct.Struct("<I")
"""Before each part: the state, then the chunks of closed orders."""

log = structlog.get_logger()


class GatewayState(msgspec.Struct, frozen=True, kw_only=True, array_like=True, forbid_unknown_fields=True):
    """:param position: in the intent journal; everything before it is in the books.

    :param tail_crc: of the end of the journal there, by which it is known again.
    :param recorded: intents and reports up to there; `segment_starts` those before a segment, by its number.
    :param last_flatten: number of the last order of the gateway's own.
    :param bases: by currency, what was held of it before we traded.
    :param acknowledged: as last noted, by strategy. :param epochs: the lowest that is served, by strategy.
    :param trading_states: strategy (empty: the gateway itself), state, reason.
    """

    position: Position
    tail_crc: int
    recorded: int
    segment_starts: dict[int, int]
    last_flatten: int
    bases: dict[str, Decimal]
    acknowledged: dict[str, int]
    epochs: dict[str, int]
    trading_states: list[tuple[str, TradingState, str]]
    books: RecordsState


class Snapshot(NamedTuple):
    """Ready to be written, by whatever thread."""

    position: Position
    recorded: int
    parts: Sequence[bytes]

    @property
    def size(self) -> int:
        return sum(map(len, self.parts))


class Found(NamedTuple):
    path: Path
    state: GatewayState
    chunks: Sequence[bytes]

    def discard(self) -> None:
        _discard(self.path)


class SnapshotUnusable(Exception):
    """What is in the file cannot be used, now or later."""


_decode: Final = msgspec.msgpack.Decoder(GatewayState).decode


def encoded(state: GatewayState, chunks: Sequence[bytes]) -> Snapshot:
    return Snapshot(state.position, state.recorded, [encode(state), *chunks])


def write_snapshot(directory: Path, snapshot: Snapshot) -> None:
    """Write a snapshot whole or not at all, and remove those that it makes needless.

    The journal must be safe on the disk up to its place.

    :raises OSError: the disk did not take it; the older ones are as they were.
    """
    path = directory / f"{snapshot.position.segment:08d}-{snapshot.position.offset:012d}.snapshot"
    beside = directory / f".{path.name}.{os.getpid()}"
    try:
        _write_synced(beside, _framed(snapshot.parts))
        os.replace(beside, path)  # noqa: PTH105  # all that touches the disk here goes by `os`
    except OSError:
        with suppress(OSError):
            beside.unlink()
        raise
    for old in [*snapshot_files(directory)[KEPT:], *directory.glob(".*.snapshot.*")]:
        old.unlink(missing_ok=True)
    _sync_folder(directory)


def _framed(parts: Sequence[bytes]) -> list[bytes]:
    """A checksum for each part in turn, so that other threads run in between."""
    framed = [piece for part in parts for piece in (_LENGTH.pack(len(part)), part)]
    crc = 0
    for piece in framed:
        crc = google_crc32c.extend(crc, piece)
    return [MAGIC + _HEAD.pack(VERSION, crc), *framed]


def _write_synced(path: Path, pieces: Sequence[bytes]) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
    try:
        for piece in pieces:
            if (written := os.write(descriptor, piece)) != len(piece):
                raise OSError(f"{written} of {len(piece)} bytes written to {path}")
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _sync_folder(directory: Path) -> None:
    descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def snapshot_files(directory: Path) -> list[Path]:
    """The newest first."""
    return sorted(directory.glob("*.snapshot"), reverse=True)


def found_snapshots(directory: Path) -> Iterator[Found]:
    """Those that can be used, the newest first; the others are removed, and the log says why."""
    for path in snapshot_files(directory):
        try:
            yield _read(path)
        except SnapshotUnusable as error:
            log.warning("snapshot not used", file=str(path), error=str(error))
            _discard(path)
        except OSError as error:
            log.warning("snapshot not read", file=str(path), error=str(error))


def _read(path: Path) -> Found:
    with path.open("rb") as file:
        data = file.read(SNAPSHOT_BYTES_MAX + 1)
    start = len(MAGIC) + _HEAD.size
    if len(data) > SNAPSHOT_BYTES_MAX or len(data) < start or not data.startswith(MAGIC):
        raise SnapshotUnusable("it is no snapshot of a gateway")
    version, crc = _HEAD.unpack_from(data, len(MAGIC))
    if version != VERSION:
        raise SnapshotUnusable(f"it is of version {version}, and we are of {VERSION}")
    if crc != google_crc32c.value(data[start:]):
        raise SnapshotUnusable("it is damaged")
    try:
        head, *chunks = _parts(data, start)
        state = _decode(head)
    except (struct.error, ValueError, ArithmeticError, msgspec.MsgspecError) as error:
        raise SnapshotUnusable(str(error)) from error
    if not (tail := read_tail(path.parent, state.position)) or google_crc32c.value(tail) != state.tail_crc:
        raise SnapshotUnusable("it is of another journal, or the journal has lost its end")
    return Found(path, state, chunks)


def _parts(data: bytes, position: int) -> Iterator[bytes]:
    while position < len(data):
        (length,) = _LENGTH.unpack_from(data, position)
        start = position + _LENGTH.size
        position = start + length
        if position > len(data):
            raise ValueError("a part is longer than the file")
        yield data[start:position]


def _discard(path: Path) -> None:
    """It must not take the place of one that is of use."""
    with suppress(OSError):
        path.unlink(missing_ok=True)
