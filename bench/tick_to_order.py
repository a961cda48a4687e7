"""From a quote published by a gateway process to the order that it caused, past the gate of a gateway process.

Two process boundaries, the real gateway (`gateways.gateway`), the real strategy host (`actors.runtime.host`) and the
real links between them, with risk leases. This process stands for the venue, which sends quotes and takes the orders
that come out, and for the supervisor, which grants the leases. The clock starts in the gateway before the quote is
stamped and encoded, and stops there after the order was received, decoded, checked and its intent journaled.

The reference is a bare ZeroMQ echo in the same topology, over the same socket types, transport, options, byte sizes and
pacing: it only receives and sends. Both run in alternating blocks, so that a change of the machine's pace meets both.
Every sample is kept.

With `--curve`, all links of both have keys: the same encryption and the same authentication.
"""

import subprocess
import sys
import tempfile
from array import array
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from decimal import Decimal
from pathlib import Path
from time import monotonic_ns, sleep
from typing import Any

from actors.runtime.keys import Role
from actors.runtime.links import Context, publisher, router
from actors.runtime.spec import GatewayEndpoints, HostSpec, write_spec
from bench.link_keys import LinkKeys
from bench.measure import Options, options, percentiles, rounded, show
from bench.tick_to_order_parts import parts_us
from gateways.gate.gate_limits import GateLimits
from gateways.spec import GatewaySpec
from gateways.venue import TO_VENUE, AccountQuery, AccountState, LoginAccepted, VenueLogin
from messages.codec import FROM_CHILD, encode, encode_published
from messages.from_child import Ready
from messages.instruments import Instrument, InstrumentType
from messages.market import ClockTick, Quote
from messages.orders import CloseReason, OrderClosed, SubmitOrder
from messages.risk import Lease, LeaseGrant, LeaseRequest
from messages.to_child import StopProcess
from messages.topics import Channel, topic

BLOCK = 1_000
SAMPLES = 20 * BLOCK
WARM_UP = 1_000
PACE_NS = 1_000_000
START_MS = 20_000
ANSWER_MS = 5_000

INSTRUMENT = Instrument(
    symbol="BTCUSDT", venue="bench", type=InstrumentType.SPOT, base="BTC", quote="USDT", settle="USDT",
    tick_size=Decimal("0.01"), lot_size=Decimal("0.00001"), min_notional=Decimal(5),
)  # fmt: skip
STRATEGY = "probe"
EXCHANGE, SUPERVISOR, BARE_GATEWAY, BARE_HOST = "exchange", "supervisor", "bare-gateway", "bare-host"
ROLES = {
    EXCHANGE: Role.EXCHANGE, SUPERVISOR: Role.SUPERVISOR, INSTRUMENT.venue: Role.GATEWAY, STRATEGY: Role.STRATEGY,
    BARE_GATEWAY: Role.GATEWAY, BARE_HOST: Role.STRATEGY,
}  # fmt: skip
OPEN_LIMITS = GateLimits(
    order_notional_max=Decimal("1e18"), open_orders_max=100_000, open_orders_per_strategy_max=100_000,
    messages_per_s=100_000.0,
)  # fmt: skip
"""So that every order of a block passes; each bound is checked all the same."""
LEASE = Lease(STRATEGY, INSTRUMENT.id, 1, Decimal(10**6), Decimal(10**6), Decimal(10**12))
LEASE_TTL_MS = 60_000
"""Asked for five times in that time, and answered between blocks."""
PARTS = ("v-orders", "v-data", "orders", "market", "children")


class Venue:
    """The venue of one gateway, real or bare: the process of the bench itself."""

    def __init__(self, context: Context, directory: Path, name: str) -> None:
        self.name = name
        self.endpoints = endpoints(directory, name)
        self.orders = router(context, self.endpoints["v-orders"], admits=(Role.GATEWAY,))
        self.data = publisher(context, self.endpoints["v-data"], admits=(Role.GATEWAY,))
        self.peer = b""
        self.sent = 0

    def quote(self) -> bytes:
        self.sent += 1
        now_ns = monotonic_ns()
        quote = Quote(INSTRUMENT.id, 61_602.01, 1.67177, 61_602.02, 2.66795, now_ns, now_ns, 10**6, now_ns)
        return encode_published(topic(Channel.QUOTE, INSTRUMENT.id), quote)

    def answer(self) -> tuple[bytes, bytes]:
        if not self.orders.poll(ANSWER_MS):
            raise TimeoutError(f"no order from the {self.name} pipeline within {ANSWER_MS} ms")
        self.peer, frame = self.orders.recv_multipart()
        return self.peer, frame

    def next_order(self) -> bytes:
        """The next frame that is an order; a gateway also logs in and asks for its account."""
        while True:
            peer, frame = self.answer()
            if self.name == "bare":
                return frame
            message = TO_VENUE.decode(frame)
            if isinstance(message, SubmitOrder):
                return frame
            self._serve(peer, message)

    def _serve(self, peer: bytes, message: Any) -> None:
        if isinstance(message, VenueLogin):
            self.orders.send_multipart([peer, encode(LoginAccepted(INSTRUMENT.venue, 0))])
            clock = ClockTick(INSTRUMENT.venue, monotonic_ns(), monotonic_ns(), 1.0)
            self.data.send(encode_published(topic(Channel.CLOCK, INSTRUMENT.venue), clock))
        elif isinstance(message, AccountQuery):
            state = AccountState(INSTRUMENT.venue, {}, {}, (), (), 0)
            self.orders.send_multipart([peer, encode(state)])

    def serve_waiting(self) -> None:
        """Answer whatever a gateway has asked that is not an order."""
        while self.orders.poll(0):
            peer, frame = self.orders.recv_multipart()
            if self.name != "bare":
                self._serve(peer, TO_VENUE.decode(frame))

    def close_orders(self, orders: list[bytes]) -> None:
        """Between blocks: end every order of the last one, so that the books stay small."""
        if self.name == "bare":
            return
        for frame in orders:
            order = TO_VENUE.decode(frame)
            assert isinstance(order, SubmitOrder)
            head = (order.client_order_id, order.strategy, order.instrument)
            closed = OrderClosed(*head, CloseReason.EXPIRED, Decimal(0), monotonic_ns())
            self.orders.send_multipart([self.peer, encode(closed)])
        sleep(0.2)

    def block(self, count: int, pace_ns: int) -> list[bytes]:
        """Send so many quotes and take as many orders, one at a time; paced, or each as soon as the last came back."""
        orders, due_ns = [], monotonic_ns()
        for _ in range(count):
            if pace_ns:
                due_ns = max(due_ns + pace_ns, monotonic_ns())
                self.serve_waiting()
                while (left_ns := due_ns - monotonic_ns()) > 0:
                    sleep(left_ns / 1e9)
            self.data.send(self.quote())
            orders.append(self.next_order())
        return orders


class Supervisor:
    """Of the real pipeline: knows where its children are, and grants the lease.

    :ivar peers: routing ids of the children, by name. :ivar ready: those that said that they can do their work.
    """

    def __init__(self, context: Context, endpoint: str) -> None:
        self._children = router(context, endpoint, admits=(Role.GATEWAY, Role.STRATEGY))
        self.peers: dict[str, bytes] = {}
        self.ready: set[str] = set()
        self.is_granted = False

    def serve(self, timeout_ms: int = 0) -> None:
        """Take what the children have said."""
        while self._children.poll(timeout_ms):
            peer, frame = self._children.recv_multipart()
            message = FROM_CHILD.decode(frame)
            self.peers[message.process] = peer
            if isinstance(message, Ready):
                self.ready.add(message.process)
            elif isinstance(message, LeaseRequest):
                self.is_granted = True
                grant = LeaseGrant(message.asked_mono_ns, 1, LEASE_TTL_MS, (LEASE,))
                self._children.send_multipart([peer, encode(grant)])

    def stop(self) -> None:
        for name, peer in self.peers.items():
            self._children.send_multipart([peer, encode(StopProcess(f"stop-{name}", 2_000))])


def endpoints(directory: Path, name: str) -> dict[str, str]:
    return {part: f"ipc://{directory}/{name}-{part}" for part in PARTS}


def link_keys(directory: Path, *, is_curve: bool) -> LinkKeys:
    """Of both pipelines."""
    owners = {}
    for name, gateway in (("outcry", INSTRUMENT.venue), ("bare", BARE_GATEWAY)):
        binds = (EXCHANGE, EXCHANGE, gateway, gateway, SUPERVISOR)
        owners |= dict(zip(endpoints(directory, name).values(), binds, strict=True))
    return LinkKeys(directory, owners, ROLES if is_curve else None)


@contextmanager
def processes(*commands: list[str]) -> Iterator[list[subprocess.Popen[bytes]]]:
    running = [subprocess.Popen([sys.executable, "-m", "bench.tick_to_order_processes", *each]) for each in commands]
    try:
        yield running
    finally:
        for process in running:
            process.kill()
            process.wait()


def start_outcry(directory: Path, venue: Venue, keys: LinkKeys) -> list[list[str]]:
    names = venue.endpoints
    common: dict[str, Any] = {"cluster": "bench", "supervisor_endpoint": names["children"]}
    gateway = GatewaySpec(
        process="bench", venue=INSTRUMENT.venue, instruments=(INSTRUMENT,), orders_endpoint=names["orders"],
        market_data_endpoint=names["market"], venue_orders_endpoint=names["v-orders"],
        venue_data_endpoint=names["v-data"], journal_dir=str(directory / "gateway"),
        keys=keys.files(INSTRUMENT.venue), checks=OPEN_LIMITS, is_leased=True, **common,
    )  # fmt: skip
    host = HostSpec(
        process=STRATEGY, strategy=STRATEGY, kind="probe", epoch=1, order_prefix="bench-probe",
        parameters={"instrument": INSTRUMENT.id, "quantity": "0.001"}, instruments=(INSTRUMENT,),
        gateways={INSTRUMENT.venue: GatewayEndpoints(names["orders"], names["market"])},
        journal_dir=str(directory / "host"), keys=keys.files(STRATEGY), **common,
    )  # fmt: skip
    write_spec(directory / "gateway.json", gateway)
    write_spec(directory / "host.json", host)
    return [["gateway", str(directory / "gateway.json")], ["host", str(directory / "host.json")]]


def wait_until_ready(venue: Venue, supervisor: Supervisor) -> None:
    deadline_ns = monotonic_ns() + START_MS * 1_000_000
    while not (supervisor.is_granted and supervisor.ready == {INSTRUMENT.venue, STRATEGY}):
        if monotonic_ns() > deadline_ns:
            raise TimeoutError(f"not ready within {START_MS} ms; ready: {sorted(supervisor.ready)}")
        venue.serve_waiting()
        supervisor.serve(10)


def read_samples(file: Path) -> list[float]:
    samples = array("q")
    samples.frombytes(file.read_bytes())
    return [ns / 1_000 for ns in samples]


def measure(count: int, pace_ns: int, *, is_curve: bool) -> dict[str, list[float]]:
    """Samples in microseconds of both pipelines, which run in alternating blocks."""
    with tempfile.TemporaryDirectory(prefix="oc") as name:
        directory = Path(name)
        keys = link_keys(directory, is_curve=is_curve)
        context, supervisors = keys.context(EXCHANGE), keys.context(SUPERVISOR)
        outcry, bare = Venue(context, directory, "outcry"), Venue(context, directory, "bare")
        supervisor = Supervisor(supervisors, outcry.endpoints["children"])
        commands = start_outcry(directory, outcry, keys)
        try:
            with processes(*commands) as running:
                wait_until_ready(outcry, supervisor)
                outcry.close_orders(outcry.block(WARM_UP, 0))
                order_bytes = len(outcry.block(1, 0)[0])
                ends = bare.endpoints
                near = ["bare-gateway", ends["v-orders"], ends["v-data"], ends["orders"], ends["market"]]
                far = ["bare-host", ends["orders"], ends["market"], str(order_bytes), keys.file(BARE_HOST)]
                with processes([*near, str(directory / "bare.samples"), keys.file(BARE_GATEWAY)], far) as bare_running:
                    bare.answer()
                    bare.block(WARM_UP, 0)
                    for _ in range(count // BLOCK):
                        outcry.close_orders(outcry.block(BLOCK, pace_ns))
                        supervisor.serve()
                        bare.block(BLOCK, pace_ns)
                    bare.data.send(b"end")
                    bare_running[0].wait(10)
                supervisor.stop()
                for process in running:
                    process.wait(10)
            return {
                "outcry": read_samples(directory / "gateway.samples")[-count:],
                "bare": read_samples(directory / "bare.samples")[-count:],
            }
        finally:
            context.destroy(0)
            supervisors.destroy(0)


def figures(samples: dict[str, list[float]]) -> dict[str, Any]:
    outcry, bare = (percentiles(samples[name]) for name in ("outcry", "bare"))
    return {
        "n": len(samples["outcry"]),
        "outcry_us": {name: rounded(us) for name, us in outcry.items()},
        "bare_us": {name: rounded(us) for name, us in bare.items()},
        "ratio_p50": rounded(outcry["p50"] / bare["p50"]),
        "ratio_p99": rounded(outcry["p99"] / bare["p99"]),
    }


def run(asked: Options) -> dict[str, Any]:
    count, is_curve = BLOCK if asked.is_quick else SAMPLES, "curve" in asked.flags
    return {
        "bench": "tick_to_order",
        "is_curve": is_curve,
        "paced": figures(measure(count, PACE_NS, is_curve=is_curve)),
        "unpaced": figures(measure(count, 0, is_curve=is_curve)),
        "parts_us": parts_us(INSTRUMENT),
    }


def main(argv: Sequence[str] | None = None) -> int:
    flags = {"curve": "with keys on every link of both pipelines"}
    asked = options("tick_to_order", "Quote published to order past the gate, beside a bare ZeroMQ echo.", argv, flags)
    result = run(asked)
    rows = [("us", "p50", "p99", "p99.9")]
    for pace in ("paced", "unpaced"):
        of = result[pace]
        for pipeline in ("outcry", "bare"):
            us = of[f"{pipeline}_us"]
            rows += [(f"{pace} {pipeline}", *(f"{us[percent]:.1f}" for percent in ("p50", "p99", "p99.9")))]
        rows.append((f"{pace} ratio", f"{of['ratio_p50']:.2f}", f"{of['ratio_p99']:.2f}", ""))
    rows.append(("our own steps", "hot", "cold", ""))
    rows += [(step, f"{us['hot']:.2f}", f"{us['cold']:.2f}", "") for step, us in result["parts_us"].items()]
    show(result, rows, f"tick to order, {result['paced']['n']} samples each, all kept", is_json=asked.is_json)
    return 0


if __name__ == "__main__":
    sys.exit(main())
