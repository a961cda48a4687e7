"""Numbers what Bybit books without an order of ours: fundings, and fills that it forces on us.

The venue does not number them; the gateway takes each number once and in turn. They come by two ways, the stream and
the list, so each is known by a key that both give.
"""

from typing import Final

from gateways.bybit.bodies import NS_PER_MS

FUNDING_SLOT_NS: Final = 600_000 * NS_PER_MS
"""Fundings of one position lie an hour apart or more; the stream and the list may differ by moments."""
KEYS_MAX: Final = 100_000


class BookingNumbers:
    """:param after: how many bookings are known already; the next is numbered one above.
    :param since_ns: those up to this time are known already, by a process before this one.
    """

    def __init__(self, after: int = 0, since_ns: int = 0) -> None:
        self.last = after
        self.since_ns = since_ns
        self._numbers: dict[tuple[str, ...], int] = {}

    def number(self, key: tuple[str, ...], ts_ns: int) -> int | None:
        """The number of a booking, the same however often it is told; None where it was known before."""
        if ts_ns <= self.since_ns:
            return None
        if key not in self._numbers:
            self.last += 1
            self._numbers[key] = self.last
            if len(self._numbers) > KEYS_MAX:
                del self._numbers[next(iter(self._numbers))]
        return self._numbers[key]


def funding_key(instrument: str, side: str, ts_ns: int) -> tuple[str, str, str]:
    """An account in hedge mode is charged for each side."""
    return instrument, side, str((ts_ns + FUNDING_SLOT_NS // 2) // FUNDING_SLOT_NS)
