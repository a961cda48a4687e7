import json
from decimal import Decimal

import pytest

from gateways.bybit.asides import Answer, Aside, AsideKind, BalancesSeen, EarlyFill, PositionSeen
from gateways.bybit.bodies import MalformedBody
from gateways.bybit.signing import TRADE
from gateways.bybit.user_stream import ping, subscription
from messages.orders import (
    Liquidity,
    OrderAccepted,
    Side,
)
from tests.gateways.bybit.private_account import (
    HEAD,
    NOW_MS,
    NOW_NS,
    ORDER_TS,
    PERP,
    Account,
    execution_body,
    fill,
    frame,
    order_body,
    with_order,
)

# --- executions ------------------------------------------------------------------------------------------------------


def test_an_order_is_found_by_the_venues_id_where_ours_is_left_out():
    account = with_order()
    account.hear("order", order_body())

    assert account.hear("execution", execution_body(orderLinkId="", isMaker=True)) == [fill(liquidity=Liquidity.MAKER)]


def test_a_fast_execution_is_a_signal_and_the_fill_comes_with_its_fee():
    account = with_order()
    fast = execution_body()
    del fast["execFee"], fast["execType"]

    assert account.hear("execution.fast", fast) == [
        EarlyFill(
            client_order_id="c-s-e1-1",
            instrument=PERP,
            side=Side.BUY,
            price=Decimal(30000),
            quantity=Decimal("0.005"),
            liquidity=Liquidity.TAKER,
            trade_id="t-1",
            ts_event=(NOW_MS + 2) * 1_000_000,
        )
    ]
    assert account.hear("execution", execution_body()) == [fill()]


@pytest.mark.parametrize(
    ("fields", "kind"),
    [
        ({"symbol": "DOGEUSDT"}, AsideKind.NOT_TRADED),
        ({"orderLinkId": "", "orderId": "v-9"}, AsideKind.FOREIGN_EXECUTION),
    ],
)
@pytest.mark.parametrize("topic", ["execution", "execution.fast", "execution.fast.linear", "execution.linear"])
def test_an_execution_that_is_none_of_ours_is_put_aside(topic, fields, kind):
    (aside,) = with_order().hear(topic, execution_body(**fields))

    assert aside.kind is kind


# --- account ---------------------------------------------------------------------------------------------------------


def test_positions_are_signed():
    body = {"category": "linear", "symbol": "BTCUSDT", "side": "Sell", "size": "0.5", "positionIdx": 2}

    assert Account().hear("position", body | {"positionStatus": "Liq", "updatedTime": str(NOW_MS + 3)}) == [
        PositionSeen(
            instrument=PERP,
            position=Decimal("-0.5"),
            position_idx=2,
            status="Liq",
            ts_event=(NOW_MS + 3) * 1_000_000,
        )
    ]
    (empty,) = Account().hear("position", body | {"side": "", "size": "0"})
    assert (empty.position, empty.ts_event) == (Decimal(0), NOW_NS)


def test_a_position_in_what_is_not_traded_is_put_aside():
    (aside,) = Account().hear("position", {"category": "option", "symbol": "BTC-C", "side": "Buy", "size": "1"})

    assert aside == Aside(AsideKind.NOT_TRADED, "BTC-C", "a position of Buy 1")


def test_a_position_without_a_side_is_malformed():
    with pytest.raises(MalformedBody, match="the position in BTCUSDT is ''"):
        Account().hear("position", {"category": "linear", "symbol": "BTCUSDT", "side": None, "size": "1"})


def test_what_is_borrowed_is_not_ours():
    coins = [
        {"coin": "USDT", "walletBalance": "1200.00", "spotBorrow": "200.00", "locked": "5"},
        {"coin": "BTC", "walletBalance": "0.1"},
    ]

    # 1200 - 200 = 1000
    balances = {"USDT": Decimal(1000), "BTC": Decimal("0.1")}
    assert Account().hear("wallet", {"accountType": "UNIFIED", "coin": coins}) == [BalancesSeen(balances, NOW_NS)]


# --- the connection --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("body", "answer"),
    [
        ({"success": True, "ret_msg": "", "op": "auth", "conn_id": "c"}, Answer(op="auth", is_ok=True, text="")),
        (
            {"op": "auth", "success": False, "retCode": 10003, "retMsg": "Invalid apikey"},
            Answer(op="auth", is_ok=False, text="Invalid apikey"),
        ),
        (
            {"success": False, "ret_msg": "Invalid topic", "op": "subscribe"},
            Answer(op="subscribe", is_ok=False, text="Invalid topic"),
        ),
        ({"req_id": "t", "op": "pong", "args": ["1"], "conn_id": "c"}, Answer(op="pong", is_ok=True, text="")),
    ],
)
def test_the_venue_answers_logins_subscriptions_and_pings(body, answer):
    assert Account().stream.on_frame(json.dumps(body).encode(), NOW_NS) == [answer]


@pytest.mark.parametrize("body", [{"topic": "greeks", "data": []}, {"hello": 1}])
def test_an_unknown_kind_of_frame_is_told(body):
    (aside,) = Account().stream.on_frame(json.dumps(body).encode(), NOW_NS)

    assert aside.kind is AsideKind.UNKNOWN_TOPIC


@pytest.mark.parametrize(
    ("data", "text"),
    [
        (b"{", "private frame cannot be decoded"),
        (b"\xff\xfe", "private frame cannot be decoded"),
        (b'{"topic":"order","data":[{"symbol":"BTCUSDT"}]}', "order cannot be decoded.*orderId"),
        (frame("execution", execution_body(execPrice="NaN")), "execPrice is 'NaN'"),
        (frame("execution", execution_body(execPrice="x")), "execPrice is 'x'"),
        (frame("execution", execution_body(side="Up")), "the side of t-1 is 'Up'"),
        (frame("execution", execution_body(execTime="yesterday")), "execTime is 'yesterday'"),
        (frame("order", order_body(cumExecQty="1e99")), "cumExecQty of v-1"),
    ],
)
def test_malformed_bytes_raise_one_error_that_says_what_and_where(data, text):
    with pytest.raises(MalformedBody, match=text):
        with_order().stream.on_frame(data, NOW_NS)


def test_one_subscription_holds_everything_that_concerns_the_account():
    request = subscription(Account().directory.categories, is_fast=True, is_dcp=True)

    topics = ["order", "execution", "position", "wallet", "execution.fast", "dcp.spot", "dcp.future"]
    assert json.loads(request.frame) == {"op": "subscribe", "args": topics}
    assert json.loads(subscription([]).frame)["args"] == ["order", "execution", "position", "wallet"]


def test_the_heartbeat_is_for_either_connection():
    assert (ping(TRADE).stream, ping(TRADE).frame) == ("trade", b'{"op":"ping"}')


def test_a_malformed_body_does_not_lose_those_beside_it():
    account = with_order()
    with pytest.raises(MalformedBody):
        account.hear("execution", execution_body("t-1"), execution_body("t-2", execQty="?"))
    with pytest.raises(MalformedBody):
        account.hear("order", order_body(), order_body(qty="?"))

    assert account.hear("execution", execution_body("t-1")) == [fill("t-1")]
    assert account.hear("order", order_body()) == [OrderAccepted(*HEAD, "v-1", ORDER_TS)]
