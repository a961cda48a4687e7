"""What to do about legs that do not match: complete the one that lags, or unwind the one that leads, by cost.

Costs are estimates in quote currency, in floats; negative = a gain. The fees already paid are sunk and left out.
"""

from decimal import Decimal
from enum import Enum

import msgspec

from actors.strategies.pair.sizing import BPS, Leg, closable, following, is_tradable, leading, to_order
from messages.orders import Side

ZERO = Decimal(0)


class RepairKind(Enum):
    COMPLETE = "open more of the leg that lags"
    UNWIND = "close what the leading leg has too much of"


class Repair(msgspec.Struct, frozen=True):
    """One order that would restore the balance.

    :param leg: index of the leg to trade. :param cost: in quote currency.
    """

    kind: RepairKind
    leg: int
    side: Side
    quantity: Decimal
    cost: float


class Holdings(msgspec.Struct, frozen=True):
    """What the pair holds, and at what average price (None where it is not known)."""

    quantities: tuple[Decimal, Decimal]
    prices: tuple[Decimal | None, Decimal | None]
    hedge_ratio: Decimal
    reference: Decimal


def hedge_gap(legs: tuple[Leg, Leg], held: Holdings) -> Decimal:
    """What the second leg lacks (positive) or has too much (negative), in its own unit, in whole lots."""
    target = following(legs, held.quantities[0], held.hedge_ratio, held.reference)
    return target - held.quantities[1]


def is_actionable(legs: tuple[Leg, Leg], held: Holdings) -> bool:
    """Whether the gap is large enough for the venues.

    A first leg that holds less than the second can trade is carried as residual; an excess of the second can be
    closed, or met by more of the first.
    """
    gap = hedge_gap(legs, held)
    if gap > 0:
        return is_tradable(legs[1].instrument, gap, legs[1].view.mid)
    if gap < 0:
        lacking = _lacking_first(legs, held)
        return closable(legs[1], -gap) > 0 or is_tradable(legs[0].instrument, lacking, legs[0].view.mid)
    return False


def is_unwindable(legs: tuple[Leg, Leg], held: Holdings) -> bool:
    """Whether what one leg has too much of is large enough to be closed."""
    gap = hedge_gap(legs, held)
    if gap < 0:
        return closable(legs[1], -gap) > 0
    return gap > 0 and closable(legs[0], _excess_first(legs, held)) > 0


def repairs(legs: tuple[Leg, Leg], held: Holdings, usable: tuple[bool, bool], exit_basis_bps: float) -> list[Repair]:
    """Every order that can be sent now and would close the gap, the cheapest first.

    :param usable: by leg, whether its market is up and fresh.
    :param exit_basis_bps: the difference between the legs that is expected to be left when the pair is closed.
    """
    gap = hedge_gap(legs, held)
    if gap > 0:
        found = [_complete(legs, held, 1, gap, exit_basis_bps), _unwind(legs, held, 0, _excess_first(legs, held))]
    elif gap < 0:
        found = [_complete(legs, held, 0, _lacking_first(legs, held), exit_basis_bps), _unwind(legs, held, 1, -gap)]
    else:
        found = []
    return sorted((repair for repair in found if repair is not None and usable[repair.leg]), key=lambda r: r.cost)


def _lacking_first(legs: tuple[Leg, Leg], held: Holdings) -> Decimal:
    return leading(legs, held.quantities[1], held.hedge_ratio, held.reference) - max(held.quantities[0], ZERO)


def _excess_first(legs: tuple[Leg, Leg], held: Holdings) -> Decimal:
    return held.quantities[0] - leading(legs, held.quantities[1], held.hedge_ratio, held.reference)


def _unwind(legs: tuple[Leg, Leg], held: Holdings, index: int, quantity: Decimal) -> Repair | None:
    """Close at the executable price: what was lost since the entry, and the fee."""
    leg = legs[index]
    quantity = closable(leg, quantity)
    if not quantity:
        return None
    price = leg.view.executable(leg.closes, float(quantity)).price
    if not price:
        return None
    entry = held.prices[index]
    base = float(leg.instrument.base_quantity(quantity, held.reference))
    moved = (price - float(entry)) * leg.opens.sign if entry is not None else 0.0
    cost = -moved * base * leg.rate + _fee(leg, base, price)
    return Repair(RepairKind.UNWIND, index, leg.closes, quantity, cost)


def _complete(
    legs: tuple[Leg, Leg], held: Holdings, index: int, quantity: Decimal, exit_basis_bps: float
) -> Repair | None:
    """Open the rest at the executable price: the fees still to come, less the difference locked in between the legs."""
    leg, other = legs[index], legs[1 - index]
    quantity = to_order(leg, quantity) if quantity > 0 else ZERO
    if not is_tradable(leg.instrument, quantity, leg.view.mid):
        return None
    price = leg.view.executable(leg.opens, float(quantity)).price
    entry = held.prices[1 - index]
    met = float(entry) if entry is not None else other.view.touch(other.closes)
    if not price or not met:
        return None
    base = float(leg.instrument.base_quantity(quantity, held.reference))
    expected = exit_basis_bps / BPS * price
    locked = (-leg.opens.sign * price * leg.rate - other.opens.sign * met * other.rate - expected * leg.rate) * base
    cost = 2.0 * _fee(leg, base, price) + _fee(other, base, met) - locked
    return Repair(RepairKind.COMPLETE, index, leg.opens, quantity, cost)


def _fee(leg: Leg, base: float, price: float) -> float:
    return base * price * leg.rate * float(leg.instrument.taker_fee_bps) / BPS
