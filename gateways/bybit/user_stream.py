"""The private stream of Bybit → reports on our orders, fundings, and what else happens to the account.

Source: Bybit V5 API documentation, "Order", "Execution", "Fast Execution", "Position", "Wallet" and "Dcp" (private
stream); "Connect", sections "Authentication", "How to Send the Heartbeat Packet", "Understanding the Subscription
Response"; read 2026-11-24.

The fills are those of `execution`, since only they say what the fee was. `execution.fast` comes before, without it, and
is told as `EarlyFill`.
"""

from collections.abc import Iterable
from typing import Final

import msgspec

from gateways.bybit.asides import Answer, Aside, AsideKind, BalancesSeen, EarlyFill, PositionSeen
from gateways.bybit.bodies import NS_PER_MS, Millis, Text, decode
from gateways.bybit.directory import Category, Directory
from gateways.bybit.executions import ExecutionBody, Executions
from gateways.bybit.order_bodies import OrderBody
from gateways.bybit.order_index import OrderIndex, take_fill
from gateways.bybit.order_reports import OrderReports
from gateways.bybit.positions import PositionBody
from gateways.bybit.signing import PRIVATE
from gateways.bybit.wallets import WalletBody, balances_of
from gateways.native.wire import StreamRequest
from gateways.venue import FundingBooked
from messages.orders import ExecutionReport, Fill

PING_EVERY_MS: Final = 20_000
"""\"Send the ping heartbeat packet every 20 seconds\"."""

Heard = ExecutionReport | FundingBooked | EarlyFill | PositionSeen | BalancesSeen | Answer | Aside


class _Frame(msgspec.Struct, frozen=True, rename="camel"):
    topic: str = ""
    op: str = ""
    creation_time: Millis = 0
    data: msgspec.Raw = msgspec.Raw(b"[]")
    success: bool | None = None
    ret_code: int = 0
    ret_msg: Text = ""
    ret_message: Text = msgspec.field(default="", name="ret_msg")


class UserStream:
    """:param executions: reads those; the list of executions is read by the same."""

    def __init__(self, directory: Directory, index: OrderIndex, executions: Executions) -> None:
        self._directory = directory
        self._index = index
        self._executions = executions
        self._reports = OrderReports(directory, index)

    def on_frame(self, frame: bytes, now_ns: int) -> list[Heard]:
        """What one frame says, in its order.

        :raises MalformedBody: it is not what the documentation says; then nothing of it is told.
        """
        said = decode(frame, _Frame, "private frame")
        if not said.topic:
            return [_answer(said)]
        name = _without_category(said.topic)
        if name == "order":
            bodies = decode(said.data, tuple[OrderBody, ...], said.topic)
            return [*self._reports.read_all(bodies, said.creation_time, now_ns)]
        if name == "execution":
            executions = decode(said.data, tuple[ExecutionBody, ...], said.topic)
            # All are read before any is taken for told: one that is malformed raises.
            read = [self._executions.read(body) for body in executions]
            return [told for heard in read for told in self._taken(heard)]
        if name == "execution.fast":
            return [self._executions.read_early(body) for body in decode(said.data, tuple[ExecutionBody, ...], name)]
        if name == "position":
            positions = decode(said.data, tuple[PositionBody, ...], said.topic)
            return [body.seen(self._directory, otherwise_ms=said.creation_time) for body in positions]
        if name == "wallet":
            wallets = decode(said.data, tuple[WalletBody, ...], said.topic)
            return [BalancesSeen(balances_of(wallets), said.creation_time * NS_PER_MS)]
        return [Aside(AsideKind.UNKNOWN_TOPIC, said.topic, "nothing is known of its bodies")]

    def overdue(self, now_ns: int) -> list[str]:
        """Client order ids of what ended, as the venue says, with fills that have not come: ask about them."""
        return [order.client_order_id for order in self._index.overdue(now_ns)]

    def _taken(self, heard: Fill | FundingBooked | Aside) -> list[Heard]:
        order = self._index.find(heard.client_order_id) if isinstance(heard, Fill) else None
        if isinstance(heard, Fill) and order is not None:
            return [*take_fill(order, heard)]
        return [heard]


def subscription(categories: Iterable[Category], *, is_fast: bool = False, is_dcp: bool = False) -> StreamRequest:
    """Subscribe to everything that concerns the account, in one frame.

    :param is_fast: early fills too. :param is_dcp: this connection keeps the orders from being cancelled.
    """
    traded = set(categories)
    topics = ["order", "execution", "position", "wallet"]
    if is_fast:
        topics.append("execution.fast")
    if is_dcp and Category.SPOT in traded:
        topics.append("dcp.spot")
    if is_dcp and traded - {Category.SPOT}:
        topics.append("dcp.future")
    return StreamRequest(
        key="subscribe", stream=PRIVATE, frame=msgspec.json.encode({"op": "subscribe", "args": topics})
    )


def ping(stream: str) -> StreamRequest:
    """The heartbeat that both connections need; the one that disconnect-cancel-all listens for, too."""
    return StreamRequest(key="ping", stream=stream, frame=b'{"op":"ping"}')


def _without_category(topic: str) -> str:
    """`order.linear` is `order`, of one category alone; `execution.fast` is a topic of its own."""
    name, _, category = topic.rpartition(".")
    return name if category in (*Category, "option") else topic


def _answer(said: _Frame) -> Answer | Aside:
    if not said.op:
        return Aside(AsideKind.UNKNOWN_TOPIC, "", "a frame with neither topic nor op")
    is_ok = said.ret_code == 0 and said.success is not False
    return Answer(op=said.op, is_ok=is_ok, text=said.ret_msg or said.ret_message or "")
