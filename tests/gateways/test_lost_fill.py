"""A fill that was lost while the gateway was away: the end of its order is not believed until the fill is known."""

from decimal import Decimal
from pathlib import Path

from structlog.testing import capture_logs

from messages.orders import CloseReason, Fill, OrderClosed, QueryOrder
from tests.support.desk import DeskFloor
from tests.support.orders import accepted, closed, fill, status, submit

D = Decimal
ORDER = submit()
QUERY = QueryOrder(ORDER.client_order_id, ORDER.strategy, ORDER.epoch, ORDER.instrument)
FIRST, SECOND = fill(ORDER, "0.004", "t-1"), fill(ORDER, "0.006", "t-2")
END = closed(ORDER, "0.010", CloseReason.FILLED)


def test_an_end_that_counts_more_than_the_fills_we_know_is_asked_about_and_survives_another_death(
    tmp_path: Path,
) -> None:
    floor = DeskFloor(tmp_path)
    floor.submit(ORDER)
    floor.desk.report(accepted(ORDER))
    with capture_logs():
        # the first fill, of 0.004, went to a gateway that had died
        floor.desk.report(SECOND)
        floor.sends(), floor.tells()
        floor.desk.report(END)
    assert floor.sends() == [QUERY]
    assert floor.tells() == []
    assert floor.records.orders[ORDER.client_order_id].is_open

    restarted = floor.killed_and_restarted()
    assert restarted.sends() == [QUERY], "an order that is open in the journal is asked about"
    restarted.desk.on_order_status(status(ORDER, FIRST, SECOND, closed=CloseReason.FILLED))
    told = restarted.tells()
    assert [type(report) for report in told] == [Fill, OrderClosed]
    assert told[0].trade_id == "t-1"
    # 0.006 before, and 0.004 now
    assert restarted.records.positions() == {ORDER.instrument: D("0.010")}


def test_the_fill_that_was_missing_comes_late_and_the_end_is_asked_for_again(tmp_path: Path) -> None:
    floor = DeskFloor(tmp_path)
    floor.submit(ORDER)
    floor.desk.report(accepted(ORDER))
    with capture_logs():
        floor.desk.report(SECOND)
        floor.desk.report(END)
    floor.desk.report(FIRST)
    floor.desk.report(END)
    assert not floor.records.orders[ORDER.client_order_id].is_open
    assert floor.records.positions() == {ORDER.instrument: D("0.010")}
