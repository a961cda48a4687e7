"""An order that was denied since no venue knew it, or that the venue said to have rejected, and that fills all the
same: every strategy counts it and copes.
"""

from decimal import Decimal as D

import pytest

from actors.strategies.own_orders import OwnOrders, Ticket
from messages.order_lifecycle import OrderState
from messages.orders import (
    CancelRejected,
    CloseReason,
    DenyReason,
    Fill,
    Liquidity,
    OrderAccepted,
    OrderClosed,
    OrderDenied,
    OrderRejected,
    RejectReason,
    Side,
)
from tests.actors.strategies.arbitrage.test_strategy import rich_beta
from tests.actors.strategies.arbitrage.world import ArbitrageWorld
from tests.actors.strategies.market_making.world import MakerWorld
from tests.actors.strategies.trading_world import World, parameters

INSTRUMENT = "BTCUSDT.spot"


@pytest.mark.parametrize("state", [OrderState.DENIED, OrderState.REJECTED])
def test_a_fill_of_an_order_that_was_never_there_is_counted_once_and_is_no_problem(state):
    own_orders = OwnOrders("carry")
    order = own_orders.submit(Ticket(instrument=INSTRUMENT, side=Side.BUY, quantity=D(2), price=D(100)))
    head = (order.request.client_order_id, "carry", INSTRUMENT)
    if state is OrderState.DENIED:
        own_orders.apply(OrderDenied(*head, DenyReason.NOT_RECEIVED, "venue=unknown-order", 6))
    else:
        own_orders.apply(OrderRejected(*head, RejectReason.OTHER, "timeout", 6))
    fill = Fill(
        client_order_id=head[0], strategy="carry", instrument=INSTRUMENT, side=Side.BUY, price=D(100), quantity=D(1),
        fee=D(0), fee_currency="USDT", liquidity=Liquidity.TAKER, trade_id="t1", ts_event=7,
    )  # fmt: skip
    assert own_orders.apply(OrderAccepted(*head, "v-1", 7))
    assert own_orders.apply(fill)
    assert not own_orders.apply(fill)
    own_orders.apply(CancelRejected(*head, RejectReason.UNKNOWN_ORDER, "late", 8))
    own_orders.apply(OrderClosed(*head, CloseReason.CANCELLED, D(1), 8))
    assert (state, D(1), 1) == (order.state, order.filled_quantity, own_orders.fills_counted)
    assert ([], [], []) == (own_orders.problems, own_orders.open_orders, own_orders.working)


REFUSALS = ["deny", "reject"]


@pytest.mark.parametrize("refuse", REFUSALS)
@pytest.mark.parametrize("quantity", [None, "0.05"])
def test_a_leg_that_was_refused_and_fills_late_is_counted_and_the_pair_made_whole(quantity, refuse):
    world = World(parameters())
    world.market(60_000.0, 60_300.0)
    name = world.last.client_order_id
    getattr(world, refuse)(name)
    assert "COOLDOWN" == world.state
    world.accept(name)
    world.fill(name, quantity)
    assert "REBALANCING" == world.state, "what the leg has brought is not left alone"
    world.trade_all()
    assert world.strategy.is_settled
    assert sum(world.held) == D(0)


@pytest.mark.parametrize("refuse", REFUSALS)
def test_a_route_of_an_arbitrage_takes_over_what_a_refused_order_has_brought(refuse):
    world = ArbitrageWorld()
    rich_beta(world)
    buy, sell = world.open_ids
    getattr(world, refuse)(buy)
    getattr(world, refuse)(sell)
    world.accept(buy)
    world.fill(buy, "0.05")
    world.trade_all()
    assert D(0) == world.net["BTC"]
    assert world.strategy.is_settled


@pytest.mark.parametrize("refuse", REFUSALS)
def test_a_maker_counts_what_a_refused_quote_has_brought_and_quotes_on(refuse):
    world = MakerWorld().quoting()
    name = world.bid.client_order_id
    getattr(world, refuse)(name)
    before = world.position
    world.accept(name)
    world.fill(name)
    assert world.orders[name].quantity == world.position - before
    world.market_at()
    assert "HALTED" != world.state
    assert not [alert for alert in world.alerts if name in alert], "nobody need look into it"
