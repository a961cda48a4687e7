"""Promises that are kept or broken in the moment in which a frame leaves a process."""

from decimal import Decimal
from typing import Any, Final

import zmq

from messages.codec import FROM_CHILD, FROM_GATEWAY, TO_CHILD, TO_GATEWAY
from messages.from_child import CommandDone
from messages.gateway_link import Welcome
from messages.orders import Side, SubmitOrder, is_forced
from messages.risk import LeaseGrant
from messages.to_child import FenceStrategy, Halt, Unhalt
from tests.simulation.cluster import SUPERVISOR, Cluster
from tests.simulation.network import Connection
from tests.simulation.patches import WATCH_NS
from tests.simulation.processes import SimulatedProcess
from tests.simulation.sockets import SimulatedSocket
from tests.simulation.world import NS_PER_MS

ZERO: Final = Decimal(0)
SUBMIT: Final = b"\xa6submit"
FENCE: Final = b"\xa5fence"
HALT: Final = b"\xa4halt"
UNHALT: Final = b"\xa6unhalt"
DONE: Final = b"\xa4done"
WELCOME: Final = b"\xa7welcome"
GRANT: Final = b"\xablease-grant"
ALERTED: Final = b"\xb0strategy-alerted"
HEAD: Final = 20
LATCH_GRACE_NS: Final = 2 * WATCH_NS
LEASE_GRACE_NS: Final = 50 * NS_PER_MS


class Watch:
    """Looks at every frame before it leaves.

    :ivar orders: submitted to a venue so far; `last_order_ns` by strategy, when its last one left.
    """

    def __init__(self, cluster: Cluster) -> None:
        self._cluster = cluster
        self._gateways = frozenset(cluster.gateways)
        self._venue_endpoints = {
            child.spec.venue_orders_endpoint for child in cluster.plan.children if child.name in self._gateways
        }
        self._asked: dict[str, Any] = {}
        self._fences: dict[tuple[str, str], int] = {}
        self._halted: dict[str, int] = {}
        self._done: set[tuple[int, str]] = set()
        self.last_order_ns: dict[str, int] = {}
        self._leased_until_ns: dict[str, int] = {}
        self.orders = 0
        cluster.table.send_watchers.append(self)

    def __call__(self, process: SimulatedProcess, socket: SimulatedSocket, parts: tuple[bytes, ...]) -> None:
        head = parts[-1][:HEAD]
        if process.name in self._gateways:
            if SUBMIT in head and socket.kind == zmq.DEALER:
                self._on_submit(process, parts[-1])
            elif WELCOME in head:
                self._on_welcome(process, parts[-1])
            elif DONE in head:
                self._on_done(process, parts[-1])
        elif ALERTED in head:
            self._cluster.alerted.add(process.name)
        elif process.name == SUPERVISOR and GRANT in head:
            self._on_grant(socket.peers.get(parts[0]), parts[-1])
        elif process.name == SUPERVISOR and (FENCE in head or HALT in head or UNHALT in head):
            command = TO_CHILD.decode(parts[-1])
            self._asked[command.command_id] = command  # type: ignore[union-attr]

    def _on_grant(self, connection: Connection | None, frame: bytes) -> None:
        grant = TO_CHILD.decode(frame)
        assert isinstance(grant, LeaseGrant)
        if connection is not None:
            name, ends_ns = connection.client.owner.name, grant.asked_mono_ns + grant.ttl_ms * NS_PER_MS
            self._leased_until_ns[name] = max(ends_ns, self._leased_until_ns.get(name, 0))

    def _on_welcome(self, process: SimulatedProcess, frame: bytes) -> None:
        welcome = FROM_GATEWAY.decode(frame)
        assert isinstance(welcome, Welcome)
        self._fence(process.name, welcome.strategy, welcome.epoch)

    def _on_done(self, process: SimulatedProcess, frame: bytes) -> None:
        done = FROM_CHILD.decode(frame)
        assert isinstance(done, CommandDone)
        command, key = self._asked.get(done.command_id), (process.pid, done.command_id)
        if key in self._done:
            return  # said again, and done once
        self._done.add(key)
        if isinstance(command, FenceStrategy) and done.is_ok:
            self._fence(process.name, command.strategy, command.epoch)
        elif isinstance(command, Halt) and done.is_ok:
            self._halted[process.name] = process.pid
        elif isinstance(command, Unhalt) and done.is_ok:
            self._halted.pop(process.name, None)

    def _fence(self, gateway: str, strategy: str, epoch: int) -> None:
        self._fences[gateway, strategy] = max(epoch, self._fences.get((gateway, strategy), 0))

    def _on_submit(self, process: SimulatedProcess, frame: bytes) -> None:
        order = TO_GATEWAY.decode(frame)
        assert isinstance(order, SubmitOrder)
        self.orders += 1
        self.last_order_ns[order.strategy] = self._cluster.world.now_ns
        if is_forced(order.client_order_id):
            return
        name = f"{process.name} sent {order.client_order_id}"
        if order.epoch < self._fences.get((process.name, order.strategy), 0):
            self._cluster.table.violation(f"fence: {name} of epoch {order.epoch}, which is over")
        self._check_halt(process, name)
        age_ns = self.market_ns() - order.ts_created
        if age_ns > order.valid_for_ms * NS_PER_MS:
            self._cluster.table.violation(f"expiry: {name} {age_ns / 1e6:.1f} ms old, of {order.valid_for_ms}")
        self._check_limits(process, order, name)

    def _check_halt(self, process: SimulatedProcess, name: str) -> None:
        """Who has acknowledged a halt stands still until it has acknowledged its end; the next process, too."""
        cluster = self._cluster
        pid = self._halted.get(process.name)
        if pid == process.pid or (pid is not None and cluster.operator.wants_halt):
            cluster.table.violation(f"halt: {name} while halted")
        seen_ns = max(cluster.latched_ns, process.thawed_ns)
        if cluster.latched_ns and cluster.world.now_ns - seen_ns > LATCH_GRACE_NS:
            cluster.table.violation(f"halt: {name} though the latch is set")

    def _check_limits(self, process: SimulatedProcess, order: SubmitOrder, name: str) -> None:
        """The order is in the gateway's books already, as one that may fill."""
        records = process.actor._desk.records
        grows = sides(records, order.strategy, order.instrument)[order.side.sign < 0] > max(
            ZERO, records.positions(order.strategy).get(order.instrument, ZERO) * order.side.sign
        )
        if not grows:
            return
        late_ns = self._cluster.world.now_ns - self._leased_until_ns.get(process.name, 0)
        if late_ns > LEASE_GRACE_NS:
            self._cluster.table.violation(f"lease: {name} {late_ns / 1e6:.0f} ms after the end of the leases")
        most = self._cluster.operator.position_max(order.instrument)
        if most is not None:
            owners = {owner for owner, _ in records._positions} | {order.strategy}
            owners |= {working.request.strategy for working in records.open_orders()}
            whole = sum(
                (sides(records, owner, order.instrument)[order.side.sign < 0] for owner in sorted(owners)), ZERO
            )
            if whole > most:
                self._cluster.table.violation(f"limit: with {name} the worst case is {whole}, of at most {most}")

    def market_ns(self) -> int:
        """What time it is on the market; 0 before it opens."""
        exchange = self._cluster.actor("exchange")
        pacer = exchange._pacer if exchange is not None else None
        return pacer.market_now_ns(self._cluster.world.now_ns) if pacer is not None else 0


def sides(records: Any, strategy: str, instrument: str) -> tuple[Decimal, Decimal]:
    """What a strategy's position may become if every open buy fills, and if every open sell does; both at least 0."""
    long = short = records.positions(strategy).get(instrument, ZERO)
    for order in records.open_orders(strategy):
        if order.request.instrument == instrument and order.request.side is Side.BUY:
            long += order.open_quantity
        elif order.request.instrument == instrument:
            short -= order.open_quantity
    return max(ZERO, long), max(ZERO, -short)
