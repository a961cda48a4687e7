"""The far ends of an actor's links, held by the test itself: what it hears, and what it is told, message by message."""

from collections.abc import Callable
from time import monotonic, monotonic_ns
from typing import Any, Generic, TypeVar

from actors.runtime.keys import Role
from actors.runtime.links import Context, dealer, is_secured, publisher, router, subscriber, try_send
from actors.runtime.publisher import Publisher
from messages.base import Message
from messages.codec import FROM_CHILD, MARKET_DATA, Codec, encode, split_published
from messages.from_child import CommandDone, FromChild, Heartbeat
from messages.market import MarketData
from messages.topics import Channel, topic
from tests.support.sockets import PATIENCE_MS, receive, until

HeardT = TypeVar("HeardT")


def next_that(hear: Callable[[], Any], condition: Callable[[Any], bool], what: str) -> Any:
    """The next message for which something is so, among those that are heard."""
    deadline = monotonic() + PATIENCE_MS / 1_000
    while not condition(message := hear()):
        assert monotonic() < deadline, f"no {what} within {PATIENCE_MS} ms; the last was {message}"
    return message


def next_of(kind: type[Any], hear: Callable[[], Any]) -> Any:
    """The next message of a kind, among those that are heard."""
    return next_that(hear, lambda message: isinstance(message, kind), kind.__name__)


class BoundEnd(Generic[HeardT]):
    """A ROUTER that an actor connects to.

    :ivar heard: everything that was read so far.
    """

    def __init__(self, context: Context, endpoint: str, codec: Codec[HeardT]) -> None:
        self._context, self.endpoint, self._codec = context, endpoint, codec
        self.heard: list[HeardT] = []
        self.bind()

    def bind(self) -> None:
        self._socket = router(self._context, self.endpoint, admits=Role)

    def close(self) -> None:
        """Be gone, as if killed; `bind` is the next one under this name."""
        self._socket.close(0)

    def tell(self, peer: str, *messages: Message | bytes) -> None:
        for message in messages:
            frame = message if isinstance(message, bytes) else encode(message)
            self._socket.send_multipart((self._heard_from if is_secured(self._socket) else peer.encode(), frame))

    def hears(self) -> HeardT:
        self._heard_from, frame = receive(self._socket, f"a message over the link of {self.endpoint}")
        message = self._codec.decode(frame)
        self.check(message, frame)
        self.heard.append(message)
        return message

    def check(self, message: HeardT, frame: bytes) -> None:
        """What must be true of every message that comes; subclasses say."""

    def hears_a(self, kind: type[Any]) -> Any:
        """The next message of this kind; others are passed over."""
        return next_of(kind, self.hears)

    def has_heard(self, message: Any) -> bool:
        """Whether this message is among all that have come so far."""
        while self._socket.poll(0):
            self.hears()
        return message in self.heard

    @property
    def hears_nothing(self) -> bool:
        return not self._socket.poll(0)


class ConnectedEnd(Generic[HeardT]):
    """A DEALER that connects to an actor."""

    def __init__(self, context: Context, endpoint: str, identity: str, codec: Codec[HeardT]) -> None:
        self._socket = dealer(context, endpoint, identity)
        self._codec = codec
        self.heard: list[HeardT] = []

    def says(self, *messages: Message | bytes) -> None:
        for message in messages:
            frame = message if isinstance(message, bytes) else encode(message)
            until(lambda frame=frame: try_send(self._socket, frame), self._socket, "the connection")  # type: ignore[misc]

    def hears(self) -> HeardT:
        (frame,) = receive(self._socket, "a message of the actor")
        message = self._codec.decode(frame)
        self.heard.append(message)
        return message

    def hears_a(self, kind: type[Any]) -> Any:
        """The next message of this kind; others are passed over."""
        return next_of(kind, self.hears)

    @property
    def hears_nothing(self) -> bool:
        return not self._socket.poll(0)

    def hears_nothing_for(self, ms: int) -> bool:
        """Wait for a message, but no longer than this; it is left where it is."""
        return not self._socket.poll(ms)

    def close(self) -> None:
        self._socket.close(0)


class PlayedSupervisor(BoundEnd[FromChild]):
    """The supervisor of one child."""

    def __init__(self, context: Context, endpoint: str, process: str) -> None:
        self._process = process
        super().__init__(context, endpoint, FROM_CHILD)

    def asks(self, command: Message) -> CommandDone:
        self.tell(self._process, command)
        done: CommandDone = self.hears_a(CommandDone)
        return done

    def hears_beats(self, count: int) -> None:
        """Let the actor beat so often from now on: it has then looked at its connections and timers as many times."""
        now_ns = monotonic_ns()
        for _ in range(count):
            next_that(lambda: self.hears_a(Heartbeat), lambda beat: beat.mono_ns > now_ns, "new heartbeat")

    def hears_drained(self, *, is_drained: bool = True) -> None:
        """Wait for a heartbeat that says so."""
        next_that(lambda: self.hears_a(Heartbeat), lambda beat: beat.is_drained is is_drained, "such heartbeat")


class PlayedMarket:
    """An XPUB that an actor subscribes to.

    :ivar topics: what it has subscribed to, as far as read.
    """

    def __init__(self, context: Context, endpoint: str) -> None:
        self.endpoint = endpoint
        self._socket = publisher(context, endpoint, admits=Role)
        self._publisher = Publisher(self._socket, is_stamping=False)
        self.topics: set[bytes] = set()

    def publish(self, *messages: MarketData) -> None:
        for message in messages:
            self._publisher.publish(message)

    def publish_frame(self, frame: bytes) -> None:
        self._socket.send(frame)

    def is_subscribed(self, *names: bytes) -> None:
        """Wait for the subscriptions to these topics, and answer each with the last value."""
        while not self.topics >= set(names):
            (frame,) = receive(self._socket, f"a subscription to {set(names) - self.topics}")
            if frame[0]:  # or else the end of one
                self.topics.add(frame[1:])
            self._publisher.on_subscription(frame)

    def forget_subscriptions(self) -> None:
        """Those that are to come are of another reader."""
        self.topics.clear()

    @property
    def has_new_subscriptions(self) -> bool:
        return bool(self._socket.poll(0))


class MarketReader:
    """A SUB that reads what an actor publishes."""

    def __init__(self, context: Context, endpoint: str) -> None:
        self._socket = subscriber(context, endpoint)
        self.heard: list[MarketData] = []

    def subscribe(self, channel: Channel, name: str) -> None:
        self._socket.subscribe(topic(channel, name))

    def subscribe_to_all(self) -> None:
        self._socket.subscribe(b"")

    def hears(self) -> MarketData:
        (frame,) = receive(self._socket, "market data")
        message = MARKET_DATA.decode(split_published(frame)[1])
        self.heard.append(message)
        return message

    def hears_a(self, kind: type[Any]) -> Any:
        return next_of(kind, self.hears)

    @property
    def hears_nothing(self) -> bool:
        return not self._socket.poll(0)
