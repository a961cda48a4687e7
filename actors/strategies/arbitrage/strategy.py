"""Simple arbitrage: across venues, across quote currencies by an executable rate, round triangles, between stablecoins.

The strategy's table of every state and message. It watches every route, and takes the edge that pays most above its
threshold; one route executes at a time. The states are what those of the route's execution mean for the strategy.
"""

from typing import ClassVar

import msgspec

from actors.machine import Rows, on
from actors.strategies.arbitrage.handlers import ArbitrageHandlers
from actors.strategies.arbitrage.parameters import ArbitrageParameters
from actors.strategies.arbitrage.state import State
from actors.strategies.strategy import ENDINGS, INPUTS, ORDER_REPORTS
from messages.gateway_link import VenueDown, VenueUp
from messages.market import Gap, Quote
from messages.orders import OrderUnknown
from messages.strategy_host import (
    DrainStrategy,
    FlattenStrategy,
    HaltStrategy,
    RecoveryCompleted,
    ResumeStrategy,
    StrategyStarted,
    TimerFired,
)

_H = ArbitrageHandlers


class Arbitrage(ArbitrageHandlers):
    """Every route of its parameters, one executing at a time."""

    kind: ClassVar[str] = "arbitrage"
    parameters_type: ClassVar[type[msgspec.Struct]] = ArbitrageParameters
    live_parameters: ClassVar[frozenset[str]] = frozenset(ArbitrageParameters.__struct_fields__) - {
        "routes",
        "inventory",
        "execution",
    }
    initial = State.IDLE

    _MENDING = (State.REPAIRING, State.PROTECTING)
    _RESTED = (State.COOLDOWN, State.SCANNING_OPPORTUNITIES, State.PROFIT_REALIZED)
    _OVER = (*_RESTED, State.IDLE)
    """Where it may stand after an attempt; IDLE when it was told to drain meanwhile."""

    _SIDES = (State.EXECUTING_BUY_SIDE, State.EXECUTING_SELL_SIDE)

    _ALWAYS: Rows = {
        **dict.fromkeys(INPUTS, on(_H.stay)),
        **dict.fromkeys(ORDER_REPORTS, on(_H.follow_report)),
        **dict.fromkeys((VenueUp, VenueDown, Gap), on(_H.follow_active)),
        StrategyStarted: on(_H.restart, State.IDLE),
        HaltStrategy: on(_H.halt, State.HALTED),
        ResumeStrategy: on(_H.resume, *_MENDING),
        FlattenStrategy: on(_H.flatten, *_MENDING, State.IDLE),
    }
    """Rows of every state: what is only taken note of, a restart, a halt."""

    _RESTING: Rows = {
        **_ALWAYS,
        **dict.fromkeys(ENDINGS, on(_H.follow_report, *_MENDING, *_RESTED)),
        DrainStrategy: on(_H.drain, State.IDLE),
    }
    """Nothing is executed: a late fill may still bring something to repair, or to lock in."""

    _WORKING: Rows = {
        **_ALWAYS,
        **dict.fromkeys(ENDINGS, on(_H.follow_report, *_MENDING, *_OVER)),
        OrderUnknown: on(_H.follow_report, State.PROTECTING),
        **dict.fromkeys((Gap, VenueDown), on(_H.follow_active, State.PROTECTING)),
        TimerFired: on(_H.follow_timer, State.PROTECTING),
        DrainStrategy: on(_H.drain),
    }
    _ONE_SIDE: Rows = {**_WORKING, **dict.fromkeys(ENDINGS, on(_H.follow_report, *_SIDES, *_MENDING, *_OVER))}

    transitions = {
        State.IDLE: {
            **_RESTING,
            **dict.fromkeys(ENDINGS, on(_H.follow_report, *_MENDING)),
            RecoveryCompleted: on(_H.recover, *_MENDING, *_RESTED),
            ResumeStrategy: on(_H.resume, *_MENDING, *_RESTED),
        },
        State.SCANNING_OPPORTUNITIES: {
            **_RESTING,
            Quote: on(
                _H.seek,
                State.OPPORTUNITY_DETECTED,
                State.VALIDATING_OPPORTUNITY,
                *_SIDES,
                State.MONITORING_EXECUTION,
                State.HALTED,
            ),
        },
        State.OPPORTUNITY_DETECTED: {
            **_RESTING,
            Quote: on(
                _H.seek,
                State.SCANNING_OPPORTUNITIES,
                State.VALIDATING_OPPORTUNITY,
                *_SIDES,
                State.MONITORING_EXECUTION,
                State.HALTED,
            ),
        },
        State.VALIDATING_OPPORTUNITY: {
            **_RESTING,
            Quote: on(_H.seek, State.SCANNING_OPPORTUNITIES, *_SIDES, State.MONITORING_EXECUTION, State.HALTED),
        },
        State.EXECUTING_BUY_SIDE: _ONE_SIDE,
        State.EXECUTING_SELL_SIDE: _ONE_SIDE,
        State.MONITORING_EXECUTION: _WORKING,
        State.REPAIRING: {
            **_WORKING,
            **dict.fromkeys(ENDINGS, on(_H.follow_report, State.PROTECTING, *_OVER, State.HALTED)),
            TimerFired: on(_H.follow_timer, State.PROTECTING, *_OVER, State.HALTED),
            ResumeStrategy: on(_H.resume, State.PROTECTING, *_OVER),
        },
        State.PROTECTING: {
            **_WORKING,
            **dict.fromkeys(ENDINGS, on(_H.follow_report, State.REPAIRING, *_OVER, State.HALTED)),
            TimerFired: on(_H.follow_timer, State.REPAIRING, *_OVER, State.HALTED),
            VenueUp: on(_H.follow_active, State.REPAIRING, *_OVER, State.HALTED),
            OrderUnknown: on(_H.follow_report),
            **dict.fromkeys((Gap, VenueDown), on(_H.follow_active)),
        },
        State.PROFIT_REALIZED: {**_RESTING, **dict.fromkeys(ENDINGS, on(_H.follow_report, *_MENDING))},
        State.COOLDOWN: {**_RESTING, TimerFired: on(_H.follow_timer, State.SCANNING_OPPORTUNITIES)},
        State.HALTED: {
            **_ALWAYS,
            **dict.fromkeys((*ORDER_REPORTS, RecoveryCompleted, VenueUp), on(_H.follow_halted)),
            **dict.fromkeys((StrategyStarted, HaltStrategy, VenueDown, Gap), on(_H.stay)),
            ResumeStrategy: on(_H.resume, *_MENDING, *_OVER),
        },
    }
