"""How fast recorded markets are read: three of them on one clock, books built, every message encoded as published.

The reference reads the same lines and decodes their JSON, no more.
"""

import gzip
import os
import sys
from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal
from itertools import islice
from pathlib import Path
from statistics import median

import msgspec

from bench.measure import alternate, options, rounded, seconds_of, show
from gateways.book import Book
from gateways.exchange.feed_spec import BinanceStreamFeed
from gateways.exchange.sources.binance_stream import BinanceStreamSource
from gateways.exchange.sources.merge import merge
from gateways.exchange.sources.source import BookChange, BookReset, SourceEvent
from gateways.exchange.spec import RecordedSourceSpec
from messages.codec import encode_published
from messages.instruments import Instrument, InstrumentType
from messages.market import Depth, Gap, Quote, Trade
from messages.topics import Channel, topic

ROUNDS = 5
QUICK_LINES = 10_000
DEPTH_LEVELS = 10
FOLDER = "wire/binance_spot_usdm_coinm_2024"
FILES = {
    "spot": ("spot_btcusdt_20240808.gz", "spot_btcusdt_20240809.gz"),
    "usdm": ("usdm_btcusdt_20240808.gz",),
    "coinm": ("cm_btcusd_perp_20240808.gz", "cm_btcusd_perp_20240809.gz"),
}


def recorded_folder() -> Path:
    """The folder of the capture: in $OUTCRY_DATA, else beside the repository."""
    beside = Path(__file__).resolve().parents[1].parent / "shared" / "data"
    return Path(os.environ.get("OUTCRY_DATA", beside)) / FOLDER


def instrument_of(market: str) -> Instrument:
    is_inverse = market == "coinm"
    return Instrument(
        symbol="BTCUSD_PERP" if is_inverse else "BTCUSDT",
        venue=f"binance-{market}",
        type=InstrumentType.SPOT if market == "spot" else InstrumentType.PERPETUAL,
        base="BTC",
        quote="USD" if is_inverse else "USDT",
        settle="BTC" if is_inverse else "USDT",
        tick_size=Decimal("0.01") if market == "spot" else Decimal("0.1"),
        lot_size=Decimal(1) if is_inverse else Decimal("0.00001") if market == "spot" else Decimal("0.001"),
        inverse=is_inverse,
        multiplier=Decimal(100) if is_inverse else Decimal(1),
    )


def files_of(market: str, folder: Path) -> tuple[str, ...]:
    return tuple(str(folder / name) for name in FILES[market])


def source_of(market: str, folder: Path) -> BinanceStreamSource:
    (feed,) = RecordedSourceSpec("binance-stream", market, files_of(market, folder)).feed_specs
    assert isinstance(feed, BinanceStreamFeed)
    return BinanceStreamSource(instrument_of(market), feed)


class Publishing:
    """What an exchange does with each event of one venue, without the socket."""

    def __init__(self, instrument: str) -> None:
        self._instrument = instrument
        self._topics: dict[type, bytes] = {
            Quote: topic(Channel.QUOTE, instrument),
            Trade: topic(Channel.TRADE, instrument),
            Gap: topic(Channel.GAP, instrument),
        }
        self._depth_topic = topic(Channel.DEPTH, instrument)
        self._book = Book()

    def frame(self, event: SourceEvent) -> bytes:
        if isinstance(event, BookChange):
            self._book.apply(event.bids, event.asks)
        elif isinstance(event, BookReset):
            self._book.reset(event.bids, event.asks)
        else:
            return encode_published(self._topics[type(event)], event)
        return encode_published(self._depth_topic, self._depth(event))

    def _depth(self, event: BookChange | BookReset) -> Depth:
        bids, asks = self._book.bids(DEPTH_LEVELS), self._book.asks(DEPTH_LEVELS)
        return Depth(self._instrument, bids, asks, event.update_id, event.ts_event, event.ts_received)


def publish_all(folder: Path, events_max: int | None) -> tuple[int, int]:
    """Read, build and encode.

    :returns: number of events, and the market time that they span in nanoseconds.
    """
    sources = {market: source_of(market, folder) for market in FILES}
    publishing = {market: Publishing(instrument_of(market).id) for market in FILES}
    events = first = last = 0
    for market, event in islice(merge(sources), events_max):
        publishing[market].frame(event)
        events += 1
        last = event.ts_received
        first = first or last
    return events, last - first


def bare_lines(folder: Path) -> Iterator[bytes]:
    for market in FILES:
        for name in files_of(market, folder):
            with gzip.open(name, "rb") as lines:
                yield from lines


def decode_all(folder: Path, lines_max: int | None) -> int:
    """The reference: every line read, its JSON decoded.

    :returns: number of lines.
    """
    decode = msgspec.json.decode
    lines = 0
    for line in islice(bare_lines(folder), lines_max):
        decode(line[line.index(b" ") + 1 :])
        lines += 1
    return lines


def measure(folder: Path, *, is_quick: bool) -> dict[str, object]:
    at_most = QUICK_LINES if is_quick else None
    rounds = 1 if is_quick else ROUNDS
    lines = decode_all(folder, at_most)
    events, span_ns = publish_all(folder, at_most)
    runs = {
        "outcry": lambda: seconds_of(lambda: publish_all(folder, at_most)),
        "bare": lambda: seconds_of(lambda: decode_all(folder, at_most)),
    }
    seconds = {name: median(figures) for name, figures in alternate(runs, rounds).items()}
    return {
        "bench": "recorded_source",
        "rounds": rounds,
        "lines": lines,
        "events": events,
        "market_seconds": rounded(span_ns / 1e9),
        "outcry": _rates(seconds["outcry"], {"lines": lines, "events": events}),
        "bare": _rates(seconds["bare"], {"lines": lines}),
        "ratio": rounded(seconds["outcry"] / seconds["bare"]),
        "times_real_time": rounded(span_ns / 1e9 / seconds["outcry"]),
    }


def _rates(seconds: float, counted: Mapping[str, int]) -> dict[str, float]:
    rates = {f"{name}_per_s": rounded(count / seconds) for name, count in counted.items()}
    return {"seconds": rounded(seconds), **rates}


def main(argv: Sequence[str] | None = None) -> int:
    asked = options("recorded_source", "Read the recorded markets, build their books, encode what is published.", argv)
    folder = recorded_folder()
    if not folder.is_dir():
        print(f"no recorded data in {folder}; set OUTCRY_DATA to the folder that has {FOLDER}", file=sys.stderr)
        return 2
    result = measure(folder, is_quick=asked.is_quick)
    rows = [("three markets", "seconds", "lines/s", "events/s")]
    for name in ("outcry", "bare"):
        rates = msgspec.convert(result[name], dict[str, float])
        events_per_s = f"{rates['events_per_s']:,.0f}" if "events_per_s" in rates else ""
        rows.append((name, f"{rates['seconds']:.3f}", f"{rates['lines_per_s']:,.0f}", events_per_s))
    title = f"recorded source: ratio {result['ratio']}, {result['times_real_time']} times real time"
    show(result, rows, title, is_json=asked.is_json)
    return 0


if __name__ == "__main__":
    sys.exit(main())
