"""Optimal quotes of a market maker with exponential utility, whose orders are hit the less often the farther away.

Source: M. Avellaneda, S. Stoikov, "High-frequency trading in a limit order book", Quantitative Finance 8(3), 2008,
section 3.2: price follows σ dW, market orders reach a quote at distance δ with intensity A exp(−κ δ); the reservation
price and the sum of both distances are given there for small inventories. The time to the end, T − t, is here a fixed
rolling horizon, since the markets never close.
"""

from math import log1p
from typing import NamedTuple


class MakerTerms(NamedTuple):
    """:param risk_aversion: γ, in 1 / price, for one lot of inventory.
    :param order_arrival_decay: κ, in 1 / price.
    :param horizon_s: τ, in seconds.
    """

    risk_aversion: float
    order_arrival_decay: float
    horizon_s: float


def reservation_price(price: float, inventory: float, sigma: float, terms: MakerTerms) -> float:
    """What the asset is worth to one who holds q lots of it: r = s − q γ σ² τ; long → below the price.

    :param inventory: q, signed, in lots of one order.
    :param sigma: in price for each √second.
    """
    return price - inventory * terms.risk_aversion * sigma * sigma * terms.horizon_s


def total_spread(sigma: float, terms: MakerTerms) -> float:
    """δ_ask + δ_bid = γ σ² τ + (2/γ) ln(1 + γ/κ), in price. Towards γ = 0 it is 2/κ."""
    gamma, kappa = terms.risk_aversion, terms.order_arrival_decay
    return gamma * sigma * sigma * terms.horizon_s + 2.0 / gamma * log1p(gamma / kappa)
