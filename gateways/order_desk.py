"""The order desk of a gateway: every order passes it on the way to the venue, every report on the way back.

It holds the gate, the intent journal and the books, and no sockets: it is given a function that writes to the venue and
one that tells a strategy. The order of things is its whole point: gate, journal, venue; books, journal, strategy.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable
from decimal import Decimal
from time import monotonic_ns

import structlog

from actors.runtime.journal import JournalFailed
from actors.runtime.latency import LatencyHistogram
from gateways.gate.checks import Denial
from gateways.gate.order_gate import SILENT_REASONS, OrderGate
from gateways.gate.order_records import OrderRecords
from gateways.gate.rate_limits import RequestKind, VenueBudget
from gateways.gate.send_queue import PRIORITY_DEFAULT, SendQueue, Urgency, Waiting
from gateways.gate.shared_account import as_venue_sees_it
from gateways.intent_log import IntentLog
from gateways.reconcile import in_flight, missing_reports
from gateways.report_desk import ReportDesk
from gateways.venue import OpenOrder, OrderStatus
from messages.base import NS_MAX
from messages.codec import encode
from messages.control import FenceStrategy
from messages.health import OrderCounts, RateBudget
from messages.order_lifecycle import Order, OrderState
from messages.orders import (
    AmendOrder,
    AmendRejected,
    CancelOrder,
    CancelRejected,
    DenyReason,
    ExecutionReport,
    OrderClosed,
    OrderDenied,
    OrderRejected,
    OrderUnknown,
    QueryOrder,
    RejectReason,
    SubmitOrder,
    is_forced,
)
from messages.risk import SetTradingState

NS_PER_MS = 1_000_000
CANCEL_AGAIN_NS = 1_000 * NS_PER_MS
"""Under a rate limit, a cancel is repeated no sooner."""

AMENDMENT_WAITS_NS_MAX = 1_000 * NS_PER_MS
"""An amendment that has waited longer for the rate limit was decided on a market that has gone."""

ADOPTED = "adopted"
"""Whose an order is that no intent explains, and why it is cancelled."""

log = structlog.get_logger()


class OrderDesk:
    """:param to_venue: writes a frame to the venue now or not at all; False where it did not.
    :param to_strategy: tells a strategy, if it is there.
    :param now_ns: market time; `mono_ns` the monotonic clock of the machine, by which leases end.
    :param queue: of the venue's rate limits; None: there are none.
    :ivar denials: requests that were not let through since this process started, by reason code.
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
        mono_ns: Callable[[], int] = monotonic_ns,
        queue: SendQueue | None = None,
    ) -> None:
        self.gate = gate
        self.records = records
        self.is_venue_up = False
        self.latency: defaultdict[str, LatencyHistogram] = defaultdict(LatencyHistogram)
        self.queue = SendQueue(VenueBudget([], 0)) if queue is None else queue
        self._log = intent_log
        self._to_venue = to_venue
        self._to_strategy = to_strategy
        self._now_ns = now_ns
        self._mono_ns = mono_ns
        self._reports = ReportDesk(
            intent_log=intent_log,
            records=records,
            to_strategy=to_strategy,
            ask_about=self._ask_about,
            on_taken=self._on_taken,
            is_venue_up=lambda: self.is_venue_up,
        )
        self.report, self.catch_up = self._reports.report, self._reports.catch_up
        self.on_funding, self.on_forced = self._reports.on_funding, self._reports.on_forced
        self.denials = self._reports.denials
        self._to_cancel = set(records.cancels_asked)
        self._cancelled_ns: dict[str, int] = {}
        self._unsent_cancels: dict[str, bytes] = {}

    @property
    def budgets(self) -> tuple[RateBudget, ...]:
        """The venue's rate limits, and what waits for them."""
        return self.queue.status(self._now_ns())

    @property
    def counts(self) -> OrderCounts:
        """What became of the orders since this process started."""
        return OrderCounts(**self._reports.counts)

    # --- to the venue ---

    def submit(self, order: SubmitOrder, frame: bytes) -> None:
        """Send an order through the gate, now or when the venue's rate limit has room for it.

        :param frame: as it came.
        """
        is_bounded = self.is_venue_up and self.queue.budget.is_bounded  # the clock is not read where there is no limit
        if is_bounded and not self.queue.may_pass(RequestKind.SUBMIT, self._now_ns()):
            self._let_wait(order, frame)
        else:
            self._submit(order, frame)

    def _submit(self, order: SubmitOrder, frame: bytes) -> None:
        """The one way to the venue: gate, intent journal, write.

        :param frame: the order as it came; it is journaled and sent on as it is, but for the reduce-only flag of an
            account that is shared.
        """
        denial = self.gate.check(order, self.records, self._now_ns(), self._mono_ns())
        if denial is not None and denial.reason in SILENT_REASONS:
            log.warning("order dropped", order=order.client_order_id, epoch=order.epoch, reason=denial.reason.value)
            self._reports.counts["denied"] += 1
            self.denials[denial.reason.value] += 1
            return
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
        if not self._write(RequestKind.SUBMIT, frame):
            self._deny(order, Denial(DenyReason.VENUE_DOWN, "link=down sent=no"))

    def cancel(self, request: CancelOrder) -> None:
        if self._withdraw(request):
            return
        order = self.records.orders.get(request.client_order_id)
        if order is None or not order.is_open:
            if self.gate.is_fenced(request.strategy, request.epoch):
                return  # a zombie's; the incarnation that is served would take the answer for its own
            self._refuse_cancel(request, RejectReason.UNKNOWN_ORDER, "no such open order at this gateway")
            return
        self.gate.count_cancel(request.strategy, self._now_ns())
        if self._is_under_way(request.client_order_id):
            return
        if request.client_order_id in self._cancelled_ns and self.queue.has(RequestKind.QUERY, request.client_order_id):
            self._to_cancel.add(request.client_order_id)  # what the venue answers says whether there is anything left
            return
        self._send_cancel(order, request.epoch, request.caused_by)

    def _withdraw(self, request: CancelOrder) -> bool:
        """Whether the order to be cancelled was one of its strategy's that waited, and now waits no more."""
        for waiting in self.queue.of_kind(RequestKind.SUBMIT):
            order = waiting.what[0]
            if waiting.key == request.client_order_id and order.strategy == request.strategy:
                self.queue.withdraw(RequestKind.SUBMIT, waiting.key)
                self._deny(order, Denial(DenyReason.CANCELLED_UNSENT, "waited for=rate-limit"))
                return True
        return False

    def withdraw_waiting(self, why: str, strategy: str | None = None) -> None:
        """Orders and amendments that wait for the rate limit, of one strategy or of all, will not leave any more; those
        by which the gateway itself flattens wait on.
        """
        for waiting in self.queue.of_kind(RequestKind.SUBMIT):
            order = waiting.what[0]
            if strategy in (None, order.strategy) and not is_forced(order.client_order_id):
                self.queue.withdraw(RequestKind.SUBMIT, waiting.key)
                self._deny(order, Denial(DenyReason.CANCELLED_UNSENT, f"why={why}"))
        for waiting in self.queue.of_kind(RequestKind.AMEND):
            if strategy in (None, waiting.what.strategy):
                self.queue.withdraw(RequestKind.AMEND, waiting.key)
                self._refuse_amendment(waiting.what, RejectReason.OTHER, f"cancelled-unsent why={why}")

    def is_waiting(self, client_order_id: str) -> bool:
        """Whether an order waits for the rate limit."""
        return self.queue.has(RequestKind.SUBMIT, client_order_id)

    def forget_waiting(self, client_order_id: str) -> None:
        """An order of the gateway's own that waits is not needed any more; nobody is told."""
        self.queue.withdraw(RequestKind.SUBMIT, client_order_id)

    def _was_just_cancelled(self, client_order_id: str) -> bool:
        sent_ns = self._cancelled_ns.get(client_order_id)
        return sent_ns is not None and self._now_ns() - sent_ns < CANCEL_AGAIN_NS

    def _is_under_way(self, client_order_id: str) -> bool:
        """Whether a cancel of the order was just sent, and each one more takes from a rate limit that others need."""
        is_asked = client_order_id in self._to_cancel and self._was_just_cancelled(client_order_id)
        return self.queue.budget.is_bounded and is_asked

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
        if self.is_venue_up and not self.queue.may_pass(RequestKind.CANCEL, self._now_ns()):
            self._queue_up(RequestKind.CANCEL, request.client_order_id, Urgency.CANCEL, frame)
        elif not self._write(RequestKind.CANCEL, frame):
            self._unsent_cancels[request.client_order_id] = frame
            return
        self._cancelled_ns[request.client_order_id] = self._now_ns()

    def amend(self, request: AmendOrder) -> None:
        """Send an amendment through the gate, now or when there is room; one that waits gives way to a newer one."""
        if self.is_venue_up and not self.queue.may_pass(RequestKind.AMEND, self._now_ns()):
            older = self.queue.withdraw(RequestKind.AMEND, request.client_order_id)
            if older is not None:
                self._refuse_amendment(older.what, RejectReason.OTHER, "a newer amendment came while it waited")
            if not self._queue_up(RequestKind.AMEND, request.client_order_id, Urgency.OTHER, request):
                self._refuse_amendment(request, RejectReason.OTHER, "queue-full")
        else:
            self._amend(request)

    def _amend(self, request: AmendOrder) -> None:
        if self.gate.is_fenced(request.strategy, request.epoch):
            log.warning("amendment dropped", order=request.client_order_id, epoch=request.epoch)
            self.denials[DenyReason.STALE_EPOCH.value] += 1
            return
        order = self.records.orders.get(request.client_order_id)
        if order is None or not order.is_open or order.request.instrument != request.instrument:
            self._refuse_amendment(request, RejectReason.UNKNOWN_ORDER, "no such open order at this gateway")
            return
        denial = self.gate.check_amendment(request, order, self.records, self._now_ns(), self._mono_ns())
        if denial is None and not self.is_venue_up:
            denial = Denial(DenyReason.VENUE_DOWN, "link=down")
        if denial is not None:
            self.denials[denial.reason.value] += 1
            self._refuse_amendment(request, RejectReason.OTHER, f"{denial.reason.value} {denial.context}")
            return
        frame = encode(request)
        try:
            self._log.intend(frame)
        except JournalFailed as error:
            self._refuse_amendment(request, RejectReason.OTHER, str(error))
            return
        self.records.record_amendment(request)
        if not self._write(RequestKind.AMEND, frame):
            self.records.amendment_not_sent(request)
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

    def ask(self, query: QueryOrder) -> bool:
        """Ask the venue how an order stands; False where the question neither left nor waits."""
        if not self.is_venue_up:
            return False
        frame = encode(query)
        if not self.queue.may_pass(RequestKind.QUERY, self._now_ns()):
            return self._queue_up(RequestKind.QUERY, query.client_order_id, Urgency.REDUCING, frame)
        return self._write(RequestKind.QUERY, frame)

    # --- the venue's rate limit ---

    def pump(self) -> int | None:
        """Send what the rate limit lets go by now, and give up what is too old.

        :returns: nanoseconds of market time until there is more to do; None where nothing waits.
        """
        now_ns = self._now_ns()
        for late in self.queue.expire(now_ns):
            waited = f"waited_ms={(now_ns - late.added_ns) / NS_PER_MS:.1f} for=rate-limit"
            if late.kind is RequestKind.SUBMIT:
                self._deny(late.what[0], Denial(DenyReason.ORDER_EXPIRED, waited))
            elif late.kind is RequestKind.AMEND:
                self._refuse_amendment(late.what, RejectReason.OTHER, f"{DenyReason.ORDER_EXPIRED.value} {waited}")
        if self.is_venue_up:
            for request in self.queue.release(now_ns):
                self._release(request)
        return self.queue.wait_ns(now_ns)

    def _release(self, request: Waiting) -> None:
        order = self.records.orders.get(request.key)
        if request.kind is RequestKind.SUBMIT:
            self._submit(*request.what)
        elif request.kind is RequestKind.AMEND:
            self._amend(request.what)
        elif request.kind is RequestKind.CANCEL and order is not None and not order.is_open:
            return  # it has ended meanwhile
        elif not self._write(request.kind, request.what) and request.kind is RequestKind.CANCEL:
            self._unsent_cancels[request.key] = request.what

    def _let_wait(self, order: SubmitOrder, frame: bytes) -> None:
        """What only reduces goes before the rest; it is judged at the gate when it leaves."""
        reducible = self.records.reducible(order.strategy, order.instrument, order.side)
        urgency = Urgency.REDUCING if order.quantity <= reducible else Urgency.OTHER
        lease = self.gate.leases.lease(order.strategy, order.instrument)
        priority = PRIORITY_DEFAULT if lease is None else lease.priority
        expires_ns = order.ts_created + order.valid_for_ms * NS_PER_MS
        place = (RequestKind.SUBMIT, order.client_order_id, urgency, priority)
        if not self.queue.add(Waiting(*place, self._now_ns(), expires_ns, (order, frame))):
            self._deny(order, Denial(DenyReason.QUEUE_FULL, f"waiting={len(self.queue)} for=rate-limit"))

    def _queue_up(self, kind: RequestKind, key: str, urgency: Urgency, what: bytes | AmendOrder) -> bool:
        now_ns = self._now_ns()
        expires_ns = now_ns + AMENDMENT_WAITS_NS_MAX if kind is RequestKind.AMEND else NS_MAX
        return self.queue.add(Waiting(kind, key, urgency, PRIORITY_DEFAULT, now_ns, expires_ns, what))

    def _write(self, kind: RequestKind, frame: bytes) -> bool:
        """Write to the venue now or not at all; what has left counts against its rate limits."""
        if not self._to_venue(frame):
            return False
        if self.queue.budget.is_bounded:
            self.queue.budget.spend(kind, self._now_ns())
        return True

    def _measure(self, order: SubmitOrder) -> None:
        self.latency[order.strategy].add(monotonic_ns() - order.cause_mono_ns)

    def _ask_about(self, order: Order) -> bool:
        request = order.request
        return self.ask(QueryOrder(request.client_order_id, request.strategy, request.epoch, request.instrument))

    def _on_taken(self, report: ExecutionReport) -> None:
        """A report is in the books: what was waiting for it waits no more."""
        if isinstance(report, OrderClosed | OrderRejected | OrderDenied | CancelRejected):
            self._to_cancel.discard(report.client_order_id)
        if isinstance(report, CancelRejected):
            self._ask_why(report)
        elif isinstance(report, OrderClosed | OrderRejected | OrderDenied):
            self._cancelled_ns.pop(report.client_order_id, None)

    def _ask_why(self, rejected: CancelRejected) -> None:
        """A cancel that found nothing to cancel came too late: what ended the order may have been lost on its way."""
        order = self.records.orders.get(rejected.client_order_id)
        if order is not None and order.is_open:
            self._ask_about(order)

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
        self._reports.ask_all_again()
        self._cancelled_ns.clear()  # what was sent may be lost with the link
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
            self._reports.take(
                report
            )  # one that is illegal is not asked about again, since this is what the venue answers
        self._reports.answered(status.client_order_id)
        if order.is_open and (cause := self._why_cancel(order.request)):
            self._cancel_again(order, cause)

    def _cancel_again(self, order: Order, cause: str) -> None:
        """No sooner than a while after the last time: a venue that refuses it at once would be asked without an end."""
        if not self._was_just_cancelled(order.request.client_order_id):
            self._send_cancel(order, order.request.epoch, cause)

    def cancel_fenced(self) -> None:
        """Cancel (again) what still works of incarnations that are over."""
        for order in self.records.open_orders():
            is_working = order.state in (OrderState.IN_FLIGHT, OrderState.WORKING)
            if is_working and self.gate.is_fenced(order.request.strategy, order.request.epoch):
                self._cancel_again(order, "fenced")

    def _why_cancel(self, request: SubmitOrder) -> str:
        """Why an open order should not work; empty where it may."""
        if self.gate.is_halted:
            return "halt"
        if self.gate.is_fenced(request.strategy, request.epoch):
            return "fenced"
        return "cancel-repeated" if request.client_order_id in self._to_cancel else ""

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

    # --- the kill switch, liveness and flattening ---

    def cancel_orders(self, orders: Iterable[Order], caused_by: str) -> None:
        """Cancel each of these orders, whoever sent it and whatever has been asked of it before."""
        for order in orders:
            self._send_cancel(order, order.request.epoch, caused_by)

    @property
    def has_waiting(self) -> bool:
        """Whether anything waits for the link to the venue, or for its rate limit."""
        return bool(self._unsent_cancels or (self.is_venue_up and len(self.queue)))

    @property
    def unsent_cancels(self) -> int:
        """Cancels that the link to the venue did not take, being full; at most one for each open order."""
        return len(self._unsent_cancels)

    def send_waiting_cancels(self) -> None:
        """Send what the link takes by now. After a loss of the link every order is asked about instead, and cancelled
        by the answer.
        """
        if not self.is_venue_up:
            self._unsent_cancels.clear()
        for client_order_id, frame in list(self._unsent_cancels.items()):
            order = self.records.orders.get(client_order_id)
            if order is not None and order.is_open:
                if not self.queue.may_pass(RequestKind.CANCEL, self._now_ns()):
                    self._queue_up(RequestKind.CANCEL, client_order_id, Urgency.CANCEL, frame)
                elif not self._write(RequestKind.CANCEL, frame):
                    return
            del self._unsent_cancels[client_order_id]

    def ask_about(self, orders: Iterable[Order]) -> None:
        """Ask the venue how these orders stand."""
        for order in orders:
            self._ask_about(order)

    def cancel_adopted(self, order: OpenOrder) -> None:
        """Cancel an order of which there is no record; journaled where the journal can be written."""
        cancel = CancelOrder(order.client_order_id, ADOPTED, 0, order.instrument, ADOPTED)
        frame = encode(cancel)
        try:
            self._log.intend(frame)
        except JournalFailed as error:  # cancels go all the same
            log.error("cancel not journaled", order=order.client_order_id, error=str(error))
        self._write(RequestKind.CANCEL, frame)

    def note_base(self, currency: str, amount: Decimal) -> bool:
        """Journal what was held of a currency before we traded; False where the journal did not take it."""
        try:
            self._log.note_base(currency, amount)
        except JournalFailed as error:
            log.error("balance not journaled", currency=currency, error=str(error))
            return False
        return True

    @property
    def uncertain_instruments(self) -> set[str]:
        """Where our books may lack something: orders whose standing is not known, reports that were not journaled."""
        missed = {order.request.instrument for order in self._reports.missed_orders}
        return in_flight(self.records.open_orders()) | missed

    def note_trading_state(self, command: SetTradingState) -> bool:
        """Journal a trading state, so that it outlives this process; False where the journal did not take it."""
        try:
            self._log.note_trading_state(command)
        except JournalFailed as error:
            log.error("trading state not journaled", state=command.state.value, error=str(error))
            return False
        return True
