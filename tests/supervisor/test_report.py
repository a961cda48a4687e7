"""The report of a run: its names are a contract, its amounts are exact."""

import json
from decimal import Decimal
from pathlib import Path
from typing import Any

import msgspec
import pytest

from messages.from_child import StrategyFault
from messages.health import Earnings, Latency
from supervisor.plain import to_plain
from supervisor.report import (
    ReportUnwritable,
    RunResult,
    build_cluster_report,
    build_report,
    check_writable,
    symbol_of,
    worst_latency,
    write_report,
)
from tests.supervisor.samples import (
    ATTRIBUTION,
    PERP,
    PNL,
    PROCESSES,
    SPOT,
    SPOT_REPORT,
    STATUS,
    STRATEGY,
    STRATEGY_REPORT,
)

RESULT = RunResult(
    cluster="demo",
    seconds=73.20051,
    stopped="clean",
    gateway_reports={"spot": SPOT_REPORT},
    gateway_statuses={"spot": SPOT, "perp": PERP},
    strategy_reports={"carry-btc": STRATEGY_REPORT},
    strategy_statuses={"carry-btc": STRATEGY},
    processes=PROCESSES,
)


@pytest.fixture(name="report")
def built_report() -> dict[str, Any]:
    return build_report(RESULT)


def test_the_report_names_the_run_and_how_it_ended(report: dict[str, Any]) -> None:
    assert ["cluster", "seconds", "stopped", "gateways", "strategies", "processes"] == list(report)
    assert ("demo", 73.201, "clean") == (report["cluster"], report["seconds"], report["stopped"])


def test_a_gateway_has_the_counts_of_its_feed_and_its_book_as_text(report: dict[str, Any]) -> None:
    assert {
        "BTCUSDT": {
            "quotes": 100,
            "trades": 20,
            "book_updates": 50,
            "book_updates_discarded": 3,
            "gaps": 0,
            "crossed": 0,
            "best_bid": "61685.99",
            "best_bid_size": "1.70412",
            "best_ask": "61686.00",
            "best_ask_size": "0.00002",
            "last_update_id": 50_000_000_001,
        }
    } == report["gateways"]["spot"]["instruments"]


def test_orders_are_the_venues_but_for_those_that_our_gate_denied(report: dict[str, Any]) -> None:
    # The venue never saw the 3 denied orders, so its own count of them is 0.
    expected = {"accepted": 10, "rejected": 2, "denied": 3, "cancelled": 1, "filled": 9, "expired": 0}
    assert expected == report["gateways"]["spot"]["orders"]


def test_balances_are_text_without_an_exponent(report: dict[str, Any]) -> None:
    assert {"USDT": "90000.10", "BTC": "0.00000001"} == report["gateways"]["spot"]["balances"]


def test_a_venue_that_did_not_answer_is_reported_as_its_gateway_saw_it(report: dict[str, Any]) -> None:
    perp = report["gateways"]["perp"]
    assert ({}, {"BTCUSDT": "-0.160"}) == (perp["instruments"], perp["positions"])


def test_a_gateway_that_never_spoke_is_reported_as_its_venue_saw_it() -> None:
    report = build_report(msgspec.structs.replace(RESULT, gateway_statuses={}))
    assert 0 == report["gateways"]["spot"]["orders"]["denied"]


def test_a_strategy_has_all_that_the_contract_names(report: dict[str, Any]) -> None:
    strategy = report["strategies"]["carry-btc"]
    assert {
        "kind": "spot-futures",
        "lifecycle": "running",
        "state": "OPENING_FUTURES_HEDGE",
        "restarts": 1,
        "messages": 123_456,
        "orders": 20,
        "fills": 18,
        "positions": {"BTCUSDT.spot": "0.16000", "BTCUSDT.perp": "-0.160", "ETHUSDT.spot": "0"},
        "pnl": {"realised": "12.5", "unrealised": "0.25", "fees": "1.1", "funding": "0.05", "currency": "USDT"},
        "attribution": {
            "spread": "-0.5",
            "slippage": "-0.25",
            "basis": "13.5",
            "inventory": "0",
            "funding": "0.05",
            "fees": "1.1",
            "currency": "USDT",
        },
        "markouts": [{"horizon_s": 1.0, "n": 18, "mean_bps": -0.75}],
        "cycle_in_hand": [],
        "outside_cycles": [],
    } == {key: value for key, value in strategy.items() if key not in {"pnls", "attributions", "cycles", "latency_us"}}
    assert [strategy["pnl"]] == strategy["pnls"]
    assert [strategy["attribution"]] == strategy["attributions"]


def test_what_no_ended_cycle_accounts_for_is_told_by_currency() -> None:
    earned = (Earnings(PNL, ATTRIBUTION),)
    status = msgspec.structs.replace(STRATEGY, cycle_in_hand=earned, outside_cycles=earned)
    told = msgspec.structs.replace(STRATEGY_REPORT, status=status)
    strategy = build_report(msgspec.structs.replace(RESULT, strategy_reports={"carry-btc": told}))["strategies"]
    expected = [{"pnl": to_plain(PNL), "attribution": to_plain(ATTRIBUTION)}]
    assert expected == strategy["carry-btc"]["outside_cycles"] == strategy["carry-btc"]["cycle_in_hand"]


def test_a_clusters_report_has_its_alerts_its_faults_and_what_nobody_manages() -> None:
    fault = StrategyFault("carry-btc", "carry-btc", "IDLE", "Quote", "Traceback\n  line 3\nValueError: no\n", 5)
    result = msgspec.structs.replace(RESULT, alerts=("one",), faults=(fault,), unmanaged=("left",))
    report = build_cluster_report(result)
    assert (["one"], ["left"]) == (report["alerts"], report["unmanaged"])
    assert [
        {
            "strategy": "carry-btc",
            "state": "IDLE",
            "cause": "Quote",
            "error": "ValueError: no",
            "traceback": fault.traceback,
            "ts": 5,
        }
    ] == report["faults"]


def test_a_cycle_has_its_result_and_its_time(report: dict[str, Any]) -> None:
    (cycle,) = report["strategies"]["carry-btc"]["cycles"]
    assert ("completed", 250.0, ["IDLE", "MONITORING_POSITIONS"], "12.5") == (
        cycle["result"],
        cycle["ms"],
        cycle["transitions"],
        cycle["pnl"]["realised"],
    )


def test_a_cycle_says_where_its_profit_came_from(report: dict[str, Any]) -> None:
    (cycle,) = report["strategies"]["carry-btc"]["cycles"]
    assert ([cycle["pnl"]], [cycle["attribution"]]) == (cycle["pnls"], cycle["attributions"])
    assert "13.5" == cycle["attribution"]["basis"]


def test_a_strategy_that_did_not_answer_is_reported_by_its_last_status() -> None:
    strategy = build_report(msgspec.structs.replace(RESULT, strategy_reports={}))["strategies"]["carry-btc"]
    assert (18, []) == (strategy["fills"], strategy["cycles"])


def test_latency_is_the_worst_of_the_gateways_and_is_told_of_each(report: dict[str, Any]) -> None:
    latency = report["strategies"]["carry-btc"]["latency_us"]
    # p50: max(50, 60); p99: max(120, 110); p99.9: max(300, 310); n: 10 + 8
    assert {"p50": 60.0, "p99": 120.0, "p99.9": 310.0, "n": 18} == latency["tick_to_order"]
    assert {"p50": 50.0, "p99": 120.0, "p99.9": 300.0, "n": 10} == latency["tick_to_order_by_gateway"]["spot"]


def test_a_strategy_without_an_order_has_no_latency() -> None:
    silent = msgspec.structs.replace(SPOT, tick_to_order={"carry-btc": Latency(0.0, 0.0, 0.0, 0)})
    report = build_report(msgspec.structs.replace(RESULT, gateway_statuses={"spot": silent}))
    latency = report["strategies"]["carry-btc"]["latency_us"]["tick_to_order"]
    assert {"p50": None, "p99": None, "p99.9": None, "n": 0} == latency
    assert worst_latency([]) is None


def test_a_process_has_its_pid_restarts_and_use(report: dict[str, Any]) -> None:
    expected = {
        "kind": "strategy",
        "state": "running",
        "pid": 1_234_567,
        "restarts": 1,
        "cpu_percent": 12.3,
        "rss_mb": 45.3,
    }
    assert expected == report["processes"]["carry-btc"]
    assert ["exchange", "spot", "perp", "carry-btc"] == list(report["processes"])


def test_the_symbol_of_an_instrument_may_hold_dots() -> None:
    assert ["BTC.USD", "BTCUSDT", "BTCUSDT"] == [symbol_of(id) for id in ("BTC.USD.spot", "BTCUSDT.spot", "BTCUSDT")]


def test_a_report_is_written_whole_and_replaces_an_older_one(tmp_path: Path, report: dict[str, Any]) -> None:
    file = tmp_path / "reports" / "report.json"
    write_report(file, {"old": True})
    write_report(file, report)
    assert report == json.loads(file.read_text())
    assert [file] == list(file.parent.iterdir())


def test_a_report_that_cannot_be_written_leaves_the_older_one_and_no_other_file(tmp_path: Path) -> None:
    file = tmp_path / "report.json"
    write_report(file, {"old": True})
    with pytest.raises(TypeError):
        write_report(file, {"new": Decimal(1)})
    assert {"old": True} == json.loads(file.read_text())
    assert [file] == list(tmp_path.iterdir())


def test_a_status_becomes_objects_with_the_names_of_its_fields() -> None:
    plain = to_plain(STATUS)
    names = ["cluster", "phase", "seconds", "is_halted", "processes", "gateways", "strategies"]
    more = ["alerts", "alerts_total", "unmanaged", "trading_state", "limits"]
    assert [*names, *more] == list(plain)
    assert "0.16000" == plain["strategies"][0]["positions"]["BTCUSDT.spot"]
    assert "running" == plain["processes"][0]["state"]
    assert plain == json.loads(json.dumps(plain))


def test_a_path_that_can_be_written_is_left_as_it_was(tmp_path: Path) -> None:
    check_writable(tmp_path / "reports" / "report.json")
    assert [] == list((tmp_path / "reports").iterdir())


def test_a_path_that_cannot_be_written_is_told_before_the_run(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(ReportUnwritable, match=r"cannot be written to .*: it is a directory"):
        check_writable(tmp_path)
    with pytest.raises(ReportUnwritable, match=r"cannot be written to .*/file/report\.json: "):
        check_writable(tmp_path / "file" / "report.json")
