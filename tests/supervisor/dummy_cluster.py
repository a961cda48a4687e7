"""Clusters of dummy children: real processes, real sockets, no markets."""

import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from threading import Event

import msgspec
import psutil

from actors.runtime.spec import ChildSpec
from messages.from_child import ProcessKind
from messages.health import ClusterStatus, ProcessStatus
from messages.operator import StatusReply, StatusRequest
from supervisor.child_spec import CHILDREN_SOCKET, ChildPlan, ClusterPlan, Restart, RestartPolicy
from supervisor.operator_link import SOCKET_NAME, OperatorLink, OperatorLinkError, new_command_id
from supervisor.paths import ClusterPaths
from tests.supervisor.core_driver import CARRY, EXCHANGE, SPOT, child

DUMMY_CHILD = Path(__file__).with_name("dummy_child.py")
REPOSITORY = Path(__file__).parents[2]
DEADLINE_S = 15.0
POLL_S = 0.02


def dummy_plan(paths: ClusterPaths, behaviours: Mapping[str, str] | None = None, **settings: int) -> ClusterPlan:
    """An exchange, a gateway and a strategy, each of which behaves as told (`good` where nothing is told)."""
    told = behaviours or {}

    def plan(name: str, kind: ProcessKind, restart: Restart) -> ChildPlan:
        command = (sys.executable, str(DUMMY_CHILD), told.get(name, "good"))
        template = child(name, kind, restart, command)
        spec: ChildSpec = msgspec.structs.replace(template.spec, supervisor_endpoint=paths.endpoint(CHILDREN_SOCKET))
        return msgspec.structs.replace(template, spec=spec)

    return ClusterPlan(
        cluster="desk",
        children=(
            plan(EXCHANGE, ProcessKind.EXCHANGE, Restart.TEMPORARY),
            plan(SPOT, ProcessKind.GATEWAY, Restart.PERMANENT),
            plan(CARRY, ProcessKind.STRATEGY, Restart.TRANSIENT),
        ),
        policy=RestartPolicy(backoff_min_s=0.05),
        **settings,
    )


def new_paths(tmp_path: Path) -> ClusterPaths:
    paths = ClusterPaths(tmp_path / "state")
    paths.create()
    return paths


def eventually(condition: Callable[[], bool], what: str, deadline_s: float = DEADLINE_S) -> None:
    """Wait until something holds; a test fails that waits too long."""
    end_s = time.monotonic() + deadline_s
    pause = Event()
    while not condition():
        assert time.monotonic() < end_s, f"{what}: not within {deadline_s:g} s"
        pause.wait(POLL_S)


class Desk:
    """The operator's view of a dummy cluster."""

    def __init__(self, paths: ClusterPaths) -> None:
        self.paths = paths
        self.link = OperatorLink(paths.endpoint(SOCKET_NAME))

    def status(self) -> ClusterStatus | None:
        try:
            reply = self.link.request(StatusRequest(new_command_id()), 1_000)
        except OperatorLinkError:
            return None
        assert isinstance(reply, StatusReply)
        return reply.status

    def process(self, name: str) -> ProcessStatus:
        status = self.status()
        assert status is not None
        return next(process for process in status.processes if process.name == name)

    def await_phase(self, phase: str) -> ClusterStatus:
        seen: list[ClusterStatus] = []

        def is_there() -> bool:
            status = self.status()
            seen[:] = [status] if status is not None else []
            return status is not None and status.phase == phase

        eventually(is_there, f"phase {phase}")
        return seen[0]

    def log(self, name: str) -> str:
        path = self.paths.log_dir / f"{name}.log"
        return path.read_text() if path.exists() else ""

    def pids(self) -> list[int]:
        status = self.status()
        return [process.pid for process in status.processes if process.name != "supervisor"] if status else []


def all_gone(pids: list[int]) -> bool:
    return not any(psutil.pid_exists(pid) and psutil.Process(pid).status() != psutil.STATUS_ZOMBIE for pid in pids)
