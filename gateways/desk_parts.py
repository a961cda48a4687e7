"""What the desks of a gateway share."""

from collections.abc import Callable
from typing import NamedTuple

from gateways.gate.order_gate import OrderGate
from gateways.gate.order_records import OrderRecords
from gateways.intent_log import IntentLog
from gateways.venue_line import VenueLine


class DeskParts(NamedTuple):
    """:param line: to the venue.
    :param to_strategy: tells a strategy, if it is there.
    :param now_ns: market time; `mono_ns` the monotonic clock of the machine, by which leases end.
    """

    line: VenueLine
    gate: OrderGate
    intent_log: IntentLog
    records: OrderRecords
    to_strategy: Callable[[str, bytes], None]
    now_ns: Callable[[], int]
    mono_ns: Callable[[], int]
