"""The orders and timers of a pair: how a wanted quantity becomes an IOC order, and what waits for what."""

from decimal import Decimal
from typing import Any

from actors.strategies.own_orders import OwnOrders, Ticket
from actors.strategies.pair.commands import PairParameters
from actors.strategies.pair.sizing import Leg, slipped
from messages.control import SetTimer
from messages.market import Depth, Quote
from messages.order_lifecycle import Order
from messages.orders import OrderClosed, OrderDenied, OrderRejected, RejectReason, Side

NS_PER_MS = 1_000_000
RETRY_MS = 100
"""Between two attempts of a repair, a close or a flattening, so that the book can refill."""
NEWS_WAIT_MS_MAX = 120_000
"""After an attempt that filled nothing, for word of its markets; never longer than a quote may be old. A book that is
quoted once a minute is worth waiting for, one that is silent for longer is not: that attempt and the next ones count.
"""
PROTECT_POLL_MS = 200
FLATTEN_WIDER = 3.0
LEG_TIMER, RETRY_TIMER = "pair-leg", "pair-retry"
PROTECT_TIMER, COOLDOWN_TIMER = "pair-protect", "pair-cooldown"
TIMERS = (LEG_TIMER, RETRY_TIMER, PROTECT_TIMER, COOLDOWN_TIMER)

Outputs = list[Any]
Wanted = tuple[int, Side, Decimal]
"""(leg, side, quantity)."""
Seen = tuple[Quote | None, Depth | None]
"""What was known of a market: the newest quote and depth. Whatever is said of it anew makes it another one."""


class PairOrders:
    """Makes the orders of both legs, and remembers the last ones it sent.

    :ivar batch: the orders that were sent last: an attempt.
    :ivar shortfall: how the last order that did not fill completely ended, in words.
    """

    def __init__(self, legs: tuple[Leg, Leg], own_orders: OwnOrders, parameters: PairParameters) -> None:
        self.legs = legs
        self.own_orders = own_orders
        self.parameters = parameters
        self.batch: list[Order] = []
        self.shortfall = ""
        self._seen: list[Seen | None] = [None, None]
        self._is_repeat = False
        self._fruitless: set[str] = set()
        self._waits_until_ns = 0
        self._news_wait_ns = min(parameters.quote_age_max_ms, NEWS_WAIT_MS_MAX) * NS_PER_MS
        self._wait_ms = {
            LEG_TIMER: parameters.leg_timeout_ms,
            RETRY_TIMER: RETRY_MS,
            PROTECT_TIMER: PROTECT_POLL_MS,
            COOLDOWN_TIMER: parameters.cooldown_ms,
        }

    def begin(self) -> None:
        """Forget the last cycle's attempts."""
        self.batch, self.shortfall = [], ""

    def ticket(self, wanted: Wanted, price: Decimal | None, *, is_closing: bool = False) -> Ticket:
        """An IOC order; reduce-only where a derivative is closed, so that it can never open the other way.

        :param is_closing: it closes, whichever side the leg is held on.
        """
        index, side, quantity = wanted
        leg = self.legs[index]
        return Ticket(
            instrument=leg.instrument.id,
            side=side,
            quantity=quantity,
            price=price,
            reduce_only=not (leg.instrument.is_spot or leg.is_shared) and (is_closing or side is leg.closes),
            valid_for_ms=self.parameters.leg_timeout_ms,
        )

    def opening(self, index: int, quantity: Decimal, limit: Decimal) -> Ticket:
        return self.ticket((index, self.legs[index].opens, quantity), limit)

    def capped(self, wanted: Wanted, slippage_bps: float) -> Ticket:
        """At the touch, given away by `slippage_bps` at the most."""
        index, side, _ = wanted
        leg = self.legs[index]
        return self.ticket(wanted, slipped(leg.instrument, side, leg.view.touch(side), slippage_bps))

    def flattening(self, wanted: Wanted, round_number: int) -> Ticket:
        """A wide limit first, then one three times as wide, then the market."""
        index, side, _ = wanted
        leg = self.legs[index]
        touch = leg.view.touch(side)
        if round_number > 2 or not touch:
            return self.ticket(wanted, None, is_closing=True)
        wide_bps = self.parameters.flatten_slippage_bps * (1.0 if round_number == 1 else FLATTEN_WIDER)
        return self.ticket(wanted, slipped(leg.instrument, side, touch, wide_bps), is_closing=True)

    def send(self, tickets: list[Ticket]) -> Outputs:
        self.batch = [self.own_orders.submit(ticket) for ticket in tickets]
        has_waited = 0 < self._waits_until_ns <= self.own_orders.now_ns
        self._is_repeat = not has_waited and not self._has_news()
        self._waits_until_ns = 0
        self._fruitless.clear()
        for index in self._legs_of_batch():
            self._seen[index] = self._sees(index)
        requests = [order.request for order in self.batch]
        return [*self.own_orders.cancel_timer(RETRY_TIMER), *requests, self.wait(LEG_TIMER)]

    def note_end(self, report: OrderClosed | OrderRejected | OrderDenied) -> None:
        """Remember, also in words, an order that did not do what it was sent for."""
        if _found_nothing(report):
            self._fruitless.add(report.client_order_id)
        order = self.own_orders.order(report.client_order_id)
        names = [
            f"the {ordinal} leg ({leg.instrument.id})"
            for ordinal, leg in zip(("first", "second"), self.legs, strict=True)
            if leg.instrument.id == report.instrument
        ]
        if order is None or not names:
            return
        how = _how_it_ended(report, order)
        if how:
            self.shortfall = f"{names[0]} {how}"

    @property
    def has_filled(self) -> bool:
        """Whether the orders that were sent last have filled anything."""
        return any(order.filled_quantity for order in self.batch)

    # --- attempts that fill nothing -----------------------------------------------------------------------------

    def retry(self) -> SetTimer:
        """Wait for the next attempt; after one that filled nothing also for word of one of its markets."""
        self._waits_until_ns = self.own_orders.now_ns + self._news_wait_ns if self._is_futile else 0
        return self.wait(RETRY_TIMER)

    def is_awaiting_news(self) -> bool:
        """Whether the next attempt would meet what the last one has met already."""
        return self.own_orders.now_ns < self._waits_until_ns and self._is_futile and not self._has_news()

    def stop_awaiting(self) -> None:
        self._waits_until_ns = 0

    def take_back(self) -> bool:
        """Whether the attempt that awaits news is not to be counted, since an order of ours had been in the same market
        before; told once.
        """
        is_repeat, self._is_repeat = self._is_repeat, False
        return is_repeat

    @property
    def _is_futile(self) -> bool:
        """Whether all orders have been in their markets and filled nothing; what is refused has been in none."""
        return bool(self.batch) and all(
            order.request.client_order_id in self._fruitless and not order.filled_quantity for order in self.batch
        )

    def _has_news(self) -> bool:
        """Whether a market of the batch has been heard of since an order of ours was sent into it."""
        return any(self._seen[index] != self._sees(index) for index in self._legs_of_batch())

    def _sees(self, index: int) -> Seen:
        view = self.legs[index].view
        return view.quote, view.depth

    def _legs_of_batch(self) -> list[int]:
        names = {order.request.instrument for order in self.batch}
        return [index for index, leg in enumerate(self.legs) if leg.instrument.id in names]

    # --- what works ---------------------------------------------------------------------------------------------

    def cancel_reachable(self) -> Outputs:
        """Cancel whatever works at a venue that can be reached."""
        return [self.own_orders.cancel(order) for order in self.own_orders.working if self.is_reachable(order)]

    def is_reachable(self, order: Order) -> bool:
        return any(leg.view.is_up for leg in self.legs if leg.instrument.id == order.request.instrument)

    def is_usable(self, index: int) -> bool:
        """Whether the leg's market is up and fresh."""
        return self.legs[index].view.is_fresh(self.own_orders.now_ns, self.parameters.quote_age_max_ms * NS_PER_MS)

    def wait(self, timer: str) -> SetTimer:
        return self.own_orders.set_timer(timer, self._wait_ms[timer] * NS_PER_MS)

    def cancel_timers(self) -> Outputs:
        return [cancel for name in TIMERS for cancel in self.own_orders.cancel_timer(name)]


def _found_nothing(report: OrderClosed | OrderRejected | OrderDenied) -> bool:
    if isinstance(report, OrderClosed):
        return not report.filled_quantity
    return isinstance(report, OrderRejected) and report.reason is RejectReason.NO_LIQUIDITY


def _how_it_ended(report: OrderClosed | OrderRejected | OrderDenied, order: Order) -> str:
    """Empty for an order that filled completely."""
    if isinstance(report, OrderRejected):
        return f"was rejected: {report.reason.value} {report.text}".rstrip()
    if isinstance(report, OrderDenied):
        return f"was denied: {report.reason.value} {report.context}".rstrip()
    filled, request = order.filled_quantity, order.request
    if filled >= request.quantity:
        return ""
    at = "at the market" if request.price is None else f"at {request.price:,}"
    return f"filled {filled} of {request.quantity} {at}" if filled else f"filled nothing {at}"
