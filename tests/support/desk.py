"""An order desk with a real intent journal, and the two ends that it talks to.

Both ends look at the journal on disk when they are written to: a request that is not in it must not reach the venue,
a numbered report that is not in it must not reach its strategy.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from structlog.testing import capture_logs

from actors.runtime.journal import Record, read_journal, segment_files
from gateways.gate.order_gate import OrderGate
from gateways.gate.order_records import OrderRecords
from gateways.gate.rate_limits import RateRule, VenueBudget
from gateways.gate.send_queue import SendQueue
from gateways.intent_log import IntentChannel, IntentLog
from gateways.order_desk import OrderDesk
from gateways.venue import TO_VENUE
from messages.codec import FROM_GATEWAY, encode
from messages.orders import AmendOrder, CancelOrder, SubmitOrder
from tests.support.limits import files_no_longer_than
from tests.support.orders import INSTRUMENTS, NOW_NS, OPEN_LIMITS, QUOTES


class DeskFloor:
    """:ivar sent: what the venue was told; `told`: what strategies were told, in order.
    :ivar is_link_up: whether the venue takes what is written to it.
    :ivar is_disk_full: set by `full_disk`; cancels need no journal meanwhile.
    """

    def __init__(self, directory: Path, *rate_limits: RateRule) -> None:
        self.directory = directory
        self.is_link_up = True
        self.is_disk_full = False
        self.sent: list[Any] = []
        self.told: list[Any] = []
        self.now_ns = NOW_NS
        self.log = IntentLog(directory)
        self.gate = OrderGate(INSTRUMENTS, OPEN_LIMITS)
        for quote in QUOTES:
            self.gate.on_market(quote)
        self.desk = OrderDesk(
            gate=self.gate,
            intent_log=self.log,
            records=self.log.restore(INSTRUMENTS, self.gate),
            to_venue=self._write,
            to_strategy=self._tell,
            now_ns=lambda: self.now_ns,
            queue=SendQueue(VenueBudget(rate_limits, NOW_NS)),
        )
        self.desk.venue_is_back()

    @property
    def records(self) -> OrderRecords:
        return self.desk.records

    def submit(self, order: SubmitOrder) -> None:
        """An order comes in, as the gateway hands it on."""
        self.desk.submit(order, encode(order))

    def sends(self) -> list[Any]:
        """What the venue was told since the last look."""
        sent, self.sent = self.sent, []
        return sent

    def tells(self) -> list[Any]:
        """What strategies were told since the last look."""
        told, self.told = self.told, []
        return told

    def on_disk(self) -> list[Record]:
        return list(read_journal(self.directory))

    def killed_and_restarted(self) -> "DeskFloor":
        """The desk of the next process, as the journal on disk makes it."""
        self.log.close()
        return DeskFloor(self.directory)

    @contextmanager
    def full_disk(self) -> Iterator[None]:
        size = segment_files(self.directory)[-1].stat().st_size
        self.is_disk_full = True
        with capture_logs(), files_no_longer_than(size):  # the tests' own output is a file, too
            yield
        self.is_disk_full = False

    def _write(self, frame: bytes) -> bool:
        if not self.is_link_up:
            return False
        request = TO_VENUE.decode(frame)
        may_go_unrecorded = self.is_disk_full and isinstance(request, CancelOrder)
        if isinstance(request, SubmitOrder | AmendOrder | CancelOrder) and not may_go_unrecorded:
            assert Record(IntentChannel.INTENT, frame) in self.on_disk(), f"{request} left before it was journaled"
        self.sent.append(request)
        return True

    def _tell(self, strategy: str, frame: bytes) -> None:
        report: Any = FROM_GATEWAY.decode(frame)
        assert report.strategy == strategy
        if report.seq:
            assert Record(IntentChannel.REPORT, frame) in self.on_disk(), f"{report} was told before it was journaled"
        self.told.append(report)
