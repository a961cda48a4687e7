"""Many seeds, and what they come to: a row for each kind of fault."""

import gc
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from typing import Final

import msgspec

from tests.simulation.patches import patched
from tests.simulation.run import RunResult, run_seed

BATCH: Final = 25
"""Seeds that a worker plays before it reports and collects its garbage."""
SHOWN_MAX: Final = 40
"""Broken seeds that are listed in full."""
NO_FAULT: Final = "(none)"


class Row(msgspec.Struct):
    """One kind of fault over a campaign.

    :ivar runs: in which it struck; `times` it struck in all of them.
    :ivar violations: of the runs in which it struck, whichever of their faults is to blame; `lost` and `doubled` too.
    :ivar stuck: runs in which the books agreed only after the healing, which connects every venue anew.
    :ivar worst_ms: from the end of the last fault to the agreement of all books, of the other runs; simulated.
    """

    kind: str
    runs: int = 0
    times: int = 0
    lost: int = 0
    doubled: int = 0
    violations: int = 0
    stuck: int = 0
    worst_ms: float = 0.0


class Campaign:
    """:ivar broken: the runs with a violation."""

    def __init__(self) -> None:
        self.rows: dict[str, Row] = {}
        self.broken: list[RunResult] = []
        self.runs = self.orders = self.fills = 0
        self.cycles: dict[str, int] = {}

    def add(self, result: RunResult) -> None:
        self.runs += 1
        self.orders += result.orders
        self.fills += result.fills
        for kind, count in result.cycles.items():
            self.cycles[kind] = self.cycles.get(kind, 0) + count
        if result.violations:
            self.broken.append(result)
        for kind, times in (result.struck or {NO_FAULT: 1}).items():
            row = self.rows.setdefault(kind, Row(kind))
            row.runs += 1
            row.times += times
            row.lost += result.lost
            row.doubled += result.doubled
            row.violations += len(result.violations)
            row.stuck += bool(result.stuck_on)
            if not result.stuck_on:
                row.worst_ms = max(row.worst_ms, result.recovery_ms)

    def matrix(self) -> str:
        """The table, the sums, and how to play what broke again."""
        head = ("fault", "runs", "times", "lost", "doubled", "violations", "healed by hand", "worst recovery ms")
        lines = [head] + [
            (row.kind, row.runs, row.times, row.lost, row.doubled, row.violations, row.stuck, f"{row.worst_ms:.0f}")
            for row in sorted(self.rows.values(), key=lambda row: row.kind)
        ]
        widths = [max(len(str(line[column])) for line in lines) for column in range(len(head))]
        table = [
            "  ".join(
                str(cell).ljust(width) if column == 0 else str(cell).rjust(width)
                for column, (cell, width) in enumerate(zip(line, widths, strict=True))
            )
            for line in lines
        ]
        sums = (
            f"{self.runs} runs, {self.orders} orders at the venues, {self.fills} fills, {len(self.broken)} runs broken"
        )
        cycles = ", ".join(f"{kind} {count}" for kind, count in sorted(self.cycles.items()))
        return "\n".join([*table, "", sums, f"cycles: {cycles or 'none'}", *self._broken_lines()])

    def _broken_lines(self) -> Iterator[str]:
        for result in sorted(self.broken, key=lambda result: result.seed)[:SHOWN_MAX]:
            yield f"seed {result.seed} ({', '.join(sorted(result.struck))}): {result.violations[0][:400]}"
            yield f"    python -m tests.simulation --seed {result.seed} --verbose"


def play(seeds: Sequence[int]) -> list[RunResult]:
    """Play some seeds in this process."""
    with patched():
        results = [run_seed(seed) for seed in seeds]
    gc.collect()
    return results


def run_campaign(start: int, count: int, workers: int) -> Iterator[list[RunResult]]:
    """Play `count` seeds from `start` on, a batch after the other, in the order of the seeds."""
    batches = [range(first, min(first + BATCH, start + count)) for first in range(start, start + count, BATCH)]
    if workers == 1:
        yield from map(play, batches)
        return
    with ProcessPoolExecutor(workers) as pool:
        yield from pool.map(play, batches)


def progress(campaign: Campaign, count: int, started_s: float) -> str:
    spent_s = max(time.perf_counter() - started_s, 0.001)
    return f"{campaign.runs}/{count} runs, {campaign.runs / spent_s:.1f}/s, {len(campaign.broken)} broken"
