"""The way to the kill switch past the supervisor: a socket that each gateway binds, on which only `Halt` is known.

It is served before all else. Nothing that loosens can be said here, so that it does no harm to say it twice, or late.
"""

from collections import OrderedDict
from collections.abc import Callable
from typing import Final

from actors.runtime.links import Socket, try_send_to
from actors.runtime.mailbox import Delivery
from messages.codec import TO_CONTROL, encode
from messages.from_child import CommandDone
from messages.to_child import Halt

ANSWERS_KEPT_MAX: Final = 1_000
"""Commands remembered, so that a repeated one is answered again and done once."""


class ControlLink:
    """:param process: the gateway's own name, for the answers.
    :param halt: does what a `Halt` asks.
    """

    def __init__(self, socket: Socket, process: str, halt: Callable[[Halt], None]) -> None:
        self._socket = socket
        self._process = process
        self._halt = halt
        self._done: OrderedDict[str, None] = OrderedDict()

    def on_frame(self, delivery: Delivery) -> None:
        """Do what is asked, and answer with `CommandDone`.

        :raises FrameError: the frame is no message of this link.
        """
        command = TO_CONTROL.decode(delivery.frame)
        if command.command_id not in self._done:
            self._halt(command)
            self._done[command.command_id] = None
            if len(self._done) > ANSWERS_KEPT_MAX:
                self._done.popitem(last=False)
        done = CommandDone(command.command_id, self._process, is_ok=True, text="halted")
        try_send_to(self._socket, delivery.sender, encode(done))
