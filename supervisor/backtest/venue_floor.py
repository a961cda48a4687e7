"""One venue of a backtest with what its gateway is to it in a cluster: the gate, the books, the numbers. Pure.

As a gateway does, it checks every order before the venue sees it, numbers the reports for each strategy, and shares
fundings and liquidations out among those who hold the position. What it returns is to be told to the strategies, in
order.
"""

from collections import defaultdict
from collections.abc import Iterable
from contextlib import suppress
from typing import Final

from gateways.exchange.matching import Execution
from gateways.exchange.simulated_venue import SimulatedVenue
from gateways.exchange.sources.source import Source
from gateways.exchange.spec import VenueSpec
from gateways.gate.checks import Denial
from gateways.gate.gate_limits import GateLimits
from gateways.gate.order_gate import DEFAULT_LIMITS, SILENT_REASONS, OrderGate
from gateways.gate.order_records import OrderRecords
from gateways.gate.reference_price import Reference
from gateways.gate.shared_account import as_venue_sees_it
from gateways.reconcile import missing_reports
from gateways.venue import AccountState, FundingBooked, OrderStatus, VenueReport
from messages.health import GatewayReport, GatewayStatus, OrderCounts
from messages.order_lifecycle import IllegalOrderStep, Order
from messages.orders import (
    AmendOrder,
    AmendRejected,
    CancelOrder,
    CancelRejected,
    ExecutionReport,
    Fill,
    OrderDenied,
    QueryOrder,
    RejectReason,
    SubmitOrder,
    is_venue_made,
)

FENCED: Final = "fenced"
RARE: Final = (FundingBooked, OrderStatus, AccountState)


class VenueFloor:
    """:param spec: of the venue, whose id is the gateway's.
    :param limits: of the gate.
    :ivar venue: the simulated venue; market data go to it directly.
    """

    def __init__(self, spec: VenueSpec, venue: SimulatedVenue, limits: GateLimits = DEFAULT_LIMITS) -> None:
        self.id = spec.id
        self.venue = venue
        instruments = {instrument.id: instrument for instrument in spec.instruments}
        self.records = OrderRecords(instruments)
        self._instruments = list(instruments)
        self._gate = OrderGate(instruments, limits, latest=self._latest)
        self._denied = 0
        self.denials: defaultdict[str, int] = defaultdict(int)

    # --- to the venue -------------------------------------------------------------------------------------------

    def submit(self, order: SubmitOrder, now_ns: int) -> list[ExecutionReport]:
        """The gate, then the venue."""
        denial = self._gate.check(order, self.records, now_ns)
        if denial is not None and denial.reason in SILENT_REASONS:
            self._denied += 1
            self.denials[denial.reason.value] += 1
            return []
        seen = as_venue_sees_it(order, self.records) if denial is None else denial
        if isinstance(seen, Denial):
            return self._deny(order, seen, now_ns)
        self.records.record_intent(seen)
        return self.take(self.venue.on_request(seen, now_ns), now_ns)

    def cancel(self, request: CancelOrder, now_ns: int) -> list[ExecutionReport]:
        order = self.records.orders.get(request.client_order_id)
        if order is None or not order.is_open:
            head = (request.client_order_id, request.strategy, request.instrument)
            text = "no such open order at this gateway"
            return [CancelRejected(*head, RejectReason.UNKNOWN_ORDER, text, now_ns)]
        self._gate.count_cancel(request.strategy, now_ns)
        return self._send_cancel(order, request.epoch, request.caused_by, now_ns)

    def amend(self, request: AmendOrder, now_ns: int) -> list[ExecutionReport]:
        if self._gate.is_fenced(request.strategy, request.epoch):
            return []
        order = self.records.orders.get(request.client_order_id)
        if order is None or not order.is_open or order.request.instrument != request.instrument:
            text = "no such open order at this gateway"
            return [_amendment_refused(request, RejectReason.UNKNOWN_ORDER, text, now_ns)]
        denial = self._gate.check_amendment(request, order, self.records, now_ns)
        if denial is not None:
            self.denials[denial.reason.value] += 1
            text = f"{denial.reason.value} {denial.context}"
            return [_amendment_refused(request, RejectReason.OTHER, text, now_ns)]
        self.records.record_amendment(request)
        return self.take(self.venue.on_request(request, now_ns), now_ns)

    def fence(self, strategy: str, epoch: int, now_ns: int) -> list[ExecutionReport]:
        """The strategy has failed: refuse its incarnations below `epoch` and cancel what they left."""
        self._gate.fence(strategy, epoch)
        reports: list[ExecutionReport] = []
        for order in self.records.open_orders(strategy):
            reports += self._send_cancel(order, order.request.epoch, FENCED, now_ns)
        return reports

    def _send_cancel(self, order: Order, epoch: int, caused_by: str, now_ns: int) -> list[ExecutionReport]:
        request = order.request
        cancel = CancelOrder(request.client_order_id, request.strategy, epoch, request.instrument, caused_by)
        self.records.cancel_requested(request.client_order_id)
        return self.take(self.venue.on_request(cancel, now_ns), now_ns)

    def _deny(self, order: SubmitOrder, denial: Denial, now_ns: int) -> list[ExecutionReport]:
        self._denied += 1
        self.denials[denial.reason.value] += 1
        head = (order.client_order_id, order.strategy, order.instrument)
        return self._record(OrderDenied(*head, denial.reason, denial.context, now_ns))

    def _latest(self, instrument: str) -> Reference | None:
        """What the gateway would have published last, read from the market itself."""
        liquidity, middle = self.venue.markets[instrument].liquidity, self._gate.references.middle
        quote, bid, ask = liquidity.newest_quote, liquidity.book.best_bid(), liquidity.book.best_ask()
        if quote is not None:
            return middle(instrument, quote.bid, quote.ask, quote.ts_received)
        return None if bid is None or ask is None else middle(instrument, bid[0], ask[0], liquidity.book_ns)

    # --- from the venue -----------------------------------------------------------------------------------------

    @property
    def due_ns(self) -> int | None:
        """When the next request, funding or expiry takes effect."""
        return self.venue.due_ns()

    def advance(self, now_ns: int) -> list[ExecutionReport]:
        """Let everything take effect at the venue that is due by now."""
        return self.take(self.venue.advance(now_ns), now_ns)

    def book(self, executions: Iterable[Execution], now_ns: int) -> list[ExecutionReport]:
        """Book what a market event led to that was given to its market directly."""
        return self.take(self.venue.book(executions, now_ns), now_ns)

    def take(self, reports: Iterable[VenueReport], now_ns: int) -> list[ExecutionReport]:
        """Take what the venue says into the books; what is news of it, numbered."""
        told: list[ExecutionReport] = []
        for report in reports:
            told += self._take(report, now_ns)
        return told

    def _take(self, report: VenueReport, now_ns: int) -> list[ExecutionReport]:
        if isinstance(report, RARE):
            return self._take_rare(report)
        if isinstance(report, Fill) and is_venue_made(report.client_order_id):
            return [item for share in self.records.share_forced(report) for item in self._record(share)]
        try:
            return self._record(report)
        except IllegalOrderStep:
            order = self.records.orders[report.client_order_id]  # type: ignore[union-attr]  # fundings never are
            return self._ask_about(order, now_ns)

    def _take_rare(self, report: FundingBooked | OrderStatus | AccountState) -> list[ExecutionReport]:
        if isinstance(report, FundingBooked):
            self.records.fundings = report.number
            return [item for paid in self.records.share_funding(report) for item in self._record(paid)]
        if isinstance(report, OrderStatus):
            return self._on_status(report)
        return []  # the account after a settlement; no strategy is told of it, as in a cluster

    def _record(self, report: ExecutionReport) -> list[ExecutionReport]:
        numbered = self.records.number(report)
        if numbered is None:
            return []
        self.records.apply(numbered)
        self.records.acknowledge(numbered.strategy, numbered.seq)  # it is told at once, and never asked for again
        return [numbered]

    def _ask_about(self, order: Order, now_ns: int) -> list[ExecutionReport]:
        request = order.request
        query = QueryOrder(request.client_order_id, request.strategy, request.epoch, request.instrument)
        return self.take(self.venue.on_request(query, now_ns), now_ns)

    def _on_status(self, status: OrderStatus) -> list[ExecutionReport]:
        order = self.records.orders[status.client_order_id]
        told: list[ExecutionReport] = []
        for report in missing_reports(order, status):
            with suppress(IllegalOrderStep):  # this is what the venue answers; it is not asked again
                told += self._record(report)
        return told

    # --- the end ------------------------------------------------------------------------------------------------

    def report(self, source: Source) -> GatewayReport:
        """The venue by its own ledger."""
        return self.venue.report({id: source.counts(id) for id in self._instruments})

    def status(self) -> GatewayStatus:
        """What only the gateway knows: the orders that its gate denied."""
        return GatewayStatus(
            id=self.id,
            is_venue_up=True,
            is_halted=False,
            open_orders=len(self.records.open_orders()),
            orders=OrderCounts(denied=self._denied),
            positions=self.records.positions(),
            denials=dict(self.denials),
            balances=dict(self.venue.ledger.balances),
            published=0,
            tick_to_order={},
        )


def _amendment_refused(request: AmendOrder, reason: RejectReason, text: str, now_ns: int) -> AmendRejected:
    return AmendRejected(request.client_order_id, request.strategy, request.instrument, reason, text, now_ns)
