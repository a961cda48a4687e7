"""What the venue says against what we have on record. Pure functions; who remembers between two looks is in
`reconciliation.py`.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from decimal import Decimal
from typing import Final, NamedTuple

from gateways.venue import OpenOrder, OrderStatus
from messages.instruments import Instrument
from messages.order_lifecycle import Order, OrderState
from messages.orders import (
    FLATTEN_PREFIX,
    DenyReason,
    ExecutionReport,
    OrderAccepted,
    OrderAmended,
    OrderClosed,
    OrderDenied,
    OrderRejected,
)

ZERO: Final = Decimal(0)
_ACKNOWLEDGED: Final = (OrderState.WORKING, OrderState.CANCELLING)


class Difference(NamedTuple):
    """A position, or the balance that a spot position is: ours and the venue's."""

    ours: Decimal
    venues: Decimal


# --- one order -------------------------------------------------------------------------------------------------------


def missing_reports(order: Order, status: OrderStatus) -> list[ExecutionReport]:
    """The reports that bring our record of an order to what the venue knows of it; fills come before the end.

    An order that the venue never saw is told as `OrderDenied(NOT_RECEIVED)`. Should it get there all the same, it is
    told accepted, with its fills, and stays denied. One that the venue does not name is not told accepted; unless
    something else tells of it, it stays of unknown outcome and is asked about again.
    """
    request, ts = order.request, status.ts_event
    head = (request.client_order_id, request.strategy, request.instrument)
    if not status.is_known:
        return [OrderDenied(*head, DenyReason.NOT_RECEIVED, "venue=unknown-order", ts)]
    if status.rejected is not None:
        return [OrderRejected(*head, status.rejected, "told when asked", ts)]
    reports: list[ExecutionReport] = []
    is_news = not order.venue_order_id or order.state in (OrderState.UNKNOWN, OrderState.IN_FLIGHT)
    if is_news and (venue_order_id := status.venue_order_id or order.venue_order_id):
        reports.append(OrderAccepted(*head, venue_order_id, ts))
    if order.is_open and (amended := _amendment(order, status)) is not None:
        reports.append(amended)
    reports += [fill for fill in status.fills if fill.trade_id not in order.trade_ids]
    if status.closed is not None and order.is_open:
        reports.append(OrderClosed(*head, status.closed, status.filled_quantity, ts))
    return reports


def _amendment(order: Order, status: OrderStatus) -> OrderAmended | None:
    """An amendment whose answer was lost: the order works at terms that we do not know of."""
    request = order.request
    quantity, price = status.quantity, status.price
    if quantity is None or price is None or (quantity, price) == (request.quantity, request.price):
        return None
    head = (request.client_order_id, request.strategy, request.instrument)
    return OrderAmended(*head, quantity, price, status.ts_event)


# --- open orders -----------------------------------------------------------------------------------------------------


def unexplained(listed: Iterable[OpenOrder], orders: Mapping[str, Order], order_prefix: str) -> list[OpenOrder]:
    """The orders that work at the venue and are ours, and that no open order of our books explains: there is no record
    of them, or it has ended (the venue said that it did not know the order, which was still on its way).

    :param order_prefix: of this cluster's ids; empty: none but those on record are taken for ours.
    """
    prefixes = (order_prefix, FLATTEN_PREFIX + order_prefix) if order_prefix else ()

    def is_unexplained(name: str) -> bool:
        record = orders.get(name)
        return name.startswith(prefixes) if record is None else not record.is_open

    return [order for order in listed if is_unexplained(order.client_order_id)]


def unlisted(open_ids: Collection[str], orders: Iterable[Order]) -> list[Order]:
    """The orders that the venue has acknowledged, that we take for open, and that it does not list as open.

    One that is not acknowledged yet, or not known, need not be listed; it is asked about for its own sake.
    """
    return [order for order in orders if order.state in _ACKNOWLEDGED and order.request.client_order_id not in open_ids]


# --- positions -------------------------------------------------------------------------------------------------------


def in_flight(orders: Iterable[Order]) -> set[str]:
    """The instruments of orders whose standing is not known to the last: no comparison there can be trusted."""
    return {order.request.instrument for order in orders if order.state is not OrderState.WORKING}


def position_differences(
    instruments: Iterable[Instrument], held: Mapping[str, Decimal], venues: Mapping[str, Decimal], now_ns: int
) -> dict[str, Difference]:
    """Where the positions in derivatives differ, by instrument id.

    A contract that has expired is left out: the venue settles it without a fill, and our books keep what was held.
    """
    found = {}
    for instrument in instruments:
        if instrument.is_spot or (instrument.expiry_ns and instrument.expiry_ns <= now_ns):
            continue
        difference = Difference(held.get(instrument.id, ZERO), venues.get(instrument.id, ZERO))
        if difference.ours != difference.venues:
            found[instrument.id] = difference
    return found


def spot_currencies(instruments: Sequence[Instrument]) -> dict[str, list[str]]:
    """The currencies whose balance moves by our spot trades alone, each with the instruments that trade it.

    Not those in which anything else is paid: a quote or settle currency also takes prices, fees, profits and funding.
    """
    paid_in = {instrument.quote for instrument in instruments if instrument.is_spot}
    paid_in |= {instrument.settle for instrument in instruments if not instrument.is_spot}
    found: dict[str, list[str]] = {}
    for instrument in instruments:
        if instrument.is_spot and instrument.base not in paid_in:
            found.setdefault(instrument.base, []).append(instrument.id)
    return found


def balance_differences(
    currencies: Mapping[str, Sequence[str]],
    bases: Mapping[str, Decimal],
    held: Mapping[str, Decimal],
    balances: Mapping[str, Decimal],
) -> dict[str, Difference]:
    """Where a spot balance is not what was there before, plus what was bought here; by currency.

    :param bases: by currency, the balance that was there before we traded; one without is left out.
    """
    found = {}
    for currency, instrument_ids in currencies.items():
        if currency in bases:
            ours = bases[currency] + sum((held.get(id, ZERO) for id in instrument_ids), ZERO)
            difference = Difference(ours, balances.get(currency, ZERO))
            if difference.ours != difference.venues:
                found[currency] = difference
    return found
