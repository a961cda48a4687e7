"""The market of one synthetic instrument: makers who keep its book around fair value, takers who trade against it."""

from math import exp
from random import Random

from gateways.exchange.sources.fair_value import FairValue
from gateways.exchange.sources.funding_rate import FundingRate
from gateways.exchange.sources.hawkes import HawkesArrivals
from gateways.exchange.sources.source import BookChange, BookReset, PriceLevels, SourceEvent
from gateways.exchange.sources.synthetic_book import RankedLots, SyntheticBook
from gateways.exchange.sources.synthetic_profile import Profile
from messages.instruments import Instrument
from messages.market import MarkPrice, Quote, Trade
from messages.orders import Side

MARK_INTERVAL_NS = 1_000_000_000

TAKERS_PER_EVENT = 0.1
"""Of the stated rate of events, a tenth are takers arriving; each makes a print, a book change and a quote."""

REFRESHES_PER_EVENT = 0.38
"""Refreshes by the makers; each makes a book change and often a quote. Measured, so that the total is the rate."""

TRADE_DEVIATION = 1.0
"""Of the logarithm of a trade's size."""

SAME_SIDE_PROBABILITY = 0.65
"""That a taker is on the side of the one before: large orders are worked in slices."""

_BPS = 1e-4


class OrderFlow:
    """Makes the events of one instrument, one moment at a time.

    :param activity_max: see `HawkesArrivals`.
    :ivar next_ns: when the next moment is due.
    """

    def __init__(
        self,
        instrument: Instrument,
        profile: Profile,
        fair_value: FairValue,
        *,
        levels: int,
        activity_max: float,
        funding_interval_ns: int,
        start_ns: int,
        rng: Random,
    ) -> None:
        self._id = instrument.id
        self._has_mark = not instrument.is_spot
        self._is_inverse = instrument.inverse
        self._tick = float(instrument.tick_size)
        self._lot = float(instrument.lot_size * instrument.multiplier)
        # A quotient of two integers is rounded once, so it equals the float of the exact Decimal.
        self._tick_over, self._tick_under = instrument.tick_size.as_integer_ratio()
        self._lot_over, self._lot_under = instrument.lot_size.as_integer_ratio()

        self._profile = profile
        self._fair_value = fair_value
        self._funding = FundingRate(funding_interval_ns)
        self._rng = rng
        spacing = round(profile.level_spacing_bps * _BPS * fair_value.mid(start_ns) / self._tick)
        self._book = SyntheticBook(levels, max(1, spacing), rng)
        self._arrivals = HawkesArrivals(profile.events_per_second * TAKERS_PER_EVENT, activity_max, start_ns, rng)
        self._refreshes_per_ns = profile.events_per_second * REFRESHES_PER_EVENT / 1e9

        self._aggressor = Side.BUY
        self._trade_number = 0
        self._update_id = 0
        self._top = (0, 0, 0, 0)
        self._next_refresh_ns = start_ns
        self._next_mark_ns = start_ns
        self.next_ns = start_ns

    def step(self) -> list[SourceEvent]:
        """Make the events of the moment `next_ns`, and settle when the next one is."""
        now_ns = self.next_ns
        if now_ns == self._next_refresh_ns:
            events = self._refresh(now_ns)
            self._next_refresh_ns = now_ns + 1 + int(self._rng.expovariate(self._refreshes_per_ns))
        elif now_ns == self._next_mark_ns:
            events = [self._mark(now_ns)] if self._has_mark else []
            self._next_mark_ns = (now_ns // MARK_INTERVAL_NS + 1) * MARK_INTERVAL_NS
        else:
            is_arrival = self._arrivals.judge(self._fair_value.activity(now_ns))
            events = self._take(now_ns) if is_arrival else []
        self.next_ns = min(self._next_refresh_ns, self._next_mark_ns, self._arrivals.next_ns)
        return events

    def _refresh(self, now_ns: int) -> list[SourceEvent]:
        """Makers lay the book around fair value."""
        mid = self._fair_value.mid(now_ns)
        lots = self._profile.level_notional / self._lot_notional(now_ns, mid)
        mid_ticks = mid / self._tick
        bids, asks = self._book.lay(mid_ticks, self._profile.spread_bps * _BPS * mid_ticks, lots)
        return self._reprint(now_ns, bids, asks)

    def _take(self, now_ns: int) -> list[SourceEvent]:
        """A taker trades against the best levels."""
        rng = self._rng
        if rng.random() >= SAME_SIDE_PROBABILITY:
            self._aggressor = self._aggressor.opposite
        median = self._profile.level_notional * self._profile.trade_notional_ratio
        notional = median * exp(TRADE_DEVIATION * rng.gauss(0.0, 1.0))
        lots = max(1, round(notional / self._lot_notional(now_ns, self._book.mid * self._tick)))
        is_buy = self._aggressor is Side.BUY
        side = self._book.asks if is_buy else self._book.bids
        prints = side.take(lots)
        if not prints:
            return []
        changes = [(rank, side.sizes.get(rank, 0)) for rank, _ in prints]
        trades: list[SourceEvent] = [self._trade(now_ns, rank, lots) for rank, lots in prints]
        return trades + self._reprint(now_ns, *(([], changes) if is_buy else (changes, [])))

    def _reprint(self, now_ns: int, bids: RankedLots, asks: RankedLots) -> list[SourceEvent]:
        """The book as it has changed, and the quote if the top has."""
        self._update_id += 1
        event = BookReset if self._update_id == 1 else BookChange
        events: list[SourceEvent] = [
            event(self._id, self._levels(bids), self._levels(asks), self._update_id, now_ns, now_ns)
        ]
        top = self._book.top
        if top != self._top:
            self._top = top
            bid, bid_lots, ask, ask_lots = top
            quote = Quote(
                self._id, self._price(bid), self._size(bid_lots), self._price(ask), self._size(ask_lots), now_ns, now_ns
            )
            events.append(quote)
        return events

    def _trade(self, now_ns: int, rank: int, lots: int) -> Trade:
        self._trade_number += 1
        price, size = self._price(abs(rank)), self._size(lots)
        return Trade(self._id, price, size, self._aggressor, str(self._trade_number), now_ns, now_ns)

    def _mark(self, now_ns: int) -> MarkPrice:
        mark, index = self._fair_value.mark(now_ns), self._fair_value.index(now_ns)
        rate, next_funding_ns = self._funding.observe(now_ns, mark / index - 1.0)
        mark, index = self._price(round(mark / self._tick)), self._price(round(index / self._tick))
        return MarkPrice(self._id, mark, index, rate, next_funding_ns, now_ns, now_ns)

    def _lot_notional(self, now_ns: int, price: float) -> float:
        """The value of one lot in the reporting currency."""
        quote_price = self._fair_value.quote_price(now_ns)
        return self._lot * quote_price if self._is_inverse else self._lot * quote_price * price

    def _levels(self, ranked: RankedLots) -> PriceLevels:
        return [(self._price(abs(rank)), self._size(lots)) for rank, lots in ranked]

    def _price(self, ticks: int) -> float:
        return ticks * self._tick_over / self._tick_under

    def _size(self, lots: int) -> float:
        return lots * self._lot_over / self._lot_under
