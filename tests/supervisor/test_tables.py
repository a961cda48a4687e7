"""Tables that leave out columns and never a digit, and the width of what is written to a file."""

import io

import pytest
from rich.console import Console

from supervisor.tables import FILE_WIDTH, Column, FittedTable, number, shortened, stdout_console


def drawn(width: int) -> list[str]:
    table = FittedTable(
        Column("id"), number("orders", 1), number("PnL"), number("fills", 2), Column("why", rank=3, wraps=True)
    )
    table.add_row("carry-of-many-legs", "123456", "-1,234,567.89", "7", "it went away")
    written = io.StringIO()
    Console(file=written, width=width).print(table)
    return [line.rstrip() for line in written.getvalue().splitlines()]


def test_all_columns_are_shown_where_there_is_room() -> None:
    # 18 + 6 + 13 + 5 + 12 and four gaps of 2 = 62
    assert [
        "id                  orders            PnL  fills  why",
        "carry-of-many-legs  123456  -1,234,567.89      7  it went away",
    ] == drawn(62)


def test_words_go_on_in_the_next_line_before_anything_is_left_out() -> None:
    assert ["it went", "away"] == [line[50:] for line in drawn(57)[1:]]


def test_an_id_is_cut_and_the_least_important_columns_go_first() -> None:
    # With an id of 14: 14 + 6 + 13 + 5 and three gaps = 44, without the fills 37, without the orders 29.
    assert ["carry-of-many…", "123456", "-1,234,567.89", "7"] == drawn(44)[1].split()
    assert ["carry-of-many…", "123456", "-1,234,567.89"] == drawn(43)[1].split()
    assert ["carry-of-many…", "-1,234,567.89"] == drawn(36)[1].split()


def test_a_number_that_has_no_room_at_all_is_folded_and_not_cut() -> None:
    first, second = drawn(20)[1:]
    assert ("-1,234,567", ".89") == (first.split()[-1], second.strip())


def test_a_text_is_shortened_to_whole_words() -> None:
    assert "it holds 0.01665" == shortened("it holds 0.01665", 16)
    assert "it holds …" == shortened("it holds 0.01665", 15)


def test_what_is_no_terminal_is_wide_unless_a_width_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("COLUMNS", raising=False)
    assert FILE_WIDTH == stdout_console().width
    monkeypatch.setenv("COLUMNS", "100")
    assert 100 == stdout_console().width
