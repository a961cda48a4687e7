"""The book topics of one Bybit instrument: frames in, book events or quotes out. Pure.

A break of the sequence is told once, as a `Gap` and a `SnapshotNeeded`; the latter again every five seconds until a
snapshot has come, whether other frames come or, as after a refused subscription, none. The venue sends snapshots of its
own accord, too: after a restart, and of depth 1 always.
"""

from collections.abc import Sequence
from typing import Final

from gateways.book import Book
from gateways.bybit.book_sync import BookSync, Outcome
from gateways.bybit.frames import BookFrame, decode_book
from gateways.bybit.streams import Topic
from gateways.exchange.sources.source import BookChange, BookReset, SourceEvent
from gateways.native.wire import SnapshotNeeded
from messages.market import Gap, Quote

SNAPSHOT_TIMEOUT_NS: Final = 5_000_000_000
GAP_REASON: Final = "missing book update"
DISCONNECTED_REASON: Final = "connection lost"
ONE_SIDED_REASON: Final = "one side of the book is empty"

BookEvent = SourceEvent | SnapshotNeeded


class BookFeed:
    """A book of 50 levels or more.

    :ivar sync: which frames were applied; see `BookSync`.
    """

    def __init__(self, topic: Topic) -> None:
        self._id = topic.instrument
        self._asked_ns: int | None = None
        self.sync = BookSync()

    def on_frame(self, frame: bytes, ts_received: int) -> Sequence[BookEvent]:
        decoded = decode_book(frame)
        data = decoded.data
        outcome = self.sync.judge(decoded.type == "snapshot", data.u, data.seq)
        if outcome is Outcome.APPLIED:
            return (BookChange(self._id, data.b, data.a, data.u, decoded.ts_event, ts_received),)
        if outcome is Outcome.RESET:
            self._asked_ns = None
            return (BookReset(self._id, data.b, data.a, data.u, decoded.ts_event, ts_received),)
        return self._without_book(outcome, ts_received)

    def on_disconnect(self, ts_received: int) -> Sequence[BookEvent]:
        """The book is not to be trusted until its next snapshot, which a new subscription brings by itself."""
        self._asked_ns = ts_received
        if not self.sync.is_synchronised:
            return ()
        self.sync.forget()
        return (Gap(self._id, DISCONNECTED_REASON, ts_received),)

    def on_timer(self, now_ns: int) -> Sequence[SnapshotNeeded]:
        """To be called every second or so while the connection stands.

        :param now_ns: of the clock that gives `ts_received`.
        """
        if self.sync.is_synchronised:
            return ()
        if self._asked_ns is None:  # subscribed to just now
            self._asked_ns = now_ns
        return self._ask_if_due(now_ns)

    def _without_book(self, outcome: Outcome, ts_received: int) -> Sequence[BookEvent]:
        if outcome is Outcome.GAP_FOUND:
            self._asked_ns = ts_received
            return (Gap(self._id, GAP_REASON, ts_received), SnapshotNeeded(self._id))
        return self._ask_if_due(ts_received) if outcome is Outcome.DROPPED else ()

    def _ask_if_due(self, now_ns: int) -> Sequence[SnapshotNeeded]:
        if self._asked_ns is not None and now_ns - self._asked_ns < SNAPSHOT_TIMEOUT_NS:
            return ()
        self._asked_ns = now_ns
        return (SnapshotNeeded(self._id),)


class TopFeed(BookFeed):
    """The best bid and ask. The venue sends snapshots only, and one every three seconds where nothing changes; deltas,
    which it has sent and some recordings have, are taken as well.

    :ivar quotes: told so far.
    """

    def __init__(self, topic: Topic) -> None:
        super().__init__(topic)
        self._book = Book()
        self._is_one_sided = False
        self.quotes = 0

    def on_frame(self, frame: bytes, ts_received: int) -> Sequence[BookEvent]:
        decoded = decode_book(frame)
        data = decoded.data
        outcome = self.sync.judge(decoded.type == "snapshot", data.u, data.seq)
        if outcome is Outcome.RESET:
            self._asked_ns = None
            self._book.reset(data.b, data.a)
        elif outcome is Outcome.APPLIED:
            self._book.apply(data.b, data.a)
        else:
            return self._without_book(outcome, ts_received)
        return self._quote(decoded, ts_received)

    def _quote(self, decoded: BookFrame, ts_received: int) -> Sequence[BookEvent]:
        bid, ask = self._book.best_bid(), self._book.best_ask()
        if bid is None or ask is None:
            if self._is_one_sided:
                return ()
            self._is_one_sided = True
            return (Gap(self._id, ONE_SIDED_REASON, ts_received),)
        self._is_one_sided = False
        self.quotes += 1
        return (Quote(self._id, *bid, *ask, decoded.ts_event, ts_received),)
