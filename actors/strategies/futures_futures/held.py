"""What a pair of futures holds, what it has brought so far, and at what it could be closed; in floats."""

from typing import NamedTuple

from actors.analytics.pnl import InstrumentBook
from actors.analytics.spread import log_spread
from actors.strategies.market_view import MarketView
from messages.health import Pnl
from messages.orders import Side


class HeldLeg(NamedTuple):
    """:param contracts: signed, in the instrument's own unit; :param entry: their average price."""

    view: MarketView
    contracts: float
    entry: float

    @property
    def closes(self) -> Side:
        return Side.SELL if self.contracts > 0.0 else Side.BUY

    def closing_price(self) -> float:
        """What closing all of it would take; 0 where the book is empty."""
        return self.view.executable(self.closes, abs(self.contracts)).price

    def gain(self, price: float) -> float:
        """In quote currency, were it closed at this price; an inverse contract's coin is valued at it too."""
        instrument = self.view.instrument
        value = self.contracts * float(instrument.multiplier)
        if instrument.inverse:
            return value * (1.0 / self.entry - 1.0 / price) * price
        return value * (price - self.entry)


class HeldSpread(NamedTuple):
    """:param booked: realised − fees + funding of the cycle so far, in the reporting currency."""

    near: HeldLeg
    far: HeldLeg
    booked: float

    def close(self) -> "Closing | None":
        """What closing it now would come to, at executable prices; None where a book is empty: that is no reading."""
        near, far = self.near.closing_price(), self.far.closing_price()
        if near <= 0.0 or far <= 0.0:
            return None
        is_in_coin = self.near.view.instrument.inverse and self.far.view.instrument.inverse
        booked = self.booked * far if is_in_coin else self.booked
        return Closing(log_spread(near, far), booked + self.near.gain(near) + self.far.gain(far))


class Closing(NamedTuple):
    """:param spread: ln(far / near) of the prices. :param profit: of the cycle, in quote currency, but for the fees of
    the close.
    """

    spread: float
    profit: float


def held_leg(book: InstrumentBook, view: MarketView) -> HeldLeg | None:
    """What a book holds; None while its entry price is not known."""
    entry = book.average_price()
    return None if entry is None else HeldLeg(view, float(book.position), float(entry))


def held_spread(near: HeldLeg | None, far: HeldLeg | None, earned: Pnl) -> HeldSpread | None:
    """Both legs, and what the cycle has earned so far; None while an entry price is not known."""
    if near is None or far is None:
        return None
    return HeldSpread(near, far, float(earned.realised - earned.fees + earned.funding))
