"""What the operator asks of a running cluster, and what is answered.

Every request carries a command id and is idempotent: a repeated one is answered again and done once.
"""

from decimal import Decimal
from enum import StrEnum
from typing import Annotated

import msgspec

from messages.base import Id, Message, OptionalId, Text, check_decimals
from messages.health import ClusterStatus
from messages.to_child import Halt


class StatusRequest(Message, frozen=True, tag="status-request"):
    command_id: Id


class HaltRequest(Message, frozen=True, tag="halt-request"):
    """The kill switch, for all gateways; sent to each gateway too, as `Halt`."""

    command_id: Id
    reason: Text
    is_flattening: bool = False


class UnhaltRequest(Message, frozen=True, tag="unhalt-request"):
    """The first is answered with `ConfirmationNeeded`; it takes effect with the token of that answer."""

    command_id: Id
    reason: Text
    token: OptionalId = ""


class StrategyAction(StrEnum):
    PAUSE = "pause"
    RESUME = "resume"
    STOP = "stop"
    """End its process in good order; it stays in the config and can be started again."""
    START = "start"
    """Start a stopped or quarantined one again."""
    FLATTEN = "flatten"
    RESTART = "restart"
    REMOVE = "remove"
    """Stop it and forget it."""


class StrategyActionRequest(Message, frozen=True, tag="strategy-action"):
    """:param token: of `ConfirmationNeeded`, for actions that say beforehand what they do to orders and positions."""

    command_id: Id
    strategy: Id
    action: StrategyAction
    token: OptionalId = ""


class SetParameterRequest(Message, frozen=True, tag="set-parameter"):
    """:param changes: by parameter path (`a` or `a.b`), the value as it would be written in the config (TOML)."""

    command_id: Id
    strategy: Id
    changes: Annotated[dict[str, Text], msgspec.Meta(min_length=1, max_length=64)]


class SetPriorityRequest(Message, frozen=True, tag="set-priority"):
    command_id: Id
    strategy: Id
    priority: Annotated[int, msgspec.Meta(ge=1, le=10)]


class SetLimitRequest(Message, frozen=True, tag="set-limit"):
    """:param limit: its path in the config's `[risk]`, such as `portfolio.gross_notional_max`.
    :param token: of `ConfirmationNeeded`; a limit is raised with it only, and lowered without.
    """

    command_id: Id
    limit: Text
    value: Decimal
    token: OptionalId = ""

    def __post_init__(self) -> None:
        check_decimals(self.value)


class AddStrategyRequest(Message, frozen=True, tag="add-strategy"):
    """:param table: one or more `[[strategies]]` tables, as TOML."""

    command_id: Id
    table: Text


class StopRequest(Message, frozen=True, tag="stop-request"):
    """:param is_forced: kill at once instead of cancelling and settling first."""

    command_id: Id
    is_forced: bool = False


class CommandAccepted(Message, frozen=True, tag="accepted-command"):
    """It is being done, or was done where nothing has to be waited for. The same request again tells how far it is."""

    command_id: Id
    text: Text


class CommandFinished(Message, frozen=True, tag="finished-command"):
    """What was accepted is over.

    :param is_ok: False where it was not done, or not all of it.
    """

    command_id: Id
    is_ok: bool
    text: Text


class CommandRefused(Message, frozen=True, tag="refused-command"):
    """Nothing was done; the text says why, and what to do."""

    command_id: Id
    text: Text


class ConfirmationNeeded(Message, frozen=True, tag="confirmation-needed"):
    """What was asked has not been done: say it again with this token, having read what it would do.

    :param token: good for a minute.
    """

    command_id: Id
    token: Id
    text: Text


class StatusReply(Message, frozen=True, tag="status"):
    command_id: Id
    status: ClusterStatus


FromOperator = (
    StatusRequest
    | HaltRequest
    | UnhaltRequest
    | StopRequest
    | StrategyActionRequest
    | SetParameterRequest
    | SetPriorityRequest
    | SetLimitRequest
    | AddStrategyRequest
)
ToOperator = StatusReply | CommandAccepted | CommandFinished | CommandRefused | ConfirmationNeeded
ToControl = Halt
"""What the operator may tell a gateway past the supervisor, answered with `CommandDone`; nothing that loosens."""
