"""What all benches share: percentiles, alternating rounds, and how a result is printed."""

import argparse
import json
import math
from collections.abc import Callable, Mapping, Sequence
from time import perf_counter
from typing import NamedTuple

from rich.console import Console
from rich.table import Table

DEFAULT_PERCENTS = (50.0, 99.0, 99.9)


class Options(NamedTuple):
    """How a bench was asked to run.

    :ivar is_quick: fewer samples, to see that the bench works; its figures mean little.
    :ivar flags: those of the bench's own that were given.
    """

    is_json: bool
    is_quick: bool
    flags: frozenset[str] = frozenset()


def options(
    name: str, description: str, argv: Sequence[str] | None = None, flags: Mapping[str, str] | None = None
) -> Options:
    """Read the command line that all benches share.

    :param flags: options of this bench alone, by name, each with its help.
    """
    parser = argparse.ArgumentParser(prog=f"python -m bench.{name}", description=description)
    parser.add_argument("--json", action="store_true", help="print one JSON object instead of a table")
    parser.add_argument("--quick", action="store_true", help="few samples: shows that it works, measures nothing")
    for flag, text in (flags or {}).items():
        parser.add_argument(f"--{flag}", action="store_true", help=text)
    parsed = parser.parse_args(argv)
    return Options(parsed.json, parsed.quick, frozenset(flag for flag in flags or {} if getattr(parsed, flag)))


def percentile(ascending: Sequence[float], percent: float) -> float:
    """The nearest-rank percentile: the smallest sample that at least `percent` of all samples do not exceed.

    :param ascending: the samples, sorted.
    """
    if not ascending:
        raise ValueError("percentile of no samples")
    rank = math.ceil(percent / 100.0 * len(ascending))
    return ascending[max(rank, 1) - 1]


def percentiles(samples: Sequence[float], percents: Sequence[float] = DEFAULT_PERCENTS) -> dict[str, float]:
    """Percentiles by name: `{"p50": ..., "p99": ..., "p99.9": ...}`."""
    ascending = sorted(samples)
    return {f"p{percent:g}": percentile(ascending, percent) for percent in percents}


def alternate(runs: Mapping[str, Callable[[], float]], rounds: int) -> dict[str, list[float]]:
    """Run each in turn, `rounds` times over, so that a change of the machine's pace meets them all.

    :param runs: name → function that does the work and returns its figure.
    :returns: name → the figures, one a round.
    """
    figures: dict[str, list[float]] = {name: [] for name in runs}
    for _ in range(rounds):
        for name, run in runs.items():
            figures[name].append(run())
    return figures


def seconds_of(work: Callable[[], object]) -> float:
    """Wall time of one call."""
    start = perf_counter()
    work()
    return perf_counter() - start


def us_per_call(work: Callable[[], object], calls: int) -> float:
    """Mean microseconds of one call of `work`, over so many in a row; the loop's own cost is in it."""
    repeats = range(calls)
    start = perf_counter()
    for _ in repeats:
        work()
    return (perf_counter() - start) / calls * 1e6


def rounded(figure: float, digits: int = 4) -> float:
    """A figure to so many significant digits."""
    return float(f"{figure:.{digits}g}")


def show(result: Mapping[str, object], rows: Sequence[Sequence[str]], title: str, *, is_json: bool) -> None:
    """Print a result.

    :param result: all of it, for machines.
    :param rows: the table for people; the first row is its header.
    """
    if is_json:
        print(json.dumps(result))
        return
    table = Table()
    for number, heading in enumerate(rows[0]):
        table.add_column(heading, justify="left" if number == 0 else "right")
    for row in rows[1:]:
        table.add_row(*row)
    print(title)
    Console().print(table)
