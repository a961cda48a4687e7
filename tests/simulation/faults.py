"""What goes wrong in a run, and when: drawn from the seed alone, before anything has happened."""

import errno
from collections.abc import Callable
from random import Random
from typing import Any, Final, NamedTuple

from gateways.safety.halt_latch import HaltNote, set_halt
from messages.market import Quote
from messages.operator import HaltRequest, StrategyAction, StrategyActionRequest
from messages.orders import Fill
from tests.simulation.cluster import SUPERVISOR, Cluster
from tests.simulation.processes import SimulatedProcess
from tests.simulation.world import NS_PER_MS, NS_PER_S

HOUR_NS: Final = 3_600 * NS_PER_S
BURST_NS: Final = (1 * NS_PER_S, 6 * NS_PER_S)
DOOM_MAX: Final = 40
"""A doomed process dies at one of its next writes or sends."""
RATES: Final = {
    "ack-lost": 0.3,
    "report-lost": 0.2,
    "report-late": 0.3,
    "report-doubled": 0.4,
    "report-reordered": 0.4,
    "request-lost": 0.2,
    "request-refused": 0.4,
}


LASTING: Final = frozenset(
    {
        "stop-strategy", "stop-gateway", "stop-supervisor", "hang-strategy", "hang-gateway", "zombie", "stall-link",
        "partition", "venue-drops", "operator-pauses", "disk-full", "disk-error", *RATES,
    }
)  # fmt: skip
"""Kinds that go on for the duration of the strike; the others are over in a moment."""
LINGERING_NS: Final = {
    "zombie": 2 * NS_PER_S,
    "halt-and-flatten": 3 * NS_PER_S,
    "operator-pauses": 1 * NS_PER_S,
    "operator-flattens": 3 * NS_PER_S,
    "operator-restarts": 2 * NS_PER_S,
    "kill-supervisor": 3 * NS_PER_S,
    "kill-all": 2 * NS_PER_S,
    "crash-loop": 6 * NS_PER_S,
    "die-in-a-write-strategy": 2 * NS_PER_S,
    "die-in-a-write-gateway": 2 * NS_PER_S,
}
"""How much later than said the cause may still be at work."""


class InjectedFault(Exception):
    """Raised in a strategy's handler."""


class Strike(NamedTuple):
    """One fault.

    :param kind: a key of `KINDS`.
    :param pick: in [0, 1), to choose among the targets there are then.
    """

    at_ns: int
    kind: str
    pick: float
    duration_ns: int

    @property
    def end_ns(self) -> int:
        """When its cause is over at the latest; what follows from it may last longer."""
        return self.at_ns + (self.duration_ns if self.kind in LASTING else 0) + LINGERING_NS.get(self.kind, 0)


def draw(random: Random, begin_ns: int, end_ns: int) -> list[Strike]:
    """The faults of a run, in the order of time; a few runs have none, a few have a storm of them."""
    count = random.choice((0, 1, 1, 1, 2, 2, 2, 3, 3, 4, 5, 6, 9))
    kinds, weights = zip(*((kind, weight) for kind, (weight, _) in KINDS.items()), strict=True)
    strikes = []
    for kind in random.choices(kinds, weights, k=count):
        at_ns = random.randrange(begin_ns, end_ns)
        strikes.append(Strike(at_ns, kind, random.random(), random.randrange(*BURST_NS)))
    return sorted(strikes)


class Saboteur:
    """Does to a cluster what was drawn.

    :ivar struck: how often each kind has struck.
    """

    def __init__(self, cluster: Cluster) -> None:
        self._cluster, self._world = cluster, cluster.world
        self.struck: dict[str, int] = {}

    def strike(self, strike: Strike) -> None:
        self._world.note("fault", f"{strike.kind} {strike.duration_ns}")
        if KINDS[strike.kind][1](self, strike) is not False:
            self.struck[strike.kind] = self.struck.get(strike.kind, 0) + 1

    def heal(self) -> None:
        """Everything works again: disks, venues, links; whoever sleeps wakes, and venues connect anew once."""
        cluster = self._cluster
        cluster.disk.failing.clear()
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

    # --- disk, clock, venue, operator ---------------------------------------------------------------------------

    def disk_full(self, strike: Strike) -> bool:
        return self._fail_disk(strike, errno.ENOSPC)

    def disk_error(self, strike: Strike) -> bool:
        return self._fail_disk(strike, errno.EIO)

    def _fail_disk(self, strike: Strike, number: int) -> bool:
        names = [*self._cluster.gateways, *self._cluster.strategies]
        name = names[int(strike.pick * len(names))]
        self._cluster.disk.failing[name] = number
        self._world.after(strike.duration_ns, self._cluster.disk.failing.pop, name, None)
        return True

    def clock_jump(self, strike: Strike) -> bool:
        self._world.wall_offset_ns += HOUR_NS if strike.pick < 0.5 else -HOUR_NS
        return True

    def halt(self, _strike: Strike) -> bool:
        self._cluster.ask(HaltRequest(self._cluster.command_id(), "the simulation's operator"))
        return True

    def halt_and_flatten(self, _strike: Strike) -> bool:
        self._cluster.ask(HaltRequest(self._cluster.command_id(), "close everything", is_flattening=True))
        return True

    def pause(self, strike: Strike) -> bool:
        """The operator pauses a strategy for a while."""
        name = self._operate(strike, StrategyAction.PAUSE)
        self._world.after(strike.duration_ns, self._act, name, StrategyAction.RESUME)
        return True

    def flatten(self, strike: Strike) -> bool:
        self._operate(strike, StrategyAction.FLATTEN)
        return True

    def restart(self, strike: Strike) -> bool:
        self._operate(strike, StrategyAction.RESTART)
        return True

    def _operate(self, strike: Strike, action: StrategyAction) -> str:
        names = self._cluster.strategies
        name = names[int(strike.pick * len(names))]
        self._act(name, action)
        return name

    def _act(self, name: str, action: StrategyAction) -> None:
        self._cluster.ask(StrategyActionRequest(self._cluster.command_id(), name, action))

    def halt_by_file(self, _strike: Strike) -> bool:
        """The operator halts without anybody's help: by the latch in the state directory."""
        note = HaltNote(reason="the latch is set", at_ns=self._world.wall_ns, by="operator")
        set_halt(self._cluster.paths.halt_file, note)
        self._cluster.latched_ns = self._cluster.latched_ns or self._world.now_ns
        return True

    def _venue(self, kind: str, strike: Strike) -> bool:
        rates = self._cluster.faults.rates
        rates[kind] = RATES[kind]
        self._world.after(strike.duration_ns, rates.pop, kind, None)
        return True


def _at_venue(kind: str) -> Callable[[Saboteur, Strike], bool]:
    return lambda saboteur, strike: saboteur._venue(kind, strike)


KINDS: Final[dict[str, tuple[int, Callable[[Saboteur, Strike], bool]]]] = {
    "kill-strategy": (4, Saboteur.kill_strategy),
    "kill-gateway": (4, Saboteur.kill_gateway),
    "kill-supervisor": (3, Saboteur.kill_supervisor),
    "kill-all": (1, Saboteur.kill_children),
    "die-in-a-write-strategy": (4, Saboteur.doom_strategy),
    "die-in-a-write-gateway": (5, Saboteur.doom_gateway),
    "crash-loop": (1, Saboteur.crash_loop),
    "strategy-raises": (2, Saboteur.strategy_raises),
    "stop-strategy": (2, Saboteur.stop_strategy),
    "stop-gateway": (2, Saboteur.stop_gateway),
    "stop-supervisor": (2, Saboteur.stop_supervisor),
    "hang-strategy": (2, Saboteur.hang_strategy),
    "hang-gateway": (2, Saboteur.hang_gateway),
    "zombie": (3, Saboteur.zombie),
    "cut-link": (3, Saboteur.cut_link),
    "stall-link": (3, Saboteur.stall_link),
    "partition": (3, Saboteur.partition),
    "venue-drops": (3, Saboteur.venue_drops),
    "disk-full": (2, Saboteur.disk_full),
    "disk-error": (2, Saboteur.disk_error),
    "clock-jump": (2, Saboteur.clock_jump),
    "halt": (1, Saboteur.halt),
    "halt-and-flatten": (1, Saboteur.halt_and_flatten),
    "operator-pauses": (2, Saboteur.pause),
    "operator-flattens": (2, Saboteur.flatten),
    "operator-restarts": (2, Saboteur.restart),
    "halt-by-file": (1, Saboteur.halt_by_file),
    **{kind: (2, _at_venue(kind)) for kind in RATES},
}
"""Each kind of fault: how often among the others, and who does it."""
