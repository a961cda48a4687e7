"""`outcry strategies`, `new-strategy` and `schema`: what they write, and their exit codes."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from supervisor.commands import app as commands
from tests.support.distributions import GOOD, install

WAITER = {"waiter": "waiters:Waiter"}
CONFIG = (Path(__file__).parents[3] / "supervisor" / "scaffold" / "template" / "dip-buyer.toml").read_text()
PARAMETERS = CONFIG.index("[strategies.parameters]")
WAITING = CONFIG[:PARAMETERS].replace("dip-buyer", "waiter") + (
    '[strategies.parameters]\ninstrument = "BTCUSDT.spot"\npatience_s = 2\n'
)


def run(*arguments: str | Path, columns: int = 80) -> Any:
    return CliRunner(env={"COLUMNS": str(columns)}).invoke(commands.app, [str(argument) for argument in arguments])


def outcry(site: Path, *arguments: str | Path) -> subprocess.CompletedProcess[str]:
    """The real command, with another folder on its import path."""
    environment = {**os.environ, "PYTHONPATH": str(site), "COLUMNS": "80"}
    command = [sys.executable, "-m", "supervisor.cli", *(str(argument) for argument in arguments)]
    return subprocess.run(command, capture_output=True, text=True, env=environment, timeout=60, check=False)


class TestHelp:
    @pytest.mark.parametrize("command", ["strategies", "new-strategy", "schema"])
    def test_every_command_has_examples_and_the_exit_codes(self, command: str) -> None:
        result = run(command, "--help")
        assert 0 == result.exit_code
        assert f"outcry {command}" in result.output
        assert "Exit codes: 0 done;" in result.output


class TestStrategies:
    def test_kinds_are_listed_with_what_they_do_and_where_they_come_from(self) -> None:
        result = run("strategies", columns=200)
        assert 0 == result.exit_code
        (line,) = (line for line in result.output.splitlines() if line.startswith("spot-futures"))
        assert "Spot-futures hedging (cash and carry, funding): long spot, short a perpetual" in line
        assert "(built in)" in line

    @pytest.mark.parametrize("arguments", [[], ["spot-futures"], ["arbitrage"]])
    def test_eighty_columns_are_enough(self, arguments: list[str]) -> None:
        lines = run("strategies", *arguments).output.splitlines()
        assert max(map(len, lines)) <= 80
        assert not any("…" in line for line in lines)

    def test_a_kind_is_shown_with_parameters_states_and_transitions(self) -> None:
        result = run("strategies", "spot-futures", columns=120)
        assert 0 == result.exit_code
        lines = [line.rstrip() for line in result.output.splitlines()]
        assert "  notional              decimal as text, required" in lines
        assert "      size of each leg, in the spot's quote currency" in lines
        assert "  min_edge_bps          number (bps), -10000 to 10000, default 2.0" in lines
        assert "  ANALYZING_MARKET       nothing held; watching the edge" in lines
        assert "  ANALYZING_MARKET       → OPENING_SPOT_POSITION, OPENING_FUTURES_HEDGE on Quote" in lines
        assert any("COOLDOWN on an order's end" in line for line in lines)

    def test_the_same_for_machines(self) -> None:
        rows = json.loads(run("strategies", "--json").stdout)
        assert {"kind", "purpose", "origin", "fault"} == set(rows[0])
        details = json.loads(run("strategies", "spot-futures", "--json").stdout)
        edge = {
            "name": "min_edge_bps",
            "type": "number",
            "is_required": False,
            "default": "2.0",
            "unit": "bps",
            "range": "-10000 to 10000",
            "description": "edge, net of all costs, to enter at; negative ones trade at a loss on purpose",
        }
        assert edge in details["parameters"]
        assert {"name": "COOLDOWN", "meaning": "resting after a cycle"} in details["states"]

    def test_the_diagram_is_mermaid(self) -> None:
        result = run("strategies", "spot-futures", "--diagram")
        assert result.stdout.startswith("stateDiagram-v2\n    [*] --> IDLE\n")
        assert result.stdout == json.loads(run("strategies", "spot-futures", "--json").stdout)["diagram"]

    def test_an_unknown_kind_is_told_the_nearest(self) -> None:
        result = run("strategies", "spot-future")
        assert (2, "") == (result.exit_code, result.stdout)
        assert "no strategy of kind 'spot-future'; did you mean 'spot-futures'?" in result.stderr

    def test_a_diagram_is_of_one_kind(self) -> None:
        assert (2, "--diagram needs a KIND\n") == ((result := run("strategies", "--diagram")).exit_code, result.stderr)


class TestOfOtherDistributions:
    """In a process of their own, as an operator has them."""

    @pytest.fixture
    def config(self, tmp_path: Path) -> Path:
        file = tmp_path / "waiting.toml"
        file.write_text(WAITING)
        return file

    def test_a_kind_is_listed_shown_and_checked(self, tmp_path: Path, config: Path) -> None:
        install(tmp_path / "site", "waiters", GOOD, WAITER)
        rows = json.loads(outcry(tmp_path / "site", "strategies", "--json").stdout)
        expected = {
            "kind": "waiter", "purpose": "Waits for better times.", "origin": "waiters 1.0", "fault": "",
        }  # fmt: skip
        assert expected in rows
        shown = outcry(tmp_path / "site", "strategies", "waiter")
        assert "  patience_s            number (s), > 0, default 1.0" in [
            line.rstrip() for line in shown.stdout.splitlines()
        ]
        checked = outcry(tmp_path / "site", "check", config)
        assert (0, "ok: cluster waiter, gateways: 1, strategies: 1\n") == (checked.returncode, checked.stdout)

    def test_wrong_parameters_are_told_by_their_path(self, tmp_path: Path, config: Path) -> None:
        install(tmp_path / "site", "waiters", GOOD, WAITER)
        config.write_text(WAITING.replace("patience_s = 2", "patience_s = 0\npatiance = 1").replace("BTCUSDT.s", "X.s"))
        checked = outcry(tmp_path / "site", "check", config)
        place = "strategies[0].parameters"
        assert (2, "") == (checked.returncode, checked.stdout)
        assert [
            f"3 mistakes in {config}:",
            f"  {place}.patiance: unknown key; expected one of instrument, patience_s",
            f"  {place}.patience_s: 0 (whole number); expected a number greater than 0",
            f'  {place}.instrument: no instrument "X.spot"; expected BTCUSDT.spot',
        ] == checked.stderr.splitlines()

    def test_what_the_kind_itself_finds_wrong_is_told_there(self, tmp_path: Path, config: Path) -> None:
        install(tmp_path / "site", "waiters", GOOD, WAITER)
        config.write_text(WAITING.replace("patience_s = 2", "patience_s = 13"))
        checked = outcry(tmp_path / "site", "check", config)
        expected = "  strategies[0].parameters.patience_s: is 13, expected another number"
        assert (2, expected) == (checked.returncode, checked.stderr.splitlines()[-1])

    def test_a_check_that_fails_itself_is_a_mistake_and_no_traceback(self, tmp_path: Path, config: Path) -> None:
        install(tmp_path / "site", "waiters", GOOD.replace('["patience_s is 13', '1 / 0 or ["patience_s is 13'), WAITER)
        config.write_text(WAITING.replace("patience_s = 2", "patience_s = 13"))
        checked = outcry(tmp_path / "site", "check", config)
        assert 2 == checked.returncode
        told = 'the check of kind "waiter" itself failed: ZeroDivisionError: division by zero; tell its author'
        assert [f"1 mistake in {config}:", f"  strategies[0].parameters: {told}"] == checked.stderr.splitlines()

    def test_a_broken_one_is_a_mistake_with_its_path_and_harms_no_other(self, tmp_path: Path, config: Path) -> None:
        install(tmp_path / "site", "waiters", "import no_such_thing", WAITER)
        listed = outcry(tmp_path / "site", "strategies")
        assert 0 == listed.returncode
        words = " ".join(listed.stdout.split())
        assert "spot-futures Spot-futures hedging" in words
        cause = (
            'kind "waiter" of waiters 1.0 (waiters:Waiter) cannot be used: '
            "ModuleNotFoundError: No module named 'no_such_thing'; correct or uninstall it"
        )
        assert f"! {cause}" in words
        checked = outcry(tmp_path / "site", "check", config)
        assert (2, f"  strategies[0].kind: {cause}") == (checked.returncode, checked.stderr.splitlines()[-1])
        assert 0 == outcry(tmp_path / "site", "check").returncode, "the embedded config has other kinds"
        shown = outcry(tmp_path / "site", "strategies", "waiter")
        assert (1, f"{cause}\n") == (shown.returncode, shown.stderr)

    def test_a_broken_one_is_left_out_of_the_schema(self, tmp_path: Path) -> None:
        install(tmp_path / "site", "waiters", "import no_such_thing", WAITER)
        written = outcry(tmp_path / "site", "schema")
        assert 0 == written.returncode
        assert "waiter" not in json.loads(written.stdout)["$defs"]["StrategyConfig"]["properties"]["kind"]["enum"]
        assert written.stderr.startswith('left out: kind "waiter" of waiters 1.0')


class TestSchema:
    def test_it_is_written_to_a_file_or_the_terminal(self, tmp_path: Path) -> None:
        file = tmp_path / "outcry.schema.json"
        told = run("schema", "--output", file)
        assert (0, True) == (told.exit_code, told.output.startswith(f"wrote {file};"))
        assert json.loads(run("schema").stdout) == json.loads(file.read_text())

    def test_a_file_that_cannot_be_written_is_a_failure(self, tmp_path: Path) -> None:
        told = run("schema", "--output", tmp_path)
        assert (1, f"{tmp_path} cannot be written: Is a directory\n") == (told.exit_code, told.stderr)


class TestNewStrategy:
    def test_files_and_next_steps_are_told(self, tmp_path: Path) -> None:
        folder = tmp_path / "mine"
        told = run("new-strategy", "my-dips", "--directory", folder)
        assert 0 == told.exit_code
        written = ["pyproject.toml", "my_dips.py", "test_my_dips.py", "my-dips.toml"]
        assert [f"wrote {folder / name}" for name in written] == told.output.splitlines()[:4]
        for step in (f"pip install -e {folder} ", f"pytest {folder} ", f"outcry up {folder / 'my-dips.toml'} --for 60"):
            assert f"  {step}" in told.output

    def test_the_folder_is_named_after_it_unless_another_is(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.chdir(tmp_path)
        assert 0 == run("new-strategy", "my-dips").exit_code
        assert (tmp_path / "my-dips" / "my_dips.py").is_file()

    def test_what_is_there_is_not_overwritten(self, tmp_path: Path) -> None:
        (tmp_path / "notes.txt").touch()
        told = run("new-strategy", "my-dips", "--directory", tmp_path)
        assert (2, ["notes.txt"]) == (told.exit_code, [file.name for file in tmp_path.iterdir()])
        assert f"{tmp_path} exists already; name an empty or a new folder with --directory\n" == told.stderr

    def test_a_bad_name_is_refused(self, tmp_path: Path) -> None:
        told = run("new-strategy", "My Dips", "--directory", tmp_path)
        assert (2, []) == (told.exit_code, list(tmp_path.iterdir()))
        assert '"My Dips" is no name for a strategy; expected 1 to 32 small letters, digits and -' in told.stderr
