"""How an order stands, fills and all: the order first, then its executions page by page, then one `OrderStatus`. Pure.

The venue answers both questions from a memory that may lag behind its matching engine, so what does not add up is not
told: the inquiry ends as an unknown outcome, and is to be made again.

Sources, read 2026-11-24: Spot API docs, "Query order", "Account trade history", "Errors" (-2013, -2026); Derivatives
docs, "Query Order", "Account Trade List".
"""

from decimal import Decimal
from typing import Final

import msgspec

from gateways.binance.answer_frames import Answer, body_of
from gateways.binance.malformed import malformed
from gateways.binance.market import Market
from gateways.binance.order_bodies import CLOSED, ORDER, REJECTED, TRADES, WORKING, ZERO, OrderBody, fill_of
from gateways.binance.orders import TRADES_PAGE_MAX
from gateways.binance.refusals import NO_SUCH_ORDER, ORDER_ARCHIVED, is_outcome_unknown
from gateways.native.wire import OutcomeUnknown
from gateways.venue import FILLS_PER_ORDER_MAX, OrderStatus
from messages.orders import CloseReason, Fill, QueryOrder, RejectReason

PAGES_MAX: Final = FILLS_PER_ORDER_MAX // TRADES_PAGE_MAX
TRANSIT_MS: Final = 1_000
"""How much longer than its receive window an order may be on its way: the venue takes clocks that are so far ahead."""


class TradesNeeded(msgspec.Struct, frozen=True):
    """Ask for the executions of this order. :param after_trade_id: the last one that is known; 0: from the first on."""

    venue_order_id: int
    after_trade_id: int


Step = OrderStatus | OutcomeUnknown | TradesNeeded


def is_never_coming(sent_ms: int, now_ms: int, recv_window_ms: int) -> bool:
    """Whether an order that the venue does not know cannot reach it any more: it refuses what is older than its window.

    :param sent_ms: 0 where another process has sent it, before this one began.
    """
    return now_ms - sent_ms > recv_window_ms + TRANSIT_MS


class StatusInquiry:
    """One question about one order.

    :param is_final: whether "no such order" means that it never will be, see `is_never_coming`.
    """

    def __init__(self, market: Market, request: QueryOrder, *, is_final: bool) -> None:
        self.request = request
        self._market = market
        self._is_final = is_final
        self._order: OrderBody | None = None
        self._fills: dict[str, Fill] = {}
        self._pages = 0

    def take(self, answer: Answer, now_ns: int) -> Step:
        """The answer to whichever question was asked last.

        :raises MalformedMessage: it cannot be read.
        """
        try:
            return self._take_order(answer, now_ns) if self._order is None else self._take_trades(answer)
        except ValueError as error:
            raise malformed(f"order in the answer to {answer.key}", answer.result, error) from error

    def _take_order(self, answer: Answer, now_ns: int) -> Step:
        if not answer.is_ok:
            return self._refused(answer, now_ns)
        order = body_of(answer, ORDER, "order")
        if order.status not in CLOSED and order.status not in WORKING and order.status != REJECTED:
            return OutcomeUnknown(answer.key, f"order {order.client_order_id} has the unknown status {order.status}")
        self._order = order
        return TradesNeeded(order.order_id, 0) if order.executed_qty else self._status(order)

    def _take_trades(self, answer: Answer) -> Step:
        order = self._order
        assert order is not None, "executions before their order"
        if not answer.is_ok:
            return _unknown(answer)
        trades = body_of(answer, TRADES, "executions")
        self._pages += 1
        for trade in trades:
            if trade.order_id == order.order_id:
                head = (self.request.client_order_id, self.request.strategy, self.request.instrument)
                self._fills[str(trade.id)] = fill_of(trade, *head)
        if len(trades) >= TRADES_PAGE_MAX and self._pages < PAGES_MAX:
            return TradesNeeded(order.order_id, max(trade.id for trade in trades))
        filled = sum((fill.quantity for fill in self._fills.values()), ZERO)
        is_closed = order.status in CLOSED
        if filled < order.executed_qty or (is_closed and filled != order.executed_qty):
            return OutcomeUnknown(
                answer.key,
                f"order {self.request.client_order_id}: its executions sum to {filled}, the venue says "
                f"{order.executed_qty} is filled; ask again",
            )
        return self._status(order, filled)

    def _refused(self, answer: Answer, now_ns: int) -> Step:
        if answer.code == NO_SUCH_ORDER and not is_outcome_unknown(answer):
            if self._is_final:
                return self._told(is_known=False, ts_event=now_ns)
            return OutcomeUnknown(answer.key, "no such order yet; it may still be on its way: ask again")
        if answer.code == ORDER_ARCHIVED and self._market.is_spot:
            return self._told(is_known=True, ts_event=now_ns, closed=CloseReason.CANCELLED)
        return _unknown(answer)

    def _status(self, order: OrderBody, filled: Decimal = ZERO) -> OrderStatus:
        return OrderStatus(
            client_order_id=self.request.client_order_id,
            strategy=self.request.strategy,
            instrument=self.request.instrument,
            is_known=True,
            venue_order_id=str(order.order_id),
            rejected=RejectReason.OTHER if order.status == REJECTED else None,
            closed=CLOSED.get(order.status),
            filled_quantity=filled,
            fills=tuple(sorted(self._fills.values(), key=lambda fill: (fill.ts_event, int(fill.trade_id)))),
            ts_event=order.ts_event,
            quantity=order.orig_qty,
            price=order.limit,
        )

    def _told(self, *, is_known: bool, ts_event: int, closed: CloseReason | None = None) -> OrderStatus:
        """The status of an order of which the venue says no more."""
        head = (self.request.client_order_id, self.request.strategy, self.request.instrument)
        return OrderStatus(*head, is_known, "", None, closed, ZERO, (), ts_event)


def _unknown(answer: Answer) -> OutcomeUnknown:
    return OutcomeUnknown(answer.key, f"status {answer.status} code {answer.code}: {answer.text}")
