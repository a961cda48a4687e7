"""What the supervisor's shell tells its core: what was said, what became of processes, and that time has passed."""

from collections.abc import Mapping
from typing import NamedTuple

from messages.from_child import FromChild
from messages.operator import FromOperator
from supervisor.ledger.entries import LedgerNews


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
    :param latch: the halt that the latch in the state directory tells of; None where it is not set.
    """

    living: frozenset[str]
    archive: str = ""
    latch: "Latch | None" = None


class Latch(NamedTuple):
    """The kill switch as the state directory has it.

    :param age_ns: since it was set, by the wall clock; never negative.
    :param id: tells it from every other latch, one that was set again included; empty where it cannot be told.
    """

    reason: str
    age_ns: int = 0
    is_flattening: bool = False
    id: str = ""


class ProcessStarted(NamedTuple):
    """:param created_s: as in `ChildRecord`, and so is `birth`."""

    name: str
    pid: int
    created_s: float
    birth: str = ""


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
    """:param peer: where the answer goes. :param latch: as for `Begun`, where the request is about it."""

    peer: bytes
    request: FromOperator
    latch: Latch | None = None


class Measured(NamedTuple):
    """:param latch: as for `Begun`: whoever halts past the supervisor is heard of within a second.
    :param wall_ns: since the epoch, for the day that losses belong to.
    :param refused: frames and connections that the supervisor has refused since its start.
    """

    usages: Mapping[str, Usage]
    latch: Latch | None = None
    wall_ns: int = 0
    refused: int = 0


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
    | LedgerNews
)
