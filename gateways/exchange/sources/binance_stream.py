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
from typing import BinaryIO

import msgspec

from gateways.binance.depth_feed import DepthFeed
from gateways.binance.frames import (
    DIFF_CHANNELS,
    decode_book_ticker,
    decode_snapshot,
    decode_trade,
    quote_of,
    trade_of,
)
from gateways.binance.market import Market
from gateways.exchange.feed_spec import BinanceStreamFeed
from gateways.exchange.sources.csv_lines import check_files
from gateways.exchange.sources.source import SourceCounts, SourceError, SourceEvent, counts_of_one
from messages.base import NS_MAX, Count
from messages.instruments import Instrument

LINE_BYTES_MAX = 4_194_304
"""A snapshot of 5,000 levels a side, the venue's largest, has about 0.3 MB."""

READ_BYTES = 262_144

_STREAM_START = len(b'{"stream":"')


class _Header(msgspec.Struct, gc=False, rename="camel"):
    """What any frame may say of itself."""

    stream: str = ""
    symbol: str = ""
    last_update_id: Count | None = None


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
        self._book = DepthFeed(self._id, _market(feed))
        self._quotes = 0
        self._trades = 0
        self._ts_last = 0
        self._line_number = 0
        self._bytes_before = 0
        self._opened: BinaryIO | None = None
        self.lines_skipped = 0
        symbol = self._symbol.encode()
        self._single: dict[bytes, Callable[[bytes, int], SourceEvent | None]] = {
            symbol + b"@bookTicker": self._on_book_ticker,
            symbol + b"@trade": self._on_trade,
        }
        self._book_ticker_start = b'{"stream":"%s@bookTicker"' % symbol
        self._trade_start = b'{"stream":"%s@trade"' % symbol
        self._depth = frozenset(symbol + b"@" + name.encode() for name in DIFF_CHANNELS)

    @property
    def last_update_id(self) -> int:
        """The venue's id of the last update that is in the book; 0 before the first snapshot."""
        return self._book.sync.last_update_id

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
        sync = self._book.sync
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
        instrument, on_diff = self._id, self._book.on_diff
        try:
            for line in lines:
                self._line_number += 1
                stamp, _, frame = line.partition(b" ")
                ts_received = int(stamp)
                if not ts_last <= ts_received <= NS_MAX:
                    raise ValueError(f"receive time {ts_received} is not at or after {ts_last}")
                ts_last = ts_received
                if frame.startswith(book_ticker):
                    quote = quote_of(decode_book_ticker(frame).data, instrument, ts_received)
                    self._quotes += 1
                    yield quote
                elif frame.startswith(trade):
                    if (event := trade_of(decode_trade(frame).data, instrument, ts_received)) is not None:
                        self._trades += 1
                        yield event
                elif frame[_STREAM_START : frame.find(b'"', _STREAM_START)] in self._depth:
                    yield from on_diff(frame, ts_received)
                else:
                    yield from self._on_other(frame, ts_received)
        except (msgspec.MsgspecError, ValueError, RecursionError) as error:
            raise SourceError(
                f"recording {file} of {self._id}, line {self._line_number} of {len(line)} bytes is malformed: "
                f"{error}; leave the line out, or give the files in the order of their recording"
            ) from error
        self._ts_last = ts_last

    def _on_book_ticker(self, frame: bytes, ts_received: int) -> SourceEvent:
        quote = quote_of(decode_book_ticker(frame).data, self._id, ts_received)
        self._quotes += 1
        return quote

    def _on_trade(self, frame: bytes, ts_received: int) -> SourceEvent | None:
        trade = trade_of(decode_trade(frame).data, self._id, ts_received)
        self._trades += trade is not None
        return trade

    def _on_other(self, frame: bytes, ts_received: int) -> Iterator[SourceEvent]:
        """A snapshot, a frame whose fields come in an unusual order, or one that does not concern us."""
        header = _decode_header(frame)
        symbol, _, channel = header.stream.partition("@")
        stream = f"{symbol.lower()}@{channel}".encode()
        if (on_frame := self._single.get(stream)) is not None:
            if (event := on_frame(frame, ts_received)) is not None:
                yield event
        elif stream in self._depth:
            yield from self._book.on_diff(frame, ts_received)
        elif not header.stream and header.last_update_id is not None and header.symbol.lower() in ("", self._symbol):
            yield from self._on_snapshot(frame, ts_received)
        else:
            self.lines_skipped += 1

    def _on_snapshot(self, frame: bytes, ts_received: int) -> Sequence[SourceEvent]:
        events = self._book.on_snapshot(decode_snapshot(frame), ts_received)
        self.lines_skipped += not events
        return events


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


def _market(feed: BinanceStreamFeed) -> Market:
    if feed.market not in set(Market):
        expected = " | ".join(Market)
        raise SourceError(f"recorded source has the unknown market {feed.market!r}; expected {expected}")
    return Market(feed.market)
