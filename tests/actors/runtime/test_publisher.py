"""The publisher: one frame a message, a number for each topic, and the last value for whoever comes later."""

from collections.abc import Iterator
from time import monotonic_ns

import pytest
import zmq

from actors.runtime.links import Context, Socket, publisher, subscriber
from actors.runtime.publisher import Publisher
from messages.base import Message
from messages.codec import MARKET_DATA, FrameError, split_published
from messages.market import Checkpoint, ClockTick, Depth, EndOfData, Gap, MarketData, MarkPrice, Quote, Trade
from messages.orders import Side
from messages.topics import Channel, topic
from tests.support.sockets import receive

A, B = "BTCUSDT.sim", "ETHUSDT.sim"


def quote(bid: float, instrument: str = A) -> Quote:
    return Quote(instrument, bid, 1.0, bid + 1, 1.0, 1, 2)


TRADE = Trade(A, 10.0, 1.0, Side.BUY, "t-1", 1, 2)
ONE_OF_EACH: list[tuple[MarketData, Channel, str]] = [
    (quote(1.0), Channel.QUOTE, A),
    (TRADE, Channel.TRADE, A),
    (Depth(A, (), (), 1, 2, 3), Channel.DEPTH, A),
    (MarkPrice(A, 1.0, 1.0, 0.0, 0, 1, 2), Channel.MARK, A),
    (Gap(A, "lost", 1), Channel.GAP, A),
    (ClockTick("sim", 1, 2, 1.0), Channel.CLOCK, "sim"),
    (Checkpoint("sim", 1), Channel.CHECKPOINT, "sim"),
    (EndOfData("sim", 1), Channel.END, "sim"),
]


class Feed:
    """A publisher over a real socket, and a reader that subscribes to it."""

    def __init__(self, context: Context, *, is_stamping: bool = True) -> None:
        self._context = context
        self._socket = publisher(context, "inproc://feed")
        self.publisher = Publisher(self._socket, is_stamping=is_stamping)

    def reader(self, *topics: bytes) -> Socket:
        """Subscribe, and let the publisher hear of it."""
        socket = subscriber(self._context, "inproc://feed")
        for name in topics:
            socket.subscribe(name)
            self.publisher.on_subscription(receive(self._socket, "the subscription")[0])
        return socket


def heard(socket: Socket) -> tuple[bytes, Message]:
    name, payload = split_published(receive(socket, "a message")[0])
    message: Message = MARKET_DATA.decode(payload)
    return name, message


@pytest.fixture
def context() -> Iterator[Context]:
    context: Context = zmq.Context()
    yield context
    context.destroy(0)


@pytest.fixture
def feed(context: Context) -> Feed:
    return Feed(context)


@pytest.mark.parametrize(("message", "channel", "subject"), ONE_OF_EACH)
def test_a_message_goes_out_under_the_topic_of_its_kind(
    feed: Feed, message: MarketData, channel: Channel, subject: str
) -> None:
    reader = feed.reader(topic(channel, subject))
    feed.publisher.publish(message)
    name, published = heard(reader)
    assert name == topic(channel, subject)
    assert type(published) is type(message)
    assert feed.publisher.published == 1


def test_messages_are_numbered_by_topic_and_stamped(feed: Feed) -> None:
    reader = feed.reader(b"")
    before_ns = monotonic_ns()
    for message in (quote(1.0), quote(2.0), TRADE, quote(3.0, B), quote(4.0)):
        feed.publisher.publish(message)
    published = [heard(reader)[1] for _ in range(5)]
    assert [(message.bid if isinstance(message, Quote) else 0, message.seq) for message in published] == [  # type: ignore[union-attr]
        (1.0, 1),
        (2.0, 2),
        (0, 1),
        (3.0, 1),
        (4.0, 3),
    ]
    assert all(before_ns <= message.published_mono_ns <= monotonic_ns() for message in published)  # type: ignore[attr-defined]


def test_what_another_gateway_will_stamp_is_left_as_it_is(context: Context) -> None:
    feed = Feed(context, is_stamping=False)
    reader = feed.reader(b"")
    feed.publisher.publish(quote(1.0))
    assert heard(reader)[1] == quote(1.0)


@pytest.mark.parametrize(
    ("message", "channel", "subject"),
    [case for case in ONE_OF_EACH if not isinstance(case[0], Trade | Gap | Checkpoint)],
)
def test_a_newcomer_is_told_the_last_value_at_once(
    feed: Feed, message: MarketData, channel: Channel, subject: str
) -> None:
    feed.publisher.publish(message)
    feed.publisher.publish(message)
    reader = feed.reader(topic(channel, subject))
    name, last = heard(reader)
    assert name == topic(channel, subject)
    assert type(last) is type(message)
    assert getattr(last, "seq", 2) == 2, "the newest, under the number that it was published with"
    assert not reader.poll(0)


def test_trades_gaps_and_checkpoints_are_events_that_a_newcomer_has_missed(feed: Feed) -> None:
    for message, _, _ in ONE_OF_EACH:
        feed.publisher.publish(message)
    events = (topic(Channel.TRADE, A), topic(Channel.GAP, A), topic(Channel.CHECKPOINT, "sim"))
    reader = feed.reader(*events, topic(Channel.CLOCK, "sim"))
    assert heard(reader)[0] == topic(Channel.CLOCK, "sim"), "and it is the first that comes"


def test_a_subscription_to_a_topic_without_a_value_and_an_end_of_one_are_answered_with_nothing(feed: Feed) -> None:
    feed.publisher.publish(quote(1.0))
    reader = feed.reader(topic(Channel.QUOTE, B), topic(Channel.QUOTE, A))
    assert heard(reader)[1].instrument == A  # type: ignore[attr-defined]
    for frame in (b"\x00" + topic(Channel.QUOTE, A), b"\x01nonsense"):
        feed.publisher.on_subscription(frame)
    for frame in (b"", b"\x02" + topic(Channel.QUOTE, A)):
        with pytest.raises(FrameError, match="is no subscription"):
            feed.publisher.on_subscription(frame)
    feed.publisher.publish(quote(9.0))
    assert heard(reader)[1].bid == 9.0, "nothing came between"  # type: ignore[attr-defined]


def test_publishing_to_nobody_costs_nothing_and_is_counted(feed: Feed) -> None:
    for number in range(100):
        feed.publisher.publish(quote(float(number)))
    assert feed.publisher.published == 100
