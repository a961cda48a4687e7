"""The order desk: gate, journal, venue; venue, journal, strategy. Nothing overtakes the journal, cancels always go."""

from decimal import Decimal
from pathlib import Path
from time import monotonic_ns
from typing import Any

import msgspec
import pytest
from structlog.testing import capture_logs

from gateways.venue import OrderStatus
from messages.health import OrderCounts
from messages.order_lifecycle import OrderState
from messages.orders import (
    AmendRejected,
    CancelOrder,
    CancelRejected,
    CloseReason,
    DenyReason,
    FundingPaid,
    OrderAccepted,
    OrderAmended,
    OrderClosed,
    OrderDenied,
    OrderRejected,
    OrderType,
    OrderUnknown,
    QueryOrder,
    RejectReason,
    Side,
    SubmitOrder,
)
from messages.to_child import FenceStrategy
from tests.support.desk import DeskFloor
from tests.support.gate_floor import contracts, granted, lease
from tests.support.orders import (
    NOW_NS,
    OPEN_LIMITS,
    PERPETUAL,
    accepted,
    amend,
    booked,
    cancel,
    closed,
    fill,
    head,
    status,
    submit,
)

D = Decimal
ORDER = submit()


@pytest.fixture
def floor(tmp_path: Path) -> DeskFloor:
    """A desk whose venue is there."""
    return DeskFloor(tmp_path)


@pytest.fixture
def working(floor: DeskFloor) -> DeskFloor:
    """A desk with one order that works at the venue."""
    floor.submit(ORDER)
    floor.desk.report(accepted(ORDER))
    floor.sends(), floor.tells()
    return floor


def seqs(reports: list[Any]) -> list[int]:
    return [report.seq for report in reports]


def query(order: SubmitOrder) -> QueryOrder:
    return QueryOrder(order.client_order_id, order.strategy, order.epoch, order.instrument)


def state(floor: DeskFloor, order: SubmitOrder = ORDER) -> OrderState:
    return floor.records.orders[order.client_order_id].state


# --- orders on their way to the venue ----------------------------------------------------------------------------


def test_an_order_is_journaled_then_sent_and_its_reports_are_journaled_then_told(floor: DeskFloor) -> None:
    floor.submit(ORDER)
    assert floor.sends() == [ORDER]
    for report in (accepted(ORDER), fill(ORDER, "0.010"), closed(ORDER, "0.010", CloseReason.FILLED)):
        floor.desk.report(report)
    assert [type(report).__name__ for report in floor.told] == ["OrderAccepted", "Fill", "OrderClosed"]
    assert seqs(floor.tells()) == [1, 2, 3]
    # an intent and three reports
    assert len(floor.on_disk()) == 4
    assert floor.records.positions() == {ORDER.instrument: D("0.010")}
    assert floor.desk.counts == OrderCounts(accepted=1, filled=1)


def test_an_order_that_the_gate_denies_never_reaches_the_venue_and_its_strategy_is_told_why(floor: DeskFloor) -> None:
    floor.submit(submit(price=D("50000.05")))
    assert floor.sends() == []
    assert floor.tells() == [
        OrderDenied(*head(ORDER), DenyReason.INVALID_PRICE, "price=50000.05 tick_size=0.1", NOW_NS, 1)
    ]
    assert floor.desk.counts == OrderCounts(denied=1)


def test_without_a_venue_an_order_is_denied_and_not_kept_for_later(floor: DeskFloor) -> None:
    floor.desk.venue_is_lost()
    floor.submit(ORDER)
    floor.desk.venue_is_back()
    assert floor.sends() == []
    assert [report.reason for report in floor.tells()] == [DenyReason.VENUE_DOWN]


def test_an_order_that_the_link_does_not_take_is_denied_and_not_kept_for_later(floor: DeskFloor) -> None:
    floor.is_link_up = False
    floor.submit(ORDER)
    floor.is_link_up = True
    assert [(report.reason, report.context) for report in floor.tells()] == [
        (DenyReason.VENUE_DOWN, "link=down sent=no")
    ]
    assert state(floor) is OrderState.DENIED
    floor.desk.venue_is_back()
    assert floor.sends() == []
    assert state(floor.killed_and_restarted()) is OrderState.DENIED


def test_a_zombie_is_not_heard_and_not_answered(floor: DeskFloor) -> None:
    floor.gate.fence("carry", 2)
    floor.submit(ORDER)
    floor.desk.amend(amend(ORDER))
    assert (floor.sends(), floor.tells()) == ([], [])
    assert floor.desk.counts == OrderCounts(denied=1)


def test_an_order_is_sent_once_however_often_it_comes(working: DeskFloor) -> None:
    working.submit(ORDER)
    working.submit(submit(quantity=D("0.020")))
    assert (working.sends(), working.tells()) == ([], [])
    assert state(working) is OrderState.WORKING
    again = working.killed_and_restarted()
    again.sends()
    again.submit(ORDER)
    assert again.sends() == [], "not after a restart either"


def test_the_time_from_a_tick_to_its_order_past_the_gate_is_kept_by_strategy(floor: DeskFloor) -> None:
    floor.submit(ORDER)
    assert floor.desk.latency == {}, "no tick caused it"
    floor.submit(submit(2, cause_mono_ns=monotonic_ns() - 5_000_000))
    assert floor.desk.latency["carry"].n == 1
    assert floor.desk.latency["carry"].summary().p50 >= 4_950  # 5 ms, to one per cent


# --- no journal, no order; cancels still go ----------------------------------------------------------------------


def test_no_journal_no_order(floor: DeskFloor) -> None:
    with floor.full_disk():
        floor.submit(ORDER)
    assert floor.sends() == []
    (denied,) = floor.tells()
    assert (denied.reason, denied.seq) == (DenyReason.JOURNAL_FAILED, 0), "told, though it cannot be numbered"
    assert floor.desk.counts == OrderCounts(denied=1)
    floor.submit(submit(2))
    assert floor.sends() == [submit(2)], "orders go again once there is room"


def test_cancels_still_go_without_a_journal(working: DeskFloor) -> None:
    with working.full_disk():
        working.desk.cancel(cancel(ORDER))
        assert working.sends() == [cancel(ORDER)]
        working.desk.halt("disk full")
        assert [type(request) for request in working.sends()] == [CancelOrder]
        working.desk.fence(FenceStrategy("c1", "carry", 2, False))
        assert [type(request) for request in working.sends()] == [CancelOrder]
    assert working.gate.is_fenced("carry", 1)
    assert state(working) is OrderState.WORKING, "the books are those of the journal"
    working.desk.report(closed(ORDER))
    assert state(working) is OrderState.CANCELLED
    assert state(working.killed_and_restarted()) is OrderState.CANCELLED


def test_an_answer_to_a_cancel_that_was_not_journaled_does_not_spoil_the_journal(working: DeskFloor) -> None:
    with working.full_disk():
        working.desk.cancel(cancel(ORDER))
    working.desk.report(CancelRejected(*head(ORDER), RejectReason.OTHER, "too late", NOW_NS))
    assert [type(report) for report in working.tells()] == [CancelRejected]
    again = working.killed_and_restarted()
    assert again.records.last_seq("carry") == working.records.last_seq("carry") == 2


def test_a_report_that_cannot_be_journaled_did_not_happen_and_is_asked_for_when_there_is_room(
    working: DeskFloor,
) -> None:
    done = fill(ORDER, "0.010")
    with working.full_disk():
        working.desk.report(done)
        assert working.tells() == []
        assert working.records.positions() == {}
    working.desk.catch_up()
    assert working.sends() == [query(ORDER)]
    working.desk.catch_up()
    assert working.sends() == [], "asked once"
    working.desk.on_order_status(status(ORDER, done, closed=CloseReason.FILLED))
    assert [type(report).__name__ for report in working.tells()] == ["Fill", "OrderClosed"]
    assert working.records.positions() == {ORDER.instrument: D("0.010")}


def test_a_missed_report_is_asked_for_with_the_next_order_and_when_the_venue_is_back(working: DeskFloor) -> None:
    with working.full_disk():
        working.desk.report(fill(ORDER, "0.004"))
    working.submit(submit(2))
    assert working.sends() == [query(ORDER), submit(2)]
    with working.full_disk():
        working.desk.report(fill(ORDER, "0.004"))
    working.desk.report(accepted(submit(2)))
    assert working.sends() == [query(ORDER)], "and with the next report"
    with working.full_disk():
        working.desk.report(closed(ORDER, "0.004"))
        working.desk.venue_is_lost()
        working.desk.catch_up()
    assert working.sends() == [query(ORDER)], "its end tells of a fill that nobody has told"
    working.desk.venue_is_back()
    assert query(ORDER) in working.sends()


def test_an_amendment_that_cannot_be_journaled_is_refused(working: DeskFloor) -> None:
    with working.full_disk():
        working.desk.amend(amend(ORDER, quantity=D("0.020")))
    assert working.sends() == []
    (refused,) = working.tells()
    assert isinstance(refused, AmendRejected)
    assert (refused.reason, refused.seq) == (RejectReason.OTHER, 0)
    assert "cannot be written" in refused.text


# --- cancels -----------------------------------------------------------------------------------------------------


def test_a_cancel_goes_to_the_venue_and_the_order_is_cancelled_when_the_venue_says_so(working: DeskFloor) -> None:
    working.desk.cancel(cancel(ORDER))
    assert working.sends() == [cancel(ORDER)]
    assert (state(working), working.tells()) == (OrderState.CANCELLING, [])
    working.desk.report(closed(ORDER))
    assert (state(working), seqs(working.tells())) == (OrderState.CANCELLED, [2])
    assert working.desk.counts == OrderCounts(accepted=1, cancelled=1)


@pytest.mark.parametrize("is_closed", [True, False])
def test_a_cancel_of_no_open_order_is_refused_by_the_gateway_itself(floor: DeskFloor, is_closed: bool) -> None:
    if is_closed:
        floor.submit(ORDER)
        floor.desk.report(closed(ORDER))
        floor.sends(), floor.tells()
    floor.desk.cancel(cancel(ORDER))
    assert floor.sends() == []
    assert floor.tells() == [
        CancelRejected(*head(ORDER), RejectReason.UNKNOWN_ORDER, "no such open order at this gateway", NOW_NS, 0)
    ]


def test_a_cancel_that_the_venue_refuses_is_told_each_time(working: DeskFloor) -> None:
    refused = CancelRejected(*head(ORDER), RejectReason.OTHER, "too late", NOW_NS)
    for _ in range(2):
        working.desk.cancel(cancel(ORDER))
        working.desk.report(refused)
    working.desk.report(refused)
    assert seqs(working.tells()) == [2, 3, 4]
    assert state(working) is OrderState.WORKING
    working.sends()
    working.desk.on_order_status(status(ORDER))
    assert working.sends() == [], "a cancel that was answered is not repeated"


def test_a_cancel_that_found_no_venue_goes_when_the_venue_says_that_the_order_still_works(working: DeskFloor) -> None:
    working.is_link_up = False
    working.desk.venue_is_lost()
    working.desk.cancel(cancel(ORDER))
    assert working.sends() == []
    working.is_link_up = True
    working.desk.venue_is_back()
    assert working.sends() == [query(ORDER)]
    working.desk.on_order_status(status(ORDER))
    assert [(request.client_order_id, request.caused_by) for request in working.sends()] == [
        (ORDER.client_order_id, "cancel-repeated")
    ]
    working.desk.report(closed(ORDER))
    working.desk.on_order_status(status(ORDER, closed=CloseReason.CANCELLED))
    assert working.sends() == []


def test_a_cancel_whose_answer_was_lost_with_the_process_is_repeated_by_the_next(working: DeskFloor) -> None:
    working.desk.cancel(cancel(ORDER))
    again = working.killed_and_restarted()
    assert again.sends() == [query(ORDER)]
    again.desk.on_order_status(status(ORDER))
    assert [type(request) for request in again.sends()] == [CancelOrder]


# --- amendments --------------------------------------------------------------------------------------------------


def test_an_amendment_passes_the_gate_and_counts_when_the_venue_confirms_it(working: DeskFloor) -> None:
    wanted = amend(ORDER, quantity=D("0.020"), price=D("49999.9"))
    working.desk.amend(wanted)
    assert working.sends() == [wanted]
    assert working.records.orders[ORDER.client_order_id].request == ORDER
    working.desk.report(OrderAmended(*head(ORDER), D("0.020"), D("49999.9"), NOW_NS))
    assert seqs(working.tells()) == [2]
    for floor in (working, working.killed_and_restarted()):
        request = floor.records.orders[ORDER.client_order_id].request
        assert (request.quantity, request.price) == (D("0.020"), D("49999.9"))


def test_an_amendment_that_the_venue_refuses_is_told_and_numbered(working: DeskFloor) -> None:
    working.desk.amend(amend(ORDER, quantity=D("0.020")))
    working.desk.report(AmendRejected(*head(ORDER), RejectReason.INSUFFICIENT_BALANCE, "short", NOW_NS))
    (told,) = working.tells()
    assert isinstance(told, AmendRejected)
    assert told.seq == 2
    assert working.killed_and_restarted().records.last_seq("carry") == 2


@pytest.mark.parametrize(
    ("changes", "reason", "text"),
    [
        ({"quantity": D("0.0005")}, RejectReason.OTHER, "invalid-quantity quantity=0.0005"),
        ({"price": D("0.05")}, RejectReason.OTHER, "invalid-price price=0.05"),
        ({"instrument": PERPETUAL.id}, RejectReason.UNKNOWN_ORDER, "no such open order"),
        ({"instrument": "nonsense"}, RejectReason.UNKNOWN_ORDER, "no such open order"),
        ({"client_order_id": "none-1"}, RejectReason.UNKNOWN_ORDER, "no such open order"),
    ],
)
def test_an_amendment_that_breaks_a_rule_is_refused_by_the_gateway_itself(
    working: DeskFloor, changes: dict[str, Any], reason: RejectReason, text: str
) -> None:
    working.desk.amend(amend(ORDER, **changes))
    assert working.sends() == []
    (refused,) = working.tells()
    assert isinstance(refused, AmendRejected)
    assert (refused.reason, refused.seq) == (reason, 0)
    assert refused.text.startswith(text)


def test_an_amendment_is_refused_when_halted_when_the_venue_is_away_and_when_the_link_is_full(
    working: DeskFloor,
) -> None:
    working.is_link_up = False
    working.desk.amend(amend(ORDER))
    working.desk.venue_is_lost()
    working.tells()
    working.desk.amend(amend(ORDER))
    working.is_link_up = True
    working.desk.venue_is_back()
    working.desk.halt("operator")
    working.sends()
    working.desk.amend(amend(ORDER))
    assert [type(request) for request in working.sends()] == []
    assert [report.text.split()[0] for report in working.tells()] == ["venue-down", "halted"]


# --- the venue lost and back -------------------------------------------------------------------------------------


def test_when_the_venue_is_lost_every_open_order_is_unknown_once(working: DeskFloor) -> None:
    working.submit(submit(2))
    working.desk.report(closed(submit(2)))
    working.tells()
    working.desk.venue_is_lost()
    working.desk.venue_is_lost()
    assert working.tells() == [OrderUnknown(*head(ORDER), "link to the venue lost", NOW_NS, 3)]
    assert working.records.orders[ORDER.client_order_id].open_quantity == ORDER.quantity, "it counts fully"


def test_when_the_venue_is_back_it_is_asked_and_what_was_missed_is_told_in_order(working: DeskFloor) -> None:
    working.desk.report(fill(ORDER, "0.004", "t-1"))
    working.desk.venue_is_lost()
    working.tells()
    working.desk.venue_is_back()
    assert working.sends() == [query(ORDER)], "asked, never sent again"
    fills = (fill(ORDER, "0.004", "t-1"), fill(ORDER, "0.005", "t-2"), fill(ORDER, "0.001", "t-3"))
    working.desk.on_order_status(status(ORDER, *fills, closed=CloseReason.FILLED))
    told = working.tells()
    assert [getattr(report, "trade_id", type(report).__name__) for report in told] == [
        "OrderAccepted", "t-2", "t-3", "OrderClosed",
    ]  # fmt: skip
    assert seqs(told) == [4, 5, 6, 7]
    assert working.records.positions() == {ORDER.instrument: D("0.010")}
    working.desk.on_order_status(status(ORDER, *fills, closed=CloseReason.FILLED))
    working.desk.report(fills[1])
    assert working.tells() == [], "told once"


def test_an_order_that_the_venue_never_saw_was_not_received_and_one_that_it_refused_was_rejected(
    floor: DeskFloor,
) -> None:
    lost, refused = submit(1), submit(2)
    for order in (lost, refused):
        floor.submit(order)
    again = floor.killed_and_restarted()
    assert again.sends() == [query(lost), query(refused)]
    again.desk.on_order_status(status(lost, is_known=False, venue_order_id=""))
    again.desk.on_order_status(status(refused, rejected=RejectReason.INSUFFICIENT_BALANCE, venue_order_id=""))
    assert again.tells() == [
        OrderDenied(*head(lost), DenyReason.NOT_RECEIVED, "venue=unknown-order", NOW_NS, 1),
        OrderRejected(*head(refused), RejectReason.INSUFFICIENT_BALANCE, "told when asked", NOW_NS, 2),
    ]
    assert again.records.open_orders() == []
    assert again.desk.counts == OrderCounts(denied=1, rejected=1)


def test_a_status_of_an_order_that_is_not_ours_is_no_matter(floor: DeskFloor) -> None:
    floor.desk.on_order_status(status(ORDER))
    floor.desk.report(accepted(ORDER))
    assert (floor.sends(), floor.tells()) == ([], [])


def test_a_report_that_cannot_follow_is_asked_about_and_the_answer_is_not_asked_about_again(floor: DeskFloor) -> None:
    floor.submit(ORDER)
    floor.desk.report(accepted(ORDER))
    floor.desk.report(closed(ORDER))
    floor.sends(), floor.tells()
    refused = status(ORDER, rejected=RejectReason.OTHER)
    floor.desk.report(OrderRejected(*head(ORDER), RejectReason.OTHER, "no", NOW_NS))  # a venue that contradicts itself
    assert floor.sends() == [query(ORDER)]
    floor.desk.on_order_status(refused)
    assert (floor.sends(), floor.tells()) == ([], []), "or it would be asked for ever"
    assert state(floor) is OrderState.CANCELLED


def test_a_question_waits_until_the_venue_is_there(working: DeskFloor) -> None:
    working.desk.venue_is_lost()
    working.desk.query(query(ORDER))
    assert working.sends() == []
    working.is_link_up = False
    working.desk.venue_is_back()
    assert working.sends() == [], "the link took nothing"
    assert list(working.desk.unclear_orders) == [ORDER.client_order_id], "so that it is asked about again"


# --- halt and fence ----------------------------------------------------------------------------------------------


def test_a_halt_cancels_all_that_works_and_denies_what_comes(working: DeskFloor) -> None:
    other = submit(2, strategy="other", client_order_id="desk-other-e4-1", epoch=4)
    working.submit(other)
    working.sends()
    working.desk.halt("operator")
    assert working.sends() == [
        CancelOrder(*head(ORDER)[:2], 1, ORDER.instrument, "halt"),
        CancelOrder(*head(other)[:2], 4, other.instrument, "halt"),
    ]
    working.submit(submit(3))
    assert [report.reason for report in working.tells()] == [DenyReason.HALTED]


def test_a_halt_while_the_venue_is_away_cancels_when_it_is_back(working: DeskFloor) -> None:
    working.is_link_up = False
    working.desk.venue_is_lost()
    working.desk.halt("operator")
    working.is_link_up = True
    working.desk.venue_is_back()
    working.sends()
    working.desk.on_order_status(status(ORDER))
    assert [request.caused_by for request in working.sends()] == ["halt"]


def test_a_fence_cancels_what_dead_incarnations_left_and_survives_a_restart(working: DeskFloor) -> None:
    newer = submit(2, client_order_id="desk-carry-e2-1", epoch=2)
    other = submit(3, client_order_id="desk-other-e1-1", strategy="other")
    for order in (newer, other):
        working.submit(order)
    working.sends()
    working.desk.fence(FenceStrategy("c1", "carry", 2, False))
    assert [request.client_order_id for request in working.sends()] == [ORDER.client_order_id]
    again = working.killed_and_restarted()
    assert (again.gate.is_fenced("carry", 1), again.gate.is_fenced("carry", 2)) == (True, False)
    again.sends()
    again.desk.on_order_status(status(ORDER))
    again.desk.on_order_status(status(newer))
    assert [(request.client_order_id, request.caused_by) for request in again.sends()] == [
        (ORDER.client_order_id, "fenced")
    ]


# --- funding -----------------------------------------------------------------------------------------------------


@pytest.fixture
def holders(floor: DeskFloor) -> DeskFloor:
    """Two strategies in one perpetual: carry is short 3 contracts, other is long 1."""
    for name, side, quantity in (("carry", Side.SELL, "3"), ("other", Side.BUY, "1")):
        order = submit(
            client_order_id=f"{name}-1", strategy=name, side=side, quantity=D(quantity), instrument=PERPETUAL.id,
            type=OrderType.MARKET, price=None,
        )  # fmt: skip
        floor.submit(order)
        floor.desk.report(fill(order, quantity, fee_currency="BTC"))
    floor.sends(), floor.tells()
    return floor


def test_a_funding_is_shared_out_by_position_journaled_and_told_once(holders: DeskFloor) -> None:
    # The account is short 2 and receives 0.00000010 BTC: short 3 get 0.00000015, long 1 pays 0.00000005.
    holders.desk.on_funding(booked(1, "0.00000010", position="-2"))
    assert [(paid.strategy, paid.amount, paid.position, paid.seq) for paid in holders.tells()] == [
        ("carry", D("0.00000015"), D(-3), 2),
        ("other", D("-0.00000005"), D(1), 2),
    ]
    holders.desk.on_funding(booked(1, "0.00000010", position="-2"))
    again = holders.killed_and_restarted()
    assert again.records.fundings == 1
    again.desk.on_funding(booked(1, "0.00000010", position="-2"))
    assert holders.tells() == again.tells() == []
    assert again.records.reports_from("carry", 2) == [
        FundingPaid("carry", PERPETUAL.id, D("0.00000015"), "BTC", 0.0001, D(-3), "1", NOW_NS, 2)
    ]


def test_a_funding_of_what_the_gateway_does_not_trade_is_known_and_shared_with_nobody(holders: DeskFloor) -> None:
    with capture_logs() as logs:
        holders.desk.on_funding(booked(1, "0.2", instrument="DOGEUSDT.sim"))
    assert [entry["event"] for entry in logs] == ["funding of a position that none of ours holds"]
    assert holders.tells() == []
    assert holders.killed_and_restarted().records.fundings == 1


def test_a_funding_ahead_of_its_turn_waits_for_those_before_it(holders: DeskFloor) -> None:
    holders.desk.on_funding(booked(2, "0.2"))
    assert (holders.tells(), holders.records.fundings) == ([], 0), "the account is asked for what follows number 0"
    for number in (1, 2):
        holders.desk.on_funding(booked(number, "0.2"))
    assert [paid.funding_id for paid in holders.tells()] == ["1", "1", "2", "2"]


def test_a_funding_that_cannot_be_journaled_is_shared_out_when_it_comes_again(holders: DeskFloor) -> None:
    with holders.full_disk():
        holders.desk.on_funding(booked(1, "0.2"))
        assert (holders.tells(), holders.records.fundings) == ([], 0)
    holders.desk.on_funding(booked(1, "0.2"))
    assert len(holders.tells()) == 2
    assert holders.killed_and_restarted().records.fundings == 1


def test_a_funding_that_none_of_ours_holds_is_known_all_the_same(floor: DeskFloor) -> None:
    floor.desk.on_funding(booked(1, "0.2"))
    assert floor.tells() == []
    again = floor.killed_and_restarted()
    order = submit(instrument=PERPETUAL.id, quantity=D(2))
    again.submit(order)
    again.desk.report(fill(order, "2", fee_currency="BTC"))
    again.tells()
    again.desk.on_funding(booked(1, "0.2"))
    assert again.tells() == [], "who buys later has no part in it"


def test_the_desk_is_told_of_the_venue_and_not_by_the_status_of_an_order(floor: DeskFloor) -> None:
    floor.submit(ORDER)
    floor.desk.venue_is_lost()
    known: OrderStatus = status(ORDER)
    floor.desk.on_order_status(known)
    assert not floor.desk.is_venue_up
    assert state(floor) is OrderState.WORKING
    assert [type(report) for report in floor.tells()] == [OrderUnknown, OrderAccepted]
    assert msgspec.structs.asdict(known)["is_known"]
    assert OrderClosed not in [type(report) for report in floor.told]


# --- what is not let through --------------------------------------------------------------------------------------


def test_denials_are_counted_by_their_reason(floor: DeskFloor) -> None:
    floor.submit(ORDER)
    floor.submit(ORDER)
    floor.submit(submit(2, side=Side.SELL))
    floor.desk.amend(amend(ORDER, price=D("50000.05")))
    floor.desk.venue_is_lost()
    floor.submit(submit(3))
    floor.gate.fence("carry", 2)
    floor.submit(submit(4))
    floor.desk.amend(amend(ORDER))
    assert floor.desk.denials == {
        "duplicate-id": 1, "self-trade": 1, "invalid-price": 1, "venue-down": 1, "stale-epoch": 2,
    }  # fmt: skip
    # the two amendments are no orders
    assert floor.desk.counts.denied == 4


def test_an_amendment_that_does_not_leave_counts_no_more(floor: DeskFloor) -> None:
    floor.submit(ORDER)
    floor.is_link_up = False
    floor.desk.amend(amend(ORDER, quantity=D("0.020")))
    assert floor.records.stake("carry", ORDER.instrument).buying == D("0.010")
    floor.is_link_up = True
    floor.desk.amend(amend(ORDER, quantity=D("0.020")))
    assert floor.records.stake("carry", ORDER.instrument).buying == D("0.020")


def test_leases_end_by_the_clock_of_the_machine(tmp_path: Path) -> None:
    floor = DeskFloor(tmp_path)
    floor.gate.leases = granted(lease("10"))  # for three seconds after its first nanosecond, long ago
    floor.submit(contracts(1, 2))
    assert [report.reason for report in floor.tells()] == [DenyReason.LEASE_EXPIRED]


def test_cancels_use_up_the_rate_of_messages_and_go_in_any_case(floor: DeskFloor) -> None:
    floor.gate.limits = msgspec.structs.replace(OPEN_LIMITS, messages_per_s=3.0)
    floor.submit(ORDER)
    for _ in range(4):
        floor.desk.cancel(cancel(ORDER))
    assert [type(request).__name__ for request in floor.sends()] == ["SubmitOrder"] + 4 * ["CancelOrder"]
    floor.submit(submit(2))
    assert [report.reason for report in floor.tells()] == [DenyReason.MESSAGE_RATE]
