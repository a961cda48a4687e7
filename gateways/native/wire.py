"""What a venue's protocol hands to the shell to be sent, and what it is handed back. Pure.

A protocol is a set of functions and small state machines of one venue (`gateways/binance`, `gateways/bybit`): bytes in,
our messages out; our commands in, requests out. It opens no socket and reads no clock. The shell opens streams, calls
REST, keeps time, and puts what comes back into the protocol again.
"""

from enum import StrEnum
from typing import Final

import msgspec

TIMEOUT_MS_DEFAULT: Final = 5_000


class Method(StrEnum):
    GET = "GET"
    POST = "POST"
    PUT = "PUT"
    DELETE = "DELETE"


class RestRequest(msgspec.Struct, frozen=True, kw_only=True):
    """One call of a venue's REST interface, ready to be sent.

    :param key: names it to the protocol that asked; comes back with the answer.
    :param path: with its leading slash, without the host. :param query: encoded and signed, without the `?`.
    :param weight: what it takes of the venue's limits, by the name of the limit.
    :param is_private: carries a key; never logged with its query, body or headers.
    """

    key: str
    method: Method
    path: str
    query: str = ""
    body: bytes = b""
    headers: tuple[tuple[str, str], ...] = ()
    timeout_ms: int = TIMEOUT_MS_DEFAULT
    weight: tuple[tuple[str, float], ...] = ()
    is_private: bool = False


class RestResponse(msgspec.Struct, frozen=True, kw_only=True):
    """What came back; `status` 0 where nothing did: a time-out, or a connection that broke. Then nothing is known.

    :param headers: names in lower case.
    """

    key: str
    status: int
    body: bytes = b""
    headers: dict[str, str] = {}


class StreamRequest(msgspec.Struct, frozen=True, kw_only=True):
    """One frame to send on a WebSocket, by the name of the connection that the protocol asked for."""

    key: str
    stream: str
    frame: bytes
    weight: tuple[tuple[str, float], ...] = ()
    is_private: bool = False


class SnapshotNeeded(msgspec.Struct, frozen=True):
    """The book of this instrument cannot be built on without a snapshot: ask the venue for one."""

    instrument: str


class LimitUsed(msgspec.Struct, frozen=True):
    """The venue has said how much of one of its limits is used."""

    name: str
    used: float


class Banned(msgspec.Struct, frozen=True):
    """The venue hears nothing from us for so long."""

    retry_after_ms: int
    text: str


class OutcomeUnknown(msgspec.Struct, frozen=True):
    """Whether a request was done is not known (a time-out, a 5xx, Binance -1006 and -1007): it is to be asked about.

    :param key: of the request.
    """

    key: str
    text: str
