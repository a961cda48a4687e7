import json

import pytest

from gateways.bybit.bodies import MalformedBody
from gateways.bybit.directory import Category
from gateways.bybit.limits import HTTP_IP
from gateways.bybit.market_answers import (
    Refused,
    book_of,
    book_request,
    instruments_request,
    limits_told,
    server_time_ns,
    server_time_request,
    tickers_of,
    tickers_request,
)
from gateways.exchange.sources.source import BookReset
from gateways.native.wire import Banned, LimitUsed, Method, RestResponse
from messages.market import MarkPrice, Quote
from tests.gateways.bybit.public_frames import ID, TICKER, fixture_body

MS = 1_000_000
TEN_MINUTES_MS = 600_000


def answer(result: object, code: int = 0, text: str = "OK") -> bytes:
    return json.dumps({"retCode": code, "retMsg": text, "result": result, "time": 1672376496682}).encode()


def told(status: int = 200, body: bytes = b"{}", limit: str = "realtime", headers: dict[str, str] | None = None):
    return limits_told(RestResponse(key="k", status=status, body=body, headers=headers or {}), limit, now_ms=1_000)


def test_requests_are_public_and_count_against_the_address():
    request = book_request("k", Category.SPOT, "BTCUSDT", 200)

    assert (Method.GET, "/v5/market/orderbook") == (request.method, request.path)
    assert "category=spot&symbol=BTCUSDT&limit=200" == request.query
    assert ((HTTP_IP, 1.0),) == request.weight
    assert not request.is_private
    assert () == request.headers


def test_a_book_deeper_than_the_venue_gives_is_refused():
    with pytest.raises(ValueError, match="201 levels of BTCUSDT: bybit gives 1 to 200 of spot"):
        book_request("k", Category.SPOT, "BTCUSDT", 201)


def test_the_cursor_goes_back_as_it_came():
    request = instruments_request("k", Category.LINEAR, "first%3DBIOUSDT%26last%3DBIOUSDT")

    assert "category=linear&limit=1000&cursor=first%3DBIOUSDT%26last%3DBIOUSDT" == request.query


def test_a_cursor_cannot_bring_in_another_field():
    assert "cursor=a%26category%3Dspot" in instruments_request("k", Category.LINEAR, "a&category=spot").query


def test_spot_is_asked_for_in_one_page():
    assert "category=spot" == instruments_request("k", Category.SPOT).query
    assert "category=inverse&limit=1000" == instruments_request("k", Category.INVERSE).query


def test_tickers_are_asked_for_one_by_one_or_all_at_once():
    assert "category=linear" == tickers_request("k", Category.LINEAR).query
    assert "category=linear&symbol=BTCUSDT" == tickers_request("k", Category.LINEAR, "BTCUSDT").query


def test_the_servers_time_is_to_the_nanosecond():
    request = server_time_request("k")

    assert ("/v5/market/time", "") == (request.path, request.query)
    body = answer({"timeSecond": "1688639403", "timeNano": "1688639403423213947"})
    assert 1688639403423213947 == server_time_ns(body)


def test_the_published_book_is_read_whole():
    book = book_of(fixture_body("http_get_orderbook.json"), ID, 5)

    assert (
        BookReset(
            ID,
            [(27450.5, 1.5), (27450.0, 2.0), (27449.5, 0.75)],
            [(27451.0, 1.2), (27451.5, 3.0), (27452.0, 0.5)],
            1234567,
            1709891679000 * MS,
            5,
        )
        == book
    )


def test_a_book_without_the_engines_time_has_the_systems():
    book = book_of(answer({"s": "BTCUSDT", "b": [], "a": [], "ts": 7, "u": 3}), ID, 5)

    assert 7 * MS == book.ts_event


def test_tickers_tell_mark_prices_and_quotes_of_what_we_know():
    body = answer({"category": "linear", "list": [{"symbol": "BTCUSDT"} | TICKER, {"symbol": "ETHUSDT"} | TICKER]})

    mark, quote = tickers_of(body, {"BTCUSDT": ID}, 5)

    event_ns = 1672376496682 * MS
    assert MarkPrice(ID, 17217.33, 17227.36, -0.000212, 1673280000000 * MS, event_ns, 5) == mark
    assert Quote(ID, 17215.5, 84.489, 17216.0, 83.02, event_ns, 5) == quote


def test_a_spot_ticker_tells_a_quote_only():
    line = {"symbol": "BTCUSDT", "bid1Price": "1", "bid1Size": "2", "ask1Price": "3", "ask1Size": "4"}

    (quote,) = tickers_of(answer({"category": "spot", "list": [line]}), {"BTCUSDT": ID}, 5)

    assert isinstance(quote, Quote)


def test_a_malformed_ticker_is_named():
    body = answer({"list": [{"symbol": "BTCUSDT", "markPrice": "nan"}]})

    with pytest.raises(MalformedBody, match=f"ticker of {ID}"):
        tickers_of(body, {"BTCUSDT": ID}, 5)


def test_a_refusal_names_its_code():
    with pytest.raises(Refused, match=r"book of BTCUSDT.bybit was refused with code 10001: bad symbol") as refused:
        book_of(answer({}, 10001, "bad symbol"), ID, 5)
    assert 10001 == refused.value.code


@pytest.mark.parametrize(
    "body", [b"", b"<html>", b'{"ret_code":0}', answer({"b": [["1", "-1"]], "a": [], "u": 1, "ts": 1})]
)
def test_an_answer_that_is_none_is_malformed(body: bytes):
    with pytest.raises(MalformedBody, match=r"BTCUSDT.bybit cannot be decoded"):
        book_of(body, ID, 5)


def test_what_is_used_of_a_limit_is_what_is_not_left():
    headers = {"x-bapi-limit": "50", "x-bapi-limit-status": "48"}

    assert [LimitUsed("realtime", 2.0)] == told(headers=headers)
    assert [] == told(headers=headers, limit=HTTP_IP)  # they speak of the endpoint, not of the address


def test_without_headers_nothing_is_told():
    assert [] == told()
    assert [] == told(status=0, body=b"")


def test_too_many_visits_use_up_the_limit_of_that_endpoint_only():
    headers = {"x-bapi-limit": "50", "x-bapi-limit-status": "0", "x-bapi-limit-reset-timestamp": "1400"}

    assert [LimitUsed("realtime", 50.0)] == told(body=answer({}, 10006, "Too many visits!"), headers=headers)


def test_too_many_visits_of_who_knows_what_limit_are_a_pause():
    headers = {"x-bapi-limit": "50", "x-bapi-limit-reset-timestamp": "1400"}
    body = answer({}, 10006, "Too many visits!")

    assert [Banned(400, "10006 Too many visits!")] == told(body=body, headers=headers, limit=HTTP_IP)
    assert [Banned(1_000, "10006 Too many visits!")] == told(body=body)


def test_an_address_over_its_limit_pauses_until_the_reset():
    headers = {"x-bapi-limit-reset-timestamp": "3500"}
    body = answer({}, 10018, "Exceeded the IP Rate Limit.")

    assert [Banned(2_500, "200 10018 Exceeded the IP Rate Limit.")] == told(body=body, headers=headers)


def test_an_overload_of_the_venue_is_a_pause():
    assert [Banned(1_000, "429 0 ")] == told(status=429, body=b"")
    assert [Banned(1_000, "200 429 busy")] == told(body=answer({}, 429, "busy"))


@pytest.mark.parametrize(
    ("status", "body"), [(403, b"<html>403 Forbidden"), (200, answer({}, 10009, "IP has been banned"))]
)
def test_a_banned_address_is_silent_for_ten_minutes(status: int, body: bytes):
    (banned,) = told(status=status, body=body)

    assert TEN_MINUTES_MS == banned.retry_after_ms
    assert "the address is over its limit, or in a country that the venue does not serve" in banned.text
