"""Which public streams of Bybit to open for which instruments, and the frames that subscribe to them. Pure.

Sources: Bybit V5 API docs, "WebSocket Stream / Connect", sections "WebSocket public stream", "IP Limits", "Public
channel - Args limits", "How to Send the Heartbeat Packet", "How to Subscribe to Topics"; "WebSocket Stream / Public /
Orderbook", section "Depths"; "Rate Limit Rules", section "Websocket IP limit"; read 2026-11-24.
"""

from collections.abc import Iterable, Iterator, Sequence
from enum import StrEnum
from typing import Final

import msgspec

from gateways.bybit.directory import Category, category_of
from gateways.native.wire import StreamRequest
from messages.instruments import Instrument

ARGS_CHARACTERS_MAX: Final = 21_000
"""Of the `args` of one public connection, all its requests together."""
SPOT_ARGS_PER_REQUEST_MAX: Final = 10
DERIVATIVES_ARGS_PER_REQUEST_MAX: Final = 50
"""Our own, as the venue has no limit: the answer names the request, not the topic, so a refusal costs a whole one."""
CONNECTIONS_MAX: Final = 1_000
"""Of one IP address for one category's market data."""
CONNECTIONS_PER_5_MIN_MAX: Final = 500
PING_INTERVAL_MS: Final = 20_000

DEPTHS: Final = (1, 50, 200, 500, 1000)
"""Levels a side that the venue sends or, 500 on derivatives, has sent; depth 1 is the best bid and ask."""
DEPTH_DEFAULT: Final = 50
"""The fastest: every 20 ms, where 200 and 1000 come every 100 and 200 ms."""


class Hosts(msgspec.Struct, frozen=True):
    """Where the venue is, without a path. Some countries' accounts have hosts of their own."""

    rest: str
    stream: str


MAINNET: Final = Hosts("https://api.bybit.com", "wss://stream.bybit.com")
TESTNET: Final = Hosts("https://api-testnet.bybit.com", "wss://stream-testnet.bybit.com")


class Channel(StrEnum):
    """:cvar TOP: best bid and ask, every 10 ms. :cvar TICKER: mark and index price, funding; derivatives only."""

    TOP = "top"
    BOOK = "book"
    TRADES = "trades"
    TICKER = "ticker"


class Wanted(msgspec.Struct, frozen=True):
    """What is wanted of one instrument.

    :param symbol: the venue's name; `instrument`: our id.
    :param depth: of the book, in levels a side.
    """

    symbol: str
    instrument: str
    channels: frozenset[Channel]
    depth: int = DEPTH_DEFAULT

    def __post_init__(self) -> None:
        if self.depth not in DEPTHS[1:]:
            expected = " | ".join(map(str, DEPTHS[1:]))
            raise ValueError(f"{self.instrument}: bybit has no book of depth {self.depth}; expected {expected}")


class Topic(msgspec.Struct, frozen=True):
    """One topic of one connection.

    :param makes_quotes: a ticker whose best bid and ask are told, as no faster channel tells them.
    """

    name: str
    channel: Channel
    instrument: str
    makes_quotes: bool = False


class PublicStream(msgspec.Struct, frozen=True):
    """One connection to be kept open.

    :param name: names it to the shell. :param topics: what is to be subscribed to once it is open.
    """

    name: str
    url: str
    category: Category
    topics: tuple[Topic, ...]


def public_streams(
    hosts: Hosts, category: Category, wanted: Iterable[Wanted], *, args_characters_max: int = ARGS_CHARACTERS_MAX
) -> tuple[PublicStream, ...]:
    """As few connections as carry everything that is wanted of one category.

    :raises ValueError: more of them than the venue allows.
    """
    lots = tuple(_lots([topic for one in wanted for topic in topics_of(category, one)], args_characters_max))
    if len(lots) > CONNECTIONS_MAX:
        found = f"{len(lots)} connections are more than {CONNECTIONS_MAX}"
        raise ValueError(f"bybit {category}: {found}; ask for fewer symbols or channels")
    url = f"{hosts.stream}/v5/public/{category}"
    return tuple(PublicStream(f"public-{category}-{number}", url, category, lot) for number, lot in enumerate(lots))


def streams_for(
    hosts: Hosts, instruments: Iterable[Instrument], channels: Iterable[Channel], *, depth: int = DEPTH_DEFAULT
) -> tuple[PublicStream, ...]:
    """The connections for these instruments, of whatever categories they are; raises as `public_streams` does."""
    asked = frozenset(channels)
    by_category: dict[Category, list[Wanted]] = {category: [] for category in Category}
    for one in instruments:
        by_category[category_of(one)].append(Wanted(one.symbol, one.id, asked, depth))
    return tuple(
        stream for category, wanted in by_category.items() for stream in public_streams(hosts, category, wanted)
    )


def topics_of(category: Category, wanted: Wanted) -> Iterator[Topic]:
    """The topics of one instrument; a spot ticker has no mark price and no funding, and is not subscribed to."""
    names = {
        Channel.TOP: f"orderbook.1.{wanted.symbol}",
        Channel.BOOK: f"orderbook.{wanted.depth}.{wanted.symbol}",
        Channel.TRADES: f"publicTrade.{wanted.symbol}",
        Channel.TICKER: f"tickers.{wanted.symbol}",
    }
    has_faster = bool(wanted.channels & {Channel.TOP, Channel.BOOK})
    for channel, name in names.items():
        if channel not in wanted.channels or (channel is Channel.TICKER and category is Category.SPOT):
            continue
        makes_quotes = channel is Channel.TICKER and not has_faster
        yield Topic(name, channel, wanted.instrument, makes_quotes)


def subscribe_requests(stream: PublicStream) -> tuple[StreamRequest, ...]:
    """The frames that subscribe to everything; each is answered by a `Reply` with its key."""
    return tuple(_requests(stream, "subscribe", stream.topics, ""))


def resubscribe_requests(stream: PublicStream, instrument: str, attempt: int) -> tuple[StreamRequest, ...]:
    """The frames that make the venue send new snapshots of one instrument's books: the answer to `SnapshotNeeded`.

    :param attempt: makes their keys differ from those before. Empty where the stream has no book of this instrument.
    """
    books = tuple(
        topic
        for topic in stream.topics
        if topic.instrument == instrument and topic.channel in {Channel.TOP, Channel.BOOK}
    )
    parts = [_requests(stream, op, books, f"-{attempt}-{instrument}") for op in ("unsubscribe", "subscribe")]
    return tuple(request for part in parts for request in part)


def ping_request(stream: PublicStream, number: int) -> StreamRequest:
    """To be sent every `PING_INTERVAL_MS`, or the venue closes the connection; answered by a `Reply` that is a pong.

    :param number: of the ping, to tell their answers apart; on spot they do not carry it.
    """
    key = f"ping-{number}"
    return StreamRequest(key=key, stream=stream.name, frame=msgspec.json.encode({"req_id": key, "op": "ping"}))


def topics_by_key(stream: PublicStream) -> dict[str, tuple[Topic, ...]]:
    """What each of the `subscribe_requests` has asked for, by its key: lost where that one was refused."""
    lots = list(_chunks(stream.topics, _args_per_request_max(stream.category)))
    return {f"subscribe-{number}": tuple(lot) for number, lot in enumerate(lots)}


def _requests(stream: PublicStream, op: str, topics: Sequence[Topic], suffix: str) -> Iterator[StreamRequest]:
    for number, lot in enumerate(_chunks(topics, _args_per_request_max(stream.category))):
        key = f"{op}-{number}{suffix}"
        frame = msgspec.json.encode({"req_id": key, "op": op, "args": [topic.name for topic in lot]})
        yield StreamRequest(key=key, stream=stream.name, frame=frame)


def _args_per_request_max(category: Category) -> int:
    return SPOT_ARGS_PER_REQUEST_MAX if category is Category.SPOT else DERIVATIVES_ARGS_PER_REQUEST_MAX


def _chunks(topics: Sequence[Topic], size: int) -> Iterator[Sequence[Topic]]:
    return (topics[start : start + size] for start in range(0, len(topics), size))


def _lots(topics: Sequence[Topic], args_characters_max: int) -> Iterator[tuple[Topic, ...]]:
    """The topics in lots whose `args`, written as JSON, are short enough for one connection."""
    lot: list[Topic] = []
    length = 0
    for topic in topics:
        added = len(topic.name) + len('"",')
        if lot and length + added > args_characters_max:
            yield tuple(lot)
            lot, length = [], 0
        lot.append(topic)
        length += added
    if lot:
        yield tuple(lot)
