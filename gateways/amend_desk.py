"""The amendments of a gateway: gate, intent journal, venue, as an order goes."""

from collections.abc import Callable
from typing import Final

import structlog

from actors.runtime.journal import JournalFailed
from gateways.desk_parts import DeskParts
from gateways.gate.checks import Denial
from gateways.gate.rate_limits import RequestKind
from gateways.gate.send_queue import PRIORITY_DEFAULT, Urgency, Waiting
from messages.base import TEXT_LENGTH_MAX
from messages.codec import encode
from messages.orders import AmendOrder, AmendRejected, DenyReason, RejectReason

AMENDMENT_WAITS_NS_MAX: Final = 1_000_000_000
"""An amendment that has waited longer for the rate limit was decided on a market that has gone."""

log = structlog.get_logger()


class AmendDesk:
    """:param count_denial: told the reason code of each amendment that the gate refuses."""

    def __init__(self, parts: DeskParts, count_denial: Callable[[str], None]) -> None:
        self._line = parts.line
        self._gate = parts.gate
        self._log = parts.intent_log
        self._records = parts.records
        self._to_strategy = parts.to_strategy
        self._now_ns, self._mono_ns = parts.now_ns, parts.mono_ns
        self._count_denial = count_denial
        parts.line.serve(RequestKind.AMEND, lambda waiting: self._amend(waiting.what), self._expired)

    def amend(self, request: AmendOrder) -> None:
        """Send an amendment through the gate, now or when there is room; one that waits gives way to a newer one."""
        if not self._line.must_wait(RequestKind.AMEND):
            self._amend(request)
            return
        older = self._line.queue.withdraw(RequestKind.AMEND, request.client_order_id)
        if older is not None:
            self._refuse(older.what, RejectReason.OTHER, "a newer amendment came while it waited")
        now_ns = self._now_ns()
        place = (RequestKind.AMEND, request.client_order_id, Urgency.OTHER, PRIORITY_DEFAULT)
        if not self._line.queue.add(Waiting(*place, now_ns, now_ns + AMENDMENT_WAITS_NS_MAX, request)):
            self._refuse(request, RejectReason.OTHER, "queue-full")

    def withdraw(self, why: str, strategy: str | None) -> None:
        """Amendments that wait for the rate limit, of one strategy or of all, will not leave any more."""
        for waiting in self._line.queue.of_kind(RequestKind.AMEND):
            if strategy in (None, waiting.what.strategy):
                self._line.queue.withdraw(RequestKind.AMEND, waiting.key)
                self._refuse(waiting.what, RejectReason.OTHER, f"cancelled-unsent why={why}")

    def _amend(self, request: AmendOrder) -> None:
        if self._gate.is_fenced(request.strategy, request.epoch):
            log.warning("amendment dropped", order=request.client_order_id, epoch=request.epoch)
            self._count_denial(DenyReason.STALE_EPOCH.value)
            return
        order = self._records.orders.get(request.client_order_id)
        if order is None or not order.is_open or order.request.instrument != request.instrument:
            self._refuse(request, RejectReason.UNKNOWN_ORDER, "no such open order at this gateway")
            return
        denial = self._gate.check_amendment(request, order, self._records, self._now_ns(), self._mono_ns())
        if denial is None and not self._line.is_up:
            denial = Denial(DenyReason.VENUE_DOWN, "link=down")
        if denial is None:
            self._send(request)
        else:
            self._count_denial(denial.reason.value)
            self._refuse(request, RejectReason.OTHER, f"{denial.reason.value} {denial.context}")

    def _send(self, request: AmendOrder) -> None:
        frame = encode(request)
        try:
            self._log.intend(frame)
        except JournalFailed as error:
            self._refuse(request, RejectReason.OTHER, str(error))
            return
        self._records.record_amendment(request)
        if not self._line.write(RequestKind.AMEND, frame):
            self._records.amendment_not_sent(request)
            self._refuse(request, RejectReason.OTHER, "venue-down link=down sent=no")

    def _expired(self, late: Waiting, waited: str) -> None:
        self._refuse(late.what, RejectReason.OTHER, f"{DenyReason.ORDER_EXPIRED.value} {waited}")

    def _refuse(self, request: AmendOrder, reason: RejectReason, text: str) -> None:
        head = (request.client_order_id, request.strategy, request.instrument)
        refused = AmendRejected(*head, reason, text[:TEXT_LENGTH_MAX], self._now_ns())
        self._to_strategy(request.strategy, encode(refused))
