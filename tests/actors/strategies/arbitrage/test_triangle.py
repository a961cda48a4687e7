"""Execution of a triangle: every cell of (state × event), and what becomes of a step that falls short."""

from collections import defaultdict
from collections.abc import Callable
from decimal import Decimal as D

import msgspec
import pytest

from actors.machine import UnexpectedMessage
from actors.strategies.arbitrage.triangle.commands import Begin, TriangleState
from actors.strategies.arbitrage.triangle.execution import TRIANGLE_INPUTS, TriangleExecution
from actors.strategies.arbitrage.triangle.handlers import FLATTEN_ROUNDS_MAX, PROTECT_POLLS_MAX
from actors.strategies.pair.commands import CycleRecorded
from actors.strategies.pair.patience import RETRY_MS
from messages.gateway_link import VenueDown, VenueUp
from messages.health import CycleResult
from messages.market import Gap
from messages.orders import CancelOrder, CancelRejected, OrderAccepted, OrderUnknown, RejectReason, Side
from messages.strategy_host import Alert, DrainStrategy, HaltStrategy, RecoveryCompleted, StrategyStarted
from tests.actors.strategies.arbitrage.triangle_floor import (
    EVENTS,
    IN_STATE,
    NOW,
    TriangleFloor,
    flattened_in_vain,
    flattening,
    protecting,
    returning,
    waiting,
)
from tests.actors.strategies.arbitrage.world import ALPHA, ETH_BTC, ETH_USDT, TRIANGLE, ArbitrageWorld, parameters

S = TriangleState
QUOTE_AGE_MS = 5_000
ENDINGS = ("Fill", "OrderClosed", "OrderRejected", "OrderDenied")
NOTICES = ("OrderAccepted", "OrderAmended", "AmendRejected", "CancelRejected")
OTHERS = ("RecoveryCompleted", "TimerFired", "DrainStrategy", "ResumeStrategy", "FlattenStrategy", "VenueUp")
RESUMED = ("ResumeStrategy", "FlattenStrategy")
TROUBLE = ("OrderUnknown", "Gap", "VenueDown")
ALWAYS = {"StrategyStarted": S.RECOVERING, "HaltStrategy": S.HALTED}


def cells(default: S, **other: S) -> dict[str, S]:
    return {**dict.fromkeys((*ENDINGS, *NOTICES, *OTHERS, *TROUBLE), default), **ALWAYS, **other}


CELLS: dict[S, dict[str, S]] = {
    S.RECOVERING: cells(S.RECOVERING, RecoveryCompleted=S.IDLE),
    S.IDLE: cells(S.IDLE, Fill=S.RETURNING, Begin=S.CONVERTING),
    S.CONVERTING: cells(
        S.CONVERTING, OrderClosed=S.DONE, OrderRejected=S.DONE, OrderDenied=S.DONE,
        **dict.fromkeys(TROUBLE, S.PROTECTING),
    ),
    S.RETURNING: cells(S.RETURNING, **dict.fromkeys(TROUBLE, S.PROTECTING)),
    S.PROTECTING: cells(
        S.PROTECTING, Fill=S.RETURNING, OrderClosed=S.DONE, OrderRejected=S.DONE, OrderDenied=S.DONE
    ),
    S.FLATTENING: cells(S.FLATTENING, Fill=S.DONE, OrderUnknown=S.PROTECTING, VenueDown=S.PROTECTING),
    S.DONE: {"CycleRecorded": S.IDLE},
    S.HALTED: {**cells(S.HALTED), "StrategyStarted": S.HALTED, **dict.fromkeys(RESUMED, S.PROTECTING)},
}  # fmt: skip
"""As each event comes after the usual way into a state: the first step works, the way back works, ..."""


def away(floor: TriangleFloor) -> TriangleFloor:
    """No market for the way back: the quotes have become too old."""
    floor.own_orders.now_ns += 5_001_000_000
    return floor


def with_ether(floor: TriangleFloor) -> TriangleFloor:
    """Some of the other currency is there too."""
    floor.execution.holdings.amounts["ETH"] = D(1)
    return floor


def straight_back() -> TriangleFloor:
    floor = TriangleFloor().begin(2)
    floor.quote(cross=(0.0520, 0.0521))
    floor.close()
    return floor


def unpriced(floor: TriangleFloor) -> TriangleFloor:
    """The market has lost a side."""
    floor.quote(btc=(0.0, 60_000.01), eth=(0.0, 3_030.01))
    return floor


def tiny(floor: TriangleFloor) -> TriangleFloor:
    """What is held has become too little for an order."""
    for name in floor.execution.holdings.amounts:
        floor.execution.holdings.amounts[name] = D("0.00001")
    return floor


def at_risk() -> TriangleFloor:
    floor = TriangleFloor(loss_budget=0.01).begin(2)
    floor.quote(cross=(0.049, 0.052))
    return floor


def retrying(floor: TriangleFloor) -> TriangleFloor:
    """The order has filled nothing, and its market has been quoted anew."""
    floor.close()
    floor.news()
    return floor


def dear(floor: TriangleFloor) -> TriangleFloor:
    """The way back has become too dear."""
    floor.quote(btc=(55_000.0, 55_000.01), cross=(0.04, 0.06), eth=(2_500.0, 2_500.01))
    return floor


def late(floor: TriangleFloor) -> TriangleFloor:
    """An order has been late three times already."""
    for _ in range(3):
        floor.send(floor.fire("triangle-step"))
    return floor


def poor() -> TriangleFloor:
    """At rest, and the next way back will be too dear."""
    return dear(TriangleFloor(loss_budget=0.01).recover())


def in_vain_and_down() -> TriangleFloor:
    floor = flattened_in_vain()
    floor.send(VenueDown("alpha", "", NOW))
    return floor


def taken_over() -> TriangleFloor:
    floor = TriangleFloor().begin(2)
    floor.close()
    floor.send(StrategyStarted("a", 2, "x-a", NOW))
    return floor


def over_while_down() -> TriangleFloor:
    floor = TriangleFloor().begin()
    floor.send(StrategyStarted("a", 2, "x-a", NOW))
    floor.close()
    return floor


def up(floor: TriangleFloor) -> TriangleFloor:
    """The venue is back, as its views already know."""
    for view in floor.views.values():
        view.on_venue(is_up=True)
    floor.quote()
    return floor


def _held(floor: TriangleFloor) -> TriangleFloor:
    """A tenth of a bitcoin came in late, and has been booked."""
    floor.execution.book(EVENTS["Fill"](floor))
    return floor


def _stale_cross(floor: TriangleFloor) -> TriangleFloor:
    floor.views[ETH_BTC.id].on_gap()
    return floor


def _dear_unknown(step: int = 1) -> TriangleFloor:
    floor = TriangleFloor(loss_budget=0.01).begin(step)
    floor.send(OrderUnknown(floor.last.client_order_id, "a", floor.last.instrument, "gone", NOW))
    return dear(floor)


def _over() -> TriangleFloor:
    """Everything is known, nothing is held; only the price to tell that by has been away."""
    return tiny(up(waiting(protecting(2))))


def _dear_down() -> TriangleFloor:
    floor = _dear_unknown(2)
    return dear(up(waiting(floor)))


def _in_vain() -> TriangleFloor:
    floor = in_vain_and_down()
    floor.close()
    return up(floor)


def _halted(floor: TriangleFloor) -> TriangleFloor:
    floor.send(HaltStrategy("operator", NOW))
    return floor


def _ended(floor: TriangleFloor) -> TriangleFloor:
    """The order that was cancelled has ended."""
    floor.close()
    return floor


MORE: list[tuple[S, str, Callable[[], TriangleFloor], S]] = [
    (S.RECOVERING, "RecoveryCompleted", taken_over, S.PROTECTING),
    (S.RECOVERING, "RecoveryCompleted", over_while_down, S.DONE),
    *((S.IDLE, event, lambda: _held(TriangleFloor().recover()), S.RETURNING) for event in ENDINGS),
    *((S.IDLE, event, lambda: _held(poor()), S.FLATTENING) for event in ENDINGS),
    *((S.IDLE, event, lambda: away(_held(TriangleFloor().recover())), S.PROTECTING) for event in ENDINGS),
    (S.CONVERTING, "Fill", lambda: TriangleFloor().begin(3), S.DONE),
    (S.CONVERTING, "Fill", lambda: away(TriangleFloor().begin(2)), S.PROTECTING),
    (S.CONVERTING, "Fill", lambda: _stale_cross(TriangleFloor().begin()), S.RETURNING),
    (S.CONVERTING, "Fill", lambda: _stale_cross(dear(TriangleFloor(loss_budget=0.01).begin())), S.FLATTENING),
    *((S.CONVERTING, event, lambda: TriangleFloor().begin(2), S.RETURNING) for event in ENDINGS[1:]),
    *((S.CONVERTING, event, lambda: away(TriangleFloor().begin(2)), S.PROTECTING) for event in ENDINGS[1:]),
    *((S.CONVERTING, event, at_risk, S.FLATTENING) for event in ENDINGS[1:]),
    (S.CONVERTING, "TimerFired", lambda: late(TriangleFloor().begin()), S.PROTECTING),
    (S.RETURNING, "Fill", straight_back, S.DONE),
    *((S.RETURNING, event, lambda: tiny(returning()), S.DONE) for event in ENDINGS[1:]),
    *((S.RETURNING, event, lambda: unpriced(returning()), S.PROTECTING) for event in ENDINGS),
    (S.RETURNING, "TimerFired", lambda: late(returning()), S.PROTECTING),
    (S.RETURNING, "TimerFired", lambda: away(retrying(returning())), S.PROTECTING),
    (S.RETURNING, "TimerFired", lambda: tiny(retrying(returning())), S.DONE),
    (S.RETURNING, "TimerFired", lambda: dear(retrying(returning())), S.FLATTENING),
    *((S.FLATTENING, event, lambda: tiny(flattening()), S.DONE) for event in ENDINGS[1:]),
    (S.FLATTENING, "Fill", lambda: unpriced(with_ether(flattening())), S.PROTECTING),
    *((S.FLATTENING, event, lambda: unpriced(flattening()), S.PROTECTING) for event in ENDINGS[1:]),
    (S.FLATTENING, "TimerFired", lambda: late(flattening()), S.PROTECTING),
    (S.FLATTENING, "TimerFired", lambda: tiny(retrying(flattening())), S.DONE),
    (S.FLATTENING, "TimerFired", lambda: retrying(flattened_in_vain()), S.HALTED),
    (S.PROTECTING, "Fill", lambda: protecting(3), S.DONE),
    (S.PROTECTING, "Fill", _dear_unknown, S.FLATTENING),
    *((S.PROTECTING, event, lambda: protecting(2), S.RETURNING) for event in ENDINGS[1:]),
    *((S.PROTECTING, event, lambda: _dear_unknown(2), S.FLATTENING) for event in ENDINGS[1:]),
    *((S.PROTECTING, event, lambda: up(in_vain_and_down()), S.HALTED) for event in ENDINGS[1:]),
    (S.PROTECTING, "Fill", lambda: with_ether(up(in_vain_and_down())), S.HALTED),
    (S.PROTECTING, "TimerFired", lambda: up(waiting(protecting(2))), S.RETURNING),
    *((S.PROTECTING, event, _over, S.DONE) for event in ("TimerFired", "VenueUp")),
    (S.PROTECTING, "TimerFired", _dear_down, S.FLATTENING),
    (S.PROTECTING, "VenueUp", lambda: waiting(flattening()), S.FLATTENING),
    *((S.PROTECTING, event, _in_vain, S.HALTED) for event in ("TimerFired", "VenueUp")),
    *((S.HALTED, event, lambda: _halted(TriangleFloor().recover()), S.IDLE) for event in RESUMED),
    *((S.HALTED, event, lambda: tiny(_ended(_halted(TriangleFloor().begin()))), S.DONE) for event in RESUMED),
    *((S.HALTED, event, lambda: _halted(TriangleFloor()), S.RECOVERING) for event in RESUMED),
]
"""The other states that an event may lead to, and how it comes to that."""


@pytest.mark.parametrize(
    ("state", "event", "target"),
    [(state, event, target) for state, row in CELLS.items() for event, target in row.items()],
    ids=lambda value: getattr(value, "name", value),
)
def test_a_legal_cell_leads_where_the_table_says(state, event, target):
    floor = IN_STATE[state]()
    assert state is floor.state
    floor.send(EVENTS[event](floor))
    assert target is floor.state


@pytest.mark.parametrize(("state", "event", "make", "target"), MORE)
def test_a_legal_cell_leads_elsewhere_where_things_stand_otherwise(state, event, make, target):
    floor = make()
    assert state is floor.state
    floor.send(EVENTS[event](floor))
    assert target is floor.state


@pytest.mark.parametrize("state", list(S), ids=lambda state: state.name)
def test_every_target_that_the_table_names_is_reached_and_no_other(state):
    reached = defaultdict(set)
    for event, target in CELLS[state].items():
        reached[event].add(target)
    for from_, event, _, target in MORE:
        if from_ is state:
            reached[event].add(target)
    named = {kind.__name__: set(row.targets) for kind, row in TriangleExecution.transitions[state].items()}
    assert {name: targets - {state} for name, targets in named.items()} == {
        name: reached[name] - {state} for name in reached
    }


@pytest.mark.parametrize(
    ("state", "event"),
    [(state, event) for state in S for event in EVENTS if event not in CELLS[state]],
    ids=lambda value: getattr(value, "name", value),
)
def test_an_illegal_cell_is_an_error_and_changes_nothing(state, event):
    floor = IN_STATE[state]()
    with pytest.raises(UnexpectedMessage, match=f"{event} while {state.name}"):
        floor.execution.on_message(EVENTS[event](floor))
    assert state is floor.state


def test_the_events_are_all_that_it_is_told():
    assert set(EVENTS) == {kind.__name__ for kind in (*TRIANGLE_INPUTS, Begin, CycleRecorded)}


# --- forward ----------------------------------------------------------------------------------------------------


def test_each_step_is_as_large_as_what_the_one_before_brought():
    floor = TriangleFloor().begin()
    # 6,000 / (60,000.01 × 1.001) = 0.0999; × 0.1 % fee in USDT; 0.05 of it filled
    assert (ALPHA.id, Side.BUY, D("0.09990")) == (floor.last.instrument, floor.last.side, floor.last.quantity)
    floor.fill("0.5006")
    floor.close()
    # 0.05 BTC / (0.05001 × 1.001) = 0.99880... → 0.9988 − what the first step's lot took: 0.05000 BTC
    assert (ETH_BTC.id, Side.BUY, D("0.9988")) == (floor.last.instrument, floor.last.side, floor.last.quantity)
    floor.fill()
    assert (ETH_USDT.id, Side.SELL, D("0.9988")) == (floor.last.instrument, floor.last.side, floor.last.quantity)
    assert Side.SELL is floor.execution.working_side
    floor.fill()
    assert (S.DONE, CycleResult.COMPLETED) == (floor.state, floor.execution.result(has_fills=True))
    # what is left of the 0.05 BTC is dust, and told
    assert D("0.05") - D("0.9988") * D("0.05001") * D("1.001") == floor.execution.holdings.amounts["BTC"]
    assert floor.execution.holdings.text().startswith("residual: holding 0.0000")


def test_dust_is_used_by_the_next_attempt():
    floor = TriangleFloor().recover()
    floor.execution.holdings.amounts["BTC"] = D("0.00008")
    floor.send(Begin(floor.plan()))
    floor.fill()
    # (0.0999 + 0.00008) / (0.05001 × 1.001) = 1.99720...
    assert D("1.9972") == floor.last.quantity


def test_a_first_step_that_fills_nothing_costs_nothing():
    floor = TriangleFloor().begin()
    floor.close()
    assert (S.DONE, CycleResult.ABANDONED) == (floor.state, floor.execution.result(has_fills=False))
    assert "step 1 filled 0 of 0.09990" == floor.execution.reason


def test_an_attempt_of_less_than_an_order_is_abandoned():
    floor = TriangleFloor().begin()
    floor.fill("0.0003")
    floor.close()
    assert (S.DONE, CycleResult.ABANDONED) == (floor.state, floor.execution.result(has_fills=True))


# --- the way back -----------------------------------------------------------------------------------------------


def test_the_way_back_goes_on_where_that_brings_more():
    floor = returning()
    assert (ETH_BTC.id, Side.BUY) == (floor.last.instrument, floor.last.side)  # across, at 10 bps from the touch
    assert D("0.05007") == floor.last.price
    floor.fill()
    floor.retry()
    assert (ETH_USDT.id, Side.SELL) == (floor.last.instrument, floor.last.side)
    floor.fill()
    assert CycleResult.REPAIRED is floor.execution.result(has_fills=True)


def test_the_way_back_is_the_way_it_came_where_that_brings_more():
    floor = TriangleFloor().begin(2)
    floor.quote(cross=(0.0520, 0.0521))
    floor.close()
    assert (S.RETURNING, ALPHA.id, Side.SELL) == (floor.state, floor.last.instrument, floor.last.side)
    floor.fill()
    assert (S.DONE, CycleResult.UNWOUND) == (floor.state, floor.execution.result(has_fills=True))


def test_both_rests_of_a_step_that_was_filled_in_part_go_back_one_after_the_other():
    floor = TriangleFloor().begin(2)
    floor.fill("0.5")
    floor.close()
    sides = [(floor.last.instrument, floor.last.side)]
    while floor.state is not S.DONE:
        floor.fill()
        if floor.state is S.RETURNING:
            floor.retry()
            sides.append((floor.last.instrument, floor.last.side))
    assert {ETH_USDT.id, ETH_BTC.id} == {name for name, _ in sides}
    assert [] == floor.execution.holdings.leftovers()


def test_attempts_that_leave_something_are_bounded_then_everything_is_flattened():
    floor = returning()
    for _ in range(3):
        floor.close()
        floor.retry()
    assert (S.FLATTENING, ALPHA.id, D("59400.00")) == (floor.state, floor.last.instrument, floor.last.price)
    assert "not back in 3 attempts" in floor.execution.reason
    floor.fill()
    assert CycleResult.FLATTENED is floor.execution.result(has_fills=True)


def test_flattening_widens_then_takes_any_price_then_halts_with_what_is_held():
    floor = flattening()
    prices = [floor.last.price]
    for _ in range(FLATTEN_ROUNDS_MAX - 1):
        floor.close()
        floor.retry()
        prices.append(floor.last.price)
    assert [D("59400.00"), D("58200.00"), None, None, None, None] == prices
    floor.close()
    floor.retry()
    assert S.HALTED is floor.state
    assert "residual: holding 0.0999 BTC" in floor.own_orders.problems[-1]
    assert CycleResult.FLATTENED is floor.execution.result(has_fills=True)


@pytest.mark.parametrize("situation", [returning, flattening])
def test_nothing_is_sent_into_a_market_in_which_nothing_was_filled_and_which_has_not_changed(situation):
    floor = situation()
    floor.close()
    sent = len(floor.orders)
    for _ in range(QUOTE_AGE_MS // RETRY_MS - 1):
        floor.own_orders.now_ns += RETRY_MS * 1_000_000
        floor.send(floor.fire("triangle-retry"))
    assert sent == len(floor.orders)
    floor.retry()
    assert sent + 1 == len(floor.orders)


def test_attempts_in_an_unchanged_market_are_not_counted():
    floor = returning()  # step 2 and the way back have met the same book
    floor.close()
    floor.send(floor.fire("triangle-retry"))
    for _ in range(3):
        floor.retry()
        assert S.RETURNING is floor.state
        floor.close()
    floor.retry()
    assert S.FLATTENING is floor.state
    assert "not back in 3 attempts" in floor.execution.reason


def test_a_market_that_stays_silent_ends_a_flattening_all_the_same():
    floor = flattening()
    waited_ms = 0
    while floor.state is S.FLATTENING:
        if floor.own_orders.working:
            floor.close()
        floor.own_orders.now_ns += RETRY_MS * 1_000_000
        waited_ms += RETRY_MS
        floor.send(floor.fire("triangle-retry"))
    # the first round meets the book of the first step, and is not counted
    assert (S.HALTED, (1 + FLATTEN_ROUNDS_MAX) * QUOTE_AGE_MS) == (floor.state, waited_ms)


def test_a_fill_ends_the_wait():
    floor = returning()
    floor.close()
    name, sent = floor.last.client_order_id, len(floor.orders)
    late = msgspec.structs.replace(floor.fill_of("0.5"), client_order_id=name)
    floor.send(late)
    floor.send(floor.fire("triangle-retry"))
    assert sent + 1 == len(floor.orders)


def test_a_late_order_is_cancelled_thrice_before_it_protects():
    floor = TriangleFloor().begin()
    for _ in range(4):
        floor.send(floor.fire("triangle-step"))
    assert S.PROTECTING is floor.state
    assert 4 == sum(isinstance(message, CancelOrder) for message in floor.said)
    assert "no end reported after 3 cancels; protecting" in floor.own_orders.problems[0]


def test_an_outcome_that_never_becomes_known_halts():
    floor = protecting()
    for _ in range(PROTECT_POLLS_MAX + 1):
        floor.send(floor.fire("triangle-protect"))
    assert S.HALTED is floor.state
    assert "did not become known" in floor.execution.reason


def test_a_venue_that_is_down_is_waited_for():
    floor = waiting(protecting(2))
    for _ in range(PROTECT_POLLS_MAX + 1):
        floor.send(floor.fire("triangle-protect"))
    assert S.PROTECTING is floor.state
    floor.send(VenueUp("alpha", NOW))
    floor.quote()
    floor.send(floor.fire("triangle-protect"))
    assert S.RETURNING is floor.state


def test_a_last_step_that_fills_while_protecting_is_a_round_all_the_same():
    floor = TriangleFloor().begin(3)
    floor.send(Gap(ETH_BTC.id, "sequence", NOW))
    floor.fill()
    assert (S.DONE, CycleResult.COMPLETED, True) == (
        floor.state, floor.execution.result(has_fills=True), floor.execution.is_round,
    )  # fmt: skip


def test_without_a_price_nothing_is_taken_for_dust():
    floor = unpriced(protecting(2))
    floor.close()
    floor.send(floor.fire("triangle-protect"))
    assert S.PROTECTING is floor.state


def test_what_works_still_is_cancelled_once_it_is_known():
    floor = protecting()
    before = len(floor.said)
    floor.send(OrderAccepted(floor.last.client_order_id, "a", ALPHA.id, "v", NOW))
    assert [CancelOrder] == [type(message) for message in floor.said[before:]]
    floor.send(HaltStrategy("operator", NOW))
    floor.send(CancelRejected(floor.last.client_order_id, "a", ALPHA.id, RejectReason.OTHER, "", NOW))
    assert isinstance(floor.said[-1], CancelOrder)


def test_draining_stops_a_first_step_and_lets_later_ones_go_on():
    first, second = TriangleFloor().begin(), TriangleFloor().begin(2)
    for floor in (first, second):
        floor.send(DrainStrategy("shutdown", NOW))
    assert isinstance(first.said[-1], CancelOrder)
    assert not isinstance(second.said[-1], CancelOrder)


def test_an_order_that_is_open_over_a_restart_is_waited_for():
    floor = TriangleFloor().begin(2)
    floor.send(StrategyStarted("a", 2, "x-a", NOW))
    floor.send(RecoveryCompleted({}, (floor.last.client_order_id,), NOW))
    assert (S.PROTECTING, False) == (floor.state, floor.execution.is_settled)


def test_what_nobody_reported_is_taken_over_at_the_middle_of_the_market():
    floor = TriangleFloor().recover()
    floor.execution.adopt(ETH_BTC.id, D(2))
    assert {"BTC": D("-0.100010"), "ETH": D(2)} == floor.execution.holdings.amounts


# --- as a strategy ----------------------------------------------------------------------------------------------


def test_a_triangle_is_found_taken_and_recorded():
    world = ArbitrageWorld(parameters(TRIANGLE))
    world.quiet()
    world.at(ETH_USDT, 3_030.0)
    assert "EXECUTING_BUY_SIDE" == world.state
    for price in ("60000", "0.05", "3030"):
        world.trade(world.last.client_order_id, price=price)
    cycle = world.last_cycle
    assert ("COOLDOWN", CycleResult.COMPLETED) == (world.state, cycle.result)
    assert (
        "OPPORTUNITY_DETECTED", "VALIDATING_OPPORTUNITY", "EXECUTING_BUY_SIDE", "EXECUTING_SELL_SIDE",
        "PROFIT_REALIZED",
    ) == cycle.transitions  # fmt: skip
    # −0.0999 × 60,000 × 1.001 = −5,999.994; 0.0999 BTC − 1.9956 × 0.05 × 1.001 = 0.00002022 BTC;
    # 1.9956 × 3,030 × 0.999 = 6,040.621332: 40.627332 USDT and the dust
    locked_in = D("40.627332") + D("0.00002022") * D("60000.005")
    text = "locked in 41.8405321 USDT (0.00002022 BTC, 40.627332 USDT)"
    assert (D("41.8405321011"), f"triangle: all steps taken; {text}") == (locked_in, cycle.reason)
    # ETH/BTC is valued to 1e-10 BTC: 1.9956 × 60,000 × 0.5e-10
    assert locked_in == pytest.approx(cycle.pnl.total, abs=D("6e-6"))


def test_a_triangle_that_is_not_worth_it_in_lots_is_refused_with_the_reason():
    coarse = msgspec.structs.replace(ETH_BTC, lot_size=D(1))
    world = ArbitrageWorld(parameters(TRIANGLE), instruments={**ArbitrageWorld().everything, ETH_BTC.id: coarse})
    world.quiet()
    world.at(ETH_USDT, 3_030.0)
    assert ("SCANNING_OPPORTUNITIES", []) == (world.state, world.working)
    assert "are left in whole lots, expected at least 10" in world.strategy.note


def test_a_halt_between_start_and_start_says_what_is_held():
    world = ArbitrageWorld(parameters(TRIANGLE))
    world.quiet()
    world.at(ETH_USDT, 3_030.0)
    world.trade(world.last.client_order_id)
    world.halt()
    assert "HALTED" == world.state
    assert any("residual: holding 0.0999 BTC" in text for text in world.alerts)
    assert any(isinstance(output, Alert) for output in world.outputs)


def test_a_missing_fill_of_a_triangle_is_taken_over_from_the_gateway():
    world = ArbitrageWorld(parameters(TRIANGLE))
    world.quiet()
    world.at(ETH_USDT, 3_030.0)
    world.start(2)
    world.positions[ALPHA.id] = D("0.0999")
    world.recover()
    assert "PROTECTING" == world.state
    world.refresh()
    world.wait(250)
    assert "REPAIRING" == world.state
