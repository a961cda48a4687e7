"""`python -m tests.chaos`: one line of the fault matrix, or all of them, on real processes."""

import argparse
import json
import sys
from collections.abc import Sequence
from random import Random

import msgspec
from rich.console import Console
from rich.table import Table

from tests.chaos.campaigns import CAMPAIGNS
from tests.chaos.row import Row


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.chaos", description=__doc__)
    parser.add_argument("--fault", action="append", choices=sorted(CAMPAIGNS), help="again for more; default: all")
    parser.add_argument("--runs", type=int, default=10, help="of each fault")
    parser.add_argument("--seed", type=int, default=None, help="of the moments and victims; shown where left out")
    parser.add_argument("--json", action="store_true", dest="is_json", help="write rows as JSON")
    asked = parser.parse_args(arguments)
    seed = Random().randrange(2**32) if asked.seed is None else asked.seed
    errors = Console(stderr=True)
    errors.print(f"seed {seed}", highlight=False)
    rows = []
    for name in asked.fault or sorted(CAMPAIGNS):
        rows.append(
            CAMPAIGNS[name](asked.runs, Random(f"{seed}/{name}"), lambda text: errors.print(text, highlight=False))
        )
        if not asked.is_json:
            Console(width=150).print(_table(rows[-1:]))
    if asked.is_json:
        sys.stdout.write(json.dumps([msgspec.to_builtins(row) for row in rows], indent=2) + "\n")
    return 0 if all(row.is_kept for row in rows) else 1


def _table(rows: Sequence[Row]) -> Table:
    table = Table(
        "fault", "promise", "runs", "orders", "fills", "lost", "doubled", "median ms", "worst ms", "noticed ms", ""
    )
    for row in rows:
        table.add_row(
            row.fault, row.promise, str(row.runs), str(row.orders), str(row.fills), str(row.lost), str(row.duplicated),
            f"{row.median_ms:.0f}", f"{row.worst_ms:.0f}", f"{row.noticed_ms:.0f}",
            f"kept {row.note}".strip() if row.is_kept else "BROKEN: " + "; ".join(row.broken),
        )  # fmt: skip
    return table


if __name__ == "__main__":
    sys.exit(main())
