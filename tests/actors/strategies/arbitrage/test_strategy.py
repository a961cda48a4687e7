"""Two-leg routes: what is traded, how much, at what limits, and what is refused."""

from decimal import Decimal as D

import msgspec
import pytest

from actors.strategies.arbitrage.route_parameters import CrossPair, CrossVenue
from messages.health import CycleResult, Lifecycle
from messages.orders import FundingPaid, Side, TimeInForce
from messages.topics import Channel
from tests.actors.strategies.arbitrage.world import (
    ALPHA,
    BETA,
    CROSS,
    CROSS_ALPHA,
    IN_USDC,
    INSTRUMENTS,
    PAIRS,
    PERPETUAL,
    SPOT_PERPETUAL,
    SPOTS,
    STABLE,
    ArbitrageWorld,
    parameters,
)
from tests.actors.strategies.puppet_floor import check_sums


def rich_beta(world: ArbitrageWorld, size: float = 1_000.0) -> None:
    """BTC at 60,000 on alpha and at 60,300 on beta: 34.94 bps after 10 and 5 bps of fees."""
    world.quiet()
    world.at(ALPHA, 59_999.99, size=size)
    world.at(BETA, 60_300.0, size=size)


def sent(world: ArbitrageWorld) -> list[tuple[str, Side, D, D | None]]:
    return [(order.instrument, order.side, order.quantity, order.price) for order in world.working]


def test_it_buys_where_it_is_cheap_and_sells_where_it_is_dear_at_once():
    world = ArbitrageWorld()
    rich_beta(world)
    assert "MONITORING_EXECUTION" == world.state
    # 6,000 USDT / (60,000 × 1.001) = 0.0999001 BTC → 0.0999 in steps of 0.0001, the larger lot
    # Limits within 10 bps of the touch: 60,060.00 and 60,239.70
    assert [(ALPHA.id, Side.BUY, D("0.0999"), D("60060.00")), (BETA.id, Side.SELL, D("0.0999"), D("60239.70"))] == sent(
        world
    )
    assert all(order.time_in_force is TimeInForce.IOC and not order.reduce_only for order in world.working)
    assert "quote:BTCUSDT.beta:4" == world.last.caused_by


def test_what_is_locked_in_is_the_profit_of_the_cycle_to_the_last_digit():
    world = ArbitrageWorld()
    rich_beta(world)
    buy, sell = world.open_ids
    world.trade(buy, price="60000")
    world.trade(sell, price="60300")
    # 0.0999 × (60,300 × 0.9995 − 60,000 × 1.001) = 0.0999 × 209.85 = 20.964015
    cycle = world.last_cycle
    assert (CycleResult.COMPLETED, D("20.964015"), 2) == (cycle.result, cycle.pnl.total, cycle.fills)
    assert "spots: both sides are filled; locked in 20.964015 USDT" == cycle.reason
    assert 34.940 == pytest.approx(cycle.entry_edge_bps, abs=1e-3)
    assert (
        "OPPORTUNITY_DETECTED", "VALIDATING_OPPORTUNITY", "MONITORING_EXECUTION", "PROFIT_REALIZED",
    ) == cycle.transitions  # fmt: skip
    assert cycle.pnl.total == cycle.attribution.total


def test_what_was_traded_stays_as_inventory_and_the_way_back_returns_it():
    world = ArbitrageWorld()
    rich_beta(world)
    world.trade_all()
    assert ("COOLDOWN", True) == (world.state, world.strategy.is_settled)
    assert {ALPHA.id: D("0.0999"), BETA.id: D("-0.0999")} == world.positions
    world.wait(1_001)
    assert "SCANNING_OPPORTUNITIES" == world.state
    world.at(BETA, 59_900.0)
    world.at(ALPHA, 60_200.0)
    assert [Side.SELL, Side.BUY] == [order.side for order in world.working]
    world.trade_all()
    # 6,000 / (59,900.01 × 1.0005) = 0.10011 → 0.1001: a little more than was bought
    assert {ALPHA.id: D("-0.0002"), BETA.id: D("0.0002")} == world.positions


def test_the_size_is_what_both_books_cover_at_the_threshold():
    world = ArbitrageWorld(parameters(SPOTS, slippage_bps_max=50.0))
    world.at(ALPHA, 59_999.99, size=0.02)
    world.depth(ALPHA.id, (), ((60_030.0, 0.03), (60_200.0, 5.0)))
    world.at(BETA, 60_300.0, size=0.5)
    # 0.02 at 60,000 and 0.03 at 60,030 (29.93 bps left); at 60,200 1.6 bps are left, less than 10
    assert [D("0.05"), D("0.05")] == [order.quantity for order in world.working]


def test_below_the_threshold_nothing_happens():
    world = ArbitrageWorld(parameters(SPOTS, min_profit_bps=35.0))
    rich_beta(world)
    assert ("SCANNING_OPPORTUNITIES", []) == (world.state, world.working)
    assert "best edge 34.94 bps on spots" == world.strategy.note


def test_sequential_execution_sells_what_was_bought():
    world = ArbitrageWorld(parameters(SPOTS, execution="sequential"))
    rich_beta(world)
    assert ("EXECUTING_BUY_SIDE", [ALPHA.id]) == (world.state, [order.instrument for order in world.working])
    world.trade(world.last.client_order_id, "0.05")
    assert ("EXECUTING_SELL_SIDE", [(BETA.id, Side.SELL, D("0.05"), D("60239.70"))]) == (world.state, sent(world))
    world.trade_all()
    assert CycleResult.COMPLETED is world.last_cycle.result


def test_a_perpetual_is_traded_in_contracts_and_is_not_reduce_only():
    world = ArbitrageWorld(parameters(SPOT_PERPETUAL))
    world.at(ALPHA, 59_999.99)
    world.at(PERPETUAL, 60_300.0)
    assert [D("0.09900"), D(99)] == [order.quantity for order in world.working]  # 99 contracts of 0.001
    world.trade_all()
    assert {ALPHA.id: D("0.099"), PERPETUAL.id: D(-99)} == world.positions
    world.wait(1_001)
    world.at(PERPETUAL, 59_600.0)
    world.at(ALPHA, 59_999.99)
    assert [(Side.SELL, False), (Side.BUY, False)] == [(order.side, order.reduce_only) for order in world.working]


def test_funding_of_a_perpetual_is_booked():
    world = ArbitrageWorld(parameters(SPOT_PERPETUAL))
    world.send(FundingPaid("carry", PERPETUAL.id, D("1.5"), "USDT", 0.0001, D(-99), "f1", world.now_ns))
    assert D("1.5") == world.strategy.pnl().funding


def test_two_perpetuals_make_a_route():
    other = msgspec.structs.replace(PERPETUAL, venue="perp2", lot_size=D(2))
    route = CrossVenue(name="perps", first=PERPETUAL.id, second=other.id)
    world = ArbitrageWorld(parameters(route), instruments={**INSTRUMENTS, other.id: other})
    world.at(PERPETUAL, 60_000.0)
    world.at(other, 60_300.0)
    assert [D(98), D(98)] == [order.quantity for order in world.working]  # 0.0999 BTC in steps of 0.002


def test_a_fee_in_base_is_bought_on_top():
    in_base = msgspec.structs.replace(ALPHA, fee_currency="BTC")
    world = ArbitrageWorld(instruments={**INSTRUMENTS, ALPHA.id: in_base})
    rich_beta(world)
    # 6,000 / 60,000 × 0.999 = 0.0999 arrive; 0.0999 / 0.999 = 0.1 are ordered
    assert [D("0.10000"), D("0.0999")] == [order.quantity for order in world.working]
    world.trade_all()
    assert D(0) == world.net["BTC"]


# --- confirmation and validation --------------------------------------------------------------------------------


def test_an_edge_must_hold():
    world = ArbitrageWorld(parameters(SPOTS, confirm_ms=100))
    rich_beta(world)
    assert "OPPORTUNITY_DETECTED" == world.state
    world.wait(50)
    world.at(BETA, 60_010.0)
    assert "SCANNING_OPPORTUNITIES" == world.state
    world.at(BETA, 60_300.0)
    world.wait(100)
    world.at(ALPHA, 59_999.99)
    assert "MONITORING_EXECUTION" == world.state
    world.trade_all()
    assert 110.0 == world.last_cycle.ms  # from the signal: 100 to confirm, two fills 5 ms apart


def test_a_lagging_quote_is_awaited():
    world = ArbitrageWorld(parameters(SPOTS, quote_skew_max_ms=500))
    world.quiet()
    world.wait(501)
    world.at(BETA, 60_300.0)
    assert ("VALIDATING_OPPORTUNITY", []) == (world.state, world.working)
    world.at(ALPHA, 60_250.0)
    assert "SCANNING_OPPORTUNITIES" == world.state  # it was alpha that was late
    world.at(BETA, 60_600.0)
    assert "MONITORING_EXECUTION" == world.state


def test_a_stale_market_is_not_traded_on():
    world = ArbitrageWorld(parameters(SPOTS, quote_age_max_ms=1_000))
    world.quiet()
    world.wait(1_001)
    world.at(BETA, 60_300.0)
    assert "SCANNING_OPPORTUNITIES" == world.state


def test_what_is_too_small_for_a_venue_is_refused_with_the_reason():
    world = ArbitrageWorld()
    rich_beta(world, size=0.00007)
    assert "SCANNING_OPPORTUNITIES" == world.state
    assert "not traded: buy BTCUSDT.alpha, sell BTCUSDT.beta: 0 at" in world.strategy.note
    assert "is below the minimum of BTCUSDT.alpha (lot 0.00001, quantity 0, notional 5)" in world.strategy.note


def test_an_order_is_no_larger_than_either_venue_takes():
    small = msgspec.structs.replace(BETA, max_quantity=D("0.03"))
    world = ArbitrageWorld(instruments={**INSTRUMENTS, BETA.id: small})
    rich_beta(world)
    assert [D("0.03"), D("0.03")] == [order.quantity for order in world.working]


def test_only_the_directions_that_are_asked_for_are_traded():
    world = ArbitrageWorld(parameters(msgspec.structs.replace(SPOTS, directions="sell-first")))
    rich_beta(world)
    assert "SCANNING_OPPORTUNITIES" == world.state
    world.at(BETA, 59_700.0)
    assert [Side.SELL, Side.BUY] == [order.side for order in world.working]


def test_the_transfer_cost_counts():
    world = ArbitrageWorld(parameters(msgspec.structs.replace(SPOTS, transfer_cost_bps=25.0)))
    rich_beta(world)
    assert ("SCANNING_OPPORTUNITIES", "best edge 9.85 bps on spots") == (world.state, world.strategy.note)


# --- inventory --------------------------------------------------------------------------------------------------


def test_a_side_sells_what_is_there_then_runs_dry_and_says_so_once():
    world = ArbitrageWorld(parameters(SPOTS, inventory={ALPHA.id: D(1), BETA.id: D("0.04")}, cooldown_s=0.0))
    rich_beta(world)
    assert [D("0.04"), D("0.04")] == [order.quantity for order in world.working]
    world.trade_all()
    world.refresh()
    world.refresh()
    assert "SCANNING_OPPORTUNITIES" == world.state
    assert "not traded: BTCUSDT.beta has run dry: 0 BTC are left to sell" in world.strategy.note
    assert 1 == sum("run dry" in alert for alert in world.alerts)
    world.at(BETA, 59_700.0)  # the way back is open
    assert "MONITORING_EXECUTION" == world.state


def test_the_drift_of_an_instrument_is_capped_by_value():
    world = ArbitrageWorld(parameters(SPOTS, position_value_max=D(9_000), cooldown_s=0.0))
    rich_beta(world)
    world.trade_all()
    world.refresh()
    # beta's cap: 9,000 / 60,300 − 0.0999 = 0.04935 → 0.0493
    assert [D("0.0493"), D("0.0493")] == [order.quantity for order in world.working]
    world.trade_all()
    world.refresh()
    assert "BTCUSDT.beta has drifted by -0.1492, as far as position_value_max (9000) lets it" in world.strategy.note


def test_the_drift_moves_the_threshold_so_that_trades_bring_it_back():
    world = ArbitrageWorld(parameters(SPOTS, inventory_skew_bps=10.0, cooldown_s=0.0))
    rich_beta(world)
    world.trade_all()
    there, back = world.route.directions
    # 0.0999 × 60,000.00 / 10,000 = 0.5994 bought, 0.0999 × 60,300 / 10,000 = 0.6024 sold: mean 0.6009 → ± 6.009 bps
    assert (16.009, 3.991) == pytest.approx(
        (there.min_bps(world.strategy.inventory), back.min_bps(world.strategy.inventory)), abs=1e-3
    )
    world.at(BETA, 59_880.0)
    world.at(ALPHA, 60_000.0)  # 60,000 × 0.999 / (59,880.01 × 1.0005) − 1 = 5.03 bps: more than 3.99, less than 10
    assert [Side.SELL, Side.BUY] == [order.side for order in world.working]


# --- several routes ---------------------------------------------------------------------------------------------


def test_the_route_that_pays_most_is_taken_and_one_at_a_time():
    world = ArbitrageWorld(parameters(SPOTS, SPOT_PERPETUAL))
    world.at(BETA, 60_200.0)
    world.at(PERPETUAL, 60_400.0)
    world.at(ALPHA, 59_999.99)
    assert [ALPHA.id, PERPETUAL.id] == [order.instrument for order in world.working]
    world.refresh()
    assert 2 == len(world.working)
    world.trade_all()
    world.wait(1_001)
    assert "best edge" in world.strategy.note


def test_mode_once_rests_after_its_first_profit():
    world = ArbitrageWorld(parameters(SPOTS, mode="once"))
    rich_beta(world)
    world.trade_none()
    assert "COOLDOWN" == world.state  # nothing was filled: that was no profit
    world.wait(1_001)
    world.refresh()
    world.trade_all()
    assert "PROFIT_REALIZED" == world.state
    world.wait(5_000)
    world.refresh()
    assert ("PROFIT_REALIZED", 2) == (world.state, len(world.strategy.cycles))


# --- exchange rates and stablecoins -----------------------------------------------------------------------------


def rich_usdc(world: ArbitrageWorld, cross: float = 0.9990) -> None:
    world.at(CROSS, cross, size=100_000.0)
    world.at(ALPHA, 59_999.99)
    world.at(IN_USDC, 60_300.0)


def test_two_quote_currencies_are_compared_by_the_executable_rate():
    world = ArbitrageWorld(parameters(PAIRS))
    rich_usdc(world)
    world.trade(world.open_ids[0], price="60000")
    world.trade(world.open_ids[0], price="60300")
    # 60,300 × 0.9995 × 0.9990 / (60,000 × 1.001) = 1.0024905
    cycle = world.last_cycle
    assert 24.905 == pytest.approx(cycle.entry_edge_bps, abs=1e-3)
    # 0.0999 × 60,269.85 = 6,020.958015 USDC came in, 0.0999 × 60,060 = 5,999.994 USDT went out, and stay there
    # by the mid of USDC/USDT, 0.99905: 6,015.238104... − 5,999.994 = 15.2441...
    locked_in = D("6020.958015") * D("0.99905") - D("5999.994")
    text = f"locked in {locked_in:.8f} USDT (6020.958015 USDC, -5999.994 USDT)"
    assert f"pairs: both sides are filled; {text}" == cycle.reason
    assert locked_in == pytest.approx(cycle.pnl.total, abs=D("1e-7"))
    assert [ALPHA.id, IN_USDC.id] == [order.instrument for order in world.orders.values()]


def test_inventory_from_before_is_not_valued_anew_inside_a_cycle():
    world = ArbitrageWorld(parameters(PAIRS, cooldown_s=0.0, position_value_max=D(50_000)))
    rich_usdc(world)
    world.trade_all()
    rich_usdc(world)
    buy, sell = world.open_ids
    world.at(CROSS, 1.0000, size=100_000.0)  # both orders work; bitcoin and the rate move
    world.at(ALPHA, 61_000.0)
    world.trade(buy, price="60000")
    world.trade(sell, price="60300")
    # as before, but by the mid 1.00005: 6,021.259... − 5,999.994
    locked_in = D("6020.958015") * D("1.00005") - D("5999.994")
    assert locked_in == pytest.approx(world.last_cycle.pnl.total, abs=D("1e-7"))
    # what was held: 0.0999 BTC, bought for USDT and sold for USDC, and bitcoin moved from 59,999.995 to 61,000.005
    outside = world.strategy.earned_outside_cycles()
    gained = {pnl.currency: pnl.total for pnl in outside.pnls}
    begun, ended = D("59999.995"), D("61000.005")
    assert D("0.0999") * (ended - begun) == gained["USDT"]
    moved = -D("0.0999") * (ended / D("1.00005") - begun / D("0.99905"))
    assert moved == pytest.approx(gained["USDC"], abs=D("1e-9"))
    check_sums(world.strategy)


def test_a_second_quote_currency_is_worth_its_rate_where_the_first_leg_is_in_it():
    reverse = CrossPair(name="reverse", first=IN_USDC.id, second=ALPHA.id, fx=CROSS.id)
    world = ArbitrageWorld(parameters(reverse))
    rich_usdc(world)
    for order in world.working:
        world.trade(order.client_order_id, price="60000" if order.instrument == ALPHA.id else "60300")
    locked_in = D("6020.958015") - D("5999.994") / D("0.99905")
    assert ("USDC", locked_in) == (
        world.last_cycle.pnl.currency,
        pytest.approx(world.last_cycle.pnl.total, abs=D("1e-6")),
    )


def test_the_other_side_of_the_rate_counts_the_other_way_round():
    world = ArbitrageWorld(parameters(PAIRS))
    world.at(CROSS, 1.0010, size=100_000.0)
    world.at(IN_USDC, 59_999.99)
    world.at(ALPHA, 60_300.0)
    world.trade_all()
    # bought for USDC, sold for USDT, which buy USDC at 1.0011: 60,300 × 0.999 / 1.0011 / (60,000 × 1.0005) = 1.0023906
    assert 23.906 == pytest.approx(world.last_cycle.entry_edge_bps, abs=1e-3)


def test_without_a_fresh_rate_the_route_is_idle_and_says_why():
    world = ArbitrageWorld(parameters(PAIRS))
    world.at(ALPHA, 59_999.99)
    world.at(IN_USDC, 60_300.0)
    assert ("SCANNING_OPPORTUNITIES", []) == (world.state, world.working)
    assert "no quote of USDCUSDT.beta yet" in world.strategy.note
    world.at(CROSS, 0.9990, size=100.0)
    assert "the visible book of the exchange rate does not cover the amount" in world.strategy.note
    world.wait(5_001)
    world.at(ALPHA, 59_999.99)
    world.at(IN_USDC, 60_300.0)
    assert "the quote of USDCUSDT.beta is too old" in world.strategy.note


def test_a_rate_that_is_worse_for_the_whole_amount_can_take_the_edge_away():
    world = ArbitrageWorld(parameters(PAIRS, min_profit_bps=24.0))
    world.depth(CROSS.id, ((0.9980, 50_000.0),), ())
    world.at(CROSS, 0.9990, size=3_000.0)  # 24.9 bps at the touch; 6,021 USDC bring 0.9985 on average
    world.at(ALPHA, 59_999.99)
    world.at(IN_USDC, 60_300.0)
    assert ("SCANNING_OPPORTUNITIES", []) == (world.state, world.working)
    assert "less than 24.00 bps are left at the exchange rate for the whole amount" in world.strategy.note


def test_a_new_rate_alone_can_make_an_opportunity():
    world = ArbitrageWorld(parameters(PAIRS, min_profit_bps=30.0))
    rich_usdc(world)
    assert "SCANNING_OPPORTUNITIES" == world.state
    world.at(CROSS, 0.9999, size=100_000.0)
    assert "MONITORING_EXECUTION" == world.state


def test_a_depeg_halts_everything():
    world = ArbitrageWorld(parameters(PAIRS))
    world.at(CROSS, 0.9930, size=100_000.0)
    assert "HALTED" == world.state
    assert [
        "carry: HALTED: depeg: USDCUSDT.beta is at 0.99305, 70 bps from 1; a person must acknowledge"
    ] == world.alerts
    assert world.strategy.note.startswith("depeg: USDCUSDT.beta is at 0.99305")
    rich_usdc(world)
    assert ("HALTED", []) == (world.state, world.working)


def test_a_rate_that_is_no_peg_may_be_anywhere():
    world = ArbitrageWorld(parameters(msgspec.structs.replace(PAIRS, is_pegged=False)))
    world.at(CROSS, 0.9000, size=100_000.0)
    assert "SCANNING_OPPORTUNITIES" == world.state


def test_stablecoins_are_traded_across_venues_and_guarded_by_their_own_price():
    world = ArbitrageWorld(parameters(STABLE, min_profit_bps=5.0))
    world.at(CROSS_ALPHA, 0.9989, size=50_000.0)
    world.at(CROSS, 1.0001, size=50_000.0)
    # bought at 0.9990 × 1.0001, sold at 1.0001: 10.01 bps
    assert [(CROSS_ALPHA.id, Side.BUY, D(6005)), (CROSS.id, Side.SELL, D(6005))] == [line[:3] for line in sent(world)]
    world.trade_all()
    assert CycleResult.COMPLETED is world.last_cycle.result
    world.wait(1_001)
    world.at(CROSS_ALPHA, 0.9930)
    assert "HALTED" == world.state


# --- what the host asks -----------------------------------------------------------------------------------------


def test_it_hears_quotes_depth_and_gaps_of_every_instrument():
    world = ArbitrageWorld(parameters(PAIRS))
    channels = (Channel.QUOTE, Channel.DEPTH, Channel.GAP)
    assert {(channel, name) for name in (ALPHA.id, IN_USDC.id, CROSS.id) for channel in channels} == set(
        world.strategy.subscriptions()
    )


def test_its_status_can_be_told():
    world = ArbitrageWorld()
    rich_beta(world)
    world.trade_all()
    status = world.strategy.status(Lifecycle.RUNNING)
    assert ("arbitrage", "COOLDOWN", 1, "USDT") == (status.kind, status.state, status.cycles, status.pnl.currency)
    assert status.pnl.total == status.attribution.total


def test_a_one_sided_market_is_no_opportunity():
    world = ArbitrageWorld()
    world.quiet()
    world.quote(ALPHA.id, 59_999.0, 0.0)
    world.quote(BETA.id, 0.0, 60_300.0)
    assert "SCANNING_OPPORTUNITIES" == world.state
