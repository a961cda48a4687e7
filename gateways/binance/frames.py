"""What the frames of Binance's market streams hold, and the events that they are.

One set of decoders for the live streams and for recordings. They read combined frames,
`{"stream":"<symbol>@<channel>","data":{...}}`; a raw frame is only the data, and `combined` wraps it. Prices and sizes
are floats within the bounds of our messages, in the venue's units: contracts on COIN-M. The letters are the venue's.

Sources, all read 2026-11-24: Binance Spot API docs, "WebSocket Streams", sections of each stream; Derivatives docs,
USDⓈ-M and COIN-M Futures, "Websocket Market Streams", the pages of each stream, and "Order Book" of the REST API.
"""

from typing import Annotated, Final

import msgspec

from gateways.binance.snapshot_sync import Diff
from gateways.exchange.sources.source import BookChange, BookReset
from messages.base import NS_MAX, Count, Price, Ratio, Size
from messages.market import MarkPrice, Quote, Trade
from messages.orders import Side

NS_PER_MS: Final = 1_000_000
RATIO_MAX: Final = 1e15

DIFF_CHANNELS: Final = ("depth", "depth@0ms", "depth@100ms", "depth@250ms", "depth@500ms")
"""Every speed of the diff streams that Binance offers or has offered."""

PARTIAL_CHANNELS: Final = tuple(
    f"depth{levels}{speed}" for levels in (5, 10, 20) for speed in ("", "@0ms", "@100ms", "@250ms", "@500ms")
)
MARK_CHANNELS: Final = ("markPrice", "markPrice@1s")

Ms = Annotated[int, msgspec.Meta(ge=0, le=NS_MAX // NS_PER_MS)]
Compared = int
"""An update id that is compared and not told on: not bounded, which saves time on every frame. -1 is said, too."""

Levels = list[tuple[Price, Size]]


class BookTicker(msgspec.Struct, gc=False):
    """`u`: of the book's last update; `E`: event time, not said on spot."""

    b: Price
    B: Size
    a: Price
    A: Size
    u: Compared = 0
    E: Ms | None = None


class AnyBookTicker(BookTicker, gc=False, kw_only=True):
    """Of the stream of all instruments, whose name does not say which."""

    s: str


class PublicTrade(msgspec.Struct, gc=False):
    """`m`: the buyer was the maker."""

    E: Ms
    t: Count
    p: Price
    q: Size
    m: bool


class AggregateTrade(msgspec.Struct, gc=False):
    """What one taker took at one price; `a` counts the aggregates, not the trades in them."""

    E: Ms
    a: Count
    p: Price
    q: Size
    m: bool


class DepthUpdate(msgspec.Struct, gc=False):
    E: Ms
    U: Compared
    u: Count
    b: Levels
    a: Levels
    pu: Compared = 0


class PartialDepth(msgspec.Struct, gc=False):
    """The best levels. Spot says `lastUpdateId`, `bids` and `asks` where the others say `u`, `b` and `a`."""

    E: Ms | None = None
    u: Count = 0
    b: Levels = []
    a: Levels = []
    last_update_id: Count = msgspec.field(name="lastUpdateId", default=0)
    bids: Levels = []
    asks: Levels = []


class MarkPriceUpdate(msgspec.Struct, gc=False):
    """`i`: index price, in every frame since 2023; `r` and `T` say "" and 0 where no funding is paid."""

    E: Ms
    s: str
    p: Price
    i: Price | None = None
    r: Annotated[str, msgspec.Meta(max_length=32)] = ""
    T: Ms = 0


class Snapshot(msgspec.Struct, gc=False):
    """A REST answer to `depth`; `symbol` is said on COIN-M only."""

    last_update_id: Count = msgspec.field(name="lastUpdateId")
    bids: Levels
    asks: Levels
    E: Ms | None = None
    symbol: str = ""


class _BookTickerFrame(msgspec.Struct, gc=False):
    data: BookTicker


class _AnyBookTickerFrame(msgspec.Struct, gc=False):
    data: AnyBookTicker


class _TradeFrame(msgspec.Struct, gc=False):
    data: PublicTrade


class _AggregateTradeFrame(msgspec.Struct, gc=False):
    data: AggregateTrade


class _DepthFrame(msgspec.Struct, gc=False):
    data: DepthUpdate


class _PartialDepthFrame(msgspec.Struct, gc=False):
    data: PartialDepth


class _MarkPriceFrame(msgspec.Struct, gc=False):
    data: MarkPriceUpdate


class _MarkPricesFrame(msgspec.Struct, gc=False):
    data: list[MarkPriceUpdate]


# Lax mode reads the venue's quoted numbers straight into bounded floats.
decode_book_ticker = msgspec.json.Decoder(_BookTickerFrame, strict=False).decode
decode_any_book_ticker = msgspec.json.Decoder(_AnyBookTickerFrame, strict=False).decode
decode_trade = msgspec.json.Decoder(_TradeFrame, strict=False).decode
decode_aggregate_trade = msgspec.json.Decoder(_AggregateTradeFrame, strict=False).decode
decode_depth = msgspec.json.Decoder(_DepthFrame, strict=False).decode
decode_partial_depth = msgspec.json.Decoder(_PartialDepthFrame, strict=False).decode
decode_mark_price = msgspec.json.Decoder(_MarkPriceFrame, strict=False).decode
decode_mark_prices = msgspec.json.Decoder(_MarkPricesFrame, strict=False).decode
decode_snapshot = msgspec.json.Decoder(Snapshot, strict=False).decode


def combined(stream: str, raw: bytes) -> bytes:
    """A raw frame as the combined one that says the same."""
    return b'{"stream":%s,"data":%s}' % (msgspec.json.encode(stream), raw)


def quote_of(data: BookTicker, instrument: str, ts_received: int) -> Quote:
    ts_event = ts_received if data.E is None else data.E * NS_PER_MS
    return Quote(instrument, data.b, data.B, data.a, data.A, ts_event, ts_received)


def trade_of(data: PublicTrade, instrument: str, ts_received: int) -> Trade | None:
    """None: a trade id that was spent without a trade. USDT-M tells it as one with price and quantity 0."""
    if not data.q:
        return None
    aggressor = Side.SELL if data.m else Side.BUY
    return Trade(instrument, data.p, data.q, aggressor, str(data.t), data.E * NS_PER_MS, ts_received)


def aggregate_trade_of(data: AggregateTrade, instrument: str, ts_received: int) -> Trade:
    """Its trade id is the aggregate's; ids of the `trade` stream are of another series."""
    aggressor = Side.SELL if data.m else Side.BUY
    return Trade(instrument, data.p, data.q, aggressor, str(data.a), data.E * NS_PER_MS, ts_received)


def diff_of(data: DepthUpdate, instrument: str, ts_received: int) -> Diff:
    change = BookChange(instrument, data.b, data.a, data.u, data.E * NS_PER_MS, ts_received)
    return Diff(data.U, data.pu, change)


def partial_reset_of(data: PartialDepth, instrument: str, ts_received: int) -> BookReset:
    update_id = data.u or data.last_update_id
    ts_event = event_ns(data.E, ts_received)
    return BookReset(instrument, data.b or data.bids, data.a or data.asks, update_id, ts_event, ts_received)


def reset_of(data: Snapshot, instrument: str, ts_received: int) -> BookReset:
    ts_event = event_ns(data.E, ts_received)
    return BookReset(instrument, data.bids, data.asks, data.last_update_id, ts_event, ts_received)


def mark_price_of(data: MarkPriceUpdate, instrument: str, ts_received: int) -> MarkPrice:
    """The index is taken for the mark where the venue does not say it.

    :raises ValueError: the funding rate is not a number within bounds.
    """
    index = data.p if data.i is None else data.i
    stamp_ns = data.T * NS_PER_MS
    return MarkPrice(instrument, data.p, index, _rate(data.r), stamp_ns, data.E * NS_PER_MS, ts_received)


def event_ns(event_ms: int | None, ts_received: int) -> int:
    """The venue's time of a frame; ours where it does not say (spot bookTicker and snapshots)."""
    return ts_received if event_ms is None else event_ms * NS_PER_MS


def _rate(text: str) -> Ratio:
    rate = float(text) if text else 0.0
    if not -RATIO_MAX <= rate <= RATIO_MAX:
        raise ValueError(f"funding rate {text} is not a number within ±{RATIO_MAX:g}")
    return rate
