"""What a strategy knows of one instrument's market, in floats, and whether it may be trusted now."""

from decimal import Decimal

from actors.analytics.depth import Executable, ask_levels, bid_levels, walk
from actors.analytics.pnl import exact_mid
from messages.instruments import Instrument
from messages.market import Depth, Gap, MarkPrice, Quote
from messages.orders import Side


class MarketView:
    """The newest quote, depth image and mark of one instrument.

    A gap, or a venue that was down, makes it untrusted until the next quote, and the next depth where depth has been
    published at all.
    """

    def __init__(self, instrument: Instrument) -> None:
        self.instrument = instrument
        self.quote: Quote | None = None
        self.depth: Depth | None = None
        self.mark: MarkPrice | None = None
        self.is_up = True
        self.seen_ns = 0
        self._awaits_quote = True
        self._awaits_depth = False

    def on_quote(self, quote: Quote) -> None:
        self.quote = quote
        self.seen_ns = quote.ts_received
        self._awaits_quote = False

    def on_depth(self, depth: Depth) -> None:
        self.depth = depth
        self._awaits_depth = False

    def on_mark(self, mark: MarkPrice) -> None:
        self.mark = mark

    def on_gap(self, _gap: Gap | None = None) -> None:
        self._awaits_quote = True
        self._awaits_depth = self.depth is not None

    def on_venue(self, *, is_up: bool) -> None:
        self.is_up = is_up
        self.on_gap()

    @property
    def is_trusted(self) -> bool:
        """Whether the venue is up and nothing was lost since the newest quote, however old that is."""
        return self.is_up and not self._awaits_quote and not self._awaits_depth

    def is_fresh(self, now_ns: int, age_max_ns: int) -> bool:
        """Whether both sides are quoted, the quote is young enough, and nothing was lost since."""
        if not self.is_up or self._awaits_quote or self._awaits_depth or now_ns - self.seen_ns > age_max_ns:
            return False
        quote = self.quote
        return quote is not None and quote.bid > 0.0 and quote.ask > 0.0

    def executable(self, side: Side, size: float) -> Executable:
        """What taking `size` (the instrument's own unit) would cost; the top of the book, and the depth behind it."""
        quote = self.quote
        if quote is None:
            return Executable(0.0, 0.0, 0.0)
        if side is Side.BUY:
            if quote.ask_size >= size:
                return Executable(quote.ask, quote.ask, size)
            return walk(ask_levels(quote, self.depth.asks if self.depth else ()), size)
        if quote.bid_size >= size:
            return Executable(quote.bid, quote.bid, size)
        return walk(bid_levels(quote, self.depth.bids if self.depth else ()), size)

    def touch(self, side: Side) -> float:
        """The best price that an order of this side would take; 0 where there is none."""
        if self.quote is None:
            return 0.0
        return self.quote.ask if side is Side.BUY else self.quote.bid

    @property
    def mid(self) -> Decimal | None:
        """Exact middle of the last two-sided quote."""
        quote = self.quote
        if quote is None or quote.bid <= 0.0 or quote.ask <= 0.0:
            return None
        return exact_mid(self.instrument, quote.bid, quote.ask)
