"""Where the time of tick-to-order goes: microseconds of each step of our own code, one by one, in this process.

*Hot* is the mean over many calls in a row. *Cold* is the median of single calls, each after a pause of a
millisecond, as a step meets a tick of a paced market: caches, branch predictors and TLB have been used by others
since, and the same code takes several times as long.
"""

import tempfile
from collections.abc import Callable, Mapping
from decimal import Decimal
from pathlib import Path
from time import perf_counter_ns, sleep

from actors.runtime.input_journal import InputChannel, InputJournal
from bench.measure import percentile, rounded, us_per_call
from bench.probe import Probe, ProbeParameters
from gateways.gate.gate_limits import GateLimits
from gateways.gate.lease_book import LeaseBook
from gateways.gate.order_gate import OrderGate
from gateways.gate.order_records import OrderRecords
from gateways.intent_log import IntentLog
from messages.codec import MARKET_DATA, TO_GATEWAY, encode, encode_published, split_published
from messages.instruments import Instrument
from messages.market import Quote
from messages.orders import SubmitOrder
from messages.risk import Lease, LeaseGrant
from messages.strategy_host import RecoveryCompleted, StrategyStarted
from messages.topics import Channel, topic

CALLS = 5_000
COLD_CALLS = 300
PAUSE_S = 0.001

Parts = dict[str, dict[str, float]]


def parts_us(instrument: Instrument, calls: int = CALLS) -> Parts:
    """Microseconds of each step, hot and cold, by name, in the order in which a tick meets them."""
    quote = Quote(instrument.id, 61_602.01, 1.67177, 61_602.02, 2.66795, 10**18, 10**18, 10**6, 10**15)
    name = topic(Channel.QUOTE, instrument.id)
    published = encode_published(name, quote)
    payload = split_published(published)[1]
    strategy = Probe("probe", {instrument.id: instrument}, ProbeParameters(instrument.id, Decimal("0.001")))
    strategy.on_message(StrategyStarted("probe", 1, "bench-probe", 1))
    strategy.on_message(RecoveryCompleted({}, (), 1))
    (order,) = strategy.on_message(quote)
    assert isinstance(order, SubmitOrder)
    frame = encode(order)
    limits = GateLimits(messages_per_s=100_000.0)
    gate, empty = OrderGate({instrument.id: instrument}, limits), OrderRecords({instrument.id: instrument})
    gate.on_market(quote)
    leases = LeaseBook()
    leases.request("bench", 1, {}, {})
    bounds = (Decimal(10**6), Decimal(10**6), Decimal(10**12))
    leases.apply(LeaseGrant(1, 1, 60_000, (Lease("probe", instrument.id, 1, *bounds),)))
    leased = OrderGate({instrument.id: instrument}, limits, leases)
    leased.on_market(quote)
    with tempfile.TemporaryDirectory() as directory:
        inputs, intents = InputJournal(Path(directory) / "inputs"), IntentLog(Path(directory) / "intents")
        records = OrderRecords({instrument.id: instrument})

        def journal_input() -> None:
            inputs.append(InputChannel.MARKET_DATA, payload)
            inputs.flush()

        steps = {
            "gateway: encode quote": lambda: encode_published(name, quote),
            "host: decode quote": lambda: MARKET_DATA.decode(payload),
            "host: strategy decides": lambda: strategy.on_message(quote),
            "host: encode order": lambda: encode(order),
            "host: journal input": journal_input,
            "gateway: decode order": lambda: TO_GATEWAY.decode(frame),
            "gateway: gate's checks": lambda: gate.check(order, empty, order.ts_created),
            "gateway: the same, with leases": lambda: leased.check(order, empty, order.ts_created, 2),
            "gateway: journal intent": lambda: intents.intend(frame),
            "gateway: record order": lambda: records.record_intent(order),
        }
        hot = {step: us_per_call(work, calls) for step, work in steps.items()}
        cold = cold_us(steps)
        inputs.close()
        intents.close()
    return {step: {"hot": rounded(hot[step]), "cold": rounded(cold[step])} for step in steps}


def cold_us(steps: Mapping[str, Callable[[], object]]) -> dict[str, float]:
    """The median of single calls; all steps in their order after each pause, as one tick meets them."""
    samples: dict[str, list[float]] = {step: [] for step in steps}
    for _ in range(COLD_CALLS):
        sleep(PAUSE_S)
        for step, work in steps.items():
            start_ns = perf_counter_ns()
            work()
            samples[step].append((perf_counter_ns() - start_ns) / 1_000)
    return {step: percentile(sorted(of), 50.0) for step, of in samples.items()}
