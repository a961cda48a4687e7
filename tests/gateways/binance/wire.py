"""The recorded Binance data: its files as frames and snapshots in the order of their arrival."""

import gzip
import os
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import NamedTuple
from urllib.parse import parse_qs, urlparse

import msgspec
import pytest

from gateways.binance.market import Market
from messages.instruments import Instrument, InstrumentType

WIRE = Path(os.environ.get("OUTCRY_DATA", Path(__file__).resolve().parents[4] / "shared" / "data")) / "wire"
CAPTURE = WIRE / "binance_spot_usdm_coinm_2024"
NS = 1_000_000_000

needs_data = pytest.mark.skipif(
    not WIRE.is_dir(), reason=f"recorded data is not in {WIRE}; set OUTCRY_DATA to the folder that has it"
)


class Arrival(NamedTuple):
    """What came, and when; `snapshot_of` is the symbol where it is a REST answer to `depth`."""

    ts_ns: int
    content: bytes
    snapshot_of: str = ""


class SingleMessage(msgspec.Struct):
    venue: str
    kind: str
    case: str
    raw: str


def an_instrument(symbol: str = "BTCUSDT", market: Market = Market.SPOT) -> Instrument:
    is_inverse = market is Market.COINM
    return Instrument(
        symbol=symbol,
        venue="v",
        type=InstrumentType.SPOT if market.is_spot else InstrumentType.PERPETUAL,
        base="BTC",
        quote="USD" if is_inverse else "USDT",
        settle="BTC" if is_inverse else "USDT",
        tick_size=Decimal("0.01"),
        lot_size=Decimal(1) if is_inverse else Decimal("0.001"),
        inverse=is_inverse,
    )


def capture(symbol: str, *names: str) -> Iterator[Arrival]:
    """The files of one market of 2024, one after the other."""
    for name in names:
        with gzip.open(CAPTURE / name, "rb") as lines:
            for line in lines:
                stamp, _, frame = line.rstrip(b"\n").partition(b" ")
                yield Arrival(int(stamp), frame, "" if frame.startswith(b'{"stream"') else symbol)


def session(folder: str) -> list[Arrival]:
    """What the venue said in one of the sessions of 2021, snapshots at the place where they came."""
    heard = [Arrival(ns_of(stamp), content) for stamp, content in _lines(folder, "ws.1.txt.gz") if b" " not in stamp]
    for stamp, content in _lines(folder, "http.0.txt.gz"):
        url, _, time = stamp.partition(b" -> ")
        (symbol,) = parse_qs(urlparse(url.decode()).query)["symbol"]
        heard.append(Arrival(ns_of(time), content, symbol))
    return sorted(heard, key=lambda each: each.ts_ns)


def subscribed(folder: str) -> list[str]:
    """The symbols that the session asked for, by the address that it opened."""
    with gzip.open(WIRE / "cryptofeed" / folder / "ws.1.txt.gz", "rb") as lines:
        streams = parse_qs(urlparse(lines.readline().decode().partition(" <->")[0]).query)["streams"][0]
    return sorted({stream.partition("@")[0].upper() for stream in streams.split("/")})


def exchange_info(folder: str) -> bytes:
    (content,) = (content for stamp, content in _lines(folder, "rest_instruments.txt.gz") if b"exchangeInfo" in stamp)
    return content


def single_messages() -> list[SingleMessage]:
    with gzip.open(WIRE / "single_messages" / "binance.jsonl.gz", "rb") as lines:
        return [msgspec.json.decode(line, type=SingleMessage) for line in lines]


def ns_of(seconds: bytes) -> int:
    return int(Decimal(seconds.decode()) * NS)


def _lines(folder: str, name: str) -> Iterator[tuple[bytes, bytes]]:
    """(what stands before the content, the content) of the lines that have one."""
    with gzip.open(WIRE / "cryptofeed" / folder / name, "rb") as lines:
        for line in lines:
            stamp, found, content = line.rstrip(b"\n").partition(b": ")
            if found and not stamp.startswith(b"configuration"):
                yield stamp, content
