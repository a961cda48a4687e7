from hypothesis import given
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
