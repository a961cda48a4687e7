"""Binance's answers to orders, cancels and amendments, over both interfaces, as reports of ours."""

import json
from decimal import Decimal

import pytest

from gateways.binance.answer_frames import Answer, UserEvent, read_frame, read_response
from gateways.binance.malformed import MalformedMessage
from gateways.binance.market import Market
from gateways.binance.private_asides import Aside, AsideKind, ClockRefused
from gateways.binance.refusals import REASONS, reason_of
from gateways.native.wire import Banned, LimitUsed, OutcomeUnknown, RestResponse
from messages.orders import (
    CloseReason,
    Fill,
    Liquidity,
    OrderAccepted,
    OrderRejected,
    OrderUnknown,
    RejectReason,
)
from tests.gateways.binance.private_account import (
    MS,
    NAME,
    NOW_MS,
    NOW_NS,
    answer,
    cancel,
    connected,
    order,
    order_body,
    refusal,
    response,
    side,
)

R = RejectReason
HALF = Decimal("0.5")


def submitted(market=Market.USDM, **terms):
    private = connected(market)
    (request,) = private.on_request(order(market, **terms), NOW_NS)
    return private, request


# --- orders -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("market", Market)
def test_an_acknowledged_order_is_accepted_under_the_venues_id_and_time(market):
    private, request = submitted(market)
    body = {"symbol": "X", "orderId": 11, "clientOrderId": NAME, "transactTime": NOW_MS + 3}
    (accepted,) = private.on_frame(answer(request, body), NOW_NS)
    assert accepted == OrderAccepted(NAME, "carry", order(market).instrument, "11", NOW_NS + 3 * MS)


def test_a_full_answer_tells_the_fills_and_then_the_end():
    private, request = submitted(Market.SPOT)
    fills = [
        {"price": "30000", "qty": "0.3", "commission": "0.0003", "commissionAsset": "BTC", "tradeId": 56},
        {"price": "30001", "qty": "0.2", "commission": "0.0002", "commissionAsset": "BTC", "tradeId": 57},
    ]
    body = order_body(Market.SPOT, status="FILLED", executedQty="0.5", fills=fills)
    accepted, first, second, closed = private.on_frame(answer(request, body), NOW_NS)
    assert isinstance(accepted, OrderAccepted)
    assert (first.price, first.fee, first.fee_currency) == (Decimal(30000), Decimal("0.0003"), "BTC")
    assert (second.trade_id, second.liquidity) == ("57", Liquidity.TAKER)
    assert (closed.reason, closed.filled_quantity) == (CloseReason.FILLED, HALF)


def test_an_end_whose_fills_are_not_there_is_held_and_said_to_be():
    private, request = submitted()
    told = private.on_frame(answer(request, order_body(status="FILLED", executedQty="0.5")), NOW_NS)
    assert [type(each) for each in told] == [OrderAccepted, Aside]
    assert told[1].kind is AsideKind.MISSING
    assert private.tick(NOW_NS) == []
    (late,) = private.tick(NOW_NS + 2_000 * MS)  # given up waiting: the gateway finds it incomplete, and asks
    assert (late.reason, late.filled_quantity) == (CloseReason.FILLED, HALF)


@pytest.mark.parametrize(
    ("market", "code", "text", "reason"),
    [
        (Market.SPOT, -2010, "Account has insufficient balance for requested action.", R.INSUFFICIENT_BALANCE),
        (Market.SPOT, -2010, "Order would immediately match and take.", R.POST_ONLY_WOULD_TAKE),
        (Market.SPOT, -2010, "Duplicate order sent.", R.DUPLICATE_ID),
        (Market.SPOT, -2010, "Market is closed.", R.EXPIRED_INSTRUMENT),
        (Market.SPOT, -1013, "Filter failure: PRICE_FILTER", R.INVALID_PRICE),
        (Market.SPOT, -1013, "Filter failure: PERCENT_PRICE_BY_SIDE", R.INVALID_PRICE),
        (Market.SPOT, -1013, "Filter failure: LOT_SIZE", R.INVALID_QUANTITY),
        (Market.SPOT, -1013, "Filter failure: MARKET_LOT_SIZE", R.INVALID_QUANTITY),
        (Market.SPOT, -1013, "Filter failure: NOTIONAL", R.MIN_NOTIONAL),
        (Market.SPOT, -1111, "Parameter 'price' has too much precision.", R.INVALID_PRICE),
        (Market.SPOT, -1121, "Invalid symbol.", R.UNKNOWN_INSTRUMENT),
        (Market.SPOT, -1021, "Timestamp for this request is outside of the recvWindow.", R.OTHER),
        (Market.SPOT, -2015, "Invalid API-key, IP, or permissions for action.", R.OTHER),
        (Market.USDM, -1111, "Precision is over the maximum defined for this asset.", R.INVALID_QUANTITY),
        (Market.USDM, -1106, "Parameter 'reduceonly' sent when not required.", R.REDUCE_ONLY),
        (Market.USDM, -2019, "Margin is insufficient.", R.INSUFFICIENT_BALANCE),
        (Market.USDM, -2022, "ReduceOnly Order is rejected.", R.REDUCE_ONLY),
        (Market.USDM, -4014, "Price not increased by tick size.", R.INVALID_PRICE),
        (Market.USDM, -4023, "Qty not increased by step size.", R.INVALID_QUANTITY),
        (Market.USDM, -4116, "clientOrderId is duplicated", R.DUPLICATE_ID),
        (Market.USDM, -4131, "The counterparty's best price does not meet the PERCENT_PRICE filter", R.NO_LIQUIDITY),
        (Market.USDM, -4164, "Order's notional must be no smaller than 5.0", R.MIN_NOTIONAL),
        (Market.USDM, -4087, "User can only place reduce only order", R.REDUCE_ONLY),
        (Market.COINM, -4087, "Invalid pair.", R.UNKNOWN_INSTRUMENT),
        (Market.COINM, -4089, "User can only place reduce only order.", R.REDUCE_ONLY),
        (Market.USDM, -5021, "Due to the order could not be filled immediately", R.NO_LIQUIDITY),
        (Market.USDM, -5022, "Due to the order could not be executed as maker", R.POST_ONLY_WOULD_TAKE),
        (Market.USDM, -9999, "something new", R.OTHER),
    ],
)
def test_a_refusal_has_our_reason_and_the_venues_words(market, code, text, reason):
    private, request = submitted(market)
    told = private.on_frame(refusal(request, code, text), NOW_NS)
    (rejected,) = [each for each in told if not isinstance(each, ClockRefused)]
    assert (rejected.reason, rejected.ts_event) == (reason, NOW_NS)
    assert isinstance(rejected, OrderRejected)
    assert str(code) in rejected.text
    assert text in rejected.text


def test_the_two_futures_markets_keep_their_different_meanings_apart():
    assert reason_of(Market.SPOT, -2022, "Order cancel-replace failed.") is R.OTHER
    assert {R.REDUCE_ONLY} <= set(REASONS[Market.COINM].values())
    assert -4087 not in REASONS[Market.SPOT]


def test_an_order_with_the_status_rejected_is_rejected():
    private, request = submitted()
    (rejected,) = private.on_frame(answer(request, order_body(status="REJECTED")), NOW_NS)
    assert (type(rejected), rejected.reason) == (OrderRejected, R.OTHER)


def test_a_status_that_is_not_documented_is_said_to_be_unknown():
    private, request = submitted()
    told = private.on_frame(answer(request, order_body(status="SUSPENDED")), NOW_NS)
    assert told[-1] == Aside(AsideKind.UNKNOWN_VALUE, NAME, "order status SUSPENDED")


# --- what is not known --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("request_of", [order, cancel], ids=["order", "cancel"])
@pytest.mark.parametrize(("status", "code"), [(400, -1006), (400, -1007), (400, -1000), (503, 0), (500, -1), (408, 0)])
def test_an_outcome_that_is_not_known_is_never_taken_for_a_refusal(request_of, status, code):
    private = connected()
    (request,) = private.on_request(request_of(Market.USDM), NOW_NS)
    unknown, report = private.on_frame(refusal(request, code, "timeout", status), NOW_NS)
    assert (type(unknown), unknown.key) == (OutcomeUnknown, request.key)
    assert (type(report), report.client_order_id) == (OrderUnknown, NAME)


def test_a_throttled_order_was_certainly_not_passed_on():
    private, request = submitted()
    (rejected,) = private.on_frame(refusal(request, -1008, "Request throttled", 503), NOW_NS)
    assert isinstance(rejected, OrderRejected)


@pytest.mark.parametrize("status", [0, 502, 504])
def test_a_rest_call_that_times_out_or_fails_inside_has_an_unknown_outcome(status):
    private = side()
    (request,) = private.on_request(order(), NOW_NS)
    told = private.on_response(response(request, b"<html>bad gateway</html>", status), NOW_NS)
    assert [type(each) for each in told] == [OutcomeUnknown, OrderUnknown]


def test_an_answer_that_cannot_be_read_leaves_the_outcome_unknown():
    private, request = submitted()
    for body in ({"orderId": "eleven"}, {**order_body(), "price": "NaN", "status": "FILLED", "executedQty": "NaN"}):
        told = private.on_frame(answer(request, body), NOW_NS)
        assert [type(each) for each in told] == [OutcomeUnknown, OrderUnknown]
        (request,) = private.on_request(cancel(), NOW_NS)


def test_what_was_asked_over_a_connection_that_broke_is_not_known_and_rest_takes_over():
    private, request = submitted()
    assert [type(each) for each in private.on_stream_lost(NOW_NS)] == [OutcomeUnknown, OrderUnknown]
    (late,) = private.on_frame(answer(request, order_body()), NOW_NS)
    assert late.kind is AsideKind.UNKNOWN_ANSWER
    (by_rest,) = private.on_request(cancel(), NOW_NS)
    assert by_rest.path == "/fapi/v1/order"


def test_a_request_that_is_not_answered_in_time_is_not_known_once():
    private, request = submitted()
    assert [type(each) for each in private.on_timeout(request.key, NOW_NS)] == [OutcomeUnknown, OrderUnknown]
    assert private.on_timeout(request.key, NOW_NS) == []


# --- limits -------------------------------------------------------------------------------------------------------


def test_every_answer_says_how_much_of_the_limits_is_used():
    private, request = submitted()
    limits = [
        {"rateLimitType": "ORDERS", "interval": "SECOND", "intervalNum": 10, "limit": 300, "count": 12},
        {"rateLimitType": "REQUEST_WEIGHT", "interval": "MINUTE", "intervalNum": 1, "limit": 2400, "count": 321},
        {"rateLimitType": "NEW_KIND", "interval": "WEEK", "intervalNum": 2, "limit": 1, "count": 1},
    ]
    told = private.on_frame(answer(request, order_body(), limits=limits), NOW_NS)
    assert told[:3] == [
        LimitUsed("orders-10s", 12.0),
        LimitUsed("request-weight-1m", 321.0),
        LimitUsed("new-kind-2-week", 1.0),
    ]


def test_rest_says_the_same_in_its_headers_by_the_same_names():
    headers = {"x-mbx-used-weight-1m": "321", "x-mbx-order-count-10s": "12", "date": "today"}
    found = read_response(RestResponse(key="place-1", status=200, body=b"{}", headers=headers))
    assert found.limits == (LimitUsed("request-weight-1m", 321.0), LimitUsed("orders-10s", 12.0))


def test_a_ban_says_how_long_by_the_venues_own_clock():
    private, request = submitted()
    data = {"serverTime": 1659142907531, "retryAfter": 1659146400000}
    banned, rejected = private.on_frame(refusal(request, -1003, "Way too much", 418, data=data), NOW_NS)
    assert banned == Banned(3_492_469, "Way too much")  # 1659146400000 - 1659142907531
    assert isinstance(rejected, OrderRejected)  # it was not listened to, so it was not done


def test_a_ban_is_found_in_the_words_too_and_has_a_length_where_none_is_said():
    text = "Way too many requests; IP banned until 1659146400000."
    frame = {"id": "x", "status": 418, "error": {"code": -1003, "msg": text, "data": {"serverTime": 1659146390000}}}
    assert read_frame(json.dumps(frame).encode()).banned == Banned(10_000, text)
    frame["error"] = {"code": -1003, "msg": "", "data": "odd"}
    assert read_frame(json.dumps(frame).encode()).banned == Banned(60_000, "status 418")


def test_rest_bans_by_a_header_in_seconds():
    found = read_response(
        RestResponse(key="k", status=429, body=b'{"code":-1003,"msg":"slow"}', headers={"retry-after": "7"})
    )
    assert found.banned == Banned(7_000, "slow")


def test_a_refused_timestamp_asks_for_the_clock_to_be_measured():
    private, request = submitted()
    told = private.on_frame(refusal(request, -1021, "Timestamp ahead"), NOW_NS)
    assert told[0] == ClockRefused("Timestamp ahead")


# --- frames -------------------------------------------------------------------------------------------------------


def test_a_frame_is_an_answer_an_event_or_neither():
    assert isinstance(read_frame(b'{"id":1,"status":200,"result":{}}'), Answer)
    assert read_frame(b'{"subscriptionId":0,"event":{"e":"x"}}') == UserEvent(b'{"e":"x"}', 0)
    assert read_frame(b'{"hello":1}') is None
    (unknown,) = connected(Market.SPOT).on_frame(b'{"hello":1}', NOW_NS)
    assert unknown.head == '{"hello":1}'


@pytest.mark.parametrize("frame", [b"", b"{", b"[1]", b'{"status":"ok"}', b"[" * 100_000])
def test_a_malformed_frame_says_what_and_where(frame):
    with pytest.raises(MalformedMessage, match="frame of the WebSocket API"):
        read_frame(frame)


def test_an_answer_to_nothing_that_was_asked_is_said_to_be_that():
    (aside,) = connected().on_frame(b'{"id":null,"status":401,"error":{"code":-2015,"msg":"revoked"}}', NOW_NS)
    assert (aside.kind, aside.text) == (AsideKind.UNKNOWN_ANSWER, "status 401 revoked")


def test_a_fill_in_an_answer_and_again_in_an_event_is_one_fill():
    private, request = submitted(Market.SPOT)
    fills = [{"price": "1", "qty": "0.2", "commission": "0", "commissionAsset": "BNB", "tradeId": 5}]
    body = order_body(Market.SPOT, status="PARTIALLY_FILLED", executedQty="0.2", fills=fills)
    told = private.on_frame(answer(request, body), NOW_NS) + private.on_frame(answer(request, body), NOW_NS)
    assert sum(isinstance(each, Fill) for each in told) == 1
