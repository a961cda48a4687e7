"""Simulated time: a clock that moves from event to event, and the one source of chance. Nothing here sleeps."""

import hashlib
from collections.abc import Callable
from heapq import heappop, heappush
from random import Random
from typing import Any, Final

NS_PER_MS: Final = 1_000_000
NS_PER_S: Final = 1_000_000_000
EPOCH_NS: Final = 1_790_000_000 * NS_PER_S
"""Wall clock at the start of every run."""
EVENTS_MAX: Final = 200_000
"""Twenty times what a run has; one that reaches it goes round in circles."""

Event = tuple[int, int, Callable[..., None], tuple[Any, ...]]


class Livelock(Exception):
    """Messages lead to messages, and time hardly goes on."""


class Killed(BaseException):
    """The process whose code runs now dies here, in the middle of whatever it does. No handler may catch it."""


class WouldBlock(BaseException):
    """An actor has nothing to do; it would wait so long at most."""

    def __init__(self, timeout_ms: int) -> None:
        super().__init__(timeout_ms)
        self.timeout_ms = timeout_ms


class Trace:
    """What happened, as a hash, and as text where somebody wants to read it.

    :param is_kept: keep the lines; they are most of the memory of a run.
    """

    def __init__(self, *, is_kept: bool = False) -> None:
        self.lines: list[str] = []
        self.is_kept = is_kept
        self._hash = hashlib.blake2b(digest_size=16)

    @property
    def digest(self) -> str:
        return self._hash.hexdigest()

    def note(self, now_ns: int, who: str, what: str, frame: bytes = b"") -> None:
        self._hash.update(f"{now_ns} {who} {what} ".encode())
        self._hash.update(frame)
        if self.is_kept:
            self.lines.append(f"{now_ns / NS_PER_S:11.6f} {who:12} {what} {_shown(frame)}")


def _shown(frame: bytes) -> str:
    return frame[:160].decode("ascii", "replace").replace("\n", " ") if frame else ""


class World:
    """The clock and the events to come.

    :ivar now_ns: monotonic time, from 0.
    :ivar wall_offset_ns: what has been added to the wall clock by jumps.
    :ivar current: the process whose code runs now, for whoever must know whose socket or file it is.
    """

    def __init__(self, seed: int, *, is_kept: bool = False) -> None:
        self.random = Random(f"simulation:{seed}")
        self.now_ns = NS_PER_S
        self.wall_offset_ns = 0
        self.current: Any = None
        self.trace = Trace(is_kept=is_kept)
        self.events_done = 0
        self._heap: list[Event] = []
        self._serial = 0
        self._uuids = 0

    @property
    def wall_ns(self) -> int:
        """What the wall clock shows, jumps included."""
        return EPOCH_NS + self.now_ns + self.wall_offset_ns

    def uuid(self) -> str:
        self._uuids += 1
        return f"{self._uuids:032x}"

    def at(self, at_ns: int, do: Callable[..., None], *arguments: Any) -> None:
        """Do something at this time, after everything that was set for the same time before."""
        self._serial += 1
        heappush(self._heap, (max(at_ns, self.now_ns), self._serial, do, arguments))

    def after(self, wait_ns: int, do: Callable[..., None], *arguments: Any) -> None:
        self.at(self.now_ns + wait_ns, do, *arguments)

    def run_until(self, end_ns: int) -> None:
        """Let everything happen up to and at this time."""
        heap = self._heap
        while heap and heap[0][0] <= end_ns:
            self.now_ns, _, do, arguments = heappop(heap)
            self.events_done += 1
            if self.events_done > EVENTS_MAX:
                raise Livelock(f"{EVENTS_MAX} events by {self.now_ns / NS_PER_S:.3f} s: messages go round in circles")
            do(*arguments)
        self.now_ns = max(self.now_ns, end_ns)

    def note(self, who: str, what: str, frame: bytes = b"") -> None:
        self.trace.note(self.now_ns, who, what, frame)

    # --- chance -------------------------------------------------------------------------------------------------

    def between_ns(self, low_ns: int, high_ns: int) -> int:
        return low_ns + int(self.random.random() * (high_ns - low_ns))

    def is_true(self, probability: float) -> bool:
        return self.random.random() < probability
