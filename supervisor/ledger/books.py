"""From the records of a drop copy to rows of orders, fills, fundings and positions. Pure.

A `Books` holds what one batch of records concerns: it is given the rows that are there already, takes the records in
their order, and holds the rows to be written. All sums are exact.
"""

from collections.abc import Callable, Iterable, Mapping
from decimal import Context, Decimal
from typing import Any, Final, NamedTuple

from messages.instruments import Instrument
from messages.order_lifecycle import LIFECYCLE, OPEN_STATES, CancelRequested, OrderState
from messages.orders import (
    AmendOrder,
    CancelOrder,
    ExecutionReport,
    Fill,
    FundingPaid,
    OrderAccepted,
    OrderAmended,
    OrderClosed,
    OrderDenied,
    OrderRejected,
    SubmitOrder,
    is_venue_made,
)
from supervisor.ledger.holding import NOTHING_HELD, Holding, PositionKey, position_change

ZERO: Final = Decimal(0)

_EXACT: Final = Context(prec=100)
"""A price times a quantity, each of up to 36 digits, and sums of these, are not rounded."""

JournalRecord = SubmitOrder | CancelOrder | AmendOrder | ExecutionReport
Row = dict[str, Any]  # Any: as the columns are


class OrderKey(NamedTuple):
    gateway: str
    client_order_id: str


class FundingKey(NamedTuple):
    """What names a funding payment within a run."""

    gateway: str
    instrument: str
    strategy: str
    funding_id: str


class FillKey(NamedTuple):
    """What names a fill within a run; a repeated one is the same fill."""

    gateway: str
    instrument: str
    trade_id: str
    client_order_id: str
    strategy: str


class Books:
    """:param instruments: by instrument id.
    :ivar orders: rows by key, those loaded and those made; `changed` names what is to be written.
    :ivar positions: what is held, by key. :ivar fills: the keys that are known; `fundings` likewise.
    """

    def __init__(self, instruments: Mapping[str, Instrument]) -> None:
        self._instruments = instruments
        self.orders: dict[OrderKey, Row] = {}
        self.positions: dict[PositionKey, Holding] = {}
        self.fills: set[FillKey] = set()
        self.fundings: set[FundingKey] = set()
        self.changed: dict[OrderKey, None] = {}
        self.moved: dict[PositionKey, int] = {}
        self.new_fills: list[Row] = []
        self.new_fundings: list[Row] = []

    def apply(self, gateway: str, record: JournalRecord) -> None:
        """Take the next record of a gateway; whatever is known already changes nothing."""
        if isinstance(record, FundingPaid):
            self._funded(gateway, record)
            return
        key = OrderKey(gateway, record.client_order_id)
        if isinstance(record, Fill):
            self._fill(gateway, record)
            if is_venue_made(record.client_order_id):
                return
        elif isinstance(record, SubmitOrder):
            self.orders.setdefault(key, _submitted_row(gateway, record))
            self.changed[key] = None
            return
        row = self.orders.get(key)
        if row is None:
            row = self.orders[key] = _stub_row(gateway, record)
        self.changed[key] = None
        _take_step(row, record)

    def order_rows(self) -> list[Row]:
        """The orders to be written."""
        return [self.orders[key] for key in self.changed]

    def position_rows(self) -> list[Row]:
        """The positions to be written."""
        return [
            {
                **key._asdict(),
                "quantity": held.quantity,
                "account": None if held.account is None else held.account.to_text(),
                "updated_ns": updated_ns,
            }
            for key, updated_ns in self.moved.items()
            for held in (self.positions[key],)
        ]

    def _funded(self, gateway: str, paid: FundingPaid) -> None:
        key = funding_key(gateway, paid)
        if key in self.fundings:
            return
        self.fundings.add(key)
        self.new_fundings.append(_funding_row(gateway, paid))
        held = PositionKey(gateway, paid.strategy, paid.instrument)
        self.positions[held] = self.positions.get(held, NOTHING_HELD).funded(paid)
        self.moved[held] = paid.ts_event

    def _fill(self, gateway: str, fill: Fill) -> None:
        key = fill_key(gateway, fill)
        if key in self.fills:
            return
        self.fills.add(key)
        instrument = self._instruments.get(fill.instrument)
        self.new_fills.append(_fill_row(key, fill, position_change(fill, instrument)))
        held = PositionKey(gateway, fill.strategy, fill.instrument)
        self.positions[held] = self.positions.get(held, NOTHING_HELD).filled(fill, instrument)
        self.moved[held] = fill.ts_event
        order = self.orders.get(OrderKey(gateway, fill.client_order_id))
        if order is None and not is_venue_made(fill.client_order_id):
            order = self.orders[OrderKey(gateway, fill.client_order_id)] = _stub_row(gateway, fill)
        if order is not None:
            order["filled"] = _EXACT.add(order["filled"], fill.quantity)
            order["filled_value"] = _EXACT.add(order["filled_value"], _EXACT.multiply(fill.price, fill.quantity))


def fill_key(gateway: str, fill: Fill) -> FillKey:
    return FillKey(gateway, fill.instrument, fill.trade_id, fill.client_order_id, fill.strategy)


def funding_key(gateway: str, paid: FundingPaid) -> FundingKey:
    return FundingKey(gateway, paid.instrument, paid.strategy, paid.funding_id)


def exact_sum(amounts: Iterable[Decimal]) -> Decimal:
    """The sum, unrounded."""
    total = ZERO
    for amount in amounts:
        total = _EXACT.add(total, amount)
    return total


def average_price(filled: Decimal, filled_value: Decimal) -> Decimal | None:
    """Of the fills of an order, to 18 places; None where there are none."""
    if not filled:
        return None
    return _EXACT.divide(filled_value, filled).quantize(Decimal("1e-18"), context=_EXACT).normalize(_EXACT)


def _take_step(row: Row, record: JournalRecord) -> None:
    """Follow the order's life one step; a record that cannot follow leaves the state as it is."""
    if isinstance(record, AmendOrder):
        return  # it counts when the venue confirms it
    step: type = CancelRequested if isinstance(record, CancelOrder) else type(record)
    state = OrderState[row["state"].upper()]
    after = _state_after(state, step, record)
    if state in OPEN_STATES and after not in OPEN_STATES:
        row["closed_ns"] = getattr(record, "ts_event", row["updated_ns"])
        row["reason"] = _reason(record)
    row["state"] = after.name.lower()
    row["updated_ns"] = max(row["updated_ns"], getattr(record, "ts_event", 0))
    note = _NOTES.get(type(record))
    if note is not None:
        note(row, record)


def _state_after(state: OrderState, step: type, record: JournalRecord) -> OrderState:
    targets = LIFECYCLE[state].get(step)
    if targets is None:
        return state
    if isinstance(record, OrderClosed) and state in OPEN_STATES:
        return OrderState[record.reason.name]
    (target,) = targets
    return target


def _reason(record: JournalRecord) -> str:
    if isinstance(record, OrderDenied):
        return f"{record.reason.value} {record.context}".strip()
    if isinstance(record, OrderRejected):
        return f"{record.reason.value} {record.text}".strip()
    return record.reason.value if isinstance(record, OrderClosed) else ""


def _accepted(row: Row, record: OrderAccepted) -> None:
    row["venue_order_id"] = record.venue_order_id


def _amended(row: Row, record: OrderAmended) -> None:
    row["quantity"], row["price"] = record.quantity, record.price


# Any: each takes the one type that its row names.
_NOTES: Final[Mapping[type, Callable[[Row, Any], None]]] = {OrderAccepted: _accepted, OrderAmended: _amended}


def _submitted_row(gateway: str, order: SubmitOrder) -> Row:
    return {
        **_order_row(gateway, order, order.ts_created),
        "side": order.side.value,
        "quantity": order.quantity,
        "price": order.price,
        "type": order.type.value,
        "time_in_force": order.time_in_force.value,
        "post_only": order.post_only,
        "reduce_only": order.reduce_only,
        "epoch": order.epoch,
        "caused_by": order.caused_by,
    }


def _stub_row(gateway: str, record: Any) -> Row:  # Any: whatever names an order
    """An order of which no intent is known: the gate denied it."""
    return _order_row(gateway, record, getattr(record, "ts_event", 0))


def _order_row(gateway: str, record: Any, created_ns: int) -> Row:  # Any: whatever names an order
    asked = ("side", "quantity", "price", "type", "time_in_force", "post_only", "reduce_only", "epoch")
    return {
        "gateway": gateway,
        "client_order_id": record.client_order_id,
        "strategy": record.strategy,
        "instrument": record.instrument,
        **dict.fromkeys(asked),
        "caused_by": "",
        "venue_order_id": "",
        "state": OrderState.IN_FLIGHT.name.lower(),
        "reason": "",
        "filled": ZERO,
        "filled_value": ZERO,
        "created_ns": created_ns,
        "updated_ns": created_ns,
        "closed_ns": None,
    }


def _fill_row(key: FillKey, fill: Fill, change: Decimal) -> Row:
    return {
        **key._asdict(),
        "side": fill.side.value,
        "price": fill.price,
        "quantity": fill.quantity,
        "position_change": change,
        "fee": fill.fee,
        "fee_currency": fill.fee_currency,
        "liquidity": fill.liquidity.value,
        "ts_ns": fill.ts_event,
    }


def _funding_row(gateway: str, paid: FundingPaid) -> Row:
    return {
        "gateway": gateway,
        "instrument": paid.instrument,
        "strategy": paid.strategy,
        "funding_id": paid.funding_id,
        "amount": paid.amount,
        "currency": paid.currency,
        "rate": paid.rate,
        "position": paid.position,
        "ts_ns": paid.ts_event,
    }
