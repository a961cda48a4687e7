"""The trading floor as the supervisor's core sees it: the children, what was asked of them, what must be remembered.

Pure. Whatever is done here is recorded as actions, in order, for the shell to do.
"""

from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from typing import Any, Final, Literal

import msgspec

from actors.runtime.spec import HostSpec
from gateways.safety.halt_reason import as_reason
from gateways.spec import GatewaySpec
from messages.from_child import ProcessKind, StrategyFault
from messages.health import ProcessState
from messages.risk import DeathPolicy
from messages.to_child import ChildCommand, FenceStrategy, Halt, Resume, StartTrading, Unhalt
from supervisor.actions import Action, Audit, KillChild, Log, SaveRegistry, SetLatch, StartChild
from supervisor.child_spec import ChildPlan, ClusterPlan
from supervisor.children import Adopted, Child, Launched, StopAsked
from supervisor.operations.planner import FixedPlanner, Planner, Unfit
from supervisor.pending_commands import COMMAND_DEADLINE_NS, PendingCommands
from supervisor.registry import Answer, ChildRecord, JobRecord, Registry, RunRecord, Standing
from supervisor.risk.records import RiskRecord
from supervisor.telemetry import Telemetry

NS_PER_MS: Final = 1_000_000
FIRST_EPOCH: Final = 1
START_TRADING_ID: Final = "start-trading"
"""The same in every incarnation of the supervisor: it is done once by a process, however often asked."""
PAUSE_DEADLINE_NS: Final = 60_000_000_000
"""For a strategy to settle the pair in hand, before it is told that it has not."""
TRACEBACK_KEPT_MAX: Final = 2_000
"""Characters of a fault's traceback that outlive the supervisor: its end, which names the error."""


class Floor:
    """All children of one cluster.

    :param token: different for each process of a supervisor, so that no command of it has the id of another's, also
        where the registry that it found is not the newest; empty where there is but one.
    :ivar now_ns: monotonic time of the occurrence that is being handled; `random` in [0, 1) was drawn for it.
    :ivar run: what is remembered of this run.
    :ivar latch_id: of the latch in the state directory, as far as it is known; empty where none is.
    :ivar standing: by strategy, what the operator has asked of it; `limits` by path, those set while it ran.
    :ivar risk_record: what must be remembered of risk.
    :ivar before_halt: is called before a halt is saved and told.
    :ivar answers: to the latest commands of the operator; `jobs` those that are not done yet.
    :ivar actions: asked of the shell so far.
    """

    def __init__(self, plan: ClusterPlan, registry: Registry, planner: Planner | None = None, token: str = "") -> None:
        self.plan = plan
        self.planner = planner or FixedPlanner(plan)
        self.standing = dict(registry.standing)
        self.limits = dict(registry.limits)
        self.answers: tuple[Answer, ...] = ()
        self.jobs: tuple[JobRecord, ...] = ()
        self.misfit = ""
        self.children = {child.name: self._child(child) for child in self._planned()}
        self.incarnation = registry.incarnation + 1
        self.pending = PendingCommands()
        self.telemetry = Telemetry()
        self.run = RunRecord()
        self.latch_id = ""
        self.now_ns = 0
        self.random = 0.0
        self.actions: list[Action] = []
        self._epochs = dict(registry.epochs)
        self._commands = 0
        self._token = f"-{token}" if token else ""
        self.before_halt: Callable[[], None] = lambda: None
        self._has_news = False
        self.risk_record: Callable[[], RiskRecord] = lambda: registry.risk

    def _planned(self) -> list[ChildPlan]:
        """All children, strategies as the operator has changed them."""
        wishes = self.standing
        if not wishes:
            return list(self.plan.children)
        try:
            strategies = list(self._fitting().values())
        except Unfit as error:
            self.standing = wishes
            self.misfit += f"\nnot started, since what was asked of them cannot be kept: {', '.join(wishes)} ({error})"
            return [child for child in self.plan.children if child.name not in wishes]
        others = [child for child in self.plan.children if child.kind is not ProcessKind.STRATEGY]
        return [*others, *strategies]

    def _fitting(self) -> dict[str, ChildPlan]:
        """The strategies with every change that fits the config; who is paused, stopped or removed stays so.

        :raises Unfit: the config does not fit even without any change.
        """
        wishes = self.standing
        try:
            return self.planner.strategies(wishes)
        except Unfit as error:
            self.misfit = f"what was changed while the cluster ran does not fit its config any more: {error}"
        self.standing = {name: _unchanged(wish) for name, wish in wishes.items()}
        plans = self.planner.strategies(self.standing)
        for name, wish in wishes.items():
            tried = {**self.standing, name: wish}
            with suppress(Unfit):
                plans = self.planner.strategies(tried)
                self.standing = tried
        return plans

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
        self.telemetry.restore(registry.alerts, registry.alerts_total, registry.faults)
        self.answers, self.jobs = registry.answers, registry.jobs
        died = []
        for name, record in registry.children.items():
            child = self.children.get(name)
            if child is None:
                continue
            child.restarts, child.restarted_ns = record.restarts, list(record.restarted_ns)
            child.is_done, child.began_paused = record.is_done, record.began_paused
            child.owes_resume = record.owes_resume
            if record.pid or child.is_done or record.is_quarantined:
                child.epoch = child.spent_epoch = self._epochs.get(child.plan.strategy, 0)
            if record.is_quarantined:
                child.on_message(Adopted(self.now_ns, ProcessState.QUARANTINED))
            elif record.pid:
                child.begin(record.pid, record.created_s, record.birth)
                is_running = record.is_ready or name not in living
                state = ProcessState.RUNNING if is_running else ProcessState.STARTING
                child.on_message(Adopted(self.now_ns, state))
                if child.is_done:  # it was stopped, and outlived its end
                    child.on_message(StopAsked())
                if name not in living:
                    died.append(child)
        return died

    def change_run(self, **changes: Any) -> None:
        """Change what is remembered of the run; safe before anything that follows is done."""
        self.run = msgspec.structs.replace(self.run, **changes)
        self.save()

    def save(self) -> None:
        self._has_news = False
        self.actions.append(SaveRegistry(self._registry()))

    def save_news(self) -> None:
        """Make alerts and faults safe that nothing else has made safe since."""
        if self._has_news:
            self.save()

    def stand(self, strategy: str, **changes: Any) -> None:
        """Change what the operator asks of a strategy; the caller saves."""
        self.standing[strategy] = msgspec.structs.replace(self.wish(strategy), **changes)

    def wish(self, strategy: str) -> Standing:
        """What the operator asks of a strategy."""
        return self.standing.get(strategy) or Standing()

    def forget_run(self, *, keeps_halt: bool) -> None:
        """Nothing lives any more: keep the epochs, and the halt where the run did not end in good order."""
        self.actions.append(SaveRegistry(self._registry().without_run(keeps_halt=keeps_halt)))

    def fail(self, text: str) -> None:
        """The run cannot end in success any more; the first reason is remembered."""
        self.change_run(is_failed=True, failure=self.run.failure or text)

    def _registry(self) -> Registry:
        records = {name: _record(child) for name, child in self.children.items()}
        telemetry = self.telemetry
        return Registry(
            incarnation=self.incarnation,
            epochs=dict(self._epochs),
            children=records,
            run=self.run,
            standing={name: wish for name, wish in self.standing.items() if wish != Standing()},
            limits=dict(self.limits),
            answers=self.answers,
            jobs=self.jobs,
            alerts=tuple(telemetry.alerts),
            alerts_total=telemetry.alerts_total,
            faults=tuple(_shortened(fault) for fault in telemetry.faults),
            risk=self.risk_record(),
        )

    # --- telling people -----------------------------------------------------------------------------------------

    def log(self, level: Literal["info", "warning", "error"], event: str, **fields: Any) -> None:
        self.actions.append(Log(level, event, fields))

    def alert(self, text: str, **fields: Any) -> None:
        """Something that a person should see."""
        self.telemetry.alert(text)
        self._has_news = True
        self.log("error", text, **fields)

    def audit(self, kind: str, subject: str = "", **payload: Any) -> None:
        """Something that the operator has asked for, or that follows from it. :param subject: empty for the cluster."""
        self.actions.append(Audit(kind, subject, payload))

    def note_refused(self, process: str, refused: int) -> None:
        """Take how many frames and connections a process has refused since its start; what is new is audited."""
        new = self.telemetry.note_refused(process, refused, self.now_ns)
        if new:
            self.audit("refused", process, new=new, total=refused)

    # --- acting on children -------------------------------------------------------------------------------------

    def command_id(self, word: str) -> str:
        """A fresh id, different from those of earlier incarnations of the supervisor."""
        self._commands += 1
        return f"{word}-{self.incarnation}{self._token}-{self._commands}"

    def tell(self, child: Child, command: ChildCommand, timeout_ns: int = COMMAND_DEADLINE_NS) -> None:
        """Send a command until it is answered."""
        self.actions.append(self.pending.add(child.name, command, self.now_ns, timeout_ns))

    def launch(self, child: Child) -> None:
        """Start a child's process; a strategy's in an epoch of its own, of which the gateways know already."""
        if child.kind is ProcessKind.STRATEGY and child.epoch == child.spent_epoch:
            self.fence(child, is_final=False)
        child.on_message(Launched(self.now_ns))
        child.spent_epoch, child.began_paused = child.epoch, self.wish(child.name).is_paused
        spec = child.plan.spec
        if isinstance(spec, HostSpec):
            spec = msgspec.structs.replace(spec, epoch=child.epoch, is_paused=child.began_paused)
        elif isinstance(spec, GatewaySpec):
            spec = msgspec.structs.replace(spec, death_policies=self._death_policies())
        self.actions.append(StartChild(child.name, child.plan.command, spec))

    def _death_policies(self) -> dict[str, DeathPolicy]:
        """Of all strategies, those that were added while the cluster ran included."""
        return {child.plan.strategy: DeathPolicy(child.plan.on_death) for child in self.of_kind(ProcessKind.STRATEGY)}

    def kill(self, child: Child, why: str) -> None:
        child.due_ns = None
        self.alert(f"{child.name} (pid {child.pid}) is killed: {why}", process=child.name, pid=child.pid)
        self.actions.append(KillChild(child.name))

    def fence(self, child: Child, *, is_final: bool) -> None:
        """End every incarnation that a strategy has had: its orders are cancelled and its late words refused."""
        self._issue_epoch(child)
        if is_final:
            child.spent_epoch = child.epoch
        for gateway in self.of_kind(ProcessKind.GATEWAY):
            if gateway.is_alive:
                self._fence_at(gateway, child, is_final=is_final)

    def hire(self, plan: ChildPlan) -> Child:
        """Add a child to those of the cluster."""
        child = self.children[plan.name] = self._child(plan)
        return child

    def dismiss(self, name: str) -> None:
        """A strategy is no child of the cluster any more; its epochs are remembered all the same."""
        del self.children[name]
        self.standing.pop(name, None)
        if any(child.name == name for child in self.plan.children):  # or else the config would bring it back
            self.stand(name, is_removed=True)
        self.telemetry.strategy_statuses.pop(name, None)
        self.save()

    def greet(self, child: Child) -> None:
        """Tell a child that has become ready, or has come back, how things stand."""
        if child.kind is ProcessKind.GATEWAY:
            for strategy in self.of_kind(ProcessKind.STRATEGY):
                self._fence_at(child, strategy, is_final=strategy.is_out)
        if self.run.is_halted and child.kind is not ProcessKind.EXCHANGE:
            self.tell(child, self._halt_command(self.run.halt_reason))
        if self.run.trading_since_ns is not None:
            self.tell(child, StartTrading(START_TRADING_ID))

    def halt(self, reason: str, *, is_flattening: bool = False, is_latched: bool = True) -> None:
        """No new order in the whole cluster; gateways first, since it is they who can enforce it.

        :param is_latched: it outlives the run; only the operator ends it.
        """
        run, reason = self.run, as_reason(reason)
        self.before_halt()
        self.pending.withdraw(Unhalt, Resume)
        for child in self.of_kind(ProcessKind.STRATEGY):
            child.owes_resume = False
        self.change_run(
            is_halted=True,
            halt_reason=run.halt_reason or reason,
            is_latched=run.is_latched or is_latched,
            is_flattening=run.is_flattening or is_flattening,
            halts=run.halts + 1,
            halt_id=f"halt-{run.halts + 1}{self._token}",
            halted_ns=self.now_ns if run.halted_ns is None else run.halted_ns,
            unhalted_latch="",
        )
        self.alert(f"halted: {reason}", reason=reason)
        for child in self.of_kind(ProcessKind.GATEWAY) + self.of_kind(ProcessKind.STRATEGY):
            if child.is_alive:
                self.tell(child, self._halt_command(reason))
        if self.run.is_latched:
            self.actions.append(SetLatch(self.run.halt_reason, self.run.is_flattening))

    def _halt_command(self, reason: str) -> Halt:
        """Its id is that of the present halt, so that a process does each halt once."""
        return Halt(self.run.halt_id or f"halt-{self.run.halts}", as_reason(reason), self.run.is_flattening)

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


def _unchanged(wish: Standing) -> Standing:
    """What holds of a wish in any config."""
    return Standing(is_paused=wish.is_paused, is_stopped=wish.is_stopped, is_removed=wish.is_removed)


def _shortened(fault: StrategyFault) -> StrategyFault:
    return msgspec.structs.replace(fault, traceback=fault.traceback[-TRACEBACK_KEPT_MAX:])


def _record(child: Child) -> ChildRecord:
    return ChildRecord(
        pid=child.pid,
        created_s=child.created_s,
        is_ready=child.is_ready,
        is_quarantined=child.state is ProcessState.QUARANTINED,
        is_done=child.is_done,
        restarts=child.restarts,
        restarted_ns=tuple(child.restarted_ns),
        began_paused=child.began_paused,
        owes_resume=child.owes_resume,
        birth=child.birth,
    )
