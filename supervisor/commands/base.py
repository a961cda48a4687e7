"""What all commands of `outcry` share: the app, and how they fail."""

import json
from importlib.metadata import version as installed_version
from pathlib import Path
from typing import Annotated

import typer

from supervisor.commands.exit_codes import BAD_USAGE, EXIT_CODES
from supervisor.config import Config, ConfigError, load


def examples(*lines: str) -> str:
    """An epilog that keeps its lines."""
    return "\n\n".join(["Examples:", *lines, EXIT_CODES])


app = typer.Typer(
    name="outcry",
    help="A trading floor of actors: gateways, strategies and their supervisor, each a process of its own.",
    epilog=examples("outcry up", "outcry check examples/demo.toml", "outcry status --watch", "outcry stop"),
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)


def _show_version(is_asked: bool) -> None:
    if is_asked:
        typer.echo(f"outcry {installed_version('openoutcry')}")
        raise typer.Exit


@app.callback()
def outcry(
    version: Annotated[  # its callback does the work
        bool, typer.Option("--version", callback=_show_version, is_eager=True, help="Show the version and exit.")
    ] = False,
) -> None:
    """Options before the command."""


def loaded(config: Path | None) -> Config:
    try:
        return load(config)
    except ConfigError as error:
        raise failure(str(error), BAD_USAGE) from error


def failure(text: str, code: int) -> typer.Exit:
    typer.echo(text, err=True)
    return typer.Exit(code)


def write_json(value: object) -> None:
    typer.echo(json.dumps(value, indent=2))
