"""The operator's terminal: a request is said again until it is answered for good, and confirmed where it must be."""

from decimal import Decimal
from typing import TYPE_CHECKING, Any, Final

import msgspec
import zmq

from gateways.safety import halt_latch
from messages.codec import TO_OPERATOR, encode
from messages.operator import (
    CommandAccepted,
    CommandFinished,
    CommandRefused,
    ConfirmationNeeded,
    HaltRequest,
    SetLimitRequest,
    SetParameterRequest,
    SetPriorityRequest,
    StrategyAction,
    StrategyActionRequest,
    UnhaltRequest,
)
from tests.simulation.sockets import SimulatedSocket
from tests.simulation.world import NS_PER_MS, NS_PER_S

if TYPE_CHECKING:
    from tests.simulation.cluster import Cluster

NAME: Final = "operator"
REPEAT_NS: Final = 400 * NS_PER_MS
"""From one saying of a request to the next, as long as it is not answered for good."""
LOOK_NS: Final = 20 * NS_PER_MS
"""From a saying to the first look at what was answered."""
SAYINGS_MAX: Final = 600
TWICE: Final = 0.3
"""How many requests are said twice in a row, and once more when they have been answered."""
UNHALTS_MAX: Final = 8
"""How often an unhalt that failed is said anew, as its answer demands."""
LEASE_MARGIN_NS: Final = NS_PER_S
"""From a grant's making to its coming into force, beside its time to live."""
STOPPING: Final = {StrategyAction.STOP: True, StrategyAction.START: False, StrategyAction.RESTART: False}
PAUSING: Final = {StrategyAction.PAUSE: True, StrategyAction.FLATTEN: True, StrategyAction.RESUME: False}


class Errand(msgspec.Struct):
    """One request, and how it has gone; its confirmation is an errand of its own.

    :param think_ns: from the question whether it is really meant to the answer.
    """

    request: Any
    think_ns: int
    sayings: int = 0
    answer: Any = None
    is_confirmed: bool = False

    @property
    def is_over(self) -> bool:
        """Whether nothing more will be answered; a halt is accepted, and that is all."""
        if self.is_confirmed or isinstance(self.answer, CommandFinished | CommandRefused):
            return True
        return isinstance(self.answer, CommandAccepted) and isinstance(self.request, HaltRequest)


class Operator:
    """:ivar wants_halt: by the newest word that was heard, or written into the halt file.
    :ivar was_unhalted_ns: when the last halt ended by the operator's word; 0 while it is halted, and before.
    :ivar done: by command id, how often the supervisor has carried it out, or refused it.
    """

    def __init__(self, cluster: "Cluster") -> None:
        self._cluster, self._world = cluster, cluster.world
        self.errands: dict[str, Errand] = {}
        self.done: dict[str, int] = {}
        self.wants_halt = False
        self.was_unhalted_ns = 0
        self.limits: dict[str, Decimal] = {}
        self.priorities: dict[str, int] = {}
        self.pauses: dict[str, bool] = {}
        self.stops: dict[str, bool] = {}
        self.parameters: dict[str, dict[str, str]] = {}
        self._caps = _Caps(cluster)
        self._commands = self._unhalts = 0

    def begin(self) -> None:
        process = self._cluster.table.add(NAME)
        self._socket = SimulatedSocket(self._cluster.context(), zmq.DEALER, process)
        self._socket.connect(self._cluster.paths.endpoint(NAME))

    # --- speaking -----------------------------------------------------------------------------------------------

    def command_id(self) -> str:
        self._commands += 1
        return f"operator-{self._commands}"

    def ask(self, request: Any, think_ns: int = LOOK_NS) -> None:
        """Say something until it is answered.

        :param think_ns: before it is confirmed, where that is asked for.
        """
        self.errands[request.command_id] = errand = Errand(request, think_ns)
        self._say(errand)
        if self._world.is_true(TWICE):
            self._send(request)

    def halt(self, *, is_flattening: bool = False) -> None:
        self.ask(HaltRequest(self.command_id(), "the simulation's operator", is_flattening))

    def halt_by_file(self) -> None:
        """Without anybody's help."""
        note = halt_latch.HaltNote(reason="the latch is set", at_ns=self._world.wall_ns, by=NAME)
        halt_latch.set_halt(self._cluster.paths.halt_file, note)
        self.wants_halt, self.was_unhalted_ns = True, 0

    def unhalt(self, think_ns: int = LOOK_NS) -> None:
        self._unhalts = 0
        self.ask(UnhaltRequest(self.command_id(), "it is over"), think_ns)

    def act(self, strategy: str, action: StrategyAction) -> None:
        self.ask(StrategyActionRequest(self.command_id(), strategy, action))

    def _say(self, errand: Errand) -> None:
        if errand.is_over or errand.sayings >= SAYINGS_MAX:
            return
        errand.sayings += 1
        self._send(errand.request)
        self._world.after(LOOK_NS, self._look)
        self._world.after(REPEAT_NS, self._again, errand)

    def _again(self, errand: Errand) -> None:
        self._look()
        self._say(errand)

    def _send(self, request: Any) -> None:
        try:
            self._socket.send(encode(request))
        except zmq.Again:
            return

    # --- hearing ------------------------------------------------------------------------------------------------

    def _look(self) -> None:
        while self._socket.inbox:
            (frame,) = self._socket.recv_multipart()
            answer = TO_OPERATOR.decode(frame)
            errand = self.errands.get(answer.command_id)
            if errand is None or errand.is_over:
                continue
            errand.answer = answer
            if isinstance(answer, ConfirmationNeeded):
                errand.is_confirmed = True
                self._world.after(errand.think_ns, self._confirm, errand, answer.token)
            elif errand.is_over:
                self._over(errand)

    def _confirm(self, errand: Errand, token: str) -> None:
        request = msgspec.structs.replace(errand.request, command_id=self.command_id(), token=token)
        self.ask(request, errand.think_ns)

    def _over(self, errand: Errand) -> None:
        request, answer = errand.request, errand.answer
        if self._world.is_true(TWICE):
            self._send(request)  # an answer may have been lost on its way, for all that the supervisor knows
        is_ok = isinstance(answer, CommandFinished) and answer.is_ok
        if isinstance(request, UnhaltRequest) and not self.wants_halt:
            if is_ok:
                self.was_unhalted_ns = self._world.now_ns
            elif self._unhalts < UNHALTS_MAX:
                self._unhalts += 1
                self.ask(UnhaltRequest(self.command_id(), "once more"), errand.think_ns)
        elif isinstance(request, SetParameterRequest) and is_ok:
            self.parameters.setdefault(request.strategy, {}).update(request.changes)

    # --- what the supervisor did --------------------------------------------------------------------------------

    def heard(self, request: Any, reply: Any) -> None:
        """The supervisor has carried a request out, or begun to, or refused it: not only asked whether it is meant."""
        if isinstance(reply, ConfirmationNeeded):
            return
        self.done[request.command_id] = self.done.get(request.command_id, 0) + 1
        if isinstance(reply, CommandRefused):
            return
        if isinstance(request, HaltRequest):
            self.wants_halt, self.was_unhalted_ns = True, 0
        elif isinstance(request, UnhaltRequest):
            self.wants_halt = False
        elif isinstance(request, SetLimitRequest):
            self.limits[request.limit] = request.value
            self._caps.changed(request.limit, request.value)
        elif isinstance(request, SetPriorityRequest):
            self.priorities[request.strategy] = request.priority
        elif isinstance(request, StrategyActionRequest):
            self._heard_of(request, reply)

    def _heard_of(self, request: StrategyActionRequest, reply: Any) -> None:
        """The newest word about a strategy; one that finds nothing to do changes nothing."""
        name, action = request.strategy, request.action
        if action in PAUSING and not isinstance(reply, CommandFinished):
            self.pauses[name] = PAUSING[action]
        elif action in STOPPING and not isinstance(reply, CommandFinished):
            self.stops[name] = STOPPING[action]

    def position_max(self, instrument: str) -> Decimal | None:
        """What may be held of an instrument now; None for any size."""
        return self._caps.of(instrument)

    @property
    def unanswered(self) -> list[str]:
        return [
            f"{type(errand.request).__name__} {name} is not answered: {getattr(errand.answer, 'text', 'nothing')}"
            for name, errand in self.errands.items()
            if not errand.is_over
        ]


class _Caps:
    """The limits of positions: one that was lowered counts until the leases that it had allowed have ended."""

    def __init__(self, cluster: "Cluster") -> None:
        self._world = cluster.world
        risk = cluster.plan.risk
        self._values = {
            name: [(0, limit.position_max)]
            for name, limit in (risk.instruments if risk is not None else {}).items()
            if limit.position_max is not None
        }
        self._grace_ns = (
            LEASE_MARGIN_NS
            + max((getattr(child.spec, "lease_ttl_ms", 0) for child in cluster.plan.children), default=0) * NS_PER_MS
        )

    def changed(self, path: str, value: Decimal) -> None:
        group, _, rest = path.partition(".")
        instrument, _, name = rest.rpartition(".")
        if group == "instruments" and name == "position_max":
            self._values.setdefault(instrument, []).append((self._world.now_ns, value))

    def of(self, instrument: str) -> Decimal | None:
        values = self._values.get(instrument)
        if not values:
            return None
        ends_ns = [since_ns + self._grace_ns for since_ns, _ in values[1:]]
        recent = [value for (_, value), end_ns in zip(values, ends_ns, strict=False) if end_ns >= self._world.now_ns]
        return max([*recent, values[-1][1]])
