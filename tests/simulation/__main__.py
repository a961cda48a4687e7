"""`python -m tests.simulation --seed N [--verbose]` plays one seed; `--seeds COUNT [--start S] [--workers W]` many.

The exit code is 0 where every promise was kept, else 1.
"""

import argparse
import os
import sys
import time
from collections.abc import Sequence
from typing import TextIO

from tests.simulation.campaign import Campaign, progress, run_campaign
from tests.simulation.patches import patched
from tests.simulation.run import run_seed

HASH_SEED = "PYTHONHASHSEED"


def say(text: str, stream: TextIO | None = None) -> None:
    print(text, file=stream)  # a program for the terminal


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.simulation", description="The whole cluster in one thread.")
    parser.add_argument("--seed", type=int, help="play this one")
    parser.add_argument("--verbose", action="store_true", help="print everything that every process was told")
    parser.add_argument("--seeds", type=int, default=100, help="play so many")
    parser.add_argument("--start", type=int, default=0, help="the first of them")
    parser.add_argument("--workers", type=int, default=os.cpu_count() or 1)
    options = parser.parse_args(arguments)
    if options.seed is not None:
        return _one(options.seed, is_verbose=options.verbose)
    return _many(options.start, options.seeds, options.workers)


def _one(seed: int, *, is_verbose: bool) -> int:
    with patched():
        result = run_seed(seed, is_kept=is_verbose)
    for line in result.lines:
        say(line)
    faults = ", ".join(f"{kind} {times}" for kind, times in result.struck.items()) or "none"
    say(f"seed {seed}: faults: {faults}")
    stuck = ", and then only because it was healed by hand" if result.stuck_on else ""
    say(f"{result.orders} orders at the venues, {result.fills} fills")
    say(f"all books agreed {result.recovery_ms:.0f} ms after the last fault{stuck}")
    say(f"trace {result.trace}")
    for violation in result.violations:
        say(f"VIOLATION {violation}")
    return 1 if result.violations else 0


def _many(start: int, count: int, workers: int) -> int:
    campaign, started_s = Campaign(), time.perf_counter()
    try:
        for results in run_campaign(start, count, workers):
            for result in results:
                campaign.add(result)
            say(progress(campaign, count, started_s), sys.stderr)
    except KeyboardInterrupt:  # what was played until then is shown all the same
        say("interrupted", sys.stderr)
    say(campaign.matrix())
    return 1 if campaign.broken else 0


if __name__ == "__main__":
    if os.environ.get(HASH_SEED) is None:  # sets of text have the same order in every process only with a fixed one
        os.execve(
            sys.executable, [sys.executable, "-m", "tests.simulation", *sys.argv[1:]], {**os.environ, HASH_SEED: "0"}
        )
    sys.exit(main())
