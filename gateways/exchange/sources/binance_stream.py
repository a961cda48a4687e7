"""Recorded Binance market data, format `binance-stream`: gzip files of combined-stream frames, one a line.

A line is `<receive time, ns since the epoch> <JSON frame>`: a frame of the streams `<symbol>@bookTicker`,
`<symbol>@trade`, `<symbol>@depth...`, or a REST `/depth` response at the place where it arrived. Events go by the
receive time; the venue's clock (`E`) may run ahead of it. Sizes are the venue's: contracts on COIN-M.
"""

import gzip
import zlib
from collections.abc import Callable, Iterator, Sequence
from itertools import chain
from pathlib import Path
from typing import Annotated, BinaryIO

import msgspec

from gateways.exchange.feed_spec import BinanceStreamFeed
from gateways.exchange.sources.csv_lines import check_files
from gateways.exchange.sources.snapshot_sync import Diff, Market, Outcome, SnapshotSync
from gateways.exchange.sources.source import (
    BookChange,
    BookReset,
    SourceCounts,
    SourceError,
    SourceEvent,
    counts_of_one,
)
from messages.base import NS_MAX, Count, Price, Size
from messages.instruments import Instrument
from messages.market import Gap, Quote, Trade
from messages.orders import Side

LINE_BYTES_MAX = 4_194_304
"""A snapshot of 5,000 levels a side, the venue's largest, has about 0.3 MB."""

READ_BYTES = 262_144
NS_PER_MS = 1_000_000
DEPTH_STREAMS = ("depth", "depth@0ms", "depth@100ms", "depth@250ms", "depth@500ms")
"""Every speed of the diff streams that Binance offers or has offered."""

GAP_REASON = "missing book update"

_STREAM_START = len(b'{"stream":"')


Ms = Annotated[int, msgspec.Meta(ge=0, le=NS_MAX // NS_PER_MS)]
Levels = list[tuple[Price, Size]]


class _BookTicker(msgspec.Struct, gc=False):
    b: Price
    B: Size
    a: Price
    A: Size
    E: Ms | None = None


class _Trade(msgspec.Struct, gc=False):
    E: Ms
    t: Count
    p: Price
    q: Size
    m: bool


class _DepthUpdate(msgspec.Struct, gc=False):
    E: Ms
    U: Count
    u: Count
    b: Levels
    a: Levels
    pu: Count = 0


class _BookTickerFrame(msgspec.Struct, gc=False):
    data: _BookTicker


class _TradeFrame(msgspec.Struct, gc=False):
    data: _Trade


class _DepthFrame(msgspec.Struct, gc=False):
    data: _DepthUpdate


class _Header(msgspec.Struct, gc=False, rename="camel"):
    """What any frame may say of itself."""

    stream: str = ""
    symbol: str = ""
    last_update_id: Count | None = None


class _Snapshot(msgspec.Struct, gc=False):
    last_update_id: Count = msgspec.field(name="lastUpdateId")
    bids: Levels
    asks: Levels
    E: Ms | None = None


# Lax mode reads the venue's quoted numbers straight into bounded floats.
_decode_book_ticker = msgspec.json.Decoder(_BookTickerFrame, strict=False).decode
_decode_trade = msgspec.json.Decoder(_TradeFrame, strict=False).decode
_decode_depth = msgspec.json.Decoder(_DepthFrame, strict=False).decode
_decode_snapshot = msgspec.json.Decoder(_Snapshot, strict=False).decode
_decode_header = msgspec.json.Decoder(_Header).decode


class BinanceStreamSource:
    """The recorded market of one instrument.

    :ivar lines_skipped: lines of other symbols, of streams that are none of the three, and snapshots that are too old.
    :raises SourceError: from the constructor for an unknown market or a missing file; from `events` for a damaged file.
    """

    def __init__(self, instrument: Instrument, feed: BinanceStreamFeed) -> None:
        self._id = instrument.id
        self._symbol = instrument.symbol.lower()
        self._files = check_files(feed.files, self._id)
        self._sync = SnapshotSync(_market(feed))
        self._quotes = 0
        self._trades = 0
        self._ts_last = 0
        self._line_number = 0
        self._bytes_before = 0
        self._opened: BinaryIO | None = None
        self.lines_skipped = 0
        symbol = self._symbol.encode()
        self._single: dict[bytes, Callable[[bytes, int], SourceEvent]] = {
            symbol + b"@bookTicker": self._on_book_ticker,
            symbol + b"@trade": self._on_trade,
        }
        self._book_ticker_start = b'{"stream":"%s@bookTicker"' % symbol
        self._trade_start = b'{"stream":"%s@trade"' % symbol
        self._depth = frozenset(symbol + b"@" + name.encode() for name in DEPTH_STREAMS)

    @property
    def last_update_id(self) -> int:
        """The venue's id of the last update that is in the book; 0 before the first snapshot."""
        return self._sync.last_update_id

    @property
    def bytes_total(self) -> int:
        """Of all its files, as they are on disk."""
        return sum(file.stat().st_size for file in self._files)

    @property
    def bytes_read(self) -> int:
        return self._bytes_before + (0 if self._opened is None else self._opened.tell())

    def counts(self, instrument: str) -> SourceCounts:
        """What has been read so far.

        :raises KeyError: for another instrument than this source's.
        """
        sync = self._sync
        counts = SourceCounts(self._quotes, self._trades, sync.applied, sync.discarded, sync.gaps)
        return counts_of_one(instrument, self._id, counts)

    def events(self) -> Iterator[SourceEvent]:
        """Read the files one after the other; can be called once."""
        return chain.from_iterable(self._parts())

    def _parts(self) -> Iterator[Iterator[SourceEvent]]:
        for file in self._files:
            self._line_number = 0
            try:
                with file.open("rb") as packed, gzip.open(packed, "rb") as unpacked:
                    self._opened = packed
                    for lines in _batches(unpacked):
                        yield self._events_in(file, lines)
                    self._bytes_before, self._opened = self.bytes_read, None
            except (OSError, EOFError, zlib.error) as error:
                raise SourceError(
                    f"recording {file} of {self._id} cannot be read after line {self._line_number}: {error}; "
                    "fetch the file again, it is not whole gzip data"
                ) from error
            if not self._line_number:
                raise SourceError(f"recording {file} of {self._id} has no lines; fetch the file again or leave it out")

    def _events_in(self, file: Path, lines: Sequence[bytes]) -> Iterator[SourceEvent]:
        line, ts_last = b"", self._ts_last
        book_ticker, trade = self._book_ticker_start, self._trade_start
        try:
            for line in lines:
                self._line_number += 1
                stamp, _, frame = line.partition(b" ")
                ts_received = int(stamp)
                if not ts_last <= ts_received <= NS_MAX:
                    raise ValueError(f"receive time {ts_received} is not at or after {ts_last}")
                ts_last = ts_received
                if frame.startswith(book_ticker):
                    yield self._on_book_ticker(frame, ts_received)
                elif frame.startswith(trade):
                    yield self._on_trade(frame, ts_received)
                elif frame[_STREAM_START : frame.find(b'"', _STREAM_START)] in self._depth:
                    yield from self._on_depth(frame, ts_received)
                else:
                    yield from self._on_other(frame, ts_received)
        except (msgspec.MsgspecError, ValueError, RecursionError) as error:
            raise SourceError(
                f"recording {file} of {self._id}, line {self._line_number} of {len(line)} bytes is malformed: "
                f"{error}; leave the line out, or give the files in the order of their recording"
            ) from error
        self._ts_last = ts_last

    def _on_book_ticker(self, frame: bytes, ts_received: int) -> Quote:
        data = _decode_book_ticker(frame).data
        self._quotes += 1
        ts_event = ts_received if data.E is None else data.E * NS_PER_MS
        return Quote(self._id, data.b, data.B, data.a, data.A, ts_event, ts_received)

    def _on_trade(self, frame: bytes, ts_received: int) -> Trade:
        data = _decode_trade(frame).data
        self._trades += 1
        aggressor = Side.SELL if data.m else Side.BUY  # m: the buyer was the maker
        return Trade(self._id, data.p, data.q, aggressor, str(data.t), data.E * NS_PER_MS, ts_received)

    def _on_depth(self, frame: bytes, ts_received: int) -> Sequence[SourceEvent]:
        data = _decode_depth(frame).data
        change = BookChange(self._id, data.b, data.a, data.u, data.E * NS_PER_MS, ts_received)
        return self._judge(Diff(data.U, data.pu, change))

    def _judge(self, diff: Diff) -> Sequence[SourceEvent]:
        outcome = self._sync.on_diff(diff)
        if outcome is Outcome.APPLIED:
            return (diff.change,)
        if outcome is Outcome.GAP_FOUND:
            return (Gap(self._id, GAP_REASON, diff.change.ts_received),)
        return ()

    def _on_other(self, frame: bytes, ts_received: int) -> Iterator[SourceEvent]:
        """A snapshot, a frame whose fields come in an unusual order, or one that does not concern us."""
        header = _decode_header(frame)
        symbol, _, channel = header.stream.partition("@")
        stream = f"{symbol.lower()}@{channel}".encode()
        if (on_frame := self._single.get(stream)) is not None:
            yield on_frame(frame, ts_received)
        elif stream in self._depth:
            yield from self._on_depth(frame, ts_received)
        elif not header.stream and header.last_update_id is not None and header.symbol.lower() in ("", self._symbol):
            yield from self._on_snapshot(frame, ts_received)
        else:
            self.lines_skipped += 1

    def _on_snapshot(self, frame: bytes, ts_received: int) -> Iterator[SourceEvent]:
        data = _decode_snapshot(frame)
        buffered = self._sync.on_snapshot(data.last_update_id)
        if buffered is None:
            self.lines_skipped += 1
            return
        ts_event = _event_ns(data.E, ts_received)
        yield BookReset(self._id, data.bids, data.asks, data.last_update_id, ts_event, ts_received)
        for diff in buffered:
            diff.change.ts_received = ts_received  # events ascend: the diff takes effect only now
            yield from self._judge(diff)


def _batches(unpacked: gzip.GzipFile) -> Iterator[list[bytes]]:
    """The lines of a file, without their ends, some at a time."""
    rest = b""
    while read := unpacked.read(READ_BYTES):
        *lines, rest = (rest + read).split(b"\n")
        if len(rest) > LINE_BYTES_MAX:
            lines.append(rest[:LINE_BYTES_MAX])
            rest = rest[LINE_BYTES_MAX:]
        if lines:
            yield lines
    if rest:
        yield [rest]


def _event_ns(event_ms: int | None, ts_received: int) -> int:
    """The venue's time of a frame; ours where it does not say (spot bookTicker and snapshots)."""
    return ts_received if event_ms is None else event_ms * NS_PER_MS


def _market(feed: BinanceStreamFeed) -> Market:
    if feed.market not in set(Market):
        expected = " | ".join(Market)
        raise SourceError(f"recorded source has the unknown market {feed.market!r}; expected {expected}")
    return Market(feed.market)
