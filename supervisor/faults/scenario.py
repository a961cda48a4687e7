"""What can go wrong with one leg of a pair, and what it happens to."""

from collections.abc import Iterator
from enum import Enum
from typing import Final

import msgspec

from supervisor.faults.rigs import Rig


class Fault(Enum):
    """The value says it in words, for the table."""

    NONE = "nothing goes wrong"
    REJECTED = "rejected once"
    REFUSED = "refused by a venue without balance"
    EXPIRED = "expired, the market comes back"
    MOVED = "expired, the market has moved for good"
    PARTLY = "filled less than the minimum"
    NEARLY = "filled all but less than the minimum"
    LATE = "filled late, after a cancel"
    UNKNOWN_FILLED = "outcome unknown, it had filled"
    UNKNOWN_LOST = "outcome unknown, it never arrived"
    GONE = "venue gone while the order works"
    GONE_LONG = "venue gone for a minute, the order had not arrived"
    GONE_HOLDING = "venue gone while holding"
    LIQUIDATED = "liquidated while holding"


WHILE_HOLDING: Final = frozenset({Fault.GONE_HOLDING, Fault.LIQUIDATED})
"""They strike a pair that is held, not an order."""


class Scenario(msgspec.Struct, frozen=True):
    """:param leg: 1 or 2, in order of execution."""

    fault: Fault
    leg: int

    @property
    def title(self) -> str:
        return self.fault.value if self.fault is Fault.NONE else f"leg {self.leg} {self.fault.value}"


def scenarios_of(rig: Rig) -> Iterator[Scenario]:
    """Everything that can happen to it, the second leg first: that is where a pair is at risk."""
    yield Scenario(Fault.NONE, 1)
    for leg in (2, 1):
        for fault in Fault:
            is_possible = rig.is_held or fault not in WHILE_HOLDING
            if fault is Fault.LIQUIDATED and rig.legs[leg - 1].is_spot:
                is_possible = False
            if is_possible and fault is not Fault.NONE:
                yield Scenario(fault, leg)
