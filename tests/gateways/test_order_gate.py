"""The gate: in which order it looks, and what closes it."""

from decimal import Decimal

from gateways.checks import Denial
from gateways.order_gate import OrderGate
from messages.orders import DenyReason
from tests.support.orders import INSTRUMENTS, MS, NOW_NS, amend, submit

D = Decimal


def gate() -> OrderGate:
    return OrderGate(INSTRUMENTS)


def test_an_order_that_breaks_no_rule_passes() -> None:
    assert gate().check(submit(), NOW_NS) is None
    assert gate().check_amendment(amend(submit(), quantity=D("0.020"))) is None


def test_the_first_rule_that_is_broken_is_the_one_named() -> None:
    late, wrong = NOW_NS + 2_000 * MS, {"price": D("0.05"), "quantity": D("0.0001")}
    opened = gate()
    reasons = [
        opened.check(submit(instrument="ETH.sim", **wrong), late),
        opened.check(submit(**wrong), late),
        opened.check(submit(**wrong), NOW_NS),
        opened.check(submit(**wrong | {"price": D("0.1")}), NOW_NS),
        opened.check(submit(price=D("0.1")), NOW_NS),  # 0.010 × 0.1 = 0.001 USDT
    ]
    assert [denial.reason for denial in reasons if denial is not None] == [
        DenyReason.UNKNOWN_INSTRUMENT,
        DenyReason.ORDER_EXPIRED,
        DenyReason.INVALID_PRICE,
        DenyReason.INVALID_QUANTITY,
        DenyReason.MIN_NOTIONAL,
    ]


def test_a_halted_gate_denies_every_order_and_amendment_whatever_they_are() -> None:
    halted = gate()
    assert not halted.is_halted
    halted.halt("operator's word")
    denial = Denial(DenyReason.HALTED, 'reason="operator\'s word"')
    assert halted.is_halted
    assert halted.check(submit(), NOW_NS) == denial
    assert halted.check(submit(reduce_only=True), NOW_NS) == denial
    assert halted.check_amendment(amend(submit())) == denial


def test_an_amendment_is_held_to_price_quantity_and_instrument() -> None:
    opened = gate()
    reasons = [
        opened.check_amendment(amend(submit(), price=D("0.05"))),
        opened.check_amendment(amend(submit(), quantity=D("10.001"))),
        opened.check_amendment(amend(submit(), instrument="ETH.sim")),
    ]
    assert reasons == [
        Denial(DenyReason.INVALID_PRICE, "price=0.05 tick_size=0.1"),
        Denial(DenyReason.MAX_QUANTITY, "quantity=10.001 max_quantity=10"),
        Denial(DenyReason.UNKNOWN_INSTRUMENT, "instrument=ETH.sim"),
    ]


def test_epochs_only_rise_and_each_strategy_has_its_own() -> None:
    fenced = gate()
    assert not fenced.is_fenced("carry", 0)
    fenced.fence("carry", 3)
    fenced.fence("carry", 2)
    assert fenced.epoch("carry") == 3
    assert [fenced.is_fenced("carry", epoch) for epoch in (2, 3, 4)] == [True, False, False]
    assert not fenced.is_fenced("other", 0)
