"""`outcry stop`: the whole cluster, or one strategy of it."""

import time
from dataclasses import replace
from pathlib import Path
from typing import Annotated

import typer

from messages.operator import StopRequest, StrategyAction
from supervisor.cluster_finder import AmbiguousCluster, SupervisorDead, find, has_ended, kill_orphans
from supervisor.commands.base import app, examples, failure
from supervisor.commands.connection import accepted, linked
from supervisor.commands.exit_codes import BAD_USAGE, FAILED
from supervisor.commands.lifecycle import act
from supervisor.commands.options import (
    ClusterOption,
    ConfigOption,
    JsonOption,
    NoWaitOption,
    StateOption,
    TimeoutOption,
    Way,
    YesOption,
)
from supervisor.config import ConfigError
from supervisor.lock import AlreadyRunning
from supervisor.operator_link import NotRunning, new_command_id
from supervisor.paths import ClusterPaths, UnsafePath

STOP_POLL_S = 0.1
STOP_WAIT_S = 60.0


@app.command(
    epilog=examples("outcry stop", "outcry stop carry-btc", "outcry stop --cluster demo --now", "outcry stop demo.toml")
)
def stop(
    name: Annotated[
        str | None,
        typer.Argument(metavar="[NAME|CONFIG]", help="A strategy; none, or a TOML file: the whole cluster."),
    ] = None,
    *,
    cluster: ClusterOption = None,
    state: StateOption = None,
    config: ConfigOption = None,
    now: Annotated[bool, typer.Option("--now", help="Kill at once: nothing is cancelled or settled first.")] = False,
    yes: YesOption = False,
    no_wait: NoWaitOption = False,
    timeout: TimeoutOption = None,
    as_json: JsonOption = False,
) -> None:
    """Stop a running cluster in good order, and wait until it has ended; or one strategy, and leave the rest alone.

    A strategy that is stopped has cancelled its orders and keeps its position. `outcry start NAME` starts it again.
    """
    if name is not None and not _is_config(name):
        if now:
            raise failure(
                "--now is for a whole cluster; a strategy that does not end by itself is killed anyway", BAD_USAGE
            )
        whom = Way(cluster=cluster, state=state, config=config)
        act(StrategyAction.STOP, name, replace(whom, is_sure=yes, no_wait=no_wait, timeout_s=timeout, as_json=as_json))
        return
    config = config if name is None else Path(name)
    if now and _end_orphans(config, cluster, state):
        return
    with linked(config, cluster, state) as (link, paths):
        typer.echo(accepted(link, StopRequest(new_command_id(), is_forced=now)))
        if not no_wait:
            _wait_for_end(paths, STOP_WAIT_S if timeout is None else timeout)


def _is_config(name: str) -> bool:
    """Whether a config file is meant; no id of a strategy has a dot or a slash."""
    return "." in name or "/" in name


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


def _wait_for_end(paths: ClusterPaths, wait_s: float) -> None:
    deadline = time.monotonic() + wait_s
    while not has_ended(paths):
        if time.monotonic() > deadline:
            raise failure(f"{paths.state_dir.name} is still stopping after {wait_s:g} s", FAILED)
        time.sleep(STOP_POLL_S)
