"""Whatever order an order's reports come in, and however often: the same position, and one end."""

import os
from decimal import Decimal
from itertools import permutations
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from gateways.gate.order_records import OrderRecords
from gateways.reconcile import missing_reports
from gateways.venue import OrderStatus
from messages.order_lifecycle import IllegalOrderStep, OrderState
from messages.orders import CloseReason, ExecutionReport, Fill, OrderClosed
from tests.support.orders import INSTRUMENTS, SPOT, accepted, closed, fill, status, submit

D = Decimal
ORDER = submit(quantity=D("0.010"))

SHUFFLES = int(os.environ.get("OUTCRY_FUZZ", "500"))
"""Orders of reports that are tried; OUTCRY_FUZZ=100000 for the long run."""


class Books:
    """:ivar told: the reports that were passed on to the strategy.
    :ivar is_asking: a report could not follow what was known; the venue has been asked about the order.
    """

    def __init__(self) -> None:
        self.records = OrderRecords(INSTRUMENTS)
        self.told: list[ExecutionReport] = []
        self.is_asking = False
        self.records.record_intent(ORDER)

    def take(self, report: ExecutionReport) -> None:
        try:
            numbered = self.records.number(report)
        except IllegalOrderStep:
            self.is_asking = True
            return
        if numbered is not None:
            self.records.apply(numbered)
            self.told.append(numbered)


def books(reports: list[ExecutionReport], answer: OrderStatus) -> Books:
    """The books after these reports, and the venue's answer where it was asked."""
    found = Books()
    for report in reports:
        found.take(report)
    if found.is_asking:
        for report in missing_reports(found.records.orders[ORDER.client_order_id], answer):
            found.take(report)
    return found


def life(*quantities: str, reason: CloseReason = CloseReason.CANCELLED) -> list[ExecutionReport]:
    filled = sum(map(D, quantities), D(0))
    fills = [fill(ORDER, quantity, f"t-{number}") for number, quantity in enumerate(quantities)]
    return [accepted(ORDER), *fills, closed(ORDER, str(filled), reason)]


def check(reports: list[ExecutionReport], quantities: tuple[str, ...], reason: CloseReason) -> None:
    fills = tuple({report.trade_id: report for report in reports if isinstance(report, Fill)}.values())
    found = books(reports, status(ORDER, *fills, closed=reason))
    records, told = found.records, found.told
    filled = sum(map(D, quantities), D(0))
    assert records.positions() == ({SPOT.id: filled} if filled else {})
    order = records.orders[ORDER.client_order_id]
    assert order.filled_quantity == filled
    assert order.state is (OrderState.FILLED if reason is CloseReason.FILLED else OrderState.CANCELLED)
    assert records.open_orders() == []
    assert sum(isinstance(report, OrderClosed) for report in told) == 1
    assert [report.seq for report in told] == list(range(1, len(told) + 1)), "numbered without a gap"
    trades = [report.trade_id for report in told if isinstance(report, Fill)]
    assert sorted(trades) == sorted({f"t-{number}" for number in range(len(quantities))}), "each fill is told once"


def test_every_order_of_the_reports_of_an_order_leads_to_the_same_books() -> None:
    quantities = ("0.004", "0.003", "0.003")
    reports = life(*quantities, reason=CloseReason.FILLED)
    for arranged in permutations(reports):  # 5! = 120
        check(list(arranged), quantities, CloseReason.FILLED)


@settings(max_examples=SHUFFLES, deadline=None)
@given(data=st.data(), count=st.integers(0, 5))
def test_repeated_and_reordered_reports_are_applied_once(data: Any, count: int) -> None:
    quantities = ("0.001", "0.002", "0.003", "0.001", "0.002")[:count]
    reports = life(*quantities)
    repeated = data.draw(st.lists(st.sampled_from(reports), max_size=8))
    arranged = data.draw(st.permutations([*reports, *repeated]))
    check(arranged, quantities, CloseReason.CANCELLED)
