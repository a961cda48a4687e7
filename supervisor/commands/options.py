"""The options that several commands of `outcry` have, and groups of them, so that each is written down once."""

import functools
import inspect
from collections.abc import Callable, Collection
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Annotated, Any, Final, get_type_hints

import typer

TIMEOUT_S: Final = 120.0
SHOWN: Final = 50
"""Rows of a table, unless more or other ones are asked for."""

ConfigArgument = Annotated[Path | None, typer.Argument(metavar="CONFIG", help="The cluster's TOML file.")]
NameArgument = Annotated[str, typer.Argument(metavar="NAME", help="Of the strategy.")]
StateOption = Annotated[
    Path | None,
    typer.Option("--state", metavar="DIR", help="State directory; else $OUTCRY_STATE/CLUSTER, else var/CLUSTER."),
]
ClusterOption = Annotated[str | None, typer.Option("--cluster", metavar="NAME", help="The cluster's name.")]
ConfigOption = Annotated[
    Path | None, typer.Option("--config", metavar="FILE", help="The cluster's TOML file, for its name.")
]
YesOption = Annotated[bool, typer.Option("--yes", help="Do not ask: do what is said beforehand.")]
NoWaitOption = Annotated[bool, typer.Option("--no-wait", help="Return as soon as the cluster has accepted it.")]
TimeoutOption = Annotated[
    float | None, typer.Option("--timeout", metavar="SECONDS", min=0.0, help=f"Wait so long; {TIMEOUT_S:g} by default.")
]
JsonOption = Annotated[bool, typer.Option("--json", help="Write the result as JSON.")]

StrategyOption = Annotated[str, typer.Option("--strategy", metavar="ID", help="Of this strategy only.")]
GatewayOption = Annotated[str, typer.Option("--gateway", metavar="ID", help="Of this gateway only.")]
InstrumentOption = Annotated[
    str, typer.Option("--instrument", metavar="ID", help="Of this instrument only; a symbol: at every gateway.")
]
SinceOption = Annotated[
    str, typer.Option("--since", metavar="TIME", help="From then on: 2026-11-24, 2026-11-24T12:30 (UTC).")
]
UntilOption = Annotated[str, typer.Option("--until", metavar="TIME", help="Before then.")]
LastOption = Annotated[
    int | None,
    typer.Option("--last", metavar="N", min=1, help=f"The newest N; else {SHOWN} in a table, all with --json."),
]
RunOption = Annotated[str, typer.Option("--run", metavar="ID", help="Of an earlier run; else of the newest.")]
RowsAsJsonOption = Annotated[bool, typer.Option("--json", help="Write one JSON array.")]


@dataclass(frozen=True, kw_only=True)
class Way:
    """Whom a command means, and how it goes about it.

    :param is_sure: it was told not to ask. :param no_wait: it returns when it is accepted, not when it is done.
    """

    cluster: ClusterOption = None
    state: StateOption = None
    config: ConfigOption = None
    is_sure: YesOption = False
    no_wait: NoWaitOption = False
    timeout_s: TimeoutOption = None
    as_json: JsonOption = False


@dataclass(frozen=True, kw_only=True)
class Choice:
    """Which rows of the ledger are meant, of which cluster."""

    config: ConfigArgument = None
    cluster: ClusterOption = None
    state: StateOption = None
    strategy: StrategyOption = ""
    gateway: GatewayOption = ""
    instrument: InstrumentOption = ""
    since: SinceOption = ""
    until: UntilOption = ""
    last: LastOption = None
    run: RunOption = ""
    as_json: RowsAsJsonOption = False


Command = Callable[..., None]


def takes(group: type[Way | Choice], *, without: Collection[str] = ()) -> Callable[[Command], Command]:
    """Give a command the options of a group, in place of its last parameter.

    :param without: fields of the group that are no options of this command, and keep their default.
    """
    kinds = get_type_hints(group, include_extras=True)
    options = [
        inspect.Parameter(
            field.name, inspect.Parameter.KEYWORD_ONLY, default=field.default, annotation=kinds[field.name]
        )
        for field in fields(group)
        if field.name not in without
    ]

    def decorate(command: Command) -> Command:
        *own, chosen = inspect.signature(command, eval_str=True).parameters.values()

        @functools.wraps(command)
        def run(*arguments: Any, **given: Any) -> None:  # Any: whatever the command's own parameters are
            picked = {option.name: given.pop(option.name) for option in options}
            command(*arguments, **given, **{chosen.name: group(**picked)})

        parameters = [*own, *options]
        run.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
        run.__annotations__ = {parameter.name: parameter.annotation for parameter in parameters}
        return run

    return decorate
