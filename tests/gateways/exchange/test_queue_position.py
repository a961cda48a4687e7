"""Resting orders: who stands ahead, what moves us up, and what fills us."""

from tests.gateways.exchange.trading_floor import BUY, SELL, SPOT, D, Floor, closed, fill

BIDS = [(99.9, 2.0), (99.8, 3.0), (99.7, 4.0)]
ASKS = [(100.0, 2.0), (100.1, 3.0), (100.2, 4.0)]


def a_floor(*instruments, **fields):
    floor = Floor(*instruments, **fields)
    floor.book(BIDS, ASKS)
    return floor


def test_a_trade_at_our_price_uses_up_the_queue_ahead_before_it_fills_us():
    floor = a_floor()
    floor.submit("a", BUY, "1", "99.9")  # behind 2
    assert [] == floor.trade(99.9, 1.5, SELL)
    assert [fill("a", "0.2", "99.9", "maker")] == floor.trade(99.9, 0.7, SELL)  # 0.5 were ahead
    assert [fill("a", "0.8", "99.9", "maker"), closed("a", "filled", "1")] == floor.trade(99.9, 5.0, SELL)


def test_a_trade_by_the_other_aggressor_or_at_a_worse_price_does_nothing():
    floor = a_floor()
    floor.submit("a", BUY, "1", "99.9")
    assert [] == floor.trade(99.9, 50.0, BUY)
    assert [] == floor.trade(100.0, 50.0, SELL)


def test_an_order_that_improves_the_market_stands_first():
    floor = a_floor(SPOT, balances={"BTC": D(10)})
    floor.change(asks=[(100.0, 0.0)])
    floor.submit("a", SELL, "1", "100")
    assert [fill("a", "0.4", "100", "maker")] == floor.trade(100.0, 0.4, BUY)


def test_a_trade_through_our_price_fills_us_up_to_its_size_at_our_price():
    floor = a_floor()
    floor.submit("a", BUY, "1", "99.8")  # behind 3
    assert [fill("a", "0.6", "99.8", "maker")] == floor.trade(99.7, 0.6, SELL)
    assert [fill("a", "0.4", "99.8", "maker"), closed("a", "filled", "1")] == floor.trade(99.8, 0.4, SELL)


def test_one_trade_is_shared_by_our_orders_in_price_and_time_priority():
    floor = a_floor()
    floor.submit("low", BUY, "1", "99.8")  # behind 3
    floor.submit("first", BUY, "1", "99.9")  # behind 2
    floor.submit("second", BUY, "1", "99.9")  # behind the same 2, and first
    assert [
        fill("first", "1", "99.9", "maker"),
        closed("first", "filled", "1"),
        fill("second", "0.5", "99.9", "maker"),
    ] == floor.trade(99.9, 3.5, SELL)  # 2 + 1 + 0.5
    assert [
        fill("second", "0.5", "99.9", "maker"),
        closed("second", "filled", "1"),
        fill("low", "0.2", "99.8", "maker"),
    ] == floor.trade(99.7, 0.7, SELL)


def test_volume_between_two_of_our_orders_is_traded_before_the_second():
    floor = a_floor()
    floor.submit("first", BUY, "1", "99.9")  # behind 2
    floor.change(bids=[(99.9, 5.0)])  # 3 more join behind it
    floor.submit("second", BUY, "1", "99.9")  # behind 5
    assert [fill("first", "1", "99.9", "maker"), closed("first", "filled", "1")] == floor.trade(99.9, 5.5, SELL)
    # 2 ahead of the first, 1 is the first's own, 2.5 of the 3 between the two: 0.5 are left ahead of the second
    assert [fill("second", "0.1", "99.9", "maker")] == floor.trade(99.9, 0.6, SELL)


def test_cancels_ahead_are_spread_evenly_over_the_queue():
    floor = a_floor()
    floor.change(bids=[(99.9, 4.0)])
    floor.submit("a", BUY, "1", "99.9")  # behind 4
    floor.change(bids=[(99.9, 10.0)])  # 6 join behind us
    floor.change(bids=[(99.9, 5.0)])  # half of all 10 is cancelled: 2 are left ahead
    assert [fill("a", "0.5", "99.9", "maker")] == floor.trade(99.9, 2.5, SELL)


def test_a_decrease_that_trades_explain_is_not_taken_for_cancels():
    floor = a_floor()
    floor.change(bids=[(99.9, 4.0)])
    floor.submit("a", BUY, "1", "99.9")  # behind 4
    floor.change(bids=[(99.9, 10.0)])
    floor.trade(99.9, 2.0, SELL)  # 2 left ahead
    floor.change(bids=[(99.9, 8.0)])  # explained by the trade
    floor.change(bids=[(99.9, 4.0)])  # half of 8 is cancelled: 1 is left ahead
    assert [fill("a", "0.25", "99.9", "maker")] == floor.trade(99.9, 1.25, SELL)


def test_the_part_of_a_decrease_that_trades_do_not_explain_moves_us_up():
    floor = a_floor()
    floor.change(bids=[(99.9, 4.0)])
    floor.submit("a", BUY, "1", "99.9")  # behind 4
    floor.change(bids=[(99.9, 10.0)])
    floor.trade(99.9, 2.0, SELL)  # 2 left ahead, of 8
    floor.change(bids=[(99.9, 4.0)])  # 2 were traded, 4 of the other 8 are cancelled: 1 is left ahead
    assert [fill("a", "0.25", "99.9", "maker")] == floor.trade(99.9, 1.25, SELL)


def test_quotes_move_the_queue_too():
    floor = a_floor()
    floor.submit("a", BUY, "1", "99.9")  # behind 2
    floor.quote(99.9, 1.0, 100.0, 2.0)  # half is cancelled: 1 ahead
    assert [fill("a", "0.5", "99.9", "maker")] == floor.trade(99.9, 1.5, SELL)


def test_a_quote_below_our_bid_says_that_nobody_is_ahead_and_one_above_it_says_nothing():
    floor = a_floor()
    floor.submit("a", BUY, "1", "99.9")  # behind 2
    floor.submit("deep", BUY, "1", "99.7")  # behind 4
    floor.quote(99.8, 1.0, 100.0, 2.0)
    assert [fill("a", "1", "99.9", "maker"), closed("a", "filled", "1")] == floor.trade(99.9, 1.0, SELL)
    assert [] == floor.trade(99.7, 4.0, SELL)
    assert [fill("deep", "0.1", "99.7", "maker")] == floor.trade(99.7, 0.1, SELL)


def test_a_level_that_trades_have_emptied_leaves_nobody_ahead():
    floor = a_floor()
    floor.submit("a", BUY, "1", "99.9")
    floor.trade(99.9, 2.0, SELL)
    floor.change(bids=[(99.9, 0.0)])
    assert [fill("a", "0.1", "99.9", "maker")] == floor.trade(99.9, 0.1, SELL)


def test_a_reset_of_the_book_is_a_new_size_of_every_level():
    floor = a_floor()
    floor.submit("a", BUY, "1", "99.9")  # behind 2
    floor.book([(99.9, 1.0)], ASKS)  # 1 ahead
    assert [fill("a", "0.5", "99.9", "maker")] == floor.trade(99.9, 1.5, SELL)


def test_an_opposite_quote_at_our_price_fills_us_up_to_its_size_once():
    floor = a_floor()
    floor.submit("a", BUY, "1", "99.9")
    floor.submit("b", BUY, "1", "99.8")
    assert [fill("a", "0.3", "99.9", "maker")] == floor.quote(99.8, 1.0, 99.9, 0.3)
    assert [] == floor.quote(99.8, 1.1, 99.9, 0.3)  # the same offer
    assert [
        fill("a", "0.7", "99.9", "maker"),
        closed("a", "filled", "1"),
        fill("b", "0.2", "99.8", "maker"),
    ] == floor.quote(99.7, 1.0, 99.8, 0.9)


def test_a_bid_through_our_offer_fills_it_at_our_price():
    floor = a_floor()
    floor.submit("a", SELL, "1", "100.1")
    assert [fill("a", "1", "100.1", "maker"), closed("a", "filled", "1")] == floor.quote(100.3, 5.0, 100.4, 1.0)


def test_the_book_alone_crosses_only_where_there_are_no_quotes():
    floor = a_floor()
    floor.submit("a", BUY, "1", "99.9")
    assert [fill("a", "0.4", "99.9", "maker")] == floor.change(bids=[(99.9, 0.0)], asks=[(99.9, 0.4)])
    floor = a_floor()
    floor.quote(99.9, 2.0, 100.0, 2.0)
    floor.submit("a", BUY, "1", "99.9")
    assert [] == floor.change(bids=[(99.9, 0.0)], asks=[(99.9, 0.4)])  # may be older than the quote


def test_an_empty_opposite_side_crosses_nothing():
    floor = a_floor()
    floor.submit("a", BUY, "1", "99.9")
    assert [] == floor.quote(99.9, 1.0, 0.0, 0.0)


def test_less_than_a_lot_fills_nobody():
    floor = a_floor()
    floor.submit("a", BUY, "1", "99.9")
    floor.trade(99.9, 2.0, SELL)
    assert [] == floor.trade(99.9, 0.0004, SELL)
