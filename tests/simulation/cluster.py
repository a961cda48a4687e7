"""One simulated cluster: the production actors on simulated processes, and the hands that break things."""

import shutil
from pathlib import Path
from typing import Any, Final

from actors.runtime.host import StrategyActor
from actors.runtime.spec import HostSpec
from gateways.exchange.exchange import ExchangeActor
from gateways.exchange.spec import ExchangeSpec
from gateways.gateway import GatewayActor
from gateways.spec import GatewaySpec
from supervisor import registry
from supervisor.actor import Outcome, SupervisorActor
from supervisor.closing import RunOptions
from supervisor.core import Core
from supervisor.paths import ClusterPaths
from tests.simulation.disk import Disk, JournalOs
from tests.simulation.launcher import SimulatedLauncher
from tests.simulation.ledger import FaultyDatabase, SteppedWriter, lay_database, ledger_of
from tests.simulation.network import Network
from tests.simulation.operator import Operator
from tests.simulation.processes import ProcessTable, SimulatedProcess
from tests.simulation.scenario import Kind, Scenario
from tests.simulation.sockets import SimulatedContext
from tests.simulation.venue import FaultyVenue, VenueFaults
from tests.simulation.world import NS_PER_MS, World

KINDS: Final[dict[str, tuple[Any, Any]]] = {
    "gateways.exchange": (ExchangeActor, ExchangeSpec),
    "gateways": (GatewayActor, GatewaySpec),
    "actors.runtime.host": (StrategyActor, HostSpec),
}
START_NS: Final = (80 * NS_PER_MS, 250 * NS_PER_MS)
SUPERVISOR: Final = "supervisor"
PLAIN: Final = Kind()


class Cluster:
    """Stands on the stage during a run.

    :param kind: what senders are known by, and whether a ledger is kept.
    :ivar alerted: the strategies that have asked for a person.
    :ivar latched_ns: when the halt file was set; 0 where it is not.
    :ivar databases: every connection to the ledger that any supervisor has opened.
    :ivar database_fault: of the ledger's, now; empty where it works.
    :ivar is_spool_broken: the disk below the ledger's spool has failed at some time: what it was to keep may be lost.
    :ivar venues: the simulated venues by id, as long as the exchange lives: the oracle.
    """

    def __init__(self, world: World, scenario: Scenario, state_dir: Path, kind: Kind = PLAIN) -> None:
        self.world, self.plan = world, scenario.plan
        self.is_secured, self.is_booked = kind.is_secured, kind.is_booked
        self.scenario = scenario
        self.paths = ClusterPaths(state_dir)
        self.disk = Disk(world)
        self.journal_os = JournalOs(self.disk)
        self.network = Network(world)
        self.table = ProcessTable(world, self.network, self.disk)
        self.faults = VenueFaults(world)
        self.venues: dict[str, FaultyVenue] = {}
        self.alerted: set[str] = set()
        self.latched_ns = 0
        self.databases: list[FaultyDatabase] = []
        self.database_fault = ""
        self.is_spool_broken = False
        self.operator = Operator(self)

    # --- what the patches ask for -------------------------------------------------------------------------------

    def context(self) -> SimulatedContext:
        return SimulatedContext(self.network)

    def launcher(self) -> SimulatedLauncher:
        return SimulatedLauncher(self.table, KINDS, START_NS)

    def venue(self, spec: Any) -> FaultyVenue:
        venue = self.venues[spec.id] = FaultyVenue(spec, self.faults)
        return venue

    def writer(self, *arguments: Any) -> SteppedWriter:
        return SteppedWriter(*arguments, cluster=self)

    # --- starting -----------------------------------------------------------------------------------------------

    def begin(self) -> None:
        """An empty state directory, a supervisor, and an operator's terminal."""
        shutil.rmtree(self.paths.state_dir, ignore_errors=True)
        self.paths.create()
        if self.is_booked:
            lay_database(state_dir=self.paths.state_dir)
        self.start_supervisor()
        self.operator.begin()

    def start_supervisor(self) -> None:
        """As the keeper does, again and again."""
        if self.table.living(SUPERVISOR) is not None:
            return
        process = self.table.add(SUPERVISOR)
        process.start(lambda outcome: self._supervisor(process, outcome), Outcome())

    def _supervisor(self, process: SimulatedProcess, outcome: Any) -> Any:
        found = registry.load(self.paths.registry_file)
        core = Core(self.plan, found, RunOptions(stay=True), process.pid, self.scenario.planner)
        return SupervisorActor(core, found, self.paths, outcome, ledger=ledger_of(self) if self.is_booked else None)

    # --- looking ------------------------------------------------------------------------------------------------

    @property
    def core(self) -> Any:
        """The supervisor's core; None while it is away."""
        process = self.table.living(SUPERVISOR)
        return None if process is None or process.actor is None else process.actor._core

    def actor(self, name: str) -> Any:
        process = self.table.living(name)
        return None if process is None else process.actor

    def names(self, actor_class: Any) -> list[str]:
        spec_type = dict(KINDS.values())[actor_class]
        return [child.name for child in self.plan.children if isinstance(child.spec, spec_type)]

    @property
    def gateways(self) -> list[str]:
        return self.names(GatewayActor)

    @property
    def strategies(self) -> list[str]:
        return self.names(StrategyActor)

    def kind_of(self, strategy: str) -> str:
        """Its kind in the config."""
        specs = (child.spec for child in self.plan.children if child.name == strategy)
        return next(spec.kind for spec in specs if isinstance(spec, HostSpec))

    # --- the latch ----------------------------------------------------------------------------------------------

    def latch_written(self) -> None:
        """Somebody has set the halt file, or found it set."""
        if not self.latched_ns and self.paths.halt_file.exists():
            self.latched_ns = self.world.now_ns

    def latch_cleared(self) -> None:
        self.latched_ns = 0
        if self.operator.wants_halt:
            self.table.violation("halt: the latch was taken away, and not by the operator's word")
