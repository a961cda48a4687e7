"""Order ids, causes, reports counted once, and timers."""

from decimal import Decimal as D

import pytest

from actors.strategies.own_orders import (
    CAUSE_LENGTH_MAX,
    CLOSED_ORDERS_KEPT_MAX,
    OwnOrders,
    Recent,
    Ticket,
    cause_of,
)
from messages.gateway_link import VenueUp
from messages.market import Depth, MarkPrice, Quote, Trade
from messages.order_lifecycle import OrderState
from messages.orders import (
    CloseReason,
    Fill,
    FundingPaid,
    Liquidity,
    OrderClosed,
    OrderRejected,
    OrderType,
    RejectReason,
    Side,
    TimeInForce,
)
from messages.strategy_host import RecoveryCompleted, StrategyStarted, TimerFired

INSTRUMENT = "BTCUSDT.spot"
TICKET = Ticket(instrument=INSTRUMENT, side=Side.BUY, quantity=D(2), price=D(100), valid_for_ms=70_000)


def a_desk(epoch: int = 3) -> OwnOrders:
    own_orders = OwnOrders("carry")
    own_orders.start(StrategyStarted("carry", epoch, "main-carry", 5))
    own_orders.now_ns = 5
    return own_orders


def fill(name: str, trade_id: str = "t1", quantity: str = "1") -> Fill:
    return Fill(
        client_order_id=name, strategy="carry", instrument=INSTRUMENT, side=Side.BUY, price=D(100),
        quantity=D(quantity), fee=D(0), fee_currency="USDT", liquidity=Liquidity.TAKER, trade_id=trade_id, ts_event=6,
    )  # fmt: skip


def ended(name: str, filled: str = "0", reason: CloseReason = CloseReason.EXPIRED) -> OrderClosed:
    return OrderClosed(name, "carry", INSTRUMENT, reason, D(filled), 7)


def test_ids_count_from_one_within_an_epoch():
    own_orders = a_desk()
    assert "main-carry-e3-1" == own_orders.submit(TICKET).request.client_order_id
    assert "main-carry-e3-2" == own_orders.submit(TICKET).request.client_order_id
    own_orders.start(StrategyStarted("carry", 4, "main-carry", 6))
    assert "main-carry-e4-1" == own_orders.submit(TICKET).request.client_order_id


def test_an_order_says_what_led_to_it_and_when():
    own_orders = a_desk()
    own_orders.cause = Quote(INSTRUMENT, 1.0, 1.0, 2.0, 1.0, 4, 5, 812, 99)
    request = own_orders.submit(TICKET).request
    assert ("quote:BTCUSDT.spot:812", 99, 5) == (request.caused_by, request.cause_mono_ns, request.ts_created)
    assert (3, TimeInForce.IOC, OrderType.LIMIT, 60_000) == (
        request.epoch, request.time_in_force, request.type, request.valid_for_ms,
    )  # fmt: skip


def test_an_order_without_a_price_is_a_market_order():
    ticket = Ticket(instrument=INSTRUMENT, side=Side.SELL, quantity=D(1), price=None, reduce_only=True)
    request = a_desk().submit(ticket).request
    assert (OrderType.MARKET, True) == (request.type, request.reduce_only)


@pytest.mark.parametrize(
    ("message", "expected"),
    [
        (Quote(INSTRUMENT, 1.0, 1.0, 2.0, 1.0, 4, 5, 812), "quote:BTCUSDT.spot:812"),
        (Depth(INSTRUMENT, (), (), 1, 4, 5, 9), "depth:BTCUSDT.spot:9"),
        (MarkPrice(INSTRUMENT, 1.0, 1.0, 0.0, 0, 4, 5, 3), "markprice:BTCUSDT.spot:3"),
        (Trade(INSTRUMENT, 1.0, 1.0, Side.BUY, "p7", 4, 5), "trade:BTCUSDT.spot:p7"),
        (fill("x-1", "t9"), "fill:BTCUSDT.spot:t9"),
        (TimerFired("pair-leg", 1, 1), "timer:pair-leg"),
        (ended("x-1"), "OrderClosed:x-1"),
        (VenueUp("usdm", 1), "VenueUp:usdm"),
        (RecoveryCompleted({}, (), 1), "RecoveryCompleted:"),
        (None, ""),
    ],
)
def test_every_message_can_be_named_as_a_cause(message, expected):
    assert expected == cause_of(message)


def test_a_cause_is_cut_to_what_an_order_carries():
    assert CAUSE_LENGTH_MAX == len(cause_of(Trade("x" * 64, 1.0, 1.0, Side.BUY, "p" * 64, 4, 5)))


def test_a_fill_is_counted_once():
    own_orders = a_desk()
    order = own_orders.submit(TICKET)
    name = order.request.client_order_id
    assert own_orders.apply(fill(name))
    assert not own_orders.apply(fill(name))
    assert (1, D(1)) == (own_orders.fills_counted, order.filled_quantity)


def test_an_order_that_has_filled_completely_does_not_work_any_more():
    own_orders = a_desk()
    name = own_orders.submit(TICKET).request.client_order_id
    own_orders.apply(fill(name, quantity="2"))
    assert [] == own_orders.working
    assert 1 == len(own_orders.open_orders)
    own_orders.apply(ended(name, "2", CloseReason.FILLED))
    assert [] == own_orders.open_orders


def test_an_end_that_overtakes_a_fill_waits_for_it():
    own_orders = a_desk()
    name = own_orders.submit(TICKET).request.client_order_id
    assert not own_orders.apply(ended(name, "1"))
    assert 1 == len(own_orders.working)
    assert own_orders.apply(fill(name))
    assert [] == own_orders.open_orders
    order = own_orders.order(name)
    assert order is not None
    assert OrderState.EXPIRED is order.state


def test_a_fill_of_an_unknown_order_is_counted_and_told():
    own_orders = a_desk()
    assert own_orders.apply(fill("main-carry-e1-9"))
    assert 1 == own_orders.fills_counted
    assert "counted in the position" in own_orders.problems[0]


def test_another_report_of_an_unknown_order_is_told_and_ignored():
    own_orders = a_desk()
    assert not own_orders.apply(ended("main-carry-e1-9"))
    assert "OrderClosed for unknown order main-carry-e1-9" in own_orders.problems[0]


def test_a_report_that_cannot_follow_is_told_and_ignored():
    own_orders = a_desk()
    name = own_orders.submit(TICKET).request.client_order_id
    own_orders.apply(ended(name))
    assert not own_orders.apply(OrderRejected(name, "carry", INSTRUMENT, RejectReason.OTHER, "no", 6))
    assert ["OrderRejected"] == [problem.split()[0] for problem in own_orders.problems]


def test_a_fill_of_an_order_that_the_venue_has_rejected_counts():
    own_orders = a_desk()
    name = own_orders.submit(TICKET).request.client_order_id
    own_orders.apply(OrderRejected(name, "carry", INSTRUMENT, RejectReason.OTHER, "no", 6))
    assert own_orders.apply(fill(name))
    assert 1 == own_orders.fills_counted
    assert [] == own_orders.problems


def test_funding_is_always_news_to_the_desk():
    assert a_desk().apply(FundingPaid("carry", INSTRUMENT, D(1), "USDT", 0.0, D(1), "f1", 1))


def test_orders_that_the_gateways_do_not_hold_are_closed_as_lost():
    own_orders = a_desk()
    lost, kept, full = (own_orders.submit(TICKET).request.client_order_id for _ in range(3))
    own_orders.apply(fill(full, quantity="2"))
    assert [lost] == own_orders.close_lost(RecoveryCompleted({}, (kept,), 9))
    assert [kept] == [order.request.client_order_id for order in own_orders.open_orders]


def test_cancels_name_the_order_and_mark_it():
    own_orders = a_desk()
    order = own_orders.submit(TICKET)
    cancel = own_orders.cancel(order)
    assert (order.request.client_order_id, 3, INSTRUMENT) == (cancel.client_order_id, cancel.epoch, cancel.instrument)
    assert OrderState.CANCELLING is order.state


def test_closed_orders_are_kept_up_to_a_bound():
    own_orders = a_desk()
    names = [own_orders.submit(TICKET).request.client_order_id for _ in range(CLOSED_ORDERS_KEPT_MAX + 1)]
    for name in names:
        own_orders.apply(ended(name))
    assert own_orders.order(names[0]) is None
    assert own_orders.order(names[1]) is not None


def test_a_bounded_set_forgets_the_oldest():
    recent = Recent(2)
    assert [True, True, False, True, True] == [recent.add(item) for item in ("a", "b", "a", "c", "a")]


def test_a_timer_that_was_cancelled_or_replaced_is_not_taken():
    own_orders = a_desk()
    first = own_orders.set_timer("leg", 10)
    second = own_orders.set_timer("leg", 20)
    assert (15, 25) == (first.at_ns, second.at_ns)
    assert not own_orders.take_timer(TimerFired("leg", 15, 15))
    assert own_orders.take_timer(TimerFired("leg", 25, 25))
    assert not own_orders.take_timer(TimerFired("leg", 25, 25))
    own_orders.set_timer("leg", 30)
    assert 1 == len(own_orders.cancel_timer("leg"))
    assert [] == own_orders.cancel_timer("leg")
