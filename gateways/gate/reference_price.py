"""The price that orders are judged by: the middle of the newest quote or book that this gateway has published. Pure.

Quotes are noted as they come; the price is made when an order asks for it, once for each quote, in whole half ticks: to
turn any float into a Decimal would take as long as several checks.
"""

from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Any, Final, NamedTuple

import msgspec

from messages.instruments import Instrument
from messages.market import Depth, Gap, Quote


class Reference(msgspec.Struct, frozen=True, gc=False):
    """:ivar price: the mid, in quote currency.
    :ivar ts_ns: when it was received; 0 where what came since was lost.
    """

    price: Decimal
    ts_ns: int


Latest = Callable[[str], Reference | None]
"""The newest reference of an instrument, however old; None where there is none."""

NEVER_NS: Final = 0


class _HalfTick(NamedTuple):
    size: Decimal
    of_float: float


class References:
    """The newest quote or book of each instrument."""

    def __init__(self, instruments: Mapping[str, Instrument]) -> None:
        halves = ((id, instrument.tick_size / 2) for id, instrument in instruments.items())
        self._half_ticks = {id: _HalfTick(half, float(half)) for id, half in halves}
        self._newest: dict[str, Any] = {}  # Any: Quote, Depth, or the Reference that was made of one of them

    def on_market(self, message: object) -> None:
        """Note what is published; called for every message of the market."""
        kind = type(message)
        if kind is Quote or kind is Depth:
            self._newest[message.instrument] = message  # type: ignore[attr-defined]  # both have one
        elif kind is Gap:
            self._distrust(message.instrument)  # type: ignore[attr-defined]

    def latest(self, instrument: str) -> Reference | None:
        newest = self._newest.get(instrument)
        if newest is None or type(newest) is Reference:
            return newest
        reference = self._middle_of(newest)
        if reference is not None:
            self._newest[instrument] = reference
        return reference

    def middle(self, instrument: str, bid: float, ask: float, ts_ns: int) -> Reference | None:
        """Half way from bid to ask, to the half tick; None where a side is empty, or the instrument unknown."""
        half_tick = self._half_ticks.get(instrument)
        if half_tick is None or bid <= 0.0 or ask <= 0.0:
            return None
        count = round((bid + ask) / 2.0 / half_tick.of_float) or 1
        return Reference(count * half_tick.size, ts_ns)

    def fresh_prices(self, now_ns: int, age_max_ns: int) -> dict[str, float]:
        """By instrument id, those that are no older than this."""
        found = ((instrument, self.latest(instrument)) for instrument in list(self._newest))
        return {id: float(of.price) for id, of in found if of is not None and now_ns - of.ts_ns <= age_max_ns}

    def _distrust(self, instrument: str) -> None:
        """Data were lost: keep the price, for whoever must get out, but as one of no time."""
        known = self.latest(instrument)
        if known is not None:
            self._newest[instrument] = Reference(known.price, NEVER_NS)

    def _middle_of(self, image: Quote | Depth) -> Reference | None:
        if isinstance(image, Quote):
            return self.middle(image.instrument, image.bid, image.ask, image.ts_received)
        if image.bids and image.asks:
            return self.middle(image.instrument, image.bids[0][0], image.asks[0][0], image.ts_received)
        return None
