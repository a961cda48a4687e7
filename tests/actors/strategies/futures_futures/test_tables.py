"""Every cell of the table: in every state, every input leads where it should, and what is no input is an error."""

from collections.abc import Callable
from decimal import Decimal as D
from pathlib import Path
from typing import Any

import msgspec
import pytest

from actors.diagram import mermaid
from actors.machine import Machine, UnexpectedMessage
from actors.strategies.futures_futures.strategy import FuturesFutures, State
from actors.strategies.pair.commands import PairState
from actors.strategies.strategy import INPUTS
from messages.gateway_link import VenueDown, VenueUp
from messages.market import ClockTick, Depth, EndOfData, Gap, MarkPrice, Quote, Trade
from messages.orders import (
    AmendRejected,
    CancelRejected,
    CloseReason,
    DenyReason,
    Fill,
    FundingPaid,
    Liquidity,
    OrderAccepted,
    OrderAmended,
    OrderClosed,
    OrderDenied,
    OrderRejected,
    OrderUnknown,
    RejectReason,
    Side,
)
from messages.strategy_host import (
    DrainStrategy,
    FlattenStrategy,
    HaltStrategy,
    ParametersChanged,
    RecoveryCompleted,
    ResumeStrategy,
    StrategyStarted,
    TimerFired,
)
from tests.actors.strategies.futures_futures.world import OTHER, SpreadWorld, spread_parameters
from tests.actors.strategies.trading_world import PERPETUAL

DOCS = Path(__file__).parents[4] / "docs" / "strategies"
TIMERS = ("pair-leg", "pair-retry", "pair-protect", "pair-cooldown", "watch")


# --- a world in each state ---------------------------------------------------------------------------------------


def knowing(bps: float, **changes: Any) -> SpreadWorld:
    world = SpreadWorld(spread_parameters(**changes))
    world.learn()
    world.spread(bps)
    return world


def recovering() -> SpreadWorld:
    world = SpreadWorld(is_started=False)
    world.start()
    return world


def waiting_for_headroom() -> SpreadWorld:
    world = knowing(25.0, confirm_ms=100)
    world.strategy.pair._enter(PairState.RESERVED)
    world.strategy._enter(State.VALIDATING_OPPORTUNITY)
    return world


def holding(then: Callable[[SpreadWorld], Any] = lambda world: None) -> SpreadWorld:
    world = SpreadWorld()
    world.open_at(30.0)
    then(world)
    return world


def halted() -> SpreadWorld:
    world = SpreadWorld()
    world.halt()
    return world


def resting() -> SpreadWorld:
    world = knowing(25.0)
    world.trade_none()
    return world


WAYS: dict[State, Callable[[], SpreadWorld]] = {
    State.IDLE: recovering,
    State.SCANNING_SPREADS: SpreadWorld,
    State.SPREAD_DETECTED: lambda: knowing(25.0, confirm_ms=100),
    State.VALIDATING_OPPORTUNITY: waiting_for_headroom,
    State.OPENING_LONG_LEG: lambda: knowing(-25.0),
    State.OPENING_SHORT_LEG: lambda: knowing(25.0),
    State.MONITORING_SPREAD: holding,
    State.ADJUSTING_POSITIONS: lambda: holding(lambda world: world.stray_fill(PERPETUAL.id, Side.SELL, "0.03")),
    State.CLOSING_SPREAD: lambda: holding(lambda world: world.spread(0.0)),
    State.PROTECTING: lambda: holding(lambda world: world.gap(OTHER.id)),
    State.COOLDOWN: resting,
    State.HALTED: halted,
}


def samples(world: SpreadWorld) -> list[Any]:
    """One of every input, as it may come; a timer of every name."""
    now, name, far = world.now_ns, next(iter(world.orders), "x-carry-e1-1"), OTHER.id
    rejected = RejectReason.UNKNOWN_ORDER
    return [
        Quote(far, 59_999.9, 9.0, 60_000.1, 9.0, now, now),
        Trade(far, 60_000.0, 1.0, Side.BUY, "p1", now, now),
        Depth(far, (), (), 1, now, now),
        MarkPrice(far, 60_000.0, 60_000.0, 0.0001, now, now, now),
        Gap(far, "sequence", now),
        OrderAccepted(name, "carry", far, "v1", now),
        OrderRejected(name, "carry", far, rejected, "no", now),
        OrderDenied(name, "carry", far, DenyReason.LINK_DOWN, "", now),
        OrderAmended(name, "carry", far, D("0.1"), D(60_000), now),
        AmendRejected(name, "carry", far, rejected, "no", now),
        CancelRejected(name, "carry", far, rejected, "no", now),
        OrderUnknown(name, "carry", far, "venue gone", now),
        Fill(
            client_order_id=name, strategy="carry", instrument=far, side=Side.BUY, price=D(60_000), quantity=D("0.01"),
            fee=D(0), fee_currency="USDT", liquidity=Liquidity.TAKER, trade_id="t99", ts_event=now,
        ),
        OrderClosed(name, "carry", far, CloseReason.EXPIRED, D(0), now),
        FundingPaid("carry", far, D(1), "USDT", 0.0001, D(1), "f1", now),
        StrategyStarted("carry", 2, "x-carry", now),
        RecoveryCompleted(dict(world.positions), (), now),
        *(TimerFired(timer, now, now) for timer in TIMERS),
        HaltStrategy("operator", now),
        DrainStrategy("shutdown", now),
        ResumeStrategy("operator", now),
        FlattenStrategy("operator", now),
        ParametersChanged("{}", now),
        VenueDown(OTHER.venue, "link lost", now),
        VenueUp(OTHER.venue, now),
    ]  # fmt: skip


def name_of(message: Any) -> str:
    return message.name if isinstance(message, TimerFired) else type(message).__name__


_ALWAYS = {"StrategyStarted": State.IDLE, "HaltStrategy": State.HALTED}
_WAITING = {
    **_ALWAYS,
    "DrainStrategy": State.IDLE,
    "FlattenStrategy": State.IDLE,
    **dict.fromkeys(("Gap", "VenueDown"), State.SCANNING_SPREADS),
}
_WORKING = {
    **_ALWAYS,
    "FlattenStrategy": State.PROTECTING,
    **dict.fromkeys(("Gap", "VenueDown", "OrderUnknown"), State.PROTECTING),
}
CHANGES: dict[State, dict[str, State]] = {
    State.IDLE: {**_ALWAYS, "RecoveryCompleted": State.SCANNING_SPREADS},
    State.SCANNING_SPREADS: {**_ALWAYS, "DrainStrategy": State.IDLE, "FlattenStrategy": State.IDLE},
    State.SPREAD_DETECTED: _WAITING,
    State.VALIDATING_OPPORTUNITY: _WAITING,
    State.OPENING_LONG_LEG: _WORKING,
    State.OPENING_SHORT_LEG: _WORKING,
    State.MONITORING_SPREAD: {**_WORKING, "FlattenStrategy": State.CLOSING_SPREAD},
    State.ADJUSTING_POSITIONS: _WORKING,
    State.CLOSING_SPREAD: _WORKING,
    State.PROTECTING: {**_ALWAYS, "FlattenStrategy": State.CLOSING_SPREAD},
    State.COOLDOWN: {
        **_ALWAYS,
        **dict.fromkeys(("DrainStrategy", "FlattenStrategy"), State.IDLE),
        "pair-cooldown": State.SCANNING_SPREADS,
    },
    State.HALTED: {"ResumeStrategy": State.SCANNING_SPREADS, "FlattenStrategy": State.IDLE},
}
"""Where each of the samples leads; what is not named leaves the state as it is."""


# --- the cells ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("state", list(State))
def test_there_is_a_way_into_every_state(state):
    assert state is WAYS[state]().strategy.state


def test_the_samples_are_all_inputs():
    assert set(INPUTS) == {type(message) for message in samples(SpreadWorld())}


@pytest.mark.parametrize("state", list(State))
def test_every_input_has_a_row_in_every_state(state):
    assert set(INPUTS) == set(FuturesFutures.transitions[state])


@pytest.mark.parametrize("number", range(len(samples(SpreadWorld()))))
@pytest.mark.parametrize("state", list(State))
def test_every_cell_leads_where_it_should(state, number):
    """The order that works (if one does) goes on to work: what its end leads to is in the tests of each phase."""
    world = WAYS[state]()
    message = samples(world)[number]
    world.strategy.is_draining = isinstance(
        message, DrainStrategy | FlattenStrategy
    )  # what the base notes before the table decides
    Machine.on_message(world.strategy, message)
    assert CHANGES[state].get(name_of(message), state) is world.strategy.state


@pytest.mark.parametrize("message", [ClockTick("v", 1, 1, 1.0), EndOfData("v", 1)])
@pytest.mark.parametrize("state", list(State))
def test_what_is_no_input_is_an_error_in_every_state(state, message):
    strategy = WAYS[state]().strategy
    with pytest.raises(UnexpectedMessage, match=f"{type(message).__name__} while {state.name}"):
        strategy.on_message(message)
    assert state is strategy.state


@pytest.mark.parametrize("message", [StrategyStarted, RecoveryCompleted, TimerFired, VenueUp, Quote])
def test_nothing_but_a_person_ends_a_halt(message):
    assert frozenset() == FuturesFutures.transitions[State.HALTED][message].targets


# --- the page ----------------------------------------------------------------------------------------------------


def test_the_diagram_in_the_docs_is_that_of_the_table():
    text = (DOCS / "futures_futures.md").read_text()
    drawn = text.split("```mermaid\n")[1].split("```")[0]
    assert mermaid(FuturesFutures.initial, FuturesFutures.transitions, FuturesFutures.terminal) == drawn


def test_the_docs_name_every_parameter_with_its_default():
    text = (DOCS / "futures_futures.md").read_text()
    for field in msgspec.structs.fields(FuturesFutures.parameters_type):
        shown = "" if field.required else field.default
        assert f"| `{field.name}` | {shown} |" in text, field.name
