"""Topics of the market data link: `channel:instrument` or `channel:venue`, one frame `topic NUL payload`."""

from enum import StrEnum

SEPARATOR = b"\x00"
TOPIC_LENGTH_MAX = 96


class Channel(StrEnum):
    QUOTE = "quote"
    TRADE = "trade"
    DEPTH = "depth"
    MARK = "mark"
    GAP = "gap"
    CLOCK = "clock"
    CHECKPOINT = "checkpoint"
    END = "end"


def topic(channel: Channel, name: str) -> bytes:
    """The topic of a channel of one instrument or venue, with the separator, as it is subscribed to.

    The separator ends it, so that BTCUSDT does not match BTCUSDT2.
    """
    return f"{channel.value}:{name}".encode() + SEPARATOR
