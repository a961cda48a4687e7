"""The intent journal of a gateway: what was about to be sent, before it was, and every report, before it went on.

After a crash the books are made again from it; an intent without an outcome is asked about, never sent again. With a
snapshot of the books, only what was journaled since is read.
"""

from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from enum import IntEnum
from pathlib import Path
from typing import Final

import google_crc32c
import msgspec
import structlog

from actors.runtime.journal import BEGINNING, BUFFER_BYTES_MAX, Journal, JournalFailed, Position, read_segments
from gateways.gate.order_gate import OrderGate
from gateways.gate.order_records import OrderRecords
from gateways.safety.flattener import flatten_number
from gateways.snapshot_file import GatewayState, Snapshot, encoded, found_snapshots
from gateways.unreadable import mended, read_fields, strategy_of
from messages.base import Count, Id, Message, check_decimals
from messages.codec import FROM_GATEWAY, TO_GATEWAY, Codec, FrameError, encode
from messages.instruments import Instrument
from messages.orders import AmendOrder, CancelOrder, ExecutionReport, SubmitOrder
from messages.risk import SetTradingState
from messages.to_child import FenceStrategy


class FundingKnown(Message, frozen=True, tag="funding-known"):
    """The bookings of the venue up to this number are shared out in the reports before this record."""

    number: Count


class ForcedKnown(Message, frozen=True, tag="forced-known"):
    """What the venue did by itself, up to this number, is shared out in the reports before this record."""

    number: Count


class HeldBefore(Message, frozen=True, tag="held-before"):
    """The balance of a currency less what we hold of it by our books: what was there before we traded."""

    currency: Id
    amount: Decimal

    def __post_init__(self) -> None:
        check_decimals(self.amount)


class Fenced(Message, frozen=True, tag="fenced"):
    strategy: Id
    epoch: Count


class Acknowledged(Message, frozen=True, tag="acknowledged"):
    """The strategy has journaled its reports up to this number."""

    strategy: Id
    seq: Count


Note = FundingKnown | ForcedKnown | HeldBefore | Fenced | SetTradingState | Acknowledged
_NOTE: Codec[Note] = Codec("intent journal", Note)


class IntentChannel(IntEnum):
    INTENT = 0
    REPORT = 1
    NOTE = 2


COPIED_CHANNELS = (IntentChannel.INTENT, IntentChannel.REPORT)
"""What the ledger is told of."""

ACKNOWLEDGED_EVERY: Final = 1_024
"""Reports of a strategy between two notes of what it has acknowledged: at most so many more are kept after a start."""

log = structlog.get_logger()


class IntentLog:
    """Open for appending; every record is written before the call returns.

    :ivar bases: by currency, what was held of it before we traded, as far as `restore` found it.
    :ivar last_flatten: number of the last order of the gateway's own that `restore` found.
    :ivar recorded: how many intents and reports it holds, from `restore` on.
    :ivar segment_starts: how many of these are before a segment, by its number, as far as is known.
    :ivar saved: `recorded` of the snapshot from which `restore` began; 0 where there was none.
    :ivar problems: what a person should know of what `restore` found, in sentences.
    :ivar on_recorded: told the frame of every intent and report that has been written since.
    :raises JournalDamaged: the log on disk is damaged before its tail.
    """

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._snapshots = found_snapshots(directory)
        self._newest = next(self._snapshots, None)
        self._journal = Journal(directory, after=BEGINNING if self._newest is None else self._newest.state.position)
        self._segment = self._journal.segment
        self._is_in_doubt = False
        self.recorded = self.saved = 0
        self.segment_starts: dict[int, int] = {}
        self.last_flatten = 0
        self.bases: dict[str, Decimal] = {}
        self.problems: list[str] = []
        self._acknowledged: dict[str, int] = {}
        self.on_recorded: Callable[[bytes], None] = lambda _: None
        self.sync = self._journal.sync
        self.close = self._journal.close

    def intend(self, frame: bytes) -> None:
        """Record the frame of a request that is about to be written to the venue.

        :raises JournalFailed: it is not recorded, and must not be sent (a cancel may be).
        """
        self._write((IntentChannel.INTENT, frame))

    def record(self, report: ExecutionReport) -> bytes:
        """Record a numbered report that is about to go to its strategy; returns its frame.

        :raises JournalFailed: it is not recorded, and must not be told.
        """
        frame = _frame(report)
        self._write((IntentChannel.REPORT, frame))
        return frame

    def record_all(self, reports: Sequence[ExecutionReport]) -> list[bytes]:
        """Record several numbered reports in one write, so that none is recorded without the others."""
        frames = [_frame(report) for report in reports]
        self._write(*((IntentChannel.REPORT, frame) for frame in frames))
        return frames

    def record_funding(self, reports: Sequence[ExecutionReport], number: int) -> None:
        """Record the shares of a booking and that it is known, in one write, so that none is shared out twice."""
        records = [(IntentChannel.REPORT, _frame(report)) for report in reports]
        self._write(*records, (IntentChannel.NOTE, encode(FundingKnown(number))))

    def note_fence(self, fence: FenceStrategy) -> None:
        self._write((IntentChannel.NOTE, encode(Fenced(fence.strategy, fence.epoch))))

    def note_forced(self, number: int) -> None:
        self._write((IntentChannel.NOTE, encode(ForcedKnown(number))))

    def note_base(self, currency: str, amount: Decimal) -> None:
        self._write((IntentChannel.NOTE, encode(HeldBefore(currency, amount))))

    def note_trading_state(self, command: SetTradingState) -> None:
        self._write((IntentChannel.NOTE, encode(command)))

    def note_acknowledged(self, strategy: str, seq: int) -> None:
        """Note now and then how far a strategy has acknowledged its reports, so that the next process need not keep
        them; where the journal does not take it, the next one will be noted.
        """
        if seq - self._acknowledged.get(strategy, 0) < ACKNOWLEDGED_EVERY:
            return
        try:
            self._write((IntentChannel.NOTE, encode(Acknowledged(strategy, seq))))
        except JournalFailed as error:
            log.warning("acknowledgement not noted", strategy=strategy, seq=seq, error=str(error))
        else:
            self._acknowledged[strategy] = seq

    def restore(self, instruments: Mapping[str, Instrument], gate: OrderGate) -> OrderRecords:
        """The books as they stood when the log ends; fences and trading states are put up again at the gate."""
        records, after = self._begin(instruments, gate)
        for number, segment in read_segments(self._directory, after):
            self.segment_starts.setdefault(number, self.recorded)
            for channel, payload in segment:
                self.recorded += channel in COPIED_CHANNELS
                self._restore_record(channel, payload, records, gate)
        return records

    def _begin(self, instruments: Mapping[str, Instrument], gate: OrderGate) -> tuple[OrderRecords, Position]:
        """The books of the newest snapshot that can be used, and its place in the log; new ones at its beginning."""
        found, self._newest = self._newest, None
        while found is not None:
            records = OrderRecords(instruments)
            try:
                records.load(found.state.books, found.chunks)
            except (ValueError, LookupError, ArithmeticError, msgspec.MsgspecError) as error:
                log.warning("snapshot not used", journal=str(self._directory), error=str(error))
                found.discard()
                found = next(self._snapshots, None)
            else:
                self._restore_state(found.state, gate)
                return records, found.state.position
        return OrderRecords(instruments), BEGINNING

    def _restore_state(self, state: GatewayState, gate: OrderGate) -> None:
        for strategy, epoch in state.epochs.items():
            gate.fence(strategy, epoch)
        gate.states.load(state.trading_states)
        self.bases.update(state.bases)
        self._acknowledged.update(state.acknowledged)
        self.last_flatten = state.last_flatten
        self.recorded = self.saved = state.recorded
        self.segment_starts.update(state.segment_starts)

    def snapshot(self, records: OrderRecords, gate: OrderGate, last_flatten: int) -> Snapshot | None:
        """The books as they are now, between two records, to be written; None where there can be none now.

        :param last_flatten: number of the last order of the gateway's own.
        """
        if self._is_in_doubt:
            return None
        try:
            tail = self._journal.tail()
        except OSError as error:
            log.warning("no snapshot", journal=str(self._directory), error=str(error))
            return None
        if not tail:  # a segment has just begun: there is nothing by which to know it again
            return None
        state = GatewayState(
            position=self._journal.position,
            tail_crc=google_crc32c.value(tail),
            recorded=self.recorded,
            segment_starts=self.segment_starts,
            last_flatten=max(self.last_flatten, last_flatten),
            bases=self.bases,
            acknowledged=self._acknowledged,
            epochs=dict(gate.epochs),
            trading_states=gate.states.state(),
            books=records.state(),
        )
        return encoded(state, records.closed.chunks)

    def _restore_record(self, channel: int, payload: bytes, records: OrderRecords, gate: OrderGate) -> None:
        if channel == IntentChannel.REPORT:
            self._restore_report(payload, records)
        elif channel == IntentChannel.INTENT:
            request = TO_GATEWAY.decode(payload)
            if isinstance(request, SubmitOrder):
                records.record_intent(request)
                self.last_flatten = max(self.last_flatten, flatten_number(request.client_order_id))
            elif isinstance(request, CancelOrder) and request.client_order_id in records.orders:
                records.cancel_requested(request.client_order_id)  # of an adopted order there is no record
            elif isinstance(request, AmendOrder):
                records.record_amendment(request)
        else:
            self._restore_note(_NOTE.decode(payload), records, gate)

    def _restore_report(self, frame: bytes, records: OrderRecords) -> None:
        """One that cannot be read keeps its number, so that neither this process nor its strategy stops at it."""
        try:
            report = FROM_GATEWAY.decode(frame)
        except FrameError as error:
            fields = read_fields(frame)
            found, strategy, seq = mended(fields, records.orders), strategy_of(fields), fields[-1]
            instead = "is left out" if found is None else f"is taken for {type(found).__name__}"
            self.problems.append(
                f"{self._directory}: report {seq} of {strategy} cannot be read ({error}) and {instead}; compare its "
                "position with the venue's"
            )
            if found is None:
                records.leave_out(strategy, seq)
                return
            report = found
        records.apply(report)  # type: ignore[arg-type]  # only reports are recorded

    def _restore_note(self, note: Note, records: OrderRecords, gate: OrderGate) -> None:
        if isinstance(note, Fenced):
            gate.fence(note.strategy, note.epoch)
        elif isinstance(note, SetTradingState):
            gate.states.apply(note)
        elif isinstance(note, ForcedKnown):
            records.forced_fills = note.number
        elif isinstance(note, HeldBefore):
            self.bases[note.currency] = note.amount
        elif isinstance(note, Acknowledged):
            self._acknowledged[note.strategy] = records.acknowledge(note.strategy, note.seq)
        else:
            records.fundings = note.number

    def _write(self, *records: tuple[IntentChannel, bytes]) -> None:
        try:
            for channel, payload in records:
                self._journal.append(channel, payload)
            self._journal.flush()
        except JournalFailed:
            self._journal.discard()
            # Of so much, a part may have been written: only whoever reads the journal knows what is in it.
            self._is_in_doubt |= sum(len(payload) for _, payload in records) >= BUFFER_BYTES_MAX
            raise
        for channel, payload in records:
            if channel in COPIED_CHANNELS:
                self.recorded += 1
                self.on_recorded(payload)
        if self._journal.segment != self._segment:
            self._segment = self._journal.segment
            if len(records) == 1:  # of several, some may already be in the new one
                self.segment_starts[self._segment] = self.recorded


def _frame(report: ExecutionReport) -> bytes:
    """The frame of a report that can be read again: its bounds are looked at by whoever decodes it, and a journal that
    cannot be read lets no process start any more.

    :raises JournalFailed: it is out of bounds.
    """
    frame = encode(report)
    try:
        FROM_GATEWAY.decode(frame)
    except FrameError as error:
        raise JournalFailed(f"{type(report).__name__} is out of the bounds of its type: {error}") from error
    return frame
