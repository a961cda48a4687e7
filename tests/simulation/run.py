"""One run: a seed in, a verdict out."""

import os
import shutil
from collections.abc import Sequence
from pathlib import Path
from random import Random
from typing import Final

import msgspec

from tests.simulation.cluster import Cluster
from tests.simulation.faults import Saboteur, Strike, draw
from tests.simulation.oracle import Verdict, Watch, differences, flush_journals, unbalanced
from tests.simulation.patches import STAGE
from tests.simulation.scenario import Kind, plan_of
from tests.simulation.world import NS_PER_MS, NS_PER_S, Livelock, World

BEGIN_NS: Final = 2 * NS_PER_S
"""The cluster is up by then, mostly: a fault may strike in a start, too."""
FAULTS_UNTIL_NS: Final = 10 * NS_PER_S
RECOVERY_NS: Final = 12 * NS_PER_S
"""From the end of the last fault to the healing: what the cluster has for helping itself."""
SETTLE_NS: Final = 20 * NS_PER_S
"""What has not settled by then after everything was healed, never will."""
CALM_NS: Final = 1 * NS_PER_S
"""After the healing, before the books are compared for the last time."""
LOOK_NS: Final = 50 * NS_PER_MS


class RunResult(msgspec.Struct, kw_only=True):
    """What became of one seed.

    :ivar trace: the hash of everything that any process was told.
    :ivar struck: how often each kind of fault struck.
    :ivar recovery_ms: from the end of the last fault to the moment in which all books agreed; simulated.
    :ivar stuck_on: what still differed when everything was healed, and each venue connected to anew; nothing where the
        cluster had helped itself by then.
    """

    seed: int
    trace: str
    struck: dict[str, int]
    orders: int
    fills: int
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


def run_seed(seed: int, strikes: Sequence[Strike] | None = None, *, is_kept: bool = False) -> RunResult:
    """Play one seed; to be called within `patched`.

    :param strikes: in place of those that the seed draws.
    :param is_kept: keep the lines of the trace.
    """
    choice = Random(f"choice:{seed}")
    directory = state_root()
    world = World(seed, is_kept=is_kept)
    kind = Kind(
        is_shared=choice.random() < 0.5,
        is_limited=choice.random() < 0.4,
        is_secured=choice.random() < 0.75,
        is_throttled=choice.random() < 0.3,
    )
    cluster = Cluster(world, plan_of(seed, kind, directory), directory, is_secured=kind.is_secured)
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
    except Livelock as livelock:
        cluster.table.violation(str(livelock))
    flush_journals(cluster)
    verdict = Verdict(cluster)
    verdict.violations += [f"not settled after {SETTLE_NS / NS_PER_S:g} s: {text}" for text in course.left]
    take_down(cluster)
    return RunResult(
        seed=seed,
        trace=world.trace.digest,
        struck={**saboteur.struck},
        orders=watch.orders,
        fills=verdict.fills,
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


def _settle(cluster: Cluster, until_ns: int, *, is_final: bool = False) -> list[str]:
    """Let time pass until all books agree at one moment; what differs where they do not by then.

    :param is_final: pairs must be balanced in that moment, too.
    """
    world = cluster.world
    while True:
        left = differences(cluster)
        if is_final and not left:
            left = unbalanced(cluster)
        if not left or world.now_ns >= until_ns:
            return left
        world.run_until(world.now_ns + LOOK_NS)


def take_down(cluster: Cluster) -> None:
    """Close the files of a run and remove them."""
    for process in cluster.table.processes.values():
        cluster.disk.close_all(process)
    shutil.rmtree(cluster.paths.state_dir, ignore_errors=True)
