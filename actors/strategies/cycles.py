"""The record of a strategy's cycles: from signal to flat, with what happened on the way."""

from messages.base import TEXT_LENGTH_MAX
from messages.health import CYCLES_REPORTED_MAX, Cycle, CycleResult, Pnl

TRANSITIONS_KEPT_MAX = 64
RATIO_MAX = 1e15
NS_PER_MS = 1e6


class CycleLog:
    """The cycle in hand, and the last ones that ended.

    :ivar count: cycles ended, those no longer kept included.
    """

    def __init__(self) -> None:
        self.finished: list[Cycle] = []
        self.count = 0
        self.is_open = False
        self._clear()

    def _clear(self) -> None:
        self.started_ns = self.balanced_ns = self.fills = 0
        self._orders_before = 0
        self._transitions: list[str] = []
        self._edge_bps = 0.0
        self._before: Pnl | None = None

    def start(self, now_ns: int, edge_bps: float, before: Pnl, orders_sent: int) -> None:
        """Begin a cycle at its signal; `before` and `orders_sent` are the totals so far."""
        self._clear()
        self.is_open = True
        self.started_ns, self._edge_bps, self._before, self._orders_before = now_ns, edge_bps, before, orders_sent

    def enter(self, state: str) -> None:
        """Note a state that the cycle goes through; beyond 64 of them the last one is replaced."""
        if not self.is_open or (self._transitions and self._transitions[-1] == state):
            return
        if len(self._transitions) == TRANSITIONS_KEPT_MAX:
            self._transitions.pop()
        self._transitions.append(state)

    def count_fill(self) -> None:
        self.fills += 1

    def balance(self, now_ns: int) -> None:
        """Both legs match for the first time."""
        self.balanced_ns = self.balanced_ns or now_ns

    def so_far(self, now: Pnl) -> Pnl:
        """What the cycle in hand has brought."""
        return now if self._before is None else difference(now, self._before)

    def finish(self, result: CycleResult, now_ns: int, after: Pnl, orders_sent: int, reason: str) -> None:
        """End the cycle; its profit is the difference of the totals."""
        if not self.is_open or self._before is None:
            return
        self.is_open = False
        self.count += 1
        self.finished.append(
            Cycle(
                result=result,
                ts_started=self.started_ns,
                ts_ended=now_ns,
                ms=max(0, (self.balanced_ns or now_ns) - self.started_ns) / NS_PER_MS,
                transitions=tuple(self._transitions),
                orders=orders_sent - self._orders_before,
                fills=self.fills,
                pnl=difference(after, self._before),
                entry_edge_bps=max(-RATIO_MAX, min(self._edge_bps, RATIO_MAX)),
                reason=reason[:TEXT_LENGTH_MAX],
            )
        )
        del self.finished[:-CYCLES_REPORTED_MAX]


def difference(after: Pnl, before: Pnl) -> Pnl:
    return Pnl(
        realised=after.realised - before.realised,
        unrealised=after.unrealised - before.unrealised,
        fees=after.fees - before.fees,
        funding=after.funding - before.funding,
        currency=after.currency,
    )
