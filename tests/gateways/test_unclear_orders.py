"""Orders that the venue has to say more about: asked until it has, however often a question or an answer is lost."""

from decimal import Decimal
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from gateways.gate.rate_limits import RateRule, RequestKind
from gateways.order_desk import QUERY_AGAIN_NS
from gateways.safety.reconciler import Reconciler, Tellers
from gateways.safety.reconciliation import ASK_AGAIN_NS
from gateways.spec import GatewaySpec
from gateways.venue import AccountState, OpenOrder
from messages.orders import CancelOrder, CancelRejected, CloseReason, Fill, QueryOrder, RejectReason
from tests.support.desk import DeskFloor
from tests.support.orders import INSTRUMENTS, NOW_NS, accepted, closed, fill, head, status, submit

D = Decimal
S = 1_000_000_000
ORDER = submit()
QUERY = QueryOrder(ORDER.client_order_id, ORDER.strategy, ORDER.epoch, ORDER.instrument)
ONE_A_SECOND = RateRule(name="orders", capacity=1.0, per_ms=1_000, cancel_reserve=0.0)


class Floor:
    """A desk, and the reconciler that asks again at its pulses.

    :ivar mono_ns: of the pulses.
    """

    def __init__(self, desk: DeskFloor) -> None:
        self.floor, self.mono_ns = desk, 0
        self.alerts: list[str] = []
        spec = GatewaySpec(
            process="gw", cluster="desk", venue="sim", instruments=tuple(INSTRUMENTS.values()), supervisor_endpoint="",
            orders_endpoint="", market_data_endpoint="", venue_orders_endpoint="", venue_data_endpoint="",
            journal_dir="",
        )  # fmt: skip
        tellers = Tellers(self.alerts.append, lambda _: True)
        self.reconciler = Reconciler(spec, desk.desk, {}, tellers)

    def pulses(self, after_ns: int = ASK_AGAIN_NS) -> list[QueryOrder]:
        """What is asked at the next pulses, of which the last is so much later."""
        self.reconciler.on_pulse(self.mono_ns)
        self.mono_ns += after_ns
        self.reconciler.on_pulse(self.mono_ns)
        return [request for request in self.floor.sends() if isinstance(request, QueryOrder)]

    def tells_account(self, *listed: OpenOrder) -> None:
        names = tuple(order.client_order_id for order in listed)
        account = AccountState("sim", {}, {}, names, (), NOW_NS, listed)
        with capture_logs():
            self.reconciler.on_account(account, NOW_NS, self.mono_ns)


@pytest.fixture
def desk(tmp_path: Path) -> DeskFloor:
    """A desk whose order works."""
    return working(DeskFloor(tmp_path))


def working(floor: DeskFloor) -> DeskFloor:
    floor.submit(ORDER)
    floor.desk.report(accepted(ORDER))
    floor.sends(), floor.tells()
    return floor


# --- a full disk -----------------------------------------------------------------------------------------------------


def test_a_fill_that_the_answer_could_not_bring_either_is_not_forgotten(desk: DeskFloor) -> None:
    floor = Floor(desk)
    got = fill(ORDER, "0.004")
    with desk.full_disk():
        desk.desk.report(got)
        desk.desk.catch_up()
        assert desk.sends() == [QUERY]
        desk.desk.on_order_status(status(ORDER, got))
        for _ in range(5):
            desk.desk.catch_up()
        assert desk.sends() == [], "a full disk is no reason to ask without an end"
    assert desk.desk.uncertain_instruments == {ORDER.instrument}
    assert floor.pulses() == [QUERY]
    desk.desk.on_order_status(status(ORDER, got))
    assert [type(report) for report in desk.tells()] == [Fill]
    assert desk.records.positions() == {ORDER.instrument: D("0.004")}
    assert (desk.desk.uncertain_instruments, floor.pulses()) == (set(), [])


def test_a_fill_of_an_order_that_has_ended_is_not_forgotten_either(desk: DeskFloor) -> None:
    floor = Floor(desk)
    desk.desk.report(closed(ORDER))
    with desk.full_disk():
        desk.desk.report(fill(ORDER, "0.004"))
        desk.desk.catch_up()
        desk.desk.on_order_status(status(ORDER, fill(ORDER, "0.004"), closed=CloseReason.CANCELLED))
    desk.sends()
    assert floor.pulses() == [QUERY]


# --- a restart -------------------------------------------------------------------------------------------------------


def test_after_a_restart_a_working_order_is_asked_about_until_the_venue_has_answered(desk: DeskFloor) -> None:
    again = desk.killed_and_restarted()
    assert again.sends() == [QUERY], "and here it is lost"
    floor = Floor(again)
    assert again.desk.uncertain_instruments == {ORDER.instrument}
    assert floor.pulses(ASK_AGAIN_NS - 1) == []
    assert floor.pulses(1) == [QUERY]
    again.desk.report(fill(ORDER, "0.002", "t-2"))
    assert again.desk.uncertain_instruments == {ORDER.instrument}, "an earlier fill may be missing all the same"
    assert floor.pulses() == [QUERY]
    again.desk.on_order_status(status(ORDER, fill(ORDER, "0.004"), fill(ORDER, "0.002", "t-2")))
    assert again.records.positions() == {ORDER.instrument: D("0.006")}
    assert (again.desk.uncertain_instruments, floor.pulses()) == (set(), [])


def test_the_end_of_an_order_is_all_that_is_to_be_known_of_it(desk: DeskFloor) -> None:
    again = desk.killed_and_restarted()
    assert again.desk.uncertain_instruments == {ORDER.instrument}
    again.desk.report(closed(ORDER))
    assert again.desk.uncertain_instruments == set()


def test_a_question_that_does_not_leave_in_its_turn_is_asked_again(tmp_path: Path) -> None:
    desk = working(DeskFloor(tmp_path, ONE_A_SECOND))
    desk.desk.ask_about(desk.records.open_orders())
    assert desk.sends() == [], "it waits for the rate limit"
    desk.is_link_up = False
    desk.now_ns += S
    desk.desk.pump()
    assert desk.desk.uncertain_instruments == {ORDER.instrument}
    desk.is_link_up = True
    floor = Floor(desk)
    assert floor.pulses() == [QUERY]


# --- an order that should not be there -------------------------------------------------------------------------------


def test_an_order_that_ended_in_our_books_and_works_is_cancelled_and_asked_about(desk: DeskFloor) -> None:
    desk.desk.report(closed(ORDER))
    floor = Floor(desk)
    floor.tells_account(OpenOrder(ORDER.client_order_id, ORDER.instrument))
    cancel, query = desk.sends()
    assert (type(cancel), query) == (CancelOrder, QUERY)
    desk.desk.on_order_status(status(ORDER, fill(ORDER, "0.004"), closed=CloseReason.CANCELLED))
    assert desk.records.positions() == {ORDER.instrument: D("0.004")}, "told while nobody was there"


# --- questions of strategies -----------------------------------------------------------------------------------------


def test_a_strategy_may_ask_about_an_open_order_of_its_own_alone(desk: DeskFloor) -> None:
    other = QueryOrder(ORDER.client_order_id, "maker", 1, ORDER.instrument)
    desk.desk.query(other)
    desk.desk.query(QueryOrder("desk-carry-e1-77", "carry", 1, ORDER.instrument))
    assert desk.sends() == []
    desk.desk.query(QueryOrder(ORDER.client_order_id, "carry", 1, "elsewhere"))
    assert desk.sends() == [QUERY], "as it was sent, wherever the strategy believes it to be"
    desk.desk.report(closed(ORDER))
    desk.desk.query(QUERY)
    assert desk.sends() == []


def test_of_one_order_it_is_asked_once_until_the_answer_or_a_while_later(desk: DeskFloor) -> None:
    for _ in range(1_000):
        desk.desk.query(QUERY)
    assert desk.sends() == [QUERY]
    desk.desk.on_order_status(status(ORDER))
    desk.desk.query(QUERY)
    assert desk.sends() == [QUERY]
    desk.now_ns += QUERY_AGAIN_NS
    desk.desk.query(QUERY)
    assert desk.sends() == [QUERY], "the answer was lost"


def test_a_question_about_an_order_that_waits_for_the_rate_limit_does_not_deny_it(tmp_path: Path) -> None:
    floor = DeskFloor(tmp_path, RateRule(name="orders", capacity=1.0, per_ms=1_000, cancel_reserve=0.0, query=0.0))
    floor.desk.queue.budget.spend(RequestKind.SUBMIT, floor.now_ns)
    order = submit(1, valid_for_ms=60_000)
    floor.submit(order)
    floor.desk.query(QUERY)
    assert floor.sends() == [], "the venue would say that it does not know it"
    floor.desk.on_order_status(status(order, is_known=False, venue_order_id=""))
    floor.now_ns += S
    floor.desk.pump()
    assert (floor.sends(), floor.tells()) == ([order], [])


# --- a cancel that was noted -----------------------------------------------------------------------------------------


def test_a_cancel_that_came_while_a_question_waited_is_sent_though_another_was_just_refused(tmp_path: Path) -> None:
    desk = working(DeskFloor(tmp_path, RateRule(name="orders", capacity=2.0, per_ms=200, cancel_reserve=0.0)))
    cancel = CancelOrder(*head(ORDER)[:2], 1, ORDER.instrument, "test")
    desk.desk.cancel(cancel)
    desk.desk.report(CancelRejected(*head(ORDER), RejectReason.OTHER, "busy", NOW_NS))
    desk.desk.cancel(cancel)
    assert [type(request) for request in desk.sends()] == [CancelOrder], "what the venue answers is waited for"
    desk.now_ns += S // 5
    desk.desk.pump()
    assert desk.sends() == [QUERY]
    desk.desk.on_order_status(status(ORDER))
    assert [type(request) for request in desk.sends()] == [CancelOrder], "the second one, which was never sent"
    desk.desk.report(CancelRejected(*head(ORDER), RejectReason.OTHER, "busy", NOW_NS))
    desk.desk.on_order_status(status(ORDER))
    desk.now_ns += S // 5
    desk.desk.pump()
    assert not any(isinstance(request, CancelOrder) for request in desk.sends()), "nobody has asked for a third"
