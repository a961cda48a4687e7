"""What the user's events tell of the account itself, and what no event of ours is."""

import json
from decimal import Decimal

import pytest

from gateways.binance.malformed import MalformedMessage
from gateways.binance.market import Market
from gateways.binance.order_tracker import OrderTracker
from gateways.binance.private_asides import (
    AccountConfigChanged,
    Aside,
    AsideKind,
    BalanceMoved,
    BalancesSeen,
    FundingSeen,
    MarginCall,
    PositionsSeen,
    Subscribed,
    UserStreamEnded,
)
from gateways.binance.stream_kinds import UnknownMessage
from gateways.binance.user_stream import UserStream, stream_path
from tests.gateways.binance.private_account import (
    MS,
    NAME,
    NOW_MS,
    NOW_NS,
    answer,
    connected,
    execution,
    hear,
    order,
    order_body,
    response,
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


# --- the account --------------------------------------------------------------------------------------------------


def take(event, market=Market.USDM):
    return UserStream(market, "bin", OrderTracker()).take(json.dumps(event).encode(), NOW_NS)


def test_spot_balances_are_totals():
    event = {"e": "outboundAccountPosition", "E": 1, "u": NOW_MS, "B": [{"a": "BTC", "f": "1.5", "l": "0.25"}]}
    assert take({"subscriptionId": 0, "event": event}, Market.SPOT) == [
        BalancesSeen({"BTC": Decimal("1.75")}, "", NOW_NS)
    ]


def test_funding_is_seen_as_the_change_of_a_balance():
    event = {
        "e": "ACCOUNT_UPDATE",
        "E": 1,
        "T": NOW_MS,
        "a": {"m": "FUNDING_FEE", "B": [{"a": "USDT", "wb": "99", "bc": "-1"}]},
    }
    assert take(event) == [
        BalancesSeen({"USDT": Decimal(99)}, "FUNDING_FEE", NOW_NS),
        FundingSeen("USDT", Decimal(-1), NOW_NS),
    ]


def test_positions_are_seen_side_by_side():
    sides = [{"s": "BTCUSDT", "pa": "20", "ps": "LONG"}, {"s": "BTCUSDT", "pa": "-10", "ps": "SHORT"}]
    event = {"e": "ACCOUNT_UPDATE", "E": 1, "T": NOW_MS, "a": {"m": "ORDER", "B": [], "P": sides}}
    expected = {("BTCUSDT.bin", "LONG"): Decimal(20), ("BTCUSDT.bin", "SHORT"): Decimal(-10)}
    assert take({"stream": "key", "data": event}) == [PositionsSeen(expected, NOW_NS)]
    event["a"] = {"m": "MARGIN_TYPE_CHANGE"}
    assert kinds(take(event)) == [K.NOT_TRADED]


def test_transfers_locks_warnings_and_settings_are_told():
    moved = {"e": "balanceUpdate", "E": 1, "a": "BTC", "d": "-2", "T": NOW_MS}
    assert take(moved, Market.SPOT) == [BalanceMoved("BTC", Decimal(-2), False, NOW_NS)]
    assert take({**moved, "e": "externalLockUpdate"}, Market.SPOT) == [BalanceMoved("BTC", Decimal(-2), True, NOW_NS)]
    call = {"e": "MARGIN_CALL", "E": NOW_MS, "cw": "3", "p": [{"s": "ETHUSDT", "ps": "LONG", "pa": "1"}]}
    assert take(call) == [MarginCall(("ETHUSDT.bin",), NOW_NS)]
    config = {"e": "ACCOUNT_CONFIG_UPDATE", "E": NOW_MS, "T": NOW_MS}
    assert take({**config, "ac": {"s": "BTCUSDT", "l": 25}}) == [AccountConfigChanged("BTCUSDT.bin", 25, None, NOW_NS)]
    assert take({**config, "ai": {"j": True}}) == [AccountConfigChanged("", None, True, NOW_NS)]


@pytest.mark.parametrize("kind", ["listenKeyExpired", "eventStreamTerminated"])
def test_the_end_of_the_stream_is_told(kind):
    assert take({"e": kind, "E": NOW_MS + 1}) == [UserStreamEnded(kind, NOW_NS + MS)]
    assert take({"e": kind}) == [UserStreamEnded(kind, NOW_NS)]


def test_what_we_do_not_trade_is_named_and_what_nobody_knows_is_unknown():
    assert take({"e": "ALGO_UPDATE", "o": {}}) == [Aside(K.NOT_TRADED, "ALGO_UPDATE")]
    assert take({"e": "listStatus", "C": "list-1"}, Market.SPOT) == [Aside(K.NOT_TRADED, "list-1", "an order list")]
    (unknown,) = take({"e": "BRAND_NEW", "x": 1})
    assert (type(unknown), unknown.kind) == (UnknownMessage, "BRAND_NEW")


@pytest.mark.parametrize(
    "frame",
    [
        b"{",
        b'{"e":"executionReport","s":1}',
        b'{"e":"ACCOUNT_UPDATE"}',
        execution("NaN", "0.2", 5),
        execution("0.2", "1e40", 5, X="FILLED", c=NAME, L="1e40"),
    ],
)
def test_a_malformed_event_says_which_one(frame):
    with pytest.raises(MalformedMessage, match="user event"):
        hear(working(), frame)


# --- connections --------------------------------------------------------------------------------------------------


def test_a_listen_key_is_told_and_never_shown():
    private = connected(Market.USDM)
    (request,) = private.open_listen_key(NOW_NS)
    (subscribed,) = private.on_response(response(request, {"listenKey": "s3cret"}), NOW_NS)
    assert subscribed.listen_key == "s3cret"
    assert "s3cret" not in repr(subscribed)
    assert repr(Subscribed()) == "Subscribed()"
    assert stream_path(Market.USDM, "k") == "/private/ws/k"
    assert stream_path(Market.COINM, "k") == "/ws/k"
