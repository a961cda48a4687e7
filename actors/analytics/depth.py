"""Executable prices: what a size costs when it walks the book."""

from typing import NamedTuple

from messages.market import Level, Quote


class Executable(NamedTuple):
    """:param price: volume-weighted average; :param worst: the last level needed; :param size: what is covered."""

    price: float
    worst: float
    size: float


def walk(levels: tuple[Level, ...], size: float) -> Executable:
    """Walk levels, best first, until `size` is covered or the book ends (then `Executable.size` is less).

    An empty book covers nothing, at price 0.
    """
    covered = value = worst = 0.0
    for price, available in levels:
        if available <= 0.0:
            continue
        taken = min(available, size - covered)
        covered += taken
        value += taken * price
        worst = price
        if covered >= size:
            break
    return Executable(value / covered if covered else 0.0, worst, covered)


def ask_levels(quote: Quote, asks: tuple[Level, ...]) -> tuple[Level, ...]:
    """The ask side as best known: the newest top of book, then the levels of the last image that lie above it."""
    return ((quote.ask, quote.ask_size), *(level for level in asks if level[0] > quote.ask))


def bid_levels(quote: Quote, bids: tuple[Level, ...]) -> tuple[Level, ...]:
    """The bid side as best known: the newest top of book, then the levels of the last image that lie below it."""
    return ((quote.bid, quote.bid_size), *(level for level in bids if level[0] < quote.bid))
