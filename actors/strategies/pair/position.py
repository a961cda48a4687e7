"""What a pair holds, as its ledger has it, and how far the legs are apart."""

from decimal import Decimal

import msgspec

from actors.analytics.pnl import Ledger
from actors.strategies.pair.commands import Execution, PairParameters
from actors.strategies.pair.repair import Holdings, hedge_gap, is_actionable, is_unwindable
from actors.strategies.pair.sizing import ZERO, Leg, closable, is_tradable
from messages.instruments import ONE
from messages.orders import Side


class PairPosition:
    """The two legs' holdings, unsigned in the direction in which each leg is opened.

    :param terms: hedge ratio, and whether the pair is traded both ways.
    :ivar closes_only: nothing may be opened any more, since the venue took a part of a leg away.
    :ivar hedge_ratio: base of the second leg for each of the first one's.
    :ivar reference: price at which inverse contracts count as base, fixed by the plan; until there is one (after a
        restart with an empty journal) the inverse leg's own mid.
    """

    def __init__(self, legs: tuple[Leg, Leg], ledger: Ledger, terms: PairParameters) -> None:
        self.legs = legs
        self.hedge_ratio = terms.hedge_ratio
        self.reference: Decimal | None = None
        self.closes_only = False
        self._is_two_way = terms.is_two_way
        self._made_with = self.sides
        self._known = (ZERO, ZERO)
        self._books = tuple(ledger.books[leg.instrument.id] for leg in legs)
        self._inverse = next((leg for leg in legs if leg.instrument.inverse), None)

    # --- direction ----------------------------------------------------------------------------------------------

    @property
    def sides(self) -> tuple[Side, Side]:
        """The side that opens each leg."""
        return self.legs[0].opens, self.legs[1].opens

    @property
    def is_turned(self) -> bool:
        """Whether the pair is traded in another direction than it was made with."""
        return self.sides != self._made_with

    def turn(self, sides: tuple[Side, Side]) -> None:
        for leg, side in zip(self.legs, sides, strict=True):
            leg.opens = side

    def turn_to_what_is_held(self) -> bool:
        """Turn where a pair that goes both ways holds nothing in its direction, but in the other one."""
        if not self._is_two_way or min(self.held) >= 0 or max(self.held) > 0:
            return False
        self.turn((self.legs[0].closes, self.legs[1].closes))
        return True

    # --- what is held -------------------------------------------------------------------------------------------

    @property
    def held(self) -> tuple[Decimal, Decimal]:
        first, second = self.legs
        return (
            first.opens.sign * self._books[0].position,
            second.opens.sign * self._books[1].position,
        )

    @property
    def is_measurable(self) -> bool:
        """False while something is held and an inverse leg has no price at all, so that legs cannot be compared."""
        return self._reference() is not None or not any(self.held)

    def remember(self) -> None:
        """Note what is held, as far as we know, until somebody else says otherwise."""
        self._known = self.held

    def has_lost(self) -> bool:
        """Whether less is held of a leg than we knew of."""
        return any(abs(held) < abs(known) for held, known in zip(self.held, self._known, strict=True))

    def holdings(self) -> Holdings:
        first, second = self._books
        prices = (first.average_price(), second.average_price())
        return Holdings(self.held, prices, self.hedge_ratio, self._reference() or ONE)

    def gap(self) -> Decimal:
        """What the second leg lacks (positive) or has too much (negative), in its own unit."""
        return hedge_gap(self.legs, self.holdings())

    def is_actionable(self) -> bool:
        """Whether the legs are so far apart that something can be done about it."""
        held = self.holdings()
        return is_unwindable(self.legs, held) if self.must_unwind else is_actionable(self.legs, held)

    @property
    def must_unwind(self) -> bool:
        """Whether the legs may be brought in line only by closing. What the venue took of inventory that is shared is
        followed by the inventory on the other side, which is no new position.
        """
        return self.closes_only and not any(leg.is_shared for leg in self.legs)

    def is_holding(self) -> bool:
        """Whether there is a pair: the second leg is there, and at least one leg is large enough to be closed."""
        held = self.held
        return held[1] > 0 and any(closable(leg, quantity) for leg, quantity in zip(self.legs, held, strict=True))

    def is_one_legged(self) -> bool:
        """Whether one leg is there and nothing at all of the other."""
        closables = [closable(leg, held) > 0 for leg, held in zip(self.legs, self.held, strict=True)]
        return any(closables) and any(held <= 0 for held in self.held)

    def is_wrong_way(self) -> bool:
        """Whether a leg is held against its direction, by more than a rest that cannot be traded.

        Where a pair goes both ways, a residual that the other leg cannot match is such a rest too, whichever the
        direction it was left by.
        """
        return any(
            held < 0
            and is_tradable(leg.instrument, leg.instrument.round_quantity(-held), leg.view.mid)
            and not (self._is_two_way and self._is_carried(index, -held))
            for index, (leg, held) in enumerate(zip(self.legs, self.held, strict=True))
        )

    def _is_carried(self, index: int, held: Decimal) -> bool:
        """Whether so much of one leg alone would be left as it is (or cannot be told yet)."""
        alone = (held, ZERO) if index == 0 else (ZERO, held)
        return not self.is_measurable or not is_actionable(
            self.legs, msgspec.structs.replace(self.holdings(), quantities=alone)
        )

    def closables(self) -> list[tuple[int, Side, Decimal]]:
        """(leg, side, quantity) of everything that can be closed, a leg that is held the wrong way included."""
        orders = []
        for index, (leg, held) in enumerate(zip(self.legs, self.held, strict=True)):
            quantity = closable(leg, abs(held))
            if quantity:
                orders.append((index, leg.closes if held > 0 else leg.opens, quantity))
        return orders

    def closing(self, execution: Execution) -> tuple[Decimal, Decimal]:
        """What to close next, by leg; the second follows what the first has closed, unless both go at once."""
        first, second = (closable(leg, held) for leg, held in zip(self.legs, self.held, strict=True))
        if execution is Execution.CONCURRENT:
            return first, second
        ahead = closable(self.legs[1], -self.gap())
        if ahead:
            return ZERO, ahead
        return (first, ZERO) if first else (ZERO, second)

    def release(self) -> None:
        """Let what matches go from the books, oldest lots first, without a gain; the residual stays in them."""
        for book, leg, matched in zip(self._books, self.legs, self._matched(), strict=True):
            book.adopt(book.position - leg.opens.sign * matched)

    def _matched(self) -> tuple[Decimal, Decimal]:
        """By leg, the part of what is held that the other leg holds against it."""
        first, second = self.held
        reference = self._reference() or ONE
        instruments = self.legs[0].instrument, self.legs[1].instrument
        base = instruments[0].base_quantity(first, reference) * self.hedge_ratio
        other = instruments[1].base_quantity(second, reference)
        if base <= other:
            return first, instruments[1].quantity_of_base(base, reference)
        return instruments[0].quantity_of_base(other / self.hedge_ratio, reference), second

    def delta_ratio(self) -> float:
        """Net delta over the first leg: 0 = hedged, 1 = the second leg is missing, negative = over-hedged."""
        held = self.held
        if held[0] <= 0:
            return 0.0 if held[1] <= 0 else -1.0
        reference = self._reference() or ONE
        first = self.legs[0].instrument.base_quantity(held[0], reference) * self.hedge_ratio
        second = self.legs[1].instrument.base_quantity(held[1], reference)
        return float((first - second) / first)

    def residual_text(self) -> str:
        """What is not matched, for a person; empty when the legs match."""
        first, second = self.held
        gap = self.gap() if self.is_measurable else ZERO
        if not gap and not self.is_one_legged() and (first > 0) == (second > 0):
            return ""
        names = ", ".join(
            f"{leg.opens.sign * held} {leg.instrument.id}" for leg, held in zip(self.legs, (first, second), strict=True)
        )
        return f"residual: holding {names}"

    def _reference(self) -> Decimal | None:
        if self._inverse is None:
            return ONE
        return self.reference or self._inverse.view.mid
