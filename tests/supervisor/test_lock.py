"""One cluster, one supervisor."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from supervisor.lock import AlreadyRunning, ClusterLock


def test_a_second_holder_is_refused_and_told_who_is_first(tmp_path: Path) -> None:
    lock = ClusterLock.acquire(tmp_path / "lock", "desk")
    lock.sign(os.getpid())
    with pytest.raises(AlreadyRunning, match=f"cluster desk is already running: process {os.getpid()} runs it") as told:
        ClusterLock.acquire(tmp_path / "lock", "desk")
    assert told.value.pid == os.getpid()
    lock.release()


def test_a_released_lock_is_free(tmp_path: Path) -> None:
    ClusterLock.acquire(tmp_path / "lock", "desk").release()
    ClusterLock.acquire(tmp_path / "lock", "desk").release()


def test_the_living_one_of_two_holders_is_named(tmp_path: Path) -> None:
    with subprocess.Popen((sys.executable, "-c", "")) as dead:
        dead.wait()
    lock = ClusterLock.acquire(tmp_path / "lock", "desk")
    lock.sign(dead.pid, os.getpid())
    with pytest.raises(AlreadyRunning) as told:
        ClusterLock.acquire(tmp_path / "lock", "desk")
    assert told.value.pid == os.getpid()
    lock.release()


def test_a_lock_without_a_signature_is_held_by_somebody(tmp_path: Path) -> None:
    lock = ClusterLock.acquire(tmp_path / "lock", "desk")
    with pytest.raises(AlreadyRunning, match="another process runs it"):
        ClusterLock.acquire(tmp_path / "lock", "desk")
    lock.release()


def test_the_lock_is_held_as_long_as_a_process_that_inherited_it_lives(tmp_path: Path) -> None:
    lock = ClusterLock.acquire(tmp_path / "lock", "desk")
    heir = subprocess.Popen(
        (sys.executable, "-c", "import sys; sys.stdin.read()"), stdin=subprocess.PIPE, pass_fds=(lock.descriptor,)
    )
    lock.release()
    with pytest.raises(AlreadyRunning):
        ClusterLock.acquire(tmp_path / "lock", "desk")
    heir.communicate()
    ClusterLock.acquire(tmp_path / "lock", "desk").release()
