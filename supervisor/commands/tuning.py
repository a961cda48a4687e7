"""The commands that change a running cluster: set, priority, limit, add."""

from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import Annotated

import typer

from messages.operator import AddStrategyRequest, SetLimitRequest, SetParameterRequest, SetPriorityRequest
from supervisor.commands.asking import (
    ConfigOption,
    JsonOption,
    NoWaitOption,
    TimeoutOption,
    Way,
    YesOption,
    carry_out,
)
from supervisor.commands.base import ClusterOption, StateOption, app, examples, failure
from supervisor.commands.exit_codes import BAD_USAGE
from supervisor.commands.lifecycle import NameArgument
from supervisor.config import ConfigError
from supervisor.config import text as config_text
from supervisor.operator_link import new_command_id


@app.command(
    "set", epilog=examples("outcry set carry-btc notional=2000", "outcry set carry-btc min_edge_bps=3 exit_edge_bps=1")
)
def set_parameters(
    name: NameArgument,
    changes: Annotated[list[str], typer.Argument(metavar="KEY=VALUE...", help="As in the config; a.b=c within a.")],
    *,
    cluster: ClusterOption = None,
    state: StateOption = None,
    config: ConfigOption = None,
    no_wait: NoWaitOption = False,
    timeout: TimeoutOption = None,
    as_json: JsonOption = False,
) -> None:
    """Change parameters of a running strategy: checked as a config is, and put back if it fails within five seconds.

    They hold until the cluster is stopped; write them into the config to keep them.
    """
    request = SetParameterRequest(new_command_id(), name, dict(_change(text) for text in changes))
    way = Way(config, cluster, state, timeout_s=timeout, is_waiting=not no_wait, as_json=as_json)
    carry_out(request, way, strategy=name)


@app.command(epilog=examples("outcry priority carry-btc 8"))
def priority(
    name: NameArgument,
    value: Annotated[int, typer.Argument(metavar="N", min=1, max=10, help="1 (last) to 10 (first).")],
    *,
    cluster: ClusterOption = None,
    state: StateOption = None,
    config: ConfigOption = None,
    timeout: TimeoutOption = None,
    as_json: JsonOption = False,
) -> None:
    """Set who comes first where limits or a venue's rates are scarce, until the cluster is stopped."""
    way = Way(config, cluster, state, timeout_s=timeout, as_json=as_json)
    carry_out(SetPriorityRequest(new_command_id(), name, value), way, strategy=name)


@app.command(
    epilog=examples(
        "outcry limit portfolio.gross_notional_max 50000",
        "outcry limit strategies.carry-btc.gross_notional_max 90000 --yes",
    )
)
def limit(
    path: Annotated[str, typer.Argument(metavar="PATH", help="Of the limit in the config's [risk].")],
    value: Annotated[str, typer.Argument(metavar="VALUE", help="A decimal.")],
    *,
    cluster: ClusterOption = None,
    state: StateOption = None,
    config: ConfigOption = None,
    yes: YesOption = False,
    timeout: TimeoutOption = None,
    as_json: JsonOption = False,
) -> None:
    """Set a common limit of a running cluster. It is lowered at once, and raised after a question.

    It holds until the cluster is stopped; write it into the config to keep it.
    """
    try:
        request = SetLimitRequest(new_command_id(), path, Decimal(value))
    except (InvalidOperation, ValueError) as error:
        raise failure(f"{value} is no limit; expected a decimal, e.g. 50000", BAD_USAGE) from error
    way = Way(config, cluster, state, timeout_s=timeout, is_sure=yes, as_json=as_json)
    carry_out(request, way)


@app.command(epilog=examples("outcry add another.toml", "outcry add another.toml --cluster demo --no-wait"))
def add(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="TOML with one or more [[strategies]] tables.")],
    *,
    cluster: ClusterOption = None,
    state: StateOption = None,
    config: ConfigOption = None,
    no_wait: NoWaitOption = False,
    timeout: TimeoutOption = None,
    as_json: JsonOption = False,
) -> None:
    """Add strategies to a running cluster; they trade what its gateways trade.

    They stay until the cluster is stopped; write them into the config to keep them.
    """
    try:
        table = config_text.read(file)
    except ConfigError as error:
        raise failure(str(error), BAD_USAGE) from error
    way = Way(config, cluster, state, timeout_s=timeout, is_waiting=not no_wait, as_json=as_json)
    carry_out(AddStrategyRequest(new_command_id(), table), way)


def _change(text: str) -> tuple[str, str]:
    path, equals, value = text.partition("=")
    if not equals or not path.strip() or not value.strip():
        raise failure(f"{text}: expected KEY=VALUE, e.g. notional=2000", BAD_USAGE)
    return path.strip(), value.strip()
