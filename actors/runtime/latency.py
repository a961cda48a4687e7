"""A histogram of latencies with 1 % resolution: every sample is kept, in bounded memory."""

from math import ceil, exp, log
from typing import Final

from messages.health import Latency

_RESOLUTION: Final = 0.01


class LatencyHistogram:
    """Counts of nanosecond samples in buckets that grow by 1 %."""

    def __init__(self) -> None:
        self._counts: dict[int, int] = {}
        self.n = 0

    def add(self, ns: int) -> None:
        bucket = int(log(ns if ns > 1 else 1) / _RESOLUTION)
        self._counts[bucket] = self._counts.get(bucket, 0) + 1
        self.n += 1

    def percentile_ns(self, ratio: float) -> float:
        """The nearest-rank percentile, to 1 %; 0 where there is no sample."""
        rank, seen = max(1, ceil(ratio * self.n)), 0
        for bucket in sorted(self._counts):
            seen += self._counts[bucket]
            if seen >= rank:
                return exp((bucket + 0.5) * _RESOLUTION)
        return 0.0

    def summary(self) -> Latency:
        p50, p99, p999 = (self.percentile_ns(ratio) / 1_000 for ratio in (0.5, 0.99, 0.999))
        return Latency(p50=p50, p99=p99, p999=p999, n=self.n)
