"""Risk leases and trading states: how much of the common limits a gateway may hand to each strategy, and for how long.

A lease is a bound that a gateway enforces by itself; the supervisor only grants it. It is asked for and answered:

* The gateway asks with `LeaseRequest`, which carries its own monotonic clock, the last grant that it has applied, and
  what is held of each lease by now. It asks several times within the life of a lease.
* The supervisor answers with `LeaseGrant`, which gives the clock reading back. The leases end `ttl_ms` after *that*
  moment, so that an answer which was held up ends as early as one that was not, whatever any other clock says.

Once it has ended, the strategy may only reduce. What a lease allowed counts against the common limits until its gateway
has said, of that grant or a later one, that less is held: never because time has passed.
"""

from decimal import Decimal
from enum import StrEnum
from typing import Annotated

import msgspec

from messages.base import Count, Id, Message, Ns, Text, check_decimals

LEASES_MAX = 4_096
"""Strategies times instruments at one gateway."""

ZERO = Decimal(0)

TtlMs = Annotated[int, msgspec.Meta(ge=1, le=600_000)]
MessagesPerS = Annotated[float, msgspec.Meta(ge=0.0, le=1e6)]


Priority = Annotated[int, msgspec.Meta(ge=1, le=10)]


class TradingState(StrEnum):
    """What may be sent: for a strategy, a gateway and the cluster each; the strictest of the three wins."""

    ACTIVE = "active"
    REDUCING = "reducing"
    """Only orders that lower the exposure of their strategy in their instrument."""
    HALTED = "halted"
    """Cancels only."""

    @property
    def strictness(self) -> int:
        return _STRICTNESS[self]


_STRICTNESS = {TradingState.ACTIVE: 0, TradingState.REDUCING: 1, TradingState.HALTED: 2}


def strictest(*states: TradingState) -> TradingState:
    """The state that rules where several apply; ACTIVE where there is none."""
    return max(states, key=lambda state: state.strictness, default=TradingState.ACTIVE)


class DeathPolicy(StrEnum):
    """What becomes of the position of a strategy that is dead, quarantined or hung; its orders are always cancelled."""

    HOLD = "hold"
    FLATTEN = "flatten"
    COMPLETE = "complete"
    """The residual of its pair is closed. Only the supervisor sees both legs: without it, the position is held."""


class Lease(Message, frozen=True, tag="lease"):
    """What one strategy may hold of one instrument, were all of its open and unknown orders filled.

    :param epoch: the lowest incarnation of the strategy that may trade.
    :param long_max: of the position, in the instrument's own unit, unsigned: it may be anything from -`short_max` to
        `long_max`.
    :param notional_max: of the absolute position at the gateway's own reference price, in quote currency.
    :param messages_per_s: requests to the venue; 0 = no bound.
    :param priority: of the strategy, 1 (last) to 10 (first), where the venue's rate limit is scarce.
    :param on_death: what the gateway is to do with the strategy's position where both it and the supervisor are dead;
        it is remembered when the lease has ended. None: what the gateway was told at its start.
    """

    strategy: Id
    instrument: Id
    epoch: Count
    long_max: Decimal
    short_max: Decimal
    notional_max: Decimal
    messages_per_s: MessagesPerS = 0.0
    priority: Priority = 5
    on_death: DeathPolicy | None = None

    def __post_init__(self) -> None:
        check_decimals(self.long_max, self.short_max, self.notional_max)
        if min(self.long_max, self.short_max, self.notional_max) < 0:
            raise ValueError(f"lease of {self.strategy} in {self.instrument}: expected bounds of at least 0")


class LeaseUse(Message, frozen=True, tag="lease-use"):
    """How a lease stands at its gateway.

    :param long_held: the most that the position may still become by this gateway's leave, at least 0: the bound of the
        lease applied last, or what the position and all open buys come to where that is more. `short_held` likewise.
    :param long_wanted: the most that the strategy has asked for lately, orders that were denied for want of headroom
        included; `short_wanted` likewise.
    :param price: the reference price in quote currency; 0 where none is fresh.
    :param long_used: what the position and all open buys come to, at least 0; `short_used` likewise.
    """

    strategy: Id
    instrument: Id
    position: Decimal
    long_held: Decimal
    short_held: Decimal
    long_wanted: Decimal
    short_wanted: Decimal
    price: Annotated[float, msgspec.Meta(ge=0.0, le=1e15)] = 0.0
    long_used: Decimal = ZERO
    short_used: Decimal = ZERO

    def __post_init__(self) -> None:
        check_decimals(
            self.position, self.long_held, self.short_held, self.long_wanted, self.short_wanted,
            self.long_used, self.short_used,
        )  # fmt: skip


class LeaseRequest(Message, frozen=True, tag="lease-request"):
    """A gateway asks for its leases, several times within their life.

    :param asked_mono_ns: the gateway's own monotonic clock.
    :param serial: of the last grant that it has applied; 0 where there is none since its start.
    :param recorded: the number of the newest record of its drop copy, whether it was sent or not: the positions in
        `uses` are the sums of the fills up to there.
    """

    process: Id
    asked_mono_ns: Ns
    serial: Count
    uses: Annotated[tuple[LeaseUse, ...], msgspec.Meta(max_length=LEASES_MAX)]
    recorded: Count = 0


class LeaseGrant(Message, frozen=True, tag="lease-grant"):
    """The answer: every lease of this gateway, from now until `ttl_ms` after `asked_mono_ns`.

    A strategy and instrument that is not named has none. A grant with a serial below the last one is refused.

    :param asked_mono_ns: as in the request that it answers.
    :param serial: rises with every change, over all incarnations of the supervisor; on the disk before it is sent.
    """

    asked_mono_ns: Ns
    serial: Count
    ttl_ms: TtlMs
    leases: Annotated[tuple[Lease, ...], msgspec.Meta(max_length=LEASES_MAX)]


class SetTradingState(Message, frozen=True, tag="set-trading-state"):
    """The supervisor sets the state of one strategy at this gateway, or of the gateway itself.

    HALTED cancels what works of it. The gateway journals it: it outlives a restart of either.

    :param strategy: empty for the gateway itself.
    """

    command_id: Id
    strategy: Annotated[str, msgspec.Meta(max_length=64)]
    state: TradingState
    reason: Text


class PositionMismatch(Message, frozen=True, tag="position-mismatch"):
    """The venue's word on a position differs from our books, twice in a row, with nothing under way in between.

    :param instrument: or the currency, where what differs is the balance that a spot position is.
    :param ours: signed, what our books say; `venues` what the venue says.
    """

    process: Id
    instrument: Id
    ours: Decimal
    venues: Decimal
    ts: Ns

    def __post_init__(self) -> None:
        check_decimals(self.ours, self.venues)
