"""What the recordings say, read without any code of the program: best prices, trades, and funding, by time.

Times are nanoseconds since the epoch, of the moment at which a reader of the market could know of it.
"""

import csv
import gzip
import re
from bisect import bisect_left, bisect_right
from collections.abc import Iterator
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any, NamedTuple

import msgspec

D = Decimal
CENT = D("0.01")
MINUTE_NS = 60 * 1_000_000_000


class Best(NamedTuple):
    """The best prices of a market."""

    bid: Decimal
    ask: Decimal

    @property
    def mid(self) -> Decimal:
        return (self.bid + self.ask) / 2


class RecordedMarket:
    """The best prices of one instrument, oldest first, and its trades where they were recorded."""

    def __init__(self, rows: Iterator[tuple[int, Best | Decimal]]) -> None:
        self.times_ns: list[int] = []
        self.bests: list[Best] = []
        self.traded: dict[int, list[Decimal]] = {}
        for ts_ns, row in rows:
            if isinstance(row, Best):
                self.times_ns.append(ts_ns)
                self.bests.append(row)
            else:
                self.traded.setdefault(ts_ns, []).append(row)

    def known_at(self, ts_ns: int) -> Best:
        """The newest that was known at this time."""
        return self._newest(bisect_right(self.times_ns, ts_ns))

    def before(self, ts_ns: int) -> Best:
        """The newest from before this time; what comes at it is not among it."""
        return self._newest(bisect_left(self.times_ns, ts_ns))

    def at(self, ts_ns: int) -> list[Best]:
        """Everything that came at just this time."""
        return self.bests[bisect_left(self.times_ns, ts_ns) : bisect_right(self.times_ns, ts_ns)]

    def around(self, ts_ns: int) -> list[Best]:
        """Everything that came at this time, which may have been heard or not, and the newest from before."""
        before = bisect_left(self.times_ns, ts_ns)
        return self.bests[max(0, before - 1) : bisect_right(self.times_ns, ts_ns)]

    def _newest(self, count: int) -> Best:
        assert count, "nothing was known then"
        return self.bests[count - 1]

    @property
    def lowest(self) -> Decimal:
        return min(best.bid for best in self.bests)


def recorded_market(format: str, files: tuple[str, ...]) -> RecordedMarket:
    read = {"binance-stream": _binance, "lean-minute": _bars, "lob-snapshots": _images}[format]
    return RecordedMarket(row for name in files for row in read(Path(name)))


def recorded_funding(file: str) -> dict[int, Decimal]:
    """Rates by their stamps; `yyyyMMdd HH:mm:ss,rate`, UTC."""
    rows = [line.split(",") for line in Path(file).read_text().splitlines()]
    return {_ns(datetime.strptime(stamp, "%Y%m%d %H:%M:%S").replace(tzinfo=UTC)): D(rate) for stamp, rate in rows}


def _binance(path: Path) -> Iterator[tuple[int, Best | Decimal]]:
    """`<receive time> {"stream":...,"data":...}`."""
    with gzip.open(path, "rb") as lines:
        for line in lines:
            if b"@bookTicker" in line:
                data = _data(line)
                yield int(line[:19]), Best(D(data["b"]), D(data["a"]))
            elif b"@trade" in line:
                yield int(line[:19]), D(_data(line)["p"])


def _data(line: bytes) -> dict[str, Any]:
    return msgspec.json.decode(line[20:])["data"]


def _bars(path: Path) -> Iterator[tuple[int, Best]]:
    """`ms,bidO,bidH,bidL,bidC,bidSize,askO,askH,askL,askC,askSize`; `ms` is the start of the minute, and what it closed
    at is known at its end.
    """
    day = re.search(r"\d{8}", path.name)
    assert day is not None
    midnight_ns = _ns(datetime.strptime(day.group(), "%Y%m%d").replace(tzinfo=UTC))
    with gzip.open(path, "rt") as lines:
        for row in csv.reader(lines):
            if all(row):
                yield midnight_ns + int(row[0]) * 1_000_000 + MINUTE_NS, Best(D(row[4]), D(row[9]))


def _images(path: Path) -> Iterator[tuple[int, Best]]:
    """Price = midpoint × (1 + distance), in cents; a level without a notional is none."""
    with gzip.open(path, "rt") as lines:
        for row in csv.DictReader(lines):
            best = Best(*(_first_price(row, side) for side in ("bids", "asks")))
            yield _ns(datetime.fromisoformat(row["system_time"])), best


def _first_price(row: dict[str, str], side: str) -> Decimal:
    level = next(level for level in range(15) if D(row[f"{side}_notional_{level}"]))
    return (D(row["midpoint"]) * (1 + D(row[f"{side}_distance_{level}"]))).quantize(CENT)


def _ns(time: datetime) -> int:
    since = time - datetime(1970, 1, 1, tzinfo=UTC)
    return (since.days * 86_400 + since.seconds) * 1_000_000_000 + since.microseconds * 1_000
