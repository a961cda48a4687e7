"""The supervisor's ledger in the one thread: the real front, spool, writer and database, and a database that fails.

The writer's thread is a turn now and then; what it does in a turn is what its loop does.
"""

from collections.abc import Sequence
from functools import cache, partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any, Final

from supervisor.config import instruments
from supervisor.ledger import engine
from supervisor.ledger.entries import Stamped
from supervisor.ledger.errors import LedgerDown, LedgerError
from supervisor.ledger.front import WrittenLedger
from supervisor.ledger.ledger import Ledger
from supervisor.ledger.writer import BACKOFF_MAX_S, LedgerWriter
from tests.simulation.world import NS_PER_MS, NS_PER_S

if TYPE_CHECKING:
    from tests.simulation.cluster import Cluster

TURN_NS: Final = 400 * NS_PER_MS
"""From one transaction to the next."""
CLUSTER_NAME: Final = "sim"
AWAY: Final = "away"
DEAF: Final = "deaf"
DEAF_RATE: Final = 0.5
"""Of the transactions of a database that commits and does not get round to saying so."""


class Later(Exception):
    """The writer would sleep so long."""

    def __init__(self, pause_s: float) -> None:
        super().__init__(pause_s)
        self.pause_s = pause_s


class FaultyDatabase(Ledger):
    """The real ledger, which does not answer while the cluster's database has a fault."""

    def __init__(self, cluster: "Cluster", *arguments: Any) -> None:
        super().__init__(*arguments)
        self._faulty = cluster
        cluster.databases.append(self)

    def begin(self, now_ns: int) -> dict[str, int]:
        self._answer()
        return super().begin(now_ns)

    def write(self, batch: Sequence[Stamped]) -> dict[str, int]:
        self._answer()
        applied = super().write(batch)
        if self._faulty.database_fault == DEAF and self._faulty.world.is_true(DEAF_RATE):
            raise LedgerDown("the database has not said whether it has committed")
        return applied

    def spooled(self, spool: str) -> int:
        self._answer()
        return super().spooled(spool)

    def pass_over(self, copy: Any, reason: str, ts_ns: int) -> dict[str, int]:
        self._answer()
        return super().pass_over(copy, reason, ts_ns)

    def _answer(self) -> None:
        if self._faulty.database_fault == AWAY:
            raise LedgerDown("the database does not answer")


def ledger_of(cluster: "Cluster") -> WrittenLedger:
    """The ledger of one supervisor."""
    state_dir = cluster.paths.state_dir
    url = engine.parse_url(engine.default_url(state_dir), state_dir)
    traded = instruments(cluster.scenario.config)

    def opened(run: str) -> FaultyDatabase:
        return FaultyDatabase(cluster, url, CLUSTER_NAME, run, traded)

    return WrittenLedger(opened, state_dir, CLUSTER_NAME)


def lay_database(state_dir: Path) -> None:
    """A database with its tables, which take long to make."""
    (state_dir / engine.FILE_NAME).write_bytes(_empty_database())


@cache
def _empty_database() -> bytes:
    with TemporaryDirectory() as name:
        directory = Path(name)
        made = engine.make_engine(engine.parse_url(engine.default_url(directory), directory), is_writer=True)
        engine.prepare(made)
        made.dispose()
        return (directory / engine.FILE_NAME).read_bytes()


class SteppedWriter(LedgerWriter):
    """A writer whose thread is events of the simulation; it ends with its process."""

    def __init__(self, *arguments: Any, cluster: "Cluster") -> None:
        super().__init__(*arguments)
        self._world, self._process = cluster.world, cluster.world.current
        self._ledger: Any = None

    def start(self) -> None:
        self._world.after(0, self._turn)

    def close(self, timeout_s: float) -> bool:
        return not self._queue

    def _turn(self) -> None:
        process = self._process
        if not process.is_alive:
            if self._ledger is not None:
                self._ledger.close()
            return
        wait_ns = max(TURN_NS, process.frozen_until_ns - self._world.now_ns) if process.is_frozen else TURN_NS
        if not process.is_frozen:
            wait_ns = max(wait_ns, self._work())
            process.run()  # it may have been told something
        self._world.after(wait_ns, self._turn)

    def _work(self) -> int:
        """One turn of the loop. :returns: how long it would sleep, in nanoseconds."""
        before, self._world.current = self._world.current, self._process
        try:
            if self._ledger is None:
                self._ledger = self._persist(self._open)
            if self._queue:
                self._persist(partial(self._commit, self._ledger, self._next_batch()))
        except Later as later:
            return int(later.pause_s * NS_PER_S)
        finally:
            self._world.current = before
        return 0

    def _troubled(self, error: Exception) -> None:
        if not isinstance(error, LedgerError):  # a broken promise of the writer's, which it survives
            self._process.floor.escaped(self._process, error)
        super()._troubled(error)

    def _pause(self, pause_s: float, *, is_last: bool) -> None:
        raise Later(BACKOFF_MAX_S if is_last else pause_s)
