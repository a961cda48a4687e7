"""What the supervisor's core enters into the ledger of what its children say. Pure.

Drop copies are passed on as they come; the ledger's writer looks at their order. Profit and cash are sampled: when they
have changed, and at most once a second.
"""

from collections.abc import Callable, Iterator
from typing import Final

from messages.from_child import DropCopy, GatewayUpdate, StrategyReported, StrategyUpdate, VenuesReported
from messages.health import StrategyStatus
from messages.to_child import DropCopyApplied
from supervisor.actions import Action, EnterLedger, SendNews
from supervisor.ledger.entries import (
    CashSampled,
    Entry,
    LedgerNews,
    LedgerOpened,
    LedgerRecovered,
    LedgerTroubled,
    PnlSampled,
    RecordsApplied,
)

SAMPLE_NS: Final = 1_000_000_000
SAMPLED_MAX: Final = 1_024
"""Strategies and gateways whose last sample is remembered."""


class Bookkeeping:
    """:ivar applied: by gateway, the number of its last record in the ledger; empty until the ledger is open.
    :ivar on_books: hears what the ledger holds when it opens, and what it commits; set by whoever wants to know.
    """

    def __init__(self) -> None:
        self.applied: dict[str, int] = {}
        self.on_books: Callable[[LedgerOpened | RecordsApplied], None] = lambda _: None
        self._is_open = False
        self._sampled: dict[str, tuple[int, Entry]] = {}

    def heard(self, message: object, now_ns: int) -> Iterator[Action]:
        """A child has spoken.

        :param now_ns: monotonic clock.
        """
        if isinstance(message, DropCopy):
            yield EnterLedger(message)
        elif isinstance(message, StrategyUpdate):
            yield from self._sample(_pnl_of(message.status), now_ns)
        elif isinstance(message, StrategyReported):
            yield from self._sample(_pnl_of(message.report.status), now_ns, is_last=True)
        elif isinstance(message, GatewayUpdate):
            yield from self._tell(message.process)
            yield from self._sample(CashSampled(message.process, message.status.balances), now_ns)
        elif isinstance(message, VenuesReported):
            for gateway, report in message.reports.items():
                yield from self._sample(CashSampled(gateway, report.balances), now_ns, is_last=True)

    def on_news(self, news: LedgerNews) -> Iterator[Action]:
        """The ledger's writer has spoken; of its troubles the core tells."""
        if isinstance(news, LedgerOpened | RecordsApplied):
            if isinstance(news, LedgerOpened):
                self._is_open = True
                self.applied.clear()
            self.applied.update(news.applied)
            self.on_books(news)
            for gateway in news.applied:
                yield from self._tell(gateway)

    def _tell(self, gateway: str) -> Iterator[Action]:
        """Tell a gateway what the ledger has of it: again and again, for it waits for that after each restart."""
        if self._is_open:
            yield SendNews(gateway, DropCopyApplied(self.applied.get(gateway, 0)))

    def _sample(self, sample: PnlSampled | CashSampled, now_ns: int, *, is_last: bool = False) -> Iterator[Action]:
        kind, name = type(sample).__name__, sample[0]
        before = self._sampled.get(f"{kind}:{name}")
        if not sample[1] or (before is not None and not _is_due(before, sample, now_ns, is_last=is_last)):
            return
        if len(self._sampled) >= SAMPLED_MAX:
            del self._sampled[next(iter(self._sampled))]
        self._sampled[f"{kind}:{name}"] = (now_ns, sample)
        yield EnterLedger(sample)


def trouble_of(news: LedgerNews) -> str:
    """What a person should be told; empty for nothing."""
    return news.text if isinstance(news, LedgerTroubled | LedgerRecovered) else ""


def _is_due(before: tuple[int, Entry], sample: Entry, now_ns: int, *, is_last: bool) -> bool:
    sampled_ns, last = before
    return sample != last and (is_last or now_ns - sampled_ns >= SAMPLE_NS)


def _pnl_of(status: StrategyStatus) -> PnlSampled:
    return PnlSampled(status.id, status.pnls)
