"""The whole of `outcry`: importing a module of commands adds them to the app."""

from supervisor.commands import backtest, cluster, faults, replay, strategies
from supervisor.commands.base import app

__all__ = ["app", "backtest", "cluster", "faults", "replay", "strategies"]
