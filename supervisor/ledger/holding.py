"""What a strategy holds of one instrument at one gateway, what it was entered for, and what it has earned. Pure.

Profits are reckoned from cash flows, which are exact: flow + value of what is held = realised + unrealised, whatever
was closed against what. The average price is that of all that is held; closing a part takes its share of the cost.
"""

from collections.abc import Mapping
from decimal import Context, Decimal
from typing import Any, Final, NamedTuple

import msgspec

from messages.instruments import Instrument
from messages.orders import Fill, FundingPaid

ZERO: Final = Decimal(0)
SHARE_QUANTUM: Final = Decimal("1e-12")
"""What closing a part takes of the cost is rounded to this; the rest stays, so that nothing is lost."""

_EXACT: Final = Context(prec=100)
"""A price times a quantity, each of up to 36 digits, and sums of these, are not rounded."""


class PositionKey(NamedTuple):
    gateway: str
    strategy: str
    instrument: str


class Account(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Where the quantity of a holding came from.

    :param flow: settle currency (inverse: coin): what trading brought, less what it cost; fees are in `charges`.
    :param entered: signed as the quantity: what is held was entered for this, by its average price.
    :param charges: by currency: fees, less funding received.
    """

    flow: Decimal = ZERO
    entered: Decimal = ZERO
    charges: dict[str, Decimal] = {}

    def to_text(self) -> str:
        """As the ledger keeps it: every digit of it."""
        return msgspec.json.encode(self).decode()

    @classmethod
    def of_text(cls, text: str | None) -> "Account | None":
        """None where there is none: the position was begun by a version that kept none."""
        return None if text is None else msgspec.json.decode(text, type=cls)


class Holding(NamedTuple):
    """:param quantity: signed.
    :param account: None where what led to the quantity is not known: its worth is, its profit is not.
    """

    quantity: Decimal
    account: Account | None

    def filled(self, fill: Fill, instrument: Instrument | None) -> "Holding":
        """After a fill; a fee in the base currency of a spot instrument leaves the position at the trade price."""
        change = position_change(fill, instrument)
        quantity = _EXACT.add(self.quantity, change)
        if self.account is None or instrument is None:
            return Holding(quantity, None)
        fee, currency = fill.fee, fill.fee_currency
        if instrument.is_spot and currency == instrument.base:
            fee, currency = _EXACT.multiply(fee, fill.price), instrument.quote
        account = _charged(self.account, currency, fee)
        value = _signed_value(instrument, change, fill.price)
        flow = _EXACT.add(account.flow, value if instrument.inverse else -value)
        entered = _entered(self.quantity, account.entered, change, value)
        return Holding(quantity, msgspec.structs.replace(account, flow=flow, entered=entered))

    def funded(self, paid: FundingPaid) -> "Holding":
        """After a funding payment."""
        if self.account is None:
            return self
        return Holding(self.quantity, _charged(self.account, paid.currency, -paid.amount))

    def average_price(self, instrument: Instrument) -> Decimal | None:
        """Of what is held; None where nothing is, or its account is not known."""
        if self.account is None or not self.quantity:
            return None
        units = _EXACT.multiply(self.quantity, instrument.multiplier)
        return units / self.account.entered if instrument.inverse else self.account.entered / units

    def realised(self, instrument: Instrument) -> Decimal | None:
        """Settle currency, before fees and funding; None where the account is not known."""
        if self.account is None:
            return None
        entered = -self.account.entered if instrument.inverse else self.account.entered
        return _EXACT.add(self.account.flow, entered)

    def gain(self, instrument: Instrument, price: Decimal) -> Decimal | None:
        """Realised and unrealised at a price, in settle currency, before fees and funding."""
        if self.account is None:
            return None
        worth = _signed_value(instrument, self.quantity, price)
        return _EXACT.add(self.account.flow, -worth if instrument.inverse else worth)


NOTHING_HELD: Final = Holding(ZERO, Account())


def holding_of(quantity: Decimal, account: str | None) -> Holding:
    """A holding as the ledger keeps it."""
    return Holding(quantity, Account.of_text(account))


def position_change(fill: Fill, instrument: Instrument | None) -> Decimal:
    """What a fill adds to its strategy's position, signed: as the gateway counts it, less a fee in the base currency
    of a spot instrument.
    """
    in_base = instrument is not None and instrument.is_spot and fill.fee_currency == instrument.base
    signed = _EXACT.multiply(fill.quantity, Decimal(fill.side.sign))
    return _EXACT.subtract(signed, fill.fee) if in_base else signed


def charges_of(holdings: Mapping[Any, Holding]) -> dict[str, Decimal]:  # Any: whatever names a holding
    """Fees less funding of several holdings, by currency."""
    total: dict[str, Decimal] = {}
    for holding in holdings.values():
        for currency, amount in holding.account.charges.items() if holding.account else ():
            total[currency] = _EXACT.add(total.get(currency, ZERO), amount)
    return total


def _charged(account: Account, currency: str, amount: Decimal) -> Account:
    if not amount:
        return account
    charges = {**account.charges, currency: _EXACT.add(account.charges.get(currency, ZERO), amount)}
    return msgspec.structs.replace(account, charges=charges)


def _entered(held: Decimal, entered: Decimal, change: Decimal, value: Decimal) -> Decimal:
    """What is held after a change was entered for: more of the same side adds its value, less takes a share away."""
    if held * change >= 0:
        return _EXACT.add(entered, value)
    if abs(change) < abs(held):
        share = _EXACT.divide(_EXACT.multiply(entered, -change), held).quantize(SHARE_QUANTUM, context=_EXACT)
        return _EXACT.subtract(entered, share)
    rest = _EXACT.add(held, change)  # of the other side now: entered at the price of this change
    return _EXACT.divide(_EXACT.multiply(value, rest), change).quantize(SHARE_QUANTUM, context=_EXACT)


def _signed_value(instrument: Instrument, quantity: Decimal, price: Decimal) -> Decimal:
    """Settle currency, signed as the quantity."""
    if instrument.inverse:
        value = instrument.settle_value(quantity, price)
        return value if quantity > 0 else -value
    return _EXACT.multiply(_EXACT.multiply(quantity, price), instrument.multiplier)
