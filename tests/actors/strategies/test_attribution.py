"""Where a strategy's profit came from, from the messages that it heard; the worked example of docs/attribution.md."""

from decimal import Decimal as D

from actors.analytics.attribution import Movement
from messages.health import Attribution, CycleResult, Lifecycle, Pnl
from messages.orders import AmendOrder, FundingPaid, Liquidity, Side
from messages.strategy_host import StrategyStarted
from tests.actors.strategies.puppet_floor import INVERSE, LINEAR, SPOT, Floor
from tests.actors.strategies.trading_world import PERPETUAL_ID, SPOT_ID, World

ZERO = D(0)


def attribution(floor: Floor, currency: str = "USDT") -> Attribution:
    floor.check()
    return next(item for item in floor.status.attributions if item.currency == currency)


def test_the_worked_example_of_the_docs():
    world = World()
    world.market(60_000.0, 60_300.0)  # 60,000 / 60,001 and 60,300 / 60,301
    world.trade(world.last.client_order_id, price="60001.50")  # 0.165 bought half a dollar above the ask
    world.trade(world.last.client_order_id, price="60300")
    world.send(FundingPaid("carry", PERPETUAL_ID, D("1.5"), "USDT", 0.0001, D("-0.165"), "f1", world.now_ns))
    for _ in range(3):
        world.quote(SPOT_ID, 60_100.0, 60_101.0)
        world.quote(PERPETUAL_ID, 60_099.0, 60_100.0)
    world.trade(world.last.client_order_id, price="60100")
    world.trade(world.last.client_order_id, price="60100")
    (cycle,) = world.strategy.cycles
    assert (CycleResult.COMPLETED, D("0.165")) == (
        cycle.result,
        world.strategy.own_orders.order("x-carry-e1-1").filled_quantity,
    )
    expected = Attribution(
        spread=4 * D("-0.5") * D("0.165"),  # four fills, half a dollar from the touch to the mid: −0.33
        slippage=D("-0.5") * D("0.165"),  # 60,001.50 → 60,001: −0.0825
        # spot 60,000.5 → 60,100.5, short perpetual 60,300.5 → 60,099.5: (100 + 201) × 0.165 = 49.665
        basis=(D(100) + D(201)) * D("0.165"),
        inventory=ZERO,
        funding=D("1.5"),
        # 10 bps of 60,001.50 and 60,100, 5 bps of 60,300 and 60,100, all × 0.165: 29.7497475
        fees=D("0.165") * (D("0.001") * (D("60001.50") + 60_100) + D("0.0005") * (D(60_300) + 60_100)),
        currency="USDT",
    )
    assert expected == cycle.attribution
    # −0.33 − 0.0825 + 49.665 + 1.5 − 29.7497475
    assert D("21.0027525") == expected.total == cycle.pnl.total == world.strategy.pnl().total
    assert (cycle.attribution,) == cycle.attributions == world.strategy.status(Lifecycle.RUNNING).attributions


def test_two_legs_that_hedge_each_other_earn_basis():
    assert Movement.BASIS is World().strategy.movement


def test_a_strategy_measures_no_markouts_unless_it_says_so():
    assert () == Floor().status.markouts


def test_a_quote_between_an_order_and_its_fill_is_movement_not_slippage():
    floor = Floor()
    floor.quote(LINEAR, 30_000.0, 10)  # 30,000 / 30,001
    order = floor.order(LINEAR, Side.BUY)
    floor.quote(LINEAR, 30_010.0, 10)
    floor.fill(order, D("30001.2"), 1_000, Liquidity.TAKER)
    # 1,000 lots of 0.001 contracts of 0.1: 0.1 BTC; −0.2, −0.5 and 30,010.5 − 30,000.5 = 10, each × 0.1
    got = attribution(floor)
    assert (D("-0.02"), D("-0.05"), D(1)) == (got.slippage, got.spread, got.inventory)


def test_an_amended_order_is_measured_from_the_market_that_it_was_amended_in():
    floor = Floor()
    floor.quote(LINEAR, 30_000.0, 10)
    order = floor.order(LINEAR, Side.SELL)
    amend = AmendOrder(order.client_order_id, "puppet", 1, LINEAR.id, D(2_000), D(29_000))
    floor.strategy.wishes.append(amend)
    assert [amend] == floor.quote(LINEAR, 29_900.0, 10)
    floor.fill(order, D("29900"), 1_000, Liquidity.TAKER)
    assert (ZERO, D("-0.05")) == (attribution(floor).slippage, attribution(floor).spread)


def test_an_order_is_remembered_through_a_restart():
    floor = Floor()
    floor.quote(LINEAR, 30_000.0, 10)
    order = floor.order(LINEAR, Side.SELL)
    floor.send(StrategyStarted("puppet", 2, "x-puppet", floor.now_ns))
    floor.fill(order, D("30000"), 1_000, Liquidity.TAKER)
    assert D("-0.05") == attribution(floor).spread


def test_what_happens_between_cycles_is_accounted_for_outside_them():
    floor = Floor()
    floor.quote(SPOT, 30_000.0, 100)
    floor.quote(INVERSE, 30_000.0, 10)
    floor.strategy.begin_cycle(edge_bps=3.0, started_ns=5)
    order = floor.order(INVERSE, Side.SELL)
    floor.fill(order, D(30_000), 10, Liquidity.TAKER, fee=D("0.00001"), fee_currency="BTC")
    floor.strategy.end_cycle(CycleResult.UNWOUND, "given up")
    floor.send(FundingPaid("puppet", INVERSE.id, D("0.00002"), "BTC", 0.0, D(-10), "f1", floor.now_ns))
    floor.fill(order, D(30_000), 10, Liquidity.TAKER, fee=D("0.00001"), fee_currency="BTC")
    floor.check()
    coin, outside = floor.strategy.cycles[0].attributions[0], floor.strategy.earned_outside_cycles().attributions[0]
    # 1,000 USD sold at 30,000 where the mid is 30,000.5: 0.03333333 − 0.03333278 = 0.00000055 paid, twice
    assert (D("-5.5E-7"), D("0.00001"), ZERO) == (coin.spread, coin.fees, coin.funding)
    assert (D("-5.5E-7"), D("0.00001"), D("0.00002")) == (outside.spread, outside.fees, outside.funding)
    assert (5, 3.0) == (floor.strategy.cycles[0].ts_started, floor.strategy.cycles[0].entry_edge_bps)


def test_the_cycle_in_hand_is_told_in_the_reporting_currency():
    floor = Floor()
    floor.quote(SPOT, 29_999.0, 200)  # mid 30,000
    floor.quote(INVERSE, 30_000.0, 10)
    assert Pnl(ZERO, ZERO, ZERO, ZERO, "USDT") == floor.strategy.earned_in_cycle()
    floor.strategy.begin_cycle()
    floor.send(FundingPaid("puppet", INVERSE.id, D("0.001"), "BTC", 0.0, D(0), "f1", floor.now_ns))
    floor.send(FundingPaid("puppet", LINEAR.id, D("0.5"), "USDT", 0.0, D(0), "f2", floor.now_ns))
    # 0.001 × 30,000 + 0.5
    assert D("30.5") == floor.strategy.earned_in_cycle().total


def test_a_cycle_that_was_not_begun_does_not_end():
    floor = Floor()
    floor.strategy.end_cycle(CycleResult.COMPLETED, "")
    assert (0, []) == (floor.strategy.cycle_log.count, floor.strategy.cycles)
