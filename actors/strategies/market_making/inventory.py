"""The inventory of a market maker: where it should be, how far it may go, and what that means for both sides."""

from decimal import Decimal

from actors.strategies.market_making.parameters import MarketMakingParameters
from actors.strategies.pair.sizing import is_tradable
from messages.instruments import Instrument, Rounding
from messages.orders import Side

ZERO = Decimal(0)


def size_skew(deviation: float) -> tuple[float, float]:
    """Multipliers of bid and ask sizes: bids 2 → 1 → 0 as the deviation goes from −1 over 0 to +1, asks 2 − bids.

    :param deviation: (position − target) / range; +1 at the soft limit of a long position.
    """
    bid = min(2.0, max(0.0, 1.0 - deviation))
    return bid, 2.0 - bid


class Inventory:
    """Limits of the position in one instrument, in its own unit, signed.

    :ivar lower, upper: hard limits. On spot no more can be sold than was held at the opening.
    :ivar is_closing: nothing is to be held at all.
    """

    def __init__(self, instrument: Instrument, parameters: MarketMakingParameters) -> None:
        self.instrument = instrument
        self.is_closing = False
        self.target = parameters.inventory_target
        self.upper = parameters.inventory_max
        self.lower = -self.upper
        if instrument.is_spot:
            self.lower = max(self.lower, -parameters.opening_inventory)
        self.range = parameters.inventory_max * Decimal(repr(parameters.inventory_range))
        self._lot = float(parameters.order_size)
        self._target, self._max, self._range = float(self.target), float(self.upper), float(self.range)

    def deviation(self, position: Decimal) -> float:
        """(position − target) / range: ±1 at the soft limits."""
        return (float(position) - self._target) / self._range

    def skew(self, position: Decimal) -> float:
        """(position − target) / inventory_max, within ±1."""
        return min(1.0, max(-1.0, (float(position) - self._target) / self._max))

    def lots(self, position: Decimal) -> float:
        """(position − target) in orders."""
        return (float(position) - self._target) / self._lot

    def headroom(self, side: Side, position: Decimal) -> Decimal:
        """What may be bought or sold at most, what works already included; 0 beyond the limit."""
        room = self.upper - position if side is Side.BUY else position - self.lower
        return max(room, ZERO)

    def is_within(self, position: Decimal) -> bool:
        return not position if self.is_closing else self.lower <= position <= self.upper

    def side_of(self, position: Decimal) -> int:
        """+1 above the target, −1 below, 0 at it."""
        return (position > self.target) - (position < self.target)

    def reduction(self, position: Decimal, mid: Decimal) -> tuple[Side, Decimal] | None:
        """The order that brings a position from beyond its hard limit back to the soft one, or to 0 where that is
        nearer (to 0 in any case where all of it is to be closed); None within the limits, or where the venue would not
        take such an order.
        """
        if self.is_within(position):
            return None
        if self.is_closing:
            side, excess = Side.SELL if position > 0 else Side.BUY, abs(position)
        elif position > 0:
            side, excess = Side.SELL, position - max(self.target + self.range, ZERO)
        else:
            side, excess = Side.BUY, min(self.target - self.range, ZERO) - position
        quantity = min(
            self.instrument.round_quantity(excess, Rounding.UP), self.instrument.round_quantity(abs(position))
        )
        if self.instrument.max_quantity is not None:
            quantity = min(quantity, self.instrument.max_quantity)
        return (side, quantity) if is_tradable(self.instrument, quantity, mid, is_reducing=True) else None
