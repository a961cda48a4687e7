"""Binance's rate limits by name: which there are, how much is used, and when we are told to be silent.

A limit is named by what it counts and over which time, as the requests name what they take: `request-weight-1m`,
`orders-10s`. Its capacity is in the instrument list. What counts by address and what by account is not told apart: a
gateway has one of each.

Sources, read 2026-11-24: Binance Spot API docs, REST API, "LIMITS" (General info on limits, IP limits, Unfilled order
count); Derivatives docs, USDⓈ-M and COIN-M Futures, "General Info" (LIMITS, IP Limits, Order Rate Limits).
"""

import re
from collections.abc import Sequence
from typing import Annotated, Final

import msgspec

from gateways.native.wire import Banned, LimitUsed, RestResponse

STREAM_MESSAGES: Final = "stream-messages-1s"
"""What we send on one market stream connection."""

TOO_MANY_REQUESTS: Final = 429
BANNED_STATUS: Final = 418
RETRY_AFTER_DEFAULT_MS: Final = 60_000
BAN_DEFAULT_MS: Final = 120_000
"""The shortest ban; taken where the venue does not say for how long."""

RETRY_AFTER_MAX_MS: Final = 3 * 24 * 3_600_000
"""The longest ban."""

TEXT_MAX: Final = 400

_HEADER = re.compile(r"x-mbx-(used-weight|order-count)-(\d{1,4}[smhd])")
_USED = re.compile(r"\d{1,9}")
_MS_BY_INTERVAL: Final = {"SECOND": 1_000, "MINUTE": 60_000, "HOUR": 3_600_000, "DAY": 86_400_000}
_NAME_BY_TYPE: Final = {"REQUEST_WEIGHT": "request-weight", "ORDERS": "orders", "RAW_REQUESTS": "raw-requests"}
_NAME_BY_HEADER: Final = {"used-weight": "request-weight", "order-count": "orders"}


class RateLimit(msgspec.Struct, frozen=True, gc=False, rename="camel"):
    """One line of `rateLimits`; its letters are the venue's."""

    rate_limit_type: str
    interval: str
    interval_num: Annotated[int, msgspec.Meta(ge=1, le=10_000)]
    limit: Annotated[int, msgspec.Meta(ge=0, le=1_000_000_000)]


class VenueLimit(msgspec.Struct, frozen=True):
    """A limit and its size: so much may be used in each interval, which starts on the venue's clock."""

    name: str
    capacity: float
    interval_ms: int


def venue_limit(limit: RateLimit) -> VenueLimit | None:
    """None: a kind of limit, or an interval, that we do not know."""
    kind, interval_ms = _NAME_BY_TYPE.get(limit.rate_limit_type), _MS_BY_INTERVAL.get(limit.interval)
    if kind is None or interval_ms is None:
        return None
    name = f"{kind}-{limit.interval_num}{limit.interval[0].lower()}"
    return VenueLimit(name, float(limit.limit), limit.interval_num * interval_ms)


def limits_said(response: RestResponse) -> Sequence[LimitUsed | Banned]:
    """What a response says of our limits, whether it succeeded or not; a ban comes last."""
    said: list[LimitUsed | Banned] = []
    for header, value in response.headers.items():
        if (match := _HEADER.fullmatch(header)) and _USED.fullmatch(value):
            said.append(LimitUsed(f"{_NAME_BY_HEADER[match[1]]}-{match[2]}", float(value)))
    if response.status in (TOO_MANY_REQUESTS, BANNED_STATUS):
        said.append(Banned(_retry_after_ms(response), response.body[:TEXT_MAX].decode("utf-8", "replace")))
    return said


def _retry_after_ms(response: RestResponse) -> int:
    value = response.headers.get("retry-after", "")
    if _USED.fullmatch(value) and int(value):
        return min(int(value) * 1_000, RETRY_AFTER_MAX_MS)
    return BAN_DEFAULT_MS if response.status == BANNED_STATUS else RETRY_AFTER_DEFAULT_MS
