"""How a backtest is watched: a bar in the terminal, and Ctrl-C, which ends it in good order."""

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Final

from rich.console import Console
from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn, TimeRemainingColumn

from supervisor.backtest import run
from supervisor.backtest.period import iso

_SECONDS: Final = len("2026-01-01T00:00:00")


class Watch:
    """Shows the progress and says whether to go on; the second Ctrl-C ends everything at once.

    :ivar is_interrupted: somebody pressed Ctrl-C.
    """

    def __init__(self, console: Console, *, is_shown: bool) -> None:
        self.is_interrupted = False
        self._bar = Progress(
            SpinnerColumn(),
            TextColumn("{task.description}"),
            BarColumn(),
            TextColumn("{task.fields[events]:,} events"),
            TimeElapsedColumn(),
            TimeRemainingColumn(),
            console=console,
            transient=True,
            disable=not is_shown,
        )
        self._task = self._bar.add_task("reading", total=None, events=0)

    @contextmanager
    def watching(self) -> Iterator[None]:
        """Show the bar and take Ctrl-C meanwhile."""
        before = signal.signal(signal.SIGINT, self._on_interrupt)
        try:
            with self._bar:
                yield
        finally:
            signal.signal(signal.SIGINT, before)

    def go_on(self, progress: run.Progress) -> bool:
        self._bar.update(
            self._task,
            description=iso(progress.now_ns)[:_SECONDS],
            total=None if progress.ratio is None else 1.0,
            completed=progress.ratio,
            events=progress.events,
        )
        return not self.is_interrupted

    def _on_interrupt(self, _signal: int, _frame: FrameType | None) -> None:
        self.is_interrupted = True
        signal.signal(signal.SIGINT, signal.default_int_handler)
