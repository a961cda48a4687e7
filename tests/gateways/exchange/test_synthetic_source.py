"""The events of a synthetic venue: order, grid, agreement between book, quotes and trades, determinism, rates."""

from collections import Counter
from decimal import Decimal
from itertools import islice

import msgspec
import pytest

from gateways.book import Book
from gateways.exchange.sources.source import BookChange, BookReset, SourceCounts
from gateways.exchange.sources.synthetic import SyntheticSource
from gateways.exchange.spec import AssetSpec, SyntheticProfile, SyntheticSourceSpec
from messages.instruments import Instrument, InstrumentType
from messages.market import MarkPrice, Quote, Trade
from messages.orders import Side

START_NS = 1_700_000_000_000_000_000
SECOND_NS = 1_000_000_000
DAY_NS = 86_400 * SECOND_NS


def instrument(symbol: str, kind: InstrumentType = InstrumentType.SPOT, **rules) -> Instrument:
    defaults = {"base": "BTC", "quote": "USDT", "settle": "USDT", "tick_size": "0.01", "lot_size": "0.00001"}
    values = defaults | rules
    for name in ("tick_size", "lot_size", "multiplier"):
        if name in values:
            values[name] = Decimal(values[name])
    return Instrument(symbol=symbol, venue="north", type=kind, **values)


SPOT = instrument("BTCUSDT")
PERPETUAL = instrument("BTCPERP", InstrumentType.PERPETUAL, tick_size="0.1", lot_size="0.001", funding_interval_hours=8)
INVERSE = instrument(
    "BTCUSD", InstrumentType.PERPETUAL, quote="USD", settle="BTC", tick_size="0.1", lot_size="1",
    inverse=True, multiplier="100", funding_interval_hours=8,
)  # fmt: skip
FUTURE = instrument(
    "BTCQ",
    InstrumentType.FUTURE,
    tick_size="0.5",
    lot_size="0.003",
    multiplier="0.01",
    expiry_ns=START_NS + 90 * DAY_NS,
)
CROSS = instrument("ETHBTC", base="ETH", quote="BTC", settle="BTC", tick_size="0.000003", lot_size="0.0007")
COARSE = instrument("XRPUSDT", base="XRP", tick_size="0.2", lot_size="10")
EVERY_KIND = (SPOT, PERPETUAL, INVERSE, FUTURE, CROSS, COARSE)


def source(*instruments: Instrument, **spec) -> SyntheticSource:
    return SyntheticSource("north", instruments, SyntheticSourceSpec(**spec), START_NS)


def until(market: SyntheticSource, seconds: float) -> list:
    events = []
    for event in market.events():
        if event.ts_received > START_NS + seconds * SECOND_NS:
            break
        events.append(event)
    return events


def encoded(events) -> bytes:
    return b"".join(msgspec.msgpack.encode(event) for event in events)


# --- determinism ---------------------------------------------------------------------------------------------------


def test_the_same_seed_gives_the_same_events_to_the_byte():
    first = encoded(islice(source(*EVERY_KIND, seed=7).events(), 5_000))
    second = encoded(islice(source(*EVERY_KIND, seed=7).events(), 5_000))
    assert first == second


def test_another_seed_gives_other_events():
    first = encoded(islice(source(SPOT, seed=7).events(), 100))
    assert first != encoded(islice(source(SPOT, seed=8).events(), 100))


def test_reading_a_source_twice_gives_the_same_events_twice():
    market = source(SPOT, PERPETUAL)
    assert encoded(islice(market.events(), 1_000)) == encoded(islice(market.events(), 1_000))


def test_another_instrument_beside_it_changes_nothing_about_an_instrument():
    alone = until(source(PERPETUAL), 60)
    beside = [event for event in until(source(SPOT, PERPETUAL, CROSS), 60) if event.instrument == PERPETUAL.id]
    assert encoded(alone) == encoded(beside)


# --- order and agreement -------------------------------------------------------------------------------------------


def test_every_instrument_begins_with_its_book_its_quote_and_a_derivative_with_its_mark():
    first: dict[str, list[type]] = {}
    for event in source(*EVERY_KIND).events():
        if event.ts_received > START_NS:
            break
        first.setdefault(event.instrument, []).append(type(event))
    expected = {
        each.id: [BookReset, Quote] if each.type is InstrumentType.SPOT else [BookReset, Quote, MarkPrice]
        for each in EVERY_KIND
    }
    assert expected == first


def test_times_ascend_and_both_stamps_agree():
    events = until(source(*EVERY_KIND), 60)
    times = [event.ts_received for event in events]
    assert sorted(times) == times
    assert START_NS == times[0]
    assert times == [event.ts_event for event in events]


def top(book: Book) -> tuple:
    return (*book.best_bid(), *book.best_ask())


@pytest.mark.parametrize("each", EVERY_KIND, ids=lambda each: each.symbol)
def test_the_rebuilt_book_is_never_crossed_and_its_top_is_the_last_quote(each):
    book, quoted, is_quote_due, quotes = Book(), None, False, 0
    for event in until(source(each, seed=3), 120):
        assert not (is_quote_due and type(event) is not Quote), "the top has changed and no quote follows"
        if type(event) is BookReset:
            book.reset(event.bids, event.asks)
        elif type(event) is BookChange:
            book.apply(event.bids, event.asks)
            assert not book.is_crossed
        elif type(event) is Quote:
            assert is_quote_due, "a quote repeats the last one"
            assert event.bid < event.ask
            quoted = (event.bid, event.bid_size, event.ask, event.ask_size)
            assert top(book) == quoted
            quotes += 1
        is_quote_due = type(event) in {BookReset, BookChange} and top(book) != quoted
    assert quotes > 100


@pytest.mark.parametrize("each", EVERY_KIND, ids=lambda each: each.symbol)
def test_every_price_is_on_the_tick_and_every_size_on_the_lot(each):
    prices, sizes = set(), set()
    for event in until(source(each, seed=5), 60):
        match event:
            case BookReset() | BookChange():
                prices |= {price for price, _ in event.bids + event.asks}
                sizes |= {size for _, size in event.bids + event.asks}
            case Quote():
                prices |= {event.bid, event.ask}
                sizes |= {event.bid_size, event.ask_size}
            case Trade():
                prices.add(event.price)
                sizes.add(event.size)
            case MarkPrice():
                prices |= {event.mark, event.index}
    # The shortest decimal of a float is its exact one on the grid, if the float is the nearest to it.
    assert [] == [price for price in prices if Decimal(repr(price)) % each.tick_size]
    assert [] == [size for size in sizes if Decimal(repr(size)) % each.lot_size]
    assert min(prices) > 0.0


def test_sizes_are_positive_but_for_levels_that_are_removed():
    for event in until(source(SPOT, COARSE), 60):
        match event:
            case BookReset():
                assert min(size for _, size in event.bids + event.asks) > 0.0
            case Quote():
                assert min(event.bid_size, event.ask_size) > 0.0
            case Trade():
                assert event.size > 0.0


def test_trades_hit_the_best_levels_and_the_book_is_reprinted_without_what_they_took():
    book, taken, trades, sweeps = Book(), {}, 0, 0
    for event in until(source(SPOT, seed=2), 300):
        if type(event) is Trade:
            sign = 1.0 if event.aggressor is Side.BUY else -1.0
            levels = book.asks(50) if event.aggressor is Side.BUY else book.bids(50)
            price, size = levels[len(taken)]
            assert price == event.price, "a trade skips a level"
            assert event.size <= size
            taken[price] = (sign, event.size, size)
            trades += 1
            sweeps += len(taken) > 1
            continue
        if type(event) is BookReset:
            book.reset(event.bids, event.asks)
        elif type(event) is BookChange:
            book.apply(event.bids, event.asks)
        for price, (sign, traded, size) in taken.items():
            assert type(event) is BookChange
            left = book.ask_size(price) if sign > 0 else book.bid_size(price)
            assert pytest.approx(size - traded, abs=1e-9) == left
        taken = {}
    assert trades > 200
    assert sweeps > 3  # some trades walk past the touch


def test_trade_ids_and_update_ids_count_up_by_one():
    events = until(source(PERPETUAL), 60)
    trades = [int(event.trade_id) for event in events if type(event) is Trade]
    updates = [event.update_id for event in events if type(event) in {BookReset, BookChange}]
    assert list(range(1, len(trades) + 1)) == trades
    assert list(range(1, len(updates) + 1)) == updates


def test_a_book_has_the_stated_levels_a_side_and_changes_are_small():
    events = until(source(SPOT, levels=6), 60)
    assert (6, 6) == (len(events[0].bids), len(events[0].asks))
    changed = [len(event.bids) + len(event.asks) for event in events if type(event) is BookChange]
    assert sum(changed) / len(changed) < 12.0  # the whole book has 12 levels
    assert max(changed) <= 24  # every level replaced by another


def test_sizes_grow_away_from_the_touch():
    book, near, far, seen = Book(), 0.0, 0.0, 0
    for event in until(source(SPOT), 120):
        if type(event) is BookReset:
            book.reset(event.bids, event.asks)
        elif type(event) is BookChange:
            book.apply(event.bids, event.asks)
            sizes = [size for _, size in book.bids(10)]
            near, far, seen = near + sum(sizes[:3]), far + sum(sizes[7:]), seen + 1
    assert seen > 100
    assert far > 2.0 * near  # mean ratios 1 + 0.35·(0, 1, 2) = 4.05 near, 1 + 0.35·(7, 8, 9) = 11.4 far


def test_inverse_sizes_are_contracts():
    touch = [event.bid_size for event in until(source(INVERSE), 300) if type(event) is Quote]
    # 40,000 USD at 100 USD a contract = 400 contracts, less what takers took.
    assert 250.0 < sum(touch) / len(touch) < 420.0


def test_linear_sizes_are_the_level_notional_over_price_and_multiplier():
    touch = [event.bid_size for event in until(source(FUTURE), 300) if type(event) is Quote]
    # 20,000 USD at about 61,000 a coin and 0.01 coin a contract = 33 contracts, less what takers took.
    assert 20.0 < sum(touch) / len(touch) < 35.0


# --- rates and counts ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("each", (SPOT, PERPETUAL, FUTURE), ids=lambda each: each.symbol)
def test_the_rate_of_books_quotes_and_trades_is_near_the_stated_one(each):
    events = [event for event in until(source(each), 900) if type(event) is not MarkPrice]
    assert pytest.approx(15.0, rel=0.2) == len(events) / 900


def test_a_profile_overrides_the_rate_of_its_instrument_alone():
    market = source(SPOT, PERPETUAL, profiles={"BTCPERP": SyntheticProfile(events_per_second=60.0)})
    seen = Counter(event.instrument for event in until(market, 300))
    assert pytest.approx(15.0, rel=0.25) == seen[SPOT.id] / 300
    assert pytest.approx(60.0, rel=0.25) == seen[PERPETUAL.id] / 300


def test_a_profile_overrides_the_spread():
    market = source(SPOT, profiles={"BTCUSDT": SyntheticProfile(spread_bps=8.0)})
    spreads = [(event.ask / event.bid - 1.0) * 1e4 for event in until(market, 120) if type(event) is Quote]
    assert pytest.approx(8.0, rel=0.1) == sum(spreads) / len(spreads)


def test_counts_tell_what_was_yielded():
    market = source(SPOT, PERPETUAL)
    seen: Counter = Counter()
    for event in islice(market.events(), 3_333):
        seen[event.instrument, type(event)] += 1
        assert seen[SPOT.id, Quote] == market.counts(SPOT.id).quotes
    for each in (SPOT, PERPETUAL):
        expected = SourceCounts(
            quotes=seen[each.id, Quote], trades=seen[each.id, Trade], book_updates=seen[each.id, BookChange]
        )
        assert expected == market.counts(each.id)
        assert expected.book_updates > 300


# --- the edges -----------------------------------------------------------------------------------------------------


def test_a_price_that_falls_to_nothing_stops_at_one_tick():
    wild = {"XRP": AssetSpec(price=0.2, volatility_annual=10.0, active_volatility_ratio=100.0)}
    profile = SyntheticProfile(basis_bps=-5_000.0, basis_volatility_bps=1_000.0, noise_bps=1_000.0)
    perpetual = instrument("XRPPERP", InstrumentType.PERPETUAL, base="XRP", tick_size="0.2", lot_size="10")
    market = source(perpetual, assets=wild, profiles={"XRPPERP": profile})
    quotes = [event for event in until(market, 120) if type(event) in {Quote, MarkPrice}]
    assert {0.2} == {event.bid for event in quotes if type(event) is Quote}
    assert 0.4 == min(event.ask for event in quotes if type(event) is Quote)
    assert {0.2} == {event.mark for event in quotes if type(event) is MarkPrice}


def test_a_book_of_one_lot_is_never_traded_away():
    market = source(SPOT, levels=1, profiles={"BTCUSDT": SyntheticProfile(level_notional=1e-3)})
    events = until(market, 120)
    assert {0.00001} == {event.bid_size for event in events if type(event) is Quote}
    assert 0 == market.counts(SPOT.id).trades


def test_a_venue_without_instruments_has_no_events():
    assert [] == list(source().events())


def test_an_instrument_of_another_venue_is_refused():
    with pytest.raises(ValueError, match=r"instrument BTCUSDT\.north is not of venue south"):
        SyntheticSource("south", (SPOT,), SyntheticSourceSpec(), START_NS)


def test_a_profile_of_no_instrument_is_refused():
    with pytest.raises(ValueError, match="profile for unknown symbol BTCUSDC at venue north"):
        source(SPOT, profiles={"BTCUSDC": SyntheticProfile()})
