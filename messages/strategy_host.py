"""What a strategy and its host say to one another, beside market data, orders and execution reports."""

from decimal import Decimal

from messages.base import Id, Message, Ns, Text, check_decimals
from messages.gateway_link import VenueDown, VenueUp
from messages.orders import ClientOrderId, Epoch

# --- to the strategy ---------------------------------------------------------------------------------------------


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


# --- from the strategy -------------------------------------------------------------------------------------------


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
