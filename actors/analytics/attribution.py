"""Where a profit came from: what trading cost or earned at the moment of each fill, and what price movement did after.

Of a fill at price p, with m the mid when it is heard of, and t and d the touch (the best price that its side takes)
and the mid when its order was sent:

    taker: slippage = gain(p → t), spread = gain(t → d), movement from d on
    maker: spread = gain(p → m), movement from m on

Movement is what is left of realised + unrealised, so that the parts always add up to the profit, to the last digit.
"""

from collections.abc import Mapping
from decimal import Decimal
from enum import Enum

from actors.analytics.pnl import HALF, ZERO, InstrumentBook, exact_mid, settle_currency
from messages.health import Attribution, Pnl
from messages.instruments import Instrument, Rounding
from messages.market import Quote
from messages.orders import Fill, Liquidity, Side

DECISIONS_KEPT_MAX = 1_000
"""Orders whose market is remembered. An order older than so many later ones rests, and its fills are a maker's."""


class Movement(Enum):
    """What price movement is called in the attribution of a strategy."""

    BASIS = "the legs hedge each other: what moves is their difference"
    INVENTORY = "what is held is not hedged"


def attribute(pnl: Pnl, spread: Decimal, slippage: Decimal, movement: Movement) -> Attribution:
    """Take a profit apart; the movement is what spread and slippage leave of it."""
    moved = pnl.realised + pnl.unrealised - spread - slippage
    is_basis = movement is Movement.BASIS
    return Attribution(
        spread=spread,
        slippage=slippage,
        basis=moved if is_basis else ZERO,
        inventory=ZERO if is_basis else moved,
        funding=pnl.funding,
        fees=pnl.fees,
        currency=pnl.currency,
    )


class ExecutionCosts:
    """Spread and slippage of all fills, by settle currency, and the markets that the last orders were sent into.

    A fill of an order that is not remembered, or that was sent or heard of without a two-sided quote, has neither: from
    its price on, all is movement.
    """

    def __init__(self, books: Mapping[str, InstrumentBook]) -> None:
        self.spread: dict[str, Decimal] = {}
        self.slippage: dict[str, Decimal] = {}
        self._books = books
        self._decisions: dict[str, tuple[float, float]] = {}

    def note_order(self, client_order_id: str, quote: Quote | None) -> None:
        """Remember the market that an order is sent into, or amended in."""
        if quote is None or not is_two_sided(quote):
            return
        self._decisions[client_order_id] = (quote.bid, quote.ask)
        if len(self._decisions) > DECISIONS_KEPT_MAX:
            del self._decisions[next(iter(self._decisions))]

    def book(self, fill: Fill, change: Decimal, quote: Quote | None) -> None:
        """Count a fill.

        :param change: signed quantity by which the ledger's position changes.
        :param quote: of the instrument, when the fill is heard of.
        """
        book = self._books[fill.instrument]
        currency = settle_currency(book.instrument)
        if fill.liquidity is Liquidity.MAKER:
            if quote is not None and is_two_sided(quote):
                mid = exact_mid(book.instrument, quote.bid, quote.ask)
                _add(self.spread, currency, book.gain(change, fill.price, mid))
            return
        decision = self._decisions.get(fill.client_order_id)
        if decision is not None:
            touch, mid = _touch_and_mid(book.instrument, fill.side, decision)
            _add(self.slippage, currency, book.gain(change, fill.price, touch))
            _add(self.spread, currency, book.gain(change, touch, mid))


def is_two_sided(quote: Quote) -> bool:
    return quote.bid > 0.0 and quote.ask > 0.0


def _touch_and_mid(instrument: Instrument, side: Side, market: tuple[float, float]) -> tuple[Decimal, Decimal]:
    bid, ask = (instrument.round_price(price, Rounding.NEAREST) for price in market)
    return (ask if side is Side.BUY else bid), (bid + ask) * HALF


def _add(totals: dict[str, Decimal], currency: str, amount: Decimal) -> None:
    totals[currency] = totals.get(currency, ZERO) + amount
