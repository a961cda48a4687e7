"""The gate's own bounds: the table `[gateways.checks]` of a config, the same for every strategy at a gateway."""

from decimal import Decimal
from typing import Annotated, Final

import msgspec
from msgspec import Meta

EXECUTIONS_MAX: Final = 1_000
"""Of one strategy, instrument and side, that can be looked back at."""

AboveZero = Annotated[Decimal, Meta(extra={"above": "0"})]
CollarBps = Annotated[Decimal, Meta(extra={"above": "0", "most": "10000", "accepts_float": True})]


class GateLimits(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What the gate allows whoever asks. Orders that only reduce a position are exempt where the gate says so.

    :param order_notional_max: of one order, in the quote currency of its instrument.
    :param order_quantity_max: of one order, by symbol, in the instrument's own unit; the venue's own bound is in the
        instrument.
    :param price_collar_bps: how far on the bad side of the mid a limit may be: a buy above it, a sell below it.
    :param reference_age_max_ms: an order that may increase a position needs a quote or book no older than this.
    :param open_orders_max: of all strategies at the gateway; `open_orders_per_strategy_max` of one.
    :param messages_per_s: orders, amendments and cancels of one strategy; so many may come at once. Cancels count and
        are never refused.
    :param repeated_executions_max: an order is denied where this many of the same strategy, instrument and side have
        filled within `repeated_executions_period_s`; 0: no such bound.
    """

    order_notional_max: AboveZero = Decimal(100_000)
    order_quantity_max: dict[str, AboveZero] = {}
    price_collar_bps: CollarBps = Decimal(500)
    reference_age_max_ms: Annotated[int, Meta(ge=1, le=86_400_000)] = 10_000
    open_orders_max: Annotated[int, Meta(ge=1, le=100_000)] = 1_000
    open_orders_per_strategy_max: Annotated[int, Meta(ge=1, le=100_000)] = 200
    messages_per_s: Annotated[float, Meta(gt=0.0, le=100_000.0)] = 200.0
    repeated_executions_max: Annotated[int, Meta(ge=0, le=EXECUTIONS_MAX)] = 0
    repeated_executions_period_s: Annotated[float, Meta(gt=0.0, le=86_400.0)] = 60.0
