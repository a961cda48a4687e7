"""What a unit of each instrument is worth in the reporting currency, by the prices that gateways tell. Pure.

Positions are valued at a mark, which is at most 4 % above the last price and never below it. So a bound need not change
with every tick, and while the price is below the mark the limits hold at the price too.
"""

from collections.abc import Mapping
from decimal import ROUND_CEILING, Context, Decimal
from typing import Final

from messages.instruments import Instrument

ONE: Final = Decimal(1)
MARK_ABOVE: Final = Decimal("1.02")
"""Where a new mark is put, as a multiple of the price."""
MARK_ABOVE_MAX: Final = Decimal("1.04")
"""A mark is moved when it is further above the price than this, or below it."""
DOLLARS: Final = frozenset({"USD", "USDT", "USDC", "FDUSD", "BUSD", "DAI", "TUSD"})
"""Taken as one another's equal where neither a configured rate nor an instrument of the cluster tells more."""
DOLLAR_RATE_MIN: Final = Decimal("0.9")
DOLLAR_RATE_MAX: Final = Decimal("1.1")
"""A mid between two dollars outside of this is not believed: nothing new is granted by it; losses go on to count."""

_MARK_PLACES: Final = Context(prec=8, rounding=ROUND_CEILING)
_UP: Final = Context(prec=28, rounding=ROUND_CEILING)


class Valuation:
    """:param rates: configured: the worth of one unit of a currency in the reporting currency.
    :param guesses: configured prices by instrument id, for a start; :param marks: as they were last.
    :ivar prices: the last price that was told, in quote currency.
    """

    def __init__(
        self,
        currency: str,
        rates: Mapping[str, Decimal],
        instruments: Mapping[str, Instrument],
        *,
        guesses: Mapping[str, Decimal],
        marks: Mapping[str, Decimal],
    ) -> None:
        self._currency = currency
        self._rates = rates
        self._instruments = instruments
        guessed = {name: _MARK_PLACES.multiply(price, MARK_ABOVE) for name, price in guesses.items()}
        self.marks = {name: mark for name, mark in {**guessed, **marks}.items() if name in instruments}
        self.prices: dict[str, Decimal] = {}
        self._values: dict[str, Decimal | None] = {}
        self._believed: dict[str, Decimal] = {}

    def note(self, instrument: str, price: float) -> bool:
        """A gateway has told a price; 0 tells nothing. True where a mark has moved."""
        if price <= 0 or instrument not in self._instruments:
            return False
        exact = self.prices[instrument] = Decimal(repr(price))
        mark = self.marks.get(instrument)
        if mark is not None and exact <= mark <= exact * MARK_ABOVE_MAX:
            return False
        self.marks[instrument] = _MARK_PLACES.multiply(exact, MARK_ABOVE)
        self._values.clear()
        return True

    def unit_value(self, instrument: str) -> Decimal | None:
        """Notional of one unit at the mark, in the reporting currency; None where it is not known."""
        if instrument not in self._values:
            known = self._instruments[instrument]
            rate = self._believable(known.quote, self._rate(known.quote, self.marks))
            self._values[instrument] = self._value(known, self.marks, rate)
        return self._values[instrument]

    def value_now(self, instrument: str) -> Decimal | None:
        """The same at the last price, or at the mark where there is none since the start: for what is held."""
        known = self._instruments[instrument]
        return self._value(known, {**self.marks, **self.prices}, self.rate(known.quote))

    def rate(self, currency: str) -> Decimal | None:
        """What one unit of a currency is worth in the reporting currency, at the last prices; None: not known.

        For what is held and lost: a rate that is not believed leaves the last one that was in force, and is better than
        none where there was no other.
        """
        told = self._rate(currency, {**self.marks, **self.prices})
        rate = self._believable(currency, told)
        if rate is None:
            return self._believed.get(currency, told)
        self._believed[currency] = rate
        return rate

    def quote_notional(self, instrument: str, quantity: Decimal) -> Decimal | None:
        """What a gateway would reckon for a quantity at the mark, in quote currency."""
        known, mark = self._instruments[instrument], self.marks.get(instrument)
        if mark is None:
            return known.notional(quantity, ONE) if known.inverse else None
        return known.notional(quantity, mark)

    def _value(self, instrument: Instrument, marks: Mapping[str, Decimal], rate: Decimal | None) -> Decimal | None:
        mark = ONE if instrument.inverse else marks.get(instrument.id)
        return None if mark is None or rate is None else instrument.notional(ONE, mark) * rate

    def _rate(self, currency: str, marks: Mapping[str, Decimal]) -> Decimal | None:
        """By whatever tells one, whether or not it is believed."""
        if currency == self._currency:
            return ONE
        if currency in self._rates:
            return self._rates[currency]
        crosses = [item for item in self._instruments.values() if _is_cross(item, currency, self._currency)]
        told = [_cross_rate(item, currency, marks[item.id]) for item in crosses if item.id in marks]
        if told:
            return max(told)
        return ONE if self._are_dollars(currency) and not crosses else None

    def _believable(self, currency: str, rate: Decimal | None) -> Decimal | None:
        """The rate, unless it is one between two dollars that is too far from their equality."""
        if rate is None or currency in self._rates or not self._are_dollars(currency):
            return rate
        return rate if DOLLAR_RATE_MIN <= rate <= DOLLAR_RATE_MAX else None

    def _are_dollars(self, currency: str) -> bool:
        return {currency, self._currency} <= DOLLARS


def _is_cross(instrument: Instrument, one: str, other: str) -> bool:
    return instrument.is_spot and {instrument.base, instrument.quote} == {one, other}


def _cross_rate(instrument: Instrument, currency: str, mark: Decimal) -> Decimal:
    """The worth of the currency by a pair of it and the reporting currency, whichever is the base; at its highest."""
    return mark if instrument.base == currency else _UP.divide(MARK_ABOVE_MAX, mark)
