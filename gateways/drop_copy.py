"""The drop copy of a gateway: what it has journaled goes to the supervisor's ledger, in order, at least once. Pure.

Intents and reports are numbered from 1 since the intent journal began. The supervisor says up to which number the
ledger has them; until it has said so, nothing is sent. What is no longer in memory is read from the journal again.
"""

from collections import deque
from collections.abc import Callable, Iterator, Sequence
from itertools import islice
from typing import Final, NamedTuple

import msgspec

from messages.base import Count, Id, Message
from messages.from_child import DROP_COPY_RECORDS_MAX

KEPT_MAX: Final = 8_192
"""Records in memory; the ones before them are in the journal."""

OUTSTANDING_MAX: Final = 4
"""Frames on their way: more are sent when the ledger has these."""

BATCH_BYTES_MAX: Final = 262_144
"""Of the records in one frame, as long as it holds more than one."""

RESEND_PULSES: Final = 10
"""Pulses without an answer after which what is outstanding is sent again."""

LAST_FRAMES_MAX: Final = 64
"""Frames that are sent when the gateway ends, acknowledged or not."""

ReadJournal = Callable[[int], Sequence[bytes]]
"""Reads records from this number on; fewer than there are, or none, where that would take too long now."""


class DropCopyFrame(Message, frozen=True, tag="drop-copy"):
    """A `DropCopy` whose records are the bytes of the journal, as they are: nothing is decoded to be encoded again."""

    process: Id
    first: Count
    records: tuple[msgspec.Raw, ...]


class _Outstanding(NamedTuple):
    first: int
    last: int
    frame: DropCopyFrame


class DropCopyQueue:
    """:param recorded: how many intents and reports the journal holds already.
    :ivar recorded: the number of the newest record.
    """

    def __init__(self, process: str, recorded: int, read_journal: ReadJournal) -> None:
        self.recorded = recorded
        self._process = process
        self._read_journal = read_journal
        self._kept: deque[bytes] = deque(maxlen=KEPT_MAX)
        self._outstanding: deque[_Outstanding] = deque()
        self._applied: int | None = None
        self._next = 1
        self._quiet_pulses = 0

    @property
    def is_ahead(self) -> bool:
        """Whether the ledger has more records than this journal: the journal has lost its end, or is another one."""
        return self._applied is not None and self._applied > self.recorded

    def record(self, frame: bytes) -> None:
        """The journal has this intent or report."""
        self.recorded += 1
        self._kept.append(frame)

    def unheard(self) -> None:
        """There may be another supervisor: wait for its word on what the ledger has."""
        self._applied = None

    def applied(self, number: int) -> None:
        """The ledger has every record up to this number, and none beyond it.

        It may be less than it was before: of a supervisor with another ledger.
        """
        is_news = self._applied is None or number > self._applied
        self._applied = number
        while self._outstanding and self._outstanding[0].last <= number:
            self._outstanding.popleft()
        if not self._outstanding or self._outstanding[0].first > number + 1:
            self._outstanding.clear()
            self._next = number + 1
        if is_news:
            self._quiet_pulses = 0
        while self._kept and self._first_kept <= number:
            self._kept.popleft()

    def due(self) -> list[DropCopyFrame]:
        """What to send at this pulse."""
        if self._applied is None:
            return []
        self._quiet_pulses += bool(self._outstanding)
        is_lost = self._quiet_pulses > RESEND_PULSES
        frames = [sent.frame for sent in self._outstanding] if is_lost else []
        if is_lost:
            self._quiet_pulses = 0
        return [*frames, *self._more(OUTSTANDING_MAX)]

    def last(self) -> list[DropCopyFrame]:
        """What to send when the gateway ends: all that was not acknowledged, for there is no time to wait."""
        if self._applied is None:
            return []
        return [*(sent.frame for sent in self._outstanding), *self._more(LAST_FRAMES_MAX)]

    def _more(self, outstanding_max: int) -> Iterator[DropCopyFrame]:
        while len(self._outstanding) < outstanding_max and self._next <= self.recorded:
            records = batch_of(self._records())
            if not records:
                return
            frame = DropCopyFrame(self._process, self._next, records)
            self._outstanding.append(_Outstanding(self._next, self._next + len(records) - 1, frame))
            self._next += len(records)
            yield frame

    def _records(self) -> Sequence[bytes]:
        if self._next < self._first_kept:
            return self._read_journal(self._next)
        start = self._next - self._first_kept
        return list(islice(self._kept, start, start + DROP_COPY_RECORDS_MAX))

    @property
    def _first_kept(self) -> int:
        return self.recorded - len(self._kept) + 1


def batch_of(records: Sequence[bytes]) -> tuple[msgspec.Raw, ...]:
    """As many of these records as one frame may hold; at least one, if there is any."""
    batch: list[bytes] = []
    size = 0
    for record in records[:DROP_COPY_RECORDS_MAX]:
        size += len(record)
        if batch and size > BATCH_BYTES_MAX:
            break
        batch.append(record)
    return tuple(map(msgspec.Raw, batch))
