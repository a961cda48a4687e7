"""The order desk of a gateway: every order passes it on the way to the venue, every report on the way back.

It holds the gate, the intent journal and the books, and no sockets: it is given a function that writes to the venue and
one that tells a strategy. The order of things is its whole point: gate, journal, venue; books, journal, strategy.
"""

from collections import defaultdict
from collections.abc import Callable
from time import monotonic_ns

import structlog

from actors.runtime.journal import JournalFailed
from actors.runtime.latency import LatencyHistogram
from gateways.checks import Denial
from gateways.intent_log import IntentLog
from gateways.order_gate import OrderGate
from gateways.order_records import OrderRecords
from gateways.reconcile import missing_reports
from gateways.shared_account import as_venue_sees_it
from gateways.venue import FundingBooked, OrderStatus
from messages.codec import encode
from messages.control import FenceStrategy
from messages.health import OrderCounts
from messages.order_lifecycle import IllegalOrderStep, Order, OrderState
from messages.orders import (
    AmendOrder,
    AmendRejected,
    CancelOrder,
    CancelRejected,
    CloseReason,
    DenyReason,
    ExecutionReport,
    Fill,
    OrderAccepted,
    OrderClosed,
    OrderDenied,
    OrderRejected,
    OrderUnknown,
    QueryOrder,
    RejectReason,
    SubmitOrder,
    is_venue_made,
)

log = structlog.get_logger()


class OrderDesk:
    """:param to_venue: writes a frame to the venue now or not at all; False where it did not.
    :param to_strategy: tells a strategy, if it is there.
    :param now_ns: market time.
    :ivar latency: from the publication of a tick to the order that it caused past the gate, by strategy.
    """

    def __init__(
        self,
        *,
        gate: OrderGate,
        intent_log: IntentLog,
        records: OrderRecords,
        to_venue: Callable[[bytes], bool],
        to_strategy: Callable[[str, bytes], None],
        now_ns: Callable[[], int],
    ) -> None:
        self.gate = gate
        self.records = records
        self.is_venue_up = False
        self.latency: defaultdict[str, LatencyHistogram] = defaultdict(LatencyHistogram)
        self._log = intent_log
        self._to_venue = to_venue
        self._to_strategy = to_strategy
        self._now_ns = now_ns
        self._counts = dict.fromkeys(("accepted", "rejected", "denied", *CloseReason), 0)
        self._to_cancel = {
            order.request.client_order_id for order in records.open_orders() if order.state is OrderState.CANCELLING
        }
        self._missed: set[str] = set()

    @property
    def counts(self) -> OrderCounts:
        """What became of the orders since this process started."""
        return OrderCounts(**self._counts)

    # --- to the venue ---

    def submit(self, order: SubmitOrder, frame: bytes) -> None:
        """The one way to the venue: gate, intent journal, write.

        :param frame: the order as it came; it is journaled and sent on as it is, but for the reduce-only flag of an
            account that is shared.
        """
        if self.gate.is_fenced(order.strategy, order.epoch) or order.client_order_id in self.records.orders:
            # A zombie's order, or an id that has been used: telling its strategy would confuse the order that it has.
            log.warning("order dropped", order=order.client_order_id, epoch=order.epoch)
            self._counts["denied"] += 1
            return
        denial = self.gate.check(order, self._now_ns())
        if denial is None and not self.is_venue_up:
            denial = Denial(DenyReason.VENUE_DOWN, "link=down")
        if denial is None and order.reduce_only:
            seen = as_venue_sees_it(order, self.records)
            if isinstance(seen, Denial):
                denial = seen
            elif seen is not order:
                order, frame = seen, encode(seen)
        if denial is None:
            try:
                self._log.intend(frame)
            except JournalFailed as error:
                denial = Denial(DenyReason.JOURNAL_FAILED, str(error))
        if denial is not None:
            self._deny(order, denial)
            return
        if order.cause_mono_ns:
            self._measure(order)
        self.catch_up()
        self.records.record_intent(order)
        if not self._to_venue(frame):
            self._deny(order, Denial(DenyReason.VENUE_DOWN, "link=down sent=no"))

    def cancel(self, request: CancelOrder) -> None:
        order = self.records.orders.get(request.client_order_id)
        if order is None or not order.is_open:
            self._refuse_cancel(request, RejectReason.UNKNOWN_ORDER, "no such open order at this gateway")
            return
        self._send_cancel(order, request.epoch, request.caused_by)

    def _send_cancel(self, order: Order, epoch: int, caused_by: str) -> None:
        request = order.request
        cancel = CancelOrder(request.client_order_id, request.strategy, epoch, request.instrument, caused_by)
        self._to_cancel.add(request.client_order_id)
        frame = encode(cancel)
        try:
            self._log.intend(frame)
            self.records.cancel_requested(request.client_order_id)
        except JournalFailed as error:  # cancels go all the same
            log.error("cancel not journaled", order=request.client_order_id, error=str(error))
        if not self._to_venue(frame):
            log.warning("cancel waits for the venue", order=request.client_order_id)

    def amend(self, request: AmendOrder) -> None:
        if self.gate.is_fenced(request.strategy, request.epoch):
            log.warning("amendment dropped", order=request.client_order_id, epoch=request.epoch)
            return
        order = self.records.orders.get(request.client_order_id)
        if order is None or not order.is_open or order.request.instrument != request.instrument:
            self._refuse_amendment(request, RejectReason.UNKNOWN_ORDER, "no such open order at this gateway")
            return
        denial = self.gate.check_amendment(request)
        if denial is None and not self.is_venue_up:
            denial = Denial(DenyReason.VENUE_DOWN, "link=down")
        if denial is not None:
            self._refuse_amendment(request, RejectReason.OTHER, f"{denial.reason.value} {denial.context}")
            return
        frame = encode(request)
        try:
            self._log.intend(frame)
        except JournalFailed as error:
            self._refuse_amendment(request, RejectReason.OTHER, str(error))
            return
        if not self._to_venue(frame):
            self._refuse_amendment(request, RejectReason.OTHER, "venue-down link=down sent=no")

    def _deny(self, order: SubmitOrder, denial: Denial) -> None:
        head = (order.client_order_id, order.strategy, order.instrument)
        self.report(OrderDenied(*head, denial.reason, denial.context, self._now_ns()))

    def _refuse_cancel(self, request: CancelOrder, reason: RejectReason, text: str) -> None:
        head = (request.client_order_id, request.strategy, request.instrument)
        self._to_strategy(request.strategy, encode(CancelRejected(*head, reason, text, self._now_ns())))

    def _refuse_amendment(self, request: AmendOrder, reason: RejectReason, text: str) -> None:
        head = (request.client_order_id, request.strategy, request.instrument)
        self._to_strategy(request.strategy, encode(AmendRejected(*head, reason, text, self._now_ns())))

    def ask(self, query: QueryOrder) -> None:
        if self.is_venue_up and not self._to_venue(encode(query)):
            log.warning("query waits for the venue", order=query.client_order_id)

    def _measure(self, order: SubmitOrder) -> None:
        self.latency[order.strategy].add(monotonic_ns() - order.cause_mono_ns)

    # --- reports ------------------------------------------------------------------------------------------------

    def report(self, report: ExecutionReport) -> None:
        """Journal a report, take it into the books, and only then pass it on; one that cannot be is asked about."""
        if not self._take(report):
            self._ask_about(self.records.orders[report.client_order_id])  # type: ignore[union-attr]

    def _take(self, report: ExecutionReport) -> bool:
        """False where the report cannot follow the state of its order."""
        if isinstance(report, Fill) and is_venue_made(report.client_order_id):
            self._take_forced(report)
            return True
        try:
            numbered = self.records.number(report)
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
            self._miss(report, error)
            return True
        self.records.apply(numbered)
        self._count(numbered)
        self._forget_cancel(numbered)
        self._to_strategy(numbered.strategy, frame)
        self.catch_up()
        return True

    def _take_forced(self, fill: Fill) -> None:
        """Share out among those who hold the position what the venue has closed by itself: a liquidation, say."""
        shares = self.records.share_forced(fill)
        log.warning("the venue closed a position", fill=fill, strategies=[share.strategy for share in shares])
        numbered = [report for report in map(self.records.number, shares) if report is not None]
        try:
            frames = self._log.record_all(numbered)
        except JournalFailed as error:
            log.error("forced fill not journaled", fill=fill, error=str(error))
            return
        for report, frame in zip(numbered, frames, strict=True):
            self.records.apply(report)
            self._to_strategy(report.strategy, frame)

    def _miss(self, report: ExecutionReport, error: JournalFailed) -> None:
        """A report that is not journaled did not happen for us; the venue will be asked for it.

        Only the denial of an order that is in no journal is told at once, without a number: nobody can be asked.
        """
        log.error("report not journaled", report=report, error=str(error))
        order_id = report.client_order_id  # type: ignore[union-attr]  # fundings are recorded by `on_funding`
        if order_id in self.records.orders:
            self._missed.add(order_id)
        else:
            self._count(report)
            self._to_strategy(report.strategy, encode(report))

    def catch_up(self) -> None:
        """Ask about the orders whose reports could not be journaled; for when the journal can be written again."""
        if self._missed and self.is_venue_up:
            missed, self._missed = self._missed, set()
            for order in filter(None, map(self.records.orders.get, missed)):
                self._ask_about(order)

    def _forget_cancel(self, report: ExecutionReport) -> None:
        if isinstance(report, OrderClosed | OrderRejected | OrderDenied | CancelRejected):
            self._to_cancel.discard(report.client_order_id)

    def _ask_about(self, order: Order) -> None:
        request = order.request
        self.ask(QueryOrder(request.client_order_id, request.strategy, request.epoch, request.instrument))

    def _count(self, report: ExecutionReport) -> None:
        counts = self._counts
        if isinstance(report, OrderAccepted):
            counts["accepted"] += 1
        elif isinstance(report, OrderRejected):
            counts["rejected"] += 1
        elif isinstance(report, OrderDenied):
            counts["denied"] += 1
        elif isinstance(report, OrderClosed):
            counts[report.reason] += 1

    # --- what the venue says when it is asked, and what it is told to do ---

    def venue_is_back(self) -> None:
        """Ask about every order that may have changed while the venue was away; requests are answered in order."""
        self.is_venue_up = True
        for order in self.records.open_orders():
            self._ask_about(order)
        self.catch_up()

    def venue_is_lost(self) -> None:
        """The outcome of every open order is unknown until the venue has been asked."""
        self.is_venue_up = False
        for order in self.records.open_orders():
            request = order.request
            head = (request.client_order_id, request.strategy, request.instrument)
            self.report(OrderUnknown(*head, "link to the venue lost", self._now_ns()))

    def on_order_status(self, status: OrderStatus) -> None:
        """Report what our books lack; an order that still works and should not is cancelled (again)."""
        order = self.records.orders.get(status.client_order_id)
        if order is None:
            return
        for report in missing_reports(order, status):
            self._take(report)  # one that is illegal is not asked about again, since this is what the venue answers
        if order.is_open and (cause := self._why_cancel(order.request)):
            self._send_cancel(order, order.request.epoch, cause)

    def _why_cancel(self, request: SubmitOrder) -> str:
        """Why an open order should not work; empty where it may."""
        if self.gate.is_halted:
            return "halt"
        if self.gate.is_fenced(request.strategy, request.epoch):
            return "fenced"
        return "cancel-repeated" if request.client_order_id in self._to_cancel else ""

    def on_funding(self, booked: FundingBooked) -> None:
        """Share a booking out among those who hold the position.

        A repeated one changes nothing; one that is ahead of its turn comes again with the account.
        """
        if booked.number != self.records.fundings + 1:
            return
        shares = [self.records.number(paid) for paid in self.records.share_funding(booked)]
        reports = [report for report in shares if report is not None]
        try:
            self._log.record_funding(reports, booked.number)
        except JournalFailed as error:
            log.error("funding not journaled", number=booked.number, error=str(error))
            return
        self.records.fundings = booked.number
        for report in reports:
            self.records.apply(report)
            self._to_strategy(report.strategy, encode(report))

    def halt(self, reason: str) -> None:
        """Deny every new order and cancel all that work."""
        self.gate.halt(reason)
        for order in self.records.open_orders():
            self._send_cancel(order, order.request.epoch, "halt")

    def fence(self, fence: FenceStrategy) -> None:
        """The strategy's incarnations below the epoch are dead: cancel what they left, refuse what they still send."""
        self.gate.fence(fence.strategy, fence.epoch)
        try:
            self._log.note_fence(fence)
        except JournalFailed as error:  # cancels go all the same
            log.error("fence not journaled", strategy=fence.strategy, epoch=fence.epoch, error=str(error))
        for order in self.records.open_orders(fence.strategy):
            if order.request.epoch < fence.epoch:
                self._send_cancel(order, order.request.epoch, "fenced")
