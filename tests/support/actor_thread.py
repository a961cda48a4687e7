"""An actor of a child process, run for real in a thread of the tests' own process."""

import gc
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Thread
from threading import enumerate as running_threads
from typing import Any

from actors.runtime.child import ChildActor, Outcome
from tests.support.sockets import PATIENCE_MS

PATIENCE_S = PATIENCE_MS / 1_000


class ActorThread:
    """An actor and the thread that it has."""

    def __init__(self, actor_class: type[ChildActor], spec: Any) -> None:
        self._outcome = Outcome()
        before = set(running_threads())
        self._ref = actor_class.start(spec, self._outcome)
        self._thread = _thread_of(actor_class, before)

    def ends(self) -> int:
        """Wait until the actor has ended, and everything of it is closed; returns its exit code."""
        self._thread.join(PATIENCE_S)
        assert not self._thread.is_alive(), f"{self._thread.name} did not end within {PATIENCE_S} s"
        assert not self._ref.is_alive(), f"{self._thread.name} ended without its actor"
        return self._outcome.exit_code

    def stop(self) -> None:
        """End the actor, whatever it does; nothing where it has ended."""
        if self._ref.is_alive():
            self._ref.stop(block=False)
        self._thread.join(PATIENCE_S)


class ActorThreads:
    """Starts actors, and leaves none behind."""

    def __init__(self) -> None:
        self._started: list[ActorThread] = []

    def start(self, actor_class: type[ChildActor], spec: Any) -> ActorThread:
        actor = ActorThread(actor_class, spec)
        self._started.append(actor)
        return actor


@contextmanager
def actor_threads() -> Iterator[ActorThreads]:
    """Actors may be started here; a child switches the garbage collector off, which the tests need on."""
    threads = ActorThreads()
    try:
        yield threads
    finally:
        for actor in threads._started:
            actor.stop()
        gc.unfreeze()
        gc.enable()


def _thread_of(actor_class: type[ChildActor], before: set[Thread]) -> Thread:
    (thread,) = (
        thread for thread in set(running_threads()) - before if thread.name.startswith(f"{actor_class.__name__}-")
    )
    return thread
