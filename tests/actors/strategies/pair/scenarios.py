"""A pair in each of its states, brought there by messages, and everything that can be said to it there."""

from collections.abc import Callable, Mapping
from decimal import Decimal as D
from typing import Any

import msgspec

from actors.strategies.pair.commands import (
    Arm,
    Close,
    CycleRecorded,
    Disarm,
    Execution,
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
from actors.strategies.pair.decisions import CLOSING_ORDERS_MAX, FLATTEN_ROUNDS_MAX, OUTAGE_POLLS_MAX
from actors.strategies.pair.sizing import PairPlan
from messages.gateway_link import VenueDown, VenueUp
from messages.market import Depth, Gap, MarkPrice, Quote, Trade
from messages.orders import (
    AmendRejected,
    CancelOrder,
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
    SubmitOrder,
)
from messages.strategy_host import (
    Alert,
    CancelTimer,
    DrainStrategy,
    FlattenStrategy,
    HaltStrategy,
    RecoveryCompleted,
    ResumeStrategy,
    SetTimer,
    StrategyStarted,
    TimerFired,
)
from tests.actors.strategies.pair.world import PairWorld, terms
from tests.actors.strategies.trading_world import PERPETUAL_ID, SPOT_ID

S = PairState
Given = Callable[[PairWorld], None]

# --- into each state ----------------------------------------------------------------------------------------------


def _late_leg_two(world: PairWorld) -> None:
    world.send_second()
    world.accept(world.last.client_order_id)


def _rebalance(world: PairWorld) -> None:
    world.hold()
    world.stray_fill(SPOT_ID, Side.BUY, "0.02")
    world.tell(Rebalance())


def _repair(world: PairWorld) -> None:
    world.send_second()
    world.reject(world.last.client_order_id)


def _close(world: PairWorld) -> None:
    world.hold()
    world.tell(Close("converged"))


def _flatten(world: PairWorld) -> None:
    world.hold()
    world.tell(Flatten("margin guard"))


def _protect(world: PairWorld) -> None:
    """The second order's outcome is unknown; its cancel has been asked for."""
    world.send_second()
    world.unknown(world.last.client_order_id)


def _end_unrecorded(world: PairWorld) -> None:
    world.is_recording = False
    world.send_first()
    world.trade_none()


def _rest(world: PairWorld) -> None:
    world.send_first()
    world.trade_none()


def _halt(world: PairWorld) -> None:
    _late_leg_two(world)
    world.halt()


INTO: Mapping[PairState, Given] = {
    S.RECOVERING: lambda world: world.start(2),
    S.IDLE: lambda world: world.market(60_000.0, 60_300.0),
    S.ARMED: PairWorld.arm,
    S.RESERVED: PairWorld.reserve,
    S.LEG_ONE_WORKING: PairWorld.send_first,
    S.LEG_TWO_WORKING: PairWorld.send_second,
    S.BOTH_WORKING: PairWorld.send_first,
    S.OPEN: PairWorld.hold,
    S.REBALANCING: _rebalance,
    S.REPAIRING: _repair,
    S.CLOSING: _close,
    S.FLATTENING: _flatten,
    S.PROTECTING: _protect,
    S.FLAT: _end_unrecorded,
    S.COOLDOWN: _rest,
    S.HALTED: _halt,
}


def world_in(state: PairState) -> PairWorld:
    execution = Execution.CONCURRENT if state is S.BOTH_WORKING else Execution.SEQUENTIAL
    world = PairWorld(terms(execution=execution, loss_budget=20.0))
    INTO[state](world)
    assert state is world.pair.state
    return world


# --- what comes before --------------------------------------------------------------------------------------------


def _nothing(_world: PairWorld) -> None:
    """The event comes as it would after the way into the state."""


def _end_all(world: PairWorld) -> None:
    """No order works any more; what was filled is up to the books."""
    for order in world.strategy.own_orders.working:
        name = order.request.client_order_id
        world.strategy.own_orders.apply(
            OrderClosed(
                name, "carry", order.request.instrument, CloseReason.EXPIRED, order.filled_quantity, world.now_ns
            )
        )


def books(spot: str, futures: str) -> Given:
    """Nothing works any more, and the books have this."""

    def given(world: PairWorld) -> None:
        _end_all(world)
        for instrument, position, price in ((SPOT_ID, spot, 60_000), (PERPETUAL_ID, futures, 60_300)):
            world.strategy.ledger.books[instrument].adopt(D(0))
            if D(position):
                world.strategy.ledger.books[instrument].change(D(position), D(price))

    return given


def _stale(world: PairWorld) -> None:
    books("0.1", "-0.05")(world)
    world.now_ns += 6_000_000_000
    world.strategy.own_orders.now_ns = world.now_ns
    _filled(world)


def _one_leg_stale(world: PairWorld) -> None:
    _stale(world)
    world.strategy.ledger.books[PERPETUAL_ID].adopt(D(0))


def _dear(world: PairWorld) -> None:
    """Both ways out of 0.05 too much spot cost more than the budget of 20."""
    books("0.1", "-0.05")(world)
    world.quote(SPOT_ID, 59_000.0, 59_001.0)
    world.quote(PERPETUAL_ID, 59_000.0, 59_001.0)


def _dear_and_gone(world: PairWorld) -> None:
    _dear(world)
    world.strategy.views[PERPETUAL_ID].on_venue(is_up=False)


def _last_round(world: PairWorld) -> None:
    """Six rounds of flattening have not been enough."""
    books("0.1", "-0.1")(world)
    world.pair._rounds, world.pair._must_flatten = FLATTEN_ROUNDS_MAX, True


def _filled(world: PairWorld) -> None:
    for order in world.pair.orders.batch:
        order.filled_quantity = order.filled_quantity or D("0.01")


def _last_close(world: PairWorld) -> None:
    """The close has filled a little sixty times."""
    books("0.1", "-0.1")(world)
    _filled(world)
    world.pair._closes = CLOSING_ORDERS_MAX


def _flattening_and_gone(world: PairWorld) -> None:
    books("0.1", "-0.1")(world)
    world.pair._must_flatten = True
    world.strategy.views[PERPETUAL_ID].on_venue(is_up=False)


def _too_small_to_close(world: PairWorld) -> None:
    """The first venue takes no order as small as what is held, and the second leg has become dear."""
    books("0.1", "0")(world)
    world.quote(PERPETUAL_ID, 59_000.0, 59_001.0)
    first = world.pair.legs[0]
    first.instrument = msgspec.structs.replace(first.instrument, min_notional=D(10_000))


def with_terms(**changes: Any) -> Given:
    def given(world: PairWorld) -> None:
        world.pair.parameters = msgspec.structs.replace(world.pair.parameters, **changes)

    return given


def _hour(world: PairWorld) -> None:
    """Both venues have been away for an hour."""
    books("0.05", "-0.1")(world)
    for view in world.strategy.views.values():
        view.on_venue(is_up=False)
    world.pair._outage_polls = OUTAGE_POLLS_MAX


def _not_recovered(world: PairWorld) -> None:
    """The gateways have not had their word in this incarnation."""
    world.pair._is_recovered = False


def _impatient(world: PairWorld) -> None:
    world.pair._timeouts = world.terms.repair_attempts_max


GIVENS: Mapping[str, Given] = {
    "as it is": _nothing,
    "no fills": books("0", "0"),
    "one leg": books("0.1", "0"),
    "balanced": books("0.1", "-0.1"),
    "too little hedged": books("0.1", "-0.05"),
    "too much hedged": books("0.05", "-0.1"),
    "wrong way": books("-0.1", "0"),
    "stale": _stale,
    "one leg, stale": _one_leg_stale,
    "too dear": _dear,
    "too dear, venue down": _dear_and_gone,
    "last round": _last_round,
    "last close": _last_close,
    "flattening, venue down": _flattening_and_gone,
    "too small to close": _too_small_to_close,
    "after an hour": _hour,
    "out of patience": _impatient,
    "not recovered": _not_recovered,
    "concurrent": with_terms(execution=Execution.CONCURRENT),
    "no cooldown": with_terms(cooldown_ms=0),
}
ONLY_IN: Mapping[str, frozenset[PairState]] = {
    "not recovered": frozenset({S.HALTED}),
    "last round": frozenset({S.FLATTENING, S.PROTECTING, S.REPAIRING}),
    "flattening, venue down": frozenset({S.FLATTENING, S.PROTECTING, S.REPAIRING}),
}
"""What can only have come about in some states."""

# --- what is said -------------------------------------------------------------------------------------------------

PLAN = PairPlan((D("0.165"), D("0.165")), (D(60_001), D(60_300)), D(1), 0.0)
HEAD = ("x-carry-e1-9", "carry", SPOT_ID)


def head(world: PairWorld) -> tuple[str, str, str]:
    """The newest order, or one that nobody remembers."""
    if not world.orders:
        return HEAD
    return (world.last.client_order_id, "carry", world.last.instrument)


def fill(world: PairWorld) -> Fill:
    """The rest of the newest order; a late fill of 0.1 where none works."""
    name, strategy, instrument = head(world)
    order = world.orders.get(name)
    return Fill(
        client_order_id=name, strategy=strategy, instrument=instrument, side=order.side if order else Side.BUY,
        quantity=(world.remaining.get(name) or D("0.1")), price=(order.price if order else None) or D(60_000),
        fee=D(0), fee_currency="USDT", liquidity=Liquidity.TAKER, trade_id="t-99", ts_event=world.now_ns,
    )  # fmt: skip


def timer(name: str) -> Callable[[PairWorld], TimerFired]:
    return lambda world: TimerFired(name, world.timers.get(name, 0), world.now_ns)


EVENTS: Mapping[str, Callable[[PairWorld], Any]] = {
    "Fill": fill,
    "OrderClosed": lambda world: OrderClosed(*head(world), CloseReason.EXPIRED, D(0), world.now_ns),
    "OrderRejected": lambda world: OrderRejected(*head(world), RejectReason.OTHER, "no", world.now_ns),
    "OrderDenied": lambda world: OrderDenied(*head(world), DenyReason.HALTED, "", world.now_ns),
    "OrderAccepted": lambda world: OrderAccepted(*head(world), "v-1", world.now_ns),
    "OrderAmended": lambda world: OrderAmended(*head(world), D("0.165"), D(60_000), world.now_ns),
    "AmendRejected": lambda world: AmendRejected(*head(world), RejectReason.OTHER, "no", world.now_ns),
    "CancelRejected": lambda world: CancelRejected(*head(world), RejectReason.OTHER, "no", world.now_ns),
    "OrderUnknown": lambda world: OrderUnknown(*head(world), "link lost", world.now_ns),
    "Gap": lambda world: Gap(SPOT_ID, "sequence", world.now_ns),
    "VenueDown": lambda world: VenueDown("usdm", "link lost", world.now_ns),
    "VenueUp": lambda world: VenueUp("usdm", world.now_ns),
    "StrategyStarted": lambda world: StrategyStarted("carry", 2, "x-carry", world.now_ns),
    "RecoveryCompleted": lambda world: RecoveryCompleted({}, (), world.now_ns),
    "HaltStrategy": lambda world: HaltStrategy("operator", world.now_ns),
    "DrainStrategy": lambda world: DrainStrategy("shutdown", world.now_ns),
    "ResumeStrategy": lambda world: ResumeStrategy("operator", world.now_ns),
    "FlattenStrategy": lambda world: FlattenStrategy("operator", world.now_ns),
    "TimerFired pair-leg": timer("pair-leg"),
    "TimerFired pair-retry": timer("pair-retry"),
    "TimerFired pair-protect": timer("pair-protect"),
    "TimerFired pair-cooldown": timer("pair-cooldown"),
    "TimerFired other": timer("other"),
    "Turn": lambda _: Turn((Side.SELL, Side.BUY)),
    "Arm": lambda _: Arm(),
    "Disarm": lambda _: Disarm(),
    "Reserve": lambda _: Reserve(PLAN),
    "HeadroomGranted": lambda _: HeadroomGranted(),
    "HeadroomDenied": lambda _: HeadroomDenied("limit"),
    "Rebalance": lambda _: Rebalance(),
    "Close": lambda _: Close("converged"),
    "Release": lambda _: Release("inventory"),
    "Flatten": lambda _: Flatten("margin guard"),
    "FeedStale": lambda _: FeedStale("silent"),
    "CycleRecorded": lambda _: CycleRecorded(),
    "Quote": lambda world: Quote(SPOT_ID, 60_000.0, 1.0, 60_001.0, 1.0, world.now_ns, world.now_ns),
    "Depth": lambda world: Depth(SPOT_ID, (), (), 1, world.now_ns, world.now_ns),
    "Trade": lambda world: Trade(SPOT_ID, 60_000.0, 1.0, Side.BUY, "p1", world.now_ns, world.now_ns),
    "MarkPrice": lambda world: MarkPrice(PERPETUAL_ID, 1.0, 1.0, 0.0, 0, world.now_ns, world.now_ns),
    "FundingPaid": lambda world: FundingPaid("carry", PERPETUAL_ID, D(1), "USDT", 0.0, D(1), "f1", world.now_ns),
}


def play(state: PairState, event: str, given: str) -> tuple[PairWorld, list[Any]]:
    """Say something to a pair in a state, after its own orders and books have taken note of it."""
    world = world_in(state)
    world.is_recording = False
    message = EVENTS[event](world)
    own_orders = world.strategy.own_orders
    if hasattr(message, "client_order_id"):
        is_news = own_orders.apply(message)
        if is_news and isinstance(message, Fill) and given == "as it is":
            world.strategy.ledger.apply_fill(message)
        own_orders.problems.clear()
    elif isinstance(message, VenueDown | VenueUp):
        world.strategy.views[PERPETUAL_ID].on_venue(is_up=isinstance(message, VenueUp))
    if isinstance(message, VenueUp):
        world.strategy.views[PERPETUAL_ID].on_quote(world.strategy.views[PERPETUAL_ID].quote or EVENTS["Quote"](world))
    GIVENS[given](world)
    own_orders.cause = message
    said = list(world.pair.on_message(message))
    said = [Alert(problem, world.now_ns) for problem in own_orders.problems] + said
    return world, said


def words(world: PairWorld, said: list[Any]) -> str:
    """What was said, in short."""
    return "; ".join(_word(world, output) for output in said) or "-"


def _word(world: PairWorld, output: Any) -> str:
    if isinstance(output, SubmitOrder):
        price = "at the market" if output.price is None else f"at {output.price}"
        reduce = " reduce-only" if output.reduce_only else ""
        return f"{output.side.value} {output.quantity} {output.instrument} {price}{reduce}"
    if isinstance(output, CancelOrder):
        return f"cancel {output.client_order_id}"
    if isinstance(output, SetTimer):
        return f"set {output.name} +{(output.at_ns - world.strategy.own_orders.now_ns) // 1_000_000} ms"
    if isinstance(output, CancelTimer):
        return f"unset {output.name}"
    assert isinstance(output, Alert)
    return f"alert {output.text!r}"
