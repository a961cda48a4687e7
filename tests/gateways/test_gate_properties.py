"""Whatever is sent, reported, amended and left unknown: what the gate lets pass keeps its promises."""

from decimal import Decimal as D
from typing import Any

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from gateways.gate.self_trade import can_rest
from messages.order_lifecycle import Order
from messages.orders import (
    AmendRejected,
    CancelRejected,
    CloseReason,
    OrderAmended,
    OrderRejected,
    OrderType,
    OrderUnknown,
    RejectReason,
    Side,
    SubmitOrder,
    TimeInForce,
)
from tests.support.gate_floor import LEASES_END_NS, GateFloor, contracts, granted, lease
from tests.support.orders import NOW_NS, OPEN_LIMITS, PERPETUAL, accepted, amend, cancel, closed, fill, head

STRATEGIES = ("carry", "other")
LONG_MAX, SHORT_MAX = 8, 5
QUANTITIES = st.integers(2, 12)
PRICES = st.integers(49_995, 50_005).map(lambda price: f"{price}.0")
KINDS: list[dict[str, Any]] = [
    {},
    {"post_only": True},
    {"time_in_force": TimeInForce.IOC},
    {"type": OrderType.MARKET},
]


class GateMachine(RuleBasedStateMachine):
    """Two strategies, each with a lease from 5 short to 8 long, and a venue that does as it likes."""

    @initialize()
    def open(self) -> None:
        leases = granted(*(lease(str(LONG_MAX), str(SHORT_MAX), strategy=strategy) for strategy in STRATEGIES))
        self.floor = GateFloor(OPEN_LIMITS, leases)
        self.numbers = 0
        self.asked: dict[str, list[Any]] = {}

    def orders(self) -> list[Order]:
        return self.floor.records.open_orders()

    def chosen(self, data: st.DataObject) -> Order | None:
        return data.draw(st.sampled_from(self.orders())) if self.orders() else None

    # --- what strategies do -------------------------------------------------------------------------------------

    @rule(
        strategy=st.sampled_from(STRATEGIES), side=st.sampled_from(Side), quantity=QUANTITIES, price=PRICES,
        kind=st.sampled_from(KINDS),
    )  # fmt: skip
    def send(self, strategy: str, side: Side, quantity: int, price: str, kind: dict[str, Any]) -> None:
        self.numbers += 1
        changes = {"strategy": strategy, "client_order_id": f"order-{self.numbers}"} | kind
        limit = None if "type" in kind else price
        order = contracts(self.numbers, quantity * side.sign, limit, **changes)
        stake = self.floor.records.stake(strategy, order.instrument)
        held = abs(stake.position)
        may_only_reduce = quantity <= stake.reducible(side)
        if self.floor.sends(order) is None and may_only_reduce:
            assert max(stake.long, stake.short) <= max(held, LONG_MAX, SHORT_MAX)
            assert stake.worst(side) <= 0, "a reducing order turns no position, were all of its side filled"

    @rule(data=st.data(), quantity=QUANTITIES, price=PRICES)
    def amend(self, data: st.DataObject, quantity: int, price: str) -> None:
        order = self.chosen(data)
        if order is None or order.request.price is None:
            return
        request = amend(order.request, quantity=D(quantity), price=D(price))
        if self.floor.amends(request) is None:
            self.asked.setdefault(request.client_order_id, []).append(request)

    @rule(data=st.data())
    def cancel(self, data: st.DataObject) -> None:
        order = self.chosen(data)
        if order is not None:
            self.floor.records.cancel_requested(cancel(order.request).client_order_id)

    @rule(share=st.integers(0, 1))
    def leases_end(self, share: int) -> None:
        """They may end, and be renewed."""
        self.floor.mono_ns = share * LEASES_END_NS

    # --- what the venue does ------------------------------------------------------------------------------------

    @rule(data=st.data())
    def answer_amendment(self, data: st.DataObject) -> None:
        order = self.chosen(data)
        asked = self.asked.get(order.request.client_order_id) if order is not None else None
        if order is None or not asked:
            return
        request = asked.pop(0)
        self.floor.hears(accepted(order.request))
        if request.quantity > order.filled_quantity and data.draw(st.booleans()):
            self.floor.hears(OrderAmended(*head(order.request), request.quantity, request.price, NOW_NS))
        else:
            self.floor.hears(AmendRejected(*head(order.request), RejectReason.OTHER, "", NOW_NS))

    @rule(data=st.data(), count=st.integers(1, 3))
    def fill(self, data: st.DataObject, count: int) -> None:
        """As much as may be left of it; by the last confirmed quantity, or by one that is under way."""
        order = self.chosen(data)
        if order is None:
            return
        sizes = [order.request.quantity, *(one.quantity for one in self.asked.get(order.request.client_order_id, ()))]
        left = min(D(count), max(sizes) - order.filled_quantity)
        if left > 0:
            self.numbers += 1
            self.floor.hears(fill(order.request, str(left), f"t-{self.numbers}", fee=D(0), fee_currency="BTC"))

    @rule(data=st.data())
    def lose_sight(self, data: st.DataObject) -> None:
        order = self.chosen(data)
        if order is not None:
            self.floor.hears(OrderUnknown(*head(order.request), "lost", NOW_NS))

    @rule(data=st.data(), kind=st.sampled_from(["closed", "rejected", "cancel-rejected"]))
    def close(self, data: st.DataObject, kind: str) -> None:
        order = self.chosen(data)
        if order is None:
            return
        request = order.request
        if kind == "closed":
            self.floor.hears(closed(request, str(order.filled_quantity), CloseReason.EXPIRED))
        elif kind == "rejected" and not order.filled_quantity:
            self.floor.hears(OrderRejected(*head(request), RejectReason.OTHER, "", NOW_NS))
        else:
            self.floor.hears(CancelRejected(*head(request), RejectReason.OTHER, "", NOW_NS))

    # --- what must hold -----------------------------------------------------------------------------------------

    @invariant()
    def the_worst_case_never_exceeds_the_lease(self) -> None:
        if not hasattr(self, "floor"):
            return
        for strategy in STRATEGIES:
            position = self.floor.records.positions(strategy).get(PERPETUAL.id, D(0))
            longest = position + self.most(strategy, Side.BUY)
            shortest = self.most(strategy, Side.SELL) - position
            assert (longest <= LONG_MAX) and (shortest <= SHORT_MAX), (strategy, position, longest, shortest)

    @invariant()
    def what_is_kept_is_what_a_count_of_all_orders_gives(self) -> None:
        if not hasattr(self, "floor"):
            return
        for strategy in STRATEGIES:
            stake = self.floor.records.stake(strategy, PERPETUAL.id)
            assert stake.buying >= self.most(strategy, Side.BUY)
            assert stake.selling >= self.most(strategy, Side.SELL)
            open_count = len(self.floor.records.open_orders(strategy))
            assert open_count == self.floor.records.open_count_of(strategy)
            if not open_count:
                assert stake.buying == stake.selling == 0

    @invariant()
    def no_two_of_our_orders_could_trade_with_each_other(self) -> None:
        if not hasattr(self, "floor"):
            return
        buys = [order.request for order in self.orders() if order.request.side is Side.BUY]
        sells = [order.request for order in self.orders() if order.request.side is Side.SELL]
        for bought in buys:
            for sold in sells:
                assert not self.could_trade(bought, sold), (bought, sold)

    def most(self, strategy: str, side: Side) -> D:
        """What all open orders of one side may still fill, by what was sent."""
        total = D(0)
        for order in self.floor.records.open_orders(strategy):
            if order.request.side is side:
                asked = self.asked.get(order.request.client_order_id, ())
                total += max([order.request.quantity, *(one.quantity for one in asked)]) - order.filled_quantity
        return total

    def could_trade(self, bought: SubmitOrder, sold: SubmitOrder) -> bool:
        can_meet = (can_rest(bought) and not sold.post_only) or (can_rest(sold) and not bought.post_only)
        return can_meet and any(
            buy is None or sell is None or buy >= sell for buy in self.prices(bought) for sell in self.prices(sold)
        )

    def prices(self, request: SubmitOrder) -> list[D | None]:
        return [request.price, *(one.price for one in self.asked.get(request.client_order_id, ()))]


GateMachine.TestCase.settings = settings(max_examples=150, stateful_step_count=40, deadline=None)
TestGate = GateMachine.TestCase
