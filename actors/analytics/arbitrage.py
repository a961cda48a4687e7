"""Chains of conversions: money that is traded through several books and comes back as the same money.

Two venues are a chain of two (quote → base → quote), a triangle is one of three. Every step is a book side, best level
first; its rates are net of fees. Floats: these are signals. Rates multiply, so that a chain pays when the product of
its rates is above 1; the edge is in basis points of what is given at its beginning, fees included:

    edge = received × keep / given − 1        keep = 1 − transfer cost, × FX where two quote currencies meet
"""

import math
from collections.abc import Sequence
from typing import NamedTuple

from messages.market import Level
from messages.orders import Side

BPS = 10_000.0
NOTHING = float("-inf")


class Conversion(NamedTuple):
    """One level of a step: :param rate: received for each unit given; :param capacity: in units given;
    :param price: of the book level.
    """

    rate: float
    capacity: float
    price: float


class Fee(NamedTuple):
    """A taker's fee: its rate as a ratio, and whether a purchase pays it in what is bought (else in quote currency)."""

    rate: float
    is_in_base: bool


class ChainWalk(NamedTuple):
    """How far a chain pays.

    :param amounts: what enters each step, and last what comes out of the chain (before `keep`).
    :param worst: price of the last level that each step needs.
    :param marginal: product of the rates at these levels, with `keep`: what the last unit brings back.
    """

    amounts: tuple[float, ...]
    worst: tuple[float, ...]
    marginal: float


EMPTY_WALK = ChainWalk((0.0,), (), 0.0)


def rate_at(side: Side, price: float, fee: Fee) -> float:
    """Net rate of one conversion: a purchase turns quote into base, a sale base into quote currency.

    Bought with the fee in base (1 − f) / p, in quote 1 / (p (1 + f)); sold p (1 − f).
    """
    if side is Side.SELL:
        return price * (1.0 - fee.rate)
    return (1.0 - fee.rate) / price if fee.is_in_base else 1.0 / (price * (1.0 + fee.rate))


def conversions(
    side: Side, levels: Sequence[Level], fee: Fee, *, limit: float, multiplier: float = 1.0
) -> list[Conversion]:
    """The levels of a book side as conversions, up to a limit price.

    :param multiplier: base currency of one unit of size (contracts).
    """
    found = []
    for price, size in levels:
        if (price > limit) if side is Side.BUY else (price < limit):
            break
        if size <= 0.0:
            continue
        base = size * multiplier
        given = base if side is Side.SELL else base * price * (1.0 if fee.is_in_base else 1.0 + fee.rate)
        found.append(Conversion(rate_at(side, price, fee), given, price))
    return found


def walk_chain(steps: Sequence[Sequence[Conversion]], amount_max: float, product_min: float, keep: float) -> ChainWalk:
    """Walk all books at once to the largest amount of which the last unit still brings back `product_min`.

    :param amount_max: in units of what the first step is given. :param keep: factor on what comes out.
    """
    if amount_max <= 0.0 or not all(steps):
        return EMPTY_WALK
    at = [0] * len(steps)
    left = [levels[0].capacity for levels in steps]
    amounts = [0.0] * (len(steps) + 1)
    worst: tuple[float, ...] = ()
    marginal = 0.0
    for _ in range(sum(len(levels) for levels in steps)):  # each round uses up at least one level
        rates = [levels[index].rate for levels, index in zip(steps, at, strict=True)]
        product = math.prod(rates) * keep
        if product < product_min:
            break
        part, tightest = _next_part(rates, left, amount_max - amounts[0])
        worst, marginal = tuple(levels[index].price for levels, index in zip(steps, at, strict=True)), product
        for step, rate in enumerate(rates):
            amounts[step] += part
            left[step] -= part
            part *= rate
        amounts[-1] += part
        if tightest < 0:
            break
        at[tightest] += 1
        if at[tightest] == len(steps[tightest]):
            break
        left[tightest] = steps[tightest][at[tightest]].capacity
    return ChainWalk(tuple(amounts), worst, marginal) if worst else EMPTY_WALK


def _next_part(rates: Sequence[float], left: Sequence[float], wanted: float) -> tuple[float, int]:
    """What every present level can take, in units given to the first step, and the step that is then used up (-1:
    none, all that is wanted is taken).
    """
    part, tightest, product = wanted, -1, 1.0
    for step, rate in enumerate(rates):
        here = left[step] / product
        if here < part:
            part, tightest = here, step
        product *= rate
    return part, tightest


def edge_bps(walk: ChainWalk, keep: float) -> float:
    """Mean edge of a walk, in bps of what is given; −inf where nothing is."""
    given = walk.amounts[0]
    return (walk.amounts[-1] * keep / given - 1.0) * BPS if given > 0.0 else NOTHING


def give_away(marginal: float, steps: int) -> float:
    """By what factor each of the steps may be worse than its worst level, so that the last unit still breaks even.

    marginal^(1/steps); 1 where the chain has nothing to give away.
    """
    return math.pow(max(marginal, 1.0), 1.0 / steps)


def skewed_min_bps(min_bps: float, skew_bps: float, drift: float) -> float:
    """The threshold of one direction: higher where it adds to the inventory drift, lower where it brings it back.

    :param drift: what the direction would add to, from −1 (all the way on the other side) to 1.
    """
    return min_bps + skew_bps * max(-1.0, min(drift, 1.0))
