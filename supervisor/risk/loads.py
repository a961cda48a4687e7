"""How much of each limit the leases take together, and how much room is left for one of them. Pure."""

from collections.abc import Callable, Mapping
from decimal import ROUND_FLOOR, Context, Decimal
from typing import Final, NamedTuple

from messages.base import DECIMAL_MAX
from supervisor.risk.limits import Key, Limit, Limits, Measure

ZERO: Final = Decimal(0)
QUANTUM: Final = Decimal("1e-8")
_DOWN: Final = Context(prec=60, rounding=ROUND_FLOOR)


class Sides(NamedTuple):
    """Unsigned: how far long and how far short a strategy may get, or is, in one instrument."""

    long: Decimal
    short: Decimal

    @property
    def most(self) -> Decimal:
        return max(self.long, self.short)

    def or_more(self, other: "Sides") -> "Sides":
        """The larger of each side."""
        return Sides(max(self.long, other.long), max(self.short, other.short))

    def or_less(self, other: "Sides") -> "Sides":
        """The smaller of each side."""
        return Sides(min(self.long, other.long), min(self.short, other.short))


FLAT: Final = Sides(ZERO, ZERO)


class Load:
    """What one limit carries.

    :ivar unknown: members of a notional limit that hold something of which nobody knows the worth.
    """

    __slots__ = ("gross", "long", "short", "unknown")

    def __init__(self) -> None:
        self.gross = self.long = self.short = ZERO
        self.unknown = 0

    def of(self, measure: Measure) -> Decimal:
        """What is compared with the limit."""
        return self.gross if measure is Measure.GROSS else max(self.long, self.short)


class Loads:
    """The sums over all leases, limit by limit, kept as single leases change.

    :param unit_value: of an instrument in the reporting currency; None where it is not known.
    """

    def __init__(self, limits: Limits, unit_value: Callable[[str], Decimal | None]) -> None:
        self._limits = limits
        self._unit_value = unit_value
        self._loads: dict[str, Load] = {name: Load() for name in limits.by_name}
        self.sides: dict[Key, Sides] = {}

    def set(self, key: Key, sides: Sides) -> None:
        """A lease has these sides now."""
        before = self.sides.get(key, FLAT)
        self.sides[key] = sides
        value = self._unit_value(key[1])
        for limit in self._limits.of(key):
            load = self._loads[limit.name]
            if limit.measure is Measure.POSITION:
                unit = Decimal(1)
            elif value is None:
                load.unknown += (sides != FLAT) - (before != FLAT)
                continue
            else:
                unit = value
            if limit.measure is Measure.GROSS:
                load.gross += (sides.most - before.most) * unit
            else:
                load.long += (sides.long - before.long) * unit
                load.short += (sides.short - before.short) * unit

    def load(self, limit: Limit) -> Decimal:
        """What the limit carries; more than any limit where a part of it has no known worth."""
        load = self._loads[limit.name]
        return DECIMAL_MAX if load.unknown else load.of(limit.measure)

    def is_over(self, key: Key) -> bool:
        """Whether a limit of this lease carries more than it may."""
        return any(self.load(limit) > limit.max for limit in self._limits.of(key))

    def is_exceeded(self, key: Key) -> bool:
        """The same, and all of it is of known worth."""
        loads = [(self._loads[limit.name], limit) for limit in self._limits.of(key)]
        return any(not load.unknown and load.of(limit.measure) > limit.max for load, limit in loads)

    def most(self, key: Key, *, is_long: bool, sharers: Mapping[str, int] | None = None) -> Decimal:
        """How far this side of a lease may go with everything else as it is; never less than it has.

        :param sharers: by limit, among how many the room that is left is to be divided; None: it takes all.
        """
        own = self.sides.get(key, FLAT)
        now = own.long if is_long else own.short
        value = self._unit_value(key[1])
        most = DECIMAL_MAX
        for limit in self._limits.of(key):
            load = self._loads[limit.name]
            unit = Decimal(1) if limit.measure is Measure.POSITION else value
            if unit is None or load.unknown:
                return now
            used = load.gross if limit.measure is Measure.GROSS else load.long if is_long else load.short
            free = limit.max - used
            if free < 0:
                return now
            if sharers is not None:
                free = _DOWN.divide(free, Decimal(max(1, sharers.get(limit.name, 1))))
            base = own.most if limit.measure is Measure.GROSS else now
            most = min(most, base + (free if unit == 1 else _DOWN.divide(free, unit)) if unit else most)
        return max(now, floored(most))


def floored(quantity: Decimal) -> Decimal:
    """Down to the eighth place, which every venue's lots are whole multiples of or coarser than."""
    return quantity if quantity >= DECIMAL_MAX else quantity.quantize(QUANTUM, ROUND_FLOOR, _DOWN)
