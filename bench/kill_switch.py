"""The kill switch of a real gateway process with 1,000 open orders: from the halt to the first order denied, and to all
cancels at the venue.

This process stands for the venue, the strategy and the supervisor. The clock starts before the halt is sent (or its
file is written) and stops when the denial has come back over the strategy's link, and when the venue's end of the link
has yielded the last cancel; an order is sent every millisecond until one is denied. Three ways to halt take turns: the
supervisor's command, the control socket, the file.
"""

import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from decimal import Decimal
from pathlib import Path
from threading import Thread
from time import monotonic_ns
from typing import Any, Final

from actors.runtime.links import ORDERS_HWM, Context, dealer, publisher, router, try_send
from actors.runtime.spec import write_spec
from bench.measure import Options, options, percentiles, rounded, show
from gateways.gate.gate_limits import GateLimits
from gateways.safety import halt_latch
from gateways.safety.halt_latch import HaltNote
from gateways.spec import GatewaySpec
from gateways.venue import TO_VENUE, AccountQuery, AccountState, LoginAccepted, VenueLogin
from messages.base import PROTOCOL_VERSION, Message
from messages.codec import FROM_CHILD, FROM_CONTROL, FROM_GATEWAY, encode, encode_published
from messages.from_child import CommandDone, Ready
from messages.gateway_link import ExecutionsApplied, Hello, StillAlive, Welcome
from messages.instruments import Instrument, InstrumentType
from messages.market import ClockTick, Quote
from messages.orders import (
    CancelOrder,
    CloseReason,
    DenyReason,
    OrderAccepted,
    OrderClosed,
    OrderDenied,
    OrderRejected,
    RejectReason,
    Side,
    SubmitOrder,
)
from messages.to_child import Halt, StopProcess, Unhalt
from messages.topics import Channel, topic

OPEN_ORDERS: Final = 1_000
OPENED_AT_ONCE: Final = 100
RUNS: Final = 20
QUICK_RUNS: Final = 1
WAYS: Final = ("supervisor", "control", "file")
TARGET_DENIED_MS: Final = 50.0
TARGET_CANCELLED_MS: Final = 1_000.0
PATIENCE_NS: Final = 20_000_000_000
PROBE_EVERY_NS: Final = 1_000_000
NS_PER_MS: Final = 1e6

INSTRUMENT = Instrument(
    symbol="BTCUSDT", venue="bench", type=InstrumentType.SPOT, base="BTC", quote="USDT", settle="USDT",
    tick_size=Decimal("0.01"), lot_size=Decimal("0.00001"), min_notional=Decimal(5),
)  # fmt: skip
VENUE: Final = INSTRUMENT.venue
LIMITS: Final = GateLimits(
    order_notional_max=Decimal("1e9"), reference_age_max_ms=86_400_000, open_orders_max=10_000,
    open_orders_per_strategy_max=10_000, messages_per_s=100_000.0,
)  # fmt: skip
STRATEGY: Final = "probe"


class Bench:
    """One gateway process and all that it is linked to.

    :ivar cancels: ids of the orders whose cancels have come to the venue.
    :ivar denied_ns: when the first order was denied; 0 before.
    """

    def __init__(self, directory: Path, context: Context) -> None:
        names = ("v-orders", "v-data", "orders", "market", "children", "control")
        self._names = {name: f"ipc://{directory}/{name}" for name in names}
        self._latch = directory / "halt.json"
        self._journal = directory / "journal"
        self._venue = router(context, self._names["v-orders"], hwm=ORDERS_HWM)
        self._data = publisher(context, self._names["v-data"])
        self._children = router(context, self._names["children"])
        self._strategy = dealer(context, self._names["orders"], STRATEGY, hwm=ORDERS_HWM)
        self._control = dealer(context, self._names["control"], "operator")
        self._count = 0
        self.accepted: dict[str, SubmitOrder] = {}
        self.cancels: dict[str, int] = {}
        self.denied_ns = 0
        self.is_answering = True
        self._said: list[Message] = []

    @contextmanager
    def process(self, **more: Any) -> Iterator[None]:
        """The gateway, until the bench is done.

        :param more: what else its spec says.
        """
        names = self._names
        spec = GatewaySpec(
            process=VENUE, cluster="bench", supervisor_endpoint=names["children"], venue=VENUE,
            instruments=(INSTRUMENT,), orders_endpoint=names["orders"], market_data_endpoint=names["market"],
            venue_orders_endpoint=names["v-orders"], venue_data_endpoint=names["v-data"],
            journal_dir=str(self._journal), control_endpoint=names["control"], halt_file=str(self._latch),
            checks=LIMITS, **more,
        )  # fmt: skip
        file = self._latch.with_name("gateway.json")
        write_spec(file, spec)
        running = subprocess.Popen([sys.executable, "-m", "gateways", str(file)])
        try:
            self._until(lambda: any(isinstance(message, Ready) for message in self._said), "the gateway is ready")
            hello = Hello(STRATEGY, 1, 1, lossless=False, protocol_version=PROTOCOL_VERSION)
            self._until(lambda: try_send(self._strategy, encode(hello)), "the strategy is connected")
            self._until(lambda: any(isinstance(message, Welcome) for message in self._said), "the welcome")
            yield
            self._command(StopProcess("stop", 2_000))
            running.wait(10)
        finally:
            running.kill()
            running.wait()

    def run(self, way: str, number: int) -> tuple[float, float]:
        """One halt: milliseconds to the first denial and to the last cancel."""
        self._open_orders()
        self.cancels.clear()
        self.denied_ns, self.is_answering = 0, False
        started_ns = monotonic_ns()
        self._halt(way, number)
        probed_ns = 0
        deadline_ns = started_ns + PATIENCE_NS
        while not self.denied_ns or len(self.cancels) < OPEN_ORDERS:
            now_ns = monotonic_ns()
            if now_ns > deadline_ns:
                raise TimeoutError(f"{len(self.cancels)} of {OPEN_ORDERS} cancels after the halt by {way}")
            if not self.denied_ns and now_ns - probed_ns > PROBE_EVERY_NS:
                probed_ns = now_ns
                try_send(self._strategy, encode(self._order()))
            self._serve()
        cancelled_ns = max(self.cancels.values())
        self._clean_up(number)
        return (self.denied_ns - started_ns) / NS_PER_MS, (cancelled_ns - started_ns) / NS_PER_MS

    def _halt(self, way: str, number: int) -> None:
        halt = Halt(f"halt-{number}", "drill")
        if way == "supervisor":
            self._command(halt)
        elif way == "control":
            self._until(lambda: try_send(self._control, encode(halt)), "the control link")
        else:
            note = HaltNote(reason="drill", at_ns=0, by="bench")
            # As by another process: this one is the strategy as well, and must not wait for the disk.
            Thread(target=halt_latch.set_halt, args=(self._latch, note)).start()

    def _open_orders(self) -> None:
        while len(self.accepted) < OPEN_ORDERS:
            goal = min(OPEN_ORDERS, len(self.accepted) + OPENED_AT_ONCE)
            for _ in range(goal - len(self.accepted)):
                self._until(lambda: try_send(self._strategy, encode(self._order())), "the order link")
            self._open_to(goal)

    def _open_to(self, goal: int) -> None:
        self._until(lambda: len(self.accepted) >= goal, f"{goal} orders at the venue")

    def _order(self) -> SubmitOrder:
        self._count += 1
        return SubmitOrder(
            client_order_id=f"bench-probe-e1-{self._count}", strategy=STRATEGY, epoch=1, instrument=INSTRUMENT.id,
            side=Side.BUY, quantity=Decimal("0.001"), price=Decimal(60_000), ts_created=monotonic_ns(),
            valid_for_ms=60_000,
        )  # fmt: skip

    def _clean_up(self, number: int) -> None:
        """End every order, loosen the halt, and forget what was heard."""
        self.is_answering = True
        for order in self.accepted.values():
            head = (order.client_order_id, order.strategy, order.instrument)
            closed = OrderClosed(*head, CloseReason.CANCELLED, Decimal(0), monotonic_ns())
            self._tell(encode(closed))
        self.accepted.clear()
        self._said.clear()
        halt_latch.clear_halt(self._latch)
        self._command(Unhalt(f"unhalt-{number}", "drill over"))
        done = f"unhalt-{number}"
        self._until(lambda: any(isinstance(m, CommandDone) and m.command_id == done for m in self._said), "the unhalt")

    def _command(self, command: Message) -> None:
        self._children.send_multipart((VENUE.encode(), encode(command)))

    def _tell(self, frame: bytes) -> None:
        self._until(lambda: self._answer(frame), "the link to the gateway")

    def _answer(self, frame: bytes) -> bool:
        if not self._venue.poll(0, 2):
            return False
        self._venue.send_multipart((VENUE.encode(), frame))
        return True

    # --- the ends ---

    def _until(self, condition: Callable[[], bool], what: str) -> None:
        deadline_ns = monotonic_ns() + PATIENCE_NS
        while not condition():
            if monotonic_ns() > deadline_ns:
                raise TimeoutError(f"not so within {PATIENCE_NS / 1e9:g} s: {what}")
            self._serve()

    def _serve(self) -> None:
        """Hear what there is, at every end, and answer as its owner would."""
        while self._venue.poll(0):
            self._on_request(TO_VENUE.decode(self._venue.recv_multipart()[1]))
        while self._strategy.poll(0):
            self._on_report(FROM_GATEWAY.decode(self._strategy.recv()))
        while self._children.poll(0):
            self._on_child(FROM_CHILD.decode(self._children.recv_multipart()[1]))
            try_send(self._strategy, encode(StillAlive(STRATEGY, 1)))
        while self._control.poll(0):
            FROM_CONTROL.decode(self._control.recv())

    def _on_child(self, message: Any) -> None:
        if isinstance(message, Ready | CommandDone):
            self._said.append(message)

    def _on_request(self, message: Any) -> None:
        if isinstance(message, VenueLogin):
            self._answer(encode(LoginAccepted(VENUE, 0)))
            now_ns = monotonic_ns()
            clock = ClockTick(VENUE, now_ns, now_ns, 1.0)
            self._data.send(encode_published(topic(Channel.CLOCK, VENUE), clock))
            quote = Quote(INSTRUMENT.id, 60_000.0, 1.0, 60_001.0, 1.0, now_ns, now_ns)
            self._data.send(encode_published(topic(Channel.QUOTE, INSTRUMENT.id), quote))
        elif isinstance(message, AccountQuery):
            self._answer(encode(AccountState(VENUE, {}, {}, tuple(self.accepted), (), 0)))
        elif isinstance(message, SubmitOrder):
            self._on_order(message)
        elif isinstance(message, CancelOrder):
            self.cancels.setdefault(message.client_order_id, monotonic_ns())

    def _on_order(self, order: SubmitOrder) -> None:
        """Accept what opens the run; refuse the probes that were sent before the halt was heard."""
        head = (order.client_order_id, order.strategy, order.instrument)
        if self.is_answering:
            self.accepted[order.client_order_id] = order
            self._answer(encode(OrderAccepted(*head, "v-1", 0)))
        else:
            self._answer(encode(OrderRejected(*head, RejectReason.OTHER, "after the halt", 0)))

    def _on_report(self, message: Any) -> None:
        if isinstance(message, Welcome):
            self._said.append(message)
        elif isinstance(message, OrderDenied):
            if message.reason is not DenyReason.HALTED and self.is_answering:
                raise AssertionError(f"an order of the bench was denied: {message}")
            self.denied_ns = self.denied_ns or monotonic_ns()
        if getattr(message, "seq", 0) % 32 == 0 and not isinstance(message, Welcome):
            try_send(self._strategy, encode(ExecutionsApplied(STRATEGY, message.seq, 1)))


def run(asked: Options) -> dict[str, Any]:
    runs = QUICK_RUNS if asked.is_quick else RUNS
    samples: dict[str, list[tuple[float, float]]] = {way: [] for way in WAYS}
    with tempfile.TemporaryDirectory(prefix="oc") as name:
        context = Context()
        bench = Bench(Path(name), context)
        try:
            with bench.process():
                for number in range(runs):
                    for index, way in enumerate(WAYS):
                        samples[way].append(bench.run(way, number * len(WAYS) + index))
        finally:
            context.destroy(0)
    return {
        "bench": "kill_switch",
        "open_orders": OPEN_ORDERS,
        "runs": runs,
        "ways": {way: _figures(figures) for way, figures in samples.items()},
        "is_within_target": all(
            denied <= TARGET_DENIED_MS and cancelled <= TARGET_CANCELLED_MS
            for figures in samples.values()
            for denied, cancelled in figures
        ),
    }


def _figures(samples: Sequence[tuple[float, float]]) -> dict[str, dict[str, float]]:
    named = {"first_denied_ms": [sample[0] for sample in samples], "all_cancels_ms": [sample[1] for sample in samples]}
    return {
        name: {percent: rounded(ms) for percent, ms in percentiles(values, (50.0, 90.0, 100.0)).items()}
        for name, values in named.items()
    }


def main(argv: Sequence[str] | None = None) -> int:
    asked = options("kill_switch", "Halt of a gateway process with 1,000 open orders.", argv)
    result = run(asked)
    rows: list[tuple[str, ...]] = [("ms", "p50", "p90", "max", "target")]
    targets = {"first_denied_ms": TARGET_DENIED_MS, "all_cancels_ms": TARGET_CANCELLED_MS}
    for way, figures in result["ways"].items():
        for name, ms in figures.items():
            words = name.removesuffix("_ms").replace("_", " ")
            rows.append((f"by {way}: {words}", *(f"{figure:.1f}" for figure in ms.values()), f"{targets[name]:g}"))
    title = f"kill switch with {result['open_orders']} open orders, {result['runs']} runs each"
    show(result, rows, title, is_json=asked.is_json)
    return 0 if result["is_within_target"] else 1


if __name__ == "__main__":
    sys.exit(main())
