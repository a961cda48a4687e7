"""A gateway's own books: every order of its strategies, what became of it, and who holds what. Pure.

Reports are numbered for each strategy in the order in which they were journaled; a strategy that was away asks for
those that it missed.
"""

from collections import defaultdict, deque
from collections.abc import Mapping
from decimal import Context, Decimal
from typing import Final

import msgspec

from gateways.venue import FundingBooked
from messages.instruments import Instrument
from messages.order_lifecycle import CancelRequested, Order
from messages.orders import (
    AmendRejected,
    CancelRejected,
    ExecutionReport,
    Fill,
    FundingPaid,
    OrderDenied,
    Side,
    SubmitOrder,
    is_venue_made,
)

ZERO: Final = Decimal(0)
CLOSED_ORDERS_KEPT_MAX: Final = 100_000
"""Closed orders remembered, so that a repeated id or a late fill is recognised."""

FORCED_FILLS_KEPT_MAX: Final = 10_000
"""Of what the venue did by itself, remembered so that a repeated one is recognised."""

_ANSWERS: Final = (AmendRejected, CancelRejected)

_WIDE: Final = Context(prec=100)
"""A part of 1e18 to 18 places, times a position, has more digits than the default context keeps."""


class OrderRecords:
    """:param instruments: by instrument id, of this gateway."""

    def __init__(self, instruments: Mapping[str, Instrument]) -> None:
        self._instruments = instruments
        self.orders: dict[str, Order] = {}
        self.fundings = 0
        self._closed: deque[str] = deque()
        self._open: dict[str, Order] = {}
        self._reports: defaultdict[str, deque[ExecutionReport]] = defaultdict(deque)
        self._last_seq: defaultdict[str, int] = defaultdict(int)
        self._positions: defaultdict[tuple[str, str], Decimal] = defaultdict(Decimal)
        self._forced: dict[tuple[str, str], None] = {}

    def record_intent(self, order: SubmitOrder) -> Order:
        """The order is about to be sent."""
        record = Order(order)
        self.orders[order.client_order_id] = self._open[order.client_order_id] = record
        return record

    def number(self, report: ExecutionReport) -> ExecutionReport | None:
        """The report with its number, to be journaled and then applied; None where it tells nothing new.

        An answer to a request is always news. Nothing changes here.

        :raises IllegalOrderStep: the report cannot follow the order's state.
        :raises KeyError: the order is none of ours.
        """
        order = self._order_of(report)
        if order is not None and not order.changes(report) and not isinstance(report, _ANSWERS):
            return None
        return msgspec.structs.replace(report, seq=self.last_seq(report.strategy) + 1)

    def apply(self, numbered: ExecutionReport) -> None:
        """Take a numbered report into the books."""
        strategy = numbered.strategy
        assert numbered.seq == self._last_seq[strategy] + 1, f"report {numbered.seq} of {strategy} is out of sequence"
        self._last_seq[strategy] = numbered.seq
        self._reports[strategy].append(numbered)
        order = self._order_of(numbered)
        if isinstance(numbered, Fill):
            self._positions[strategy, numbered.instrument] += self._position_change(numbered)
            if order is None:
                self._note_forced(numbered)
        if order is None:
            return
        order.apply(numbered)
        if not order.is_open:
            self._close(order.request.client_order_id)

    def cancel_requested(self, client_order_id: str) -> None:
        self.orders[client_order_id].apply(CancelRequested(client_order_id))

    def open_orders(self, strategy: str | None = None) -> list[Order]:
        """Orders that can still fill, oldest first: of one strategy, or of all."""
        return [order for order in self._open.values() if strategy is None or order.request.strategy == strategy]

    def last_seq(self, strategy: str) -> int:
        return self._last_seq[strategy]

    def reports_from(self, strategy: str, seq: int) -> list[ExecutionReport]:
        """The strategy's reports from this number on, as far as they were not acknowledged."""
        return [report for report in self._reports[strategy] if report.seq >= seq]

    def acknowledge(self, strategy: str, seq: int) -> None:
        """The strategy has journaled its reports up to this number; they need not be kept in memory."""
        reports = self._reports[strategy]
        while reports and reports[0].seq <= seq:
            reports.popleft()

    def positions(self, strategy: str | None = None) -> dict[str, Decimal]:
        """Signed, by instrument id: of one strategy, or summed over all. Flat ones are left out."""
        held: defaultdict[str, Decimal] = defaultdict(Decimal)
        for (owner, instrument), quantity in self._positions.items():
            if strategy is None or owner == strategy:
                held[instrument] += quantity
        return {instrument: quantity for instrument, quantity in held.items() if quantity}

    def holdings(self) -> dict[str, dict[str, Decimal]]:
        """What each strategy holds, signed, by strategy and instrument id. Flat ones are left out."""
        return {owner: held for owner, _ in self._positions if (held := self.positions(owner))}

    def is_shared(self, strategy: str, instrument: str) -> bool:
        """Whether another strategy holds this instrument, or has an order in it."""
        return any(
            held and name == instrument and owner != strategy for (owner, name), held in self._positions.items()
        ) or any(
            order.request.instrument == instrument and order.request.strategy != strategy
            for order in self._open.values()
        )

    def reducible(self, strategy: str, instrument: str, side: Side) -> Decimal:
        """What a strategy may still trade on this side without turning its position: less what works there already."""
        working = sum(
            (
                order.open_quantity
                for order in self._open.values()
                if (order.request.strategy, order.request.instrument, order.request.side)
                == (strategy, instrument, side)
            ),
            ZERO,
        )
        return max(ZERO, -side.sign * self._positions[strategy, instrument] - working)

    def share_funding(self, booked: FundingBooked) -> list[FundingPaid]:
        """Divide what the venue booked on the whole position among those who hold it, exactly.

        Each gets the part of the amount that its position is of the whole; the last takes the remainder, so that the
        parts sum to the amount.
        """
        instrument = self._instruments[booked.instrument]
        holders = [(owner, size) for (owner, held), size in self._positions.items() if held == instrument.id and size]
        whole, left = sum((size for _, size in holders), ZERO), booked.amount
        paid = []
        for number, (owner, size) in enumerate(holders, start=1):
            is_last = number == len(holders)
            share = left if is_last or not whole else _share(booked.amount, size, whole)
            left = _WIDE.subtract(left, share)
            head = (owner, booked.instrument, share, booked.currency, booked.rate, size)
            paid.append(FundingPaid(*head, str(booked.number), booked.ts_event))
        return paid

    def share_forced(self, fill: Fill) -> list[Fill]:
        """Divide what the venue has closed by itself among those who hold the position, in whole lots, exactly.

        Each gets the part of it that its position is of the whole; the last takes the remainder. A repeated one gives
        nothing.
        """
        if (fill.instrument, fill.trade_id) in self._forced:
            return []
        holders = [
            (owner, abs(size))
            for (owner, held), size in self._positions.items()
            if held == fill.instrument and size * fill.side.sign < 0
        ]
        whole, left, fee_left = sum((size for _, size in holders), ZERO), fill.quantity, fill.fee
        shares = []
        for number, (owner, size) in enumerate(holders, start=1):
            part = _WIDE.divide(_WIDE.multiply(fill.quantity, size), whole)
            quantity = left if number == len(holders) else self._instruments[fill.instrument].round_quantity(part)
            fee = fee_left if number == len(holders) else _share(fill.fee, quantity, fill.quantity)
            left, fee_left = left - quantity, fee_left - fee
            if quantity:
                shares.append(msgspec.structs.replace(fill, strategy=owner, quantity=quantity, fee=fee))
        return shares

    def _note_forced(self, fill: Fill) -> None:
        self._forced[fill.instrument, fill.trade_id] = None
        if len(self._forced) > FORCED_FILLS_KEPT_MAX:
            del self._forced[next(iter(self._forced))]

    def _order_of(self, report: ExecutionReport) -> Order | None:
        """What the report is about; None for a funding, for what the venue does by itself, and for the denial of an
        order that came no further.
        """
        if isinstance(report, FundingPaid) or is_venue_made(report.client_order_id):
            return None
        if isinstance(report, OrderDenied):
            return self.orders.get(report.client_order_id)
        return self.orders[report.client_order_id]

    def _close(self, client_order_id: str) -> None:
        if self._open.pop(client_order_id, None) is None:
            return
        self._closed.append(client_order_id)
        if len(self._closed) > CLOSED_ORDERS_KEPT_MAX:
            del self.orders[self._closed.popleft()]

    def _position_change(self, fill: Fill) -> Decimal:
        """A fee that the venue takes in the base currency comes off what a spot buy brought."""
        instrument = self._instruments[fill.instrument]
        in_base = instrument.is_spot and fill.fee_currency == instrument.base
        fee = fill.fee if in_base else ZERO
        return (fill.quantity if fill.side is Side.BUY else -fill.quantity) - fee


def _share(amount: Decimal, size: Decimal, whole: Decimal) -> Decimal:
    """The part of an amount that one position is of the whole, to the places that the amount has."""
    part = _WIDE.divide(_WIDE.multiply(amount, size), whole)
    return part.quantize(amount, context=_WIDE)
