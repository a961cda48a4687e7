"""Matching seen from outside: market data and orders in, reports out, through a venue without latency."""

import msgspec
import pytest

from messages.orders import TimeInForce
from tests.gateways.exchange.trading_floor import BUY, LINEAR, SELL, SPOT, D, Floor, closed, fill

IOC, FOK = TimeInForce.IOC, TimeInForce.FOK
BIDS = [(99.9, 2.0), (99.8, 3.0), (99.7, 4.0)]
ASKS = [(100.0, 2.0), (100.1, 3.0), (100.2, 4.0)]


def a_floor(*instruments, **fields):
    floor = Floor(*instruments, **fields)
    floor.book(BIDS, ASKS)
    return floor


# --- taker ------------------------------------------------------------------------------------------------------------


def test_a_marketable_limit_order_walks_the_book_up_to_its_limit_and_the_rest_waits():
    floor = a_floor()
    assert [
        ("accepted", "a"),
        fill("a", "2", "100.0"),
        fill("a", "3", "100.1"),
    ] == floor.submit("a", BUY, "6", "100.1")
    assert ("a",) == floor.account().open_orders
    assert [fill("a", "1", "100.1", "maker"), closed("a", "filled", "6")] == floor.trade(100.0, 1.0, SELL)


def test_a_sell_order_walks_the_bids():
    floor = a_floor()
    assert [
        ("accepted", "a"),
        fill("a", "2", "99.9"),
        fill("a", "2.5", "99.8"),
        closed("a", "filled", "4.5"),
    ] == floor.submit("a", SELL, "4.5", "99.7")


def test_a_market_order_takes_what_there_is_and_the_rest_expires():
    floor = a_floor()
    assert [
        ("accepted", "a"),
        fill("a", "2", "99.9"),
        fill("a", "3", "99.8"),
        fill("a", "4", "99.7"),
        closed("a", "expired", "9"),
    ] == floor.submit("a", SELL, "10")


def test_a_market_order_that_fills_completely_is_filled():
    assert [("accepted", "a"), fill("a", "1", "100"), closed("a", "filled", "1")] == a_floor().submit("a", BUY, "1")


def test_a_market_order_without_anybody_opposite_is_refused():
    floor = Floor()
    assert [("rejected", "a", "no-liquidity")] == floor.submit("a", BUY, "1")
    floor.quote(99.9, 1.0, 0.0, 0.0)
    assert [("rejected", "b", "no-liquidity")] == floor.submit("b", BUY, "1")


def test_the_rest_of_an_ioc_order_expires():
    assert [("accepted", "a"), fill("a", "2", "100"), closed("a", "expired", "2")] == a_floor().submit(
        "a", BUY, "3", "100", time_in_force=IOC
    )
    assert [("accepted", "a"), closed("a", "expired", "0")] == a_floor().submit("a", BUY, "3", "99", time_in_force=IOC)


def test_a_fok_order_fills_completely_or_not_at_all():
    floor = a_floor()
    assert [("accepted", "a"), closed("a", "expired", "0")] == floor.submit(
        "a", BUY, "5.001", "100.1", time_in_force=FOK
    )
    assert [
        ("accepted", "b"),
        fill("b", "2", "100"),
        fill("b", "3", "100.1"),
        closed("b", "filled", "5"),
    ] == floor.submit("b", BUY, "5", "100.1", time_in_force=FOK)


def test_a_post_only_order_is_refused_where_it_would_take_and_rests_where_it_would_not():
    floor = a_floor()
    assert [("rejected", "a", "post-only-would-take")] == floor.submit("a", BUY, "1", "100", post_only=True)
    assert [("accepted", "b")] == floor.submit("b", BUY, "1", "99.9", post_only=True)


def test_what_an_order_took_is_gone_until_market_data_refreshes_the_level():
    floor = a_floor()
    floor.submit("a", BUY, "2", "100", time_in_force=IOC)
    assert [("accepted", "b"), closed("b", "expired", "0")] == floor.submit("b", BUY, "1", "100", time_in_force=IOC)
    floor.change(asks=[(100.0, 1.5)])
    assert [("accepted", "c"), fill("c", "1.5", "100"), closed("c", "expired", "1.5")] == floor.submit(
        "c", BUY, "2", "100", time_in_force=IOC
    )


def test_the_newest_quote_goes_before_the_older_book():
    floor = a_floor()
    floor.quote(99.9, 2.0, 100.1, 0.5)
    assert [
        ("accepted", "a"),
        fill("a", "0.5", "100.1"),
        fill("a", "4", "100.2"),
        closed("a", "expired", "4.5"),
    ] == floor.submit("a", BUY, "9", "100.2", time_in_force=IOC)


def test_a_level_between_two_ticks_is_paid_at_the_worse_tick_but_never_past_the_limit():
    floor = Floor()
    floor.book([(99.94, 1.0)], [(100.04, 1.0)])
    assert fill("a", "0.5", "100.1") in floor.submit("a", BUY, "0.5")
    assert fill("b", "0.5", "100.1") in floor.submit("b", BUY, "0.5", "100.1")
    assert fill("c", "0.5", "99.9") in floor.submit("c", SELL, "0.5")
    assert fill("d", "0.5", "99.9") in floor.submit("d", SELL, "0.5", "99.9")


def test_fees_of_takers_and_makers_are_in_the_fills():
    floor = a_floor()
    floor.submit("a", BUY, "1", "100")
    assert D("0.1") == floor.query("a").fills[0].fee  # 100 × 10 bps
    floor.submit("b", BUY, "1", "99.9")
    floor.trade(99.8, 1.0, SELL)
    assert D("0.00999") == floor.query("b").fills[0].fee  # 99.9 × 1 bps
    assert ["T1", "T2"] == [floor.query(id_).fills[0].trade_id for id_ in "ab"]


# --- self-trade -------------------------------------------------------------------------------------------------------


def test_what_would_trade_with_our_own_resting_order_expires():
    floor = a_floor()
    floor.submit("mine", SELL, "1", "100.1")
    assert [("accepted", "a"), fill("a", "2", "100"), closed("a", "expired", "2")] == floor.submit(
        "a", BUY, "3", "100.2"
    )
    assert [("rejected", "b", "no-liquidity")] == floor.submit("b", BUY, "3")
    assert [("rejected", "c", "post-only-would-take")] == floor.submit("c", BUY, "1", "100.1", post_only=True)
    assert [("accepted", "d")] == floor.submit("d", BUY, "1", "99.9")
    assert ("mine", "d") == floor.account().open_orders


def test_an_order_that_is_filled_before_it_meets_our_own_is_filled():
    floor = a_floor()
    floor.submit("mine", BUY, "1", "99.8")
    assert [("accepted", "a"), fill("a", "2", "99.9"), closed("a", "filled", "2")] == floor.submit(
        "a", SELL, "2", "99.7"
    )


# --- reduce only ------------------------------------------------------------------------------------------------------


def test_a_reduce_only_order_never_turns_the_position():
    floor = a_floor(LINEAR)
    floor.submit("open", BUY, "2")
    assert [
        ("accepted", "a"),
        fill("a", "2", "99.9"),
        closed("a", "expired", "2"),
    ] == floor.submit("a", SELL, "3", "99.8", reduce_only=True)
    assert [("rejected", "b", "reduce-only")] == floor.submit("b", SELL, "3", "99.8", reduce_only=True)


def test_resting_reduce_only_orders_expire_when_there_is_nothing_left_to_reduce():
    floor = a_floor(LINEAR)
    floor.submit("open", SELL, "1")
    floor.submit("a", BUY, "3", "99.8", reduce_only=True)
    floor.submit("b", BUY, "1", "99.7", reduce_only=True)
    floor.submit("plain", BUY, "1", "99.6")
    assert [
        fill("a", "1", "99.8", "maker"),
        closed("a", "expired", "1"),
        closed("b", "expired", "0"),
        fill("plain", "1", "99.6", "maker"),
        closed("plain", "filled", "1"),
    ] == floor.trade(99.5, 100.0, SELL)
    assert D(1) == floor.ledger.position(LINEAR.id)


def test_a_reduce_only_sale_on_spot_is_a_sale_of_what_is_held():
    floor = a_floor(SPOT, balances={"BTC": D(1)})
    assert [("rejected", "a", "insufficient-balance")] == floor.submit("a", SELL, "2", "99.9", reduce_only=True)
    assert fill("b", "1", "99.9") in floor.submit("b", SELL, "1", "99.9", reduce_only=True)


# --- amend ------------------------------------------------------------------------------------------------------------


def test_less_of_the_same_keeps_its_place_in_the_queue():
    floor = a_floor()
    floor.submit("a", BUY, "2", "99.9")  # behind 2
    floor.trade(99.9, 1.5, SELL)  # 0.5 ahead
    assert [("amended", "a", D(1), D("99.9"))] == floor.amend("a", "1", "99.9")
    assert [fill("a", "1", "99.9", "maker"), closed("a", "filled", "1")] == floor.trade(99.9, 1.5, SELL)


def test_an_amendment_that_changes_nothing_keeps_its_place_too():
    floor = a_floor()
    floor.submit("a", BUY, "2", "99.9")
    floor.trade(99.9, 2.0, SELL)
    floor.amend("a", "2", "99.9")
    assert [fill("a", "0.5", "99.9", "maker")] == floor.trade(99.9, 0.5, SELL)


@pytest.mark.parametrize(("quantity", "price"), [("3", "99.9"), ("1", "99.8")])
def test_more_or_another_price_goes_to_the_end_of_the_queue(quantity, price):
    floor = a_floor()
    floor.submit("a", BUY, "2", "99.9")
    floor.trade(99.9, 1.9, SELL)
    assert [("amended", "a", D(quantity), D(price))] == floor.amend("a", quantity, price)
    assert [] == floor.trade(float(price), 1.5, SELL)


def test_an_amended_price_that_has_become_marketable_trades():
    floor = a_floor()
    floor.submit("a", BUY, "3", "99.9")
    assert [
        ("amended", "a", D(3), D(100)),
        fill("a", "2", "100"),
    ] == floor.amend("a", "3", "100")
    assert [fill("a", "1", "100", "maker"), closed("a", "filled", "3")] == floor.trade(99.9, 1.0, SELL)


def test_a_post_only_order_cannot_be_amended_into_taking():
    floor = a_floor()
    floor.submit("a", BUY, "1", "99.9", post_only=True)
    assert [("amend rejected", "a", "post-only-would-take")] == floor.amend("a", "1", "100")
    assert ("a",) == floor.account().open_orders


def test_an_amended_order_expires_rather_than_trade_with_our_own():
    floor = a_floor()
    floor.change(asks=[(100.0, 0.0)])
    floor.submit("mine", SELL, "1", "100")
    floor.submit("a", BUY, "1", "99.9")
    assert [("amended", "a", D(1), D(100)), closed("a", "expired", "0")] == floor.amend("a", "1", "100")


@pytest.mark.parametrize(
    ("quantity", "price", "expected"),
    [
        ("0.5", "99.9", "invalid-quantity"),  # filled already
        ("1.0005", "99.9", "invalid-quantity"),
        ("1", "99.95", "invalid-price"),
        ("0.6", "8.3", "min-notional"),  # 0.6 × 8.3 = 4.98
        ("1001", "99.9", "insufficient-balance"),
    ],
)
def test_an_amendment_is_held_to_the_rules_of_new_orders(quantity, price, expected):
    floor = a_floor()
    floor.submit("a", BUY, "2", "99.9")
    floor.trade(99.9, 2.5, SELL)
    assert [("amend rejected", "a", expected)] == floor.amend("a", quantity, price)
    assert (D("0.5"), None) == (floor.query("a").filled_quantity, floor.query("a").closed)


def test_only_working_orders_can_be_amended():
    floor = a_floor()
    floor.submit("a", BUY, "1", "100")
    assert [("amend rejected", "a", "unknown-order")] == floor.amend("a", "2", "100")
    assert [("amend rejected", "b", "unknown-order")] == floor.amend("b", "2", "100")


def test_less_of_the_same_needs_no_margin():
    floor = a_floor(LINEAR, balances={"USDT": D(10)})
    floor.submit("a", SELL, "2", "100.1")
    floor.mark(150.0)  # 2 × 150 / 20 = 15: not affordable any more
    assert [("amended", "a", D(1), D("100.1"))] == floor.amend("a", "1", "100.1")
    assert [("amend rejected", "a", "insufficient-balance")] == floor.amend("a", "1.9", "100.1")


# --- cancel -----------------------------------------------------------------------------------------------------------


def test_a_cancel_leaves_what_was_filled():
    floor = a_floor()
    floor.submit("a", BUY, "3", "100")
    assert [closed("a", "cancelled", "2")] == floor.cancel("a")
    assert [("cancel rejected", "a", "unknown-order")] == floor.cancel("a")
    assert [] == floor.trade(99.0, 100.0, SELL)


def test_a_gap_offers_nothing_but_resting_orders_stand():
    floor = a_floor()
    floor.submit("a", BUY, "1", "99.9")
    assert [] == floor.gap()
    assert [("rejected", "b", "no-liquidity")] == floor.submit("b", BUY, "1")
    assert ("a",) == floor.account().open_orders


def test_positions_are_valued_at_the_mark_else_the_mid_else_the_last_trade():
    floor = Floor(LINEAR, balances={"USDT": D(10)})
    floor.submit("a", BUY, "2.1", "100")  # 210 / 20 > 10 at its own price
    assert [] == list(floor.account().open_orders)
    floor.trade(90.0, 1.0, BUY)
    assert [("accepted", "b")] == floor.submit("b", BUY, "2.1", "80")  # 2.1 × 90 / 20 = 9.45
    floor.cancel("b")
    floor.quote(99.9, 1.0, 100.1, 1.0)
    assert [("rejected", "c", "insufficient-balance")] == floor.submit("c", BUY, "2.1", "80")  # mid 100
    floor.gap()
    assert [("rejected", "d", "insufficient-balance")] == floor.submit("d", BUY, "2.1", "80")  # the mid before the gap
    floor.mark(95.0)
    assert [("accepted", "e")] == floor.submit("e", BUY, "2.1", "80")  # 9.975


def test_a_price_that_rounds_to_nothing_is_one_tick():
    coarse = msgspec.structs.replace(LINEAR, tick_size=D(10))
    floor = Floor(coarse)
    floor.mark(1.0)
    assert [("accepted", "a")] == floor.submit("a", BUY, "1", "10")
