"""What one public connection of Bybit tells, besides market data itself. Pure."""

from enum import StrEnum

import msgspec

from gateways.bybit.frame_kinds import FrameKind
from gateways.exchange.sources.source import SourceEvent
from gateways.native.wire import SnapshotNeeded


class Operation(StrEnum):
    SUBSCRIBE = "subscribe"
    UNSUBSCRIBE = "unsubscribe"
    AUTH = "auth"
    PING = "ping"
    OTHER = "other"


class Reply(msgspec.Struct, frozen=True):
    """The venue's answer to a frame of ours.

    :param key: of the request; empty where the venue does not say.
    :param connection: the venue's name of the connection, for its support; may be empty.
    """

    operation: Operation
    is_ok: bool
    key: str
    text: str
    connection: str


class Unrecognised(msgspec.Struct, frozen=True):
    """A frame that has no place on this connection: nothing was made of it.

    :param kind: `PRIVATE`, `OLD_PROTOCOL`, `NOT_SUBSCRIBED` or `UNKNOWN`. :param what: its topic or operation.
    """

    kind: FrameKind
    what: str


FeedEvent = SourceEvent | SnapshotNeeded | Reply | Unrecognised
