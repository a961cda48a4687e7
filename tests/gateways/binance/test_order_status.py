"""How an order stands: the order, its executions, and nothing that does not add up."""

from decimal import Decimal

import pytest

from gateways.binance.market import Market
from gateways.binance.orders import TRADES_PAGE_MAX
from gateways.binance.private_asides import AsideKind
from gateways.native.wire import OutcomeUnknown, StreamRequest
from gateways.venue import OrderStatus
from messages.orders import CloseReason, Liquidity, RejectReason, Side
from tests.gateways.binance.private_account import (
    MS,
    NAME,
    NOW_MS,
    NOW_NS,
    connected,
    execution,
    hear,
    order,
    order_body,
    query,
    query_of,
    refusal,
    reply,
    response,
)

LONG_AFTER_NS = NOW_NS + 10_000 * MS


def trade(trade_id: int, quantity: str, market=Market.USDM, **fields) -> dict:
    given = {
        "symbol": "BTCUSDT",
        "id": trade_id,
        "orderId": 11,
        "price": "30000",
        "qty": quantity,
        "commission": "0.01",
        "commissionAsset": "USDT",
        "time": NOW_MS + trade_id,
    }
    who = {"isBuyer": False, "isMaker": True} if market.is_spot else {"buyer": False, "maker": True, "side": "SELL"}
    return {**given, **who, **fields}


def asked(market=Market.USDM, now_ns=LONG_AFTER_NS):
    private = connected(market)
    (request,) = private.on_request(query(market), now_ns)
    return private, request


# --- one order ----------------------------------------------------------------------------------------------------


def test_an_order_without_fills_is_told_at_once():
    private, request = asked()
    (status,) = reply(private, request, order_body())
    assert status == OrderStatus(
        NAME, "carry", "BTCUSDT.bin", True, "11", None, None, Decimal(0), (), NOW_NS, Decimal("0.5"), Decimal("30000.1")
    )


@pytest.mark.parametrize("market", Market)
def test_a_filled_order_is_told_with_its_executions_in_order(market):
    private, request = asked(market)
    (trades,) = reply(private, request, order_body(market, status="FILLED", executedQty="0.5"))
    assert isinstance(trades, StreamRequest) is market.is_spot  # the futures have it by REST only
    body = [trade(6, "0.2", market), trade(5, "0.3", market), trade(4, "9", market, orderId=10)]
    (status,) = reply(private, trades, body)
    assert (status.closed, status.filled_quantity) == (CloseReason.FILLED, Decimal("0.5"))
    assert [fill.trade_id for fill in status.fills] == ["5", "6"]  # another order's is left out
    assert (status.fills[0].side, status.fills[0].liquidity) == (Side.SELL, Liquidity.MAKER)


def test_fills_that_do_not_sum_to_what_is_filled_are_not_told():
    private, request = asked()
    (trades,) = reply(private, request, order_body(status="FILLED", executedQty="0.5"))
    (unknown,) = reply(private, trades, [trade(5, "0.3")])
    assert isinstance(unknown, OutcomeUnknown)
    assert "sum to 0.3, the venue says 0.5" in unknown.text


def test_a_working_order_that_has_filled_further_meanwhile_is_told_as_it_is_now():
    private, request = asked()
    (trades,) = reply(private, request, order_body(status="PARTIALLY_FILLED", executedQty="0.1"))
    (status,) = reply(private, trades, [trade(5, "0.1"), trade(6, "0.2")])
    assert (status.closed, status.filled_quantity) == (None, Decimal("0.3"))


def test_executions_come_page_by_page():
    private, request = asked()
    (trades,) = reply(private, request, order_body(status="FILLED", executedQty="1001"))
    page = [trade(number, "1") for number in range(1, TRADES_PAGE_MAX + 1)]
    (more,) = reply(private, trades, page)
    assert query_of(more)["fromId"] == str(TRADES_PAGE_MAX + 1)
    (status,) = reply(private, more, [trade(TRADES_PAGE_MAX + 1, "1")])
    assert status.filled_quantity == Decimal(1001)


def test_what_a_status_has_told_is_no_news_when_its_event_comes():
    private, request = asked()
    (trades,) = reply(private, request, order_body(status="CANCELED", executedQty="0.3"))
    reply(private, trades, [trade(5, "0.3")])
    (aside,) = hear(private, execution("0.3", "0.3", 5))
    assert aside.kind is AsideKind.REPEATED


def test_an_order_that_the_venue_does_not_know_never_will_be_once_its_window_is_over():
    private = connected()
    private.on_request(order(), NOW_NS)
    soon, late = NOW_NS + 6_000 * MS, NOW_NS + 6_001 * MS  # 5,000 of the window, 1,000 of clocks
    (request,) = private.on_request(query(), soon)
    (unknown,) = private.on_frame(refusal(request, -2013, "Order does not exist."), soon)
    assert "may still be on its way" in unknown.text
    (request,) = private.on_request(query(), late)
    (status,) = private.on_frame(refusal(request, -2013, "Order does not exist."), late)
    assert (status.is_known, status.fills) == (False, ())


def test_an_archived_order_of_spot_was_cancelled_without_a_fill():
    private, request = asked(Market.SPOT)
    (status,) = private.on_frame(refusal(request, -2026, "archived"), NOW_NS)
    assert (status.is_known, status.closed, status.filled_quantity) == (True, CloseReason.CANCELLED, Decimal(0))


def test_a_rejected_order_is_told_as_rejected_and_an_unknown_status_as_unknown():
    private, request = asked()
    (status,) = reply(private, request, order_body(status="REJECTED"))
    assert status.rejected is RejectReason.OTHER
    private, request = asked()
    (unknown,) = reply(private, request, order_body(status="SUSPENDED"))
    assert "unknown status SUSPENDED" in unknown.text


def test_a_question_that_is_refused_is_to_be_asked_again():
    private, request = asked()
    (unknown,) = private.on_frame(refusal(request, -1003, "slow"), NOW_NS)
    assert isinstance(unknown, OutcomeUnknown)
    private, request = asked()
    (trades,) = reply(private, request, order_body(status="FILLED", executedQty="0.5"))
    (unknown,) = private.on_response(response(trades, {"code": -1003, "msg": "slow"}, 400), NOW_NS)
    assert isinstance(unknown, OutcomeUnknown)


@pytest.mark.parametrize("missing", ["buyer", "maker"])
def test_an_execution_that_does_not_say_enough_is_malformed(missing):
    private, request = asked()
    (trades,) = reply(private, request, order_body(status="FILLED", executedQty="0.5"))
    body = trade(5, "0.5")
    del body[missing]
    (unknown,) = reply(private, trades, [body])
    assert "malformed" in unknown.text
    (request,) = private.on_request(query(), LONG_AFTER_NS)
    (unknown,) = reply(private, request, order_body(price="1e40"))
    assert "malformed" in unknown.text
