"""Where to quote: spread and centre by model, and the ladder of levels around it. Pure arithmetic in floats."""

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import NamedTuple

from actors.analytics.avellaneda_stoikov import MakerTerms, reservation_price, total_spread
from actors.strategies.market_making.inventory import size_skew
from actors.strategies.market_making.parameters import BPS, MarketMakingParameters


class QuotingInput(NamedTuple):
    """What a model looks at.

    :param fair: fair value, in price.
    :param sigma_bps: volatility in bps for each √second.
    :param deviation: inventory off its target, as a share of its range (soft limit = 1).
    :param skew: the same as a share of `inventory_max`, within ±1. :param lots: the same in orders.
    :param floor_bps: least half-spread, from costs.
    """

    fair: float
    sigma_bps: float
    deviation: float
    skew: float
    lots: float
    floor_bps: float


class Centre(NamedTuple):
    """:param price: between bid and ask. :param half_bps: from there to the innermost quote of either side."""

    price: float
    half_bps: float


class Ladder(NamedTuple):
    """What should be quoted, innermost level first; a size of 0 is not quoted. Neither is rounded.

    :param sizes: in the instrument's own unit.
    """

    centre: Centre
    bid_prices: tuple[float, ...]
    ask_prices: tuple[float, ...]
    bid_sizes: tuple[float, ...]
    ask_sizes: tuple[float, ...]


def fixed(parameters: MarketMakingParameters, seen: QuotingInput) -> Centre:
    """Target spread, wider by `volatility_multiplier` standard deviations of one second; centred on the fair value
    less `inventory_skew` × inventory share × half-spread: long → both quotes lower.
    """
    spread_bps = parameters.target_spread_bps + parameters.volatility_multiplier * seen.sigma_bps
    half_bps = bounded_half_bps(parameters, spread_bps, seen.floor_bps)
    return Centre(seen.fair * (1.0 - parameters.inventory_skew * seen.skew * half_bps / BPS), half_bps)


def avellaneda_stoikov(parameters: MarketMakingParameters, seen: QuotingInput) -> Centre:
    """Reservation price and spread of `actors/analytics/avellaneda_stoikov.py`, with the spread bounded as any other
    and the shift of the price bounded by `max_spread_bps`.

    σ is in price for each √second, q in orders; γ and κ are given for each bps of price, so that they mean the same
    for any instrument, and are brought to 1 / price here.
    """
    fair, one_bps = seen.fair, seen.fair / BPS
    terms = MakerTerms(
        parameters.risk_aversion / one_bps, parameters.order_arrival_decay / one_bps, parameters.horizon_s
    )
    sigma = seen.sigma_bps * one_bps
    price = reservation_price(fair, seen.lots, sigma, terms)
    shift_max = parameters.max_spread_bps * one_bps
    price = min(fair + shift_max, max(fair - shift_max, price))
    return Centre(price, bounded_half_bps(parameters, total_spread(sigma, terms) / one_bps, seen.floor_bps))


MODELS: Mapping[str, Callable[[MarketMakingParameters, QuotingInput], Centre]] = MappingProxyType(
    {"fixed": fixed, "avellaneda_stoikov": avellaneda_stoikov}
)


def bounded_half_bps(parameters: MarketMakingParameters, spread_bps: float, floor_bps: float) -> float:
    """Half of a spread, within `min_spread_bps` and `max_spread_bps`; never below what a fill costs."""
    spread_bps = min(parameters.max_spread_bps, max(parameters.min_spread_bps, spread_bps))
    return max(spread_bps / 2.0, floor_bps)


class Ladders:
    """Makes the ladder of one market maker."""

    def __init__(self, parameters: MarketMakingParameters) -> None:
        self._parameters = parameters
        self._model = MODELS[parameters.model]
        levels, size = range(parameters.levels), float(parameters.order_size)
        self._sizes = [size * parameters.level_size_decay**level for level in levels]
        self._distances = [parameters.level_spread_multiplier**level / BPS for level in levels]

    def around(self, seen: QuotingInput) -> Ladder:
        """Level i: size × decay^i, half-spread × multiplier^i; sizes skewed by the inventory."""
        centre = self._model(self._parameters, seen)
        price, half_bps = centre
        bid_skew, ask_skew = size_skew(seen.deviation)
        distances = [half_bps * distance for distance in self._distances]
        return Ladder(
            centre,
            tuple([price * (1.0 - distance) for distance in distances]),
            tuple([price * (1.0 + distance) for distance in distances]),
            tuple([size * bid_skew for size in self._sizes]),
            tuple([size * ask_skew for size in self._sizes]),
        )
