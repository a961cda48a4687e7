import pytest

from gateways.binance.limits import RateLimit, VenueLimit, limits_said, venue_limit
from gateways.native.wire import Banned, LimitUsed, RestResponse


def response(status: int = 200, body: bytes = b"{}", **headers: str) -> RestResponse:
    return RestResponse(
        key="k", status=status, body=body, headers={name.replace("_", "-"): text for name, text in headers.items()}
    )


def test_the_headers_say_what_is_used_by_the_names_that_requests_take_from():
    headers = {"x_mbx_used_weight_1m": "12", "x_mbx_order_count_10s": "3", "x_mbx_order_count_1d": "4000", "date": "x"}
    expected = [LimitUsed("request-weight-1m", 12.0), LimitUsed("orders-10s", 3.0), LimitUsed("orders-1d", 4000.0)]
    assert expected == list(limits_said(response(**headers)))


@pytest.mark.parametrize(
    "headers",
    [{"x_mbx_used_weight": "12"}, {"x_mbx_used_weight_1m": "many"}, {"x_mbx_used_weight_1m": ""}, {"x_mbx_uuid": "1"}],
)
def test_headers_that_say_nothing_of_a_limit_are_passed_over(headers):
    assert [] == list(limits_said(response(**headers)))


@pytest.mark.parametrize(
    ("status", "retry_after", "expected_ms"),
    [
        (429, "7", 7_000),
        (418, "86400", 86_400_000),
        (418, "999999999", 259_200_000),  # three days are the longest
        (429, "", 60_000),
        (418, "", 120_000),
        (429, "0", 60_000),
        (429, "Wed, 21 Oct 2026 07:28:00 GMT", 60_000),
    ],
)
def test_a_refusal_for_too_many_requests_says_how_long_to_be_silent(status, retry_after, expected_ms):
    body = b'{"code":-1003,"msg":"Too much request weight used"}'
    said = limits_said(response(status, body, retry_after=retry_after, x_mbx_used_weight_1m="6001"))
    assert [LimitUsed("request-weight-1m", 6001.0), Banned(expected_ms, body.decode())] == list(said)


def test_other_statuses_ban_nothing():
    assert [] == list(limits_said(response(503, retry_after="5")))
    assert [] == list(limits_said(response(0)))


@pytest.mark.parametrize(
    ("limit", "expected"),
    [
        (RateLimit("REQUEST_WEIGHT", "MINUTE", 1, 6000), VenueLimit("request-weight-1m", 6000.0, 60_000)),
        (RateLimit("ORDERS", "SECOND", 10, 100), VenueLimit("orders-10s", 100.0, 10_000)),
        (RateLimit("ORDERS", "DAY", 1, 200_000), VenueLimit("orders-1d", 200_000.0, 86_400_000)),
        (RateLimit("CONNECTIONS", "MINUTE", 5, 300), None),
        (RateLimit("ORDERS", "FORTNIGHT", 1, 1), None),
    ],
)
def test_a_limit_is_named_by_what_it_counts_and_its_interval(limit, expected):
    assert expected == venue_limit(limit)
