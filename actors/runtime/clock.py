"""What time it is on the market: the wall clock for real venues, the exchange's own time for simulated ones."""

from collections.abc import Callable
from math import ceil
from typing import Protocol

from messages.market import ClockTick


class Clock(Protocol):
    def on_tick(self, tick: ClockTick) -> None:
        """A simulated venue says how market time runs."""
        ...

    def now_ns(self) -> int:
        """Market time, nanoseconds since the epoch."""
        ...

    def observe(self, ts_ns: int) -> None:
        """A message carried this market time."""
        ...

    def mono_ns_of(self, ts_ns: int) -> int | None:
        """The monotonic time at which the market time will be reached; None where only messages move it."""
        ...


class WallClock:
    """The clock of real venues: market time is the host's own time."""

    def __init__(self, time_ns: Callable[[], int], monotonic_ns: Callable[[], int]) -> None:
        self._time_ns = time_ns
        self._monotonic_ns = monotonic_ns

    def on_tick(self, tick: ClockTick) -> None:
        """Other clocks do not move this one."""

    def now_ns(self) -> int:
        return self._time_ns()

    def observe(self, ts_ns: int) -> None:
        """Other clocks do not move this one."""

    def mono_ns_of(self, ts_ns: int) -> int | None:
        return self._monotonic_ns() + ts_ns - self._time_ns()


class MarketClock:
    """The clock of simulated venues: runs as the last `ClockTick` says, and never behind what was observed.

    At speed 0 it moves only with the messages. Before the first tick it stands at what was observed (0 at first).
    """

    def __init__(self, monotonic_ns: Callable[[], int]) -> None:
        self._monotonic_ns = monotonic_ns
        self._tick: ClockTick | None = None
        self._observed_ns = 0

    def on_tick(self, tick: ClockTick) -> None:
        self._tick = tick
        self.observe(tick.now_ns)

    def observe(self, ts_ns: int) -> None:
        self._observed_ns = max(self._observed_ns, ts_ns)

    def now_ns(self) -> int:
        tick = self._tick
        if tick is None or tick.speed == 0:
            return self._observed_ns
        return max(self._observed_ns, tick.now_ns + int((self._monotonic_ns() - tick.mono_ns) * tick.speed))

    def mono_ns_of(self, ts_ns: int) -> int | None:
        tick = self._tick
        if tick is None or tick.speed == 0:
            return None
        return tick.mono_ns + ceil((ts_ns - tick.now_ns) / tick.speed)
