"""What is journaled can be read again: a report out of its bounds is never written, and one on disk stops nobody."""

from decimal import Decimal
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from actors.runtime.journal import JournalFailed
from gateways.intent_log import IntentChannel, IntentLog
from gateways.unreadable import mended
from messages.base import TEXT_LENGTH_MAX, Message
from messages.codec import FROM_GATEWAY, encode
from messages.order_lifecycle import OrderState
from messages.orders import (
    DenyReason,
    Fill,
    FundingPaid,
    OrderAccepted,
    OrderDenied,
    OrderUnknown,
    QueryOrder,
)
from messages.risk import SetTradingState, TradingState
from tests.support.desk import DeskFloor
from tests.support.orders import NOW_NS, PERPETUAL, accepted, amend, fill, head, status, submit

D = Decimal
ORDER = submit()
LONG = "'\\" * (TEXT_LENGTH_MAX // 2)
"""As long as a reason may be, and twice as long escaped."""


def restarted(floor: DeskFloor, *, problems: int = 0) -> DeskFloor:
    with capture_logs():
        again = floor.killed_and_restarted()
    assert len(again.log.problems) == problems
    return again


def write(floor: DeskFloor, *reports: Message) -> None:
    """What an earlier release wrote without a look at the bounds."""
    for report in reports:
        floor.log._write((IntentChannel.REPORT, encode(report)))


def test_a_denial_for_a_halt_of_the_longest_reason_is_read_again_by_the_next_process(tmp_path: Path) -> None:
    floor = DeskFloor(tmp_path)
    floor.desk.halt(LONG)
    floor.submit(ORDER)
    (denied,) = floor.tells()
    assert denied.reason is DenyReason.HALTED
    assert len(denied.context) < 1_100, "500 characters of the reason, each escaped"
    assert restarted(floor).records.last_seq("carry") == 1


def test_so_is_one_for_a_trading_state_of_the_longest_reason(tmp_path: Path) -> None:
    floor = DeskFloor(tmp_path)
    floor.gate.states.apply(SetTradingState("c-1", "carry", TradingState.REDUCING, LONG))
    floor.submit(ORDER)
    assert floor.tells()[0].reason is DenyReason.REDUCING
    assert restarted(floor).records.last_seq("carry") == 1


def test_an_amendment_is_refused_within_the_bounds(tmp_path: Path) -> None:
    floor = DeskFloor(tmp_path)
    floor.submit(ORDER)
    floor.desk.report(accepted(ORDER))
    floor.tells()
    floor.desk.amend(amend(ORDER, price=D("0.05")))
    floor.desk.halt(LONG)
    floor.desk.amend(amend(ORDER, price=D("49990.0")))
    assert [report.text[:6] for report in floor.tells()] == ["invali", "halted"]


@pytest.mark.parametrize("state", [OrderState.UNKNOWN, OrderState.WORKING])
def test_an_order_that_the_venue_does_not_name_is_not_told_accepted(tmp_path: Path, state: OrderState) -> None:
    floor = DeskFloor(tmp_path)
    floor.submit(ORDER)
    if state is OrderState.WORKING:
        floor.desk.report(accepted(ORDER))
    floor.desk.venue_is_lost()
    floor.desk.venue_is_back()
    floor.tells()
    floor.desk.on_order_status(status(ORDER, fill(ORDER, "0.004"), venue_order_id=""))
    kinds = [OrderAccepted, Fill] if state is OrderState.WORKING else [Fill]
    assert [type(report) for report in floor.tells()] == kinds, "by the name that we know, where we know one"
    assert restarted(floor).records.orders[ORDER.client_order_id].state is state
    assert floor.records.positions() == {ORDER.instrument: D("0.004")}


@pytest.mark.parametrize("count", [1, 2])
def test_a_report_out_of_bounds_is_not_journaled(tmp_path: Path, count: int) -> None:
    log = IntentLog(tmp_path)
    bad = OrderAccepted(*head(ORDER), "", NOW_NS, 1)
    paid = FundingPaid("carry", PERPETUAL.id, D("0.1"), "BTC", 7.0, D(1), "3", NOW_NS, 1)
    with pytest.raises(JournalFailed, match="OrderAccepted is out of the bounds of its type"):
        log.record(bad) if count == 1 else log.record_all([accepted(ORDER), bad])
    with pytest.raises(JournalFailed, match="FundingPaid"):
        log.record_funding([paid], 1)
    log.close()
    again = IntentLog(tmp_path)
    assert again.recorded == 0


def test_an_order_whose_report_is_out_of_bounds_is_asked_about_once_and_stays_unclear(tmp_path: Path) -> None:
    floor = DeskFloor(tmp_path)
    floor.submit(ORDER)
    floor.sends()
    with capture_logs():
        floor.desk.report(OrderAccepted(*head(ORDER), "", NOW_NS))
        floor.desk.catch_up()
    assert (len(floor.sends()), floor.tells()) == (1, [])
    assert floor.desk.uncertain_instruments == {ORDER.instrument}


def test_a_denial_on_disk_that_is_too_long_is_taken_with_its_text_cut(tmp_path: Path) -> None:
    floor = DeskFloor(tmp_path)
    write(floor, OrderDenied(*head(submit(1)), DenyReason.HALTED, 2 * LONG, NOW_NS, 1))
    write(floor, OrderDenied(*head(submit(2)), DenyReason.HALTED, "", NOW_NS, 2))
    again = restarted(floor, problems=1)
    assert again.records.last_seq("carry") == 2
    first = again.records.reports_from("carry", 1)[0]
    assert first == OrderDenied(*head(submit(1)), DenyReason.HALTED, 2 * LONG[: TEXT_LENGTH_MAX // 2], NOW_NS, 1)
    assert FROM_GATEWAY.decode(encode(first)) == first, "it can be told again"
    assert "report 1 of carry cannot be read" in again.log.problems[0]


def test_an_order_whose_report_on_disk_cannot_be_read_is_unknown_and_asked_about(tmp_path: Path) -> None:
    floor = DeskFloor(tmp_path)
    floor.submit(ORDER)
    write(floor, OrderAccepted(*head(ORDER), "", NOW_NS, 1))
    write(floor, fill(ORDER, "0.004", seq=2))
    again = restarted(floor, problems=1)
    assert again.records.orders[ORDER.client_order_id].state is OrderState.UNKNOWN
    assert isinstance(again.records.reports_from("carry", 1)[0], OrderUnknown)
    assert again.records.positions() == {ORDER.instrument: D("0.004")}
    assert [type(request) for request in again.sends()] == [QueryOrder]


def test_a_report_on_disk_that_nothing_can_be_made_of_is_left_out_and_the_next_one_is_not(tmp_path: Path) -> None:
    floor = DeskFloor(tmp_path)
    write(floor, FundingPaid("carry", PERPETUAL.id, D("0.1"), "BTC", 7.0, D(1), "3", NOW_NS, 1))
    write(floor, OrderDenied(*head(submit(2)), DenyReason.HALTED, "", NOW_NS, 2))
    again = restarted(floor, problems=1)
    assert again.records.last_seq("carry") == 2
    assert "left out" in again.log.problems[0]


def test_nothing_is_made_of_the_report_of_an_order_that_is_in_no_book() -> None:
    assert mended(["accepted", *head(ORDER), "", NOW_NS, 1], {}) is None
