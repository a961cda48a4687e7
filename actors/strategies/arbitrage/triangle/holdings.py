"""What a triangle holds between start and start, and the ways back from there."""

from decimal import Decimal

import msgspec

from actors.analytics.pnl import ZERO
from actors.strategies.arbitrage.edge import Hop
from actors.strategies.arbitrage.flows import plain
from actors.strategies.market_view import MarketView
from actors.strategies.pair.sizing import is_tradable
from messages.instruments import ONE, TEN_THOUSAND, Rounding
from messages.orders import Side


class Way(msgspec.Struct, frozen=True):
    """One order that leads back.

    :param value: in the starting currency, of all that its holding would bring at executable prices.
    """

    hop: Hop
    quantity: Decimal
    value: float


class TriangleHoldings:
    """Amounts of the two currencies in between; what is too small to trade is carried as dust.

    :param markets: of the three instruments.
    """

    def __init__(self, markets: tuple[MarketView, ...], start: str) -> None:
        hops = [Hop(view, side) for view in markets for side in Side]
        currencies = dict.fromkeys(hop.gives for hop in hops)
        self.start = start
        self.amounts = {currency: ZERO for currency in currencies if currency != start}
        self.direct = {hop.gives: hop for hop in hops if hop.receives == start}
        self.across = {hop.gives: hop for hop in hops if start not in (hop.gives, hop.receives)}

    def move(self, moved: dict[str, Decimal]) -> None:
        """Take in what a fill has moved."""
        for currency, amount in moved.items():
            if currency in self.amounts:
                self.amounts[currency] += amount

    def leftovers(self) -> list[str]:
        """Currencies of which more is held than dust: the market that leads straight back would take it."""
        return [currency for currency in self.amounts if self._is_worth_an_order(self.direct[currency])]

    def _is_worth_an_order(self, hop: Hop) -> bool:
        price = touch_price(hop)
        return price > 0 and self.quantity(hop, price) > 0

    @property
    def is_measurable(self) -> bool:
        """False while there is no price to tell a leftover from dust by."""
        return all(amount <= 0 or touch_price(self.direct[currency]) for currency, amount in self.amounts.items())

    def quantity(self, hop: Hop, price: Decimal) -> Decimal:
        """The order that what is held pays for at this price, fee included; 0 where the venue would not take it."""
        return affordable(hop, self.amounts[hop.gives], price)

    def way_back(self, currency: str, usable: set[str]) -> Way | None:
        """The way that brings more: straight, or across through the other currency.

        :param usable: ids of the instruments whose market is up and fresh.
        """
        amount = float(self.amounts[currency])
        straight, across = self.direct[currency], self.across[currency]
        second = self.direct[across.receives]
        found = []
        if straight.instrument.id in usable:
            found.append((straight, _value(amount, straight)))
        if {across.instrument.id, second.instrument.id} <= usable:
            found.append((across, _value(amount, across, second)))
        ways = [Way(hop, self.quantity(hop, touch_price(hop)), value) for hop, value in found if value > 0.0]
        return max((way for way in ways if way.quantity), key=lambda way: way.value, default=None)

    def text(self) -> str:
        """What is held, for a person; empty where it is nothing at all."""
        held = ", ".join(f"{plain(amount)} {currency}" for currency, amount in self.amounts.items() if amount)
        return f"residual: holding {held}" if held else ""


def affordable(hop: Hop, amount: Decimal, price: Decimal) -> Decimal:
    """Whole lots that an amount of what the hop is given pays for, fee included; 0 where that is no valid order."""
    instrument = hop.instrument
    if amount <= 0:
        return ZERO
    if hop.side is Side.BUY:
        rate = ZERO if hop.fee.is_in_base else instrument.taker_fee_bps / TEN_THOUSAND
        amount = amount / (price * (ONE + rate))
    quantity = instrument.round_quantity(amount)
    if instrument.max_quantity is not None:
        quantity = min(quantity, instrument.max_quantity)
    return quantity if is_tradable(instrument, quantity, price) else ZERO


def touch_price(hop: Hop) -> Decimal:
    """The best price that an order would take, as money; 0 where there is none."""
    return hop.instrument.round_price(hop.view.touch(hop.side), Rounding.NEAREST)


def _value(amount: float, *hops: Hop) -> float:
    """What comes out of converting an amount, at the mean rate of what the books show."""
    for hop in hops:
        amount *= hop.mean_rate(amount)[0]
    return amount
