"""A gateway's own books: every order of its strategies, what became of it, and who holds what. Pure.

Reports are numbered for each strategy in the order in which they were journaled; a strategy that was away asks for
those that it missed.
"""

from collections import defaultdict, deque
from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Final

import msgspec

from gateways.gate.closed_orders import ClosedOrders, ClosedState
from gateways.gate.exposure import BUY, Stake
from gateways.gate.gate_limits import EXECUTIONS_MAX
from gateways.gate.lease_book import Exposure
from gateways.gate.not_received import NotReceived
from gateways.gate.open_risk import OpenRisk, RiskState
from gateways.gate.sharing import fill_shares, funding_shares
from gateways.gate.throttles import Executions
from gateways.venue import FundingBooked, OrderStatus
from messages.instruments import Instrument
from messages.order_lifecycle import CancelRequested, IllegalOrderStep, Order
from messages.orders import (
    FLATTEN_PREFIX,
    AmendOrder,
    AmendRejected,
    CancelRejected,
    DenyReason,
    ExecutionReport,
    Fill,
    FundingPaid,
    OrderClosed,
    OrderDenied,
    Side,
    SubmitOrder,
    is_venue_made,
)

ZERO: Final = Decimal(0)
FORCED_FILLS_KEPT_MAX: Final = 10_000
"""Of what the venue did by itself, remembered so that a repeated one is recognised."""

_ANSWERS: Final = (AmendRejected, CancelRejected)


class RecordsState(msgspec.Struct, frozen=True, array_like=True, forbid_unknown_fields=True):
    """What a snapshot holds of the books, beside the chunks of closed orders.

    :param orders: the open ones, oldest first.
    :param reports: those that were not acknowledged, by strategy; `last_seqs` their last numbers.
    :param positions: strategy, instrument id, signed size: in the order in which they came, by which remainders go.
    :param fees_in: by instrument id of these, the currency whose fees came off the position; empty: none.
    """

    orders: list[Order]
    closed: ClosedState
    cancels_asked: list[str]
    reports: dict[str, list[ExecutionReport]]
    last_seqs: dict[str, int]
    positions: list[tuple[str, str, Decimal]]
    fees_in: dict[str, str]
    risk: RiskState
    forced: list[tuple[str, str]]
    executions: list[tuple[str, str, bool, list[int]]]
    fundings: int
    forced_fills: int
    not_received: tuple[int, list[tuple[str, int]]]


class OrderRecords:
    """The journal may tell of instruments that the gateway does not trade any more. What is held of them is kept, by
    the fills alone: whether a fee comes off it is not known.

    :param instruments: by instrument id, of this gateway.
    :ivar closed: which of them have ended, for snapshots.
    :ivar cancels_asked: the open orders whose cancel was journaled and not refused since, whatever is known of them
        otherwise.
    :ivar crossings: the open orders, as far as a new one could trade with them.
    :ivar executions: when orders filled, for whoever looks for repetitions.
    :ivar fundings: number of the last booking of the venue that was shared out; `forced_fills` of the last thing that
        the venue did by itself.
    """

    def __init__(self, instruments: Mapping[str, Instrument]) -> None:
        self._instruments = instruments
        self.orders: dict[str, Order] = {}
        self.cancels_asked: set[str] = set()
        self.fundings = 0
        self.forced_fills = 0
        self.closed = ClosedOrders(self.orders)
        self._open: dict[str, Order] = {}
        self._reports: defaultdict[str, deque[ExecutionReport]] = defaultdict(deque)
        self._last_seq: defaultdict[str, int] = defaultdict(int)
        self._positions: defaultdict[tuple[str, str], Decimal] = defaultdict(Decimal)
        self._forced: dict[tuple[str, str], None] = {}
        self._not_received = NotReceived()
        self._risk = OpenRisk()
        self.crossings = self._risk.crossings
        self.executions = Executions(EXECUTIONS_MAX)

    def record_intent(self, order: SubmitOrder) -> Order:
        """The order is about to be sent."""
        record = Order(order)
        id = order.client_order_id
        self.orders[id] = self._open[id] = record
        self._risk.opened(order)
        return record

    def record_amendment(self, request: AmendOrder) -> None:
        """The amendment is about to be sent: until it is answered, the order counts as either, whichever is worse."""
        order = self._open.get(request.client_order_id)
        if order is not None:
            self._risk.amendment_asked(order, request)

    def amendment_not_sent(self, request: AmendOrder) -> None:
        """The amendment that was recorded last did not leave."""
        order = self._open.get(request.client_order_id)
        if order is not None:
            self._risk.amendment_answered(order)

    def amendments_lost(self) -> None:
        """The link was lost, or another process has asked: no amendment that is waited for will be answered."""
        self._risk.amendments_lost()

    def amendments_settled(self, status: OrderStatus) -> None:
        """The venue has said how an order stands, and what was news of it is applied. Where the terms are known to be
        those, amendments that were lost with an earlier link count no more; else they count until the order ends.
        """
        order = self._open.get(status.client_order_id)
        if order is not None and (status.quantity, status.price) == (order.request.quantity, order.request.price):
            self._risk.amendments_settled(order)

    def number(self, report: ExecutionReport) -> ExecutionReport | None:
        """The report with its number, to be journaled and then applied; None where it tells nothing new.

        An answer to a request is always news. Nothing changes here.

        :raises IllegalOrderStep: the report cannot follow the order's state, or ends it before all of its fills are
            known: a fill was lost on the way, and whoever took the end for granted would never ask for it.
        :raises KeyError: the order is none of ours.
        """
        order = self._order_of(report)
        if isinstance(report, OrderClosed) and order is not None:
            _check_complete(report, order)
        if order is not None and not order.changes(report) and not isinstance(report, _ANSWERS):
            return None
        if not _is_told(report):
            return report
        return msgspec.structs.replace(report, seq=self.last_seq(report.strategy) + 1)

    def apply(self, numbered: ExecutionReport) -> None:
        """Take a numbered report into the books; one that its strategy is not told has no number."""
        strategy = numbered.strategy
        self._not_received.see(numbered.ts_event)
        if numbered.seq or _is_told(numbered):
            expected = self._last_seq[strategy] + 1
            assert numbered.seq == expected, f"report {numbered.seq} of {strategy} is out of sequence"
            self._last_seq[strategy] = numbered.seq
            self._reports[strategy].append(numbered)
        order = self._order_of(numbered)
        if isinstance(numbered, Fill):
            self._apply_fill(numbered, order)
        if order is None:
            return
        was_open, is_answer = order.is_open, self._risk.is_answer(numbered, order)
        is_changed = order.apply(numbered)
        if isinstance(numbered, CancelRejected):
            self.cancels_asked.discard(numbered.client_order_id)
        if was_open:
            self._risk.reported(numbered, order, is_answer=is_answer)
            if not order.is_open:
                self._close(order.request.client_order_id)
                if isinstance(numbered, OrderDenied) and numbered.reason is DenyReason.NOT_RECEIVED:
                    self._not_received.note(numbered.client_order_id, numbered.ts_event)
        elif is_changed:
            self.closed.changed(order.request.client_order_id)

    def not_received(self) -> list[Order]:
        """The orders that the venue did not know a while before the newest report, and might have received since: what
        they have done while the link, or this process, was away was told to nobody.
        """
        return [self.orders[name] for name in self._not_received.recent() if name in self.orders]

    def leave_out(self, strategy: str, seq: int) -> None:
        """A report with this number was journaled, and cannot be read any more."""
        self._last_seq[strategy] = max(seq, self._last_seq[strategy])

    def cancel_requested(self, client_order_id: str) -> None:
        order = self.orders[client_order_id]
        order.apply(CancelRequested(client_order_id))
        if order.is_open:
            self.cancels_asked.add(client_order_id)

    def open_orders(self, strategy: str | None = None) -> list[Order]:
        """Orders that can still fill, oldest first: of one strategy, or of all."""
        return [order for order in self._open.values() if strategy is None or order.request.strategy == strategy]

    @property
    def open_count(self) -> int:
        return len(self._open)

    def open_count_of(self, strategy: str) -> int:
        return self._risk.open_counts.get(strategy, 0)

    def stake(self, strategy: str, instrument: str) -> Stake:
        """What a strategy has at stake in an instrument of this gateway; it goes on being true."""
        return self._risk.stakes[strategy, instrument] if instrument in self._instruments else Stake()

    def counted(self, client_order_id: str) -> Decimal:
        """What of an order is in its stake: all that it may still fill; 0 where it is not open."""
        return self._risk.counted(client_order_id)

    def exposures(self) -> dict[tuple[str, str], Exposure]:
        """By strategy and instrument id, wherever something is held or may be of what this gateway trades."""
        return {key: exposure for key, exposure in self._risk.exposures().items() if key[1] in self._instruments}

    def last_seq(self, strategy: str) -> int:
        return self._last_seq.get(strategy, 0)

    def reports_from(self, strategy: str, seq: int) -> list[ExecutionReport]:
        """The strategy's reports from this number on, as far as they were not acknowledged."""
        return [report for report in self._reports.get(strategy, ()) if report.seq >= seq]

    def acknowledge(self, strategy: str, seq: int) -> int:
        """The strategy has journaled its reports up to this number; they need not be kept in memory.

        :returns: the number again; that of its last report where it is beyond.
        """
        reports = self._reports.get(strategy)
        while reports and reports[0].seq <= seq:
            reports.popleft()
        return min(seq, self.last_seq(strategy))

    def positions(self, strategy: str | None = None) -> dict[str, Decimal]:
        """Signed, by instrument id: of one strategy, or summed over all. Flat ones are left out."""
        held: defaultdict[str, Decimal] = defaultdict(Decimal)
        for (owner, instrument), quantity in self._positions.items():
            if strategy is None or owner == strategy:
                held[instrument] += quantity
        return {instrument: quantity for instrument, quantity in held.items() if quantity}

    def untraded(self) -> dict[str, Decimal]:
        """What is held, signed, of each instrument that this gateway does not trade; 0 where an order is open in it."""
        names = {order.request.instrument for order in self._open.values()}
        held = {**dict.fromkeys(sorted(names), ZERO), **self.positions()}
        return {name: size for name, size in held.items() if name not in self._instruments}

    def holdings(self) -> dict[str, dict[str, Decimal]]:
        """What each strategy holds, signed, by strategy and instrument id. Flat ones are left out."""
        return {owner: held for owner, _ in self._positions if (held := self.positions(owner))}

    def is_shared(self, strategy: str, instrument: str) -> bool:
        """Whether another strategy holds this instrument, or has an order in it."""
        return self._risk.is_shared(strategy, instrument)

    def reducible(self, strategy: str, instrument: str, side: Side) -> Decimal:
        """What a strategy may still trade on this side without turning its position: less what works there already."""
        return self.stake(strategy, instrument).reducible(side)

    def share_funding(self, booked: FundingBooked) -> list[FundingPaid]:
        """Divide what the venue booked on the whole position among those who hold it."""
        held = self._positions.items()
        holders = [(owner, size) for (owner, name), size in held if name == booked.instrument and size]
        return list(funding_shares(booked, holders))

    def share_forced(self, fill: Fill) -> list[Fill]:
        """Divide what the venue has closed by itself among those who hold the position; nothing of a repeated one."""
        if (fill.instrument, fill.trade_id) in self._forced:
            return []
        holders = [
            (owner, abs(size))
            for (owner, held), size in self._positions.items()
            if held == fill.instrument and size * fill.side.sign < 0
        ]
        return list(fill_shares(fill, holders, self._instruments.get(fill.instrument)))

    def note_forced(self, fill: Fill) -> None:
        """Remember what the venue did by itself, so that a repetition of it is known."""
        self._forced[fill.instrument, fill.trade_id] = None
        if len(self._forced) > FORCED_FILLS_KEPT_MAX:
            del self._forced[next(iter(self._forced))]

    # --- snapshots ----------------------------------------------------------------------------------------------

    def state(self) -> RecordsState:
        """All that `load` needs, beside `closed.chunks`. It shares what it can: encode it before anything else."""
        return RecordsState(
            orders=list(self._open.values()),
            closed=self.closed.state(),
            cancels_asked=sorted(self.cancels_asked),
            reports={strategy: list(reports) for strategy, reports in self._reports.items() if reports},
            last_seqs=self._last_seq,
            positions=[(*key, size) for key, size in self._positions.items()],
            fees_in={held: self._fee_currency(held) for _, held in self._positions},
            risk=self._risk.state(),
            forced=list(self._forced),
            executions=self.executions.state(),
            fundings=self.fundings,
            forced_fills=self.forced_fills,
            not_received=self._not_received.state(),
        )

    def load(self, state: RecordsState, chunks: Sequence[bytes]) -> None:
        """Take over what an earlier process has told: these books are new.

        :raises ValueError, KeyError, msgspec.MsgspecError: the snapshot cannot be used; neither can these books be.
        """
        changed = [name for name, currency in state.fees_in.items() if currency != self._fee_currency(name)]
        if changed:  # what was held was counted by another rule
            raise ValueError(f"the fees of {', '.join(sorted(changed))} count otherwise since")
        self.closed.load(state.closed, chunks)
        self._open = {order.request.client_order_id: order for order in state.orders}
        self.orders.update(self._open)
        self.cancels_asked.update(state.cancels_asked)
        self._last_seq.update(state.last_seqs)
        for strategy, reports in state.reports.items():
            self._reports[strategy].extend(reports)
        self._risk.load(state.risk, state.orders)
        for strategy, instrument, size in state.positions:
            self._positions[strategy, instrument] = self._risk.stakes[strategy, instrument].position = size
        self._forced = dict.fromkeys(state.forced)
        self.executions.load(state.executions)
        self.fundings, self.forced_fills = state.fundings, state.forced_fills
        self._not_received.load(state.not_received)

    def _fee_currency(self, instrument: str) -> str:
        """The currency whose fees come off a position; empty: those of none do, as far as is known."""
        known = self._instruments.get(instrument)
        return known.base if known is not None and known.is_spot else ""

    def _order_of(self, report: ExecutionReport) -> Order | None:
        """What the report is about; None for a funding, for what the venue does by itself, and for the denial of an
        order that came no further.
        """
        if isinstance(report, FundingPaid) or is_venue_made(report.client_order_id):
            return None
        if isinstance(report, OrderDenied):
            return self.orders.get(report.client_order_id)
        return self.orders[report.client_order_id]

    def _apply_fill(self, fill: Fill, order: Order | None) -> None:
        key = (fill.strategy, fill.instrument)
        position = self._positions[key] = self._positions[key] + self._position_change(fill)
        self._risk.stakes[key].position = position
        if order is None:
            self.note_forced(fill)
        elif not order.trade_ids:
            self.executions.note(*key, fill.side is BUY, fill.ts_event)

    def _close(self, client_order_id: str) -> None:
        del self._open[client_order_id]
        self.cancels_asked.discard(client_order_id)
        self.closed.add(client_order_id)

    def _position_change(self, fill: Fill) -> Decimal:
        """A fee that the venue takes in the base currency comes off what a spot buy brought."""
        instrument = self._instruments.get(fill.instrument)
        in_base = instrument is not None and instrument.is_spot and fill.fee_currency == instrument.base
        fee = fill.fee if in_base else ZERO
        return (fill.quantity if fill.side is BUY else -fill.quantity) - fee


def _is_told(report: ExecutionReport) -> bool:
    """Whether its strategy is told: of an order by which the gateway flattens, only the fills."""
    if isinstance(report, Fill | FundingPaid):
        return True
    return not report.client_order_id.startswith(FLATTEN_PREFIX)


def _check_complete(closed: OrderClosed, order: Order) -> None:
    if closed.filled_quantity > order.filled_quantity:
        raise IllegalOrderStep(
            f"end of order {closed.client_order_id} with {closed.filled_quantity} filled, of which we know "
            f"{order.filled_quantity}; ask the venue about it"
        )
