import io
import json
import signal
import sys
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console
from typer.testing import CliRunner

from actors.strategies.spot_futures.strategy import SpotFutures
from supervisor.backtest.progress import Watch
from supervisor.backtest.run import Progress
from supervisor.commands import app as commands
from supervisor.commands import backtest
from tests.support.carry_cluster import CARRY_CLUSTER
from tests.support.recordings import DATA, ROOT, needs_recordings


@pytest.fixture(autouse=True)
def wide(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "120")
    monkeypatch.setenv("OUTCRY_DATA", str(DATA))


def run(*arguments: str | Path) -> Any:
    return CliRunner().invoke(commands.app, ["backtest", *map(str, arguments)])


class TestHelp:
    def test_the_help_has_examples_and_the_exit_codes(self) -> None:
        result = run("--help")
        assert 0 == result.exit_code
        assert "outcry backtest examples/recorded_carry.toml" in result.output
        assert "Exit codes: 0 done;" in result.output

    def test_the_help_of_outcry_names_it(self) -> None:
        assert "│ backtest " in CliRunner().invoke(commands.app, ["--help"]).output


class TestResult:
    def test_the_embedded_config_is_run_and_summed_up(self) -> None:
        result = run("--for", "60")
        assert 0 == result.exit_code
        lines = result.stdout.splitlines()
        assert lines[0].startswith("demo  2026-01-01T00:00:00 to 2026-01-01T00:01:00 UTC")
        (activity, profit) = (line.split() for line in lines if line.startswith("carry-btc "))
        assert "USDT" == activity[-1] == profit[-1]
        (holdings,) = (line for line in lines if line.startswith("carry-btc: "))
        assert "completed" in holdings
        assert "holds" in holdings

    def test_the_report_is_written_and_named(self, tmp_path: Path) -> None:
        result = run("--for", "5", "--report", tmp_path / "out" / "report.json")
        assert 0 == result.exit_code
        assert f"report: {tmp_path}/out/report.json" == result.stdout.splitlines()[-1]
        report = json.loads((tmp_path / "out" / "report.json").read_text())
        assert ("backtest", 5.0) == (report["mode"], report["seconds"])
        assert report["run"]["events_per_second"] > 0

    def test_with_json_stdout_is_the_report_and_nothing_else(self, tmp_path: Path) -> None:
        result = run("--for", "5", "--json", "--report", tmp_path / "report.json")
        assert json.loads(result.stdout) == json.loads((tmp_path / "report.json").read_text())

    def test_the_page_is_written_and_named(self, tmp_path: Path) -> None:
        result = run("--for", "20", "--html", tmp_path / "page.html")
        assert f"page: {tmp_path}/page.html" == result.stdout.splitlines()[-1]
        page = (tmp_path / "page.html").read_text()
        for word in ("<title>demo: backtest</title>", "market-carry-btc", "market-maker-eth", "attribution"):
            assert word in page

    def test_two_runs_write_the_same_page(self, tmp_path: Path) -> None:
        for name in ("one.html", "two.html"):
            run("--for", "10", "--html", tmp_path / name)
        assert (tmp_path / "one.html").read_bytes() == (tmp_path / "two.html").read_bytes()

    def test_a_page_without_the_plotting_library_is_refused_before_the_run(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setitem(sys.modules, "plotly", None)
        result = run("--for", "5", "--html", tmp_path / "page.html")
        assert 2 == result.exit_code
        assert "openoutcry[reports]" in result.stderr

    def test_the_journal_can_be_kept(self, tmp_path: Path) -> None:
        assert 0 == run("--for", "5", "--journal", tmp_path).exit_code
        assert {"strategy.json", "00000001.log"} == {file.name for file in (tmp_path / "carry-btc").iterdir()}

    def test_a_config_without_strategies_shows_its_market_alone(self, tmp_path: Path) -> None:
        file = tmp_path / "market.toml"
        file.write_text(CARRY_CLUSTER.partition("[[strategies]]")[0])
        result = run(file, "--for", "5")
        assert (0, 1) == (result.exit_code, len(result.stdout.splitlines()))

    @needs_recordings
    def test_recorded_data_are_cut_to_a_period(self) -> None:
        example = ROOT / "examples" / "recorded_carry.toml"
        result = run(example, "--from", "2024-08-08T23:56:00", "--to", "2024-08-08T23:56:10", "--json")
        assert 0 == result.exit_code
        expected = {"from": "2024-08-08T23:56:00.000000000Z", "to": "2024-08-08T23:56:10.000000000Z"}
        assert expected == json.loads(result.stdout)["market"]


class TestErrors:
    @pytest.mark.parametrize(
        ("arguments", "told"),
        [
            ([], "the market of spot-a is synthetic and has no end; say how long: --for 60, or --to"),
            (["--for", "5", "--to", "2030-01-01"], "the end is stated twice"),
            (["--from", "soon", "--for", "5"], "--from 'soon' is not a time; expected 2024-08-08"),
            (["--for", "5", "--report", "/"], "the report cannot be written to /: it is a directory"),
        ],
    )
    def test_wrong_usage_says_what_to_do_and_ends_in_2(self, arguments: list[str], told: str) -> None:
        result = run(*arguments)
        assert (2, "") == (result.exit_code, result.stdout)
        assert told in result.stderr

    def test_a_journal_in_use_is_refused(self, tmp_path: Path) -> None:
        run("--for", "1", "--journal", tmp_path)
        result = run("--for", "1", "--journal", tmp_path)
        assert 2 == result.exit_code
        assert "holds the journal of another run" in result.stderr

    def test_a_journal_that_cannot_be_written_is_a_failure(self, tmp_path: Path) -> None:
        (tmp_path / "file").write_text("in the way")
        result = run("--for", "1", "--journal", tmp_path / "file")
        assert 1 == result.exit_code
        assert "cannot be written" in result.stderr

    def test_damaged_data_are_a_failure(self, tmp_path: Path) -> None:
        (tmp_path / "data.gz").write_bytes(b"no gzip")
        head = CARRY_CLUSTER.partition('[[gateways]]\nid = "perp"')[0]
        recorded = f'kind = "recorded"\nformat = "binance-stream"\nmarket = "spot"\nfiles = ["{tmp_path}/data.gz"]'
        file = tmp_path / "damaged.toml"
        file.write_text(head.replace('kind = "synthetic"\nseed = 1', recorded))
        result = run(file)
        assert 1 == result.exit_code
        assert "data.gz of BTCUSDT.spot cannot be read after line 0" in result.stderr

    def test_a_bad_config_is_a_list_of_mistakes(self, tmp_path: Path) -> None:
        file = tmp_path / "bad.toml"
        file.write_text("[cluster]\n")
        assert 2 == run(file, "--for", "1").exit_code


class Interrupted:
    """A run in which somebody presses Ctrl-C at the first word of progress."""

    def __init__(self, presses: int) -> None:
        self._presses = presses

    def __call__(self, config: Any, options: Any, go_on: Any) -> Any:
        def press_and_go_on(progress: Progress) -> bool:
            for _ in range(self._presses):
                signal.raise_signal(signal.SIGINT)
            return go_on(progress)

        return self.run(config, options, press_and_go_on)

    run: Any = staticmethod(backtest.run_backtest)


class TestInterrupt:
    def test_ctrl_c_ends_in_good_order_with_the_result_so_far(
        self, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
    ) -> None:
        monkeypatch.setattr(backtest, "run_backtest", Interrupted(1))
        result = run("--for", "3600", "--report", tmp_path / "report.json")
        assert 130 == result.exit_code
        assert "interrupted" in result.stdout
        assert "interrupted" == json.loads((tmp_path / "report.json").read_text())["stopped"]

    def test_a_second_ctrl_c_ends_at_once(self, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
        monkeypatch.setattr(backtest, "run_backtest", Interrupted(2))
        result = run("--for", "3600", "--report", tmp_path / "report.json")
        assert 130 == result.exit_code or isinstance(result.exception, KeyboardInterrupt)
        assert not (tmp_path / "report.json").exists()

    def test_ctrl_c_is_given_back_afterwards(self) -> None:
        before = signal.getsignal(signal.SIGINT)
        run("--for", "1")
        assert before == signal.getsignal(signal.SIGINT)


class TestFaults:
    def test_a_fault_of_a_strategy_ends_in_1_and_is_shown(self, monkeypatch: pytest.MonkeyPatch) -> None:
        def fail(_self: Any, _message: Any) -> Any:
            raise RuntimeError("no more")

        monkeypatch.setattr(SpotFutures, "on_message", fail)
        result = run("--for", "5")
        assert 1 == result.exit_code
        assert "! carry-btc failed while" in result.stdout
        assert "RuntimeError('no more')" in result.stdout


@pytest.mark.parametrize(("ratio", "total", "percentage"), [(0.25, 1.0, 25.0), (None, None, 0.0)])
def test_the_bar_shows_market_time_and_how_much_is_done(
    ratio: float | None, total: float | None, percentage: float
) -> None:
    watch = Watch(Console(force_terminal=True, file=io.StringIO()), is_shown=True)
    with watch.watching():
        assert watch.go_on(Progress(events=4_096, now_ns=2_000, ratio=ratio))
        (task,) = watch._bar.tasks
    assert (total, percentage, 4_096) == (task.total, task.percentage, task.fields["events"])
    assert "1970-01-01T00:00:00" == task.description
