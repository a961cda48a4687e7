"""The L2 order book of one instrument: what is offered at each price, built from a snapshot and the changes since.

Prices and sizes are floats as the venue printed them (signals, not money), in the instrument's own units: base currency
for spot, contracts for derivatives.
"""

from bisect import bisect_left, insort
from collections.abc import Iterable
from heapq import nlargest
from math import inf
from typing import Final

Level = tuple[float, float]
"""Price and size."""

NEAR_MIN: Final = 64
NEAR: Final = 192
NEAR_MAX: Final = 384
"""Of each side, the best 64 to 384 prices are kept in order; when they grow too few or too many, the best 192 are."""


class _Side:
    """One side: price → size, and the prices near the best one in order.

    Most changes of a deep book are far from its best price, where nobody asks for the order.

    :param sign: 1 for bids, -1 for asks: sign × price is the higher, the better the price.
    :ivar near: sign × price of the best levels, ascending, the best one *last*: there most of them come and go.
    :ivar floor: no level outside of `near` has a sign × price as high as this.
    """

    __slots__ = ("floor", "near", "sign", "sizes")

    def __init__(self, sign: float) -> None:
        self.sign = sign
        self.sizes: dict[float, float] = {}
        self.near: list[float] = []
        self.floor = -inf

    def reset(self, levels: Iterable[Level]) -> None:
        self.sizes = {price: size for price, size in dict(levels).items() if size}
        self._order()

    def apply(self, levels: Iterable[Level]) -> None:
        sizes, near, sign, floor = self.sizes, self.near, self.sign, self.floor
        count = len(sizes)
        for price, size in levels:
            if size:
                sizes[price] = size
                if len(sizes) != count:  # it is new; to look for it first would cost a second search
                    count += 1
                    if sign * price >= floor:
                        insort(near, sign * price)
            elif sizes.pop(price, None) is not None:
                count -= 1
                if sign * price >= floor:
                    del near[bisect_left(near, sign * price)]
        if len(near) > NEAR_MAX:
            del near[:-NEAR]
            self.floor = near[0]
        elif len(near) < NEAR_MIN and len(near) < len(sizes):
            self._order()

    def best(self) -> Level | None:
        if not self.near:
            return None
        price = self.near[-1] * self.sign
        return price, self.sizes[price]

    def levels(self, levels_max: int) -> tuple[Level, ...]:
        """The best levels, best first, at most so many."""
        sizes, near, sign = self.sizes, self.near, self.sign
        if levels_max > len(near) and len(near) < len(sizes):
            best_first = nlargest(levels_max, [sign * price for price in sizes])
        else:
            best_first = near[: -levels_max - 1 : -1]
        if sign > 0:
            return tuple([(price, sizes[price]) for price in best_first])
        return tuple([(-key, sizes[-key]) for key in best_first])

    def _order(self) -> None:
        """Put the best prices in order anew."""
        sign = self.sign
        self.near = sorted([sign * price for price in self.sizes])[-NEAR:]
        self.floor = self.near[0] if len(self.near) < len(self.sizes) else -inf


class Book:
    """Price → size on two sides."""

    __slots__ = ("_asks", "_bids")

    def __init__(self) -> None:
        self._bids = _Side(1.0)
        self._asks = _Side(-1.0)

    def __len__(self) -> int:
        """Number of levels on both sides together."""
        return len(self._bids.sizes) + len(self._asks.sizes)

    @property
    def bid_levels(self) -> int:
        """Number of price levels on the bid side; `ask_levels` likewise."""
        return len(self._bids.sizes)

    @property
    def ask_levels(self) -> int:
        return len(self._asks.sizes)

    def reset(self, bids: Iterable[Level], asks: Iterable[Level]) -> None:
        """Replace the whole book; levels in any order, those of size 0 are none, the last word on a price counts."""
        self._bids.reset(bids)
        self._asks.reset(asks)

    def apply(self, bids: Iterable[Level], asks: Iterable[Level]) -> None:
        """Set the absolute sizes of some levels; a size of 0 removes the level, known or not."""
        self._bids.apply(bids)
        self._asks.apply(asks)

    def best_bid(self) -> Level | None:
        """The highest bid, or None where there is none."""
        return self._bids.best()

    def best_ask(self) -> Level | None:
        """The lowest ask, or None where there is none."""
        return self._asks.best()

    def bids(self, levels_max: int) -> tuple[Level, ...]:
        """The highest bids, best first, at most so many."""
        return self._bids.levels(levels_max)

    def asks(self, levels_max: int) -> tuple[Level, ...]:
        """The lowest asks, best first, at most so many."""
        return self._asks.levels(levels_max)

    def bid_size(self, price: float) -> float:
        """The size bid at just this price; 0.0 if there is none."""
        return self._bids.sizes.get(price, 0.0)

    def ask_size(self, price: float) -> float:
        """The size offered at just this price; 0.0 if there is none."""
        return self._asks.sizes.get(price, 0.0)

    @property
    def is_crossed(self) -> bool:
        """True where the best bid is at or above the best ask: the feed was damaged, or the venue is in an auction."""
        bids, asks = self._bids.near, self._asks.near
        return bool(bids and asks) and bids[-1] >= -asks[-1]
