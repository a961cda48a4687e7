"""One price for each asset, wherever it is held.

What was bought at one venue and sold at another nets out only if both are valued at one price; by each venue's own mid
a profit that is locked in would show as a loss until the venues agree again. Derivatives keep their own: their basis
is still to come.
"""

from collections.abc import Iterable, Mapping
from decimal import Decimal

from messages.instruments import ONE, Instrument

QUANTUM = Decimal("1e-10")
"""Of prices that had to be converted; prices in the currency itself stay exact."""


def common_mids(instruments: Iterable[Instrument], mids: Mapping[str, Decimal], currency: str) -> dict[str, Decimal]:
    """The mids, those of spot instruments replaced by what base and quote are worth in one currency.

    An asset is worth what the first spot instrument that leads to the currency says.
    """
    spots = [instrument for instrument in instruments if instrument.is_spot]
    worth = {currency: ONE}
    for _ in spots:  # each round can price one asset more
        for instrument in spots:
            mid = mids.get(instrument.id)
            if mid is None:
                continue
            if instrument.quote in worth:
                worth.setdefault(instrument.base, _rounded(mid * worth[instrument.quote], worth[instrument.quote]))
            elif instrument.base in worth:
                worth[instrument.quote] = (worth[instrument.base] / mid).quantize(QUANTUM)
    common = {
        instrument.id: _rounded(worth[instrument.base] / worth[instrument.quote], worth[instrument.quote])
        for instrument in spots
        if instrument.base in worth and instrument.quote in worth
    }
    return {**mids, **common}


def _rounded(price: Decimal, rate: Decimal) -> Decimal:
    return price if rate == ONE else price.quantize(QUANTUM)
