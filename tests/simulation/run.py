"""One run: a seed in, a verdict out."""

import os
import shutil
from collections.abc import Sequence
from pathlib import Path
from random import Random
from typing import Final

import msgspec

from tests.simulation.bookkeeper import ledger_differences
from tests.simulation.cluster import Cluster
from tests.simulation.faults import Strike, draw
from tests.simulation.heed import complaints, trades_on, unheeded
from tests.simulation.oracle import Verdict, cycles_of, differences, flush_journals, unbalanced
from tests.simulation.patches import STAGE
from tests.simulation.saboteur import Saboteur
from tests.simulation.scenario import Kind, kind_of, scenario_of
from tests.simulation.watch import Watch
from tests.simulation.world import NS_PER_MS, NS_PER_S, Livelock, World

BEGIN_NS: Final = 2 * NS_PER_S
"""The cluster is up by then, mostly: a fault may strike in a start, too."""
FAULTS_UNTIL_NS: Final = 10 * NS_PER_S
RECOVERY_NS: Final = 12 * NS_PER_S
"""From the end of the last fault to the healing: what the cluster has for helping itself."""
SETTLE_NS: Final = 20 * NS_PER_S
"""What has not settled by then after everything was healed, never will."""
ANSWERED_NS: Final = 150 * NS_PER_S
"""The longest deadline of a command, and some more: by then it is answered, be it that it has failed."""
CALM_NS: Final = 1 * NS_PER_S
"""After the healing, before the books are compared for the last time."""
LOOK_NS: Final = 50 * NS_PER_MS


class RunResult(msgspec.Struct, kw_only=True):
    """What became of one seed.

    :ivar trace: the hash of everything that any process was told.
    :ivar struck: how often each kind of fault struck.
    :ivar cycles: by kind of strategy, how many of its cycles have ended, of each strategy that runs at the end.
    :ivar recovery_ms: from the end of the last fault to the moment in which all books agreed; simulated.
    :ivar stuck_on: what still differed when everything was healed, and each venue connected to anew; nothing where the
        cluster had helped itself by then.
    """

    seed: int
    trace: str
    struck: dict[str, int]
    orders: int
    fills: int
    cycles: dict[str, int]
    lost: int
    doubled: int
    recovery_ms: float
    stuck_on: list[str]
    violations: list[str]
    lines: list[str] = []


class Course(msgspec.Struct):
    """How a run went; `left` is what never settled."""

    recovery_ms: float = 0.0
    stuck_on: list[str] = []
    left: list[str] = []


def state_root() -> Path:
    """A folder in memory, of this process."""
    memory = Path("/dev/shm")
    return (memory if memory.is_dir() else Path("/tmp")) / f"outcry-simulation-{os.getuid()}-{os.getpid()}"


def run_seed(
    seed: int, strikes: Sequence[Strike] | None = None, *, is_kept: bool = False, kind: Kind | None = None
) -> RunResult:
    """Play one seed; to be called within `patched`.

    :param strikes: in place of those that the seed draws.
    :param is_kept: keep the lines of the trace.
    :param kind: of cluster, in place of the one that the seed draws.
    """
    choice = Random(f"choice:{seed}")
    directory = state_root()
    world = World(seed, is_kept=is_kept)
    drawn = kind_of(choice)
    kind = kind or drawn
    cluster = Cluster(world, scenario_of(seed, kind, directory), directory, kind)
    STAGE.put(cluster)
    cluster.begin()
    watch, saboteur = Watch(cluster), Saboteur(cluster)
    if strikes is None:
        strikes = draw(choice, BEGIN_NS, FAULTS_UNTIL_NS)
    for strike in strikes:
        world.at(strike.at_ns, saboteur.strike, strike)
    over_ns = max((strike.end_ns for strike in strikes), default=FAULTS_UNTIL_NS)
    course = Course()
    try:
        _play(cluster, saboteur, over_ns, course)
        course.left += trades_on(cluster, watch)
    except Livelock as livelock:
        cluster.table.violation(str(livelock))
    flush_journals(cluster)
    verdict = Verdict(cluster)
    verdict.violations += complaints(cluster)
    verdict.violations += [f"not settled: {text}" for text in course.left]
    take_down(cluster)
    return RunResult(
        seed=seed,
        trace=world.trace.digest,
        struck={**saboteur.struck},
        orders=watch.orders,
        fills=verdict.fills,
        cycles=cycles_of(cluster),
        lost=verdict.lost,
        doubled=verdict.doubled,
        recovery_ms=course.recovery_ms,
        stuck_on=course.stuck_on,
        violations=verdict.violations,
        lines=world.trace.lines,
    )


def _play(cluster: Cluster, saboteur: Saboteur, over_ns: int, course: Course) -> None:
    """Until the last fault is over, then for as long as the cluster needs by itself, then healed."""
    world = cluster.world
    world.run_until(over_ns)
    course.stuck_on = _settle(cluster, over_ns + RECOVERY_NS)
    course.recovery_ms = (world.now_ns - over_ns) / NS_PER_MS
    saboteur.heal()
    healed_ns = world.now_ns
    world.run_until(healed_ns + CALM_NS)
    course.left = _settle(cluster, healed_ns + SETTLE_NS, is_final=True)
    if cluster.operator.unanswered:
        course.left = _settle(cluster, healed_ns + ANSWERED_NS, is_final=True)


def _settle(cluster: Cluster, until_ns: int, *, is_final: bool = False) -> list[str]:
    """Let time pass until all books agree at one moment; what differs where they do not by then.

    :param is_final: pairs must be balanced and the operator heeded in that moment, too.
    """
    world = cluster.world
    while True:
        left = differences(cluster)
        if is_final and not left:
            left = [*unbalanced(cluster), *unheeded(cluster), *cluster.operator.unanswered]
            left = left or ledger_differences(cluster)
        if not left or world.now_ns >= until_ns:
            return left
        world.run_until(world.now_ns + LOOK_NS)


def take_down(cluster: Cluster) -> None:
    """Close the files of a run and remove them."""
    for process in cluster.table.processes.values():
        cluster.disk.close_all(process)
    for database in cluster.databases:
        database.close()
    shutil.rmtree(cluster.paths.state_dir, ignore_errors=True)
