"""Several sources on one common clock: their events in the order of receive time, and when each of them is due."""

from collections.abc import Iterator, Mapping
from heapq import heapify, heappop, heapreplace
from itertools import repeat

from gateways.exchange.sources.source import Source, SourceEvent

_Head = tuple[int, int, str, SourceEvent, Iterator[SourceEvent]]
"""The next event of a source: its time, the rank of its source, which no other has, and the rest."""


def merge(sources: Mapping[str, Source]) -> Iterator[tuple[str, SourceEvent]]:
    """Merge sources by `ts_received`; events of one time come in the order of the mapping, then of their source.

    Lazy: reads one event ahead in each source.

    :returns: pairs of the source's key and the event.
    """
    if len(sources) == 1:
        ((name, source),) = sources.items()
        return zip(repeat(name), source.events())
    return _merged(sources)


def _merged(sources: Mapping[str, Source]) -> Iterator[tuple[str, SourceEvent]]:
    heads: list[_Head] = []
    for rank, (name, source) in enumerate(sources.items()):
        events = source.events()
        first = next(events, None)
        if first is not None:
            heads.append((first.ts_received, rank, name, first, events))
    heapify(heads)
    while heads:
        _, rank, name, event, events = heads[0]
        yield name, event
        following = next(events, None)
        if following is None:
            heappop(heads)
        else:
            heapreplace(heads, (following.ts_received, rank, name, following, events))


class Pacer:
    """How market time runs against the monotonic clock: from one fixed point, `speed` times as fast.

    The arithmetic is exact, so that market time has reached an event just when the event is due.

    :param speed: market nanoseconds per nanosecond of the monotonic clock; 0 = every event is always due, and
        market time stands still but for the events themselves.
    """

    def __init__(self, speed: float, market_start_ns: int, mono_start_ns: int) -> None:
        assert speed >= 0, f"market time cannot run backwards: speed {speed}"
        self.speed = speed
        self._market_start_ns = market_start_ns
        self._mono_start_ns = mono_start_ns
        self._numerator, self._denominator = float(speed).as_integer_ratio()

    def market_now_ns(self, mono_ns: int) -> int:
        """Market time at one reading of the monotonic clock; where speed is 0, the start."""
        return self._market_start_ns + (mono_ns - self._mono_start_ns) * self._numerator // self._denominator

    def due_mono_ns(self, ts_ns: int) -> int:
        """The first reading of the monotonic clock at which market time has reached `ts_ns`."""
        if not self._numerator:
            return self._mono_start_ns
        return self._mono_start_ns - (self._market_start_ns - ts_ns) * self._denominator // self._numerator

    def wait_ns(self, ts_ns: int, mono_ns: int) -> int:
        """How long until an event at `ts_ns` is due; 0 where it is due already."""
        return max(0, self.due_mono_ns(ts_ns) - mono_ns)
