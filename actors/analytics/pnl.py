"""Positions and profit in exact Decimals: first-in-first-out lots, one account per settle currency.

Nothing is divided for spot and linear instruments, so that cash flows + value of the position = realised + unrealised
− fees + funding holds to the last digit. Inverse contracts settle in coin: closing k contracts of a lot realises
sign × (value(k, entry) − value(k, exit)) with value = `Instrument.settle_value`, rounded to 1e-8 as venues book it.

Lots are bounded: beyond `LOTS_MAX` the two oldest are merged. A merged lot keeps its exact cost; closing part of it
takes a rounded share of that cost and leaves the rest, so that realised + unrealised stays exact.
"""

from collections import deque
from collections.abc import Iterable, Mapping
from decimal import Decimal

import msgspec

from messages.health import Pnl
from messages.instruments import SETTLE_QUANTUM, Instrument, Rounding
from messages.orders import Fill, FundingPaid

ZERO = Decimal(0)
HALF = Decimal("0.5")


LOTS_MAX = 1_000
"""Of one instrument. Who buys at one venue and sells at another for months never closes a lot at either."""

SHARE_QUANTUM = Decimal("1e-12")
"""Part of a merged lot of a spot or linear instrument takes its cost with it to this many places."""


class Lot(msgspec.Struct):
    """What was traded at one price, or the oldest of it, merged.

    :param quantity: signed, in the instrument's own unit.
    :param price: None until a first price is seen; the mean of a merged lot, rounded.
    :param cost: of a merged lot only: what it was entered for, exact, signed as its quantity; price × quantity, or
        settle currency for inverse contracts.
    """

    quantity: Decimal
    price: Decimal | None
    cost: Decimal | None = None


class InstrumentBook:
    """What is held of one instrument and what closing parts of it has realised.

    :ivar adopted: the part of the position that has no price yet.
    """

    def __init__(self, instrument: Instrument) -> None:
        self.instrument = instrument
        self.lots: deque[Lot] = deque()
        self.position = ZERO
        self.realised = ZERO
        self.adopted = ZERO
        self._entered = ZERO  # sum of price × quantity of the priced lots; spot and linear instruments only

    def change(self, quantity: Decimal, price: Decimal) -> None:
        """Trade a signed quantity: it closes the oldest lots of the other sign first, the rest opens a lot."""
        self.position += quantity
        while quantity and self.lots and self.lots[0].quantity * quantity < 0:
            lot, signed = self._oldest(quantity)
            quantity += signed
            if lot.price is None:
                self.adopted -= signed
                self._take(lot, signed)
            elif lot.cost is None:
                self.realised += self.gain(signed, lot.price, price)
                self._take(lot, signed)
            else:
                self.realised += self._gain_of_cost(signed, self._take(lot, signed), price)
        if quantity:
            self._open(Lot(quantity, price))

    def gain(self, quantity: Decimal, entry: Decimal, now: Decimal) -> Decimal:
        """Profit in settle currency of a signed quantity from `entry` to `now`."""
        if self.instrument.inverse:
            value = self.instrument.settle_value
            gain = value(quantity, entry) - value(quantity, now)
            return gain if quantity > 0 else -gain
        return (now - entry) * quantity * self.instrument.multiplier

    def unrealised(self, mid: Decimal) -> Decimal:
        if not self.instrument.inverse:
            return self._gain_of_cost(self.position - self.adopted, self._entered, mid)
        gains = (
            self.gain(lot.quantity, lot.price, mid)
            if lot.cost is None
            else self._gain_of_cost(lot.quantity, lot.cost, mid)
            for lot in self.lots
            if lot.price is not None
        )
        return sum(gains, ZERO)

    def average_price(self) -> Decimal | None:
        """Mean entry price of what is held, weighted by quantity; None where nothing (or nothing priced) is held."""
        total = self.position - self.adopted
        if not total:
            return None
        if not self.instrument.inverse:
            return self._entered / total
        return sum((lot.quantity * lot.price for lot in self.lots if lot.price is not None), ZERO) / total

    def adopt(self, position: Decimal) -> None:
        """Take over a position that was not built from our fills: the difference is a lot that still has no price."""
        difference = position - self.position
        self.position = position
        while difference and self.lots and self.lots[0].quantity * difference < 0:
            lot, signed = self._oldest(difference)
            difference += signed
            if lot.price is None:
                self.adopted -= signed
            self._take(lot, signed)
        if difference:
            # At most one lot has no price: all that were adopted get the same one.
            self.lots = deque(lot for lot in self.lots if lot.price is not None)
            self.adopted += difference
            self._open(Lot(self.adopted, None))

    def price_adopted(self, price: Decimal) -> None:
        for lot in self.lots:
            if lot.price is None:
                lot.price = price
                self._enter(lot.quantity, price)
        self.adopted = ZERO

    # --- lots ---------------------------------------------------------------------------------------------------

    def _oldest(self, quantity: Decimal) -> tuple[Lot, Decimal]:
        """The oldest lot, and how much of it (signed as the lot) the other sign's quantity closes."""
        lot = self.lots[0]
        return lot, -quantity if abs(quantity) < abs(lot.quantity) else lot.quantity

    def _take(self, lot: Lot, signed: Decimal) -> Decimal:
        """Take a part out of the oldest lot; returns the cost that a part of a merged lot takes with it."""
        if lot.cost is not None:
            cost = lot.cost
            if signed != lot.quantity:
                quantum = SETTLE_QUANTUM if self.instrument.inverse else SHARE_QUANTUM
                cost = (cost * signed / lot.quantity).quantize(quantum)
            lot.cost -= cost
        else:
            cost = ZERO if lot.price is None else lot.price * signed
        if not self.instrument.inverse:
            self._entered -= cost
        lot.quantity -= signed
        if not lot.quantity:
            self.lots.popleft()
        return cost

    def _open(self, lot: Lot) -> None:
        self.lots.append(lot)
        if lot.price is not None:
            self._enter(lot.quantity, lot.price)
        if len(self.lots) > LOTS_MAX:
            self._merge_oldest()

    def _enter(self, quantity: Decimal, price: Decimal) -> None:
        if not self.instrument.inverse:
            self._entered += quantity * price

    def _merge_oldest(self) -> None:
        """Make one of the two oldest lots that have a price; what has none yet is the newest by its price."""
        priced: list[Lot] = []
        adopted: Lot | None = None
        while len(priced) < 2:  # at most one lot has no price
            lot = self.lots.popleft()
            if lot.price is None:
                adopted = lot
            else:
                priced.append(lot)
        self.lots.appendleft(self._merged(*priced))
        if adopted is not None:
            self.lots.append(adopted)

    def _merged(self, first: Lot, second: Lot) -> Lot:
        assert first.price is not None
        assert second.price is not None
        quantity = first.quantity + second.quantity
        mean = (first.quantity * first.price + second.quantity * second.price) / quantity
        return Lot(quantity, mean, self._cost(first) + self._cost(second))

    def _cost(self, lot: Lot) -> Decimal:
        if lot.cost is not None:
            return lot.cost
        assert lot.price is not None
        if not self.instrument.inverse:
            return lot.price * lot.quantity
        return self._signed_value(lot.quantity, lot.price)

    def _gain_of_cost(self, quantity: Decimal, cost: Decimal, now: Decimal) -> Decimal:
        """`gain` of a signed quantity that was entered for a cost."""
        if self.instrument.inverse:
            return cost - self._signed_value(quantity, now)
        return (now * quantity - cost) * self.instrument.multiplier

    def _signed_value(self, quantity: Decimal, price: Decimal) -> Decimal:
        value = self.instrument.settle_value(quantity, price)
        return value if quantity > 0 else -value


class Ledger:
    """The accounts of one strategy over its instruments."""

    def __init__(self, instruments: Iterable[Instrument]) -> None:
        self.books = {instrument.id: InstrumentBook(instrument) for instrument in instruments}
        self.fees: dict[str, Decimal] = {}
        self.funding: dict[str, Decimal] = {}
        self.unpriced: set[str] = set()

    def position(self, instrument: str) -> Decimal:
        return self.books[instrument].position

    def apply_fill(self, fill: Fill) -> Decimal:
        """Book a fill; returns the signed quantity by which the position changes. A fee taken in the base of a spot
        instrument leaves the position and is valued at the trade price, in quote currency; any other fee is booked in
        its own currency.
        """
        book = self.books[fill.instrument]
        instrument = book.instrument
        change, fee, currency = fill.side.sign * fill.quantity, fill.fee, fill.fee_currency
        if instrument.is_spot and currency == instrument.base:
            change, fee, currency = change - fee, fee * fill.price, instrument.quote
        book.change(change, fill.price)
        self.fees[currency] = self.fees.get(currency, ZERO) + fee
        return change

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
