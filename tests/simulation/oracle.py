"""Who is right: the venues' own ledgers, and what was promised, checked during a run and after it."""

from decimal import Decimal
from pathlib import Path
from typing import Any, Final

import msgspec
import zmq

from actors.replay import Replay
from actors.runtime.input_journal import is_left_out, read_steps
from actors.runtime.journal import read_journal
from actors.runtime.journal_header import read_header
from actors.runtime.strategy_kinds import strategy_class
from gateways.intent_log import IntentChannel
from messages.codec import FROM_CHILD, FROM_GATEWAY, TO_CHILD, TO_GATEWAY
from messages.control import CommandDone, FenceStrategy, Halt, Welcome
from messages.health import Lifecycle, ProcessState
from messages.orders import Fill, Side, SubmitOrder, is_forced, is_venue_made
from messages.risk import LeaseGrant
from tests.simulation.cluster import SUPERVISOR, Cluster
from tests.simulation.network import Connection, SimulatedSocket
from tests.simulation.patches import WATCH_NS
from tests.simulation.processes import SimulatedProcess
from tests.simulation.world import NS_PER_MS, NS_PER_S

ZERO: Final = Decimal(0)
SUBMIT: Final = b"\xa6submit"
FENCE: Final = b"\xa5fence"
HALT: Final = b"\xa4halt"
DONE: Final = b"\xa4done"
WELCOME: Final = b"\xa7welcome"
GRANT: Final = b"\xablease-grant"
ALERTED: Final = b"\xb0strategy-alerted"
HEAD: Final = 20
LATCH_GRACE_NS: Final = 2 * WATCH_NS
LEASE_GRACE_NS: Final = 50 * NS_PER_MS


class Watch:
    """Promises that are kept or broken in the moment in which a frame leaves a process.

    :ivar orders: submitted to a venue so far.
    """

    def __init__(self, cluster: Cluster) -> None:
        self._cluster = cluster
        self._gateways = frozenset(cluster.gateways)
        self._venue_endpoints = {
            child.spec.venue_orders_endpoint for child in cluster.plan.children if child.name in self._gateways
        }
        self._asked: dict[str, Any] = {}
        self._fences: dict[tuple[str, str], int] = {}
        self._halted: set[str] = set()
        self._leased_until_ns: dict[str, int] = {}
        risk = cluster.plan.risk
        limits = risk.instruments if risk is not None else {}
        self._position_max = {
            name: limit.position_max for name, limit in limits.items() if limit.position_max is not None
        }
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
        elif process.name == SUPERVISOR and (FENCE in head or HALT in head):
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
        command = self._asked.get(done.command_id)
        if isinstance(command, FenceStrategy) and done.is_ok:
            self._fence(process.name, command.strategy, command.epoch)
        elif isinstance(command, Halt) and done.is_ok:
            self._halted.add(process.name)

    def _fence(self, gateway: str, strategy: str, epoch: int) -> None:
        self._fences[gateway, strategy] = max(epoch, self._fences.get((gateway, strategy), 0))

    def _on_submit(self, process: SimulatedProcess, frame: bytes) -> None:
        order = TO_GATEWAY.decode(frame)
        assert isinstance(order, SubmitOrder)
        self.orders += 1
        if is_forced(order.client_order_id):
            return
        name = f"{process.name} sent {order.client_order_id}"
        if order.epoch < self._fences.get((process.name, order.strategy), 0):
            self._cluster.table.violation(f"fence: {name} of epoch {order.epoch}, which is over")
        if process.name in self._halted:
            self._cluster.table.violation(f"halt: {name} while halted")
        seen_ns = max(self._cluster.latched_ns, process.thawed_ns)
        if self._cluster.latched_ns and self._cluster.world.now_ns - seen_ns > LATCH_GRACE_NS:
            self._cluster.table.violation(f"halt: {name} though the latch is set")
        age_ns = self.market_ns() - order.ts_created
        if age_ns > order.valid_for_ms * NS_PER_MS:
            self._cluster.table.violation(f"expiry: {name} {age_ns / 1e6:.1f} ms old, of {order.valid_for_ms}")

        self._check_limits(process, order, name)

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
        most = self._position_max.get(order.instrument)
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


# --- the books -------------------------------------------------------------------------------------------------------


def differences(cluster: Cluster) -> list[str]:
    """Where the books of venues, gateways and strategies differ now; nothing once everything has settled."""
    core = cluster.core
    if core is None:
        return ["the supervisor is away"]
    found = [
        f"{child.name} is {child.state.value}"
        for child in core.floor.children.values()
        if child.state not in {ProcessState.RUNNING, ProcessState.QUARANTINED}
    ]
    for name in cluster.gateways:
        found += _at_gateway(cluster, core, name)
    return found


def _at_gateway(cluster: Cluster, core: Any, name: str) -> list[str]:
    gateway, venue = cluster.actor(name), cluster.venues.get(name)
    if gateway is None or venue is None or not hasattr(gateway, "_desk"):
        return [f"{name} is away"]
    records, found = gateway._desk.records, []
    whole = records.positions()
    for instrument in gateway._instruments:
        theirs, ours = venue.ledger.position(instrument), whole.get(instrument, ZERO)
        if theirs != ours:
            found.append(f"position {instrument}: venue {theirs}, gateway {ours}")
    venues_open = sorted(venue._orders.open_orders)
    ours_open = sorted(order.request.client_order_id for order in records.open_orders())
    if venues_open != ours_open:
        found.append(f"open orders at {name}: venue {venues_open}, gateway {ours_open}")
    for strategy in cluster.strategies:
        found += _at_strategy(cluster, core, strategy, gateway)
    return found


def _at_strategy(cluster: Cluster, core: Any, name: str, gateway: Any) -> list[str]:
    if core.floor.children[name].state is ProcessState.QUARANTINED:
        return []
    host = cluster.actor(name)
    if host is None or host.lifecycle not in {Lifecycle.RUNNING, Lifecycle.PAUSED}:
        return [f"{name} does not run"]
    held, found = gateway._desk.records.positions(name), []
    for instrument in host.strategy.instruments.values():
        if instrument.venue != gateway.spec.venue:
            continue
        theirs, ours = held.get(instrument.id, ZERO), host.strategy.ledger.position(instrument.id)
        if theirs != ours:
            found.append(f"position {instrument.id} of {name}: gateway {theirs}, strategy {ours}")
    theirs = sorted(order.request.client_order_id for order in gateway._desk.records.open_orders(name))
    waiting = {key for _, key in gateway._desk.queue._waiting}  # for the venue's rate limit; not at the venue yet
    ours = sorted(
        order.request.client_order_id
        for order in host.strategy.open_orders
        if host._venue_of[order.request.instrument] == gateway.spec.venue
        and order.request.client_order_id not in waiting
    )
    if theirs != ours:
        found.append(f"open orders of {name} at {gateway.spec.venue}: gateway {theirs}, strategy {ours}")
    return found


def unbalanced(cluster: Cluster) -> list[str]:
    """Pairs that hold, in this moment, what is neither balanced nor too small to trade, and have not halted either."""
    found = []
    for name in cluster.strategies:
        host = cluster.actor(name)
        pair = getattr(host.strategy, "pair", None) if host is not None else None
        if pair is None:
            continue
        if not host.strategy.is_settled:  # halted counts as settled
            found.append(f"{name} is {pair.state.name}")
    return found


# --- after a run -----------------------------------------------------------------------------------------------------


class Verdict:
    """What a run has lost and doubled, and every promise that it broke."""

    def __init__(self, cluster: Cluster) -> None:
        self.violations = list(cluster.table.problems)
        self.lost = self.doubled = self.fills = 0
        self._cluster = cluster
        for name in cluster.gateways:
            self._judge_gateway(name)
        for name in cluster.strategies:
            self._judge_strategy(name)

    def _judge_gateway(self, name: str) -> None:
        venue = self._cluster.venues.get(name)
        if venue is None:
            return
        intents, fills = _journal_of(self._directory(name))
        for order, times in venue.seen.items():
            if times > 1:
                self.doubled += 1
                self.violations.append(f"order {order} reached {name} {times} times")
            if order not in intents:
                self.lost += 1
                self.violations.append(f"order {order} reached {name} without an intent in the journal")
        venues = sorted(fill.trade_id for order in venue._orders._orders.values() for fill in order.fills)
        self.fills += len(venues)
        ours = sorted(trade_id for trade_id, order in fills if not is_venue_made(order))
        for trade_id in sorted(set(venues) - set(ours)):
            self.lost += 1
            self.violations.append(f"fill {trade_id} of {name} is not in the gateway's journal")
        for trade_id in sorted({trade_id for trade_id in ours if ours.count(trade_id) > 1}):
            self.doubled += 1
            self.violations.append(f"fill {trade_id} of {name} is {ours.count(trade_id)} times in the journal")

    def _judge_strategy(self, name: str) -> None:
        core = self._cluster.core
        child = core.floor.children[name] if core is not None else None
        host = self._cluster.actor(name)
        is_running = child is not None and child.state is ProcessState.RUNNING and host is not None
        if is_running and host.strategy.state.name == "HALTED" and name not in self._cluster.alerted:
            self.violations.append(f"{name} is HALTED and nobody was told")
        self._replay(name)

    def _replay(self, name: str) -> None:
        """The journal of a strategy, told to a new object of its kind, gives the same answers again."""
        directory = self._directory(name)
        if not (directory / "strategy.json").exists():
            return
        header = read_header(directory)
        kind = strategy_class(header.kind)
        instruments = {instrument.id: instrument for instrument in header.instruments}
        strategy = kind(header.strategy, instruments, msgspec.convert(header.parameters, kind.parameters_type))
        replay = Replay(strategy)
        result = replay.run(step for step in read_steps(directory) if not is_left_out(step))  # type: ignore[arg-type]
        if result.difference is not None:
            difference = result.difference
            self.violations.append(f"replay of {name}: {difference.told.number}: {difference}"[:600])

    def _directory(self, name: str) -> Path:
        (child,) = (child for child in self._cluster.plan.children if child.name == name)
        return Path(child.spec.journal_dir)


def _journal_of(directory: Path) -> tuple[set[str], list[tuple[str, str]]]:
    """The ids of the orders that a gateway's journal intends, and each fill in it: its trade and its order."""
    intents: set[str] = set()
    fills: list[tuple[str, str]] = []
    for record in read_journal(directory):
        if record.channel == IntentChannel.INTENT and SUBMIT in record.payload[:HEAD]:
            order = TO_GATEWAY.decode(record.payload)
            intents.add(order.client_order_id)  # type: ignore[union-attr]
        elif record.channel == IntentChannel.REPORT:
            report = FROM_GATEWAY.decode(record.payload)
            if isinstance(report, Fill):
                fills.append((report.trade_id, report.client_order_id))
    return intents, fills


def flush_journals(cluster: Cluster) -> None:
    """What living actors have buffered is written, as at their orderly end, so that the journals can be read."""
    for process in cluster.table.processes.values():
        journal = getattr(process.actor, "_journal", None)
        if process.is_alive and journal is not None and process not in cluster.table.zombies:
            cluster.world.current = process
            journal.flush()
    cluster.world.current = None


def seconds(ns: int) -> float:
    return ns / NS_PER_S
