"""How often a strategy may send, and how often the same order may fill. Pure: time is an argument, and may jump."""

from collections import deque
from collections.abc import Iterable, Sequence
from typing import Final

NS_PER_S: Final = 1_000_000_000


class Bucket:
    """Messages that may be sent: one second's worth at the most (one at the least), and as many at first.

    :ivar left: as of `since_ns`, when it was looked at last.
    """

    __slots__ = ("left", "since_ns")

    def __init__(self, per_s: float, now_ns: int) -> None:
        self.left = max(1.0, per_s)
        self.since_ns = now_ns

    def has_one(self, per_s: float, now_ns: int) -> bool:
        """Whether one may be sent now. A clock that goes back fills nothing, and counts on from there."""
        passed_ns, self.since_ns = now_ns - self.since_ns, now_ns
        if passed_ns > 0:
            left, full = self.left + passed_ns * per_s / NS_PER_S, max(1.0, per_s)
            self.left = full if left > full else left
        return self.left >= 1.0


class MessageRates:
    """How much each strategy may send: by its own rate, and by that of each of its leases."""

    def __init__(self) -> None:
        self._of_strategies: dict[str, Bucket] = {}
        self._of_leases: dict[tuple[str, str], Bucket] = {}

    def of_strategy(self, strategy: str, per_s: float, now_ns: int) -> Bucket:
        bucket = self._of_strategies.get(strategy)
        if bucket is None:
            bucket = self._of_strategies[strategy] = Bucket(per_s, now_ns)
        return bucket

    def of_lease(self, strategy: str, instrument: str, per_s: float, now_ns: int) -> Bucket:
        bucket = self._of_leases.get((strategy, instrument))
        if bucket is None:
            bucket = self._of_leases[strategy, instrument] = Bucket(per_s, now_ns)
        return bucket

    def count(self, strategy: str, per_s: float, now_ns: int) -> None:
        """Something goes that is never refused: it uses up what there is."""
        bucket = self.of_strategy(strategy, per_s, now_ns)
        if bucket.has_one(per_s, now_ns):
            bucket.left -= 1.0


def is_repeated(times_ns: Sequence[int], count: int, period_ns: int, now_ns: int) -> bool:
    """Whether so many executions lie within the period.

    :param times_ns: of the last executions, ascending.
    """
    return len(times_ns) >= count and now_ns - times_ns[-count] < period_ns


class Executions:
    """When orders last filled for the first time, by strategy, instrument and side."""

    def __init__(self, kept_max: int) -> None:
        self._kept_max = kept_max
        self._times: dict[tuple[str, str, bool], deque[int]] = {}

    def note(self, strategy: str, instrument: str, is_buy: bool, ts_ns: int) -> None:
        key = (strategy, instrument, is_buy)
        times = self._times.get(key)
        if times is None:
            times = self._times[key] = deque(maxlen=self._kept_max)
        times.append(ts_ns)

    def times(self, strategy: str, instrument: str, is_buy: bool) -> Sequence[int]:
        return self._times.get((strategy, instrument, is_buy), ())

    def state(self) -> list[tuple[str, str, bool, list[int]]]:
        """For a snapshot: strategy, instrument id, whether it bought, and when."""
        return [(*key, list(times)) for key, times in self._times.items()]

    def load(self, state: Iterable[tuple[str, str, bool, list[int]]]) -> None:
        """Take over what an earlier process has told."""
        for strategy, instrument, is_buy, times in state:
            self._times[strategy, instrument, is_buy] = deque(times, maxlen=self._kept_max)
