import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

import bench.backtest
import bench.codec
import bench.curve
import bench.gate
import bench.kill_switch
import bench.lease_expiry
import bench.machine
import bench.recorded_source
import bench.strategy_memory
from bench.measure import alternate, percentile, percentiles, rounded, seconds_of, us_per_call

needs_capture = pytest.mark.skipif(
    not bench.recorded_source.recorded_folder().is_dir(),
    reason="recorded data is missing; set OUTCRY_DATA to the folder that has it",
)


def json_of(main, capsys):
    assert 0 == main(["--json", "--quick"])
    return json.loads(capsys.readouterr().out)


def test_percentiles_are_samples_by_nearest_rank():
    samples = [15.0, 20.0, 35.0, 40.0, 50.0]
    # ranks: 0.3 x 5 = 1.5 -> 2nd; 0.4 x 5 = 2 -> 2nd; 0.5 x 5 = 2.5 -> 3rd; 100 % -> 5th
    assert [20.0, 20.0, 35.0, 50.0] == [percentile(samples, percent) for percent in (30, 40, 50, 100)]
    assert {"p50": 35.0, "p99": 50.0, "p99.9": 50.0} == percentiles(samples[::-1])


def test_a_percentile_of_no_samples_is_refused():
    with pytest.raises(ValueError, match="no samples"):
        percentile([], 50)


@given(st.lists(st.floats(-1e9, 1e9), min_size=1), st.sampled_from([0, 1, 25, 50, 75, 99, 99.9, 100]))
def test_a_percentile_is_a_sample_that_enough_samples_do_not_exceed(samples, percent):
    at = percentile(sorted(samples), percent)
    assert at in samples
    assert sum(sample <= at for sample in samples) >= percent / 100 * len(samples)


def test_rounds_alternate_between_the_runs():
    calls = []

    def run(name):
        calls.append(name)
        return float(len(calls))

    figures = alternate({"ours": lambda: run("ours"), "bare": lambda: run("bare")}, rounds=3)
    assert ["ours", "bare"] * 3 == calls
    assert {"ours": [1.0, 3.0, 5.0], "bare": [2.0, 4.0, 6.0]} == figures


def test_figures_are_rounded_to_significant_digits():
    assert [0.0001235, 156_900.0] == [rounded(0.000123456), rounded(156_917.3)]


def test_calls_are_timed_as_often_as_asked():
    calls = []
    assert us_per_call(lambda: calls.append(1), calls=10) > 0
    assert seconds_of(lambda: calls.append(1)) > 0
    assert 11 == len(calls)


@needs_capture
def test_the_backtest_bench_says_how_fast_events_quotes_and_orders_are(capsys):
    result = json_of(bench.backtest.main, capsys)
    common = {"bench", "rounds", "events", "quotes", "bare", "targets_quotes_per_s"}
    assert common | set(bench.backtest.STRATEGIES) == set(result)
    for name in bench.backtest.STRATEGIES:
        figures = result[name]
        low, high = figures["seconds_range"]
        assert low <= figures["seconds"] <= high
        assert figures["quotes_per_s"] == pytest.approx(result["quotes"] / figures["seconds"], rel=0.01)
        assert figures["quotes_per_cpu_s"] == pytest.approx(result["quotes"] / figures["cpu_seconds"], rel=0.01)
        assert figures["ratio"] == pytest.approx(figures["seconds"] / result["bare"]["seconds"], rel=0.01)
    assert 0 == result["idle"]["orders"]
    assert result["requoter"]["orders_per_quote"] > 0.1


@needs_capture
def test_the_backtest_bench_says_where_the_time_goes(capsys):
    assert 0 == bench.backtest.main(["--json", "--quick", "--profile"])
    shares = json.loads(capsys.readouterr().out)["profile"]
    assert set(bench.backtest.STRATEGIES) == set(shares)
    for parts in shares.values():
        assert {"source", "venue and matching", "strategy", "engine", "other"} == set(parts)
        assert sum(parts.values()) == pytest.approx(1.0, abs=0.01)


def test_the_backtest_bench_without_data_says_what_to_do(capsys, monkeypatch, tmp_path):
    monkeypatch.setenv("OUTCRY_DATA", str(tmp_path))
    assert 2 == bench.backtest.main(["--quick"])
    assert "set OUTCRY_DATA" in capsys.readouterr().err


@needs_capture
def test_the_recorded_source_bench_says_how_fast_lines_and_events_are(capsys):
    result = json_of(bench.recorded_source.main, capsys)
    expected = {"bench", "rounds", "lines", "events", "market_seconds", "outcry", "bare", "ratio", "times_real_time"}
    assert expected == set(result)
    assert {"seconds", "lines_per_s", "events_per_s"} == set(result["outcry"])
    assert {"seconds", "lines_per_s"} == set(result["bare"])
    assert bench.recorded_source.QUICK_LINES == result["lines"] == result["events"]
    assert result["ratio"] == pytest.approx(result["outcry"]["seconds"] / result["bare"]["seconds"], rel=0.01)


def test_the_recorded_source_bench_without_data_says_what_to_do(capsys, monkeypatch, tmp_path):
    monkeypatch.setenv("OUTCRY_DATA", str(tmp_path))
    assert 2 == bench.recorded_source.main(["--quick"])
    assert "set OUTCRY_DATA" in capsys.readouterr().err


def test_the_codec_bench_says_what_each_message_costs(capsys):
    result = json_of(bench.codec.main, capsys)
    assert {"bench", "rounds", "calls", "messages"} == set(result)
    assert {"Quote", "Depth", "SubmitOrder", "Fill"} == set(result["messages"])
    for figures in result["messages"].values():
        assert set(bench.codec.COLUMNS) == set(figures)
        assert all(figure > 0 for figure in figures.values())
        assert figures["encode_ratio"] == pytest.approx(figures["encode_us"] / figures["bare_encode_us"], rel=0.01)


def test_the_machine_bench_says_what_a_transition_costs(capsys):
    result = json_of(bench.machine.main, capsys)
    assert {"p50", "p99"} == set(result["outcry_us"]) == set(result["bare_us"])
    assert result["outcry_us"]["p50"] <= result["outcry_us"]["p99"]
    assert result["ratio_p50"] == pytest.approx(result["outcry_us"]["p50"] / result["bare_us"]["p50"], rel=0.01)
    assert (result["outcry_us"]["p50"] <= 1.0) == result["is_within_target"]


def test_the_gate_bench_says_what_an_order_waits_there(capsys):
    result = json_of(bench.gate.main, capsys)
    assert bench.gate.QUICK_SAMPLES == result["samples"]
    for name in bench.gate.Sample._fields:
        figures = result[f"{name}_us"]
        assert 0 < figures["p50"] <= figures["p99"] <= figures["p99.9"]
    assert result["checks_us"]["p50"] < result["journaled_us"]["p50"]
    assert result["ratio_p50"] == pytest.approx(result["journaled_us"]["p50"] / result["bare_us"]["p50"], rel=0.01)
    assert (result["journaled_us"]["p50"] <= 15.0) == result["is_within_target"]


def test_the_strategy_memory_bench_says_what_one_actor_more_costs(capsys):
    result = json_of(bench.strategy_memory.main, capsys)
    assert {"bench", "actors", "rss_mb", "python_objects_mb", "bare_rss_mb", "is_within_target"} == set(result)
    assert bench.strategy_memory.QUICK_ACTORS == result["actors"]
    assert result["python_objects_mb"] > 0
    assert (max(result["rss_mb"], result["python_objects_mb"]) <= 0.3) == result["is_within_target"]


def test_the_curve_bench_says_what_keys_cost(capsys):
    result = json_of(bench.curve.main, capsys)
    assert bench.curve.QUICK_ROUND_TRIPS == result["n"]
    assert {"plain", "curve"} == set(result["round_trip_us"])
    for figures in result["round_trip_us"].values():
        assert 0 < figures["p50"] <= figures["p99"] <= figures["p99.9"]
    assert set(bench.curve._WAYS) == set(result["receive_us"])
    assert all(us > 0 for us in result["receive_us"].values())


def test_the_kill_switch_bench_says_how_soon_orders_are_denied_and_cancelled(capsys):
    bench.kill_switch.main(["--json", "--quick"])
    result = json.loads(capsys.readouterr().out)
    assert 1_000 == result["open_orders"]
    assert set(bench.kill_switch.WAYS) == set(result["ways"])
    for figures in result["ways"].values():
        assert {"first_denied_ms", "all_cancels_ms"} == set(figures)
        assert all(0 < ms["p50"] <= ms["p90"] <= ms["p100"] for ms in figures.values())


def test_the_lease_expiry_bench_says_how_late_the_last_order_came(capsys):
    assert bench.lease_expiry.main(["--json", "--quick"]) in (0, 1)  # 1: too late, on a machine that does other things
    result = json.loads(capsys.readouterr().out)
    assert bench.lease_expiry.QUICK_RUNS == result["runs"]
    assert result["first_denial_late_ms"]["p50"] > result["last_order_late_ms"]["p50"] - 1.0


@pytest.mark.parametrize(
    ("main", "words"),
    [
        (bench.codec.main, ["SubmitOrder", "decode", "ratio"]),
        (bench.curve.main, ["round trip, curve", "CURVE adds", "frame and User-Id"]),
        (bench.gate.main, ["checks and intent journal", "bare write", "p99.9", "target 15 us"]),
        (bench.machine.main, ["outcry", "bare", "p99", "target 1 us"]),
        pytest.param(bench.backtest.main, ["idle", "requoter", "orders/s", "bare"], marks=needs_capture),
        pytest.param(bench.recorded_source.main, ["three markets", "lines/s", "real time"], marks=needs_capture),
    ],
)
def test_without_json_a_table_is_printed(main, words, capsys):
    assert 0 == main(["--quick"])
    printed = capsys.readouterr().out
    assert [] == [word for word in words if word not in printed]
