"""A simulated venue driven by hand: no latency unless asked for, one millisecond between any two steps."""

from decimal import Decimal
from functools import singledispatch
from typing import Any

import msgspec

from gateways.exchange.simulated_venue import SimulatedVenue
from gateways.exchange.sources.source import BookChange, BookReset
from gateways.exchange.spec import SyntheticSourceSpec, VenueSpec
from gateways.venue import AccountQuery, AccountState, FundingBooked, OrderStatus
from messages.instruments import Instrument, InstrumentType
from messages.market import Gap, MarkPrice, Quote, Trade
from messages.orders import (
    AmendOrder,
    AmendRejected,
    CancelOrder,
    CancelRejected,
    Fill,
    OrderAccepted,
    OrderAmended,
    OrderClosed,
    OrderRejected,
    OrderType,
    QueryOrder,
    Side,
    SubmitOrder,
)

D = Decimal
BUY, SELL = Side.BUY, Side.SELL
VENUE = "sim"
MS = 1_000_000
START_NS = 1_000 * MS

SPOT = Instrument(
    symbol="BTCUSDT",
    venue=VENUE,
    type=InstrumentType.SPOT,
    base="BTC",
    quote="USDT",
    settle="USDT",
    tick_size=D("0.1"),
    lot_size=D("0.001"),
    min_notional=D("5"),
    maker_fee_bps=D("1"),
    taker_fee_bps=D("10"),
)
LINEAR = Instrument(
    symbol="BTCUSDT-PERP",
    venue=VENUE,
    type=InstrumentType.PERPETUAL,
    base="BTC",
    quote="USDT",
    settle="USDT",
    tick_size=D("0.1"),
    lot_size=D("0.001"),
    maker_fee_bps=D("-0.5"),
    taker_fee_bps=D("5"),
    funding_interval_hours=8,
)
INVERSE = Instrument(
    symbol="BTCUSD_PERP",
    venue=VENUE,
    type=InstrumentType.PERPETUAL,
    base="BTC",
    quote="USD",
    settle="BTC",
    inverse=True,
    multiplier=D("100"),
    tick_size=D("0.1"),
    lot_size=D("1"),
    maker_fee_bps=D("1"),
    taker_fee_bps=D("5"),
    funding_interval_hours=8,
)
FUTURE = msgspec.structs.replace(
    LINEAR, symbol="BTCUSDT-0900", type=InstrumentType.FUTURE, expiry_ns=START_NS + 1_000_000 * MS
)
BALANCES = {"USDT": D("100000"), "BTC": D("10")}


def order(client_order_id: str, side: Side, quantity: str, price: str | None = None, **fields: Any) -> SubmitOrder:
    """A limit order, or a market order where there is no price."""
    fields.setdefault("instrument", SPOT.id)
    fields.setdefault("type", OrderType.MARKET if price is None else OrderType.LIMIT)
    return SubmitOrder(
        client_order_id=client_order_id,
        strategy="carry",
        epoch=1,
        side=side,
        quantity=D(quantity),
        price=None if price is None else D(price),
        ts_created=START_NS,
        **fields,
    )


def a_spec(*instruments: Instrument, balances: dict[str, Decimal] | None = None, **fields: Any) -> VenueSpec:
    fields.setdefault("latency_ms", 0.0)
    return VenueSpec(VENUE, instruments, BALANCES if balances is None else balances, SyntheticSourceSpec(), **fields)


class Floor:
    """The first instrument is the one that is meant where a call names none."""

    def __init__(self, *instruments: Instrument, **fields: Any) -> None:
        instruments = instruments or (SPOT,)
        self.instrument = instruments[0].id
        self.venue = SimulatedVenue(a_spec(*instruments, **fields))
        self.ledger = self.venue.ledger
        self.now_ns = START_NS

    def tick(self) -> int:
        self.now_ns += MS
        return self.now_ns

    # --- market; each returns what came of it beside the market data -----------------------------------------------

    def book(self, bids, asks, instrument: str = ""):
        now = self.tick()
        return self._market(BookReset(instrument or self.instrument, bids, asks, now, now, now))

    def change(self, bids=(), asks=(), instrument: str = ""):
        now = self.tick()
        return self._market(BookChange(instrument or self.instrument, list(bids), list(asks), now, now, now))

    def quote(self, bid, bid_size, ask, ask_size, instrument: str = ""):
        now = self.tick()
        return self._market(Quote(instrument or self.instrument, bid, bid_size, ask, ask_size, now, now))

    def trade(self, price, size, aggressor, instrument: str = ""):
        now = self.tick()
        return self._market(Trade(instrument or self.instrument, price, size, aggressor, str(now), now, now))

    def mark(self, mark, rate=0.0, next_funding_ns=0, instrument: str = ""):
        now = self.tick()
        return self._market(MarkPrice(instrument or self.instrument, mark, mark, rate, next_funding_ns, now, now))

    def gap(self):
        return self._market(Gap(self.instrument, "missing book update", self.tick()))

    def _market(self, event):
        outputs = self.venue.on_market(event)
        published = [output for output in outputs if hasattr(output, "published_mono_ns")]
        assert 1 == len(published), "one event of the source is one message of market data"
        return said(output for output in outputs if output is not published[0])

    # --- requests; each returns what the venue says to it ---------------------------------------------------------

    def ask(self, request):
        now = self.tick()
        return [*self.venue.on_request(request, now), *self.venue.advance(now)]

    def submit(self, *args, **fields):
        fields.setdefault("instrument", self.instrument)
        return said(self.ask(order(*args, **fields)))

    def cancel(self, client_order_id):
        return said(self.ask(CancelOrder(client_order_id, "carry", 1, self.instrument)))

    def amend(self, client_order_id, quantity, price):
        return said(self.ask(AmendOrder(client_order_id, "carry", 1, self.instrument, D(quantity), D(price))))

    def query(self, client_order_id):
        (status,) = self.ask(QueryOrder(client_order_id, "carry", 1, self.instrument))
        return status

    def account(self, after_funding=0):
        (state,) = self.ask(AccountQuery(VENUE, after_funding))
        return state


def said(reports) -> list[tuple]:
    """Reports in short: what, which order, and what matters of it; Decimals compare by value."""
    return [_short(report) for report in reports]


@singledispatch
def _short(report):
    raise AssertionError(f"a report that no test expects: {report}")


@_short.register
def _(report: OrderAccepted):
    return ("accepted", report.client_order_id)


@_short.register
def _(report: OrderRejected):
    return ("rejected", report.client_order_id, report.reason.value)


@_short.register
def _(report: Fill):
    return ("fill", report.client_order_id, report.quantity, report.price, report.liquidity.value)


@_short.register
def _(report: OrderClosed):
    return ("closed", report.client_order_id, report.reason.value, report.filled_quantity)


@_short.register
def _(report: OrderAmended):
    return ("amended", report.client_order_id, report.quantity, report.price)


@_short.register
def _(report: AmendRejected):
    return ("amend rejected", report.client_order_id, report.reason.value)


@_short.register
def _(report: CancelRejected):
    return ("cancel rejected", report.client_order_id, report.reason.value)


@_short.register
def _(report: FundingBooked):
    return ("funding", report.number, report.amount, report.currency)


@_short.register
def _(report: OrderStatus):
    return ("status", report.client_order_id, report.is_known, report.filled_quantity)


@_short.register
def _(report: AccountState):
    return ("account", dict(report.positions))


def fill(client_order_id, quantity, price, liquidity="taker"):
    return ("fill", client_order_id, D(quantity), D(price), liquidity)


def closed(client_order_id, reason, filled):
    return ("closed", client_order_id, reason, D(filled))
