"""Random trading against a simulated venue: its books must equal, to the last digit, what its messages add up to.

The right side is kept by the test alone, from fills, fundings and settlements: first in, first out, in Decimals.
"""

from collections import defaultdict
from decimal import ROUND_HALF_EVEN, Decimal
from random import Random

import msgspec
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gateways.exchange.simulated_venue import SimulatedVenue
from gateways.exchange.sources.source import BookChange, BookReset
from gateways.venue import AccountState, FundingBooked
from messages.market import Gap, MarkPrice, Quote, Trade
from messages.order_lifecycle import Order, OrderState
from messages.orders import (
    AmendOrder,
    AmendRejected,
    CancelOrder,
    CancelRejected,
    Fill,
    Liquidity,
    OrderClosed,
    OrderRejected,
    QueryOrder,
    RejectReason,
    Side,
    TimeInForce,
)
from tests.gateways.exchange.trading_floor import FUTURE, INVERSE, LINEAR, MS, SPOT, START_NS, D, a_spec, order

SPOT_FEE_IN_BASE = msgspec.structs.replace(SPOT, symbol="BTCUSDC", quote="USDC", settle="USDC", fee_currency="BTC")
EXPIRING = msgspec.structs.replace(FUTURE, multiplier=D("0.01"))
INSTRUMENTS = (SPOT, SPOT_FEE_IN_BASE, LINEAR, INVERSE, EXPIRING)
START = {"USDT": D("20000"), "USDC": D("5000"), "BTC": D("50")}
FIRST_MARK = 100.0


class Books:
    """The account of one instrument by its messages alone."""

    def __init__(self, instrument):
        self.instrument = instrument
        self.lots = []  # [signed quantity, entry price], oldest first
        self.realised = D(0)
        self.traded = D(0)

    def trade(self, signed, price):
        self.traded += signed
        while signed and self.lots and self.lots[0][0] * signed < 0:
            held, entry = self.lots[0]
            size = min(abs(held), abs(signed))
            direction = 1 if held > 0 else -1
            self.realised += self.profit(direction, size, entry, price)
            signed += direction * size
            self.lots[0][0] -= direction * size
            if not self.lots[0][0]:
                del self.lots[0]
        if signed:
            self.lots.append([signed, price])

    def profit(self, direction, size, entry, price):
        if not self.instrument.inverse:
            return direction * size * (price - entry) * self.instrument.multiplier
        coins = [(size * 100 / at).quantize(D("1e-8"), ROUND_HALF_EVEN) for at in (entry, price)]
        return direction * (coins[0] - coins[1])

    def unrealised(self, mark):
        return sum((self.profit(1 if held > 0 else -1, abs(held), entry, mark) for held, entry in self.lots), D(0))


class Auditor:
    """Reads every report of the venue, and checks it against what was asked."""

    def __init__(self):
        self.orders: dict[str, Order] = {}
        self.books = {instrument.id: Books(instrument) for instrument in INSTRUMENTS}
        self.fees: defaultdict[str, Decimal] = defaultdict(Decimal)
        self.funding: defaultdict[str, Decimal] = defaultdict(Decimal)
        self.fundings = 0
        self.fills: list[Fill] = []
        self.refusals: set[RejectReason] = set()
        self.settlements = 0
        self.marks = {instrument.id: D(repr(FIRST_MARK)) for instrument in INSTRUMENTS}

    def hear(self, report):
        if isinstance(report, Fill):
            self.on_fill(report)
        elif isinstance(report, FundingBooked):
            self.fundings += 1
            assert self.fundings == report.number
            assert self.books[report.instrument].traded == report.position
            self.funding[report.currency] += report.amount
        elif isinstance(report, AccountState):
            self.settlements += 1
            books = self.books[EXPIRING.id]
            books.trade(-books.traded, self.marks[EXPIRING.id])
        elif isinstance(report, OrderClosed):
            order = self.orders[report.client_order_id]
            order.apply(report)
            assert order.filled_quantity == report.filled_quantity
            assert (order.filled_quantity == order.request.quantity) == (order.state is OrderState.FILLED)
        elif not isinstance(report, AmendRejected | CancelRejected):
            self.orders[report.client_order_id].apply(report)
            assert self.orders[report.client_order_id].request.instrument == report.instrument
            if isinstance(report, OrderRejected):
                self.refusals.add(report.reason)

    def on_fill(self, fill):
        order = self.orders[fill.client_order_id]
        assert order.state is OrderState.WORKING, "accepted before, closed after"
        self.fills.append(fill)
        assert f"T{len(self.fills)}" == fill.trade_id, "numbered without gaps, so no two are alike"
        order.apply(fill)
        assert order.filled_quantity <= order.request.quantity
        if order.request.price is not None:
            assert (fill.price - order.request.price) * fill.side.sign <= 0
        if fill.liquidity is Liquidity.MAKER:
            assert order.request.price == fill.price
        if order.request.reduce_only and not self.books[fill.instrument].instrument.is_spot:
            position = self.books[fill.instrument].traded
            assert position * fill.side.sign < 0
            assert fill.quantity <= abs(position)
        self.books[fill.instrument].trade(fill.side.sign * fill.quantity, fill.price)
        self.fees[fill.fee_currency] += fill.fee

    def check(self, venue):
        ledger = venue.ledger
        for instrument in INSTRUMENTS:
            books = self.books[instrument.id]
            if not instrument.is_spot:
                assert books.traded == ledger.position(instrument.id)
                mark = self.marks[instrument.id]
                assert books.unrealised(mark) == ledger.unrealised(instrument.id, mark)
        for currency, start in START.items():
            self.check_currency(currency, start, ledger)
        working = tuple(id_ for id_, order in self.orders.items() if order.state is OrderState.WORKING)
        assert set(working) == set(venue.account(0, 0).open_orders)

    def check_currency(self, currency, start, ledger):
        """Change of balance and value of positions = realised + unrealised - fees + funding, in this currency."""
        change = ledger.balance(currency) - start
        expected = self.funding[currency] - self.fees[currency]
        for instrument in INSTRUMENTS:
            books, mark = self.books[instrument.id], self.marks[instrument.id]
            if instrument.is_spot and currency == instrument.quote:
                change += books.traded * mark
                expected += books.realised + books.unrealised(mark)
            elif instrument.is_spot and currency == instrument.base:
                expected += books.traded
            elif currency == instrument.settle:
                change += ledger.unrealised(instrument.id, mark)
                expected += books.realised + books.unrealised(mark)
        assert expected == change


IDS = st.sampled_from([instrument.id for instrument in INSTRUMENTS])
TICKS = st.integers(990, 1010)
SIZES = st.sampled_from([0.0, 0.5, 1.0, 2.5, 7.0])
QUANTITIES = st.sampled_from(["1", "2", "3", "8", "40"])
MARKET = st.one_of(
    st.tuples(st.just("quote"), IDS, TICKS, st.integers(1, 4), SIZES, SIZES),
    st.tuples(st.just("change"), IDS, st.lists(st.tuples(st.integers(985, 999), SIZES), max_size=4), st.booleans()),
    st.tuples(st.just("trade"), IDS, TICKS, SIZES, st.sampled_from(Side)),
    st.tuples(st.just("mark"), IDS, TICKS, st.sampled_from([0.0001, -0.003]), st.integers(1, 15)),
    st.tuples(st.sampled_from(["gap", "reset"]), IDS),
)
REQUESTS = st.one_of(
    st.tuples(
        st.just("submit"),
        IDS,
        st.sampled_from(Side),
        QUANTITIES,
        st.none() | TICKS,
        st.sampled_from(TimeInForce),
        st.sampled_from(["plain", "plain", "post_only", "reduce_only"]),
    ),
    st.tuples(st.just("cancel"), st.integers(0, 30)),
    st.tuples(st.just("amend"), st.integers(0, 30), QUANTITIES, TICKS),
)
STEPS = st.lists(st.one_of(MARKET, REQUESTS, REQUESTS), min_size=10, max_size=60)


def price_of(ticks):
    return D(ticks) / 10


class Run:
    def __init__(self, latency_ms, jitter_ms, expiry_ms=60):
        expiring = msgspec.structs.replace(EXPIRING, expiry_ns=START_NS + expiry_ms * MS)
        spec = a_spec(*INSTRUMENTS[:-1], expiring, balances=START, latency_ms=latency_ms, latency_jitter_ms=jitter_ms)
        self.venue, self.auditor, self.now_ns = SimulatedVenue(spec), Auditor(), START_NS
        for instrument in INSTRUMENTS:
            self.step("reset", instrument.id)
            self.market(MarkPrice(instrument.id, FIRST_MARK, FIRST_MARK, 0.0, 0, self.now_ns, self.now_ns))

    def step(self, kind, *arguments):
        self.now_ns += MS
        getattr(self, kind)(*arguments)
        self.auditor.check(self.venue)

    def market(self, event):
        for output in self.venue.on_market(event):
            if not hasattr(output, "published_mono_ns"):
                self.auditor.hear(output)

    def request(self, request):
        for report in [*self.venue.on_request(request, self.now_ns), *self.venue.advance(self.now_ns)]:
            self.auditor.hear(report)

    def quote(self, id_, ticks, spread, bid_size, ask_size):
        self.market(Quote(id_, ticks / 10, bid_size, (ticks + spread) / 10, ask_size, self.now_ns, self.now_ns))

    def change(self, id_, levels, is_bid):
        changes = [((ticks if is_bid else 1999 - ticks) / 10, size) for ticks, size in levels]
        bids, asks = (changes, []) if is_bid else ([], changes)
        self.market(BookChange(id_, bids, asks, self.now_ns, self.now_ns, self.now_ns))

    def trade(self, id_, ticks, size, aggressor):
        self.market(Trade(id_, ticks / 10, size, aggressor, str(self.now_ns), self.now_ns, self.now_ns))

    def mark(self, id_, ticks, rate, stamp_ms):
        # what is due before the mark was announced is settled at the one before it
        for report in self.venue.advance(self.now_ns):
            self.auditor.hear(report)
        self.auditor.marks[id_] = price_of(ticks)
        stamp = self.now_ns + stamp_ms * MS
        self.market(MarkPrice(id_, ticks / 10, ticks / 10, rate, stamp, self.now_ns, self.now_ns))

    def gap(self, id_):
        self.market(Gap(id_, "missing book update", self.now_ns))

    def reset(self, id_):
        bids = [(99.9 - level / 10, 2.0 + level) for level in range(5)]
        asks = [(100.0 + level / 10, 2.0 + level) for level in range(5)]
        self.market(BookReset(id_, bids, asks, self.now_ns, self.now_ns, self.now_ns))

    def submit(self, id_, side, quantity, ticks, time_in_force, kind):
        name = f"o{len(self.auditor.orders)}"
        request = order(
            name,
            side,
            quantity,
            None if ticks is None else str(price_of(ticks)),
            instrument=id_,
            time_in_force=time_in_force,
            post_only=kind == "post_only",
            reduce_only=kind == "reduce_only",
        )
        self.auditor.orders[name] = Order(request)
        self.request(request)

    def cancel(self, number):
        self.request(CancelOrder(f"o{number}", "carry", 1, SPOT.id))

    def amend(self, number, quantity, ticks):
        self.request(AmendOrder(f"o{number}", "carry", 1, SPOT.id, D(quantity), price_of(ticks)))

    def finish(self):
        """Let everything arrive, and ask about every order."""
        self.now_ns += 100 * MS
        for report in self.venue.advance(self.now_ns):
            self.auditor.hear(report)
        self.auditor.check(self.venue)
        for name, known in self.auditor.orders.items():
            self.venue.on_request(QueryOrder(name, "carry", 1, SPOT.id), self.now_ns)
            (status,) = self.venue.advance(self.now_ns + 10_000 * MS)
            assert known.state is not OrderState.IN_FLIGHT, "every order is answered"
            assert (known.state is OrderState.REJECTED) == (status.rejected is not None)
            assert known.is_open == (status.rejected is None and status.closed is None)
            assert known.filled_quantity == status.filled_quantity == sum((f.quantity for f in status.fills), D(0))


@settings(max_examples=400, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
@given(STEPS, st.sampled_from([(0.0, 0.0), (3.0, 0.0), (2.0, 4.0)]))
def test_the_books_of_the_venue_equal_what_its_messages_add_up_to(steps, latency):
    run = Run(*latency)
    for step in steps:
        run.step(*step)
    run.finish()


def random_step(dice, orders):
    id_ = dice.choice(INSTRUMENTS).id
    ticks = dice.randint(990, 1010)
    recent = max(0, orders - dice.randint(1, 10))
    size = dice.choice([0.5, 1.0, 2.5, 7.0])
    steps = {
        "quote": (id_, ticks, dice.randint(1, 4), size, 1.5),
        "change": (id_, [(dice.randint(985, 999), size)], dice.random() < 0.5),
        "trade": (id_, ticks, size, dice.choice(list(Side))),
        "mark": (id_, ticks, 0.0001, dice.randint(1, 15)),
        "submit": (
            id_,
            dice.choice(list(Side)),
            dice.choice(["0.01", "1", "2", "40", "4000"]),
            dice.choice([None, ticks, ticks, ticks]),
            dice.choice(list(TimeInForce)),
            dice.choice(["plain", "plain", "post_only", "reduce_only"]),
        ),
        "cancel": (recent,),
        "amend": (recent, dice.choice(["1", "2", "3"]), ticks),
        "reset": (id_,),
    }
    kind = dice.choices(list(steps), weights=[6, 4, 6, 2, 12, 2, 4, 1])[0]
    return kind, *steps[kind]


def test_a_long_run_keeps_the_identity_and_meets_every_kind_of_outcome():
    """The identity would hold of a venue that does nothing: this run also says what must have happened in it."""
    dice = Random(5)
    run = Run(1.0, 1.0, expiry_ms=2_000)
    for _ in range(3_000):
        run.step(*random_step(dice, len(run.auditor.orders)))
    run.finish()
    auditor = run.auditor
    for instrument in INSTRUMENTS:
        makers = {(fill.instrument, fill.liquidity) for fill in auditor.fills}
        assert {(instrument.id, Liquidity.MAKER), (instrument.id, Liquidity.TAKER)} <= makers
    assert {OrderState.FILLED, OrderState.CANCELLED, OrderState.EXPIRED, OrderState.REJECTED} <= {
        order.state for order in auditor.orders.values()
    }
    assert auditor.refusals >= {
        RejectReason.INVALID_QUANTITY,
        RejectReason.MIN_NOTIONAL,
        RejectReason.INSUFFICIENT_BALANCE,
        RejectReason.POST_ONLY_WOULD_TAKE,
        RejectReason.REDUCE_ONLY,
        RejectReason.EXPIRED_INSTRUMENT,
    }
    assert auditor.fundings > 20
    assert auditor.settlements == 1
    assert all(books.realised for books in auditor.books.values())
