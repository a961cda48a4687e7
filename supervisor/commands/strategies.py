"""The commands around strategies: what kinds there are, a new one to start from, and the schema of the config."""

from pathlib import Path
from typing import Annotated

import msgspec
import typer

from actors.runtime.strategy_kinds import BrokenKind, StrategyKinds, strategy_kinds
from actors.strategies.registry import UnknownKind
from supervisor.commands.base import app, examples, failure, write_json
from supervisor.commands.exit_codes import BAD_USAGE, FAILED
from supervisor.config.schema import config_schema
from supervisor.plain import to_plain
from supervisor.strategy_catalogue import KindDetails, kind_details, kind_rows
from supervisor.strategy_view import render_details, render_kinds
from supervisor.tables import stdout_console


@app.command(
    epilog=examples("outcry strategies", "outcry strategies spot-futures", "outcry strategies spot-futures --diagram")
)
def strategies(
    kind: Annotated[str | None, typer.Argument(metavar="KIND", help="Show all about this one.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Write JSON.")] = False,
    diagram: Annotated[bool, typer.Option("--diagram", help="Write the state diagram, in Mermaid's language.")] = False,
) -> None:
    """List the kinds of strategies, or show one of them: its parameters, states and transitions."""
    kinds = strategy_kinds()
    console = stdout_console()
    if kind is None:
        if diagram:
            raise failure("--diagram needs a KIND", BAD_USAGE)
        rows = kind_rows(kinds)
        if as_json:
            write_json(to_plain(rows))
        else:
            console.print(render_kinds(rows))
        return
    details = _details(kinds, kind)
    if as_json:
        write_json(to_plain(details))
    elif diagram:
        typer.echo(details.diagram, nl=False)
    else:
        console.print(render_details(details))


@app.command(epilog=examples("outcry new-strategy my-dips", "outcry new-strategy my-dips --directory work/my-dips"))
def new_strategy(
    name: Annotated[str, typer.Argument(metavar="NAME", help="Its kind: small letters, digits and -.")],
    directory: Annotated[
        Path | None, typer.Option("--directory", metavar="DIR", help="A new or empty folder; by default NAME.")
    ] = None,
) -> None:
    """Write a small strategy that works: its code, its test, its config, and the package that makes it known."""
    from supervisor.scaffold.writer import (  # noqa: PLC0415  # the other commands start faster without the template
        CannotWrite,
        checked_names,
        write_strategy,
    )

    target = directory or Path(name)
    try:
        names = checked_names(name)
        written = write_strategy(names, target)
    except CannotWrite as error:
        raise failure(str(error), BAD_USAGE) from error
    for file in written:
        typer.echo(f"wrote {file}")
    typer.echo(_next_steps(name, target))


@app.command(epilog=examples("outcry schema --output outcry.schema.json", "outcry schema | jq '.properties'"))
def schema(
    output: Annotated[
        Path | None, typer.Option("--output", metavar="FILE", help="Write it there instead of to the terminal.")
    ] = None,
) -> None:
    """Write the JSON Schema of the config, with the parameters of every kind of strategy, for editors."""
    written, broken = config_schema(strategy_kinds())
    for fault in broken:
        typer.echo(f"left out: {fault}", err=True)
    text = msgspec.json.format(msgspec.json.encode(written)).decode()
    if output is None:
        typer.echo(text)
        return
    try:
        output.write_text(f"{text}\n")
    except OSError as error:
        raise failure(f"{output} cannot be written: {error.strerror}", FAILED) from error
    typer.echo(f'wrote {output}; a config that opens with "#:schema {output}" is completed and checked by editors')


def _details(kinds: StrategyKinds, kind: str) -> KindDetails:
    try:
        return kind_details(kinds, kind)
    except UnknownKind as error:
        raise failure(str(error), BAD_USAGE) from error
    except BrokenKind as error:
        raise failure(str(error), FAILED) from error


def _next_steps(kind: str, target: Path) -> str:
    config = target / f"{kind}.toml"
    steps = (
        (f"pip install -e {target}", "so that outcry finds it"),
        (f"pytest {target}", "its test"),
        (f"outcry check {config}", "its config"),
        (f"outcry up {config} --for 60", "trade on a synthetic market"),
    )
    width = max(len(command) for command, _ in steps)
    return "\n".join(["", "next:", *(f"  {command:{width}}  # {why}" for command, why in steps)])
