"""A strategy told its journal again answers the same to the byte, or the first other answer is shown with causes."""

from decimal import Decimal as D
from typing import Any, NamedTuple

from actors.replay import CHAIN_LENGTH_MAX, Causes, Replay, Replayed, describe
from actors.strategies.spot_futures.strategy import SpotFutures
from messages.codec import encode
from messages.market import Quote
from messages.orders import SubmitOrder
from messages.strategy_host import SetTimer
from tests.actors.strategies.trading_world import PERPETUAL_ID, SPOT_ID, World, parameters


class Step(NamedTuple):
    message: Any
    answers: list[bytes]
    has_failed: bool = False


def traded_world() -> World:
    """A pair that was opened: a spot order that filled, then the futures order."""
    world = World()
    world.quote(SPOT_ID, 60_000.0, 60_001.0)
    world.quote(PERPETUAL_ID, 60_300.0, 60_301.0)
    (spot,) = world.orders
    world.fill(spot, world.remaining[spot])
    world.close(spot)
    return world


def a_strategy(**changes: Any) -> SpotFutures:
    world = World(parameters(**changes), is_started=False)
    return world.strategy


def steps_of(world: World) -> list[Step]:
    strategy = a_strategy()
    return [Step(message, [encode(answer) for answer in strategy.on_message(message)]) for message in world.inputs]


def test_the_same_strategy_gives_the_same_answers_to_the_byte() -> None:
    world = traded_world()
    replayed = Replay(a_strategy()).run(steps_of(world))
    # Two orders; every answer is counted.
    assert replayed == Replayed(inputs=len(world.inputs), answers=len(world.outputs), orders=2)


def test_the_order_stream_can_be_kept() -> None:
    world = traded_world()
    replay = Replay(a_strategy(), keep_orders=True)
    replay.run(steps_of(world))
    assert [encode(order) for order in world.orders.values()] == replay.order_frames


def test_another_parameter_parts_at_the_first_answer_that_it_changes() -> None:
    world = traded_world()
    difference = Replay(a_strategy(notional=D(5_000))).run(steps_of(world)).difference
    assert difference is not None
    first = next(number for number, message in enumerate(world.inputs, start=1) if type(message) is Quote) + 1
    assert (first, 0) == (difference.told.number, difference.answer)
    expected, got = difference.expected, difference.got
    assert isinstance(expected, SubmitOrder)
    assert isinstance(got, SubmitOrder)
    # 10,000 / 60,300 = 0.1658 and 5,000 / 60,300 = 0.0829, in steps of 0.001 BTC
    assert (D("0.165"), D("0.082")) == (expected.quantity, got.quantity)


def test_an_answer_that_is_not_given_any_more_is_a_difference() -> None:
    world = traded_world()
    difference = Replay(a_strategy(min_edge_bps=500.0)).run(steps_of(world)).difference
    assert difference is not None
    assert isinstance(difference.expected, SubmitOrder)
    assert difference.got is None


def test_an_answer_too_many_is_a_difference_once_something_follows() -> None:
    steps = steps_of(traded_world())
    with_orders = next(index for index, step in enumerate(steps) if len(step.answers) > 1)
    steps[with_orders].answers.pop()
    difference = Replay(a_strategy()).run(steps).difference
    assert difference is not None
    assert difference.expected is None
    assert isinstance(difference.got, SetTimer)


def test_answers_that_a_death_has_lost_are_made_again_and_counted() -> None:
    steps = steps_of(traded_world())
    last = max(index for index, step in enumerate(steps) if step.answers)
    lost = len(steps[last].answers)
    steps[last].answers.clear()
    replayed = Replay(a_strategy()).run(steps[: last + 1])
    assert (lost, None) == (replayed.lost, replayed.difference)


def test_a_death_in_the_middle_is_followed_by_a_new_start() -> None:
    world = traded_world()
    world.start(epoch=2)
    world.recover()
    steps = steps_of(world)
    dead = max(index for index, step in enumerate(steps) if step.answers and index < len(world.inputs) - 2)
    lost = len(steps[dead].answers)
    steps[dead].answers.clear()
    del steps[dead + 1 : len(steps) - 2]
    replayed = Replay(a_strategy()).run(steps)
    assert (lost, None) == (replayed.lost, replayed.difference)


def test_a_handler_that_fails_as_it_did_is_no_difference_and_one_that_fails_anew_is() -> None:
    poison = SetTimer("no-input", 1)
    failed_before = Replay(a_strategy()).run([*steps_of(World()), Step(poison, [], has_failed=True)])
    assert failed_before.difference is None
    difference = Replay(a_strategy()).run([*steps_of(World()), Step(poison, [])]).difference
    assert difference is not None
    assert "UnexpectedMessage" in difference.error


def test_the_causes_of_an_order_go_back_to_the_tick() -> None:
    world = traded_world()
    replay = Replay(a_strategy())
    replay.run(steps_of(world))
    spot, futures = world.orders
    chain = replay.causes.chain_of(futures)
    kinds = [line.split()[0] for line in chain]
    # tick → decision → spot order → its fill or end → decision → futures order
    assert ["input", "decision", "order", "input", "decision", "order"] == kinds
    assert "Quote" in chain[0]
    assert spot in chain[2]
    assert futures in chain[5]
    assert "OPENING_SPOT_POSITION → OPENING_FUTURES_HEDGE" in chain[4]
    assert () == replay.causes.chain_of("unknown")


def test_a_chain_has_a_bounded_length() -> None:
    world = World(parameters(cooldown_s=0.0))
    replay = Replay(a_strategy())
    replay.run(steps_of(world))
    assert all(len(replay.causes.chain_of(order)) <= CHAIN_LENGTH_MAX + 3 for order in world.orders)
    assert Causes().order("x") is None


def test_a_message_is_described_by_what_is_not_at_its_default() -> None:
    assert "SetTimer name=leg at_ns=5" == describe(SetTimer("leg", 5))
    long = describe(SetTimer("x" * 200, 5))
    assert "..." in long
