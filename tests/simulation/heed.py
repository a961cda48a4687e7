"""Whether the operator was heeded: every command answered and done once, and the cluster as the last word wants it."""

from typing import Any, Final

import msgspec

from actors.strategies.parameters import decode_parameters
from messages.health import Lifecycle, ProcessState
from tests.simulation.cluster import Cluster
from tests.simulation.watch import Watch
from tests.simulation.world import NS_PER_S

TRADES_ON_NS: Final = 15 * NS_PER_S
"""From the end of a halt to the first order of a strategy that trades all the time, at the latest."""
MAKER: Final = "maker"
"""It quotes all the time."""


def unheeded(cluster: Cluster) -> list[str]:
    """What is not as the operator wants it now; nothing once everything has settled."""
    core = cluster.core
    if core is None:
        return ["the supervisor is away"]
    found = _halts(cluster, core)
    for path, value in cluster.operator.limits.items():
        if core.risk.limit(path) != value:
            found.append(f"limit {path} is {core.risk.limit(path)}, set to {value}")
    for name in cluster.strategies:
        child = core.floor.children.get(name)
        if child is not None:
            found += _strategy(cluster, core, child)
    return found


def _halts(cluster: Cluster, core: Any) -> list[str]:
    wanted = cluster.operator.wants_halt
    found = []
    if core.floor.run.is_halted != wanted:
        found.append(f"the cluster is {'not ' * wanted}halted")
    if not wanted and cluster.paths.halt_file.exists():
        found.append("the latch is left behind")
    for name in cluster.gateways:
        gateway = cluster.actor(name)
        guard = getattr(gateway, "_guard", None)
        if guard is not None and guard.is_halted != wanted:
            found.append(f"{name} is {'not ' * wanted}halted ({guard.states.halt_reason})")
    return found


def _strategy(cluster: Cluster, core: Any, child: Any) -> list[str]:
    name, operator, found = child.name, cluster.operator, []
    priority = operator.priorities.get(name)
    if priority is not None and child.plan.priority != priority:
        found.append(f"{name} has priority {child.plan.priority}, set to {priority}")
    wish = core.floor.wish(name)
    if name in operator.pauses and wish.is_paused != operator.pauses[name]:
        found.append(f"{name} is {'not ' * operator.pauses[name]}to be paused")
    for path, value in operator.parameters.get(name, {}).items():
        if wish.changes.get(path) != value:
            found.append(f"{path} of {name} is {wish.changes.get(path)}, set to {value}")
    host = cluster.actor(name)
    if child.state is not ProcessState.RUNNING or host is None or not hasattr(host, "strategy"):
        return found
    strategy = host.strategy
    meant = decode_parameters(type(strategy), msgspec.json.encode(child.plan.spec.parameters).decode())
    if strategy.parameters != meant:
        found.append(f"{name} trades with other parameters than the supervisor believes")
    is_paused = host.lifecycle is Lifecycle.PAUSED
    if wish.is_paused and not is_paused:
        found.append(f"{name} is {host.lifecycle.value}, and to be paused")
    elif is_paused and not wish.is_paused and not core.floor.run.is_halted:
        found.append(f"{name} is paused, and is not to be")
    return found


def may_trade(cluster: Cluster) -> bool:
    """Whether the maker has nothing that keeps it from quoting, after the operator has ended a halt."""
    core, host = cluster.core, cluster.actor(MAKER)
    if not cluster.operator.was_unhalted_ns or core is None or host is None:
        return False
    child = core.floor.children.get(MAKER)
    return child is not None and child.state is ProcessState.RUNNING and host.lifecycle is Lifecycle.RUNNING


def trades_on(cluster: Cluster, watch: Watch) -> list[str]:
    """After the end of a halt trading goes on; called once everything has settled, and lets time pass."""
    world = cluster.world
    since_ns = cluster.operator.was_unhalted_ns
    until_ns = world.now_ns + TRADES_ON_NS
    while may_trade(cluster) and watch.last_order_ns.get(MAKER, 0) <= since_ns:
        if world.now_ns >= until_ns:
            return [f"halt: {MAKER} has sent no order since the operator has ended the halt"]
        world.run_until(world.now_ns + NS_PER_S // 2)
    return []


def complaints(cluster: Cluster) -> list[str]:
    """What may be said of the operator's commands after a run."""
    operator = cluster.operator
    found = [f"command: {text}" for text in operator.unanswered]
    found += [f"command: {name} was done {times} times" for name, times in operator.done.items() if times > 1]
    return found
