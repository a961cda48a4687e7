"""What dead strategies have left at the venues, by the gateways' own books. Pure."""

from collections.abc import Iterable, Mapping
from decimal import Decimal
from typing import Final

from messages.health import ZERO, GatewayStatus, Lifecycle, StrategyStatus
from supervisor.plain import decimal_text

DEAD: Final = frozenset({Lifecycle.FAULTED, Lifecycle.QUARANTINED})
"""A strategy in one of these does not manage what it holds; one that was stopped leaves it on purpose."""


def dead_strategies(strategies: Mapping[str, StrategyStatus]) -> list[str]:
    return [id for id, status in strategies.items() if status.lifecycle in DEAD]


def unmanaged_positions(gateways: Iterable[GatewayStatus], strategies: Mapping[str, StrategyStatus]) -> tuple[str, ...]:
    """Every position that no running strategy manages, a sentence each; also where its own last word was another."""
    lines = []
    for gateway in gateways:
        for owner, held in gateway.holdings.items():
            status = strategies.get(owner)
            if status is None:
                lines += [f"{_position(*item)} ({owner} is not of this cluster)" for item in held.items()]
            elif status.lifecycle in DEAD:
                lines += [
                    f"{_position(name, size)} ({owner} is {status.lifecycle.value}{_last_word(status, name, size)})"
                    for name, size in held.items()
                ]
    return tuple(lines)


def fate_of_dead(gateways: Iterable[GatewayStatus], strategies: Mapping[str, StrategyStatus]) -> str:
    """How the dead strategies ended, and what of theirs stands, in one line; empty where all are well."""
    books = list(gateways)
    return "; ".join(
        f"{id} ended {strategies[id].lifecycle.value.upper()}, {_left(books, id)}" for id in dead_strategies(strategies)
    )


def _left(gateways: Iterable[GatewayStatus], id: str) -> str:
    held = [item for gateway in gateways for item in gateway.holdings.get(id, {}).items()]
    listed = ", ".join(f"{decimal_text(size)} {name}" for name, size in held)
    return f"its position stands: {listed}" if held else "flat"


def _position(name: str, size: Decimal) -> str:
    return f"{name}: the venue holds {decimal_text(size)} that no running strategy manages"


def _last_word(status: StrategyStatus, name: str, size: Decimal) -> str:
    word = status.positions.get(name, ZERO)
    return "" if word == size else f"; its own last word was {decimal_text(word)}"
