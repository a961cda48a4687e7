"""One simulated cluster: the production actors on simulated processes, and the hands that break things."""

import shutil
from pathlib import Path
from typing import Any, Final

import msgspec
import zmq

from actors.runtime.host import StrategyActor
from actors.runtime.spec import HostSpec
from gateways.exchange.exchange import ExchangeActor
from gateways.exchange.spec import ExchangeSpec
from gateways.gateway import GatewayActor
from gateways.spec import GatewaySpec
from messages.codec import TO_OPERATOR, encode
from messages.operator import ConfirmationNeeded
from supervisor import registry
from supervisor.actor import Outcome, SupervisorActor
from supervisor.child_spec import ClusterPlan
from supervisor.closing import RunOptions
from supervisor.core import Core
from supervisor.paths import ClusterPaths
from tests.simulation.disk import Disk, JournalOs
from tests.simulation.network import Network, SimulatedContext, SimulatedSocket
from tests.simulation.processes import ProcessTable, SimulatedLauncher, SimulatedProcess
from tests.simulation.venue import FaultyVenue, VenueFaults
from tests.simulation.world import NS_PER_MS, World

KINDS: Final[dict[str, tuple[Any, Any]]] = {
    "gateways.exchange": (ExchangeActor, ExchangeSpec),
    "gateways": (GatewayActor, GatewaySpec),
    "actors.runtime.host": (StrategyActor, HostSpec),
}
START_NS: Final = (80 * NS_PER_MS, 250 * NS_PER_MS)
ANSWER_NS: Final = 20 * NS_PER_MS
"""From a request of the operator to the look at its answer."""
SUPERVISOR: Final = "supervisor"
OPERATOR: Final = "operator"


class Cluster:
    """Stands on the stage during a run.

    :param is_secured: senders are known by their keys, as with CURVE (which is left out), and not by their routing ids.
    :ivar alerted: the strategies that have asked for a person.
    :ivar latched_ns: when the halt file was first written; 0 for never.
    :ivar venues: the simulated venues by id, as long as the exchange lives: the oracle.
    """

    def __init__(self, world: World, plan: ClusterPlan, state_dir: Path, *, is_secured: bool = True) -> None:
        self.world, self.plan, self.is_secured = world, plan, is_secured
        self.paths = ClusterPaths(state_dir)
        self.disk = Disk(world)
        self.journal_os = JournalOs(self.disk)
        self.network = Network(world)
        self.table = ProcessTable(world, self.network, self.disk)
        self.faults = VenueFaults(world)
        self.venues: dict[str, FaultyVenue] = {}
        self.alerted: set[str] = set()
        self.latched_ns = 0
        self._commands = 0

    # --- what the patches ask for -------------------------------------------------------------------------------

    def context(self) -> SimulatedContext:
        return SimulatedContext(self.network)

    def launcher(self) -> SimulatedLauncher:
        return SimulatedLauncher(self.table, KINDS, START_NS)

    def venue(self, spec: Any) -> FaultyVenue:
        venue = self.venues[spec.id] = FaultyVenue(spec, self.faults)
        return venue

    # --- starting -----------------------------------------------------------------------------------------------

    def begin(self) -> None:
        """An empty state directory, a supervisor, and an operator's terminal."""
        shutil.rmtree(self.paths.state_dir, ignore_errors=True)
        self.paths.create()
        self.start_supervisor()
        operator = self.table.add(OPERATOR)
        self.operator = SimulatedSocket(self.context(), zmq.DEALER, operator)
        self.operator.connect(self.paths.endpoint("operator"))

    def start_supervisor(self) -> None:
        """As the keeper does, again and again."""
        if self.table.living(SUPERVISOR) is not None:
            return
        process = self.table.add(SUPERVISOR)
        process.start(lambda outcome: self._supervisor(process, outcome), Outcome())

    def _supervisor(self, process: SimulatedProcess, outcome: Any) -> Any:
        found = registry.load(self.paths.registry_file)
        core = Core(self.plan, found, RunOptions(stay=True), process.pid)
        return SupervisorActor(core, found, self.paths, outcome)

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

    def ask(self, request: Any) -> None:
        """The operator says something to the supervisor, if it is there, and confirms it where that is asked for."""
        try:
            self.operator.send(encode(request))
        except zmq.Again:
            return
        self.world.after(ANSWER_NS, self._confirm, request)

    def _confirm(self, request: Any) -> None:
        while self.operator.inbox:
            (frame,) = self.operator.recv_multipart()
            answer = TO_OPERATOR.decode(frame)
            if isinstance(answer, ConfirmationNeeded) and answer.command_id == request.command_id:
                self.ask(msgspec.structs.replace(request, command_id=self.command_id(), token=answer.token))

    def command_id(self) -> str:
        self._commands += 1
        return f"operator-{self._commands}"
