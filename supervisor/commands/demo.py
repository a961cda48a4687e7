"""`outcry demo`: do a fault to a cluster of its own, and show what becomes of it."""

from pathlib import Path
from typing import Annotated

import typer

from supervisor.commands.base import app, examples, failure, write_json
from supervisor.commands.exit_codes import BAD_USAGE, FAILED
from supervisor.drill.cluster import DrillFailed
from supervisor.drill.faults import DRILLS
from supervisor.drill.run import DrillResult, promise_of, run_drill
from supervisor.drill.stage import Observation
from supervisor.plain import to_plain


@app.command(epilog=examples("outcry demo kill-strategy", "outcry demo halt", "outcry demo hang --json"))
def demo(
    fault: Annotated[str | None, typer.Argument(metavar="FAULT", help="Left out: list what there is.")] = None,
    *,
    keep: Annotated[
        Path | None, typer.Option("--keep", metavar="DIR", help="Keep journals, logs and report here.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Write the result as JSON.")] = False,
) -> None:
    """Start the embedded cluster, do a fault to it, and let the venues' own ledgers say whether anything was lost.

    Simulated venues, a directory of its own, about half a minute. Exit code 1 where a promise was broken.
    """
    if fault is None:
        for name in DRILLS:
            typer.echo(f"{name:<16} {promise_of(name)}")
        return
    if fault not in DRILLS:
        raise failure(f"no fault {fault!r} (there are: {', '.join(DRILLS)})", BAD_USAGE)
    if keep is not None:
        keep.mkdir(parents=True, exist_ok=True)
    try:
        result = run_drill(fault, _ignore if as_json else _show, directory=keep)
    except DrillFailed as error:
        raise failure(str(error), FAILED) from error
    if as_json:
        write_json(to_plain(result) | {"is_good": result.is_good})
    else:
        _show_result(result)
    if not result.is_good:
        raise typer.Exit(FAILED)


def _ignore(_seen: Observation) -> None:
    pass


def _show(seen: Observation) -> None:
    residual = "?" if seen.residual is None else f"{seen.residual:f}"
    stands = f"{seen.state:<24} residual {residual:<10} open {seen.open_orders}  fills {seen.fills}"
    typer.echo(f"{seen.seconds:6.1f} s  {stands}  {seen.what}".rstrip())


def _show_result(result: DrillResult) -> None:
    verdict = result.verdict
    typer.echo("")
    typer.echo(result.promise)
    for name, ms in result.times_ms.items():
        typer.echo(f"  {name}: {ms:.0f} ms")
    for text in (*result.failures, *verdict.positions_wrong):
        typer.echo(f"  BROKEN: {text}")
    typer.echo(
        f"  oracle: {verdict.orders} orders at the venues, {verdict.fills} fills; lost {verdict.lost}, "
        f"duplicated {verdict.duplicated}; positions {'differ' if verdict.positions_wrong else 'equal the venues'}"
    )
    typer.echo("  the promise was kept" if result.is_good else "  THE PROMISE WAS BROKEN")
