"""What a pair does after an attempt that filled nothing: it waits for word of the market, counts fairly, and ends."""

from decimal import Decimal as D

import pytest

from actors.strategies.pair.commands import Close, PairState
from actors.strategies.pair.decisions import CLOSING_ROUNDS_MAX, FLATTEN_ROUNDS_MAX
from actors.strategies.pair.patience import NEWS_WAIT_MS_MAX
from messages.orders import OrderType, RejectReason, Side
from tests.actors.strategies.pair.world import PairWorld, terms
from tests.actors.strategies.trading_world import PERPETUAL_ID, SPOT_ID

RETRY_MS = 100
QUOTE_AGE_MS = 5_000


def closing(**changes) -> PairWorld:
    """0.165 of spot are being sold; 0.065 of them have been, and the rest has met an empty book."""
    world = PairWorld(terms(**changes))
    world.hold()
    world.market(60_000.0, 60_100.0)
    world.tell(Close("converged"))
    world.trade(world.last.client_order_id, "0.065")
    world.trade(world.last.client_order_id)  # the second leg follows
    assert (SPOT_ID, D("0.1")) == (world.last.instrument, world.last.quantity)
    world.trade_none()
    return world


def flattening(**changes) -> PairWorld:
    """Nothing fills on spot, quote after quote, so that the close is given up."""
    world = closing(**changes)
    for _ in range(CLOSING_ROUNDS_MAX - 1):
        world.quote(SPOT_ID, 60_000.0, 60_001.0)
        world.wait(RETRY_MS)
        world.trade_none()
    assert PairState.CLOSING is world.pair.state
    world.quote(SPOT_ID, 60_000.0, 60_001.0)
    world.wait(RETRY_MS)
    assert PairState.FLATTENING is world.pair.state
    return world


def repairing(**changes) -> PairWorld:
    """The second leg and its repair have met the same empty book."""
    world = PairWorld(terms(**changes))
    world.send_second()
    world.trade_none()
    assert (PairState.REPAIRING, PERPETUAL_ID) == (world.pair.state, world.last.instrument)
    world.trade_none()
    return world


def test_each_closing_round_after_the_first_may_give_way_further():
    """Spot is sold at a bid of 60 000, with 5 bps for the first round and once, twice, … as much for those after."""
    world = closing()
    limits = []
    for _ in range(3):
        world.quote(SPOT_ID, 60_000.0, 60_001.0)
        world.wait(RETRY_MS)
        limits.append(world.last.price)
        world.trade_none()
    # 60 000 × (1 − 5, 10, 15 bps) = 59 970, 59 940, 59 910
    assert [D("59970.00"), D("59940.00"), D("59910.00")] == limits


# --- waiting ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("situation", [closing, flattening, repairing])
def test_nothing_is_sent_into_a_market_in_which_nothing_was_filled_and_which_has_not_changed(situation):
    world = situation()
    world.trade_none()
    sent = len(world.orders)
    world.wait(QUOTE_AGE_MS - RETRY_MS)
    assert (sent, []) == (len(world.orders), world.open_ids)


@pytest.mark.parametrize("situation", [closing, flattening, repairing])
def test_a_new_quote_of_that_market_is_traded_on_at_once(situation):
    world = situation()
    world.trade_none()
    world.wait(2_000)
    name = world.last.instrument
    world.quote(name, *world.quotes[name])
    sent = len(world.orders)
    world.wait(RETRY_MS - 1)
    assert sent == len(world.orders)
    world.wait(1)
    assert name in [order.instrument for order in list(world.orders.values())[sent:]]


def test_so_is_a_new_depth():
    world = closing()
    world.wait(2_000)
    world.depth(SPOT_ID, ((60_000.0, 1.0),), ((60_001.0, 1.0),))
    world.wait(RETRY_MS)
    assert (SPOT_ID, D("0.1")) == (world.last.instrument, world.remaining[world.open_ids[0]])


def test_a_quote_of_the_other_market_is_no_news():
    world = closing()
    for _ in range(20):
        world.quote(PERPETUAL_ID, 60_100.0, 60_101.0)
        world.wait(RETRY_MS)
    assert [] == world.open_ids


def test_a_quote_that_came_while_the_order_worked_is_news():
    world = closing()
    world.quote(SPOT_ID, 60_000.0, 60_001.0)
    world.wait(RETRY_MS)
    world.quote(SPOT_ID, 60_000.0, 60_001.0)
    world.trade_none()
    world.wait(RETRY_MS - 1)
    assert [] == world.open_ids
    world.wait(1)
    assert 1 == len(world.open_ids)


def test_what_the_venue_takes_meanwhile_is_not_waited_for():
    world = closing()
    world.liquidate(PERPETUAL_ID, "0.05")
    world.wait(RETRY_MS)
    assert (SPOT_ID, Side.SELL, D("0.1")) == (world.last.instrument, world.last.side, world.last.quantity)
    assert [world.last.client_order_id] == world.open_ids


@pytest.mark.parametrize("refuse", ["reject", "deny"])
def test_an_order_that_was_refused_has_been_in_no_market(refuse):
    world = closing()
    world.quote(SPOT_ID, 60_000.0, 60_001.0)
    world.wait(RETRY_MS)
    getattr(world, refuse)(world.last.client_order_id)
    sent = len(world.orders)
    world.wait(RETRY_MS)
    assert sent + 1 == len(world.orders)


def test_a_market_order_that_is_refused_for_want_of_liquidity_has_been_in_an_empty_one():
    world = flattening()
    for _ in range(2):
        world.trade_none()
        world.quote(SPOT_ID, 60_000.0, 60_001.0)
        world.wait(RETRY_MS)
    assert OrderType.MARKET is world.orders[world.open_ids[0]].type
    for name in world.open_ids:
        world.reject(name, RejectReason.NO_LIQUIDITY)
    world.wait(2_000)
    assert [] == world.open_ids
    world.quote(SPOT_ID, 60_000.0, 60_001.0)
    world.wait(RETRY_MS)
    world.trade_all()
    assert (D(0), D(0)) == world.held


# --- counting -----------------------------------------------------------------------------------------------------


def test_a_thin_book_is_closed_into_quote_by_quote():
    world = closing(quote_age_max_ms=61_000)
    for _ in range(9):
        world.wait(60_000)
        world.quote(PERPETUAL_ID, 60_100.0, 60_101.0)
        world.quote(SPOT_ID, 60_000.0, 60_001.0)
        world.wait(RETRY_MS)
        world.trade(world.last.client_order_id, "0.01")  # all that there is
        world.trade(world.last.client_order_id)  # the second leg follows
        assert PairState.CLOSING is world.pair.state
        world.trade_none()  # the same book again
    assert D("0.010") == world.held[0]
    world.wait(60_000)
    world.quote(SPOT_ID, 60_000.0, 60_001.0)
    world.wait(RETRY_MS)
    world.trade_all()
    assert ((D(0), D(0)), ["converged"]) == (world.held, [reason for _, reason in world.cycles])


def test_a_second_attempt_in_the_same_market_is_not_counted():
    world = closing()
    world.wait(RETRY_MS)
    assert 0 == world.pair._rounds
    world = repairing()
    world.wait(RETRY_MS)
    assert 0 == world.pair.repairs.count


def test_the_first_attempt_in_a_market_is_counted():
    world = closing()
    world.wait(RETRY_MS)
    world.quote(SPOT_ID, 60_000.0, 60_001.0)
    world.wait(RETRY_MS)
    world.trade_none()
    world.wait(3 * RETRY_MS)
    assert 1 == world.pair._rounds


def test_an_attempt_whose_market_has_changed_since_is_counted():
    world = repairing()
    world.quote(PERPETUAL_ID, 60_300.0, 60_301.0)
    world.wait(RETRY_MS)
    # 60,300 × (1 − 10 bps): the second attempt gives away twice as much
    assert (2, D("60239.7")) == (world.pair.repairs.count, world.last.price)


def test_flattening_goes_as_wide_as_before_where_the_attempt_is_not_counted():
    world = closing()
    world.pair._rounds = CLOSING_ROUNDS_MAX  # the next round is one too many
    world.quote(PERPETUAL_ID, 60_100.0, 60_101.0)
    world.pair.orders.patience.stop_awaiting()
    world.wait(RETRY_MS)
    assert (PairState.FLATTENING, D("59400.00")) == (world.pair.state, world.orders[world.open_ids[0]].price)
    world.trade(world.open_ids[1])  # the futures leg closes
    world.trade_none()
    world.wait(RETRY_MS)
    assert D("58200.00") == world.last.price  # something was filled: three times as wide at once
    world.trade_none()
    world.wait(2_000)
    world.quote(SPOT_ID, 60_000.0, 60_001.0)
    world.wait(RETRY_MS)
    assert D("58200.00") == world.last.price


# --- bounds -------------------------------------------------------------------------------------------------------


def halting_after_ms(**changes) -> float:
    """How long a flattening takes to halt in a market that is never heard of again."""
    world = flattening(**changes)
    started_ns = world.now_ns
    while world.pair.state is not PairState.HALTED:
        assert world.now_ns - started_ns < 3_600_000_000_000
        world.trade_none()
        world.wait(RETRY_MS)
    assert any("not flat after 6 rounds; residual" in alert or "the legs match" in alert for alert in world.alerts)
    return (world.now_ns - started_ns) / 1e6


def test_a_market_that_stays_silent_is_waited_for_as_long_as_a_quote_may_be_old():
    # six rounds, each of which waits for five seconds
    assert FLATTEN_ROUNDS_MAX * QUOTE_AGE_MS == halting_after_ms()


def test_and_never_longer_than_two_minutes():
    assert FLATTEN_ROUNDS_MAX * NEWS_WAIT_MS_MAX == halting_after_ms(quote_age_max_ms=3_600_000)


def test_repairs_in_a_market_that_stays_silent_come_to_an_end():
    world = repairing(quote_age_max_ms=3_600_000, repair_attempts_max=2)
    for _ in range(2):
        world.wait(NEWS_WAIT_MS_MAX)
        assert (PairState.REPAIRING, [world.last.client_order_id]) == (world.pair.state, world.open_ids)
        world.trade_none()
    world.wait(NEWS_WAIT_MS_MAX)
    assert PairState.FLATTENING is world.pair.state
