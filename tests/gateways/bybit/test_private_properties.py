"""Whatever the order in which the two topics come, and however often, the reports are a legal life of one order."""

import json
from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st

from gateways.venue import FROM_VENUE
from messages.codec import encode
from messages.order_lifecycle import Order
from messages.orders import CloseReason, Fill, OrderAccepted, OrderClosed
from tests.gateways.bybit.private_account import NOW_MS, NOW_NS, Account, execution_body, frame, order_body, submit

FILLS = 4
QUANTITY = Decimal("0.002")


def frames(status: str) -> list[bytes]:
    """The frames of an order of 0.010 that is filled in four parts of 0.002 and then ends."""
    executions = [
        frame("execution", execution_body(f"t-{number}", execQty=str(QUANTITY), orderLinkId="" if number % 2 else None))
        for number in range(FILLS)
    ]
    orders = [
        frame("order", order_body("New")),
        frame("order", order_body("PartiallyFilled", cumExecQty="0.002")),
        frame("order", order_body(status, cumExecQty="0.008", cancelType="CancelByUser")),
    ]
    return [*orders, *executions]


@given(st.data())
def test_each_fill_is_told_once_and_the_end_last(data):
    account, request = Account(), submit()
    sent = account.entry.by_stream(request, NOW_MS)
    names = {"orderId": "v-1", "orderLinkId": ""}
    ack = {"reqId": sent.key, "retCode": 0, "op": "order.create", "data": names}
    account.answers.on_frame(json.dumps(ack).encode(), NOW_MS)  # since when the order is known by the venue's id
    told = frames("Cancelled")
    repeated = data.draw(st.lists(st.sampled_from(told), max_size=5))
    life = Order(request)

    reports = []
    for one in data.draw(st.permutations(told + repeated)):
        for report in account.stream.on_frame(one, NOW_NS):
            assert FROM_VENUE.decode(encode(report)) == report
            life.apply(report)
            reports.append(report)

    fills = [report.trade_id for report in reports if isinstance(report, Fill)]
    assert sorted(fills) == [f"t-{number}" for number in range(FILLS)]
    assert sum(isinstance(report, OrderAccepted) for report in reports) == 1
    assert isinstance(reports[-1], OrderClosed)
    assert reports[-1].reason is CloseReason.CANCELLED
    assert life.filled_quantity == FILLS * QUANTITY
    assert account.stream.overdue(NOW_NS * 2) == []
