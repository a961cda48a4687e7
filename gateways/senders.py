"""Who may say what to a gateway: a strategy speaks for itself, and of its own orders only. Pure."""

from collections.abc import Mapping
from typing import Protocol

from messages.codec import FrameError
from messages.gateway_link import CheckpointReached
from messages.orders import AmendOrder, CancelOrder, QueryOrder, SubmitOrder, is_forced

NO_PREFIXES: Mapping[str, str] = {}
_OF_AN_ORDER = (SubmitOrder, CancelOrder, AmendOrder, QueryOrder)


class Forged(FrameError):
    """A peer has spoken for another one."""


class _Request(Protocol):
    @property
    def strategy(self) -> str: ...


class _Order(Protocol):
    @property
    def request(self) -> _Request: ...


def check_sender(
    message: object, sender: str, orders: Mapping[str, _Order], prefixes: Mapping[str, str] = NO_PREFIXES
) -> None:
    """Compare what a message claims with the key under which it came.

    :param sender: the name that belongs to the key; empty on a link without keys, where every claim is believed.
    :param orders: all that the gateway knows, by client order id.
    :param prefixes: by strategy: with what the ids of its orders begin.
    :raises Forged: it speaks for another strategy, or of an order of another one, or takes an order id of another one;
        or it uses an order id of the gateway's own, in the name of whomever.
    """
    if isinstance(message, SubmitOrder) and is_forced(message.client_order_id):
        raise Forged(f"{message.strategy} sent order {message.client_order_id}, an id of the gateway's own")
    if not sender:
        return
    claimed = message.reader if isinstance(message, CheckpointReached) else message.strategy  # type: ignore[attr-defined]
    if claimed != sender:
        raise Forged(f"{type(message).__name__} in the name of {claimed} came under the key of {sender}")
    if isinstance(message, _OF_AN_ORDER):
        order = orders.get(message.client_order_id)
        if order is not None and order.request.strategy != sender:
            raise Forged(f"{sender} speaks of order {message.client_order_id}, which is {order.request.strategy}'s")
        prefix = prefixes.get(sender) if isinstance(message, SubmitOrder) else None
        if prefix is not None and not message.client_order_id.startswith(f"{prefix}-"):
            raise Forged(f"order {message.client_order_id} of {sender} does not begin with {prefix}-")
