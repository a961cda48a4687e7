"""Which of our instruments a category and a symbol of Bybit are, and back.

Source: Bybit V5 API documentation, "Enums Definitions", sections "category" and "Spot Fee Currency Instruction"; read
2026-11-24. Quantities are ours as they stand: base currency for spot and linear contracts (one contract is one coin),
quote currency for inverse ones (one contract is one dollar).
"""

from collections.abc import Iterable
from decimal import Decimal
from enum import StrEnum

from messages.instruments import Instrument
from messages.orders import Side


class Category(StrEnum):
    SPOT = "spot"
    LINEAR = "linear"
    INVERSE = "inverse"


def category_of(instrument: Instrument) -> Category:
    if instrument.is_spot:
        return Category.SPOT
    return Category.INVERSE if instrument.inverse else Category.LINEAR


class Directory:
    """The instruments that a gateway trades. One symbol may be a spot pair and a contract: the category tells."""

    def __init__(self, instruments: Iterable[Instrument]) -> None:
        self._by_id = {instrument.id: instrument for instrument in instruments}
        self._by_symbol = {(str(category_of(one)), one.symbol): one for one in self._by_id.values()}

    def __getitem__(self, instrument_id: str) -> Instrument:
        """:raises KeyError: the gateway does not trade it; its gate lets nothing through that it does not trade."""
        return self._by_id[instrument_id]

    def find(self, category: str, symbol: str) -> Instrument | None:
        """None where it is not traded here."""
        return self._by_symbol.get((category, symbol))

    @property
    def categories(self) -> tuple[Category, ...]:
        """Those that anything is traded in, in a fixed order."""
        traded = {category for category, _ in self._by_symbol}
        return tuple(category for category in Category if category in traded)

    def settle_currencies(self, category: Category) -> tuple[str, ...]:
        return tuple(sorted({one.settle for (of, _), one in self._by_symbol.items() if of == category}))


def fee_currency(instrument: Instrument, side: Side, fee: Decimal, told: str | None) -> str:
    """In what a fee was taken, where the execution does not say.

    Contracts: the settle currency. Spot: what was bought is charged, and a rebate comes in what was sold.
    """
    if told:
        return told
    if not instrument.is_spot:
        return instrument.settle
    is_base = (side is Side.BUY) == (fee >= 0)
    return instrument.base if is_base else instrument.quote
