"""A real cluster in real processes, for system tests: started by `outcry up`, asked over its own operator link."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from time import monotonic
from typing import Any, Self

import psutil

from messages.health import ClusterStatus, GatewayStatus
from messages.operator import StatusReply, StatusRequest
from supervisor.drill.cluster import is_back as is_running_again
from supervisor.drill.cluster import process_of as process_named
from supervisor.drill.cluster import strategy_of as strategy_named
from supervisor.keys import OPERATOR, keyring_of
from supervisor.operator_link import NotRunning, OperatorLink, new_command_id
from supervisor.paths import ClusterPaths

__all__ = ["ROOT", "RunningCluster", "gateway_named", "is_running_again", "process_named", "strategy_named"]

ROOT = Path(__file__).resolve().parents[2]
PAUSE_S = 0.05
DEADLINE_S = 40.0


class RunningCluster:
    """`outcry up` as a user runs it, without the status display.

    :param arguments: further arguments of `outcry up`.
    """

    def __init__(
        self, config: str, directory: Path, *arguments: str, environment: dict[str, str] | None = None
    ) -> None:
        self.directory = directory
        self.paths = ClusterPaths(directory / "state")
        self.report_file = directory / "report.json"
        config_file = directory / "cluster.toml"
        config_file.write_text(config)
        command = [sys.executable, "-m", "supervisor.cli", "up", str(config_file), "--no-status"]
        command += ["--state", str(self.paths.state_dir), "--report", str(self.report_file), *arguments]
        with (directory / "up.log").open("wb") as output:
            self.process = subprocess.Popen(
                command, cwd=ROOT, stdout=output, stderr=output, env={**os.environ, **(environment or {})}
            )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        """Leave nothing behind, whatever the test did."""
        names = [str(self.paths.specs_dir), str(self.paths.state_dir)]
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        for process in self.processes_left(names):
            process.kill()

    def processes_left(self, names: list[str] | None = None) -> list[psutil.Process]:
        """Processes that name this cluster's state directory in their command line."""
        names = names or [str(self.paths.state_dir)]
        found = []
        for process in psutil.process_iter(["cmdline"]):
            words = process.info["cmdline"] or []
            if any(name in word for word in words for name in names) and process.pid != os.getpid():
                found.append(process)
        return found

    def status(self) -> ClusterStatus | None:
        """What the supervisor says now; None while it does not answer."""
        if not self.paths.socket_path("operator").exists():
            return None
        try:
            with OperatorLink(self.paths.endpoint("operator"), keyring_of(self.paths, OPERATOR)) as link:
                reply = link.request(StatusRequest(new_command_id()), 500)
        except NotRunning:
            return None
        assert isinstance(reply, StatusReply)
        return reply.status

    def wait_for(
        self, what: str, condition: Callable[[ClusterStatus], bool], deadline_s: float = DEADLINE_S
    ) -> ClusterStatus:
        """Ask until the condition holds.

        :raises AssertionError: it did not within the deadline, or the cluster ended.
        """
        end, status = monotonic() + deadline_s, None
        while monotonic() < end:
            status = self.status()
            if status is not None and condition(status):
                return status
            try:
                code = self.process.wait(PAUSE_S)
            except subprocess.TimeoutExpired:
                continue
            raise AssertionError(f"outcry up ended with {code} while waiting for {what}:\n{self.output()}")
        raise AssertionError(f"no {what} within {deadline_s} s; status {status}\n{self.output()}")

    def wait_until_trading(self, fills: int = 1) -> ClusterStatus:
        return self.wait_for(
            f"{fills} fills", lambda status: sum(strategy.fills for strategy in status.strategies) >= fills
        )

    def stop(self, deadline_s: float = DEADLINE_S, *, expected_code: int = 0) -> dict[str, Any]:
        """Ctrl-C, and the report that is written then."""
        self.process.send_signal(signal.SIGINT)
        return self.wait_for_report(deadline_s, expected_code=expected_code)

    def wait_for_report(self, deadline_s: float = DEADLINE_S, *, expected_code: int = 0) -> dict[str, Any]:
        """Wait until the cluster has ended by itself, cleanly unless another exit code is expected."""
        code = self.process.wait(deadline_s)
        assert code == expected_code, f"outcry up ended with {code}:\n{self.output()}"
        report: dict[str, Any] = json.loads(self.report_file.read_text())
        return report

    def output(self) -> str:
        """What `outcry up` printed, and the ends of the processes' logs."""
        texts = [(self.directory / "up.log").read_text()]
        if self.paths.log_dir.is_dir():
            texts += [f"== {file.name}\n{file.read_text()[-3000:]}" for file in sorted(self.paths.log_dir.iterdir())]
        return "\n".join(texts)


def gateway_named(status: ClusterStatus, name: str) -> GatewayStatus:
    (found,) = (gateway for gateway in status.gateways if gateway.id == name)
    return found
