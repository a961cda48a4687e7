"""What the supervisor's core asks of its shell. Actions are done in their order: what is saved first, is safe first."""

from collections.abc import Mapping
from typing import Any, Final, Literal, NamedTuple

from actors.runtime.spec import ChildSpec
from messages.operator import ToOperator
from messages.to_child import ChildNews
from supervisor.ledger.entries import Entry
from supervisor.pending_commands import Dispatch
from supervisor.registry import Registry
from supervisor.report import RunResult

EXIT_CLEAN: Final = 0
EXIT_FAILED: Final = 10
"""The cluster has stopped, by force or because it could not go on. Not 1, with which Python reports a crash."""

EXIT_TROUBLED: Final = 11
"""The cluster has stopped in good order, and a strategy had ended quarantined or faulted."""

SUPERVISOR: Final = "supervisor"
"""The name of its own process in status and report."""


class StartChild(NamedTuple):
    """:param command: the path of the spec file is appended."""

    name: str
    command: tuple[str, ...]
    spec: ChildSpec


class KillChild(NamedTuple):
    """End a process at once."""

    name: str


class ReplyOperator(NamedTuple):
    peer: bytes
    reply: ToOperator


class SaveRegistry(NamedTuple):
    registry: Registry


class SetLatch(NamedTuple):
    """Keep the cluster halted over everything that ends, gateways that do not hear included."""

    reason: str
    is_flattening: bool


class ClearLatch(NamedTuple):
    """The operator has ended the halt."""


class WriteReport(NamedTuple):
    result: RunResult


class MeasureUsage(NamedTuple):
    """Measure every process, and the supervisor itself."""


class Log(NamedTuple):
    level: Literal["info", "warning", "error"]
    event: str
    fields: Mapping[str, Any]  # Any: log fields


class Audit(NamedTuple):
    """Enter a decision, a command, a halt or a change into the ledger's hash-chained audit, with what it was made from.

    :param kind: what it is, in a word or two: `halt`, `set-limit`, `loss-tier`.
    :param subject: whom it concerns: a strategy, a gateway, a limit; empty for the cluster.
    :param payload: JSON-like: text, whole numbers, Decimals, floats, lists and mappings of them, messages. No secret.
    """

    kind: str
    subject: str
    payload: Mapping[str, Any]  # Any: whatever the decision was made from


class EnterLedger(NamedTuple):
    """Enter something into the ledger, as soon as its database takes it."""

    entry: Entry


class SendNews(NamedTuple):
    """Tell a child something that it does not acknowledge."""

    child: str
    news: ChildNews


class SetAlarm(NamedTuple):
    """Tell `AlarmRang` once the monotonic clock has reached this; replaces the last one."""

    mono_ns: int


class Exit(NamedTuple):
    """Everything has stopped; end the supervisor.

    :param cause: why it was not in good order; empty where it was.
    """

    code: int
    cause: str = ""


Action = (
    StartChild
    | KillChild
    | Dispatch
    | ReplyOperator
    | SaveRegistry
    | SetLatch
    | ClearLatch
    | WriteReport
    | MeasureUsage
    | Log
    | Audit
    | EnterLedger
    | SendNews
    | SetAlarm
    | Exit
)
