"""What a backtest remembers on the way, for its report: samples of each strategy, and its fills. Pure.

A list that grows past its bound is thinned: every second entry is dropped, and from then on only half as many new ones
are kept. So it covers the whole run evenly, however long that is.
"""

from decimal import Decimal
from typing import Any, Final, Generic, TypeVar

import msgspec

from actors.strategies.strategy import Strategy
from messages.health import Pnl
from messages.orders import Fill

SAMPLE_INTERVAL_NS: Final = 1_000_000_000
"""Of market time, at first."""

SAMPLES_MAX: Final = 10_000
FILLS_MAX: Final = 100_000
ALERTS_MAX: Final = 1_000

ItemT = TypeVar("ItemT")
ZERO: Final = Decimal(0)


class Thinned(Generic[ItemT]):
    """A list that keeps every `stride`-th of what it is given, and doubles its stride beyond a bound.

    :ivar count: given so far, what was not kept included.
    """

    def __init__(self, size_max: int) -> None:
        self._size_max = size_max
        self.items: list[ItemT] = []
        self.stride = 1
        self.count = 0

    def add(self, item: ItemT) -> None:
        if self.count % self.stride == 0:
            self.items.append(item)
            if len(self.items) > self._size_max:
                del self.items[1::2]
                self.stride *= 2
        self.count += 1


class Sample(msgspec.Struct, frozen=True):
    """One strategy at one moment of market time.

    :param pnl: of all its accounts, in its reporting currency; `pnl.total` is its equity.
    :param positions: signed, by instrument id; flat ones are left out.
    :param mids: of the newest quotes, by instrument id: the spread or basis of two legs is made of them.
    """

    ts_ns: int
    state: str
    pnl: Pnl
    positions: dict[str, Decimal]
    mids: dict[str, float]


class StrategyRecord:
    """What is remembered of one strategy.

    :ivar samples: of the whole run, `interval_ns` apart or more; the interval is doubled where they grow too many.
    :ivar drawdown: the largest fall of the equity from an earlier high, unsigned, as far as the samples show it.
    """

    def __init__(self) -> None:
        self.samples: list[Sample] = []
        self.interval_ns = SAMPLE_INTERVAL_NS
        self.fills: Thinned[Fill] = Thinned(FILLS_MAX)
        self.alerts: list[tuple[int, str]] = []
        self.alerts_total = 0
        self.drawdown = ZERO
        self._high = ZERO

    def sample(self, strategy: Strategy[Any], ts_ns: int) -> None:
        """Note how the strategy stands."""
        pnl = strategy.pnl()
        self._high = max(self._high, pnl.total)
        self.drawdown = max(self.drawdown, self._high - pnl.total)
        held = ((name, strategy.ledger.position(name)) for name in strategy.instruments)
        quotes = ((name, view.quote) for name, view in strategy.views.items())
        self.samples.append(
            Sample(
                ts_ns=ts_ns,
                state=strategy.state.name,
                pnl=pnl,
                positions={name: position for name, position in held if position},
                mids={name: (quote.bid + quote.ask) / 2 for name, quote in quotes if quote is not None},
            )
        )
        if len(self.samples) > SAMPLES_MAX:
            del self.samples[1::2]
            self.interval_ns *= 2

    def alert(self, text: str, ts_ns: int) -> None:
        """Note an alert; the first ALERTS_MAX are kept, all are counted."""
        self.alerts_total += 1
        if len(self.alerts) < ALERTS_MAX:
            self.alerts.append((ts_ns, text))
