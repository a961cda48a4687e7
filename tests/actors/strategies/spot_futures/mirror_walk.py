"""The random walk for a pair that sells spot and buys the future: the account may be short of spot."""

from collections.abc import Callable, Sequence
from decimal import Decimal as D

from actors.strategies.spot_futures.parameters import SpotFuturesParameters
from tests.actors.strategies.random_walk import PRICE_HIGH, PRICE_LOW, SPOT_FEE_IN_BASE, Event, Walk, go
from tests.actors.strategies.trading_world import INVERSE, INVERSE_ID, World, parameters


def mirror(**changes) -> SpotFuturesParameters:
    return parameters(direction="short-spot", can_short_spot=True, **changes)


SETTINGS: tuple[Callable[[], World], ...] = (
    lambda: World(mirror()),
    lambda: World(mirror(execution="concurrent", cooldown_s=0.0, notional=D(500)), spot=SPOT_FEE_IN_BASE),
    lambda: World(mirror(futures=INVERSE_ID, notional=D(1_000), first_leg="futures"), futures=INVERSE),
)


class MirrorWalk(Walk):
    """Futures are below spot most of the time."""

    def next_basis(self, chance: float) -> float:
        return -super().next_basis(chance)

    def check_exposure(self) -> None:
        """Spot is not long and the future not short, and neither is more than the notional and a step."""
        world = self.world
        spot, futures = world.held
        most = world.settings.notional / D(repr(PRICE_LOW)) * D("1.02")
        step = D("0.003") + world.spot.lot_size + world.futures.lot_size * world.futures.multiplier / D(55_000)
        assert -step <= -spot <= most + step
        assert -step <= world.futures.base_quantity(futures, D(repr(PRICE_HIGH))) <= most + step

    def _amount(self, name: str, part: D) -> D:
        """Spot is borrowed: a sale needs none."""
        order = self.world.orders[name]
        if order.side.sign > 0 or order.reduce_only or not self.world.instruments[order.instrument].is_spot:
            return super()._amount(name, part)
        instrument = self.world.instruments[order.instrument]
        return instrument.round_quantity(self.world.remaining[name] * min(part, D(1))) or self.world.remaining[name]


def walk(setting: int, events: Sequence[Event], *, is_flattened: bool = False) -> Walk:
    """Take a walk to its end, checking at every step."""
    return go(MirrorWalk(SETTINGS[setting]()), events, is_flattened=is_flattened)
