"""A pair that is traded both ways, and one whose legs are kept as inventory."""

from decimal import Decimal as D

import msgspec
import pytest

from actors.machine import UnexpectedMessage
from actors.strategies.pair.commands import Arm, Close, Execution, HeadroomGranted, PairState, Release, Reserve, Turn
from actors.strategies.pair.repair import RepairKind
from messages.health import CycleResult
from messages.orders import CloseReason, Side
from tests.actors.strategies.pair.world import PairWorld, terms
from tests.actors.strategies.trading_world import INVERSE, INVERSE_ID, PERPETUAL_ID, SPOT, SPOT_ID

MIRROR = (Side.SELL, Side.BUY)
TWO_WAY = terms(is_two_way=True)


def turned(parameters=TWO_WAY, **instruments) -> PairWorld:
    world = PairWorld(parameters, **instruments)
    world.market(60_300.0, 60_000.0)
    world.tell(Turn(MIRROR))
    return world


def start(world: PairWorld) -> None:
    world.tell(Arm())
    world.tell(Reserve(world.plan()))
    world.tell(HeadroomGranted())


# --- turning ------------------------------------------------------------------------------------------------------


def test_a_turned_pair_sells_the_first_leg_and_buys_the_second():
    world = turned()
    start(world)
    first = world.last
    assert (SPOT_ID, Side.SELL, D("0.165")) == (first.instrument, first.side, first.quantity)
    world.trade(first.client_order_id, "0.1")
    second = world.last
    assert (PERPETUAL_ID, Side.BUY, D("0.1"), False) == (
        second.instrument, second.side, second.quantity, second.reduce_only,
    )  # fmt: skip
    world.trade_all()
    assert (PairState.OPEN, (D("0.1"), D("0.1"))) == (world.pair.state, world.pair.position.held)


def test_a_turned_pair_closes_by_selling_what_it_bought():
    world = turned()
    start(world)
    world.trade_all()
    world.tell(Close("converged"))
    assert (SPOT_ID, Side.BUY) == (world.last.instrument, world.last.side)
    world.trade_all()
    assert (PERPETUAL_ID, Side.SELL, True) == (world.last.instrument, world.last.side, world.last.reduce_only)
    assert ((D(0), D(0)), [(CycleResult.COMPLETED, "converged")]) == (world.held, world.cycles)


def test_a_turned_pair_repairs_in_its_own_direction():
    world = turned()
    start(world)
    world.trade(world.last.client_order_id)
    world.reject(world.last.client_order_id)
    assert (PairState.REPAIRING, PERPETUAL_ID, Side.BUY) == (world.pair.state, world.last.instrument, world.last.side)


def test_an_armed_pair_turns_too_and_turns_back():
    world = turned()
    world.tell(Arm())
    world.tell(Turn((Side.BUY, Side.SELL)))
    assert (PairState.ARMED, False) == (world.pair.state, world.pair.position.is_turned)
    world.tell(Reserve(world.plan()))
    world.tell(HeadroomGranted())
    assert (SPOT_ID, Side.BUY) == (world.last.instrument, world.last.side)


def test_a_residual_of_the_other_direction_is_carried_and_made_good_by_the_next_plan():
    world = PairWorld(TWO_WAY)
    world.send_first()
    world.fill(world.last.client_order_id, "0.0006")  # less than the futures' lot of 0.001
    world.close(world.last.client_order_id)
    world.wait(1_000)
    world.market(60_300.0, 60_000.0)
    world.tell(Turn(MIRROR))
    assert D("-0.0006") == world.pair.position.held[0]
    assert not world.pair.position.is_wrong_way()
    start(world)
    # 10,000 / 60,300 is 0.165 in steps of 0.001, and the 0.0006 that are held the other way
    assert D("0.1656") == world.last.quantity
    world.trade_none()
    assert (PairState.COOLDOWN, D("0.0006")) == (world.pair.state, world.held[0])


def test_a_late_fill_while_nothing_is_wanted_is_taken_in_the_direction_last_turned_to():
    world = turned()
    world.stray_fill(PERPETUAL_ID, Side.BUY, "0.1")
    assert (PairState.REPAIRING, RepairKind.UNWIND) == (world.pair.state, world.pair.repairs.available()[-1].kind)
    world = turned()
    world.stray_fill(PERPETUAL_ID, Side.SELL, "0.1")
    assert (PairState.FLATTENING, Side.BUY, True) == (world.pair.state, world.last.side, world.last.reduce_only)


def test_the_difference_expected_at_the_exit_turns_with_the_pair_unless_it_is_told():
    # sold at 60,300 and bought at 60,001: 299 a BTC are locked in; 50 bps of 60,001 are expected to be left, or to come
    costs = {}
    for exit_basis_bps in (None, 0.0, 50.0):
        world = PairWorld(terms(is_two_way=True, exit_basis_bps=50.0))
        world.market(60_300.0, 60_000.0)
        world.tell(Turn(MIRROR, exit_basis_bps))
        start(world)
        world.trade(world.last.client_order_id, "0.1", "60300")
        world.reject(world.last.client_order_id)
        found = world.pair.repairs.available()
        costs[exit_basis_bps] = next(repair.cost for repair in found if repair.kind is RepairKind.COMPLETE)
    # fees to come: twice 5 bps of 6,000.1 and once 10 bps of 6,030; locked in: 29.9; expected: 0.1 × 300.005
    fees = 2 * 6_000.1 * 0.0005 + 6_030 * 0.001
    assert pytest.approx(fees - 29.9) == costs[0.0]
    assert pytest.approx(fees - 29.9 + 30.0005) == costs[50.0]
    assert pytest.approx(fees - 29.9 - 30.0005) == costs[None]


# --- a restart ----------------------------------------------------------------------------------------------------


def restarted(parameters, positions, **instruments) -> PairWorld:
    world = PairWorld(parameters, is_started=False, **instruments)
    world.start()
    world.positions = positions
    world.recover()
    return world


def test_a_pair_that_goes_both_ways_turns_to_what_it_finds_held():
    world = restarted(TWO_WAY, {SPOT_ID: D("-0.165"), PERPETUAL_ID: D("0.165")})
    assert (PairState.OPEN, MIRROR) == (world.pair.state, world.pair.position.sides)
    world.market(60_000.0, 60_000.0)
    world.tell(Close("converged"))
    world.trade_all()
    assert (D(0), D(0)) == world.held


def test_one_leg_found_against_the_direction_is_repaired_in_the_other_one():
    world = restarted(TWO_WAY, {SPOT_ID: D(0), PERPETUAL_ID: D("0.165")})
    assert (PairState.REPAIRING, MIRROR) == (world.pair.state, world.pair.position.sides)


def test_a_pair_of_one_direction_still_flattens_what_is_held_against_it():
    world = restarted(terms(), {SPOT_ID: D("-0.165"), PERPETUAL_ID: D("0.165")})
    assert (PairState.PROTECTING, (Side.BUY, Side.SELL)) == (world.pair.state, world.pair.position.sides)
    world.market(60_000.0, 60_000.0)
    world.wait(200)
    assert PairState.FLATTENING is world.pair.state


def test_legs_that_are_held_to_the_same_side_are_flattened_whatever_the_direction():
    world = restarted(TWO_WAY, {SPOT_ID: D("0.165"), PERPETUAL_ID: D("0.165")})
    assert PairState.PROTECTING is world.pair.state
    world.market(60_000.0, 60_000.0)
    world.wait(200)
    assert PairState.FLATTENING is world.pair.state


def test_an_inverse_pair_turns_before_there_is_a_price():
    world = restarted(TWO_WAY, {SPOT_ID: D("-0.16584"), INVERSE_ID: D(100)}, futures=INVERSE)
    assert (PairState.PROTECTING, MIRROR) == (world.pair.state, world.pair.position.sides)
    world.market(60_000.0, 60_300.0)
    world.wait(200)
    assert PairState.OPEN is world.pair.state


def test_an_inverse_leg_without_a_price_is_no_error_of_direction_yet():
    world = PairWorld(TWO_WAY, futures=INVERSE)
    world.quote(SPOT_ID, 60_000.0, 60_001.0)
    world.stray_fill(SPOT_ID, Side.SELL, "0.1")
    assert PairState.PROTECTING is world.pair.state
    world.market(60_000.0, 60_000.0)
    world.wait(200)
    assert PairState.FLATTENING is world.pair.state


def test_a_direction_known_from_the_journal_outlives_the_restart():
    world = turned()
    start(world)
    name = world.last.client_order_id
    world.start(2)
    world.recover(open_orders=(name,))
    world.fill(name)
    world.close(name, CloseReason.CANCELLED)
    world.refresh()
    world.wait(200)
    assert (PairState.REPAIRING, MIRROR) == (world.pair.state, world.pair.position.sides)
    assert Side.BUY is world.last.side  # buys the second leg, or the first one back


# --- releasing ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("parameters", [terms(), terms(execution=Execution.CONCURRENT)])
def test_a_released_pair_is_flat_in_its_books_while_the_venues_hold_the_inventory(parameters):
    world = PairWorld(parameters)
    world.hold()
    said = world.tell(Release("kept as inventory"))
    assert (PairState.COOLDOWN, []) == (world.pair.state, [output for output in said if hasattr(output, "side")])
    assert (D(0), D(0)) == world.pair.position.held
    assert (D("0.165"), D("-0.165")) == world.held
    assert [(CycleResult.COMPLETED, "kept as inventory")] == world.cycles
    assert [D(0), D(0)] == [book.realised for book in world.strategy.ledger.books.values()]


def test_a_released_pair_that_was_repaired_says_so():
    world = PairWorld()
    world.send_second()
    world.reject(world.last.client_order_id)
    world.trade_all()
    world.tell(Release("kept as inventory"))
    assert [(CycleResult.REPAIRED, "kept as inventory")] == world.cycles


def test_what_does_not_match_stays_in_the_books_for_the_next_cycle():
    world = PairWorld(spot=msgspec.structs.replace(SPOT, fee_currency="BTC"))
    world.hold()
    # 0.16517 bought less 0.1 % in base is 0.16500483; 0.165 are matched
    world.tell(Release("kept as inventory"))
    assert (D("0.00000483"), D(0)) == world.pair.position.held
    world.wait(1_000)
    world.send_first()
    world.trade(world.last.client_order_id, "0.002")
    # 0.002 less 0.1 % in base are 0.001998, and the rest makes 0.00200283: two lots of the futures
    assert (PERPETUAL_ID, D("0.002")) == (world.last.instrument, world.last.quantity)


def test_an_excess_of_the_second_leg_that_is_too_small_to_trade_stays_too():
    futures = msgspec.structs.replace(SPOT, symbol="BTCUSDT", venue="other", lot_size=D("0.001"), min_notional=D(100))
    world = PairWorld(futures=futures)
    world.hold()
    world.stray_fill(SPOT_ID, Side.SELL, "0.00004")  # less than either venue's minimum
    assert PairState.OPEN is world.pair.state
    world.tell(Release("kept as inventory"))
    assert (D(0), D("0.00004")) == world.pair.position.held


def test_a_hedge_ratio_and_contracts_are_counted_in_what_matches():
    world = PairWorld(terms(hedge_ratio=D("0.5")), futures=INVERSE)
    world.hold()
    held, venue = world.pair.position.held, world.held
    world.tell(Release("kept as inventory"))
    left = world.pair.position.held
    assert (D(0), venue) == (left[1], world.held)
    # 49 contracts of 100 USD at the plan's 60,300 are 0.08126 BTC, for 0.16252 BTC of spot at half a hedge
    price = D(60_300)
    assert abs(held[0] - held[1] * 100 / price / D("0.5") - left[0]) < D("1e-20")
    assert D(0) <= left[0] < D("0.00001")


def test_a_pair_is_released_only_while_it_is_open():
    world = PairWorld()
    world.send_first()
    with pytest.raises(UnexpectedMessage, match="Release while LEG_ONE_WORKING"):
        world.tell(Release("too early"))
    assert PairState.LEG_ONE_WORKING is world.pair.state
