"""Backtests of the recorded BTC capture of three Binance markets, against its ground truth."""

import json
import os
from decimal import Decimal
from pathlib import Path
from typing import Any

import msgspec
import pytest

from actors.runtime.input_journal import InputChannel, read_inputs
from actors.runtime.journal import read_journal
from messages.market import Quote
from supervisor.backtest.period import Period, iso, parse_period
from supervisor.backtest.report import Pace, build_backtest_report
from supervisor.backtest.run import BacktestError, BacktestOptions, BacktestResult, Progress, run_backtest
from supervisor.config import Config, load
from tests.support.recordings import DATA, ROOT, needs_recordings
from tests.system.test_recorded_cluster import COINM, SPOT, TRUTH, USDM

pytestmark = needs_recordings
D = Decimal

BOOKS = ("best_bid", "best_bid_size", "best_ask", "best_ask_size")


def loaded(example: str) -> Config:
    return load(ROOT / "examples" / example, {**os.environ, "OUTCRY_DATA": str(DATA)})


WHOLE = Period()


def ran(config: Config, period: Period = WHOLE, journal_dir: Path | None = None) -> BacktestResult:
    return run_backtest(config, BacktestOptions(period, journal_dir), lambda _: True)


@pytest.fixture(scope="module")
def report() -> dict[str, Any]:
    result = ran(loaded("recorded_carry_coinm.toml"))
    return build_backtest_report(result, Pace(1.0, result.events))


@pytest.mark.parametrize(("venue", "symbol"), TRUTH)
def test_counts_update_ids_and_final_books_equal_the_ground_truth(
    report: dict[str, Any], venue: str, symbol: str
) -> None:
    feed = report["gateways"][venue]["instruments"][symbol]
    expected = {name: D(value) if name in BOOKS else value for name, value in TRUTH[venue, symbol].items()}
    assert expected == {name: D(feed[name]) if name in BOOKS else feed[name] for name in expected}


def test_every_event_is_played(report: dict[str, Any]) -> None:
    played = sum(truth["quotes"] + truth["trades"] + truth["book_updates"] + 1 for truth in TRUTH.values())
    assert played == report["events"]


def test_every_published_message_reaches_the_strategies(report: dict[str, Any]) -> None:
    for strategy, instruments in (("usdm-carry", (SPOT, USDM)), ("coinm-carry", (SPOT, COINM))):
        truths = [TRUTH[venue, symbol] for symbol, venue in (name.split(".") for name in instruments)]
        published = sum(truth["quotes"] + truth["book_updates"] + 1 for truth in truths)
        assert report["strategies"][strategy]["messages"] >= published


def test_positions_are_the_venues(report: dict[str, Any]) -> None:
    held = {name: strategy["positions"] for name, strategy in report["strategies"].items()}
    assert all(strategy["fills"] > 0 for strategy in report["strategies"].values())
    spot = sum(D(positions[SPOT]) for positions in held.values())
    assert D(report["gateways"]["binance-spot"]["balances"]["BTC"]) == spot
    assert D(report["gateways"]["binance-usdm"]["positions"]["BTCUSDT"]) == D(held["usdm-carry"][USDM])
    assert D(report["gateways"]["binance-coinm"]["positions"]["BTCUSD_PERP"]) == D(held["coinm-carry"][COINM])


def test_profit_equals_the_change_of_cash_and_position_at_the_venues_to_the_last_digit(report: dict[str, Any]) -> None:
    """By currency: change of cash at the venues + spot position at its mark + unrealised of the derivatives
    = realised + unrealised - fees + funding of the strategies.
    """
    earned = {"USDT": D(0), "BTC": D(0)}
    for strategy in report["strategies"].values():
        for pnl in strategy["pnls"]:
            realised, unrealised, fees, funding = (
                D(pnl[name]) for name in ("realised", "unrealised", "fees", "funding")
            )
            earned[pnl["currency"]] += realised + unrealised - fees + funding
    spot, usdm, coinm = (report["gateways"][f"binance-{market}"] for market in ("spot", "usdm", "coinm"))
    spot_value = D(spot["positions"]["BTCUSDT"]) * D(spot["marks"]["BTCUSDT"])
    cash = D(spot["balances"]["USDT"]) + D(usdm["balances"]["USDT"]) - 200_000
    assert earned["USDT"] == cash + spot_value + D(usdm["unrealised"]["BTCUSDT"])
    assert earned["BTC"] == D(coinm["balances"]["BTC"]) - 2 + D(coinm["unrealised"]["BTCUSD_PERP"])


def test_the_progress_is_told_by_what_was_read_of_the_files() -> None:
    ratios: list[float | None] = []

    def watch(progress: Progress) -> bool:
        ratios.append(progress.ratio)
        return True

    config = msgspec.structs.replace(loaded("recorded_carry.toml"), strategies=())
    run_backtest(config, BacktestOptions(), watch)
    told = [ratio for ratio in ratios if ratio is not None]
    assert len(told) == len(ratios) > 10
    assert sorted(told) == told
    assert 0 < told[0] < 0.5 < told[-1] <= 1.0


def test_two_runs_give_the_same_report_and_the_same_orders_to_the_byte(tmp_path: Path) -> None:
    told = []
    for name in ("first", "second"):
        result = ran(loaded("recorded_carry.toml"), journal_dir=tmp_path / name)
        records = list(read_journal(tmp_path / name / "carry-btc"))
        orders = [record.payload for record in records if record.channel == InputChannel.OUTPUT]
        told.append((json.dumps(build_backtest_report(result, Pace(1.0, 1))), orders))
    assert told[0] == told[1]
    assert len(told[0][1]) > 100


class TestPeriods:
    FROM, TO = "2024-08-08T23:56:00", "2024-08-08T23:57:00"

    def test_the_books_are_right_at_a_cut(self) -> None:
        """The end of a cut equals the end of what was played from the beginning to the same moment."""
        config = loaded("recorded_carry.toml")
        cut, whole = (
            ran(msgspec.structs.replace(config, strategies=()), parse_period(start, self.TO, None))
            for start in (self.FROM, None)
        )
        ends = [
            {id: report.instruments["BTCUSDT"] for id, report in result.run.gateway_reports.items()}
            for result in (cut, whole)
        ]
        assert ends[0] == ends[1]
        assert cut.events < whole.events
        assert (60.0, f"{self.FROM}.000000000Z", f"{self.TO}.000000000Z") == (
            cut.run.seconds, iso(cut.from_ns), iso(cut.to_ns),
        )  # fmt: skip

    def test_only_what_is_in_the_period_is_told_with_numbers_from_one(self, tmp_path: Path) -> None:
        period = parse_period(self.FROM, self.TO, None)
        ran(loaded("recorded_carry.toml"), period, tmp_path)
        quotes = [message for _, message in read_inputs(tmp_path / "carry-btc") if isinstance(message, Quote)]
        of_spot = [message for message in quotes if message.instrument == SPOT]
        assert list(range(1, len(of_spot) + 1)) == [message.seq for message in of_spot]
        assert period.from_ns is not None
        assert period.to_ns is not None
        assert all(period.from_ns <= message.ts_received < period.to_ns for message in quotes)
        assert len(of_spot) > 1_000

    @pytest.mark.parametrize(
        ("start", "end", "told"),
        [
            ("2030-01-01", None, "there are no market data in this period; choose another, or other files"),
            (None, "2020-01-01", "there are no market data before 2020-01-01T00:00:00.000000000Z; choose a later end"),
        ],
    )
    def test_a_period_without_data_is_refused(self, start: str | None, end: str | None, told: str) -> None:
        with pytest.raises(BacktestError, match=told):
            ran(loaded("recorded_carry.toml"), parse_period(start, end, None))
