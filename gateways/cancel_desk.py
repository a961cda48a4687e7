"""The cancels of a gateway: sent once, again after a while, kept where the link is full, and never held up.

A cancel is journaled where the journal can be written, and goes in any case.
"""

from collections.abc import Iterable
from typing import Final, NamedTuple

import structlog

from actors.runtime.journal import JournalFailed
from gateways.desk_parts import DeskParts
from gateways.gate.rate_limits import RequestKind
from gateways.gate.send_queue import Urgency, Waiting
from gateways.venue import OpenOrder
from messages.codec import encode
from messages.order_lifecycle import Order, OrderState
from messages.orders import CancelOrder, SubmitOrder

CANCEL_AGAIN_NS: Final = 1_000_000_000
"""Under a rate limit, a cancel is repeated no sooner."""

ADOPTED: Final = "adopted"
"""Whose an order is that no intent explains, and why it is cancelled."""

_NEVER_THERE: Final = (OrderState.DENIED, OrderState.REJECTED)
"""States in which no order works, as far as we were told."""

log = structlog.get_logger()


class _Cancel(NamedTuple):
    """What waits in the line; one that is adopted goes even though our books say that its order has ended."""

    frame: bytes
    is_adopted: bool = False


class CancelDesk:
    def __init__(self, parts: DeskParts) -> None:
        self._line = parts.line
        self._gate = parts.gate
        self._log = parts.intent_log
        self._records = parts.records
        self._now_ns = parts.now_ns
        self._asked = set(parts.records.cancels_asked)
        self._sent_ns: dict[str, int] = {}
        self._noted: set[str] = set()
        self._unsent: dict[str, bytes] = {}
        parts.line.serve(RequestKind.CANCEL, self._release)

    @property
    def unsent(self) -> int:
        """Cancels that the link to the venue did not take, being full; at most one for each open order."""
        return len(self._unsent)

    # --- who wants it -------------------------------------------------------------------------------------------

    def on_request(self, request: CancelOrder, order: Order) -> None:
        """A strategy cancels an order of its own, which is open."""
        name = request.client_order_id
        self._gate.count_cancel(request.strategy, self._now_ns())
        if self._is_under_way(name):
            return
        if name in self._sent_ns and self._line.queue.has(RequestKind.QUERY, name):
            self._asked.add(name)  # what the venue answers says whether there is anything left
            self._noted.add(name)
            return
        self._send(order, request.epoch, request.caused_by)

    def cancel_orders(self, orders: Iterable[Order], caused_by: str) -> None:
        """Cancel each of these orders, whoever sent it and whatever has been asked of it before."""
        for order in orders:
            self._send(order, order.request.epoch, caused_by)

    def cancel_fenced(self) -> None:
        """Cancel (again) what still works of incarnations that are over."""
        for order in self._records.open_orders():
            is_working = order.state in (OrderState.IN_FLIGHT, OrderState.WORKING)
            if is_working and self._gate.is_fenced(order.request.strategy, order.request.epoch):
                self._cancel_again(order, "fenced")

    def cancel_adopted(self, found: OpenOrder) -> None:
        """Cancel an order that works at the venue and is open in no book of ours; one that the link does not take is
        found again.
        """
        name = found.client_order_id
        known = self._records.orders.get(name)
        strategy, epoch = (ADOPTED, 0) if known is None else (known.request.strategy, known.request.epoch)
        frame = encode(CancelOrder(name, strategy, epoch, found.instrument, ADOPTED))
        try:
            self._log.intend(frame)
        except JournalFailed as error:  # cancels go all the same
            log.error("cancel not journaled", order=name, error=str(error))
        if self._line.must_wait(RequestKind.CANCEL):
            self._line.wait(RequestKind.CANCEL, name, Urgency.CANCEL, _Cancel(frame, is_adopted=True))
        else:
            self._line.write(RequestKind.CANCEL, frame)

    def on_sign_of_life(self, order: Order) -> None:
        """The venue speaks of an order; cancel one that it was said not to know, or had refused, and has after all."""
        request = order.request
        if order.state in _NEVER_THERE and not self._was_just_sent(request.client_order_id):
            log.error("an order works that should not", order=request.client_order_id, state=order.state.name)
            self.cancel_adopted(OpenOrder(request.client_order_id, request.instrument))
            self._sent_ns[request.client_order_id] = self._now_ns()

    def on_status(self, order: Order) -> None:
        """The venue has said how an order stands: cancel it (again) where it still works and should not."""
        name = order.request.client_order_id
        if order.is_open and (cause := self._why(order.request)):
            if name in self._noted:  # this cancel was never sent; the one that was is answered
                self._send(order, order.request.epoch, cause)
            else:
                self._cancel_again(order, cause)
        self._noted.discard(name)

    # --- what becomes of it -------------------------------------------------------------------------------------

    def refused(self, client_order_id: str) -> None:
        """The venue has found nothing to cancel, or would not; it may be asked again."""
        self._asked.discard(client_order_id)

    def ended(self, client_order_id: str) -> None:
        self._asked.discard(client_order_id)
        self._noted.discard(client_order_id)
        self._sent_ns.pop(client_order_id, None)

    def link_lost(self) -> None:
        """What was sent may be lost with the link."""
        self._sent_ns.clear()
        self._noted.clear()

    def send_waiting(self) -> None:
        """Send what the link takes by now. After a loss of the link every order is asked about instead, and cancelled
        by the answer.
        """
        if not self._line.is_up:
            self._unsent.clear()
        for name, frame in list(self._unsent.items()):
            if not self._has_ended(name):
                if self._line.must_wait(RequestKind.CANCEL):
                    self._line.wait(RequestKind.CANCEL, name, Urgency.CANCEL, _Cancel(frame))
                elif not self._line.write(RequestKind.CANCEL, frame):
                    return
            del self._unsent[name]

    def _release(self, request: Waiting) -> None:
        cancel: _Cancel = request.what
        if not cancel.is_adopted and self._has_ended(request.key):
            return
        if not self._line.write(RequestKind.CANCEL, cancel.frame) and not cancel.is_adopted:
            self._unsent[request.key] = cancel.frame

    # --- sending ------------------------------------------------------------------------------------------------

    def _send(self, order: Order, epoch: int, caused_by: str) -> None:
        request = order.request
        name = request.client_order_id
        self._asked.add(name)
        frame = encode(CancelOrder(name, request.strategy, epoch, request.instrument, caused_by))
        try:
            self._log.intend(frame)
            self._records.cancel_requested(name)
        except JournalFailed as error:  # cancels go all the same
            log.error("cancel not journaled", order=name, error=str(error))
        if self._line.must_wait(RequestKind.CANCEL):
            self._line.wait(RequestKind.CANCEL, name, Urgency.CANCEL, _Cancel(frame))
        elif not self._line.write(RequestKind.CANCEL, frame):
            self._unsent[name] = frame
            return
        self._sent_ns[name] = self._now_ns()

    def _cancel_again(self, order: Order, cause: str) -> None:
        """No sooner than a while after the last time: a venue that refuses it at once would be asked without an end."""
        if not self._was_just_sent(order.request.client_order_id):
            self._send(order, order.request.epoch, cause)

    def _was_just_sent(self, client_order_id: str) -> bool:
        sent_ns = self._sent_ns.get(client_order_id)
        return sent_ns is not None and self._now_ns() - sent_ns < CANCEL_AGAIN_NS

    def _is_under_way(self, client_order_id: str) -> bool:
        """Whether a cancel of the order was just sent, and each one more takes from a rate limit that others need."""
        is_asked = client_order_id in self._asked and self._was_just_sent(client_order_id)
        return self._line.queue.budget.is_bounded and is_asked

    def _has_ended(self, client_order_id: str) -> bool:
        order = self._records.orders.get(client_order_id)
        return order is None or not order.is_open

    def _why(self, request: SubmitOrder) -> str:
        """Why an open order should not work; empty where it may."""
        if self._gate.is_halted:
            return "halt"
        if self._gate.is_fenced(request.strategy, request.epoch):
            return "fenced"
        return "cancel-repeated" if request.client_order_id in self._asked else ""
