"""The user's events, each told for what it is: news, repeated, late, with a gap before it, foreign, forced."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateways.binance.market import Market
from gateways.binance.order_tracker import ENDED_KNOWN_MAX, OrderTracker
from gateways.binance.private_asides import (
    Aside,
    AsideKind,
)
from gateways.venue import OrderStatus
from messages.orders import (
    CloseReason,
    Fill,
    Liquidity,
    OrderAccepted,
    OrderAmended,
    OrderClosed,
    OrderRejected,
    RejectReason,
)
from tests.gateways.binance.private_account import (
    NAME,
    NOW_MS,
    NOW_NS,
    Books,
    amend,
    answer,
    connected,
    execution,
    hear,
    instrument,
    order,
    order_body,
    order_event,
    query,
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


# --- the life of an order -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("market", Market)
def test_an_order_is_accepted_filled_and_closed_with_every_figure_exact(market):
    private = connected(market)
    private.on_request(order(market), NOW_NS)
    assert kinds(hear(private, order_event(market))) == [OrderAccepted]
    (fill,) = hear(private, execution("0.2", "0.2", 5, market, m=True))
    assert fill == Fill(
        client_order_id=NAME,
        strategy="carry",
        instrument=instrument(market),
        side=order(market).side,
        price=Decimal(30000),
        quantity=Decimal("0.2"),
        fee=Decimal("0.01"),
        fee_currency="USDT",
        liquidity=Liquidity.MAKER,
        trade_id="5",
        ts_event=NOW_NS,
    )
    last, closed = hear(private, execution("0.3", "0.5", 6, market, X="FILLED"))
    assert last.liquidity is Liquidity.TAKER
    assert (closed.reason, closed.filled_quantity) == (CloseReason.FILLED, Decimal("0.5"))


def test_an_answer_and_its_event_tell_one_acceptance():
    assert kinds(hear(working(), order_event())) == [K.REPEATED]


def test_an_execution_told_twice_is_one_fill():
    private = working()
    assert kinds(hear(private, execution("0.2", "0.2", 5))) == [Fill]
    (again,) = hear(private, execution("0.2", "0.2", 5))
    assert again == Aside(K.REPEATED, NAME, "execution 5")


def test_executions_out_of_their_order_are_all_told_and_the_end_waits_for_them():
    private = working()
    told = hear(private, execution("0.3", "0.5", 6, X="FILLED"))
    assert kinds(told) == [Fill, K.MISSING, K.MISSING]  # 0.2 is missing, so the end is held
    assert told[1].text == "filled=0.5 known=0.3"
    told = hear(private, execution("0.2", "0.2", 5))
    assert kinds(told) == [Fill, K.LATE, OrderClosed]
    assert told[-1].filled_quantity == Decimal("0.5")
    assert kinds(hear(private, order_event())) == [K.REPEATED]


def test_a_fill_after_the_end_is_a_fill_all_the_same():
    private = working()
    assert kinds(hear(private, order_event(x="CANCELED", X="CANCELED"))) == [OrderClosed]
    assert kinds(hear(private, order_event(x="CANCELED", X="CANCELED"))) == [K.REPEATED]
    assert kinds(hear(private, execution("0.2", "0.2", 5))) == [Fill, K.LATE]


def test_an_acceptance_after_a_fill_is_late():
    private = connected()
    private.on_request(order(), NOW_NS)
    hear(private, execution("0.2", "0.2", 5))
    assert kinds(hear(private, order_event())) == [OrderAccepted, K.LATE]


def test_an_order_that_nobody_asked_about_is_foreign_until_somebody_does():
    private = connected()
    (foreign,) = hear(private, execution("0.2", "0.2", 5))
    assert foreign == Aside(K.FOREIGN_EXECUTION, NAME, "BUY 0.2 BTCUSDT.bin at 30000, execution 5")
    assert kinds(hear(private, order_event())) == [K.FOREIGN_ORDER]
    private.on_request(query(), NOW_NS)
    assert kinds(hear(private, execution("0.2", "0.4", 6))) == [Fill, K.MISSING]


def test_a_spot_cancel_names_the_order_in_its_second_id():
    private = working(Market.SPOT)
    (closed,) = hear(private, order_event(Market.SPOT, c="of-the-cancel", C=NAME, x="CANCELED", X="CANCELED"))
    assert (closed.client_order_id, closed.reason) == (NAME, CloseReason.CANCELLED)


def test_a_spot_rejection_by_event_has_our_reason():
    private = working(Market.SPOT)
    rejected, again = (
        hear(private, order_event(Market.SPOT, x="REJECTED", X="REJECTED", r="INSUFFICIENT_BALANCES"))[0]
        for _ in range(2)
    )
    assert (type(rejected), rejected.reason) == (OrderRejected, RejectReason.INSUFFICIENT_BALANCE)
    assert again.kind is K.REPEATED


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({"f": "IOC", "er": "2"}, CloseReason.EXPIRED),
        ({"f": "GTX", "er": "11"}, RejectReason.POST_ONLY_WOULD_TAKE),
        ({"f": "GTX"}, RejectReason.POST_ONLY_WOULD_TAKE),
        ({"f": "GTX", "er": "7"}, CloseReason.EXPIRED),  # delisted
        ({"f": "GTX", "z": "0.2"}, CloseReason.EXPIRED),
        ({"X": "EXPIRED_IN_MATCH", "er": "1"}, CloseReason.EXPIRED),
    ],
)
def test_an_order_expires_or_as_post_only_is_refused(fields, expected):
    private = working()
    hear(private, execution("0.2", "0.2", 5)) if "z" in fields else None
    (told,) = hear(private, order_event(**{"x": "EXPIRED", "X": "EXPIRED", **fields}))
    assert told.reason is expected


def test_self_trade_prevention_is_told_with_the_end_that_it_makes():
    private = working(Market.SPOT)
    told = hear(private, order_event(Market.SPOT, x="TRADE_PREVENTION", X="EXPIRED_IN_MATCH"))
    assert kinds(told) == [K.PREVENTED, OrderClosed]
    private = working(Market.SPOT)
    assert kinds(hear(private, order_event(Market.SPOT, x="TRADE_PREVENTION", X="NEW"))) == [K.PREVENTED]


@pytest.mark.parametrize(("market", "kind"), [(Market.USDM, "AMENDMENT"), (Market.SPOT, "REPLACED")])
def test_an_amendment_is_told_once_by_answer_or_event(market, kind):
    books = Books()
    books.add(order(market))
    private = connected(market, books=books)
    private.on_request(order(market), NOW_NS)
    private.on_request(amend(Decimal("0.4"), Decimal("30000.1"), market), NOW_NS)
    event = order_event(market, x=kind, q="0.4")
    (amended,) = hear(private, event)
    assert (type(amended), amended.quantity) == (OrderAmended, Decimal("0.4"))
    assert kinds(hear(private, event)) == [K.REPEATED]
    hear(private, order_event(market, x="CANCELED", X="CANCELED"))
    assert kinds(hear(private, order_event(market, x=kind, q="0.3"))) == [OrderAmended, K.LATE]


def test_a_cancel_replace_is_an_amendment_under_a_new_venue_id():
    private = working(Market.SPOT)
    half = order_event(Market.SPOT, c=f"replaced-{NAME}", C=NAME, x="CANCELED", X="CANCELED")
    assert kinds(hear(private, half)) == [K.REPLACED]
    amended, accepted = hear(private, order_event(Market.SPOT, i=12, p="29000"))
    assert (amended.price, accepted.venue_order_id) == (Decimal(29000), "12")
    assert kinds(hear(private, execution("0.5", "0.5", 9, Market.SPOT, i=12, X="FILLED"))) == [Fill, OrderClosed]


def test_an_execution_type_that_is_not_documented_is_said_to_be_unknown():
    (aside,) = hear(working(), order_event(x="DELEGATED"))
    assert aside == Aside(K.UNKNOWN_VALUE, NAME, "execution type DELEGATED")


# --- any order of events ------------------------------------------------------------------------------------------


@given(st.data())
def test_whatever_the_order_and_however_often_each_fill_is_told_once_and_the_end_last(data):
    sizes = data.draw(st.lists(st.integers(1, 9), min_size=1, max_size=6))
    filled, events = 0, [order_event()]
    for trade_id, size in enumerate(sizes, start=1):
        filled += size
        state = "FILLED" if trade_id == len(sizes) else "PARTIALLY_FILLED"
        events.append(execution(str(size), str(filled), trade_id, X=state))
    again = data.draw(st.lists(st.sampled_from(events), max_size=6))
    private = connected()
    private.on_request(order(quantity=Decimal(filled)), NOW_NS)
    told = [each for event in data.draw(st.permutations(events + again)) for each in hear(private, event)]
    reports = [each for each in told if not isinstance(each, Aside | OrderAccepted)]
    assert sorted(each.trade_id for each in reports[:-1]) == [str(n + 1) for n in range(len(sizes))]
    assert (type(reports[-1]), reports[-1].filled_quantity) == (OrderClosed, Decimal(filled))
    assert sum(isinstance(each, OrderAccepted) for each in told) == 1
    assert len(told) >= len(events) + len(again)  # nothing is dropped in silence


# --- the tracker's memory -----------------------------------------------------------------------------------------


def test_the_orders_that_ended_longest_ago_are_forgotten():
    tracker = OrderTracker()
    for number in range(ENDED_KNOWN_MAX + 1):
        name = f"o-{number}"
        tracker.submitted(order(client_order_id=name), NOW_MS)
        tracker.admit([OrderClosed(name, "carry", "X.bin", CloseReason.CANCELLED, Decimal(0), NOW_NS)], NOW_NS)
    assert tracker.find("o-0") is None
    stranger = OrderAccepted("o-0", "carry", "X.bin", "1", NOW_NS)
    assert tracker.admit([stranger], NOW_NS) == [stranger]  # whoever it is, the gateway is told
    tracker.learn(OrderStatus("o-0", "carry", "X.bin", False, "", None, None, Decimal(0), (), NOW_NS))
    assert tracker.find("o-0") is None
    assert tracker.find(f"o-{ENDED_KNOWN_MAX}").is_ended
