"""What a strategy has at stake in an instrument: its position, and what its open and unknown orders may add. Pure.

Kept as orders and reports come, so that the gate's question costs the same however many orders are open.
"""

from decimal import Context, Decimal
from typing import Final

import msgspec

from messages.orders import AmendOrder, Side

ZERO: Final = Decimal(0)
BUY: Final = Side.BUY
"""Looking a member up in its Enum costs as much as the arithmetic; this is on the way of every order."""

_WIDE: Final = Context(prec=64)
"""What is added must come off again to the last digit, of the largest quantity on the finest lot, too."""


Terms = tuple[Decimal, Decimal]
"""Quantity and price of an amendment."""


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


class AmendingState(msgspec.Struct, frozen=True, array_like=True, forbid_unknown_fields=True):
    """What a snapshot holds of the amendments of one order."""

    asked: list[Terms]
    lost: list[Terms]
    unconfirmed: list[Terms]
    waiting: int


class Amending:
    """The amendments of one order that the venue has not answered yet, and those whose answers were lost with the link.

    Which of several a refusal belongs to is not known: all of them count until none is waited for.
    """

    __slots__ = ("_asked", "_lost", "_unconfirmed", "_waiting")

    def __init__(self) -> None:
        self._asked: list[Terms] = []
        self._lost: list[Terms] = []
        self._unconfirmed: list[Terms] = []
        self._waiting = 0

    @property
    def is_any(self) -> bool:
        return bool(self._asked or self._lost)

    @property
    def quantity(self) -> Decimal:
        """The largest that was asked for."""
        return max((quantity for quantity, _ in (*self._asked, *self._lost)), default=ZERO)

    def price(self, side: Side) -> Decimal | None:
        """The one that crosses most; None where none was asked for."""
        most: Decimal | None = None
        for _, price in (*self._asked, *self._lost):
            most = more_crossing(side, most, price)
        return most

    def state(self) -> AmendingState:
        return AmendingState(list(self._asked), list(self._lost), list(self._unconfirmed), self._waiting)

    def load(self, state: AmendingState) -> None:
        self._asked, self._lost = list(state.asked), list(state.lost)
        self._unconfirmed, self._waiting = list(state.unconfirmed), state.waiting

    def ask(self, request: AmendOrder) -> None:
        self._asked.append((request.quantity, request.price))
        self._unconfirmed.append((request.quantity, request.price))
        self._waiting += 1

    def answered(self, confirmed: Terms | None = None) -> None:
        """The venue has answered one of them, or it was not sent.

        :param confirmed: the terms, where it has confirmed them.
        """
        if confirmed in self._unconfirmed:
            self._unconfirmed.remove(confirmed)
        self._waiting -= 1
        if self._waiting <= 0:
            self._asked, self._unconfirmed, self._waiting = [], [], 0

    def link_lost(self) -> None:
        """No answer will come; the venue may have taken any of them, or none."""
        self._lost += self._asked
        self._asked, self._unconfirmed, self._waiting = [], [], 0

    def was_lost(self, quantity: Decimal, price: Decimal) -> bool:
        """Whether one with these terms was, so that what tells of them answers nothing that is waited for."""
        return (quantity, price) in self._lost

    def awaits(self, quantity: Decimal, price: Decimal) -> bool:
        """Whether one with these terms is waited for, and not confirmed yet."""
        return (quantity, price) in self._unconfirmed

    def settled(self) -> None:
        """The venue has said, on another link, at which terms the order stands: what was lost was taken, or never will
        be.
        """
        self._lost = []


def more_crossing(side: Side, price: Decimal | None, other: Decimal) -> Decimal:
    """The one of two prices that trades with more of the other side."""
    if price is None:
        return other
    return max(price, other) if side is BUY else min(price, other)
