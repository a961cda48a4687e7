"""The processes of the latency bench: the real gateway and the real host, and the bare echo in their place.

Run by `bench.tick_to_order`, as `python -m bench.tick_to_order_processes ROLE ARGUMENTS`.
"""

import gc
import sys
from array import array
from collections import defaultdict
from pathlib import Path
from time import monotonic_ns

import zmq

from actors.runtime.child import run_child
from actors.runtime.host import StrategyActor
from actors.runtime.keys import Role
from actors.runtime.links import ORDERS_HWM, dealer, publisher, router, subscriber
from actors.runtime.spec import HostSpec
from actors.strategies import registry
from bench.link_keys import context_of
from bench.probe import Probe
from gateways.gateway import GatewayActor
from gateways.spec import GatewaySpec


class Samples:
    """Every sample, in nanoseconds; in place of the gateway's histogram, whose buckets are 1 % wide."""

    def __init__(self) -> None:
        self.ns = array("q")

    def add(self, ns: int) -> None:
        self.ns.append(ns)


class MeasuredGateway(GatewayActor):
    """The gateway as it is, which writes its samples to a file at the end."""

    def on_open(self) -> None:
        super().on_open()
        self._samples: defaultdict[str, Samples] = defaultdict(Samples)
        self._desk.latency = self._samples  # type: ignore[assignment]

    def _status(self):  # type: ignore[no-untyped-def]
        held, self._desk.latency = self._desk.latency, {}
        try:
            return super()._status()
        finally:
            self._desk.latency = held

    def on_close(self) -> None:
        super().on_close()
        samples = next(iter(self._samples.values()), Samples())
        Path(self.spec.journal_dir).with_suffix(".samples").write_bytes(samples.ns.tobytes())


def bare_gateway(  # noqa: PLR0917  # the words of a command line
    venue_orders: str, venue_data: str, orders: str, market_data: str, samples_file: str, keys: str
) -> None:
    """The echo's near end: passes each frame on, stamps it, waits for the answer and passes that on."""
    context = context_of("bare-gateway", keys)
    peers = router(context, orders, admits=(Role.STRATEGY,), hwm=ORDERS_HWM)
    market = publisher(context, market_data, admits=(Role.STRATEGY,))
    venue = dealer(context, venue_orders, "bare", hwm=ORDERS_HWM)
    data = subscriber(context, venue_data)
    data.subscribe(b"")
    market.recv()  # the subscription of the other end
    gc.disable()
    samples = array("q")
    venue.setsockopt(zmq.IMMEDIATE, 0)
    venue.send(b"ready")
    while True:
        frame = data.recv()
        if frame == b"end":
            break
        sent_ns = monotonic_ns()
        market.send(frame)
        _, order = peers.recv_multipart()
        samples.append(monotonic_ns() - sent_ns)
        venue.send(order)
    Path(samples_file).write_bytes(samples.tobytes())
    context.destroy(0)


def bare_host(orders: str, market_data: str, order_bytes: str, keys: str) -> None:
    """The echo's far end: answers each frame with as many bytes as an order has."""
    context = context_of("bare-host", keys)
    gateway = dealer(context, orders, "bare-host", hwm=ORDERS_HWM)
    market = subscriber(context, market_data)
    market.subscribe(b"")
    order = b"x" * int(order_bytes)
    gc.disable()
    while True:
        market.recv()
        gateway.send(order)


def main(arguments: list[str]) -> int:
    role, *rest = arguments
    if role == "gateway":
        return run_child(MeasuredGateway, GatewaySpec, rest)
    if role == "host":
        registry.KINDS = {**registry.KINDS, Probe.kind: Probe}
        return run_child(StrategyActor, HostSpec, rest)
    if role == "bare-gateway":
        bare_gateway(*rest)
    else:
        bare_host(*rest)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
