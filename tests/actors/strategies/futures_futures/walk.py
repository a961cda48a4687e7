"""The random walk for a pair of futures, which is traded both ways: spreads swing through both entries."""

from collections.abc import Callable, Sequence
from decimal import Decimal as D
from typing import Any

import msgspec

from tests.actors.strategies.futures_futures.world import (
    HOUR_NS,
    INVERSE_QUARTER,
    QUARTER,
    SpreadWorld,
    spread_parameters,
)
from tests.actors.strategies.random_walk import PRICE_HIGH, PRICE_LOW, Event, Walk, go
from tests.actors.strategies.trading_world import INVERSE, START_NS, S

ENDING = msgspec.structs.replace(QUARTER, expiry_ns=START_NS + HOUR_NS + 10 * S)
"""Its expiry guard of an hour begins ten seconds into the walk, the settlement window six seconds later."""

FIXED: dict[str, Any] = {"rule": "fixed", "min_spread_bps": 12.0, "min_edge_bps": -100.0, "exit_confirm": 3}
SETTINGS: tuple[Callable[[], SpreadWorld], ...] = (
    SpreadWorld,
    lambda: SpreadWorld(spread_parameters(statistics="ewma", execution="concurrent", cooldown_s=0.0)),
    lambda: SpreadWorld(spread_parameters(**FIXED, first_leg="near", hedge_ratio=D("0.98"), confirm_ms=1)),
    lambda: SpreadWorld(spread_parameters(**FIXED, far=INVERSE.id, notional=D(1_000)), far=INVERSE),
    lambda: SpreadWorld(
        spread_parameters(near=INVERSE.id, far=INVERSE_QUARTER.id, notional=D(1_000), execution="concurrent"),
        near=INVERSE,
        far=INVERSE_QUARTER,
    ),
    lambda: SpreadWorld(
        spread_parameters(**FIXED, far=ENDING.id, expiry_guard_hours=1.0, settlement_minutes=59.9, cooldown_s=0.0),
        far=ENDING,
    ),
    lambda: SpreadWorld(
        spread_parameters(**FIXED, loss_budget=0.0001, repair_attempts_max=1, notional=D(500), max_loss_bps=20.0)
    ),
)


class SpreadWalk(Walk):
    """Knows what it trades by statistics, where it does, before the walk begins."""

    changes = (
        {"exit_confirm": 1}, {"cooldown_s": 0.2}, {"slippage_bps_max": 8.0}, {"quote_age_max_ms": 4_000},
        {"loss_budget": 0.002}, {"repair_attempts_max": 2}, {"leg_timeout_ms": 300}, {"max_loss_bps": 10.0},
        {"z_exit": 1.0}, {"expiry_guard_hours": 1.1},
    )  # fmt: skip

    def __init__(self, world: SpreadWorld) -> None:
        super().__init__(world)
        if world.settings.rule == "statistics":
            world.learn()

    def next_basis(self, chance: float) -> float:
        return (chance * 7.3 % 1 - 0.5) / 110

    def derivative(self, chance: float) -> Any:
        return self._instrument(chance * 13 % 1)

    def mark(self, chance: float) -> None:
        next_ns = self.world.now_ns + int(chance * 20) * HOUR_NS
        self.world.mark_leg(self._instrument(chance * 13 % 1), (chance - 0.5) / 1_000, next_ns)  # type: ignore[attr-defined]

    def check_exposure(self) -> None:
        """Either way round, each leg is within the notional and a step."""
        world = self.world
        most = world.settings.notional / D(repr(PRICE_LOW)) * D("1.02")
        for instrument, position in zip((world.spot, world.futures), world.held, strict=True):
            lot = instrument.base_quantity(instrument.lot_size, D(repr(PRICE_LOW)))
            assert abs(instrument.base_quantity(position, D(repr(PRICE_HIGH)))) <= most + D("0.003") + lot


def walk(setting: int, events: Sequence[Event], *, is_flattened: bool = False) -> Walk:
    """Take a walk to its end, checking at every step."""
    return go(SpreadWalk(SETTINGS[setting]()), events, is_flattened=is_flattened)
