"""The order desk of a gateway: every order passes it on the way to the venue, every report on the way back.

It holds the gate, the intent journal and the books, and no sockets: it is given a function that writes to the venue and
one that tells a strategy. The order of things is its whole point: gate, journal, venue; books, journal, strategy.
Each kind of request has a desk of its own behind it, and so have the reports; what must wait for the venue waits in its
line.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable
from decimal import Decimal
from time import monotonic_ns
from typing import Final

import structlog

from actors.runtime.journal import JournalFailed
from actors.runtime.latency import LatencyHistogram
from gateways.amend_desk import AmendDesk
from gateways.cancel_desk import CancelDesk
from gateways.desk_parts import DeskParts
from gateways.gate.order_gate import OrderGate
from gateways.gate.order_records import OrderRecords
from gateways.gate.rate_limits import RequestKind, VenueBudget
from gateways.gate.send_queue import SendQueue, Urgency, Waiting
from gateways.intent_log import IntentLog
from gateways.reconcile import in_flight, missing_reports
from gateways.report_desk import ReportDesk
from gateways.submit_desk import SubmitDesk, SubmitEvents
from gateways.venue import OrderStatus
from gateways.venue_line import VenueLine
from messages.codec import encode
from messages.health import OrderCounts, RateBudget
from messages.order_lifecycle import Order
from messages.orders import (
    CancelOrder,
    CancelRejected,
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
)
from messages.risk import SetTradingState
from messages.to_child import FenceStrategy

QUERY_AGAIN_NS: Final = 1_000_000_000
"""Between two questions of a strategy about one order, where the first was not answered."""

log = structlog.get_logger()


class OrderDesk:
    """:param to_venue: writes a frame to the venue now or not at all; False where it did not.
    :param to_strategy: tells a strategy, if it is there.
    :param now_ns: market time; `mono_ns` the monotonic clock of the machine, by which leases end.
    :param queue: of the venue's rate limits; None: there are none.
    :ivar line: to the venue.
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
        records.amendments_lost()  # what was asked before this process will not be answered
        self.latency: defaultdict[str, LatencyHistogram] = defaultdict(LatencyHistogram)
        self.queue = SendQueue(VenueBudget([], 0)) if queue is None else queue
        self._log = intent_log
        self._to_strategy = to_strategy
        self._now_ns = now_ns
        self._mono_ns = mono_ns
        self.line = VenueLine(to_venue, now_ns, self.queue)
        self.line.serve(RequestKind.QUERY, self._release_question)
        self._unconfirmed: set[str] = set()
        self._queried_ns: dict[str, int] = {}
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
        parts = DeskParts(self.line, gate, intent_log, records, to_strategy, now_ns, mono_ns)
        self._submissions = SubmitDesk(parts, SubmitEvents(self.report, self._reports.dropped, self._on_passed))
        self.is_waiting, self.forget_waiting = self._submissions.is_waiting, self._submissions.forget_waiting
        self._cancels = CancelDesk(parts)
        self.cancel_orders, self.cancel_fenced = self._cancels.cancel_orders, self._cancels.cancel_fenced
        self.cancel_adopted, self.send_waiting_cancels = self._cancels.cancel_adopted, self._cancels.send_waiting
        self._amendments = AmendDesk(parts, self._reports.count_denial)
        self.amend = self._amendments.amend
        self.pump = self.line.pump

    @property
    def is_venue_up(self) -> bool:
        return self.line.is_up

    @property
    def budgets(self) -> tuple[RateBudget, ...]:
        """The venue's rate limits, and what waits for them."""
        return self.queue.status(self._now_ns())

    @property
    def counts(self) -> OrderCounts:
        """What became of the orders since this process started."""
        return OrderCounts(**self._reports.counts)

    # --- requests -----------------------------------------------------------------------------------------------

    def submit(self, order: SubmitOrder, frame: bytes) -> None:
        """Send an order through the gate, now or when the venue's rate limit has room for it.

        :param frame: as it came.
        """
        self._submissions.submit(order, frame)

    def _on_passed(self, order: SubmitOrder) -> None:
        """An order is past gate and journal."""
        if order.cause_mono_ns:
            self.latency[order.strategy].add(monotonic_ns() - order.cause_mono_ns)
        self.catch_up()

    def withdraw_waiting(self, why: str, strategy: str | None = None) -> None:
        """Orders and amendments that wait for the rate limit, of one strategy or of all, will not leave any more; those
        by which the gateway itself flattens wait on.
        """
        self._submissions.withdraw(why, strategy)
        self._amendments.withdraw(why, strategy)

    @property
    def has_waiting(self) -> bool:
        """Whether anything waits for the link to the venue, or for its rate limit."""
        return bool(self._cancels.unsent or (self.is_venue_up and len(self.queue)))

    def cancel(self, request: CancelOrder) -> None:
        """Cancel an order for its strategy, whether it waits or works."""
        if self._submissions.withdraw_cancelled(request):
            return
        order = self.records.orders.get(request.client_order_id)
        if order is not None and order.is_open:
            self._cancels.on_request(request, order)
        elif not self.gate.is_fenced(request.strategy, request.epoch):  # else the one that is served would take it
            head = (request.client_order_id, request.strategy, request.instrument)
            text = "no such open order at this gateway"
            refused = CancelRejected(*head, RejectReason.UNKNOWN_ORDER, text, self._now_ns())
            self._to_strategy(request.strategy, encode(refused))

    @property
    def unsent_cancels(self) -> int:
        """Cancels that the link to the venue did not take, being full; at most one for each open order."""
        return self._cancels.unsent

    def halt(self, reason: str) -> None:
        """Deny every new order and cancel all that work."""
        self.gate.halt(reason)
        self.cancel_orders(self.records.open_orders(), "halt")

    def fence(self, fence: FenceStrategy) -> None:
        """The strategy's incarnations below the epoch are dead: cancel what they left, refuse what they still send."""
        self.gate.fence(fence.strategy, fence.epoch)
        try:
            self._log.note_fence(fence)
        except JournalFailed as error:  # cancels go all the same
            log.error("fence not journaled", strategy=fence.strategy, epoch=fence.epoch, error=str(error))
        orders = self.records.open_orders(fence.strategy)
        self.cancel_orders((order for order in orders if order.request.epoch < fence.epoch), "fenced")

    # --- questions, and what the venue answers ------------------------------------------------------------------

    def query(self, query: QueryOrder) -> None:
        """Ask for a strategy how an open order of its own stands, once until the venue has answered or a while is over.

        Of any other the venue is not asked: it does not know what waits here for the rate limit, and its word on that
        would deny an order which is about to leave.
        """
        name, now_ns = query.client_order_id, self._now_ns()
        order = self.records.orders.get(name)
        if order is None or not order.is_open or order.request.strategy != query.strategy:
            return
        asked_ns = self._queried_ns.get(name)
        if asked_ns is None or now_ns - asked_ns >= QUERY_AGAIN_NS:
            self._queried_ns[name] = now_ns
            self._ask_about(order)

    def ask_about(self, orders: Iterable[Order]) -> None:
        """Ask the venue how these orders stand."""
        for order in orders:
            self._ask_about(order)

    def _ask_about(self, order: Order) -> bool:
        """False where the question neither left nor waits; the order counts as unclear until it is answered."""
        request = order.request
        name = request.client_order_id
        frame = encode(QueryOrder(name, request.strategy, request.epoch, request.instrument))
        is_asked = self.is_venue_up and (
            self.line.wait(RequestKind.QUERY, name, Urgency.REDUCING, frame)
            if self.line.must_wait(RequestKind.QUERY)
            else self.line.write(RequestKind.QUERY, frame)
        )
        if not is_asked:
            self._unconfirmed.add(name)
        return is_asked

    def _release_question(self, waiting: Waiting) -> None:
        if not self.line.write(RequestKind.QUERY, waiting.what):
            self._unconfirmed.add(waiting.key)

    def venue_is_back(self) -> None:
        """Ask about every order that may have changed while the venue was away; requests are answered in order.

        One counts as unclear until the venue has said how it stands: no other report tells that none is missing.
        """
        self.line.is_up = True
        orders = [*self.records.open_orders(), *self.records.not_received()]
        still = {name for name in self._unconfirmed if name in self.records.orders}
        self._unconfirmed = still | {order.request.client_order_id for order in orders}
        self.ask_about(orders)
        self.catch_up()

    def venue_is_lost(self) -> None:
        """The outcome of every open order is unknown until the venue has been asked."""
        self.line.is_up = False
        self._reports.ask_all_again()
        self._cancels.link_lost()
        self._queried_ns.clear()
        self.records.amendments_lost()
        for order in self.records.open_orders():
            request = order.request
            head = (request.client_order_id, request.strategy, request.instrument)
            self.report(OrderUnknown(*head, "link to the venue lost", self._now_ns()))

    def on_order_status(self, status: OrderStatus) -> None:
        """Report what our books lack; an order that still works and should not is cancelled (again)."""
        name = status.client_order_id
        self._unconfirmed.discard(name)
        self._queried_ns.pop(name, None)
        order = self.records.orders.get(name)
        if order is None:
            return
        self._reports.take_answer(name, missing_reports(order, status))
        self.records.amendments_settled(status)
        self._cancels.on_status(order)

    def _on_taken(self, report: ExecutionReport) -> None:
        """A report is in the books: what was waiting for it waits no more."""
        if isinstance(report, OrderAccepted | Fill):
            self._cancels.on_sign_of_life(self.records.orders[report.client_order_id])
        elif isinstance(report, CancelRejected):
            self._cancels.refused(report.client_order_id)
            self._ask_why(report)
        elif isinstance(report, OrderClosed | OrderRejected | OrderDenied):
            self._unconfirmed.discard(report.client_order_id)
            self._queried_ns.pop(report.client_order_id, None)
            self._cancels.ended(report.client_order_id)

    def _ask_why(self, rejected: CancelRejected) -> None:
        """A cancel that found nothing to cancel came too late: what ended the order may have been lost on its way."""
        order = self.records.orders.get(rejected.client_order_id)
        if order is not None and order.is_open:
            self._ask_about(order)

    @property
    def unclear_orders(self) -> dict[str, Order]:
        """By client order id, whether they are open or have ended: the orders that the venue has to say more about. It
        has not been asked on this link, or has not answered, or its answer could not be journaled.
        """
        orders = self.records.orders
        names = self._unconfirmed.union(self._reports.missed_orders)
        return {name: orders[name] for name in sorted(names) if name in orders}

    @property
    def uncertain_instruments(self) -> set[str]:
        """Where our books may lack something: orders whose standing is not known, reports that were not journaled."""
        unclear = {order.request.instrument for order in self.unclear_orders.values()}
        return in_flight(self.records.open_orders()) | unclear

    # --- what outlives the process ------------------------------------------------------------------------------

    def note_base(self, currency: str, amount: Decimal) -> bool:
        """Journal what was held of a currency before we traded; False where the journal did not take it."""
        try:
            self._log.note_base(currency, amount)
        except JournalFailed as error:
            log.error("balance not journaled", currency=currency, error=str(error))
            return False
        return True

    def note_trading_state(self, command: SetTradingState) -> bool:
        """Journal a trading state, so that it outlives this process; False where the journal did not take it."""
        try:
            self._log.note_trading_state(command)
        except JournalFailed as error:
            log.error("trading state not journaled", state=command.state.value, error=str(error))
            return False
        return True
