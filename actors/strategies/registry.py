"""Which class trades which `kind` of the configuration: the kinds that are built in.

A class is imported when it is asked for, because a host needs only its own. What other distributions add is found by
`actors/runtime/strategy_kinds.py`.
"""

from collections.abc import Iterator, Mapping
from difflib import get_close_matches
from importlib import import_module
from typing import Any

from actors.strategies.strategy import Strategy, StrategyError

_ROWS = {
    "arbitrage": "actors.strategies.arbitrage.strategy:Arbitrage",
    "futures-futures": "actors.strategies.futures_futures.strategy:FuturesFutures",
    "market-making": "actors.strategies.market_making.strategy:MarketMaking",
    "spot-futures": "actors.strategies.spot_futures.strategy:SpotFutures",
}
"""kind → module:Class. A new strategy adds its row here."""


class UnknownKind(StrategyError, KeyError):
    """There is no strategy of this kind."""

    def __str__(self) -> str:
        return str(self.args[0])


class LazyKinds(Mapping[str, type[Strategy[Any]]]):
    """Strategy classes by kind, each imported at its first use.

    :param rows: kind → module:Class.
    """

    def __init__(self, rows: Mapping[str, str]) -> None:
        self._rows = dict(rows)

    def __getitem__(self, kind: str) -> type[Strategy[Any]]:
        """The class of a kind.

        :raises UnknownKind: naming the nearest kind and all of them.
        """
        if kind not in self._rows:
            raise unknown_kind(kind, self)
        module, _, name = self._rows[kind].partition(":")
        found: type[Strategy[Any]] = getattr(import_module(module), name)
        return found

    def __contains__(self, kind: object) -> bool:
        return kind in self._rows

    def __iter__(self) -> Iterator[str]:
        return iter(self._rows)

    def __len__(self) -> int:
        return len(self._rows)


KINDS: Mapping[str, type[Strategy[Any]]] = LazyKinds(_ROWS)


def unknown_kind(kind: str, known: Mapping[str, Any]) -> UnknownKind:
    """The error that names the nearest kind and all of them."""
    nearest = get_close_matches(kind, known, n=1)
    hint = f"; did you mean {nearest[0]!r}?" if nearest else ""
    return UnknownKind(f"no strategy of kind {kind!r}{hint} (kinds: {', '.join(sorted(known))})")
