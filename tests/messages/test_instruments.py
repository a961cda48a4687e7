"""Instruments: the only way from a float to a Decimal, and the arithmetic of spot, linear and inverse contracts."""

from decimal import Decimal
from random import Random
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from messages.codec import encode
from messages.instruments import Instrument, InstrumentType, Rounding
from tests.support.messages import arbitrary_decimal

D = Decimal
DOWN, UP, NEAREST = Rounding.DOWN, Rounding.UP, Rounding.NEAREST


def instrument(**changes: Any) -> Instrument:
    fields: dict[str, Any] = {
        "symbol": "BTCUSDT",
        "venue": "sim",
        "type": InstrumentType.SPOT,
        "base": "BTC",
        "quote": "USDT",
        "settle": "USDT",
        "tick_size": D("0.1"),
        "lot_size": D("0.001"),
    }
    return Instrument(**fields | changes)


SPOT = instrument(maker_fee_bps=D("-0.5"), taker_fee_bps=D("10"))
LINEAR = instrument(
    symbol="BTCUSDT-PERP", type=InstrumentType.PERPETUAL, multiplier=D("0.01"), lot_size=D(1), taker_fee_bps=D(5)
)
INVERSE = instrument(
    symbol="BTCUSD_PERP", type=InstrumentType.PERPETUAL, quote="USD", settle="BTC", inverse=True, multiplier=D(100),
    lot_size=D(1), maker_fee_bps=D("-1"), taker_fee_bps=D(5),
)  # fmt: skip

steps = st.builds(lambda digit, places: D(digit).scaleb(-places), st.integers(1, 99), st.integers(0, 18))
directions = st.sampled_from(Rounding)


def is_multiple(value: Decimal, step: Decimal) -> bool:
    """By integers, so that no decimal context has a say."""
    numerator, denominator = value.as_integer_ratio()
    step_numerator, step_denominator = step.as_integer_ratio()
    return (numerator * step_denominator) % (denominator * step_numerator) == 0


def distance(value: Decimal, exact: Decimal, step: Decimal) -> float:
    """In steps, signed: positive where the value lies above."""
    ratio = [part.as_integer_ratio() for part in (value, exact, step)]
    (a, b), (c, d), (e, f) = ratio
    return (a * d - c * b) * f / (b * d * e)


# --- rounding ----------------------------------------------------------------------------------------------------


@settings(max_examples=500)
@given(st.floats(0.0, 1e15, allow_subnormal=False), steps, directions)
def test_a_float_becomes_the_multiple_of_the_step_in_the_stated_direction(
    value: float, step: Decimal, direction: Rounding
) -> None:
    rounded = instrument(tick_size=step).round_price(value, direction)
    assert is_multiple(rounded, step)
    moved = distance(rounded, D(repr(value)), step)
    assert abs(moved) < 1
    if direction is NEAREST:
        assert abs(moved) <= 0.5 + 1e-6
    elif direction is DOWN:
        assert moved <= 1e-6
    else:
        assert moved >= -1e-6


@settings(max_examples=300)
@given(st.integers(0, 10**9), steps, directions, st.integers(-3, 3))
def test_a_float_that_is_a_whole_step_but_for_its_noise_is_that_step(
    count: int, step: Decimal, direction: Rounding, ulps: int
) -> None:
    exact = D(count) * step
    noisy = float(exact) * (1 + ulps * 2**-53)
    assert instrument(tick_size=step).round_price(noisy, direction) == exact


@settings(max_examples=300)
@given(st.randoms(use_true_random=False), steps, directions)
def test_any_decimal_in_bounds_is_rounded_exactly(random: Random, step: Decimal, direction: Rounding) -> None:
    value = arbitrary_decimal(random)
    rounded = instrument(lot_size=step).round_quantity(value, direction)
    assert is_multiple(rounded, step)
    assert abs(distance(rounded, value, step)) < 1


@settings(max_examples=300)
@given(st.integers(-(10**18), 10**18), steps, directions)
def test_a_decimal_that_is_a_multiple_stays_as_it_is(count: int, step: Decimal, direction: Rounding) -> None:
    exact = D(count) * step
    assert instrument(tick_size=step).round_price(exact, direction) == exact


@pytest.mark.parametrize(
    ("value", "direction", "expected"),
    [
        (0.1 + 0.2, UP, "0.3"),  # 0.30000000000000004 is 0.3, not 0.4
        (0.1 + 0.2, DOWN, "0.3"),
        (0.7 - 0.4, DOWN, "0.3"),  # 0.29999999999999993 is 0.3, not 0.2
        (0.349, DOWN, "0.3"),
        (0.301, UP, "0.4"),
        (0.25, NEAREST, "0.2"),  # a tie goes to the even step
        (D("0.35"), NEAREST, "0.4"),
        (0.0, UP, "0.0"),
        (-0.25, DOWN, "-0.3"),  # spreads and bases may be negative: down is towards minus infinity
        (-0.25, UP, "-0.2"),
        (D("0.30000001"), UP, "0.3"),  # within a millionth of a tick
        (D("0.3001"), UP, "0.4"),
        (1e15, UP, "1000000000000000.0"),
    ],
)
def test_worked_roundings_on_a_tick_of_a_tenth(value: float | Decimal, direction: Rounding, expected: str) -> None:
    assert SPOT.round_price(value, direction) == D(expected)


def test_a_quantity_is_rounded_down_unless_it_says_otherwise() -> None:
    assert SPOT.round_quantity(0.0019) == D("0.001")
    assert SPOT.round_quantity(0.0011, UP) == D("0.002")
    assert SPOT.round_quantity(0.0009) == 0


@pytest.mark.parametrize("bad", [float("nan"), float("inf"), float("-inf"), D("NaN"), D("sNaN"), D("Infinity")])
@pytest.mark.parametrize("direction", Rounding)
def test_what_is_no_number_becomes_no_price(bad: float | Decimal, direction: Rounding) -> None:
    with pytest.raises(ValueError, match=r"cannot be brought to a multiple of 0\.1"):
        SPOT.round_price(bad, direction)


# --- values, quantities and fees ---------------------------------------------------------------------------------


def test_a_spot_order_is_worth_quantity_times_price() -> None:
    # 0.02 BTC × 50,000.1 USDT = 1,000.002 USDT; fees 10 bps = 1.000002, maker -0.5 bps = -0.0500001
    quantity, price = D("0.02"), D("50000.1")
    assert SPOT.notional(quantity, price) == D("1000.002")
    assert SPOT.settle_value(-quantity, price) == D("1000.002")
    assert SPOT.base_quantity(-quantity, price) == -quantity
    assert SPOT.fee(quantity, price, is_maker=False) == D("1.000002")
    assert SPOT.fee(quantity, price, is_maker=True) == D("-0.0500001")


def test_a_linear_contract_is_worth_its_size_in_base_times_price() -> None:
    # 3 contracts of 0.01 BTC × 50,000 USDT = 1,500 USDT; 5 bps = 0.75 USDT
    assert LINEAR.notional(D(-3), D(50_000)) == 1_500
    assert LINEAR.settle_value(D(3), D(50_000)) == 1_500
    assert LINEAR.base_quantity(D(-3), D(50_000)) == D("-0.03")
    assert LINEAR.quantity_of_base(D("-0.03"), D(50_000)) == -3
    assert LINEAR.fee(D(3), D(50_000), is_maker=False) == D("0.75")
    assert LINEAR.fee(D(3), D(50_000), is_maker=True) == 0


def test_an_inverse_contract_is_worth_its_size_in_dollars_whatever_the_price() -> None:
    # 6 contracts of 100 USD = 600 USD = 0.012 BTC at 50,000; 5 bps = 0.000006 BTC; maker -1 bps = -0.0000012
    assert INVERSE.notional(D(-6), D(50_000)) == INVERSE.notional(D(6), D(1)) == 600
    assert INVERSE.settle_value(D(-6), D(50_000)) == D("0.012")
    assert INVERSE.base_quantity(D(-6), D(50_000)) == D("-0.012")
    assert INVERSE.quantity_of_base(D("-0.012"), D(50_000)) == -6
    assert INVERSE.fee(D(6), D(50_000), is_maker=False) == D("0.000006")
    assert INVERSE.fee(D(6), D(50_000), is_maker=True) == D("-0.0000012")


def test_coin_is_booked_to_eight_places_half_to_even() -> None:
    # 100 USD / 30,000 = 0.0033333… BTC; fee 5 bps of 0.00333333 = 0.0000016666… → 0.00000167
    assert str(INVERSE.settle_value(D(1), D(30_000))) == "0.00333333"
    assert str(INVERSE.fee(D(1), D(30_000), is_maker=False)) == "0.00000167"
    # 100 / 8,000,000,000 = 0.0000000125 → 0.00000001 (to the even one)
    assert INVERSE.settle_value(D(1), D(8_000_000_000)) == D("0.00000001")


@settings(max_examples=200)
@given(st.integers(1, 10**9), st.integers(1, 10**9), st.sampled_from([SPOT, LINEAR, INVERSE]))
def test_contracts_become_base_currency_and_come_back_the_same(lots: int, ticks: int, traded: Instrument) -> None:
    quantity, price = lots * traded.lot_size, ticks * traded.tick_size
    base = traded.base_quantity(quantity, price)
    assert traded.round_quantity(traded.quantity_of_base(base, price)) == quantity


# --- what an instrument may be -----------------------------------------------------------------------------------


def test_an_instrument_is_named_by_its_symbol_and_venue_and_knows_whether_it_is_spot() -> None:
    assert (SPOT.id, SPOT.is_spot) == ("BTCUSDT.sim", True)
    assert (INVERSE.id, INVERSE.is_spot) == ("BTCUSD_PERP.sim", False)


@pytest.mark.parametrize("name", ["tick_size", "lot_size", "multiplier"])
@pytest.mark.parametrize("bad", ["0", "-0.1"])
def test_a_step_that_is_not_above_zero_is_refused(name: str, bad: str) -> None:
    with pytest.raises(ValueError, match=f"{name} of BTCUSDT must be greater than 0"):
        instrument(**{name: D(bad)})


@pytest.mark.parametrize(
    "name",
    [
        "tick_size", "lot_size", "multiplier", "min_quantity", "max_quantity", "min_notional", "maker_fee_bps",
        "taker_fee_bps",
    ],
)  # fmt: skip
@pytest.mark.parametrize("bad", ["NaN", "Infinity", "1e19", "1e-19"])
def test_a_rule_that_is_no_number_is_refused(name: str, bad: str) -> None:
    with pytest.raises(ValueError, match="expected a"):
        instrument(**{name: D(bad)})


def test_spot_cannot_be_inverse() -> None:
    with pytest.raises(ValueError, match="BTCUSDT is spot and cannot be inverse"):
        instrument(inverse=True)


def test_an_instrument_survives_a_round_trip_through_both_encodings() -> None:
    dated = instrument(
        symbol="BTCUSD_241227", type=InstrumentType.FUTURE, inverse=True, multiplier=D(100), settle="BTC",
        expiry_ns=1_735_286_400_000_000_000, max_quantity=D("1000000"), min_quantity=D("1.00"), fee_currency="BTC",
    )  # fmt: skip
    for traded in (SPOT, LINEAR, INVERSE, dated):
        assert msgspec.msgpack.decode(encode(traded), type=Instrument) == traded
        assert msgspec.json.decode(msgspec.json.encode(traded), type=Instrument) == traded


@pytest.mark.parametrize("hours", [-1, 169])
def test_funding_is_paid_at_least_once_a_week(hours: int) -> None:
    with pytest.raises(msgspec.ValidationError):
        msgspec.msgpack.decode(encode(instrument(funding_interval_hours=hours)), type=Instrument)
