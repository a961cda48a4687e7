"""The parts that say what a route is worth: hops, exchange rates, pegs, inventories, flows, valuation."""

from decimal import Decimal as D

import pytest

from actors.analytics.account import Rates
from actors.analytics.attribution import Movement
from actors.analytics.pnl import Ledger
from actors.strategies.arbitrage.direction import Direction, Threshold, kept_after
from actors.strategies.arbitrage.edge import Chain, ChainTerms, Hop
from actors.strategies.arbitrage.flows import Flows, flows_text
from actors.strategies.arbitrage.fx import ExchangeRate, Peg
from actors.strategies.arbitrage.inventory import Inventory
from actors.strategies.arbitrage.valuation import Held, common_mids, worth_of
from actors.strategies.market_view import MarketView
from messages.instruments import Instrument
from messages.market import Depth, Quote
from messages.orders import Fill, Liquidity, Side
from tests.actors.strategies.arbitrage.world import (
    ALPHA,
    BETA,
    CROSS,
    ETH_BTC,
    ETH_USDT,
    IN_USDC,
    PERPETUAL,
    SPOTS,
    parameters,
    spot,
)

NOW = 1_000_000_000


def market(instrument: Instrument, bid: float, ask: float, size: float = 1.0, **depth: tuple) -> MarketView:
    view = MarketView(instrument)
    view.on_quote(Quote(instrument.id, bid, size, ask, size, NOW, NOW))
    if depth:
        view.on_depth(Depth(instrument.id, depth.get("bids", ()), depth.get("asks", ()), 1, NOW, NOW))
    return view


def test_a_hop_says_what_goes_in_and_what_comes_out():
    view = market(ALPHA, 59_999.0, 60_000.0)
    buy, sell = Hop(view, Side.BUY), Hop(view, Side.SELL)
    assert ("USDT", "BTC", "BTC", "USDT") == (buy.gives, buy.receives, sell.gives, sell.receives)
    assert 1 / 60_060 == pytest.approx(buy.touch_rate())  # 60,000 × 1.001
    assert 59_939.001 == pytest.approx(sell.touch_rate())  # 59,999 × 0.999


def test_a_hop_without_a_price_is_worth_nothing():
    assert (0.0, []) == (
        Hop(MarketView(ALPHA), Side.SELL).touch_rate(),
        Hop(MarketView(ALPHA), Side.BUY).conversions(9.0),
    )
    assert 0.0 == Hop(market(ALPHA, 60_000.0, 0.0), Side.BUY).touch_rate()
    assert (0.0, 0.0) == (
        Hop(MarketView(ALPHA), Side.SELL).executable_rate(1.0), Hop(MarketView(ALPHA), Side.BUY).rate_to_receive(1.0),
    )  # fmt: skip


def test_levels_beyond_the_slippage_cap_do_not_count():
    view = market(
        ALPHA, 59_999.0, 60_000.0, asks=((60_050.0, 2.0), (60_061.0, 5.0)), bids=((59_940.0, 3.0), (59_900.0, 9.0))
    )
    assert [60_000.0, 60_050.0] == [level.price for level in Hop(view, Side.BUY).conversions(10.0)]  # cap 60,060
    assert [59_999.0, 59_940.0] == [level.price for level in Hop(view, Side.SELL).conversions(10.0)]  # cap 59,939.0


def test_a_rate_for_an_amount_is_the_mean_of_the_levels_that_it_needs():
    view = market(CROSS, 0.9990, 0.9991, 1_000.0, bids=((0.9980, 1_000.0),))
    hop = Hop(view, Side.SELL)
    assert 0.9985 == pytest.approx(hop.executable_rate(2_000.0))
    assert 0.0 == hop.executable_rate(2_001.0)  # not covered
    rate, covered = hop.mean_rate(2_001.0)
    assert (0.9985, 2_000.0) == pytest.approx((rate, covered))
    assert (0.0, 0.0) == Hop(MarketView(CROSS), Side.SELL).mean_rate(1.0)
    # 1,498 come out: 999 for the first 1,000, 499 for 500 more
    assert 1_498 / 1_500 == pytest.approx(hop.rate_to_receive(1_498.0))


def test_limits_together_give_away_no_more_than_the_edge_of_the_last_unit():
    buy, sell = Hop(market(ALPHA, 60_000.0, 60_000.0), Side.BUY), Hop(market(BETA, 60_300.0, 60_301.0), Side.SELL)
    chain = Chain((buy, sell))
    walk = chain.walk(ChainTerms(6_006.0, 10.0, 100.0))
    bought, sold = chain.limits(walk, 100.0)
    # marginal 60,300 × 0.9995 / (60,000 × 1.001) = 1.0034940; each side may give away its root, 1.0017455
    assert (D("60104.72"), D("60194.94")) == (bought, sold)
    assert 0 <= sold * D("0.9995") - bought * D("1.001") < D("0.05")


def test_limits_stay_within_the_slippage_cap():
    buy, sell = Hop(market(ALPHA, 60_000.0, 60_000.0), Side.BUY), Hop(market(BETA, 60_300.0, 60_301.0), Side.SELL)
    chain = Chain((buy, sell))
    walk = chain.walk(ChainTerms(6_006.0, 10.0, 2.0))
    assert (D("60012.00"), D("60287.94")) == chain.limits(walk, 2.0)  # 60,000 × 1.0002; 60,300 × 0.9998


def test_an_exchange_rate_is_executable_in_its_direction_and_never_one():
    view = market(CROSS, 0.9990, 0.9992, 10_000.0)
    to_usdt, to_usdc = ExchangeRate(view, "USDC", 1_000), ExchangeRate(view, "USDT", 1_000)
    assert 0.9990 == pytest.approx(to_usdt.touch(NOW))
    assert 1 / 0.9992 == pytest.approx(to_usdc.touch(NOW))
    assert 0.9990 == pytest.approx(to_usdt.executable(10_000.0, NOW))
    assert 0.0 == to_usdt.executable(10_001.0, NOW)
    assert "" == to_usdt.why_not(NOW)


def test_an_exchange_rate_pays_its_taker_fee():
    instrument = spot("USDCUSDT", "beta", "USDC", "USDT", taker_fee_bps=D(1))
    rate = ExchangeRate(market(instrument, 0.9990, 0.9992), "USDC", 1_000)
    assert 0.9990 * 0.9999 == pytest.approx(rate.touch(NOW))


def test_an_exchange_rate_that_is_missing_or_old_is_none():
    rate = ExchangeRate(MarketView(CROSS), "USDC", 1_000)
    assert (0.0, 0.0, "no quote of USDCUSDT.beta yet") == (
        rate.touch(NOW),
        rate.executable(1.0, NOW),
        rate.why_not(NOW),
    )
    old = ExchangeRate(market(CROSS, 0.9990, 0.9992), "USDC", 1_000)
    later = NOW + 1_001
    assert (0.0, 0.0) == (old.touch(later), old.executable(1.0, later))
    assert "the quote of USDCUSDT.beta is too old" == old.why_not(later)


def test_a_peg_is_broken_beyond_its_band_on_either_side():
    assert "" == Peg(MarketView(CROSS), 50.0).broken()
    assert "" == Peg(market(CROSS, 0.9950, 0.9952), 50.0).broken()  # mid 0.9951, 49 bps
    assert "" == Peg(market(CROSS, 0.9950, 0.0), 50.0).broken()
    assert "depeg: USDCUSDT.beta is at 0.9939, 61 bps from 1" == Peg(market(CROSS, 0.9938, 0.9940), 50.0).broken()
    assert "depeg" in Peg(market(CROSS, 1.0060, 1.0062), 50.0).broken()


def test_a_direction_is_worth_its_touch_edge_less_the_transfer_cost():
    hops = Hop(market(ALPHA, 60_000.0, 60_000.0), Side.BUY), Hop(market(BETA, 60_300.0, 60_301.0), Side.SELL)
    assert 34.940 == pytest.approx(Direction(hops, Threshold(50.0)).touch_edge_bps(NOW), abs=1e-3)
    with_cost = Direction(hops, Threshold(50.0), kept=kept_after(2.0))
    assert 32.933 == pytest.approx(with_cost.touch_edge_bps(NOW), abs=1e-3)  # 1.0034940 × 0.9998 − 1
    assert "buy BTCUSDT.alpha, sell BTCUSDT.beta" == with_cost.text


def ledger_with(**positions: str) -> Ledger:
    ledger = Ledger([ALPHA, BETA, PERPETUAL])
    for name, position in positions.items():
        ledger.adopt({"alpha": ALPHA, "beta": BETA, "perpetual": PERPETUAL}[name].id, D(position))
    return ledger


def test_room_is_what_is_there_to_sell_and_what_the_cap_leaves():
    alpha, beta = market(ALPHA, 50_000.0, 50_000.0), market(BETA, 50_000.0, 50_000.0)
    settings = parameters(SPOTS, inventory={ALPHA.id: D("0.1"), BETA.id: D(3)}, position_value_max=D(10_000))
    inventory = Inventory(ledger_with(alpha="-0.04", beta="0.15"), [], settings)
    assert D("0.06") == inventory.room(Hop(alpha, Side.SELL))  # 0.1 − 0.04 left of it
    assert D("0.24") == inventory.room(Hop(alpha, Side.BUY))  # back to 0, and 10,000 / 50,000 beyond
    assert D("0.05") == inventory.room(Hop(beta, Side.BUY))
    assert D("0.35") == inventory.room(Hop(beta, Side.SELL))
    assert 0 == inventory.room(Hop(MarketView(ALPHA), Side.SELL))


def test_without_the_balance_check_only_the_cap_counts_and_a_perpetual_has_no_balance():
    alpha, perpetual = market(ALPHA, 50_000.0, 50_000.0), market(PERPETUAL, 50_000.0, 50_000.0)
    unchecked = parameters(SPOTS, inventory={}, balance_check=False)
    assert D("0.2") == Inventory(ledger_with(), [], unchecked).room(Hop(alpha, Side.SELL))
    checked = Inventory(ledger_with(perpetual="-150"), [], parameters(SPOTS))
    assert D("0.05") == checked.room(Hop(perpetual, Side.SELL))  # 0.2 − 150 × 0.001
    assert -0.75 == checked.drift(Hop(perpetual, Side.BUY))


def test_a_side_that_runs_dry_is_told_once_until_it_is_back():
    problems: list[str] = []
    ledger = ledger_with(alpha="-0.1")
    inventory = Inventory(ledger, problems, parameters(SPOTS, inventory={ALPHA.id: D("0.1"), BETA.id: D(3)}))
    sell = Hop(market(ALPHA, 50_000.0, 50_000.0), Side.SELL)
    text = "BTCUSDT.alpha has run dry: 0 BTC are left to sell"
    assert (text, text) == (inventory.why_dry(sell, D("0.001")), inventory.why_dry(sell, D("0.001")))
    assert [f"{text}; this is not told again before it has come back to its start"] == problems
    for back, told in (("-0.099", 1), ("-0.001", 1), ("0", 2)):
        ledger.adopt(ALPHA.id, D(back))
        assert "" == inventory.why_dry(sell, D("0.001"))
        ledger.adopt(ALPHA.id, D("-0.1"))
        assert text == inventory.why_dry(sell, D("0.001"))
        assert told == len(problems)


def test_a_side_that_had_next_to_nothing_at_its_start_is_told_anew_only_after_a_tenth_of_the_cap():
    problems: list[str] = []
    ledger = ledger_with(alpha="0")
    inventory = Inventory(ledger, problems, parameters(SPOTS, inventory={ALPHA.id: D(0), BETA.id: D(3)}))
    sell = Hop(market(ALPHA, 50_000.0, 50_000.0), Side.SELL)
    for held, told in (("0", 1), ("0.019", 1), ("0", 1), ("0.02", 1), ("0", 2)):  # 0.02 × 50,000 is a tenth of the cap
        ledger.adopt(ALPHA.id, D(held))
        inventory.why_dry(sell, D("0.001"))
        assert told == len(problems)


def test_a_drift_at_its_cap_is_told_as_such():
    inventory = Inventory(ledger_with(alpha="0.2"), [], parameters(SPOTS))
    text = inventory.why_dry(Hop(market(ALPHA, 50_000.0, 50_000.0), Side.BUY), D("0.001"))
    assert "BTCUSDT.alpha has drifted by 0.2, as far as position_value_max (10000) lets it" == text


def fill(instrument: Instrument, side: Side, quantity: str, price: str, fee: str, currency: str) -> Fill:
    return Fill(
        client_order_id="a-1", strategy="a", instrument=instrument.id, side=side, price=D(price), quantity=D(quantity),
        fee=D(fee), fee_currency=currency, liquidity=Liquidity.TAKER, trade_id=f"{price}", ts_event=NOW,
    )  # fmt: skip


IN_USDT = Rates("USDT", {"USDT": D(1), "BTC": D(60_000), "USDC": D("0.9999")})


def test_flows_net_to_what_is_locked_in():
    flows = Flows()
    flows.add(fill(ALPHA, Side.BUY, "0.1", "60000", "6", "USDT"), ALPHA)
    flows.add(fill(PERPETUAL, Side.SELL, "100", "60300", "3.015", "USDT"), PERPETUAL)
    # −6,000 − 6 + 6,030 − 3.015; 100 contracts are 0.1 BTC
    assert {"BTC": D(0), "USDT": D("20.985")} == flows.amounts
    assert "20.985 USDT" == flows_text(flows.amounts, IN_USDT)
    flows.clear()
    assert "" == flows_text(flows.amounts, IN_USDT)


def test_flows_know_a_fee_in_base_and_one_in_a_third_token():
    flows = Flows()
    flows.add(fill(ALPHA, Side.BUY, "0.1", "60000", "0.0001", "BTC"), ALPHA)
    flows.add(fill(IN_USDC, Side.SELL, "0.1", "60300", "0.004", "BNB"), IN_USDC)
    # nothing says what BNB is worth: no sum
    assert "-0.004 BNB, -0.0001 BTC, 6030 USDC, -6000 USDT" == flows_text(flows.amounts, IN_USDT)


def test_what_was_locked_in_is_told_as_a_sum_before_its_parts():
    # 4,999.86 − 4,999.65 × 0.9999 = 0.709965: two large amounts, and a small profit
    amounts = {"BTC": D(0), "USDC": D("-4999.65"), "USDT": D("4999.86")}
    assert "0.709965 USDT (-4999.65 USDC, 4999.86 USDT)" == flows_text(amounts, IN_USDT)
    assert "-2.9997 USDT (-3 USDC)" == flows_text({"USDC": D(-3)}, IN_USDT)


def test_an_asset_has_one_price_wherever_it_is_held():
    mids = {ALPHA.id: D(60_000), BETA.id: D(60_300), PERPETUAL.id: D(60_200)}
    instruments = [ALPHA, BETA, PERPETUAL]
    common = common_mids(instruments, mids, worth_of(instruments, mids, "USDT"))
    assert {ALPHA.id: D(60_000), BETA.id: D(60_000), PERPETUAL.id: D(60_200)} == common


def test_one_price_goes_through_other_currencies_too():
    # ETH = 3,000 USDT by its own market; ETH/BTC is then worth 3,000 / 60,000 whatever it shows
    mids = {
        ALPHA.id: D(60_000),
        ETH_USDT.id: D(3_000),
        ETH_BTC.id: D("0.0505"),
        IN_USDC.id: D(60_120),
        CROSS.id: D("0.998"),
    }
    instruments = [ETH_BTC, ALPHA, ETH_USDT, IN_USDC, CROSS]
    common = common_mids(instruments, mids, worth_of(instruments, mids, "USDT"))
    assert D("0.05") == common[ETH_BTC.id]
    assert {"USDT": D(1)} == worth_of([ETH_BTC], {}, "USDT")
    assert {} == common_mids([ETH_BTC], {}, {"USDT": D(1)})


def test_a_stablecoin_is_worth_what_its_own_market_says_and_not_what_bitcoin_comes_to():
    mids = {ALPHA.id: D(60_000), IN_USDC.id: D(60_120), CROSS.id: D("0.9999")}
    instruments = [ALPHA, IN_USDC, CROSS]  # by bitcoin, USDC would be 60,000 / 60,120 = 0.9980
    worth = worth_of(instruments, mids, "USDT")
    assert {"USDT": D(1), "BTC": D(60_000), "USDC": D("0.9999")} == worth
    # bitcoin in USDC: 60,000 / 0.9999 = 60,006.0006000600...
    common = common_mids(instruments, mids, worth)
    assert {ALPHA.id: D(60_000), IN_USDC.id: D("60006.0006000600"), CROSS.id: D("0.9999")} == common


def test_a_rate_the_other_way_round_counts_where_nothing_is_nearer():
    mids = {ALPHA.id: D(60_000), IN_USDC.id: D(60_120), CROSS.id: D("0.8")}
    # in USDC: 1 / 0.8 for USDT, rather than 60,120 / 60,000 through bitcoin
    assert {"USDC": D(1), "BTC": D(60_120), "USDT": D("1.25")} == worth_of([ALPHA, IN_USDC, CROSS], mids, "USDC")
    # without that market there is only the way through bitcoin
    assert {"USDC": D(1), "BTC": D(60_120), "USDT": D("1.002")} == worth_of([ALPHA, IN_USDC], mids, "USDC")


def test_the_gain_of_what_is_held_is_told_for_each_currency():
    ledger = Ledger([ALPHA, IN_USDC, PERPETUAL])
    ledger.apply_fill(fill(ALPHA, Side.BUY, "2", "50000", "0", "USDT"))
    ledger.apply_fill(fill(IN_USDC, Side.SELL, "0.5", "50000", "0", "USDC"))
    ledger.apply_fill(fill(PERPETUAL, Side.SELL, "300", "50000", "0", "USDT"))
    held = Held(ledger, {ALPHA.id: D(60_000), IN_USDC.id: D(60_000)})
    ledger.apply_fill(fill(ALPHA, Side.BUY, "9", "50000", "0", "USDT"))  # after that moment
    moved = held.moved({ALPHA.id: D(60_010), IN_USDC.id: D(60_100), PERPETUAL.id: D(61_000)}, Movement.BASIS)
    # 2 × 10 USDT; −0.5 × 100 USDC; the perpetual had no price at that moment
    assert [("USDC", D(-50)), ("USDT", D(20))] == [(pnl.currency, pnl.total) for pnl in moved.pnls]
