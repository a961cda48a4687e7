"""The states of a triangle's execution, what it is asked to do, and its settings."""

from decimal import Decimal
from enum import Enum

import msgspec

from actors.strategies.arbitrage.edge import Hop


class TriangleState(Enum):
    RECOVERING = "restarted; waiting for the gateways' word on positions and orders"
    IDLE = "nothing but dust between start and start"
    CONVERTING = "the order of a step works; each is as large as the one before it brought"
    RETURNING = "a step fell short: back to the starting currency, forward or back, whichever brings more"
    PROTECTING = "the market is gone or stale, or an outcome unknown: no new order until it is known"
    FLATTENING = "straight back to the starting currency, at a wide price, then at any"
    DONE = "the attempt is over; its record is being made"
    HALTED = "stopped; a person must look at it"


class TriangleParameters(msgspec.Struct, frozen=True, kw_only=True):
    """:param loss_budget: in the starting currency, for the way back of one attempt.

    :param returns_max: orders on the way back that leave something, before everything is flattened.
    """

    slippage_bps_max: float
    flatten_slippage_bps: float
    step_timeout_ms: int
    returns_max: int
    loss_budget: float
    quote_age_max_ms: int


class TrianglePlan(msgspec.Struct, frozen=True):
    """:param hops: the three conversions, in order. :param quantity: of the first order.

    :param limits: of each order, at which all three together lose nothing.
    """

    hops: tuple[Hop, ...]
    quantity: Decimal
    limits: tuple[Decimal, ...]
    edge_bps: float


class Begin(msgspec.Struct, frozen=True):
    """Convert all the way round."""

    plan: TrianglePlan
