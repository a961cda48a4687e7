"""Logging in and asking for the account, under the venue's rate limit: counted, never starved, never before cancels."""

from pathlib import Path
from typing import Any

import pytest

from gateways.gate.rate_limits import RateRule, RequestKind
from gateways.gate.send_queue import AGE_EVERY
from gateways.safety.reconciler import Reconciler, Tellers
from gateways.spec import GatewaySpec
from gateways.venue import AccountQuery, AccountState, VenueLogin
from gateways.venue_session import ACCOUNT_EVERY_PULSES, GAP_NS, LOGIN_RETRY_NS, RECONCILE_EVERY_NS, VenueSession
from messages.gateway_link import VenueDown, VenueUp
from messages.orders import CancelOrder, QueryOrder
from tests.support.desk import DeskFloor
from tests.support.orders import INSTRUMENTS, NOW_NS, accepted, booked, submit

S = 1_000_000_000
ACCOUNT = AccountState("sim", {}, {}, (), (), NOW_NS)


class Sitting:
    """A session, the desk that it serves, and what strategies are told. The desk's venue is there from the start."""

    def __init__(self, directory: Path, *rules: RateRule) -> None:
        self.floor = DeskFloor(directory, *rules)
        self.told: list[Any] = []
        fields: dict[str, Any] = {
            "process": "sim", "cluster": "desk", "supervisor_endpoint": "", "venue": "sim",
            "instruments": tuple(INSTRUMENTS.values()), "orders_endpoint": "", "market_data_endpoint": "",
            "venue_orders_endpoint": "", "venue_data_endpoint": "", "journal_dir": "",
        }  # fmt: skip
        tellers = Tellers(lambda _: None, lambda _: None)
        reconciler = Reconciler(GatewaySpec(**fields), self.floor.desk, {}, tellers)
        now_ns = lambda: self.floor.now_ns  # noqa: E731
        self.session = VenueSession("sim", self.floor.desk, reconciler, self.told.append, now_ns)

    def spends(self, kind: RequestKind, count: int = 1) -> None:
        for _ in range(count):
            self.floor.desk.queue.budget.spend(kind, self.floor.now_ns)

    def passes(self, seconds: float) -> list[Any]:
        """What the venue is sent once so many seconds have passed."""
        self.floor.now_ns += int(seconds * S)
        self.floor.desk.pump()
        return self.floor.sends()

    def kinds(self) -> list[type]:
        return [type(request) for request in self.floor.sends()]


def slow(**changes: Any) -> RateRule:
    """One request a second, one at once."""
    return RateRule(**{"name": "weight", "capacity": 1.0, "per_ms": 1_000, "cancel_reserve": 0.0, **changes})


@pytest.fixture
def sitting(tmp_path: Path) -> Sitting:
    return Sitting(tmp_path, slow())


def left(sitting: Sitting) -> float:
    (budget,) = sitting.floor.desk.budgets
    return budget.left


def test_a_login_and_a_question_about_the_account_count_against_the_rate_limit(tmp_path: Path) -> None:
    sitting = Sitting(tmp_path, slow(capacity=100.0, per_ms=60_000, query=4.0, account=20.0))
    sitting.session.on_connection(0, is_up=False)
    sitting.session.on_connection(0, is_up=True)
    sitting.session.on_login(0)
    assert sitting.kinds() == [VenueLogin, AccountQuery]
    assert left(sitting) == 100 - 4 - 20, "a login as a query, where nothing else is said"


def test_a_question_about_the_account_waits_for_the_rate_limit_and_says_what_is_known_when_it_leaves(
    sitting: Sitting,
) -> None:
    sitting.spends(RequestKind.SUBMIT)
    sitting.session.on_gap(2 * GAP_NS)
    sitting.session.on_gap(4 * GAP_NS)
    assert sitting.floor.sends() == []
    sitting.floor.desk.on_funding(booked(1, "0.1"))
    assert sitting.passes(1.0) == [AccountQuery("sim", 1, 0)]
    assert sitting.passes(5.0) == [], "it was asked once"


def test_it_goes_before_orders_and_after_cancels(sitting: Sitting) -> None:
    floor = sitting.floor
    floor.submit(submit(1))
    floor.desk.report(accepted(submit(1)))
    floor.submit(submit(2, valid_for_ms=60_000))
    sitting.session.on_gap(2 * GAP_NS)
    floor.desk.cancel_orders(floor.records.open_orders(), "test")
    floor.sends()
    assert [type(sitting.passes(1.0)[0]) for _ in range(2)] == [CancelOrder, AccountQuery]
    assert sitting.passes(1.0) == [submit(2, valid_for_ms=60_000)]


def test_it_leaves_although_cancels_never_stop_coming(sitting: Sitting) -> None:
    floor = sitting.floor
    sitting.spends(RequestKind.CANCEL)
    sitting.session.on_gap(2 * GAP_NS)
    sent: list[Any] = []
    for number in range(1, AGE_EVERY + 1):
        floor.records.record_intent(submit(number))
        floor.desk.cancel_orders([floor.records.orders[submit(number).client_order_id]], "test")
        sent += sitting.passes(1.0)
    assert [type(request) for request in sent].index(AccountQuery) == AGE_EVERY - 1


def test_it_never_takes_what_is_kept_for_cancels(tmp_path: Path) -> None:
    sitting = Sitting(tmp_path, slow(capacity=10.0, per_ms=10_000, cancel_reserve=0.5))
    sitting.spends(RequestKind.SUBMIT, 5)
    sitting.session.on_gap(2 * GAP_NS)
    assert sitting.floor.sends() == []
    assert left(sitting) == 5.0


def test_a_login_waits_for_no_rate_limit_and_counts_against_it(tmp_path: Path) -> None:
    """Cancels that go before it would use up whatever the limit lets go, and nobody would ever answer them."""
    sitting = Sitting(tmp_path, slow(capacity=10.0, per_ms=10_000, cancel_reserve=0.5))
    sitting.spends(RequestKind.CANCEL, 10)
    sitting.session.on_connection(0, is_up=False)
    sitting.session.on_connection(0, is_up=True)
    assert sitting.kinds() == [VenueLogin]
    sitting.floor.now_ns += 2 * S
    assert left(sitting) == 1.0, "10 - 10 - 1, and 2 that have come back"


def test_a_login_that_a_ban_does_not_admit_is_tried_again(sitting: Sitting) -> None:
    session = sitting.session
    session.on_connection(0, is_up=False)
    sitting.floor.desk.queue.budget.ban(1_000, sitting.floor.now_ns)
    session.on_connection(0, is_up=True)
    session.on_pulse(LOGIN_RETRY_NS + 1)
    assert sitting.kinds() == []
    sitting.floor.now_ns += S
    session.on_pulse(2 * LOGIN_RETRY_NS)
    assert sitting.kinds() == [], "too soon after the last time"
    session.on_pulse(2 * LOGIN_RETRY_NS + 2)
    assert sitting.kinds() == [VenueLogin]


def test_after_a_login_the_orders_are_asked_about_before_the_account_and_only_once(tmp_path: Path) -> None:
    sitting = Sitting(tmp_path)
    session, floor = sitting.session, sitting.floor
    floor.submit(submit(1))
    session.on_connection(0, is_up=False)
    floor.sends()
    for _ in range(2):
        session.on_login(0)
    assert sitting.kinds() == [QueryOrder, AccountQuery]


def test_strategies_are_told_once_that_the_venue_is_gone_and_once_that_it_is_back(tmp_path: Path) -> None:
    sitting = Sitting(tmp_path)
    session = sitting.session
    session.on_account(ACCOUNT, 0)
    session.on_account(ACCOUNT, 0)
    for is_up in (False, False, True):
        session.on_connection(0, is_up=is_up)
    session.on_login(0)
    session.on_account(ACCOUNT, 0)
    assert [type(message) for message in sitting.told] == [VenueUp, VenueDown, VenueUp]
    assert session.account == ACCOUNT


def test_the_account_is_asked_for_every_so_many_pulses_and_after_a_long_time(tmp_path: Path) -> None:
    sitting = Sitting(tmp_path)
    for number in range(ACCOUNT_EVERY_PULSES):
        assert sitting.kinds() == []
        sitting.session.on_pulse(number)
    assert sitting.kinds() == [AccountQuery]
    sitting.session.on_pulse(RECONCILE_EVERY_NS + ACCOUNT_EVERY_PULSES)
    assert sitting.kinds() == [AccountQuery]
