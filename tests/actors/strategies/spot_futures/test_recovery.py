"""A strategy that starts again: from its journal, from the gateways' word, with whatever it finds."""

from decimal import Decimal as D

import pytest

from actors.strategies.spot_futures.strategy import SpotFutures
from messages.health import CycleResult
from messages.orders import CancelOrder, Side, SubmitOrder
from messages.strategy_host import SetTimer
from tests.actors.strategies.trading_world import INVERSE, INVERSE_ID, PERPETUAL_ID, SPOT_ID, World, parameters


def restart(world: World, **recovery) -> None:
    world.start(2)
    world.recover(**recovery)


def pair_state(world: World) -> str:
    return world.strategy.pair.state.name


def test_with_nothing_held_it_analyses():
    world = World(parameters())
    restart(world)
    assert "ANALYZING_MARKET" == world.state


def test_with_both_legs_it_monitors_and_watches_again():
    world = World(parameters())
    world.open_pair()
    world.start(2)
    assert ("IDLE", {}) == (world.state, world.timers)
    world.recover()
    assert ("MONITORING_POSITIONS", ["watch"]) == (world.state, list(world.timers))
    world.market(60_000.0, 60_300.0)
    for _ in range(3):
        world.market(60_100.0, 60_100.0)
    world.trade_all()
    assert [CycleResult.COMPLETED] == [cycle.result for cycle in world.strategy.cycles]


def test_an_order_id_of_the_new_incarnation_begins_anew():
    world = World(parameters())
    world.open_pair()
    restart(world)
    world.market(60_000.0, 60_300.0)
    for _ in range(3):
        world.market(60_100.0, 60_100.0)
    assert ("x-carry-e2-1", 2) == (world.last.client_order_id, world.last.epoch)


def test_with_one_leg_it_repairs_as_soon_as_there_are_prices():
    world = World(parameters())
    world.market(60_000.0, 60_300.0)
    world.trade(world.last.client_order_id)
    futures = world.last.client_order_id
    world.start(2)
    assert "IDLE" == world.state
    world.deny(futures)  # missed report: the gate never saw it
    world.recover()
    assert ("REBALANCING", "REPAIRING") == (world.state, pair_state(world))
    world.refresh()
    world.wait(100)
    assert (PERPETUAL_ID, Side.SELL, D("0.165")) == (world.last.instrument, world.last.side, world.last.quantity)
    world.trade_all()
    assert "MONITORING_POSITIONS" == world.state


def test_without_prices_a_residual_is_protected_and_repaired_later():
    world = World(parameters(), is_started=False)
    world.start()
    world.recover({SPOT_ID: D("0.165"), PERPETUAL_ID: D(0)})
    world.wait(100)
    assert "PROTECTING" == world.state
    world.positions = {SPOT_ID: D("0.165"), PERPETUAL_ID: D(0)}
    world.market(60_000.0, 60_000.0)
    world.wait(200)
    assert "REPAIRING" == pair_state(world)
    world.trade_all()
    assert (D(0), D(0)) == world.held


def test_missed_fills_are_applied_before_the_gateways_word():
    world = World(parameters())
    world.market(60_000.0, 60_300.0)
    name = world.last.client_order_id
    world.start(2)
    world.fill(name)
    world.close(name)
    assert ("IDLE", D("0.165")) == (world.state, world.strategy.ledger.position(SPOT_ID))
    world.recover()
    assert [] == world.alerts
    assert "REPAIRING" == pair_state(world)


def test_the_gateways_word_beats_the_journal_and_is_told():
    world = World(parameters())
    world.open_pair()
    restart(world, positions={SPOT_ID: D("0.165"), PERPETUAL_ID: D("-0.1")})
    assert "position of BTCUSDT.usdm is -0.1 by the gateway and -0.165 by the journal; -0.1 adopted" in world.alerts[-1]
    assert (D("-0.1"), "REPAIRING") == (world.strategy.ledger.position(PERPETUAL_ID), pair_state(world))


def test_a_position_without_a_journal_is_adopted_at_the_first_price():
    world = World(parameters(), is_started=False)
    world.start()
    world.recover({SPOT_ID: D("0.165"), PERPETUAL_ID: D("-0.165")})
    assert "MONITORING_POSITIONS" == world.state
    world.quote(SPOT_ID, 60_000.0, 60_001.0)
    world.quote(PERPETUAL_ID, 60_300.0, 60_301.0)
    assert D("60000.5") == world.strategy.ledger.books[SPOT_ID].average_price()
    assert D(0) == world.strategy.pnl().total
    world.quote(PERPETUAL_ID, 60_290.0, 60_291.0)
    assert D("1.65") == world.strategy.pnl().total  # 0.165 × 10


def test_an_inverse_position_without_a_journal_waits_for_a_price_to_be_compared():
    world = World(parameters(futures=INVERSE_ID), futures=INVERSE, is_started=False)
    world.start()
    world.positions = {SPOT_ID: D("0.16584"), INVERSE_ID: D(-100)}
    world.recover()
    assert ("PROTECTING", False) == (world.state, world.strategy.is_settled)
    world.market(60_000.0, 60_300.0)
    world.wait(200)
    assert "MONITORING_POSITIONS" == world.state


def test_an_order_that_the_gateway_does_not_hold_any_more_is_closed_as_lost():
    world = World(parameters())
    world.market(60_000.0, 60_300.0)
    restart(world)
    assert "order x-carry-e1-1 is not open any more and its end was never reported; closed as lost" in world.alerts[-1]
    assert ([], "ANALYZING_MARKET") == (world.open_ids, world.state)
    assert [CycleResult.ABANDONED] == [cycle.result for cycle in world.strategy.cycles]


def test_an_order_that_is_still_open_is_cancelled_before_anything_new():
    world = World(parameters())
    world.market(60_000.0, 60_300.0)
    name = world.last.client_order_id
    restart(world, open_orders=(name,))
    assert ("PROTECTING", [name]) == (world.state, world.cancels)
    cancel = next(output for output in reversed(world.outputs) if isinstance(output, CancelOrder))
    assert 2 == cancel.epoch
    world.fill(name, "0.05")
    world.close(name)
    world.refresh()
    world.wait(200)
    assert ("REPAIRING", D("0.05")) == (pair_state(world), world.last.quantity)


def test_an_open_order_that_nobody_remembers_is_told_to_a_person():
    world = World(parameters())
    restart(world, open_orders=("x-carry-e0-7",))
    assert "the gateway holds order x-carry-e0-7, which is not in the journal" in world.alerts[-1]


def test_a_position_of_the_wrong_sign_is_flattened():
    world = World(parameters(), is_started=False)
    world.start()
    world.positions = {SPOT_ID: D(0), PERPETUAL_ID: D("0.1")}
    world.recover()
    assert "PROTECTING" == world.state
    world.market(60_000.0, 60_000.0)
    world.wait(200)
    assert (Side.SELL, D("0.1"), True) == (world.last.side, world.last.quantity, world.last.reduce_only)
    world.trade_all()
    assert (D(0), D(0)) == world.held


def test_a_drain_is_forgotten_by_the_next_incarnation():
    world = World(parameters())
    world.drain()
    restart(world)
    assert "ANALYZING_MARKET" == world.state


def test_market_data_from_before_the_restart_is_not_traded_on():
    world = World(parameters(cooldown_s=0.0))
    world.market(60_000.0, 60_000.0)
    restart(world)
    world.quote(PERPETUAL_ID, 60_300.0, 60_301.0)
    assert {} == world.orders
    world.quote(SPOT_ID, 60_000.0, 60_001.0)
    assert 1 == len(world.orders)


@pytest.mark.parametrize("execution", ["sequential", "concurrent"])
def test_the_same_messages_give_the_same_outputs_to_the_byte(execution):
    world = World(parameters(execution=execution))
    world.open_pair()
    world.venue_down("usdm")
    world.venue_up("usdm")
    restart(world)
    for _ in range(4):
        world.market(60_100.0, 60_100.0)
    world.trade_all()
    again = SpotFutures("carry", world.instruments, world.settings)
    outputs = [output for message in world.inputs for output in again.on_message(message)]
    assert world.outputs == outputs
    assert any(isinstance(output, SubmitOrder) for output in outputs)
    assert any(isinstance(output, SetTimer) for output in outputs)
    assert world.strategy.pnl() == again.pnl()


def test_a_price_that_goes_away_before_the_repair_is_waited_for():
    world = World(parameters(futures=INVERSE_ID), futures=INVERSE)
    world.market(60_000.0, 60_000.0)
    world.positions[SPOT_ID] = D("0.1")
    restart(world)
    assert "REPAIRING" == pair_state(world)
    world.quote(INVERSE_ID, 60_000.0, 0.0)
    world.wait(100)
    assert "PROTECTING" == world.state
