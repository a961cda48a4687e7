"""A route of simple arbitrage: it says what it could do now, and does it when it is told to.

Every route has books of its own, beside the strategy's, so that several may share an instrument. One route executes at
a time.
"""

from abc import ABC, abstractmethod
from decimal import Decimal
from typing import Any, ClassVar

import msgspec

from actors.analytics.pnl import ZERO
from actors.strategies.arbitrage.direction import Direction
from actors.strategies.arbitrage.inventory import Inventory
from actors.strategies.arbitrage.state import State
from actors.strategies.market_view import MarketView
from actors.strategies.own_orders import OwnOrders
from messages.health import CycleResult
from messages.instruments import Instrument
from messages.orders import Fill
from messages.strategy_host import FlattenStrategy, RecoveryCompleted, ResumeStrategy

_NOT_OVERHEARD = (RecoveryCompleted, ResumeStrategy, FlattenStrategy)
RESTING = frozenset({State.IDLE, State.SCANNING_OPPORTUNITIES, State.COOLDOWN})


class Desk(msgspec.Struct, frozen=True):
    """What the routes of one strategy share."""

    views: dict[str, MarketView]
    own_orders: OwnOrders
    inventory: Inventory


class Outcome(msgspec.Struct, frozen=True):
    """How an attempt ended.

    :param moved: amounts that its fills have moved, by currency; positive = received.
    """

    result: CycleResult
    reason: str
    moved: dict[str, Decimal]


class Plan(msgspec.Struct, frozen=True):
    """What a direction would do now.

    :param orders: what the route's execution takes as its plan.
    """

    direction: Direction
    orders: Any  # Any: a plan of two legs, or of a triangle
    edge_bps: float


class ArbitrageRoute(ABC):
    """:ivar directions: the ways to trade it.

    :ivar outcome: of the attempt that has just ended; the strategy takes it away.
    :ivar path: states that the last message has led through, for the record.
    :ivar mishaps: attempts that did not come out as planned.
    :cvar is_judged: False where such attempts do not count against it.
    """

    is_judged: ClassVar[bool] = True

    def __init__(self, name: str, instruments: dict[str, Instrument], directions: tuple[Direction, ...]) -> None:
        self.name = name
        self.instruments = instruments
        self.directions = directions
        self.outcome: Outcome | None = None
        self.path: list[State] = []
        self.mishaps = 0
        self.fills = 0
        self.is_suspended = False

    @abstractmethod
    def plan(self, direction: Direction) -> Plan | str:
        """What it would do now, checked against every rule; a sentence instead where it cannot."""

    @abstractmethod
    def begin(self, plan: Plan) -> list[Any]:
        """Do it."""

    @abstractmethod
    def book(self, fill: Fill) -> None:
        """Take note of a fill of this route, before its report is heard."""

    @abstractmethod
    def adopt(self, instrument: str, difference: Decimal) -> None:
        """Take over a change of position that the gateway knows of and no report has told."""

    def position(self, _instrument: str) -> Decimal:
        """The part of the strategy's position that this route has exchanged for something else; signed."""
        return ZERO

    def let_go(self) -> None:  # noqa: B027  # most routes carry nothing
        """What it carries as a residual is closed by others."""

    @abstractmethod
    def hear(self, message: Any) -> list[Any]:
        """Let the execution hear a message."""

    @property
    @abstractmethod
    def state(self) -> State:
        """What the state of the execution means for the strategy."""

    @property
    @abstractmethod
    def is_busy(self) -> bool:
        """Whether an attempt is going on."""

    @property
    @abstractmethod
    def residual_text(self) -> str:
        """What it holds that should not be there, for a person."""

    @property
    @abstractmethod
    def is_settled(self) -> bool: ...

    def note(self, state: State) -> None:
        """Remember a state for the record of the attempt; where it rests afterwards is no part of that."""
        if state not in RESTING:
            self.path.append(state)

    def concerns(self, message: Any) -> bool:
        """Whether a gap or an outage touches a market that it trades."""
        venue, instrument = getattr(message, "venue", None), getattr(message, "instrument", None)
        return instrument in self.instruments or any(venue == item.venue for item in self.instruments.values())


def awaiting(messages: list[Any], message: Any) -> list[Any]:
    """What a route is to hear later, one more message added: the newest of each kind that is not forgotten over
    another, and the newest report, unless a recovery looks at everything anyhow.
    """
    if isinstance(message, _NOT_OVERHEARD):
        return [*(known for known in messages if type(known) is not type(message)), message]
    if any(isinstance(known, RecoveryCompleted) for known in messages):
        return messages
    return [*(known for known in messages if isinstance(known, _NOT_OVERHEARD)), message]
