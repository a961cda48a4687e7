"""Steps, minimums, and how the second leg follows the first, with the arithmetic beside it."""

from decimal import Decimal as D

import msgspec
import pytest

from actors.strategies.market_view import MarketView
from actors.strategies.pair.sizing import (
    Leg,
    PairPlan,
    PlanRequest,
    closable,
    common_step,
    following,
    is_tradable,
    leading,
    plan_pair,
    slipped,
    to_order,
)
from messages.instruments import Instrument
from messages.market import Depth, Quote
from messages.orders import Side
from tests.actors.strategies.trading_world import INVERSE, PERPETUAL, SPOT

ONE = D(1)
BASE_FEE_SPOT = msgspec.structs.replace(SPOT, fee_currency="BTC")


def leg(instrument: Instrument, opens: Side, bid: float = 60_000.0, ask: float = 60_001.0, size: float = 100.0) -> Leg:
    view = MarketView(instrument)
    view.on_quote(Quote(instrument.id, bid, size, ask, size, 1, 1))
    return Leg(instrument, opens, view)


def legs(spot: Instrument = SPOT, futures: Instrument = PERPETUAL) -> tuple[Leg, Leg]:
    return leg(spot, Side.BUY), leg(futures, Side.SELL, 60_300.0, 60_301.0, 1_000.0)


def request(**changes) -> PlanRequest:
    settings = {
        "notional": D(10_000), "hedge_ratio": ONE, "slippage_bps_max": 5.0, "slack_bps": 0.0, "edge_bps": 10.0,
        "held": (D(0), D(0)),
    }  # fmt: skip
    return PlanRequest(**{**settings, **changes})


def test_the_common_step_is_the_least_common_multiple_in_base_units():
    first = msgspec.structs.replace(SPOT, lot_size=D("0.0003"))
    assert D("0.003") == common_step(first, PERPETUAL)


def test_the_common_step_counts_the_contract_size():
    # 3 contracts of 0.1 = 0.3; with 0.2: 0.6
    contracts = msgspec.structs.replace(PERPETUAL, lot_size=D(3), multiplier=D("0.1"))
    assert D("0.6") == common_step(msgspec.structs.replace(SPOT, lot_size=D("0.2")), contracts)
    assert D(20) == common_step(
        msgspec.structs.replace(SPOT, lot_size=D(10)), msgspec.structs.replace(SPOT, lot_size=D(4))
    )


@pytest.mark.parametrize(
    ("quantity", "price", "expected"),
    [
        ("0.002", "60000", True),  # 120 ≥ 100
        ("0.001", "60000", False),  # 60 < 100
        ("0.0015", "60000", False),  # not a whole lot
        ("0", "60000", False),
        ("0.001", None, True),  # no price: the minimum is not held against it
    ],
)
def test_an_order_is_tradable_in_whole_lots_above_the_minimums(quantity, price, expected):
    assert expected == is_tradable(PERPETUAL, D(quantity), None if price is None else D(price))


def test_a_reduce_only_order_of_a_derivative_has_no_minimum_notional_but_a_spot_sale_has():
    assert is_tradable(PERPETUAL, D("0.001"), D(60_000), is_reducing=True)
    assert not is_tradable(SPOT, D("0.00005"), D(60_000), is_reducing=True)  # 3 < 5


def test_a_minimum_quantity_is_kept():
    assert not is_tradable(msgspec.structs.replace(SPOT, min_quantity=D("0.01")), D("0.009"), D(60_000))


def test_a_base_fee_is_bought_on_top():
    # 0.165 / 0.999 = 0.165165..., up to the lot: 0.16517
    assert D("0.16517") == to_order(leg(BASE_FEE_SPOT, Side.BUY), D("0.165"))
    assert D("0.165") == to_order(leg(SPOT, Side.BUY), D("0.165"))


def test_closing_never_asks_for_more_than_is_held_nor_than_the_venue_takes():
    assert D("0.00999") == closable(leg(SPOT, Side.BUY), D("0.009995"))
    assert D(0) == closable(leg(SPOT, Side.BUY), D("0.00005"))
    assert D(0) == closable(leg(SPOT, Side.BUY), D(-1))
    assert D(2) == closable(leg(msgspec.structs.replace(SPOT, max_quantity=D(2)), Side.BUY), D(3))


def test_the_second_leg_follows_what_the_first_filled_rounded_down_to_its_lot():
    assert D("0.002") == following(legs(), D("0.00299"), ONE, ONE)
    assert D(0) == following(legs(), D("0.0009"), ONE, ONE)
    assert D(0) == following(legs(), D("-0.5"), ONE, ONE)


def test_the_second_leg_follows_times_ratio_and_multiplier():
    contracts = msgspec.structs.replace(PERPETUAL, lot_size=D(1), multiplier=D("0.01"))
    # 0.5 × 0.9 / 0.01 = 45 contracts
    assert D(45) == following(legs(futures=contracts), D("0.5"), D("0.9"), ONE)


def test_inverse_contracts_follow_at_the_reference_price():
    # 0.1 × 60,000 / 100 = 60 contracts, whatever the price does later
    assert D(60) == following(legs(futures=INVERSE), D("0.1"), ONE, D(60_000))
    assert D("0.1") == leading(legs(futures=INVERSE), D(60), ONE, D(60_000))


@pytest.mark.parametrize("contracts", range(1, 200, 7))
def test_what_leads_is_followed_by_just_as_many_contracts(contracts):
    pair = legs(futures=INVERSE)
    assert D(contracts) == following(pair, leading(pair, D(contracts), ONE, D("60123.4")), ONE, D("60123.4"))
    assert D(0) == leading(pair, D(0), ONE, D("60123.4"))


def test_a_plan_sizes_both_legs_on_the_common_step():
    plan = plan_pair(legs(), request())
    # the dearer leg decides: 10,000 / 60,300 = 0.16583, down to 0.001
    assert isinstance(plan, PairPlan)
    assert (D("0.165"), D("0.165")) == plan.quantities
    assert (D(60_001), D(60_300)) == plan.limits  # no slack: the touch


def test_an_inverse_plan_fixes_the_contract_count_and_buys_what_covers_it():
    plan = plan_pair(legs(futures=INVERSE), request())
    # 10,000 / 60,300 = 0.165837; × 60,300 / 100 = 100 contracts; 100 × 100 / 60,300 = 0.165837, up to 0.16584
    assert isinstance(plan, PairPlan)
    assert (D("0.16584"), D(100), D(60_300)) == (*plan.quantities, plan.reference_price)


def test_an_inverse_leg_can_lead():
    first, second = legs(futures=INVERSE)
    plan = plan_pair((second, first), request())
    assert isinstance(plan, PairPlan)
    assert D(100) == plan.quantities[0]
    assert D("0.16583") == plan.quantities[1]


def test_a_plan_takes_a_carried_residual_into_account():
    plan = plan_pair(legs(), request(held=(D("0.0009"), D(0))))
    assert isinstance(plan, PairPlan)
    assert (D("0.1641"), D("0.165")) == plan.quantities


def test_half_of_the_slack_goes_to_each_leg_up_to_the_cap():
    plan = plan_pair(legs(), request(slack_bps=4.0))
    # 60,001 × 1.0002 = 60,013.0002 down to the tick; 60,300 × 0.9998 = 60,287.94 up to the tick
    assert isinstance(plan, PairPlan)
    assert (D("60013.00"), D("60288.0")) == plan.limits
    capped = plan_pair(legs(), request(slack_bps=40.0))
    # 60,001 × 1.0005 = 60,031.0005; 60,300 × 0.9995 = 60,269.85
    assert isinstance(capped, PairPlan)
    assert (D("60031.00"), D("60269.9")) == capped.limits


def test_a_limit_reaches_the_last_level_that_the_size_needs():
    pair = legs()
    pair[0].view.on_quote(Quote(SPOT.id, 60_000.0, 1.0, 60_001.0, 0.1, 1, 1))
    pair[0].view.on_depth(Depth(SPOT.id, (), ((60_001.0, 0.1), (60_003.0, 5.0)), 1, 1, 1))
    plan = plan_pair(pair, request())
    assert isinstance(plan, PairPlan)
    assert (D("0.165"), D(60_003)) == (plan.quantities[0], plan.limits[0])


def test_a_thin_book_makes_the_pair_smaller():
    pair = legs()
    pair[1].view.on_quote(Quote(PERPETUAL.id, 60_300.0, 0.05, 60_301.0, 0.05, 1, 1))
    plan = plan_pair(pair, request())
    assert isinstance(plan, PairPlan)
    assert (D("0.05"), D("0.05")) == plan.quantities


def test_both_legs_are_checked_before_either_is_sent():
    refused = plan_pair(legs(), request(notional=D(90)))
    # 90 / 60,001 = 0.00149 → 0.001: 60.3 USDT of futures are below 100
    assert isinstance(refused, str)
    assert "0.001 BTCUSDT.usdm at 60300.0 is below the venue's minimum" in refused


def test_a_pair_that_is_held_already_is_not_opened_again():
    assert isinstance(plan_pair(legs(), request(held=(D("0.166"), D("0.166")))), str)


def test_a_ratio_other_than_one_rounds_each_leg_for_itself():
    plan = plan_pair(legs(), request(hedge_ratio=D("0.5")))
    assert isinstance(plan, PairPlan)
    # 0.16583 × 0.5 = 0.082915 → 0.082
    assert (D("0.16583"), D("0.082")) == plan.quantities


def test_a_slipped_price_goes_to_the_generous_tick():
    assert D("60030.1") == slipped(PERPETUAL, Side.BUY, 60_000.01, 5.0)  # 60,030.01
    assert D("59969.9") == slipped(PERPETUAL, Side.SELL, D("59999.9"), 5.0)  # 59,969.90005
    assert D("0.1") == slipped(PERPETUAL, Side.SELL, 0.1, 3_000.0)  # never below one tick
