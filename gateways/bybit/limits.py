"""Bybit's limits by name, what each request takes of them, and what the venue says is used.

Source: Bybit V5 API documentation, "Rate Limit Rules", sections "HTTP IP limit", "API Rate Limit" and "API Rate Limit
Table"; "Websocket Trade Guideline", section "Create/Amend/Cancel Order"; read 2026-11-24. The amounts are the
defaults of an account; what the venue answers (`X-Bapi-Limit`) counts.
"""

from collections.abc import Mapping
from typing import Final

import msgspec

from gateways.bybit.directory import Category
from gateways.native.wire import Banned, LimitUsed, RestResponse

HTTP_IP: Final = "http-ip"
TRADE_IP: Final = "trade-ip"
IP_BAN_MS: Final = 600_000
"""\"Terminate all HTTP sessions and wait for at least 10 minutes\"."""
RETRY_MS_DEFAULT: Final = 1_000
"""The windows of an account's limits are one second."""

Weight = tuple[tuple[str, float], ...]


class Limit(msgspec.Struct, frozen=True):
    """So many requests in a window of time."""

    name: str
    amount: float
    window_ms: int


LIMITS: Final = (
    Limit(HTTP_IP, 600, 5_000),
    Limit(TRADE_IP, 3_000, 1_000),
    Limit("create-spot", 20, 1_000),
    Limit("create-contract", 10, 1_000),
    Limit("amend-spot", 10, 1_000),
    Limit("amend-contract", 10, 1_000),
    Limit("cancel-spot", 20, 1_000),
    Limit("cancel-contract", 10, 1_000),
    Limit("dcp", 5, 1_000),
    Limit("realtime", 50, 1_000),
    Limit("history", 50, 1_000),
    Limit("executions", 50, 1_000),
    Limit("positions", 50, 1_000),
    Limit("wallet", 50, 1_000),
    Limit("transactions", 25, 1_000),
)


def order_limit(verb: str, category: Category) -> str:
    """Linear and inverse contracts share one limit. :param verb: create, amend or cancel."""
    return f"{verb}-{'spot' if category is Category.SPOT else 'contract'}"


def rest_weight(limit: str) -> Weight:
    return (HTTP_IP, 1.0), (limit, 1.0)


def stream_weight(limit: str) -> Weight:
    """The account's limits are shared between REST and the trade WebSocket; the one of the address is not."""
    return (TRADE_IP, 1.0), (limit, 1.0)


def limit_used(limit: str, headers: Mapping[str, object]) -> list[LimitUsed]:
    """:param headers: of a response, or of an answer on the trade WebSocket; names in any case."""
    lower = {name.lower(): str(value) for name, value in headers.items()}
    total, remaining = lower.get("x-bapi-limit", ""), lower.get("x-bapi-limit-status", "")
    if not (total.isdigit() and remaining.isdigit()):
        return []
    return [LimitUsed(limit, float(max(0, int(total) - int(remaining))))]


def ban(headers: Mapping[str, object], now_ms: int, text: str) -> Banned:
    """Until the limit resets, as far as the venue says when."""
    lower = {name.lower(): str(value) for name, value in headers.items()}
    reset = lower.get("x-bapi-limit-reset-timestamp", "")
    wait_ms = int(reset) - now_ms if reset.isdigit() else 0
    return Banned(wait_ms if 0 < wait_ms <= IP_BAN_MS else RETRY_MS_DEFAULT, text)


def refused_access(response: RestResponse, now_ms: int) -> Banned | None:
    """What HTTP itself says: 403 shuts the address out, 429 asks for patience. Nothing was done."""
    text = f"HTTP status {response.status}: access too frequent"
    if response.status == 403:
        return Banned(IP_BAN_MS, text)
    return ban(response.headers, now_ms, text) if response.status == 429 else None
