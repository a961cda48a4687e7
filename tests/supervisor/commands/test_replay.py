"""`outcry replay`: the same answers end with 0, others with 1 and the causes, and what is no journal with 2."""

import json
from pathlib import Path

import pytest
from click.testing import Result
from typer.testing import CliRunner

from actors.runtime.journal_header import FILE_NAME
from supervisor.commands.app import app
from tests.actors.test_replay import a_strategy, traded_world
from tests.support.journals import write_journal


@pytest.fixture
def journal(tmp_path: Path) -> Path:
    folder = tmp_path / "journal" / "strategy-carry"
    write_journal(folder, a_strategy(), traded_world().inputs)
    return folder


def outcry(*arguments: object) -> Result:
    return CliRunner().invoke(app, ["replay", *(str(argument) for argument in arguments)])


def test_a_journal_is_made_again_to_the_byte(journal: Path) -> None:
    result = outcry(journal)
    assert 0 == result.exit_code
    assert "of them 2 orders, 0 amendments, 0 cancels: the same to the byte" in result.stdout


def test_the_folder_of_a_run_stands_for_all_of_its_strategies(journal: Path) -> None:
    write_journal(journal.parent / "strategy-other", a_strategy(), traded_world().inputs)
    result = outcry(journal.parent, "--json")
    assert 0 == result.exit_code
    assert [True, True] == [replayed["is_same"] for replayed in json.loads(result.stdout)]


def test_another_parameter_ends_with_1_and_shows_the_causes(journal: Path) -> None:
    result = outcry(journal, "--set", "notional=5000")
    assert 1 == result.exit_code
    for word in ("then: SubmitOrder", "now:  SubmitOrder", "quantity=0.082", "decision  Quote while"):
        assert word in result.stdout
    as_json = json.loads(outcry(journal, "--set", "notional=5000", "--json").stdout)
    assert ("0.165", "0.082") == tuple(as_json[0]["difference"][when]["quantity"][:5] for when in ("then", "now"))


def test_an_answer_that_is_gone_is_named(journal: Path) -> None:
    assert "now:  no answer" in outcry(journal, "--set", "min_edge_bps=500").stdout


def test_an_order_is_explained_from_its_tick_to_its_end(journal: Path) -> None:
    result = outcry(journal, "--order", "x-carry-e1-1")
    assert 0 == result.exit_code
    for word in ("input", "Quote", "order     SubmitOrder client_order_id=x-carry-e1-1", "Fill", "OrderClosed"):
        assert word in result.stdout
    unknown = outcry(journal, "--order", "x-carry-e1-99")
    assert 2 == unknown.exit_code
    assert "carry sent no order x-carry-e1-99" in unknown.stderr


def test_the_order_stream_is_written_a_frame_a_line(journal: Path, tmp_path: Path) -> None:
    file = tmp_path / "orders.txt"
    outcry(journal, "--orders", file)
    frames = [bytes.fromhex(line) for line in file.read_text().splitlines()]
    assert 2 == len(frames)
    assert all(b"submit" in frame for frame in frames)


@pytest.mark.parametrize("setting", ["notional", "notional=-1", "notional=much", "no_such=1"])
def test_a_setting_that_cannot_be_is_bad_usage(journal: Path, setting: str) -> None:
    result = outcry(journal, "--set", setting)
    assert 2 == result.exit_code
    assert result.stderr.strip()


def test_what_is_no_journal_is_bad_usage(tmp_path: Path, journal: Path) -> None:
    assert 2 == outcry(tmp_path / "nothing").exit_code
    (journal / FILE_NAME).write_text("{}")
    damaged = outcry(journal)
    assert 2 == damaged.exit_code
    assert FILE_NAME in damaged.stderr


def test_a_handler_that_fails_now_is_shown(journal: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(_self: object, _message: object) -> None:
        raise RuntimeError("a bug of today")

    monkeypatch.setattr("actors.strategies.spot_futures.strategy.SpotFutures.on_message", fail)
    result = outcry(journal)
    assert 1 == result.exit_code
    assert "now raises RuntimeError('a bug of today')" in result.stdout
