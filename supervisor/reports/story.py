"""What a page about a run is made of. Pure: no plotting library, no files."""

from collections.abc import Mapping, Sequence
from decimal import Decimal

import msgspec

from messages.health import StrategyReport
from messages.orders import Fill

BPS = 10_000.0
SAME_ASSET_RATIO = 2.0
"""Two instruments whose prices are further apart than this have no spread worth drawing."""


class Moment(msgspec.Struct, frozen=True):
    """One strategy at one moment of market time.

    :param equity: profit and loss so far, in its reporting currency.
    :param positions: signed, by instrument id; flat ones may be left out.
    :param mids: by instrument id.
    """

    ts_ns: int
    equity: Decimal
    positions: Mapping[str, Decimal]
    mids: Mapping[str, float]


class StrategyStory(msgspec.Struct, frozen=True, kw_only=True):
    """What became of one strategy.

    :param moments: in the order of time. :param fills: its own, perhaps thinned; `fills_total` counts all.
    :param alerts: (time, text).
    """

    report: StrategyReport
    moments: Sequence[Moment]
    fills: Sequence[Fill]
    fills_total: int
    alerts: Sequence[tuple[int, str]]

    @property
    def id(self) -> str:
        return self.report.status.id

    @property
    def instruments(self) -> tuple[str, ...]:
        return tuple(self.report.status.positions)


class RunStory(msgspec.Struct, frozen=True, kw_only=True):
    """A run as a whole.

    :param facts: (name, value) of what a reader should know first, in order.
    """

    title: str
    from_ns: int
    to_ns: int
    facts: Sequence[tuple[str, str]]
    strategies: Sequence[StrategyStory]


class Spread(msgspec.Struct, frozen=True):
    """How far one instrument stood above another, in basis points: `far / near − 1`."""

    near: str
    far: str
    ts_ns: Sequence[int]
    bps: Sequence[float]

    def at(self, ts_ns: int) -> float:
        """The value at the last moment that is not later; the first one before all."""
        low, high = 0, len(self.ts_ns)
        while low < high:
            middle = (low + high) // 2
            if self.ts_ns[middle] <= ts_ns:
                low = middle + 1
            else:
                high = middle
        return self.bps[max(0, low - 1)]


def spread_of(story: StrategyStory) -> Spread | None:
    """The spread of a strategy's first two instruments of about one price; None where there are no two."""
    for near, far in _pairs(story.instruments):
        both = [moment for moment in story.moments if near in moment.mids and far in moment.mids]
        if not both or not 1 / SAME_ASSET_RATIO < both[0].mids[far] / both[0].mids[near] < SAME_ASSET_RATIO:
            continue
        values = [(moment.mids[far] / moment.mids[near] - 1.0) * BPS for moment in both]
        return Spread(near, far, [moment.ts_ns for moment in both], values)
    return None


def _pairs(names: Sequence[str]) -> list[tuple[str, str]]:
    return [(near, far) for index, near in enumerate(names) for far in names[index + 1 :]]


def drawdowns(equity: Sequence[float]) -> list[float]:
    """How far each value lies below the highest before it, and below 0 at the start; never above 0."""
    high, result = 0.0, []
    for value in equity:
        high = max(high, value)
        result.append(value - high)
    return result


def thinned(xs: Sequence[int], ys: Sequence[float], points_max: int) -> tuple[list[int], list[float]]:
    """At most about so many points of a line, with the lowest and the highest of every stretch still among them."""
    if len(xs) <= points_max:
        return list(xs), list(ys)
    stretches = max(1, points_max // 2)
    kept: set[int] = {0, len(xs) - 1}
    for number in range(stretches):
        start, end = number * len(xs) // stretches, (number + 1) * len(xs) // stretches
        kept.add(min(range(start, end), key=ys.__getitem__))
        kept.add(max(range(start, end), key=ys.__getitem__))
    order = sorted(kept)
    return [xs[index] for index in order], [ys[index] for index in order]
