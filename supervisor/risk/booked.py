"""What a strategy has earned and holds by the drop copies of its gateways. Pure."""

from collections.abc import Mapping
from decimal import Decimal
from typing import Any, Final

from actors.analytics.pnl import settle_currency
from messages.instruments import Instrument
from supervisor.ledger.holding import charges_of
from supervisor.risk.copy_book import CopyBook
from supervisor.risk.valuation import Valuation

ZERO: Final = Decimal(0)


def booked_profit(
    book: CopyBook, strategy: str, instruments: Mapping[str, Instrument], valuation: Valuation
) -> Decimal | None:
    """Realised and unrealised at the last prices, less fees, with funding; in the reporting currency.

    None where it cannot be told: a price or the worth of a currency is not known, or what led to a position.
    """
    if not book.is_open:
        return None
    held = book.of_strategy(strategy)
    amounts = [(currency, -amount) for currency, amount in charges_of(held).items()]
    for key, holding in held.items():
        instrument, price = instruments.get(key.instrument), valuation.prices.get(key.instrument)
        if instrument is None or (price is None and holding.quantity):
            return None
        gain = holding.gain(instrument, price or Decimal(1))  # of nothing, any price makes the same
        if gain is None:
            return None
        amounts.append((settle_currency(instrument), gain))
    total = ZERO
    for currency, amount in amounts:
        rate = valuation.rate(currency) if amount else ZERO
        if rate is None:
            return None
        total += amount * rate
    return total


def booked_positions(
    book: CopyBook, strategy: str, instruments: Mapping[str, Instrument]
) -> dict[str, dict[str, Any]]:  # Any: as an audit takes it
    """What a decision on a strategy was made from, by instrument; of all of them where the name is empty."""
    held = book.of_strategy(strategy) if strategy else book.held
    return {
        f"{key.instrument} of {key.strategy}": {
            "quantity": holding.quantity,
            "average_price": holding.average_price(instruments[key.instrument]),
            "realised": holding.realised(instruments[key.instrument]),
        }
        for key, holding in held.items()
        if key.instrument in instruments
    }
