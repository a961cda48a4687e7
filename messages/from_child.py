"""What the processes of a cluster tell their supervisor: that they live, what they have seen, what they have done."""

from enum import StrEnum
from typing import Annotated

import msgspec

from messages.base import Count, Id, Message, Ns, OptionalId, Text
from messages.health import GatewayReport, GatewayStatus, StrategyReport, StrategyStatus
from messages.orders import AmendOrder, CancelOrder, Epoch, ExecutionReport, SubmitOrder
from messages.risk import LeaseRequest, PositionMismatch

DROP_COPY_RECORDS_MAX = 256
"""Records in one frame of the drop copy."""


class ProcessKind(StrEnum):
    EXCHANGE = "exchange"
    GATEWAY = "gateway"
    STRATEGY = "strategy"


class Register(Message, frozen=True, tag="register"):
    """A child is up; sent again whenever the supervisor has come back, which adopts the child by it.

    :param epoch: of a strategy; 0 for other kinds.
    """

    process: Id
    kind: ProcessKind
    pid: Count
    epoch: Epoch
    protocol_version: Count


class Ready(Message, frozen=True, tag="ready"):
    """The child can do its work: an exchange has built its venues, a gateway is logged in, a strategy recovered."""

    process: Id


class StillStarting(Message, frozen=True, tag="still-starting"):
    """A long start goes on: a strategy replays a long journal, say. The supervisor gives it time."""

    process: Id


class Heartbeat(Message, frozen=True, tag="heartbeat"):
    """Sent by the actor's own loop, so that a stuck interpreter is seen.

    :param backlog: messages received and not yet handled.
    :param is_drained: True once every source this process reads from has ended and all of it was handled.
    :param refused: frames and connections that it has refused since its start.
    """

    process: Id
    mono_ns: Ns
    backlog: Count
    is_drained: bool
    refused: Count = 0


class StrategyFault(Message, frozen=True, tag="fault"):
    """An exception left a handler; the strategy is FAULTED and its working orders are being cancelled."""

    process: Id
    strategy: Id
    state: OptionalId
    cause: Text
    traceback: Text
    ts: Ns


class StrategyAlerted(Message, frozen=True, tag="strategy-alerted"):
    """A strategy asks for a person: it has HALTED with a residual, say."""

    process: Id
    text: Text
    ts: Ns


class StrategyUpdate(Message, frozen=True, tag="strategy-update"):
    process: Id
    status: StrategyStatus


class GatewayUpdate(Message, frozen=True, tag="gateway-update"):
    process: Id
    status: GatewayStatus


class StrategyReported(Message, frozen=True, tag="strategy-report"):
    command_id: Id
    process: Id
    report: StrategyReport


class VenuesReported(Message, frozen=True, tag="venues-report"):
    """The exchange's answer: its own ledger of each venue, by gateway id."""

    command_id: Id
    process: Id
    reports: dict[str, GatewayReport]


class DropCopy(Message, frozen=True, tag="drop-copy"):
    """What a gateway has journaled, in order: intents and reports; sent until it is acknowledged.

    :param first: the number of the first record; they are numbered from 1 since the intent journal began.
    """

    process: Id
    first: Count
    records: Annotated[
        tuple[SubmitOrder | CancelOrder | AmendOrder | ExecutionReport, ...],
        msgspec.Meta(min_length=1, max_length=DROP_COPY_RECORDS_MAX),
    ]


class CommandDone(Message, frozen=True, tag="done"):
    command_id: Id
    process: Id
    is_ok: bool
    text: Text


class SourcesExhausted(Message, frozen=True, tag="exhausted"):
    """Every recorded source of the exchange has been read to its end."""

    process: Id


FromChild = (
    Register
    | Ready
    | StillStarting
    | Heartbeat
    | StrategyFault
    | StrategyAlerted
    | StrategyUpdate
    | GatewayUpdate
    | StrategyReported
    | VenuesReported
    | CommandDone
    | SourcesExhausted
    | LeaseRequest
    | DropCopy
    | PositionMismatch
)
