"""Complete or unwind: by cost, with what is usable, and only what venues take."""

from decimal import Decimal as D

import msgspec
import pytest

from actors.strategies.market_view import MarketView
from actors.strategies.pair.repair import Holdings, RepairKind, hedge_gap, is_actionable, repairs
from actors.strategies.pair.sizing import Leg
from messages.market import Quote
from messages.orders import Side
from tests.actors.strategies.trading_world import PERPETUAL, SPOT

BOTH = (True, True)


def legs(spot_bid: float, futures_bid: float) -> tuple[Leg, Leg]:
    views = MarketView(SPOT), MarketView(PERPETUAL)
    views[0].on_quote(Quote(SPOT.id, spot_bid, 100.0, spot_bid + 1, 100.0, 1, 1))
    views[1].on_quote(Quote(PERPETUAL.id, futures_bid, 100.0, futures_bid + 1, 100.0, 1, 1))
    return Leg(SPOT, Side.BUY, views[0]), Leg(PERPETUAL, Side.SELL, views[1])


def holding(spot: str, futures: str, spot_price: str | None = "60000", futures_price: str | None = "60300") -> Holdings:
    prices = tuple(None if price is None else D(price) for price in (spot_price, futures_price))
    return Holdings((D(spot), D(futures)), prices, D(1), D(1))  # type: ignore[arg-type]


def test_completing_is_cheaper_while_the_basis_is_rich():
    complete, unwind = repairs(legs(60_000.0, 60_300.0), holding("0.1", "0"), BOTH, 0.0)
    assert (RepairKind.COMPLETE, 1, Side.SELL, D("0.1")) == (
        complete.kind, complete.leg, complete.side, complete.quantity,
    )  # fmt: skip
    # locked 0.1 × 300 = 30; to come: 2 × 0.1 × 60,300 × 5 bps = 6.03 and 0.1 × 60,000 × 10 bps = 6: 12.03 − 30
    assert -17.97 == pytest.approx(complete.cost)
    # sold at 60,000 as bought: the fee 0.1 × 60,000 × 10 bps = 6
    assert (RepairKind.UNWIND, 0, Side.SELL, 6.0) == (unwind.kind, unwind.leg, unwind.side, pytest.approx(unwind.cost))


def test_unwinding_is_cheaper_once_the_basis_is_gone():
    cheapest = repairs(legs(60_000.0, 59_950.0), holding("0.1", "0"), BOTH, 0.0)[0]
    assert RepairKind.UNWIND is cheapest.kind


def test_a_loss_since_the_entry_counts_against_unwinding():
    unwind = repairs(legs(59_900.0, 59_000.0), holding("0.1", "0"), BOTH, 0.0)[0]
    # 0.1 × 100 lost + 0.1 × 59,900 × 10 bps = 10 + 5.99
    assert 15.99 == pytest.approx(unwind.cost)


def test_an_excess_of_the_second_leg_is_bought_back_or_met_by_the_first():
    found = repairs(legs(60_000.0, 60_300.0), holding("0.05", "0.1"), BOTH, 0.0)
    assert {(RepairKind.COMPLETE, 0, Side.BUY, D("0.05")), (RepairKind.UNWIND, 1, Side.BUY, D("0.05"))} == {
        (repair.kind, repair.leg, repair.side, repair.quantity) for repair in found
    }


def test_an_expected_exit_basis_makes_completing_dearer():
    plain = repairs(legs(60_000.0, 60_300.0), holding("0.1", "0"), BOTH, 0.0)[0]
    expecting = repairs(legs(60_000.0, 60_300.0), holding("0.1", "0"), BOTH, 10.0)
    complete = next(repair for repair in expecting if repair.kind is RepairKind.COMPLETE)
    # 10 bps of 60,300 × 0.1 = 6.03
    assert plain.cost + 6.03 == pytest.approx(complete.cost)


def test_only_usable_markets_are_traded():
    assert [RepairKind.UNWIND] == [
        repair.kind for repair in repairs(legs(60_000.0, 60_300.0), holding("0.1", "0"), (True, False), 0.0)
    ]
    assert [] == repairs(legs(60_000.0, 60_300.0), holding("0.1", "0"), (False, False), 0.0)


def test_matching_legs_need_no_repair():
    assert [] == repairs(legs(60_000.0, 60_300.0), holding("0.1", "0.1"), BOTH, 0.0)


def test_a_residual_below_the_second_legs_minimum_is_carried():
    pair = legs(60_000.0, 60_300.0)
    assert D("0.001") == hedge_gap(pair, holding("0.0015", "0"))
    assert not is_actionable(pair, holding("0.0015", "0"))  # 0.001 × 60,300 = 60.3 < 100
    assert is_actionable(pair, holding("0.0025", "0"))


def test_a_small_excess_of_the_second_leg_is_actionable_since_reducing_has_no_minimum():
    assert is_actionable(legs(60_000.0, 60_300.0), holding("0.1", "0.101"))


def test_without_entry_prices_the_present_ones_are_taken():
    complete, unwind = sorted(
        repairs(legs(60_000.0, 60_300.0), holding("0.1", "0", None, None), BOTH, 0.0), key=lambda r: r.kind.name
    )
    assert 6.0 == pytest.approx(unwind.cost)
    assert -17.97 == pytest.approx(complete.cost)


def test_a_book_without_size_offers_no_repair():
    pair = legs(60_000.0, 60_300.0)
    for leg in pair:
        leg.view.on_quote(Quote(leg.instrument.id, 60_000.0, 0.0, 60_001.0, 0.0, 2, 2))
    assert [] == repairs(pair, holding("0.1", "0"), BOTH, 0.0)


def test_a_repair_below_the_first_legs_minimum_is_left_out():
    # an excess of 0.00005 BTC cannot be sold (3 USDT), nor is there a whole futures lot missing
    assert [] == repairs(legs(60_000.0, 60_300.0), holding("0.10005", "0.1"), BOTH, 0.0)


def test_an_option_that_a_venue_would_refuse_is_left_out():
    pair = legs(60_000.0, 60_300.0)
    # 0.001 of futures are 60.3 USDT, below 100; selling 0.0015 spot is possible
    assert [RepairKind.UNWIND] == [repair.kind for repair in repairs(pair, holding("0.0015", "0"), BOTH, 0.0)]
    dear_spot = msgspec.structs.replace(SPOT, min_notional=D(1_000))
    pair = (Leg(dear_spot, Side.BUY, pair[0].view), pair[1])
    assert [RepairKind.COMPLETE] == [repair.kind for repair in repairs(pair, holding("0.01", "0"), BOTH, 0.0)]
