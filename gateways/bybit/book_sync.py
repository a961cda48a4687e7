"""Which messages of one Bybit book topic change the book: the rules of its `u` and `seq`. Pure.

==================  ===================================  =========================================
message             when                                 then
==================  ===================================  =========================================
snapshot            always                               the whole book, in place of what was known
any, with u = 1     always: the service has restarted    likewise
delta               no snapshot yet, or after a gap      dropped
delta               u == last u + 1                      applied
delta               u <= last u and seq <= last seq      discarded: the book contains it
delta               anything else                        a gap: wait for a snapshot
==================  ===================================  =========================================

`u` counts the messages of one topic one by one; `seq` is the matching engine's and never falls. A lower `u` with a
higher `seq` is therefore no repetition: the venue has begun to count anew, and its snapshot was missed.

The books of two depths are counted apart, and a REST snapshot follows the count of its own depth only: it cannot be
joined to another topic. What repairs a gap is to subscribe anew, upon which the venue sends a snapshot.

Sources: Bybit V5 API docs, "WebSocket Stream / Public / Orderbook", section "Process snapshot/delta" and the parameter
`u`; "Full Orderbook", sections "Reset scenarios" and "Order Book Update Procedure" (on `u` and `seq`); "Get Orderbook",
parameter `u`; read 2026-11-24.
"""

from enum import Enum
from typing import Final

RESTART_UPDATE_ID: Final = 1


class Outcome(Enum):
    """What becomes of one message."""

    RESET = "a whole book: replace what was known"
    APPLIED = "in sequence: change the book"
    DISCARDED = "the book already contains it"
    DROPPED = "no book to apply it to"
    GAP_FOUND = "not in sequence: the book is no longer right"


class BookSync:
    """The state machine of one topic.

    :ivar is_synchronised: False before the first snapshot and after a gap.
    :ivar update_id: `u` of the last message that is in the book; 0 before the first snapshot.
    :ivar applied: deltas applied; `discarded`, `dropped` likewise; `resets`: whole books taken; `gaps`: breaks of the
        sequence.
    """

    __slots__ = ("applied", "discarded", "dropped", "gaps", "is_synchronised", "resets", "seq", "update_id")

    def __init__(self) -> None:
        self.is_synchronised = False
        self.update_id = 0
        self.seq = 0
        self.applied = 0
        self.discarded = 0
        self.dropped = 0
        self.resets = 0
        self.gaps = 0

    def judge(self, is_snapshot: bool, update_id: int, seq: int) -> Outcome:
        """Judge one message; only RESET and APPLIED may change the book."""
        if is_snapshot or update_id == RESTART_UPDATE_ID:
            self.is_synchronised = True
            self.update_id, self.seq = update_id, seq
            self.resets += 1
            return Outcome.RESET
        if not self.is_synchronised:
            self.dropped += 1
            return Outcome.DROPPED
        if update_id == self.update_id + 1:
            self.update_id, self.seq = update_id, seq
            self.applied += 1
            return Outcome.APPLIED
        if update_id <= self.update_id and seq <= self.seq:
            self.discarded += 1
            return Outcome.DISCARDED
        self.is_synchronised = False
        self.gaps += 1
        return Outcome.GAP_FOUND

    def forget(self) -> None:
        """The connection is lost: whatever comes next begins with a snapshot."""
        self.is_synchronised = False
