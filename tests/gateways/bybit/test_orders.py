import json
from decimal import Decimal

import pytest

from gateways.bybit import orders
from gateways.bybit.orders import InexpressibleOrder, OrderTerms, PositionMode, SelfMatch
from gateways.native.wire import Method, OutcomeUnknown
from messages.orders import OrderType, Side, TimeInForce
from tests.gateways.bybit.private_account import INVERSE, NOW_MS, PERP, SPOT, Account, amend, cancel, instrument, submit


def args_of(request) -> dict:
    (args,) = json.loads(request.frame)["args"]
    return args


def test_a_limit_order_is_a_frame_for_the_trade_connection():
    request = Account().entry.by_stream(submit(), NOW_MS)

    assert json.loads(request.frame) == {
        "reqId": "s1-1",
        "header": {"X-BAPI-TIMESTAMP": str(NOW_MS), "X-BAPI-RECV-WINDOW": "5000"},
        "op": "order.create",
        "args": [
            {
                "category": "linear",
                "symbol": "BTCUSDT",
                "orderLinkId": "c-s-e1-1",
                "side": "Buy",
                "orderType": "Limit",
                "qty": "0.010",
                "timeInForce": "GTC",
                "price": "30000",
                "positionIdx": 0,
                "reduceOnly": False,
            }
        ],
    }
    assert (request.key, request.stream) == ("s1-1", "trade")
    assert dict(request.weight) == {"trade-ip": 1.0, "create-contract": 1.0}


def test_the_same_order_by_rest_has_the_same_fields():
    by_stream = args_of(Account().entry.by_stream(submit(), NOW_MS))

    request = Account().entry.by_rest(submit(), NOW_MS)

    assert (request.method, request.path) == (Method.POST, "/v5/order/create")
    assert json.loads(request.body) == by_stream
    assert dict(request.weight) == {"http-ip": 1.0, "create-contract": 1.0}


def test_a_spot_market_order_is_of_base_currency_and_never_borrows():
    order = submit(instrument=SPOT, type=OrderType.MARKET, price=None, side=Side.SELL, reduce_only=True)
    request = Account().entry.by_stream(order, NOW_MS)

    assert args_of(request) == {
        "category": "spot",
        "symbol": "BTCUSDT",
        "orderLinkId": "c-s-e1-1",
        "side": "Sell",
        "orderType": "Market",
        "qty": "0.010",
        "timeInForce": "IOC",
        "isLeverage": 0,
        "marketUnit": "baseCoin",
    }
    assert dict(request.weight) == {"trade-ip": 1.0, "create-spot": 1.0}


def test_a_market_order_of_a_contract_prints_no_price():
    args = args_of(Account().entry.by_stream(submit(type=OrderType.MARKET, price=None, instrument=INVERSE), NOW_MS))

    assert "price" not in args
    assert (args["category"], args["timeInForce"]) == ("inverse", "IOC")


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({}, "GTC"),
        ({"time_in_force": TimeInForce.IOC}, "IOC"),
        ({"time_in_force": TimeInForce.FOK}, "FOK"),
        ({"post_only": True}, "PostOnly"),
    ],
)
def test_each_time_in_force_has_its_word(fields, said):
    assert args_of(Account().entry.by_stream(submit(**fields), NOW_MS))["timeInForce"] == said


@pytest.mark.parametrize(
    "fields",
    [
        {"post_only": True, "time_in_force": TimeInForce.IOC},
        {"post_only": True, "type": OrderType.MARKET, "price": None},
        {"type": OrderType.MARKET, "price": None, "time_in_force": TimeInForce.FOK},
    ],
)
def test_what_the_venue_has_no_word_for_is_refused_and_not_kept(fields):
    account = Account()

    with pytest.raises(InexpressibleOrder, match="c-s-e1-1"):
        account.entry.by_stream(submit(**fields), NOW_MS)
    assert account.entry.connection_lost() == []


@pytest.mark.parametrize(
    ("side", "is_reducing", "position"),
    [(Side.BUY, False, 1), (Side.SELL, True, 1), (Side.SELL, False, 2), (Side.BUY, True, 2)],
)
def test_in_hedge_mode_what_reduces_is_for_the_opposite_position(side, is_reducing, position):
    account = Account(terms=OrderTerms(PositionMode.HEDGE))
    args = args_of(account.entry.by_stream(submit(side=side, reduce_only=is_reducing), NOW_MS))

    assert (args["positionIdx"], args["reduceOnly"]) == (position, is_reducing)


def test_self_match_prevention_is_said_where_it_is_chosen():
    account = Account(terms=OrderTerms(self_match=SelfMatch.CANCEL_TAKER))

    assert args_of(account.entry.by_stream(submit(), NOW_MS))["smpType"] == "CancelTaker"


def test_no_number_is_sent_with_an_exponent():
    args = args_of(Account().entry.by_stream(submit(quantity=Decimal("1E+2"), price=Decimal("1E-7")), NOW_MS))

    assert (args["qty"], args["price"]) == ("100", "0.0000001")


def test_a_cancel_names_the_order_by_our_id():
    request = Account().entry.by_stream(cancel(), NOW_MS)

    assert json.loads(request.frame)["op"] == "order.cancel"
    assert args_of(request) == {"category": "linear", "symbol": "BTCUSDT", "orderLinkId": "c-s-e1-1"}
    assert dict(request.weight)["cancel-contract"] == 1.0


@pytest.mark.parametrize(
    ("quantity", "price", "changes"),
    [
        ("0.010", "30100", {"price": "30100"}),
        ("0.020", "30000", {"qty": "0.020"}),
        ("0.020", "30100", {"qty": "0.020", "price": "30100"}),
        ("0.010", "30000", {"price": "30000"}),
    ],
)
def test_an_amendment_says_only_what_it_changes(quantity, price, changes):
    account = Account()
    account.entry.by_stream(submit(), NOW_MS)

    request = account.entry.by_stream(amend(quantity, price), NOW_MS)

    assert json.loads(request.frame)["op"] == "order.amend"
    assert args_of(request) == {"category": "linear", "symbol": "BTCUSDT", "orderLinkId": "c-s-e1-1", **changes}


def test_an_amendment_of_an_order_that_is_not_known_says_all():
    assert {"qty", "price"} <= args_of(Account().entry.by_stream(amend("0.020", "30100"), NOW_MS)).keys()


def test_request_ids_are_never_used_twice():
    entry = Account().entry

    keys = [
        entry.by_stream(cancel(), NOW_MS).key,
        entry.by_rest(cancel(), NOW_MS).key,
        entry.by_stream(cancel(), 1).key,
    ]

    assert keys == ["s1-1", "s1-2", "s1-3"]


def test_a_lost_connection_leaves_its_requests_unknown_and_those_by_rest_waiting():
    entry = Account().entry
    entry.by_stream(submit(), NOW_MS)
    entry.by_rest(submit("c-s-e1-2"), NOW_MS)

    assert entry.connection_lost() == [OutcomeUnknown("s1-1", "SubmitOrder of c-s-e1-1 was not answered")]
    assert entry.connection_lost() == []
    assert entry.give_up("s1-2") == [OutcomeUnknown("s1-2", "SubmitOrder of c-s-e1-2 was not answered")]
    assert entry.give_up("s1-2") == []


def test_no_more_requests_wait_than_may(monkeypatch):
    monkeypatch.setattr(orders, "PENDING_MAX", 1)
    entry = Account().entry
    entry.by_stream(submit(), NOW_MS)

    with pytest.raises(InexpressibleOrder, match="c-s-e1-2 is not sent"):
        entry.by_stream(submit("c-s-e1-2"), NOW_MS)


def test_disconnect_cancel_all_is_set_for_each_product_that_is_traded():
    requests = Account().entry.cancel_on_disconnect(40, NOW_MS)

    assert [json.loads(one.body) for one in requests] == [
        {"product": "SPOT", "timeWindow": 40},
        {"product": "DERIVATIVES", "timeWindow": 40},
    ]
    assert {one.path for one in requests} == {"/v5/order/disconnected-cancel-all"}
    assert len(Account((instrument("BTCUSDT"),)).entry.cancel_on_disconnect(3, NOW_MS)) == 1
    assert len(Account((instrument("BTCUSDT", "spot"),)).entry.cancel_on_disconnect(3, NOW_MS)) == 1


@pytest.mark.parametrize("window_s", [2, 301])
def test_a_window_that_the_venue_does_not_take_is_refused(window_s):
    with pytest.raises(ValueError, match="3 to 300 s"):
        Account().entry.cancel_on_disconnect(window_s, NOW_MS)


def test_an_instrument_that_is_not_traded_is_a_mistake_of_ours():
    with pytest.raises(KeyError):
        Account((instrument("BTCUSDT", "spot"),)).entry.by_stream(submit(instrument=PERP), NOW_MS)
