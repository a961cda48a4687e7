"""What a gateway subscribes to at its venue. Pure."""

from collections.abc import Iterable

from messages.topics import Channel, topic


def feed_topics(venue: str, instrument_ids: Iterable[str]) -> list[bytes]:
    """All that the venue publishes, by name: so a gateway that comes late is told the last value of each.

    The clock comes first and the end of the data last, for what is heard after it is news.
    """
    of_instruments = (Channel.QUOTE, Channel.TRADE, Channel.DEPTH, Channel.MARK, Channel.GAP)
    names = [topic(channel, id) for id in instrument_ids for channel in of_instruments]
    clock, checkpoint, end = (topic(channel, venue) for channel in (Channel.CLOCK, Channel.CHECKPOINT, Channel.END))
    return [clock, *names, checkpoint, end]
