"""The commands about one strategy of a running cluster: pause, resume, start, restart, flatten, remove."""

from typing import Annotated

import typer

from messages.operator import StrategyAction, StrategyActionRequest
from supervisor.commands.asking import (
    ConfigOption,
    JsonOption,
    NoWaitOption,
    TimeoutOption,
    Way,
    YesOption,
    carry_out,
)
from supervisor.commands.base import ClusterOption, StateOption, app, examples
from supervisor.operator_link import new_command_id

NameArgument = Annotated[str, typer.Argument(metavar="NAME", help="Of the strategy.")]


def act(action: StrategyAction, name: str, way: Way) -> None:
    """Ask for one action on one strategy."""
    carry_out(StrategyActionRequest(new_command_id(), name, action), way, strategy=name)


@app.command(epilog=examples("outcry pause carry-btc", "outcry pause carry-btc --no-wait --cluster demo"))
def pause(
    name: NameArgument,
    *,
    cluster: ClusterOption = None,
    state: StateOption = None,
    config: ConfigOption = None,
    no_wait: NoWaitOption = False,
    timeout: TimeoutOption = None,
    as_json: JsonOption = False,
) -> None:
    """Let a strategy open nothing new: it cancels its orders, settles the pair in hand, and holds its position.

    It stays paused over every restart of it, until `outcry resume NAME`.
    """
    way = Way(config, cluster, state, timeout_s=timeout, is_waiting=not no_wait, as_json=as_json)
    act(StrategyAction.PAUSE, name, way)


@app.command(epilog=examples("outcry resume carry-btc"))
def resume(
    name: NameArgument,
    *,
    cluster: ClusterOption = None,
    state: StateOption = None,
    config: ConfigOption = None,
    no_wait: NoWaitOption = False,
    timeout: TimeoutOption = None,
    as_json: JsonOption = False,
) -> None:
    """Let a strategy trade on that was paused, or that a risk rule has restricted."""
    way = Way(config, cluster, state, timeout_s=timeout, is_waiting=not no_wait, as_json=as_json)
    act(StrategyAction.RESUME, name, way)


@app.command(epilog=examples("outcry start carry-btc"))
def start(
    name: NameArgument,
    *,
    cluster: ClusterOption = None,
    state: StateOption = None,
    config: ConfigOption = None,
    no_wait: NoWaitOption = False,
    timeout: TimeoutOption = None,
    as_json: JsonOption = False,
) -> None:
    """Start a strategy that was stopped or is in quarantine; it takes up the position that it left."""
    way = Way(config, cluster, state, timeout_s=timeout, is_waiting=not no_wait, as_json=as_json)
    act(StrategyAction.START, name, way)


@app.command(epilog=examples("outcry restart carry-btc"))
def restart(
    name: NameArgument,
    *,
    cluster: ClusterOption = None,
    state: StateOption = None,
    config: ConfigOption = None,
    no_wait: NoWaitOption = False,
    timeout: TimeoutOption = None,
    as_json: JsonOption = False,
) -> None:
    """End the process of a strategy and start another: its orders are cancelled, its position stays its own."""
    way = Way(config, cluster, state, timeout_s=timeout, is_waiting=not no_wait, as_json=as_json)
    act(StrategyAction.RESTART, name, way)


@app.command(epilog=examples("outcry flatten carry-btc", "outcry flatten carry-btc --yes --timeout 30"))
def flatten(
    name: NameArgument,
    *,
    cluster: ClusterOption = None,
    state: StateOption = None,
    config: ConfigOption = None,
    yes: YesOption = False,
    no_wait: NoWaitOption = False,
    timeout: TimeoutOption = None,
    as_json: JsonOption = False,
) -> None:
    """Close every position of a strategy and leave it paused; the gateways do it where the strategy cannot."""
    way = Way(config, cluster, state, timeout_s=timeout, is_waiting=not no_wait, is_sure=yes, as_json=as_json)
    act(StrategyAction.FLATTEN, name, way)


@app.command(epilog=examples("outcry remove carry-btc", "outcry remove carry-btc --yes"))
def remove(
    name: NameArgument,
    *,
    cluster: ClusterOption = None,
    state: StateOption = None,
    config: ConfigOption = None,
    yes: YesOption = False,
    no_wait: NoWaitOption = False,
    timeout: TimeoutOption = None,
    as_json: JsonOption = False,
) -> None:
    """Stop a strategy and forget it, until the cluster is started anew from its config. Its position stays."""
    way = Way(config, cluster, state, timeout_s=timeout, is_waiting=not no_wait, is_sure=yes, as_json=as_json)
    act(StrategyAction.REMOVE, name, way)
