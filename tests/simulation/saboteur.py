"""Who does to a cluster what was drawn: to its processes, links, disks, clock and venues, or by its operator."""

import errno
from collections.abc import Callable
from typing import Any, Final

from messages.market import Quote
from messages.orders import Fill
from tests.simulation.cluster import SUPERVISOR, Cluster
from tests.simulation.errands import ERRANDS, Errands
from tests.simulation.faults import RATES, Strike
from tests.simulation.ledger import AWAY, DEAF
from tests.simulation.processes import SimulatedProcess
from tests.simulation.world import NS_PER_MS, NS_PER_S

HOUR_NS: Final = 3_600 * NS_PER_S
DOOM_MAX: Final = 40
"""A doomed process dies at one of its next writes or sends."""


class InjectedFault(Exception):
    """Raised in a strategy's handler."""


class Saboteur:
    """Does to a cluster what was drawn.

    :ivar struck: how often each kind has struck.
    """

    def __init__(self, cluster: Cluster) -> None:
        self._cluster, self._world = cluster, cluster.world
        self._errands = Errands(cluster)
        self.struck: dict[str, int] = {}

    def strike(self, strike: Strike) -> None:
        self._world.note("fault", f"{strike.kind} {strike.duration_ns}")
        if self._do(strike) is not False:
            self.struck[strike.kind] = self.struck.get(strike.kind, 0) + 1

    def _do(self, strike: Strike) -> bool | None:
        if strike.kind in ERRANDS:
            ERRANDS[strike.kind](self._errands, strike)
            return True
        if strike.kind in RATES:
            return self._venue(strike.kind, strike)
        return DOINGS[strike.kind](self, strike)

    def heal(self) -> None:
        """Everything works again: disks, venues, links; whoever sleeps wakes, and venues connect anew once."""
        cluster = self._cluster
        cluster.disk.failing.clear()
        cluster.database_fault = ""
        cluster.faults.rates.clear()
        cluster.table.unkillable.clear()
        for connection in cluster.network.connections:
            connection.stalled_until_ns = connection.blocked_until_ns = 0
        for process in list(cluster.table.processes.values()):
            process.doom = None
            if process.is_alive and process.frozen_until_ns > self._world.now_ns:
                process.frozen_until_ns = self._world.now_ns
                self._world.after(0, process._thaw)
        cluster.start_supervisor()
        self.part_venues()

    def part_venues(self) -> None:
        """Every venue drops its gateway once, as venues do; so it is asked about everything that it never told."""
        for gateway in self._cluster.gateways:
            for connection in self._cluster.network.between(gateway, "exchange"):
                connection.cut()

    # --- targets ------------------------------------------------------------------------------------------------

    def _one(self, names: list[str], pick: float) -> SimulatedProcess | None:
        living = [process for name in names if (process := self._cluster.table.living(name)) is not None]
        return living[int(pick * len(living))] if living else None

    # --- processes ----------------------------------------------------------------------------------------------

    def _kill(self, names: list[str], strike: Strike) -> bool:
        process = self._one(names, strike.pick)
        if process is None:
            return False
        process.die(-9)
        return True

    def kill_strategy(self, strike: Strike) -> bool:
        return self._kill(self._cluster.strategies, strike)

    def kill_gateway(self, strike: Strike) -> bool:
        return self._kill(self._cluster.gateways, strike)

    def kill_supervisor(self, strike: Strike) -> bool:
        self._world.after(strike.duration_ns // 2, self._cluster.start_supervisor)
        return self._kill([SUPERVISOR], strike)

    def kill_children(self, strike: Strike) -> bool:
        """All gateways and strategies, and the supervisor: a cold start, but for the venues."""
        cluster = self._cluster
        for name in (SUPERVISOR, *cluster.strategies, *cluster.gateways):
            process = cluster.table.living(name)
            if process is not None:
                process.die(-9)
        self._world.after(strike.duration_ns // 4, cluster.start_supervisor)
        return True

    def doom_strategy(self, strike: Strike) -> bool:
        return self._doom(self._cluster.strategies, strike)

    def doom_gateway(self, strike: Strike) -> bool:
        return self._doom(self._cluster.gateways, strike)

    def _doom(self, names: list[str], strike: Strike) -> bool:
        """Killed in the middle of its work: before, in or after one of its next writes and sends."""
        process = self._one(names, strike.pick)
        if process is None:
            return False
        process.doom = 1 + self._world.random.randrange(DOOM_MAX)
        return True

    def crash_loop(self, strike: Strike) -> bool:
        process = self._one(self._cluster.strategies, strike.pick)
        if process is None:
            return False
        for turn in range(5):
            self._world.after(turn * 1_200 * NS_PER_MS, self._kill, [process.name], strike)
        return True

    def stop_strategy(self, strike: Strike) -> bool:
        return self._freeze(self._cluster.strategies, strike, is_stopped=True)

    def stop_gateway(self, strike: Strike) -> bool:
        return self._freeze(self._cluster.gateways, strike, is_stopped=True)

    def stop_supervisor(self, strike: Strike) -> bool:
        return self._freeze([SUPERVISOR], strike, is_stopped=True)

    def hang_strategy(self, strike: Strike) -> bool:
        return self._freeze(self._cluster.strategies, strike, is_stopped=False)

    def hang_gateway(self, strike: Strike) -> bool:
        return self._freeze(self._cluster.gateways, strike, is_stopped=False)

    def _freeze(self, names: list[str], strike: Strike, *, is_stopped: bool) -> bool:
        process = self._one(names, strike.pick)
        if process is None:
            return False
        process.freeze(strike.duration_ns, is_stopped=is_stopped)
        return True

    def zombie(self, strike: Strike) -> bool:
        """A strategy stops, is replaced, and wakes up again: the kill did not reach it."""
        process = self._one(self._cluster.strategies, strike.pick)
        if process is None:
            return False
        self._cluster.table.unkillable.add(process.name)
        process.freeze(strike.duration_ns + 2 * NS_PER_S, is_stopped=strike.pick < 0.5)
        return True

    def strategy_raises(self, strike: Strike) -> bool:
        """A handler of a strategy raises once: on market data, or on a fill."""
        process = self._one(self._cluster.strategies, strike.pick)
        if process is None or process.actor is None:
            return False
        strategy = process.actor.strategy
        hear, kinds = strategy.on_message, Fill if strike.pick < 0.3 else Quote

        def on_message(message: Any) -> Any:
            if isinstance(message, kinds):
                strategy.on_message = hear
                raise InjectedFault(type(message).__name__)
            return hear(message)

        strategy.on_message = on_message
        return True

    # --- links --------------------------------------------------------------------------------------------------

    def _pairs(self) -> list[tuple[str, str]]:
        cluster = self._cluster
        pairs = [(strategy, gateway) for strategy in cluster.strategies for gateway in cluster.gateways]
        pairs += [(gateway, "exchange") for gateway in cluster.gateways]
        return [*pairs, *((name, SUPERVISOR) for name in (*cluster.strategies, *cluster.gateways))]

    def _some_connections(self, strike: Strike) -> list[Any]:
        pairs = [pair for pair in self._pairs() if self._cluster.network.between(*pair)]
        return self._cluster.network.between(*pairs[int(strike.pick * len(pairs))]) if pairs else []

    def cut_link(self, strike: Strike) -> bool:
        connections = self._some_connections(strike)
        for connection in connections:
            connection.cut()
        return bool(connections)

    def stall_link(self, strike: Strike) -> bool:
        connections = self._some_connections(strike)
        for connection in connections:
            connection.stall(self._world.now_ns + strike.duration_ns)
        return bool(connections)

    def partition(self, strike: Strike) -> bool:
        connections = self._some_connections(strike)
        for connection in connections:
            connection.blocked_until_ns = self._world.now_ns + strike.duration_ns
            connection.cut()
        return bool(connections)

    def venue_drops(self, strike: Strike) -> bool:
        """The venue is gone for a while, with whatever was under way."""
        gateway = self._cluster.gateways[int(strike.pick * len(self._cluster.gateways))]
        connections = self._cluster.network.between(gateway, "exchange")
        for connection in connections:
            connection.blocked_until_ns = self._world.now_ns + strike.duration_ns
            connection.cut()
        return bool(connections)

    # --- disk, clock, venue -------------------------------------------------------------------------------------

    def disk_full(self, strike: Strike) -> bool:
        return self._fail_disk(strike, errno.ENOSPC)

    def disk_error(self, strike: Strike) -> bool:
        return self._fail_disk(strike, errno.EIO)

    def _fail_disk(self, strike: Strike, number: int) -> bool:
        cluster = self._cluster
        names = [*cluster.gateways, *cluster.strategies, *[SUPERVISOR] * cluster.is_booked]
        name = names[int(strike.pick * len(names))]
        cluster.is_spool_broken = cluster.is_spool_broken or name == SUPERVISOR
        cluster.disk.failing[name] = number
        self._world.after(strike.duration_ns, cluster.disk.failing.pop, name, None)
        return True

    def ledger_away(self, strike: Strike) -> bool:
        return self._fail_database(strike, AWAY)

    def ledger_deaf(self, strike: Strike) -> bool:
        return self._fail_database(strike, DEAF)

    def _fail_database(self, strike: Strike, fault: str) -> bool:
        """The ledger's database does not answer; where none is kept, nothing happens."""
        if not self._cluster.is_booked:
            return False
        self._cluster.database_fault = fault
        self._world.after(strike.duration_ns, setattr, self._cluster, "database_fault", "")
        return True

    def clock_jump(self, strike: Strike) -> bool:
        self._world.wall_offset_ns += HOUR_NS if strike.pick < 0.5 else -HOUR_NS
        return True

    def _venue(self, kind: str, strike: Strike) -> bool:
        rates = self._cluster.faults.rates
        rates[kind] = RATES[kind]
        self._world.after(strike.duration_ns, rates.pop, kind, None)
        return True


DOINGS: Final[dict[str, Callable[[Saboteur, Strike], bool]]] = {
    "kill-strategy": Saboteur.kill_strategy,
    "kill-gateway": Saboteur.kill_gateway,
    "kill-supervisor": Saboteur.kill_supervisor,
    "kill-all": Saboteur.kill_children,
    "die-in-a-write-strategy": Saboteur.doom_strategy,
    "die-in-a-write-gateway": Saboteur.doom_gateway,
    "crash-loop": Saboteur.crash_loop,
    "strategy-raises": Saboteur.strategy_raises,
    "stop-strategy": Saboteur.stop_strategy,
    "stop-gateway": Saboteur.stop_gateway,
    "stop-supervisor": Saboteur.stop_supervisor,
    "hang-strategy": Saboteur.hang_strategy,
    "hang-gateway": Saboteur.hang_gateway,
    "zombie": Saboteur.zombie,
    "cut-link": Saboteur.cut_link,
    "stall-link": Saboteur.stall_link,
    "partition": Saboteur.partition,
    "venue-drops": Saboteur.venue_drops,
    "disk-full": Saboteur.disk_full,
    "disk-error": Saboteur.disk_error,
    "ledger-away": Saboteur.ledger_away,
    "ledger-deaf": Saboteur.ledger_deaf,
    "clock-jump": Saboteur.clock_jump,
}
"""Who does each kind that is neither an errand of the operator nor a fault of a venue."""
