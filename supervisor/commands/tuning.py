"""The commands that change a running cluster: set, priority, limit, add."""

from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import Annotated

import typer

from messages.operator import AddStrategyRequest, SetLimitRequest, SetParameterRequest, SetPriorityRequest
from supervisor.commands.asking import carry_out
from supervisor.commands.base import app, examples, failure
from supervisor.commands.exit_codes import BAD_USAGE
from supervisor.commands.options import NameArgument, Way, takes
from supervisor.config import ConfigError
from supervisor.config import text as config_text
from supervisor.operator_link import new_command_id


@app.command(
    "set", epilog=examples("outcry set carry-btc notional=2000", "outcry set carry-btc min_edge_bps=3 exit_edge_bps=1")
)
@takes(Way, without={"is_sure"})
def set_parameters(
    name: NameArgument,
    changes: Annotated[list[str], typer.Argument(metavar="KEY=VALUE...", help="As in the config; a.b=c within a.")],
    way: Way,
) -> None:
    """Change parameters of a running strategy: checked as a config is, and put back if it fails within five seconds.

    They hold until the cluster is stopped; write them into the config to keep them.
    """
    request = SetParameterRequest(new_command_id(), name, dict(_change(text) for text in changes))
    carry_out(request, way, strategy=name)


@app.command(epilog=examples("outcry priority carry-btc 8"))
@takes(Way, without={"is_sure", "no_wait"})
def priority(
    name: NameArgument,
    value: Annotated[int, typer.Argument(metavar="N", min=1, max=10, help="1 (last) to 10 (first).")],
    way: Way,
) -> None:
    """Set who comes first where limits or a venue's rates are scarce, until the cluster is stopped."""
    carry_out(SetPriorityRequest(new_command_id(), name, value), way, strategy=name)


@app.command(
    epilog=examples(
        "outcry limit portfolio.gross_notional_max 50000",
        "outcry limit strategies.carry-btc.gross_notional_max 90000 --yes",
    )
)
@takes(Way, without={"no_wait"})
def limit(
    path: Annotated[str, typer.Argument(metavar="PATH", help="Of the limit in the config's [risk].")],
    value: Annotated[str, typer.Argument(metavar="VALUE", help="A decimal.")],
    way: Way,
) -> None:
    """Set a common limit of a running cluster. It is lowered at once, and raised after a question.

    It holds until the cluster is stopped; write it into the config to keep it.
    """
    try:
        request = SetLimitRequest(new_command_id(), path, Decimal(value))
    except (InvalidOperation, ValueError) as error:
        raise failure(f"{value} is no limit; expected a decimal, e.g. 50000", BAD_USAGE) from error
    carry_out(request, way)


@app.command(epilog=examples("outcry add another.toml", "outcry add another.toml --cluster demo --no-wait"))
@takes(Way, without={"is_sure"})
def add(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="TOML with one or more [[strategies]] tables.")],
    way: Way,
) -> None:
    """Add strategies to a running cluster; they trade what its gateways trade.

    They stay until the cluster is stopped; write them into the config to keep them.
    """
    try:
        table = config_text.read(file)
    except ConfigError as error:
        raise failure(str(error), BAD_USAGE) from error
    carry_out(AddStrategyRequest(new_command_id(), table), way)


def _change(text: str) -> tuple[str, str]:
    path, equals, value = text.partition("=")
    if not equals or not path.strip() or not value.strip():
        raise failure(f"{text}: expected KEY=VALUE, e.g. notional=2000", BAD_USAGE)
    return path.strip(), value.strip()
