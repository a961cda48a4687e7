"""What can be made of a report in the journal that is out of the bounds of its type. Pure.

The bounds are looked at when a frame is read, not when it is written, and an earlier release did not read what it was
about to write. Whoever told the report refused it, so that nobody knows it but the journal.
"""

from collections.abc import Mapping
from typing import Any, Final

import msgspec

from messages.base import TEXT_LENGTH_MAX
from messages.codec import FROM_GATEWAY, FrameError, encode
from messages.order_lifecycle import Order
from messages.orders import ExecutionReport, FundingPaid, OrderUnknown

_FUNDING: Final = FundingPaid.__struct_config__.tag

Fields = list[Any]  # Any: values of every type that a report has
"""The tag, the values in the order of the type's fields, of which the last two are `ts_event` and `seq`."""


def read_fields(frame: bytes) -> Fields:
    """What a report was written from, whatever its bounds."""
    fields: Fields = msgspec.msgpack.decode(frame)
    return fields


def strategy_of(fields: Fields) -> str:
    strategy: str = fields[1] if fields[0] == _FUNDING else fields[2]
    return strategy


def mended(fields: Fields, orders: Mapping[str, Order]) -> ExecutionReport | None:
    """A report of the same number that may take its place: the same with its text cut to what is allowed, or that the
    outcome of its order is unknown, so that the venue is asked. None where there is no such order.
    """
    cut = [value[:TEXT_LENGTH_MAX] if isinstance(value, str) else value for value in fields]
    try:
        return FROM_GATEWAY.decode(encode(cut))  # type: ignore[return-value]  # only reports are recorded
    except FrameError:
        pass
    order = orders.get(fields[1])
    if order is None:
        return None
    request = order.request
    head = (request.client_order_id, request.strategy, request.instrument)
    return OrderUnknown(*head, "a report of it cannot be read", fields[-2], fields[-1])
