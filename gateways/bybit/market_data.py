"""The public side of one Bybit connection: WebSocket frames in, events of the market out. Pure.

Each topic has a feed of its own, which keeps what it must remember (`book_feed`, `trade_feed`, `ticker_feed`). What is
no market data comes out as a `Reply` or as `Unrecognised`; nothing is passed over in silence: every frame is counted
by its kind, and one that is malformed raises `MalformedBody`.

Sources: see `frames`, `book_sync` and `frame_kinds`.
"""

from collections import Counter
from collections.abc import Callable, Sequence
from typing import Final

import msgspec

from gateways.bybit.bodies import TEXT_SHOWN_MAX, MalformedBody
from gateways.bybit.book_feed import BookFeed, TopFeed
from gateways.bybit.feed_events import FeedEvent, Operation, Reply, Unrecognised
from gateways.bybit.frame_kinds import NOT_WANTED, ORDER_OPERATION_START, FrameKind, kind_of_topic
from gateways.bybit.frames import Header, decode_header, decode_subscribed_topics
from gateways.bybit.streams import Channel, PublicStream, Topic
from gateways.bybit.ticker_feed import TickerFeed
from gateways.bybit.trade_feed import TradeFeed
from gateways.exchange.sources.source import SourceCounts
from gateways.native.wire import SnapshotNeeded

TOPIC_START: Final = b'{"topic":"'
_TOPIC_AT: Final = len(TOPIC_START)

Feed = BookFeed | TopFeed | TradeFeed | TickerFeed
_FEEDS: Final[dict[Channel, Callable[[Topic], Feed]]] = {
    Channel.TOP: TopFeed,
    Channel.BOOK: BookFeed,
    Channel.TRADES: TradeFeed,
    Channel.TICKER: TickerFeed,
}
_KINDS: Final = {
    Channel.TOP: FrameKind.BOOK,
    Channel.BOOK: FrameKind.BOOK,
    Channel.TRADES: FrameKind.TRADES,
    Channel.TICKER: FrameKind.TICKER,
}


class MarketData:
    """The protocol of one public connection, for as long as the gateway lives: it outlasts reconnects.

    :param stream: what the connection is subscribed to.
    :ivar frames: how many frames of each kind have come.
    """

    def __init__(self, stream: PublicStream) -> None:
        self._name = stream.name
        self._other_trade_start = f"trade.{stream.category}."
        self._feeds = {topic.name: (_FEEDS[topic.channel](topic), topic) for topic in stream.topics}
        self._by_bytes = {
            name.encode(): (feed.on_frame, _KINDS[topic.channel]) for name, (feed, topic) in self._feeds.items()
        }
        self.frames: Counter[FrameKind] = Counter()

    def on_frame(self, frame: bytes, ts_received: int) -> Sequence[FeedEvent]:
        """Read one frame; the events are in the order in which they happened.

        :raises MalformedBody: it cannot be read. The books stay as they were; a lost book update shows as a gap.
        """
        try:
            known = self._by_bytes.get(frame[_TOPIC_AT : frame.find(b'"', _TOPIC_AT)])
            if known is None or not frame.startswith(TOPIC_START):
                return self._on_other(frame, ts_received)
            on_frame, kind = known
            self.frames[kind] += 1
            return on_frame(frame, ts_received)
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
            shown = frame[:TEXT_SHOWN_MAX].decode("utf-8", "replace")
            raise MalformedBody(f"frame of {len(frame)} bytes on {self._name}: {error}; in {shown!r}") from error

    def on_disconnect(self, ts_received: int) -> Sequence[FeedEvent]:
        """The connection is lost: what is not to be trusted until the next snapshot, as `Gap`s, one an instrument."""
        lost: dict[str, FeedEvent] = {}
        for feed, topic in self._feeds.values():
            for event in feed.on_disconnect(ts_received):
                lost.setdefault(topic.instrument, event)
        return tuple(lost.values())

    def on_timer(self, now_ns: int) -> Sequence[SnapshotNeeded]:
        """The instruments whose books wait for a snapshot that was not sent, each at most once in five seconds.

        To be called every second or so while the connection stands; `now_ns` is of the clock that gives `ts_received`.
        """
        books = [feed for feed, _ in self._feeds.values() if isinstance(feed, BookFeed)]
        return tuple(dict.fromkeys(needed for feed in books for needed in feed.on_timer(now_ns)))

    def counts(self, instrument: str) -> SourceCounts:
        """What has been told of one instrument, all its topics together.

        :raises KeyError: for an instrument that this connection does not carry.
        """
        counts = SourceCounts()
        feeds = [feed for feed, topic in self._feeds.values() if topic.instrument == instrument]
        if not feeds:
            raise KeyError(f"{instrument} is not on {self._name}")
        for feed in feeds:
            _add(counts, feed)
        return counts

    def update_id(self, instrument: str) -> int:
        """`u` of the last update that is in the book; 0 before the first snapshot, or where there is no book."""
        books = (feed for feed, topic in self._feeds.values() if topic.instrument == instrument)
        return next((feed.sync.update_id for feed in books if type(feed) is BookFeed), 0)

    def _on_other(self, frame: bytes, ts_received: int) -> Sequence[FeedEvent]:
        """A frame whose fields come in an unusual order, a reply, or something that was not asked for."""
        header = decode_header(frame)
        if header.topic:
            return self._on_topic(header.topic, frame, ts_received)
        if bytes(header.request) or header.old_ret_code is not None:
            return self._unrecognised(FrameKind.OLD_PROTOCOL, header.op or "reply")
        if header.op.startswith(ORDER_OPERATION_START):
            return self._unrecognised(FrameKind.PRIVATE, header.op)
        if header.op or header.type == "COMMAND_RESP":
            return (self._reply(header),)
        return self._unrecognised(FrameKind.UNKNOWN, header.type)

    def _on_topic(self, topic: str, frame: bytes, ts_received: int) -> Sequence[FeedEvent]:
        name = topic.replace(self._other_trade_start, "publicTrade.", 1)  # as a published body has it
        if (known := self._by_bytes.get(name.encode())) is not None:
            on_frame, kind = known
            self.frames[kind] += 1
            return on_frame(frame, ts_received)
        kind = kind_of_topic(topic)
        if kind in NOT_WANTED:
            self.frames[kind] += 1
            return ()
        if kind in {FrameKind.BOOK, FrameKind.TRADES, FrameKind.TICKER}:
            kind = FrameKind.NOT_SUBSCRIBED
        return self._unrecognised(kind, topic)

    def _unrecognised(self, kind: FrameKind, what: str) -> Sequence[Unrecognised]:
        self.frames[kind] += 1
        return (Unrecognised(kind, what),)

    def _reply(self, header: Header) -> Reply:
        reply = reply_of(header)
        self.frames[FrameKind.PONG if reply.operation is Operation.PING else FrameKind.REPLY] += 1
        return reply


def reply_of(header: Header) -> Reply:
    """The venue's answer to a frame of ours, in each of the forms in which it gives it.

    Spot, contracts and the private stream differ in what they leave out; `COMMAND_RESP` names the topics that failed.
    """
    operation, text = _OPERATIONS.get(header.op, Operation.OTHER), header.ret_msg or header.ret_message
    is_ok = header.success is not False and header.ret_code in (None, 0)
    if header.type == "COMMAND_RESP":
        operation = Operation.SUBSCRIBE
        failed = decode_subscribed_topics(header.data).fail_topics if bytes(header.data) else []
        is_ok = is_ok and not failed
        text = text or ", ".join(failed)
    connection = header.conn_id or header.connection_id
    return Reply(operation, is_ok, header.req_id, text, connection)


_OPERATIONS: Final = {
    "subscribe": Operation.SUBSCRIBE,
    "unsubscribe": Operation.UNSUBSCRIBE,
    "auth": Operation.AUTH,
    "ping": Operation.PING,
    "pong": Operation.PING,
}


def _add(counts: SourceCounts, feed: Feed) -> None:
    if isinstance(feed, BookFeed):
        counts.gaps += feed.sync.gaps
    if type(feed) is BookFeed:
        counts.book_updates += feed.sync.applied
        counts.book_updates_discarded += feed.sync.discarded
    if isinstance(feed, TopFeed | TickerFeed):
        counts.quotes += feed.quotes
    if isinstance(feed, TradeFeed):
        counts.trades += feed.trades
