"""The gate: in which order it looks, what closes it, and what an exit is exempt from."""

from decimal import Decimal
from typing import Any

import msgspec
import pytest

from gateways.gate.checks import Denial
from gateways.gate.gate_limits import GateLimits
from gateways.gate.lease_book import LeaseBook
from messages.market import Gap, Quote
from messages.orders import FLATTEN_PREFIX, DenyReason, OrderType, OrderUnknown, Side, SubmitOrder
from messages.risk import SetTradingState, TradingState
from tests.support.gate_floor import LEASES_END_NS, GateFloor, contracts, granted, lease
from tests.support.orders import MS, NOW_NS, OPEN_LIMITS, PERPETUAL, SPOT, accepted, amend, closed, fill, head, submit

D = Decimal
LATER_NS = NOW_NS + 1_000 * MS


def limits(**changes: Any) -> GateLimits:
    return msgspec.structs.replace(OPEN_LIMITS, **changes)


def market(number: int, quantity: int, **changes: Any) -> SubmitOrder:
    return contracts(number, quantity, None, type=OrderType.MARKET, **changes)


def flattening(quantity: int) -> SubmitOrder:
    return market(1, quantity, client_order_id=f"{FLATTEN_PREFIX}carry-1", epoch=0, reduce_only=True)


def setting(floor: GateFloor, state: TradingState, strategy: str = "") -> None:
    floor.gate.states.apply(SetTradingState("c-1", strategy, state, "drawdown"))


# --- in which order it looks -------------------------------------------------------------------------------------


def test_an_order_that_breaks_no_rule_passes() -> None:
    floor = GateFloor()
    assert floor.asks(submit()) is None
    floor.sends(submit())
    assert floor.asks_to_amend(amend(submit(), quantity=D("0.020"))) is None


def test_the_first_rule_that_is_broken_is_the_one_named() -> None:
    """Each order breaks one rule less than the one before; the last one breaks none."""
    tight = limits(
        order_notional_max=D(400), price_collar_bps=D(1), open_orders_per_strategy_max=1, messages_per_s=1.0,
        repeated_executions_max=1, reference_age_max_ms=1,
    )  # fmt: skip
    floor = GateFloor(tight, granted(lease("1", instrument=SPOT.id)))
    others = submit(1, strategy="other", client_order_id="other-1", side=Side.SELL)
    large, past = submit(9, quantity=D("1"), price=D("1.0")), submit(8, client_order_id="past")
    for known in (others, large, past):
        floor.records.record_intent(known)
    floor.hears(accepted(past), fill(past, "0.010"), closed(past, "0.010"))
    floor.now_ns = NOW_NS + 2 * MS
    floor.gate.count_cancel("carry", floor.now_ns)
    floor.gate.fence("carry", 1)
    floor.gate.halt("test")
    order = submit(9, epoch=0, instrument="ETH.sim", quantity=D("0.0101"), price=D("60000.05"), ts_created=NOW_NS - 1)
    steps: list[tuple[DenyReason, Any]] = [
        (DenyReason.STALE_EPOCH, {"epoch": 1}),
        (DenyReason.DUPLICATE_ID, {"client_order_id": "fresh"}),
        (DenyReason.HALTED, floor.gate.unhalt),
        (DenyReason.UNKNOWN_INSTRUMENT, {"instrument": SPOT.id, "ts_created": NOW_NS - 2_000 * MS}),
        (DenyReason.ORDER_EXPIRED, {"ts_created": NOW_NS}),
        (DenyReason.INVALID_PRICE, {"price": D("60000.0")}),
        (DenyReason.INVALID_QUANTITY, {"quantity": D("0.010")}),
        (DenyReason.STALE_REFERENCE, lambda: setattr(floor, "now_ns", NOW_NS)),
        (DenyReason.MAX_NOTIONAL, {"quantity": D("0.006")}),
        (DenyReason.PRICE_COLLAR, {"price": D("50005.0")}),
        (DenyReason.LEASE_POSITION, lambda: floor.hears(closed(large))),
        (DenyReason.REPEATED_EXECUTIONS, lambda: setattr(floor.gate, "limits", limits(open_orders_max=1))),
        (DenyReason.OPEN_ORDERS, lambda: setattr(floor.gate, "limits", limits(messages_per_s=1.0))),
        (DenyReason.SELF_TRADE, lambda: floor.hears(closed(others))),
        (DenyReason.MESSAGE_RATE, lambda: setattr(floor, "now_ns", LATER_NS)),
    ]
    for expected, mended in steps:
        denial = floor.asks(order)
        assert denial is not None, f"{expected} was not seen"
        assert denial.reason is expected
        if isinstance(mended, dict):
            order = msgspec.structs.replace(order, **mended)
        else:
            mended()
    assert floor.asks(order) is None


def test_a_zombie_and_a_used_id_are_recognised_before_anything_is_said_of_the_state() -> None:
    """Their denial is told to nobody; HALTED would be, and would end the order that has the id."""
    floor = GateFloor()
    floor.sends(submit())
    floor.gate.halt("test")
    assert floor.asks(submit()) == Denial(DenyReason.DUPLICATE_ID, "order=desk-carry-e1-1")
    floor.gate.fence("carry", 2)
    assert floor.asks(submit(2)) == Denial(DenyReason.STALE_EPOCH, "epoch=1 served=2")


def test_epochs_only_rise_and_each_strategy_has_its_own() -> None:
    gate = GateFloor().gate
    assert not gate.is_fenced("carry", 0)
    gate.fence("carry", 3)
    gate.fence("carry", 2)
    assert gate.epoch("carry") == 3
    assert [gate.is_fenced("carry", epoch) for epoch in (2, 3, 4)] == [True, False, False]
    assert not gate.is_fenced("other", 0)


# --- trading states ----------------------------------------------------------------------------------------------


def test_a_halted_gate_denies_every_order_and_amendment_whatever_they_are() -> None:
    floor = GateFloor()
    floor.holds(5)
    floor.sends(submit())
    assert not floor.gate.is_halted
    floor.gate.halt("operator's word")
    denial = Denial(DenyReason.HALTED, 'reason="halt: operator\'s word"')
    assert floor.gate.is_halted
    assert [floor.asks(submit(2)), floor.asks(contracts(2, -5, reduce_only=True))] == [denial, denial]
    assert floor.asks_to_amend(amend(submit())) == denial
    floor.gate.unhalt()
    assert floor.asks(submit(2)) is None


@pytest.mark.parametrize("strategy", ["", "carry"], ids=["gateway", "strategy"])
def test_while_reducing_only_what_brings_the_position_nearer_to_nothing_passes(strategy: str) -> None:
    floor = GateFloor()
    floor.holds(5)
    setting(floor, TradingState.REDUCING, strategy)
    denial = Denial(DenyReason.REDUCING, "reason='drawdown'")
    assert floor.asks(contracts(1, 2)) == denial
    assert floor.asks(contracts(1, -6)) == denial, "it would turn the position"
    assert floor.sends(contracts(1, -3)) is None
    assert floor.asks(contracts(2, -3)) == denial, "3 work already: 2 are left of 5"
    assert floor.sends(contracts(2, -2)) is None


def test_the_state_of_one_strategy_does_not_bind_another_and_the_strictest_wins() -> None:
    floor = GateFloor()
    setting(floor, TradingState.HALTED, "carry")
    assert floor.asks(submit()) == Denial(DenyReason.HALTED, "reason='drawdown'")
    assert floor.asks(submit(strategy="other")) is None
    setting(floor, TradingState.REDUCING)
    assert floor.sends(submit()) is DenyReason.HALTED
    assert floor.sends(submit(strategy="other")) is DenyReason.REDUCING


# --- what an exit is exempt from ---------------------------------------------------------------------------------


def test_an_exit_is_not_barred_by_what_bounds_the_way_in() -> None:
    """No lease, a feed that is silent, too many open orders, too large a notional, too many executions."""
    tight = limits(
        order_notional_max=D(1), order_quantity_max={PERPETUAL.symbol: D(1)}, open_orders_max=1,
        reference_age_max_ms=1, repeated_executions_max=1,
    )  # fmt: skip
    floor = GateFloor(tight, LeaseBook())
    floor.holds(-5)
    floor.records.record_intent(submit(1))
    floor.now_ns = NOW_NS + 500 * MS
    assert floor.asks(contracts(2, 5)) is None
    assert floor.sends(contracts(2, 6)) is DenyReason.STALE_REFERENCE, "6 of 5 would open"


def test_an_exit_is_held_to_the_last_price_however_old_and_also_after_a_gap() -> None:
    floor = GateFloor(limits(price_collar_bps=D(100), reference_age_max_ms=1))
    floor.holds(-5)
    floor.now_ns = NOW_NS + 900 * MS
    floor.gate.on_market(Gap(PERPETUAL.id, "lost", NOW_NS))
    # 100 bps above 50,000
    assert floor.asks(contracts(2, 5, "50500.0")) is None
    assert floor.sends(contracts(2, 5, "50500.1")) is DenyReason.PRICE_COLLAR


def test_an_exit_where_no_price_was_ever_seen_passes() -> None:
    floor = GateFloor(is_quoted=False)
    floor.holds(-5)
    assert floor.asks(contracts(2, 5)) is None
    assert floor.asks(contracts(2, 6)) == Denial(
        DenyReason.STALE_REFERENCE, "reference=none reference_age_max_ms=86400000"
    )


def test_an_exit_is_held_to_the_rate_of_messages_and_may_not_meet_our_own_orders() -> None:
    floor = GateFloor(limits(messages_per_s=1.0))
    floor.holds(-5)
    assert floor.sends(contracts(2, 2)) is None
    assert floor.sends(contracts(3, 2)) is DenyReason.MESSAGE_RATE
    floor.now_ns += 1_000 * MS
    floor.records.record_intent(contracts(4, -1, strategy="other"))
    late = contracts(3, 2, ts_created=floor.now_ns)
    assert floor.sends(late) is DenyReason.SELF_TRADE


def test_what_the_gateway_sends_to_flatten_passes_every_state_and_must_reduce() -> None:
    floor = GateFloor(limits(messages_per_s=1.0), LeaseBook())
    floor.holds(-5)
    floor.gate.fence("carry", 3)
    floor.gate.count_cancel("carry", NOW_NS)
    floor.records.record_intent(contracts(4, -1, strategy="other"))
    for halting in (lambda: setting(floor, TradingState.REDUCING), lambda: floor.gate.halt("all out")):
        halting()
        assert floor.asks(flattening(5)) is None
        assert floor.asks(flattening(6)) == Denial(DenyReason.REDUCE_ONLY, "quantity=6 reducible=5")
        assert floor.asks(flattening(-1)) == Denial(DenyReason.REDUCE_ONLY, "quantity=1 reducible=0")


# --- leases ------------------------------------------------------------------------------------------------------


def test_without_a_lease_nothing_is_opened() -> None:
    floor = GateFloor(leases=granted())
    assert floor.asks(contracts(1, 2)) == Denial(DenyReason.NO_LEASE, "strategy=carry instrument=BTCUSD_PERP.sim")


def test_the_worst_case_may_come_up_to_the_lease_and_no_further() -> None:
    floor = GateFloor(leases=granted(lease("10", "4")))
    floor.holds(3)
    assert floor.sends(contracts(1, 5)) is None
    # 3 held + 5 working + 3 = 11
    assert floor.asks(contracts(2, 3)) == Denial(DenyReason.LEASE_POSITION, "long=11 long_max=10")
    assert floor.sends(contracts(2, 2)) is None
    # 8 - 3 = 5 short, though 7 buys work
    assert floor.asks(contracts(3, -8, "50000.1")) == Denial(DenyReason.LEASE_POSITION, "short=5 short_max=4")
    assert floor.sends(contracts(3, -7, "50000.1")) is None


def test_an_order_of_unknown_outcome_counts_fully_until_it_is_known_to_be_closed() -> None:
    floor = GateFloor(leases=granted(lease("10")))
    order = contracts(1, 10)
    floor.sends(order)
    floor.hears(accepted(order), fill(order, "4", fee=D(0), fee_currency="BTC"))
    floor.hears(OrderUnknown(*head(order), "link lost", NOW_NS))
    # 4 held, 6 may still fill
    assert floor.sends(contracts(2, 2)) is DenyReason.LEASE_POSITION
    floor.hears(closed(order, "4"))
    assert floor.sends(contracts(2, 6)) is None


def test_leases_end_by_the_monotonic_clock_and_then_only_exits_pass() -> None:
    floor = GateFloor(leases=granted(lease("10")))
    floor.holds(5)
    floor.mono_ns = LEASES_END_NS - 1
    assert floor.asks(contracts(1, 2)) is None
    floor.mono_ns = LEASES_END_NS
    assert floor.asks(contracts(1, 2)) == Denial(DenyReason.LEASE_EXPIRED, "strategy=carry may=reduce")
    assert floor.asks(contracts(1, -5)) is None


def test_a_lease_serves_no_incarnation_below_its_own() -> None:
    floor = GateFloor(leases=granted(lease("10", epoch=2)))
    assert floor.asks(contracts(1, 2)) == Denial(DenyReason.STALE_EPOCH, "epoch=1 lease_epoch=2")
    assert floor.asks(contracts(1, 2, epoch=2)) is None


def test_a_notional_is_that_of_the_whole_worst_case() -> None:
    floor = GateFloor(leases=granted(lease("100", notional=D(1_000))))
    floor.holds(6)
    # (6 + 4) × 100 USD = 1,000; 11 contracts are 1,100
    assert floor.asks(contracts(1, 4)) is None
    assert floor.asks(contracts(1, 5)) == Denial(
        DenyReason.LEASE_NOTIONAL, "notional=1100 notional_max=1000 reference=50000.00"
    )


def test_a_notional_of_linear_contracts_is_at_the_reference_price() -> None:
    spot = lease("100", instrument=SPOT.id, notional=D(500))
    floor = GateFloor(leases=granted(spot))
    # 0.010 × 50,000 = 500, whatever the limit is
    assert floor.asks(submit(price=D("49000.0"))) is None
    assert floor.sends(submit(price=D("49000.0"), quantity=D("0.011"))) is DenyReason.LEASE_NOTIONAL


def test_the_lease_book_hears_what_is_wanted_also_where_it_is_denied() -> None:
    floor = GateFloor(leases=granted(lease("10", "4")))
    floor.holds(3)
    floor.sends(contracts(1, 20))
    floor.sends(contracts(2, -9))
    (use,) = floor.gate.leases.request("sim", 3, floor.records.exposures(), {}).uses
    # 3 + 20 long, 9 - 3 short
    assert (D(23), D(6)) == (use.long_wanted, use.short_wanted)
    assert (D(10), D(4), D(3)) == (use.long_held, use.short_held, use.position)


def test_a_lease_may_bound_the_rate_of_messages_below_the_config() -> None:
    leases = granted(lease("10", messages_per_s=2.0), lease("10", instrument=SPOT.id))
    floor = GateFloor(limits(messages_per_s=3.0), leases)
    assert [floor.sends(contracts(n, 2)) for n in (1, 2)] == [None, None]
    assert floor.asks(contracts(3, 2)) == Denial(DenyReason.MESSAGE_RATE, "strategy=carry messages_per_s=2")
    assert floor.sends(submit(4)) is None, "the other instrument has a lease of its own"
    assert floor.asks(submit(5)) == Denial(DenyReason.MESSAGE_RATE, "strategy=carry messages_per_s=3")


# --- own orders --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("strategy", ["carry", "other"])
def test_an_order_that_would_meet_one_of_ours_is_denied(strategy: str) -> None:
    floor = GateFloor()
    floor.sends(contracts(1, -3, "50010.0", client_order_id="ours", strategy=strategy))
    assert floor.asks(contracts(2, 3, "50009.9")) is None
    assert floor.asks(contracts(2, 3, "50010.0")) == Denial(DenyReason.SELF_TRADE, "side=buy price=50010.0 meets=ours")
    assert floor.asks(market(2, 3)) == Denial(DenyReason.SELF_TRADE, "side=buy price=market meets=ours")


def test_an_order_that_fills_over_and_over_is_stopped() -> None:
    floor = GateFloor(limits(repeated_executions_max=2, repeated_executions_period_s=1.0))
    for number in (1, 2):
        order = contracts(number, 2)
        assert floor.sends(order) is None
        halves = [fill(order, "1", f"{number}-{half}", fee=D(0), fee_currency="BTC") for half in (1, 2)]
        floor.hears(accepted(order), *halves, closed(order, "2"))
    assert floor.asks(contracts(3, 2)) == Denial(
        DenyReason.REPEATED_EXECUTIONS, "repeated_executions_max=2 repeated_executions_period_s=1"
    )
    assert floor.asks(submit(3)) is None, "another instrument"
    floor.now_ns = NOW_NS + 1_000 * MS
    assert floor.asks(contracts(3, 2)) is None


# --- amendments --------------------------------------------------------------------------------------------------


def test_an_amendment_is_held_to_price_and_quantity() -> None:
    floor = GateFloor()
    floor.sends(submit())
    denials = [
        floor.asks_to_amend(amend(submit(), price=D("0.05"))),
        floor.asks_to_amend(amend(submit(), quantity=D("10.001"))),
    ]
    assert denials == [
        Denial(DenyReason.INVALID_PRICE, "price=0.05 tick_size=0.1"),
        Denial(DenyReason.MAX_QUANTITY, "quantity=10.001 max_quantity=10"),
    ]


def test_an_amendment_gives_no_price_to_a_market_order() -> None:
    floor = GateFloor()
    floor.records.record_intent(market(1, 5))
    denial = floor.asks_to_amend(amend(market(1, 5), price=D("50000.0")))
    assert denial == Denial(DenyReason.INVALID_PRICE, "price=50000.0 type=market")


def test_an_amendment_of_a_zombie_is_denied() -> None:
    floor = GateFloor()
    floor.sends(submit())
    floor.gate.fence("carry", 2)
    assert floor.amends(amend(submit())) is DenyReason.STALE_EPOCH


def test_a_larger_quantity_is_held_to_the_lease_and_to_the_largest_order() -> None:
    floor = GateFloor(limits(order_quantity_max={PERPETUAL.symbol: D(9)}), granted(lease("10")))
    order = contracts(1, 5)
    floor.sends(order)
    floor.sends(contracts(2, 2))
    # 2 + 8 = 10
    assert floor.asks_to_amend(amend(order, quantity=D(9))) == Denial(DenyReason.LEASE_POSITION, "long=11 long_max=10")
    assert floor.amends(amend(order, quantity=D(10))) is DenyReason.MAX_QUANTITY
    assert floor.amends(amend(order, quantity=D(8))) is None
    assert floor.sends(contracts(3, 2)) is DenyReason.LEASE_POSITION, "until it is answered the larger one counts"


def test_a_smaller_quantity_passes_after_the_lease_has_shrunk_or_ended() -> None:
    floor = GateFloor(leases=granted(lease("10")))
    order = contracts(1, 8)
    floor.sends(order)
    floor.gate.leases = granted(lease("2"))
    assert floor.asks_to_amend(amend(order, quantity=D(5))) is None
    floor.mono_ns = LEASES_END_NS
    assert floor.asks_to_amend(amend(order, quantity=D(5))) is None
    assert floor.amends(amend(order, price=D("50000.1"))) is DenyReason.LEASE_EXPIRED, "it would fill the sooner"


def test_another_price_is_held_to_the_collar_and_to_our_own_orders() -> None:
    floor = GateFloor(limits(price_collar_bps=D(100)))
    order = contracts(1, 2, "49990.0")
    floor.sends(order)
    floor.sends(contracts(2, -2, "50010.0", strategy="other"))
    assert floor.amends(amend(order, price=D("50500.1"))) is DenyReason.PRICE_COLLAR
    assert floor.amends(amend(order, price=D("50010.0"))) is DenyReason.SELF_TRADE
    assert floor.amends(amend(order, price=D("50009.9"))) is None
    assert floor.sends(contracts(3, -2, "50009.9", strategy="other")) is DenyReason.SELF_TRADE, "in flight"


def test_another_price_needs_a_fresh_reference_unless_the_order_reduces() -> None:
    floor = GateFloor(limits(reference_age_max_ms=1))
    order = contracts(1, 2, "49990.0")
    floor.sends(order)
    floor.now_ns = NOW_NS + 500 * MS
    nearer = amend(order, price=D("49991.0"))
    assert floor.amends(nearer) is DenyReason.STALE_REFERENCE
    floor.holds(-2)
    assert floor.amends(nearer) is None


def test_while_reducing_only_an_order_that_reduces_is_amended() -> None:
    floor = GateFloor()
    floor.holds(-5)
    order = contracts(1, 3)
    floor.sends(order)
    setting(floor, TradingState.REDUCING)
    assert floor.asks_to_amend(amend(order, quantity=D(5))) is None
    assert floor.amends(amend(order, quantity=D(6))) is DenyReason.REDUCING


def test_amendments_use_up_the_rate_of_messages() -> None:
    floor = GateFloor(limits(messages_per_s=2.0))
    floor.sends(submit())
    assert floor.amends(amend(submit(), price=D("50000.1"))) is None
    assert floor.amends(amend(submit(), price=D("50000.2"))) is DenyReason.MESSAGE_RATE


# --- reference ---------------------------------------------------------------------------------------------------


def test_prices_are_told_as_long_as_they_are_fresh() -> None:
    floor = GateFloor(limits(reference_age_max_ms=1))
    floor.gate.on_market(Quote(SPOT.id, 40_000.0, 1.0, 40_002.0, 1.0, NOW_NS + MS, NOW_NS + MS))
    assert floor.gate.fresh_prices(NOW_NS + MS) == {SPOT.id: 40_001.0, PERPETUAL.id: 50_000.0}
    assert floor.gate.fresh_prices(NOW_NS + MS + 1) == {SPOT.id: 40_001.0}
