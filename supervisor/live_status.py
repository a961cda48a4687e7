"""Draws the status of a cluster again and again in the same place, or writes a line now and then where it cannot."""

import contextlib
from types import TracebackType
from typing import Self

from rich.console import Console
from rich.live import Live

from messages.health import ClusterStatus
from supervisor.status_view import ended, render, summary

LINE_INTERVAL_S = 10.0


class LiveStatus:
    """The status display of `outcry up` and `outcry status --watch`.

    In a terminal the last status is redrawn in place; elsewhere a line is written when the phase changes, when the
    cluster is halted, and every ten seconds of its time.
    """

    def __init__(self, console: Console) -> None:
        self._console = console
        self._live = Live(console=console, auto_refresh=False, vertical_overflow="ellipsis", transient=False)
        self._last: ClusterStatus | None = None
        self._shown: tuple[str, bool] | None = None
        self._next_line_s = 0.0

    def show(self, status: ClusterStatus) -> None:
        self._last = status
        if self._console.is_terminal:
            self._live.update(render(status, self._console.width, self._console.height), refresh=True)
            return
        looks = (status.phase, status.is_halted)
        if looks != self._shown or status.seconds >= self._next_line_s:
            self._shown = looks
            self._next_line_s = status.seconds + LINE_INTERVAL_S
            self._console.print(summary(status), highlight=False, soft_wrap=True)

    def end(self) -> None:
        """The cluster has ended: what is left on the screen says so, with the last figures that were known."""
        if self._last is not None and self._console.is_terminal:
            self._live.update(render(ended(self._last), self._console.width, self._console.height), refresh=True)

    def __enter__(self) -> Self:
        if self._console.is_terminal:
            self._live.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with contextlib.suppress(OSError):  # the terminal may be gone
            self._live.stop()
