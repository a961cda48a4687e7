"""What is known of a market, and when it may be trusted."""

from decimal import Decimal as D

from actors.strategies.market_view import MarketView
from messages.market import Depth, Gap, Quote
from messages.orders import Side
from tests.actors.strategies.trading_world import SPOT

AGE_MAX_NS = 1_000


def quote(ts: int = 100, bid: float = 99.0, ask: float = 101.0) -> Quote:
    return Quote(SPOT.id, bid, 2.0, ask, 3.0, ts, ts)


def depth() -> Depth:
    return Depth(SPOT.id, ((99.0, 2.0), (98.0, 5.0)), ((101.0, 3.0), (102.0, 5.0)), 1, 100, 100)


def fresh_view() -> MarketView:
    view = MarketView(SPOT)
    view.on_quote(quote())
    return view


def test_a_market_that_was_never_quoted_is_not_fresh_and_has_no_prices():
    view = MarketView(SPOT)
    assert not view.is_fresh(0, AGE_MAX_NS)
    assert (0.0, None, (0.0, 0.0, 0.0)) == (view.touch(Side.BUY), view.mid, view.executable(Side.BUY, 1.0))


def test_a_quote_ages():
    view = fresh_view()
    assert view.is_fresh(1_100, AGE_MAX_NS)
    assert not view.is_fresh(1_101, AGE_MAX_NS)


def test_a_one_sided_quote_is_not_fresh_and_has_no_mid():
    view = fresh_view()
    view.on_quote(quote(ask=0.0))
    assert not view.is_fresh(100, AGE_MAX_NS)
    assert view.mid is None


def test_after_a_gap_a_quote_is_enough_where_there_was_no_depth():
    view = fresh_view()
    view.on_gap(Gap(SPOT.id, "seq", 100))
    assert not view.is_fresh(100, AGE_MAX_NS)
    view.on_quote(quote())
    assert view.is_fresh(100, AGE_MAX_NS)


def test_after_a_gap_quote_and_depth_are_needed_where_there_was_depth():
    view = fresh_view()
    view.on_depth(depth())
    view.on_gap(Gap(SPOT.id, "seq", 100))
    view.on_quote(quote())
    assert not view.is_fresh(100, AGE_MAX_NS)
    view.on_depth(depth())
    assert view.is_fresh(100, AGE_MAX_NS)


def test_a_venue_that_came_back_must_quote_again():
    view = fresh_view()
    view.on_venue(is_up=False)
    assert not view.is_fresh(100, AGE_MAX_NS)
    view.on_venue(is_up=True)
    assert not view.is_fresh(100, AGE_MAX_NS)
    view.on_quote(quote())
    assert view.is_fresh(100, AGE_MAX_NS)


def test_a_small_size_costs_the_touch_and_a_large_one_walks_the_depth():
    view = fresh_view()
    view.on_depth(depth())
    assert (101.0, 101.0, 3.0) == view.executable(Side.BUY, 3.0)
    # (3 × 101 + 1 × 102) / 4 = 101.25
    assert (101.25, 102.0, 4.0) == view.executable(Side.BUY, 4.0)
    # (2 × 99 + 2 × 98) / 4 = 98.5
    assert (98.5, 98.0, 4.0) == view.executable(Side.SELL, 4.0)
    assert (99.0, 99.0, 1.0) == view.executable(Side.SELL, 1.0)


def test_without_depth_only_the_top_is_covered():
    assert (101.0, 101.0, 3.0) == fresh_view().executable(Side.BUY, 4.0)
    assert (99.0, 99.0, 2.0) == fresh_view().executable(Side.SELL, 4.0)


def test_the_mid_is_exact():
    view = fresh_view()
    view.on_quote(quote(bid=0.1, ask=0.2))
    assert D("0.15") == view.mid
