"""The order book of one instrument as a checked sequence of events, from its diffs and its snapshots."""

from collections.abc import Sequence
from typing import Final

from gateways.binance.frames import Snapshot, decode_depth, diff_of, reset_of
from gateways.binance.market import Market
from gateways.binance.snapshot_sync import Diff, Outcome, SnapshotSync
from gateways.exchange.sources.source import BookChange, BookReset
from messages.market import Gap

GAP_REASON: Final = "missing book update"

BookEvent = BookReset | BookChange | Gap


class DepthFeed:
    """Applies the market's sequence rule.

    :ivar sync: says where it stands, and counts.
    """

    __slots__ = ("_instrument", "sync")

    def __init__(self, instrument: str, market: Market) -> None:
        self._instrument = instrument
        self.sync = SnapshotSync(market)

    def on_diff(self, frame: bytes, ts_received: int) -> Sequence[BookEvent]:
        """A combined frame of a diff stream; nothing where it is buffered or already in the book."""
        diff = diff_of(decode_depth(frame).data, self._instrument, ts_received)
        outcome = self.sync.on_diff(diff)
        return (diff.change,) if outcome is Outcome.APPLIED else self._told(diff, outcome)

    def on_snapshot(self, snapshot: Snapshot, ts_received: int) -> Sequence[BookEvent]:
        """The answer to a request for the book; nothing where it is older than the book at hand."""
        buffered = self.sync.on_snapshot(snapshot.last_update_id)
        if buffered is None:
            return ()
        events: list[BookEvent] = [reset_of(snapshot, self._instrument, ts_received)]
        for diff in buffered:
            diff.change.ts_received = ts_received  # events ascend: the diff takes effect only now
            events += self._told(diff, self.sync.on_diff(diff))
        return events

    def _told(self, diff: Diff, outcome: Outcome) -> Sequence[BookEvent]:
        if outcome is Outcome.APPLIED:
            return (diff.change,)
        if outcome is Outcome.GAP_FOUND:
            return (Gap(self._instrument, GAP_REASON, diff.change.ts_received),)
        return ()
