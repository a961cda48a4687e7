"""The record of a strategy's cycles: from signal to flat, with what happened on the way."""

import msgspec

from actors.analytics.account import Account, Rates
from messages.base import TEXT_LENGTH_MAX
from messages.codec import encode
from messages.health import CYCLES_REPORTED_MAX, Cycle, CycleResult

TRANSITIONS_KEPT_MAX = 64
CYCLES_BYTES_MAX = 900_000
"""Of the cycles kept, as they are sent: a report of them is one frame (at most 1,048,576 bytes)."""
RATIO_MAX = 1e15
NS_PER_MS = 1e6


class Totals(msgspec.Struct, frozen=True):
    """A strategy's totals since its start, at one moment, and what its currencies are worth then."""

    now_ns: int
    orders_sent: int
    account: Account
    rates: Rates


class CycleLog:
    """The cycle in hand, and the last ones that ended.

    :ivar finished: the newest, as many as a report carries, oldest first.
    :ivar count: cycles ended, those no longer kept included.
    :ivar earned: by all of them; None before the first has ended.
    """

    def __init__(self) -> None:
        self.finished: list[Cycle] = []
        self._sizes: list[int] = []
        self.count = 0
        self.earned: Account | None = None
        self.is_open = False
        self._clear()

    def _clear(self) -> None:
        self.started_ns = self.balanced_ns = self.fills = 0
        self._orders_before = 0
        self._transitions: list[str] = []
        self._edge_bps = 0.0
        self._opening: Account | None = None

    def begin(self, totals: Totals, edge_bps: float, started_ns: int) -> None:
        """Begin a cycle, whose signal came at `started_ns`."""
        self._clear()
        self.is_open = True
        self.started_ns, self._edge_bps = started_ns, edge_bps
        self._opening, self._orders_before = totals.account, totals.orders_sent

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

    def earned_in_hand(self, account: Account) -> Account:
        """What the cycle in hand has brought, of what was earned since the start; nothing where there is none."""
        opening = self._opening if self.is_open else None
        return account.since(account if opening is None else opening)

    def leave_out(self, moved: Account) -> None:
        """What was earned since the cycle in hand began and is no part of it, as if it had been earned before."""
        if self._opening is not None:
            self._opening = self._opening.plus(moved)

    def end(self, result: CycleResult, reason: str, totals: Totals) -> None:
        """End the cycle in hand: what it earned is the exact difference of the totals in each currency, converted
        once, at the rates of its end, so that coin of earlier cycles is not valued anew in it.
        """
        if not self.is_open:
            return
        earned = self.earned_in_hand(totals.account)
        self.is_open = False
        self.count += 1
        self.earned = earned if self.earned is None else self.earned.plus(earned)
        total = earned.total(totals.rates)
        self._keep(
            Cycle(
                result=result,
                ts_started=self.started_ns,
                ts_ended=totals.now_ns,
                ms=max(0, (self.balanced_ns or totals.now_ns) - self.started_ns) / NS_PER_MS,
                transitions=tuple(self._transitions),
                orders=totals.orders_sent - self._orders_before,
                fills=self.fills,
                pnl=total.pnl,
                entry_edge_bps=max(-RATIO_MAX, min(self._edge_bps, RATIO_MAX)),
                reason=reason[:TEXT_LENGTH_MAX],
                pnls=earned.pnls,
                attribution=total.attribution(earned.movement),
                attributions=earned.attributions,
            )
        )

    def _keep(self, cycle: Cycle) -> None:
        self.finished.append(cycle)
        self._sizes.append(len(encode(cycle)))
        while len(self.finished) > CYCLES_REPORTED_MAX or sum(self._sizes) > CYCLES_BYTES_MAX:
            del self.finished[0], self._sizes[0]
