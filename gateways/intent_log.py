"""The intent journal of a gateway: what was about to be sent, before it was, and every report, before it went on.

After a crash the books are made again from it; an intent without an outcome is asked about, never sent again.
"""

from collections.abc import Mapping, Sequence
from enum import IntEnum
from pathlib import Path

from actors.runtime.journal import Journal, JournalFailed, read_journal
from gateways.order_gate import OrderGate
from gateways.order_records import OrderRecords
from messages.base import Count, Id, Message
from messages.codec import FROM_GATEWAY, TO_GATEWAY, Codec, encode
from messages.control import FenceStrategy
from messages.instruments import Instrument
from messages.orders import CancelOrder, ExecutionReport, SubmitOrder


class FundingKnown(Message, frozen=True, tag="funding-known"):
    """The bookings of the venue up to this number are shared out in the reports before this record."""

    number: Count


class Fenced(Message, frozen=True, tag="fenced"):
    strategy: Id
    epoch: Count


_NOTE: Codec[FundingKnown | Fenced] = Codec("intent journal", FundingKnown | Fenced)


class IntentChannel(IntEnum):
    INTENT = 0
    REPORT = 1
    NOTE = 2


class IntentLog:
    """Open for appending; every record is written before the call returns.

    :raises JournalDamaged: the log on disk is damaged before its tail.
    """

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._journal = Journal(directory)
        self.sync = self._journal.sync
        self.close = self._journal.close

    def intend(self, frame: bytes) -> None:
        """Record the frame of a request that is about to be written to the venue.

        :raises JournalFailed: it is not recorded, and must not be sent (a cancel may be).
        """
        self._write((IntentChannel.INTENT, frame))

    def record(self, report: ExecutionReport) -> bytes:
        """Record a numbered report that is about to go to its strategy; returns its frame."""
        frame = encode(report)
        self._write((IntentChannel.REPORT, frame))
        return frame

    def record_all(self, reports: Sequence[ExecutionReport]) -> list[bytes]:
        """Record several numbered reports in one write, so that none is recorded without the others."""
        frames = [encode(report) for report in reports]
        self._write(*((IntentChannel.REPORT, frame) for frame in frames))
        return frames

    def record_funding(self, reports: Sequence[ExecutionReport], number: int) -> None:
        """Record the shares of a booking and that it is known, in one write, so that none is shared out twice."""
        records = [(IntentChannel.REPORT, encode(report)) for report in reports]
        self._write(*records, (IntentChannel.NOTE, encode(FundingKnown(number))))

    def note_fence(self, fence: FenceStrategy) -> None:
        self._write((IntentChannel.NOTE, encode(Fenced(fence.strategy, fence.epoch))))

    def restore(self, instruments: Mapping[str, Instrument], gate: OrderGate) -> OrderRecords:
        """The books as they stood when the log ends; fences are put up again at the gate."""
        records = OrderRecords(instruments)
        for channel, payload in read_journal(self._directory):
            if channel == IntentChannel.REPORT:
                records.apply(FROM_GATEWAY.decode(payload))  # type: ignore[arg-type]  # only reports are recorded
            elif channel == IntentChannel.INTENT:
                request = TO_GATEWAY.decode(payload)
                if isinstance(request, SubmitOrder):
                    records.record_intent(request)
                elif isinstance(request, CancelOrder):
                    records.cancel_requested(request.client_order_id)
            else:
                note = _NOTE.decode(payload)
                if isinstance(note, Fenced):
                    gate.fence(note.strategy, note.epoch)
                else:
                    records.fundings = note.number
        return records

    def _write(self, *records: tuple[IntentChannel, bytes]) -> None:
        try:
            for channel, payload in records:
                self._journal.append(channel, payload)
            self._journal.flush()
        except JournalFailed:
            self._journal.discard()
            raise
