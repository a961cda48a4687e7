"""One cluster, one supervisor: a lock on a file, held by the keeper and its supervisor together.

The lock belongs to the open file, which the supervisor inherits; so it is held as long as either of them lives, and
the system takes it from the dead.
"""

import fcntl
import os
from pathlib import Path

import psutil


class AlreadyRunning(Exception):
    """Another process holds the lock.

    :ivar pid: of the process to look at; 0 where it is not known.
    """

    def __init__(self, cluster: str, pid: int) -> None:
        self.pid = pid
        who = f"process {pid} runs it" if pid else "another process runs it"
        super().__init__(f"cluster {cluster} is already running: {who}; end it with `outcry stop` first")


class ClusterLock:
    """The lock of one cluster.

    :param descriptor: an open and locked file.
    """

    def __init__(self, descriptor: int) -> None:
        self.descriptor = descriptor

    @classmethod
    def acquire(cls, path: Path, cluster: str) -> "ClusterLock":
        """Take the lock.

        :raises AlreadyRunning: somebody else has it.
        """
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            pid = _living_pid(os.pread(descriptor, 64, 0))
            os.close(descriptor)
            raise AlreadyRunning(cluster, pid) from error
        return cls(descriptor)

    def sign(self, *pids: int) -> None:
        """Say who holds it, for whoever is refused."""
        os.ftruncate(self.descriptor, 0)
        os.pwrite(self.descriptor, " ".join(map(str, pids)).encode(), 0)

    def release(self) -> None:
        """Give it up; it stays locked while another process that inherited it lives."""
        os.close(self.descriptor)


def _living_pid(signature: bytes) -> int:
    """The first process of a signature that lives; 0 for none."""
    pids = [int(word) for word in signature.split() if word.isdigit()]
    return next((pid for pid in pids if psutil.pid_exists(pid)), 0)
