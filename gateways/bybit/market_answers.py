"""Public REST calls of Bybit V5: the requests, and what their answers say. Pure.

A REST book is an image for a look or a check: it cannot be joined to a book topic (see `book_sync`).

Sources: Bybit V5 API docs, "Market": "Get Bybit Server Time", "Get Instruments Info", "Get Orderbook", "Get Tickers";
"Rate Limit Rules", section "IP Limit"; "Error Codes", section "HTTP Code"; read 2026-11-24.
"""

from typing import Final
from urllib.parse import quote

import msgspec

from gateways.bybit.bodies import Envelope, MalformedBody, decode
from gateways.bybit.directory import Category
from gateways.bybit.frames import NS_PER_MS, Levels, Ms, Ticker
from gateways.bybit.limits import HTTP_IP, IP_BAN_MS, ban, limit_used
from gateways.bybit.ticker_feed import TickerState
from gateways.exchange.sources.source import BookReset
from gateways.native.wire import Banned, LimitUsed, Method, RestRequest, RestResponse
from messages.base import Count, Ns
from messages.market import MarkPrice, Quote

INSTRUMENTS_PER_PAGE: Final = 1_000
INSTRUMENT_PAGES_MAX: Final = 20
"""Twenty thousand symbols of one category; the venue has some hundreds."""
BOOK_LEVELS_MAX: Final = {Category.SPOT: 200, Category.LINEAR: 500, Category.INVERSE: 500}

TOO_MANY_VISITS: Final = 10006
IP_BANNED: Final = 10009
IP_LIMIT_EXCEEDED: Final = 10018
FORBIDDEN: Final = 403
TOO_MANY_REQUESTS: Final = 429


class Refused(Exception):
    """The venue has answered with a code other than 0.

    :ivar code: its `retCode`.
    """

    def __init__(self, what: str, code: int, text: str) -> None:
        super().__init__(f"bybit: {what} was refused with code {code}: {text}")
        self.code = code


def server_time_request(key: str) -> RestRequest:
    return public_get(key, "/v5/market/time", {})


def instruments_request(key: str, category: Category, cursor: str = "") -> RestRequest:
    """One page of what is in trading; the venue leaves out the rest.

    :param cursor: of the page before; it comes percent-encoded and goes back as it came.
    """
    fields = {"category": category.value}
    if category is not Category.SPOT:  # spot comes in one page and takes neither
        fields["limit"] = str(INSTRUMENTS_PER_PAGE)
        if cursor:
            fields["cursor"] = cursor
    return public_get(key, "/v5/market/instruments-info", fields)


def book_request(key: str, category: Category, symbol: str, levels: int) -> RestRequest:
    """:raises ValueError: so many levels a side the venue does not give."""
    if not 1 <= levels <= BOOK_LEVELS_MAX[category]:
        most = BOOK_LEVELS_MAX[category]
        raise ValueError(f"{levels} levels of {symbol}: bybit gives 1 to {most} of {category}")
    return public_get(key, "/v5/market/orderbook", {"category": category.value, "symbol": symbol, "limit": str(levels)})


def tickers_request(key: str, category: Category, symbol: str = "") -> RestRequest:
    """Of one symbol, or of all of a category."""
    fields = {"category": category.value} | ({"symbol": symbol} if symbol else {})
    return public_get(key, "/v5/market/tickers", fields)


def public_get(key: str, path: str, fields: dict[str, str]) -> RestRequest:
    """A call that takes of nothing but the limit of the address."""
    query = "&".join(f"{name}={quote(value, safe='%')}" for name, value in fields.items())
    return RestRequest(key=key, method=Method.GET, path=path, query=query, weight=((HTTP_IP, 1.0),))


def server_time_ns(body: bytes) -> int:
    """The venue's clock, in nanoseconds since the epoch; `result_of` says what it raises."""
    return decode(result_of(body, "server time"), _Time, "server time").timeNano


def book_of(body: bytes, instrument: str, ts_received: int) -> BookReset:
    what = f"book of {instrument}"
    book = decode(result_of(body, what), _Book, what)
    ts_event = (book.ts if book.cts is None else book.cts) * NS_PER_MS
    return BookReset(instrument, book.b, book.a, book.u, ts_event, ts_received)


def tickers_of(body: bytes, instruments: dict[str, str], ts_received: int) -> list[MarkPrice | Quote]:
    """The mark price and the best bid and ask of those that we know, as far as they have them.

    :param instruments: our ids by symbol.
    """
    envelope = envelope_of(body, "tickers")
    ts_event = envelope.time * NS_PER_MS
    told: list[MarkPrice | Quote] = []
    for ticker in decode(envelope.result, _Tickers, "tickers").list:
        if (instrument := instruments.get(ticker.symbol)) is None:
            continue
        state = TickerState()
        try:
            state.merge(ticker)
        except msgspec.ValidationError as error:
            raise MalformedBody(f"ticker of {instrument}: {error}") from error
        events = (state.mark(instrument, ts_event, ts_received), state.quote(instrument, ts_event, ts_received))
        told.extend(event for event in events if event is not None)
    return told


def envelope_of(body: bytes, what: str) -> Envelope:
    """:raises Refused: the venue says no. :raises MalformedBody: it is no answer of V5."""
    envelope = decode(body, Envelope, what)
    if envelope.ret_code:
        raise Refused(what, envelope.ret_code, envelope.ret_msg or "")
    return envelope


def result_of(body: bytes, what: str) -> msgspec.Raw:
    """What an answer is about; raises as `envelope_of` does."""
    return envelope_of(body, what).result


def limits_told(response: RestResponse, limit: str, now_ms: int) -> list[LimitUsed | Banned]:
    """What an answer says of the venue's limits.

    A request too many of one endpoint (10006) uses that limit up, and leaves the other endpoints as they are. Of the
    whole address (403, 10009) nothing is heard for ten minutes. For 10018 and for an overload of the venue (429) it
    gives no time: until the reset that it names, or for a second.

    :param limit: the name of the endpoint's own limit; `http-ip` where it has none.
    """
    code, text = _code_of(response)
    if response.status == FORBIDDEN or code == IP_BANNED:
        hint = "the address is over its limit, or in a country that the venue does not serve"
        return [Banned(IP_BAN_MS, f"{response.status} {code} {text}: {hint}")]
    if code == IP_LIMIT_EXCEEDED or TOO_MANY_REQUESTS in (response.status, code):
        return [ban(response.headers, now_ms, f"{response.status} {code} {text}")]
    if code == TOO_MANY_VISITS:
        amount = response.headers.get("x-bapi-limit", "")
        if limit == HTTP_IP or not amount.isdigit():
            return [ban(response.headers, now_ms, f"{code} {text}")]
        return [LimitUsed(limit, float(amount))]
    return [*limit_used(limit, response.headers)] if limit != HTTP_IP else []


class _Time(msgspec.Struct):
    timeNano: Ns  # noqa: N815  # the venue's own name


class _Book(msgspec.Struct, gc=False):
    b: Levels
    a: Levels
    u: Count
    ts: Ms
    cts: Ms | None = None


class _NamedTicker(Ticker, gc=False, kw_only=True):
    symbol: str


class _Tickers(msgspec.Struct):
    list: list[_NamedTicker]


class _Code(msgspec.Struct, rename="camel"):
    ret_code: int = 0
    ret_msg: str | None = ""


_decode_code: Final = msgspec.json.Decoder(_Code).decode


def _code_of(response: RestResponse) -> tuple[int, str]:
    """The code of a body; 0 of one that is none of the venue's, as a page of the network before it."""
    try:
        told = _decode_code(response.body)
    except (msgspec.MsgspecError, UnicodeDecodeError):
        return 0, ""
    return told.ret_code, told.ret_msg or ""
