"""One thing that takes several steps: what was asked of whom, what is waited for, and how it has ended. Pure."""

from typing import ClassVar, Final, NamedTuple

from messages.from_child import CommandDone
from messages.to_child import ChildCommand
from supervisor.children import Child
from supervisor.floor import Floor
from supervisor.operations.consequences import listed
from supervisor.registry import JobRecord

NS_PER_MS: Final = 1_000_000
ANSWER_NS: Final = 10_000_000_000
"""For a process to say that a command is done which it does at once."""
GRACE_NS: Final = 250_000_000
"""For an answer to arrive, beyond the deadline that the process itself was given."""
RULE_COMMAND: Final = "risk-flatten"
"""How the ids of the commands begin that a risk rule gives, and no operator."""


class Outcome(NamedTuple):
    is_ok: bool
    text: str


class Job:
    """The base of all jobs; what a job does not care for, it does not override.

    :cvar is_final: it ends the process of its strategy, and nothing but another such job may take its place.
    :ivar words: what is going on, for whoever waits.
    :ivar outcome: None until it has ended.
    :ivar due_ns: when `overdue` is to be called; None for never.
    """

    action: ClassVar[str]
    is_final: ClassVar[bool] = False

    def __init__(self, floor: Floor, record: JobRecord) -> None:
        self.floor = floor
        self.strategy = record.strategy
        self.command_ids = list(record.command_ids)
        self.changes = dict(record.changes)
        self.before = record.before
        self.words = ""
        self.outcome: Outcome | None = None
        self.due_ns: int | None = None
        self._waiting: dict[tuple[str, str], ChildCommand] = {}

    # --- hooks --------------------------------------------------------------------------------------------------

    def begin(self) -> None:
        """Do the first step; what is to be remembered is saved before anybody is told."""

    def answered(self, done: CommandDone) -> None:
        """A command of this job was answered, and is not waited for any more."""

    def child_ended(self) -> None:
        """The strategy's process is gone."""

    def child_ready(self) -> None:
        """The strategy's process can do its work, or has come back to the supervisor."""

    def child_given_up(self) -> None:
        """The strategy is in quarantine."""

    def child_faulted(self) -> None:
        """The strategy has failed; its process is about to end."""

    def gateway_updated(self, gateway: str) -> None:
        """A gateway has told how it is doing."""

    def gateway_ended(self, gateway: str) -> None:
        """The process of a gateway is gone; another one will come."""

    def overdue(self) -> None:
        """The moment `due_ns` has come."""

    # --- services -----------------------------------------------------------------------------------------------

    @property
    def record(self) -> JobRecord:
        return JobRecord(
            action=self.action,
            strategy=self.strategy,
            command_ids=tuple(self.command_ids),
            changes=self.changes,
            before=self.before,
        )

    @property
    def child(self) -> Child:
        return self.floor.children[self.strategy]

    @property
    def is_of_rule(self) -> bool:
        """Whether a risk rule has asked for it, and not the operator alone."""
        return any(id.startswith(RULE_COMMAND) for id in self.command_ids)

    @property
    def is_waiting(self) -> bool:
        """Whether an answer is missing."""
        return bool(self._waiting)

    def ask(self, child: Child, command: ChildCommand, timeout_ns: int = ANSWER_NS) -> None:
        """Tell a child, and wait for its answer."""
        self._waiting[child.name, command.command_id] = command
        self.floor.tell(child, command, timeout_ns)

    def claims(self, done: CommandDone) -> bool:
        """Whether this answer is one that the job waits for; it is taken."""
        return self._waiting.pop((done.process, done.command_id), None) is not None

    def forget(self, name: str) -> list[ChildCommand]:
        """What this process was asked is not waited for any more, and not said again. :returns: what it was."""
        keys = [key for key in self._waiting if key[0] == name]
        for key in keys:
            self.floor.pending.settle(*key)
        return [self._waiting.pop(key) for key in keys]

    def abandon(self) -> None:
        """Nothing of this job is waited for any more, and none of it said again."""
        for name in {name for name, _ in self._waiting}:
            self.forget(name)

    def gateway_ready(self, gateway: Child) -> None:
        """A gateway can do its work, or has come back: what it has not answered is asked again."""
        for command in self.forget(gateway.name):
            self.ask(gateway, command)

    def wait(self, words: str, duration_ns: int) -> None:
        self.words = words
        self.due_ns = self.floor.now_ns + duration_ns

    def finish(self, text: str) -> None:
        self.outcome = Outcome(is_ok=True, text=text)

    def fail(self, text: str) -> None:
        self.outcome = Outcome(is_ok=False, text=text)

    @property
    def unanswered(self) -> str:
        """Who has not answered."""
        return ", ".join(sorted({name for name, _ in self._waiting}))

    @property
    def held(self) -> str:
        """What the strategy holds by the gateways' books, in words."""
        return listed(self.floor.telemetry.held(self.strategy)) or "nothing"
