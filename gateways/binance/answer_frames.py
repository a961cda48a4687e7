"""What Binance answers, whichever way it was asked: one shape for WebSocket API frames and REST responses. Pure.

Sources, read 2026-11-24: Spot API docs, "WebSocket API": Response format, Status codes, Event format, Rate limits
(How to interpret rate limits, IP limits); "REST API / Limits" (headers `X-MBX-USED-WEIGHT-*`, `X-MBX-ORDER-COUNT-*`,
`Retry-After`); Derivatives docs, USDⓈ-M Futures, "General Info" (HTTP Return Codes, Limits) and "WebSocket API General
Info".
"""

import re
from typing import Annotated, Final, TypeVar

import msgspec

from gateways.binance.limits import limits_said
from gateways.binance.malformed import DECODE_ERRORS, MalformedMessage, malformed
from gateways.native.wire import Banned, LimitUsed, RestResponse
from messages.base import Count

BAN_MS_DEFAULT: Final = 60_000
"""Where a ban does not say how long: the window of the request weight."""
TEXT_MAX: Final = 400
"""Characters of the venue's words that are kept."""

STATUS_NONE: Final = 0
STATUS_OK: Final = 200
_BANNED: Final = (418, 429)

_LETTER: Final = {"SECOND": "s", "MINUTE": "m", "HOUR": "h", "DAY": "d"}
_LIMIT: Final = {
    "REQUEST_WEIGHT": "request-weight",
    "ORDERS": "orders",
    "RAW_REQUESTS": "raw-requests",
    "CONNECTIONS": "connections",
}
_UNTIL: Final = re.compile(r"until (\d{13})")

_NOTHING: Final = msgspec.Raw()

BodyT = TypeVar("BodyT")


class Answer(msgspec.Struct, frozen=True, kw_only=True):
    """:param key: of the request; "" where the venue does not say whose answer it is.

    :param status: as in HTTP; 0: nothing came back. :param code: of the venue's error; 0 where there is none.
    :param result: what was asked for, as JSON; "" where it was refused.
    :param data: what the error says besides.
    """

    key: str
    status: int
    code: int = 0
    text: str = ""
    result: bytes = b""
    data: bytes = b""
    limits: tuple[LimitUsed, ...] = ()
    banned: Banned | None = None

    @property
    def is_ok(self) -> bool:
        return self.status == STATUS_OK


class UserEvent(msgspec.Struct, frozen=True):
    """An event of the user's account, as JSON. :param subscription: on the WebSocket API of spot; None elsewhere."""

    body: bytes
    subscription: int | None = None


class _RateLimit(msgspec.Struct, gc=False, rename="camel"):
    rate_limit_type: str
    interval: str
    interval_num: Count
    count: Annotated[int, msgspec.Meta(ge=0)] = 0


class _RetryData(msgspec.Struct, gc=False, rename="camel"):
    server_time: Count = 0
    retry_after: Count = 0


class _Error(msgspec.Struct, gc=False):
    code: int = 0
    msg: str = ""
    data: msgspec.Raw = _NOTHING


class _Frame(msgspec.Struct, gc=False, rename="camel"):
    id: str | int | None = None
    status: int | None = None
    result: msgspec.Raw = _NOTHING
    error: _Error | None = None
    rate_limits: list[_RateLimit] = []
    event: msgspec.Raw = _NOTHING
    subscription_id: int | None = None


_decode_frame = msgspec.json.Decoder(_Frame).decode
_decode_error = msgspec.json.Decoder(_Error).decode
_decode_retry = msgspec.json.Decoder(_RetryData, strict=False).decode


def read_frame(frame: bytes) -> Answer | UserEvent | None:
    """One frame of the WebSocket API; None where it is neither an answer nor an event.

    :raises MalformedMessage: it is not JSON of that shape.
    """
    try:
        found = _decode_frame(frame)
    except DECODE_ERRORS as error:
        raise malformed("frame of the WebSocket API", frame, error) from error
    if event := raw_bytes(found.event):
        return UserEvent(event, found.subscription_id)
    if found.status is None:
        return None
    return _answer(
        key="" if found.id is None else str(found.id),
        status=found.status,
        error=found.error or _Error(),
        result=b"" if found.error is not None else raw_bytes(found.result),
        limits=tuple(map(_limit, found.rate_limits)),
    )


def read_response(response: RestResponse) -> Answer:
    """What came back of a REST request. A body that is not the venue's own (a proxy's page) tells its status only."""
    said = limits_said(response)
    limits = tuple(each for each in said if isinstance(each, LimitUsed))
    if response.status == STATUS_OK:
        return Answer(key=response.key, status=STATUS_OK, result=response.body, limits=limits)
    try:
        error = _decode_error(response.body)
    except DECODE_ERRORS:
        error = _Error(msg=response.body[:TEXT_MAX].decode("utf-8", "replace"))
    banned = [each for each in said if isinstance(each, Banned) and "retry-after" in response.headers]
    wait_ms = banned[0].retry_after_ms if banned else 0
    return _answer(key=response.key, status=response.status, error=error, result=b"", limits=limits, wait_ms=wait_ms)


def body_of(answer: Answer, decoder: "msgspec.json.Decoder[BodyT]", what: str, *, is_secret: bool = False) -> BodyT:
    """The result of an answer, typed.

    :param is_secret: nothing of it is shown, whatever is wrong with it.
    :raises MalformedMessage: it is not what it should be.
    """
    try:
        return decoder.decode(answer.result)
    except DECODE_ERRORS as error:
        where = f"{what} in the answer to {answer.key}"
        if is_secret:
            raise MalformedMessage(f"{where} of {len(answer.result)} bytes is malformed") from None
        raise malformed(where, answer.result, error) from error


def raw_bytes(raw: msgspec.Raw) -> bytes:
    """What a member holds, as JSON; empty where it is not there, or null."""
    content = bytes(raw)
    return b"" if content == b"null" else content


def _answer(
    *, key: str, status: int, error: _Error, result: bytes, limits: tuple[LimitUsed, ...], wait_ms: int = 0
) -> Answer:
    data = raw_bytes(error.data)
    text = error.msg[:TEXT_MAX]
    banned = None
    if status in _BANNED:
        banned = Banned(wait_ms or _wait_ms(data, text), text or f"status {status}")
    return Answer(
        key=key, status=status, code=error.code, text=text, result=result, data=data, limits=limits, banned=banned
    )


def _wait_ms(data: bytes, text: str) -> int:
    """How long a ban lasts, by the venue's own clock."""
    retry = _RetryData()
    if data:
        try:
            retry = _decode_retry(data)
        except DECODE_ERRORS:
            retry = _RetryData()
    until = _UNTIL.search(text)
    ends_ms = retry.retry_after or (int(until.group(1)) if until else 0)
    if not (retry.server_time and ends_ms):
        return BAN_MS_DEFAULT
    return max(ends_ms - retry.server_time, 0)


def _limit(limit: _RateLimit) -> LimitUsed:
    """An unknown kind keeps its own name, in our spelling."""
    kind = _LIMIT.get(limit.rate_limit_type, limit.rate_limit_type.lower().replace("_", "-"))
    letter = _LETTER.get(limit.interval, f"-{limit.interval.lower()}")
    return LimitUsed(f"{kind}-{limit.interval_num}{letter}", float(limit.count))
