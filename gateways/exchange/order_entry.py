"""Order entry of a simulated venue: takes requests when they take effect, and says what becomes of each order.

Every method yields the reports in the venue's own order (an acceptance before its fills, the end after the last
fill) and has to be read to its end; state changes go along with the reading.
"""

from collections import deque
from collections.abc import Iterable, Iterator, Mapping
from decimal import Decimal
from itertools import islice

import msgspec

from gateways.exchange.ledger import Ledger, fee_of
from gateways.exchange.margin import Exposure, can_afford, exposure_of, is_below_maintenance
from gateways.exchange.matching import Execution, Matching, Walk
from gateways.exchange.venue_order import ZERO, VenueOrder
from gateways.exchange.venue_rules import (
    Refusal,
    check_instrument,
    check_notional,
    check_reduce_only,
    check_terms,
)
from gateways.venue import (
    FILLS_PER_ORDER_MAX,
    FORCED_FILLS_MAX,
    OPEN_ORDERS_MAX,
    ForcedFill,
    OpenOrder,
    OrderStatus,
    VenueReport,
)
from messages.health import OrderCounts
from messages.instruments import ONE
from messages.orders import (
    AmendOrder,
    AmendRejected,
    CancelOrder,
    CancelRejected,
    CloseReason,
    Fill,
    Liquidity,
    OrderAccepted,
    OrderAmended,
    OrderClosed,
    OrderRejected,
    OrderType,
    QueryOrder,
    RejectReason,
    Side,
    SubmitOrder,
    TimeInForce,
)

CLOSED_ORDERS_MAX = 100_000
"""Ended orders that the venue remembers, the newest; it knows nothing of older ones any more."""
VENUE = "venue"
"""Whose orders a liquidation's are: no strategy's."""


class OrderEntry:
    """See the module.

    :param markets: the matching engine of each instrument, by instrument id.
    """

    def __init__(self, markets: Mapping[str, Matching], ledger: Ledger) -> None:
        self._markets = markets
        self._ledger = ledger
        self._orders: dict[str, VenueOrder] = {}
        self._open: dict[str, VenueOrder] = {}
        self._closed_ids: deque[str] = deque()
        self._orders_accepted = 0
        self._trades = 0
        self._liquidations = 0
        self._forced: list[Fill] = []
        self._rejected = 0
        self._closed = dict.fromkeys(CloseReason, 0)

    @property
    def open_orders(self) -> tuple[str, ...]:
        """Client order ids of the accepted orders that have not ended, oldest first."""
        return tuple(self._open)

    def listed(self) -> tuple[OpenOrder, ...]:
        """The open orders with their instruments, the oldest first; at most OPEN_ORDERS_MAX."""
        first = islice(self._open.items(), OPEN_ORDERS_MAX)
        return tuple(OpenOrder(id_, order.request.instrument) for id_, order in first)

    @property
    def forced_count(self) -> int:
        """How many forced fills there are; also the number of the last one."""
        return len(self._forced)

    def forced_after(self, number: int) -> tuple[ForcedFill, ...]:
        """What was filled without an order of the account, numbered above `number`, oldest first; at most
        FORCED_FILLS_MAX, so a long list is asked for in parts.
        """
        some = self._forced[number : number + FORCED_FILLS_MAX]
        return tuple(ForcedFill(count, fill) for count, fill in enumerate(some, start=number + 1))

    def counts(self) -> OrderCounts:
        """How many orders were accepted or refused, and how they ended; `denied` is the gateway's."""
        return OrderCounts(
            accepted=self._orders_accepted,
            rejected=self._rejected,
            cancelled=self._closed[CloseReason.CANCELLED],
            filled=self._closed[CloseReason.FILLED],
            expired=self._closed[CloseReason.EXPIRED],
        )

    # --- requests ------------------------------------------------------------------------------------------------

    def submit(self, request: SubmitOrder, now_ns: int) -> Iterator[VenueReport]:
        """Accept or refuse an order, and execute what of it can be."""
        if request.client_order_id in self._orders:
            refusal = Refusal(RejectReason.DUPLICATE_ID, f"duplicate order sent: {request.client_order_id} was used")
            yield from self.refuse(request, refusal, now_ns)
            return
        order = VenueOrder(request=request, quantity=request.quantity, price=request.price)
        refusal_or_walk = self._admit(order, now_ns)
        if isinstance(refusal_or_walk, Refusal):
            order.rejected = refusal_or_walk.reason
            self._remember(order)
            yield from self.refuse(request, refusal_or_walk, now_ns)
            return
        self._orders_accepted += 1
        order.venue_order_id = str(self._orders_accepted)
        self._orders[request.client_order_id] = self._open[request.client_order_id] = order
        yield OrderAccepted(request.client_order_id, request.strategy, request.instrument, order.venue_order_id, now_ns)
        yield from self._enter(order, refusal_or_walk, now_ns)

    def refuse(self, request: SubmitOrder, refusal: Refusal, now_ns: int) -> Iterator[VenueReport]:
        """Refuse an order."""
        self._rejected += 1
        yield OrderRejected(
            request.client_order_id, request.strategy, request.instrument, refusal.reason, refusal.text, now_ns
        )

    def cancel(self, request: CancelOrder, now_ns: int) -> Iterator[VenueReport]:
        """Cancel what is left of an order."""
        order = self._open.get(request.client_order_id)
        if order is None:
            yield CancelRejected(
                request.client_order_id,
                request.strategy,
                request.instrument,
                RejectReason.UNKNOWN_ORDER,
                self._why_not_open(request.client_order_id),
                now_ns,
            )
            return
        yield self._close(order, CloseReason.CANCELLED, now_ns)

    def amend(self, request: AmendOrder, now_ns: int) -> Iterator[VenueReport]:
        """Change a resting order. It keeps its place in the queue where only its quantity is reduced; otherwise it
        goes to the end of the queue at its price, or trades where the price has become marketable.
        """
        order = self._open.get(request.client_order_id)
        if order is None:
            text = self._why_not_open(request.client_order_id)
            yield self.refuse_amendment(request, Refusal(RejectReason.UNKNOWN_ORDER, text), now_ns)
            return
        refusal_or_walk = self._admit_amended(order, request, now_ns)
        if isinstance(refusal_or_walk, Refusal):
            yield self.refuse_amendment(request, refusal_or_walk, now_ns)
            return
        keeps_priority = _keeps_priority(order, request)
        if not keeps_priority:
            self._markets[order.request.instrument].remove(order)
        order.quantity, order.price = request.quantity, request.price
        yield OrderAmended(
            request.client_order_id,
            order.request.strategy,
            order.request.instrument,
            request.quantity,
            request.price,
            now_ns,
        )
        if not keeps_priority:
            yield from self._enter(order, refusal_or_walk, now_ns)

    def refuse_amendment(self, request: AmendOrder, refusal: Refusal, now_ns: int) -> AmendRejected:
        """Refuse an amendment; the order stands as it was."""
        return AmendRejected(
            request.client_order_id, request.strategy, request.instrument, refusal.reason, refusal.text, now_ns
        )

    def status(self, query: QueryOrder, now_ns: int) -> OrderStatus:
        """Everything that is known of one order."""
        order = self._orders.get(query.client_order_id)
        return OrderStatus(
            client_order_id=query.client_order_id,
            strategy=query.strategy,
            instrument=query.instrument,
            is_known=order is not None,
            venue_order_id="" if order is None else order.venue_order_id,
            rejected=None if order is None else order.rejected,
            closed=None if order is None else order.closed,
            filled_quantity=ZERO if order is None else order.filled,
            fills=() if order is None else tuple(order.fills),
            ts_event=now_ns,
            quantity=None if order is None else order.quantity,
            price=None if order is None else order.price,
        )

    # --- the market ----------------------------------------------------------------------------------------------

    def book(self, executions: Iterable[Execution], now_ns: int) -> Iterator[VenueReport]:
        """Book executions one by one: ledger, order, and whatever ends with them."""
        for execution in executions:
            order = execution.order
            fill = self._fill(execution, now_ns)
            self._ledger.apply(fill)
            order.filled += fill.quantity
            order.fills.append(fill)
            yield fill
            if not order.remaining:
                yield self._close(order, CloseReason.FILLED, now_ns)
            elif len(order.fills) == FILLS_PER_ORDER_MAX:  # no more can be told of one order
                yield self._close(order, CloseReason.EXPIRED, now_ns)
            yield from self._expire_useless(order.request.instrument, now_ns)

    def expire(self, instrument_id: str, now_ns: int) -> Iterator[VenueReport]:
        """End every open order of an instrument."""
        for order in tuple(self._open.values()):
            if order.request.instrument == instrument_id:
                yield self._close(order, CloseReason.EXPIRED, now_ns)

    def liquidate(self, currency: str, now_ns: int) -> Iterator[VenueReport]:
        """Close every position that settles in a currency, at the market, where its margin is not enough any more.

        Open orders there end first. Of the venue's own orders only the fills are told; what the book does not take now
        is tried again at the next mark.
        """
        derivatives = [id_ for id_, held in self._ledger.positions().items() if held]
        exposures = [self._exposure(id_, ONE) for id_ in derivatives]
        if not is_below_maintenance(currency, exposures, self._ledger):
            return
        for exposure in exposures:
            if exposure.instrument.settle == currency:
                yield from self.expire(exposure.instrument.id, now_ns)
                yield from self._force_close(exposure.instrument.id, now_ns)

    def _force_close(self, instrument_id: str, now_ns: int) -> Iterator[Fill]:
        market, position = self._markets[instrument_id], self._ledger.position(instrument_id)
        self._liquidations += 1
        request = SubmitOrder(
            client_order_id=f"autoclose-{self._liquidations}",
            strategy=VENUE,
            epoch=0,
            instrument=instrument_id,
            side=Side.SELL if position > 0 else Side.BUY,
            quantity=abs(position),
            type=OrderType.MARKET,
            time_in_force=TimeInForce.IOC,
            reduce_only=True,
            ts_created=now_ns,
        )
        order = VenueOrder(request=request, quantity=request.quantity, price=None)
        for execution in market.take(order, market.walk(order)):
            fill = self._fill(execution, now_ns)
            self._ledger.apply(fill)
            order.filled += fill.quantity
            self._forced.append(fill)
            yield fill

    # --- helpers -------------------------------------------------------------------------------------------------

    def _admit(self, order: VenueOrder, now_ns: int) -> Refusal | Walk:
        """Check an order against every rule; an order that passes comes with its walk into the market."""
        request = order.request
        market = self._markets.get(request.instrument)
        refusal = check_instrument(request, None if market is None else market.instrument, now_ns)
        if refusal is not None or market is None:
            return refusal or Refusal(RejectReason.UNKNOWN_INSTRUMENT, f"{request.instrument} is not traded here")
        instrument = market.instrument
        refusal = (
            check_terms(request, instrument)
            or check_notional(request, instrument, self._market_price(request, market))
            or check_reduce_only(request, instrument, self._ledger.position(instrument.id))
        )
        if refusal is not None:
            return refusal
        walk = market.walk(order)
        if request.post_only and walk.is_marketable:
            return Refusal(RejectReason.POST_ONLY_WOULD_TAKE, "order would immediately match and take")
        if request.type is OrderType.MARKET and not walk.steps:
            return Refusal(RejectReason.NO_LIQUIDITY, f"no liquidity for a market order in {instrument.id}")
        if not self._can_afford(order, walk):
            what = "balance" if instrument.is_spot else "margin"
            return Refusal(RejectReason.INSUFFICIENT_BALANCE, f"account has insufficient {what} for requested action")
        return walk

    def _admit_amended(self, order: VenueOrder, request: AmendOrder, now_ns: int) -> Refusal | Walk:
        if request.quantity <= order.filled:
            return Refusal(RejectReason.INVALID_QUANTITY, f"quantity is not above the {order.filled} already filled")
        asked = msgspec.structs.replace(order.request, quantity=request.quantity, price=request.price)
        if _keeps_priority(order, request):  # less of the same needs no funds and cannot trade
            instrument = self._markets[asked.instrument].instrument
            refusal = check_terms(asked, instrument) or check_notional(asked, instrument, None)
            return refusal or Walk((), meets_own=False)
        amended = msgspec.structs.replace(order, request=asked, quantity=request.quantity, price=request.price)
        return self._admit(amended, now_ns)

    def _market_price(self, request: SubmitOrder, market: Matching) -> Decimal | None:
        """At which a market order is valued; of a limit order, which has its own price, it is not asked."""
        return market.best_price(request.side.opposite) if request.price is None else None

    def _can_afford(self, order: VenueOrder, walk: Walk) -> bool:
        id_ = order.request.instrument
        market = self._markets[id_]
        price = walk.steps[-1].price if order.price is None else order.price
        if not market.instrument.is_spot:
            price = market.reference_price() or price
        others = (self._exposure(other, ONE) for other in self._markets if other != id_)
        return can_afford(order, self._exposure(id_, price, order), others, self._ledger)

    def _exposure(self, instrument_id: str, price: Decimal, left_out: VenueOrder | None = None) -> Exposure:
        """The exposure in one instrument, at its market price, or at `price` where the order left out sets it."""
        market = self._markets[instrument_id]
        if left_out is None:
            price = market.reference_price() or price
        skip = None if left_out is None else left_out.request.client_order_id
        orders = [
            order for id_, order in self._open.items() if order.request.instrument == instrument_id and id_ != skip
        ]
        return exposure_of(market.instrument, orders, price)

    def _enter(self, order: VenueOrder, walk: Walk, now_ns: int) -> Iterator[VenueReport]:
        """Execute what of an accepted order can be; what is left rests or expires."""
        market, request = self._markets[order.request.instrument], order.request
        if request.time_in_force is TimeInForce.FOK and walk.quantity < order.remaining:
            yield self._close(order, CloseReason.EXPIRED, now_ns)
            return
        yield from self.book(market.take(order, walk), now_ns)
        if not order.is_open:
            return
        rests = request.type is OrderType.LIMIT and request.time_in_force is TimeInForce.GTC
        if rests and not walk.meets_own and market.fillable(order):
            market.rest(order)
        else:
            yield self._close(order, CloseReason.EXPIRED, now_ns)

    def _fill(self, execution: Execution, now_ns: int) -> Fill:
        order, instrument = execution.order, self._markets[execution.order.request.instrument].instrument
        is_maker = execution.liquidity is Liquidity.MAKER
        fee, currency = fee_of(instrument, order.side, execution.quantity, execution.price, is_maker=is_maker)
        self._trades += 1
        return Fill(
            client_order_id=order.request.client_order_id,
            strategy=order.request.strategy,
            instrument=instrument.id,
            side=order.side,
            price=execution.price,
            quantity=execution.quantity,
            fee=fee,
            fee_currency=currency,
            liquidity=execution.liquidity,
            trade_id=f"T{self._trades}",
            ts_event=now_ns,
        )

    def _expire_useless(self, instrument_id: str, now_ns: int) -> Iterator[VenueReport]:
        """End the resting reduce-only orders that have nothing to reduce any more."""
        market = self._markets[instrument_id]
        for order in market.resting():
            if order.request.reduce_only and not market.fillable(order):
                yield self._close(order, CloseReason.EXPIRED, now_ns)

    def _close(self, order: VenueOrder, reason: CloseReason, now_ns: int) -> OrderClosed:
        request = order.request
        order.closed = reason
        self._closed[reason] += 1
        del self._open[request.client_order_id]
        self._markets[request.instrument].remove(order)
        self._remember(order)
        return OrderClosed(request.client_order_id, request.strategy, request.instrument, reason, order.filled, now_ns)

    def _remember(self, order: VenueOrder) -> None:
        """Keep an ended order for queries, and forget the oldest one past CLOSED_ORDERS_MAX."""
        self._orders[order.request.client_order_id] = order
        self._closed_ids.append(order.request.client_order_id)
        if len(self._closed_ids) > CLOSED_ORDERS_MAX:
            del self._orders[self._closed_ids.popleft()]

    def _why_not_open(self, client_order_id: str) -> str:
        order = self._orders.get(client_order_id)
        if order is None:
            return "unknown order sent"
        return f"order is {order.closed or 'rejected'} already"


def _keeps_priority(order: VenueOrder, request: AmendOrder) -> bool:
    return request.price == order.price and request.quantity <= order.quantity
