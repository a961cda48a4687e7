"""`outcry faults`: put strategies of two legs through everything that can go wrong with one, and show how they end."""

from typing import Annotated

import typer

from supervisor.commands.base import app, examples, failure, write_json
from supervisor.commands.exit_codes import BAD_USAGE, FAILED
from supervisor.faults.rigs import RIGS
from supervisor.faults.run import FaultRun
from supervisor.faults.scenario import scenarios_of
from supervisor.faults.table import table_of
from supervisor.plain import to_plain
from supervisor.tables import stdout_console


@app.command(epilog=examples("outcry faults", "outcry faults spot-futures", "outcry faults --json"))
def faults(
    kind: Annotated[
        str | None, typer.Argument(metavar="KIND", help="Of strategy; else all that trade two legs.")
    ] = None,
    *,
    as_json: Annotated[bool, typer.Option("--json", help="Write the outcomes as JSON.")] = False,
) -> None:
    """Let orders be rejected, expire, fill in part, late or unseen, let venues go and positions be liquidated.

    Each run is one strategy between simulated venues on event time. It must end balanced or flat, with its books equal
    to the venues', within its loss budget. Exit code 1 where one does not.
    """
    if kind is not None and kind not in RIGS:
        raise failure(f"no faults for strategies of kind {kind!r} (there are: {', '.join(RIGS)})", BAD_USAGE)
    outcomes = {
        name: [FaultRun(rig, scenario).play() for scenario in scenarios_of(rig)]
        for name, rig in RIGS.items()
        if kind in (None, name)
    }
    if as_json:
        write_json([to_plain(outcome) for of_kind in outcomes.values() for outcome in of_kind])
    else:
        console = stdout_console()
        for name, of_kind in outcomes.items():
            console.print(table_of(name, of_kind))
    if any(outcome.failure for of_kind in outcomes.values() for outcome in of_kind):
        raise typer.Exit(FAILED)
