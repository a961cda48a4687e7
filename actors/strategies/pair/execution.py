"""Execution of two legs that belong together: the table of every state and event.

A machine of its own inside a strategy. It owns the residual: what one leg holds and the other does not match. It hears
execution reports (already booked by the strategy), timers, gaps and outages, and the strategy's commands.
"""

from actors.machine import Row, Rows, on
from actors.strategies.pair.commands import (
    Arm,
    Close,
    CycleRecorded,
    Disarm,
    FeedStale,
    Flatten,
    HeadroomDenied,
    HeadroomGranted,
    PairState,
    Rebalance,
    Release,
    Reserve,
    Turn,
)
from actors.strategies.pair.handlers import PairHandlers
from actors.strategies.strategy import ENDINGS
from messages.gateway_link import VenueDown, VenueUp
from messages.market import Gap
from messages.orders import (
    AmendRejected,
    CancelRejected,
    OrderAccepted,
    OrderAmended,
    OrderUnknown,
)
from messages.strategy_host import (
    DrainStrategy,
    FlattenStrategy,
    HaltStrategy,
    RecoveryCompleted,
    ResumeStrategy,
    StrategyStarted,
    TimerFired,
)

_S = PairState
_NOTICES = (OrderAccepted, OrderAmended, AmendRejected, CancelRejected)
"""Reports that leave an order as open as it was."""
PAIR_INPUTS: tuple[type, ...] = (
    *ENDINGS,
    *_NOTICES,
    OrderUnknown,
    Gap,
    StrategyStarted,
    RecoveryCompleted,
    TimerFired,
    HaltStrategy,
    DrainStrategy,
    ResumeStrategy,
    FlattenStrategy,
    VenueDown,
    VenueUp,
)
"""What comes from outside and must have a row in every state that lasts (FLAT does not)."""

_H = PairHandlers
_SETTLED = (_S.OPEN, _S.FLAT, _S.REPAIRING, _S.FLATTENING, _S.PROTECTING)
"""Where a pair may stand once nothing works any more. FLATTENING and PROTECTING may find it HALTED or FLAT at once."""


_ALWAYS: Rows = {
    **dict.fromkeys(PAIR_INPUTS, on(_H.stay)),
    StrategyStarted: on(_H.recover, _S.RECOVERING),
    HaltStrategy: on(_H.halt, _S.HALTED),
}
"""Rows that every lasting state has: restart, halt, and what concerns others."""

_RESTING: Rows = {
    **_ALWAYS,
    **dict.fromkeys(ENDINGS, on(_H.notice, _S.OPEN, _S.REPAIRING, _S.FLATTENING, _S.PROTECTING, _S.FLAT)),
    FlattenStrategy: on(_H.leave_resting, _S.FLATTENING, _S.PROTECTING, _S.IDLE),
}
"""Nothing should be held: a late fill may still bring something."""

_AWAITING_START: Rows = {
    **_RESTING,
    **dict.fromkeys((Disarm, Gap, VenueDown, DrainStrategy), on(_H.stand_down, _S.IDLE)),
}
"""A signal is there, nothing has been sent: trouble ends it."""


def _working(endings: Row, timer: Row) -> Rows:
    """Orders work: their ends decide; an outcome that is not known, a gap or an outage stops everything."""
    return {
        **_ALWAYS,
        **dict.fromkeys(ENDINGS, endings),
        TimerFired: timer,
        **dict.fromkeys((OrderUnknown, Gap, VenueDown), on(_H.protect, _S.PROTECTING)),
        **dict.fromkeys((Flatten, FlattenStrategy), on(_H.flatten, _S.FLATTENING, _S.PROTECTING, _S.FLAT)),
    }


_LATE = on(_H.late_leg, _S.PROTECTING)


class PairExecution(PairHandlers):
    """Opens, holds and closes one pair at a time."""

    initial = _S.RECOVERING
    transitions = {
        _S.RECOVERING: {
            **_ALWAYS,
            StrategyStarted: on(_H.recover),
            RecoveryCompleted: on(_H.take_over, _S.IDLE, _S.OPEN, _S.REPAIRING, _S.PROTECTING),
        },
        _S.IDLE: {**_RESTING, Turn: on(_H.turn), Arm: on(_H.arm, _S.ARMED)},
        _S.ARMED: {**_AWAITING_START, Turn: on(_H.turn), Reserve: on(_H.reserve, _S.RESERVED)},
        _S.RESERVED: {
            **_AWAITING_START,
            HeadroomGranted: on(_H.open_pair, _S.LEG_ONE_WORKING, _S.BOTH_WORKING),
            HeadroomDenied: on(_H.deny, _S.IDLE),
        },
        _S.LEG_ONE_WORKING: {
            **_working(on(_H.follow_leg_one, _S.LEG_TWO_WORKING, *_SETTLED), _LATE),
            DrainStrategy: on(_H.drain),
        },
        _S.LEG_TWO_WORKING: _working(on(_H.settle, *_SETTLED), _LATE),
        _S.BOTH_WORKING: {**_working(on(_H.settle, *_SETTLED), _LATE), DrainStrategy: on(_H.drain)},
        _S.OPEN: {
            **_working(on(_H.check_open, *_SETTLED), on(_H.stay)),
            FeedStale: on(_H.protect, _S.PROTECTING),
            Release: on(_H.release, _S.FLAT),
            Rebalance: on(_H.rebalance, _S.REBALANCING),
            Close: on(_H.close, _S.CLOSING, _S.PROTECTING, _S.FLAT),
        },
        _S.REBALANCING: _working(on(_H.settle, *_SETTLED), _LATE),
        _S.REPAIRING: _working(on(_H.after_repair, _S.HALTED, *_SETTLED), on(_H.repair_again, _S.HALTED, *_SETTLED)),
        _S.CLOSING: _working(
            on(_H.after_close, _S.FLAT, _S.FLATTENING, _S.PROTECTING),
            on(_H.close_again, _S.FLAT, _S.FLATTENING, _S.PROTECTING),
        ),
        _S.FLATTENING: {
            **_working(
                on(_H.after_flatten, _S.FLAT),
                on(_H.flatten_again, _S.FLAT, _S.PROTECTING, _S.HALTED),
            ),
            **dict.fromkeys((Gap, Flatten, FlattenStrategy), on(_H.stay)),
        },
        _S.PROTECTING: {
            **_working(on(_H.hear_protected, _S.HALTED, *_SETTLED), on(_H.poll_protected, _S.HALTED, *_SETTLED)),
            VenueUp: on(_H.hear_protected, _S.HALTED, *_SETTLED),
            **dict.fromkeys(_NOTICES, on(_H.cancel_rest)),
            **dict.fromkeys((OrderUnknown, Gap, VenueDown, FeedStale), on(_H.stay)),
        },
        _S.FLAT: {CycleRecorded: on(_H.rest, _S.COOLDOWN, _S.IDLE)},
        _S.COOLDOWN: {
            **_RESTING,
            TimerFired: on(_H.end_rest, _S.IDLE),
            DrainStrategy: on(_H.cut_rest, _S.IDLE),
        },
        _S.HALTED: {
            **_ALWAYS,
            **dict.fromkeys((*_NOTICES, RecoveryCompleted, VenueUp), on(_H.cancel_rest)),
            **dict.fromkeys((StrategyStarted, HaltStrategy, Flatten), on(_H.stay)),
            ResumeStrategy: on(_H.resume, _S.RECOVERING, _S.IDLE, _S.OPEN, _S.REPAIRING, _S.PROTECTING),
            FlattenStrategy: on(_H.leave_resting, _S.FLATTENING, _S.PROTECTING, _S.IDLE),
        },
    }
