"""What is asked and answered between the supervisor, its children, the strategies and the operator.

Commands carry a command id and are idempotent: a repeated one is acknowledged again and done once.
"""

from decimal import Decimal
from enum import StrEnum
from typing import Annotated

import msgspec

from messages.base import Count, Id, Message, Ns, OptionalId, Text, check_decimals
from messages.health import GatewayReport, GatewayStatus, StrategyReport, StrategyStatus
from messages.orders import AmendOrder, CancelOrder, ClientOrderId, Epoch, ExecutionReport, OrderRequest, SubmitOrder
from messages.risk import LeaseGrant, LeaseRequest, PositionMismatch, SetTradingState

DROP_COPY_RECORDS_MAX = 256
"""Records in one frame of the drop copy."""

DeadlineMs = Annotated[int, msgspec.Meta(ge=0, le=600_000)]


class ProcessKind(StrEnum):
    EXCHANGE = "exchange"
    GATEWAY = "gateway"
    STRATEGY = "strategy"


# --- to a strategy's gateway, beside its orders ------------------------------------------------------------------


class Hello(Message, frozen=True, tag="hello"):
    """A strategy introduces itself to a gateway and asks for every report from `next_seq` on.

    :param lossless: True where the strategy answers checkpoints (`speed = 0` sources wait for it).
    """

    strategy: Id
    epoch: Epoch
    next_seq: Count
    lossless: bool
    protocol_version: Count


class ExecutionsApplied(Message, frozen=True, tag="applied"):
    """Cumulative acknowledgement: every report up to `seq` is in the strategy's journal.

    :param epoch: of the incarnation that has them; what an old one has says nothing of the one that is served.
    """

    strategy: Id
    seq: Count
    epoch: Epoch


class StillAlive(Message, frozen=True, tag="still-alive"):
    """Sent to every gateway by the strategy's own loop at each heartbeat.

    A gateway that hears nothing for as long as a lease lasts cancels the strategy's orders, whoever else is dead.
    """

    strategy: Id
    epoch: Epoch


class CheckpointReached(Message, frozen=True, tag="checkpoint-reached"):
    """Everything published before the checkpoint has been handled by this reader."""

    reader: Id
    number: Count


class Welcome(Message, frozen=True, tag="welcome"):
    """The gateway's answer to `Hello`, sent after the reports that were missed.

    :param positions: signed, by instrument id: what this strategy holds at this venue by the gateway's own books.
    :param open_orders: client order ids that the gateway still regards as open.
    :param is_venue_up: False while the gateway has no link to the venue.
    """

    venue: Id
    strategy: Id
    epoch: Epoch
    last_seq: Count
    positions: dict[str, Decimal]
    open_orders: tuple[ClientOrderId, ...]
    is_venue_up: bool

    def __post_init__(self) -> None:
        check_decimals(*self.positions.values())


class HelloRefused(Message, frozen=True, tag="hello-refused"):
    """The gateway does not serve this incarnation: its epoch is over, or it speaks another protocol version."""

    venue: Id
    strategy: Id
    text: Text


class VenueDown(Message, frozen=True, tag="venue-down"):
    """The gateway lost its venue, or the strategy's host lost the gateway; market data is stale, orders unknown."""

    venue: Id
    text: Text
    ts: Ns


class VenueUp(Message, frozen=True, tag="venue-up"):
    venue: Id
    ts: Ns


# --- to a strategy, from its host --------------------------------------------------------------------------------


class StrategyStarted(Message, frozen=True, tag="started"):
    """The first message of an incarnation. Order ids are made from `order_prefix`, `epoch` and a count from 1."""

    strategy: Id
    epoch: Epoch
    order_prefix: Id
    ts: Ns


class RecoveryCompleted(Message, frozen=True, tag="recovered"):
    """All gateways have welcomed this incarnation: their word on positions and open orders, which beats the journal."""

    positions: dict[str, Decimal]
    open_orders: tuple[ClientOrderId, ...]
    ts: Ns

    def __post_init__(self) -> None:
        check_decimals(*self.positions.values())


class TimerFired(Message, frozen=True, tag="timer"):
    name: Id
    due_ns: Ns
    ts: Ns


class HaltStrategy(Message, frozen=True, tag="halt-strategy"):
    """No new risk: working orders are cancelled, positions stay."""

    reason: Text
    ts: Ns


class DrainStrategy(Message, frozen=True, tag="drain-strategy"):
    """The strategy is paused, or the cluster shuts down: open nothing new, cancel what works, settle the pair in hand,
    hold positions. `ResumeStrategy` and a new incarnation end it.
    """

    reason: Text
    ts: Ns


class ResumeStrategy(Message, frozen=True, tag="resume-strategy"):
    """The operator lets a paused or halted strategy trade on, from what it holds."""

    reason: Text
    ts: Ns


class FlattenStrategy(Message, frozen=True, tag="flatten-strategy"):
    """Cancel what works, close every position, and then stay as after `DrainStrategy`."""

    reason: Text
    ts: Ns


class ParametersChanged(Message, frozen=True, tag="parameters-changed"):
    """The operator has changed parameters of a running strategy; they were checked.

    :param parameters: all of them, as JSON, in the form in which a config gives them.
    """

    parameters: Text
    ts: Ns


# --- from a strategy, to its host --------------------------------------------------------------------------------


class SetTimer(Message, frozen=True, tag="set-timer"):
    """Deliver `TimerFired(name)` once market time reaches `at_ns`; a second one of the same name replaces the first."""

    name: Id
    at_ns: Ns


class CancelTimer(Message, frozen=True, tag="cancel-timer"):
    name: Id


class Alert(Message, frozen=True, tag="alert"):
    """Something a person should see."""

    text: Text
    ts: Ns


# --- from a child to the supervisor ------------------------------------------------------------------------------


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


# --- from the supervisor to a child ------------------------------------------------------------------------------


class StartTrading(Message, frozen=True, tag="start-trading"):
    """Everything is up: the exchange opens its markets."""

    command_id: Id


class Halt(Message, frozen=True, tag="halt"):
    """The kill switch: gateways deny every new order and cancel all working ones; strategies are told.

    A gateway latches it: only `Unhalt` ends it, no restart does.

    :param is_flattening: gateways then close every position, too.
    """

    command_id: Id
    reason: Text
    is_flattening: bool = False


class Unhalt(Message, frozen=True, tag="unhalt"):
    """The operator has ended the halt. Of the processes, only the supervisor may say so."""

    command_id: Id
    reason: Text


class FlattenPosition(Message, frozen=True, tag="flatten-position"):
    """To a gateway: cancel a strategy's orders in an instrument and bring its position to a target by market orders.

    For a strategy that is dead, quarantined or hung; the gateway's own order, reduce-only.

    :param target: signed; between 0 and what is held.
    """

    command_id: Id
    strategy: Id
    instrument: Id
    target: Decimal
    reason: Text

    def __post_init__(self) -> None:
        check_decimals(self.target)


class DropCopyApplied(Message, frozen=True, tag="drop-copy-applied"):
    """Every record of the drop copy up to this number is in the ledger."""

    number: Count


class FenceStrategy(Message, frozen=True, tag="fence"):
    """The strategy's incarnations below `epoch` are dead: cancel their orders and refuse what they still send.

    :param is_final: no other incarnation will come (it is quarantined): wait for it at no checkpoint any more.
    """

    command_id: Id
    strategy: Id
    epoch: Epoch
    is_final: bool


class Drain(Message, frozen=True, tag="drain"):
    """To a strategy host: open nothing new, cancel, settle; answered with `CommandDone` when nothing works any more."""

    command_id: Id
    deadline_ms: DeadlineMs


class Pause(Message, frozen=True, tag="pause"):
    """To a strategy host: `DrainStrategy`, and the process goes on; done once nothing works any more."""

    command_id: Id


class Resume(Message, frozen=True, tag="resume"):
    command_id: Id


class Flatten(Message, frozen=True, tag="flatten"):
    """To a strategy host: close every position; done when it is flat."""

    command_id: Id
    deadline_ms: DeadlineMs


class ChangeParameters(Message, frozen=True, tag="change-parameters"):
    """To a strategy host. Refused where the strategy's own check finds a mistake; then nothing has changed.

    :param parameters: all of them, as JSON.
    """

    command_id: Id
    parameters: Text


class ReportRequest(Message, frozen=True, tag="report-request"):
    command_id: Id


class StopProcess(Message, frozen=True, tag="stop-process"):
    command_id: Id
    deadline_ms: DeadlineMs


ToGateway = OrderRequest | Hello | ExecutionsApplied | CheckpointReached | StillAlive
FromGateway = ExecutionReport | Welcome | HelloRefused | VenueDown | VenueUp
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
ChildNews = LeaseGrant | DropCopyApplied
"""What a child is told and does not acknowledge: it has no id, and the newest one counts."""

ChildCommand = (
    StartTrading
    | Halt
    | Unhalt
    | SetTradingState
    | FenceStrategy
    | FlattenPosition
    | Pause
    | Resume
    | Flatten
    | ChangeParameters
    | Drain
    | ReportRequest
    | StopProcess
)
ToChild = ChildCommand | ChildNews
StrategyInput = (
    StrategyStarted
    | RecoveryCompleted
    | TimerFired
    | HaltStrategy
    | DrainStrategy
    | ResumeStrategy
    | FlattenStrategy
    | ParametersChanged
    | VenueDown
    | VenueUp
)
"""What a strategy hears beside market data and execution reports."""

StrategyRequest = SetTimer | CancelTimer | Alert
"""What a strategy asks of its host beside its orders."""
