"""The one way of an order to the venue: gate, intent journal, write; and the orders that wait for the rate limit."""

from collections.abc import Callable
from typing import Final, NamedTuple

import structlog

from actors.runtime.journal import JournalFailed
from gateways.desk_parts import DeskParts
from gateways.gate.checks import Denial
from gateways.gate.order_gate import SILENT_REASONS
from gateways.gate.rate_limits import RequestKind
from gateways.gate.send_queue import PRIORITY_DEFAULT, Urgency, Waiting
from gateways.gate.shared_account import as_venue_sees_it
from messages.base import TEXT_LENGTH_MAX
from messages.codec import encode
from messages.orders import CancelOrder, DenyReason, OrderDenied, SubmitOrder, is_forced

NS_PER_MS: Final = 1_000_000

log = structlog.get_logger()


class SubmitEvents(NamedTuple):
    """:param denied: takes the report of a denial.
    :param dropped: told the reason code of an order that is dropped without a word to its strategy.
    :param passed: told of each order that is past gate and journal, before it is in the books.
    """

    denied: Callable[[OrderDenied], None]
    dropped: Callable[[str], None]
    passed: Callable[[SubmitOrder], None]


class SubmitDesk:
    def __init__(self, parts: DeskParts, events: SubmitEvents) -> None:
        self._line, self._queue = parts.line, parts.line.queue
        self._gate = parts.gate
        self._log = parts.intent_log
        self._records = parts.records
        self._now_ns, self._mono_ns = parts.now_ns, parts.mono_ns
        self._events = events
        parts.line.serve(RequestKind.SUBMIT, lambda waiting: self._submit(*waiting.what), self._expired)

    def submit(self, order: SubmitOrder, frame: bytes) -> None:
        """Send an order through the gate, now or when the venue's rate limit has room for it.

        :param frame: as it came.
        """
        if self._queue and self.is_waiting(order.client_order_id):
            self._drop(order, DenyReason.DUPLICATE_ID)
        elif self._line.must_wait(RequestKind.SUBMIT):
            self._let_wait(order, frame)
        else:
            self._submit(order, frame)

    def _submit(self, order: SubmitOrder, frame: bytes) -> None:
        """The one way to the venue: gate, intent journal, write.

        :param frame: the order as it came; it is journaled and sent on as it is, but for the reduce-only flag of an
            account that is shared.
        """
        denial = self._gate.check(order, self._records, self._now_ns(), self._mono_ns())
        if denial is not None and denial.reason in SILENT_REASONS:
            self._drop(order, denial.reason)
            return
        if denial is None and not self._line.is_up:
            denial = Denial(DenyReason.VENUE_DOWN, "link=down")
        if denial is None and order.reduce_only:
            seen = as_venue_sees_it(order, self._records)
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
        self._events.passed(order)
        self._records.record_intent(order)
        if not self._line.write(RequestKind.SUBMIT, frame):
            self._deny(order, Denial(DenyReason.VENUE_DOWN, "link=down sent=no"))

    def _deny(self, order: SubmitOrder, denial: Denial) -> None:
        head = (order.client_order_id, order.strategy, order.instrument)
        context = denial.context[:TEXT_LENGTH_MAX]  # longer, it could be written into the journal and not read again
        self._events.denied(OrderDenied(*head, denial.reason, context, self._now_ns()))

    def _drop(self, order: SubmitOrder, reason: DenyReason) -> None:
        """Not a word to its strategy, which would take it for the order that it has."""
        log.warning("order dropped", order=order.client_order_id, epoch=order.epoch, reason=reason.value)
        self._events.dropped(reason.value)

    # --- orders that wait for the venue's rate limit ------------------------------------------------------------

    def _let_wait(self, order: SubmitOrder, frame: bytes) -> None:
        """What only reduces goes before the rest; it is judged at the gate when it leaves.

        Whose it is and whether it is known already is looked at now: what becomes of it while it waits would be told
        of the order that has its id.
        """
        known = self._gate.check_identity(order, self._records)
        if known is not None:
            self._drop(order, known.reason)
            return
        reducible = self._records.reducible(order.strategy, order.instrument, order.side)
        urgency = Urgency.REDUCING if order.quantity <= reducible else Urgency.OTHER
        lease = self._gate.leases.lease(order.strategy, order.instrument)
        priority = PRIORITY_DEFAULT if lease is None else lease.priority
        expires_ns = order.ts_created + order.valid_for_ms * NS_PER_MS
        place = (RequestKind.SUBMIT, order.client_order_id, urgency, priority)
        if not self._queue.add(Waiting(*place, self._now_ns(), expires_ns, (order, frame))):
            self._deny(order, Denial(DenyReason.QUEUE_FULL, f"waiting={len(self._queue)} for=rate-limit"))

    def _expired(self, late: Waiting, waited: str) -> None:
        self._deny_waiting(late.what[0], Denial(DenyReason.ORDER_EXPIRED, waited))

    def _deny_waiting(self, order: SubmitOrder, denial: Denial) -> None:
        """Deny an order that has waited and not left; never one of the same id that has."""
        if order.client_order_id in self._records.orders:
            self._drop(order, DenyReason.DUPLICATE_ID)
        else:
            self._deny(order, denial)

    def is_waiting(self, client_order_id: str) -> bool:
        """Whether an order waits for the rate limit."""
        return self._queue.has(RequestKind.SUBMIT, client_order_id)

    def forget_waiting(self, client_order_id: str) -> None:
        """An order of the gateway's own that waits is not needed any more; nobody is told."""
        self._queue.withdraw(RequestKind.SUBMIT, client_order_id)

    def withdraw(self, why: str, strategy: str | None) -> None:
        """Orders that wait, of one strategy or of all, will not leave any more; those by which the gateway itself
        flattens wait on.
        """
        for waiting in self._queue.of_kind(RequestKind.SUBMIT):
            order = waiting.what[0]
            if strategy in (None, order.strategy) and not is_forced(order.client_order_id):
                self._queue.withdraw(RequestKind.SUBMIT, waiting.key)
                self._deny_waiting(order, Denial(DenyReason.CANCELLED_UNSENT, f"why={why}"))

    def withdraw_cancelled(self, request: CancelOrder) -> bool:
        """Whether the order to be cancelled was one of its strategy's that waited, and now waits no more."""
        for waiting in self._queue.of_kind(RequestKind.SUBMIT):
            order = waiting.what[0]
            if waiting.key == request.client_order_id and order.strategy == request.strategy:
                self._queue.withdraw(RequestKind.SUBMIT, waiting.key)
                self._deny_waiting(order, Denial(DenyReason.CANCELLED_UNSENT, "waited for=rate-limit"))
                return order.client_order_id not in self._records.orders
        return False
