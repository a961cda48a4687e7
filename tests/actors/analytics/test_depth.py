"""Executable prices walk the book."""

import pytest

from actors.analytics.depth import ask_levels, bid_levels, walk
from messages.market import Quote

QUOTE = Quote("BTCUSDT.spot", 99.0, 1.0, 101.0, 2.0, 1, 1)


def test_a_size_within_the_top_costs_the_top():
    assert (101.0, 101.0, 1.5) == walk(((101.0, 2.0), (102.0, 5.0)), 1.5)


def test_a_larger_size_costs_the_weighted_average_and_names_the_last_level():
    # (2 × 101 + 1 × 102) / 3 = 101.333...
    price, worst, size = walk(((101.0, 2.0), (102.0, 5.0)), 3.0)
    assert 304 / 3 == pytest.approx(price)
    assert (102.0, 3.0) == (worst, size)


def test_a_book_that_ends_covers_less():
    assert (101.0, 101.0, 2.0) == walk(((101.0, 2.0),), 3.0)


def test_empty_levels_are_passed_over():
    assert (102.0, 102.0, 1.0) == walk(((101.0, 0.0), (102.0, 5.0)), 1.0)


def test_an_empty_book_covers_nothing():
    assert (0.0, 0.0, 0.0) == walk((), 1.0)


def test_the_newest_top_replaces_levels_of_an_older_image_that_are_gone():
    asks = ((100.0, 9.0), (101.0, 9.0), (102.0, 5.0))
    assert ((101.0, 2.0), (102.0, 5.0)) == ask_levels(QUOTE, asks)
    bids = ((100.0, 9.0), (99.0, 9.0), (98.0, 5.0))
    assert ((99.0, 1.0), (98.0, 5.0)) == bid_levels(QUOTE, bids)
