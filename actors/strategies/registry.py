"""Which class trades which `kind` of the configuration."""

from collections.abc import Mapping
from difflib import get_close_matches
from types import MappingProxyType
from typing import Any

from actors.strategies.spot_futures import SpotFutures
from actors.strategies.strategy import Strategy, StrategyError

KINDS: Mapping[str, type[Strategy[Any]]] = MappingProxyType({SpotFutures.kind: SpotFutures})


class UnknownKind(StrategyError, KeyError):
    """There is no strategy of this kind."""

    def __str__(self) -> str:
        return str(self.args[0])


def strategy_class(kind: str) -> type[Strategy[Any]]:
    """The class of a kind.

    :raises UnknownKind: naming the nearest kind and all of them.
    """
    found = KINDS.get(kind)
    if found is None:
        nearest = get_close_matches(kind, KINDS, n=1)
        hint = f"; did you mean {nearest[0]!r}?" if nearest else ""
        raise UnknownKind(f"no strategy of kind {kind!r}{hint} (kinds: {', '.join(sorted(KINDS))})")
    return found
