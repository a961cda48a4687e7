"""The whole of `outcry`: importing a module of commands adds them to the app."""

from supervisor.commands import cluster
from supervisor.commands.base import app

__all__ = ["app", "cluster"]
