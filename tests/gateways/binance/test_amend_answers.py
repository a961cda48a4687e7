"""Binance's answers to cancels and amendments, and what cannot be asked, as reports of ours."""

from decimal import Decimal

import msgspec
import pytest

from gateways.binance.market import Market
from gateways.binance.orders import CannotExpress
from messages.orders import (
    AmendRejected,
    CancelRejected,
    CloseReason,
    OrderAmended,
    OrderClosed,
    OrderRejected,
    RejectReason,
)
from tests.gateways.binance.private_account import (
    MS,
    NAME,
    NOW_MS,
    NOW_NS,
    Books,
    amend,
    answer,
    cancel,
    connected,
    order,
    order_body,
    query,
    refusal,
)

R = RejectReason
HALF = Decimal("0.5")


def amending(market, quantity="0.4", price="30000.1", **recorded):
    books = Books()
    books.add(order(market), **recorded)
    private = connected(market, books=books)
    private.on_request(order(market), NOW_NS)
    (request,) = private.on_request(amend(Decimal(quantity), Decimal(price), market), NOW_NS)
    return private, request


# --- cancels and amendments ---------------------------------------------------------------------------------------


def test_a_cancel_that_went_through_ends_the_order():
    private = connected()
    private.on_request(order(), NOW_NS)
    (request,) = private.on_request(cancel(), NOW_NS)
    (closed,) = private.on_frame(answer(request, order_body(status="CANCELED")), NOW_NS)
    assert (closed.reason, closed.filled_quantity) == (CloseReason.CANCELLED, Decimal(0))


def test_a_cancel_that_came_too_late_is_refused_and_ends_nothing():
    private = connected()
    (request,) = private.on_request(cancel(), NOW_NS)
    (refused,) = private.on_frame(refusal(request, -2011, "Unknown order sent."), NOW_NS)
    assert (type(refused), refused.reason) == (CancelRejected, R.UNKNOWN_ORDER)


def test_futures_tell_the_new_terms_of_a_modified_order():
    private, request = amending(Market.USDM, "0.4", "29000")
    body = order_body(origQty="0.4", price="29000.0")
    (amended,) = private.on_frame(answer(request, body), NOW_NS)
    assert (amended.quantity, amended.price) == (Decimal("0.4"), Decimal(29000))


def test_an_amendment_that_ended_the_order_says_both():
    private, request = amending(Market.USDM)
    rejected, closed = private.on_frame(answer(request, order_body(status="CANCELED")), NOW_NS)
    assert isinstance(rejected, AmendRejected)
    assert closed.reason is CloseReason.CANCELLED


def test_an_amendment_to_what_the_order_is_already_is_answered_as_done():
    private, request = amending(Market.USDM, "0.5", "30000.1")
    (amended,) = private.on_frame(refusal(request, -5027, "No need to modify the order."), NOW_NS)
    assert isinstance(amended, OrderAmended)


def test_a_refused_amendment_leaves_the_order_as_it_was():
    private, request = amending(Market.USDM, "0.4", "29000")
    (refused,) = private.on_frame(refusal(request, -5022, "maker"), NOW_NS)
    assert (type(refused), refused.reason) == (AmendRejected, R.POST_ONLY_WOULD_TAKE)


def test_spot_tells_a_lowered_quantity():
    private, request = amending(Market.SPOT, "0.4", "30000.1")
    order_told = {"symbol": "BTCUSDT", "orderId": 11, "clientOrderId": NAME, "price": "30000.1", "qty": "0.4"}
    body = {"transactTime": NOW_MS + 1, "executionId": 2, "amendedOrder": order_told}
    (amended,) = private.on_frame(answer(request, body), NOW_NS)
    assert amended == OrderAmended(NAME, "carry", "BTCUSDT.bin", Decimal("0.4"), Decimal("30000.1"), NOW_NS + MS)


def replacement(cancelled: str, placed: str, **halves):
    return {"cancelResult": cancelled, "newOrderResult": placed, **halves}


def test_a_replaced_order_has_new_terms_and_a_new_venue_id():
    private, request = amending(Market.SPOT, "0.5", "29000")
    body = replacement(
        "SUCCESS",
        "SUCCESS",
        cancelResponse=order_body(Market.SPOT, status="CANCELED"),
        newOrderResponse=order_body(Market.SPOT, orderId=12, status=""),
    )
    amended, accepted = private.on_frame(answer(request, body), NOW_NS)
    assert (amended.quantity, amended.price) == (HALF, Decimal(29000))
    assert accepted.venue_order_id == "12"


def test_an_order_that_was_cancelled_and_not_replaced_is_gone():
    private, request = amending(Market.SPOT, "0.5", "29000")
    data = replacement(
        "SUCCESS",
        "FAILURE",
        cancelResponse=order_body(Market.SPOT, status="CANCELED"),
        newOrderResponse={"code": -2010, "msg": "Account has insufficient balance for requested action."},
    )
    told = private.on_frame(refusal(request, -2021, "Order cancel-replace partially failed.", 409, data=data), NOW_NS)
    assert [type(each) for each in told] == [AmendRejected, OrderClosed]
    assert told[0].reason is R.INSUFFICIENT_BALANCE


@pytest.mark.parametrize(
    ("half", "reason"),
    [
        ({"code": -2011, "msg": "Order was not canceled due to cancel restrictions."}, R.OTHER),
        ({"code": -2011, "msg": "Unknown order sent."}, R.UNKNOWN_ORDER),
        ("odd", R.OTHER),
        (None, R.OTHER),
    ],
)
def test_a_replacement_that_was_not_attempted_leaves_the_order_as_it_was(half, reason):
    private, request = amending(Market.SPOT, "0.5", "29000")
    data = replacement("FAILURE", "NOT_ATTEMPTED", cancelResponse=half)
    (refused,) = private.on_frame(refusal(request, -2022, "failed", 400, data=data), NOW_NS)
    assert (type(refused), refused.reason) == (AmendRejected, reason)


def test_a_wish_that_the_venue_has_no_words_for_is_refused_at_once():
    books = Books()
    books.add(order(Market.SPOT), filled_quantity=Decimal("0.1"))
    private = connected(Market.SPOT, books=books)
    (refused,) = private.on_request(amend(HALF, Decimal(29000), Market.SPOT), NOW_NS)
    assert isinstance(refused, AmendRejected)
    assert "not sent" in refused.text
    (rejected,) = private.on_request(order(Market.SPOT, instrument="X.elsewhere"), NOW_NS)
    assert isinstance(rejected, OrderRejected)
    elsewhere = msgspec.structs.replace(cancel(), instrument="X.elsewhere")
    (kept,) = private.on_request(elsewhere, NOW_NS)
    assert isinstance(kept, CancelRejected)
    with pytest.raises(CannotExpress, match="not one of venue bin"):
        private.on_request(msgspec.structs.replace(query(), instrument="X.elsewhere"), NOW_NS)
    (unrecorded,) = connected().on_request(amend(HALF, Decimal(29000)), NOW_NS)
    assert "not on record" in unrecorded.text
