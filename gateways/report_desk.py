"""The way back: every report of the venue goes into the journal, then into the books, and only then to its strategy."""

from collections import defaultdict
from collections.abc import Callable, Iterable

import structlog

from actors.runtime.journal import JournalFailed
from gateways.gate.order_records import OrderRecords
from gateways.intent_log import IntentLog
from gateways.venue import ForcedFill, FundingBooked
from messages.codec import encode
from messages.order_lifecycle import IllegalOrderStep, Order
from messages.orders import (
    CloseReason,
    ExecutionReport,
    Fill,
    OrderAccepted,
    OrderClosed,
    OrderDenied,
    OrderRejected,
    is_venue_made,
)

log = structlog.get_logger()


class ReportDesk:
    """:param to_strategy: tells a strategy, if it is there.
    :param ask_about: asks the venue how an order stands; False where the question could not leave.
    :param on_taken: told of each report that is in the books.
    :ivar counts: what became of the orders since this process started, by the names of `OrderCounts`.
    :ivar denials: requests that were not let through since then, by reason code.
    """

    def __init__(
        self,
        *,
        intent_log: IntentLog,
        records: OrderRecords,
        to_strategy: Callable[[str, bytes], None],
        ask_about: Callable[[Order], bool],
        on_taken: Callable[[ExecutionReport], None],
        is_venue_up: Callable[[], bool],
    ) -> None:
        self.counts = dict.fromkeys(("accepted", "rejected", "denied", *CloseReason), 0)
        self.denials: defaultdict[str, int] = defaultdict(int)
        self._log = intent_log
        self._records = records
        self._to_strategy = to_strategy
        self._ask_about = ask_about
        self._on_taken = on_taken
        self._is_venue_up = is_venue_up
        self._missed: dict[str, bool] = {}

    @property
    def missed_orders(self) -> list[str]:
        """Client order ids of the orders of which a report is missing."""
        return list(self._missed)

    def report(self, report: ExecutionReport) -> None:
        """Journal a report, take it into the books, and only then pass it on; one that cannot be is asked about."""
        if not self.take(report):
            self._missed[report.client_order_id] = False  # type: ignore[union-attr]  # only orders' reports are refused
            self.catch_up()

    def take_answer(self, client_order_id: str, reports: Iterable[ExecutionReport]) -> None:
        """The venue has said how an order stands: these are the reports that our books lack.

        One that is illegal is not asked about again, since this is what the venue answers.
        """
        self._missed.pop(client_order_id, None)
        for report in reports:
            self.take(report, is_answer=True)

    def take(self, report: ExecutionReport, *, is_answer: bool = False) -> bool:
        """False where the report cannot follow the state of its order."""
        if isinstance(report, Fill) and is_venue_made(report.client_order_id):
            self._take_forced(report)
            return True
        try:
            numbered = self._records.number(report)
        except KeyError:
            log.error("report of an unknown order", order=report)
            return True
        except IllegalOrderStep as error:
            log.error("illegal report", error=str(error))
            return False
        if numbered is None:
            return True
        try:
            frame = self._log.record(numbered)
        except JournalFailed as error:
            self._miss(report, error, is_asked=is_answer)
            return True
        self._records.apply(numbered)
        self._count(numbered)
        self._on_taken(numbered)
        if numbered.seq:  # of the gateway's own orders, its strategy is told the fills alone
            self._to_strategy(numbered.strategy, frame)
        self.catch_up()
        return True

    def _take_forced(self, fill: Fill) -> None:
        """Share out among those who hold the position what the venue has closed by itself: a liquidation, say."""
        shares = self._records.share_forced(fill)
        log.warning("the venue closed a position", fill=fill, strategies=[share.strategy for share in shares])
        if not shares:
            self._records.note_forced(fill)
        numbered = [report for report in map(self._records.number, shares) if report is not None]
        try:
            frames = self._log.record_all(numbered)
        except JournalFailed as error:
            log.error("forced fill not journaled", fill=fill, error=str(error))
            return
        for report, frame in zip(numbered, frames, strict=True):
            self._records.apply(report)
            self._to_strategy(report.strategy, frame)

    def _miss(self, report: ExecutionReport, error: JournalFailed, *, is_asked: bool) -> None:
        """A report that is not journaled did not happen for us; the venue will be asked for it: at once, but where it
        has just been (`is_asked`) with the other orders that are unclear, after a while.

        Only the denial of an order that is in no journal is told at once, without a number: nobody can be asked.
        """
        log.error("report not journaled", report=report, error=str(error))
        order_id = report.client_order_id  # type: ignore[union-attr]  # fundings are recorded by `on_funding`
        if order_id in self._records.orders:
            self._missed[order_id] = is_asked
        else:
            self._count(report)
            self._to_strategy(report.strategy, encode(report))

    def catch_up(self) -> None:
        """Ask about the orders of which a report is missing, once each until the venue has answered."""
        if not self._missed or not self._is_venue_up():
            return
        for name, is_asked in list(self._missed.items()):
            order = self._records.orders.get(name)
            if order is None:
                del self._missed[name]
            elif not is_asked:
                self._missed[name] = self._ask_about(order)

    def ask_all_again(self) -> None:
        """What was asked may have been lost with the link."""
        self._missed = dict.fromkeys(self._missed, False)

    def count_denial(self, reason: str) -> None:
        """A request was not let through, for this reason code."""
        self.denials[reason] += 1

    def dropped(self, reason: str) -> None:
        """An order was not let through, and its strategy is not told."""
        self.counts["denied"] += 1
        self.count_denial(reason)

    def _count(self, report: ExecutionReport) -> None:
        counts = self.counts
        if isinstance(report, OrderAccepted):
            counts["accepted"] += 1
        elif isinstance(report, OrderRejected):
            counts["rejected"] += 1
        elif isinstance(report, OrderDenied):
            counts["denied"] += 1
            self.count_denial(report.reason.value)
        elif isinstance(report, OrderClosed):
            counts[report.reason] += 1

    def on_funding(self, booked: FundingBooked) -> None:
        """Share a booking out among those who hold the position.

        A repeated one changes nothing; one that is ahead of its turn comes again with the account.
        """
        if booked.number != self._records.fundings + 1:
            return
        shares = [self._records.number(paid) for paid in self._records.share_funding(booked)]
        reports = [report for report in shares if report is not None]
        try:
            self._log.record_funding(reports, booked.number)
        except JournalFailed as error:
            log.error("funding not journaled", number=booked.number, error=str(error))
            return
        self._records.fundings = booked.number
        if not reports:
            log.warning("funding of a position that none of ours holds", booked=booked)
        for report in reports:
            self._records.apply(report)
            self._to_strategy(report.strategy, encode(report))

    def on_forced(self, forced: ForcedFill) -> None:
        """Take what the venue did by itself while nobody was there to be told; what was told changes nothing.

        One that is ahead of its turn, or cannot be journaled, comes again with the account.
        """
        if forced.number != self._records.forced_fills + 1:
            return
        if self._records.share_forced(forced.fill):
            self._take_forced(forced.fill)
        if self._records.share_forced(forced.fill):
            return
        self._records.note_forced(forced.fill)
        try:
            self._log.note_forced(forced.number)
        except JournalFailed as error:  # it is known by its trade id, too
            log.error("forced fill not noted", number=forced.number, error=str(error))
        self._records.forced_fills = forced.number
