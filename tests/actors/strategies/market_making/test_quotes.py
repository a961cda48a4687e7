"""Where a market maker quotes: spread, skew and levels, fair value and inventory, with the arithmetic beside them."""

from decimal import Decimal as D
from math import log

import pytest

from actors.strategies.market_making.fair_value import FairValue
from actors.strategies.market_making.inventory import Inventory, size_skew
from actors.strategies.market_making.quotes import (
    Ladders,
    QuotingInput,
    avellaneda_stoikov,
    bounded_half_bps,
    fixed,
)
from actors.strategies.market_making.signals import MakerSignals
from actors.strategies.market_view import MarketView
from messages.market import Quote
from messages.orders import Side
from tests.actors.strategies.market_making.world import LEAD, LEAD_ID, PERPETUAL, PERPETUAL_ID, SPOT, maker_parameters
from tests.actors.strategies.trading_world import INVERSE, S


def seen(**changes: float) -> QuotingInput:
    return QuotingInput(fair=10_000.0, sigma_bps=0.0, deviation=0.0, skew=0.0, lots=0.0, floor_bps=0.0)._replace(
        **changes
    )


# --- the fixed model --------------------------------------------------------------------------------------------


def test_a_fixed_spread_is_half_on_each_side_of_the_fair_value():
    assert (10_000.0, 5.0) == fixed(maker_parameters(), seen())


def test_volatility_widens_a_fixed_spread():
    # (10 + 2 × 3) / 2
    assert 8.0 == fixed(maker_parameters(volatility_multiplier=2.0), seen(sigma_bps=3.0)).half_bps


def test_a_long_inventory_moves_both_quotes_down_by_a_share_of_the_half_spread():
    # 10000 × (1 − 0.5 × 0.4 × 5 / 10000)
    assert pytest.approx(9_999.0) == fixed(maker_parameters(), seen(skew=0.4)).price
    assert pytest.approx(10_001.0) == fixed(maker_parameters(), seen(skew=-0.4)).price


def test_a_spread_stays_within_its_bounds_but_never_below_its_costs():
    parameters = maker_parameters()
    assert (2.5, 25.0) == (bounded_half_bps(parameters, 1.0, 0.0), bounded_half_bps(parameters, 80.0, 0.0))
    assert (7.0, 30.0) == (bounded_half_bps(parameters, 10.0, 7.0), bounded_half_bps(parameters, 80.0, 30.0))


# --- Avellaneda and Stoikov -------------------------------------------------------------------------------------

AS = maker_parameters(model="avellaneda_stoikov", risk_aversion=0.05, order_arrival_decay=0.2, horizon_s=60.0)


def test_the_reservation_price_and_spread_are_those_of_the_paper_in_bps_of_the_price():
    centre = avellaneda_stoikov(AS, seen(sigma_bps=1.0, lots=2.0))
    # one bps is 1.0 here: 10000 − 2 × 0.05 × 1² × 60 = 9994
    assert pytest.approx(9_994.0) == centre.price
    # (0.05 × 1 × 60 + 2 / 0.05 × ln(1 + 0.05 / 0.2)) / 2 = (3 + 40 × 0.2231436) / 2
    assert pytest.approx((3.0 + 40.0 * log(1.25)) / 2.0) == centre.half_bps


def test_the_same_parameters_mean_the_same_bps_at_any_price():
    dear = avellaneda_stoikov(AS, seen(sigma_bps=1.0, lots=2.0))
    cheap = avellaneda_stoikov(AS, seen(fair=0.1, sigma_bps=1.0, lots=2.0))
    assert pytest.approx(dear.half_bps) == cheap.half_bps
    assert pytest.approx(dear.price / 10_000.0) == cheap.price / 0.1


def test_the_shift_of_the_price_is_bounded_by_the_largest_spread():
    # 10000 − 40 × 0.05 × 16 × 60 would be 8080; at most 50 bps
    assert pytest.approx(9_950.0) == avellaneda_stoikov(AS, seen(sigma_bps=4.0, lots=40.0)).price
    assert pytest.approx(10_050.0) == avellaneda_stoikov(AS, seen(sigma_bps=4.0, lots=-40.0)).price


# --- levels -----------------------------------------------------------------------------------------------------


def test_each_level_is_farther_away_and_smaller():
    ladder = Ladders(maker_parameters(levels=3)).around(seen())
    # 5, 7.5 and 11.25 bps of 10000; 0.1, 0.07 and 0.049
    assert pytest.approx((9_995.0, 9_992.5, 9_988.75)) == ladder.bid_prices
    assert pytest.approx((10_005.0, 10_007.5, 10_011.25)) == ladder.ask_prices
    assert pytest.approx((0.1, 0.07, 0.049)) == ladder.bid_sizes
    assert pytest.approx((0.1, 0.07, 0.049)) == ladder.ask_sizes


@pytest.mark.parametrize(
    ("deviation", "expected"),
    [
        (-2.0, (2.0, 0.0)),
        (-1.0, (2.0, 0.0)),
        (-0.5, (1.5, 0.5)),
        (0.0, (1.0, 1.0)),
        (0.25, (0.75, 1.25)),
        (3.0, (0.0, 2.0)),
    ],
)
def test_sizes_lean_against_the_inventory(deviation, expected):
    assert expected == size_skew(deviation)


def test_at_the_soft_limit_only_the_side_that_reduces_is_quoted():
    ladder = Ladders(maker_parameters()).around(seen(deviation=1.0))
    assert ((0.0,), (0.2,)) == (ladder.bid_sizes, ladder.ask_sizes)


# --- inventory --------------------------------------------------------------------------------------------------


def test_an_inventory_is_measured_from_its_target():
    inventory = Inventory(PERPETUAL, maker_parameters(inventory_target=D("0.1")))
    # (0.2 − 0.1) over 0.4 × 0.5, over 0.4, over 0.1
    assert pytest.approx((0.5, 0.25, 1.0)) == (
        inventory.deviation(D("0.2")), inventory.skew(D("0.2")), inventory.lots(D("0.2")),
    )  # fmt: skip
    assert (1, 0, -1) == tuple(inventory.side_of(D(held)) for held in ("0.2", "0.1", "0"))
    assert -1.0 == inventory.skew(D(-1))


def test_what_may_be_bought_or_sold_ends_at_the_hard_limit():
    inventory = Inventory(PERPETUAL, maker_parameters())
    assert (D("0.3"), D("0.5")) == tuple(inventory.headroom(side, D("0.1")) for side in Side)
    assert (D("0.0"), D("0.9")) == tuple(inventory.headroom(side, D("0.5")) for side in Side)


def test_spot_can_be_sold_as_far_as_it_is_held():
    alone, funded = (
        Inventory(SPOT, maker_parameters(SPOT)),
        Inventory(SPOT, maker_parameters(SPOT, opening_inventory=D("0.3"))),
    )
    assert (D(0), D("0.1")) == (alone.headroom(Side.SELL, D(0)), alone.headroom(Side.SELL, D("0.1")))
    assert D("0.3") == funded.headroom(Side.SELL, D(0))
    rich = Inventory(SPOT, maker_parameters(SPOT, opening_inventory=D(9)))
    assert D("0.4") == rich.headroom(Side.SELL, D(0))


@pytest.mark.parametrize(
    ("target", "held", "expected"),
    [
        ("0", "0.4", None),
        ("0", "-0.4", None),
        ("0", "0.5", (Side.SELL, D("0.3"))),  # back to the soft limit, 0.4 × 0.5
        ("0", "-0.7", (Side.BUY, D("0.5"))),
        ("-0.4", "0.5", (Side.SELL, D("0.5"))),  # never through 0, which would not reduce
        ("0.4", "-0.5", (Side.BUY, D("0.5"))),
    ],
)
def test_a_position_beyond_its_hard_limit_is_taken_back_to_the_soft_one(target, held, expected):
    inventory = Inventory(PERPETUAL, maker_parameters(inventory_target=D(target)))
    assert expected == inventory.reduction(D(held), D(60_000))


def test_a_reduction_is_no_larger_than_the_venue_takes_and_none_where_it_takes_none():
    largest = type(PERPETUAL)(
        **{name: getattr(PERPETUAL, name) for name in PERPETUAL.__struct_fields__ if name != "max_quantity"},
        max_quantity=D("0.2"),
    )
    assert (Side.SELL, D("0.2")) == Inventory(largest, maker_parameters()).reduction(D("0.5"), D(60_000))
    dear = type(SPOT)(
        **{name: getattr(SPOT, name) for name in SPOT.__struct_fields__ if name != "min_notional"},
        min_notional=D(1_000_000),
    )
    assert Inventory(dear, maker_parameters(SPOT)).reduction(D("0.5"), D(60_000)) is None


def test_an_inverse_inventory_counts_contracts():
    inventory = Inventory(INVERSE, maker_parameters(INVERSE))
    # limits ± 240 contracts, soft ± 120
    assert (Side.SELL, D(180)) == inventory.reduction(D(300), D(60_000))
    assert pytest.approx(0.5) == inventory.deviation(D(60))


# --- fair value -------------------------------------------------------------------------------------------------


def a_quote(instrument: str, bid: float, bid_size: float, ask_size: float, ts_ns: int = S) -> Quote:
    return Quote(instrument, bid, bid_size, bid + 2.0, ask_size, ts_ns, ts_ns)


def test_the_fair_value_leans_to_the_heavier_side_of_the_book():
    quote = a_quote(PERPETUAL_ID, 100.0, 3.0, 1.0)
    # micro-price 101.5, imbalance 0.5, spread 2: 101.5 + 0.1 × 0.5 × 2
    assert 101.5 == FairValue(maker_parameters(), None).of(quote, S)
    assert pytest.approx(101.6) == FairValue(maker_parameters(imbalance_weight=0.1), None).of(quote, S)


def test_the_lead_moves_the_fair_value_by_its_return_since_our_own_quote():
    lead = MarketView(LEAD)
    fair_value = FairValue(maker_parameters(lead_instrument=LEAD_ID, lead_beta=0.5), lead)
    own = a_quote(PERPETUAL_ID, 99.0, 1.0, 1.0)
    fair_value.note_own_quote(S)
    assert 100.0 == fair_value.of(own, S)  # the lead has not been heard of
    lead.on_quote(a_quote(LEAD_ID, 999.0, 1.0, 1.0))
    assert 100.0 == fair_value.of(own, S)
    fair_value.note_own_quote(S)
    lead.on_quote(a_quote(LEAD_ID, 1_000.0, 1.0, 1.0))
    # 1001 / 1000 − 1 = 10 bps, by 0.5
    assert pytest.approx(100.05) == fair_value.of(own, S)
    lead.on_quote(a_quote(LEAD_ID, 1_099.0, 1.0, 1.0))
    assert pytest.approx(100.1) == fair_value.of(own, S)  # 500 bps are bounded at 10
    lead.on_quote(a_quote(LEAD_ID, 899.0, 1.0, 1.0))
    assert pytest.approx(99.9) == fair_value.of(own, S)
    assert 100.0 == fair_value.of(own, 7 * S)  # an old lead moves nothing


def test_without_a_quote_there_is_no_fair_value():
    assert 0.0 == MakerSignals(maker_parameters(), {PERPETUAL_ID: MarketView(PERPETUAL)}).fair(S)
