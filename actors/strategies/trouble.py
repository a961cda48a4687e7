"""What stops a pair from taking risk, in words."""

from typing import Any

from actors.strategies.pair_commands import FeedStale
from messages.control import VenueDown
from messages.market import Gap
from messages.orders import OrderUnknown


def trouble(message: Any) -> str:
    if isinstance(message, VenueDown):
        return f"venue {message.venue} is down"
    if isinstance(message, Gap):
        return f"market data of {message.instrument} has a gap"
    if isinstance(message, FeedStale):
        return message.reason
    assert isinstance(message, OrderUnknown)
    return f"the outcome of order {message.client_order_id} is not known"
