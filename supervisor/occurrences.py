"""What the supervisor's shell tells its core: what was said, what became of processes, and that time has passed."""

from collections.abc import Mapping
from typing import NamedTuple

from messages.control import FromChild
from messages.operator import FromOperator


class Usage(NamedTuple):
    """What a process takes of the machine.

    :param cpu_percent: since the last measurement; 100 = one processor. `cpu_percent_mean` over its whole life.
    """

    cpu_percent: float
    cpu_percent_mean: float
    rss_mb: float


class Begun(NamedTuple):
    """The supervisor runs.

    :param living: the children of the registry whose processes were found alive.
    :param archive: where the journals of the last run were put; empty for nowhere.
    """

    living: frozenset[str]
    archive: str = ""


class ProcessStarted(NamedTuple):
    name: str
    pid: int
    created_s: float


class StartFailed(NamedTuple):
    name: str
    text: str


class ProcessEnded(NamedTuple):
    """:param exit_code: negative: the signal that ended it; None: not known, because it is not our own child."""

    name: str
    pid: int
    exit_code: int | None


class ChildSaid(NamedTuple):
    """:param name: the routing id of the sender."""

    name: str
    message: FromChild


class OperatorAsked(NamedTuple):
    """:param peer: where the answer goes."""

    peer: bytes
    request: FromOperator


class Measured(NamedTuple):
    usages: Mapping[str, Usage]


class AlarmRang(NamedTuple):
    """The moment of the last `SetAlarm` has come."""


class StopSignalled(NamedTuple):
    """The supervisor itself was asked to end (SIGTERM)."""


Occurrence = (
    Begun
    | ProcessStarted
    | StartFailed
    | ProcessEnded
    | ChildSaid
    | OperatorAsked
    | Measured
    | AlarmRang
    | StopSignalled
)
