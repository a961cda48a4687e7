"""Bybit's answers to our requests for orders → what we may say of them.

Source: Bybit V5 API documentation, "Place Order" ("the ack of create order request indicates that the request is
successfully accepted"), "Error Codes", section "HTTP Code", "Rate Limit Rules", "Websocket Trade Guideline"; read
2026-11-24. An acknowledgement says that the request was taken, not what became of the order: the order stream tells
that, so nothing is reported accepted here.
"""

from collections.abc import Mapping
from typing import Final

import msgspec

from gateways.bybit.asides import Answer, Aside, AsideKind
from gateways.bybit.bodies import Envelope, MalformedBody, OrderNames, Text, TradeAnswer, decode
from gateways.bybit.limits import IP_BAN_MS, ban, limit_used, refused_access
from gateways.bybit.order_index import OrderIndex
from gateways.bybit.orders import Command, OrderEntry, Pending
from gateways.bybit.ret_codes import Verdict, reason_of, verdict_of
from gateways.native.wire import Banned, LimitUsed, OutcomeUnknown, RestResponse
from messages.orders import (
    AmendOrder,
    AmendRejected,
    CancelRejected,
    OrderRejected,
    RejectReason,
    SubmitOrder,
)

NS_PER_MS: Final = 1_000_000


class Acknowledged(msgspec.Struct, frozen=True):
    """The venue has taken a request. :param key: of the request."""

    key: str
    client_order_id: str
    venue_order_id: str


Told = (
    Acknowledged | OrderRejected | AmendRejected | CancelRejected | OutcomeUnknown | LimitUsed | Banned | Answer | Aside
)


class Answers:
    """:param entry: keeps the requests that wait for these answers."""

    def __init__(self, entry: OrderEntry, index: OrderIndex) -> None:
        self._entry = entry
        self._index = index

    def on_frame(self, frame: bytes, now_ms: int) -> list[Told]:
        """A frame of the trade WebSocket.

        :raises MalformedBody: it is none; the request that it may have answered goes on waiting, until it is given up.
        """
        answer = decode(frame, TradeAnswer, "trade answer")
        if not answer.op.startswith("order."):
            return [Answer(op=answer.op, is_ok=answer.ret_code == 0, text=answer.ret_msg or "")]
        pending = self._entry.answered(answer.req_id or "")
        if pending is None:
            return [_unasked(answer.req_id, answer.ret_code, answer.ret_msg)]
        said = _Said(answer.req_id or "", answer.ret_code, answer.ret_msg or "", answer.data, answer.header)
        return self._told(pending, said, now_ms)

    def on_response(self, response: RestResponse, now_ms: int) -> list[Told]:
        """The response to an order by REST."""
        pending = self._entry.answered(response.key)
        if pending is None:
            return [_unasked(response.key, response.status, "")]
        if response.status == 0 or response.status >= 500:
            return [OutcomeUnknown(response.key, f"HTTP status {response.status}")]
        if (shut_out := refused_access(response, now_ms)) is not None:
            return [self._refused(pending.command, RejectReason.OTHER, shut_out.text, now_ms), shut_out]
        try:
            envelope = decode(response.body, Envelope, "answer to an order")
        except MalformedBody as error:
            return [OutcomeUnknown(response.key, str(error))]
        said = _Said(response.key, envelope.ret_code, envelope.ret_msg or "", envelope.result, response.headers)
        return self._told(pending, said, now_ms)

    def _told(self, pending: Pending, said: "_Said", now_ms: int) -> list[Told]:
        verdict, command = verdict_of(said.code), pending.command
        used: list[Told] = [*limit_used(pending.limit, said.headers)]
        if verdict is Verdict.DONE:
            return [self._acknowledged(command, said), *used]
        if verdict is Verdict.UNKNOWN:
            return [OutcomeUnknown(said.key, said.text), *used]
        refused = self._refused(command, reason_of(said.code), said.text, now_ms)
        if verdict is Verdict.LIMITED:
            return [refused, *used, ban(said.headers, now_ms, said.text)]
        if verdict is Verdict.BANNED:
            return [refused, *used, Banned(IP_BAN_MS, said.text)]
        return [refused, *used]

    def _acknowledged(self, command: Command, said: "_Said") -> Told:
        """Even where the names are not to be read the request was taken; the stream will name the order."""
        try:
            names = decode(said.result, OrderNames, "acknowledged order")
        except MalformedBody:
            names = OrderNames()
        order = self._index.find(command.client_order_id)
        if order is not None:
            self._index.note_venue_id(order, names.order_id)
        return Acknowledged(said.key, command.client_order_id, names.order_id or "")

    def _refused(
        self, command: Command, reason: RejectReason, text: str, now_ms: int
    ) -> OrderRejected | AmendRejected | CancelRejected:
        head = (command.client_order_id, command.strategy, command.instrument, reason, text, now_ms * NS_PER_MS)
        order = self._index.find(command.client_order_id)
        if isinstance(command, SubmitOrder):
            # Refused as a repetition, the order of that id may live all the same.
            if order is not None and reason is not RejectReason.DUPLICATE_ID:
                order.is_ended = True
            return OrderRejected(*head)
        if isinstance(command, AmendOrder):
            if order is not None:
                order.is_amending = False
            return AmendRejected(*head)
        if order is not None:
            order.is_cancelling = False
        return CancelRejected(*head)


class _Said(msgspec.Struct, frozen=True):
    """The two ways of answering as one."""

    key: str
    code: int
    message: str
    result: msgspec.Raw
    headers: Mapping[str, object]

    @property
    def text(self) -> str:
        return f"{self.code}: {self.message}"


def _unasked(key: Text, code: int, text: Text) -> Aside:
    return Aside(AsideKind.FOREIGN_ORDER, key or "", f"answer {code} {text or ''} to no request that waits".strip())
