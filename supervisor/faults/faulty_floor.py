"""A venue with its gateway's books, and something that goes wrong between the two.

The venue is the real simulated one: an order that is said to be unknown has filled there, or never arrived, and its
ledger is what the strategy's books are held against in the end.
"""

from collections.abc import Iterable
from typing import Final

from gateways.exchange.simulated_venue import SimulatedVenue
from gateways.exchange.spec import VenueSpec
from gateways.gate.checks import Denial
from gateways.venue import VenueReport
from messages.base import NS_MAX
from messages.market import MarkPrice
from messages.orders import (
    CancelOrder,
    DenyReason,
    ExecutionReport,
    OrderRejected,
    OrderUnknown,
    RejectReason,
    SubmitOrder,
)
from supervisor.backtest.venue_floor import VenueFloor
from supervisor.faults.scenario import Fault

MS: Final = 1_000_000
LATE_MS: Final = 1_500
"""Longer than the strategy waits for an order before it cancels."""
UNKNOWN_MS: Final = 3_000
"""Until the gateway has asked the venue."""
OUTAGE_MS: Final = 5_000
LONG_OUTAGE_MS: Final = 60_000

RUN_AWAY_RATIO: Final = 0.06
"""By how much the mark price leaves the entry: more than the initial margin of 20 times leverage."""

_OUTAGES: Final = {Fault.GONE: OUTAGE_MS, Fault.GONE_HOLDING: OUTAGE_MS, Fault.GONE_LONG: LONG_OUTAGE_MS}


class FaultyFloor(VenueFloor):
    """:param fault: that strikes the first order here, or what is held later; NONE for the other leg's venue.

    :ivar is_up: False while the link to the venue is lost: nothing gets through, either way.
    :ivar struck: the order that the fault has struck, at `struck_ns`; None before.
    """

    def __init__(self, spec: VenueSpec, venue: SimulatedVenue, fault: Fault) -> None:
        super().__init__(spec, venue)
        self.is_up = True
        self.struck: SubmitOrder | None = None
        self.struck_ns = 0
        self._fault = fault
        self._wake_ns = NS_MAX
        self._hidden: set[str] = set()

    # --- to the venue -------------------------------------------------------------------------------------------

    def submit(self, order: SubmitOrder, now_ns: int) -> list[ExecutionReport]:
        if not self.is_up:
            return self._deny(order, Denial(DenyReason.VENUE_DOWN, "link=down"), now_ns)
        if self.struck is None:
            self.struck, self.struck_ns = order, now_ns
            return self._strike(order, now_ns)
        return super().submit(order, now_ns)

    def cancel(self, request: CancelOrder, now_ns: int) -> list[ExecutionReport]:
        return super().cancel(request, now_ns) if self.is_up else []  # it waits for the venue, and is overtaken

    def _strike(self, order: SubmitOrder, now_ns: int) -> list[ExecutionReport]:
        fault, head = self._fault, (order.client_order_id, order.strategy, order.instrument)
        if fault is Fault.REJECTED:
            self.records.record_intent(order)
            return self._record(OrderRejected(*head, RejectReason.OTHER, "injected", now_ns))
        if fault in (Fault.LATE, Fault.UNKNOWN_FILLED, Fault.UNKNOWN_LOST):
            self._hidden.add(order.client_order_id)
            self._wake_ns = now_ns + (LATE_MS if fault is Fault.LATE else UNKNOWN_MS) * MS
        if fault in (Fault.UNKNOWN_LOST, Fault.GONE_LONG):
            self.records.record_intent(order)
            told = []
        else:
            told = super().submit(order, now_ns)
        if fault in (Fault.UNKNOWN_FILLED, Fault.UNKNOWN_LOST):
            told += self._record(OrderUnknown(*head, "no answer", now_ns))
        if fault in (Fault.GONE, Fault.GONE_LONG):
            told += self.lose(now_ns)
        return told

    # --- from the venue -----------------------------------------------------------------------------------------

    @property
    def due_ns(self) -> int | None:
        due_ns = self.venue.due_ns()
        return due_ns if self._wake_ns == NS_MAX else min(self._wake_ns, NS_MAX if due_ns is None else due_ns)

    def advance(self, now_ns: int) -> list[ExecutionReport]:
        told = super().advance(now_ns)
        if now_ns < self._wake_ns:
            return told
        self._wake_ns = NS_MAX
        self.is_up = True
        self._hidden.clear()
        for order in self.records.open_orders():  # what is asked now is answered after everything that was sent
            told += self._ask_about(order, now_ns)
        return told

    def take(self, reports: Iterable[VenueReport], now_ns: int) -> list[ExecutionReport]:
        told = []
        for report in reports:
            name = getattr(report, "client_order_id", "")
            if self.is_up and name not in self._hidden:
                told += super().take((report,), now_ns)
        return told

    # --- what strikes at any time -------------------------------------------------------------------------------

    def strike_holding(self, now_ns: int) -> list[ExecutionReport]:
        """Let happen what this floor's fault does to a pair that is held."""
        return self.lose(now_ns) if self._fault is Fault.GONE_HOLDING else self._liquidate(now_ns)

    def lose(self, now_ns: int) -> list[ExecutionReport]:
        """Lose the link: the outcome of every open order is unknown until it is back."""
        told = []
        for order in self.records.open_orders():
            request = order.request
            head = (request.client_order_id, request.strategy, request.instrument)
            told += self._record(OrderUnknown(*head, "link to the venue lost", now_ns))
        self.is_up = False
        self._wake_ns = now_ns + _OUTAGES[self._fault] * MS
        return told

    def _liquidate(self, now_ns: int) -> list[ExecutionReport]:
        """Let the venue's mark price run away from what is held, until its margin is gone."""
        told: list[ExecutionReport] = []
        for instrument, held in self.records.positions().items():
            struck = self.struck
            assert struck is not None
            assert struck.price is not None
            price = float(struck.price) * (1.0 - RUN_AWAY_RATIO if held > 0 else 1.0 + RUN_AWAY_RATIO)
            mark = MarkPrice(instrument, price, price, 0.0, 0, now_ns, now_ns)
            told += self.take([output for output in self.venue.on_market(mark) if output is not mark], now_ns)  # type: ignore[misc]
        return told
