"""The group sync asks the disk in a thread of its own, until it is told to stop, whatever the disk says."""

import threading

from actors.runtime.group_sync import GroupSync
from actors.runtime.journal import JournalFailed

DEADLINE_S = 10.0


def test_it_goes_on_after_a_failure_and_ends_when_told_to() -> None:
    asked: list[str] = []
    again = threading.Event()

    def sync() -> None:
        asked.append(threading.current_thread().name)
        if len(asked) == 1:
            raise JournalFailed("the disk is full")
        again.set()

    group_sync = GroupSync(sync)
    group_sync.start()
    assert again.wait(DEADLINE_S), "it gave up after the failure"
    group_sync.stop()
    count = len(asked)
    assert set(asked) == {"group-sync"}
    assert not group_sync._thread.is_alive()
    assert len(asked) == count
