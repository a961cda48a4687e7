"""How an order book snapshot and the stream of its diffs are joined, by the rule of each Binance market.

A snapshot and every diff carry the venue's update ids: a diff says that it covers `first_update_id` (U) to
`update_id` (u) and, on futures, where the one before it ended (pu).

==========  ============================  ==================================  ================
market      contained in the snapshot     first to be applied                 then
==========  ============================  ==================================  ================
spot        u <= lastUpdateId             U <= lastUpdateId + 1 <= u          U == last u + 1
usdm/coinm  u < lastUpdateId              U <= lastUpdateId <= u, or          pu == last u
                                          pu == lastUpdateId
==========  ============================  ==================================  ================

Sources: Binance "How to manage a local order book correctly": Spot API docs, WebSocket Streams; Derivatives docs,
USDⓈ-M and COIN-M Futures, Websocket Market Streams; read 2026-11-24. A diff that repeats what is already in the book
(u <= last u) is discarded, as the spot page says; the futures pages are silent on it, and it cannot harm. They are also
silent on a first diff that follows right on the snapshot (pu == lastUpdateId), as in a market so quiet that nothing
came between the two: by the meaning of pu nothing is missing, so it is applied.
"""

from collections import deque
from enum import Enum

import msgspec

from gateways.binance.market import Market
from gateways.exchange.sources.source import BookChange

BUFFERED_DIFFS_MAX = 4_096
"""Diffs kept while there is no snapshot; the oldest give way. Enough for a minute of the busiest recorded market."""


class SyncState(Enum):
    WAITING_FOR_SNAPSHOT = "nothing is known of the book; diffs are buffered"
    SYNCHRONISED = "every diff since the snapshot was applied in sequence"
    GAP = "a diff is missing; diffs are buffered until the next snapshot"


class Outcome(Enum):
    """What becomes of one diff."""

    APPLIED = "in sequence: change the book"
    DISCARDED = "the book already contains it"
    BUFFERED = "no book to apply it to; it is kept for the next snapshot"
    GAP_FOUND = "not in sequence: the book is no longer right; the diff is kept for the next snapshot"


class Diff(msgspec.Struct, gc=False):
    """One diff of a book.

    :ivar previous_update_id: futures only (pu); 0 on spot.
    :ivar change: its content; `change.update_id` is the last update that it covers (u).
    """

    first_update_id: int
    previous_update_id: int
    change: BookChange


class SnapshotSync:
    """The state machine that says of each diff whether it is applied.

    :ivar state: see `SyncState`.
    :ivar last_update_id: of the snapshot or of the last diff applied; 0 before the first snapshot.
    :ivar applied: diffs applied; `discarded`: diffs that the book already contained; `gaps`: breaks of the sequence.
    :ivar dropped: diffs that the buffer had no room for.
    """

    def __init__(self, market: Market) -> None:
        self._is_spot = market.is_spot
        self._offset = 1 if self._is_spot else 0
        self._buffer: deque[Diff] = deque(maxlen=BUFFERED_DIFFS_MAX)
        self._has_joined = False
        self.state = SyncState.WAITING_FOR_SNAPSHOT
        self.last_update_id = 0
        self.applied = 0
        self.discarded = 0
        self.gaps = 0
        self.dropped = 0

    def is_too_old(self, last_update_id: int) -> bool:
        """Whether diffs are missing between a snapshot and the oldest diff that waits for one: ask for a newer one."""
        if not self._buffer:
            return False
        first = self._buffer[0]
        is_linked = not self._is_spot and first.previous_update_id == last_update_id
        return first.first_update_id > last_update_id + self._offset and not is_linked

    def lose(self) -> None:
        """Forget the book and what waits for it: its stream has broken off."""
        self._buffer.clear()
        self.state = SyncState.WAITING_FOR_SNAPSHOT
        self.last_update_id = 0

    def on_snapshot(self, last_update_id: int) -> list[Diff] | None:
        """Take a snapshot as the new book, unless it is older than the book at hand.

        :returns: the buffered diffs, to be handed to `on_diff` one by one; None: the snapshot is to be ignored.
        """
        if self.state is SyncState.SYNCHRONISED and last_update_id < self.last_update_id:
            return None
        buffered = list(self._buffer)
        self._buffer.clear()
        self.state = SyncState.SYNCHRONISED
        self.last_update_id = last_update_id
        self._has_joined = False
        return buffered

    def on_diff(self, diff: Diff) -> Outcome:
        """Judge one diff; only `Outcome.APPLIED` may change the book."""
        if self.state is not SyncState.SYNCHRONISED:
            self._keep(diff)
            return Outcome.BUFFERED
        update_id = diff.change.update_id
        if self._has_joined:
            is_contained = update_id <= self.last_update_id
            is_next = self._follows(diff)
        else:
            target = self.last_update_id + self._offset
            is_contained = update_id < target
            is_next = diff.first_update_id <= target <= update_id or self._follows(diff)
        if is_contained:
            self.discarded += 1
            return Outcome.DISCARDED
        if not is_next:
            self.gaps += 1
            self.state = SyncState.GAP
            self._keep(diff)
            return Outcome.GAP_FOUND
        self._has_joined = True
        self.last_update_id = update_id
        self.applied += 1
        return Outcome.APPLIED

    def _follows(self, diff: Diff) -> bool:
        if self._is_spot:
            return diff.first_update_id == self.last_update_id + 1
        return diff.previous_update_id == self.last_update_id

    def _keep(self, diff: Diff) -> None:
        self.dropped += len(self._buffer) == BUFFERED_DIFFS_MAX
        self._buffer.append(diff)
