"""The exchange rate between the two quote currencies of a cross-pair route: an executable price, never taken as 1.

The inventories stand ready in both currencies, so that the rate values what comes out; it is not traded with every
opportunity. (Where it is to be traded too, the same three markets make a triangular route.)
"""

from actors.analytics.arbitrage import BPS
from actors.strategies.arbitrage.edge import Hop
from actors.strategies.market_view import MarketView
from messages.orders import Side


class ExchangeRate:
    """What one unit of a currency would bring now in the other one, the taker's fee paid."""

    def __init__(self, view: MarketView, gives: str, age_max_ns: int) -> None:
        self.view = view
        self._hop = Hop(view, Side.SELL if view.instrument.base == gives else Side.BUY)
        self._age_max_ns = age_max_ns

    def touch(self, now_ns: int) -> float:
        """At the best price; 0 where the rate is missing or too old."""
        return self._hop.touch_rate() if self.view.is_fresh(now_ns, self._age_max_ns) else 0.0

    def executable(self, amount: float, now_ns: int) -> float:
        """For so much at once; 0 where the rate is missing or too old, or the book does not cover it."""
        return self._hop.executable_rate(amount) if self.view.is_fresh(now_ns, self._age_max_ns) else 0.0

    def why_not(self, now_ns: int) -> str:
        """Why there is no rate; empty where there is one."""
        name = self.view.instrument.id
        if self.view.quote is None:
            return f"no quote of {name} yet"
        return "" if self.view.is_fresh(now_ns, self._age_max_ns) else f"the quote of {name} is too old"


class Peg:
    """A rate that should be 1, and how far it is from it."""

    def __init__(self, view: MarketView, depeg_bps_max: float) -> None:
        self.view = view
        self._max = depeg_bps_max / BPS

    def broken(self) -> str:
        """What is to be told of a depeg; empty while the peg holds."""
        quote = self.view.quote
        if quote is None or quote.bid <= 0.0 or quote.ask <= 0.0:
            return ""
        mid = (quote.bid + quote.ask) / 2.0
        if abs(mid - 1.0) <= self._max:
            return ""
        return f"depeg: {self.view.instrument.id} is at {mid:.6g}, {abs(mid - 1.0) * BPS:.0f} bps from 1"
