"""Tables and lines for a terminal of any width: whole columns give way, and a number is never cut."""

import os
from collections.abc import Iterator, Sequence
from typing import Final, NamedTuple

from rich.cells import cell_len
from rich.console import Console, ConsoleOptions, RenderResult
from rich.table import Table
from rich.text import Text

GAP: Final = 2
"""Columns between two columns of a table."""

ID_WIDTH: Final = 14
"""Longer ids are cut where a table does not fit otherwise."""

FILE_WIDTH: Final = 140
"""Columns of what is written to a file or a pipe."""


def stdout_console() -> Console:
    """A console as wide as the terminal; FILE_WIDTH columns where stdout is none, unless COLUMNS says otherwise."""
    console = Console()
    is_told = console.is_terminal or bool(os.environ.get("COLUMNS"))
    return console if is_told else Console(width=FILE_WIDTH)


class Column(NamedTuple):
    """:param is_number: it stands to the right.
    :param rank: where there is no room, the column of the highest rank is left out first; 0: never.
    :param wraps: its words may go on in the next line.
    """

    heading: str
    is_number: bool = False
    rank: int = 0
    wraps: bool = False


def number(heading: str, rank: int = 0) -> Column:
    return Column(heading, is_number=True, rank=rank)


class FittedTable:
    """A table without lines that leaves out what a terminal has no room for. The first column holds ids."""

    def __init__(self, *columns: Column) -> None:
        self._columns = columns
        self._rows: list[list[Text]] = []

    def add_row(self, *cells: str | Text) -> None:
        self._rows.append([cell if isinstance(cell, Text) else Text(cell) for cell in cells])

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        yield self._drawn(options.max_width)

    def _drawn(self, width: int) -> Table:
        widths = [self._width(index) for index in range(len(self._columns))]
        is_tight = _total(widths) > width
        if is_tight:
            widths[0] = min(widths[0], ID_WIDTH)
        shown = list(self._shown(widths, width))
        has_room = _total([widths[index] for index in shown]) <= width
        table = Table(box=None, pad_edge=False, header_style="dim", padding=(0, GAP, 0, 0))
        for index in shown:
            column = self._columns[index]
            table.add_column(
                column.heading,
                justify="right" if column.is_number else "left",
                no_wrap=has_room and not column.wraps,  # what may not wrap is cut
                overflow="fold" if index else "ellipsis",
                max_width=ID_WIDTH if is_tight and not index else None,
            )
        for row in self._rows:
            table.add_row(*(row[index] for index in shown))
        return table

    def _shown(self, widths: Sequence[int], width: int) -> Iterator[int]:
        """The columns that there is room for."""
        shown = list(range(len(self._columns)))
        while _total([widths[index] for index in shown]) > width:
            least = max(shown, key=lambda index: self._columns[index].rank)
            if not self._columns[least].rank:
                break
            shown.remove(least)
        yield from shown

    def _width(self, index: int) -> int:
        """What a column needs: its longest cell, or its longest word where it wraps."""
        texts = [self._columns[index].heading, *(row[index].plain for row in self._rows)]
        if self._columns[index].wraps:
            texts = [word for text in texts for word in text.split()]
        return max(map(cell_len, texts), default=0)


def _total(widths: Sequence[int]) -> int:
    return sum(widths) + GAP * (len(widths) - 1)


def shortened(text: str, width: int) -> str:
    """A text in at most so many columns: whole words of it, so that no number is cut."""
    if cell_len(text) <= width:
        return text
    kept = text[: max(0, width - 1)].rpartition(" ")[0]
    return f"{kept} …"
