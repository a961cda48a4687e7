"""Loaded by every Python process that has this folder on its path: faults that only come from within a process.

`OUTCRY_KILL_POINT` names a point between two steps of a gateway, and the file `OUTCRY_KILL_WHILE` must exist: of the
orders that come to the point, a random one of the next few is the last of its process.

`OUTCRY_HOST_FAULT` is `gil` (the host of the strategy `OUTCRY_VICTIM` holds the interpreter's lock for `GIL_HELD_S` at
its next heartbeat) or `crash` (it ends as soon as it starts), while the file `OUTCRY_KILL_WHILE` exists.

The product itself knows nothing of this.
"""

import ctypes
import os
import random
import signal
import sys
import time
from pathlib import Path

ORDERS_MAX = 6
ON_THE_WIRE_S = 0.01
"""For what was sent to leave the process."""

POINT, WHILE = os.environ.get("OUTCRY_KILL_POINT", ""), os.environ.get("OUTCRY_KILL_WHILE", "")
FAULT, VICTIM = os.environ.get("OUTCRY_HOST_FAULT", ""), os.environ.get("OUTCRY_VICTIM", "")
GIL_HELD_S = 20

_left = iter(range(random.SystemRandom().randint(0, ORDERS_MAX - 1)))


def _die(pause_s: float = 0.0) -> None:
    if Path(WHILE).exists() and next(_left, None) is None:
        time.sleep(pause_s)
        os.kill(os.getpid(), signal.SIGKILL)


def _install() -> None:
    from gateways.intent_log import IntentLog  # noqa: PLC0415  # every other Python process is left alone
    from gateways.order_desk import OrderDesk  # noqa: PLC0415
    from messages.orders import Fill, OrderAccepted, SubmitOrder  # noqa: PLC0415

    intend, record = IntentLog.intend, IntentLog.record

    def intend_and_die(self, frame):  # type: ignore[no-untyped-def]
        intend(self, frame)
        if b"submit" in frame[:16]:
            _die()

    def die_before_record(self, report):  # type: ignore[no-untyped-def]
        if isinstance(report, OrderAccepted | Fill):
            _die()
        return record(self, report)

    def record_and_die(self, report):  # type: ignore[no-untyped-def]
        frame = record(self, report)
        if isinstance(report, OrderAccepted | Fill):
            _die()
        return frame

    submit = OrderDesk.submit

    def submit_and_die(self, order, *arguments, **more):  # type: ignore[no-untyped-def]
        submit(self, order, *arguments, **more)
        if isinstance(order, SubmitOrder):
            _die(ON_THE_WIRE_S)

    if POINT == "journaled":
        IntentLog.intend = intend_and_die
    elif POINT == "sent":
        OrderDesk.submit = submit_and_die
    elif POINT == "unrecorded":
        IntentLog.record = die_before_record
    elif POINT == "recorded":
        IntentLog.record = record_and_die
    else:
        raise ValueError(f"OUTCRY_KILL_POINT is {POINT!r}")


def _install_in_host() -> None:
    from actors.runtime.child import ChildActor  # noqa: PLC0415  # the host's own module runs as `__main__`

    pulse, on_start = ChildActor._pulse, ChildActor.on_start

    def pulse_and_hang(self, now_ns):  # type: ignore[no-untyped-def]
        pulse(self, now_ns)
        if self.child.process == VICTIM and self.is_ready and Path(WHILE).exists():
            ctypes.PyDLL(None).sleep(GIL_HELD_S)  # unlike CDLL, it keeps the lock

    def crash(self):  # type: ignore[no-untyped-def]
        if self.child.process == VICTIM and Path(WHILE).exists():
            os._exit(1)
        on_start(self)

    if FAULT == "gil":
        ChildActor._pulse = pulse_and_hang
    elif FAULT == "crash":
        ChildActor.on_start = crash
    else:
        raise ValueError(f"OUTCRY_HOST_FAULT is {FAULT!r}")


if POINT and "gateways" in sys.orig_argv:
    _install()
if FAULT and "actors.runtime.host" in sys.orig_argv:
    _install_in_host()
