"""The commands that start, watch and stop a cluster: up, check, status, halt, stop."""

import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from messages.health import ClusterStatus
from messages.operator import (
    CommandAccepted,
    CommandRefused,
    FromOperator,
    HaltRequest,
    StatusReply,
    StatusRequest,
    StopRequest,
)
from supervisor.cluster_finder import AmbiguousCluster, SupervisorDead, find, has_ended, kill_orphans
from supervisor.commands.base import (
    ClusterOption,
    ConfigArgument,
    StateOption,
    app,
    examples,
    failure,
    loaded,
    write_json,
)
from supervisor.commands.exit_codes import BAD_USAGE, FAILED, NOT_RUNNING
from supervisor.commands.up_options import UpOptions
from supervisor.config import Config, ConfigError, load
from supervisor.live_status import LiveStatus
from supervisor.lock import AlreadyRunning
from supervisor.operator_link import SOCKET_NAME, NotRunning, OperatorLink, OperatorLinkError, new_command_id
from supervisor.paths import ClusterPaths, UnsafePath, default_state_dir
from supervisor.plain import to_plain
from supervisor.report import ReportUnwritable, check_writable
from supervisor.status_view import render
from supervisor.tables import stdout_console

WATCH_INTERVAL_S = 0.5
STOP_POLL_S = 0.1
STOP_WAIT_S = 60.0


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
    with _link(config, cluster, state) as (link, _):
        current = _status(link)
        if watch:
            _watch(link, current, as_json=as_json)
        elif as_json:
            write_json(to_plain(current))
        else:
            console = stdout_console()
            console.print(render(current, console.width))


@app.command(epilog=examples("outcry halt", 'outcry halt --reason "venue maintenance" --cluster demo'))
def halt(
    config: ConfigArgument = None,
    cluster: ClusterOption = None,
    state: StateOption = None,
    reason: Annotated[str, typer.Option("--reason", help="Why; it is shown and recorded.")] = "by the operator",
) -> None:
    """Stop all new orders and cancel the working ones; positions stay, and the cluster keeps running."""
    with _link(config, cluster, state) as (link, _):
        typer.echo(_command(link, HaltRequest(new_command_id(), reason)))


@app.command(epilog=examples("outcry stop", "outcry stop --cluster demo --now"))
def stop(
    config: ConfigArgument = None,
    cluster: ClusterOption = None,
    state: StateOption = None,
    now: Annotated[bool, typer.Option("--now", help="Kill at once: nothing is cancelled or settled first.")] = False,
) -> None:
    """Stop a running cluster in good order, and wait until it has ended."""
    if now and _end_orphans(config, cluster, state):
        return
    with _link(config, cluster, state) as (link, paths):
        typer.echo(_command(link, StopRequest(new_command_id(), is_forced=now)))
        _wait_for_end(paths)


@contextmanager
def _link(config: Path | None, cluster: str | None, state: Path | None) -> Iterator[tuple[OperatorLink, ClusterPaths]]:
    """Connect to the cluster that is meant; whatever goes wrong on the way ends the command with its exit code."""
    try:
        paths = find(config, cluster, state)
        with OperatorLink(paths.endpoint(SOCKET_NAME)) as link:
            yield link, paths
    except (AmbiguousCluster, ConfigError, UnsafePath) as error:
        raise failure(str(error), BAD_USAGE) from error
    except NotRunning as error:
        raise failure(str(error), NOT_RUNNING) from error
    except OperatorLinkError as error:
        raise failure(str(error), FAILED) from error


def _end_orphans(config: Path | None, cluster: str | None, state: Path | None) -> bool:
    """Kill what a dead supervisor has left behind. :returns: False where there is no such thing."""
    try:
        find(config, cluster, state)
    except SupervisorDead as dead:
        try:
            left = kill_orphans(dead.paths)
        except AlreadyRunning as error:
            raise failure(str(error), FAILED) from error
        if left:
            raise failure(f"cannot be killed: {', '.join(left)}", FAILED) from dead
        typer.echo(f"killed: {', '.join(sorted(dead.orphans))}")
        return True
    except (AmbiguousCluster, ConfigError, NotRunning, UnsafePath):
        return False  # found again, and told, where the link is made
    return False


def _status(link: OperatorLink) -> ClusterStatus:
    reply = link.request(StatusRequest(new_command_id()))
    if isinstance(reply, StatusReply):
        return reply.status
    raise failure(reply.text, FAILED)


def _command(link: OperatorLink, request: FromOperator) -> str:
    reply = link.request(request)
    if isinstance(reply, CommandAccepted):
        return reply.text
    text = reply.text if isinstance(reply, CommandRefused) else "the supervisor answered with a status"
    raise failure(text, FAILED)


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
                current = _status(link)
    except NotRunning:
        typer.echo(f"{current.cluster} does not answer any more", err=True)
    except KeyboardInterrupt:
        return


def _wait_for_end(paths: ClusterPaths) -> None:
    deadline = time.monotonic() + STOP_WAIT_S
    while not has_ended(paths):
        if time.monotonic() > deadline:
            raise failure(f"{paths.state_dir.name} is still stopping after {STOP_WAIT_S:g} s", FAILED)
        time.sleep(STOP_POLL_S)


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
