"""A cluster of one's own, in real processes: started by `outcry up`, asked over its operator link, hurt by signals."""

import contextlib
import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from datetime import datetime
from pathlib import Path
from time import monotonic
from typing import Any, Final, Self

import psutil

from messages.health import ClusterStatus, ProcessState, ProcessStatus, StrategyStatus
from messages.operator import StatusReply, StatusRequest
from supervisor.keys import OPERATOR, keyring_of
from supervisor.operator_link import SOCKET_NAME, OperatorLink, OperatorLinkError, new_command_id
from supervisor.paths import ClusterPaths

POLL_S: Final = 0.02
DEADLINE_S: Final = 60.0
STATUS_TIMEOUT_MS: Final = 500
LOG_TAIL_BYTES: Final = 3_000


class DrillFailed(Exception):
    """The cluster did not do what was waited for; the text ends with what it said."""


class DrillCluster:
    """:param config: text of a config. :param directory: of its files; short, because its sockets are named by it."""

    def __init__(self, config: str, directory: Path, *, environment: dict[str, str] | None = None) -> None:
        self.directory = directory
        self.paths = ClusterPaths(directory / "state")
        self.report_file = directory / "report.json"
        self._config_file = directory / "cluster.toml"
        self._config_file.write_text(config)
        self._environment = environment or {}
        self._links: OperatorLink | None = None
        self.start()

    def start(self) -> None:
        """Run `outcry up`, again after all of it was killed."""
        command = [sys.executable, "-m", "supervisor.cli", "up", str(self._config_file), "--no-status"]
        command += ["--state", str(self.paths.state_dir), "--report", str(self.report_file)]
        with (self.directory / "up.log").open("ab") as output:
            self.process = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=output, stderr=output,
                env={**os.environ, **self._environment}, start_new_session=True,
            )  # fmt: skip

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        """Leave no process behind, whatever has happened."""
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        for process in self.processes():
            with contextlib.suppress(psutil.NoSuchProcess):
                process.kill()

    # --- looking ------------------------------------------------------------------------------------------------

    def status(self) -> ClusterStatus | None:
        """What the supervisor says now; None while it does not answer."""
        if not self.paths.socket_path(SOCKET_NAME).exists():
            return None
        try:
            with OperatorLink(self.paths.endpoint(SOCKET_NAME), keyring_of(self.paths, OPERATOR)) as link:
                reply = link.request(StatusRequest(new_command_id()), STATUS_TIMEOUT_MS)
        except OperatorLinkError:
            return None
        return reply.status if isinstance(reply, StatusReply) else None

    def wait_for(
        self, what: str, condition: Callable[[ClusterStatus], bool], deadline_s: float = DEADLINE_S
    ) -> ClusterStatus:
        """Ask until the condition holds.

        :raises DrillFailed: it did not within the deadline, or `outcry up` ended.
        """
        end_s, status = monotonic() + deadline_s, None
        while monotonic() < end_s:
            status = self.status()
            if status is not None and condition(status):
                return status
            with contextlib.suppress(subprocess.TimeoutExpired):
                code = self.process.wait(POLL_S)
                raise DrillFailed(f"outcry up ended with {code} while waiting for {what}\n{self.output()}")
        raise DrillFailed(f"no {what} within {deadline_s:g} s; status {status}\n{self.output()}")

    def wait_until_trading(self, fills: int = 1) -> ClusterStatus:
        return self.wait_for(f"{fills} fills", lambda status: fills_of(status) >= fills)

    def processes(self) -> list[psutil.Process]:
        """Every process that names this cluster's directory, the keeper too."""
        found = []
        for process in psutil.process_iter(["cmdline"]):
            words = process.info["cmdline"] or []
            if process.pid != os.getpid() and any(str(self.directory) in word for word in words):
                found.append(process)
        return found

    def output(self) -> str:
        """What `outcry up` printed, and the ends of the processes' logs."""
        texts = [(self.directory / "up.log").read_text()]
        if self.paths.log_dir.is_dir():
            texts += [
                f"== {file.name}\n{file.read_text(errors='replace')[-LOG_TAIL_BYTES:]}"
                for file in sorted(self.paths.log_dir.iterdir())
            ]
        return "\n".join(texts)

    def log_times(self, name: str, event: str, since_s: float) -> Iterator[float]:
        """When the supervisor logged an event of a process, in seconds since the epoch."""
        file = self.paths.log_dir / "supervisor.log"
        for line in file.read_text(errors="replace").splitlines() if file.exists() else ():
            with contextlib.suppress(ValueError, KeyError):
                entry = json.loads(line)
                at_s = datetime.fromisoformat(entry["timestamp"]).timestamp()
                if at_s >= since_s and entry.get("process") == name and event in str(entry["event"]):
                    yield at_s

    # --- acting -------------------------------------------------------------------------------------------------

    def kill(self, pid: int, number: signal.Signals = signal.SIGKILL) -> None:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, number)

    def outcry(self, *arguments: str, timeout_s: float = DEADLINE_S) -> subprocess.CompletedProcess[str]:
        """Run a command of `outcry` on this cluster."""
        words = [sys.executable, "-m", "supervisor.cli", *arguments, "--state", str(self.paths.state_dir)]
        return subprocess.run(words, capture_output=True, text=True, timeout=timeout_s, check=False)

    def stop(self, deadline_s: float = DEADLINE_S) -> dict[str, Any]:
        """Stop it in good order, and read its report.

        :raises DrillFailed: it did not stop, or left no report.
        """
        self.process.send_signal(signal.SIGINT)
        return self.wait_for_report(deadline_s)

    def wait_for_report(self, deadline_s: float = DEADLINE_S) -> dict[str, Any]:
        """The report that is written when the cluster ends.

        :raises DrillFailed: it did not end within the deadline, or left no report.
        """
        try:
            code = self.process.wait(deadline_s)
        except subprocess.TimeoutExpired as error:
            raise DrillFailed(f"outcry up still runs after {deadline_s:g} s\n{self.output()}") from error
        if not self.report_file.exists():
            raise DrillFailed(f"outcry up ended with {code} and left no report\n{self.output()}")
        report: dict[str, Any] = json.loads(self.report_file.read_text())
        return report


def fills_of(status: ClusterStatus) -> int:
    return sum(strategy.fills for strategy in status.strategies)


def process_of(status: ClusterStatus, name: str) -> ProcessStatus:
    (found,) = (process for process in status.processes if process.name == name)
    return found


def strategy_of(status: ClusterStatus, name: str) -> StrategyStatus:
    (found,) = (strategy for strategy in status.strategies if strategy.id == name)
    return found


def is_back(name: str, old_pid: int) -> Callable[[ClusterStatus], bool]:
    """Whether a process runs under another pid than it had."""

    def condition(status: ClusterStatus) -> bool:
        process = process_of(status, name)
        return process.state is ProcessState.RUNNING and process.pid not in {0, old_pid}

    return condition
