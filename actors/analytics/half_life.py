"""How fast a spread returns to its mean, and how far one contract moves with another: ordinary least squares.

Source: E. Chan, Algorithmic Trading, Wiley 2013, chapter 2, "Half-Life of Mean Reversion": regress Δs on the lagged s;
in discrete time s − μ shrinks by 1 + b each sample, so that half of it is left after ln 2 / −ln(1 + b) samples.
"""

from collections import deque
from math import fsum, log

LN_2 = log(2.0)
SLOPE_MIN = 1e-9
"""A smaller slope is what floats make of none; it would be a half-life of more than a thousand million samples."""


class RollingRegression:
    """y = a + b·x over the last `size` pairs, by least squares; O(1) a pair.

    As with `RollingMoments`, everything is computed anew once in every `size` pairs, so that floats do not drift.
    """

    def __init__(self, size: int) -> None:
        self.count = 0
        self._size = size
        self._pairs: deque[tuple[float, float]] = deque()
        self._mean_x = self._mean_y = 0.0
        self._sum_xx = self._sum_xy = 0.0  # of products of distances to the means
        self._added = 0

    @property
    def slope(self) -> float | None:
        """b; none where x does not vary, or there are fewer than three pairs."""
        if self.count < 3 or self._sum_xx <= 0.0:
            return None
        return self._sum_xy / self._sum_xx

    def add(self, x: float, y: float) -> None:
        if self.count == self._size:
            self._remove(*self._pairs.popleft())
        self._pairs.append((x, y))
        self.count += 1
        distance = x - self._mean_x
        self._mean_x += distance / self.count
        self._mean_y += (y - self._mean_y) / self.count
        self._sum_xx += distance * (x - self._mean_x)
        self._sum_xy += distance * (y - self._mean_y)
        self._added += 1
        if self._added >= self._size:
            self._compute_anew()

    def _remove(self, x: float, y: float) -> None:
        """The steps of `add`, backwards."""
        self.count -= 1
        before_x, before_y = self._mean_x, self._mean_y
        self._mean_x -= (x - before_x) / self.count
        self._mean_y -= (y - before_y) / self.count
        self._sum_xx -= (x - self._mean_x) * (x - before_x)
        self._sum_xy -= (x - self._mean_x) * (y - before_y)

    def _compute_anew(self) -> None:
        self._added = 0
        self._mean_x = mean_x = fsum(x for x, _ in self._pairs) / self.count
        self._mean_y = mean_y = fsum(y for _, y in self._pairs) / self.count
        self._sum_xx = fsum((x - mean_x) ** 2 for x, _ in self._pairs)
        self._sum_xy = fsum((x - mean_x) * (y - mean_y) for x, y in self._pairs)


def half_life(slope: float | None) -> float | None:
    """Samples until half of a deviation is gone, given b of Δs = a + b·s; none where it does not return (b ≥ 0).

    b ≤ −1 overshoots the mean within one sample: 0.
    """
    if slope is None or slope > -SLOPE_MIN:
        return None
    return LN_2 / -log(1.0 + slope) if slope > -1.0 else 0.0
