import json

import pytest

from gateways.bybit.answers import Acknowledged
from gateways.bybit.asides import Answer, Aside, AsideKind
from gateways.bybit.bodies import MalformedBody
from gateways.bybit.ret_codes import Verdict, reason_of, verdict_of
from gateways.native.wire import Banned, LimitUsed, OutcomeUnknown, RestResponse
from messages.orders import AmendRejected, CancelRejected, OrderRejected, RejectReason
from tests.gateways.bybit.private_account import NOW_MS, NOW_NS, PERP, Account, amend, cancel, response, submit

LIMITS = {"X-Bapi-Limit": "10", "X-Bapi-Limit-Status": "7", "X-Bapi-Limit-Reset-Timestamp": str(NOW_MS + 250)}


def answer(code: int = 0, text: str = "OK", key: str = "s1-1", op: str = "order.create", **fields) -> bytes:
    return json.dumps({"reqId": key, "retCode": code, "retMsg": text, "op": op, "connId": "c", **fields}).encode()


def sent(command) -> Account:
    account = Account()
    account.entry.by_stream(command, NOW_MS)
    return account


def test_an_acknowledgement_reports_nothing_of_the_order_but_its_names():
    account = sent(submit())
    data = {"orderId": "v-1", "orderLinkId": "c-s-e1-1"}

    told = account.answers.on_frame(answer(data=data, header=LIMITS), NOW_MS)

    assert told == [Acknowledged("s1-1", "c-s-e1-1", "v-1"), LimitUsed("create-contract", 3.0)]  # 10 - 7 are used
    assert account.index.find("", "v-1") is account.index.find("c-s-e1-1")


def test_an_acknowledgement_without_readable_names_is_one_all_the_same():
    assert sent(submit()).answers.on_frame(answer(data=[1]), NOW_MS) == [Acknowledged("s1-1", "c-s-e1-1", "")]


@pytest.mark.parametrize(
    ("code", "reason"),
    [
        (10001, RejectReason.OTHER),
        (10029, RejectReason.UNKNOWN_INSTRUMENT),
        (110003, RejectReason.INVALID_PRICE),
        (110007, RejectReason.INSUFFICIENT_BALANCE),
        (110017, RejectReason.REDUCE_ONLY),
        (110072, RejectReason.DUPLICATE_ID),
        (110094, RejectReason.MIN_NOTIONAL),
        (110074, RejectReason.EXPIRED_INSTRUMENT),
        (170131, RejectReason.INSUFFICIENT_BALANCE),
        (170136, RejectReason.INVALID_QUANTITY),
        (170140, RejectReason.MIN_NOTIONAL),
        (170143, RejectReason.NO_LIQUIDITY),
        (170999, RejectReason.OTHER),
    ],
)
def test_a_refusal_has_its_reason_and_the_venues_words(code, reason):
    told = sent(submit()).answers.on_frame(answer(code, "no"), NOW_MS)

    assert told == [OrderRejected("c-s-e1-1", "s", PERP, reason, f"{code}: no", NOW_NS)]


@pytest.mark.parametrize("code", [10000, 10016, 10014, 40004, 170007, 170032, 170146, 3400214, 987654])
def test_a_failure_of_the_venue_leaves_the_order_unknown_as_does_a_code_that_is_not_documented(code):
    told = sent(submit()).answers.on_frame(answer(code, "hm"), NOW_MS)

    assert told == [OutcomeUnknown("s1-1", f"{code}: hm")]


def test_a_cancel_that_is_too_late_is_rejected_for_an_unknown_order():
    told = sent(cancel()).answers.on_frame(answer(110001, "gone", op="order.cancel"), NOW_MS)

    assert told == [CancelRejected("c-s-e1-1", "s", PERP, RejectReason.UNKNOWN_ORDER, "110001: gone", NOW_NS)]


def test_a_cancel_of_a_known_order_that_is_refused_is_waited_for_no_more():
    account = sent(submit())
    account.entry.by_stream(cancel(), NOW_MS)

    told = account.answers.on_frame(answer(110079, "busy", key="s1-2", op="order.cancel"), NOW_MS)

    assert told == [CancelRejected("c-s-e1-1", "s", PERP, RejectReason.OTHER, "110079: busy", NOW_NS)]
    assert not account.index.find("c-s-e1-1").is_cancelling


def test_a_refused_amendment_leaves_the_order_as_it_was():
    account = Account()
    account.entry.by_stream(submit(), NOW_MS)
    account.entry.by_stream(amend("0.020", "30000"), NOW_MS)

    told = account.answers.on_frame(answer(110064, "filled", key="s1-2", op="order.amend"), NOW_MS)

    reason = RejectReason.INVALID_QUANTITY
    assert told == [AmendRejected("c-s-e1-1", "s", PERP, reason, "110064: filled", NOW_NS)]


def test_an_amendment_of_an_order_that_is_not_known_is_refused_as_well():
    told = sent(amend("1", "2")).answers.on_frame(answer(110001, "gone", op="order.amend"), NOW_MS)

    assert told == [AmendRejected("c-s-e1-1", "s", PERP, RejectReason.UNKNOWN_ORDER, "110001: gone", NOW_NS)]


def test_too_many_requests_refuse_the_order_and_wait_until_the_limit_resets():
    told = sent(submit()).answers.on_frame(answer(10006, "Too many visits!", header=LIMITS), NOW_MS)

    text = "10006: Too many visits!"
    assert told == [
        OrderRejected("c-s-e1-1", "s", PERP, RejectReason.OTHER, text, NOW_NS),
        LimitUsed("create-contract", 3.0),
        Banned(250, text),
    ]


def test_a_reset_that_is_past_waits_for_one_window():
    told = sent(submit()).answers.on_frame(answer(10429, "busy"), NOW_MS)

    assert told[-1] == Banned(1_000, "10429: busy")


def test_an_address_that_is_banned_hears_nothing_for_ten_minutes():
    told = sent(submit()).answers.on_frame(answer(10009, "IP banned"), NOW_MS)

    assert told[-1] == Banned(600_000, "10009: IP banned")


def test_an_answer_to_no_request_that_waits_is_told_and_means_nothing():
    account = sent(submit())
    account.entry.give_up("s1-1")

    (told,) = account.answers.on_frame(answer(), NOW_MS)
    (by_rest,) = account.answers.on_response(response("s1-1"), NOW_MS)

    assert isinstance(told, Aside)
    assert told.kind is by_rest.kind is AsideKind.FOREIGN_ORDER


@pytest.mark.parametrize(("code", "is_ok"), [(0, True), (10004, False)])
def test_a_login_is_answered(code, is_ok):
    frame = json.dumps({"retCode": code, "retMsg": "OK", "op": "auth"}).encode()

    assert Account().answers.on_frame(frame, NOW_MS) == [Answer(op="auth", is_ok=is_ok, text="OK")]


def test_a_frame_that_is_none_says_what_and_where():
    with pytest.raises(MalformedBody, match=r"trade answer cannot be decoded.*\{oops"):
        Account().answers.on_frame(b"{oops", NOW_MS)


def by_rest(command) -> Account:
    account = Account()
    account.entry.by_rest(command, NOW_MS)
    return account


def test_a_response_by_rest_says_the_same():
    told = by_rest(submit()).answers.on_response(
        response("s1-1", {"orderId": "v-1"}, x_bapi_limit="10", x_bapi_limit_status="9"), NOW_MS
    )

    assert told == [Acknowledged("s1-1", "c-s-e1-1", "v-1"), LimitUsed("create-contract", 1.0)]


@pytest.mark.parametrize("status", [0, 500, 502, 504])
def test_a_response_that_did_not_come_leaves_the_order_unknown(status):
    told = by_rest(submit()).answers.on_response(RestResponse(key="s1-1", status=status), NOW_MS)

    assert told == [OutcomeUnknown("s1-1", f"HTTP status {status}")]


def test_a_response_that_cannot_be_read_leaves_the_order_unknown():
    told = by_rest(submit()).answers.on_response(RestResponse(key="s1-1", status=200, body=b"<html>"), NOW_MS)

    assert isinstance(told[0], OutcomeUnknown)


@pytest.mark.parametrize(("status", "wait_ms"), [(403, 600_000), (429, 1_000)])
def test_http_itself_may_shut_us_out(status, wait_ms):
    told = by_rest(submit()).answers.on_response(RestResponse(key="s1-1", status=status), NOW_MS)

    assert isinstance(told[0], OrderRejected)
    assert told[1] == Banned(wait_ms, f"HTTP status {status}: access too frequent")


def test_a_repetition_that_is_refused_does_not_end_the_order_of_that_id():
    account = sent(submit())

    account.answers.on_frame(answer(110072, "duplicate"), NOW_MS)

    assert not account.index.find("c-s-e1-1").is_ended


def test_no_code_is_both_unknown_and_refused():
    assert verdict_of(0) is Verdict.DONE
    assert verdict_of(170001) is Verdict.UNKNOWN
    assert verdict_of(110001) is Verdict.REFUSED
    assert reason_of(0) is RejectReason.OTHER
