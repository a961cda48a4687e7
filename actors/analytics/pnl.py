"""Positions and profit in exact Decimals: first-in-first-out lots, one account per settle currency.

Nothing is divided for spot and linear instruments, so that cash flows + value of the position = realised + unrealised
− fees + funding holds to the last digit. Inverse contracts settle in coin: closing k contracts of a lot realises
sign × (value(k, entry) − value(k, exit)) with value = `Instrument.settle_value`, rounded to 1e-8 as venues book it.
"""

from collections import deque
from collections.abc import Iterable, Mapping
from decimal import Decimal

import msgspec

from messages.health import Pnl
from messages.instruments import Instrument, Rounding
from messages.orders import Fill, FundingPaid

ZERO = Decimal(0)
HALF = Decimal("0.5")


class Lot(msgspec.Struct):
    """:param quantity: signed, in the instrument's own unit; :param price: None until a first price is seen."""

    quantity: Decimal
    price: Decimal | None


class InstrumentBook:
    """What is held of one instrument and what closing parts of it has realised."""

    def __init__(self, instrument: Instrument) -> None:
        self.instrument = instrument
        self.lots: deque[Lot] = deque()
        self.position = ZERO
        self.realised = ZERO

    def change(self, quantity: Decimal, price: Decimal) -> None:
        """Trade a signed quantity: it closes the oldest lots of the other sign first, the rest opens a lot."""
        self.position += quantity
        while quantity and self.lots and self.lots[0].quantity * quantity < 0:
            lot = self.lots[0]
            closed = min(abs(lot.quantity), abs(quantity))
            signed = closed if lot.quantity > 0 else -closed
            self.realised += self.gain(signed, price if lot.price is None else lot.price, price)
            lot.quantity -= signed
            quantity += signed
            if not lot.quantity:
                self.lots.popleft()
        if quantity:
            self.lots.append(Lot(quantity, price))

    def gain(self, quantity: Decimal, entry: Decimal, now: Decimal) -> Decimal:
        """Profit in settle currency of a signed quantity from `entry` to `now`."""
        if self.instrument.inverse:
            value = self.instrument.settle_value
            gain = value(quantity, entry) - value(quantity, now)
            return gain if quantity > 0 else -gain
        return (now - entry) * quantity * self.instrument.multiplier

    def unrealised(self, mid: Decimal) -> Decimal:
        return sum((self.gain(lot.quantity, lot.price, mid) for lot in self.lots if lot.price is not None), ZERO)

    def average_price(self) -> Decimal | None:
        """Mean entry price of what is held, weighted by quantity; None where nothing (or nothing priced) is held."""
        priced = [lot for lot in self.lots if lot.price is not None]
        total = sum((lot.quantity for lot in priced), ZERO)
        if not total:
            return None
        return sum((lot.quantity * lot.price for lot in priced if lot.price is not None), ZERO) / total

    def adopt(self, position: Decimal) -> None:
        """Take over a position that was not built from our fills: the difference is a lot that still has no price."""
        difference = position - self.position
        self.position = position
        while difference and self.lots and self.lots[0].quantity * difference < 0:
            lot = self.lots[0]
            closed = min(abs(lot.quantity), abs(difference))
            signed = closed if lot.quantity > 0 else -closed
            lot.quantity -= signed
            difference += signed
            if not lot.quantity:
                self.lots.popleft()
        if difference:
            self.lots.append(Lot(difference, None))

    def price_adopted(self, price: Decimal) -> None:
        for lot in self.lots:
            if lot.price is None:
                lot.price = price


class Ledger:
    """The accounts of one strategy over its instruments."""

    def __init__(self, instruments: Iterable[Instrument]) -> None:
        self.books = {instrument.id: InstrumentBook(instrument) for instrument in instruments}
        self.fees: dict[str, Decimal] = {}
        self.funding: dict[str, Decimal] = {}
        self.unpriced: set[str] = set()

    def position(self, instrument: str) -> Decimal:
        return self.books[instrument].position

    def apply_fill(self, fill: Fill) -> None:
        """Book a fill. A fee taken in the base of a spot instrument leaves the position and is valued at the trade
        price, in quote currency; any other fee is booked in its own currency.
        """
        book = self.books[fill.instrument]
        instrument = book.instrument
        change, fee, currency = fill.side.sign * fill.quantity, fill.fee, fill.fee_currency
        if instrument.is_spot and currency == instrument.base:
            change, fee, currency = change - fee, fee * fill.price, instrument.quote
        book.change(change, fill.price)
        self.fees[currency] = self.fees.get(currency, ZERO) + fee

    def apply_funding(self, paid: FundingPaid) -> None:
        self.funding[paid.currency] = self.funding.get(paid.currency, ZERO) + paid.amount

    def adopt(self, instrument: str, position: Decimal) -> None:
        """Believe the venue on a position; its difference to ours is priced at the next mid seen."""
        self.books[instrument].adopt(position)
        self.unpriced.add(instrument)

    def price_adopted(self, instrument: str, mid: Decimal) -> None:
        self.books[instrument].price_adopted(mid)
        self.unpriced.discard(instrument)

    def pnls(self, mids: Mapping[str, Decimal]) -> tuple[Pnl, ...]:
        """One exact account for each currency, in order of its name; an instrument without a mid has no unrealised."""
        realised: dict[str, Decimal] = {}
        unrealised: dict[str, Decimal] = {}
        for name, book in self.books.items():
            currency = settle_currency(book.instrument)
            realised[currency] = realised.get(currency, ZERO) + book.realised
            gain = book.unrealised(mids[name]) if name in mids else ZERO
            unrealised[currency] = unrealised.get(currency, ZERO) + gain
        return tuple(
            Pnl(
                realised=realised.get(currency, ZERO),
                unrealised=unrealised.get(currency, ZERO),
                fees=self.fees.get(currency, ZERO),
                funding=self.funding.get(currency, ZERO),
                currency=currency,
            )
            for currency in sorted({*realised, *self.fees, *self.funding})
        )


def settle_currency(instrument: Instrument) -> str:
    """The currency that profits of an instrument are in."""
    return instrument.quote if instrument.is_spot else instrument.settle


def exact_mid(instrument: Instrument, bid: float, ask: float) -> Decimal:
    """The middle of a bid and an ask, exact: each is the tick that its float stands for."""
    nearest = Rounding.NEAREST
    return (instrument.round_price(bid, nearest) + instrument.round_price(ask, nearest)) * HALF
