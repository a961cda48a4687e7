"""How fast a backtest runs on the recorded BTC USDT-M day file: gzip, JSON, book, matching and strategy included.

A strategy that does nothing, one that keeps two quotes at the touch (more than one order in ten quotes), and
`market-making` of the registry. The reference reads the same lines and decodes their JSON, no more. CPU time is told
beside wall time: where other work shares the cores, it is the steadier of the two.
"""

import argparse
import cProfile
import gzip
import pstats
import sys
from collections.abc import Callable, Sequence
from itertools import islice
from pathlib import Path
from statistics import median
from time import process_time
from typing import Any, Final

import msgspec

from actors.runtime.strategy_kinds import strategy_kinds
from bench.backtest_strategies import KINDS
from bench.measure import Options, alternate, rounded, seconds_of, show
from bench.recorded_source import recorded_folder
from supervisor.backtest.period import Period
from supervisor.backtest.run import BacktestOptions, BacktestResult, Progress, run_backtest
from supervisor.config import Config, load

ROUNDS: Final = 5
QUICK_NS: Final = 5_000_000_000
FILE: Final = "usdm_btcusdt_20240808.gz"
TARGETS: Final = {"idle": 200_000, "requoter": 60_000}
"""Quotes a second."""

CONFIG: Final = """
[cluster]
name = "bench"

[[gateways]]
id = "usdm"
kind = "simulated"

[gateways.source]
kind = "recorded"
format = "binance-stream"
market = "usdm"
files = ["{file}"]
speed = 0

[[gateways.instruments]]
symbol = "BTCUSDT"
type = "perpetual"
base = "BTC"
quote = "USDT"
tick_size = "0.1"
lot_size = "0.001"
min_notional = "100"
taker_fee_bps = 1.0

[gateways.balances]
USDT = "1000000"

[[strategies]]
id = "bench"
kind = "{kind}"

[strategies.parameters]
instrument = "BTCUSDT.usdm"
{parameters}
"""

STRATEGIES: Final = {
    "idle": ("bench-idle", ""),
    "requoter": ("bench-requoter", ""),
    "market-making": (
        "market-making",
        'order_size = "0.02"\ninventory_max = "0.5"\nlevels = 8\nlevel_size_decay = 0.9\n'
        "level_spread_multiplier = 1.1\ntarget_spread_bps = 1.0\nmin_spread_bps = 0.2\nrefresh_tolerance_bps = 0.01",
    ),
}
"""Kind and further parameters."""

PARTS: Final = (
    ("source", ("/gateways/exchange/sources/", "/gzip.py", "/_compression.py", "msgspec.json.Decoder", "zlib")),
    ("venue and matching", ("/gateways/", "_bisect")),
    ("strategy", ("/actors/", "/bench/", "/messages/")),
    ("engine", ("/supervisor/",)),
)
"""Where a function belongs: the first part that has a piece of its file or name; built-in functions are `other`."""


class Figures:
    """What the runs of one strategy have shown.

    :param seconds: of each round, wall time; `cpu_seconds` likewise.
    """

    def __init__(self, result: BacktestResult, seconds: Sequence[float], cpu_seconds: Sequence[float]) -> None:
        (report,) = result.run.gateway_reports.values()
        (strategy,) = result.run.strategy_reports.values()
        self.events = result.events
        self.quotes = report.instruments["BTCUSDT"].quotes
        self.orders = strategy.status.orders
        self.fills = strategy.status.fills
        self.seconds = sorted(seconds)
        self.cpu_seconds = sorted(cpu_seconds)

    def plain(self, bare_seconds: float) -> dict[str, Any]:
        middle, cpu_middle = median(self.seconds), median(self.cpu_seconds)
        return {
            "cpu_seconds": rounded(cpu_middle),
            "cpu_seconds_range": [rounded(self.cpu_seconds[0]), rounded(self.cpu_seconds[-1])],
            "quotes_per_cpu_s": rounded(self.quotes / cpu_middle),
            "seconds": rounded(middle),
            "seconds_range": [rounded(self.seconds[0]), rounded(self.seconds[-1])],
            "events_per_s": rounded(self.events / middle),
            "quotes_per_s": rounded(self.quotes / middle),
            "orders_per_s": rounded(self.orders / middle),
            "orders": self.orders,
            "fills": self.fills,
            "orders_per_quote": rounded(self.orders / self.quotes),
            "ratio": rounded(middle / bare_seconds),
        }


def config_of(name: str, folder: Path) -> Config:
    kind, parameters = STRATEGIES[name]
    text = CONFIG.format(file=folder / FILE, kind=kind, parameters=parameters)
    return load(text, kinds={**strategy_kinds(), **KINDS})


def go_on(_progress: Progress) -> bool:
    return True


def runner(name: str, folder: Path, *, is_quick: bool) -> Callable[[], BacktestResult]:
    config = config_of(name, folder)
    period = Period(for_ns=QUICK_NS) if is_quick else Period()
    kinds = {**strategy_kinds(), **KINDS}
    return lambda: run_backtest(config, BacktestOptions(period, kinds=kinds), go_on)


def measure(folder: Path, *, is_quick: bool) -> dict[str, Any]:
    runners = {name: runner(name, folder, is_quick=is_quick) for name in STRATEGIES}
    results = {name: run() for name, run in runners.items()}  # also warms the file cache
    lines = results["idle"].events if is_quick else None
    cpu_seconds: dict[str, list[float]] = {name: [] for name in runners}
    runs: dict[str, Callable[[], float]] = {name: _timed(run, cpu_seconds[name]) for name, run in runners.items()}
    runs["bare"] = lambda: seconds_of(lambda: decode_all(folder / FILE, lines))
    seconds = alternate(runs, 1 if is_quick else ROUNDS)
    bare_seconds = median(seconds["bare"])
    figures = {name: Figures(results[name], seconds[name], cpu_seconds[name]) for name in STRATEGIES}
    return {
        "bench": "backtest",
        "rounds": len(seconds["bare"]),
        "events": figures["idle"].events,
        "quotes": figures["idle"].quotes,
        "bare": {"seconds": rounded(bare_seconds), "lines_per_s": rounded(figures["idle"].events / bare_seconds)},
        "targets_quotes_per_s": TARGETS,
        **{name: figure.plain(bare_seconds) for name, figure in figures.items()},
    }


def decode_all(file: Path, lines_max: int | None) -> None:
    """The reference: every line read, its JSON decoded."""
    decode = msgspec.json.decode
    with gzip.open(file, "rb") as lines:
        for line in islice(lines, lines_max):
            decode(line[line.index(b" ") + 1 :])


def _timed(run: Callable[[], object], cpu_seconds: list[float]) -> Callable[[], float]:
    """A run that says its wall time, and adds its CPU time to a list."""

    def timed() -> float:
        began_s = process_time()
        seconds = seconds_of(run)
        cpu_seconds.append(process_time() - began_s)
        return seconds

    return timed


def profile(name: str, folder: Path, *, is_quick: bool) -> dict[str, float]:
    """Where the time goes, as ratios: own time of the functions of each part under cProfile, which makes calls dear."""
    run, profiler = runner(name, folder, is_quick=is_quick), cProfile.Profile()
    profiler.runcall(run)
    own: dict[str, float] = {}
    for (file, _, function), (_, _, seconds, _, _) in pstats.Stats(profiler).stats.items():  # type: ignore[attr-defined]
        part = _part_of(f"{file}:{function}")
        own[part] = own.get(part, 0.0) + seconds
    total = sum(own.values())
    return {part: rounded(seconds / total, 3) for part, seconds in sorted(own.items(), key=lambda item: -item[1])}


def _part_of(name: str) -> str:
    return next((part for part, pieces in PARTS if any(piece in name for piece in pieces)), "other")


def _asked(argv: Sequence[str] | None) -> tuple[Options, bool]:
    parser = argparse.ArgumentParser(prog="python -m bench.backtest", description="Events, quotes and orders a second.")
    parser.add_argument("--json", action="store_true", help="print one JSON object instead of a table")
    parser.add_argument("--quick", action="store_true", help="a few seconds of market: shows that it works, no more")
    parser.add_argument("--profile", action="store_true", help="say where the time goes, by part, under cProfile")
    parsed = parser.parse_args(argv)
    return Options(parsed.json, parsed.quick), parsed.profile


def main(argv: Sequence[str] | None = None) -> int:
    asked, is_profiled = _asked(argv)
    folder = recorded_folder()
    if not folder.is_dir():
        print(f"no recorded data in {folder}; set OUTCRY_DATA to the folder of the recordings", file=sys.stderr)
        return 2
    if is_profiled:
        shares = {name: profile(name, folder, is_quick=asked.is_quick) for name in STRATEGIES}
        parts = [*(part for part, _ in PARTS), "other"]
        rows = [("own time", *parts)]
        rows += [(name, *(f"{share.get(part, 0.0):.0%}" for part in parts)) for name, share in shares.items()]
        show({"bench": "backtest", "profile": shares}, rows, "backtest: where the time goes", is_json=asked.is_json)
        return 0
    result = measure(folder, is_quick=asked.is_quick)
    columns = ("seconds", "events_per_s", "quotes_per_s", "quotes_per_cpu_s", "orders_per_s", "orders_per_quote")
    rows = [("USDT-M", "wall s", "events/s", "quotes/s", "per CPU s", "orders/s", "/quote")]
    rows += [(name, *(f"{result[name][column]:,g}" for column in columns)) for name in STRATEGIES]
    rows.append(
        ("bare: lines, JSON", f"{result['bare']['seconds']:g}", f"{result['bare']['lines_per_s']:,g}", *[""] * 4)
    )
    title = "backtest: aims are 200,000 quotes/s idle, 60,000 trading"
    show(result, rows, title, is_json=asked.is_json)
    return 0


if __name__ == "__main__":
    sys.exit(main())
