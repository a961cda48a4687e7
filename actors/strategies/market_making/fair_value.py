"""What a market maker thinks the instrument is worth now."""

from actors.analytics.micro_price import imbalance, micro_price
from actors.strategies.market_making.parameters import BPS, MarketMakingParameters
from actors.strategies.market_view import MarketView
from messages.market import Quote

NS_PER_MS = 1_000_000


class FairValue:
    """Micro-price + `imbalance_weight` × imbalance × spread, × (1 + shift by the lead).

    The shift is `lead_beta` × the lead's return since our own instrument was quoted last: what has happened there and
    cannot be in our quote yet. It is bounded, and 0 while the lead is not fresh.
    """

    def __init__(self, parameters: MarketMakingParameters, lead: MarketView | None) -> None:
        self._weight = parameters.imbalance_weight
        self._beta = parameters.lead_beta
        self._shift_max = parameters.lead_shift_bps_max / BPS
        self._age_max_ns = parameters.quote_age_max_ms * NS_PER_MS
        self._lead = lead
        self._anchor = 0.0

    def note_own_quote(self, now_ns: int) -> None:
        """Our instrument was quoted: the lead counts from where it is now."""
        if self._lead is not None:
            self._anchor = self._lead_price(now_ns)

    def of(self, quote: Quote, now_ns: int) -> float:
        fair = micro_price(quote)
        if self._weight:
            fair += self._weight * imbalance(quote) * (quote.ask - quote.bid)
        if self._lead is None:
            return fair
        return fair * (1.0 + self._shift(now_ns))

    def _shift(self, now_ns: int) -> float:
        price = self._lead_price(now_ns)
        if self._anchor <= 0.0 or price <= 0.0:
            return 0.0
        shift = self._beta * (price / self._anchor - 1.0)
        return min(self._shift_max, max(-self._shift_max, shift))

    def _lead_price(self, now_ns: int) -> float:
        """Its micro-price; 0 while it is not to be trusted."""
        lead = self._lead
        if lead is None or lead.quote is None or not lead.is_fresh(now_ns, self._age_max_ns):
            return 0.0
        return micro_price(lead.quote)
