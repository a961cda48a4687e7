"""Execution of a triangle, one conversion after the other: the table of every state and event.

A machine of its own inside a strategy. It owns what is held between start and start at every moment. It hears
execution reports (already booked), timers, gaps and outages, and the strategy's commands.
"""

from actors.machine import Row, Rows, on
from actors.strategies.arbitrage.triangle.commands import Begin, TriangleState
from actors.strategies.arbitrage.triangle.handlers import TriangleHandlers
from actors.strategies.pair.commands import CycleRecorded
from actors.strategies.strategy import ENDINGS
from messages.gateway_link import VenueDown, VenueUp
from messages.market import Gap
from messages.orders import AmendRejected, CancelRejected, OrderAccepted, OrderAmended, OrderUnknown
from messages.strategy_host import (
    DrainStrategy,
    FlattenStrategy,
    HaltStrategy,
    RecoveryCompleted,
    ResumeStrategy,
    StrategyStarted,
    TimerFired,
)

_S = TriangleState
_H = TriangleHandlers
_NOTICES = (OrderAccepted, OrderAmended, AmendRejected, CancelRejected)
"""Reports that leave an order as open as it was."""
TRIANGLE_INPUTS: tuple[type, ...] = (
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
"""What comes from outside and must have a row in every state that lasts (DONE does not)."""

_ALWAYS: Rows = {
    **dict.fromkeys(TRIANGLE_INPUTS, on(_H.stay)),
    StrategyStarted: on(_H.recover, _S.RECOVERING),
    HaltStrategy: on(_H.halt, _S.HALTED),
}
"""Rows that every lasting state has: restart, halt, and what concerns others."""


def _working(row_of_endings: Row, row_of_timers: Row) -> Rows:
    """Orders work: their ends decide; an outcome that is not known, a gap or an outage stops everything."""
    return {
        **_ALWAYS,
        **dict.fromkeys(ENDINGS, row_of_endings),
        TimerFired: row_of_timers,
        **dict.fromkeys((OrderUnknown, Gap, VenueDown), on(_H.protect, _S.PROTECTING)),
    }


class TriangleExecution(TriangleHandlers):
    """Converts round one triangle at a time, in either direction."""

    initial = _S.RECOVERING
    transitions = {
        _S.RECOVERING: {
            **_ALWAYS,
            StrategyStarted: on(_H.recover),
            RecoveryCompleted: on(_H.take_over, _S.IDLE, _S.DONE, _S.PROTECTING),
        },
        _S.IDLE: {
            **_ALWAYS,
            **dict.fromkeys(ENDINGS, on(_H.notice, _S.RETURNING, _S.FLATTENING, _S.PROTECTING)),
            Begin: on(_H.begin, _S.CONVERTING),
        },
        _S.CONVERTING: {
            **_working(
                on(_H.follow_step, _S.DONE, _S.RETURNING, _S.FLATTENING, _S.PROTECTING),
                on(_H.late_order, _S.PROTECTING),
            ),
            **dict.fromkeys((DrainStrategy, FlattenStrategy), on(_H.drain)),
        },
        _S.RETURNING: _working(
            on(_H.after_return, _S.DONE, _S.PROTECTING),
            on(_H.try_again, _S.DONE, _S.FLATTENING, _S.PROTECTING),
        ),
        _S.FLATTENING: {
            **_working(
                on(_H.after_flatten, _S.DONE, _S.PROTECTING),
                on(_H.try_again, _S.DONE, _S.PROTECTING, _S.HALTED),
            ),
            Gap: on(_H.stay),
        },
        _S.PROTECTING: {
            **_working(
                on(_H.hear_protected, _S.DONE, _S.RETURNING, _S.FLATTENING, _S.HALTED),
                on(_H.poll_protected, _S.DONE, _S.RETURNING, _S.FLATTENING, _S.HALTED),
            ),
            VenueUp: on(_H.hear_protected, _S.DONE, _S.FLATTENING, _S.HALTED),
            **dict.fromkeys(_NOTICES, on(_H.cancel_rest)),
            **dict.fromkeys((OrderUnknown, Gap, VenueDown), on(_H.stay)),
        },
        _S.DONE: {CycleRecorded: on(_H.rest, _S.IDLE)},
        _S.HALTED: {
            **_ALWAYS,
            **dict.fromkeys((*_NOTICES, RecoveryCompleted, VenueUp), on(_H.cancel_rest)),
            **dict.fromkeys((StrategyStarted, HaltStrategy), on(_H.stay)),
            **dict.fromkeys(
                (ResumeStrategy, FlattenStrategy), on(_H.resume, _S.RECOVERING, _S.IDLE, _S.DONE, _S.PROTECTING)
            ),
        },
    }
