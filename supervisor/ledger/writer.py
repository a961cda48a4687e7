"""The thread that writes the ledger, so that nobody waits for a database.

Entries wait in a bounded queue and are committed in batches. A database that does not answer is tried again, with a
growing pause, and so is whatever else fails; what finds no room meanwhile is refused: drop copies come again, samples
are replaced by newer ones, and what is lost for good is counted and noted as an incident.
"""

import threading
import traceback
from collections import deque
from collections.abc import Callable, Sequence
from functools import partial
from time import monotonic, time_ns
from typing import Final, Protocol, TypeVar

import structlog

from messages.from_child import DropCopy
from supervisor.ledger.entries import (
    REPEATED,
    Entry,
    Extract,
    IncidentNoted,
    LedgerNews,
    LedgerOpened,
    LedgerRecovered,
    LedgerTroubled,
    RecordsApplied,
    Stamped,
    weight,
)
from supervisor.ledger.errors import LedgerDown, LedgerError

QUEUE_MAX: Final = 16_384
"""Records that wait, beyond which what comes again is refused."""

RESERVE: Final = 16_384
"""Room beyond that for what does not come again: audit, commands, incidents."""

BATCH_MAX: Final = 1_024
"""Records in one transaction."""

BACKOFF_MIN_S: Final = 0.25
BACKOFF_MAX_S: Final = 15.0
CLOSE_TIMEOUT_S: Final = 5.0
"""For what waits to be written when the supervisor ends."""

CONNECT_GRACE_S: Final = 1.0
"""For a call to the database that is under way then."""

ResultT = TypeVar("ResultT")
log = structlog.get_logger()


class OpenLedger(Protocol):
    """What the writer needs of `supervisor.ledger.ledger.Ledger`; it raises as that does."""

    entered: Extract

    def begin(self, now_ns: int) -> dict[str, int]: ...
    def extract(self) -> Extract: ...
    def write(self, batch: Sequence[Stamped]) -> dict[str, int]: ...
    def spooled(self, spool: str) -> int: ...
    def pass_over(self, copy: DropCopy, reason: str, ts_ns: int) -> dict[str, int]: ...
    def close(self) -> None: ...


class _GaveUp(Exception):
    """The supervisor ends, and the database has not answered in time."""


class LedgerWriter:
    """:param open_ledger: called in the thread: it loads the database driver, which takes a moment.
    :param tell: hears what has become of the entries, in the thread.
    :param backoff_s: the first and the longest pause of a database that does not answer.
    """

    def __init__(
        self,
        open_ledger: Callable[[], OpenLedger],
        tell: Callable[[LedgerNews], None],
        backoff_s: tuple[float, float] = (BACKOFF_MIN_S, BACKOFF_MAX_S),
    ) -> None:
        self._open_ledger = open_ledger
        self._tell = tell
        self._backoff_s = backoff_s
        self._changed = threading.Condition()
        self._queue: deque[Stamped] = deque()
        self._waiting = 0
        self._lost = 0
        self._singly = 0
        self._close_by: float | None = None
        self._trouble: type[Exception] | None = None
        self._thread = threading.Thread(target=self._run, name="ledger", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def enter(self, ts_ns: int, entry: Entry) -> bool:
        """Put an entry into the queue. :returns: False where there is no room for it."""
        size = weight(entry)
        with self._changed:
            room = QUEUE_MAX if isinstance(entry, REPEATED) else QUEUE_MAX + RESERVE
            if self._close_by is not None or self._waiting + size > room:
                self._lost += not isinstance(entry, REPEATED)
                return False
            self._queue.append(Stamped(ts_ns, entry))
            self._waiting += size
            self._changed.notify()
        return True

    def close(self, timeout_s: float) -> bool:
        """Write what waits, and end. :returns: False where not all of it could be written in time."""
        with self._changed:
            self._close_by = monotonic() + timeout_s
            self._changed.notify()
        self._thread.join(timeout_s + CONNECT_GRACE_S)
        return not self._queue and not self._thread.is_alive()

    # --- the thread ---------------------------------------------------------------------------------------------

    def _run(self) -> None:
        try:
            ledger = self._persist(self._open)
            while batch := self._next_batch():
                self._persist(partial(self._commit, ledger, batch))
            ledger.close()
        except _GaveUp:
            log.error("the ledger lacks what could not be written in time", entries=len(self._queue))
        except Exception:  # noqa: BLE001  # the end of the thread: all is written, and nobody waits for an answer
            log.error("the ledger could not be closed", traceback=traceback.format_exc())

    def _say(self, news: LedgerNews) -> None:
        try:
            self._tell(news)
        except Exception:  # noqa: BLE001  # what is committed must not be committed again for want of a listener
            log.error("news of the ledger were not heard", news=type(news).__name__, traceback=traceback.format_exc())

    def _open(self) -> OpenLedger:
        ledger = self._open_ledger()
        try:
            found = _opened(ledger)
        except Exception:
            ledger.close()
            raise
        self._say(found)
        return ledger

    def _persist(self, work: Callable[[], ResultT]) -> ResultT:
        """Try until the database has taken it.

        :raises _GaveUp: the supervisor ends.
        """
        pause_s, longest_s = self._backoff_s
        while True:
            try:
                result = work()
            except Exception as error:  # noqa: BLE001  # a thread that ends would lose everything from now on
                self._troubled(error)
                is_mended_by_hand = isinstance(error, LedgerError) and not isinstance(error, LedgerDown)
                self._pause(longest_s if is_mended_by_hand else pause_s, is_last=is_mended_by_hand)
                pause_s = min(2 * pause_s, longest_s)
            else:
                if self._trouble is not None:
                    self._trouble = None
                    self._say(LedgerRecovered("the ledger takes entries again"))
                return result

    def _troubled(self, error: Exception) -> None:
        """Tell once of a trouble, however often it is tried again; where it was not foreseen, the log has all of it."""
        is_new, before = type(error) is not self._trouble, self._trouble
        self._trouble = type(error)
        text = f"{error}; it is tried again, trading goes on"
        if not isinstance(error, LedgerError):
            text = "the ledger's writer failed, see the supervisor's log; it is tried again, trading goes on"
            if is_new:
                log.error("the ledger's writer failed", traceback=traceback.format_exc())
        elif not isinstance(error, LedgerDown):
            text = f"{error}; nothing is entered into it, trading goes on"
        if before is None:
            self._say(LedgerTroubled(text))

    def _pause(self, pause_s: float, *, is_last: bool) -> None:
        """:param is_last: where the supervisor ends, it is not tried again.

        :raises _GaveUp: the supervisor ends.
        """
        with self._changed:
            end = monotonic() + pause_s
            while (left := end - monotonic()) > 0:
                if self._close_by is not None:
                    left = min(left, self._close_by - monotonic())
                    if left <= 0 or is_last:
                        raise _GaveUp
                self._changed.wait(left)

    def _next_batch(self) -> list[Stamped]:
        """The oldest entries, which stay in the queue until they are committed; none when all is done."""
        with self._changed:
            while not self._queue and self._close_by is None:
                self._changed.wait()
            batch: list[Stamped] = []
            size = 0
            for stamped in self._queue:
                size += weight(stamped.entry)
                if batch and (self._singly or size > BATCH_MAX):
                    break
                batch.append(stamped)
            return batch

    def _commit(self, ledger: OpenLedger, batch: Sequence[Stamped]) -> None:
        # A database that was away may be another one now, or be set back to what it was yesterday.
        found = _opened(ledger) if self._trouble is not None else None
        try:
            applied = ledger.write(batch)
        except LedgerDown:
            raise
        except Exception as error:  # noqa: BLE001  # whatever one entry is wrong with, the others are entered
            if len(batch) > 1:
                self._singly = len(batch)
            else:
                self._refused(ledger, batch[0], error)
            return
        self._taken(batch)
        self._singly = max(0, self._singly - len(batch))
        if found is not None:
            self._say(found)
        if applied:
            self._say(RecordsApplied(applied, ledger.entered))

    def _refused(self, ledger: OpenLedger, stamped: Stamped, error: Exception) -> None:
        """One entry cannot be entered: of a drop copy, each record is tried; what fails then is passed over."""
        ts_ns, entry = stamped
        log.error("entry refused by the ledger", entry=type(entry).__name__, error=str(error))
        if isinstance(entry, DropCopy) and len(entry.records) > 1:
            self._split(ts_ns, entry)
            return
        if isinstance(entry, DropCopy):
            self._say(RecordsApplied(ledger.pass_over(entry, str(error), ts_ns)))
        with self._changed:
            self._lost += not isinstance(entry, DropCopy | IncidentNoted)
        self._taken([stamped])
        self._singly = max(0, self._singly - 1)

    def _split(self, ts_ns: int, copy: DropCopy) -> None:
        with self._changed:
            self._queue.popleft()
            for number, record in reversed(list(enumerate(copy.records, start=copy.first))):
                self._queue.appendleft(Stamped(ts_ns, DropCopy(copy.process, number, (record,))))
            self._singly += len(copy.records) - 1

    def _taken(self, batch: Sequence[Stamped]) -> None:
        """These entries are done with; tell in the ledger itself what was lost meanwhile."""
        with self._changed:
            for _ in batch:
                self._waiting -= weight(self._queue.popleft().entry)
            if self._lost:
                text = f"{self._lost} entries are missing in the ledger: it did not take them, or not in time"
                self._queue.append(Stamped(time_ns(), IncidentNoted("", text, {})))
                self._waiting += 1
                self._lost = 0


def _opened(ledger: OpenLedger) -> LedgerOpened:
    """What there is before anything is entered: nobody but this thread writes the run."""
    return LedgerOpened(ledger.begin(time_ns()), ledger.extract())
