"""What a command would do to orders and positions, in words, before it is done. Pure."""

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Final

from messages.health import ClusterStatus, Lifecycle, StrategyStatus
from supervisor.plain import decimal_text
from supervisor.registry import Standing

_OUT: Final = frozenset({Lifecycle.STOPPED, Lifecycle.QUARANTINED})


def of_stop(strategy: StrategyStatus, held: str) -> str:
    return (
        f"{strategy.id} stops: {_orders(strategy)} cancelled, the pair in hand is settled as far as it can be, and its "
        f"positions stay at the venues, where nobody manages them: {held}. `outcry start {strategy.id}` takes them up."
    )


def of_remove(strategy: StrategyStatus, held: str) -> str:
    return (
        f"{strategy.id} is stopped and forgotten: {_orders(strategy)} cancelled, and its positions stay at the venues, "
        f"where nobody manages them: {held}. To close them, flatten it first."
    )


def of_flatten(strategy: StrategyStatus, held: str) -> str:
    return (
        f"{strategy.id} closes every position at the market's price: {held}; before that {_orders(strategy)} "
        f"cancelled. Then it stays paused until `outcry resume {strategy.id}`."
    )


def of_unhalt(status: ClusterStatus, reason: str, halted_s: float | None, paused: Sequence[str]) -> str:
    """What is halted, since when and why; what is held and what is not known; what would go on."""
    since = "for an unknown time" if halted_s is None else f"for {halted_s:.0f} s"
    halted = ", ".join(gateway.id for gateway in status.gateways)
    positions = [
        f"{decimal_text(size)} {name}"
        for gateway in status.gateways
        for name, size in gateway.positions.items()
        if size
    ]
    unknown = [f"{gateway.unknown_orders} at {gateway.id}" for gateway in status.gateways if gateway.unknown_orders]
    going_on = [item.id for item in status.strategies if item.id not in paused and item.lifecycle not in _OUT]
    lines = (
        f"cluster {status.cluster} is halted {since}: {reason}",
        f"halted gateways: {halted or 'none'}",
        f"positions: {', '.join(positions) or 'none'}",
        f"orders of unknown outcome: {', '.join(unknown) or 'none'}",
        f"would trade on: {', '.join(going_on) or 'none'}" + (f"; stay paused: {', '.join(paused)}" if paused else ""),
    )
    return "\n".join(lines)


def changes_in_words(standing: Mapping[str, Standing], limits: Mapping[str, Decimal]) -> str:
    """What the operator has changed while the cluster ran, and its config does not say; empty for nothing."""
    parts = [f"{path} = {value:f}" for path, value in limits.items()]
    for name, wish in standing.items():
        parts += [f"{name}: {path} = {value}" for path, value in wish.changes.items()]
        words = {
            f"priority = {wish.priority}": wish.priority,
            "paused": wish.is_paused,
            "stopped": wish.is_stopped and not wish.is_removed,
            "removed": wish.is_removed,
            "added": wish.table and not wish.is_removed,
        }
        parts += [f"{name}: {word}" for word, holds in words.items() if holds]
    return "; ".join(parts)


def held_in_words(status: StrategyStatus, books: Mapping[str, Decimal]) -> str:
    """By the gateways' books; by the strategy's own word where they have none."""
    return listed(books) or listed(status.positions) or "nothing"


def listed(positions: Mapping[str, Decimal]) -> str:
    """Positions in words; empty for none."""
    return ", ".join(f"{decimal_text(size)} {name}" for name, size in positions.items() if size)


def _orders(strategy: StrategyStatus) -> str:
    if not strategy.open_orders:
        return "no order is open, so none is"
    return "its open order is" if strategy.open_orders == 1 else f"its {strategy.open_orders} open orders are"
