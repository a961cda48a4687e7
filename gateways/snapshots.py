"""When a gateway writes a snapshot of its books: between two messages, never on the way of an order.

What is written is made in the actor's thread, in a bounded time; the disk is waited for in a thread of its own.
"""

from collections.abc import Callable
from pathlib import Path
from threading import Thread
from time import perf_counter_ns
from typing import Final

import structlog

from actors.runtime.journal import JournalFailed
from gateways.gate.order_gate import OrderGate
from gateways.gate.order_records import OrderRecords
from gateways.intent_log import IntentLog
from gateways.snapshot_file import Snapshot, write_snapshot

SNAPSHOT_EVERY_RECORDS: Final = 50_000
"""A restart replays about so many at the most: some 0.3 s."""
SNAPSHOT_OVERDUE_RECORDS: Final = 200_000
"""A gateway that is never idle writes one all the same."""
REST_NS_MIN: Final = 10_000_000_000
REST_FACTOR: Final = 500
"""Times as long as the last one held up the actor, until the next: at most 0.2 % of the time goes into them."""
CHUNKS_A_PULSE: Final = 8
"""Of closed orders, encoded where the gateway is never idle: some 2 ms."""
JOIN_S: Final = 2.0

log = structlog.get_logger()


class SnapshotWriter:
    """Writes one snapshot at a time, off the actor's thread.

    :param sync: makes the journal safe on the disk, as far as it is written.
    :ivar saved: intents and reports of the journal up to the newest snapshot.
    """

    def __init__(self, directory: Path, sync: Callable[[], None], saved: int) -> None:
        self.saved = saved
        self._directory, self._sync = directory, sync
        self._thread: Thread | None = None

    @property
    def is_busy(self) -> bool:
        return self._thread is not None and self._thread.is_alive()

    def write(self, snapshot: Snapshot) -> None:
        self._thread = Thread(target=self.write_now, args=(snapshot,), name="snapshot", daemon=True)
        self._thread.start()

    def write_now(self, snapshot: Snapshot) -> None:
        """Where the disk does not take it, the older ones stay, and another one is written later."""
        try:
            self._sync()
            write_snapshot(self._directory, snapshot)
        except (JournalFailed, OSError) as error:
            log.warning("snapshot not written", directory=str(self._directory), error=str(error))
        else:
            self.saved = snapshot.recorded

    def stop(self) -> None:
        """Wait for the one that is being written; one that is not whole by then is never seen."""
        if self._thread is not None:
            self._thread.join(JOIN_S)


class Snapshots:
    """:param last_flatten: tells the number of the last order of the gateway's own."""

    def __init__(
        self,
        directory: Path,
        intent_log: IntentLog,
        records: OrderRecords,
        gate: OrderGate,
        last_flatten: Callable[[], int],
    ) -> None:
        self._log, self._records, self._gate = intent_log, records, gate
        self._last_flatten = last_flatten
        self._writer = SnapshotWriter(directory, intent_log.sync, intent_log.saved)
        self._rests_until_ns = 0
        self.stop = self._writer.stop

    def on_idle(self, mono_ns: int) -> None:
        """Nothing waits: do a bounded part of what is due."""
        if self._records.closed.is_chunk_due:
            self._records.closed.encode_chunk()
        else:
            self._save_when_due(mono_ns, SNAPSHOT_EVERY_RECORDS)

    def on_pulse(self, mono_ns: int) -> None:
        """The same for a gateway that is never idle, once that is overdue."""
        if self._log.recorded - self._writer.saved < SNAPSHOT_OVERDUE_RECORDS:
            return
        closed = self._records.closed
        for _ in range(CHUNKS_A_PULSE):
            if not closed.is_chunk_due:
                self._save_when_due(mono_ns, SNAPSHOT_OVERDUE_RECORDS)
                return
            closed.encode_chunk()

    def _save_when_due(self, mono_ns: int, every: int) -> None:
        if self._log.recorded - self._writer.saved < every or mono_ns < self._rests_until_ns or self._writer.is_busy:
            return
        started_ns = perf_counter_ns()
        try:
            snapshot = self._log.snapshot(self._records, self._gate, self._last_flatten())
        except Exception as error:  # noqa: BLE001  # trading does not depend on it: the journal has everything
            log.error("no snapshot", error=repr(error))
            snapshot = None
        took_ns = perf_counter_ns() - started_ns
        self._rests_until_ns = mono_ns + max(REST_NS_MIN, REST_FACTOR * took_ns)
        if snapshot is not None:
            self._writer.write(snapshot)
            log.debug("snapshot", records=snapshot.recorded, bytes=snapshot.size, ms=round(took_ns / 1e6, 1))
