"""A gateway's books: numbers without gaps, fills once, positions to the last digit, fundings shared out exactly."""

from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import gateways.gate.closed_orders
from gateways.gate.order_records import OrderRecords
from messages.order_lifecycle import IllegalOrderStep, OrderState
from messages.orders import (
    AmendRejected,
    CancelRejected,
    CloseReason,
    DenyReason,
    ExecutionReport,
    FundingPaid,
    OrderDenied,
    OrderUnknown,
    RejectReason,
    Side,
    SubmitOrder,
)
from tests.support.orders import INSTRUMENTS, NOW_NS, PERPETUAL, SPOT, accepted, booked, closed, fill, head, submit

D = Decimal
ORDER = submit()


def books(*orders: SubmitOrder) -> OrderRecords:
    records = OrderRecords(INSTRUMENTS)
    for order in orders:
        records.record_intent(order)
    return records


def take(records: OrderRecords, report: ExecutionReport) -> ExecutionReport | None:
    """Number a report and take it into the books, as the desk does with the journal in between."""
    numbered = records.number(report)
    if numbered is not None:
        records.apply(numbered)
    return numbered


def test_reports_are_numbered_from_one_for_each_strategy() -> None:
    other = submit(client_order_id="desk-other-e1-1", strategy="other")
    records = books(ORDER, other)
    reports = [accepted(ORDER), accepted(other), fill(ORDER, "0.004"), closed(ORDER, "0.004"), closed(other)]
    numbered = [take(records, report) for report in reports]
    assert [(report.strategy, report.seq) for report in numbered if report is not None] == [
        ("carry", 1), ("other", 1), ("carry", 2), ("carry", 3), ("other", 2),
    ]  # fmt: skip
    assert (records.last_seq("carry"), records.last_seq("other"), records.last_seq("none")) == (3, 2, 0)


def test_to_number_a_report_changes_nothing() -> None:
    records = books(ORDER)
    for _ in range(2):
        numbered = records.number(fill(ORDER, "0.004"))
        assert numbered is not None
        assert numbered.seq == 1
    assert records.orders[ORDER.client_order_id].state is OrderState.IN_FLIGHT
    assert (records.positions(), records.last_seq("carry"), list(records.reports_from("carry", 1))) == ({}, 0, [])


def test_a_report_out_of_sequence_is_a_mistake_of_ours() -> None:
    records = books(ORDER)
    with pytest.raises(AssertionError, match="report 0 of carry is out of sequence"):
        records.apply(accepted(ORDER))


def test_a_report_that_tells_nothing_new_has_no_number() -> None:
    records = books(ORDER)
    assert take(records, fill(ORDER, "0.004", "t-1")) is not None
    assert take(records, fill(ORDER, "0.004", "t-1")) is None
    assert take(records, fill(ORDER, "0.004", "t-2")) is not None
    assert take(records, closed(ORDER, "0.008")) is not None
    assert take(records, closed(ORDER, "0.008")) is None
    assert records.positions() == {SPOT.id: D("0.008")}


@pytest.mark.parametrize("answer", [CancelRejected, AmendRejected])
def test_an_answer_to_a_request_is_always_news(answer: type[CancelRejected] | type[AmendRejected]) -> None:
    records = books(ORDER)
    take(records, accepted(ORDER))
    refused = answer(*head(ORDER), RejectReason.OTHER, "no", NOW_NS)
    assert [report.seq for _ in range(2) if (report := take(records, refused)) is not None] == [2, 3]
    assert records.orders[ORDER.client_order_id].state is OrderState.WORKING


def test_what_cannot_follow_or_is_none_of_ours_is_an_error_and_changes_nothing() -> None:
    records = books(ORDER, submit(3))
    take(records, OrderDenied(*head(ORDER), DenyReason.NOT_RECEIVED, "", NOW_NS))
    with pytest.raises(IllegalOrderStep):
        records.number(closed(submit(3), "0.004"))  # its fills are not known
    with pytest.raises(KeyError):
        records.number(accepted(submit(2)))
    assert (records.positions(), records.last_seq("carry")) == ({}, 1)


def test_an_order_that_the_gate_denied_is_told_and_has_no_record() -> None:
    records = books()
    denied = take(records, OrderDenied(*head(ORDER), DenyReason.HALTED, "", NOW_NS))
    assert denied is not None
    assert denied.seq == 1
    assert records.orders == {}


def test_positions_are_signed_and_kept_by_strategy_and_flat_ones_are_left_out() -> None:
    sell = submit(2, client_order_id="desk-other-e1-1", strategy="other", side=Side.SELL, quantity=D("0.030"))
    back = submit(3, side=Side.SELL)
    records = books(ORDER, sell, back)
    take(records, fill(ORDER, "0.010"))
    take(records, fill(sell, "0.030"))
    assert records.positions("carry") == {SPOT.id: D("0.010")}
    assert records.positions("other") == {SPOT.id: D("-0.030")}
    assert records.positions() == {SPOT.id: D("-0.020")}
    assert records.holdings() == {"carry": {SPOT.id: D("0.010")}, "other": {SPOT.id: D("-0.030")}}
    take(records, fill(back, "0.010", "t-9"))
    assert records.positions("carry") == {}
    assert list(records.holdings()) == ["other"], "a flat strategy is left out"
    assert records.positions() == {SPOT.id: D("-0.030")}


def test_a_fee_in_base_comes_off_a_spot_purchase_and_one_in_quote_does_not() -> None:
    # 0.010 BTC bought less 0.00001 BTC of fee; a contract is a contract whatever the fee is paid in
    contract = submit(2, instrument=PERPETUAL.id, quantity=D(2), client_order_id="p-1")
    records = books(ORDER, contract)
    take(records, fill(ORDER, "0.010", "t-1", fee=D("0.00001"), fee_currency="BTC"))
    take(records, fill(ORDER, "0.010", "t-2", fee=D("0.5"), fee_currency="USDT"))
    take(records, fill(contract, "2", "t-1", fee=D("0.00001"), fee_currency="BTC"))
    assert records.positions() == {SPOT.id: D("0.01999"), PERPETUAL.id: D(2)}


def test_reports_are_kept_until_they_are_acknowledged() -> None:
    records = books(ORDER)
    for number in range(1, 5):
        take(records, fill(ORDER, "0.001", f"t-{number}"))
    assert [report.seq for report in records.reports_from("carry", 3)] == [3, 4]
    records.acknowledge("carry", 2)
    records.acknowledge("carry", 1)
    assert [report.seq for report in records.reports_from("carry", 1)] == [3, 4]
    records.acknowledge("carry", 99)
    assert list(records.reports_from("carry", 1)) == []
    assert records.last_seq("carry") == 4, "the count goes on"


def test_an_acknowledgement_of_what_was_never_told_counts_as_that_of_the_last_report() -> None:
    records = books(ORDER)
    take(records, accepted(ORDER))
    assert [records.acknowledge("carry", seq) for seq in (0, 1, 99)] == [0, 1, 1]
    assert records.acknowledge("nobody", 99) == 0


def test_questions_about_names_that_nobody_has_heard_of_leave_nothing_behind() -> None:
    records = books()
    kept = (records._last_seq, records._reports, records._risk.open_counts, records._risk.stakes)
    for number in range(3):
        strategy, instrument = f"s{number}", f"COIN{number}.sim"
        assert records.reducible(strategy, instrument, Side.SELL) == 0
        assert not records.stake(strategy, instrument).is_any
        assert (records.last_seq(strategy), records.open_count_of(strategy)) == (0, 0)
        assert records.reports_from(strategy, 1) == []
        records.acknowledge(strategy, 5)
    assert [len(found) for found in kept] == [0, 0, 0, 0]


def test_a_cancel_is_asked_until_the_order_ends_or_the_venue_refuses_it() -> None:
    orders = [submit(number) for number in range(3)]
    ids = [order.client_order_id for order in orders]
    records = books(*orders)
    take(records, closed(orders[2]))
    for id in ids:
        records.cancel_requested(id)
    assert records.cancels_asked == {ids[0], ids[1]}
    for order in orders[:2]:
        take(records, OrderUnknown(*head(order), "link to the venue lost", NOW_NS))
    assert records.cancels_asked == {ids[0], ids[1]}, "the venue may never have had it"
    take(records, CancelRejected(*head(orders[0]), RejectReason.OTHER, "", NOW_NS))
    take(records, closed(orders[1]))
    assert records.cancels_asked == set()


def test_open_orders_are_told_oldest_first_of_one_strategy_or_of_all() -> None:
    orders = [submit(number, strategy=name) for number, name in enumerate(("carry", "other", "carry"))]
    records = books(*orders)
    take(records, closed(orders[0]))
    assert [order.request for order in records.open_orders()] == orders[1:]
    assert [order.request for order in records.open_orders("carry")] == [orders[2]]
    records.cancel_requested(orders[2].client_order_id)
    assert records.open_orders("carry")[0].state is OrderState.CANCELLING


def test_closed_orders_are_remembered_up_to_a_bound(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gateways.gate.closed_orders, "CLOSED_ORDERS_KEPT_MAX", 3)
    orders = [submit(number) for number in range(6)]
    records = books(*orders)
    for order in orders[:5]:
        take(records, closed(order))
        take(records, fill(order, "0.001", f"late-{order.client_order_id}"))  # closes nothing a second time
    assert list(records.orders) == [order.client_order_id for order in orders[2:]]
    with pytest.raises(KeyError):
        records.number(fill(orders[0], "0.001", "t-9"))
    assert records.positions() == {SPOT.id: D("0.005")}, "what is forgotten is the order, not the position"


# --- funding -----------------------------------------------------------------------------------------------------


def holding(*sizes: int) -> OrderRecords:
    """Books in which strategies s0, s1, ... hold these contracts."""
    records = books()
    for number, size in enumerate(sizes):
        order = submit(
            client_order_id=f"s{number}-1", strategy=f"s{number}", instrument=PERPETUAL.id, quantity=D(abs(size) or 1),
            side=Side.BUY if size > 0 else Side.SELL,
        )  # fmt: skip
        records.record_intent(order)
        if size:
            take(records, fill(order, str(abs(size)), fee_currency="BTC"))
    return records


def shares(paid: list[FundingPaid]) -> dict[str, Decimal]:
    return {report.strategy: report.amount for report in paid}


def test_a_funding_is_shared_out_by_position_and_the_last_takes_what_does_not_divide() -> None:
    # 0.00000010 among 1, 1 and 1: 0.00000003 each, and the last has 0.00000004
    paid = holding(1, 1, 1).share_funding(booked(7, "0.00000010", position="3"))
    assert shares(paid) == {"s0": D("0.00000003"), "s1": D("0.00000003"), "s2": D("0.00000004")}
    assert {(report.funding_id, report.currency, report.instrument) for report in paid} == {("7", "BTC", PERPETUAL.id)}
    assert [report.position for report in paid] == [1, 1, 1]


def test_long_pays_short_within_the_account_too() -> None:
    # +3 and -1 are 2 in all, which pays 0.00000010: 3/2 of it and -1/2 of it
    paid = holding(3, -1).share_funding(booked(1, "-0.00000010", position="2"))
    assert shares(paid) == {"s0": D("-0.00000015"), "s1": D("0.00000005")}


def test_what_was_booked_though_we_are_flat_in_all_is_not_lost() -> None:
    paid = holding(2, -2).share_funding(booked(1, "0.00000010", position="0"))
    assert sum(shares(paid).values()) == D("0.00000010")


def test_nobody_gets_a_part_who_holds_nothing_of_it() -> None:
    assert holding(0, 0).share_funding(booked(1, "0.1")) == []
    assert holding(5).share_funding(booked(1, "0.1", instrument=SPOT.id)) == []


def test_nobody_gets_a_part_of_a_funding_of_what_the_gateway_does_not_trade() -> None:
    assert holding(5).share_funding(booked(1, "0.1", instrument="DOGEUSDT.sim")) == []


@settings(max_examples=300)
@given(
    st.lists(st.integers(-(10**6), 10**6), min_size=1, max_size=6),
    st.builds(lambda digits, places: D(digits).scaleb(-places), st.integers(-(10**12), 10**12), st.integers(0, 18)),
)
def test_the_parts_sum_to_the_amount_whoever_holds_what(sizes: list[int], amount: Decimal) -> None:
    paid = holding(*sizes).share_funding(booked(1, str(amount)))
    holders = [size for size in sizes if size]
    assert len(paid) == len(holders)
    whole = sum(holders)
    if holders:
        assert sum((report.amount for report in paid), D(0)) == amount
    exponent = amount.as_tuple().exponent
    assert isinstance(exponent, int)
    if whole:  # each but the last within half of the last place of its exact part
        for report, size in zip(paid[:-1], holders, strict=False):
            assert abs(report.amount * whole - amount * size) <= abs(whole) * D(1).scaleb(exponent) / 2


def test_amounts_of_all_the_digits_that_a_message_may_have_are_shared_out() -> None:
    amount = D("123456789012345678.123456789012345678")
    paid = holding(1, 1, 1).share_funding(booked(1, str(amount)))
    third = D("41152263004115226.041152263004115226")
    assert [report.amount for report in paid] == [third, third, third]


def test_a_fill_is_applied_once_whatever_comes_between() -> None:
    records = books(ORDER)
    steps = [fill(ORDER, "0.004"), accepted(ORDER), fill(ORDER, "0.004"), closed(ORDER, "0.004", CloseReason.EXPIRED)]
    for report in [*steps, fill(ORDER, "0.004")]:
        take(records, report)
    order = records.orders[ORDER.client_order_id]
    assert (order.filled_quantity, order.state) == (D("0.004"), OrderState.EXPIRED)
    assert records.last_seq("carry") == 3
