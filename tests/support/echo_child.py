"""The smallest child there can be: it answers commands. `python -m tests.support.echo_child SPEC`."""

import sys
from collections.abc import Sequence

import zmq

from actors.runtime.child import ChildActor, Outcome, Port, run_child
from actors.runtime.links import router
from actors.runtime.mailbox import Delivery, Priority, Wire
from actors.runtime.spec import ChildSpec
from messages.from_child import ProcessKind
from messages.to_child import Drain, Halt, ReportRequest, StartTrading, ToChild
from tests.support.sockets import PATIENCE_MS

PEER = "peer"


class EchoSpec(ChildSpec, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """:param peer_endpoint: a ROUTER that the child connects to; empty for none.
    :param bound_endpoint: where the child binds a ROUTER of its own, whose frames it sends back.
    :param fails_in: the hook that raises.
    :param opens_slowly: be ready only once the supervisor could be told so.
    """

    peer_endpoint: str = ""
    bound_endpoint: str = ""
    fails_in: str = ""
    opens_slowly: bool = False


class EchoChild(ChildActor):
    """Does a `StartTrading` and says how many it has done; dies of a `Halt`; answers a `Drain` when asked again."""

    kind = ProcessKind.EXCHANGE

    def __init__(self, spec: EchoSpec, outcome: Outcome) -> None:
        super().__init__(spec, outcome)
        self.spec = spec
        self.epoch = 7
        self.starts = 0
        self.connections: list[str] = []
        self.alarms: list[str] = []

    def on_open(self) -> None:
        self._fail_if("open")
        if self.spec.peer_endpoint:
            self.connect(Port(PEER, Priority.EXECUTIONS, hwm=10), self.spec.peer_endpoint, "echo", self.echo)
        if self.spec.bound_endpoint:
            self._bound = router(self.context, self.spec.bound_endpoint)
            self.attach(Port("bound", Priority.EXECUTIONS, Wire.ROUTED), self._bound, self.echo)
        if self.spec.opens_slowly:
            assert self._commands.poll(PATIENCE_MS, zmq.POLLOUT)
        self.set_ready()

    def echo(self, delivery: Delivery) -> None:
        if delivery.frame == b"poison":
            raise RuntimeError("poisoned frame")
        self._bound.send_multipart((delivery.sender, delivery.frame))

    def on_command(self, command: ToChild) -> None:
        if isinstance(command, StartTrading):
            self.starts += 1
            self.finish(command.command_id, f"start {self.starts}")
        elif isinstance(command, Halt):
            raise RuntimeError(command.reason)  # noqa: TRY004  # a handler that fails, not a wrong type
        elif isinstance(command, Drain):
            self.is_drained = True
        elif isinstance(command, ReportRequest):
            self.set_alarm(0)
            self.finish(command.command_id, " ".join(self.connections + self.alarms))

    def on_connection(self, name: str, *, is_up: bool) -> None:
        self.connections.append(f"{name}-{'up' if is_up else 'down'}")

    def on_alarm(self) -> None:
        self.alarms.append("alarm")

    def on_close(self) -> None:
        self._fail_if("close")

    def _fail_if(self, hook: str) -> None:
        if self.spec.fails_in == hook:
            raise RuntimeError(f"failed in {hook}")


def main(arguments: Sequence[str]) -> int:
    return run_child(EchoChild, EchoSpec, arguments)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
