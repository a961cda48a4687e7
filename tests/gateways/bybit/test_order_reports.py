import json
from decimal import Decimal

import pytest

from gateways.bybit.asides import Aside, AsideKind
from gateways.bybit.order_index import END_WAIT_NS
from messages.orders import (
    AmendRejected,
    CancelRejected,
    CloseReason,
    OrderAccepted,
    OrderAmended,
    OrderClosed,
    OrderRejected,
    OrderType,
    RejectReason,
)
from tests.gateways.bybit.private_account import (
    HEAD,
    NOW_MS,
    NOW_NS,
    ORDER_TS,
    SPOT,
    amend,
    cancel,
    execution_body,
    fill,
    order_body,
    with_order,
)


def test_a_new_order_is_accepted_once():
    account = with_order()

    assert account.hear("order", order_body()) == [OrderAccepted(*HEAD, "v-1", ORDER_TS)]
    assert account.hear("order.linear", order_body(), order_body("PartiallyFilled", cumExecQty="0.005")) == []


def test_the_end_of_an_order_waits_for_its_fills():
    account = with_order()
    account.hear("order", order_body())

    assert account.hear("order", order_body("Filled", cumExecQty="0.010")) == []
    assert account.hear("execution", execution_body("t-1")) == [fill("t-1")]
    # 0.005 + 0.005 = 0.010
    closed = OrderClosed(*HEAD, CloseReason.FILLED, Decimal("0.010"), ORDER_TS)
    assert account.hear("execution", execution_body("t-2")) == [fill("t-2"), closed]


def test_fills_that_came_first_let_the_end_through_at_once():
    account = with_order()

    assert account.hear("execution", execution_body("t-1"), execution_body("t-2")) == [fill("t-1"), fill("t-2")]
    assert account.hear("order", order_body("Filled", cumExecQty="0.010")) == [
        OrderAccepted(*HEAD, "v-1", ORDER_TS),
        OrderClosed(*HEAD, CloseReason.FILLED, Decimal("0.010"), ORDER_TS),
    ]
    assert account.hear("order", order_body("Filled", cumExecQty="0.010")) == []


def test_a_fill_is_told_once():
    account = with_order()
    account.hear("execution", execution_body())

    assert account.hear("execution", execution_body()) == []


def test_an_end_whose_fills_do_not_come_is_to_be_asked_about():
    account = with_order()
    account.hear("order", order_body("Cancelled", cumExecQty="0.005"))
    account.hear("order", order_body("Cancelled", cumExecQty="0.005"), now_ns=NOW_NS + 1)

    assert account.stream.overdue(NOW_NS + END_WAIT_NS - 1) == []
    assert account.stream.overdue(NOW_NS + END_WAIT_NS) == ["c-s-e1-1"]
    account.hear("execution", execution_body())
    assert account.stream.overdue(NOW_NS + END_WAIT_NS) == []


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({"cancelType": "CancelByUser"}, CloseReason.CANCELLED),
        ({"cancelType": "CancelByUser", "timeInForce": "IOC"}, CloseReason.CANCELLED),
        ({"cancelType": "CancelByDCP"}, CloseReason.CANCELLED),
        ({"cancelType": "CancelAllBeforeLiq"}, CloseReason.CANCELLED),
        ({"timeInForce": "IOC", "rejectReason": "EC_NoImmediateQtyToFill"}, CloseReason.EXPIRED),
        ({"timeInForce": "FOK", "rejectReason": "EC_CancelForNoFullFill"}, CloseReason.EXPIRED),
        ({"orderType": "Market"}, CloseReason.EXPIRED),
        ({"cancelType": "CancelByReduceOnly"}, CloseReason.EXPIRED),
        ({"cancelType": "CancelBySmp"}, CloseReason.EXPIRED),
        ({"cancelType": "CancelBySettle"}, CloseReason.EXPIRED),
    ],
)
def test_a_cancelled_order_says_who_ended_it(fields, reason):
    account = with_order()

    *_, closed = account.hear("order", order_body("Cancelled", **fields))

    assert closed == OrderClosed(*HEAD, reason, Decimal(0), ORDER_TS)


def test_spot_has_a_status_of_its_own_for_what_was_filled_in_part():
    account = with_order(instrument=SPOT)
    spot = {"category": "spot"}
    account.hear("execution", execution_body(**spot))

    *_, closed = account.hear("order", order_body("PartiallyFilledCanceled", cumExecQty="0.005", **spot))

    assert closed == OrderClosed("c-s-e1-1", "s", SPOT, CloseReason.CANCELLED, Decimal("0.005"), ORDER_TS)


def test_a_post_only_order_that_would_take_is_rejected_though_the_venue_calls_it_cancelled():
    account = with_order(post_only=True)
    body = order_body("Cancelled", rejectReason="EC_PostOnlyWillTakeLiquidity", timeInForce="PostOnly")

    told = account.hear("order", body)

    reason = RejectReason.POST_ONLY_WOULD_TAKE
    assert told == [OrderRejected(*HEAD, reason, "EC_PostOnlyWillTakeLiquidity", ORDER_TS)]
    assert account.hear("order", body) == []


def test_one_that_rested_before_is_closed_as_nothing_of_an_accepted_order_was_refused():
    account = with_order(post_only=True)
    account.hear("order", order_body())

    told = account.hear("order", order_body("Cancelled", rejectReason="EC_PostOnlyWillTakeLiquidity"))

    assert told == [OrderClosed(*HEAD, CloseReason.CANCELLED, Decimal(0), ORDER_TS)]


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("EC_NoImmediateQtyToFill", RejectReason.NO_LIQUIDITY),
        ("EC_LimitOrderInvalidPrice", RejectReason.INVALID_PRICE),
        ("EC_QtyCannotBeZero", RejectReason.INVALID_QUANTITY),
        ("EC_DuplicatedClOrdID", RejectReason.DUPLICATE_ID),
        ("EC_SecurityStatusFail", RejectReason.OTHER),
    ],
)
def test_a_rejected_order_has_its_reason(text, reason):
    assert with_order().hear("order", order_body("Rejected", rejectReason=text)) == [
        OrderRejected(*HEAD, reason, text, ORDER_TS)
    ]


def test_an_order_that_is_rejected_after_a_fill_is_closed():
    account = with_order()
    account.hear("execution", execution_body())

    *_, closed = account.hear("order", order_body("Rejected", cumExecQty="0.005", rejectReason="UNKNOWN"))

    assert closed == OrderClosed(*HEAD, CloseReason.CANCELLED, Decimal("0.005"), ORDER_TS)


def test_a_refused_order_stays_refused_when_the_stream_names_it_too():
    account = with_order()
    frame_ = json.dumps({"reqId": "s1-1", "retCode": 110007, "retMsg": "poor", "op": "order.create"}).encode()
    account.answers.on_frame(frame_, NOW_MS)

    assert account.hear("order", order_body("Rejected", rejectReason="EC_Others")) == []


def test_an_amendment_is_told_when_the_stream_shows_other_terms():
    account = with_order()
    account.hear("order", order_body())
    account.entry.by_stream(amend("0.020", "30100"), NOW_MS)

    told = account.hear("order", order_body(qty="0.020", price="30100", updatedTime=str(NOW_MS + 5)))

    assert told == [OrderAmended(*HEAD, Decimal("0.020"), Decimal(30100), (NOW_MS + 5) * 1_000_000)]


def test_an_older_report_does_not_turn_the_terms_back():
    account = with_order()
    account.hear("order", order_body())
    account.hear("order", order_body(qty="0.020", updatedTime=str(NOW_MS + 5)))

    assert account.hear("order", order_body(qty="0.010", updatedTime=str(NOW_MS + 4))) == []


def test_the_bound_that_the_venue_prints_as_the_price_of_a_market_order_is_no_amendment():
    account = with_order(type=OrderType.MARKET, price=None)

    assert account.hear("order", order_body(orderType="Market", price="31500")) == [
        OrderAccepted(*HEAD, "v-1", ORDER_TS)
    ]


def test_a_cancel_that_lost_to_a_fill_is_rejected_by_a_second_message():
    account = with_order()
    account.hear("order", order_body())
    account.entry.by_stream(cancel(), NOW_MS)
    account.hear("execution", execution_body(execQty="0.010"))
    account.hear("order", order_body("Filled", cumExecQty="0.010"))

    second = order_body(
        "Filled", cumExecQty="0.010", cancelType="CancelByUser", rejectReason="EC_OrigClOrdIDDoesNotExist"
    )
    reason, text = RejectReason.UNKNOWN_ORDER, "EC_OrigClOrdIDDoesNotExist"
    assert account.hear("order", second) == [CancelRejected(*HEAD, reason, text, ORDER_TS)]


def test_an_amendment_that_the_matching_engine_refuses_is_rejected():
    account = with_order()
    account.hear("order", order_body())
    account.entry.by_stream(amend("0.020", "30100"), NOW_MS)

    told = account.hear("order", order_body(rejectReason="EC_InCallAuctionStatus"))

    assert told == [AmendRejected(*HEAD, RejectReason.OTHER, "EC_InCallAuctionStatus", ORDER_TS)]
    assert account.hear("order", order_body(rejectReason="EC_InCallAuctionStatus")) == []


def test_of_a_cancel_and_an_amendment_the_one_that_the_venue_names_is_rejected():
    account = with_order()
    account.hear("order", order_body())
    account.entry.by_stream(amend("0.020", "30100"), NOW_MS)
    account.entry.by_stream(cancel(), NOW_MS)
    refused = order_body(rejectReason="EC_InCallAuctionStatus")

    (amendment,) = account.hear("order", refused)
    (of_cancel,) = account.hear("order", refused | {"cancelType": "CancelByUser"})

    assert isinstance(amendment, AmendRejected)
    assert isinstance(of_cancel, CancelRejected)


@pytest.mark.parametrize(
    ("fields", "kind"),
    [
        ({"orderLinkId": "web-1", "orderId": "v-9"}, AsideKind.FOREIGN_ORDER),
        ({"orderLinkId": "", "orderId": "v-9"}, AsideKind.FOREIGN_ORDER),
        ({"symbol": "DOGEUSDT"}, AsideKind.NOT_TRADED),
        ({"category": "option"}, AsideKind.NOT_TRADED),
        ({"orderStatus": "Untriggered"}, AsideKind.NOT_TRADED),
        ({"orderStatus": "Levitating"}, AsideKind.UNKNOWN_VALUE),
    ],
)
def test_an_order_that_is_none_of_ours_is_put_aside(fields, kind):
    (aside,) = with_order().hear("order", order_body(**fields))

    assert isinstance(aside, Aside)
    assert aside.kind is kind


def test_an_order_without_a_time_has_that_of_its_frame():
    (accepted,) = with_order().hear("order", order_body(updatedTime="", createdTime=""))

    assert accepted.ts_event == NOW_NS
