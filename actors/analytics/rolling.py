"""Mean and standard deviation of the last samples: of a window, or weighted so that old ones fade. O(1) a sample."""

from collections import deque
from math import fsum, sqrt
from typing import Protocol


class Moments(Protocol):
    """:ivar count: samples that the moments are made of."""

    count: int

    @property
    def mean(self) -> float: ...

    @property
    def deviation(self) -> float: ...

    def add(self, value: float) -> None: ...


class RollingMoments:
    """Of the last `size` samples, all alike; the deviation is that of a sample (n − 1).

    A sample that comes and one that goes are added and removed exactly in the sense of the formulas (B. P. Welford,
    "Note on a method for calculating corrected sums of squares and products", Technometrics 4(3), 1962); what the
    floats lose is made good by computing everything anew once in every `size` samples.
    """

    def __init__(self, size: int) -> None:
        self.count = 0
        self.mean = 0.0
        self._size = size
        self._values: deque[float] = deque()
        self._squares = 0.0  # sum of squared distances to the mean
        self._added = 0

    @property
    def deviation(self) -> float:
        """0 while there are fewer than two samples."""
        return sqrt(max(0.0, self._squares) / (self.count - 1)) if self.count > 1 else 0.0

    def add(self, value: float) -> None:
        self._values.append(value)
        before = self.mean
        if self.count < self._size:
            self.count += 1
            self.mean += (value - before) / self.count
            self._squares += (value - before) * (value - self.mean)
        else:
            gone = self._values.popleft()
            change = value - gone
            self.mean += change / self.count
            self._squares += change * (value - self.mean + gone - before)
        self._added += 1
        if self._added >= self._size:
            self._compute_anew()

    def _compute_anew(self) -> None:
        self._added = 0
        self.mean = mean = fsum(self._values) / self.count
        self._squares = fsum((value - mean) ** 2 for value in self._values)


class EwmaMoments:
    """Of all samples, each with 1 − 2 / (span + 1) of the weight of the one after it.

    Source: T. Finch, "Incremental calculation of weighted mean and variance", University of Cambridge, 2009,
    section 9: m += α·d, v = (1 − α)·(v + α·d²), with d = x − m and α = 2 / (span + 1).
    """

    def __init__(self, span: int) -> None:
        self.count = 0
        self.mean = 0.0
        self._alpha = 2.0 / (span + 1.0)
        self._variance = 0.0

    @property
    def deviation(self) -> float:
        return sqrt(self._variance)

    def add(self, value: float) -> None:
        self.count += 1
        if self.count == 1:
            self.mean = value
            return
        distance = value - self.mean
        step = self._alpha * distance
        self.mean += step
        self._variance = (1.0 - self._alpha) * (self._variance + distance * step)
