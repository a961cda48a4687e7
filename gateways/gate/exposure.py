"""What a strategy has at stake in an instrument: its position, and what its open and unknown orders may add. Pure.

Kept as orders and reports come, so that the gate's question costs the same however many orders are open.
"""

from decimal import Context, Decimal
from typing import Final

from messages.orders import AmendOrder, Side

ZERO: Final = Decimal(0)
BUY: Final = Side.BUY
"""Looking a member up in its Enum costs as much as the arithmetic; this is on the way of every order."""

_WIDE: Final = Context(prec=64)
"""What is added must come off again to the last digit, of the largest quantity on the finest lot, too."""


class Stake:
    """:ivar position: signed.
    :ivar buying: unsigned, what all open and unknown buys may still fill; `selling` likewise. Of an order that is being
        amended the larger of both quantities counts, until the venue has said which it is.
    """

    __slots__ = ("buying", "position", "selling")

    def __init__(self) -> None:
        self.position = self.buying = self.selling = ZERO

    @property
    def is_any(self) -> bool:
        return bool(self.position or self.buying or self.selling)

    @property
    def long(self) -> Decimal:
        """The position, were all buys filled and no sell; 0 where it were not long."""
        long = self.position + self.buying
        return long if long > ZERO else ZERO

    @property
    def short(self) -> Decimal:
        """The position, unsigned, were all sells filled and no buy; 0 where it were not short."""
        short = self.selling - self.position
        return short if short > ZERO else ZERO

    def worst(self, side: Side) -> Decimal:
        """The position in the direction of a side, were all orders of that side filled; below 0: the other way."""
        return self.position + self.buying if side is BUY else self.selling - self.position

    def reducible(self, side: Side) -> Decimal:
        """What may still be traded on this side without turning the position; nothing where it is on that side."""
        return max(ZERO, -self.worst(side))

    def count(self, side: Side, change: Decimal) -> None:
        """An order of this side may fill so much more, or less."""
        if side is BUY:
            self.buying = _WIDE.add(self.buying, change)
        else:
            self.selling = _WIDE.add(self.selling, change)


class Amending:
    """The amendments of one order that the venue has not answered yet.

    :ivar quantity: the largest that was asked for; `price` the one that crosses most.
    """

    __slots__ = ("asked", "price", "quantity")

    def __init__(self) -> None:
        self.asked = 0
        self.quantity = ZERO
        self.price: Decimal | None = None

    def ask(self, request: AmendOrder, side: Side) -> None:
        self.asked += 1
        self.quantity = max(self.quantity, request.quantity)
        self.price = more_crossing(side, self.price, request.price)

    def answered(self) -> None:
        """The venue has answered one of them, or it was not sent."""
        self.asked -= 1


def more_crossing(side: Side, price: Decimal | None, other: Decimal) -> Decimal:
    """The one of two prices that trades with more of the other side."""
    if price is None:
        return other
    return max(price, other) if side is BUY else min(price, other)
