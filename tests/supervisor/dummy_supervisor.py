"""A supervisor process that only answers its operator: `dummy_supervisor.py BEHAVIOUR SPEC`."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil

from actors.runtime import links
from actors.runtime.keys import Role
from actors.runtime.links import open_context
from messages.codec import FROM_OPERATOR, encode
from messages.health import ClusterStatus
from messages.operator import CommandAccepted, StatusReply, StatusRequest, StopRequest
from supervisor import registry
from supervisor.actions import EXIT_CLEAN, EXIT_FAILED, EXIT_TROUBLED, SUPERVISOR
from supervisor.keys import keyring_of
from supervisor.operator_link import SOCKET_NAME
from supervisor.paths import ClusterPaths

DEADLINE_S = 30.0
STATUS = ClusterStatus("desk", "trading", 1.5, False, (), (), (), ("carry FAULTED",), 1)


class DummySupervisor:
    def __init__(self, behaviour: str, spec: dict) -> None:
        self.behaviour = behaviour
        self.paths = ClusterPaths(spec["state_dir"])
        self.keeper = os.getppid()
        self.statuses = 0
        lives = self.paths.state_dir / "lives"
        lives.touch()
        self.life = len(lives.read_text()) + 1
        lives.write_text("x" * self.life)

    def run(self) -> None:
        self.begin()
        context = open_context(keyring_of(self.paths, SUPERVISOR))
        router = links.router(context, self.paths.endpoint(SOCKET_NAME), admits=(Role.OPERATOR,))
        end_s = time.monotonic() + DEADLINE_S
        while time.monotonic() < end_s:
            if router.poll(100):
                peer, frame = router.recv_multipart()
                request = FROM_OPERATOR.decode(frame)
                if isinstance(request, StatusRequest):
                    router.send_multipart([peer, encode(StatusReply(request.command_id, STATUS))])
                    self.after_status()
                else:
                    router.send_multipart([peer, encode(CommandAccepted(request.command_id, "stopping"))])
                    self.after_stop(request)

    def begin(self) -> None:
        if self.behaviour == "refused":
            sys.stdout.write("1 mistake in desk.toml: no\n")
            sys.exit(3)
        if self.behaviour == "crash-always":
            self.leave_an_orphan()
            sys.stdout.write("the last words\n")
            sys.exit(1)
        if self.behaviour == "crash-once" and self.life == 1:
            os.kill(os.getpid(), signal.SIGKILL)
        if self.behaviour.startswith("crash-with-") and self.life == 1:
            self.leave_an_orphan()
            self.spoil_the_registry()
            os.kill(os.getpid(), signal.SIGKILL)
        if self.behaviour == "interrupt-at-once":
            os.kill(self.keeper, signal.SIGINT)

    def after_status(self) -> None:
        self.statuses += 1
        if self.behaviour == "clean" or self.behaviour.startswith("crash-"):
            sys.exit(EXIT_CLEAN)
        if self.behaviour == "troubled" and self.statuses >= 2:
            sys.stdout.write("carry ended QUARANTINED\n")
            sys.exit(EXIT_TROUBLED)
        if self.behaviour == "failed":
            sys.stdout.write("the exchange was lost\n")
            sys.exit(EXIT_FAILED)
        if self.behaviour in {"interrupted", "interrupted-twice", "stubborn", "too-late"} and self.statuses == 1:
            os.kill(self.keeper, signal.SIGINT)

        if self.behaviour == "hung-up" and self.statuses == 1:
            os.kill(self.keeper, signal.SIGHUP)
        if self.behaviour in {"hung-up", "clean-later"} and self.statuses >= 3:
            sys.exit(EXIT_CLEAN)

    def after_stop(self, request: StopRequest) -> None:
        with (self.paths.state_dir / "stops").open("a") as file:
            file.write("forced\n" if request.is_forced else "orderly\n")
        if not request.is_forced:
            if self.behaviour == "hung-up":
                os.kill(self.keeper, signal.SIGHUP)
                return
            if self.behaviour in {"interrupted-twice", "stubborn", "too-late"}:
                os.kill(self.keeper, signal.SIGTERM)
                return
            sys.exit(EXIT_CLEAN)
        if self.behaviour == "interrupted-twice":
            sys.exit(EXIT_FAILED)
        if self.behaviour == "too-late":
            sys.exit(EXIT_CLEAN)
        self.leave_an_orphan()

    def spoil_the_registry(self) -> None:
        if self.behaviour == "crash-with-damage":
            self.paths.registry_file.write_text("{")
        if self.behaviour == "crash-with-the-dead":
            dead = registry.ChildRecord(pid=os.getpid(), created_s=1.0)  # the pid is another process's by now
            registry.save(self.paths.registry_file, registry.Registry(children={"carry": dead}))

    def leave_an_orphan(self) -> None:
        """A registered child that lives on; its pid goes to a file for the test."""
        waits = "import signal; signal.alarm(60); signal.pause()"
        orphan = subprocess.Popen([sys.executable, "-c", waits], start_new_session=True)
        created_s = psutil.Process(orphan.pid).create_time()
        known = registry.load(self.paths.registry_file).children
        record = registry.ChildRecord(pid=orphan.pid, created_s=created_s)
        children = {**known, f"orphan-{self.life}": record}
        registry.save(self.paths.registry_file, registry.Registry(children=children))


if __name__ == "__main__":
    DummySupervisor(sys.argv[1], json.loads(Path(sys.argv[2]).read_text())).run()
