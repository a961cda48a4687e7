"""Counts what is refused, and says when the log should tell of it, so that whoever sends rubbish fills no disk."""

from typing import Final

WINDOW_NS: Final = 1_000_000_000
LINES_MAX: Final = 10
"""Lines in the log within one window; the next one tells of all that were left out."""


class Refusals:
    """:ivar total: refused since the start."""

    def __init__(self) -> None:
        self.total = 0
        self._untold = 0
        self._lines = 0
        self._window_ends_ns = 0

    def add(self, mono_ns: int) -> int:
        """Count one.

        :returns: how many a line in the log is to tell of now, this one among them; 0 for no line.
        """
        self.total += 1
        self._untold += 1
        if mono_ns >= self._window_ends_ns:
            self._lines, self._window_ends_ns = 0, mono_ns + WINDOW_NS
        if self._lines == LINES_MAX:
            return 0
        self._lines += 1
        untold, self._untold = self._untold, 0
        return untold
