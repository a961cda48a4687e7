"""An account at Bybit for tests: its instruments, its key, its orders, and the bodies that the venue would send."""

import gzip
import json
from decimal import Decimal

import pytest

from gateways.bybit.account import AccountInquiry
from gateways.bybit.answers import Answers
from gateways.bybit.booked import Booked
from gateways.bybit.bookings import BookingNumbers
from gateways.bybit.directory import Directory
from gateways.bybit.executions import Executions
from gateways.bybit.order_index import OrderIndex
from gateways.bybit.order_inquiry import OrderInquiries
from gateways.bybit.orders import OrderEntry, OrderTerms
from gateways.bybit.signing import HmacKey, Signer
from gateways.bybit.user_stream import UserStream
from gateways.native.wire import RestResponse
from messages.instruments import Instrument, InstrumentType
from messages.orders import AmendOrder, CancelOrder, Fill, Liquidity, QueryOrder, Side, SubmitOrder
from tests.support.recordings import DATA

NOW_MS = 1_700_000_000_000
NOW_NS = NOW_MS * 1_000_000
FIXTURES = DATA / "wire" / "vendor_json_fixtures" / "bybit.jsonl.gz"
PERP, SPOT, INVERSE = "BTCUSDT.bybit-linear", "BTCUSDT.bybit-spot", "BTCUSD.bybit-inverse"

needs_fixtures = pytest.mark.skipif(
    not FIXTURES.is_file(), reason=f"no recorded bodies in {FIXTURES}; set OUTCRY_DATA to the folder of the recordings"
)


def instrument(symbol: str, kind: str = "linear", base: str = "BTC", quote: str = "USDT") -> Instrument:
    is_inverse = kind == "inverse"
    return Instrument(
        symbol=symbol,
        venue=f"bybit-{kind}",
        type=InstrumentType.SPOT if kind == "spot" else InstrumentType.PERPETUAL,
        base=base,
        quote=quote,
        settle=base if is_inverse else quote,
        tick_size=Decimal("0.1"),
        lot_size=Decimal("0.001"),
        inverse=is_inverse,
    )


INSTRUMENTS = (
    instrument("BTCUSDT"),
    instrument("ETHUSDT", base="ETH"),
    instrument("ICPUSDT", base="ICP"),
    instrument("BTCPERP", quote="USDC"),
    instrument("BTCUSDT", "spot"),
    instrument("APEXUSDT", "spot", base="APEX"),
    instrument("BTCUSD", "inverse", quote="USD"),
)


class Account:
    """Every part that a gateway would hold, over the same index."""

    def __init__(
        self,
        instruments: tuple[Instrument, ...] = INSTRUMENTS,
        *,
        terms: OrderTerms | None = None,
        since_ms: int = NOW_MS - 1_000_000,
        fundings_known: int = 0,
        forced_known: int = 0,
    ) -> None:
        self.directory = Directory(instruments)
        self.index = OrderIndex()
        self.signer = Signer(HmacKey("XXXXXXXXXX", "topsecret"))
        self.entry = OrderEntry(self.directory, self.index, self.signer, "s1", terms)
        self.answers = Answers(self.entry, self.index)
        fundings = BookingNumbers(fundings_known, since_ms * 1_000_000)
        self.stream = UserStream(self.directory, self.index, Executions(self.directory, self.index, fundings))
        self.inquiries = OrderInquiries(self.directory, self.index, self.signer)
        booked = Booked(self.directory, fundings, BookingNumbers(forced_known, since_ms * 1_000_000))
        self.inquiry = AccountInquiry("bybit", self.directory, self.signer, booked, since_ms)

    def hear(self, topic: str, *bodies: dict, now_ns: int = NOW_NS) -> list:
        return self.stream.on_frame(frame(topic, *bodies), now_ns)


def submit(client_order_id: str = "c-s-e1-1", **fields) -> SubmitOrder:
    terms = {
        "strategy": "s",
        "epoch": 1,
        "instrument": PERP,
        "side": Side.BUY,
        "quantity": Decimal("0.010"),
        "price": Decimal("30000"),
        "ts_created": NOW_NS,
    }
    return SubmitOrder(client_order_id=client_order_id, **(terms | fields))


def cancel(client_order_id: str = "c-s-e1-1", instrument_id: str = PERP) -> CancelOrder:
    return CancelOrder(client_order_id, "s", 1, instrument_id)


def amend(quantity: str, price: str, client_order_id: str = "c-s-e1-1") -> AmendOrder:
    return AmendOrder(client_order_id, "s", 1, PERP, Decimal(quantity), Decimal(price))


def query(client_order_id: str = "c-s-e1-1", instrument_id: str = PERP) -> QueryOrder:
    return QueryOrder(client_order_id, "s", 1, instrument_id)


def frame(topic: str, *bodies: dict) -> bytes:
    return json.dumps({"topic": topic, "creationTime": NOW_MS, "data": bodies}).encode()


def order_body(status: str = "New", **fields) -> dict:
    body = {
        "category": "linear",
        "symbol": "BTCUSDT",
        "orderId": "v-1",
        "orderLinkId": "c-s-e1-1",
        "side": "Buy",
        "orderType": "Limit",
        "cancelType": "UNKNOWN",
        "price": "30000",
        "qty": "0.010",
        "timeInForce": "GTC",
        "orderStatus": status,
        "cumExecQty": "0",
        "rejectReason": "EC_NoError",
        "createdTime": str(NOW_MS),
        "updatedTime": str(NOW_MS + 1),
    }
    return body | fields


def execution_body(trade_id: str = "t-1", **fields) -> dict:
    body = {
        "category": "linear",
        "symbol": "BTCUSDT",
        "execFee": "0.0825",
        "execId": trade_id,
        "execPrice": "30000",
        "execQty": "0.005",
        "execType": "Trade",
        "feeRate": "0.00055",
        "isMaker": False,
        "orderId": "v-1",
        "orderLinkId": "c-s-e1-1",
        "side": "Buy",
        "execTime": str(NOW_MS + 2),
    }
    return body | fields


def response(key: str, result: object = None, *, code: int = 0, text: str = "OK", status: int = 200, **headers: str):
    body = {"retCode": code, "retMsg": text, "result": {} if result is None else result, "time": NOW_MS}
    names = {name.replace("_", "-"): value for name, value in headers.items()}
    return RestResponse(key=key, status=status, body=json.dumps(body).encode(), headers=names)


def page(key: str, *bodies: dict, cursor: str = "") -> RestResponse:
    return response(key, {"list": bodies, "nextPageCursor": cursor})


def fixture_bodies() -> dict[str, bytes]:
    with gzip.open(FIXTURES, "rt") as lines:
        return {record["file"]: json.dumps(record["body"]).encode() for record in map(json.loads, lines)}


HEAD = ("c-s-e1-1", "s", PERP)
ORDER_TS = (NOW_MS + 1) * 1_000_000
"""`updatedTime` of an order."""


def with_order(**fields) -> Account:
    account = Account()
    account.entry.by_stream(submit(**fields), NOW_MS)
    return account


def fill(trade_id: str = "t-1", **fields) -> Fill:
    terms = {
        "client_order_id": "c-s-e1-1",
        "strategy": "s",
        "instrument": PERP,
        "side": Side.BUY,
        "price": Decimal(30000),
        "quantity": Decimal("0.005"),
        "fee": Decimal("0.0825"),
        "fee_currency": "USDT",
        "liquidity": Liquidity.TAKER,
        "trade_id": trade_id,
        "ts_event": (NOW_MS + 2) * 1_000_000,
    }
    return Fill(**(terms | fields))
