"""What the supervisor tells the processes of its cluster.

Commands carry a command id and are idempotent: a repeated one is acknowledged again and done once.
"""

from decimal import Decimal
from typing import Annotated

import msgspec

from messages.base import Count, Id, Message, Text, check_decimals
from messages.orders import Epoch
from messages.risk import LeaseGrant, SetTradingState

DeadlineMs = Annotated[int, msgspec.Meta(ge=0, le=600_000)]


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
