"""The matching engine of one instrument: orders of ours against a market that is only known from its public data.

Taker: a marketable order walks the executable levels and consumes them.
Maker: a resting order waits behind the size that was visible at its price when it came. A public trade at that price
first uses up what stands ahead, then fills us; a trade through the price fills us up to its size; a decrease of the
level that no trade explains is taken for cancels spread evenly over the queue, so the part ahead shrinks in
proportion; an opposite quote at or through our price fills us up to its size. All maker fills are at our own price.

Our own orders never meet: where an incoming order would trade with a resting one of the account, what is left of the
incoming order expires (self-trade prevention "expire taker").

Generators yield one execution at a time and go on only after the caller has booked it, so that the limits of the next
one (the position that a reduce-only order may close) are up to date.
"""

from collections.abc import Callable, Generator, Iterable, Iterator
from decimal import Decimal
from math import inf
from typing import NamedTuple

from gateways.book import Level
from gateways.exchange.liquidity import VisibleLiquidity, is_better
from gateways.exchange.sources.source import BookChange, BookReset
from gateways.exchange.venue_order import ZERO, VenueOrder
from messages.instruments import Instrument, Rounding
from messages.market import MarkPrice, Quote, Trade
from messages.orders import Liquidity, Side


class Execution(NamedTuple):
    """A fill to be booked."""

    order: VenueOrder
    price: Decimal
    quantity: Decimal
    liquidity: Liquidity


NOTHING: tuple[Execution, ...] = ()


class WalkStep(NamedTuple):
    """What an incoming order would take from one level."""

    level: Level
    price: Decimal
    quantity: Decimal


class Walk(NamedTuple):
    """How far an incoming order would get.

    :ivar meets_own: a resting order of ours is within its limit; what the steps do not fill would trade with it.
    """

    steps: tuple[WalkStep, ...]
    meets_own: bool

    @property
    def quantity(self) -> Decimal:
        return sum((step.quantity for step in self.steps), ZERO)

    @property
    def is_marketable(self) -> bool:
        return bool(self.steps) or self.meets_own


class QueueLevel:
    """Our orders at one price, oldest first, and what is visible of other people's there.

    :ivar traded_size: of trades since the visible size last changed; they explain a decrease of it.
    """

    __slots__ = ("orders", "price", "traded_size", "visible_size")

    def __init__(self, price: float, visible_size: float) -> None:
        self.price = price
        self.orders: list[VenueOrder] = []
        self.visible_size = visible_size
        self.traded_size = 0.0

    def on_size(self, size: float) -> None:
        """Take the new visible size of the level and move the queue up by what was cancelled ahead."""
        if size == self.visible_size:
            return
        if size < self.visible_size:
            after_trades = self.visible_size - min(self.visible_size - size, self.traded_size)
            left_ratio = size / after_trades if after_trades > 0 else 0.0
            for order in self.orders:
                order.queue_ahead *= left_ratio
        self.visible_size = size
        self.traded_size = 0.0


class Matching:
    """See the module.

    :param position: the account's signed position in the instrument, now.
    :ivar is_quiet: nothing rests and nothing was taken, so that market data need no second look.
    :ivar crossed: times that the built book was crossed after a change.
    :ivar last_update_id: of the book.
    :ivar mark: the newest mark price; None before the first.
    """

    def __init__(self, instrument: Instrument, position: Callable[[], Decimal]) -> None:
        self.instrument = instrument
        self.liquidity = VisibleLiquidity(instrument)
        self.is_quiet = True
        self.crossed = 0
        self.last_update_id = 0
        self.mark: MarkPrice | None = None
        self._position = position
        self._price_last: float | None = None
        self._buys: dict[float, QueueLevel] = {}
        self._sells: dict[float, QueueLevel] = {}
        self._best_buy = -inf
        self._best_sell = inf

    # --- market data ---------------------------------------------------------------------------------------------

    def on_quote(self, quote: Quote) -> Iterable[Execution]:
        if self.is_quiet:
            self.liquidity.see_quote(quote)
            return NOTHING
        self.liquidity.on_quote(quote)
        bid, ask = quote.bid, quote.ask
        queue = self._buys.get(bid)
        if queue is not None:
            queue.on_size(quote.bid_size)
        queue = self._sells.get(ask)
        if queue is not None:
            queue.on_size(quote.ask_size)
        if self._best_buy > bid or self._best_sell < ask:
            self._empty_better(bid, ask)
        if self._best_buy >= ask or self._best_sell <= bid:
            return self._crossed()
        self._note_quiet()
        return NOTHING

    def on_change(self, change: BookChange) -> Iterable[Execution]:
        liquidity = self.liquidity
        liquidity.on_change(change)
        self.last_update_id = change.update_id
        if liquidity.book.is_crossed:
            self.crossed += 1
        if self.is_quiet:
            return NOTHING
        for levels, changes in ((self._buys, change.bids), (self._sells, change.asks)):
            if levels:
                for price, size in [level for level in changes if level[0] in levels]:
                    levels[price].on_size(size)
        return self._crossed_without_quotes()

    def on_reset(self, reset: BookReset) -> Iterable[Execution]:
        self.liquidity.on_reset(reset)
        self.last_update_id = reset.update_id
        if self.is_quiet:
            return NOTHING
        for side in Side:
            for level in self._levels(side).values():
                level.on_size(self.liquidity.size_at(side, level.price))
        return self._crossed_without_quotes()

    def on_gap(self) -> None:
        self._price_last = self.liquidity.mid() or self._price_last
        self.liquidity.on_gap()
        self._note_quiet()

    def on_trade(self, trade: Trade) -> Iterable[Execution]:
        self._price_last = trade.price
        if self.is_quiet:
            return NOTHING
        is_sold = trade.aggressor is Side.SELL
        if self._best_buy >= trade.price if is_sold else self._best_sell <= trade.price:
            return self._after_trade(trade)
        return NOTHING

    def _empty_better(self, bid: float, ask: float) -> None:
        """Nobody else stands at the prices that are better than the quoted ones."""
        for price, queue in self._buys.items():
            if price > bid:
                queue.on_size(0.0)
        for price, queue in self._sells.items():
            if price < ask:
                queue.on_size(0.0)

    def _crossed_without_quotes(self) -> Iterable[Execution]:
        """A change of the book may be older than the newest quote: only quotes decide that a price was crossed."""
        if self.liquidity.quote is None:
            return self._crossed()
        self._note_quiet()
        return NOTHING

    def _crossed(self) -> Iterator[Execution]:
        yield from self._cross()
        self._note_quiet()

    def _cross(self) -> Iterator[Execution]:
        """Fill resting orders that the opposite side of the market has come to or gone through."""
        for side in Side:
            best = self.liquidity.best(side.opposite) if self._levels(side) else None
            if best is None:
                continue
            for queue in self._reached(side, best[0]):
                for order in tuple(queue.orders):
                    yield from self._cross_order(order, queue.price)

    def _cross_order(self, order: VenueOrder, price: float) -> Iterator[Execution]:
        opposite = order.side.opposite
        for level in self.liquidity.levels(opposite):
            if is_better(order.side, level[0], price):
                return
            quantity = min(self.fillable(order), self.liquidity.available(opposite, level))
            if quantity > 0:
                self.liquidity.take(opposite, level, quantity)
                self._price_last = price
                yield _maker(order, quantity)

    def _after_trade(self, trade: Trade) -> Iterator[Execution]:
        size = trade.size
        for queue in self._reached(trade.aggressor.opposite, trade.price):
            if queue.price == trade.price:
                queue.traded_size += trade.size
            else:  # it went through this price: nobody stands ahead of us any more
                for order in queue.orders:
                    order.queue_ahead = 0.0
            size = yield from self._trade_at(queue, size)
        self._note_quiet()

    def _trade_at(self, queue: QueueLevel, size: float) -> Generator[Execution, None, float]:
        """Let a trade of `size` work through a queue and return what is left of it."""
        passed = 0.0  # other people's orders that the trade has used up so far; they stood ahead of all of ours below
        for order in tuple(queue.orders):
            step = min(max(order.queue_ahead - passed, 0.0), size)
            passed += step
            size -= step
            order.queue_ahead = max(order.queue_ahead - passed, 0.0)
            quantity = min(self.fillable(order), self.instrument.round_quantity(size)) if size > 0 else ZERO
            if quantity > 0:
                size = max(0.0, size - float(quantity))
                yield _maker(order, quantity)
        return size

    # --- orders --------------------------------------------------------------------------------------------------

    def fillable(self, order: VenueOrder) -> Decimal:
        """What may be filled of an order now."""
        return order.fillable(self.instrument, self._position())

    def walk(self, order: VenueOrder) -> Walk:
        """Say how far an incoming order would get; nothing is changed."""
        side, opposite, limit = order.side, order.side.opposite, order.price_level
        own = self._best_own(opposite) if self._levels(opposite) else None
        meets_own = own is not None and (limit is None or not is_better(side, own, limit))
        best = self.liquidity.best(opposite)
        if best is None or (limit is not None and is_better(side, best[0], limit)):
            return Walk((), meets_own)  # the usual end of an order that is to rest
        left = self.fillable(order)
        steps = []
        for level in self.liquidity.levels(opposite):
            if left <= 0:
                break
            if limit is not None and is_better(side, level[0], limit):
                break
            if own is not None and not is_better(opposite, level[0], own):
                break
            quantity = min(left, self.liquidity.available(opposite, level))
            if quantity > 0:
                steps.append(WalkStep(level, self._taker_price(order, level[0]), quantity))
                left -= quantity
        return Walk(tuple(steps), meets_own)

    def take(self, order: VenueOrder, walk: Walk) -> Iterator[Execution]:
        """Execute a walk: consume the levels."""
        for step in walk.steps:
            if not order.is_open:
                break
            self.liquidity.take(order.side.opposite, step.level, step.quantity)
            self._price_last = step.level[0]
            yield Execution(order, step.price, step.quantity, Liquidity.TAKER)
        self._note_quiet()

    def rest(self, order: VenueOrder) -> None:
        """Put a limit order at the end of the queue at its price."""
        price = order.price_level
        assert price is not None, "only limit orders rest"
        levels = self._levels(order.side)
        queue = levels.get(price)
        if queue is None:
            queue = levels[price] = QueueLevel(price, self.liquidity.size_at(order.side, price))
            self._note_best()
        order.queue_ahead = queue.visible_size
        queue.orders.append(order)
        self.is_quiet = False

    def remove(self, order: VenueOrder) -> None:
        """Take a resting order out of its queue; one that does not rest is left alone."""
        levels = self._levels(order.side)
        queue = levels.get(order.price_level or 0.0)
        if queue is None or order not in queue.orders:
            return
        queue.orders.remove(order)
        if not queue.orders:
            del levels[queue.price]
            self._note_best()
        self._note_quiet()

    def resting(self) -> list[VenueOrder]:
        """Every resting order of the instrument."""
        return [order for side in Side for queue in self._levels(side).values() for order in queue.orders]

    def best_price(self, side: Side) -> Decimal | None:
        """The best executable price of one side of the market, on the tick."""
        best = self.liquidity.best(side)
        return None if best is None else self.instrument.round_price(best[0], Rounding.NEAREST)

    def reference_price(self) -> Decimal | None:
        """The price at which positions are valued, on the tick: the mark, else the mid, else the last trade."""
        mark = None if self.mark is None else self.mark.mark
        price = mark or self.liquidity.mid() or self._price_last
        if not price:
            return None
        return self.instrument.round_price(price, Rounding.NEAREST) or self.instrument.tick_size

    # --- helpers -------------------------------------------------------------------------------------------------

    def _levels(self, side: Side) -> dict[float, QueueLevel]:
        """Our queues of one side, by price."""
        return self._buys if side is Side.BUY else self._sells

    def _reached(self, side: Side, price: float) -> list[QueueLevel]:
        """Our queues of `side` at `price` or better, best first."""
        if is_better(side, price, self._best_own(side)):  # the usual case: the market is not there
            return []
        reached = [level for level in self._levels(side).values() if not is_better(side, price, level.price)]
        return sorted(reached, key=lambda level: level.price, reverse=side is Side.BUY)

    def _best_own(self, side: Side) -> float:
        """Our best price of one side; where we have none there, one that is worse than every price."""
        return self._best_buy if side is Side.BUY else self._best_sell

    def _note_best(self) -> None:
        self._best_buy = max(self._buys, default=-inf)
        self._best_sell = min(self._sells, default=inf)

    def _taker_price(self, order: VenueOrder, price: float) -> Decimal:
        """The price of a level as money: on the tick, never better for us than the level, never past the limit."""
        if order.side is Side.BUY:
            rounded = self.instrument.round_price(price, Rounding.UP)
            return rounded if order.price is None else min(rounded, order.price)
        rounded = self.instrument.round_price(price, Rounding.DOWN)
        return rounded if order.price is None else max(rounded, order.price)

    def _note_quiet(self) -> None:
        self.is_quiet = not (self._buys or self._sells or self.liquidity.has_taken)


def _maker(order: VenueOrder, quantity: Decimal) -> Execution:
    assert order.price is not None, "only limit orders rest"
    return Execution(order, order.price, quantity, Liquidity.MAKER)
