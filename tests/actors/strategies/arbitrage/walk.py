"""The random walk for arbitrage: any number of markets, pre-funded inventories, two-leg routes and triangles.

Every fill is at the order's limit, the worst that it allows.
"""

from collections.abc import Callable, Sequence
from decimal import Decimal as D
from typing import Any

from actors.strategies.arbitrage.pair_route import PairRoute
from messages.health import CycleResult
from messages.instruments import Instrument, Rounding
from messages.orders import TimeInForce
from tests.actors.strategies.arbitrage.world import (
    ALPHA,
    BETA,
    ETH_BTC,
    INSTRUMENTS,
    PAIRS,
    PERPETUAL,
    SPOT_PERPETUAL,
    SPOTS,
    STABLE,
    TRIANGLE,
    ArbitrageWorld,
    parameters,
    spot,
)
from tests.actors.strategies.puppet_floor import check_sums
from tests.actors.strategies.random_walk import PRICE_HIGH, PRICE_LOW, Event, Walk, go

FEE_IN_BASE = {
    **INSTRUMENTS,
    ALPHA.id: spot("BTCUSDT", "alpha", "BTC", "USDT", fee_currency="BTC", lot_size=D("0.0003")),
    ETH_BTC.id: spot(
        "ETHBTC", "alpha", "ETH", "BTC", tick_size=D("0.00001"), lot_size=D("0.001"), min_notional=D("0.0005"),
        fee_currency="ETH",
    ),
}  # fmt: skip
SETTINGS: tuple[Callable[[], ArbitrageWorld], ...] = (
    ArbitrageWorld,
    lambda: ArbitrageWorld(parameters(SPOT_PERPETUAL, cooldown_s=0.0, position_value_max=D(6_000), notional=D(2_000))),
    lambda: ArbitrageWorld(parameters(SPOTS, execution="sequential", inventory_skew_bps=10.0)),
    lambda: ArbitrageWorld(parameters(PAIRS, confirm_ms=50, quote_skew_max_ms=0)),
    lambda: ArbitrageWorld(parameters(TRIANGLE, cooldown_s=0.0)),
    lambda: ArbitrageWorld(parameters(TRIANGLE, notional=D(300)), instruments=FEE_IN_BASE),
    lambda: ArbitrageWorld(parameters(SPOTS, TRIANGLE, SPOT_PERPETUAL, loss_budget=0.0001, repair_attempts_max=1)),
    lambda: ArbitrageWorld(parameters(SPOTS, notional=D(400)), instruments=FEE_IN_BASE),
    lambda: ArbitrageWorld(
        parameters(
            STABLE, SPOTS, min_profit_bps=2.0, repairs_max=100, cooldown_s=0.0, depeg_bps_max=100.0,
            inventory={"USDCUSDT.alpha": D(3_000), BETA.id: D("0.1")},
        )
    ),
)  # fmt: skip


class ArbitrageWalk(Walk):
    world: ArbitrageWorld  # type: ignore[assignment]
    changes = (
        {"cooldown_s": 0.2}, {"slippage_bps_max": 8.0}, {"quote_age_max_ms": 4_000}, {"confirm_ms": 10},
        {"repair_attempts_max": 2}, {"execution_timeout_ms": 300}, {"repairs_max": 50}, {"quote_skew_max_ms": 500},
    )  # fmt: skip

    def __init__(self, world: ArbitrageWorld) -> None:
        super().__init__(world)  # type: ignore[arg-type]
        self.liquidated = D(0)

    # --- events -------------------------------------------------------------------------------------------------

    def quotes(self, chance: float) -> None:
        self.price = min(PRICE_HIGH, max(PRICE_LOW, self.price * (1 + (chance - 0.5) / 50)))
        for number, instrument in enumerate(self.world.instruments.values()):
            if instrument.venue not in self.down:
                swing = (chance * 7.3 * (number + 1.7) % 1 - 0.5) / (400 if instrument.base == "USDC" else 60)
                size = 0.05 if chance < 0.2 else 500.0
                self._quote(
                    instrument,
                    self._fair(instrument) * (1 + swing),
                    size * (20_000 if instrument.base == "USDC" else 1),
                )

    def _fair(self, instrument: Instrument) -> float:
        in_usdt = {"BTC": self.price, "ETH": self.price / 20, "USDC": 1.0, "USDT": 1.0}
        return in_usdt[instrument.base] / in_usdt[instrument.quote]

    def _quote(self, instrument: Instrument, price: float, size: float) -> None:
        exact = instrument.round_price(price, Rounding.NEAREST)
        bid, ask = float(exact), float(exact + instrument.tick_size)
        self.world.quote(instrument.id, bid, ask, size)
        if size > 1.0:
            self.world.depth(
                instrument.id, ((bid, size), (bid * 0.999, 20 * size)), ((ask, size), (ask * 1.001, 20 * size))
            )

    def mark(self, chance: float) -> None:
        """One market alone is quoted, so that the others lag behind."""
        self.world.now_ns += int(chance * 2_000_000_000)
        instrument = self._instrument(chance)
        if instrument.venue not in self.down:
            self._quote(instrument, self._fair(instrument) * (1 + (chance - 0.5) / 100), 500.0)

    def derivative(self, _chance: float) -> Any:
        return PERPETUAL

    def liquidate(self, chance: float) -> None:
        if PERPETUAL.id in self.world.instruments:
            before = self.world.positions[PERPETUAL.id]
            super().liquidate(chance)
            self.liquidated += abs(self.world.positions[PERPETUAL.id] - before) * PERPETUAL.multiplier

    def _calm_quotes(self) -> None:
        for instrument in self.world.instruments.values():
            self._quote(instrument, self._fair(instrument), 500_000.0)

    # --- what must hold -----------------------------------------------------------------------------------------

    def check_exposure(self) -> None:
        """One attempt at a time; what is not matched is at most one order and what was carried; drift is capped."""
        world = self.world
        assert sum(route.is_busy for route in world.strategy.routes) <= 1
        high = D(repr(PRICE_HIGH))
        most = world.settings.notional * D("1.2") + self._residual_max() + self.liquidated * high
        if world.strategy.is_flattening or world.strategy.closing.is_open:
            most += world.settings.position_value_max * 2 * len(world.strategy.routes)
        for asset, amount in world.net.items():
            if asset != "USDT" and not (asset == "USDC" and self._has(PAIRS)):
                assert abs(amount) * self._value(asset) <= most, asset
        if not self._has(TRIANGLE):
            cap = world.settings.position_value_max * high / D(repr(PRICE_LOW)) + most
            for name, position in world.positions.items():
                instrument = world.instruments[name]
                assert abs(position) * instrument.multiplier * self._value(instrument.base) <= cap, name

    def _check_orders(self) -> None:
        world = self.world
        orders = list(world.orders.values())[self.checked :]
        self.checked += len(orders)
        for order in orders:
            instrument = world.instruments[order.instrument]
            assert order.quantity > 0
            assert order.quantity == instrument.round_quantity(order.quantity)
            assert order.price is None or order.price % instrument.tick_size == 0
            assert order.time_in_force is TimeInForce.IOC
            assert not order.reduce_only
            if world.state in {"EXECUTING_BUY_SIDE", "EXECUTING_SELL_SIDE", "MONITORING_EXECUTION"}:
                assert order.price is not None
                value = order.quantity * instrument.multiplier * self._value(instrument.base)
                assert value <= world.settings.notional * D("1.2") + self._residual_max()

    def check_end(self) -> None:
        """What is left in between is too small to trade; or it HALTED and said what it holds. Sums are exact."""
        world = self.world
        assert world.strategy.is_settled
        check_sums(world.strategy)
        if world.state == "HALTED":
            assert any("HALTED" in alert for alert in world.alerts)
            return
        for asset, amount in world.net.items():
            if asset != "USDT" and not (asset == "USDC" and self._has(PAIRS)):
                assert abs(amount) * self._value(asset) <= self._residual_max(), (asset, amount)
        self._check_profits()

    def _check_profits(self) -> None:
        """An attempt that went as planned has not lost, though every order was filled at its limit."""
        if self._has(PAIRS) or self._has(SPOT_PERPETUAL) or self.world.everything is FEE_IN_BASE:
            return
        for cycle in self.world.strategy.cycles:
            if cycle.result is CycleResult.COMPLETED and cycle.fills >= 2:
                assert cycle.pnl.total > -D(1) - self._residual_max() / 100, cycle

    def _residual_max(self) -> D:
        """What its routes may carry: a minimum and a step of each side, or of each step of a triangle."""
        total = D(0)
        for route in self.world.strategy.routes:
            for instrument in route.instruments.values():
                value = self._value(instrument.base)
                minimum = instrument.min_notional * self._value(instrument.quote)
                step = instrument.lot_size * instrument.multiplier * value
                total += max(minimum, instrument.min_quantity * value) * D("1.1") + step * (
                    3 if isinstance(route, PairRoute) else 1
                )
        return total

    # --- helpers ------------------------------------------------------------------------------------------------

    def _has(self, route: Any) -> bool:
        return route in self.world.settings.routes

    def _value(self, asset: str) -> D:
        return {"BTC": D(repr(PRICE_HIGH)), "ETH": D(repr(PRICE_HIGH / 20)), "USDC": D(1), "USDT": D(1)}[asset]

    def _instrument(self, chance: float) -> Instrument:
        names = list(self.world.instruments)
        return self.world.instruments[names[int(chance * 31) % len(names)]]

    def _amount(self, name: str, part: D) -> D:
        """The venue fills what it is asked for, but sells no spot that is not there."""
        order = self.world.orders[name]
        instrument = self.world.instruments[order.instrument]
        amount = instrument.round_quantity(self.world.remaining[name] * min(part, D(1))) or self.world.remaining[name]
        if instrument.is_spot and order.side.sign < 0:
            start = self.world.settings.inventory.get(instrument.id, D(0)) if not self._has(TRIANGLE) else D(1_000)
            amount = min(amount, instrument.round_quantity(max(D(0), start + self.world.positions[instrument.id])))
        return amount


def walk(setting: int, events: Sequence[Event], *, is_flattened: bool = False) -> Walk:
    """Take a walk to its end, checking at every step."""
    return go(ArbitrageWalk(SETTINGS[setting]()), events, is_flattened=is_flattened)
