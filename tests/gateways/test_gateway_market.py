"""The market that a gateway passes on: numbers and times, last values, checkpoints, and the end."""

from collections.abc import Iterator
from pathlib import Path
from time import monotonic_ns

import pytest

from messages.from_child import Heartbeat
from messages.gateway_link import CheckpointReached
from messages.market import Checkpoint, ClockTick, EndOfData, Quote, Trade
from messages.orders import Side
from messages.to_child import FenceStrategy
from messages.topics import Channel
from tests.support.actor_thread import actor_threads
from tests.support.gateway_floor import GatewayFloor, PlayedStrategy
from tests.support.orders import NOW_NS, SPOT

QUOTE = Quote(SPOT.id, 49_999.9, 1.0, 50_000.0, 2.0, NOW_NS, NOW_NS)
TRADE = Trade(SPOT.id, 50_000.0, 0.1, Side.BUY, "p-1", NOW_NS, NOW_NS)


@pytest.fixture
def floor(tmp_path: Path) -> Iterator[GatewayFloor]:
    with actor_threads() as threads:
        floor = GatewayFloor(tmp_path, threads)
        yield floor
    floor.close()


def test_market_data_is_published_with_a_number_for_each_topic_and_the_time(floor: GatewayFloor) -> None:
    floor.open()
    carry = PlayedStrategy(floor.context, floor, "carry")
    carry.market.subscribe_to_all()
    carry.market.subscribe(Channel.CLOCK, "sim")
    assert carry.market.hears() == ClockTick("sim", NOW_NS, 1, 0.0), "a late subscriber is told the last value"
    before_ns = monotonic_ns()
    floor.venue.market.publish(QUOTE, TRADE, QUOTE)
    heard = [carry.market.hears() for _ in range(3)]
    assert [(type(each), each.seq) for each in heard] == [(Quote, 1), (Trade, 1), (Quote, 2)]  # type: ignore[union-attr]
    assert all(before_ns <= each.published_mono_ns <= monotonic_ns() for each in heard)  # type: ignore[union-attr]
    assert (heard[0].instrument, heard[0].bid, heard[0].ts_event) == (SPOT.id, 49_999.9, NOW_NS)  # type: ignore[union-attr]


def test_a_checkpoint_is_answered_when_all_lossless_readers_have_reached_it(floor: GatewayFloor) -> None:
    floor.open()
    floor.venue.market.publish(Checkpoint("sim", 1))
    assert floor.venue.hears_a(CheckpointReached) == CheckpointReached("sim", 1), "there is nobody to wait for"
    floor.strategy("onlooker")
    carry, other = floor.lossless_strategy(), floor.lossless_strategy("other")
    floor.venue.market.publish(Checkpoint("sim", 2))
    carry.reaches_checkpoint()
    carry.says(CheckpointReached("carry", 1))  # of which nothing is known any more
    floor.supervisor.hears_beats(3)
    assert not floor.venue.has_heard(CheckpointReached("sim", 2))
    other.reaches_checkpoint()
    assert floor.venue.hears_a(CheckpointReached) == CheckpointReached("sim", 2)

    floor.venue.market.publish(Checkpoint("sim", 3))
    carry.reaches_checkpoint()
    other.joins(epoch=2, lossless=True)
    assert floor.venue.hears_a(CheckpointReached) == CheckpointReached("sim", 3), "the new incarnation owes nothing"


def test_a_reader_that_will_not_come_back_is_not_waited_for(floor: GatewayFloor) -> None:
    floor.open()
    floor.lossless_strategy()
    other = floor.lossless_strategy("other")
    floor.venue.market.publish(Checkpoint("sim", 1))
    other.reaches_checkpoint()
    assert floor.supervisor.asks(FenceStrategy("c1", "carry", 2, False)).is_ok, "the next incarnation will read on"
    assert not floor.venue.has_heard(CheckpointReached("sim", 1))
    assert floor.supervisor.asks(FenceStrategy("c2", "carry", 3, True)).is_ok
    assert floor.venue.hears_a(CheckpointReached) == CheckpointReached("sim", 1)
    floor.venue.market.publish(Checkpoint("sim", 2))
    other.reaches_checkpoint()
    assert floor.venue.hears_a(CheckpointReached) == CheckpointReached("sim", 2)


def test_a_gateway_is_drained_when_the_data_of_its_venue_have_ended(floor: GatewayFloor) -> None:
    floor.open()
    assert not floor.supervisor.hears_a(Heartbeat).is_drained
    floor.venue.market.publish(EndOfData("sim", NOW_NS))
    floor.supervisor.hears_drained()
    floor.venue.market.publish(QUOTE)
    floor.supervisor.hears_drained(is_drained=False)
