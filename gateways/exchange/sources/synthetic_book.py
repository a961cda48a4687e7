"""The book of one synthetic instrument, in whole ticks and lots.

A level is known by its *rank*: ticks for an ask, minus ticks for a bid. So a smaller rank is a better price on both
sides, and the price of a rank is its absolute value. The touch follows the market tick by tick; the levels behind it
stand on a fixed lattice, so that a small move changes few levels and queues have time to form.
"""

from math import ceil, exp, floor
from random import Random

SIZE_DEVIATION = 0.5
"""Of the logarithm of a level's size."""

SIZE_GROWTH = 0.35
"""Each level behind the touch is larger by this ratio of the touch."""

TOLERANCE_RATIO = 0.25
"""The touch stays where it is while it is within this ratio of the spread from where it should be."""

_BID_RANK_MAX = -1
_ASK_RANK_MAX = 1 << 62

RankedLots = list[tuple[int, int]]
"""(rank, lots) of levels; as a change, 0 lots removes the level."""


class BookSide:
    """The levels of one side, best first; never empty once laid.

    :param levels: how many levels the side has at rest.
    :param spacing: ticks between the points of the lattice.
    :param rank_max: the worst rank that is a price: -1 for bids, since no bid is below one tick.
    """

    def __init__(self, levels: int, spacing: int, rank_max: int, rng: Random) -> None:
        self._levels = levels
        self._spacing = spacing
        self._rank_max = rank_max
        self._rng = rng
        self.sizes: dict[int, int] = {}
        self.best = 0

    def lay(self, target: int, tolerance: int, lots: float) -> RankedLots:
        """Lay the side anew around `target`, and renew the size of one level; return the changes.

        :param tolerance: ticks by which the touch may be off.
        :param lots: mean size of the touch.
        """
        sizes = self.sizes
        if not sizes or abs(self.best - target) > tolerance:
            self.best = target
        ranks = self._ranks()
        renewed = int(self._rng.random() * len(ranks))
        laid: dict[int, int] = {}
        changes: RankedLots = []
        for depth, rank in enumerate(ranks):
            size = sizes.get(rank, 0)
            if not size or depth == renewed:
                size = self._draw(lots * (1.0 + SIZE_GROWTH * depth))
                changes.append((rank, size))
            laid[rank] = size
        changes += [(rank, 0) for rank in sizes if rank not in laid]
        self.sizes = laid
        return changes

    def take(self, lots: int) -> RankedLots:
        """Trade against the best levels, for all but one lot at the most; return what traded at which rank."""
        left = min(lots, sum(self.sizes.values()) - 1)
        prints: RankedLots = []
        for rank, size in list(self.sizes.items()):
            if not left:
                break
            taken = min(left, size)
            prints.append((rank, taken))
            left -= taken
            if taken == size:
                del self.sizes[rank]
            else:
                self.sizes[rank] = size - taken
        self.best = next(iter(self.sizes))
        return prints

    def _ranks(self) -> list[int]:
        first = (self.best // self._spacing + 1) * self._spacing
        stop = min(first + self._spacing * (self._levels - 1), self._rank_max + 1)
        return [self.best, *range(first, stop, self._spacing)]

    def _draw(self, mean: float) -> int:
        noise = SIZE_DEVIATION * self._rng.gauss(0.0, 1.0) - 0.5 * SIZE_DEVIATION * SIZE_DEVIATION
        return max(1, round(mean * exp(noise)))


class SyntheticBook:
    """Both sides, never crossed and never empty once laid."""

    def __init__(self, levels: int, spacing: int, rng: Random) -> None:
        self.bids = BookSide(levels, spacing, _BID_RANK_MAX, rng)
        self.asks = BookSide(levels, spacing, _ASK_RANK_MAX, rng)

    def lay(self, mid: float, spread: float, lots: float) -> tuple[RankedLots, RankedLots]:
        """Lay both sides around `mid`; return the changes of the bids and of the asks.

        :param mid: in ticks, at least 1; `spread` in ticks too.
        :param lots: mean size of the touch.
        """
        tolerance = int(spread * TOLERANCE_RATIO)
        bid = max(1, floor(mid - spread / 2.0))
        bids = self.bids.lay(-bid, tolerance, lots)
        # An ask that stays put may be `tolerance` below its target, and still has to be above the bid.
        ask = max(ceil(mid + spread / 2.0), tolerance + 1 - self.bids.best)
        return bids, self.asks.lay(ask, tolerance, lots)

    @property
    def mid(self) -> float:
        """Middle of the best bid and ask, in ticks."""
        return (self.asks.best - self.bids.best) / 2.0

    @property
    def top(self) -> tuple[int, int, int, int]:
        """Best bid and its lots, best ask and its lots; prices in ticks."""
        bids, asks = self.bids, self.asks
        return -bids.best, bids.sizes[bids.best], asks.best, asks.sizes[asks.best]
