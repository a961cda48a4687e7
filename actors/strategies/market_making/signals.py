"""What a market maker sees in its market: fair value, danger, volatility, and what its fills have cost it."""

from collections.abc import Mapping

from actors.analytics.markout import FillMark, Markouts
from actors.strategies.market_making.fair_value import FairValue
from actors.strategies.market_making.parameters import MarketMakingParameters
from actors.strategies.market_making.toxicity import MarketWatch
from actors.strategies.market_view import MarketView
from messages.health import Markout
from messages.market import Depth, Quote, Trade
from messages.orders import Fill, Liquidity

NS_PER_MS = 1_000_000
SAMPLES_MIN = 10
"""Returns from which volatility is known well enough for a model that is built on it."""


class MakerSignals:
    """One instrument, and the lead if there is one. Danger is told as a sentence; the empty one says that all is well.

    :ivar mid: of the last two-sided quote; 0 before.
    """

    def __init__(self, parameters: MarketMakingParameters, views: Mapping[str, MarketView]) -> None:
        lead = None if parameters.lead_instrument is None else views[parameters.lead_instrument]
        self.view = views[parameters.instrument]
        self.watch = MarketWatch(parameters)
        self.mid = 0.0
        self._id = parameters.instrument
        self._fair_value = FairValue(parameters, lead)
        self._markouts = Markouts()
        self._adverse = self._markouts.horizons[parameters.adverse_selection_horizon_s]
        self._adverse_bps_max = parameters.adverse_selection_bps_max
        self._fixed_cost_bps = float(self.view.instrument.maker_fee_bps) + parameters.min_profit_bps
        self._age_max_ns = parameters.quote_age_max_ms * NS_PER_MS
        self._needs_volatility = parameters.model == "avellaneda_stoikov"

    def on_quote(self, quote: Quote, now_ns: int) -> str:
        """A quote of any of our instruments; only the one we trade can be dangerous."""
        if quote.instrument != self._id:
            return ""
        bid, ask = quote.bid, quote.ask
        if bid <= 0.0 or ask <= 0.0:
            return "one side of the book is empty"
        mid = self.mid = (bid + ask) / 2.0
        self._markouts.on_mid(mid, now_ns)
        self._fair_value.note_own_quote(now_ns)
        return self.watch.on_quote(quote, mid, now_ns)

    def on_trade(self, trade: Trade) -> str:
        return self.watch.on_trade(trade) if trade.instrument == self._id else ""

    def on_depth(self, depth: Depth | None) -> str:
        return self.watch.on_depth(depth) if depth is not None and depth.instrument == self._id else ""

    def on_fill(self, fill: Fill, now_ns: int) -> None:
        """Quotes that fill are marked out; what was taken on purpose says nothing of those who traded with us."""
        if fill.liquidity is Liquidity.MAKER and self.mid > 0.0:
            mark = FillMark(fill.side.sign, float(fill.price), float(fill.quantity), self.mid, now_ns)
            self._markouts.on_fill(mark)

    @property
    def is_trusted(self) -> bool:
        """Whether our venue is up and nothing of the market was lost, however old the last quote is."""
        return self.view.is_trusted

    def is_fresh(self, now_ns: int) -> bool:
        return self.view.is_fresh(now_ns, self._age_max_ns)

    def fair(self, now_ns: int) -> float:
        """Fair value by the last quote; 0 where there is none with two sides."""
        quote = self.view.quote
        if quote is None or quote.bid <= 0.0 or quote.ask <= 0.0:
            return 0.0
        return self._fair_value.of(quote, now_ns)

    def floor_bps(self) -> float:
        """Least half-spread: maker fee, what the price moves against us after a fill, and the least profit."""
        return self._fixed_cost_bps + min(self._adverse_bps_max, max(0.0, self._adverse.adverse_bps))

    def missing(self) -> str:
        """What is not known yet and has to be, before anything is quoted."""
        samples = self.watch.volatility.samples
        if self._needs_volatility and samples < SAMPLES_MIN:
            return f"volatility is known from {samples} of {SAMPLES_MIN} returns"
        return ""

    @property
    def markouts(self) -> tuple[Markout, ...]:
        return tuple(
            Markout(float(horizon.seconds), horizon.fills, horizon.mean_bps)
            for horizon in self._markouts.horizons.values()
        )
