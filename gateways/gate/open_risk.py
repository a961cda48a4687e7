"""What all open orders of a gateway may still do: fill, and trade with each other. Pure.

Kept as orders and reports come, so that the gate's questions cost the same however many orders are open.
"""

from collections import defaultdict
from collections.abc import Iterable
from decimal import Decimal
from typing import Final

import msgspec

from gateways.gate.exposure import Amending, AmendingState, Stake, more_crossing
from gateways.gate.lease_book import Exposure
from gateways.gate.self_trade import OwnCrossings
from messages.order_lifecycle import Order
from messages.orders import AmendOrder, AmendRejected, ExecutionReport, Fill, OrderAmended, SubmitOrder

ZERO: Final = Decimal(0)


class RiskState(msgspec.Struct, frozen=True, array_like=True, forbid_unknown_fields=True):
    """What a snapshot holds of it, beside the open orders and the positions.

    :param stakes: strategy, instrument id, what buys and what sells may still fill.
    :param counted: what of each open order is in its stake, by id.
    """

    stakes: list[tuple[str, str, Decimal, Decimal]]
    counted: dict[str, Decimal]
    amending: dict[str, AmendingState]


class OpenRisk:
    """:ivar crossings: the open orders, as far as a new one could trade with them.
    :ivar stakes: by strategy and instrument id.
    :ivar open_counts: open orders by strategy.
    """

    def __init__(self) -> None:
        self.crossings = OwnCrossings()
        self.stakes: defaultdict[tuple[str, str], Stake] = defaultdict(Stake)
        self.open_counts: defaultdict[str, int] = defaultdict(int)
        self._counted: dict[str, Decimal] = {}
        self._amending: dict[str, Amending] = {}

    def counted(self, client_order_id: str) -> Decimal:
        """What of an order is in its stake: all that it may still fill; 0 where it is not open."""
        return self._counted.get(client_order_id, ZERO)

    def exposures(self) -> dict[tuple[str, str], Exposure]:
        """By strategy and instrument id, wherever something is held or may be."""
        return {
            key: Exposure(stake.position, stake.long, stake.short) for key, stake in self.stakes.items() if stake.is_any
        }

    def is_shared(self, strategy: str, instrument: str) -> bool:
        """Whether another strategy holds this instrument, or has an order in it."""
        return any(
            name == instrument and owner != strategy and stake.is_any for (owner, name), stake in self.stakes.items()
        )

    # --- snapshots ----------------------------------------------------------------------------------------------

    def state(self) -> RiskState:
        stakes = [(*key, stake.buying, stake.selling) for key, stake in self.stakes.items() if stake.is_any]
        return RiskState(stakes, self._counted, {name: each.state() for name, each in self._amending.items()})

    def load(self, state: RiskState, orders: Iterable[Order]) -> None:
        """Take over what an earlier process has told; positions are set by whoever keeps them.

        :param orders: the open ones, with what each of them still counts in `state`.
        :raises KeyError: the state is not of these orders.
        """
        for strategy, instrument, buying, selling in state.stakes:
            stake = self.stakes[strategy, instrument]
            stake.buying, stake.selling = buying, selling
        for name, told in state.amending.items():
            self._amending[name] = Amending()
            self._amending[name].load(told)
        for order in orders:
            name = order.request.client_order_id
            self._counted[name] = state.counted[name]
            self.open_counts[order.request.strategy] += 1
            self._put_price(order)

    # --- what happens to orders ---------------------------------------------------------------------------------

    def opened(self, order: SubmitOrder) -> None:
        """The order is about to be sent."""
        self.open_counts[order.strategy] += 1
        self._counted[order.client_order_id] = order.quantity
        self.stakes[order.strategy, order.instrument].count(order.side, order.quantity)
        self.crossings.put(order, order.price)

    def amendment_asked(self, order: Order, request: AmendOrder) -> None:
        """Until it is answered, the order counts as either, whichever is worse."""
        amending = self._amending.get(request.client_order_id)
        if amending is None:
            amending = self._amending[request.client_order_id] = Amending()
        amending.ask(request)
        self._recount(order)
        self._put_price(order)

    def amendment_answered(self, order: Order, report: ExecutionReport | None = None) -> None:
        """One of the order's amendments is settled, whichever way; nothing where none is waited for."""
        amending = self._amending.get(order.request.client_order_id)
        if amending is not None:
            amending.answered((report.quantity, report.price) if isinstance(report, OrderAmended) else None)
        self._tidy(order)

    def amendments_lost(self) -> None:
        """The link was lost: no amendment that is waited for will be answered."""
        for amending in self._amending.values():
            amending.link_lost()

    def amendments_settled(self, order: Order) -> None:
        """The venue has said at which terms an open order stands, and the books have them."""
        amending = self._amending.get(order.request.client_order_id)
        if amending is not None:
            amending.settled()
            self._tidy(order)

    def _tidy(self, order: Order) -> None:
        """Count an order anew after one of its amendments was settled."""
        amending = self._amending.get(order.request.client_order_id)
        if amending is not None and not amending.is_any:
            del self._amending[order.request.client_order_id]
        self._recount(order)
        self._put_price(order)

    def is_answer(self, report: ExecutionReport, order: Order) -> bool:
        """Whether a report that is about to be applied settles an amendment; a repeated confirmation settles none, and
        one of terms that were asked for does, though the order had them before.
        """
        if isinstance(report, OrderAmended):
            known, amending = order.request, self._amending.get(report.client_order_id)
            if amending is not None and amending.was_lost(report.quantity, report.price):
                return False
            if amending is not None and amending.awaits(report.quantity, report.price):
                return True
            return report.quantity != known.quantity or report.price != known.price
        return isinstance(report, AmendRejected)

    def reported(self, report: ExecutionReport, order: Order, *, is_answer: bool) -> None:
        """A report has been applied to an open order, which it may have ended.

        :param is_answer: as `is_answer` said before.
        """
        if not order.is_open:
            self._closed(order.request)
        elif is_answer:
            self.amendment_answered(order, report)
        elif isinstance(report, Fill | OrderAmended):
            self._tidy(order)

    def _closed(self, order: SubmitOrder) -> None:
        self.open_counts[order.strategy] -= 1
        self.stakes[order.strategy, order.instrument].count(order.side, -self._counted.pop(order.client_order_id))
        self._amending.pop(order.client_order_id, None)
        self.crossings.drop(order)

    def _recount(self, order: Order) -> None:
        """Bring the stake to what an open order may still fill."""
        request = order.request
        id, quantity = request.client_order_id, request.quantity
        amending = self._amending.get(id)
        if amending is not None and amending.quantity > quantity:
            quantity = amending.quantity
        left = max(ZERO, quantity - order.filled_quantity)
        self.stakes[request.strategy, request.instrument].count(request.side, left - self._counted[id])
        self._counted[id] = left

    def _put_price(self, order: Order) -> None:
        request = order.request
        amending = self._amending.get(request.client_order_id)
        price, asked = request.price, None if amending is None else amending.price(request.side)
        if price is not None and asked is not None:
            price = more_crossing(request.side, price, asked)
        self.crossings.put(request, price)
