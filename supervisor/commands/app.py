"""The whole of `outcry`: importing a module of commands adds them to the app."""

from supervisor.commands import (
    backtest,
    cluster,
    demo,
    faults,
    keys,
    kill,
    ledger,
    lifecycle,
    replay,
    stop,
    strategies,
    tuning,
)
from supervisor.commands.base import app

__all__ = [
    "app",
    "backtest",
    "cluster",
    "demo",
    "faults",
    "keys",
    "kill",
    "ledger",
    "lifecycle",
    "replay",
    "stop",
    "strategies",
    "tuning",
]
