from random import Random

from hypothesis import given, settings
from hypothesis import strategies as st

from gateways.book import Book

PRICES = st.integers(1, 30).map(lambda ticks: ticks / 10)
SIZES = st.sampled_from([0.0, 0.0, 0.5, 1.0, 2.5])
CHANGES = st.lists(st.tuples(PRICES, SIZES), max_size=6)


def a_book() -> Book:
    book = Book()
    book.reset([(99.0, 1.0), (100.0, 2.0), (98.0, 3.0)], [(102.0, 5.0), (101.0, 4.0), (103.0, 6.0)])
    return book


def test_a_new_book_is_empty():
    book = Book()
    assert None is book.best_bid()
    assert None is book.best_ask()
    assert ((), ()) == (book.bids(10), book.asks(10))
    assert 0 == len(book)
    assert not book.is_crossed


def test_a_snapshot_in_any_order_gives_the_best_levels_first():
    book = a_book()
    assert (100.0, 2.0) == book.best_bid()
    assert (101.0, 4.0) == book.best_ask()
    assert ((100.0, 2.0), (99.0, 1.0), (98.0, 3.0)) == book.bids(10)
    assert ((101.0, 4.0), (102.0, 5.0), (103.0, 6.0)) == book.asks(10)
    assert (3, 3, 6) == (book.bid_levels, book.ask_levels, len(book))


def test_a_snapshot_replaces_what_was_there_and_leaves_out_empty_levels():
    book = a_book()
    book.reset([(50.0, 1.0), (49.0, 0.0)], [(51.0, 0.0)])
    assert ((50.0, 1.0),) == book.bids(10)
    assert () == book.asks(10)
    assert 0.0 == book.bid_size(100.0)


def test_no_more_levels_are_given_than_were_asked_for():
    book = a_book()
    assert ((100.0, 2.0), (99.0, 1.0)) == book.bids(2)
    assert ((101.0, 4.0),) == book.asks(1)
    assert ((), ()) == (book.bids(0), book.asks(0))


def test_a_size_is_absolute_and_not_added():
    book = a_book()
    book.apply([(100.0, 0.25)], [(101.0, 7.0)])
    assert 0.25 == book.bid_size(100.0)  # not 2.0 + 0.25
    assert 7.0 == book.ask_size(101.0)
    assert 6 == len(book)


def test_a_size_of_zero_removes_the_level_and_uncovers_the_next():
    book = a_book()
    book.apply([(100.0, 0.0)], [(101.0, 0.0)])
    assert (99.0, 1.0) == book.best_bid()
    assert (102.0, 5.0) == book.best_ask()


def test_removing_a_level_that_is_not_there_changes_nothing():
    book = a_book()
    book.apply([(97.5, 0.0)], [(101.5, 0.0)])
    assert 6 == len(book)
    assert (100.0, 2.0) == book.best_bid()


def test_the_size_at_a_price_without_a_level_is_zero():
    book = a_book()
    assert 0.0 == book.bid_size(101.0)  # an ask
    assert 0.0 == book.ask_size(100.0)  # a bid


def test_a_book_is_crossed_from_equal_prices_on():
    book = a_book()
    assert not book.is_crossed
    book.apply([(101.0, 1.0)], [])
    assert book.is_crossed
    book.apply([(101.0, 0.0)], [])
    assert not book.is_crossed


def test_a_book_with_one_side_is_not_crossed():
    book = Book()
    book.reset([(100.0, 1.0)], [])
    assert not book.is_crossed


@given(CHANGES, CHANGES, st.lists(st.tuples(CHANGES, CHANGES), max_size=12))
def test_any_sequence_of_changes_ends_as_two_plain_dicts_would(bids, asks, changes):
    book = Book()
    book.reset(bids, asks)
    bid_model, ask_model = dict(bids), dict(asks)
    for bid_changes, ask_changes in changes:
        book.apply(bid_changes, ask_changes)
        bid_model.update(bid_changes)
        ask_model.update(ask_changes)
    bid_expected = tuple(sorted(((price, size) for price, size in bid_model.items() if size), reverse=True))
    ask_expected = tuple(sorted((price, size) for price, size in ask_model.items() if size))
    assert bid_expected == book.bids(100)
    assert ask_expected == book.asks(100)
    assert (bid_expected[0] if bid_expected else None) == book.best_bid()
    assert (ask_expected[0] if ask_expected else None) == book.best_ask()
    assert (len(bid_expected), len(ask_expected)) == (book.bid_levels, book.ask_levels)
    assert bool(bid_expected and ask_expected and bid_expected[0][0] >= ask_expected[0][0]) == book.is_crossed


class TestDeepBooks:
    """Only the prices near the best one are kept in order: nobody can tell."""

    def test_a_book_whose_best_levels_are_eaten_away_uncovers_those_behind(self):
        book = Book()
        prices = [float(price) for price in range(1, 1_001)]
        book.reset([(price, 1.0) for price in prices], [(2_000.0 + price, 1.0) for price in prices])
        for gone in range(900):
            book.apply([(1_000.0 - gone, 0.0)], [(2_001.0 + gone, 0.0)])
            assert (999.0 - gone, 1.0) == book.best_bid()
            assert (2_002.0 + gone, 1.0) == book.best_ask()
        assert (100, 100) == (book.bid_levels, book.ask_levels)

    def test_a_market_that_runs_away_leaves_its_old_levels_in_the_book(self):
        book = Book()
        for price in range(1, 2_001):
            book.apply([(float(price), 1.0)], [(10_000.0 - price, 2.0)])
        assert (2_000, 2_000) == (book.bid_levels, book.ask_levels)
        assert [float(price) for price in range(2_000, 0, -1)] == [price for price, _ in book.bids(5_000)]
        assert [8_000.0 + offset for offset in range(2_000)] == [price for price, _ in book.asks(5_000)]

    def test_more_levels_than_are_kept_in_order_are_given_in_order(self):
        book = Book()
        prices = [float(price) for price in range(1, 2_001)]
        book.reset([(price, price) for price in prices], [])
        assert [(price, price) for price in prices[:-701:-1]] == list(book.bids(700))

    @given(st.integers(0, 2**32), st.integers(50, 1_500))
    @settings(max_examples=20, deadline=None)
    def test_a_deep_book_is_a_sorted_dict(self, seed, width):
        random, book, expected = Random(seed), Book(), {}
        for _ in range(400):
            centre = random.randrange(width)
            levels = [
                (float(max(1, int(random.gauss(centre, width / 8)))), random.choice((0.0, 0.0, 1.0, 2.0)))
                for _ in range(random.randrange(1, 30))
            ]
            book.apply(levels, [(price + 1e6, size) for price, size in levels])
            expected.update(levels)
            expected = {price: size for price, size in expected.items() if size}
            best_first = sorted(expected.items(), reverse=True)
            assert best_first[:10] == list(book.bids(10))
            assert [(price + 1e6, size) for price, size in best_first[::-1][:10]] == list(book.asks(10))
            assert len(expected) == book.bid_levels == book.ask_levels
        assert sorted(expected.items(), reverse=True) == list(book.bids(10_000))
