"""The gate's checks one by one, with worked numbers: what passes, what does not, and what is said about it."""

from decimal import Decimal

import pytest

from gateways.checks import Denial, check_expiry, check_notional, check_price, check_quantity
from messages.instruments import Instrument, InstrumentType
from messages.orders import DenyReason, OrderType, Side
from tests.support.orders import MS, NOW_NS, PERPETUAL, SPOT, amend, submit

D = Decimal
FINEST = Instrument(
    symbol="WEI", venue="sim", type=InstrumentType.SPOT, base="ETH", quote="USDT", settle="USDT",
    tick_size=D("1e-18"), lot_size=D("1e-18"),
)  # fmt: skip


@pytest.mark.parametrize("age_ns", [-MS, 0, 1_000 * MS])
def test_an_order_that_comes_within_its_time_passes(age_ns: int) -> None:
    assert check_expiry(submit(valid_for_ms=1_000), NOW_NS + age_ns) is None


def test_an_order_that_took_longer_is_denied() -> None:
    # 1,000.1 ms after it was made, valid for 1,000 ms
    assert check_expiry(submit(valid_for_ms=1_000), NOW_NS + 1_000 * MS + 100_000) == Denial(
        DenyReason.ORDER_EXPIRED, "age_ms=1000.1 valid_for_ms=1000"
    )


@pytest.mark.parametrize("price", ["0.1", "50000.0", "50000", "1E+3", "1000000000000000000"])
def test_a_price_on_the_tick_passes(price: str) -> None:
    assert check_price(submit(price=D(price)), SPOT) is None
    assert check_price(amend(submit(), price=D(price)), SPOT) is None


@pytest.mark.parametrize("price", ["0", "-0.1", "50000.05", "0.00000001"])
def test_a_price_off_the_tick_or_not_above_zero_is_denied(price: str) -> None:
    denial = Denial(DenyReason.INVALID_PRICE, f"price={D(price)} tick_size=0.1")
    assert check_price(submit(price=D(price)), SPOT) == denial
    assert check_price(amend(submit(), price=D(price)), SPOT) == denial


def test_only_a_market_order_has_no_price() -> None:
    assert check_price(submit(price=None, type=OrderType.MARKET), SPOT) is None
    assert check_price(submit(price=None), SPOT) == Denial(DenyReason.INVALID_PRICE, "price=none type=limit")


@pytest.mark.parametrize("quantity", ["0.002", "0.010", "10", "1E+1"])
def test_a_quantity_of_whole_lots_within_the_bounds_passes(quantity: str) -> None:
    assert check_quantity(submit(quantity=D(quantity)), SPOT) is None


@pytest.mark.parametrize("quantity", ["0", "-0.010", "0.0105", "0.001"])  # the minimum is 0.002
def test_a_quantity_of_broken_lots_or_too_little_is_denied(quantity: str) -> None:
    denial = Denial(DenyReason.INVALID_QUANTITY, f"quantity={quantity} lot_size=0.001 min_quantity=0.002")
    assert check_quantity(submit(quantity=D(quantity)), SPOT) == denial
    assert check_quantity(amend(submit(), quantity=D(quantity)), SPOT) == denial


def test_a_quantity_above_the_maximum_is_denied_where_there_is_one() -> None:
    assert check_quantity(submit(quantity=D("10.001")), SPOT) == Denial(
        DenyReason.MAX_QUANTITY, "quantity=10.001 max_quantity=10"
    )
    assert check_quantity(submit(quantity=D("1e18")), PERPETUAL) is None


def test_a_notional_at_the_minimum_passes_and_one_below_is_denied() -> None:
    # 0.002 BTC × 50,000 = 100 USDT = the minimum; × 49,999.9 = 99.9998
    assert check_notional(submit(quantity=D("0.002")), SPOT) is None
    assert check_notional(submit(quantity=D("0.002"), price=D("49999.9")), SPOT) == Denial(
        DenyReason.MIN_NOTIONAL, "notional=99.9998 min_notional=100"
    )


def test_the_notional_of_an_inverse_contract_does_not_depend_on_the_price() -> None:
    # 2 contracts of 100 USD = 200 = the minimum, at any price; 1 contract = 100
    for price in ("0.1", "100000.0"):
        order = submit(instrument=PERPETUAL.id, price=D(price), quantity=D(2))
        assert check_notional(order, PERPETUAL) is None
    assert check_notional(submit(quantity=D(1)), PERPETUAL) == Denial(
        DenyReason.MIN_NOTIONAL, "notional=100 min_notional=200"
    )


def test_a_rest_may_be_closed_however_small_and_a_market_order_is_left_to_the_venue() -> None:
    tiny = D("0.002")
    assert check_notional(submit(quantity=tiny, price=D("0.1"), side=Side.SELL, reduce_only=True), SPOT) is None
    assert check_notional(submit(quantity=tiny, price=None, type=OrderType.MARKET), SPOT) is None


def test_the_largest_numbers_on_the_finest_steps_are_answered_and_not_an_error() -> None:
    largest = D("1e18")  # 1e36 steps of 1e-18
    assert check_price(submit(price=largest), FINEST) is None
    assert check_quantity(submit(quantity=largest), FINEST) is None
    assert check_notional(submit(quantity=largest, price=largest), FINEST) is None
