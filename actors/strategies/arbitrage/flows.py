"""What the fills of an attempt have moved, exact, in each currency; where base nets out, the rest is locked in."""

from collections.abc import Mapping
from decimal import Decimal

from actors.analytics.account import CONVERTED_QUANTUM, Rates
from actors.analytics.pnl import ZERO
from messages.instruments import Instrument
from messages.orders import Fill


class Flows:
    """Amounts by currency: positive = received. Contracts count as the base and quote currency that they stand for."""

    def __init__(self) -> None:
        self.amounts: dict[str, Decimal] = {}

    def add(self, fill: Fill, instrument: Instrument) -> dict[str, Decimal]:
        """Take a fill in; returns what it alone has moved."""
        base = fill.side.sign * fill.quantity * instrument.multiplier
        moved = {instrument.base: base, instrument.quote: -base * fill.price}
        moved[fill.fee_currency] = moved.get(fill.fee_currency, ZERO) - fill.fee
        self.move(moved)
        return moved

    def move(self, moved: Mapping[str, Decimal]) -> None:
        for currency, amount in moved.items():
            self.amounts[currency] = self.amounts.get(currency, ZERO) + amount

    def clear(self) -> None:
        self.amounts.clear()


def flows_text(amounts: Mapping[str, Decimal], rates: Rates) -> str:
    """For a person: `3.21 USDT`, or their sum first: `3.21 USDT (10003.2 USDC, -9990 USDT)`; without it where one of
    them has no rate.
    """
    moved = {currency: amount for currency, amount in sorted(amounts.items()) if amount}
    text = ", ".join(f"{plain(amount)} {currency}" for currency, amount in moved.items())
    if not moved or list(moved) == [rates.currency] or not moved.keys() <= rates.worth.keys():
        return text
    net = sum((amount * rates.worth[currency] for currency, amount in moved.items()), ZERO)
    return f"{plain(net.quantize(CONVERTED_QUANTUM))} {rates.currency} ({text})"


def plain(amount: Decimal) -> str:
    """Without an exponent and the zeros at its end."""
    return format(amount.normalize(), "f")
