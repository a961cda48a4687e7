import pytest

from gateways.exchange.liquidity import LEVELS_WALKED_MAX, VisibleLiquidity, executable_levels
from gateways.exchange.sources.source import BookChange, BookReset
from messages.market import Quote
from tests.gateways.exchange.trading_floor import BUY, SELL, SPOT, D

ASKS = [(100.0, 2.0), (100.1, 3.0), (100.2, 4.0)]
BIDS = [(99.9, 2.0), (99.8, 3.0), (99.7, 4.0)]


def quote(bid=99.9, bid_size=1.0, ask=100.0, ask_size=1.0):
    return Quote(SPOT.id, bid, bid_size, ask, ask_size, 0, 0)


def a_market():
    market = VisibleLiquidity(SPOT)
    market.on_reset(BookReset(SPOT.id, BIDS, ASKS, 1, 0, 0))
    return market


def changed(bids=(), asks=()):
    return BookChange(SPOT.id, list(bids), list(asks), 2, 0, 0)


@pytest.mark.parametrize(
    ("side", "levels", "quoted", "expected"),
    [
        pytest.param(SELL, ASKS, None, ASKS, id="no newer quote: the book as it is"),
        pytest.param(SELL, ASKS, (100.0, 9.0), [(100.0, 9.0), *ASKS[1:]], id="same price: the quote's size"),
        pytest.param(SELL, ASKS, (100.1, 9.0), [(100.1, 9.0), ASKS[2]], id="a better level of the book is stale"),
        pytest.param(SELL, ASKS, (99.95, 9.0), [(99.95, 9.0), *ASKS], id="the quote improves the book"),
        pytest.param(SELL, ASKS, (100.5, 9.0), [(100.5, 9.0)], id="the quote is beyond the book"),
        pytest.param(BUY, BIDS, (99.8, 9.0), [(99.8, 9.0), BIDS[2]], id="bids: a better level is stale"),
        pytest.param(BUY, BIDS, (99.95, 9.0), [(99.95, 9.0), *BIDS], id="bids: the quote improves the book"),
        pytest.param(SELL, ASKS, (0.0, 0.0), [], id="a quote of size 0: the side is empty"),
        pytest.param(SELL, [], (100.0, 1.0), [(100.0, 1.0)], id="no book at all"),
    ],
)
def test_the_executable_levels_are_the_newest_quote_and_what_is_worse_than_it(side, levels, quoted, expected):
    assert expected == list(executable_levels(side, levels, quoted))


def test_a_book_change_after_the_quote_makes_the_book_the_newest_word():
    market = a_market()
    market.on_quote(quote(ask=100.1))
    assert (100.1, 1.0) == next(market.levels(SELL))
    market.on_change(changed(asks=[(100.3, 1.0)]))
    assert [*ASKS, (100.3, 1.0)] == list(market.levels(SELL))


def test_a_deep_book_is_walked_to_the_bound():
    levels = [(100.0 + tick, 1.0) for tick in range(LEVELS_WALKED_MAX + 1)]
    market = VisibleLiquidity(SPOT)
    market.on_reset(BookReset(SPOT.id, [], levels, 1, 0, 0))
    assert levels[:-1] == list(market.levels(SELL))


def test_sizes_at_a_price_come_from_the_quote_above_it_from_nobody_and_below_it_from_the_book():
    market = a_market()
    market.on_quote(quote(bid=99.8, bid_size=7.0, ask=100.1, ask_size=8.0))
    assert [0.0, 7.0, 4.0, 0.0] == [market.size_at(BUY, price) for price in (99.9, 99.8, 99.7, 99.65)]
    assert [0.0, 8.0, 4.0, 0.0] == [market.size_at(SELL, price) for price in (100.0, 100.1, 100.2, 100.25)]


def test_best_and_mid_follow_the_newest_word_and_an_empty_side_has_none():
    market = VisibleLiquidity(SPOT)
    assert (None, None, None) == (market.best(BUY), market.best(SELL), market.mid())
    market = a_market()
    assert (99.9, 2.0) == market.best(BUY)
    assert (99.9 + 100.0) / 2 == market.mid()
    market.on_quote(quote(bid=99.8, ask=0.0, ask_size=0.0))
    assert (99.8, 1.0) == market.best(BUY)
    assert market.best(SELL) is None
    assert market.mid() is None


def test_what_was_taken_from_a_level_is_not_offered_again():
    market = a_market()
    market.take(SELL, ASKS[0], D("0.5"))
    market.take(SELL, ASKS[0], D("0.3"))
    assert D("1.2") == market.available(SELL, ASKS[0])  # 2 - 0.5 - 0.3
    assert D("3") == market.available(SELL, ASKS[1])
    assert market.has_taken


def test_sizes_are_offered_in_whole_lots():
    assert D("1.234") == VisibleLiquidity(SPOT).available(SELL, (100.0, 1.2349))


def test_a_change_of_the_size_offers_the_level_anew():
    market = a_market()
    market.take(SELL, ASKS[0], D("2"))
    market.on_change(changed(asks=[(100.0, 2.0)]))  # the same size: nobody has refilled it
    assert D(0) == market.available(SELL, ASKS[0])
    market.on_change(changed(asks=[(100.0, 1.5)]))
    assert D("1.5") == market.available(SELL, (100.0, 1.5))
    assert not market.has_taken


def test_a_smaller_size_seen_elsewhere_never_offers_less_than_nothing():
    market = a_market()
    market.take(SELL, ASKS[0], D("2"))
    assert D(0) == market.available(SELL, (100.0, 1.0))


def test_a_quote_of_another_size_or_a_worse_price_offers_the_level_anew():
    market = a_market()
    market.on_quote(quote())
    market.take(SELL, (100.0, 1.0), D("1"))
    market.on_quote(quote(bid_size=3.0))  # only the other side has changed
    assert D(0) == market.available(SELL, (100.0, 1.0))
    market.on_quote(quote(ask_size=1.1))
    assert D("1.1") == market.available(SELL, (100.0, 1.1))
    market.take(SELL, (100.0, 1.1), D("1"))
    market.on_quote(quote(ask=100.1))  # the level is gone
    assert not market.has_taken
    market.take(SELL, ASKS[2], D("1"))
    market.on_quote(quote(ask=100.0))  # the level stands behind the quote
    assert market.has_taken


def test_bids_that_were_taken_are_remembered_until_they_change_too():
    market = a_market()
    market.take(BUY, BIDS[0], D("2"))
    market.on_quote(quote(bid=99.9, bid_size=2.0))
    assert D(0) == market.available(BUY, BIDS[0])
    market.on_change(changed(bids=[(99.9, 0.0)]))
    assert not market.has_taken


def test_a_reset_and_a_gap_forget_what_was_taken_and_a_gap_offers_nothing():
    market = a_market()
    market.take(BUY, BIDS[0], D("2"))
    market.on_reset(BookReset(SPOT.id, BIDS, ASKS, 1, 0, 0))
    assert D(2) == market.available(BUY, BIDS[0])
    market.on_quote(quote())
    market.take(BUY, BIDS[0], D("2"))
    market.on_gap()
    assert not market.has_taken
    assert [] == [*market.levels(BUY), *market.levels(SELL)]
