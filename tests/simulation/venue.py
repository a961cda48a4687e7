"""The simulated venue with faults at its edge: what it tells gets lost, doubled, late, out of order; what it is asked
is refused or lost. Its own books stay right: they are the oracle.
"""

from collections.abc import Iterable
from typing import Any, Final

from gateways.exchange.simulated_venue import SimulatedVenue
from gateways.exchange.venue_rules import Refusal
from gateways.venue import AccountState, FundingBooked, OrderStatus
from messages.market import Depth, Gap, MarkPrice, Quote, Trade
from messages.orders import OrderAccepted, OrderRejected, RejectReason, SubmitOrder
from tests.simulation.world import NS_PER_MS, World

PUBLIC: Final = (Quote, Depth, Trade, MarkPrice, Gap)
LATE_NS: Final = (1 * NS_PER_MS, 400 * NS_PER_MS)


class VenueFaults:
    """What may go wrong at every venue of a run now, as probabilities by kind; nothing where it is empty.

    :ivar counts: how often each kind has happened.
    """

    def __init__(self, world: World) -> None:
        self.world = world
        self.rates: dict[str, float] = {}
        self.counts: dict[str, int] = {}

    def strikes(self, kind: str) -> bool:
        rate = self.rates.get(kind, 0.0)
        if not rate or not self.world.is_true(rate):
            return False
        self.counts[kind] = self.counts.get(kind, 0) + 1
        return True


class FaultyVenue(SimulatedVenue):
    """:ivar seen: every order that reached it, by client order id: how often, and when first."""

    def __init__(self, spec: Any, faults: VenueFaults) -> None:
        super().__init__(spec)
        self.faults = faults
        self.instrument_ids = tuple(instrument.id for instrument in spec.instruments)
        self.seen: dict[str, int] = {}
        self._late: list[tuple[int, Any]] = []

    # --- in -----------------------------------------------------------------------------------------------------

    def on_market(self, event: Any) -> list[Any]:
        return self._told(super().on_market(event), event.ts_received)

    def on_request(self, request: Any, now_ns: int) -> list[Any]:
        if isinstance(request, SubmitOrder):
            name = request.client_order_id
            self.seen[name] = self.seen.get(name, 0) + 1
            if self.faults.strikes("request-lost"):
                return []
            if self.faults.strikes("request-refused"):
                return [self._refuse(request, now_ns)]
        return self._told(super().on_request(request, now_ns), now_ns)

    def advance(self, now_ns: int) -> list[Any]:
        return self._told(super().advance(now_ns), now_ns)

    def due_ns(self) -> int | None:
        dues = [at_ns for at_ns, _ in self._late]
        own = super().due_ns()
        return min([*dues, own] if own is not None else dues, default=None)

    # --- out ----------------------------------------------------------------------------------------------------

    def _refuse(self, request: SubmitOrder, now_ns: int) -> OrderRejected:
        refusal = Refusal(RejectReason.OTHER, "the venue is busy; try again later")
        (rejected,) = self._orders.refuse(request, refusal, now_ns)
        assert isinstance(rejected, OrderRejected)
        return rejected

    def _told(self, outputs: Iterable[Any], now_ns: int) -> list[Any]:
        """What leaves the venue now: what was late and is due, and of the new what is neither lost nor late."""
        told = [report for at_ns, report in self._late if at_ns <= now_ns]
        if told:
            self._late = [item for item in self._late if item[0] > now_ns]
        if not self.faults.rates:
            return [*told, *outputs]
        for output in outputs:
            if isinstance(output, (*PUBLIC, OrderStatus, AccountState, FundingBooked)):
                told.append(output)
            else:
                self._tell(output, told, now_ns)
        return told

    def _tell(self, report: Any, told: list[Any], now_ns: int) -> None:
        faults = self.faults
        kind = "ack-lost" if isinstance(report, OrderAccepted) else "report-lost"
        if faults.strikes(kind):
            return
        if faults.strikes("report-late"):
            self._late.append((now_ns + faults.world.between_ns(*LATE_NS), report))
            return
        told.append(report)
        if faults.strikes("report-doubled"):
            told.append(report)
        if len(told) > 1 and faults.strikes("report-reordered"):
            told[-1], told[-2] = told[-2], told[-1]
