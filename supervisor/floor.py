"""The trading floor as the supervisor's core sees it: the children, what was asked of them, what must be remembered.

Pure. Whatever is done here is recorded as actions, in order, for the shell to do.
"""

from collections.abc import Iterable, Iterator
from typing import Any, Final, Literal

import msgspec

from actors.runtime.spec import HostSpec
from messages.control import ChildCommand, FenceStrategy, Halt, ProcessKind, StartTrading
from messages.health import ProcessState
from supervisor.actions import Action, KillChild, Log, SaveRegistry, StartChild
from supervisor.child_spec import ChildPlan, ClusterPlan
from supervisor.children import Adopted, Child, Launched
from supervisor.pending_commands import COMMAND_DEADLINE_NS, PendingCommands
from supervisor.registry import ChildRecord, Registry, RunRecord
from supervisor.telemetry import Telemetry

NS_PER_MS: Final = 1_000_000
FIRST_EPOCH: Final = 1
START_TRADING_ID: Final = "start-trading"
HALT_ID: Final = "halt"
"""The same in every incarnation of the supervisor: each of the two is done once by a process, however often asked."""


class Floor:
    """All children of one cluster.

    :ivar now_ns: monotonic time of the occurrence that is being handled; `random` in [0, 1) was drawn for it.
    :ivar run: what is remembered of this run.
    :ivar actions: asked of the shell so far.
    """

    def __init__(self, plan: ClusterPlan, registry: Registry) -> None:
        self.plan = plan
        self.children = {child.name: self._child(child) for child in plan.children}
        self.incarnation = registry.incarnation + 1
        self.pending = PendingCommands()
        self.telemetry = Telemetry()
        self.run = RunRecord()
        self.now_ns = 0
        self.random = 0.0
        self.actions: list[Action] = []
        self._epochs = dict(registry.epochs)
        self._commands = 0

    def _child(self, plan: ChildPlan) -> Child:
        return Child(plan, self.plan.policy, self.plan.heartbeat_timeout_ms * NS_PER_MS)

    # --- looking around -----------------------------------------------------------------------------------------

    def of_kind(self, *kinds: ProcessKind) -> list[Child]:
        return [child for child in self.children.values() if child.kind in kinds]

    @property
    def living(self) -> list[Child]:
        return [child for child in self.children.values() if child.is_alive]

    # --- remembering --------------------------------------------------------------------------------------------

    def adopt(self, registry: Registry, living: Iterable[str]) -> list[Child]:
        """Take the children of an earlier incarnation over, and their run with them.

        :returns: those that died while nobody watched; they are taken over as running, for their end to be told.
        """
        self.run = msgspec.structs.replace(registry.run, supervisor_restarts=registry.run.supervisor_restarts + 1)
        died = []
        for name, record in registry.children.items():
            child = self.children.get(name)
            if child is None:
                continue
            child.restarts, child.restarted_ns = record.restarts, list(record.restarted_ns)
            child.is_done = record.is_done
            if record.pid or child.is_done or record.is_quarantined:
                child.epoch = self._epochs.get(child.plan.strategy, 0)
            if record.is_quarantined:
                child.on_message(Adopted(self.now_ns, ProcessState.QUARANTINED))
            elif record.pid:
                child.begin(record.pid, record.created_s)
                is_running = record.is_ready or name not in living
                state = ProcessState.RUNNING if is_running else ProcessState.STARTING
                child.on_message(Adopted(self.now_ns, state))
                if name not in living:
                    died.append(child)
        return died

    def change_run(self, **changes: Any) -> None:
        """Change what is remembered of the run; safe before anything that follows is done."""
        self.run = msgspec.structs.replace(self.run, **changes)
        self.save()

    def save(self) -> None:
        self.actions.append(SaveRegistry(self._registry()))

    def forget_run(self, *, keeps_halt: bool) -> None:
        """Nothing lives any more: keep the epochs, and the halt where the run did not end in good order."""
        self.actions.append(SaveRegistry(self._registry().without_run(keeps_halt=keeps_halt)))

    def fail(self, text: str) -> None:
        """The run cannot end in success any more; the first reason is remembered."""
        self.change_run(is_failed=True, failure=self.run.failure or text)

    def _registry(self) -> Registry:
        records = {name: _record(child) for name, child in self.children.items()}
        return Registry(incarnation=self.incarnation, epochs=dict(self._epochs), children=records, run=self.run)

    # --- telling people -----------------------------------------------------------------------------------------

    def log(self, level: Literal["info", "warning", "error"], event: str, **fields: Any) -> None:
        self.actions.append(Log(level, event, fields))

    def alert(self, text: str, **fields: Any) -> None:
        """Something that a person should see."""
        self.telemetry.alert(text)
        self.log("error", text, **fields)

    # --- acting on children -------------------------------------------------------------------------------------

    def command_id(self, word: str) -> str:
        """A fresh id, different from those of earlier incarnations of the supervisor."""
        self._commands += 1
        return f"{word}-{self.incarnation}-{self._commands}"

    def tell(self, child: Child, command: ChildCommand, timeout_ns: int = COMMAND_DEADLINE_NS) -> None:
        """Send a command until it is answered."""
        self.actions.append(self.pending.add(child.name, command, self.now_ns, timeout_ns))

    def launch(self, child: Child) -> None:
        """Start a child's process; a strategy's in an epoch of its own, of which the gateways know already."""
        if child.kind is ProcessKind.STRATEGY and not child.epoch:
            self.fence(child, is_final=False)
        child.on_message(Launched(self.now_ns))
        spec = child.plan.spec
        if isinstance(spec, HostSpec):
            spec = msgspec.structs.replace(spec, epoch=child.epoch)
        self.actions.append(StartChild(child.name, child.plan.command, spec))

    def kill(self, child: Child, why: str) -> None:
        child.due_ns = None
        self.alert(f"{child.name} (pid {child.pid}) is killed: {why}", process=child.name, pid=child.pid)
        self.actions.append(KillChild(child.name))

    def fence(self, child: Child, *, is_final: bool) -> None:
        """End every incarnation that a strategy has had: its orders are cancelled and its late words refused."""
        self._issue_epoch(child)
        for gateway in self.of_kind(ProcessKind.GATEWAY):
            if gateway.is_alive:
                self._fence_at(gateway, child, is_final=is_final)

    def greet(self, child: Child) -> None:
        """Tell a child that has become ready, or has come back, how things stand."""
        if child.kind is ProcessKind.GATEWAY:
            for strategy in self.of_kind(ProcessKind.STRATEGY):
                self._fence_at(child, strategy, is_final=strategy.is_out)
        if self.run.is_halted and child.kind is not ProcessKind.EXCHANGE:
            self.tell(child, Halt(HALT_ID, self.run.halt_reason))
        if self.run.trading_since_ns is not None:
            self.tell(child, StartTrading(START_TRADING_ID))

    def halt(self, reason: str) -> None:
        """No new order in the whole cluster; gateways first, since it is they who can enforce it."""
        self.change_run(is_halted=True, halt_reason=self.run.halt_reason or reason)
        self.alert(f"halted: {reason}", reason=reason)
        for child in self.of_kind(ProcessKind.GATEWAY) + self.of_kind(ProcessKind.STRATEGY):
            if child.is_alive:
                self.tell(child, Halt(HALT_ID, reason))

    def _issue_epoch(self, child: Child) -> None:
        """The next epoch of a strategy; it is on the disk before anybody hears of it."""
        child.epoch = self._epochs[child.plan.strategy] = self._epochs.get(child.plan.strategy, 0) + 1
        self.save()

    def _fence_at(self, gateway: Child, strategy: Child, *, is_final: bool) -> None:
        if strategy.epoch <= FIRST_EPOCH:
            return  # there was no incarnation before
        command = FenceStrategy(self.command_id("fence"), strategy.plan.strategy, strategy.epoch, is_final)
        self.tell(gateway, command)

    # --- time ---------------------------------------------------------------------------------------------------

    def dues(self) -> Iterator[int]:
        """The moments at which a child or a command must be looked at again."""
        if self.pending.next_ns is not None:
            yield self.pending.next_ns
        yield from (child.due_ns for child in self.children.values() if child.due_ns is not None)


def _record(child: Child) -> ChildRecord:
    return ChildRecord(
        pid=child.pid,
        created_s=child.created_s,
        is_ready=child.is_ready,
        is_quarantined=child.state is ProcessState.QUARANTINED,
        is_done=child.is_done,
        restarts=child.restarts,
        restarted_ns=tuple(child.restarted_ns),
    )
