"""What an order waits at its gateway's gate: the checks alone, and with its intent journaled, beside a bare write.

Every sample is one order of a market maker among others: a fresh quote has come, leases run, a hundred orders of four
strategies work on both sides, and the books have taken in what became of older ones since. The bare reference is one
`write` of the same bytes to a file, alternating with the samples.
"""

import os
import sys
import tempfile
from collections import deque
from collections.abc import Sequence
from decimal import Decimal
from itertools import pairwise
from pathlib import Path
from time import perf_counter_ns
from typing import NamedTuple

from bench.measure import options, percentiles, rounded, show
from gateways.gate.gate_limits import GateLimits
from gateways.gate.lease_book import LeaseBook
from gateways.gate.order_gate import OrderGate
from gateways.gate.order_records import OrderRecords
from gateways.intent_log import IntentLog
from messages.codec import TO_GATEWAY, encode
from messages.instruments import Instrument, InstrumentType
from messages.market import Quote
from messages.orders import CloseReason, OrderClosed, Side, SubmitOrder
from messages.risk import Lease, LeaseGrant

TARGET_US = 15.0
SAMPLES = 20_000
QUICK_SAMPLES = 500
WORKING = 100
STRATEGIES = ("carry", "calendar", "maker", "arbitrage")
START_NS = 1_700_000_000_000_000_000
STEP_NS = 20_000_000
BID = 61_602.0

INSTRUMENT = Instrument(
    symbol="BTCUSDT", venue="bench", type=InstrumentType.PERPETUAL, base="BTC", quote="USDT", settle="USDT",
    tick_size=Decimal("0.1"), lot_size=Decimal("0.001"), min_notional=Decimal(50),
)  # fmt: skip


class Sample(NamedTuple):
    """Microseconds of one order.

    :ivar journaled: the checks and the write of the intent; `recorded` the books' part of it, after that.
    """

    checks: float
    journaled: float
    recorded: float
    quoted: float
    bare: float


class Floor:
    """A gate with leases, books and a real intent journal; and a file for the bare writes."""

    def __init__(self, directory: Path) -> None:
        leases = LeaseBook()
        leases.request("bench", 1, {}, {})
        bounds = (Decimal(1_000), Decimal(1_000), Decimal(10**9))
        granted = tuple(Lease(name, INSTRUMENT.id, 1, *bounds, messages_per_s=1e5) for name in STRATEGIES)
        leases.apply(LeaseGrant(1, 1, 600_000, granted))
        limits = GateLimits(repeated_executions_max=10, messages_per_s=1e5)
        instruments = {INSTRUMENT.id: INSTRUMENT}
        self.gate = OrderGate(instruments, limits, leases)
        self.records = OrderRecords(instruments)
        self.log = IntentLog(directory / "intents")
        self.bare = os.open(directory / "bare", os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC)
        self._working: deque[SubmitOrder] = deque()

    def sample(self, number: int) -> Sample:
        now_ns = START_NS + number * STEP_NS
        frame = encode(_order(number, now_ns))
        order = TO_GATEWAY.decode(frame)
        assert isinstance(order, SubmitOrder)
        quote = Quote(INSTRUMENT.id, BID, 1.0, BID + 0.1, 1.0, now_ns, now_ns)
        times = [perf_counter_ns()]
        self.gate.on_market(quote)
        times.append(perf_counter_ns())
        denial = self.gate.check(order, self.records, now_ns, 2)
        times.append(perf_counter_ns())
        assert denial is None, denial
        self.log.intend(frame)
        times.append(perf_counter_ns())
        self.records.record_intent(order)
        times.append(perf_counter_ns())
        os.write(self.bare, frame)
        times.append(perf_counter_ns())
        self._close_the_oldest(order, now_ns)
        quoted, checks, journal, recorded, bare = ((end - start) / 1_000 for start, end in pairwise(times))
        return Sample(checks, checks + journal, recorded, quoted, bare)

    def _close_the_oldest(self, order: SubmitOrder, now_ns: int) -> None:
        self._working.append(order)
        if len(self._working) <= WORKING:
            return
        old = self._working.popleft()
        report = OrderClosed(
            old.client_order_id, old.strategy, old.instrument, CloseReason.CANCELLED, Decimal(0), now_ns
        )
        numbered = self.records.number(report)
        assert numbered is not None
        self.records.apply(numbered)
        self.records.acknowledge(old.strategy, numbered.seq)

    def close(self) -> None:
        self.log.close()
        os.close(self.bare)


def _order(number: int, now_ns: int) -> SubmitOrder:
    """Buys and sells in turn, on three levels on either side of the market."""
    strategy = STRATEGIES[number % len(STRATEGIES)]
    is_buy = number // len(STRATEGIES) % 2 == 0
    behind = Decimal("0.1") * (number % 3)
    return SubmitOrder(
        client_order_id=f"bench-{strategy}-e1-{number}",
        strategy=strategy,
        epoch=1,
        instrument=INSTRUMENT.id,
        side=Side.BUY if is_buy else Side.SELL,
        quantity=Decimal("0.012"),
        price=Decimal("61602.0") - behind if is_buy else Decimal("61602.1") + behind,
        ts_created=now_ns,
        caused_by=f"quote:{INSTRUMENT.id}:{number}",
    )


def main(argv: Sequence[str] | None = None) -> int:
    asked = options("gate", "Microseconds at the order gate, percentiles over single orders.", argv)
    count = QUICK_SAMPLES if asked.is_quick else SAMPLES
    with tempfile.TemporaryDirectory() as directory:
        floor = Floor(Path(directory))
        for number in range(2 * WORKING):  # so that every sample meets a full book
            floor.sample(number)
        samples = [floor.sample(2 * WORKING + number) for number in range(count)]
        floor.close()
    figures = {
        name: {percent: rounded(us) for percent, us in percentiles([getattr(one, name) for one in samples]).items()}
        for name in Sample._fields
    }
    ratios = {f"ratio_{key}": rounded(figures["journaled"][key] / figures["bare"][key]) for key in ("p50", "p99")}
    result = {
        "bench": "gate",
        "samples": count,
        **{f"{name}_us": of for name, of in figures.items()},
        **ratios,
        "target_us": TARGET_US,
        "is_within_target": figures["journaled"]["p50"] <= TARGET_US,
    }
    names = {
        "checks": "checks",
        "journaled": "checks and intent journal",
        "recorded": "books, after that",
        "quoted": "a quote noted",
        "bare": "bare write of the same bytes",
    }
    rows: list[tuple[str, ...]] = [("us an order", "p50", "p99", "p99.9")]
    rows += [(text, *(f"{us:.2f}" for us in figures[name].values())) for name, text in names.items()]
    rows.append(("ratio, journaled to bare", f"{ratios['ratio_p50']:g}", f"{ratios['ratio_p99']:g}", ""))
    show(result, rows, f"order gate: target {TARGET_US:g} us at p50, journaled", is_json=asked.is_json)
    return 0


if __name__ == "__main__":
    sys.exit(main())
