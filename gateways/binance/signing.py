"""Who we are to Binance: signatures over requests, and the timestamp that they carry. Pure; secrets are never shown.

Both interfaces sign `name=value` pairs joined by `&`: REST as they stand in the query, percent-encoded before signing;
the WebSocket API all `params` but the signature, sorted by name, in UTF-8 and *not* percent-encoded.

Sources, read 2026-11-24: Spot API docs, "REST API / Request security" (SIGNED Endpoint Examples; since 2026-01-15 what
is not encoded first is refused with -1022) and "WebSocket API / Request security" (SIGNED request security, Timing
security); Derivatives docs, USDⓈ-M Futures, "General Info" (Endpoint security type) and "WebSocket API General Info".
"""

import base64
import hmac
from collections.abc import Mapping
from typing import Final, Protocol
from urllib.parse import quote

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key

RECV_WINDOW_MS_DEFAULT: Final = 5_000
RECV_WINDOW_MS_MAX: Final = 60_000
AHEAD_MS_MAX: Final = 1_000
"""A timestamp so far ahead of the venue's clock is refused; the venue takes one that is less."""

API_KEY_HEADER: Final = "X-MBX-APIKEY"
_NS_PER_MS: Final = 1_000_000

Value = str | int
Params = Mapping[str, Value]


class BadKey(ValueError):
    """A secret that cannot sign: it says why, and nothing of the secret."""


class Secret(Protocol):
    @property
    def can_log_on(self) -> bool:
        """Whether a connection may be logged on with it, so that its requests need no signature."""
        ...

    def sign(self, payload: bytes) -> str: ...


class HmacSecret:
    """A secret that Binance has made; signs by HMAC-SHA-256, in hexadecimal digits."""

    can_log_on = False

    def __init__(self, secret: str) -> None:
        if not secret or not secret.isascii():
            raise BadKey("the secret of an HMAC key must be ASCII text and not empty; copy it again")
        self._secret = secret.encode()

    def sign(self, payload: bytes) -> str:
        return hmac.digest(self._secret, payload, "sha256").hex()

    def __repr__(self) -> str:
        return "HmacSecret(<redacted>)"


class Ed25519Secret:
    """A private key of our own, whose public key Binance has; signs in base64. The venue recommends it.

    :param pem: PKCS#8. :param password: where the file is encrypted.
    :raises BadKey: it is no such key.
    """

    can_log_on = True

    def __init__(self, pem: bytes, password: bytes | None = None) -> None:
        try:
            key = load_pem_private_key(pem, password)
        except (ValueError, TypeError, UnsupportedAlgorithm):
            # The library's words may quote what it read, so they go no further.
            raise BadKey("the private key is not readable PEM (PKCS#8), or its password is wrong") from None
        if not isinstance(key, Ed25519PrivateKey):
            raise BadKey("the private key is not an Ed25519 key; make one, or use an HMAC key")
        self._key = key

    def sign(self, payload: bytes) -> str:
        return base64.b64encode(self._key.sign(payload)).decode("ascii")

    def __repr__(self) -> str:
        return "Ed25519Secret(<redacted>)"


def secret_of(text: str, password: str | None = None) -> Secret:
    """Either kind, by its looks: a PEM file or an HMAC secret."""
    if "-----BEGIN" in text:
        return Ed25519Secret(text.encode(), None if password is None else password.encode())
    return HmacSecret(text.strip())


class Credentials:
    """:param recv_window_ms: the venue refuses what reaches it later than this after its timestamp."""

    def __init__(self, api_key: str, secret: Secret, recv_window_ms: int = RECV_WINDOW_MS_DEFAULT) -> None:
        if not 1 <= recv_window_ms <= RECV_WINDOW_MS_MAX:
            raise ValueError(f"recv_window_ms is {recv_window_ms}; the venue takes 1 to {RECV_WINDOW_MS_MAX}")
        self.recv_window_ms = recv_window_ms
        self._api_key = api_key
        self._secret = secret

    @property
    def can_log_on(self) -> bool:
        return self._secret.can_log_on

    @property
    def headers(self) -> tuple[tuple[str, str], ...]:
        """Of every REST request that is not public."""
        return ((API_KEY_HEADER, self._api_key),)

    def query(self, params: Params, now_ms: int) -> str:
        """A REST query, signed; parameters keep their order, the signature comes last.

        :param now_ms: the venue's time, see `venue_ms`.
        """
        text = encoded({**params, "recvWindow": self.recv_window_ms, "timestamp": now_ms})
        return f"{text}&signature={quote(self._secret.sign(text.encode('ascii')), safe='')}"

    def stamped(self, params: Params, now_ms: int) -> dict[str, Value]:
        """The `params` of a request on a connection that is logged on: only the time is wanted."""
        return {**params, "recvWindow": self.recv_window_ms, "timestamp": now_ms}

    def signed(self, params: Params, now_ms: int) -> dict[str, Value]:
        """The `params` of a WebSocket API request, with key and signature."""
        whole: dict[str, Value] = {**self.stamped(params, now_ms), "apiKey": self._api_key}
        payload = "&".join(f"{name}={whole[name]}" for name in sorted(whole))
        return {**whole, "signature": self._secret.sign(payload.encode("utf-8"))}

    def __repr__(self) -> str:
        return "Credentials(<redacted>)"


def encoded(params: Params) -> str:
    """`name=value` pairs, percent-encoded, in their order."""
    return "&".join(f"{name}={quote(str(value), safe='')}" for name, value in params.items())


def venue_ms(now_ns: int, clock_offset_ns: int) -> int:
    """Our time as the venue's clock shows it. :param clock_offset_ns: the venue's clock minus ours."""
    return (now_ns + clock_offset_ns) // _NS_PER_MS


def clock_offset_ns(server_ms: int, sent_ns: int, received_ns: int) -> int:
    """The venue's clock minus ours, from its answer to `time`; wrong by half of the round trip at the most."""
    return server_ms * _NS_PER_MS - (sent_ns + received_ns) // 2
