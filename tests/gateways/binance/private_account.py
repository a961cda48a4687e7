"""An account at Binance for tests: a key, orders, and the answers and events that the venue would send."""

import json
from decimal import Decimal

from gateways.binance.calls import Caller
from gateways.binance.market import Market
from gateways.binance.orders import OrderEntry
from gateways.binance.private_side import PrivateSide
from gateways.binance.signing import Credentials, Ed25519Secret, HmacSecret
from gateways.native.wire import RestRequest, RestResponse, StreamRequest
from gateways.venue import AccountQuery
from messages.order_lifecycle import Order
from messages.orders import AmendOrder, CancelOrder, QueryOrder, Side, SubmitOrder
from tests.gateways.binance.test_signing import ed25519, pem_of

VENUE = "bin"
NAME = "c-carry-e1-7"
STRATEGY = "carry"
NOW_MS = 1_700_000_000_000
NOW_NS = NOW_MS * 1_000_000
MS = 1_000_000
SYMBOL = {Market.SPOT: "BTCUSDT", Market.USDM: "BTCUSDT", Market.COINM: "BTCUSD_PERP"}


def instrument(market: Market) -> str:
    return f"{SYMBOL[market]}.{VENUE}"


def hmac_credentials() -> Credentials:
    return Credentials("the-key", HmacSecret("the-secret"))


def ed25519_credentials() -> Credentials:
    return Credentials("the-key", Ed25519Secret(pem_of(ed25519())))


def entry(market: Market, **settings) -> OrderEntry:
    return OrderEntry(Caller(market, hmac_credentials()), VENUE, **settings)


def order(market: Market = Market.USDM, **terms) -> SubmitOrder:
    given = {
        "client_order_id": NAME,
        "strategy": STRATEGY,
        "epoch": 1,
        "instrument": instrument(market),
        "side": Side.BUY,
        "quantity": Decimal("0.5"),
        "price": Decimal("30000.1"),
        "ts_created": NOW_NS,
    }
    return SubmitOrder(**{**given, **terms})


def cancel(market: Market = Market.USDM) -> CancelOrder:
    return CancelOrder(NAME, STRATEGY, 1, instrument(market))


def query(market: Market = Market.USDM) -> QueryOrder:
    return QueryOrder(NAME, STRATEGY, 1, instrument(market))


def amend(quantity, price, market: Market = Market.USDM) -> AmendOrder:
    return AmendOrder(NAME, STRATEGY, 1, instrument(market), quantity, price)


def account_query(after_funding: int = 0) -> AccountQuery:
    return AccountQuery(VENUE, after_funding)


class Books(dict):
    """What the gateway has on record, by client order id."""

    def add(self, request: SubmitOrder, **terms) -> None:
        self[request.client_order_id] = Order(request, **terms)


def side(market: Market = Market.USDM, credentials: Credentials | None = None, **settings) -> PrivateSide:
    books = settings.pop("books", Books())
    return PrivateSide(market, VENUE, credentials or hmac_credentials(), books.get, **settings)


def connected(market: Market = Market.USDM, **settings) -> PrivateSide:
    """With the WebSocket API up, and what that asks for answered."""
    private = side(market, **settings)
    for request in private.on_stream_up(NOW_NS):
        private.on_frame(answer(request, {"subscriptionId": 0}), NOW_NS)
    return private


def params_of(request) -> dict:
    return json.loads(request.frame)["params"]


def method_of(request) -> str:
    return json.loads(request.frame)["method"]


def query_of(request: RestRequest) -> dict[str, str]:
    return dict(pair.split("=", 1) for pair in request.query.split("&"))


def answer(request: StreamRequest, result=None, *, status: int = 200, error=None, limits=()) -> bytes:
    frame = {"id": request.key, "status": status, "rateLimits": list(limits)}
    frame |= {"result": result} if error is None else {"error": error}
    return json.dumps(frame).encode()


def refusal(request: StreamRequest, code: int, text: str = "no", status: int = 400, **more) -> bytes:
    return answer(request, status=status, error={"code": code, "msg": text, **more})


def response(request: RestRequest, body, status: int = 200, headers=None) -> RestResponse:
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    return RestResponse(key=request.key, status=status, body=raw, headers=headers or {})


def order_body(market: Market = Market.USDM, **fields) -> dict:
    given = {
        "symbol": SYMBOL[market],
        "orderId": 11,
        "clientOrderId": NAME,
        "status": "NEW",
        "origQty": "0.5",
        "executedQty": "0",
        "price": "30000.1",
        "side": "BUY",
        "updateTime": NOW_MS,
    }
    return {**given, **fields}


def order_event(market: Market = Market.USDM, **fields) -> bytes:
    """An event of the order: entered, unless `fields` say otherwise."""
    given = {
        "s": SYMBOL[market],
        "c": NAME,
        "S": "BUY",
        "o": "LIMIT",
        "f": "GTC",
        "q": "0.5",
        "p": "30000.1",
        "x": "NEW",
        "X": "NEW",
        "i": 11,
        "l": "0",
        "z": "0",
        "L": "0",
        "T": NOW_MS,
        "t": 0,
        "m": False,
    }
    told = {**given, **fields}
    if market.is_spot:
        event = {"e": "executionReport", "E": NOW_MS, **told}
        return json.dumps({"subscriptionId": 0, "event": event}).encode()
    return json.dumps({"e": "ORDER_TRADE_UPDATE", "E": NOW_MS, "T": NOW_MS, "o": told}).encode()


def execution(quantity: str, filled: str, trade_id: int, market: Market = Market.USDM, **fields) -> bytes:
    """An execution of `quantity`, `filled` in all, at 30000 for a fee of 0.01 USDT."""
    given = {"x": "TRADE", "X": "PARTIALLY_FILLED", "l": quantity, "z": filled, "L": "30000", "t": trade_id}
    return order_event(market, **{**given, "n": "0.01", "N": "USDT", **fields})


def hear(private: PrivateSide, frame: bytes, now_ns: int = NOW_NS) -> list:
    """An event over the connection that the market has for it."""
    return private.on_frame(frame, now_ns) if b"subscriptionId" in frame else private.on_user_frame(frame, now_ns)


def reply(private, request, body, now_ns=NOW_NS):
    if isinstance(request, StreamRequest):
        return private.on_frame(answer(request, body), now_ns)
    return private.on_response(response(request, body), now_ns)


def futures_account(private, *, incomes=(), positions=(), after=0, now_ns=NOW_NS):
    """Ask and answer every part; what comes of the last."""
    parts = private.on_request(account_query(after), now_ns)
    told = []
    for request in parts:
        name = request.path if isinstance(request, RestRequest) else method_of(request)
        body = [{"asset": "USDT", "balance": "122.5"}] if "balance" in name else []
        body = list(positions) if "position" in name else body
        body = list(incomes) if "income" in name else body
        told += reply(private, request, body, now_ns)
    return told
