"""Our orders as Binance's requests, in all three markets and over both interfaces."""

from decimal import Decimal

import pytest

from gateways.binance.calls import Caller, NoSuchOperation
from gateways.binance.market import Market
from gateways.binance.operations import OPERATIONS, Ask
from gateways.binance.orders import CannotExpress, SelfTradePrevention
from gateways.native.wire import Method, RestRequest, StreamRequest
from messages.order_lifecycle import Order
from messages.orders import OrderType, Side, TimeInForce
from tests.gateways.binance.private_account import (
    NAME,
    NOW_MS,
    amend,
    cancel,
    ed25519_credentials,
    entry,
    hmac_credentials,
    instrument,
    method_of,
    order,
    params_of,
    query,
    query_of,
)

FUTURES = (Market.USDM, Market.COINM)


def placed(market, *, entered=None, **terms):
    return params_of((entered or entry(market)).place(order(market, **terms), NOW_MS, is_stream_up=True))


@pytest.mark.parametrize("market", Market)
def test_a_limit_order_carries_our_id_and_its_numbers_as_text(market):
    request = entry(market).place(order(market), NOW_MS, is_stream_up=True)
    params = params_of(request)
    assert method_of(request) == "order.place"
    assert params["newClientOrderId"] == NAME
    assert (params["side"], params["type"], params["timeInForce"]) == ("BUY", "LIMIT", "GTC")
    assert (params["quantity"], params["price"]) == ("0.5", "30000.1")
    assert params["newOrderRespType"] == "ACK"
    assert request.is_private


def test_a_quantity_with_an_exponent_is_written_out():
    assert placed(Market.COINM, quantity=Decimal("1E+3"))["quantity"] == "1000"
    assert placed(Market.SPOT, quantity=Decimal("1E-8"))["quantity"] == "0.00000001"


@pytest.mark.parametrize("tif", TimeInForce)
@pytest.mark.parametrize("market", Market)
def test_every_time_in_force_has_the_venues_name(market, tif):
    assert placed(market, time_in_force=tif)["timeInForce"] == tif.value.upper()


@pytest.mark.parametrize("market", Market)
def test_a_market_order_has_neither_price_nor_time_in_force(market):
    params = placed(market, type=OrderType.MARKET, price=None, side=Side.SELL)
    assert (params["type"], params["side"]) == ("MARKET", "SELL")
    assert not {"price", "timeInForce"} & set(params)


def test_post_only_is_a_limit_maker_on_spot_and_gtx_on_futures():
    spot = placed(Market.SPOT, post_only=True)
    assert spot["type"] == "LIMIT_MAKER"
    assert "timeInForce" not in spot
    for market in FUTURES:
        params = placed(market, post_only=True)
        assert (params["type"], params["timeInForce"]) == ("LIMIT", "GTX")


@pytest.mark.parametrize("terms", [{"time_in_force": TimeInForce.IOC}, {"type": OrderType.MARKET, "price": None}])
def test_post_only_and_at_once_contradict_each_other(terms):
    with pytest.raises(CannotExpress, match=NAME):
        placed(Market.USDM, post_only=True, **terms)


def test_reduce_only_is_said_in_one_way_mode_and_left_out_on_spot():
    assert placed(Market.USDM, reduce_only=True)["reduceOnly"] == "true"
    assert "reduceOnly" not in placed(Market.USDM)
    assert "reduceOnly" not in placed(Market.SPOT, reduce_only=True)


@pytest.mark.parametrize(
    ("side", "reduce_only", "position_side"),
    [
        (Side.BUY, False, "LONG"),
        (Side.SELL, True, "LONG"),  # closes the long
        (Side.SELL, False, "SHORT"),
        (Side.BUY, True, "SHORT"),  # closes the short
    ],
)
def test_in_hedge_mode_an_order_names_the_side_that_it_opens_or_closes(side, reduce_only, position_side):
    hedged = entry(Market.USDM, is_hedged=True)
    params = placed(Market.USDM, entered=hedged, side=side, reduce_only=reduce_only)
    assert params["positionSide"] == position_side
    assert "reduceOnly" not in params  # the venue refuses it in hedge mode


def test_spot_has_no_hedge_mode():
    with pytest.raises(ValueError, match="no positions to hedge"):
        entry(Market.SPOT, is_hedged=True)


def test_self_trade_prevention_is_said_where_it_is_set():
    assert "selfTradePreventionMode" not in placed(Market.USDM)
    chosen = entry(Market.USDM, self_trade_prevention=SelfTradePrevention.EXPIRE_MAKER)
    assert placed(Market.USDM, entered=chosen)["selfTradePreventionMode"] == "EXPIRE_MAKER"


@pytest.mark.parametrize(("market", "path"), [(Market.SPOT, "/api/v3/order"), (Market.COINM, "/dapi/v1/order")])
def test_rest_says_the_same_where_the_connection_is_down(market, path):
    enter = entry(market)
    request = enter.place(order(market), NOW_MS, is_stream_up=False)
    assert isinstance(request, RestRequest)
    assert (request.method, request.path) == (Method.POST, path)
    sent = query_of(request)
    assert sent["newClientOrderId"] == NAME
    assert sent["timestamp"] == str(NOW_MS)
    assert list(sent)[-1] == "signature"
    assert request.headers == (("X-MBX-APIKEY", "the-key"),)
    assert request.is_private
    assert enter.cancel(cancel(market), NOW_MS, is_stream_up=False).method is Method.DELETE


@pytest.mark.parametrize("market", Market)
def test_a_cancel_and_a_question_name_the_order_by_our_id(market):
    enter = entry(market)
    for request, method in (
        (enter.cancel(cancel(market), NOW_MS, is_stream_up=True), "order.cancel"),
        (enter.status(query(market), NOW_MS, is_stream_up=True), "order.status"),
    ):
        assert method_of(request) == method
        assert params_of(request)["origClientOrderId"] == NAME


@pytest.mark.parametrize("market", FUTURES)
def test_futures_modify_an_order_by_its_side_and_new_total(market):
    request = entry(market).amend(
        amend(Decimal("0.4"), Decimal(29000), market), Order(order(market)), NOW_MS, is_stream_up=True
    )
    params = params_of(request)
    assert method_of(request) == "order.modify"
    assert (params["side"], params["quantity"], params["price"]) == ("BUY", "0.4", "29000")


def test_spot_lowers_a_quantity_in_place_and_keeps_the_id():
    request = entry(Market.SPOT).amend(
        amend(Decimal("0.4"), Decimal("30000.1"), Market.SPOT),
        Order(order(Market.SPOT), filled_quantity=Decimal("0.1")),
        NOW_MS,
        is_stream_up=True,
    )
    params = params_of(request)
    assert method_of(request) == "order.amend.keepPriority"
    assert (params["newQty"], params["newClientOrderId"]) == ("0.4", NAME)


def test_spot_replaces_an_unfilled_order_only_while_the_venue_finds_it_unfilled():
    request = entry(Market.SPOT).amend(
        amend(Decimal("0.5"), Decimal(29000), Market.SPOT), Order(order(Market.SPOT)), NOW_MS, is_stream_up=True
    )
    params = params_of(request)
    assert method_of(request) == "order.cancelReplace"
    assert params["cancelRestrictions"] == "ONLY_NEW"
    assert params["cancelReplaceMode"] == "STOP_ON_FAILURE"
    assert (params["cancelOrigClientOrderId"], params["newClientOrderId"]) == (NAME, NAME)
    assert params["cancelNewClientOrderId"] == f"replaced-{NAME}"
    assert params["price"] == "29000"


def test_spot_cannot_reprice_what_is_partly_filled():
    filled = Order(order(Market.SPOT), filled_quantity=Decimal("0.1"))
    with pytest.raises(CannotExpress, match="cancel it and submit another"):
        entry(Market.SPOT).amend(amend(Decimal("0.5"), Decimal(29000), Market.SPOT), filled, NOW_MS, is_stream_up=True)


def test_an_instrument_of_another_gateway_is_not_sent():
    with pytest.raises(CannotExpress, match="not one of venue bin"):
        placed(Market.USDM, instrument="BTCUSDT.elsewhere")


def test_executions_are_asked_for_from_after_the_last_one_known():
    enter = entry(Market.SPOT)
    assert "fromId" not in params_of(enter.trades(query(Market.SPOT), 11, 0, NOW_MS, is_stream_up=True))
    params = params_of(enter.trades(query(Market.SPOT), 11, 56, NOW_MS, is_stream_up=True))
    assert (params["orderId"], params["fromId"]) == (11, 57)
    # The futures have no such method over the WebSocket API.
    assert entry(Market.USDM).trades(query(), 11, 0, NOW_MS, is_stream_up=True).path == "/fapi/v1/userTrades"


def test_fundings_and_past_rates_are_asked_for_by_time():
    enter = entry(Market.USDM)
    incomes = enter.fundings(NOW_MS - 10, NOW_MS)
    assert (incomes.path, query_of(incomes)["incomeType"]) == ("/fapi/v1/income", "FUNDING_FEE")
    rates = enter.funding_rates(instrument(Market.USDM), NOW_MS - 10, NOW_MS)
    assert (rates.is_private, rates.headers, query_of(rates)["symbol"]) == (False, (), "BTCUSDT")


def test_the_dead_mans_switch_and_the_position_mode_are_of_futures_only():
    request = entry(Market.USDM).countdown(instrument(Market.USDM), 120_000, NOW_MS)
    assert (request.path, query_of(request)["countdownTime"]) == ("/fapi/v1/countdownCancelAll", "120000")
    assert entry(Market.COINM).position_mode(NOW_MS).path == "/dapi/v1/positionSide/dual"
    with pytest.raises(NoSuchOperation, match="spot has no countdown"):
        entry(Market.SPOT).countdown(instrument(Market.SPOT), 120_000, NOW_MS)


def test_user_events_are_subscribed_to_as_each_market_has_it_today():
    signed = entry(Market.SPOT).subscribe_to_user_events(NOW_MS)
    assert method_of(signed) == "userDataStream.subscribe.signature"
    assert {"apiKey", "timestamp", "signature"} <= set(params_of(signed))
    opened = entry(Market.USDM).subscribe_to_user_events(NOW_MS)
    assert (opened.method, opened.path, opened.query) == (Method.POST, "/fapi/v1/listenKey", "")
    assert opened.headers  # the key, and no signature
    assert entry(Market.COINM).keep_listen_key(NOW_MS).method is Method.PUT


def test_a_connection_that_is_logged_on_needs_no_signatures():
    caller = Caller(Market.SPOT, ed25519_credentials())
    logon = caller.log_on(NOW_MS)
    assert method_of(logon) == "session.logon"
    assert {"apiKey", "signature", "timestamp", "recvWindow"} == set(params_of(logon))
    caller.is_logged_on = True
    request = caller.call(Ask.CANCEL, {"symbol": "BTCUSDT"}, NOW_MS, is_stream_up=True)
    assert params_of(request) == {"symbol": "BTCUSDT", "recvWindow": 5000, "timestamp": NOW_MS}
    subscribed = caller.call(Ask.SUBSCRIBE, {}, NOW_MS, is_stream_up=True)
    assert b"params" not in subscribed.frame


def test_an_hmac_key_cannot_log_on():
    with pytest.raises(NoSuchOperation, match="every request is signed instead"):
        Caller(Market.SPOT, hmac_credentials()).log_on(NOW_MS)


def test_what_only_the_websocket_api_has_is_not_asked_for_over_rest():
    with pytest.raises(NoSuchOperation, match="it needs the WebSocket API"):
        Caller(Market.SPOT, hmac_credentials()).call(Ask.SUBSCRIBE_SIGNED, {}, NOW_MS, is_stream_up=False)


@pytest.mark.parametrize(
    ("market", "weight"),
    [
        (Market.SPOT, {"request-weight-1m": 1, "orders-10s": 1, "orders-1d": 1}),
        (Market.USDM, {"orders-10s": 1, "orders-1m": 1}),
        (Market.COINM, {"orders-10s": 1, "orders-1m": 1}),
    ],
)
def test_an_order_says_what_it_takes_of_which_limit(market, weight):
    assert dict(entry(market).place(order(market), NOW_MS, is_stream_up=True).weight) == weight


def test_every_operation_that_weighs_is_reachable_and_every_request_has_a_key_of_its_own():
    keys = set()
    for market, operations in OPERATIONS.items():
        caller = Caller(market, hmac_credentials())
        assert not caller.has(Ask.COUNTDOWN) or not market.is_spot
        for ask, operation in operations.items():
            request = caller.call(ask, {}, NOW_MS, is_stream_up=bool(operation.stream_method))
            assert isinstance(request, StreamRequest) is bool(operation.stream_method)
            assert request.weight
            keys.add((market, request.key))
    assert len(keys) == sum(map(len, OPERATIONS.values()))
