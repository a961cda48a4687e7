"""Reduce-only on an account that several strategies share. Pure.

A venue nets the account: where one strategy is long and another short of the same contract, the venue sees only the
difference and refuses, or cuts, a reduce-only order of either. So where an account is shared in an instrument, our own
gate holds the order to what its strategy holds, and the venue is not told of the flag.
"""

import msgspec

from gateways.gate.checks import Denial
from gateways.gate.order_records import OrderRecords
from messages.orders import DenyReason, SubmitOrder


def as_venue_sees_it(order: SubmitOrder, records: OrderRecords) -> SubmitOrder | Denial:
    """The order for the venue; a denial where it would not only reduce what its strategy holds."""
    if not order.reduce_only or not records.is_shared(order.strategy, order.instrument):
        return order
    reducible = records.reducible(order.strategy, order.instrument, order.side)
    if order.quantity > reducible:
        context = f"quantity={order.quantity} reducible={reducible} account=shared"
        return Denial(DenyReason.REDUCE_ONLY, context)
    return msgspec.structs.replace(order, reduce_only=False)
