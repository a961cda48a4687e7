"""An append-only segmented log: what went in comes out again, byte for byte, or the log says where it is damaged.

A segment is `MAGIC` and records: length (u32), CRC32C of what follows (u32), channel (u8), payload. `append` only
buffers; `flush` writes. A process writes before whatever depends on the record leaves it (an order, an
acknowledgement), so a SIGKILL loses no record that anybody has seen the effect of; `sync` makes it outlive the power.

A torn tail (the last record of the last segment, cut short) is cut off when the log is opened. Damage anywhere else
refuses to open.
"""

import os
import struct
from collections.abc import Iterator
from contextlib import suppress
from itertools import pairwise
from pathlib import Path
from typing import Final, NamedTuple

import google_crc32c

from messages.codec import FRAME_BYTES_MAX

MAGIC: Final = b"OUTCRY1\n"
SEGMENT_BYTES_MAX: Final = 64 * 1024 * 1024
BUFFER_BYTES_MAX: Final = 64 * 1024
RECORD_BYTES_MAX: Final = FRAME_BYTES_MAX + 1
TAIL_BYTES_MAX: Final = 4_096
"""By which a log is known again: no two have the same records at their ends."""

_HEADER: Final = struct.Struct("<II")
_crc: Final = google_crc32c.value


class JournalError(Exception):
    """Base of the journal's errors."""


class JournalDamaged(JournalError):
    """A record in the middle of the log is not what was written; says in which file, at which byte."""


class JournalFailed(JournalError):
    """The log could not be written (disk full, I/O error); nothing that depends on the record may happen."""


class Record(NamedTuple):
    channel: int
    payload: bytes


class Position(NamedTuple):
    """A place between two records: so many bytes into a segment."""

    segment: int
    offset: int


BEGINNING: Final = Position(0, 0)


class Journal:
    """A log open for appending, in a directory of its own.

    :param after: what is before this place is not looked at: whoever opens it has no need of it.
    :raises JournalDamaged: an existing segment is damaged before its tail.
    :raises JournalFailed: its segment cannot be opened.
    """

    def __init__(
        self, directory: Path, *, segment_bytes_max: int = SEGMENT_BYTES_MAX, after: Position = BEGINNING
    ) -> None:
        self._directory = directory
        self._segment_bytes_max = segment_bytes_max
        self._buffer = bytearray()
        self._is_torn = False
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        segments = segment_files(directory)
        for segment in segments:
            if _number(segment) < after.segment:
                continue
            end = _check(segment, _start(segment, after), is_last=segment == segments[-1])
            if end < segment.stat().st_size:
                os.truncate(segment, end)
        self._open(_number(segments[-1]) if segments else 1)

    @property
    def position(self) -> Position:
        """Behind the last record that was flushed."""
        return Position(self._number, self._size)

    @property
    def segment(self) -> int:
        """Number of the segment that is written to."""
        return self._number

    def tail(self) -> bytes:
        """The last bytes that were flushed into this segment, as `read_tail` finds them at this position.

        :raises OSError: they cannot be read.
        """
        start = max(len(MAGIC), self._size - TAIL_BYTES_MAX)
        return os.pread(self._fd, self._size - start, start)

    def append(self, channel: int, payload: bytes) -> None:
        """Add a record to the buffer; written at the next `flush`, or when the buffer is full.

        :param channel: 0 to 255, what kind of record it is.
        :raises JournalFailed: the record is longer than any frame, or the buffer was full and could not be written.
        """
        body = bytes((channel,)) + payload
        if len(body) > RECORD_BYTES_MAX:
            raise JournalFailed(f"record of {len(body)} bytes is longer than {RECORD_BYTES_MAX}; it was not appended")
        self._buffer += _HEADER.pack(len(body), _crc(body)) + body
        if len(self._buffer) >= BUFFER_BYTES_MAX:
            self.flush()

    def flush(self) -> None:
        """Write what was appended; it then survives the death of the process.

        :raises JournalFailed: it could not be written whole; the part that was is cut off again, before anything else
            is written.
        """
        if self._is_torn:
            self._undo()
        if not self._buffer:
            return
        try:
            written = os.write(self._fd, self._buffer)
            if written != len(self._buffer):
                raise OSError(f"{written} of {len(self._buffer)} bytes written")
        except OSError as error:
            self._is_torn = True
            self._undo()
            raise JournalFailed(f"journal {self._directory} cannot be written: {error}; free the disk") from error
        self._size += written
        self._buffer.clear()
        if self._size >= self._segment_bytes_max:
            self._rotate()

    def discard(self) -> None:
        """Forget what was appended and not written; for a record whose write failed."""
        self._buffer.clear()

    def sync(self) -> None:
        """Make what was flushed survive the loss of power. May be called from another thread.

        :raises JournalFailed: the disk did not take it.
        """
        fd = self._fd
        try:
            os.fdatasync(fd)
        except OSError as error:
            if fd != self._fd:  # the segment was full meanwhile, and was synced when it was closed
                return
            raise JournalFailed(f"journal {self._directory} cannot be synced: {error}; check the disk") from error

    def close(self) -> None:
        try:
            self.flush()
        finally:
            os.close(self._fd)

    def _undo(self) -> None:
        """Cut off what a failed write has left behind the last whole flush."""
        try:
            os.ftruncate(self._fd, self._size)
            os.lseek(self._fd, self._size, os.SEEK_SET)
        except OSError as error:
            raise JournalFailed(
                f"journal {self._directory} cannot be cut back to byte {self._size} of segment {self._number} after a "
                f"failed write: {error}; check the disk"
            ) from error
        self._is_torn = False

    def _rotate(self) -> None:
        """Go on in a new segment; in the old one where there is no room for a new one, for its records are safe."""
        old_fd = self._fd
        try:
            self.sync()
            self._open(self._number + 1)
        except JournalFailed:
            return
        with suppress(OSError):  # it is synced
            os.close(old_fd)

    def _open(self, number: int) -> None:
        path = self._directory / _name(number)
        try:
            fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
            size = os.lseek(fd, 0, os.SEEK_END)
            if size < len(MAGIC):
                size = _begin_segment(fd, path)
        except OSError as error:
            raise JournalFailed(f"journal segment {path} cannot be opened: {error}; free the disk") from error
        self._number, self._fd, self._size = number, fd, size


def _begin_segment(fd: int, path: Path) -> int:
    """Write the magic of a segment; a file that has no room even for that is removed again."""
    os.ftruncate(fd, 0)
    os.lseek(fd, 0, os.SEEK_SET)
    try:
        written = os.write(fd, MAGIC)
        if written != len(MAGIC):
            raise OSError(f"{written} of {len(MAGIC)} bytes written")
    except OSError:
        os.close(fd)
        path.unlink()
        raise
    return written


def segment_files(directory: Path) -> list[Path]:
    """The segments of a log, oldest first.

    :raises JournalDamaged: one in the middle is missing.
    """
    segments = sorted(directory.glob("*.log"))
    for earlier, later in pairwise(segments):
        if _number(later) != _number(earlier) + 1:
            raise JournalDamaged(f"segments between {earlier} and {later.name} are missing; restore them from a backup")
    return segments


def has_position(directory: Path, position: Position) -> bool:
    """Whether a log reaches as far as this place."""
    segment = directory / _name(position.segment)
    try:
        return segment.stat().st_size >= position.offset >= len(MAGIC)
    except OSError:
        return False


def read_tail(directory: Path, position: Position) -> bytes:
    """The last bytes before a place, of its segment; nothing where the log does not reach as far.

    :raises OSError: they cannot be read.
    """
    if not has_position(directory, position):
        return b""
    start = max(len(MAGIC), position.offset - TAIL_BYTES_MAX)
    with (directory / _name(position.segment)).open("rb") as segment:
        segment.seek(start)
        return segment.read(position.offset - start)


def read_journal(directory: Path, after: Position = BEGINNING) -> Iterator[Record]:
    """Every record of a log behind a place, oldest first; a torn tail is left out.

    :raises JournalDamaged: a record before the tail is damaged.
    """
    for _, records in read_segments(directory, after):
        yield from records


def read_segments(directory: Path, after: Position = BEGINNING) -> Iterator[tuple[int, Iterator[Record]]]:
    """The same, by the number of the segment."""
    segments = segment_files(directory)
    for segment in segments:
        if _number(segment) >= after.segment:
            yield _number(segment), _read_segment(segment, after, is_last=segment == segments[-1])


def _read_segment(segment: Path, after: Position, *, is_last: bool) -> Iterator[Record]:
    data = segment.read_bytes()
    for start, end in _records(segment, data, _start(segment, after), is_last=is_last):
        yield Record(data[start], data[start + 1 : end])


def _start(segment: Path, after: Position) -> int:
    """Where to begin in a segment."""
    return after.offset if _number(segment) == after.segment else len(MAGIC)


def _check(segment: Path, start: int, *, is_last: bool) -> int:
    """Where the last whole record of a segment ends."""
    data, end = segment.read_bytes(), start
    for _, end in _records(segment, data, start, is_last=is_last):  # noqa: B007  # the last end is what is asked for
        pass
    return end


def _records(segment: Path, data: bytes, position: int, *, is_last: bool) -> Iterator[tuple[int, int]]:
    if not data.startswith(MAGIC):
        if is_last and MAGIC.startswith(data):
            return
        raise JournalDamaged(f"{segment} does not begin as a journal segment; restore it from a backup or remove it")
    while position < len(data):
        start = position + _HEADER.size
        length, crc = _HEADER.unpack_from(data, position) if start <= len(data) else (RECORD_BYTES_MAX, 0)
        end = start + length
        if end > len(data) or not 1 <= length <= RECORD_BYTES_MAX or _crc(data[start:end]) != crc:
            if is_last and (start > len(data) or _is_torn(data, position, length)):
                return
            raise JournalDamaged(
                f"{segment} is damaged at byte {position} of {len(data)}; restore it from a backup, "
                "or move the journal away to start without it"
            )
        yield start, end
        position = end


def _is_torn(data: bytes, position: int, length: int) -> bool:
    """Whether the record at `position` is the tail of an interrupted write, and not damage before later records.

    A torn tail reaches the end of the file and nothing whole follows it; a flipped length looks like one, but then a
    later record is still found whole.
    """
    is_cut = len(data) - position <= _HEADER.size + length or not 1 <= length <= RECORD_BYTES_MAX
    return is_cut and not any(_is_record(data, later) for later in range(position + 1, len(data) - _HEADER.size))


def _is_record(data: bytes, position: int) -> bool:
    length, crc = _HEADER.unpack_from(data, position)
    start = position + _HEADER.size
    end = start + length
    return 1 <= length <= RECORD_BYTES_MAX and end <= len(data) and bool(_crc(data[start:end]) == crc)


def _name(number: int) -> str:
    return f"{number:08d}.log"


def _number(segment: Path) -> int:
    return int(segment.stem)
