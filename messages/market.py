"""Market data: signals in floats, one sequence per topic, stamped by the venue and by us.

`ts_event` is the venue's clock, `ts_received` ours (both nanoseconds since the epoch; on a simulated cluster both are
market time). `published_mono_ns` is the monotonic clock of the host at the moment the gateway published the message;
an order carries it on, so that tick-to-order latency is measured without a second clock.
"""

from typing import Annotated

import msgspec

from messages.base import Count, Id, Message, Ns, OptionalId, Price, Ratio, Size
from messages.orders import Side

DEPTH_LEVELS_MAX = 50

Level = tuple[Price, Size]
Levels = Annotated[tuple[Level, ...], msgspec.Meta(max_length=DEPTH_LEVELS_MAX)]


class Quote(Message, frozen=True, tag="quote"):
    """Best bid and ask of one instrument."""

    instrument: Id
    bid: Price
    bid_size: Size
    ask: Price
    ask_size: Size
    ts_event: Ns
    ts_received: Ns
    seq: Count = 0
    published_mono_ns: Ns = 0


class Trade(Message, frozen=True, tag="trade"):
    """A public print; not ours. `aggressor` is the side of the taker."""

    instrument: Id
    price: Price
    size: Size
    aggressor: Side
    trade_id: Id
    ts_event: Ns
    ts_received: Ns
    seq: Count = 0
    published_mono_ns: Ns = 0


class Depth(Message, frozen=True, tag="depth"):
    """The best levels of the book, best first on both sides; a whole image, so a lost one is no gap."""

    instrument: Id
    bids: Levels
    asks: Levels
    update_id: Count
    ts_event: Ns
    ts_received: Ns
    seq: Count = 0
    published_mono_ns: Ns = 0


class MarkPrice(Message, frozen=True, tag="mark"):
    """Mark and index price of a derivative, with the funding rate that is going to be paid.

    :param funding_rate: per interval, as a ratio of notional at mark; positive = longs pay shorts.
    :param next_funding_ns: the stamp at which it is paid; 0 where there is no funding.
    """

    instrument: Id
    mark: Price
    index: Price
    funding_rate: Ratio
    next_funding_ns: Ns
    ts_event: Ns
    ts_received: Ns
    seq: Count = 0
    published_mono_ns: Ns = 0


class Gap(Message, frozen=True, tag="gap"):
    """Market data of this instrument was lost and is not to be trusted until the next `Depth` and `Quote`."""

    instrument: Id
    reason: OptionalId
    ts_received: Ns
    seq: Count = 0
    published_mono_ns: Ns = 0


class ClockTick(Message, frozen=True, tag="clock"):
    """How market time runs: it was `now_ns` when the monotonic clock was `mono_ns`, and goes `speed` times as fast.

    Speed 0 means that market time moves only with the messages (`ts_received`).
    """

    venue: Id
    now_ns: Ns
    mono_ns: Ns
    speed: Annotated[float, msgspec.Meta(ge=0.0, le=1e6)]


class Checkpoint(Message, frozen=True, tag="checkpoint"):
    """A mark in the stream of a source that may not lose anything: who has read everything before it says so.

    The exchange runs at most a few checkpoints ahead of the slowest reader (`CheckpointReached`).
    """

    venue: Id
    number: Count


class EndOfData(Message, frozen=True, tag="end"):
    """The source of this venue is exhausted; nothing follows."""

    venue: Id
    ts_received: Ns


MarketData = Quote | Trade | Depth | MarkPrice | Gap | ClockTick | Checkpoint | EndOfData
"""What a gateway publishes; one union for the decoder of that link."""
