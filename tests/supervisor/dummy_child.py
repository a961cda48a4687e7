"""A child process that speaks the children's protocol and does nothing else: `dummy_child.py BEHAVIOUR SPEC`.

It prints every command that it hears, so that its log tells what it was asked.
"""

import json
import os
import signal
import sys
import time
from pathlib import Path

import zmq

from messages.base import PROTOCOL_VERSION
from messages.codec import TO_CHILD, encode
from messages.from_child import (
    CommandDone,
    Heartbeat,
    ProcessKind,
    Ready,
    Register,
    SourcesExhausted,
    StrategyFault,
    StrategyReported,
    VenuesReported,
)
from messages.health import Lifecycle, Pnl, StrategyReport, StrategyStatus
from messages.to_child import ReportRequest, StartTrading, StopProcess

HEARTBEAT_MS = 50
ORPHAN_DEADLINE_S = 60.0


class DummyChild:
    def __init__(self, behaviour: str, spec: dict) -> None:
        self.behaviour = behaviour
        self.name = spec["process"]
        self.epoch = spec.get("epoch", 0)
        self.kind = ProcessKind.STRATEGY if "strategy" in spec else ProcessKind.GATEWAY
        if self.name == "exchange":
            self.kind = ProcessKind.EXCHANGE
        self.is_silent = False
        self.context = zmq.Context()
        self.socket = self.context.socket(zmq.DEALER)
        self.socket.setsockopt(zmq.ROUTING_ID, self.name.encode())
        self.socket.setsockopt(zmq.IMMEDIATE, 1)
        self.monitor = self.socket.get_monitor_socket(zmq.EVENT_HANDSHAKE_SUCCEEDED)
        self.socket.connect(spec["supervisor_endpoint"])

    def say(self, message) -> None:
        try:
            self.socket.send(encode(message), zmq.NOBLOCK)
        except zmq.Again:
            return

    def run(self) -> None:
        poller = zmq.Poller()
        poller.register(self.socket, zmq.POLLIN)
        poller.register(self.monitor, zmq.POLLIN)
        end_s = time.monotonic() + ORPHAN_DEADLINE_S
        while time.monotonic() < end_s:
            ready = dict(poller.poll(HEARTBEAT_MS))
            if self.monitor in ready:
                self.monitor.recv_multipart()
                self.say(Register(self.name, self.kind, os.getpid(), self.epoch, PROTOCOL_VERSION))
                self.say(Ready(self.name))
            if self.socket in ready:
                self.obey(TO_CHILD.decode(self.socket.recv()))
            if not self.is_silent:
                self.say(Heartbeat(self.name, time.monotonic_ns(), 0, True))

    def obey(self, command) -> None:
        sys.stdout.write(f"{command}\n")
        sys.stdout.flush()
        if isinstance(command, StopProcess) and self.behaviour == "stubborn":
            return
        if isinstance(command, ReportRequest):
            self.report(command)
        self.say(CommandDone(command.command_id, self.name, True, ""))
        if isinstance(command, StartTrading):
            self.trade()
        elif isinstance(command, StopProcess):
            self.leave(0)

    def trade(self) -> None:
        is_first = self.epoch == 1
        if self.behaviour == "exhausted":
            self.say(SourcesExhausted(self.name))
        elif self.behaviour == "terminate-parent":
            os.kill(os.getppid(), signal.SIGTERM)
        elif self.behaviour == "silent-at-first" and is_first:
            self.is_silent = True
        elif self.behaviour == "faulty-at-first" and is_first:
            self.say(StrategyFault(self.name, self.name, "HEDGED", "Quote", "Traceback\nKeyError: 'x'", 1))
            self.leave(3)

    def report(self, request: ReportRequest) -> None:
        if self.kind is ProcessKind.EXCHANGE:
            self.say(VenuesReported(request.command_id, self.name, {}))
        else:
            pnl = Pnl(0, 0, 0, 0, "")
            status = StrategyStatus(
                self.name, "dummy", Lifecycle.DRAINING, "FLAT", self.epoch, 5, 4, 3, 0, {}, pnl, (), 0, ""
            )
            self.say(StrategyReported(request.command_id, self.name, StrategyReport(status, ())))

    def leave(self, exit_code: int) -> None:
        self.monitor.close(0)
        self.socket.close(500)
        self.context.term()  # waits until the last words have left
        sys.exit(exit_code)


if __name__ == "__main__":
    DummyChild(sys.argv[1], json.loads(Path(sys.argv[2]).read_text())).run()
