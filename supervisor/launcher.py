"""Starts, watches, measures and kills processes. No decisions here.

A child gets a session of its own, so that Ctrl-C in the terminal does not reach it, and its output goes to a log file.
A process is known by its pid and its birth together (`process_birth`); where the system has pidfds, they say at once
that it ended.
"""

import contextlib
import os
import select
import signal
import subprocess
import time
from collections.abc import Collection, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import psutil

from supervisor.actions import SUPERVISOR
from supervisor.occurrences import ProcessEnded, ProcessStarted, Usage
from supervisor.process_birth import birth_of
from supervisor.registry import ChildRecord

START_TIME_TOLERANCE_S: Final = 2.0
"""psutil reckons start times from the boot time, which moves when the wall clock is set: of use only where the system
tells no birth."""
LOG_BYTES_MAX: Final = 16 * 2**20
"""A log that is longer when its process starts is put aside, in place of the one put aside before."""
REAP_TIMEOUT_S: Final = 5.0
MB: Final = 1_000_000


class LaunchFailed(Exception):
    """A process could not be started."""


class Launcher:
    """The processes of one cluster.

    :param log_dir: `NAME.log` of each process goes there.
    """

    def __init__(self, log_dir: Path) -> None:
        self._log_dir = log_dir
        self._processes: dict[str, _Process] = {}
        self._own = psutil.Process()
        self._own.cpu_percent()

    def start(self, name: str, command: Sequence[str]) -> ProcessStarted:
        """Start a process.

        :raises LaunchFailed: it could not be started.
        """
        try:
            with open_log(self._log_dir / f"{name}.log") as log:
                popen = subprocess.Popen(
                    command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True
                )
            process = _Process(psutil.Process(popen.pid), popen)
        except (OSError, psutil.NoSuchProcess) as error:
            raise LaunchFailed(f"{' '.join(command)}: {error}") from error
        self._processes[name] = process
        return ProcessStarted(name, popen.pid, process.created_s, birth_of(popen.pid))

    def adopt(self, records: Mapping[str, ChildRecord]) -> frozenset[str]:
        """Watch those of the registered processes that live; returns their names."""
        for name, record in records.items():
            found = find_process(record)
            if found is not None:
                self._processes[name] = _Process(found, None)
        return frozenset(self._processes)

    def kill_strays(self, spec_files: Collection[Path]) -> list[int]:
        """Kill processes that were started with one of these spec files and were never registered, because the
        supervisor died between the two. :returns: their pids.
        """
        known = {process.pid for process in self._processes.values()}
        files = {str(path) for path in spec_files}
        killed = []
        for process in psutil.process_iter(["cmdline", "pid"]):
            words = process.info["cmdline"] or []
            if words and words[-1] in files and process.pid not in known:
                with contextlib.suppress(psutil.NoSuchProcess):
                    process.kill()
                    killed.append(process.pid)
        return killed

    def kill(self, name: str) -> None:
        """SIGKILL; harmless where it has ended already."""
        process = self._processes.get(name)
        if process is not None:
            process.kill()

    def descriptors(self) -> set[int]:
        """The pidfds of the living processes: each is readable once its process has ended."""
        return {process.fd for process in self._processes.values() if process.fd is not None}

    def sweep(self) -> list[ProcessEnded]:
        """Take those that have ended since the last time."""
        ended = []
        for name, process in list(self._processes.items()):
            if process.has_ended():
                del self._processes[name]
                ended.append(ProcessEnded(name, process.pid, process.exit_code()))
                process.close()
        return ended

    def measure(self) -> dict[str, Usage]:
        """Measure every living process, and this one."""
        usages = {}
        for name, handle in ((SUPERVISOR, self._own), *((name, item.handle) for name, item in self._processes.items())):
            with contextlib.suppress(psutil.NoSuchProcess, psutil.AccessDenied):
                usages[name] = usage_of(handle)
        return usages

    def close(self) -> None:
        """Close the pidfds. The processes live on."""
        for process in self._processes.values():
            process.close()
        self._processes.clear()


class _Process:
    """One living process, our own child or an adopted one."""

    def __init__(self, handle: psutil.Process, popen: "subprocess.Popen[bytes] | None") -> None:
        self.handle = handle
        self.pid = handle.pid
        self.created_s = handle.create_time()
        self.fd = _pidfd(handle.pid)
        self._popen = popen
        with contextlib.suppress(psutil.NoSuchProcess):
            handle.cpu_percent()  # the first call is the start of the first interval

    def has_ended(self) -> bool:
        if self._popen is not None:
            return self._popen.poll() is not None
        if self.fd is not None:
            return bool(select.select([self.fd], [], [], 0)[0])
        return not is_running(self.handle)

    def exit_code(self) -> int | None:
        return None if self._popen is None else self._popen.poll()

    def kill(self) -> None:
        with contextlib.suppress(ProcessLookupError, psutil.NoSuchProcess):
            if self.fd is not None:
                signal.pidfd_send_signal(self.fd, signal.SIGKILL)
            else:
                self.handle.kill()

    def close(self) -> None:
        if self.fd is not None:
            os.close(self.fd)
            self.fd = None


def find_process(record: ChildRecord) -> psutil.Process | None:
    """The process of a record, if it still lives and its pid was not given to another one since."""
    if not record.pid:
        return None
    try:
        process = psutil.Process(record.pid)
        is_same = _is_born_as(process, record)
    except psutil.NoSuchProcess:
        return None
    return process if is_same and is_running(process) else None


def _is_born_as(process: psutil.Process, record: ChildRecord) -> bool:
    """:raises psutil.NoSuchProcess: it has ended."""
    birth = birth_of(process.pid) if record.birth else ""
    if birth:
        return birth == record.birth
    return abs(process.create_time() - record.created_s) <= START_TIME_TOLERANCE_S


def living_records(records: Mapping[str, ChildRecord]) -> dict[str, ChildRecord]:
    """Those of the registered processes that live."""
    return {name: record for name, record in records.items() if find_process(record) is not None}


def is_running(process: psutil.Process) -> bool:
    """Whether it lives; a zombie does not."""
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def usage_of(process: psutil.Process) -> Usage:
    """CPU since the last call, CPU over its life, and memory. :raises psutil.NoSuchProcess: it has ended."""
    with process.oneshot():
        times = process.cpu_times()
        age_s = max(time.time() - process.create_time(), 0.001)
        mean = 100.0 * (times.user + times.system) / age_s
        return Usage(process.cpu_percent(), mean, process.memory_info().rss / MB)


def kill_processes(records: Mapping[str, ChildRecord], timeout_s: float = REAP_TIMEOUT_S) -> list[str]:
    """Kill registered processes; returns the names of those that are still there after the timeout."""
    found = {name: process for name, record in records.items() if (process := find_process(record)) is not None}
    for process in found.values():
        with contextlib.suppress(psutil.NoSuchProcess):
            process.kill()
    psutil.wait_procs(found.values(), timeout=timeout_s)
    return sorted(name for name, process in found.items() if is_running(process))


@contextlib.contextmanager
def open_log(path: Path) -> Iterator[Any]:  # Any: a binary file, whose type has no public name
    """Open a log file to append to, readable by the owner only."""
    if path.exists() and path.stat().st_size > LOG_BYTES_MAX:
        path.replace(path.with_name(f"{path.name}.old"))
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    with os.fdopen(descriptor, "ab") as file:
        yield file


def _pidfd(pid: int) -> int | None:
    """A pidfd; None where the system has none, or the process is gone already."""
    if not hasattr(os, "pidfd_open"):
        return None
    try:
        return os.pidfd_open(pid)
    except OSError:
        return None
