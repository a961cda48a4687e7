"""Logging on, listen keys, the dead-man's switch, and what waits for an answer."""

from gateways.binance.market import Market
from gateways.binance.pending_requests import PENDING_MAX
from gateways.binance.private_asides import Aside, AsideKind, LoggedOn, Subscribed
from gateways.native.wire import OutcomeUnknown, RestRequest, StreamRequest
from messages.orders import Fill, OrderUnknown
from tests.gateways.binance.private_account import (
    MS,
    NOW_MS,
    NOW_NS,
    answer,
    cancel,
    connected,
    ed25519_credentials,
    execution,
    instrument,
    method_of,
    order,
    query_of,
    refusal,
    reply,
    response,
    side,
)

# --- connections --------------------------------------------------------------------------------------------------


def test_an_ed25519_key_logs_on_and_then_subscribes_without_signatures():
    private = side(Market.SPOT, ed25519_credentials())
    (logon,) = private.on_stream_up(NOW_NS)
    assert not private.is_stream_up  # orders go by REST until the venue knows us
    logged_on, subscribe = private.on_frame(answer(logon, {"apiKey": "the-key"}), NOW_NS)
    assert (logged_on, method_of(subscribe)) == (LoggedOn(), "userDataStream.subscribe")
    assert private.on_frame(answer(subscribe, {"subscriptionId": 0}), NOW_NS) == [Subscribed()]
    (placed,) = private.on_request(order(Market.SPOT), NOW_NS)
    assert b"signature" not in placed.frame


def test_a_revoked_session_signs_its_requests_again():
    private = side(Market.USDM, ed25519_credentials())
    (logon,) = private.on_stream_up(NOW_NS)
    private.on_frame(answer(logon, {}), NOW_NS)
    private.on_frame(b'{"id":null,"status":401,"error":{"code":-2015,"msg":"revoked"}}', NOW_NS)
    (placed,) = private.on_request(order(), NOW_NS)
    assert b"signature" in placed.frame


def test_a_refused_log_on_is_told_and_rest_goes_on():
    private = side(Market.USDM, ed25519_credentials())
    (logon,) = private.on_stream_up(NOW_NS)
    (aside,) = private.on_frame(refusal(logon, -2015, "Invalid API-key"), NOW_NS)
    assert (aside.kind, aside.subject) == (AsideKind.REFUSED, "log-on")
    assert isinstance(private.on_request(order(), NOW_NS)[0], RestRequest)
    (logon,) = private.on_stream_up(NOW_NS)
    (unknown,) = private.on_frame(refusal(logon, 0, "", 500), NOW_NS)
    assert isinstance(unknown, OutcomeUnknown)


def test_listen_keys_and_the_dead_mans_switch_are_kept_up():
    private = connected(Market.USDM)
    (keep,) = private.keep_listen_key(NOW_NS)
    assert reply(private, keep, {}) == []
    (countdown,) = private.countdown(instrument(Market.USDM), 60_000, NOW_NS)
    assert reply(private, countdown, {"symbol": "BTCUSDT", "countdownTime": "60000"}) == []
    (keep,) = private.keep_listen_key(NOW_NS)
    (aside,) = private.on_response(
        response(keep, {"code": -1125, "msg": "This listenKey does not exist."}, 400), NOW_NS
    )
    assert aside == Aside(AsideKind.REFUSED, "listen-key-keep", "status 400 code -1125: This listenKey does not exist.")


def test_a_malformed_listen_key_is_not_shown():
    private = connected(Market.USDM)
    (opened,) = private.open_listen_key(NOW_NS)
    (unknown,) = private.on_response(response(opened, b'{"listenKey": "s3cret'), NOW_NS)
    assert isinstance(unknown, OutcomeUnknown)
    assert "s3cret" not in unknown.text


def test_the_clock_offset_moves_every_timestamp():
    private = side()
    private.clock_offset_ns = -2_000 * MS
    (request,) = private.on_request(order(), NOW_NS)
    assert query_of(request)["timestamp"] == str(NOW_MS - 2_000)


def test_too_many_unanswered_requests_give_up_the_oldest():
    private = connected()
    for _ in range(PENDING_MAX):
        private.on_request(cancel(), NOW_NS)
    unknown, report, request = private.on_request(cancel(), NOW_NS)
    assert [type(each) for each in (unknown, report, request)] == [OutcomeUnknown, OrderUnknown, StreamRequest]


def test_a_fill_reaches_us_through_the_whole_private_side():
    private = connected(Market.SPOT)
    private.on_request(order(Market.SPOT), NOW_NS)
    told = private.on_frame(execution("0.2", "0.2", 5, Market.SPOT), NOW_NS)
    assert [type(each) for each in told] == [Fill]
