"""How the pair of a dead strategy is completed: the larger leg comes down to what the smaller one matches. Pure."""

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Final, NamedTuple

from messages.instruments import Instrument, Rounding

LEGS: Final = 2
ZERO: Final = Decimal(0)
ONE: Final = Decimal(1)


class NotAPair(Exception):
    """What is held cannot be told to be a pair; says why."""


class _Leg(NamedTuple):
    """:param size: signed; base currency, or quote currency where both legs are inverse contracts."""

    instrument: Instrument
    held: Decimal
    size: Decimal


def is_tradable(instrument: Instrument | None, size: Decimal) -> bool:
    """Whether an order could close a position, or a part of it; what is not known is taken to be.

    :param size: signed.
    """
    if instrument is None:
        return bool(size)
    whole = instrument.round_quantity(abs(size))
    return bool(whole) and whole >= instrument.min_quantity


def completion(instruments: Sequence[Instrument], held: Mapping[str, Decimal]) -> dict[str, Decimal]:
    """What each leg is to be brought to, so that the two match; a leg that stays is left out.

    A long and a short leg keep what they have in common. Two of the same side, or one alone, match nothing: all of
    it is residual, and is closed. A target is never beyond what is held, and never of the other side.

    :param held: signed, in each instrument's own unit; instruments that are not held may be missing.
    :raises NotAPair: there are not just two instruments, or they cannot be compared without a price.
    """
    if len(instruments) != LEGS:
        raise NotAPair(f"it trades {len(instruments)} instruments, and only two can complete each other")
    first, second = legs = _legs(instruments, held)
    common = min(abs(first.size), abs(second.size)) if first.size * second.size < 0 else ZERO
    targets = {leg.instrument.id: _target(leg, common) for leg in legs}
    return {id: target for id, target in targets.items() if target != held.get(id, ZERO)}


def _legs(instruments: Sequence[Instrument], held: Mapping[str, Decimal]) -> list[_Leg]:
    if len({instrument.inverse for instrument in instruments}) > 1:
        names = " and ".join(instrument.id for instrument in instruments)
        raise NotAPair(f"{names} are a linear and an inverse contract, which only a price could compare")
    return [
        _Leg(item, size := held.get(item.id, ZERO), size * (item.multiplier if not item.is_spot else ONE))
        for item in instruments
    ]


def _target(leg: _Leg, common: Decimal) -> Decimal:
    """Signed; the nearest lot to what the other leg matches, and all of it where that is within a lot."""
    unit = ONE if leg.instrument.is_spot else leg.instrument.multiplier
    wanted = leg.instrument.round_quantity(common / unit, Rounding.NEAREST)
    if abs(abs(leg.held) - common / unit) < leg.instrument.lot_size or wanted >= abs(leg.held):
        return leg.held  # less than a lot too much, which no order could take away
    return wanted.copy_sign(leg.held) if wanted else ZERO
