"""Who is right: the venues' own ledgers. What is to agree with them, and what was promised, once a run has settled."""

from pathlib import Path
from typing import Any

import msgspec

from actors.replay import Replay
from actors.runtime.input_journal import is_left_out, read_steps
from actors.runtime.journal import read_journal
from actors.runtime.journal_header import read_header
from actors.runtime.strategy_kinds import strategy_class
from gateways.intent_log import IntentChannel
from messages.codec import FROM_GATEWAY, TO_GATEWAY
from messages.health import Lifecycle, ProcessState
from messages.orders import Fill, is_venue_made
from tests.simulation.cluster import Cluster
from tests.simulation.watch import HEAD, SUBMIT, ZERO

# --- the books -------------------------------------------------------------------------------------------------------


def differences(cluster: Cluster) -> list[str]:
    """Where the books of venues, gateways and strategies differ now; nothing once everything has settled."""
    core = cluster.core
    if core is None:
        return ["the supervisor is away"]
    found = [
        f"{child.name} is {child.state.value}"
        for child in core.floor.children.values()
        if child.state is not ProcessState.RUNNING and not _is_out(cluster, child)
    ]
    for name in cluster.gateways:
        found += _at_gateway(cluster, core, name)
    return found


def _is_out(cluster: Cluster, child: Any) -> bool:
    """Whether a strategy is given up, or stopped because the operator wants that."""
    is_stopped = child.state is ProcessState.STOPPED and cluster.operator.stops.get(child.name, False)
    return is_stopped or child.state is ProcessState.QUARANTINED


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
    if _is_out(cluster, core.floor.children[name]):
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


def cycles_of(cluster: Cluster) -> dict[str, int]:
    """By kind of strategy, the cycles that have ended; a strategy knows its own over all of its incarnations."""
    counts: dict[str, int] = {}
    for name in cluster.strategies:
        host = cluster.actor(name)
        if host is not None and hasattr(host, "strategy"):
            counts[host.strategy.kind] = counts.get(host.strategy.kind, 0) + host.strategy.cycle_log.count
    return counts


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
