"""A position of Bybit, on the stream and in the list.

Source: Bybit V5 API documentation, "Get Position Info" and "Position" (private stream); read 2026-11-24.
"""

import msgspec

from gateways.bybit.asides import Aside, AsideKind, PositionSeen
from gateways.bybit.bodies import Text, exact, ns_of_ms
from gateways.bybit.directory import Directory
from gateways.bybit.executions import side_of


class PositionBody(msgspec.Struct, frozen=True, rename="camel"):
    """:param size: unsigned; of an empty position the side is empty."""

    symbol: str
    side: Text
    size: str
    position_idx: int = 0
    position_status: Text = ""
    updated_time: Text = ""
    category: Text = ""

    def seen(self, directory: Directory, category: str = "", otherwise_ms: int = 0) -> PositionSeen | Aside:
        """:param category: of the list that it is on. :param otherwise_ms: when, where it does not say.
        :raises MalformedBody: a number or a side is none.
        """
        instrument = directory.find(self.category or category, self.symbol)
        size = exact(self.size, f"size of {self.symbol}")
        if instrument is None:
            return Aside(AsideKind.NOT_TRADED, self.symbol, f"a position of {self.side or ''} {size}")
        sign = side_of(self.side or "", f"the position in {self.symbol}").sign if size else 0
        return PositionSeen(
            instrument=instrument.id,
            position=size * sign,
            position_idx=self.position_idx,
            status=self.position_status or "",
            ts_event=ns_of_ms(self.updated_time, "updatedTime", otherwise_ms),
        )
