"""What was earned in some span (a cycle, a day, since the start), exact in each settle currency, and where from.

Spans are differences: what was earned from one moment to another is the account then less the account before.
"""

from collections.abc import Iterable, Mapping
from decimal import Decimal

import msgspec

from actors.analytics.attribution import ExecutionCosts, Movement, attribute
from actors.analytics.pnl import ZERO
from messages.health import Attribution, Earnings, Pnl
from messages.instruments import ONE, Instrument

CONVERTED_QUANTUM = Decimal("1e-8")
PLUS, MINUS = ONE, -ONE


class Rates(msgspec.Struct, frozen=True):
    """What one unit of each currency is worth in one of them, at one moment; what is not named is worth nothing."""

    currency: str
    worth: Mapping[str, Decimal]


def rates_at(currency: str, instruments: Iterable[Instrument], mids: Mapping[str, Decimal]) -> Rates:
    """The rates that a strategy's own instruments give: of each base that one of them quotes in this currency."""
    worth = {currency: ONE}
    for instrument in instruments:
        if instrument.quote == currency and instrument.id in mids:
            worth.setdefault(instrument.base, mids[instrument.id])
    return Rates(currency, worth)


class Earned(msgspec.Struct, frozen=True):
    """A profit in one currency, and the parts of it that arose at the moment of trading."""

    pnl: Pnl
    spread: Decimal = ZERO
    slippage: Decimal = ZERO

    def combine(self, other: "Earned", sign: Decimal) -> "Earned":
        ours, theirs = self.pnl, other.pnl
        pnl = Pnl(
            realised=ours.realised + sign * theirs.realised,
            unrealised=ours.unrealised + sign * theirs.unrealised,
            fees=ours.fees + sign * theirs.fees,
            funding=ours.funding + sign * theirs.funding,
            currency=ours.currency,
        )
        return Earned(pnl, self.spread + sign * other.spread, self.slippage + sign * other.slippage)

    def convert(self, rates: Rates) -> "Earned":
        """The same in another currency, each part rounded to 1e-8; the currency itself is left as it is."""
        pnl = self.pnl
        if pnl.currency == rates.currency:
            return self
        rate = rates.worth.get(pnl.currency, ZERO)
        parts = (pnl.realised, pnl.unrealised, pnl.fees, pnl.funding, self.spread, self.slippage)
        realised, unrealised, fees, funding, spread, slippage = (
            (part * rate).quantize(CONVERTED_QUANTUM) for part in parts
        )
        return Earned(Pnl(realised, unrealised, fees, funding, rates.currency), spread, slippage)

    def attribution(self, movement: Movement) -> Attribution:
        return attribute(self.pnl, self.spread, self.slippage, movement)


class Account(msgspec.Struct, frozen=True):
    """What was earned in one span: one line for each settle currency, in order of its name."""

    lines: tuple[Earned, ...]
    movement: Movement

    @property
    def pnls(self) -> tuple[Pnl, ...]:
        return tuple(line.pnl for line in self.lines)

    @property
    def attributions(self) -> tuple[Attribution, ...]:
        """One for each of `pnls`, with the same total to the last digit."""
        return tuple(line.attribution(self.movement) for line in self.lines)

    @property
    def earnings(self) -> tuple[Earnings, ...]:
        """`pnls` with their `attributions`."""
        return tuple(Earnings(line.pnl, line.attribution(self.movement)) for line in self.lines)

    def since(self, before: "Account") -> "Account":
        """What was earned after another moment; both accounts count from the same start."""
        return self._combine(before, MINUS)

    def plus(self, more: "Account") -> "Account":
        return self._combine(more, PLUS)

    def total(self, rates: Rates) -> Earned:
        """All of it in one currency, each line converted once; what has no rate is left out."""
        total = nothing(rates.currency)
        for line in self.lines:
            total = total.combine(line.convert(rates), PLUS)
        return total

    def _combine(self, other: "Account", sign: Decimal) -> "Account":
        ours = {line.pnl.currency: line for line in self.lines}
        theirs = {line.pnl.currency: line for line in other.lines}
        lines = (
            ours.get(currency, nothing(currency)).combine(theirs.get(currency, nothing(currency)), sign)
            for currency in sorted({*ours, *theirs})
        )
        return Account(tuple(lines), self.movement)


def nothing(currency: str) -> Earned:
    return Earned(Pnl(ZERO, ZERO, ZERO, ZERO, currency))


def account_of(pnls: Iterable[Pnl], costs: ExecutionCosts, movement: Movement) -> Account:
    """Everything earned since the start: a ledger's profits, and the costs of the same fills."""
    lines = (Earned(pnl, costs.spread.get(pnl.currency, ZERO), costs.slippage.get(pnl.currency, ZERO)) for pnl in pnls)
    return Account(tuple(lines), movement)


def between(after: Iterable[Attribution], before: Iterable[Attribution]) -> tuple[Attribution, ...]:
    """What was earned from one snapshot of attributions to a later one, e.g. of two statuses a day apart.

    One for each currency of either, in order of its name; a currency that a snapshot does not have counts as zero.
    """
    first = {item.currency: item for item in before}
    last = {item.currency: item for item in after}
    return tuple(_difference(currency, last.get(currency), first.get(currency)) for currency in sorted({*first, *last}))


def _difference(currency: str, after: Attribution | None, before: Attribution | None) -> Attribution:
    none = Attribution(ZERO, ZERO, ZERO, ZERO, ZERO, ZERO, currency)
    last, first = after or none, before or none
    return Attribution(
        spread=last.spread - first.spread,
        slippage=last.slippage - first.slippage,
        basis=last.basis - first.basis,
        inventory=last.inventory - first.inventory,
        funding=last.funding - first.funding,
        fees=last.fees - first.fees,
        currency=currency,
    )
