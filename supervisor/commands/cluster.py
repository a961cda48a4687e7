"""The commands that start and watch a cluster: up, check, status."""

import json
import time
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from messages.health import ClusterStatus
from supervisor.commands.base import app, examples, failure, loaded, write_json
from supervisor.commands.connection import linked, status_of
from supervisor.commands.exit_codes import BAD_USAGE
from supervisor.commands.options import ClusterOption, ConfigArgument, StateOption
from supervisor.commands.up_options import UpOptions
from supervisor.config import Config, ConfigError, load
from supervisor.kill_switch import halted_because
from supervisor.live_status import LiveStatus
from supervisor.operator_link import NotRunning, OperatorLink
from supervisor.paths import ClusterPaths, UnsafePath, default_state_dir
from supervisor.plain import to_plain
from supervisor.report import ReportUnwritable, check_writable
from supervisor.status_view import render
from supervisor.tables import stdout_console

WATCH_INTERVAL_S = 0.5


@app.command(
    epilog=examples(
        "outcry up", "outcry up examples/demo.toml --for 60 --report report.json", "outcry up my.toml --state /srv/desk"
    )
)
def up(
    *,
    config: Annotated[
        Path | None, typer.Argument(metavar="CONFIG", help="The cluster's TOML file; none: the embedded cluster.")
    ] = None,
    for_seconds: Annotated[
        float | None, typer.Option("--for", metavar="SECONDS", min=0.0, help="Stop after so long.")
    ] = None,
    report: Annotated[
        Path | None, typer.Option("--report", metavar="FILE", help="Write a JSON report at the end.")
    ] = None,
    stay: Annotated[bool, typer.Option("--stay", help="Go on when all recorded data has been read.")] = False,
    state: StateOption = None,
    no_status: Annotated[bool, typer.Option("--no-status", help="Draw no status.")] = False,
) -> None:
    """Start a cluster and keep it running. Ctrl-C stops it in good order, a second one at once."""
    state_dir = state or default_state_dir(loaded(config).cluster.name)
    from supervisor import keeper  # noqa: PLC0415  # the other commands start faster without it

    options = UpOptions(for_seconds=for_seconds, report=report, stay=stay, show_status=not no_status)
    try:
        if report is not None:
            check_writable(report)
        _warn_of_halt(state_dir)
        code = keeper.run(config, state_dir, options)
    except (ReportUnwritable, UnsafePath) as error:
        raise failure(str(error), BAD_USAGE) from error
    raise typer.Exit(code)


@app.command(epilog=examples("outcry check examples/demo.toml", "outcry check --json my.toml"))
def check(
    config: Annotated[
        Path | None, typer.Argument(metavar="CONFIG", help="The cluster's TOML file; none: the embedded cluster.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Write the result as JSON.")] = False,
) -> None:
    """Check a config and report every mistake in it, without starting anything."""
    if not as_json:
        checked = loaded(config)
        gateways, strategies = len(checked.gateways), len(checked.strategies)
        typer.echo(f"ok: cluster {checked.cluster.name}, gateways: {gateways}, strategies: {strategies}")
        return
    try:
        checked = load(config)
    except ConfigError as error:
        write_json({"ok": False, "source": error.source, "mistakes": to_plain(error.mistakes)})
        raise typer.Exit(BAD_USAGE) from error
    write_json(_described(checked))


@app.command(
    epilog=examples("outcry status", "outcry status --watch", "outcry status --cluster demo --json | jq .strategies")
)
def status(
    config: ConfigArgument = None,
    cluster: ClusterOption = None,
    state: StateOption = None,
    watch: Annotated[bool, typer.Option("--watch", help="Go on until the cluster ends, or Ctrl-C.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Write JSON; with --watch, one object a line.")] = False,
) -> None:
    """Show processes, gateways, strategies, positions and profit of a running cluster.

    A gateway counts orders since its process started: after a restart it begins at 0 again, and its books do not.
    """
    with linked(config, cluster, state) as (link, _):
        current = status_of(link)
        if watch:
            _watch(link, current, as_json=as_json)
        elif as_json:
            write_json(to_plain(current))
        else:
            console = stdout_console()
            console.print(render(current, console.width))


def _warn_of_halt(state_dir: Path) -> None:
    """Say so where a cluster starts halted; it would look as if it did not work."""
    why = halted_because(ClusterPaths(state_dir))
    if why is not None:
        typer.echo(
            f"!!! {state_dir.name} starts HALTED: {why}\n!!! no order is sent before the operator says: outcry unhalt",
            err=True,
        )


def _watch(link: OperatorLink, current: ClusterStatus, *, as_json: bool) -> None:
    """Show one status after the other; that the cluster ends, or the watcher has seen enough, is no failure."""
    try:
        with LiveStatus(Console()) as live:
            while True:
                if as_json:
                    typer.echo(json.dumps(to_plain(current)))
                else:
                    live.show(current)
                time.sleep(WATCH_INTERVAL_S)
                current = status_of(link)
    except NotRunning:
        typer.echo(f"{current.cluster} does not answer any more", err=True)
    except KeyboardInterrupt:
        return


def _described(config: Config) -> dict[str, object]:
    return {
        "ok": True,
        "cluster": config.cluster.name,
        "gateways": [
            {"id": gateway.id, "kind": gateway.kind, "instruments": [table.symbol for table in gateway.instruments]}
            for gateway in config.gateways
        ],
        "strategies": [
            {"id": strategy.id, "kind": strategy.kind, "enabled": strategy.enabled} for strategy in config.strategies
        ],
    }
