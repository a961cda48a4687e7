"""A profit taken apart, over random trading: whatever happens, and whenever it is read, the parts are exact."""

from decimal import Decimal as D
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from actors.analytics import pnl as pnl_module
from actors.strategies.own_orders import Ticket
from messages.health import CycleResult, Lifecycle
from messages.instruments import Instrument, Rounding
from messages.market import Quote
from messages.orders import FundingPaid, Liquidity, Side, SubmitOrder
from messages.strategy_host import RecoveryCompleted
from tests.actors.strategies import random_walk
from tests.actors.strategies.puppet_floor import INSTRUMENTS, Floor, Puppet, check_sums

prices = st.floats(min_value=20_000.0, max_value=60_000.0)
whiches = st.integers(0, len(INSTRUMENTS) - 1)
events = st.one_of(
    st.tuples(st.just("quote"), whiches, prices, st.integers(1, 300)),
    st.tuples(st.just("order"), whiches, st.sampled_from(Side), prices, st.integers(1, 300)),
    st.tuples(
        st.just("fill"), st.integers(0, 5), prices, st.integers(1, 50), st.sampled_from(Liquidity), st.booleans()
    ),
    st.tuples(st.just("stray"), whiches, st.sampled_from(Side), prices),
    st.tuples(st.just("funding"), whiches, st.integers(-1_000, 1_000)),
    st.tuples(st.just("begin")),
    st.tuples(st.just("end")),
    st.tuples(st.just("adopt"), whiches, st.integers(-20, 20)),
)


class Walk(Floor):
    """Random events, and beside them the movement of each fill by its own arithmetic: quantity × (mid now − from)."""

    def __init__(self) -> None:
        super().__init__()
        self.orders: list[tuple[SubmitOrder, D]] = []
        self.moves: list[tuple[Instrument, D, D]] = []

    def step(self, name: str, *arguments: Any) -> None:
        getattr(self, f"do_{name}")(*arguments)
        self.check()

    def do_quote(self, which: int, price: float, ticks: int) -> None:
        self.quote(INSTRUMENTS[which], price, ticks)

    def do_order(self, which: int, side: Side, price: float, ticks: int) -> None:
        instrument = INSTRUMENTS[which]
        self.quote(instrument, price, ticks)
        self.orders.append((self.order(instrument, side), self.mid(instrument)))

    def do_fill(self, back: int, price: float, lots: int, liquidity: Liquidity, is_fee_in_base: bool) -> None:
        if not self.orders:
            return
        order, decided = self.orders[-1 - back % len(self.orders)]
        instrument = self.strategy.instruments[order.instrument]
        fee, quantity = {}, lots * instrument.lot_size
        change = order.side.sign * quantity
        if instrument.is_spot and is_fee_in_base:
            fee = {"fee": quantity / 1_000, "fee_currency": "BTC"}
            change -= quantity / 1_000
        elif instrument.inverse:
            fee = {"fee_currency": "BTC"}
        start = decided if liquidity is Liquidity.TAKER else self.mid(instrument)
        self.moves.append((instrument, change, start))
        self.fill(order, instrument.round_price(price, Rounding.NEAREST), lots, liquidity, **fee)

    def do_stray(self, which: int, side: Side, price: float) -> None:
        """A fill that no order of ours asked for: a liquidation."""
        instrument = INSTRUMENTS[which]
        at = instrument.round_price(price, Rounding.NEAREST)
        order = SubmitOrder(
            client_order_id="venue-1", strategy="puppet", epoch=1, instrument=instrument.id, side=side, quantity=D(1),
            ts_created=1,
        )  # fmt: skip
        self.moves.append((instrument, side.sign * instrument.lot_size, at))
        self.fill(order, at, 1, Liquidity.TAKER)

    def do_funding(self, which: int, amount: int) -> None:
        instrument = INSTRUMENTS[which]
        number = f"f{len(self.inputs)}"
        self.send(
            FundingPaid("puppet", instrument.id, amount * D("1e-6"), instrument.settle, 0.0, D(0), number, self.now_ns)
        )

    def do_begin(self) -> None:
        self.strategy.begin_cycle()

    def do_end(self) -> None:
        self.strategy.end_cycle(CycleResult.COMPLETED, "")

    def do_adopt(self, which: int, lots: int) -> None:
        """The gateway's word on a position beats ours."""
        instrument = INSTRUMENTS[which]
        positions = {item.id: self.strategy.ledger.position(item.id) for item in INSTRUMENTS}
        positions[instrument.id] += lots * instrument.lot_size
        self.send(RecoveryCompleted(positions, tuple(order.client_order_id for order, _ in self.orders), self.now_ns))


@settings(max_examples=300, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.lists(events, min_size=5, max_size=60), st.sampled_from([3, 1_000]))
def test_parts_cycles_and_remainder_add_up_to_the_profit_after_every_event(sequence, lots_max):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(pnl_module, "LOTS_MAX", lots_max)
        walk = Walk()
        for event in sequence:
            walk.step(*event)


@settings(max_examples=300, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.lists(events, min_size=5, max_size=60))
def test_movement_is_each_quantity_times_how_far_the_mid_went(sequence):
    """By another arithmetic than the ledger's: to the last digit in USDT, in coin but for the rounding to 1e-8."""
    walk = Walk()
    for event in sequence:
        if event[0] != "adopt":
            walk.step(*event)
    for instrument in INSTRUMENTS:
        if instrument.id not in walk.quotes:
            walk.quote(instrument, 30_000.0, 1)
    moved = {"USDT": D(0), "BTC": D(0)}
    for instrument, change, start in walk.moves:
        now = walk.mid(instrument)
        if instrument.inverse:
            moved["BTC"] += change * instrument.multiplier * (1 / start - 1 / now)
        else:
            moved["USDT"] += change * instrument.multiplier * (now - start)
    by_currency = {item.currency: item.inventory for item in walk.status.attributions}
    assert moved["USDT"] == by_currency["USDT"]
    assert abs(moved["BTC"] - by_currency["BTC"]) <= D("1e-8") * 4 * (len(walk.moves) + 1)


@settings(max_examples=50, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.lists(events, min_size=5, max_size=60))
def test_the_parts_of_a_profit_are_a_function_of_what_was_heard_and_sent(sequence):
    walk = Walk()
    for event in sequence:
        if event[0] not in {"begin", "end"}:
            walk.step(*event)
    again = Puppet()
    orders = iter(order for order, _ in walk.orders)
    order = next(orders, None)
    for message in walk.inputs:
        if order is not None and type(message) is Quote and order.ts_created == message.ts_received:
            terms = {"instrument": order.instrument, "side": order.side, "quantity": order.quantity, "price": None}
            again.wishes.append(Ticket(**terms))
            order = next(orders, None)
        again.on_message(message)
    assert walk.status == again.status(Lifecycle.RUNNING)


class PairWalk(random_walk.Walk):
    """All that can happen to a pair, cycles that it begins and ends itself, and nothing but the sums looked at."""

    def check(self) -> None:
        check_sums(self.world.strategy)


chances = st.floats(min_value=0.0, max_value=0.999, allow_nan=False)


@settings(max_examples=100, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    st.integers(0, len(random_walk.SETTINGS) - 1),
    st.lists(st.tuples(st.sampled_from(random_walk.EVENTS), chances), min_size=10, max_size=60),
)
def test_the_parts_of_a_pairs_profit_add_up_whatever_happens_to_it(setting, sequence):
    walk = PairWalk(random_walk.SETTINGS[setting]())
    for event, chance in sequence:
        walk.step(event, chance)
    walk.settle()
    walk.check()
