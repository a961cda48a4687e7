"""Worked numbers beside each formula."""

from decimal import Decimal as D

import pytest

from actors.analytics.basis import (
    borrow_cost_bps,
    carry_apr,
    entry_basis_bps,
    exit_basis_bps,
    round_trip_fees_bps,
    short_liquidation_price,
    short_margin_ratio,
)
from messages.instruments import Instrument, InstrumentType


def instrument(kind: InstrumentType, fee_bps: str) -> Instrument:
    return Instrument(
        symbol="BTCUSDT", venue="v", type=kind, base="BTC", quote="USDT", settle="USDT", tick_size=D("0.1"),
        lot_size=D("0.001"), taker_fee_bps=D(fee_bps),
    )  # fmt: skip


def test_entry_basis_sells_futures_at_the_bid_and_buys_spot_at_the_ask():
    # 60,300 / 60,000 − 1 = 0.5 %
    assert 50.0 == pytest.approx(entry_basis_bps(60_300.0, 60_000.0))


def test_exit_basis_buys_futures_at_the_ask_and_sells_spot_at_the_bid():
    # 59,970 / 60,000 − 1 = −0.05 %
    assert -5.0 == pytest.approx(exit_basis_bps(59_970.0, 60_000.0))


def test_four_fees_of_the_worked_example_are_thirty_basis_points():
    # 0.1 % spot twice + 0.05 % perpetual twice = 0.30 %
    spot, perpetual = instrument(InstrumentType.SPOT, "10"), instrument(InstrumentType.PERPETUAL, "5")
    assert 30.0 == pytest.approx(round_trip_fees_bps(spot, perpetual))


def test_rebates_lower_the_round_trip():
    # 2 × 10 − 2 × 1 = 18
    spot, perpetual = instrument(InstrumentType.SPOT, "10"), instrument(InstrumentType.PERPETUAL, "-1")
    assert 18.0 == pytest.approx(round_trip_fees_bps(spot, perpetual))


def test_dated_carry_is_annualised_by_its_days():
    # 2 % over 73 days: 0.02 × 365 / 73 = 10 %
    assert 0.10 == pytest.approx(carry_apr(0.02, 73.0))


def test_borrow_is_charged_by_the_hour():
    # 8.76 % a year for 8 of 8,760 hours: 0.0876 × 8 / 8,760 × 10,000 = 0.8 bps
    assert 0.8 == pytest.approx(borrow_cost_bps(0.0876, 8.0))


def test_a_short_at_leverage_one_holds_its_whole_notional_at_the_entry():
    # (60,000 / 1 + 60,000 − 60,000) / 60,000 = 1
    assert 1.0 == pytest.approx(short_margin_ratio(60_000.0, 60_000.0, 1.0))


def test_the_margin_ratio_meets_maintenance_at_the_liquidation_price():
    # 60,000 × (1 + 1/4) / (1 + 0.005) = 74,626.87; there equity / notional is 0.005
    price = short_liquidation_price(60_000.0, 4.0, 0.005)
    assert 74_626.87 == pytest.approx(price, abs=0.01)
    assert 0.005 == pytest.approx(short_margin_ratio(60_000.0, price, 4.0))
