"""The orders and timers of a pair: how a wanted quantity becomes an IOC order, and what waits for what."""

from decimal import Decimal
from typing import Any

from actors.strategies.own_orders import OwnOrders, Ticket
from actors.strategies.pair.commands import PairParameters
from actors.strategies.pair.patience import RETRY_MS, Patience
from actors.strategies.pair.sizing import Leg, slipped
from messages.order_lifecycle import Order
from messages.orders import OrderClosed, OrderDenied, OrderRejected, Side
from messages.strategy_host import SetTimer

NS_PER_MS = 1_000_000
PROTECT_POLL_MS = 200
FLATTEN_WIDER = 3.0
LEG_TIMER, RETRY_TIMER = "pair-leg", "pair-retry"
PROTECT_TIMER, COOLDOWN_TIMER = "pair-protect", "pair-cooldown"
TIMERS = (LEG_TIMER, RETRY_TIMER, PROTECT_TIMER, COOLDOWN_TIMER)

Outputs = list[Any]
Wanted = tuple[int, Side, Decimal]
"""(leg, side, quantity)."""


class PairOrders:
    """Makes the orders of both legs, and remembers the last ones it sent.

    :ivar batch: the orders that were sent last: an attempt.
    :ivar patience: with attempts that fill nothing.
    :ivar shortfall: how the last order that did not fill completely ended, in words.
    """

    def __init__(self, legs: tuple[Leg, Leg], own_orders: OwnOrders, parameters: PairParameters) -> None:
        self.legs = legs
        self.own_orders = own_orders
        self.parameters = parameters
        self.batch: list[Order] = []
        self.shortfall = ""
        self.patience = Patience((leg.view for leg in legs), own_orders, parameters.quote_age_max_ms)
        self._wait_ms = {
            LEG_TIMER: parameters.leg_timeout_ms,
            RETRY_TIMER: RETRY_MS,
            PROTECT_TIMER: PROTECT_POLL_MS,
            COOLDOWN_TIMER: parameters.cooldown_ms,
        }

    def begin(self) -> None:
        """Forget the last cycle's attempts."""
        self.batch, self.shortfall = [], ""
        self.patience.begin()

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
        self.patience.sent(self.batch)
        requests = [order.request for order in self.batch]
        return [*self.own_orders.cancel_timer(RETRY_TIMER), *requests, self.wait(LEG_TIMER)]

    def note_end(self, report: OrderClosed | OrderRejected | OrderDenied) -> None:
        """Remember, also in words, an order that did not do what it was sent for."""
        self.patience.note_end(report)
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

    def retry(self) -> SetTimer:
        """Wait for the next attempt; after one that filled nothing also for word of one of its markets."""
        self.patience.start_awaiting()
        return self.wait(RETRY_TIMER)

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
