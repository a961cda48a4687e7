"""Recorded Binance market data, format `binance-stream`: gzip files of combined-stream frames, one a line.

A line is `<receive time, ns since the epoch> <JSON frame>`: a frame of the streams `<symbol>@bookTicker`,
`<symbol>@trade`, `<symbol>@depth...`, or a REST `/depth` response at the place where it arrived. Events go by the
receive time; the venue's clock (`E`) may run ahead of it. Sizes are the venue's: contracts on COIN-M.
"""

import gzip
import zlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial
from io import BufferedReader
from pathlib import Path
from typing import Annotated

import msgspec

from gateways.exchange.sources.snapshot_sync import Diff, Market, Outcome, SnapshotSync
from gateways.exchange.sources.source import BookChange, BookReset, SourceCounts, SourceEvent
from gateways.exchange.spec import RecordedSourceSpec
from messages.base import NS_MAX, Count, Price, Size
from messages.instruments import Instrument
from messages.market import Gap, Quote, Trade
from messages.orders import Side

FORMAT = "binance-stream"
LINE_BYTES_MAX = 4_194_304
"""A snapshot of 5,000 levels a side, the venue's largest, has about 0.3 MB."""

READ_BYTES = 262_144
NS_PER_MS = 1_000_000
DEPTH_STREAMS = ("depth", "depth@0ms", "depth@100ms", "depth@250ms", "depth@500ms")
"""Every speed of the diff streams that Binance offers or has offered."""

GAP_REASON = "missing book update"

_STREAM_START = len(b'{"stream":"')


class SourceError(Exception):
    """A recording cannot be read: which file, which line, and what to do."""


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
    :raises SourceError: from the constructor for a wrong spec or a missing file; from `events` for a damaged file.
    """

    def __init__(self, instrument: Instrument, spec: RecordedSourceSpec) -> None:
        self._id = instrument.id
        self._symbol = instrument.symbol.lower()
        self._files = tuple(Path(name) for name in spec.files)
        self._sync = SnapshotSync(_checked_market(spec))
        self._quotes = 0
        self._trades = 0
        self._ts_last = 0
        self._line_number = 0
        self.lines_skipped = 0
        symbol = self._symbol.encode()
        self._single: dict[bytes, Callable[[bytes, int], SourceEvent]] = {
            symbol + b"@bookTicker": self._on_book_ticker,
            symbol + b"@trade": self._on_trade,
        }
        self._depth = frozenset(symbol + b"@" + name.encode() for name in DEPTH_STREAMS)

    @property
    def last_update_id(self) -> int:
        """The venue's id of the last update that is in the book; 0 before the first snapshot."""
        return self._sync.last_update_id

    def counts(self, instrument: str) -> SourceCounts:
        """What has been read so far.

        :raises KeyError: for another instrument than this source's.
        """
        if instrument != self._id:
            raise KeyError(f"{instrument} is not in the source of {self._id}")
        sync = self._sync
        return SourceCounts(self._quotes, self._trades, sync.applied, sync.discarded, sync.gaps)

    def events(self) -> Iterator[SourceEvent]:
        """Read the files one after the other, a line at a time; can be called once."""
        for file in self._files:
            try:
                with gzip.open(file, "rb") as unpacked, BufferedReader(unpacked, READ_BYTES) as reader:
                    yield from self._events_in(file, iter(partial(reader.readline, LINE_BYTES_MAX), b""))
            except (OSError, EOFError, zlib.error) as error:
                raise SourceError(
                    f"recording {file} of {self._id} cannot be read after line {self._line_number}: {error}; "
                    "fetch the file again, it is not whole gzip data"
                ) from error
            if not self._line_number:
                raise SourceError(f"recording {file} of {self._id} has no lines; fetch the file again or leave it out")

    def _events_in(self, file: Path, lines: Iterable[bytes]) -> Iterator[SourceEvent]:
        self._line_number = 0
        for line in lines:
            self._line_number += 1
            try:
                stamp, _, frame = line.partition(b" ")
                ts_received = int(stamp)
                if not self._ts_last <= ts_received <= NS_MAX:
                    raise ValueError(f"receive time {ts_received} is not at or after {self._ts_last}")
                self._ts_last = ts_received
                stream = frame[_STREAM_START : frame.find(b'"', _STREAM_START)]
                if (on_frame := self._single.get(stream)) is not None:
                    yield on_frame(frame, ts_received)
                elif stream in self._depth:
                    yield from self._on_depth(frame, ts_received)
                else:
                    yield from self._on_other(frame, ts_received)
            except (msgspec.MsgspecError, ValueError, RecursionError) as error:
                raise SourceError(
                    f"recording {file} of {self._id}, line {self._line_number} of {len(line)} bytes is malformed: "
                    f"{error}; leave the line out, or give the files in the order of their recording"
                ) from error

    def _on_book_ticker(self, frame: bytes, ts_received: int) -> Quote:
        data = _decode_book_ticker(frame).data
        self._quotes += 1
        return Quote(self._id, data.b, data.B, data.a, data.A, _event_ns(data.E, ts_received), ts_received)

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


def _event_ns(event_ms: int | None, ts_received: int) -> int:
    """The venue's time of a frame; ours where it does not say (spot bookTicker and snapshots)."""
    return ts_received if event_ms is None else event_ms * NS_PER_MS


def _checked_market(spec: RecordedSourceSpec) -> Market:
    """Check what can be checked before the first line is read.

    :raises SourceError: unknown format or market, no files, or a file that is not there.
    """
    if spec.format != FORMAT:
        raise SourceError(f"recorded source has the unknown format {spec.format!r}; expected {FORMAT!r}")
    if spec.market not in set(Market):
        expected = " | ".join(Market)
        raise SourceError(f"recorded source has the unknown market {spec.market!r}; expected {expected}")
    if not spec.files:
        raise SourceError("recorded source names no files; expected at least one")
    missing = [name for name in spec.files if not Path(name).is_file()]
    if missing:
        raise SourceError(f"recorded file {', '.join(missing)} does not exist; correct the path or fetch the data")
    return Market(spec.market)
