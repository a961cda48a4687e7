"""Drives a supervisor's core without a shell: processes start when asked, and time passes from alarm to alarm."""

from collections.abc import Iterable
from typing import Any, TypeVar

from actors.runtime.spec import ChildSpec, HostSpec
from messages.base import PROTOCOL_VERSION
from messages.from_child import CommandDone, Heartbeat, ProcessKind, Ready, Register
from messages.health import ClusterStatus
from messages.operator import FromOperator, StatusRequest
from supervisor.actions import Action, ReplyOperator, SetAlarm, StartChild
from supervisor.child_spec import ChildPlan, ClusterPlan, Restart, RestartPolicy
from supervisor.closing import RunOptions
from supervisor.core import Core
from supervisor.occurrences import (
    AlarmRang,
    Begun,
    ChildSaid,
    Latch,
    Occurrence,
    OperatorAsked,
    ProcessEnded,
    ProcessStarted,
)
from supervisor.operations.planner import Planner
from supervisor.pending_commands import Dispatch
from supervisor.registry import Registry

SECOND = 1_000_000_000
MS = 1_000_000
EXCHANGE, SPOT, PERP, CARRY, OTHER = "exchange", "spot", "perp", "carry", "other"
ActionT = TypeVar("ActionT")


def child(name: str, kind: ProcessKind, restart: Restart, command: tuple[str, ...] = ("run",)) -> ChildPlan:
    common = {"process": name, "cluster": "desk", "supervisor_endpoint": "inproc://children"}
    if kind is not ProcessKind.STRATEGY:
        return ChildPlan(name=name, kind=kind, restart=restart, command=command, spec=ChildSpec(**common))
    spec = HostSpec(
        **common, strategy=name, kind="spot-futures", epoch=0, order_prefix="desk-x", parameters={}, instruments=(),
        gateways={}, journal_dir="",
    )  # fmt: skip
    return ChildPlan(
        name=name, kind=kind, restart=restart, command=command, spec=spec, strategy=name, strategy_kind="spot-futures"
    )


def desk(*strategies: str) -> ClusterPlan:
    return ClusterPlan(
        cluster="desk",
        children=(
            child(EXCHANGE, ProcessKind.EXCHANGE, Restart.TEMPORARY),
            child(SPOT, ProcessKind.GATEWAY, Restart.PERMANENT),
            child(PERP, ProcessKind.GATEWAY, Restart.PERMANENT),
            *(child(name, ProcessKind.STRATEGY, Restart.TRANSIENT) for name in strategies or (CARRY,)),
        ),
        policy=RestartPolicy(restarts_max=3, period_s=60.0, backoff_min_s=0.5, backoff_max_s=30.0),
    )


class Drive:
    """One core, its clock, and what it has asked for so far.

    :ivar silent: processes that send no heartbeat any more.
    """

    def __init__(
        self,
        plan: ClusterPlan | None = None,
        *,
        options: RunOptions | None = None,
        registry: Registry | None = None,
        now_ns: int = 1_000 * SECOND,
        first_pid: int = 101,
        planner: Planner | None = None,
        token: str = "",
    ) -> None:
        self.core = Core(plan or desk(), registry or Registry(), options or RunOptions(), 100, planner, token=token)
        self.now_ns = now_ns
        self.random = 0.0
        self.actions: list[Action] = []
        self.silent: set[str] = set()
        self.drained: set[str] = set()
        self.alarm_ns = now_ns
        self._next_pid = first_pid

    # --- what happens -------------------------------------------------------------------------------------------

    def tell(self, occurrence: Occurrence) -> list[Action]:
        """Tell the core; processes that it starts are up at once. Returns all that it asked for."""
        asked = self.core.handle(occurrence, self.now_ns, self.random)
        self.actions += asked
        for action in list(asked):
            if isinstance(action, SetAlarm):
                self.alarm_ns = action.mono_ns
            elif isinstance(action, StartChild):
                self._next_pid += 1
                asked += self.tell(ProcessStarted(action.name, self._next_pid - 1, 1.0))
        return asked

    def begin(self, living: Iterable[str] = ()) -> list[Action]:
        return self.tell(Begun(frozenset(living)))

    def says(self, name: str, message: Any) -> list[Action]:
        return self.tell(ChildSaid(name, message))

    def register(self, name: str) -> list[Action]:
        known = self.core.floor.children[name]
        return self.says(name, Register(name, known.kind, known.pid, known.epoch, PROTOCOL_VERSION))

    def ready(self, *names: str) -> list[Action]:
        """These register and are ready."""
        asked = []
        for name in names:
            asked += self.register(name)
            asked += self.says(name, Ready(name))
        return asked

    def trading(self) -> "Drive":
        """Begin, and bring everything up; forget what was asked for on the way."""
        self.begin()
        self.ready(EXCHANGE)
        self.ready(SPOT, PERP)
        self.ready(*(name for name, known in self.core.floor.children.items() if known.kind is ProcessKind.STRATEGY))
        assert self.core.phase == "trading"
        for action in self.of(Dispatch):
            self.done(action)
        self.actions.clear()
        return self

    def ends(self, name: str, exit_code: int | None = -9) -> list[Action]:
        return self.tell(ProcessEnded(name, self.core.floor.children[name].pid, exit_code))

    def done(self, dispatch: Dispatch, *, is_ok: bool = True, text: str = "") -> list[Action]:
        command_id = dispatch.command.command_id
        return self.says(dispatch.child, CommandDone(command_id, dispatch.child, is_ok, text))

    def operator(self, request: FromOperator, latch: Latch | None = None) -> Any:
        """The answer to a request. :param latch: as it is then."""
        asked = self.tell(OperatorAsked(b"op", request, latch))
        (reply,) = [action for action in asked if isinstance(action, ReplyOperator)]
        assert reply.peer == b"op"
        return reply.reply

    def status(self) -> ClusterStatus:
        status = self.operator(StatusRequest("s")).status
        assert isinstance(status, ClusterStatus)
        return status

    def pass_time(self, seconds: float) -> list[Action]:
        """Let time pass, alarm by alarm; those that are up and not silent send a heartbeat each 100 ms."""
        asked: list[Action] = []
        end_ns = self.now_ns + int(seconds * SECOND)
        beat_ns = self.now_ns
        while True:
            next_ns = min(self.alarm_ns, beat_ns + 100 * MS)
            if next_ns > end_ns:
                break
            self.now_ns = max(self.now_ns, next_ns)
            if self.now_ns >= beat_ns + 100 * MS:
                beat_ns = self.now_ns
                asked += self._beat()
            if self.now_ns >= self.alarm_ns:
                asked += self.tell(AlarmRang())
        self.now_ns = end_ns
        return asked

    def _beat(self) -> list[Action]:
        asked: list[Action] = []
        for name, known in self.core.floor.children.items():
            if known.is_registered and name not in self.silent:
                asked += self.says(name, Heartbeat(name, self.now_ns, 0, name in self.drained))
        return asked

    # --- what was asked for -------------------------------------------------------------------------------------

    def of(self, kind: type[ActionT], actions: list[Action] | None = None) -> list[ActionT]:
        return [action for action in (self.actions if actions is None else actions) if isinstance(action, kind)]

    def commands(self, kind: type[ActionT], actions: list[Action] | None = None) -> list[tuple[str, ActionT]]:
        """Commands of one type, as (child, command)."""
        return [(item.child, item.command) for item in self.of(Dispatch, actions) if isinstance(item.command, kind)]

    def started(self, actions: list[Action] | None = None) -> list[str]:
        return [action.name for action in self.of(StartChild, actions)]

    @property
    def alerts(self) -> list[str]:
        return list(self.core.floor.telemetry.alerts)
