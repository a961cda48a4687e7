"""Journals of earlier runs: every strategy still answers them to the byte."""

from pathlib import Path

import pytest

from actors.runtime.input_journal import read_steps
from actors.runtime.journal_header import FILE_NAME, read_header
from messages.strategy_host import StrategyStarted
from tests.support.journals import replayed

HERE = Path(__file__).parent
JOURNALS = sorted(file.parent for file in HERE.glob(f"*/*/{FILE_NAME}"))


@pytest.mark.parametrize("folder", JOURNALS, ids=lambda folder: f"{folder.parent.name}-{folder.name}")
def test_the_strategy_answers_its_journal_to_the_byte(folder: Path) -> None:
    result = replayed(folder)
    assert result.difference is None
    assert result.orders > 0, "a journal without an order proves little"


def test_every_kind_of_strategy_has_a_journal_of_a_backtest_and_one_of_a_cluster() -> None:
    kinds = {(folder.parent.name, read_header(folder).kind) for folder in JOURNALS}
    expected = {"arbitrage", "futures-futures", "market-making", "spot-futures"}
    for run in ("demo-backtest", "demo-live"):
        assert expected == {kind for name, kind in kinds if name == run}


def test_the_journal_of_a_killed_strategy_tells_of_two_incarnations() -> None:
    starts = [
        step.message.epoch
        for step in read_steps(HERE / "demo-live" / "strategy-carry-btc")
        if isinstance(step.message, StrategyStarted)
    ]
    assert 2 == len(starts)
    assert starts[0] < starts[1]
