"""Signs that a market is dangerous to quote in: each is told as a sentence, and the empty one says that all is well."""

from actors.analytics.volatility import EwmaVolatility
from actors.strategies.market_making.parameters import BPS, MarketMakingParameters
from messages.market import Depth, Level, Quote, Trade
from messages.orders import Side

NS_PER_MS = 1_000_000
NS_PER_S = 1_000_000_000
RUNS_BEFORE_VOLUME_COUNTS = 20
"""Runs of trades from which the usual volume of one is known."""
RUN_WEIGHT = 0.05
"""Of the newest run in the usual volume: some 40 runs of memory."""


class Run:
    """Trades of one aggressor side, close together in time."""

    def __init__(self, trade: Trade) -> None:
        self.started_ns = trade.ts_received
        self.first = trade.price
        self.prices: set[float] = set()
        self.volume = 0.0

    def add(self, trade: Trade) -> None:
        self.prices.add(trade.price)
        self.volume += trade.size


class SweepWatch:
    """Sees one aggressor go through several levels at once, or trade far more than usual."""

    def __init__(self, parameters: MarketMakingParameters) -> None:
        self._window_ns = parameters.sweep_window_ms * NS_PER_MS
        self._levels, self._distance = parameters.sweep_levels, parameters.sweep_bps / BPS
        self._volume_ratio = parameters.sweep_volume_ratio
        self._runs: dict[Side, Run] = {}
        self._usual_volume = 0.0
        self._counted = 0

    def on_trade(self, trade: Trade) -> str:
        run = self._runs.get(trade.aggressor)
        if run is None or trade.ts_received - run.started_ns > self._window_ns:
            if run is not None:
                self._learn(run.volume)
            run = self._runs[trade.aggressor] = Run(trade)
        run.add(trade)
        distance = abs(trade.price / run.first - 1.0) if run.first > 0.0 else 0.0
        if len(run.prices) >= self._levels and distance >= self._distance:
            return f"a sweep through {len(run.prices)} prices over {distance * BPS:.1f} bps"
        if self._counted >= RUNS_BEFORE_VOLUME_COUNTS and run.volume > self._volume_ratio * self._usual_volume:
            return f"a burst of {run.volume:g}, {run.volume / self._usual_volume:.0f} times the usual volume"
        return ""

    def _learn(self, volume: float) -> None:
        self._counted += 1
        self._usual_volume += max(RUN_WEIGHT, 1.0 / self._counted) * (volume - self._usual_volume)


class MarketWatch:
    """The signs in quotes, trades and depth of one instrument.

    :ivar volatility: of the mid.
    """

    def __init__(self, parameters: MarketMakingParameters) -> None:
        self.volatility = EwmaVolatility(parameters.volatility_half_life_s)
        self.sweeps = SweepWatch(parameters)
        self._jump = parameters.jump_bps / BPS
        self._jump_window_ns = parameters.jump_window_ms * NS_PER_MS
        self._volatility_max_bps = parameters.volatility_max_bps
        self._spread_max = parameters.market_spread_bps_max / BPS
        self._depth_min = parameters.depth_min
        self._floor = parameters.price_floor or 0.0
        self._ceiling = parameters.price_ceiling or float("inf")
        self._band = None if parameters.price_band_bps is None else parameters.price_band_bps / BPS
        self._band_refresh_ns = int(parameters.price_band_refresh_s * NS_PER_S)
        self._jump_low, self._jump_high = 0.0, float("inf")
        self._jump_until_ns = 0
        self._low, self._high = self._floor, self._ceiling
        self._band_until_ns = 0

    def on_quote(self, quote: Quote, mid: float, now_ns: int) -> str:
        """Look at a quote with two sides."""
        self.volatility.on_price(mid, now_ns)
        if self._band is not None and now_ns >= self._band_until_ns:
            self._move_band(mid, now_ns)
        has_jumped = not self._jump_low <= mid <= self._jump_high
        if has_jumped or now_ns >= self._jump_until_ns:
            self._move_jump(mid, now_ns)
        if has_jumped:
            return f"a jump to {mid:g}"
        if not self._low <= mid <= self._high:
            return f"{mid:g} is outside of {self._low:g} to {self._high:g}"
        if quote.ask - quote.bid > self._spread_max * mid:
            return f"the market's spread is {(quote.ask - quote.bid) / mid * BPS:.1f} bps"
        if self.volatility.sigma_bps > self._volatility_max_bps:
            return f"volatility is {self.volatility.sigma_bps:.2f} bps for each √second"
        return ""

    def on_depth(self, depth: Depth) -> str:
        if self._depth_min <= 0.0:
            return ""
        least = min(_size(depth.bids), _size(depth.asks))
        return f"only {least:g} is left on one side of the book" if least < self._depth_min else ""

    def on_trade(self, trade: Trade) -> str:
        return self.sweeps.on_trade(trade)

    def forget_band(self) -> None:
        """The limits have changed: the next quote makes the band anew."""
        self._low, self._high, self._band_until_ns = self._floor, self._ceiling, 0

    def _move_jump(self, mid: float, now_ns: int) -> None:
        self._jump_until_ns = now_ns + self._jump_window_ns
        self._jump_low, self._jump_high = mid * (1.0 - self._jump), mid * (1.0 + self._jump)

    def _move_band(self, mid: float, now_ns: int) -> None:
        """Centre the band on the market; a band that was left is moved all the same when its time is over."""
        assert self._band is not None
        self._band_until_ns = now_ns + self._band_refresh_ns
        self._low = max(self._floor, mid * (1.0 - self._band))
        self._high = min(self._ceiling, mid * (1.0 + self._band))


def _size(levels: tuple[Level, ...]) -> float:
    return sum([size for _, size in levels])
