"""Sizes of a triangle: whole lots, dust, and fees in what is received."""

from decimal import Decimal as D

import pytest

from actors.analytics.arbitrage import ChainWalk
from actors.strategies.arbitrage.edge import Chain, ChainTerms
from actors.strategies.arbitrage.triangle.commands import TrianglePlan
from actors.strategies.arbitrage.triangle.holdings import TriangleHoldings, affordable
from actors.strategies.arbitrage.triangle.plan import TriangleRequest, converted, lots, plan_triangle
from actors.strategies.arbitrage.triangle.route import hops_from
from actors.strategies.market_view import MarketView
from messages.instruments import Instrument
from messages.market import Quote
from messages.orders import Side
from tests.actors.strategies.arbitrage.world import spot

BTC = spot("BTCUSDT", "v", "BTC", "USDT", lot_size=D("0.001"), fee_currency="BTC")
ETH_BTC = spot("ETHBTC", "v", "ETH", "BTC", tick_size=D("0.00001"), lot_size=D("0.01"), min_notional=D("0.0001"))
ETH = spot("ETHUSDT", "v", "ETH", "USDT", lot_size=D("0.01"))


def market(instrument: Instrument, bid: float, ask: float, size: float = 100.0) -> MarketView:
    view = MarketView(instrument)
    view.on_quote(Quote(instrument.id, bid, size, ask, size, 1, 1))
    return view


def markets(eth: float = 3_060.0) -> tuple[MarketView, ...]:
    return market(BTC, 59_990.0, 60_000.0), market(ETH_BTC, 0.04999, 0.05), market(ETH, eth, eth + 1)


def plan(eth: float = 3_060.0, amount: float = 6_000.0, min_bps: float = 10.0) -> TrianglePlan | str:
    hops = tuple(hops_from("USDT", markets(eth)))
    walk = Chain(hops).walk(ChainTerms(amount, min_bps, 10.0))
    return plan_triangle(TriangleRequest(hops, walk, min_bps, 10.0))


def test_the_edge_counts_every_rest_below_a_lot_as_lost():
    # 6,000 USDT buy 0.1 BTC, of which 0.1 % stays as a fee: 0.0999 BTC.
    # They pay for 0.0999 / (0.05 × 1.001) = 1.996004 ETH → 1.99 (lot 0.01); 0.00029995... BTC are dust.
    # 1.99 ETH bring 1.99 × 3,060 × 0.999 = 6,083.3106 USDT: 138.85 bps on 6,000.
    found = plan()
    assert isinstance(found, TrianglePlan)
    assert D("0.100") == found.quantity
    assert 138.851 == pytest.approx(found.edge_bps, abs=1e-3)


def test_an_edge_that_the_dust_takes_away_is_refused():
    # 3,015: 1.99 × 3,015 × 0.999 = 5,993.85 → −10.25 bps, though the first unit has +19.89 bps
    hops = tuple(hops_from("USDT", markets(3_015.0)))
    assert 19.890 == pytest.approx(Chain(hops).touch_edge_bps(1.0), abs=1e-3)
    assert "-10.25 bps are left in whole lots, expected at least 10" == plan(3_015.0)


def test_the_way_round_goes_backward_too():
    # USDT → ETH → BTC → USDT
    hops = tuple(hops_from("USDT", tuple(reversed(markets()))))
    assert [Side.BUY, Side.SELL, Side.SELL] == [hop.side for hop in hops]
    assert ["ETH", "BTC", "USDT"] == [hop.receives for hop in hops]


def test_a_step_below_the_venues_minimum_is_refused():
    found = plan(amount=59.0)
    assert isinstance(found, str)
    assert found.startswith("0.000 BTCUSDT.v at ")
    assert "is below the venue's minimum (lot 0.001, quantity 0, notional 5)" in found


def test_without_a_market_there_is_no_plan():
    assert "no market for one of its steps" == plan_triangle(TriangleRequest((), ChainWalk((0.0,), (), 0.0), 0.0, 1.0))


def test_limits_lose_nothing_together_and_a_later_purchase_gives_nothing_away():
    found = plan(min_bps=1.0)
    assert isinstance(found, TrianglePlan)
    bought, crossed, sold = found.limits
    assert D("0.05") == crossed  # the worst level needed
    # capped at 10 bps from the touch: 60,060 and 3,056.94
    assert (D("60060.00"), D("3056.94")) == (bought, sold)
    assert sold * D("0.999") / (crossed * D("1.001")) * D("0.999") / bought > 1


def test_lots_are_what_an_amount_pays_for_fee_included():
    buy_btc, buy_eth, sell_eth = hops_from("USDT", markets())
    assert D("0.100") == lots(buy_btc, 6_000.0, 60_000.0)  # its fee is in BTC
    assert D("1.99") == lots(buy_eth, 0.0999, 0.05)
    assert D("1.99") == lots(sell_eth, 1.999, 3_060.0)
    assert (6_000.0, 0.0999) == pytest.approx(converted(buy_btc, 0.1))
    assert (0.0995995, 1.99) == pytest.approx(converted(buy_eth, 1.99))  # 1.99 × 0.05 × 1.001


def test_an_order_is_no_larger_than_the_venue_takes():
    small = spot("BTCUSDT", "v", "BTC", "USDT", lot_size=D("0.001"), max_quantity=D("0.05"))
    (hop,) = hops_from("USDT", (market(small, 59_990.0, 60_000.0),))
    assert D("0.05") == lots(hop, 6_000.0, 60_000.0)
    assert D("0.05") == affordable(hop, D(6_100), D(60_000))
    assert 0 == affordable(hop, D(-1), D(60_000))
    assert (float("inf"), 1.0) == converted(next(hops_from("USDT", (MarketView(small),))), 1.0)


def test_the_way_back_is_the_one_that_brings_more():
    views = markets()
    holdings = TriangleHoldings(views, "USDT")
    everything = {view.instrument.id for view in views}
    holdings.move({"BTC": D("0.0999")})
    # straight 0.0999 × 59,990 × 0.999 = 5,987.01; across 0.0999 / 0.05005 × 3,060 × 0.999 = 6,101.66
    way = holdings.way_back("BTC", everything)
    assert way is not None
    assert (ETH_BTC, Side.BUY, D("1.99")) == (way.hop.instrument, way.hop.side, way.quantity)
    assert 6_101.66 == pytest.approx(way.value, abs=0.02)
    straight = holdings.way_back("BTC", {BTC.id})
    assert straight is not None
    assert (BTC, Side.SELL, D("0.099")) == (straight.hop.instrument, straight.hop.side, straight.quantity)
    assert 5_987.01 == pytest.approx(straight.value, abs=0.02)
    assert holdings.way_back("BTC", {ETH_BTC.id}) is None


def test_dust_is_no_leftover_and_is_carried():
    holdings = TriangleHoldings(markets(), "USDT")
    holdings.move({"BTC": D("0.0009"), "ETH": D("0.02"), "USDT": D(-100)})
    assert (["ETH"], True) == (holdings.leftovers(), holdings.is_measurable)
    assert "residual: holding 0.0009 BTC, 0.02 ETH" == holdings.text()
    unseen = TriangleHoldings((MarketView(BTC), MarketView(ETH_BTC), MarketView(ETH)), "USDT")
    unseen.move({"BTC": D(1)})
    assert ([], False) == (unseen.leftovers(), unseen.is_measurable)
    assert "" == TriangleHoldings(markets(), "USDT").text()
