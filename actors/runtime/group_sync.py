"""Makes a journal outlive the loss of power, a little behind the trading: group `fdatasync` in a thread of its own.

A record survives the death of the process as soon as it is written. That it also survives the power costs milliseconds
a time on a disk, which no order should wait for; so the disk is asked a few times a second, off the actor's thread.
"""

import threading
from collections.abc import Callable
from typing import Final

import structlog

from actors.runtime.journal import JournalFailed

INTERVAL_S: Final = 0.2
JOIN_S: Final = 2.0

log = structlog.get_logger()


class GroupSync:
    """:param sync: makes what was written so far durable."""

    def __init__(self, sync: Callable[[], None]) -> None:
        self._sync = sync
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._run, name="group-sync", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        """Ask no more; waits for the last one."""
        self._ended.set()
        self._thread.join(JOIN_S)

    def _run(self) -> None:
        while not self._ended.wait(INTERVAL_S):
            try:
                self._sync()
            except JournalFailed as error:  # the next write says so where it matters
                log.error("journal not synced", error=str(error))
