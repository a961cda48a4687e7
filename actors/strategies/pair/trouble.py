"""What stops a pair from taking risk, in words."""

from actors.strategies.pair.commands import Disarm, FeedStale
from messages.gateway_link import VenueDown
from messages.market import Gap
from messages.orders import OrderUnknown
from messages.strategy_host import DrainStrategy

Trouble = VenueDown | Gap | FeedStale | OrderUnknown | DrainStrategy | Disarm


def trouble(message: Trouble) -> str:
    if isinstance(message, VenueDown):
        return f"venue {message.venue} is down"
    if isinstance(message, Gap):
        return f"market data of {message.instrument} has a gap"
    if isinstance(message, FeedStale):
        return message.reason
    if isinstance(message, OrderUnknown):
        return f"the outcome of order {message.client_order_id} is not known"
    return "drained" if isinstance(message, DrainStrategy) else "the signal has gone"
