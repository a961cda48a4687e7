"""Markouts: what became of the price after our fills, which tells whether those who traded with us knew more.

Each fill is measured against the mid that prevails 1, 10 and 60 seconds later, in bps of its price; positive = good
for us. The mid that prevails at a moment is that of the last quote at or before it.
"""

from collections import deque
from typing import NamedTuple

from actors.analytics.basis import BPS

NS_PER_S = 1_000_000_000
HORIZONS_S = (1, 10, 60)
PENDING_MAX = 10_000
"""Fills waiting for one horizon; beyond it the oldest is left out."""
EWMA_WEIGHT = 0.1
"""Of the newest fill in the running estimate of adverse selection: some 20 fills of memory."""
NEVER_NS = 2**63 - 1


class FillMark(NamedTuple):
    """A fill to be marked out.

    :param sign: +1 for a buy, −1 for a sell.
    :param mid: when it was filled.
    """

    sign: int
    price: float
    size: float
    mid: float
    ts_ns: int


class Horizon:
    """The fills as they stand after one span of time.

    :ivar fills: measured so far.
    :ivar adverse_bps: running estimate of how far the mid moved against us since the fill; negative = in our favour.
    """

    def __init__(self, seconds: int) -> None:
        self.seconds = seconds
        self.fills = 0
        self.adverse_bps = 0.0
        self._size = self._sum = 0.0
        self._pending: deque[FillMark] = deque(maxlen=PENDING_MAX)

    @property
    def mean_bps(self) -> float:
        """Mean markout from the fill price, weighted by size; positive = we earned."""
        return self._sum / self._size if self._size else 0.0

    @property
    def due_ns(self) -> int:
        return self._pending[0].ts_ns + self.seconds * NS_PER_S if self._pending else NEVER_NS

    def add(self, mark: FillMark) -> None:
        self._pending.append(mark)

    def settle(self, mid: float, now_ns: int) -> None:
        """Measure every fill that came due before now, at the mid that has prevailed until now."""
        while self.due_ns < now_ns:
            self._measure(self._pending.popleft(), mid)

    def _measure(self, mark: FillMark, mid: float) -> None:
        self.fills += 1
        self._size += mark.size
        self._sum += mark.size * mark.sign * (mid - mark.price) / mark.price * BPS
        adverse_bps = -mark.sign * (mid - mark.mid) / mark.mid * BPS
        weight = max(EWMA_WEIGHT, 1.0 / self.fills)
        self.adverse_bps += weight * (adverse_bps - self.adverse_bps)


class Markouts:
    """Own fills of one instrument, measured at every horizon.

    :ivar next_due_ns: nothing is to be measured at or before it; for a cheap check by the caller.
    """

    def __init__(self) -> None:
        self.horizons = {seconds: Horizon(seconds) for seconds in HORIZONS_S}
        self.next_due_ns = NEVER_NS
        self._mid = 0.0

    def on_fill(self, mark: FillMark) -> None:
        for horizon in self.horizons.values():
            horizon.add(mark)
        self._note_due()

    def on_mid(self, mid: float, now_ns: int) -> None:
        """Take the mid of a quote; what came due before it is measured at the mid before it."""
        if now_ns > self.next_due_ns:
            for horizon in self.horizons.values():
                horizon.settle(self._mid, now_ns)
            self._note_due()
        self._mid = mid

    def _note_due(self) -> None:
        self.next_due_ns = min(horizon.due_ns for horizon in self.horizons.values())
