"""What the venue does to a position by itself, and executions that are told before their fee is known."""

import json
from decimal import Decimal

import pytest

from gateways.binance.market import Market
from gateways.binance.order_tracker import OrderTracker
from gateways.binance.private_asides import (
    Aside,
    AsideKind,
    EarlyFill,
)
from gateways.binance.user_stream import FORCED_KNOWN_MAX, UserStream
from gateways.binance.venue_orders import can_be_ours, forced_id
from messages.orders import (
    Fill,
    is_venue_made,
)
from tests.gateways.binance.private_account import (
    NAME,
    NOW_MS,
    NOW_NS,
    answer,
    connected,
    execution,
    hear,
    order,
    order_body,
    order_event,
)

K = AsideKind


def working(market=Market.USDM):
    """An order of half a coin, accepted."""
    private = connected(market)
    (request,) = private.on_request(order(market), NOW_NS)
    private.on_frame(answer(request, order_body(market)), NOW_NS)
    return private


def kinds(told):
    return [each.kind if isinstance(each, Aside) else type(each) for each in told]


# --- what the venue does by itself --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("theirs", "ours"),
    [
        ("autoclose-1234567890", "autoclose-1234567890"),
        ("adl_autoclose", "adl-autoclose"),
        ("adl_autoclose_12345", "adl-autoclose-12345"),
        ("settlement_autoclose-9999", "settlement-autoclose-9999"),
        ("delivery_autoclose-12345", "settlement-autoclose-12345"),
        ("delivery-7", "settlement-autoclose-7"),
        ("autoclose-" + "9" * 40, "autoclose-" + "9" * 22),
    ],
)
def test_a_venue_made_order_has_our_spelling(theirs, ours):
    assert forced_id(theirs) == ours
    assert is_venue_made(ours)
    assert can_be_ours(ours)


def test_other_orders_are_not_the_venues():
    assert forced_id(NAME) is None
    assert not can_be_ours("web_3fa9")
    assert not can_be_ours("x" * 33)


@pytest.mark.parametrize("kind", ["CALCULATED", "TRADE"])
def test_a_liquidation_is_a_forced_fill_once(kind):
    private = connected(settle={"BTCUSDT": "USDT"})
    event = execution("0.5", "0.5", 7, c="autoclose-1", S="SELL", x=kind, X="FILLED", N=None, n="0")
    (fill,) = hear(private, event)
    assert (fill.client_order_id, fill.strategy, fill.quantity) == ("autoclose-1", "venue", Decimal("0.5"))
    assert fill.fee_currency == "USDT"
    assert kinds(hear(private, event)) == [K.REPEATED]
    assert kinds(hear(private, order_event(c="autoclose-2", x="CALCULATED"))) == [K.FORCED_ORDER]
    assert kinds(hear(private, order_event(c="autoclose-2"))) == [K.FORCED_ORDER]


def test_a_forced_execution_without_a_trade_id_gets_one_of_its_order():
    (fill,) = hear(connected(Market.COINM), execution("1", "3", 0, Market.COINM, c="adl_autoclose", ma="BTC", N=None))
    assert (fill.trade_id, fill.fee_currency) == ("11-3", "BTC")


def test_the_memory_of_forced_fills_is_bounded():
    stream = UserStream(Market.USDM, "bin", OrderTracker())
    for trade_id in range(1, FORCED_KNOWN_MAX + 2):
        stream.take(execution("1", "1", trade_id, c="autoclose-1"), NOW_NS)
    assert kinds(stream.take(execution("1", "1", FORCED_KNOWN_MAX + 1, c="autoclose-1"), NOW_NS)) == [K.REPEATED]
    assert kinds(stream.take(execution("1", "1", 1, c="autoclose-1"), NOW_NS)) == [Fill]  # forgotten


# --- told early ---------------------------------------------------------------------------------------------------


def lite(name=NAME, trade_id=5):
    event = {"e": "TRADE_LITE", "E": NOW_MS, "T": NOW_MS, "s": "BTCUSDT", "q": "0.5", "p": "0", "m": False}
    return json.dumps({**event, "c": name, "S": "BUY", "L": "30000", "l": "0.2", "t": trade_id, "i": 11}).encode()


def test_an_early_execution_is_a_signal_and_the_fill_follows_with_its_fee():
    private = working()
    (early,) = hear(private, lite())
    assert (type(early), early.trade_id, early.quantity) == (EarlyFill, "5", Decimal("0.2"))
    (fill,) = hear(private, execution("0.2", "0.2", 5))
    assert (type(fill), fill.trade_id) == (Fill, early.trade_id)
    assert kinds(hear(private, lite())) == [K.REPEATED]


def test_an_early_execution_that_is_not_ours_is_said_to_be_whose():
    assert kinds(hear(working(), lite("web_1"))) == [K.FOREIGN_EXECUTION]
    assert kinds(hear(working(), lite("autoclose-1"))) == [K.FORCED_ORDER]
