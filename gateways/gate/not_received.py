"""The orders that the venue said it did not know, and might have received since. Pure."""

from typing import Final

NOT_RECEIVED_KEPT_MAX: Final = 200
"""Orders that the venue did not know, of which it may have more to say; the newest."""
NOT_RECEIVED_KEPT_NS: Final = 300_000_000_000
"""How long after such a denial, in market time, the order may still arrive."""


class NotReceived:
    """By client order id, when each was denied; of the newest, and of a while before the newest report."""

    def __init__(self) -> None:
        self._denied_ns: dict[str, int] = {}
        self._newest_ns = 0

    def see(self, ts_ns: int) -> None:
        """A report of this time has come; without a clock, it is how time passes."""
        self._newest_ns = max(self._newest_ns, ts_ns)

    def note(self, client_order_id: str, denied_ns: int) -> None:
        self._denied_ns[client_order_id] = denied_ns
        if len(self._denied_ns) > NOT_RECEIVED_KEPT_MAX:
            del self._denied_ns[next(iter(self._denied_ns))]

    def recent(self) -> list[str]:
        """The ids that it is worth to ask about again."""
        since_ns = self._newest_ns - NOT_RECEIVED_KEPT_NS
        return [name for name, denied_ns in self._denied_ns.items() if denied_ns >= since_ns]

    def state(self) -> tuple[int, list[tuple[str, int]]]:
        """What a snapshot holds of it."""
        return self._newest_ns, list(self._denied_ns.items())

    def load(self, state: tuple[int, list[tuple[str, int]]]) -> None:
        self._newest_ns, self._denied_ns = state[0], dict(state[1])
