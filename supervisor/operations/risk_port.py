"""What the operator's commands ask of the supervisor's risk rules."""

from decimal import Decimal
from typing import Final, Protocol

WHOLE_CLUSTER: Final = ""
"""In the place of a strategy's name."""


class UnknownLimit(Exception):
    """There is no such limit; says which there are."""


class RiskPort(Protocol):
    """The limits and leases of one cluster."""

    def limit(self, path: str) -> Decimal | None:
        """The limit at a path of the config's `[risk]`; None where none is set.

        :raises UnknownLimit: no limit could be set there.
        """

    def set_limit(self, path: str, value: Decimal) -> None:
        """Let a limit hold from now on.

        :raises UnknownLimit: as for `limit`.
        """

    def set_priority(self, strategy: str, priority: int) -> None:
        """Share out what is scarce by this from now on."""

    def on_resumed(self, strategy: str) -> None:
        """The operator lets a strategy, or the whole cluster, trade on that a rule may have restricted."""


class NoRisk:
    """Of a cluster whose config sets no limits."""

    def limit(self, path: str) -> Decimal | None:
        raise UnknownLimit(f"no limit {path}: the config of this cluster has no [risk]")

    def set_limit(self, path: str, _value: Decimal) -> None:
        self.limit(path)

    def set_priority(self, strategy: str, priority: int) -> None:
        """Nothing is shared out."""

    def on_resumed(self, strategy: str) -> None:
        """Nothing was restricted."""
