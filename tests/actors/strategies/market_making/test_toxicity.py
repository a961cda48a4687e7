"""Signs of a dangerous market, and how a market maker withdraws from it and comes back."""

import pytest

from actors.strategies.market_making.toxicity import RUNS_BEFORE_VOLUME_COUNTS, MarketWatch
from messages.market import Depth, Quote, Trade
from messages.orders import Side
from tests.actors.strategies.market_making.world import PERPETUAL_ID, MakerWorld, maker_parameters, prices
from tests.actors.strategies.trading_world import MS, S


def a_watch(**changes) -> MarketWatch:
    return MarketWatch(maker_parameters(**changes))


def look(watch: MarketWatch, mid: float, ts_ns: int = S, spread: float = 1.0) -> str:
    quote = Quote(PERPETUAL_ID, mid - spread / 2, 1.0, mid + spread / 2, 1.0, ts_ns, ts_ns)
    return watch.on_quote(quote, mid, ts_ns)


def a_trade(price: float, ts_ns: int = S, size: float = 1.0, aggressor: Side = Side.BUY) -> Trade:
    return Trade(PERPETUAL_ID, price, size, aggressor, f"t{ts_ns}", ts_ns, ts_ns)


def a_depth(size: float) -> Depth:
    return Depth(PERPETUAL_ID, ((9_999.0, 9.0), (9_998.0, 9.0)), ((10_001.0, size),), 1, S, S)


def test_a_calm_market_shows_no_sign():
    watch = a_watch()
    assert ["", ""] == [look(watch, 10_000.0), look(watch, 10_001.0, 2 * S)]
    assert ("", "") == (watch.on_depth(a_depth(0.0)), watch.on_trade(a_trade(10_000.0)))


# --- quotes -----------------------------------------------------------------------------------------------------


def test_a_mid_that_moves_too_far_within_the_window_has_jumped():
    watch = a_watch(jump_bps=30.0)
    look(watch, 10_000.0)
    assert "" == look(watch, 10_029.0, S + 500 * MS)
    # 10031 is 31 bps from where the window began
    assert "a jump to 10031" == look(watch, 10_031.0, S + 600 * MS)
    assert "" == look(watch, 10_031.0, S + 700 * MS)  # one jump is told once


def test_the_same_way_in_two_windows_is_no_jump():
    watch = a_watch(jump_bps=30.0, jump_window_ms=1_000)
    look(watch, 10_000.0)
    assert ["", ""] == [look(watch, 10_020.0, 2 * S), look(watch, 10_040.0, 3 * S)]


def test_a_market_too_wide_has_lost_its_depth():
    # 101 / 10000 = 101 bps
    assert "the market's spread is 101.0 bps" == look(a_watch(market_spread_bps_max=100.0), 10_000.0, spread=101.0)


def test_a_volatility_above_its_band_is_a_sign():
    watch = a_watch(volatility_max_bps=20.0)
    look(watch, 10_000.0)
    assert "volatility is 24.97 bps for each √second" == look(watch, 10_025.0, 2 * S)  # ln 1.0025 = 24.97 bps in 1 s


def test_a_price_outside_floor_and_ceiling_is_not_quoted():
    watch = a_watch(price_floor=9_990.0, price_ceiling=10_010.0)
    assert "" == look(watch, 10_010.0)
    assert "10011 is outside of 9990 to 10010" == look(watch, 10_011.0)
    assert "9989 is outside of 9990 to 10010" == look(watch, 9_989.0)


def test_a_moving_band_follows_the_market_now_and_then():
    watch = a_watch(price_band_bps=10.0, price_band_refresh_s=60.0, price_ceiling=10_018.0)
    assert "" == look(watch, 10_000.0)
    assert "10011 is outside of 9990 to 10010" == look(watch, 10_011.0, 2 * S)
    assert "" == look(watch, 10_011.0, 62 * S)
    # 10011 ± 10 bps, but no higher than the ceiling
    assert "10019 is outside of 10001 to 10018" == look(watch, 10_019.0, 63 * S)


# --- depth ------------------------------------------------------------------------------------------------------


def test_the_thinner_side_of_the_visible_book_decides():
    watch = a_watch(depth_min=5.0)
    assert "" == watch.on_depth(a_depth(5.0))
    assert "only 4 is left on one side of the book" == watch.on_depth(a_depth(4.0))


# --- trades -----------------------------------------------------------------------------------------------------


def test_one_aggressor_through_several_prices_at_once_is_a_sweep():
    watch = a_watch(sweep_levels=3, sweep_bps=5.0, sweep_window_ms=200)
    found = [watch.on_trade(a_trade(price, S + number * MS)) for number, price in enumerate((10_000, 10_003, 10_006))]
    # 3 prices over 6 / 10000
    assert ["", "", "a sweep through 3 prices over 6.0 bps"] == found


def test_neither_small_steps_nor_slow_ones_nor_two_sides_are_a_sweep():
    watch = a_watch(sweep_levels=3, sweep_bps=5.0, sweep_window_ms=200)
    small = [watch.on_trade(a_trade(10_000.0 + step, S + int(step) * MS)) for step in (0.0, 1.0, 2.0, 3.0)]
    slow = [watch.on_trade(a_trade(10_000.0 + 10 * step, (10 + step) * S)) for step in range(4)]
    sides = [watch.on_trade(a_trade(10_000.0 + 10 * step, 20 * S, aggressor=list(Side)[step % 2])) for step in range(4)]
    assert {""} == {*small, *slow, *sides}


def test_a_burst_far_beyond_the_usual_volume_is_a_sign():
    watch = a_watch(sweep_volume_ratio=10.0)
    for number in range(RUNS_BEFORE_VOLUME_COUNTS):
        assert "" == watch.on_trade(a_trade(10_000.0, (number + 1) * S, size=2.0))
    # the usual run is 2; the one that ends now makes it the 20th
    assert "" == watch.on_trade(a_trade(10_000.0, 100 * S, size=20.0))
    assert "a burst of 21, 10 times the usual volume" == watch.on_trade(a_trade(10_000.0, 100 * S, size=1.0))


def test_before_the_usual_volume_is_known_no_volume_is_a_sign():
    watch = a_watch(sweep_volume_ratio=10.0)
    watch.on_trade(a_trade(10_000.0, S))
    assert "" == watch.on_trade(a_trade(10_000.0, 3 * S, size=1e6))


def test_a_trade_at_no_price_is_no_sweep():
    watch = a_watch(sweep_levels=2)
    assert ["", ""] == [watch.on_trade(a_trade(price)) for price in (0.0, 1.0)]


# --- withdrawing ------------------------------------------------------------------------------------------------


def a_sweep(world: MakerWorld) -> None:
    for step in range(5):
        world.print_trade(60_000.0 + 10.0 * step)


def quotes_flicker(world: MakerWorld) -> None:
    world.market_at(60_400.0)


def one_side_goes(world: MakerWorld) -> None:
    world.quote(PERPETUAL_ID, 0.0, 60_001.0)


def depth_goes(world: MakerWorld) -> None:
    world.depth(PERPETUAL_ID, ((59_999.0, 0.5),), ((60_001.0, 5.0),))


def nothing_is_heard(world: MakerWorld) -> None:
    world.wait(6_000)


@pytest.mark.parametrize(
    ("danger", "reason"),
    [
        (a_sweep, "withdrawn: a sweep through 5 prices over 6.7 bps"),
        (quotes_flicker, "withdrawn: a jump to 60400"),
        (one_side_goes, "withdrawn: one side of the book is empty"),
        (depth_goes, "withdrawn: only 0.5 is left on one side of the book"),
        (nothing_is_heard, "withdrawn: the market has not been heard of for too long"),
    ],
)
def test_danger_cancels_everything_and_says_why(danger, reason):
    world = MakerWorld(depth_min=1.0).quoting()
    names = set(world.open_ids)
    danger(world)
    assert "WITHDRAWN" == world.state
    assert names == set(world.cancels)
    assert world.strategy.note.startswith(reason), world.strategy.note


def test_a_withdrawn_maker_comes_back_after_a_quiet_time():
    world = MakerWorld(quiet_s=5.0).quoting()
    a_sweep(world)
    world.cancel_all()
    assert ("WITHDRAWN", []) == (world.state, prices(world.market_at(after_ms=4_999)))
    assert ["buy 59970.0", "sell 60030.0"] == prices(world.market_at(after_ms=1))
    assert "PLACING_ORDERS" == world.state


def test_every_further_sign_makes_the_rest_longer():
    world = MakerWorld(quiet_s=5.0).quoting()
    a_sweep(world)
    world.cancel_all()
    world.market_at(after_ms=4_000)
    a_sweep(world)
    assert ("WITHDRAWN", []) == (world.state, prices(world.market_at(after_ms=4_999)))
    world.market_at(after_ms=1)
    assert "PLACING_ORDERS" == world.state


def test_it_does_not_come_back_into_a_book_that_is_still_thin():
    world = MakerWorld(depth_min=1.0, quiet_s=5.0).quoting()
    depth_goes(world)
    world.cancel_all()
    world.market_at(after_ms=6_000)
    assert "WITHDRAWN" == world.state
    world.depth(PERPETUAL_ID, ((59_999.0, 5.0),), ((60_001.0, 5.0),))
    world.market_at(after_ms=5_000)
    assert "PLACING_ORDERS" == world.state


def test_an_order_that_still_works_while_withdrawn_is_cancelled_again():
    world = MakerWorld(order_timeout_ms=1_000).quoting()
    one_side_goes(world)
    assert 2 == len(world.cancels)
    world.wait(900)
    assert 2 == len(world.cancels)
    world.wait(200)
    assert 4 == len(world.cancels)


def test_trades_and_depth_of_another_instrument_are_no_sign():
    world = MakerWorld(lead_instrument="BTCUSDT.spot", depth_min=1.0).quoting()
    world.depth("BTCUSDT.spot", ((1.0, 0.1),), ((2.0, 0.1),))
    world.send(Trade("BTCUSDT.spot", 1.0, 1.0, Side.BUY, "t", world.now_ns, world.now_ns))
    world.quote("BTCUSDT.spot", 0.0, 1.0)
    assert "MONITORING_ORDERS" == world.state
