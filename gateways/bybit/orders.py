"""Our commands → requests to Bybit: on the trade WebSocket, or by REST where that is not there.

Source: Bybit V5 API documentation, "Place Order", "Amend Order", "Cancel Order", "Set Disconnect Cancel All", "Self
Match Prevention", "Websocket Trade Guideline", and "Enums Definitions", section "positionIdx"; read 2026-11-24.

A request is kept until it is answered, so that its answer is understood. None is ever sent a second time by us: what
happens to one that is not answered is the gateway's to ask about.
"""

from enum import StrEnum
from typing import Final

import msgspec

from gateways.bybit.bodies import plain
from gateways.bybit.directory import Category, Directory, category_of
from gateways.bybit.limits import order_limit, stream_weight
from gateways.bybit.order_index import OrderIndex
from gateways.bybit.signing import TRADE, Signer
from gateways.native.wire import OutcomeUnknown, RestRequest, StreamRequest
from messages.instruments import Instrument
from messages.orders import AmendOrder, CancelOrder, OrderType, Side, SubmitOrder, TimeInForce

PENDING_MAX: Final = 10_000
REQUEST_ID_LENGTH_MAX: Final = 36
DCP_WINDOW_S_MIN, DCP_WINDOW_S_MAX = 3, 300

Command = SubmitOrder | AmendOrder | CancelOrder


class InexpressibleOrder(ValueError):
    """The venue has no word for it; nothing is sent."""


class PositionMode(StrEnum):
    ONE_WAY = "one-way"
    HEDGE = "hedge"


class SelfMatch(StrEnum):
    """What is cancelled when an order of ours would trade with another of ours; NONE lets them trade."""

    NONE = "None"
    CANCEL_MAKER = "CancelMaker"
    CANCEL_TAKER = "CancelTaker"
    CANCEL_BOTH = "CancelBoth"


class OrderTerms(msgspec.Struct, frozen=True):
    """What the account's owner has chosen for every order."""

    position_mode: PositionMode = PositionMode.ONE_WAY
    self_match: SelfMatch = SelfMatch.NONE


class Pending(msgspec.Struct, frozen=True):
    """A request that was not answered. :param limit: what it counts against. :param is_stream: it left as a frame."""

    command: Command
    limit: str
    is_stream: bool


class OrderEntry:
    """:param session: opens the ids of the requests; one that no earlier process has used, at most 16 characters."""

    def __init__(
        self, directory: Directory, index: OrderIndex, signer: Signer, session: str, terms: OrderTerms | None = None
    ) -> None:
        assert len(session) <= REQUEST_ID_LENGTH_MAX - 20, "a request's id must fit beside its number"
        self._directory = directory
        self._index = index
        self._signer = signer
        self._session = session
        self._terms = terms or OrderTerms()
        self._count = 0
        self._pending: dict[str, Pending] = {}

    # --- requests ------------------------------------------------------------------------------------------------

    def by_stream(self, command: Command, now_ms: int) -> StreamRequest:
        """The command as a frame for the trade WebSocket.

        :raises InexpressibleOrder: before anything is kept of it.
        """
        verb, category, fields = self._fields(command)
        limit = order_limit(verb, category)
        key = self._keep(Pending(command, limit, is_stream=True), now_ms)
        frame = {"reqId": key, "header": self._signer.trade_header(now_ms), "op": f"order.{verb}", "args": [fields]}
        encoded = msgspec.json.encode(frame)
        return StreamRequest(key=key, stream=TRADE, frame=encoded, weight=stream_weight(limit), is_private=True)

    def by_rest(self, command: Command, now_ms: int) -> RestRequest:
        """The same as a call: for where the trade WebSocket is down."""
        verb, category, fields = self._fields(command)
        limit = order_limit(verb, category)
        key = self._keep(Pending(command, limit, is_stream=False), now_ms)
        return self._signer.post(key, f"/v5/order/{verb}", fields, limit, now_ms)

    def cancel_on_disconnect(self, window_s: int, now_ms: int) -> list[RestRequest]:
        """Have the venue cancel everything where no private connection of ours has been heard for so long.

        It takes effect about ten seconds later, and only for connections that subscribe to the `dcp` topics.
        """
        if not DCP_WINDOW_S_MIN <= window_s <= DCP_WINDOW_S_MAX:
            raise ValueError(f"a window of {window_s} s; the venue takes {DCP_WINDOW_S_MIN} to {DCP_WINDOW_S_MAX} s")
        categories = self._directory.categories
        products = ["SPOT"] if Category.SPOT in categories else []
        if set(categories) - {Category.SPOT}:
            products.append("DERIVATIVES")
        path = "/v5/order/disconnected-cancel-all"
        return [
            self._signer.post(f"dcp:{one}", path, {"product": one, "timeWindow": window_s}, "dcp", now_ms)
            for one in products
        ]

    # --- what is not answered ------------------------------------------------------------------------------------

    def answered(self, key: str) -> Pending | None:
        """The request that this answers; None where it is none of ours, or was answered or given up before."""
        return self._pending.pop(key, None)

    def give_up(self, key: str) -> list[OutcomeUnknown]:
        """No answer will be waited for: whether it was done is not known. An answer that comes later means nothing."""
        given_up = self.answered(key)
        return [] if given_up is None else [OutcomeUnknown(key, _unanswered(given_up.command))]

    def connection_lost(self) -> list[OutcomeUnknown]:
        """The trade WebSocket is gone, and with it every answer that was to come on it."""
        lost = [key for key, pending in self._pending.items() if pending.is_stream]
        return [unknown for key in lost for unknown in self.give_up(key)]

    # --- helpers -------------------------------------------------------------------------------------------------

    def _keep(self, pending: Pending, now_ms: int) -> str:
        command = pending.command
        if len(self._pending) >= PENDING_MAX:
            raise InexpressibleOrder(
                f"{PENDING_MAX} requests wait for an answer; {command.client_order_id} is not sent"
            )
        self._count += 1
        key = f"{self._session}-{self._count}"
        self._pending[key] = pending
        if isinstance(command, SubmitOrder):
            self._index.submitted(command, now_ms)
        elif (order := self._index.find(command.client_order_id)) is not None:
            if isinstance(command, AmendOrder):
                order.is_amending = True
            else:
                order.is_cancelling = True
        return key

    def _fields(self, command: Command) -> tuple[str, Category, dict[str, object]]:
        instrument = self._directory[command.instrument]
        category = category_of(instrument)
        head: dict[str, object] = {
            "category": category.value,
            "symbol": instrument.symbol,
            "orderLinkId": command.client_order_id,
        }
        if isinstance(command, SubmitOrder):
            return "create", category, head | create_fields(command, instrument, self._terms)
        if isinstance(command, AmendOrder):
            return "amend", category, head | self._changes(command)
        return "cancel", category, head

    def _changes(self, command: AmendOrder) -> dict[str, object]:
        """What is not changed is left out, as the venue asks; all of it where the present terms are not known."""
        order = self._index.find(command.client_order_id)
        changes: dict[str, object] = {}
        if order is None or order.quantity != command.quantity:
            changes["qty"] = plain(command.quantity)
        if order is None or order.price != command.price or not changes:
            changes["price"] = plain(command.price)
        return changes


def create_fields(request: SubmitOrder, instrument: Instrument, terms: OrderTerms) -> dict[str, object]:
    """:raises InexpressibleOrder: a post-only order that must not rest, or a market order that must fill whole."""
    is_market = request.type is OrderType.MARKET
    if request.post_only and (is_market or request.time_in_force is not TimeInForce.GTC):
        raise InexpressibleOrder(f"{request.client_order_id} is post-only and must rest, but {request.time_in_force}")
    if is_market and request.time_in_force is TimeInForce.FOK:
        raise InexpressibleOrder(f"{request.client_order_id}: the venue takes every market order as IOC, never as FOK")
    fields: dict[str, object] = {
        "side": "Buy" if request.side is Side.BUY else "Sell",
        "orderType": "Market" if is_market else "Limit",
        "qty": plain(request.quantity),
        "timeInForce": _time_in_force(request, is_market=is_market),
    }
    if request.price is not None and not is_market:
        fields["price"] = plain(request.price)
    if instrument.is_spot:
        fields["isLeverage"] = 0
        if is_market:
            fields["marketUnit"] = "baseCoin"
    else:
        fields["positionIdx"] = position_idx(request, terms.position_mode)
        fields["reduceOnly"] = request.reduce_only
    if terms.self_match is not SelfMatch.NONE:
        fields["smpType"] = terms.self_match.value
    return fields


def position_idx(request: SubmitOrder, mode: PositionMode) -> int:
    """The position that an order is for: 0 the only one; 1 the long and 2 the short one of an account in hedge mode.

    What reduces is for the opposite position of what it would open.
    """
    if mode is PositionMode.ONE_WAY:
        return 0
    return 1 if (request.side is Side.BUY) != request.reduce_only else 2


def _time_in_force(request: SubmitOrder, *, is_market: bool) -> str:
    if request.post_only:
        return "PostOnly"
    return "IOC" if is_market else request.time_in_force.value.upper()


def _unanswered(command: Command) -> str:
    return f"{type(command).__name__} of {command.client_order_id} was not answered"
