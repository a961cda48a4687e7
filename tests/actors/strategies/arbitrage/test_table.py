"""Every cell of the strategy's table is played, and the docs say what the code says."""

from collections.abc import Callable
from decimal import Decimal as D
from pathlib import Path
from typing import Any

import msgspec
import pytest

from actors.diagram import mermaid
from actors.machine import UnexpectedMessage
from actors.strategies.arbitrage.parameters import ArbitrageParameters
from actors.strategies.arbitrage.route_parameters import CrossPair, CrossVenue, Stablecoin, Triangular
from actors.strategies.arbitrage.state import State
from actors.strategies.arbitrage.strategy import Arbitrage
from actors.strategies.arbitrage.triangle.execution import TriangleExecution
from actors.strategies.registry import KINDS
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
from tests.actors.strategies.arbitrage.test_strategy import rich_beta
from tests.actors.strategies.arbitrage.world import ALPHA, BETA, SPOTS, ArbitrageWorld, parameters

DOCS = Path(__file__).parents[4] / "docs" / "strategies" / "arbitrage.md"


def detected() -> ArbitrageWorld:
    world = ArbitrageWorld(parameters(SPOTS, confirm_ms=100))
    rich_beta(world)
    return world


def validating() -> ArbitrageWorld:
    world = ArbitrageWorld()
    world.quiet()
    world.wait(1_001)
    world.at(BETA, 60_300.0)
    return world


def executing(**changes: Any) -> ArbitrageWorld:
    world = ArbitrageWorld(parameters(SPOTS, **changes))
    rich_beta(world)
    return world


def selling() -> ArbitrageWorld:
    world = executing(execution="sequential")
    world.trade(world.last.client_order_id)
    return world


def repairing() -> ArbitrageWorld:
    world = executing()
    buy, sell = world.open_ids
    world.trade(buy)
    world.reject(sell)
    return world


def protecting() -> ArbitrageWorld:
    world = executing()
    world.unknown(world.open_ids[0])
    return world


def realized() -> ArbitrageWorld:
    world = executing(mode="once")
    world.trade_all()
    return world


def cooling() -> ArbitrageWorld:
    world = executing()
    world.trade_all()
    return world


def halted() -> ArbitrageWorld:
    world = executing()
    world.halt()
    return world


def idle() -> ArbitrageWorld:
    world = ArbitrageWorld(is_started=False)
    world.start()
    return world


def scanning() -> ArbitrageWorld:
    world = ArbitrageWorld()
    world.quiet()
    return world


IN_STATE: dict[State, Callable[[], ArbitrageWorld]] = {
    State.IDLE: idle,
    State.SCANNING_OPPORTUNITIES: scanning,
    State.OPPORTUNITY_DETECTED: detected,
    State.VALIDATING_OPPORTUNITY: validating,
    State.EXECUTING_BUY_SIDE: lambda: executing(execution="sequential"),
    State.EXECUTING_SELL_SIDE: selling,
    State.MONITORING_EXECUTION: executing,
    State.PROFIT_REALIZED: realized,
    State.REPAIRING: repairing,
    State.PROTECTING: protecting,
    State.COOLDOWN: cooling,
    State.HALTED: halted,
}


def _order(world: ArbitrageWorld) -> tuple[str, str, str]:
    if not world.open_ids:
        return "x-other-1", "carry", ALPHA.id
    name = world.open_ids[0]
    return name, "carry", world.orders[name].instrument


def _fill(world: ArbitrageWorld) -> Fill:
    name, _, instrument = _order(world)
    order = world.orders.get(name)
    return Fill(
        client_order_id=name, strategy="carry", instrument=instrument, side=order.side if order else Side.BUY,
        price=D(60_000), quantity=order.quantity if order else D("0.05"), fee=D(0), fee_currency="USDT",
        liquidity=Liquidity.TAKER, trade_id="cell", ts_event=world.now_ns,
    )  # fmt: skip


def _next_timer(world: ArbitrageWorld) -> TimerFired:
    if not world.timers:
        return TimerFired("none", 1, world.now_ns)
    name, due_ns = min(world.timers.items(), key=lambda item: item[1])
    return TimerFired(name, due_ns, due_ns)


EVENTS: dict[type, Callable[[ArbitrageWorld], Any]] = {
    Quote: lambda w: Quote(ALPHA.id, 59_999.99, 9.0, 60_000.0, 9.0, w.now_ns, w.now_ns),
    Depth: lambda w: Depth(ALPHA.id, (), (), 1, w.now_ns, w.now_ns),
    Trade: lambda w: Trade(ALPHA.id, 60_000.0, 1.0, Side.BUY, "p", w.now_ns, w.now_ns),
    MarkPrice: lambda w: MarkPrice(ALPHA.id, 60_000.0, 60_000.0, 0.0, 0, w.now_ns, w.now_ns),
    Gap: lambda w: Gap(ALPHA.id, "", w.now_ns),
    Fill: _fill,
    OrderClosed: lambda w: OrderClosed(*_order(w), CloseReason.EXPIRED, D(0), w.now_ns),
    OrderRejected: lambda w: OrderRejected(*_order(w), RejectReason.OTHER, "", w.now_ns),
    OrderDenied: lambda w: OrderDenied(*_order(w), DenyReason.LINK_DOWN, "", w.now_ns),
    OrderAccepted: lambda w: OrderAccepted(*_order(w), "v", w.now_ns),
    OrderAmended: lambda w: OrderAmended(*_order(w), D("0.1"), D(1), w.now_ns),
    AmendRejected: lambda w: AmendRejected(*_order(w), RejectReason.OTHER, "", w.now_ns),
    CancelRejected: lambda w: CancelRejected(*_order(w), RejectReason.OTHER, "", w.now_ns),
    OrderUnknown: lambda w: OrderUnknown(*_order(w), "", w.now_ns),
    FundingPaid: lambda w: FundingPaid("carry", ALPHA.id, D(1), "USDT", 0.0, D(0), "f", w.now_ns),
    StrategyStarted: lambda w: StrategyStarted("carry", 2, "x-carry", w.now_ns),
    RecoveryCompleted: lambda w: RecoveryCompleted(dict(w.positions), tuple(w.open_ids), w.now_ns),
    TimerFired: _next_timer,
    HaltStrategy: lambda w: HaltStrategy("operator", w.now_ns),
    DrainStrategy: lambda w: DrainStrategy("shutdown", w.now_ns),
    ResumeStrategy: lambda w: ResumeStrategy("operator", w.now_ns),
    FlattenStrategy: lambda w: FlattenStrategy("operator", w.now_ns),
    ParametersChanged: lambda w: ParametersChanged(msgspec.json.encode(w.settings).decode(), w.now_ns),
    VenueDown: lambda w: VenueDown("alpha", "", w.now_ns),
    VenueUp: lambda w: VenueUp("alpha", w.now_ns),
}


_S = State
LEADS: dict[State, dict[type, State]] = {
    _S.IDLE: {RecoveryCompleted: _S.SCANNING_OPPORTUNITIES},
    _S.SCANNING_OPPORTUNITIES: {Fill: _S.REPAIRING, DrainStrategy: _S.IDLE},
    _S.OPPORTUNITY_DETECTED: {Fill: _S.REPAIRING, DrainStrategy: _S.IDLE},
    _S.VALIDATING_OPPORTUNITY: {Fill: _S.REPAIRING, DrainStrategy: _S.IDLE, Quote: _S.MONITORING_EXECUTION},
    _S.EXECUTING_BUY_SIDE: {
        Fill: _S.EXECUTING_SELL_SIDE, OrderClosed: _S.COOLDOWN, OrderRejected: _S.COOLDOWN, OrderDenied: _S.COOLDOWN,
        OrderUnknown: _S.PROTECTING, Gap: _S.PROTECTING, VenueDown: _S.PROTECTING,
    },
    _S.EXECUTING_SELL_SIDE: {
        Fill: _S.COOLDOWN, OrderClosed: _S.REPAIRING, OrderRejected: _S.REPAIRING, OrderDenied: _S.REPAIRING,
        OrderUnknown: _S.PROTECTING, Gap: _S.PROTECTING, VenueDown: _S.PROTECTING,
    },
    _S.MONITORING_EXECUTION: {OrderUnknown: _S.PROTECTING, Gap: _S.PROTECTING, VenueDown: _S.PROTECTING},
    _S.PROFIT_REALIZED: {Fill: _S.REPAIRING, DrainStrategy: _S.IDLE},
    _S.REPAIRING: {Fill: _S.COOLDOWN, OrderUnknown: _S.PROTECTING, Gap: _S.PROTECTING, VenueDown: _S.PROTECTING},
    _S.PROTECTING: {},
    _S.COOLDOWN: {Fill: _S.REPAIRING, DrainStrategy: _S.IDLE, TimerFired: _S.SCANNING_OPPORTUNITIES},
    _S.HALTED: {StrategyStarted: _S.HALTED, ResumeStrategy: _S.PROTECTING},
}  # fmt: skip
"""Where each event leads after the usual way into a state; the rest leave it, but for a restart and a halt."""


FLATTENED: dict[State, State] = {
    **dict.fromkeys((_S.IDLE, _S.SCANNING_OPPORTUNITIES, _S.OPPORTUNITY_DETECTED, _S.VALIDATING_OPPORTUNITY), _S.IDLE),
    **dict.fromkeys((_S.EXECUTING_BUY_SIDE, _S.EXECUTING_SELL_SIDE, _S.MONITORING_EXECUTION), _S.PROTECTING),
    **dict.fromkeys((_S.REPAIRING, _S.PROTECTING, _S.HALTED), _S.PROTECTING),
    **dict.fromkeys((_S.PROFIT_REALIZED, _S.COOLDOWN), _S.REPAIRING),
}
"""What works is cancelled first; where an attempt has left an inventory, that is closed."""


@pytest.mark.parametrize("state", list(State), ids=lambda state: state.name)
@pytest.mark.parametrize("kind", INPUTS, ids=lambda kind: kind.__name__)
def test_every_cell_leads_where_the_table_says(state, kind):
    world = IN_STATE[state]()
    assert state.name == world.state
    usual = {StrategyStarted: _S.IDLE, HaltStrategy: _S.HALTED, FlattenStrategy: FLATTENED[state]}
    world.send(EVENTS[kind](world))
    assert {**usual, **LEADS[state]}.get(kind, state).name == world.state


@pytest.mark.parametrize("state", list(State), ids=lambda state: state.name)
def test_what_is_no_input_is_an_error_in_every_state(state):
    world = IN_STATE[state]()
    for message in (ClockTick("v", 1, 1, 1.0), EndOfData("v", 1)):
        with pytest.raises(UnexpectedMessage, match=f"{type(message).__name__} while {state.name}"):
            world.strategy.on_message(message)
    assert state.name == world.state


def test_it_is_registered_under_its_kind():
    assert Arbitrage is KINDS["arbitrage"]


@pytest.mark.parametrize(("machine", "heading"), [(Arbitrage, "## States"), (TriangleExecution, "## Triangles")])
def test_the_diagrams_in_the_docs_are_those_of_the_tables(machine, heading):
    text = DOCS.read_text()
    section = text[text.index(heading) :]
    drawn = section.split("```mermaid\n")[1].split("```")[0]
    assert mermaid(machine.initial, machine.transitions, machine.terminal) == drawn


@pytest.mark.parametrize("settings", [ArbitrageParameters, CrossVenue, CrossPair, Stablecoin, Triangular])
def test_the_docs_name_every_parameter_with_its_default(settings):
    text = DOCS.read_text()
    words = {None: "none", True: "true", False: "false"}
    for field in msgspec.structs.fields(settings):
        assert f"| `{field.name}` |" in text, field.name
        if not field.required:
            default = field.default if field.default is not msgspec.NODEFAULT else field.default_factory()
            shown = words.get(default, default) if isinstance(default, bool | None) else default
            assert f"| `{field.name}` | {shown} |" in text, field.name
