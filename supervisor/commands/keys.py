"""`outcry keys`: the keys of a cluster, made where missing, listed, replaced or revoked. No secret is ever shown."""

import stat
from pathlib import Path
from typing import Annotated

import typer
from rich.table import Table
from rich.text import Text

from actors.runtime.keys import AllowedKey, Role, UnsafeKey, read_allow_list
from supervisor import registry
from supervisor.commands.base import app, examples, failure, loaded, write_json
from supervisor.commands.exit_codes import BAD_USAGE, FAILED
from supervisor.commands.options import ClusterOption, ConfigArgument, StateOption
from supervisor.keys import admit, revoke, roster, rotate
from supervisor.launcher import living_records
from supervisor.lock import AlreadyRunning, ClusterLock
from supervisor.paths import ClusterPaths, UnsafePath, default_state_dir
from supervisor.tables import stdout_console


@app.command(
    epilog=examples("outcry keys my.toml", "outcry keys --cluster desk --json", "outcry keys --cluster desk --rotate")
)
def keys(
    config: ConfigArgument = None,
    cluster: ClusterOption = None,
    state: StateOption = None,
    *,
    rotate_all: Annotated[bool, typer.Option("--rotate", help="Replace every key; the cluster must not run.")] = False,
    revoked: Annotated[
        list[str] | None, typer.Option("--revoke", metavar="NAME", help="Admit this one no more, and destroy its key.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Write JSON.")] = False,
) -> None:
    """Make the keys of a cluster where they are missing, and list who may connect to what.

    With --cluster or --state alone nothing is made: the keys that are there are listed, replaced or revoked.
    """
    paths, names = _meant(config, cluster, state)
    try:
        if rotate_all:
            _rotate(paths, names)
        elif revoked:
            _revoke(paths, revoked)
        elif names:
            paths.create()
            admit(paths, names)
        allowed = read_allow_list(paths.allow_list_file).keys
    except (UnsafeKey, UnsafePath) as error:
        raise failure(str(error), BAD_USAGE) from error
    rows = [_row(paths, name, key) for name, key in allowed.items()]
    if as_json:
        write_json({"state": str(paths.state_dir), "keys": rows})
        return
    table = Table("NAME", "ROLE", "PUBLIC KEY", "MODE", box=None, pad_edge=False)
    for row in rows:
        table.add_row(
            *(Text(row[column]) for column in ("name", "role", "public", "mode"))
        )  # keys may look like markup
    typer.echo(f"secret keys: {paths.keys_dir}")
    stdout_console().print(table)


def _meant(config: Path | None, cluster: str | None, state: Path | None) -> tuple[ClusterPaths, dict[str, Role]]:
    """The cluster's files, and who needs a key by its config; nobody where there is none to read."""
    if cluster is not None and (config is not None or state is not None):
        raise failure("name the cluster once: by CONFIG and perhaps --state, or by --cluster", BAD_USAGE)
    if cluster is not None:
        return ClusterPaths(default_state_dir(cluster)), {}
    if config is None and state is not None:
        return ClusterPaths(state), {}
    found = loaded(config)
    return ClusterPaths(state or default_state_dir(found.cluster.name)), roster(found)


def _rotate(paths: ClusterPaths, names: dict[str, Role]) -> None:
    """Replace all keys while nothing runs that holds old ones."""
    paths.create()
    try:
        lock = ClusterLock.acquire(paths.lock_file, paths.state_dir.name)
    except AlreadyRunning as error:
        raise failure(f"{error}; keys are replaced while nothing runs", FAILED) from error
    try:
        living = living_records(registry.load(paths.registry_file).children)
        if living:
            raise failure(f"{', '.join(sorted(living))} still run with the old keys; end them first", FAILED)
        rotate(paths, names)
    finally:
        lock.release()


def _revoke(paths: ClusterPaths, names: list[str]) -> None:
    unknown = set(names) - set(read_allow_list(paths.allow_list_file).keys)
    if unknown:
        raise failure(f"not in the allow-list: {', '.join(sorted(unknown))}", BAD_USAGE)
    revoke(paths, names)
    typer.echo(f"revoked: {', '.join(names)}; connections that stand end with their processes", err=True)


def _row(paths: ClusterPaths, name: str, key: AllowedKey) -> dict[str, str]:
    file = paths.secret_key_file(name)
    try:
        mode = f"{stat.S_IMODE(file.lstat().st_mode):04o}"
    except OSError:
        mode = "missing"
    return {"name": name, "role": key.role.value, "public": key.public, "mode": mode, "file": str(file)}
