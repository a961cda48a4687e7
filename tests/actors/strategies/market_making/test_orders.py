"""Which quotes a market maker keeps, cancels and places, and what the venue's answers lead to."""

from decimal import Decimal as D

import pytest

from messages.market import Quote
from messages.orders import CancelOrder, OrderType, Side, SubmitOrder, TimeInForce
from tests.actors.strategies.market_making.world import LEAD_ID, PERPETUAL_ID, SPOT, MakerWorld, prices
from tests.actors.strategies.trading_world import INVERSE, MS


def ladder(world: MakerWorld) -> list[str]:
    """`buy 0.1 @ 59970.0` for each order that may fill, by price."""
    orders = [order.request for order in world.strategy.own_orders.working]
    return [
        f"{o.side.value} {o.quantity.normalize():f} @ {o.price}" for o in sorted(orders, key=lambda o: o.price or D(0))
    ]


# --- placing ----------------------------------------------------------------------------------------------------


def test_quotes_are_post_only_and_good_until_cancelled():
    world = MakerWorld()
    world.market_at()
    assert "PLACING_ORDERS" == world.state
    assert (True, TimeInForce.GTC, OrderType.LIMIT, False) == (
        world.bid.post_only, world.bid.time_in_force, world.bid.type, world.bid.reduce_only,
    )  # fmt: skip
    world.accept_all()
    assert "MONITORING_ORDERS" == world.state


def test_a_ladder_is_rounded_away_from_the_market():
    world = MakerWorld(levels=3)
    world.market_at()
    # 60000 × (1 ± 5, 7.5 and 11.25 bps): 59970, 59955, 59932.5; 60030, 60045, 60067.5; 0.1, 0.07, 0.049
    assert [
        "buy 0.049 @ 59932.5", "buy 0.07 @ 59955.0", "buy 0.1 @ 59970.0",
        "sell 0.1 @ 60030.0", "sell 0.07 @ 60045.0", "sell 0.049 @ 60067.5",
    ] == ladder(world)  # fmt: skip
    world = MakerWorld()
    world.market_at(60_000.05)
    assert ["buy 0.1 @ 59970.0", "sell 0.1 @ 60030.1"] == ladder(world)


def test_inverse_contracts_are_quoted_in_contracts():
    world = MakerWorld(INVERSE)
    world.market_at()
    assert ["buy 60 @ 59970.0", "sell 60 @ 60030.0"] == ladder(world)


def test_spot_without_inventory_only_bids_until_it_has_some():
    world = MakerWorld(SPOT)
    world.market_at()
    world.accept_all()
    assert ["buy 0.1 @ 59970.00"] == ladder(world)
    world.execute(world.bid.client_order_id)
    # 0.1 less the fee of 1 bps in base: 0.09999, which is all that can be sold
    assert D("0.09999") == world.position
    assert D("0.09999") == world.ask.quantity


def test_prefunded_spot_asks_for_no_more_than_was_held():
    world = MakerWorld(SPOT, opening_inventory=D("0.05"))
    world.market_at()
    assert ["buy 0.1 @ 59970.00", "sell 0.05 @ 60030.00"] == ladder(world)


def test_everything_that_works_on_a_side_stays_within_the_hard_limit():
    world = MakerWorld(levels=3, level_size_decay=1.0, inventory_max=D("0.25"))
    world.market_at()
    assert [D("0.1"), D("0.1"), D("0.05")] == [order.quantity for order in world.working(Side.BUY)]


def test_a_quote_below_the_venues_minimum_is_not_sent():
    world = MakerWorld(levels=2, level_size_decay=1.0, inventory_max=D("0.1001"))
    world.market_at()
    assert [D("0.1")] == [order.quantity for order in world.working(Side.BUY)]


def test_no_quote_is_larger_than_the_venue_takes():
    instrument = type(SPOT)(
        **{name: getattr(SPOT, name) for name in SPOT.__struct_fields__ if name != "max_quantity"},
        max_quantity=D("0.12"),
    )
    world = MakerWorld(instrument, inventory_target=D("0.4"))
    world.market_at()
    assert ["buy 0.12"] == [f"{order.side.value} {order.quantity.normalize()}" for order in world.working(Side.BUY)]


@pytest.mark.parametrize(
    ("bid_size", "ask_size", "side", "price"), [(10.0, 0.0, Side.BUY, "60049.9"), (0.0, 10.0, Side.SELL, "59950.1")]
)
def test_a_quote_that_would_take_is_placed_a_tick_before_the_market(bid_size, ask_size, side, price):
    world = MakerWorld(imbalance_weight=1.0)
    world.quotes[PERPETUAL_ID] = (59_950.0, 60_050.0)
    # all weight on the bid: fair = 60050 + 100, and a bid 5 bps below it, 60119.9, would take the ask at 60050
    world.send(Quote(PERPETUAL_ID, 59_950.0, bid_size, 60_050.0, ask_size, world.now_ns, world.now_ns))
    assert [D(price)] == [order.price for order in world.working(side)]


# --- replacing --------------------------------------------------------------------------------------------------


def test_a_move_within_the_tolerance_leaves_the_quotes_alone():
    world = MakerWorld(refresh_tolerance_bps=1.0).quoting()
    assert [] == prices(world.market_at(60_006.0))  # 1 bps of 60000 is 6
    assert ["cancel", "cancel"] == prices(world.market_at(60_007.0))
    assert "ADJUSTING_SPREADS" == world.state


def test_a_replacement_waits_until_the_cancel_is_confirmed():
    world = MakerWorld().quoting()
    bid, ask = world.bid.client_order_id, world.ask.client_order_id
    world.market_at(60_060.0)
    assert [bid, ask] == world.cancels
    assert [] == prices(world.market_at(60_070.0))
    world.close(ask)
    assert ["buy 59970.0", "sell 60100.1"] == [f"{o.side.value} {o.price}" for o in (world.bid, world.ask)]
    assert "ADJUSTING_SPREADS" == world.state
    world.close(bid)
    assert "buy 60039.9" == f"{world.bid.side.value} {world.bid.price}"
    world.accept_all()
    assert "MONITORING_ORDERS" == world.state


def test_a_new_quote_does_not_meet_an_old_one_of_our_own():
    world = MakerWorld(target_spread_bps=5.0).quoting()
    world.market_at(60_060.0)
    bid, ask = world.bid.client_order_id, world.ask.client_order_id
    world.close(bid)
    # the new bid at 60044.9 would meet the old ask at 60015, which is still being cancelled
    assert [] == world.working(Side.BUY)
    world.close(ask)
    assert [D("60044.9")] == [order.price for order in world.working(Side.BUY)]


def test_a_fill_that_beats_its_cancel_counts():
    world = MakerWorld().quoting()
    bid = world.bid.client_order_id
    world.market_at(60_060.0)
    world.fill(bid)
    world.close(bid)
    assert D("0.1") == world.strategy.ledger.position(PERPETUAL_ID)
    world.cancel_all()
    # (0.1 − 0) / (0.4 × 0.5) = 0.5: bids of 0.1 × 0.5, asks of 0.1 × 1.5
    assert (D("0.05"), D("0.15")) == (world.bid.quantity, world.ask.quantity)


def test_a_refused_cancel_is_repeated_after_a_while_and_not_at_once():
    world = MakerWorld(order_timeout_ms=1_000).quoting()
    bid = world.bid.client_order_id
    world.market_at(60_060.0)
    world.cancels.clear()
    world.reject_cancel(bid)
    world.market_at(60_060.0)
    assert [] == world.cancels
    world.wait(1_100)
    world.market_at(60_060.0)
    assert bid in world.cancels


def test_a_cancel_that_nobody_answers_is_sent_again():
    world = MakerWorld(order_timeout_ms=1_000).quoting()
    world.market_at(60_060.0)
    assert 2 == len(world.cancels)
    world.wait(2_100)
    assert 6 == len(world.cancels)


def test_an_old_quote_is_replaced():
    world = MakerWorld(order_age_max_s=10.0).quoting()
    for _ in range(9):
        world.wait(1_000)
        world.market_at()
    assert [] == world.cancels
    world.wait(1_000)
    assert 2 == len(world.cancels)


def test_a_move_of_the_lead_replaces_quotes():
    world = MakerWorld(lead_instrument=LEAD_ID)
    world.quote(LEAD_ID, 60_000.0, 60_001.0)
    world.quoting()
    before = len(world.outputs)
    world.quote(LEAD_ID, 60_030.0, 60_031.0)
    assert ["cancel", "cancel"] == prices(world.outputs[before:])


def test_a_lead_alone_does_not_make_quotes():
    world = MakerWorld(lead_instrument=LEAD_ID)
    world.quote(LEAD_ID, 60_000.0, 60_001.0)
    assert ("CALCULATING_SPREADS", {}) == (world.state, world.orders)


# --- refusals ---------------------------------------------------------------------------------------------------


def test_a_post_only_refusal_moves_the_quote_a_tick_away_a_few_times_and_alerts_nobody():
    world = MakerWorld(post_only_retries_max=2)
    world.market_at()
    seen = [world.bid.price]
    for _ in range(2):
        world.refuse_post_only(world.bid.client_order_id)
        seen.append(world.bid.price)
    assert [D("59970.0"), D("59969.9"), D("59969.8")] == seen
    world.refuse_post_only(world.bid.client_order_id)
    assert [] == world.working(Side.BUY)
    assert ([], "PLACING_ORDERS") == (world.alerts, world.state)
    world.accept_all()
    world.wait(1_000)
    assert [D("59970.0")] == [order.price for order in world.working(Side.BUY)]


def test_an_ask_is_moved_up():
    world = MakerWorld()
    world.market_at()
    world.refuse_post_only(world.ask.client_order_id)
    assert D("60030.1") == world.ask.price
    world.accept_all()
    world.market_at(60_060.0)
    world.cancel_all()
    assert D("60090.1") == world.ask.price  # 60060 × 1.0005 = 60090.03


def test_any_other_refusal_lets_the_level_rest():
    world = MakerWorld(order_timeout_ms=1_000)
    world.market_at()
    world.reject(world.bid.client_order_id)
    assert [] == world.working(Side.BUY)
    world.accept_all()
    world.wait(999)
    assert [] == world.working(Side.BUY)
    world.wait(1)
    assert 1 == len(world.working(Side.BUY))


def test_many_refusals_in_a_row_withdraw_everything_and_tell_a_person_once():
    world = MakerWorld(refusals_max=3, quiet_s=5.0)
    world.market_at()
    world.accept(world.ask.client_order_id)
    for refuse in (world.deny, world.reject, world.deny):
        refuse(world.bid.client_order_id)
        if world.state != "WITHDRAWN":
            world.wait(1_000)
            world.market_at()
    expected = "3 orders in a row were refused, the last one for link-down"
    assert ("WITHDRAWN", [f"maker: {expected}; withdrawn for 5 s"]) == (world.state, world.alerts)
    assert world.strategy.note.startswith(f"withdrawn: {expected}")


def test_an_acceptance_forgives_earlier_refusals():
    world = MakerWorld(refusals_max=2)
    for _ in range(3):
        world.market_at()
        world.reject(world.bid.client_order_id)
        world.wait(1_000)
        world.accept_all()
    assert ("MONITORING_ORDERS", []) == (world.state, world.alerts)


# --- hanging orders, ping-pong ----------------------------------------------------------------------------------


def test_without_hanging_orders_the_counterpart_of_a_fill_is_replaced():
    world = MakerWorld().quoting()
    ask = world.ask.client_order_id
    world.execute(world.bid.client_order_id)
    assert ask in world.cancels


def test_the_counterpart_of_a_fill_hangs_beside_the_new_quotes():
    world = MakerWorld(hanging_orders=True).quoting()
    ask = world.ask.client_order_id
    world.execute(world.bid.client_order_id)
    assert ask not in world.cancels
    world.accept_all()
    # the new ask of 0.15 is skewed: 60000 × (1 − 0.5 × 0.25 × 5 bps) × (1 + 5 bps)
    assert ["buy 0.05 @ 59966.2", "sell 0.15 @ 60026.3", "sell 0.1 @ 60030.0"] == ladder(world)


def test_a_hanging_order_too_far_away_is_cancelled():
    world = MakerWorld(hanging_orders=True, hanging_distance_bps=60.0, jump_bps=5_000.0).quoting()
    ask = world.ask.client_order_id
    world.execute(world.bid.client_order_id)
    world.accept_all()
    world.market_at(59_700.0)
    assert ask not in world.cancels  # 330 of 59700 are 55 bps
    world.cancel_all()
    world.market_at(59_600.0)
    assert ask in world.cancels
    world.cancel_all()
    world.market_at(59_500.0)
    assert [] == world.strategy.quotes.hanging


def test_no_more_hang_on_a_side_than_there_are_levels():
    world = MakerWorld(hanging_orders=True, inventory_max=D(4)).quoting()
    for _ in range(3):
        world.execute(world.bid.client_order_id)
        world.cancel_all()
    assert 1 == len(world.strategy.quotes.hanging)
    assert 2 == len(world.working(Side.SELL))


def test_the_fill_of_a_hanging_order_hangs_nothing():
    world = MakerWorld(hanging_orders=True).quoting()
    ask = world.ask.client_order_id
    world.execute(world.bid.client_order_id)
    world.accept_all()
    world.execute(ask)
    world.cancel_all()
    assert [] == [slot for slot in world.strategy.quotes.hanging if slot.live]


def test_ping_pong_waits_for_the_other_side():
    world = MakerWorld(ping_pong=True).quoting()
    world.execute(world.bid.client_order_id)
    world.cancel_all()
    assert ([], 1) == (world.working(Side.BUY), len(world.working(Side.SELL)))
    world.fill(world.ask.client_order_id, "0.05")
    world.cancel_all()
    assert [] == world.working(Side.BUY)  # a part is no turn
    world.execute(world.ask.client_order_id)
    world.cancel_all()
    assert (1, 1) == (len(world.working(Side.BUY)), len(world.working(Side.SELL)))
    world.execute(world.ask.client_order_id)
    world.cancel_all()
    assert (1, 0) == (len(world.working(Side.BUY)), len(world.working(Side.SELL)))


# --- what is sent -----------------------------------------------------------------------------------------------


def test_a_quote_says_what_led_to_it():
    world = MakerWorld()
    world.market_at()
    assert "quote:BTCUSDT.usdm:1" == world.bid.caused_by


def test_a_quote_that_changes_nothing_sends_nothing():
    world = MakerWorld(levels=3).quoting()
    for number in range(100):
        assert [] == world.market_at(60_000.0 + number % 5, after_ms=10)


@pytest.mark.parametrize("levels", [1, 5])
def test_a_refresh_sends_one_cancel_for_each_quote(levels):
    world = MakerWorld(levels=levels, inventory_max=D(4)).quoting()
    said = world.market_at(60_100.0)
    assert 2 * levels == sum(isinstance(output, CancelOrder) for output in said)
    world.now_ns += 5 * MS
    assert [] == [output for output in world.market_at(60_200.0) if isinstance(output, SubmitOrder)]
