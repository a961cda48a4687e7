"""A carry on minute bars whose spot book is a few thousandths of a bitcoin: it trades on from bar to bar."""

from pathlib import Path

import pytest

from messages.health import CycleResult
from tests.examples.recorded_examples import example_text, loaded
from tests.examples.taped_run import TapedRun, taped_run
from tests.support.recordings import needs_recordings

pytestmark = needs_recordings

CARRY = """
[[strategies]]
id = "carry-btc"
kind = "spot-futures"

[strategies.parameters]
spot = "BTCUSDT.bybit-spot"
futures = "BTCUSDT.bybit-perp"
notional = "{notional}"
exit_basis_bps = -7.0       # the perpetual stood so far below spot on average
min_edge_bps = -6.0
exit_edge_bps = -1.0
exit_confirm = 1
horizon_hours = 0
confirm_ms = 0
quote_age_max_ms = 61000    # quotes are a minute apart
quote_skew_max_ms = {skew_ms}
"""


def traded(folder: Path, notional: int, skew_ms: int = 0) -> TapedRun:
    """The markets of the arbitrage example, with a carry in its place."""
    markets = example_text("recorded_arbitrage").split("[[strategies]]")[0]
    file = folder / f"carry_{notional}_{skew_ms}.toml"
    file.write_text(markets + CARRY.format(notional=notional, skew_ms=skew_ms))
    return taped_run(loaded(file), "2022-12-13T12:00:00")


def ends(run: TapedRun) -> list[CycleResult]:
    return [cycle.result for cycle in run.result.run.strategy_reports["carry-btc"].cycles]


@pytest.mark.parametrize("notional", [20, 100, 1_000])
def test_cycles_in_a_thin_book_end_without_a_halt(notional: int, tmp_path: Path) -> None:
    run = traded(tmp_path, notional)
    status = run.result.run.strategy_reports["carry-btc"].status
    assert "HALTED" != status.state
    assert len(ends(run)) > 50
    assert CycleResult.ABANDONED not in ends(run)


def test_a_signal_on_quotes_of_one_moment_is_worth_more_than_one_on_half_of_them(tmp_path: Path) -> None:
    """Both bars end at the same instant, and one is told before the other: what was seen in between is no edge."""
    half, whole = traded(tmp_path, 100), traded(tmp_path, 100, skew_ms=1_000)
    assert ends(half).count(CycleResult.UNWOUND) > 0
    assert 0 == ends(whole).count(CycleResult.UNWOUND)
    assert len(ends(whole)) > 30
