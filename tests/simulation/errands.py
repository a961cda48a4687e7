"""What the operator does to a cluster as one of the strikes of a run."""

from collections.abc import Callable
from decimal import Decimal
from typing import Any, Final

from messages.operator import (
    SetLimitRequest,
    SetParameterRequest,
    SetPriorityRequest,
    StrategyAction,
)
from tests.simulation.cluster import SUPERVISOR, Cluster
from tests.simulation.faults import Strike
from tests.simulation.world import NS_PER_MS

PARAMETERS: Final = {
    "market-making": ("target_spread_bps", "4.0"),
    "spot-futures": ("cooldown_s", "0.2"),
    "futures-futures": ("cooldown_s", "0.2"),
    "arbitrage": ("cooldown_s", "0.5"),
}
"""What is changed of each kind of strategy, and where the values begin: each is another one."""
THINK_MS_MAX: Final = 1_500
FREE_LIMIT: Final = "portfolio.gross_notional_max"
"""What is set where the config has no limits: it refuses, or takes it."""


class Errands:
    """The operator's strikes on one cluster."""

    def __init__(self, cluster: Cluster) -> None:
        self._cluster, self._world = cluster, cluster.world
        self._serial = 0

    def halt(self, _strike: Strike) -> None:
        self._cluster.operator.halt()

    def halt_and_flatten(self, _strike: Strike) -> None:
        self._cluster.operator.halt(is_flattening=True)

    def halt_by_file(self, _strike: Strike) -> None:
        self._cluster.operator.halt_by_file()

    def halt_and_unhalt(self, strike: Strike) -> None:
        """Halted for a while: by the supervisor, by the file, or flattening."""
        operator, way = self._cluster.operator, strike.pick * 4
        if way < 1:
            operator.halt_by_file()
        else:
            operator.halt(is_flattening=way < 2)
        self._world.after(strike.duration_ns, operator.unhalt, self._thought(strike))

    def unhalt_over_a_death(self, strike: Strike) -> None:
        """The supervisor dies between the two steps of an unhalt, or right after the second."""
        self._cluster.operator.halt()
        think_ns = self._thought(strike)
        unhalt_ns = strike.duration_ns // 2
        self._world.after(unhalt_ns, self._cluster.operator.unhalt, think_ns)
        self._world.after(unhalt_ns + int(think_ns * (0.5 + strike.pick)), self._kill_supervisor, strike)

    def unhalt_in_a_partition(self, strike: Strike) -> None:
        """A gateway, or a strategy, is cut off from the supervisor while it is halted, or while the halt ends."""
        cluster = self._cluster
        names = [*cluster.gateways, *cluster.strategies]
        name = names[int(strike.pick * len(names))]
        is_early = strike.pick * 100 % 1 < 0.5
        self._world.after(0 if is_early else strike.duration_ns // 2, self._part, name, strike.duration_ns)
        self._world.after(strike.duration_ns // 4, cluster.operator.halt)
        self._world.after(strike.duration_ns // 2, cluster.operator.unhalt, self._thought(strike))

    def pause(self, strike: Strike) -> None:
        """The operator pauses a strategy for a while."""
        name = self._act(strike, StrategyAction.PAUSE)
        self._world.after(strike.duration_ns, self._cluster.operator.act, name, StrategyAction.RESUME)

    def flatten(self, strike: Strike) -> None:
        self._act(strike, StrategyAction.FLATTEN)

    def flatten_and_resume(self, strike: Strike) -> None:
        name = self._act(strike, StrategyAction.FLATTEN)
        self._world.after(strike.duration_ns, self._cluster.operator.act, name, StrategyAction.RESUME)

    def restart(self, strike: Strike) -> None:
        self._act(strike, StrategyAction.RESTART)

    def stop_and_start(self, strike: Strike) -> None:
        name = self._act(strike, StrategyAction.STOP)
        self._world.after(strike.duration_ns, self._cluster.operator.act, name, StrategyAction.START)

    def set_parameter(self, strike: Strike) -> None:
        operator, name = self._cluster.operator, self._strategy(strike)
        path, first = PARAMETERS[self._cluster.kind_of(name)]
        value = Decimal(first) + Decimal(self._next()) / 100
        operator.ask(SetParameterRequest(operator.command_id(), name, {path: str(value)}))

    def set_priority(self, strike: Strike) -> None:
        operator, name = self._cluster.operator, self._strategy(strike)
        operator.ask(SetPriorityRequest(operator.command_id(), name, 1 + self._next() % 10))

    def set_limit(self, strike: Strike) -> None:
        """Lower or raise what may be held of an instrument, never below what one order of its maker asks for."""
        operator, risk = self._cluster.operator, self._cluster.plan.risk
        limits = risk.instruments.items() if risk else ()
        limited = [(id, limit.position_max) for id, limit in limits if limit.position_max is not None]
        if limited:
            id, most = limited[self._next() % len(limited)]
            path, value = f"instruments.{id}.position_max", most * (Decimal(65 + int(strike.pick * 75)) / 100)
        else:
            path, value = FREE_LIMIT, Decimal(500_000 + self._next())
        operator.ask(SetLimitRequest(operator.command_id(), path, value), self._thought(strike))

    # --- helpers ------------------------------------------------------------------------------------------------

    def _next(self) -> int:
        self._serial += 1
        return self._serial

    @staticmethod
    def _thought(strike: Strike) -> int:
        """How long the operator reads what is to be confirmed."""
        return int(strike.pick * 10 % 1 * THINK_MS_MAX) * NS_PER_MS

    def _strategy(self, strike: Strike) -> str:
        names = self._cluster.strategies
        return names[int(strike.pick * len(names))]

    def _act(self, strike: Strike, action: StrategyAction) -> str:
        name = self._strategy(strike)
        self._cluster.operator.act(name, action)
        return name

    def _part(self, name: str, duration_ns: int) -> None:
        for connection in self._cluster.network.between(name, SUPERVISOR):
            connection.blocked_until_ns = self._world.now_ns + duration_ns
            connection.cut()

    def _kill_supervisor(self, strike: Strike) -> None:
        process = self._cluster.table.living(SUPERVISOR)
        if process is not None:
            process.die(-9)
        self._world.after(strike.duration_ns // 4, self._cluster.start_supervisor)


ERRANDS: Final[dict[str, Callable[[Errands, Strike], Any]]] = {
    "halt": Errands.halt,
    "halt-and-flatten": Errands.halt_and_flatten,
    "halt-by-file": Errands.halt_by_file,
    "halt-and-unhalt": Errands.halt_and_unhalt,
    "unhalt-over-a-death": Errands.unhalt_over_a_death,
    "unhalt-in-a-partition": Errands.unhalt_in_a_partition,
    "operator-pauses": Errands.pause,
    "operator-flattens": Errands.flatten,
    "operator-flattens-for-a-while": Errands.flatten_and_resume,
    "operator-restarts": Errands.restart,
    "operator-stops-for-a-while": Errands.stop_and_start,
    "operator-sets": Errands.set_parameter,
    "operator-prioritises": Errands.set_priority,
    "operator-limits": Errands.set_limit,
}
