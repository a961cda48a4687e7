"""Public frames of Bybit for tests, as its documentation prints them, and the files of recordings."""

import gzip
import json
import os
from pathlib import Path

import pytest

from gateways.bybit.directory import Category
from gateways.bybit.market_data import MarketData
from gateways.bybit.streams import MAINNET, Channel, Wanted, public_streams

DATA = Path(os.environ.get("OUTCRY_DATA", Path(__file__).resolve().parents[4] / "shared" / "data"))
ID = "BTCUSDT.bybit"
ALL = frozenset(Channel)


def recording(path: str) -> Path:
    """A file of recorded data; skips the test where it is not there."""
    file = DATA / "wire" / path
    if not file.exists():
        pytest.skip(f"needs the recordings: {file} is not there; set OUTCRY_DATA")
    return file


def fixture_body(name: str) -> bytes:
    """One body of the vendor fixtures, by the name of its file."""
    return fixture_bodies()[name]


def fixture_bodies() -> dict[str, bytes]:
    records = records_of("vendor_json_fixtures/bybit.jsonl.gz")
    return {record["file"]: json.dumps(record["body"]).encode() for record in records}


def records_of(path: str) -> list[dict]:
    return [json.loads(line) for line in gzip.decompress(recording(path).read_bytes()).splitlines()]


def market_data(
    *channels: Channel, symbol: str = "BTCUSDT", depth: int = 50, category: Category = Category.LINEAR
) -> MarketData:
    wanted = Wanted(symbol, f"{symbol}.bybit", frozenset(channels), depth)
    (stream,) = public_streams(MAINNET, category, [wanted])
    return MarketData(stream)


def book_frame(kind: str, update_id: int, *, bids=(), asks=(), seq: int | None = None, depth: int = 50) -> bytes:
    data = {"s": "BTCUSDT", "b": bids, "a": asks, "u": update_id, "seq": 10 * update_id if seq is None else seq}
    frame = {"topic": f"orderbook.{depth}.BTCUSDT", "type": kind, "ts": 1_000, "data": data, "cts": 990}
    return json.dumps(frame, separators=(",", ":")).encode()


def trade_frame(*prints: dict, topic: str = "publicTrade.BTCUSDT") -> bytes:
    frame = {"topic": topic, "type": "snapshot", "ts": 1672304486868, "data": prints}
    return json.dumps(frame, separators=(",", ":")).encode()


def a_print(**fields) -> dict:
    told = {"T": 1672304486865, "s": "BTCUSDT", "S": "Buy", "v": "0.001", "p": "16578.50", "L": "PlusTick", "BT": False}
    return told | {"i": "20f43950-d8dd-5b31-9112-a178eb6023af"} | fields


def ticker_frame(kind: str, ts: int = 1673272861686, **data) -> bytes:
    frame = {
        "topic": "tickers.BTCUSDT",
        "type": kind,
        "data": {"symbol": "BTCUSDT"} | data,
        "cs": 24987956059,
        "ts": ts,
    }
    return json.dumps(frame, separators=(",", ":")).encode()


TICKER = {
    "tickDirection": "PlusTick",
    "lastPrice": "17216.00",
    "markPrice": "17217.33",
    "indexPrice": "17227.36",
    "nextFundingTime": "1673280000000",
    "fundingRate": "-0.000212",
    "bid1Price": "17215.50",
    "bid1Size": "84.489",
    "ask1Price": "17216.00",
    "ask1Size": "83.020",
}
