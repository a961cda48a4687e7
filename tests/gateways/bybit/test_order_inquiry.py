from decimal import Decimal
from urllib.parse import parse_qs

import pytest

from gateways.bybit import order_index, order_inquiry
from gateways.native.wire import Banned, LimitUsed, OutcomeUnknown, RestRequest, RestResponse
from gateways.venue import OrderStatus
from messages.orders import CloseReason, OrderType, RejectReason
from tests.gateways.bybit.private_account import (
    NOW_MS,
    Account,
    execution_body,
    order_body,
    page,
    query,
    response,
    submit,
)

LATER_MS = NOW_MS + 10_000
"""Past the receive window (5 s) and the margin (3 s) of an order that was sent at NOW_MS."""


def asked(now_ms: int = LATER_MS, **fields) -> tuple[Account, RestRequest]:
    account = Account()
    account.entry.by_stream(submit(**fields), NOW_MS)
    return account, account.inquiries.ask(query(), now_ms)


def answer(account: Account, *told) -> list:
    return account.inquiries.on_response(*told, LATER_MS)


def test_an_open_order_is_known_by_the_first_question():
    account, request = asked()

    assert request.path == "/v5/order/realtime"
    assert parse_qs(request.query) == {"category": ["linear"], "symbol": ["BTCUSDT"], "orderLinkId": ["c-s-e1-1"]}
    assert account.inquiries.owns(request.key)
    assert answer(account, page(request.key, order_body())) == [
        OrderStatus(
            client_order_id="c-s-e1-1",
            strategy="s",
            instrument="BTCUSDT.bybit-linear",
            is_known=True,
            venue_order_id="v-1",
            rejected=None,
            closed=None,
            filled_quantity=Decimal(0),
            fills=(),
            ts_event=(NOW_MS + 1) * 1_000_000,
            quantity=Decimal("0.010"),
            price=Decimal(30000),
        )
    ]


def test_what_was_filled_is_asked_for_page_by_page_and_sorted_by_time():
    account, request = asked()
    (request,) = answer(account, page(request.key, order_body("Filled", cumExecQty="0.010")))
    assert request.path == "/v5/execution/list"
    assert parse_qs(request.query)["limit"] == ["100"]

    late = execution_body("t-2", execTime=str(NOW_MS + 9))
    (request,) = answer(account, page(request.key, late, execution_body("t-x", orderId="v-9"), cursor="a%3A1"))
    assert request.query.endswith("cursor=a%3A1")
    (status,) = answer(account, page(request.key, execution_body("t-1")))

    assert [fill.trade_id for fill in status.fills] == ["t-1", "t-2"]
    assert (status.closed, status.filled_quantity) == (CloseReason.FILLED, Decimal("0.010"))


def test_what_was_told_in_answer_is_no_news_on_the_stream():
    account, request = asked()
    (request,) = answer(account, page(request.key, order_body("Cancelled", cumExecQty="0.005")))
    answer(account, page(request.key, execution_body("t-1")))

    assert account.hear("execution", execution_body("t-1")) == []
    assert account.hear("order", order_body("Cancelled", cumExecQty="0.005")) == []


def test_fills_that_are_listed_late_make_the_question_come_again():
    account, request = asked()
    (request,) = answer(account, page(request.key, order_body("Filled", cumExecQty="0.010")))

    told = answer(account, page(request.key, execution_body("t-1")))

    text = "c-s-e1-1: its list has fills of 0.005, of 0.010 that were executed"
    assert told == [OutcomeUnknown(request.key, text)]


def test_no_more_pages_are_asked_for_than_may_be(monkeypatch):
    monkeypatch.setattr(order_inquiry, "EXECUTION_PAGES_MAX", 1)
    account, request = asked()
    (request,) = answer(account, page(request.key, order_body("Filled", cumExecQty="0.010")))

    (told,) = answer(account, page(request.key, execution_body("t-1"), cursor="more"))

    assert isinstance(told, OutcomeUnknown)


def test_an_order_that_ended_long_ago_is_in_the_history():
    account, request = asked()

    (request,) = answer(account, page(request.key))
    assert request.path == "/v5/order/history"
    (status,) = answer(account, page(request.key, order_body(orderLinkId="other"), order_body("Cancelled")))

    assert (status.is_known, status.closed) == (True, CloseReason.CANCELLED)


def test_an_order_that_no_request_can_bring_any_more_is_not_known():
    account, request = asked()
    (request,) = answer(account, response(request.key, code=110001, text="order not exists"))

    (status,) = answer(account, page(request.key))

    assert not status.is_known
    assert (status.filled_quantity, status.venue_order_id) == (Decimal(0), "")


def test_an_order_whose_request_may_be_on_its_way_is_asked_about_again():
    # The receive window of 5000 ms and 3000 ms more: at 7999 ms the order may still arrive.
    account, request = asked(NOW_MS + 7_999)
    (request,) = answer(account, page(request.key))

    (told,) = answer(account, page(request.key))

    assert told == OutcomeUnknown(request.key, "c-s-e1-1: it is not there, and may be on its way still")


def test_an_order_of_an_earlier_process_is_given_the_same_time():
    account = Account()
    request = account.inquiries.ask(query(), NOW_MS)
    (request,) = answer(account, page(request.key))

    (told,) = answer(account, page(request.key))

    assert isinstance(told, OutcomeUnknown)
    request = account.inquiries.ask(query(), NOW_MS + 8_000)
    (request,) = answer(account, page(request.key))
    (status,) = answer(account, page(request.key))
    assert isinstance(status, OrderStatus)


def test_an_order_that_was_acknowledged_is_never_taken_for_one_that_was_never_seen():
    account, request = asked()
    account.hear("order", order_body())
    (request,) = answer(account, page(request.key))

    (told,) = answer(account, page(request.key))

    assert told == OutcomeUnknown(request.key, "c-s-e1-1: it is not listed, but the venue has acknowledged it")


def test_a_post_only_order_that_would_take_was_rejected():
    account, request = asked(post_only=True)

    (status,) = answer(account, page(request.key, order_body("Cancelled", rejectReason="EC_PostOnlyWillTakeLiquidity")))

    assert (status.rejected, status.closed) == (RejectReason.POST_ONLY_WOULD_TAKE, None)


def test_a_market_order_has_no_price():
    account, request = asked(type=OrderType.MARKET, price=None)

    (status,) = answer(account, page(request.key, order_body(orderType="Market", price="31500")))

    assert status.price is None


def test_a_status_that_is_not_documented_is_not_guessed_at():
    account, request = asked()

    (told,) = answer(account, page(request.key, order_body("Levitating")))

    assert isinstance(told, OutcomeUnknown)
    assert "Levitating" in told.text


@pytest.mark.parametrize(
    ("told", "kinds"),
    [
        (RestResponse(key="", status=0), [OutcomeUnknown]),
        (RestResponse(key="", status=503), [OutcomeUnknown]),
        (RestResponse(key="", status=403), [OutcomeUnknown, Banned]),
        (RestResponse(key="", status=200, body=b"<html>"), [OutcomeUnknown]),
        (response("", code=10016, text="error"), [OutcomeUnknown]),
        (response("", code=10006, text="Too many visits!", x_bapi_limit="50", x_bapi_limit_status="0"),
         [OutcomeUnknown, LimitUsed, Banned]),
        (response("", code=10009, text="IP banned"), [OutcomeUnknown, Banned]),
        (page("", {"symbol": "BTCUSDT"}), [OutcomeUnknown]),
    ],
)  # fmt: skip
def test_a_question_that_is_not_answered_is_to_be_asked_again(told, kinds):
    account, request = asked()
    told = RestResponse(key=request.key, status=told.status, body=told.body, headers=told.headers)

    said = answer(account, told)

    assert [type(one) for one in said] == kinds
    assert said[0].key == request.key
    assert answer(account, told) == []


def test_an_answer_to_an_older_question_is_nothing():
    account, old = asked()
    new = account.inquiries.ask(query(), LATER_MS)

    assert answer(account, page(old.key, order_body())) == []
    assert len(answer(account, page(new.key, order_body()))) == 1


def test_the_oldest_order_is_forgotten_past_a_bound(monkeypatch):
    monkeypatch.setattr(order_index, "ORDERS_KNOWN_MAX", 1)
    account = Account()
    account.entry.by_stream(submit(), NOW_MS)
    account.hear("order", order_body())

    account.entry.by_stream(submit("c-s-e1-2"), NOW_MS)
    account.entry.by_stream(submit("c-s-e1-2"), NOW_MS)

    assert account.index.find("c-s-e1-1") is None
    assert account.index.find("", "v-1") is None
    assert account.index.find(None, None) is None
    assert account.index.find("c-s-e1-2") is not None
