"""Loaded by every Python process that has this folder on its path: makes a gateway kill itself between two steps.

`OUTCRY_KILL_POINT` names the point, and the file `OUTCRY_KILL_WHILE` must exist; of the orders that come to the point,
a random one of the next few is the last of its process. The gateway itself knows nothing of this.
"""

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


if POINT and "gateways" in sys.orig_argv:
    _install()
