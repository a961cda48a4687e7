"""Every private body of the recorded fixtures becomes a message of ours, or is named as what we do not trade.

Many bodies are examples of the venue's documentation. Public bodies are named here too, so that no file is left out.
"""

import gzip
import json
import os
from decimal import Decimal
from pathlib import Path

import pytest

from gateways.binance.account import read_futures_account
from gateways.binance.market import Market
from gateways.binance.order_tracker import OrderTracker
from gateways.binance.private_asides import Aside, AsideKind, BalanceMoved, BalancesSeen, PositionsSeen
from gateways.binance.user_stream import UserStream
from gateways.venue import OrderStatus
from messages.orders import CloseReason, Fill, OrderAccepted, OrderClosed, QueryOrder, is_venue_made
from tests.gateways.binance.private_account import (
    NOW_NS,
    Books,
    account_query,
    answer,
    cancel,
    connected,
    futures_account,
    order,
    query,
    reply,
)

LONG_AFTER_NS = NOW_NS + 10_000_000_000

DATA = os.environ.get("OUTCRY_DATA", "")
FIXTURES = Path(DATA) / "wire/vendor_json_fixtures/binance.jsonl.gz"
pytestmark = pytest.mark.skipif(not FIXTURES.is_file(), reason="OUTCRY_DATA does not hold the recorded fixtures")

PUBLIC = {
    "futures/market_data_json/book_ticker_stream.json",
    "futures/market_data_json/kline_stream_closed.json",
    "futures/market_data_json/kline_stream_open.json",
    "futures/market_data_json/mark_price_stream.json",
    "futures/market_data_json/ticker_stream.json",
    "spot/http_json/avg_price_response.json",
    "spot/http_json/book_ticker_response.json",
    "spot/http_json/depth_response.json",
    "spot/http_json/exchange_info_response.json",
    "spot/http_json/klines_response.json",
    "spot/http_json/ping_response.json",
    "spot/http_json/server_time_response.json",
    "spot/http_json/ticker_24hr_response.json",
    "spot/http_json/ticker_price_response.json",
    "spot/http_json/trades_response.json",
}
NOT_TRADED = {
    "futures/http_json/open_algo_orders.json": "conditional orders: we send none",
    "futures/user_data_json/algo_update_canceled.json": "the same, by event",
    "futures/user_data_json/algo_update_new.json": "the same, by event",
    "spot/http_json/cancel_open_orders_response.json": "cancel-all with an order list in it: we cancel one by one",
}
U, S = "futures/user_data_json/", "spot/user_data_json/"
HTTP_U, HTTP_S = "futures/http_json/", "spot/http_json/"

EVENTS_OF_FUTURES = (
    "account_update account_update_bnfcr algo_update_canceled algo_update_new order_update_adl order_update_calculated "
    "order_update_calculated_pending order_update_delivery order_update_insurance order_update_new "
    "order_update_settlement order_update_trade"
)
EVENTS_OF_SPOT = (
    "account_position account_position_wrapped balance_update_wrapped execution_report_expired execution_report_new "
    "execution_report_stop_loss execution_report_wrapped"
)
ANSWERS_OF_SPOT = (
    "account_response account_trades_response all_orders_response cancel_order_response new_order_full_response "
    "open_orders_response order_response"
)
DECODED = {
    *(f"{U}{name}.json" for name in EVENTS_OF_FUTURES.split()),
    *(f"{S}{name}.json" for name in EVENTS_OF_SPOT.split()),
    *(f"{HTTP_U}{name}.json" for name in ("account_info_v2", "balance", "position_risk")),
    *(f"{HTTP_S}{name}.json" for name in ANSWERS_OF_SPOT.split()),
}
"""What the tests below read."""


def bodies() -> dict[str, object]:
    with gzip.open(FIXTURES, "rt") as lines:
        return {line["file"]: line["body"] for line in map(json.loads, lines)}


def body_of(name: str):
    assert name in DECODED
    return bodies()[name]


def heard(name: str, *, of: str = "", market: Market = Market.USDM):
    """The event of this file. :param of: an order that we have asked about."""
    body = body_of(name)
    tracker = OrderTracker()
    if of:
        tracker.named(QueryOrder(of, "carry", 1, "X.bin"))
    return UserStream(market, "bin", tracker).take(json.dumps(body).encode(), NOW_NS)


@pytest.mark.parametrize(
    ("name", "ours", "quantity", "trade_id"),
    [
        ("order_update_adl", "adl-autoclose-12345", "0.005", "12346001"),
        ("order_update_calculated", "autoclose-1234567890", "0.014", "12345999"),
        ("order_update_delivery", "settlement-autoclose-12345", "1", "12346003"),
        ("order_update_insurance", "autoclose-insurance-5678", "0.020", "12346003"),
        ("order_update_settlement", "settlement-autoclose-9999", "0.010", "12346002"),
    ],
)
def test_what_the_venue_did_to_a_position_is_a_forced_fill(name, ours, quantity, trade_id):
    (fill,) = heard(f"{U}{name}.json")
    assert isinstance(fill, Fill)
    assert is_venue_made(fill.client_order_id)
    assert (fill.client_order_id, fill.quantity, fill.trade_id) == (ours, Decimal(quantity), trade_id)


def test_a_liquidation_that_has_filled_nothing_is_announced():
    (aside,) = heard(f"{U}order_update_calculated_pending.json")
    assert (aside.kind, aside.subject) == (AsideKind.FORCED_ORDER, "autoclose-pending-0000")


def test_a_futures_order_and_its_execution():
    (accepted,) = heard(f"{U}order_update_new.json", of="TEST")
    assert (type(accepted), accepted.venue_order_id) == (OrderAccepted, "8886774")
    (fill,) = heard(f"{U}order_update_trade.json", of="TEST")
    assert (fill.price, fill.fee, fill.fee_currency, fill.trade_id) == (
        Decimal("7100.50"),
        Decimal("0.01000000"),
        "USDT",
        "12345678",
    )


def test_futures_account_updates():
    balances, positions = heard(f"{U}account_update.json")
    assert balances == BalancesSeen({"USDT": Decimal("122624.12345678")}, "ORDER", 1564745798939000000)
    assert isinstance(positions, PositionsSeen)
    assert positions.sides["BTCUSDT.bin", "SHORT"] == Decimal(-10)
    (credits,) = heard(f"{U}account_update_bnfcr.json")
    assert credits.balances == {"BNFCR": Decimal("5001.28983031")}


@pytest.mark.parametrize("name", ["algo_update_canceled", "algo_update_new"])
def test_conditional_orders_are_named_as_not_traded(name):
    (aside,) = heard(f"{U}{name}.json")
    assert aside == Aside(AsideKind.NOT_TRADED, "ALGO_UPDATE")


def test_spot_balances_and_transfers():
    (seen,) = heard(f"{S}account_position.json", market=Market.SPOT)
    assert seen.balances == {"USDT": Decimal(12500), "ETH": Decimal(5)}
    (wrapped,) = heard(f"{S}account_position_wrapped.json", market=Market.SPOT)
    assert wrapped.balances == {"ETH": Decimal(10000)}
    (moved,) = heard(f"{S}balance_update_wrapped.json", market=Market.SPOT)
    assert moved == BalanceMoved("BTC", Decimal(100), False, 1573200697068000000)


@pytest.mark.parametrize(
    ("name", "of", "kind"),
    [
        ("execution_report_new", "x-TD67BGP9-T0000000000000", OrderAccepted),
        ("execution_report_stop_loss", "x-TD67BGP9-T0000000000001", OrderAccepted),
        ("execution_report_wrapped", "mUvoqJxFIILMdfAW5iGSOW", OrderAccepted),
        ("execution_report_expired", "x-TD67BGP9-T0000000000000", OrderClosed),
    ],
)
def test_spot_execution_reports(name, of, kind):
    (told,) = heard(f"{S}{name}.json", of=of, market=Market.SPOT)
    assert (type(told), told.client_order_id) == (kind, of)
    if kind is OrderClosed:
        assert told.reason is CloseReason.EXPIRED


def test_the_futures_account_in_one_answer():
    balances, positions = read_futures_account(json.dumps(body_of(f"{HTTP_U}account_info_v2.json")).encode(), "bin")
    assert (balances, positions) == ({"USDT": Decimal("23.72469206")}, {})


def test_futures_balances_and_positions():
    private = connected(Market.USDM)
    requests = private.on_request(account_query(), NOW_NS)
    told = []
    for request, name in zip(requests, ("balance", "position_risk", None, None), strict=True):
        told += reply(private, request, [] if name is None else body_of(f"{HTTP_U}{name}.json"))
    (state,) = told
    assert state.balances == {"USDT": Decimal("122.12345678")}
    assert state.positions == {"BTCUSDT.bin": Decimal("0.001")}
    assert futures_account(connected(Market.USDM))[0].positions == {}


def test_the_spot_account_and_its_open_orders():
    private = connected(Market.SPOT)
    balances, orders = private.on_request(account_query(), NOW_NS)
    reply(private, balances, body_of(f"{HTTP_S}account_response.json"))
    (state,) = reply(private, orders, body_of(f"{HTTP_S}open_orders_response.json"))
    assert state.balances == {"BTC": Decimal("4723846.89208129"), "LTC": Decimal("4763368.68006011")}
    assert state.open_orders == ("myOrder1",)
    private = connected(Market.SPOT)
    balances, orders = private.on_request(account_query(), NOW_NS)
    reply(private, balances, {"balances": []})
    (state,) = reply(private, orders, body_of(f"{HTTP_S}all_orders_response.json"))
    assert state.listed[0].instrument == "LTCBTC.bin"


def test_a_spot_order_its_trades_and_its_cancel():
    private = connected(Market.SPOT)
    (request,) = private.on_request(query(Market.SPOT), LONG_AFTER_NS)
    (status,) = reply(private, request, body_of(f"{HTTP_S}order_response.json"))
    assert isinstance(status, OrderStatus)
    assert (status.quantity, status.price, status.closed) == (Decimal(1), Decimal("0.1"), None)

    (request,) = private.on_request(query(Market.SPOT), LONG_AFTER_NS)
    filled = {**bodies()[f"{HTTP_S}order_response.json"], "orderId": 100234, "executedQty": "12", "status": "FILLED"}
    (trades,) = reply(private, request, filled)
    (status,) = reply(private, trades, body_of(f"{HTTP_S}account_trades_response.json"))
    assert (status.fills[0].fee, status.fills[0].fee_currency) == (Decimal("10.1"), "BNB")

    (request,) = private.on_request(cancel(Market.SPOT), LONG_AFTER_NS)
    told = private.on_frame(answer(request, body_of(f"{HTTP_S}cancel_order_response.json")), NOW_NS)
    assert told[0].kind is AsideKind.REPEATED  # the status has told the end before
    fresh = connected(Market.SPOT, books=Books())
    (request,) = fresh.on_request(cancel(Market.SPOT), LONG_AFTER_NS)
    (closed,) = reply(fresh, request, bodies()[f"{HTTP_S}cancel_order_response.json"])
    assert (closed.reason, closed.ts_event) == (CloseReason.CANCELLED, 1684804350068000000)


def test_a_spot_market_order_with_all_its_fills():
    private = connected(Market.SPOT)
    (request,) = private.on_request(order(Market.SPOT), NOW_NS)
    told = reply(private, request, body_of(f"{HTTP_S}new_order_full_response.json"))
    fills = [each for each in told if isinstance(each, Fill)]
    assert sum(fill.quantity for fill in fills) == Decimal(10)  # 1 + 5 + 2 + 1 + 1
    # 4000 + 3999 × 5 + 3998 × 2 + 3997 + 3995 = 39983, at 0.1 % fee
    assert sum(fill.fee for fill in fills) == Decimal("39.983")
    assert told[-1].reason is CloseReason.FILLED


def test_no_file_of_the_fixtures_is_left_out():
    assert set(bodies()) == DECODED | PUBLIC | set(NOT_TRADED)
