"""How positions of one strategy are closed: by the strategy itself, or by the gateways where it cannot. Pure."""

from collections.abc import Mapping
from decimal import Decimal
from typing import Final

from actors.runtime.spec import HostSpec
from messages.from_child import CommandDone, ProcessKind
from messages.instruments import Instrument
from messages.to_child import Flatten, FlattenPosition, Pause
from supervisor.floor import PAUSE_DEADLINE_NS, Floor
from supervisor.operations.consequences import listed
from supervisor.operations.job import GRACE_NS, NS_PER_MS, Job
from supervisor.operations.residual import NotAPair, completion, is_tradable
from supervisor.registry import JobRecord

FLATTEN_MS: Final = 30_000
"""For a strategy to close what it holds; gateways, which close at market, have as long again."""
FLATTEN_NS: Final = FLATTEN_MS * NS_PER_MS
WORDS_AFTER_FENCE: Final = 2
"""A gateway's second word after a fence was told by a gateway that had done it: what it says of the position stands."""
ZERO: Final = Decimal(0)


class FlattenJob(Job):
    """The operator closes every position of a strategy, which stays paused."""

    action = "flatten"

    def __init__(self, floor: Floor, record: JobRecord) -> None:
        super().__init__(floor, record)
        self._targets: Mapping[str, Decimal] | None = None

    def begin(self) -> None:
        self.floor.stand(self.strategy, is_paused=True)
        self.floor.save()
        if self.child.is_ready and not self.child.is_faulted:
            self._ask_strategy()
        else:
            self.by_gateways(dict.fromkeys(self.instruments, ZERO), "the operator flattens it")

    def child_ready(self) -> None:
        if self._targets is None:
            self._ask_strategy()
        elif not self.child.began_paused:  # it was started before this job, and would trade on meanwhile
            self.floor.tell(self.child, Pause(self.floor.command_id("pause")), PAUSE_DEADLINE_NS)

    def child_given_up(self) -> None:
        self._take_over(f"{self.strategy} is in quarantine")

    def answered(self, done: CommandDone) -> None:
        if done.process == self.strategy:
            if done.is_ok:
                self.finish(f"{self.strategy} is flat, and paused until it is resumed")
            else:
                self._take_over(f"{self.strategy} could not: {done.text}")
        elif not done.is_ok:
            self.fail(f"{self.strategy}: {done.process} could not flatten it: {done.text}; it holds {self.held}")

    def gateway_updated(self, gateway: str) -> None:  # noqa: ARG002  # any gateway's word may be the last one missing
        """A gateway's word after its answer tells whether its market orders were filled."""
        targets = self._targets
        if targets is None or self.is_waiting or self.outcome is not None:
            return
        held = self.floor.telemetry.held(self.strategy)
        known = self.known_instruments
        left = {id: held.get(id, ZERO) - target for id, target in targets.items()}
        if not any(is_tradable(known.get(id), size) for id, size in left.items()):
            self.finish(f"{self.strategy}: {self.done_words}; it holds {self.held}")

    def overdue(self) -> None:
        if self._targets is None:
            self._take_over(f"{self.strategy} did not do it within {FLATTEN_MS / 1_000:g} s")
        else:
            missing = f"no answer from {self.unanswered}; " if self.is_waiting else ""
            self.fail(f"{self.strategy}: {missing}not closed: it holds {self.held}")

    # --- services -----------------------------------------------------------------------------------------------

    @property
    def done_words(self) -> str:
        return "the gateways have closed its positions, and it is paused until it is resumed"

    @property
    def instruments(self) -> tuple[str, ...]:
        """All that it may hold."""
        return tuple(dict.fromkeys([*self.known_instruments, *self.floor.telemetry.held(self.strategy)]))

    @property
    def known_instruments(self) -> dict[str, Instrument]:
        """What it trades, by instrument id."""
        spec = self.child.plan.spec
        return {item.id: item for item in spec.instruments} if isinstance(spec, HostSpec) else {}

    def by_gateways(self, targets: Mapping[str, Decimal], reason: str) -> None:
        """Let the gateways bring the positions to these targets by orders of their own."""
        self._targets = targets
        self.wait("the gateways close its positions", FLATTEN_NS)
        for instrument, target in targets.items():
            gateway = self.floor.children.get(venue_of(instrument))
            if gateway is not None and gateway.kind is ProcessKind.GATEWAY:
                command_id = self.floor.command_id("flatten")
                command = FlattenPosition(command_id, self.strategy, instrument, target, reason)
                self.ask(gateway, command, FLATTEN_NS)
            elif self.floor.telemetry.held(self.strategy).get(instrument):
                self.fail(f"{self.strategy}: no gateway for {instrument}; it holds {self.held}")

    def _ask_strategy(self) -> None:
        self.forget(self.strategy)
        command = Flatten(self.floor.command_id("flatten"), FLATTEN_MS)
        self.ask(self.child, command, FLATTEN_NS)
        if self.due_ns is None:
            self.wait("it closes its positions", FLATTEN_NS + GRACE_NS)

    def _take_over(self, why: str) -> None:
        if self._targets is not None:
            return
        self.forget(self.strategy)
        self.floor.alert(f"{why}; the gateways flatten it", process=self.strategy)
        self.by_gateways(dict.fromkeys(self.instruments, ZERO), f"{why}; the operator flattens it")


class OrphanJob(FlattenJob):
    """What the config says is done with the position of a strategy that is given up."""

    action = "on-death"

    def __init__(self, floor: Floor, record: JobRecord) -> None:
        super().__init__(floor, record)
        self._words_missing: dict[str, int] = {}

    def begin(self) -> None:
        policy = self.child.plan.on_death
        if policy == "flatten":
            self.by_gateways(dict.fromkeys(self.instruments, ZERO), f"{self.strategy} is in quarantine")
        elif policy == "complete":
            self._words_missing = {venue_of(id): WORDS_AFTER_FENCE for id in self.instruments}
            self.wait("its orders are cancelled", FLATTEN_NS)
        else:
            self.finish(f"{self.strategy} is in quarantine, and its position is held (on_death = hold): {self.held}")

    def child_ready(self) -> None:
        """The operator has started it again."""

    def gateway_updated(self, gateway: str) -> None:
        if self._targets is not None:
            super().gateway_updated(gateway)
            return
        if gateway in self._words_missing:
            self._words_missing[gateway] -= 1
        if not any(words > 0 for words in self._words_missing.values()):
            self._complete()

    def overdue(self) -> None:
        if self._targets is None:
            silent = ", ".join(sorted(name for name, words in self._words_missing.items() if words > 0))
            self.fail(f"{self.strategy}: its pair is not completed, {silent} is silent; it holds {self.held}")
        else:
            super().overdue()

    @property
    def done_words(self) -> str:
        return f"its position was closed as far as its config says (on_death = {self.child.plan.on_death})"

    def _complete(self) -> None:
        spec = self.child.plan.spec
        held = self.floor.telemetry.held(self.strategy)
        try:
            targets = completion(spec.instruments if isinstance(spec, HostSpec) else (), held)
        except NotAPair as error:
            self.fail(f"{self.strategy}: its position is held, since {error}: {self.held}")
            return
        if not targets:
            self.finish(f"{self.strategy} is in quarantine, and its legs match each other: it holds {self.held}")
            return
        self.floor.alert(f"{self.strategy}: its pair is completed: to {listed_with_zero(targets)}")
        self.by_gateways(targets, f"{self.strategy} is in quarantine; its pair is completed")


def listed_with_zero(targets: Mapping[str, Decimal]) -> str:
    closed = [f"0 {name}" for name, size in targets.items() if not size]
    return ", ".join(text for text in (listed(targets), *closed) if text)


def venue_of(instrument: str) -> str:
    """The gateway that trades an instrument; a venue's id holds no dot, and a symbol may."""
    return instrument.rpartition(".")[2]
