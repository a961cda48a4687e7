"""Changing the parameters of a running strategy, and ending a halt. Pure."""

from typing import Final

import msgspec

from actors.runtime.spec import HostSpec
from messages.from_child import CommandDone, ProcessKind
from messages.to_child import ChangeParameters, Halt, Resume, Unhalt
from supervisor.actions import ClearLatch
from supervisor.children import Child
from supervisor.floor import Floor
from supervisor.operations.job import ANSWER_NS, Job
from supervisor.operations.planner import Unfit
from supervisor.operations.risk_port import WHOLE_CLUSTER, RiskPort
from supervisor.registry import JobRecord

NS_PER_S: Final = 1_000_000_000
PROBATION_NS: Final = 5 * NS_PER_S
"""A strategy that fails so soon after its parameters were changed gets the old ones back."""


class SetJob(Job):
    """New parameters for one strategy, which must prove themselves."""

    action = "set"

    def __init__(self, floor: Floor, record: JobRecord) -> None:
        super().__init__(floor, record)
        if self.before is None:
            self.before = dict(floor.wish(self.strategy).changes)
        self._is_sent = False

    def begin(self) -> None:
        try:
            self._take({**(self.before or {}), **self.changes})
        except Unfit as error:
            self.fail(str(error))
            return
        if self.child.is_ready:
            self._ask()
        elif self.child.is_out:
            self.finish(f"{self.strategy} is {self.child.state.value}; {self._named} from its next start on")
        else:
            self.words = f"it is {self.child.state.value}; it is told once it is up"  # a start has its own deadline

    def answered(self, done: CommandDone) -> None:
        if done.is_ok:
            self.wait(f"changed; it is watched for {PROBATION_NS / NS_PER_S:g} s", PROBATION_NS)
        else:
            end = self._put_back("nothing has changed")
            self.fail(f"{self.strategy} refuses {self._named}: {done.text}; {end}")

    def child_ready(self) -> None:
        if self.is_waiting or not self._is_sent:
            self._ask()  # a supervisor that is back does not know whether it was heard

    def child_faulted(self) -> None:
        self._roll_back("it failed")

    def child_ended(self) -> None:
        self._roll_back("its process ended")

    def overdue(self) -> None:
        if self.is_waiting:
            self.fail(f"{self.strategy} did not answer; {self._put_back('the old parameters hold again')}")
            self.floor.tell(self.child, self._command())  # the new ones may have been heard, or may be yet
        else:
            self.finish(f"{self.strategy} trades with {self._named}")

    @property
    def _named(self) -> str:
        return ", ".join(f"{path} = {value}" for path, value in self.changes.items())

    def _ask(self) -> None:
        self.forget(self.strategy)
        self.ask(self.child, self._command())
        self._is_sent = True
        self.wait("it is told", ANSWER_NS)

    def _command(self) -> ChangeParameters:
        """The parameters of its plan, told to the strategy."""
        spec = self.child.plan.spec
        assert isinstance(spec, HostSpec)
        return ChangeParameters(self.floor.command_id("parameters"), msgspec.json.encode(spec.parameters).decode())

    def _roll_back(self, why: str) -> None:
        if self.outcome is None:
            span = f"within {PROBATION_NS / NS_PER_S:g} s of" if self._is_sent else "before it was told of"
            text = f"{self.strategy}: {why} {span} {self._named}; {self._put_back('rolled back')}"
            self.floor.alert(text, process=self.strategy)
            self.fail(text)

    def _take(self, changes: dict[str, str]) -> None:
        """Let these changes of the config hold. :raises Unfit: they cannot; nothing has changed."""
        floor = self.floor
        wish = msgspec.structs.replace(floor.wish(self.strategy), changes=changes)
        plan = floor.planner.strategies({**floor.standing, self.strategy: wish})[self.strategy]
        floor.stand(self.strategy, changes=changes)
        self.child.plan = plan
        floor.save()

    def _put_back(self, words: str) -> str:
        """Let what was before hold again. :returns: these words, or others where the config lets it no more."""
        try:
            self._take(self.before or {})
        except Unfit as error:
            self.floor.alert(f"{self.strategy} keeps {self._named}: {error}", process=self.strategy)
            return "the old parameters do not fit the config any more, and the new ones are kept"
        return words


class UnhaltJob(Job):
    """The operator ends the halt: what keeps it first, then gateways, then the strategies that it had stopped."""

    action = "unhalt"

    def __init__(self, floor: Floor, record: JobRecord, risk: RiskPort) -> None:
        super().__init__(floor, record)
        self._risk = risk
        self._ended: set[str] = set()

    def begin(self) -> None:
        floor = self.floor
        floor.pending.withdraw(Halt)
        floor.run = msgspec.structs.replace(
            floor.run,
            is_halted=False,
            is_latched=False,
            is_flattening=False,
            halt_reason="",
            halted_ns=None,
            unhalted_latch=floor.latch_id,
        )
        for child in floor.of_kind(ProcessKind.STRATEGY):
            child.owes_resume = True  # those who are not there, or die before they have heard it, are told later
        self._risk.on_resumed(WHOLE_CLUSTER)  # what has led to the halt ends with it, in one save
        floor.save()
        floor.actions.append(ClearLatch())
        floor.alert("unhalted by the operator")
        for gateway in floor.of_kind(ProcessKind.GATEWAY):
            if gateway.is_alive:
                self.ask(gateway, self._command())
        self.wait("the gateways are told", ANSWER_NS)
        self._resume_if_told()

    def answered(self, done: CommandDone) -> None:
        if not done.is_ok:
            self.fail(f"{done.process} stays halted: {done.text}")
        self._resume_if_told()

    def gateway_ended(self, gateway: str) -> None:
        """Its next process finds no latch and is told of no halt, so that nobody need wait for it."""
        if self.forget(gateway):
            self._ended.add(gateway)
            self._resume_if_told()

    def gateway_ready(self, gateway: Child) -> None:
        super().gateway_ready(gateway)
        if gateway.name in self._ended:  # it may have looked at the latch just before that was gone
            self._ended.discard(gateway.name)
            self.floor.tell(gateway, self._command())

    def overdue(self) -> None:
        self.fail(f"no answer from {self.unanswered}; say unhalt again once they are up")

    def _command(self) -> Unhalt:
        return Unhalt(self.floor.command_id("unhalt"), "the operator ended the halt")

    def _resume_if_told(self) -> None:
        """Strategies that are paused stay so. What they answer is their own affair: not all come back from HALTED."""
        if self.is_waiting or self.outcome is not None:
            return
        floor = self.floor
        resumed = []
        for child in floor.of_kind(ProcessKind.STRATEGY):
            if child.is_ready and not floor.wish(child.name).is_paused:
                floor.tell(child, Resume(floor.command_id("resume")))
                resumed.append(child.name)
        self.finish(f"the halt is over; told to trade on: {', '.join(resumed) or 'none'}")
