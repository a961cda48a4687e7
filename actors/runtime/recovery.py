"""Bringing a new incarnation of a strategy to where the last one was: snapshot, and then the rest of the journal."""

from collections.abc import Callable
from pathlib import Path
from time import perf_counter_ns
from typing import Any, Final

import msgspec
import structlog

from actors.runtime.input_journal import InputChannel, InputJournal, read_inputs
from actors.runtime.journal import BEGINNING, Position, has_position, segment_files
from actors.runtime.journal_header import HeaderUnreadable, JournalHeader, read_header, write_header
from actors.runtime.snapshot_file import (
    SNAPSHOT_BYTES_MAX,
    StrategySnapshot,
    fingerprint_of,
    read_snapshots,
    write_snapshot,
)
from actors.snapshot import SnapshotError, dump, restore
from actors.strategies.parameters import changed_names
from actors.strategies.strategy import Strategy

STILL_STARTING_EVERY: Final = 20_000
"""Inputs replayed between two words to the supervisor: a tenth of a second or so."""
SNAPSHOT_EVERY_INPUTS: Final = 20_000
"""A restart replays about so many at the most: some 0.2 s."""
SNAPSHOT_EVERY_NS: Final = 30_000_000_000
SNAPSHOT_INPUTS_MIN: Final = 1_000
"""With fewer new ones, none is written; the journal is read as fast."""
SNAPSHOT_OVERDUE_INPUTS: Final = 100_000
"""A strategy that is never idle gets one all the same."""
SNAPSHOT_REST: Final = 500
"""Times as long as the last one took, until the next may be written: at most 0.2 % of the time goes into them."""
NS_PER_MS: Final = 1e6

log = structlog.get_logger()


class Recovered:
    """A strategy as its journal has it, the journal open for more, and its snapshots.

    :ivar last_seqs: the last execution report in the journal of each gateway, by venue.
    :ivar is_changed: the strategy runs by other parameters than the host was given; they may be changed live.
    """

    def __init__(self, kind: type[Strategy[Any]], wanted: JournalHeader, directory: Path) -> None:
        self._kind, self._directory = kind, directory
        self._instruments = {instrument.id: instrument for instrument in wanted.instruments}
        self._wanted = self._decoded(wanted)
        self._header = self._begin(wanted)
        self._fingerprint = fingerprint_of(kind, self._header)
        self.last_seqs: dict[str, int] = {}
        self.is_writing_snapshots = True
        self.snapshot_ms = 0.0
        self._saved_at = self._saved_ns = self._rests_until_ns = 0
        self.strategy, self._position = self._start()
        self.journal = InputJournal(directory, self._position)  # which cuts a torn tail off

    # --- where it begins ----------------------------------------------------------------------------------------

    def _begin(self, wanted: JournalHeader) -> JournalHeader:
        """What the strategy of this journal began with. Where it differs from what is wanted now in nothing but live
        parameters, the journal goes on as it is; else it is read by what is wanted now.
        """
        try:
            known = read_header(self._directory)
            if self._goes_on(known, wanted) and segment_files(self._directory):
                return known
        except (HeaderUnreadable, msgspec.MsgspecError, ValueError):
            pass
        write_header(self._directory, wanted)
        return wanted

    def _goes_on(self, known: JournalHeader, wanted: JournalHeader) -> bool:
        if (known.strategy, known.kind, known.instruments) != (wanted.strategy, wanted.kind, wanted.instruments):
            return False
        began = self._decoded(known)
        is_sound = not self._kind.check(began, self._instruments)
        return is_sound and self._kind.live_parameters.issuperset(changed_names(began, self._wanted))

    def _decoded(self, header: JournalHeader) -> Any:
        return msgspec.convert(header.parameters, self._kind.parameters_type)

    def _fresh(self) -> Strategy[Any]:
        return self._kind(self._header.strategy, self._instruments, self._decoded(self._header))

    def _start(self) -> tuple[Strategy[Any], Position]:
        """From the newest snapshot that can be used, or from nothing."""
        for snapshot in read_snapshots(self._directory, self._fingerprint):
            strategy = self._fresh()
            if not has_position(self._directory, snapshot.position):
                log.warning("snapshot not used", journal=str(self._directory), error="the journal ends before it")
                continue
            try:
                restore(snapshot.state, strategy)
            except SnapshotError as error:
                log.warning("snapshot not used", journal=str(self._directory), error=str(error))
                continue
            self.last_seqs = dict(snapshot.last_seqs)
            self._saved_at = strategy.messages_heard
            return strategy, snapshot.position
        return self._fresh(), BEGINNING

    def replay(self, still_starting: Callable[[], None]) -> None:
        """Tell the strategy the rest of its journal; what it answered then has left already, or never will."""
        strategy = self.strategy
        for number, (channel, message) in enumerate(read_inputs(self._directory, self._position), start=1):
            if number % STILL_STARTING_EVERY == 0:
                still_starting()
            strategy.on_message(message)
            if channel is InputChannel.EXECUTION and message.seq:
                self.last_seqs[self._instruments[message.instrument].venue] = message.seq

    @property
    def is_changed(self) -> bool:
        return bool(changed_names(self.strategy.parameters, self._wanted))

    @property
    def wanted_parameters(self) -> str:
        """The parameters that the host was given, as JSON."""
        return msgspec.json.encode(self._wanted).decode()

    # --- snapshots ----------------------------------------------------------------------------------------------

    def is_due(self, mono_ns: int, *, is_idle: bool) -> bool:
        """Whether a snapshot is to be written now."""
        new = self.strategy.messages_heard - self._saved_at
        if new < SNAPSHOT_INPUTS_MIN or not self.is_writing_snapshots or mono_ns < self._rests_until_ns:
            return False
        if not is_idle:
            return new >= SNAPSHOT_OVERDUE_INPUTS
        self._saved_ns = self._saved_ns or mono_ns
        return new >= SNAPSHOT_EVERY_INPUTS or mono_ns - self._saved_ns >= SNAPSHOT_EVERY_NS

    def save(self, last_seqs: dict[str, int], mono_ns: int) -> None:
        """Write a snapshot of the strategy as it is now, between two inputs.

        A strategy that cannot be written goes on without; so does one whose disk has no room for it, until later.

        :raises JournalFailed: what it was told until now cannot be written.
        """
        started_ns = perf_counter_ns()
        self.journal.flush()
        try:
            state = dump(self.strategy)
            if len(state) >= SNAPSHOT_BYTES_MAX:
                raise SnapshotError(f"it has {len(state)} bytes, more than {SNAPSHOT_BYTES_MAX}")
            snapshot = StrategySnapshot(self._fingerprint, self.journal.position, last_seqs, state)
            size = write_snapshot(self._directory, snapshot)
        except SnapshotError as error:
            self.is_writing_snapshots = False
            log.warning("no snapshots", strategy=self._header.strategy, error=str(error))
            return
        except OSError as error:
            log.warning("snapshot not written", strategy=self._header.strategy, error=str(error))
            size = 0
        took_ns = perf_counter_ns() - started_ns
        self.snapshot_ms = took_ns / NS_PER_MS
        self._saved_at, self._saved_ns = self.strategy.messages_heard, mono_ns
        self._rests_until_ns = mono_ns + SNAPSHOT_REST * took_ns
        if size:
            log.debug("snapshot", strategy=self._header.strategy, bytes=size, ms=round(self.snapshot_ms, 1))
