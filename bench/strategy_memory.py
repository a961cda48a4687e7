"""What one strategy actor more costs in a host that has some already: `python -m bench.strategy_memory`.

Real strategy actors (mailbox, links, journal, market views) in one process with one ZeroMQ context, all heard by a
played gateway; each is welcomed, recovers, and hears hundreds of quotes before memory is read. The reference is a
bare thread with the same number of connected sockets. A host of Open Outcry carries one strategy today; this is what
sharing one would cost.
"""

import gc
import sys
import tempfile
import time
import tracemalloc
from collections.abc import Sequence
from decimal import Decimal
from threading import Event, Thread

import msgspec
import psutil
import zmq

from actors.runtime.child import Outcome
from actors.runtime.host import StrategyActor
from actors.runtime.links import ORDERS_HWM, Context, dealer, publisher, router, subscriber
from actors.runtime.spec import GatewayEndpoints, HostSpec
from actors.strategies.spot_futures.strategy import SpotFutures
from bench.measure import options, rounded, show
from messages.codec import TO_GATEWAY, encode, encode_published
from messages.gateway_link import Hello, Welcome
from messages.instruments import Instrument, InstrumentType
from messages.market import Quote
from messages.topics import Channel, topic

TARGET_MB = 0.3
ACTORS_BEFORE, ACTORS_MORE = 5, 40
QUICK_ACTORS = 4
QUOTES_EACH = 500
PAUSE_S = 0.01
"""Between two quotes of an instrument: strategies that share one interpreter are those whose markets are slow."""
WAIT_S = 30.0
BYTES_PER_MB = 1e6
VENUE = "sim"

SPOT = Instrument(
    symbol="BTCUSDT", venue=VENUE, type=InstrumentType.SPOT, base="BTC", quote="USDT", settle="USDT",
    tick_size=Decimal("0.01"), lot_size=Decimal("0.00001"), taker_fee_bps=Decimal(1),
)  # fmt: skip
PERPETUAL = msgspec.structs.replace(SPOT, symbol="BTCUSDT_PERP", type=InstrumentType.PERPETUAL)


class SharingActor(StrategyActor):
    """The strategy actor as it is, in the context of the whole process."""

    shares_context = True


class PlayedGateway:
    """Welcomes whoever greets, and publishes quotes."""

    def __init__(self, context: Context, folder: str) -> None:
        self.endpoints = GatewayEndpoints(f"ipc://{folder}/o", f"ipc://{folder}/m")
        self.orders = router(context, self.endpoints.orders, hwm=ORDERS_HWM)
        self.market = publisher(context, self.endpoints.market_data)
        self._seq = 0

    def welcome(self, actors: int) -> None:
        """Answer greetings, and wait until as many actors have subscribed to the quotes of both instruments."""
        subscriptions, deadline = 0, time.monotonic() + WAIT_S
        quotes = topic(Channel.QUOTE, SPOT.id), topic(Channel.QUOTE, PERPETUAL.id)
        while subscriptions < 2 * actors:
            if time.monotonic() > deadline:
                raise TimeoutError(f"{subscriptions} subscriptions of {2 * actors} after {WAIT_S:g} s")
            if self.orders.poll(5):
                sender, frame = self.orders.recv_multipart()
                hello = TO_GATEWAY.decode(frame)
                if isinstance(hello, Hello):
                    welcome = Welcome(VENUE, hello.strategy, hello.epoch, 0, {}, (), is_venue_up=True)
                    self.orders.send_multipart((sender, encode(welcome)))
            while self.market.poll(0):
                subscriptions += self.market.recv()[1:] in quotes

    def publish(self, quotes: int) -> None:
        for _ in range(quotes):
            self._seq += 1
            for instrument in (SPOT, PERPETUAL):
                now_ns = time.time_ns()
                quote = Quote(instrument.id, 60_000.0, 1.0, 60_000.1, 1.0, now_ns, now_ns, seq=self._seq)
                self.market.send(encode_published(topic(Channel.QUOTE, instrument.id), quote))
            time.sleep(PAUSE_S)


def host_spec(folder: str, number: int, endpoints: GatewayEndpoints) -> HostSpec:
    name = f"carry-{number}"
    return HostSpec(
        process=f"strategy-{name}",
        cluster="bench",
        supervisor_endpoint=f"ipc://{folder}/supervisor",
        heartbeat_interval_ms=1_000,
        is_simulated=False,
        strategy=name,
        kind=SpotFutures.kind,
        epoch=1,
        order_prefix=f"b-{number}",
        parameters={"spot": SPOT.id, "futures": PERPETUAL.id, "notional": "1000", "min_edge_bps": 100.0},
        instruments=(SPOT, PERPETUAL),
        gateways={VENUE: endpoints},
        journal_dir=f"{folder}/{name}",
    )


def memory() -> tuple[float, float]:
    """(resident MB of the process, MB of Python objects)."""
    gc.unfreeze()
    gc.collect()
    return psutil.Process().memory_info().rss / BYTES_PER_MB, tracemalloc.get_traced_memory()[0] / BYTES_PER_MB


def measure_actors(before: int, more: int, quotes: int, *, is_tracing: bool) -> tuple[float, float]:
    """MB for each actor more: (resident, Python objects); the latter 0 where untraced: tracing takes room."""
    with tempfile.TemporaryDirectory(prefix="oc") as folder:
        context = Context.instance()
        gateway = PlayedGateway(context, folder)
        actors = []
        readings = []
        if is_tracing:
            tracemalloc.start()
        for count in (before, more):
            first = len(actors)
            actors += [
                SharingActor.start(host_spec(folder, first + number, gateway.endpoints), Outcome())
                for number in range(count)
            ]
            gateway.welcome(count)
            gateway.publish(quotes)
            time.sleep(0.5)
            readings.append(memory())
        for actor in actors:
            actor.stop(block=True, timeout=WAIT_S)
        gateway.orders.close(0)
        gateway.market.close(0)
        tracemalloc.stop()
    return (readings[1][0] - readings[0][0]) / more, (readings[1][1] - readings[0][1]) / more


def measure_bare(more: int) -> float:
    """Resident MB for each bare thread with three connected sockets."""
    with tempfile.TemporaryDirectory(prefix="oc") as folder:
        context: Context = zmq.Context()
        ended, threads = Event(), []
        peers = router(context, f"ipc://{folder}/o", hwm=ORDERS_HWM)

        def run(number: int) -> None:
            sockets = [dealer(context, f"ipc://{folder}/o", f"d{number}-{side}", hwm=ORDERS_HWM) for side in (0, 1)]
            sockets.append(subscriber(context, f"ipc://{folder}/m"))
            ended.wait()
            for socket in sockets:
                socket.close(0)

        start = memory()[0]
        for number in range(more):
            threads.append(Thread(target=run, args=(number,)))
            threads[-1].start()
        time.sleep(0.5)
        end = memory()[0]
        ended.set()
        for thread in threads:
            thread.join(WAIT_S)
        peers.close(0)
        context.term()
    return (end - start) / more


def main(argv: Sequence[str] | None = None) -> int:
    asked = options("strategy_memory", "What one strategy actor more costs in a host.", argv)
    before, more = (2, QUICK_ACTORS) if asked.is_quick else (ACTORS_BEFORE, ACTORS_MORE)
    quotes = 100 if asked.is_quick else QUOTES_EACH
    rss_mb, _ = measure_actors(before, more, quotes, is_tracing=False)
    _, objects_mb = measure_actors(before, more, quotes, is_tracing=True)
    bare_mb = measure_bare(more)
    result = {
        "bench": "strategy_memory",
        "actors": more,
        "rss_mb": rounded(rss_mb),
        "python_objects_mb": rounded(objects_mb),
        "bare_rss_mb": rounded(bare_mb),
        "is_within_target": max(rss_mb, objects_mb) <= TARGET_MB,
    }
    rows = [
        ("for each of so many more", "MB"),
        (f"strategy actor, resident ({more})", f"{rss_mb:.3f}"),
        (f"strategy actor, Python objects ({more})", f"{objects_mb:.3f}"),
        (f"bare thread with three sockets, resident ({more})", f"{bare_mb:.3f}"),
    ]
    show(result, rows, f"target {TARGET_MB} MB for one strategy actor more", is_json=asked.is_json)
    return 0


if __name__ == "__main__":
    sys.exit(main())
