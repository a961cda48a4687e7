"""The L2 order book of one instrument: what is offered at each price, built from a snapshot and the changes since.

Prices and sizes are floats as the venue printed them (signals, not money), in the instrument's own units: base currency
for spot, contracts for derivatives.
"""

from bisect import bisect_left, insort
from collections.abc import Iterable

Level = tuple[float, float]
"""Price and size."""


class Book:
    """Price → size on two sides, with the prices kept in order.

    Each side is a dict and a sorted list whose *last* element is the best price (asks are kept negated for it): most
    changes are near the best price, where an insertion moves the fewest elements.
    """

    __slots__ = ("_ask_keys", "_ask_sizes", "_bid_keys", "_bid_sizes")

    def __init__(self) -> None:
        self._bid_sizes: dict[float, float] = {}
        self._ask_sizes: dict[float, float] = {}
        self._bid_keys: list[float] = []
        self._ask_keys: list[float] = []

    def __len__(self) -> int:
        """Number of levels on both sides together."""
        return len(self._bid_keys) + len(self._ask_keys)

    @property
    def bid_levels(self) -> int:
        """Number of price levels on the bid side; `ask_levels` likewise."""
        return len(self._bid_keys)

    @property
    def ask_levels(self) -> int:
        return len(self._ask_keys)

    def reset(self, bids: Iterable[Level], asks: Iterable[Level]) -> None:
        """Replace the whole book; levels in any order, those of size 0 are none, the last word on a price counts."""
        self._bid_sizes = {price: size for price, size in dict(bids).items() if size}
        self._ask_sizes = {price: size for price, size in dict(asks).items() if size}
        self._bid_keys = sorted(self._bid_sizes)
        self._ask_keys = sorted(-price for price in self._ask_sizes)

    def apply(self, bids: Iterable[Level], asks: Iterable[Level]) -> None:
        """Set the absolute sizes of some levels; a size of 0 removes the level, known or not."""
        _apply_side(self._bid_sizes, self._bid_keys, bids, 1.0)
        _apply_side(self._ask_sizes, self._ask_keys, asks, -1.0)

    def best_bid(self) -> Level | None:
        """The highest bid, or None where there is none."""
        if not self._bid_keys:
            return None
        price = self._bid_keys[-1]
        return price, self._bid_sizes[price]

    def best_ask(self) -> Level | None:
        """The lowest ask, or None where there is none."""
        if not self._ask_keys:
            return None
        price = -self._ask_keys[-1]
        return price, self._ask_sizes[price]

    def bids(self, levels_max: int) -> tuple[Level, ...]:
        """The highest bids, best first, at most so many."""
        sizes = self._bid_sizes
        return tuple([(price, sizes[price]) for price in self._bid_keys[: -levels_max - 1 : -1]])

    def asks(self, levels_max: int) -> tuple[Level, ...]:
        """The lowest asks, best first, at most so many."""
        sizes = self._ask_sizes
        return tuple([(-key, sizes[-key]) for key in self._ask_keys[: -levels_max - 1 : -1]])

    def bid_size(self, price: float) -> float:
        """The size bid at just this price; 0.0 if there is none."""
        return self._bid_sizes.get(price, 0.0)

    def ask_size(self, price: float) -> float:
        """The size offered at just this price; 0.0 if there is none."""
        return self._ask_sizes.get(price, 0.0)

    @property
    def is_crossed(self) -> bool:
        """True where the best bid is at or above the best ask: the feed was damaged, or the venue is in an auction."""
        bids, asks = self._bid_keys, self._ask_keys
        return bool(bids and asks) and bids[-1] >= -asks[-1]


def _apply_side(sizes: dict[float, float], keys: list[float], levels: Iterable[Level], sign: float) -> None:
    for price, size in levels:
        if size:
            if price not in sizes:
                insort(keys, sign * price)
            sizes[price] = size
        elif sizes.pop(price, None) is not None:
            del keys[bisect_left(keys, sign * price)]
