"""What was asked of Binance and is not answered yet, by the key of its request. Pure."""

from typing import Final, NamedTuple

from gateways.binance.account import AccountInquiry
from gateways.binance.calls import Request
from gateways.binance.operations import Ask
from gateways.binance.status_inquiry import StatusInquiry
from gateways.native.wire import OutcomeUnknown, StreamRequest
from messages.orders import AmendOrder, CancelOrder, OrderUnknown, SubmitOrder

PENDING_MAX: Final = 10_000

OrderRequest = SubmitOrder | CancelOrder | AmendOrder
Subject = OrderRequest | StatusInquiry | AccountInquiry | None
Unanswered = OutcomeUnknown | OrderUnknown


class Pending(NamedTuple):
    """:param what: it is about; None: the connection or the account's settings."""

    ask: Ask
    what: Subject
    is_stream: bool


class PendingRequests:
    """Holds PENDING_MAX and gives up the one that was asked longest ago where there are more."""

    def __init__(self) -> None:
        self._by_key: dict[str, Pending] = {}

    def add(self, ask: Ask, what: Subject, request: Request, now_ns: int) -> list[Unanswered]:
        given_up: list[Unanswered] = []
        if len(self._by_key) >= PENDING_MAX:
            given_up = self.lose(next(iter(self._by_key)), f"more than {PENDING_MAX} requests wait for answers", now_ns)
        self._by_key[request.key] = Pending(ask, what, isinstance(request, StreamRequest))
        return given_up

    def take(self, key: str) -> Pending | None:
        return self._by_key.pop(key, None)

    def lose(self, key: str, text: str, now_ns: int) -> list[Unanswered]:
        """No answer will come to this one."""
        pending = self._by_key.pop(key, None)
        return [] if pending is None else unknown_outcome(key, pending.what, text, now_ns)

    def lose_streams(self, text: str, now_ns: int) -> list[Unanswered]:
        """The connection to the WebSocket API is gone."""
        keys = [key for key, pending in self._by_key.items() if pending.is_stream]
        return [told for key in keys for told in self.lose(key, text, now_ns)]


def unknown_outcome(key: str, what: Subject, text: str, now_ns: int) -> list[Unanswered]:
    """That nobody knows what became of a request; of an order's, that nobody knows how the order stands."""
    told: list[Unanswered] = [OutcomeUnknown(key, text)]
    if isinstance(what, SubmitOrder | CancelOrder | AmendOrder):
        told.append(OrderUnknown(what.client_order_id, what.strategy, what.instrument, text, now_ns))
    return told
