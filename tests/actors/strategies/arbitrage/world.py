"""An arbitrage strategy and the venues around it: two with spot, one with a perpetual, stablecoins, a triangle."""

from decimal import Decimal as D
from typing import Any

from actors.strategies.arbitrage.parameters import ArbitrageParameters
from actors.strategies.arbitrage.route_parameters import AnyRoute, CrossPair, CrossVenue, Stablecoin, Triangular
from actors.strategies.arbitrage.strategy import Arbitrage
from messages.instruments import Instrument, InstrumentType
from messages.orders import Fill, Side, SubmitOrder
from tests.actors.strategies.trading_world import World


def spot(symbol: str, venue: str, base: str, quote: str, **changes: Any) -> Instrument:
    settings: dict[str, Any] = {
        "tick_size": D("0.01"), "lot_size": D("0.00001"), "min_notional": D(5), "taker_fee_bps": D(10), **changes,
    }  # fmt: skip
    return Instrument(
        symbol=symbol, venue=venue, type=InstrumentType.SPOT, base=base, quote=quote, settle=quote, **settings
    )


ALPHA = spot("BTCUSDT", "alpha", "BTC", "USDT")
BETA = spot("BTCUSDT", "beta", "BTC", "USDT", taker_fee_bps=D(5), lot_size=D("0.0001"))
IN_USDC = spot("BTCUSDC", "beta", "BTC", "USDC", taker_fee_bps=D(5))
PERPETUAL = Instrument(
    symbol="BTCUSDT", venue="perp", type=InstrumentType.PERPETUAL, base="BTC", quote="USDT", settle="USDT",
    tick_size=D("0.1"), lot_size=D(1), multiplier=D("0.001"), min_notional=D(100), taker_fee_bps=D(5),
    funding_interval_hours=8,
)  # fmt: skip
CROSS = spot(
    "USDCUSDT", "beta", "USDC", "USDT", tick_size=D("0.0001"), lot_size=D(1), taker_fee_bps=D(0), min_notional=D(5)
)
CROSS_ALPHA = spot(
    "USDCUSDT", "alpha", "USDC", "USDT", tick_size=D("0.0001"), lot_size=D(1), taker_fee_bps=D(1), min_notional=D(5)
)
ETH_BTC = spot("ETHBTC", "alpha", "ETH", "BTC", tick_size=D("0.00001"), lot_size=D("0.0001"), min_notional=D("0.0001"))
ETH_USDT = spot("ETHUSDT", "alpha", "ETH", "USDT", lot_size=D("0.0001"))
EVERYTHING = (ALPHA, BETA, IN_USDC, PERPETUAL, CROSS, CROSS_ALPHA, ETH_BTC, ETH_USDT)
INSTRUMENTS = {instrument.id: instrument for instrument in EVERYTHING}

SPOTS = CrossVenue(name="spots", first=ALPHA.id, second=BETA.id)
SPOT_PERPETUAL = CrossVenue(name="spot-perpetual", first=ALPHA.id, second=PERPETUAL.id)
PAIRS = CrossPair(name="pairs", first=ALPHA.id, second=IN_USDC.id, fx=CROSS.id, is_pegged=True)
STABLE = Stablecoin(name="stable", first=CROSS_ALPHA.id, second=CROSS.id)
TRIANGLE = Triangular(name="triangle", instruments=(ALPHA.id, ETH_BTC.id, ETH_USDT.id), start="USDT")
FULL = {
    instrument.id: D(1_000_000) if instrument.base == "USDC" else D(10)
    for instrument in EVERYTHING
    if instrument.is_spot
}


def parameters(*routes: AnyRoute, **changes: Any) -> ArbitrageParameters:
    """Well-stocked venues, a threshold of 10 bps, a second of rest, unless told otherwise."""
    routes = routes or (SPOTS,)
    used = {name for route in routes for name in _names(route)}
    settings: dict[str, Any] = {
        "routes": routes,
        "notional": D(6_000),
        "min_profit_bps": 10.0,
        "inventory": {name: held for name, held in FULL.items() if name in used},
    }
    return ArbitrageParameters(**{**settings, **changes})


def _names(route: AnyRoute) -> tuple[str, ...]:
    if isinstance(route, Triangular):
        return route.instruments
    return (route.first, route.second, *((route.fx,) if isinstance(route, CrossPair) else ()))


class ArbitrageWorld(World):
    strategy: Arbitrage
    settings: Any

    def __init__(
        self,
        settings: ArbitrageParameters | None = None,
        *,
        instruments: dict[str, Instrument] | None = None,
        is_started: bool = True,
    ) -> None:
        self.everything = instruments or INSTRUMENTS
        self.net: dict[str, D] = {}
        super().__init__(settings or parameters(), is_started=is_started)  # type: ignore[arg-type]

    def make_strategy(self) -> Arbitrage:
        names = Arbitrage.instrument_ids(self.settings)
        self.instruments = {name: self.everything[name] for name in names}
        return Arbitrage("carry", self.instruments, self.settings)

    def at(self, instrument: Instrument, price: float, *, size: float = 1_000.0, spread: float | None = None) -> None:
        """Quote an instrument: its bid, and its ask a tick (or `spread`) above."""
        self.quote(instrument.id, price, price + (float(instrument.tick_size) if spread is None else spread), size)

    def quiet(self) -> None:
        """Every market at its place, so that nothing pays."""
        prices = {"BTC": 60_000.0, "ETH": 3_000.0, "USDC": 1.0}
        for instrument in self.instruments.values():
            price = 0.05 if instrument.quote == "BTC" else prices[instrument.base]
            self.at(instrument, price)

    @property
    def working(self) -> list[SubmitOrder]:
        return [self.orders[name] for name in self.open_ids]

    @property
    def held(self) -> Any:
        return dict(self.positions), dict(self.net)

    @property
    def route(self) -> Any:
        return self.strategy.routes[0]

    def fill(self, name: str, quantity: D | str | None = None, price: D | str | None = None) -> Fill:
        return self._count(super().fill(name, quantity, price))

    def _count(self, fill: Fill) -> Fill:
        """What all venues together hold has moved; contracts count as the base that they stand for."""
        instrument = self.instruments[fill.instrument]
        base = fill.side.sign * fill.quantity * instrument.multiplier
        for currency, amount in (
            (instrument.base, base),
            (instrument.quote, -base * fill.price),
            (fill.fee_currency, -fill.fee),
        ):
            self.net[currency] = self.net.get(currency, D(0)) + amount
        return fill

    def stray_fill(self, instrument: str, side: Side, quantity: str | D, order: str = "venue-1") -> None:
        super().stray_fill(instrument, side, quantity, order)
        self._count(self.inputs[-1])

    @property
    def last_cycle(self) -> Any:
        return self.strategy.cycles[-1]
