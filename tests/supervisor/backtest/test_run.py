import gc
import json
from collections.abc import Mapping
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from actors.runtime.input_journal import InputChannel, read_inputs
from actors.runtime.journal import read_journal
from actors.runtime.journal_header import read_header
from actors.runtime.strategy_kinds import strategy_class
from messages.market import Quote
from messages.strategy_host import RecoveryCompleted, StrategyStarted
from supervisor.backtest import engine as engine_module
from supervisor.backtest import run as run_module
from supervisor.backtest.engine import PROGRESS_EVERY
from supervisor.backtest.period import SYNTHETIC_START_NS, Period, iso, parse_period
from supervisor.backtest.report import Pace, build_backtest_report
from supervisor.backtest.run import BacktestError, BacktestOptions, BacktestResult, Progress, run_backtest
from supervisor.config import Config, load
from tests.supervisor.backtest.world import Scripted
from tests.support.carry_cluster import CARRY_CLUSTER

S = 1_000_000_000
D = Decimal
FULL = 2
"""The generation of a collection that looks at everything, as one that was asked for does."""


def go_on(_progress: Progress) -> bool:
    return True


def ran(config: Config, seconds: float | None = None, **options: Any) -> BacktestResult:
    options.setdefault("period", parse_period(None, None, seconds))
    return run_backtest(config, BacktestOptions(**options), go_on)


def reported(result: BacktestResult) -> bytes:
    report = build_backtest_report(result, Pace(1.0, result.events))
    return json.dumps(report).encode()


def orders(journal_dir: Path) -> list[bytes]:
    """What every strategy answered, in order."""
    return [
        record.payload
        for directory in sorted(journal_dir.iterdir())
        for record in read_journal(directory)
        if record.channel == InputChannel.OUTPUT
    ]


@pytest.fixture(scope="module")
def demo() -> Config:
    return load(CARRY_CLUSTER)


class TestDeterminism:
    def test_the_same_config_gives_the_same_report_and_the_same_orders_to_the_byte(
        self, demo: Config, tmp_path: Path
    ) -> None:
        reports = [reported(ran(demo, 60, journal_dir=tmp_path / name)) for name in ("first", "second")]
        assert reports[0] == reports[1]
        sent = orders(tmp_path / "first")
        assert sent == orders(tmp_path / "second")
        assert len(sent) > 4

    def test_a_journal_changes_nothing(self, demo: Config, tmp_path: Path) -> None:
        assert reported(ran(demo, 20)) == reported(ran(demo, 20, journal_dir=tmp_path))

    def test_another_seed_gives_another_market(self, demo: Config) -> None:
        other = load(_text().replace("seed = 1", "seed = 2"))
        assert reported(ran(demo, 20)) != reported(ran(other, 20))

    def test_garbage_is_collected_now_and_then(self, demo: Config, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(run_module, "COLLECT_EVERY", 1)
        collections: list[tuple[str, int]] = []
        gc.callbacks.append(lambda phase, info: collections.append((phase, info["generation"])))
        try:
            events = ran(demo, 300).events
        finally:
            gc.callbacks.pop()
        assert 1 + events // PROGRESS_EVERY == collections.count(("start", FULL))  # the first before the run

    def test_a_collector_that_was_off_stays_off(self, demo: Config) -> None:
        gc.disable()
        try:
            ran(demo, 1)
            assert not gc.isenabled()
        finally:
            gc.enable()

    def test_the_collector_is_on_again_afterwards(self, demo: Config) -> None:
        ran(demo, 1)
        assert gc.isenabled()
        assert 0 == gc.get_freeze_count()


class TestSyntheticMarkets:
    def test_the_report_has_the_shape_of_a_live_one_and_says_what_was_covered(self, demo: Config) -> None:
        result = ran(demo, 30)
        report = build_backtest_report(result, Pace(2.0, result.events))
        assert ("backtest", "carry", 30.0, "clean") == tuple(
            report[key] for key in ("mode", "cluster", "seconds", "stopped")
        )
        assert {"from": iso(SYNTHETIC_START_NS), "to": iso(SYNTHETIC_START_NS + 30 * S)} == report["market"]
        assert {"wall_seconds": 2.0, "events_per_second": round(result.events / 2), "times_real_time": 15.0} == report[
            "run"
        ]
        assert {"spot", "perp"} == set(report["gateways"])
        strategy = report["strategies"]["carry-btc"]
        assert ("stopped", 0) == (strategy["lifecycle"], strategy["restarts"])
        assert strategy["fills"] > 0
        assert D(strategy["max_drawdown"]) >= 0

    def test_the_start_may_be_chosen(self, demo: Config) -> None:
        result = ran(demo, period=parse_period("2027-03-01", "2027-03-01T00:00:05", None))
        assert ("2027-03-01T00:00:00.000000000Z", "2027-03-01T00:00:05.000000000Z") == (
            iso(result.from_ns),
            iso(result.to_ns),
        )

    def test_profit_equals_the_change_of_cash_and_positions_at_the_venues(self, demo: Config) -> None:
        report = build_backtest_report(ran(demo, 120), Pace(1.0, 1))
        (pnl,) = report["strategies"]["carry-btc"]["pnls"]
        earned = D(pnl["realised"]) + D(pnl["unrealised"]) - D(pnl["fees"]) + D(pnl["funding"])
        spot, perp = report["gateways"]["spot"], report["gateways"]["perp"]
        cash = D(spot["balances"]["USDT"]) + D(perp["balances"]["USDT"]) - 200_000
        held = D(spot["positions"]["BTCUSDT"]) * D(spot["marks"]["BTCUSDT"]) + D(perp["unrealised"]["BTCUSDT"])
        assert earned == cash + held

    @pytest.mark.parametrize(
        ("period", "told"),
        [
            (Period(), "the market of spot is synthetic and has no end; say how long: --for 60, or --to"),
            (Period(to_ns=SYNTHETIC_START_NS), "the end is not after the beginning, 2026-01-01"),
        ],
    )
    def test_a_period_that_cannot_be_run_is_refused(self, demo: Config, period: Period, told: str) -> None:
        with pytest.raises(BacktestError, match=told):
            ran(demo, period=period)


class TestJournals:
    def test_each_strategy_has_a_journal_and_its_header(self, demo: Config, tmp_path: Path) -> None:
        ran(demo, 5, journal_dir=tmp_path)
        header = read_header(tmp_path / "carry-btc")
        assert ("carry-btc", "spot-futures") == (header.strategy, header.kind)
        assert ("BTCUSDT.spot", "BTCUSDT.perp") == tuple(instrument.id for instrument in header.instruments)
        assert "10000" == header.parameters["notional"]
        heard = [message for _, message in read_inputs(tmp_path / "carry-btc")]
        assert [StrategyStarted, RecoveryCompleted] == [type(message) for message in heard[:2]]

    def test_the_journal_replayed_gives_the_same_strategy_again(self, demo: Config, tmp_path: Path) -> None:
        result = ran(demo, 60, journal_dir=tmp_path)
        parameters = demo.strategies[0].parameters
        header = read_header(tmp_path / "carry-btc")
        again = strategy_class(header.kind)(header.strategy, {item.id: item for item in header.instruments}, parameters)
        for _, message in read_inputs(tmp_path / "carry-btc"):
            again.on_message(message)
        assert result.run.strategy_reports["carry-btc"].status.pnl == again.pnl()

    def test_a_folder_that_holds_a_journal_is_not_written_to(self, demo: Config, tmp_path: Path) -> None:
        ran(demo, 1, journal_dir=tmp_path)
        with pytest.raises(BacktestError, match="carry-btc holds the journal of another run; give another --journal"):
            ran(demo, 1, journal_dir=tmp_path)


class Failing(Scripted):
    kind = "failing"

    def on_message(self, message: Any) -> Any:
        if isinstance(message, Quote) and message.seq == 100:
            raise RuntimeError("the hundredth is too much")
        return super().on_message(message)


KINDS: Mapping[str, Any] = {"spot-futures": strategy_class("spot-futures"), "failing": Failing, "scripted": Scripted}
FAILING = """
[[strategies]]
id = "bad"
kind = "failing"
[strategies.parameters]
instruments = ["BTCUSDT.spot"]
"""


def _text(more: str = "") -> str:
    return CARRY_CLUSTER + more


class TestFaults:
    def test_a_fault_is_reported_and_changes_nothing_for_the_others(self, demo: Config, tmp_path: Path) -> None:
        result = ran(load(_text(FAILING), kinds=KINDS), 60, kinds=KINDS, journal_dir=tmp_path)
        (fault,) = result.faults
        assert ("bad", "Quote", "RuntimeError('the hundredth is too much')") == (
            fault.strategy,
            fault.cause,
            fault.error,
        )
        report = build_backtest_report(result, Pace(1.0, 1))
        assert "faulted" == report["strategies"]["bad"]["lifecycle"]
        assert ["bad"] == [told["strategy"] for told in report["faults"]]
        alone = build_backtest_report(ran(demo, 60), Pace(1.0, 1))
        assert alone["strategies"]["carry-btc"] == report["strategies"]["carry-btc"]

    def test_the_journal_of_a_fault_leaves_the_poisoned_message_out(self, tmp_path: Path) -> None:
        ran(load(_text(FAILING), kinds=KINDS), 60, kinds=KINDS, journal_dir=tmp_path)
        quotes = [message.seq for _, message in read_inputs(tmp_path / "bad") if isinstance(message, Quote)]
        assert list(range(1, 100)) == quotes

    def test_a_run_ends_where_nobody_is_left(self) -> None:
        config = load(_text(FAILING).replace('id = "carry-btc"', 'id = "carry-btc"\nenabled = false'), kinds=KINDS)
        result = ran(config, 3_600, kinds=KINDS)
        assert PROGRESS_EVERY == result.events


def test_of_a_source_that_does_not_say_what_it_has_read_nobody_knows_how_much_is_to_come(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(engine_module, "PROGRESS_EVERY", 100)
    bars = "".join(f"{60_000 * minute},99,101,98,100,2.5,99.5,101.5,98.5,100.5,3\n" for minute in range(1_440))
    (tmp_path / "btc_minute_20221213_quote.csv").write_text(bars)
    market = f'kind = "recorded"\nformat = "lean-minute"\nfiles = ["{tmp_path}/btc_minute_20221213_quote.csv"]'
    one_gateway = CARRY_CLUSTER.partition('[[gateways]]\nid = "perp"')[0]
    config = load(one_gateway.replace('kind = "synthetic"\nseed = 1', market))
    seen: list[Progress] = []

    def watch(progress: Progress) -> bool:
        seen.append(progress)
        return True

    result = run_backtest(config, BacktestOptions(), watch)
    assert result.events >= 1_440
    assert {None} == {progress.ratio for progress in seen}


def test_an_interrupted_run_ends_in_good_order_with_what_it_has(demo: Config) -> None:
    seen: list[Progress] = []

    def stop(progress: Progress) -> bool:
        seen.append(progress)
        return False

    result = run_backtest(demo, BacktestOptions(parse_period(None, None, 600.0)), stop)
    (progress,) = seen
    assert (PROGRESS_EVERY, (progress.now_ns - SYNTHETIC_START_NS) / (600 * S)) == (progress.events, progress.ratio)
    assert (True, PROGRESS_EVERY, progress.now_ns) == (result.is_interrupted, result.events, result.to_ns)
    report = build_backtest_report(result, Pace(0.0, result.events))
    assert ("interrupted", "stopped") == (report["stopped"], report["strategies"]["carry-btc"]["lifecycle"])
    assert (0, None) == (report["run"]["events_per_second"], report["run"]["times_real_time"])
