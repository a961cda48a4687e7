"""The resting orders of a market maker: which are kept, cancelled and placed, so that a ladder stands in the market.

A level holds one order at a time. A replacement is cancel first, place when the cancel is confirmed: until the venue
says that the old order has ended, it may still fill, and counts. Amending in place would save a round trip, but what
became of an amendment is no part of what a venue tells when it is asked about an order, so that an outage would leave
price and size of a working order in doubt.
"""

from decimal import Decimal
from typing import Any, NamedTuple

from actors.strategies.market_making.inventory import ZERO, Inventory
from actors.strategies.market_making.parameters import BPS, MarketMakingParameters
from actors.strategies.market_making.quotes import Ladder
from actors.strategies.own_orders import OwnOrders, Ticket
from actors.strategies.pair.sizing import is_tradable
from messages.instruments import Rounding
from messages.market import Quote
from messages.order_lifecycle import Order, OrderState
from messages.orders import (
    CancelOrder,
    ExecutionReport,
    Fill,
    OrderAccepted,
    OrderClosed,
    OrderDenied,
    OrderRejected,
    RejectReason,
    Side,
    TimeInForce,
)

NS_PER_MS = 1_000_000
NS_PER_S = 1_000_000_000
_OPEN = (OrderState.WORKING, OrderState.CANCELLING, OrderState.IN_FLIGHT, OrderState.UNKNOWN)
"""As a tuple: these are compared by identity, the members of a set would be hashed, which costs ten times as much."""
SIZE_TOLERANCE = 0.1
"""After a fill, a quote is replaced when its size should differ by more than this share."""
FAR = float("inf")

Outputs = list[Any]


class MakerMarket(NamedTuple):
    """What orders are made for."""

    quote: Quote
    fair: float
    position: Decimal
    now_ns: int


class Slot:
    """The place of one level on one side. :ivar price, size, fair: as they were asked for, not rounded."""

    __slots__ = (
        "fair",
        "level",
        "order",
        "placed_ns",
        "price",
        "rejected",
        "rests_until_ns",
        "retries",
        "side",
        "size",
    )

    def __init__(self, side: Side, level: int) -> None:
        self.side = side
        self.level = level
        self.order: Order | None = None
        self.price = self.size = self.fair = 0.0
        self.placed_ns = self.rests_until_ns = self.retries = 0
        self.rejected: Decimal | None = None

    @property
    def live(self) -> Order | None:
        """The order that may still fill."""
        order = self.order
        return order if order is not None and order.state in _OPEN else None


class Working(NamedTuple):
    """What works on one side: how much, and its best price for others."""

    quantity: Decimal
    best: Decimal | None


class QuoteOrders:
    """The slots of both sides, and the orders that hang beside them.

    :ivar hanging: slots whose order was left standing when its counterpart filled.
    :ivar fair_low, fair_high: while the fair value is between them, no working quote is off by more than the tolerance.
    :ivar refusals: in a row, those for post-only left out.
    """

    def __init__(self, inventory: Inventory, own_orders: OwnOrders, parameters: MarketMakingParameters) -> None:
        self.slots = {side: [Slot(side, level) for level in range(parameters.levels)] for side in Side}
        self.hanging: list[Slot] = []
        self.fair_low, self.fair_high = -FAR, FAR
        self.refusals = 0
        self._inventory = inventory
        self._instrument = inventory.instrument
        self._own_orders = own_orders
        self._parameters = parameters
        self._tolerance = parameters.refresh_tolerance_bps / BPS
        self._tick = float(inventory.instrument.tick_size)
        self._age_max_ns = int(parameters.order_age_max_s * NS_PER_S)
        self._timeout_ns = parameters.order_timeout_ms * NS_PER_MS
        self._slot_of: dict[str, Slot] = {}
        self._cancelled_ns: dict[str, int] = {}
        self._ping_pong = 0

    # --- keeping the ladder -------------------------------------------------------------------------------------

    def refresh(self, ladder: Ladder, market: MakerMarket, *, checks_sizes: bool = False) -> Outputs:
        """Cancel what is outdated and place what is missing.

        :param checks_sizes: replace quotes of the wrong size too, as after a fill.
        """
        outputs: Outputs = self._cancel_hanging(market)
        for side, prices, sizes in self._sides(ladder):
            for slot, price, size in zip(self.slots[side], prices, sizes, strict=True):
                order = slot.order
                if order is None or order.state is not OrderState.WORKING:
                    continue
                is_wrong = size <= 0.0 or (checks_sizes and _has_wrong_size(slot, order, size))
                if (is_wrong or self._is_outdated(slot, price, market)) and self._may_cancel(order, market.now_ns):
                    outputs.append(self._cancel(order, market.now_ns))
        for side, prices, sizes in self._sides(ladder):
            outputs += self._place_side(side, prices, sizes, market)
        self.narrow(market.fair)
        return outputs

    def _sides(self, ladder: Ladder) -> tuple[tuple[Side, tuple[float, ...], tuple[float, ...]], ...]:
        """Prices and sizes by side, without the levels that wait for the other side's turn."""
        bid_sizes, ask_sizes = ladder.bid_sizes, ladder.ask_sizes
        if self._ping_pong > 0:
            bid_sizes = _without_innermost(bid_sizes, self._ping_pong)
        elif self._ping_pong < 0:
            ask_sizes = _without_innermost(ask_sizes, -self._ping_pong)
        return (Side.BUY, ladder.bid_prices, bid_sizes), (Side.SELL, ladder.ask_prices, ask_sizes)

    def _is_outdated(self, slot: Slot, price: float, market: MakerMarket) -> bool:
        if market.now_ns - slot.placed_ns >= self._age_max_ns:
            return True
        return abs(price - slot.price) > max(self._tolerance * market.fair, self._tick)

    def narrow(self, fair: float) -> None:
        """Find the band of fair values in which every working quote is within the tolerance."""
        distance = max(self._tolerance * fair, self._tick)
        working = OrderState.WORKING
        fairs = [
            slot.fair
            for slots in self.slots.values()
            for slot in slots
            if slot.order is not None and slot.order.state is working
        ]
        self.fair_low = max(fairs, default=-FAR) - distance
        self.fair_high = min(fairs, default=FAR) + distance

    # --- placing ------------------------------------------------------------------------------------------------

    def _place_side(
        self, side: Side, prices: tuple[float, ...], sizes: tuple[float, ...], market: MakerMarket
    ) -> Outputs:
        wanted = [
            (slot, price, size)
            for slot, price, size in zip(self.slots[side], prices, sizes, strict=True)
            if size > 0.0 and slot.live is None and market.now_ns >= slot.rests_until_ns
        ]
        if not wanted:
            return []
        outputs: Outputs = []
        room, own = self._room(side, market), self.working(side.opposite).best
        for slot, price, size in wanted:
            quantity, at = self._quantity(size, room), self._price(slot, price, market.quote)
            # An old quote of our own in the way is being cancelled: its level is placed when it has gone.
            meets_own = own is not None and (at - own) * side.sign >= 0
            if at <= 0 or meets_own or not is_tradable(self._instrument, quantity, at):
                continue
            room -= quantity
            slot.price, slot.size, slot.fair, slot.placed_ns = price, size, market.fair, market.now_ns
            outputs.append(self._submit(slot, at, quantity))
        return outputs

    def _submit(self, slot: Slot, price: Decimal, quantity: Decimal) -> Any:
        ticket = Ticket(
            instrument=self._instrument.id,
            side=slot.side,
            quantity=quantity,
            price=price,
            time_in_force=TimeInForce.GTC,
            post_only=True,
        )
        order = slot.order = self._own_orders.submit(ticket)
        self._slot_of[order.request.client_order_id] = slot
        return order.request

    def _room(self, side: Side, market: MakerMarket) -> Decimal:
        """What may still be ordered on a side, if everything that works there fills."""
        return max(self._inventory.headroom(side, market.position) - self.working(side).quantity, ZERO)

    def _quantity(self, size: float, room: Decimal) -> Decimal:
        quantity, highest = self._instrument.round_quantity(size), self._instrument.max_quantity
        if quantity > room:
            quantity = self._instrument.round_quantity(room)
        return quantity if highest is None else min(quantity, highest)

    def _price(self, slot: Slot, price: float, quote: Quote) -> Decimal:
        """On the tick, away from the market and not taking; a tick behind the price that was refused for taking."""
        instrument, tick = self._instrument, self._instrument.tick_size
        if slot.side is Side.BUY:
            at = instrument.round_price(price, Rounding.DOWN)
            if price > quote.ask - 2.0 * self._tick:
                at = min(at, instrument.round_price(quote.ask, Rounding.NEAREST) - tick)
            return at if slot.rejected is None else min(at, slot.rejected - tick)
        at = instrument.round_price(price, Rounding.UP)
        if price < quote.bid + 2.0 * self._tick:
            at = max(at, instrument.round_price(quote.bid, Rounding.NEAREST) + tick)
        return at if slot.rejected is None else max(at, slot.rejected + tick)

    def working(self, side: Side) -> Working:
        """Everything of a side that may still fill, whatever it was made for."""
        quantity, best = ZERO, None
        for order in self._own_orders.open_orders:
            request = order.request
            if request.side is not side:
                continue
            quantity += order.open_quantity
            price = request.price
            if price is not None and (best is None or (price > best if side is Side.BUY else price < best)):
                best = price
        return Working(quantity, best)

    # --- cancelling ---------------------------------------------------------------------------------------------

    def cancel_all(self, now_ns: int) -> Outputs:
        """Cancel whatever may fill; a cancel that was sent a moment ago is not repeated."""
        return [self._cancel(order, now_ns) for order in self._own_orders.working if self._may_cancel(order, now_ns)]

    def repeat_cancels(self, now_ns: int) -> Outputs:
        """Send the cancels again that have not been answered in time."""
        return [
            self._cancel(order, now_ns)
            for order in self._own_orders.working
            if order.state is OrderState.CANCELLING and self._may_cancel(order, now_ns)
        ]

    def _may_cancel(self, order: Order, now_ns: int) -> bool:
        """A cancel that was refused is not repeated at once either: the venue might refuse it for ever."""
        cancelled_ns = self._cancelled_ns.get(order.request.client_order_id)
        return cancelled_ns is None or now_ns - cancelled_ns >= self._timeout_ns

    def _cancel(self, order: Order, now_ns: int) -> CancelOrder:
        self._cancelled_ns[order.request.client_order_id] = now_ns
        return self._own_orders.cancel(order)

    def _cancel_hanging(self, market: MakerMarket) -> Outputs:
        """Forget hanging orders that have ended; cancel those that are too old or too far away."""
        if not self.hanging:
            return []
        self.hanging = [slot for slot in self.hanging if slot.live is not None]
        distance = self._parameters.hanging_distance_bps / BPS * market.fair
        outputs: Outputs = []
        for slot in self.hanging:
            order = slot.live
            is_far = abs(slot.price - market.fair) > distance
            is_old = market.now_ns - slot.placed_ns >= self._age_max_ns
            if order is not None and (is_far or is_old) and self._may_cancel(order, market.now_ns):
                outputs.append(self._cancel(order, market.now_ns))
        return outputs

    # --- what becomes of them -----------------------------------------------------------------------------------

    def take(self, report: ExecutionReport, now_ns: int) -> None:
        """Follow an order of ours; `own_orders` knows of the report already."""
        if isinstance(report, Fill):
            self._follow_fill(report)
        elif isinstance(report, OrderAccepted):
            self.refusals = 0
            slot = self._slot_of.get(report.client_order_id)
            if slot is not None:
                slot.retries, slot.rejected = 0, None
        elif isinstance(report, OrderRejected | OrderDenied):
            self._follow_refusal(report, now_ns)
        elif isinstance(report, OrderClosed):
            self._forget(report.client_order_id)

    def forget_band(self) -> None:
        """Whatever the fair value, look at every quote of ours next time."""
        self.fair_low, self.fair_high = FAR, -FAR

    def forget_ended(self) -> None:
        """Forget orders whose end was not reported but found out at a restart."""
        open_ids = {order.request.client_order_id for order in self._own_orders.open_orders}
        for name in [*self._slot_of, *self._cancelled_ns]:
            if name not in open_ids:
                self._forget(name)

    def _forget(self, client_order_id: str) -> None:
        self._slot_of.pop(client_order_id, None)
        self._cancelled_ns.pop(client_order_id, None)

    def _follow_refusal(self, report: OrderRejected | OrderDenied, now_ns: int) -> None:
        """A quote that would take is moved a tick away, a few times; any other refusal lets the level rest."""
        slot = self._slot_of.get(report.client_order_id)
        is_post_only = report.reason is RejectReason.POST_ONLY_WOULD_TAKE
        self.refusals += 0 if is_post_only else 1
        if slot is not None:
            if is_post_only and slot.retries < self._parameters.post_only_retries_max and slot.order is not None:
                slot.retries += 1
                slot.rejected = slot.order.request.price
            else:
                slot.retries, slot.rejected = 0, None
                slot.rests_until_ns = now_ns + self._timeout_ns
        self._forget(report.client_order_id)

    def _follow_fill(self, fill: Fill) -> None:
        """A quote that filled completely lets its counterpart hang, or its side rest, where that is asked for."""
        slot = self._slot_of.get(fill.client_order_id)
        if slot is None or slot.order is None or slot.order.filled_quantity < slot.order.request.quantity:
            return
        levels = self._parameters.levels
        if self._parameters.ping_pong:
            self._ping_pong = min(levels, max(-levels, self._ping_pong + slot.side.sign))
        if self._parameters.hanging_orders and slot is self.slots[slot.side][slot.level]:
            self._hang(self.slots[slot.side.opposite][slot.level])

    def _hang(self, slot: Slot) -> None:
        """Leave the order of a slot standing beside the ladder; at most `levels` of a side hang."""
        self.hanging = [other for other in self.hanging if other.live is not None]
        of_this_side = sum(1 for other in self.hanging if other.side is slot.side)
        order = slot.live
        if order is not None and order.state is OrderState.WORKING and of_this_side < self._parameters.levels:
            self.hanging.append(slot)
            self.slots[slot.side][slot.level] = Slot(slot.side, slot.level)


def _has_wrong_size(slot: Slot, order: Order, size: float) -> bool:
    return bool(order.filled_quantity) or abs(size - slot.size) > SIZE_TOLERANCE * slot.size


def _without_innermost(sizes: tuple[float, ...], count: int) -> tuple[float, ...]:
    return (0.0,) * min(count, len(sizes)) + sizes[count:]
