"""`outcry demo`: what there is, what a drill shows, and when it ends as a failure. Whole drills run in tests/system."""

import json
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from supervisor.commands import demo
from supervisor.commands.app import app
from supervisor.drill.cluster import DrillFailed
from supervisor.drill.faults import DRILLS
from supervisor.drill.run import DrillResult
from supervisor.drill.stage import Observation
from supervisor.drill.verdict import Verdict

GOOD = Verdict(orders=17, fills=6, lost=0, duplicated=0, positions_wrong=())
BAD = Verdict(
    orders=17, fills=6, lost=1, duplicated=0, positions_wrong=("BTCUSDT.spot: strategies hold 1, the venue says 2",)
)
SEEN = Observation(1.25, "killed carry-btc", "running IDLE", Decimal("0.166"), 1, 3)


def played(verdict: Verdict, *failures: str) -> Callable[..., DrillResult]:
    """A drill that has been."""

    def run_drill(name: str, tell: Callable[[Observation], None], *, directory: Path | None = None) -> DrillResult:
        tell(SEEN)
        if directory is not None:
            (directory / "seen").touch()
        return DrillResult(name, "nothing is lost", verdict, {"carry-btc missed": 4.4}, failures)

    return run_drill


def outcry(*arguments: str) -> Any:
    return CliRunner().invoke(app, ["demo", *arguments])


def test_without_a_fault_it_lists_what_there_is_each_with_its_promise() -> None:
    result = outcry()
    assert result.exit_code == 0
    assert [line.split()[0] for line in result.output.splitlines()] == list(DRILLS)
    assert all(len(line.split()) > 5 for line in result.output.splitlines())


def test_an_unknown_fault_is_refused_with_those_that_are_known() -> None:
    result = outcry("kill-everything")
    assert result.exit_code == 2
    assert "no fault 'kill-everything' (there are: kill-strategy" in result.output


def test_a_promise_that_was_kept_is_told_with_what_was_seen(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(demo, "run_drill", played(GOOD))
    result = outcry("kill-strategy", "--keep", str(tmp_path / "kept"))
    assert result.exit_code == 0
    assert "1.2 s  running IDLE             residual 0.166      open 1  fills 3  killed carry-btc" in result.output
    assert "carry-btc missed: 4 ms" in result.output
    assert "17 orders at the venues, 6 fills; lost 0, duplicated 0; positions equal the venues" in result.output
    assert "the promise was kept" in result.output
    assert (tmp_path / "kept" / "seen").exists()


def test_a_promise_that_was_broken_ends_with_1_and_says_which(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(demo, "run_drill", played(BAD, "fills after the halt"))
    result = outcry("halt")
    assert result.exit_code == 1
    assert "BROKEN: fills after the halt" in result.output
    assert "BROKEN: BTCUSDT.spot: strategies hold 1, the venue says 2" in result.output
    assert "THE PROMISE WAS BROKEN" in result.output


def test_for_machines_there_is_one_object(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(demo, "run_drill", played(GOOD))
    result = json.loads(outcry("zombie", "--json").output)
    assert (result["name"], result["is_good"], result["times_ms"]) == ("zombie", True, {"carry-btc missed": 4.4})


def test_a_cluster_that_never_recovers_ends_with_1_and_what_it_said(monkeypatch: pytest.MonkeyPatch) -> None:
    def run_drill(*_: object, **__: object) -> DrillResult:
        raise DrillFailed("no 1 fills within 60 s")

    monkeypatch.setattr(demo, "run_drill", run_drill)
    result = outcry("hang")
    assert result.exit_code == 1
    assert "no 1 fills within 60 s" in result.output
