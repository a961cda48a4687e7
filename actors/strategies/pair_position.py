"""What a pair holds, as its ledger has it, and how far the legs are apart."""

from decimal import Decimal

from actors.analytics.pnl import Ledger
from actors.strategies.pair_commands import Execution
from actors.strategies.repair import Holdings, hedge_gap, is_actionable
from actors.strategies.sizing import ZERO, Leg, closable, is_tradable
from messages.instruments import ONE
from messages.orders import Side


class PairPosition:
    """The two legs' holdings, unsigned in the direction in which each leg is opened.

    :ivar reference: price at which inverse contracts count as base, fixed by the plan; until there is one (after a
        restart with an empty journal) the inverse leg's own mid.
    """

    def __init__(self, legs: tuple[Leg, Leg], ledger: Ledger, hedge_ratio: Decimal) -> None:
        self.legs = legs
        self.hedge_ratio = hedge_ratio
        self.reference: Decimal | None = None
        self._books = tuple(ledger.books[leg.instrument.id] for leg in legs)
        self._inverse = next((leg for leg in legs if leg.instrument.inverse), None)

    @property
    def held(self) -> tuple[Decimal, Decimal]:
        first, second = self.legs
        return (
            first.opens.sign * self._books[0].position,
            second.opens.sign * self._books[1].position,
        )

    @property
    def is_measurable(self) -> bool:
        """False while an inverse leg has no price at all, so that legs cannot be compared."""
        return self._reference() is not None

    def holdings(self) -> Holdings:
        first, second = self._books
        prices = (first.average_price(), second.average_price())
        return Holdings(self.held, prices, self.hedge_ratio, self._reference() or ONE)

    def gap(self) -> Decimal:
        """What the second leg lacks (positive) or has too much (negative), in its own unit."""
        return hedge_gap(self.legs, self.holdings())

    def is_actionable(self) -> bool:
        return is_actionable(self.legs, self.holdings())

    def is_holding(self) -> bool:
        """Whether there is a pair: the second leg is there, and at least one leg is large enough to be closed."""
        held = self.held
        return held[1] > 0 and any(closable(leg, quantity) for leg, quantity in zip(self.legs, held, strict=True))

    def is_one_legged(self) -> bool:
        """Whether one leg is there and nothing at all of the other."""
        closables = [closable(leg, held) > 0 for leg, held in zip(self.legs, self.held, strict=True)]
        return any(closables) and any(held <= 0 for held in self.held)

    def is_wrong_way(self) -> bool:
        """Whether a leg is held against its direction, by more than a rest that cannot be traded."""
        return any(
            held < 0 and is_tradable(leg.instrument, leg.instrument.round_quantity(-held), leg.view.mid)
            for leg, held in zip(self.legs, self.held, strict=True)
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
