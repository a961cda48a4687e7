"""The commands about one strategy of a running cluster: pause, resume, start, restart, flatten, remove."""

from messages.operator import StrategyAction, StrategyActionRequest
from supervisor.commands.asking import carry_out
from supervisor.commands.base import app, examples
from supervisor.commands.options import NameArgument, Way, takes
from supervisor.operator_link import new_command_id


def act(action: StrategyAction, name: str, way: Way) -> None:
    """Ask for one action on one strategy."""
    carry_out(StrategyActionRequest(new_command_id(), name, action), way, strategy=name)


@app.command(epilog=examples("outcry pause carry-btc", "outcry pause carry-btc --no-wait --cluster demo"))
@takes(Way, without={"is_sure"})
def pause(name: NameArgument, way: Way) -> None:
    """Let a strategy open nothing new: it cancels its orders, settles the pair in hand, and holds its position.

    It stays paused over every restart of it, until `outcry resume NAME`.
    """
    act(StrategyAction.PAUSE, name, way)


@app.command(epilog=examples("outcry resume carry-btc"))
@takes(Way, without={"is_sure"})
def resume(name: NameArgument, way: Way) -> None:
    """Let a strategy trade on that was paused, or that a risk rule has restricted."""
    act(StrategyAction.RESUME, name, way)


@app.command(epilog=examples("outcry start carry-btc"))
@takes(Way, without={"is_sure"})
def start(name: NameArgument, way: Way) -> None:
    """Start a strategy that was stopped or is in quarantine; it takes up the position that it left."""
    act(StrategyAction.START, name, way)


@app.command(epilog=examples("outcry restart carry-btc"))
@takes(Way, without={"is_sure"})
def restart(name: NameArgument, way: Way) -> None:
    """End the process of a strategy and start another: its orders are cancelled, its position stays its own."""
    act(StrategyAction.RESTART, name, way)


@app.command(epilog=examples("outcry flatten carry-btc", "outcry flatten carry-btc --yes --timeout 30"))
@takes(Way)
def flatten(name: NameArgument, way: Way) -> None:
    """Close every position of a strategy and leave it paused; the gateways do it where the strategy cannot."""
    act(StrategyAction.FLATTEN, name, way)


@app.command(epilog=examples("outcry remove carry-btc", "outcry remove carry-btc --yes"))
@takes(Way)
def remove(name: NameArgument, way: Way) -> None:
    """Stop a strategy and forget it, until the cluster is started anew from its config. Its position stays."""
    act(StrategyAction.REMOVE, name, way)
