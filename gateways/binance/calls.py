"""An operation and its parameters as a request ready to be sent: over the WebSocket API where it is up, else by REST.

Sources, read 2026-11-24: Spot API docs, "WebSocket API / Request format" and "Session Authentication"; Derivatives
docs, USDⓈ-M Futures, "WebSocket API General Info". A request's `id` comes back with its answer.
"""

from typing import Final

import msgspec

from gateways.binance.market import Market
from gateways.binance.operations import OPERATIONS, Ask, Operation, Security
from gateways.binance.signing import Credentials, Params, Value, encoded
from gateways.native.wire import RestRequest, StreamRequest

WS_API: Final = "ws-api"
"""The name of the connection to the WebSocket API. Spot tells the user's events on it, too, after it is asked to."""

Request = StreamRequest | RestRequest


class NoSuchOperation(ValueError):
    """The market does not have it, or not over this interface."""


class Caller:
    """Makes the requests of one account, each with a key of its own.

    :ivar is_logged_on: the connection to the WebSocket API is logged on: what goes over it needs no signature.
    """

    def __init__(self, market: Market, credentials: Credentials) -> None:
        self.market = market
        self.is_logged_on = False
        self._credentials = credentials
        self._serial = 0

    @property
    def can_log_on(self) -> bool:
        return self._credentials.can_log_on

    def has(self, ask: Ask) -> bool:
        return ask in OPERATIONS[self.market]

    def call(self, ask: Ask, params: Params, now_ms: int, *, is_stream_up: bool) -> Request:
        """:param now_ms: the venue's time. :param is_stream_up: the connection to the WebSocket API takes requests.

        :raises NoSuchOperation: see there.
        """
        operation = OPERATIONS[self.market].get(ask)
        if operation is None:
            raise NoSuchOperation(f"binance {self.market} has no {ask}")
        self._serial += 1
        key = f"{ask}-{self._serial}"
        if is_stream_up and operation.stream_method:
            return self._stream_request(key, operation, params, now_ms)
        if not operation.path:
            raise NoSuchOperation(f"binance {self.market} has no {ask} over REST; it needs the WebSocket API")
        return self._rest_request(key, operation, params, now_ms)

    def log_on(self, now_ms: int) -> Request:
        """The first frame on a connection to the WebSocket API, where the key is an Ed25519 key.

        :raises NoSuchOperation: the key is an HMAC key; each request carries its own signature.
        """
        if not self.can_log_on:
            raise NoSuchOperation("only an Ed25519 key can log a connection on; every request is signed instead")
        self.is_logged_on = False
        return self.call(Ask.LOG_ON, {}, now_ms, is_stream_up=True)

    def _stream_request(self, key: str, operation: Operation, params: Params, now_ms: int) -> StreamRequest:
        body: dict[str, object] = {"id": key, "method": operation.stream_method}
        if whole := self._stream_params(operation, params, now_ms):
            body["params"] = whole
        return StreamRequest(
            key=key,
            stream=WS_API,
            frame=msgspec.json.encode(body),
            weight=operation.weight,
            is_private=operation.security is not Security.NONE,
        )

    def _stream_params(self, operation: Operation, params: Params, now_ms: int) -> dict[str, Value]:
        if operation.security is not Security.SIGNED:
            return dict(params)
        if self.is_logged_on:
            return self._credentials.stamped(params, now_ms)
        return self._credentials.signed(params, now_ms)

    def _rest_request(self, key: str, operation: Operation, params: Params, now_ms: int) -> RestRequest:
        is_signed = operation.security is Security.SIGNED
        is_private = operation.security is not Security.NONE
        return RestRequest(
            key=key,
            method=operation.method,
            path=operation.path,
            query=self._credentials.query(params, now_ms) if is_signed else encoded(params),
            headers=self._credentials.headers if is_private else (),
            weight=operation.weight,
            is_private=is_private,
        )
