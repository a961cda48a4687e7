"""The gate's checks one by one, with worked numbers: what passes, what does not, and what is said about it."""

from decimal import Decimal

import pytest

from gateways.gate.checks import (
    Denial,
    Growth,
    check_collar,
    check_expiry,
    check_lease,
    check_notional,
    check_open_orders,
    check_price,
    check_quantity,
    check_reference,
    check_repetition,
    check_size,
)
from gateways.gate.exposure import Stake
from gateways.gate.gate_limits import GateLimits
from gateways.gate.reference_price import NEVER_NS, Reference
from messages.instruments import Instrument, InstrumentType
from messages.orders import DenyReason, OrderType, Side
from messages.risk import Lease
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


@pytest.mark.parametrize("price", ["0", "-0.1", "50000.05", "0.00000001"])
def test_a_price_off_the_tick_or_not_above_zero_is_denied(price: str) -> None:
    denial = Denial(DenyReason.INVALID_PRICE, f"price={D(price)} tick_size=0.1")
    assert check_price(submit(price=D(price)), SPOT) == denial


def test_only_a_market_order_has_no_price() -> None:
    assert check_price(submit(price=None, type=OrderType.MARKET), SPOT) is None
    priced = submit(type=OrderType.MARKET)
    context = f"price={priced.price} type=market"
    assert check_price(priced, SPOT) == Denial(DenyReason.INVALID_PRICE, context), "it would be judged by the price"
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


# --- the config's bounds, and what the market says ---------------------------------------------------------------

LIMITS = GateLimits(
    order_notional_max=D(500), order_quantity_max={"BTCUSDT": D("0.010")}, price_collar_bps=D(100),
    reference_age_max_ms=10, open_orders_max=5, open_orders_per_strategy_max=2,
    repeated_executions_max=2, repeated_executions_period_s=1.0,
)  # fmt: skip
REFERENCE = Reference(D(50_000), NOW_NS)


def test_a_quantity_and_a_notional_may_come_up_to_the_config_s_bounds() -> None:
    # 0.010 × 50,000 = 500
    assert check_size(submit(), SPOT, REFERENCE, LIMITS) is None
    assert check_size(submit(quantity=D("0.011")), SPOT, REFERENCE, LIMITS) == Denial(
        DenyReason.MAX_QUANTITY, "quantity=0.011 order_quantity_max=0.010"
    )
    assert check_size(submit(price=D("50000.1")), SPOT, REFERENCE, LIMITS) == Denial(
        DenyReason.MAX_NOTIONAL, "notional=500.0010 order_notional_max=500"
    )


def test_a_market_order_is_valued_at_the_reference_and_an_inverse_contract_at_its_size() -> None:
    market = submit(price=None, type=OrderType.MARKET)
    assert check_size(market, SPOT, REFERENCE, LIMITS) is None
    dearer = check_size(market, SPOT, Reference(D("50000.1"), NOW_NS), LIMITS)
    assert dearer == Denial(DenyReason.MAX_NOTIONAL, "notional=500.0010 order_notional_max=500")
    # 5 × 100 USD
    inverse = submit(instrument=PERPETUAL.id, quantity=D(5), price=None, type=OrderType.MARKET)
    assert check_size(inverse, PERPETUAL, REFERENCE, LIMITS) is None


def test_a_reference_is_fresh_up_to_its_greatest_age() -> None:
    assert check_reference(REFERENCE, NOW_NS + 10 * MS, 10) is None
    assert check_reference(REFERENCE, NOW_NS - 1, 10) is None, "the clock of another machine may be ahead"
    assert check_reference(REFERENCE, NOW_NS + 11 * MS, 10) == Denial(
        DenyReason.STALE_REFERENCE, "age_ms=11 reference_age_max_ms=10"
    )


def test_without_a_reference_or_with_one_from_before_a_gap_nothing_is_fresh() -> None:
    assert check_reference(None, NOW_NS, 10) == Denial(
        DenyReason.STALE_REFERENCE, "reference=none reference_age_max_ms=10"
    )
    assert check_reference(Reference(D(50_000), NEVER_NS), NOW_NS, 10) == Denial(
        DenyReason.STALE_REFERENCE, "age_ms=untrusted reference_age_max_ms=10"
    )


@pytest.mark.parametrize(
    ("side", "price", "passes"),
    [
        # 100 bps of 50,000 are 500
        (Side.BUY, "50500.0", True),
        (Side.BUY, "50500.1", False),
        (Side.BUY, "1.0", True),
        (Side.SELL, "49500.0", True),
        (Side.SELL, "49499.9", False),
        (Side.SELL, "1000000.0", True),
    ],
)
def test_a_price_may_be_so_far_on_the_bad_side_and_anywhere_on_the_good_one(
    side: Side, price: str, passes: bool
) -> None:
    context = f"side={side.value} price={price} reference=50000 price_collar_bps=100"
    expected = None if passes else Denial(DenyReason.PRICE_COLLAR, context)
    assert check_collar(submit(side=side, price=D(price)), REFERENCE, D(100)) == expected


def test_a_market_order_has_no_price_to_be_held_to() -> None:
    assert check_collar(submit(price=None, type=OrderType.MARKET), REFERENCE, D(100)) is None


def test_so_many_orders_may_be_open_of_a_strategy_and_of_all() -> None:
    assert check_open_orders(1, 4, LIMITS) is None
    assert check_open_orders(2, 4, LIMITS) == Denial(DenyReason.OPEN_ORDERS, "open=2 open_orders_per_strategy_max=2")
    assert check_open_orders(1, 5, LIMITS) == Denial(DenyReason.OPEN_ORDERS, "open=5 open_orders_max=5")


def test_repetitions_are_looked_for_only_where_the_config_says_so() -> None:
    times = (NOW_NS - 999 * MS, NOW_NS)
    assert check_repetition(times, NOW_NS, LIMITS) == Denial(
        DenyReason.REPEATED_EXECUTIONS, "repeated_executions_max=2 repeated_executions_period_s=1"
    )
    assert check_repetition(times, NOW_NS + MS, LIMITS) is None
    assert check_repetition(times, NOW_NS, GateLimits()) is None


def growth(worst: str, side: Side = Side.BUY, *, is_more: bool = True) -> Growth:
    return Growth(submit(side=side), Stake(), D(worst), is_more)


LEASE = Lease("carry", SPOT.id, 1, D(3), D(2), D(125_000))


@pytest.mark.parametrize(
    ("case", "expected"),
    [
        # 2.5 × 50,000 = 125,000
        (growth("2.5"), None),
        (growth("2"), None),
        (growth("2.501"), Denial(DenyReason.LEASE_NOTIONAL, "notional=125050.000 notional_max=125000 reference=50000")),
        (growth("3.001"), Denial(DenyReason.LEASE_POSITION, "long=3.001 long_max=3")),
        (growth("2", Side.SELL), None),
        (growth("2.001", Side.SELL), Denial(DenyReason.LEASE_POSITION, "short=2.001 short_max=2")),
        (growth("9", is_more=False), None),
    ],
)
def test_the_worst_case_is_held_to_both_bounds_of_a_lease(case: Growth, expected: Denial | None) -> None:
    assert check_lease(case, LEASE, SPOT, REFERENCE, is_running=True) == expected


def test_a_lease_that_is_not_there_has_ended_or_is_another_incarnation_s_admits_nothing() -> None:
    assert check_lease(growth("1"), None, SPOT, REFERENCE, is_running=True) == Denial(
        DenyReason.NO_LEASE, "strategy=carry instrument=BTCUSDT.sim"
    )
    assert check_lease(growth("1"), LEASE, SPOT, REFERENCE, is_running=False) == Denial(
        DenyReason.LEASE_EXPIRED, "strategy=carry may=reduce"
    )
    next_lease = Lease("carry", SPOT.id, 2, D(3), D(2), D(125_000))
    assert check_lease(growth("1"), next_lease, SPOT, REFERENCE, is_running=True) == Denial(
        DenyReason.STALE_EPOCH, "epoch=1 lease_epoch=2"
    )
