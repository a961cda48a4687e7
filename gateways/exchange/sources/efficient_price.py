"""The price of one asset that every synthetic venue agrees on: a geometric random walk with volatility regimes.

The path is a pure function of (seed, asset, its spec, start). Every source makes its own copy of it, step by step, so
venues that share a seed share the path to the last bit and are read independently of each other.
"""

from collections import deque
from enum import Enum
from math import ceil, exp, log, sqrt
from random import Random

from gateways.exchange.spec import AssetSpec

GRID_NS = 50_000_000
"""The path moves in steps of 50 ms of market time."""

LAG_MS_MAX = 10_000
REPORTING_CURRENCY = "USD"

_GRID_S = GRID_NS / 1e9
_YEAR_S = 365 * 86_400
_NS_PER_MS = 1_000_000
_HISTORY_STEPS = ceil(LAG_MS_MAX * _NS_PER_MS / GRID_NS) + 1

_PRICES = {"BTC": 60_000.0, "ETH": 3_000.0, "BNB": 600.0, "SOL": 150.0, "XRP": 0.6}
_OTHER_PRICE = 100.0
_VOLATILITY_ANNUAL = 0.5

_STABLECOINS = frozenset({"USDT", "USDC", "FDUSD", "DAI", "TUSD", "BUSD"})
_STABLECOIN_VOLATILITY_ANNUAL = 0.12
_STABLECOIN_HALF_LIFE_S = 120.0


class Regime(Enum):
    CALM = "small moves, few trades"
    ACTIVE = "large moves, many trades"


def price_of(asset: str, spec: AssetSpec) -> float:
    """The price that an asset starts from, in the reporting currency."""
    if spec.price is not None:
        return spec.price
    if asset == REPORTING_CURRENCY or asset in _STABLECOINS:
        return 1.0
    return _PRICES.get(asset, _OTHER_PRICE)


def volatility_of(asset: str, spec: AssetSpec) -> float:
    """The long-run volatility of an asset's log price, per square root of a year."""
    if spec.volatility_annual is not None:
        return spec.volatility_annual
    if asset == REPORTING_CURRENCY:
        return 0.0
    return _STABLECOIN_VOLATILITY_ANNUAL if asset in _STABLECOINS else _VOLATILITY_ANNUAL


def half_life_of(asset: str, spec: AssetSpec) -> float:
    """The half-life in seconds of a deviation from the asset's starting price; 0 where it never comes back."""
    if spec.half_life_s is not None:
        return spec.half_life_s
    return _STABLECOIN_HALF_LIFE_S if asset in _STABLECOINS else 0.0


class EfficientPrice:
    """The path of one asset, in the reporting currency, constant between the points of its grid.

    Two regimes alternate, each with an exponential duration. Their volatilities are scaled so that the variance, and
    their activities so that the rate of trades, keep the stated mean.

    :ivar activity_max: the activity of the active regime.
    """

    def __init__(self, asset: str, spec: AssetSpec, seed: int, start_ns: int) -> None:
        self._start_ns = start_ns
        self._rng = Random(f"{seed}:{asset}")  # noqa: S311  # a market, not a secret
        self._mean = log(price_of(asset, spec))
        half_life_s = half_life_of(asset, spec)
        self._decay = 2.0 ** (-_GRID_S / half_life_s) if half_life_s else 1.0

        share_active = spec.active_s / (spec.calm_s + spec.active_s)
        ratio = spec.active_volatility_ratio
        step = volatility_of(asset, spec) * sqrt(_GRID_S / _YEAR_S)
        calm_step = step / sqrt(1.0 - share_active + share_active * ratio * ratio)
        self._deviations = {Regime.CALM: calm_step, Regime.ACTIVE: ratio * calm_step}
        calm_activity = 1.0 / (1.0 - share_active + share_active * ratio)
        self._activities = {Regime.CALM: calm_activity, Regime.ACTIVE: ratio * calm_activity}
        self._staying = {Regime.CALM: exp(-_GRID_S / spec.calm_s), Regime.ACTIVE: exp(-_GRID_S / spec.active_s)}
        self.activity_max = ratio * calm_activity

        self._regime = Regime.CALM
        self._newest = 0
        self._logs = deque([self._mean], maxlen=_HISTORY_STEPS)

    def at(self, ts_ns: int) -> float:
        """The price at a moment at most `LAG_MS_MAX` before the latest one asked for; the first price before start."""
        step = max(0, (ts_ns - self._start_ns) // GRID_NS)
        while self._newest < step:
            self._move()
        age = self._newest - step
        assert age < len(self._logs), f"efficient price of {age * _GRID_S} s ago is not kept; read it in time order"
        return exp(self._logs[-1 - age])

    def regime(self, ts_ns: int) -> Regime:
        """The regime at the latest moment asked for, `ts_ns` included."""
        self.at(ts_ns)
        return self._regime

    def activity(self, ts_ns: int) -> float:
        """How busy the market is now, as a multiple of its mean."""
        return self._activities[self.regime(ts_ns)]

    def _move(self) -> None:
        if self._rng.random() >= self._staying[self._regime]:
            self._regime = Regime.ACTIVE if self._regime is Regime.CALM else Regime.CALM
        move = self._deviations[self._regime] * self._rng.gauss(0.0, 1.0)
        self._logs.append(self._mean + (self._logs[-1] - self._mean) * self._decay + move)
        self._newest += 1
