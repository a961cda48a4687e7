"""The drills of `outcry demo`, each again and again in a cluster of its own."""

from collections.abc import Callable
from random import Random
from statistics import median

from supervisor.drill.cluster import DrillFailed
from supervisor.drill.run import promise_of, run_drill
from supervisor.drill.stage import Observation
from tests.chaos.row import Row

REPEATED = ("lose-supervisor", "hang", "partition", "zombie", "disk-full", "halt")
"""The others are campaigns of many faults in one cluster."""


def repeat_drill(name: str) -> Callable[[int, Random, Callable[[str], None]], Row]:
    """A campaign of whole drills."""

    def campaign(runs: int, _random: Random, tell: Callable[[str], None]) -> Row:
        row, times_ms = Row(fault=name, promise=promise_of(name)), []
        for number in range(1, runs + 1):
            try:
                result = run_drill(name, _ignore)
            except DrillFailed as error:
                row.broken.append(f"run {number}: {str(error).splitlines()[0]}")
                tell(str(error))
                continue
            row.add(result.verdict)
            row.broken += result.failures
            times_ms += result.times_ms.values()
            row.runs = number
            tell(f"{name}: {number} of {runs}")
        if times_ms:
            row.worst_ms, row.median_ms = max(times_ms), median(times_ms)
        return row

    return campaign


def _ignore(_seen: Observation) -> None:
    """A campaign tells the sum alone."""
