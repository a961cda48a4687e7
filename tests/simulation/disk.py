"""The disk of the simulation: real files in memory, behind an `os` that fails on demand and can die in a write."""

import errno
import os
from pathlib import Path
from tempfile import TemporaryFile
from typing import TYPE_CHECKING, Any

from tests.simulation.world import Killed, World

if TYPE_CHECKING:
    from tests.simulation.processes import SimulatedProcess


class Disk:
    """:ivar failing: by process name: the error number with which its writes fail until the disk is mended."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.failing: dict[str, int] = {}
        self.failures = 0
        self.torn = 0

    def cut_off(self, process: "SimulatedProcess") -> None:
        """Its machine is on its own: what it writes from now on, nobody else reads."""
        for fd in process.fds:
            with TemporaryFile() as elsewhere:
                elsewhere.truncate(os.fstat(fd).st_size)
                position = os.lseek(fd, 0, os.SEEK_CUR)
                os.dup2(elsewhere.fileno(), fd)
                os.lseek(fd, position, os.SEEK_SET)

    def close_all(self, process: "SimulatedProcess") -> None:
        for fd in process.fds:
            os.close(fd)
        process.fds = []


class JournalOs:
    """`os`, as journals and the snapshots of gateways see it."""

    def __init__(self, disk: Disk) -> None:
        self._disk = disk

    def __getattr__(self, name: str) -> Any:
        return getattr(os, name)

    def open(self, path: Any, flags: int, mode: int = 0o777) -> int:
        process = self._process()
        if process is not None and flags & os.O_CREAT and not Path(path).exists():
            self._fail(process)
        fd = os.open(path, flags, mode)
        if process is not None:
            process.fds.append(fd)
        return fd

    def close(self, fd: int) -> None:
        process = self._process()
        if process is not None and fd in process.fds:
            process.fds.remove(fd)
        os.close(fd)

    def write(self, fd: int, data: Any) -> int:
        process = self._process()
        if process is None:
            return os.write(fd, data)
        self._fail(process, fd, data)
        if process.doom == 1 and self._disk.world.is_true(0.5):  # the machine stops in the middle of the record
            self._disk.torn += 1
            os.write(fd, bytes(data)[: self._disk.world.random.randrange(len(data))])
            raise Killed
        process.before_effect()
        written = os.write(fd, data)
        process.after_effect()
        return written

    def replace(self, source: Any, target: Any) -> None:
        process = self._process()
        if process is None:
            Path(source).replace(target)
            return
        process.before_effect()
        Path(source).replace(target)
        process.after_effect()

    def fdatasync(self, _fd: int) -> None:
        process = self._process()
        if process is not None and self._disk.failing.get(process.name) == errno.EIO:
            self._fail(process)

    def fsync(self, _fd: int) -> None:
        """What is written is safe here."""

    def _process(self) -> "SimulatedProcess | None":
        return self._disk.world.current  # type: ignore[no-any-return]

    def _fail(self, process: "SimulatedProcess", fd: int = -1, data: Any = b"") -> None:
        number = self._disk.failing.get(process.name)
        if number is None:
            return
        self._disk.failures += 1
        if data and self._disk.world.is_true(0.3):  # a part of it still fits
            os.write(fd, bytes(data)[: self._disk.world.random.randrange(len(data))])
        raise OSError(number, os.strerror(number))
