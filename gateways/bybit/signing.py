"""Signs what is private: REST calls, and the logins of the private and the trade WebSocket.

Source: Bybit V5 API documentation, "Integration Guidance", sections "Authentication" and "Create A Request";
"Connect", section "Authentication"; "Websocket Trade Guideline", section "Authentication"; read 2026-11-24.
The text that is signed: timestamp + key + receive window + (query | body); for a WebSocket `GET/realtime` + expires.
"""

import base64
import hmac
from collections.abc import Mapping
from typing import Final, Protocol
from urllib.parse import quote

import msgspec

from gateways.bybit.limits import rest_weight
from gateways.native.wire import Method, RestRequest, StreamRequest

RECV_WINDOW_MS_DEFAULT: Final = 5_000
LOGIN_VALID_MS: Final = 5_000
"""A login must reach the venue before it expires."""

TRADE: Final = "trade"
PRIVATE: Final = "private"
"""The names of the two connections that log in."""


class Key(Protocol):
    @property
    def api_key(self) -> str: ...

    def sign(self, text: bytes) -> str: ...


class HmacKey:
    """A key that the venue has made. The secret is not shown."""

    def __init__(self, api_key: str, secret: str) -> None:
        self.api_key = api_key
        self._secret = secret.encode()

    def sign(self, text: bytes) -> str:
        return hmac.digest(self._secret, text, "sha256").hex()

    def __repr__(self) -> str:
        return "HmacKey(<redacted>)"


class RsaKey:
    """A key of one's own, of which the venue knows the public half.

    :param pem: the private half, unencrypted, PKCS #1 or #8.
    :raises ImportError: the `cryptography` package is not installed.
    :raises ValueError: the text holds no RSA key.
    """

    def __init__(self, api_key: str, pem: bytes) -> None:
        from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey  # noqa: PLC0415  # optional
        from cryptography.hazmat.primitives.serialization import load_pem_private_key  # noqa: PLC0415

        loaded = load_pem_private_key(pem, password=None)
        if not isinstance(loaded, RSAPrivateKey):
            raise ValueError("the private key is not an RSA key; the venue signs by HMAC or RSA only")  # noqa: TRY004
        self.api_key = api_key
        self._private = loaded

    def sign(self, text: bytes) -> str:
        from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15  # noqa: PLC0415
        from cryptography.hazmat.primitives.hashes import SHA256  # noqa: PLC0415

        return base64.b64encode(self._private.sign(text, PKCS1v15(), SHA256())).decode()

    def __repr__(self) -> str:
        return "RsaKey(<redacted>)"


class Signer:
    """:param recv_window_ms: the venue refuses what reaches it later than this after its timestamp."""

    def __init__(self, key: Key, recv_window_ms: int = RECV_WINDOW_MS_DEFAULT) -> None:
        self.recv_window_ms = recv_window_ms
        self._key = key

    def get(self, key: str, path: str, params: Mapping[str, str], limit: str, now_ms: int) -> RestRequest:
        """:param limit: the one that it counts against, besides that of the address."""
        # A cursor comes percent-encoded and goes back as it came; nothing else of ours has a percent sign.
        query = "&".join(f"{name}={quote(value, safe='%')}" for name, value in params.items())
        return RestRequest(
            key=key,
            method=Method.GET,
            path=path,
            query=query,
            headers=self._headers(query.encode(), now_ms),
            weight=rest_weight(limit),
            is_private=True,
        )

    def post(self, key: str, path: str, fields: Mapping[str, object], limit: str, now_ms: int) -> RestRequest:
        body = msgspec.json.encode(fields)
        return RestRequest(
            key=key,
            method=Method.POST,
            path=path,
            body=body,
            headers=(*self._headers(body, now_ms), ("Content-Type", "application/json")),
            weight=rest_weight(limit),
            is_private=True,
        )

    def login(self, stream: str, now_ms: int) -> StreamRequest:
        """The first frame on a private connection, and on the one for orders."""
        expires_ms = now_ms + LOGIN_VALID_MS
        signature = self._key.sign(f"GET/realtime{expires_ms}".encode())
        frame = msgspec.json.encode({"op": "auth", "args": [self._key.api_key, expires_ms, signature]})
        return StreamRequest(key="auth", stream=stream, frame=frame, is_private=True)

    def trade_header(self, now_ms: int) -> dict[str, str]:
        """An order on the trade WebSocket is not signed, as its connection is; it has a time to be valid from."""
        return {"X-BAPI-TIMESTAMP": str(now_ms), "X-BAPI-RECV-WINDOW": str(self.recv_window_ms)}

    def _headers(self, payload: bytes, now_ms: int) -> tuple[tuple[str, str], ...]:
        text = f"{now_ms}{self._key.api_key}{self.recv_window_ms}".encode() + payload
        return (
            ("X-BAPI-API-KEY", self._key.api_key),
            ("X-BAPI-TIMESTAMP", str(now_ms)),
            ("X-BAPI-RECV-WINDOW", str(self.recv_window_ms)),
            ("X-BAPI-SIGN", self._key.sign(text)),
        )
