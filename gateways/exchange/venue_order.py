"""What a simulated venue knows of one order."""

from decimal import Decimal

import msgspec

from messages.instruments import Instrument
from messages.orders import CloseReason, Fill, RejectReason, Side, SubmitOrder

ZERO = Decimal(0)


class VenueOrder(msgspec.Struct, kw_only=True, eq=False):
    """One order, from its arrival to its end and beyond; compared by identity.

    :ivar quantity: in all, what is filled included, as last amended; `price` likewise (None for market orders).
    :ivar venue_order_id: empty where the order was refused.
    :ivar queue_ahead: size of other people's orders that stand before it at its price; meaningful while it rests.
    """

    request: SubmitOrder
    quantity: Decimal
    price: Decimal | None
    venue_order_id: str = ""
    filled: Decimal = ZERO
    fills: list[Fill] = msgspec.field(default_factory=list)
    rejected: RejectReason | None = None
    closed: CloseReason | None = None
    queue_ahead: float = 0.0

    @property
    def side(self) -> Side:
        return self.request.side

    @property
    def remaining(self) -> Decimal:
        return self.quantity - self.filled

    @property
    def is_open(self) -> bool:
        return self.closed is None and self.rejected is None

    @property
    def price_level(self) -> float | None:
        """The price as market data prints it."""
        return None if self.price is None else float(self.price)

    def fillable(self, instrument: Instrument, position: Decimal) -> Decimal:
        """What may be filled of it now: a reduce-only order of a derivative never more than closes the position."""
        if not self.is_open:
            return ZERO
        if not self.request.reduce_only or instrument.is_spot:
            return self.remaining
        return min(self.remaining, max(ZERO, -position * self.side.sign))
