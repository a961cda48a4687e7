"""Which market streams to open for some instruments, on which connections, and the frames that subscribe to them.

A connection is opened bare, `.../stream`, and subscribed to by frames: an address with hundreds of names would be too
long, and so each request is answered. All connections are of the combined form.

Futures trades come from `aggTrade`: it is the one trade stream that the futures pages describe, and it leaves out what
the insurance fund and auto-deleveraging trade, which is not in the book.

Sources: those of `endpoints`, and "Live Subscribing/Unsubscribing to streams" of each market, read 2026-11-24.
"""

from collections.abc import Collection, Iterable, Sequence
from typing import Final

import msgspec

from gateways.binance.endpoints import CONNECTION_RULES, Endpoints, Tier
from gateways.binance.limits import STREAM_MESSAGES
from gateways.binance.market import Market
from gateways.native.wire import StreamRequest
from messages.instruments import Instrument, InstrumentType
from messages.topics import Channel

STREAMS_PER_FRAME_MAX: Final = 100
"""Names in one subscription; its frame stays below 8 kB."""

WANTED_CHANNELS: Final = frozenset({Channel.QUOTE, Channel.TRADE, Channel.DEPTH, Channel.MARK})

DEPTH_CHANNEL: Final = "depth@100ms"
"""The fastest diffs that the pages of all three markets describe. Futures have sent `depth@0ms` too; it can be read."""

MARK_CHANNEL: Final = "markPrice@1s"


class Connection(msgspec.Struct, frozen=True):
    """A market stream connection to open.

    :param key: its name to the shell: `usdm-public-0`. :param url: to connect to; nothing is subscribed by it.
    :param streams: to subscribe to, by `subscribe_frames`. :param instruments: whose data it delivers.
    """

    key: str
    url: str
    streams: tuple[str, ...]
    instruments: tuple[str, ...]


class UnknownChannel(ValueError):
    """What was asked for is no channel of market data that a venue has."""


def plan_connections(
    market: Market, endpoints: Endpoints, instruments: Iterable[Instrument], channels: Collection[Channel]
) -> Sequence[Connection]:
    """The connections for all the wanted channels of all the instruments, as few as the venue's limits allow.

    All streams of one instrument and tier are on one connection. Mark prices are of derivatives only: a spot
    instrument's are left out.

    :raises UnknownChannel: a channel is none of quote, trade, depth and mark.
    """
    if unknown := set(channels) - WANTED_CHANNELS:
        names = ", ".join(sorted(unknown))
        raise UnknownChannel(f"{names}: not a market data channel; expected {', '.join(sorted(WANTED_CHANNELS))}")
    planned: list[Connection] = []
    by_tier = _streams_by_tier(market, instruments, channels)
    for tier, wanted in by_tier.items():
        for number, batch in enumerate(_batches(wanted, CONNECTION_RULES[market].streams_max)):
            key = "-".join(part for part in (market.value, tier.value.strip("/"), str(number)) if part)
            streams = tuple(name for _, names in batch for name in names)
            url = f"{endpoints.streams}{tier.value}/stream"
            planned.append(Connection(key, url, streams, tuple(instrument for instrument, _ in batch)))
    return planned


def subscribe_frames(connection: Connection, first_id: int) -> Sequence[StreamRequest]:
    """The frames to send once the connection is open, numbered from `first_id`; the answers carry the numbers."""
    return _frames("SUBSCRIBE", connection, first_id)


def unsubscribe_frames(connection: Connection, first_id: int) -> Sequence[StreamRequest]:
    return _frames("UNSUBSCRIBE", connection, first_id)


def _frames(method: str, connection: Connection, first_id: int) -> Sequence[StreamRequest]:
    frames: list[StreamRequest] = []
    for start in range(0, len(connection.streams), STREAMS_PER_FRAME_MAX):
        number = first_id + len(frames)
        names = connection.streams[start : start + STREAMS_PER_FRAME_MAX]
        frame = msgspec.json.encode({"method": method, "params": names, "id": number})
        weight = ((STREAM_MESSAGES, 1.0),)
        frames.append(StreamRequest(key=str(number), stream=connection.key, frame=frame, weight=weight))
    return frames


InstrumentStreams = tuple[str, tuple[str, ...]]
"""An instrument's id, and the names of its streams."""


def _streams_by_tier(
    market: Market, instruments: Iterable[Instrument], channels: Collection[Channel]
) -> dict[Tier, list[InstrumentStreams]]:
    by_tier: dict[Tier, list[InstrumentStreams]] = {}
    for instrument in instruments:
        names: dict[Tier, list[str]] = {}
        for channel in Channel:  # in the order of the enum, whatever the collection's
            if channel in channels and (name := stream_name(market, instrument, channel)):
                names.setdefault(tier_of(market, channel), []).append(name)
        for tier, of_tier in names.items():
            by_tier.setdefault(tier, []).append((instrument.id, tuple(of_tier)))
    return by_tier


def stream_name(market: Market, instrument: Instrument, channel: Channel) -> str:
    """The name of the stream of a channel; "" where the instrument has none."""
    symbol = instrument.symbol.lower()
    if channel is Channel.QUOTE:
        return f"{symbol}@bookTicker"
    if channel is Channel.TRADE:
        return f"{symbol}@trade" if market.is_spot else f"{symbol}@aggTrade"
    if channel is Channel.DEPTH:
        return f"{symbol}@{DEPTH_CHANNEL}"
    return "" if instrument.type is InstrumentType.SPOT else f"{symbol}@{MARK_CHANNEL}"


def tier_of(market: Market, channel: Channel) -> Tier:
    """The path of USDⓈ-M that serves a channel: what the matching engine changes is public, the rest is market."""
    if market is not Market.USDM:
        return Tier.ANY
    return Tier.PUBLIC if channel in (Channel.QUOTE, Channel.DEPTH) else Tier.MARKET


def _batches(wanted: Sequence[InstrumentStreams], streams_max: int) -> Sequence[Sequence[InstrumentStreams]]:
    batches: list[list[InstrumentStreams]] = []
    room = 0
    for instrument in wanted:
        if len(instrument[1]) > room:
            batches.append([])
            room = streams_max
        batches[-1].append(instrument)
        room -= len(instrument[1])
    return batches
