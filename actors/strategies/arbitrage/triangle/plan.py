"""How large the three orders of a triangle are, in whole lots, and what it brings with every rest counted as lost."""

from decimal import Decimal

import msgspec

from actors.analytics.arbitrage import BPS, ChainWalk, give_away
from actors.analytics.pnl import ZERO
from actors.strategies.arbitrage.edge import Hop
from actors.strategies.arbitrage.triangle.commands import TrianglePlan
from actors.strategies.pair.sizing import is_tradable
from messages.orders import Side


class TriangleRequest(msgspec.Struct, frozen=True):
    """:param min_bps: edge that must be left when the rests below a lot are lost."""

    hops: tuple[Hop, ...]
    walk: ChainWalk
    min_bps: float
    slippage_bps_max: float


def plan_triangle(request: TriangleRequest) -> TrianglePlan | str:
    """The plan of a walk; a sentence instead where a step is too small or the rests take the edge away."""
    if not request.walk.worst:
        return "no market for one of its steps"
    limits = triangle_limits(request)
    amount = given = request.walk.amounts[0]
    first = ZERO
    for hop, limit in zip(request.hops, limits, strict=True):
        quantity = lots(hop, amount, hop.view.touch(hop.side))
        if not is_tradable(hop.instrument, quantity, limit):
            return (
                f"{quantity} {hop.instrument.id} at {limit} is below the venue's minimum "
                f"(lot {hop.instrument.lot_size}, quantity {hop.instrument.min_quantity}, "
                f"notional {hop.instrument.min_notional})"
            )
        spent, amount = converted(hop, float(quantity))
        if not first:
            first, given = quantity, spent
    edge_bps = (amount / given - 1.0) * BPS
    if edge_bps < request.min_bps:
        return f"{edge_bps:.2f} bps are left in whole lots, expected at least {request.min_bps:g}"
    return TrianglePlan(request.hops, first, limits, edge_bps)


def triangle_limits(request: TriangleRequest) -> tuple[Decimal, ...]:
    """Limits at which even the last unit loses nothing.

    A purchase after the first step gives nothing away beyond the worst level: its size must be payable at its limit,
    and what the limit is better than would be left over.
    """
    may_give = [number == 0 or hop.side is Side.SELL for number, hop in enumerate(request.hops)]
    factor = give_away(request.walk.marginal, sum(may_give))
    return tuple(
        hop.limit(worst, factor if gives else 1.0, request.slippage_bps_max)
        for hop, worst, gives in zip(request.hops, request.walk.worst, may_give, strict=True)
    )


def lots(hop: Hop, amount: float, price: float) -> Decimal:
    """Whole lots that an amount of what the hop is given pays for, fee included."""
    if hop.side is Side.BUY:
        amount /= price if hop.fee.is_in_base else price * (1.0 + hop.fee.rate)
    quantity = hop.instrument.round_quantity(amount)
    most = hop.instrument.max_quantity
    return quantity if most is None else min(quantity, most)


def converted(hop: Hop, quantity: float) -> tuple[float, float]:
    """What an order of a quantity gives and receives, at the mean rate of the book, net of its fee."""
    if hop.side is Side.SELL:
        return quantity, quantity * hop.mean_rate(quantity)[0]
    received = quantity * (1.0 - hop.fee.rate) if hop.fee.is_in_base else quantity
    rate = hop.rate_to_receive(received)
    return received / rate if rate else float("inf"), received
