"""Reads the intent journal beside its writer, a little at a time, so that no order waits for it."""

import struct
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import BinaryIO, Final

from actors.runtime.journal import MAGIC, segment_files
from messages.from_child import DROP_COPY_RECORDS_MAX

READ_BYTES_MAX: Final = 262_144
"""Of the journal, in one call."""

NOTHING_KNOWN: Final[Mapping[int, int]] = {}

_HEADER: Final = struct.Struct("<IIB")
"""Length, checksum, channel. The checksum was looked at when the journal was opened, at the latest by the process whose
snapshot holds the record.
"""

_LENGTH_OF_CHANNEL: Final = 1


class IntentReader:
    """Goes through a journal once, from its beginning, and starts over where it is asked for what it has passed.

    :param channels: whose records are numbered, from 1; the others are passed over.
    :param segment_starts: how many numbered records are before a segment, by the number of the segment: it begins in
        the last one that is not too late. Left out: at the beginning.
    """

    def __init__(
        self, directory: Path, channels: Collection[int], segment_starts: Mapping[int, int] = NOTHING_KNOWN
    ) -> None:
        self._directory = directory
        self._channels = channels
        self._segment_starts = segment_starts
        self._file: BinaryIO | None = None
        self._passed = 0
        self._segments_passed = 0

    def read(self, first: int) -> list[bytes]:
        """The records from this number on, as many as this call may read; none while it is still on the way there."""
        if first <= self._passed:
            self.close()
            self._passed = self._segments_passed = 0
        if first != self._passed + 1:
            self._skip_to(first)
        found: list[bytes] = []
        left = READ_BYTES_MAX
        while left > 0 and len(found) < DROP_COPY_RECORDS_MAX:
            record = self._next_record()
            if record is None:
                break
            channel, payload = record
            left -= _HEADER.size + len(payload)
            if channel in self._channels:
                self._passed += 1
                if self._passed >= first:
                    found.append(payload)
        return found

    def _skip_to(self, first: int) -> None:
        """Go on in the last segment that begins before this record, where that is further on."""
        near = [(passed, segment) for segment, passed in self._segment_starts.items() if self._passed < passed < first]
        if near:
            passed, segment = max(near)
            self.close()
            self._passed, self._segments_passed = passed, segment - 1  # they are numbered from 1

    @property
    def position(self) -> tuple[int, int]:
        """How far it has got: segments begun, and bytes of the last one; the same again at the end."""
        return self._segments_passed, 0 if self._file is None else self._file.tell()

    def close(self) -> None:
        if self._file is not None:
            self._file.close()
            self._file = None

    def _next_record(self) -> tuple[int, bytes] | None:
        """None at the end of what was written so far."""
        while True:
            file = self._file or self._next_segment()
            if file is None:
                return None
            start = file.tell()
            head = file.read(_HEADER.size)
            if len(head) == _HEADER.size:
                length, _, channel = _HEADER.unpack(head)
                payload = file.read(length - _LENGTH_OF_CHANNEL)
                if len(payload) == length - _LENGTH_OF_CHANNEL:
                    return channel, payload
            file.seek(start)  # there may be more of it the next time
            if len(segment_files(self._directory)) <= self._segments_passed:
                return None
            self.close()

    def _next_segment(self) -> BinaryIO | None:
        segments = segment_files(self._directory)
        if len(segments) <= self._segments_passed:
            return None
        self._file = segments[self._segments_passed].open("rb")
        self._file.seek(len(MAGIC))
        self._segments_passed += 1
        return self._file
