"""One price for each asset, wherever it is held.

What was bought at one venue and sold at another nets out only if both are valued at one price; by each venue's own mid
a profit that is locked in would show as a loss until the venues agree again. Derivatives keep their own: their basis
is still to come.
"""

from collections.abc import Iterable, Mapping
from decimal import Decimal

from actors.analytics.account import Account, Earned
from actors.analytics.attribution import Movement
from actors.analytics.pnl import ZERO, Ledger, settle_currency
from messages.health import Pnl
from messages.instruments import ONE, Instrument

QUANTUM = Decimal("1e-10")
"""Of prices that had to be converted; prices in the currency itself stay exact."""


def worth_of(instruments: Iterable[Instrument], mids: Mapping[str, Decimal], currency: str) -> dict[str, Decimal]:
    """What one unit of each asset is worth in one currency, by the spot instruments.

    The fewest conversions count; of as many, a price of the asset before one in it, and the first instrument of these.
    So USDC is worth what USDC/USDT says, and not what the prices of bitcoin in both of them come to.
    """
    spots = [instrument for instrument in instruments if instrument.is_spot and instrument.id in mids]
    worth = {currency: ONE}
    for _ in spots:  # each round is one conversion more
        known = dict(worth)
        for instrument in spots:
            if instrument.quote in known:
                rate = known[instrument.quote]
                worth.setdefault(instrument.base, _rounded(mids[instrument.id] * rate, rate))
        for instrument in spots:
            if instrument.base in known:
                worth.setdefault(instrument.quote, (known[instrument.base] / mids[instrument.id]).quantize(QUANTUM))
        if len(worth) == len(known):
            break
    return worth


def common_mids(
    instruments: Iterable[Instrument], mids: Mapping[str, Decimal], worth: Mapping[str, Decimal]
) -> dict[str, Decimal]:
    """The mids, those of spot instruments replaced by what base and quote are worth in one currency."""
    common = {
        instrument.id: _rounded(worth[instrument.base] / worth[instrument.quote], worth[instrument.quote])
        for instrument in instruments
        if instrument.is_spot and instrument.base in worth and instrument.quote in worth
    }
    return {**mids, **common}


def _rounded(price: Decimal, rate: Decimal) -> Decimal:
    return price if rate == ONE else price.quantize(QUANTUM)


class Held:
    """What is held at one moment, and at what prices: a cycle that begins then is not to earn by their movement."""

    def __init__(self, ledger: Ledger, mids: Mapping[str, Decimal]) -> None:
        self._books = ledger.books
        self._before = {
            name: (book.position - book.adopted, mids[name]) for name, book in ledger.books.items() if name in mids
        }

    def moved(self, mids: Mapping[str, Decimal], movement: Movement) -> Account:
        """What it has gained since by prices alone, exact, in each settle currency."""
        gains: dict[str, Decimal] = {}
        for name, (position, before) in self._before.items():
            book = self._books[name]
            currency = settle_currency(book.instrument)
            gains[currency] = gains.get(currency, ZERO) + book.gain(position, before, mids.get(name, before))
        lines = (Earned(Pnl(ZERO, gain, ZERO, ZERO, currency)) for currency, gain in sorted(gains.items()))
        return Account(tuple(lines), movement)
