"""A gate with its books, and neither journal nor venue: what passes is recorded as sent."""

from decimal import Decimal
from typing import Any

from gateways.gate.checks import Denial
from gateways.gate.gate_limits import GateLimits
from gateways.gate.lease_book import LeaseBook
from gateways.gate.order_gate import OrderGate
from gateways.gate.order_records import OrderRecords
from messages.base import DECIMAL_MAX
from messages.orders import AmendOrder, DenyReason, ExecutionReport, Side, SubmitOrder
from messages.risk import Lease, LeaseGrant
from tests.support.orders import INSTRUMENTS, NOW_NS, OPEN_LIMITS, PERPETUAL, QUOTES, accepted, closed, fill, submit

LEASES_END_NS = 3_000_000_001
"""Of `granted` leases, by the monotonic clock."""


def lease(long: str, short: str = "0", notional: Decimal = DECIMAL_MAX, **changes: Any) -> Lease:
    """Of `carry` in the perpetual, whose contracts are worth 100 USD each at any price."""
    fields: dict[str, Any] = {
        "strategy": "carry", "instrument": PERPETUAL.id, "epoch": 1,
        "long_max": Decimal(long), "short_max": Decimal(short), "notional_max": notional,
    }  # fmt: skip
    return Lease(**fields | changes)


def granted(*leases: Lease) -> LeaseBook:
    """Leases that were asked for at 1 ns, and last three seconds."""
    book = LeaseBook()
    book.request("sim", 1, {}, {})
    assert book.apply(LeaseGrant(1, 1, 3_000, leases))
    return book


class GateFloor:
    """:ivar now_ns: market time; `mono_ns` the clock of the leases."""

    def __init__(self, limits: GateLimits = OPEN_LIMITS, leases: LeaseBook | None = None, *, is_quoted: bool = True):
        self.gate = OrderGate(INSTRUMENTS, limits, leases)
        self.records = OrderRecords(INSTRUMENTS)
        self.now_ns = NOW_NS
        self.mono_ns = 2
        self._trades = 0
        for quote in QUOTES if is_quoted else ():
            self.gate.on_market(quote)

    def asks(self, order: SubmitOrder) -> Denial | None:
        """What the gate says to an order that is then not sent."""
        return self.gate.check(order, self.records, self.now_ns, self.mono_ns)

    def sends(self, order: SubmitOrder) -> DenyReason | None:
        """Send an order, if the gate lets it pass; else the code of what it says."""
        denial = self.asks(order)
        if denial is None:
            self.records.record_intent(order)
        return None if denial is None else denial.reason

    def asks_to_amend(self, amendment: AmendOrder) -> Denial | None:
        order = self.records.orders[amendment.client_order_id]
        return self.gate.check_amendment(amendment, order, self.records, self.now_ns, self.mono_ns)

    def amends(self, amendment: AmendOrder) -> DenyReason | None:
        denial = self.asks_to_amend(amendment)
        if denial is None:
            self.records.record_amendment(amendment)
        return None if denial is None else denial.reason

    def hears(self, *reports: ExecutionReport) -> None:
        for report in reports:
            numbered = self.records.number(report)
            if numbered is not None:
                self.records.apply(numbered)

    def holds(self, quantity: int, strategy: str = "carry") -> None:
        """A strategy has traded to a position of so many contracts, whatever the gate thinks of it."""
        self._trades += 1
        opening = contracts(900 + self._trades, quantity, strategy=strategy, client_order_id=f"held-{self._trades}")
        self.records.record_intent(opening)
        traded = fill(opening, str(abs(quantity)), f"h-{self._trades}", fee=Decimal(0), fee_currency="BTC")
        self.hears(accepted(opening), traded, closed(opening, str(abs(quantity))))


def contracts(number: int, quantity: int, price: str | None = "50000.0", **changes: Any) -> SubmitOrder:
    """An order for the perpetual: positive buys, negative sells."""
    fields: dict[str, Any] = {
        "instrument": PERPETUAL.id,
        "side": Side.BUY if quantity > 0 else Side.SELL,
        "quantity": Decimal(abs(quantity)),
        "price": None if price is None else Decimal(price),
    }
    return submit(number, **fields | changes)
