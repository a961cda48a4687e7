"""What a strategy asks of its pair execution, the states that a pair goes through, and its settings."""

from decimal import Decimal
from enum import Enum

import msgspec

from actors.strategies.pair.sizing import PairPlan
from messages.orders import Side


class PairState(Enum):
    IDLE = "nothing held, nothing wanted"
    ARMED = "a signal is there; it must hold for a while"
    RESERVED = "planned; waiting for risk headroom for the worst case"
    LEG_ONE_WORKING = "the first leg's order works"
    LEG_TWO_WORKING = "the second leg's order works, as large as the first leg filled"
    BOTH_WORKING = "the orders of both legs work"
    OPEN = "both legs held and balanced"
    REBALANCING = "one order of the second leg brings it back in line"
    CLOSING = "both legs are being closed"
    REPAIRING = "legs do not match: complete or unwind, by cost, within the loss budget"
    PROTECTING = "a market is stale or gone, or an outcome unknown: no new risk until it is known"
    FLATTENING = "close whatever is held, at a wide price, then at any"
    FLAT = "the cycle is over; its record is being made"
    COOLDOWN = "resting after a cycle"
    HALTED = "stopped; a person must look at it"
    RECOVERING = "restarted; waiting for the gateways' word on positions and orders"


class Execution(Enum):
    SEQUENTIAL = "sequential"
    CONCURRENT = "concurrent"


HEDGE_RATIO_MAX = Decimal(10)
"""Base of one leg for each base of the other; more is a slip of the hand."""


class PairParameters(msgspec.Struct, frozen=True, kw_only=True):
    """:param loss_budget: in quote currency, for the repairs of one cycle.

    :param exit_basis_bps: price of the leg that is sold over the one that is bought, as expected at the exit, in the
        direction that the legs are made with.
    :param is_two_way: the pair is traded in both directions (`Turn`); what it finds held against its direction after a
        restart is not an error but the other direction.
    :param confirm_ms: how long a signal must hold. :param delta_band: share of net delta to rebalance beyond.
    :param flatten_slippage_bps: the first cap of FLATTENING; the second is three times as wide, then market orders.
    """

    execution: Execution
    hedge_ratio: Decimal
    slippage_bps_max: float
    flatten_slippage_bps: float
    leg_timeout_ms: int
    repair_attempts_max: int
    loss_budget: float
    cooldown_ms: int
    quote_age_max_ms: int
    exit_basis_bps: float
    confirm_ms: int = 0
    delta_band: float = 0.05
    is_two_way: bool = False


class Command(msgspec.Struct, frozen=True):
    """Base of what a strategy asks of its pair."""


class Arm(Command, frozen=True):
    """A signal has been seen."""


class Disarm(Command, frozen=True):
    """The signal has gone."""


class Turn(Command, frozen=True):
    """Open the legs in this direction from now on: the side that opens each leg, in order of execution.

    :param exit_basis_bps: price of the leg that is sold over the one that is bought, as expected at the exit in this
        direction; none: what the parameters say, with its sign turned with the pair.
    """

    sides: tuple[Side, Side]
    exit_basis_bps: float | None = None


class Reserve(Command, frozen=True):
    """The signal has held: this is going to be opened."""

    plan: PairPlan


class HeadroomGranted(Command, frozen=True):
    """Risk allows the worst case of the plan."""


class HeadroomDenied(Command, frozen=True):
    reason: str


class Rebalance(Command, frozen=True):
    """Bring the second leg back in line with the first."""


class Close(Command, frozen=True):
    """Close both legs in good order."""

    reason: str


class Release(Command, frozen=True):
    """Keep both legs as inventory: what matches leaves the pair's books, which end the cycle with the residual alone.

    Only for a pair whose ledger is its own: what is released is gone from the ledger that the pair was given, and is
    to be accounted for elsewhere.
    """

    reason: str


class Flatten(Command, frozen=True):
    """Close both legs at any price."""

    reason: str


class FeedStale(Command, frozen=True):
    """A market has not been heard of for too long while the pair is held."""

    reason: str


class CycleRecorded(Command, frozen=True):
    """The record of the cycle is made; the pair may rest."""


COMMANDS: tuple[type[Command], ...] = tuple(Command.__subclasses__())
