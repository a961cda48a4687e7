"""A strategy's timers: messages that come back at a market time."""

from messages.strategy_host import TimerFired


class Timers:
    """Named moments in market time; a name has at most one."""

    def __init__(self) -> None:
        self._due_ns: dict[str, int] = {}
        self.next_ns: int | None = None

    def set(self, name: str, at_ns: int) -> None:
        self._due_ns[name] = at_ns
        self._find_next()

    def cancel(self, name: str) -> None:
        if self._due_ns.pop(name, None) is not None:
            self._find_next()

    def pop_due(self, now_ns: int) -> TimerFired | None:
        """The earliest timer that is due, taken out; None where there is none."""
        if self.next_ns is None or self.next_ns > now_ns:
            return None
        name = min(self._due_ns, key=lambda name: (self._due_ns[name], name))
        due_ns = self._due_ns.pop(name)
        self._find_next()
        return TimerFired(name, due_ns, now_ns)

    def _find_next(self) -> None:
        self.next_ns = min(self._due_ns.values(), default=None)
