"""A simulated venue: one market time, one order entry, one ledger. It does no I/O and has no clock; time comes with
market data, requests and `advance`.

Things take effect in the order of time; at the same instant funding comes first, then expiry, then requests, then the
market event. So a position opened at a stamp by a request does not pay the funding of that stamp.
"""

from collections.abc import Callable, Iterable, Mapping
from decimal import Decimal
from heapq import heappop, heappush
from typing import Any, NamedTuple

import msgspec

from gateways.exchange.latency import LatencyModel, LatencyQueue
from gateways.exchange.ledger import Ledger
from gateways.exchange.matching import NOTHING, Execution, Matching
from gateways.exchange.order_entry import OrderEntry
from gateways.exchange.sources.source import BookChange, BookReset, FundingSettlement, SourceCounts, SourceEvent
from gateways.exchange.spec import VenueSpec
from gateways.exchange.venue_rules import Refusal, check_spec
from gateways.venue import AccountState, VenueReport, VenueRequest
from messages.base import DECIMAL_PLACES_MAX, NS_MAX
from messages.health import FeedReport, GatewayReport
from messages.instruments import InstrumentType
from messages.market import Depth, Gap, MarketData, MarkPrice, Quote, Trade
from messages.orders import AmendOrder, CancelOrder, QueryOrder, RejectReason, Side, SubmitOrder

CLOCK_SKEW_NS_MAX = 60_000_000_000
"""A funding stamp that the venue replaces less than this before market time reaches it has passed by the venue's own
clock, which may run ahead of ours. One replaced earlier has been moved."""

Output = MarketData | VenueReport

_TAKES: Mapping[type, Callable[[Matching, Any], Iterable[Execution]]] = {
    Quote: Matching.on_quote,
    Trade: Matching.on_trade,
    BookChange: Matching.on_change,
    BookReset: Matching.on_reset,
}


class _Stamp(NamedTuple):
    """A time fixed by an instrument; funding sorts before expiry at the same instant."""

    due_ns: int
    is_expiry: bool
    instrument: str


class SimulatedVenue:
    """See the module.

    :raises ValueError: the spec names something that is not simulated (`check_spec`).
    """

    def __init__(self, spec: VenueSpec) -> None:
        check_spec(spec)
        self._id = spec.id
        self._depth_levels = spec.depth_levels
        self._ledger = Ledger(spec.instruments, spec.balances)
        self._markets = {
            instrument.id: Matching(instrument, self._position_of(instrument.id)) for instrument in spec.instruments
        }
        self._orders = OrderEntry(self._markets, self._ledger)
        self._queue = LatencyQueue(LatencyModel(spec.latency_ms, spec.latency_jitter_ms, spec.seed))
        self._stamps: list[_Stamp] = []
        self._announced: dict[str, MarkPrice] = {}
        self._settlements: dict[str, FundingSettlement] = {}
        for instrument in spec.instruments:
            if instrument.expiry_ns:
                heappush(self._stamps, _Stamp(instrument.expiry_ns, True, instrument.id))
        self._has_opened = False
        self._due_ns = NS_MAX
        self._note_due()

    @property
    def markets(self) -> Mapping[str, Matching]:
        """By instrument id. Whoever has seen to it that nothing is due may give quotes, trades and changes of a book to
        them directly, and what comes of it to `book`: a backtest does.
        """
        return self._markets

    @property
    def ledger(self) -> Ledger:
        """The venue's books; to be read only."""
        return self._ledger

    # --- in ------------------------------------------------------------------------------------------------------

    def on_market(self, event: SourceEvent) -> list[Output]:
        """Take one market event at its `ts_received`, after everything that was due by then.

        :returns: what fell due, the market data to publish, and the fills that the event led to, in this order.
        :raises KeyError: for an instrument that the venue does not have.
        """
        now_ns = event.ts_received
        self._has_opened = True
        outputs: list[Output] = [*self._run_until(now_ns)] if self._due_ns <= now_ns else []
        market = self._markets[event.instrument]
        take = _TAKES.get(type(event))
        if take is None:
            outputs.extend(self._on_other(event, market))
            return outputs
        executions = take(market, event)
        is_image = isinstance(event, BookChange | BookReset)
        outputs.append(self.image(event) if is_image else event)  # type: ignore[arg-type]  # the others are published
        if executions is not NOTHING:
            outputs.extend(self._orders.book(executions, now_ns))
        return outputs

    def open(self) -> None:
        """The market opens: from now on requests take their time."""
        self._has_opened = True

    def book(self, executions: Iterable[Execution], now_ns: int) -> list[VenueReport]:
        """Book what an event led to that was given to its market directly."""
        return list(self._orders.book(executions, now_ns))

    def image(self, event: BookChange | BookReset) -> Depth:
        """The best levels of the book, as they are published after this event."""
        book, levels = self._markets[event.instrument].liquidity.book, self._depth_levels
        return Depth(
            event.instrument,
            book.bids(levels),
            book.asks(levels),
            event.update_id,
            event.ts_event,
            event.ts_received,
        )

    def on_request(self, request: VenueRequest, now_ns: int) -> list[VenueReport]:
        """Take a request that was sent at `now_ns`; it takes effect after the latency, in order.

        Queries travel in the same order, so that each is answered after every request sent before it. Until the
        market opens there is no time that could pass, so that requests take effect at once.

        :returns: nothing once the market is open, unless the request is refused because too many are under way.
        """
        if self._queue.is_full:
            refusal = Refusal(RejectReason.OTHER, "too many requests; wait for the earlier ones to be answered")
            if isinstance(request, SubmitOrder):
                return list(self._orders.refuse(request, refusal, now_ns))
            if isinstance(request, AmendOrder):
                return [self._orders.refuse_amendment(request, refusal, now_ns)]
        due_ns = self._queue.push(request, now_ns)
        self._note_due()
        return [] if self._has_opened else self._run_until(due_ns)

    def due_ns(self) -> int | None:
        """When the next request, funding or expiry takes effect; None where nothing is under way."""
        return None if self._due_ns == NS_MAX else self._due_ns

    def advance(self, now_ns: int) -> list[VenueReport]:
        """Let everything take effect that is due up to and at `now_ns`, in order of time."""
        return self._run_until(now_ns)

    # --- out -----------------------------------------------------------------------------------------------------

    def account(self, after_funding: int, now_ns: int, after_forced: int = 0) -> AccountState:
        """The account as it stands, with the fundings numbered above `after_funding` (at most FUNDINGS_MAX), and the
        forced fills above `after_forced` (at most FORCED_FILLS_MAX).
        """
        return AccountState(
            venue=self._id,
            positions=self._ledger.positions(),
            balances=dict(self._ledger.balances),
            open_orders=self._orders.open_orders,
            fundings=self._ledger.fundings_after(after_funding),
            ts_event=now_ns,
            listed=self._orders.listed(),
            forced=self._orders.forced_after(after_forced),
        )

    def report(self, counts: Mapping[str, SourceCounts]) -> GatewayReport:
        """The venue by its own books, with symbols for keys.

        The position of a spot instrument is what was bought of it here, net; its balance is among the balances.

        :param counts: what the sources have read, by instrument id.
        """
        markets = self._markets.values()
        return GatewayReport(
            instruments={
                market.instrument.symbol: _feed(market, counts.get(market.instrument.id, SourceCounts()))
                for market in markets
            },
            orders=self._orders.counts(),
            positions={market.instrument.symbol: self._ledger.position(market.instrument.id) for market in markets},
            balances=dict(self._ledger.balances),
            marks={market.instrument.symbol: mark for market in markets if (mark := _mid(market)) is not None},
            unrealised={
                market.instrument.symbol: self._ledger.unrealised(market.instrument.id, mark)
                for market in markets
                if not market.instrument.is_spot and (mark := _mid(market)) is not None
            },
        )

    # --- helpers -------------------------------------------------------------------------------------------------

    def _position_of(self, instrument_id: str) -> Callable[[], Decimal]:
        return lambda: self._ledger.position(instrument_id)

    def _run_until(self, now_ns: int) -> list[VenueReport]:
        reports: list[VenueReport] = []
        while self._due_ns <= now_ns:
            if self._stamps and self._stamps[0].due_ns <= self._queue.due_ns:
                reports.extend(self._on_stamp(heappop(self._stamps)))
            else:
                due_ns, request = self._queue.pop()
                reports.extend(self._on_due(request, due_ns))
            self._note_due()
        return reports

    def _note_due(self) -> None:
        stamp_ns = self._stamps[0].due_ns if self._stamps else NS_MAX
        self._due_ns = min(stamp_ns, self._queue.due_ns)

    def _on_other(self, event: SourceEvent, market: Matching) -> list[Output]:
        if isinstance(event, MarkPrice):
            return [*self._on_mark(event, market), event]
        if isinstance(event, FundingSettlement):
            self._settlements[event.instrument] = event
            return []
        assert isinstance(event, Gap), f"{event} is no market event"
        market.on_gap()
        return [event]

    def _on_due(self, request: VenueRequest, now_ns: int) -> Iterable[VenueReport]:
        if isinstance(request, SubmitOrder):
            return self._orders.submit(request, now_ns)
        if isinstance(request, CancelOrder):
            return self._orders.cancel(request, now_ns)
        if isinstance(request, AmendOrder):
            return self._orders.amend(request, now_ns)
        if isinstance(request, QueryOrder):
            return (self._orders.status(request, now_ns),)
        return (self.account(request.after_funding, now_ns, request.after_forced),)

    def _on_mark(self, mark: MarkPrice, market: Matching) -> list[VenueReport]:
        """Keep the mark; positions are valued at it, so that it may be one too many for the account."""
        market.mark = mark
        forced = list(self._orders.liquidate(market.instrument.settle, mark.ts_received))
        return [*forced, *self._announce(mark, market)]

    def _announce(self, mark: MarkPrice, market: Matching) -> list[VenueReport]:
        """Keep what a mark announces of the next funding. A stamp in the past was missed; it is not made up for."""
        if market.instrument.type is not InstrumentType.PERPETUAL or mark.next_funding_ns <= mark.ts_received:
            return []
        announced = self._announced.get(mark.instrument)
        self._announced[mark.instrument] = mark
        if announced is not None and announced.next_funding_ns == mark.next_funding_ns:
            return []
        heappush(self._stamps, _Stamp(mark.next_funding_ns, False, mark.instrument))
        self._note_due()
        if announced is None or not announced.next_funding_ns - mark.ts_received <= CLOCK_SKEW_NS_MAX:
            return []
        return self._fund(announced)

    def _on_stamp(self, stamp: _Stamp) -> list[VenueReport]:
        if stamp.is_expiry:
            return self._expire(stamp)
        announced = self._announced.get(stamp.instrument)
        if announced is None or announced.next_funding_ns != stamp.due_ns:
            return []  # the venue has moved the stamp since
        del self._announced[stamp.instrument]
        return self._fund(announced)

    def _fund(self, announced: MarkPrice) -> list[VenueReport]:
        """Pay the announced rate at the announced mark, or the rate that the venue is known to have paid."""
        settlement = self._settlements.get(announced.instrument)
        if settlement is not None and settlement.stamp_ns == announced.next_funding_ns:
            announced = msgspec.structs.replace(announced, funding_rate=settlement.rate)
        booked = self._ledger.fund(announced)
        return [] if booked is None else [booked]

    def _expire(self, stamp: _Stamp) -> list[VenueReport]:
        """End the orders of a dated future and settle its position at the last market price.

        No fill tells of a settlement: the account state that goes out with it does.
        """
        reports = list(self._orders.expire(stamp.instrument, stamp.due_ns))
        if self._ledger.position(stamp.instrument):
            price = self._markets[stamp.instrument].reference_price()
            assert price is not None, "a position was opened at some price"
            self._ledger.settle(stamp.instrument, price)
            reports.append(self.account(self._ledger.fundings_booked, stamp.due_ns, self._orders.forced_count))
        return reports


def _feed(market: Matching, counts: SourceCounts) -> FeedReport:
    """Sizes and prices of the built book; of the newest quote where the source has no book."""
    bid, bid_size = _touch(market, Side.BUY)
    ask, ask_size = _touch(market, Side.SELL)
    return FeedReport(
        quotes=counts.quotes,
        trades=counts.trades,
        book_updates=counts.book_updates,
        book_updates_discarded=counts.book_updates_discarded,
        gaps=counts.gaps,
        crossed=market.crossed,
        best_bid=bid,
        best_bid_size=bid_size,
        best_ask=ask,
        best_ask_size=ask_size,
        last_update_id=market.last_update_id,
    )


def _touch(market: Matching, side: Side) -> tuple[Decimal, Decimal]:
    book = market.liquidity.book
    best = book.best_bid() if side is Side.BUY else book.best_ask()
    if best is None:
        best = market.liquidity.best(side) or (0.0, 0.0)
    return _shown(best[0]), _shown(best[1])


def _shown(value: float) -> Decimal:
    """As it was recorded; a size that was computed may have more places than a message carries."""
    return Decimal(repr(round(value, DECIMAL_PLACES_MAX)))


def _mid(market: Matching) -> Decimal | None:
    """The exact mid of the newest quote; None before the first."""
    quote = market.liquidity.quote
    return None if quote is None else (Decimal(repr(quote.bid)) + Decimal(repr(quote.ask))) / 2
