"""Which strategies are heard of, by the gateway's own monotonic clock. Pure.

A strategy that has said hello speaks at each heartbeat of its own loop. One that is silent for as long as a lease lasts
is dead or hung as far as this gateway can tell, whoever else is dead.

The clock that counts is the time that the gateway has itself been looking: where its own loop stood still, nobody could
be heard, and the time of the standstill is taken off.
"""

from typing import Final

NS_PER_MS: Final = 1_000_000
STALL_FACTOR: Final = 4
"""A look that comes later than so many times the interval of looks is our own standstill, past the first interval."""


class Liveness:
    """:param silence_ms: how long a strategy may be silent.
    :param look_ms: how far apart `look` is called.
    """

    def __init__(self, silence_ms: int, look_ms: int) -> None:
        self._silence_ns = silence_ms * NS_PER_MS
        self._look_ns = look_ms * NS_PER_MS
        self._heard_ns: dict[str, int] = {}
        self._silent: set[str] = set()
        self._looked_ns: int | None = None
        self._stalled_ns = 0

    @property
    def silent(self) -> frozenset[str]:
        return frozenset(self._silent)

    @property
    def expected(self) -> frozenset[str]:
        """Those who have spoken, and are to go on."""
        return frozenset(self._heard_ns)

    def heard(self, strategy: str, mono_ns: int) -> bool:
        """A strategy has spoken; True where it had been silent."""
        self._heard_ns[strategy] = mono_ns - self._stalled_ns
        was_silent = strategy in self._silent
        self._silent.discard(strategy)
        return was_silent

    def forget(self, strategy: str) -> None:
        """Nothing is expected of it any more: it has ended in good order, or its end is known and dealt with."""
        self._heard_ns.pop(strategy, None)
        self._silent.discard(strategy)

    def look(self, mono_ns: int) -> list[str]:
        """The strategies that have become silent since the last look."""
        passed_ns = 0 if self._looked_ns is None else mono_ns - self._looked_ns
        self._looked_ns = mono_ns
        if passed_ns > STALL_FACTOR * self._look_ns:
            self._take_off(passed_ns - self._look_ns, mono_ns)
        due_ns = mono_ns - self._stalled_ns - self._silence_ns
        newly = [name for name, heard_ns in self._heard_ns.items() if heard_ns < due_ns and name not in self._silent]
        self._silent.update(newly)
        return newly

    def _take_off(self, stall_ns: int, mono_ns: int) -> None:
        """Leave a standstill out of account; whoever was heard after it, and before this look, was heard just now."""
        self._stalled_ns += stall_ns
        now_ns = mono_ns - self._stalled_ns
        self._heard_ns = {name: min(heard_ns, now_ns) for name, heard_ns in self._heard_ns.items()}
