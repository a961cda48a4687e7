"""What the account can still afford: reservations of open spot orders and initial margin of derivatives.

The margin of a derivative is that of its worst-case position: every open order of one side filled, reduce-only ones
left out, as they cannot add to it. Cross margin: all instruments of one settle currency share the balance and its
unrealised PnL. Initial margin is checked when an order enters or is amended, maintenance margin at every mark price.
"""

from collections.abc import Iterable
from decimal import Decimal
from typing import NamedTuple

from gateways.exchange.ledger import Ledger
from gateways.exchange.venue_order import ZERO, VenueOrder
from messages.instruments import TEN_THOUSAND, Instrument
from messages.orders import Side

LEVERAGE = Decimal(20)
"""Of every derivative: initial margin = value / LEVERAGE."""

MAINTENANCE_RATIO = Decimal("0.005")
"""Of the value of every derivative's position; below it the venue closes them."""


class Exposure(NamedTuple):
    """What open orders may do to the account in one instrument.

    :ivar buys: quantity that open orders may still buy; `sells` likewise, unsigned.
    :ivar buy_cost: quote currency that open spot buys may need, with fees; 0 for derivatives.
    :ivar price: at which a derivative's position is valued.
    """

    instrument: Instrument
    buys: Decimal
    sells: Decimal
    buy_cost: Decimal
    price: Decimal

    def worst_position(self, position: Decimal) -> Decimal:
        """The largest position, unsigned, that the open orders can lead to."""
        return max(abs(position + self.buys), abs(position - self.sells))


def exposure_of(instrument: Instrument, orders: Iterable[VenueOrder], price: Decimal) -> Exposure:
    """Add up the open orders of one instrument.

    :param price: of the market; it stands in for the price of market orders too.
    """
    buys = sells = buy_cost = ZERO
    for order in orders:
        if order.request.reduce_only and not instrument.is_spot:
            continue
        if order.side is Side.SELL:
            sells += order.remaining
            continue
        buys += order.remaining
        if instrument.is_spot:
            buy_cost += spot_buy_cost(instrument, order.remaining, price if order.price is None else order.price)
    return Exposure(instrument, buys, sells, buy_cost, price)


def spot_buy_cost(instrument: Instrument, quantity: Decimal, price: Decimal) -> Decimal:
    """Quote currency that a spot buy may need at most: its notional and, if charged in quote, the higher fee."""
    notional = instrument.notional(quantity, price)
    if instrument.fee_currency == instrument.base:
        return notional
    rate_bps = max(ZERO, instrument.maker_fee_bps, instrument.taker_fee_bps)
    return notional + notional * rate_bps / TEN_THOUSAND


def free_balance(currency: str, exposures: Iterable[Exposure], ledger: Ledger) -> Decimal:
    """What is left of a balance once every open order is provided for; negative = the account is short of it.

    Unrealised profit counts as margin for derivatives, but it does not buy anything on spot.
    """
    reserved = margin = unrealised = ZERO
    for exposure in exposures:
        instrument = exposure.instrument
        if instrument.is_spot:
            reserved += exposure.buy_cost if currency == instrument.quote else ZERO
            reserved += exposure.sells if currency == instrument.base else ZERO
        elif currency == instrument.settle:
            worst = exposure.worst_position(ledger.position(instrument.id))
            margin += instrument.settle_value(worst, exposure.price) / LEVERAGE
            unrealised += ledger.unrealised(instrument.id, exposure.price)
    return ledger.balance(currency) - reserved + min(ZERO, unrealised - margin)


def is_below_maintenance(currency: str, exposures: Iterable[Exposure], ledger: Ledger) -> bool:
    """Whether balance and unrealised PnL in a settle currency are less than its positions need to be kept."""
    value = equity = ZERO
    for exposure in exposures:
        instrument = exposure.instrument
        if not instrument.is_spot and currency == instrument.settle:
            value += instrument.settle_value(ledger.position(instrument.id), exposure.price)
            equity += ledger.unrealised(instrument.id, exposure.price)
    return value > 0 and ledger.balance(currency) + equity < value * MAINTENANCE_RATIO


def can_afford(order: VenueOrder, before: Exposure, others: Iterable[Exposure], ledger: Ledger) -> bool:
    """Whether the account can bear one order more.

    :param before: the exposure in the order's instrument without it; `others`: those in all other instruments.
    """
    instrument = before.instrument
    extra = exposure_of(instrument, (order,), before.price)
    after = Exposure(
        instrument,
        before.buys + extra.buys,
        before.sells + extra.sells,
        before.buy_cost + extra.buy_cost,
        before.price,
    )
    if instrument.is_spot:
        currency = instrument.quote if order.side is Side.BUY else instrument.base
    else:
        currency = instrument.settle
        position = ledger.position(instrument.id)
        if after.worst_position(position) <= before.worst_position(position):
            return True  # an order that lowers the risk always passes, however short of margin the account is
    return free_balance(currency, (after, *others), ledger) >= 0
