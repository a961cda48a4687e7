"""The life of one child, and its restart policy."""

import pytest

from actors.machine import UnexpectedMessage
from messages.from_child import ProcessKind
from messages.health import ProcessState
from supervisor.child_spec import Restart, RestartPolicy
from supervisor.children import (
    ADOPTION_DEADLINE_NS,
    FAULT_GRACE_NS,
    START_DEADLINE_NS,
    Adopted,
    BecameReady,
    Child,
    Ended,
    Finished,
    Launched,
    Lost,
    Quarantine,
    Relaunch,
    Released,
    StopAsked,
    backoff_ns,
    describe_end,
)
from tests.supervisor.core_driver import SECOND, child

POLICY = RestartPolicy(restarts_max=3, period_s=60.0, backoff_min_s=0.5, backoff_max_s=30.0)
HEARTBEAT_TIMEOUT_NS = 2 * SECOND


def new_child(restart: Restart = Restart.TRANSIENT) -> Child:
    return Child(child("carry", ProcessKind.STRATEGY, restart), POLICY, HEARTBEAT_TIMEOUT_NS)


def running(restart: Restart = Restart.TRANSIENT, now_ns: int = 0) -> Child:
    subject = new_child(restart)
    subject.on_message(Launched(now_ns))
    subject.begin(7, 1.0)
    subject.on_message(BecameReady(now_ns))
    return subject


def killed(now_ns: int, random: float = 0.0) -> Ended:
    return Ended(-9, now_ns, random)


def test_a_child_is_starting_until_it_is_ready() -> None:
    subject = new_child()
    subject.on_message(Launched(5))
    assert subject.state is ProcessState.STARTING
    assert subject.due_ns == 5 + START_DEADLINE_NS
    assert not subject.is_settled
    subject.begin(7, 1.0)
    subject.on_message(BecameReady(10))
    assert subject.state is ProcessState.RUNNING
    assert subject.due_ns == 10 + HEARTBEAT_TIMEOUT_NS
    assert subject.is_settled


def test_every_word_of_a_running_child_puts_its_deadline_off() -> None:
    subject = running()
    subject.see(3 * SECOND)
    assert subject.due_ns == 3 * SECOND + HEARTBEAT_TIMEOUT_NS


def test_a_word_of_a_starting_child_does_not_put_its_start_deadline_off() -> None:
    subject = new_child()
    subject.on_message(Launched(0))
    subject.see(3 * SECOND)
    assert subject.due_ns == START_DEADLINE_NS


def test_the_first_restart_is_immediate_and_the_next_ones_wait_twice_as_long_each_time() -> None:
    subject = running()
    waits = []
    for _ in range(3):
        (verdict,) = subject.on_message(killed(SECOND))
        assert isinstance(verdict, Relaunch)
        assert subject.state is ProcessState.BACKOFF
        waits.append(verdict.at_ns - SECOND)
        subject.on_message(Launched(SECOND))
    assert waits == [0, SECOND // 2, SECOND]
    assert subject.restarts == 3


def test_the_fourth_death_within_the_period_ends_in_quarantine() -> None:
    subject = running()
    for second in range(3):
        subject.on_message(killed(second * SECOND))
        subject.on_message(Launched(second * SECOND))
    assert subject.on_message(killed(59 * SECOND)) == (Quarantine(3, 60.0),)
    assert subject.state is ProcessState.QUARANTINED
    assert subject.due_ns is None
    assert subject.is_settled


def test_restarts_older_than_the_period_do_not_count() -> None:
    subject = running()
    for second in range(3):  # restarts at 0 s, 1.5 s and 3 s
        subject.on_message(killed(second * SECOND))
        subject.on_message(Launched(second * SECOND))
    (verdict,) = subject.on_message(killed(61 * SECOND))  # that at 0 s is 61 s old; two are left: 0.5 s × 2
    assert verdict == Relaunch(62 * SECOND)


def test_no_restart_is_allowed_where_the_maximum_is_zero() -> None:
    policy = RestartPolicy(restarts_max=0)
    subject = Child(child("carry", ProcessKind.STRATEGY, Restart.TRANSIENT), policy, HEARTBEAT_TIMEOUT_NS)
    subject.on_message(Launched(0))
    assert subject.on_message(killed(1)) == (Quarantine(0, 60.0),)


def test_a_gateway_is_never_given_up_and_waits_longer_each_time() -> None:
    policy = RestartPolicy(restarts_max=3, period_s=1_000.0, backoff_min_s=0.5, backoff_max_s=2.0)
    subject = Child(child("spot", ProcessKind.GATEWAY, Restart.PERMANENT), policy, HEARTBEAT_TIMEOUT_NS)
    now_ns, waits_s = 0, []
    for _ in range(6):
        subject.on_message(Launched(now_ns))
        (verdict,) = subject.on_message(killed(now_ns))
        assert isinstance(verdict, Relaunch)
        waits_s.append((verdict.at_ns - now_ns) / SECOND)
        now_ns = verdict.at_ns
    assert waits_s == [0.0, 0.5, 1.0, 2.0, 2.0, 2.0]


@pytest.mark.parametrize(
    ("restart", "exit_code", "verdict", "state"),
    [
        (Restart.TRANSIENT, 0, Finished(), ProcessState.STOPPED),
        (Restart.TRANSIENT, 3, Relaunch(SECOND), ProcessState.BACKOFF),
        (Restart.TRANSIENT, None, Relaunch(SECOND), ProcessState.BACKOFF),
        (Restart.PERMANENT, 0, Relaunch(SECOND), ProcessState.BACKOFF),
        (Restart.TEMPORARY, 0, Lost(), ProcessState.STOPPED),
        (Restart.TEMPORARY, -9, Lost(), ProcessState.STOPPED),
    ],
)
def test_what_follows_an_end_depends_on_the_restart_word_and_the_exit_code(
    restart: Restart, exit_code: int | None, verdict: object, state: ProcessState
) -> None:
    subject = running(restart)
    assert subject.on_message(Ended(exit_code, SECOND, 0.0)) == (verdict,)
    assert subject.state is state
    assert not subject.is_alive
    assert subject.last_pid == 7


def test_a_finished_child_is_not_to_start_again() -> None:
    subject = running()
    assert not subject.is_to_start
    subject.on_message(Ended(0, SECOND, 0.0))
    assert not subject.is_to_start
    assert subject.is_settled
    assert new_child().is_to_start


def test_a_child_that_is_asked_to_stop_is_not_restarted() -> None:
    subject = running()
    subject.on_message(StopAsked())
    assert subject.state is ProcessState.STOPPING
    assert subject.due_ns is None
    assert subject.on_message(killed(SECOND)) == ()
    assert subject.state is ProcessState.STOPPED


def test_a_child_that_waits_for_its_restart_stops_at_once() -> None:
    subject = running()
    subject.on_message(killed(SECOND))
    subject.on_message(StopAsked())
    assert subject.state is ProcessState.STOPPED


def test_a_child_may_become_ready_while_it_is_stopping() -> None:
    subject = new_child()
    subject.on_message(Launched(0))
    subject.begin(7, 1.0)
    subject.on_message(StopAsked())
    subject.on_message(BecameReady(1))
    assert subject.is_ready
    assert subject.state is ProcessState.STOPPING
    assert subject.due_ns is None


@pytest.mark.parametrize("state", [ProcessState.STARTING, ProcessState.RUNNING])
def test_an_adopted_child_has_time_to_register(state: ProcessState) -> None:
    subject = new_child()
    subject.on_message(Adopted(5, state))
    assert subject.state is state
    assert subject.is_ready is (state is ProcessState.RUNNING)
    assert subject.due_ns == 5 + ADOPTION_DEADLINE_NS


def test_a_quarantined_child_stays_so_over_an_adoption() -> None:
    subject = new_child()
    subject.on_message(Adopted(5, ProcessState.QUARANTINED))
    assert subject.state is ProcessState.QUARANTINED
    assert subject.due_ns is None
    subject.on_message(StopAsked())
    assert subject.state is ProcessState.QUARANTINED


def test_a_faulted_child_must_end_soon_although_it_still_speaks() -> None:
    subject = running()
    subject.fault(SECOND)
    subject.see(2 * SECOND)
    assert subject.due_ns == SECOND + FAULT_GRACE_NS


def test_a_fault_while_stopping_leaves_the_deadlines_to_the_shutdown() -> None:
    subject = running()
    subject.on_message(StopAsked())
    subject.fault(SECOND)
    assert subject.due_ns is None


def test_a_start_of_a_running_child_is_an_error() -> None:
    with pytest.raises(UnexpectedMessage):
        running().on_message(Launched(1))


@pytest.mark.parametrize(
    ("restarts", "random", "expected_s"),
    [
        (0, 0.9, 0.0),
        (1, 0.0, 0.5),
        (1, 1.0, 0.625),  # 0.5 × (1 + 0.25)
        (3, 0.0, 2.0),  # 0.5 × 2²
        (3, 0.5, 2.25),  # 2 × (1 + 0.25 × 0.5)
        (7, 0.0, 30.0),  # 0.5 × 2⁶ = 32, and 30 at most
        (9_999, 0.0, 30.0),
    ],
)
def test_the_backoff_doubles_up_to_its_maximum(restarts: int, random: float, expected_s: float) -> None:
    assert int(expected_s * SECOND) == backoff_ns(POLICY, restarts, random)


def test_the_end_of_a_process_is_told_in_words() -> None:
    assert describe_end(-9) == "was killed by signal 9"
    assert describe_end(3) == "ended with exit code 3"
    assert describe_end(None) == "ended"


def test_what_was_given_up_or_waits_is_released_with_its_failures_forgiven() -> None:
    subject = running()
    for _ in range(3):
        subject.on_message(Ended(-9, 0, 0.0))
        subject.on_message(Launched(0))
        subject.begin(8, 1.0)
    subject.on_message(Ended(-9, 0, 0.0))
    assert subject.state is ProcessState.QUARANTINED
    subject.on_message(Released())
    assert (subject.state, subject.restarted_ns, subject.is_to_start) == (ProcessState.STOPPED, [], True)
    waiting = running()
    waiting.on_message(Ended(-9, 0, 0.0))
    waiting.on_message(Released())
    assert (waiting.state, waiting.due_ns) == (ProcessState.STOPPED, None)


@pytest.mark.parametrize("state", [ProcessState.STARTING, ProcessState.RUNNING, ProcessState.STOPPING])
def test_what_runs_cannot_be_released(state: ProcessState) -> None:
    subject = new_child()
    subject.on_message(Launched(0))
    subject.begin(7, 1.0)
    if state is ProcessState.RUNNING:
        subject.on_message(BecameReady(0))
    elif state is ProcessState.STOPPING:
        subject.on_message(StopAsked())
    assert subject.state is state
    with pytest.raises(UnexpectedMessage):
        subject.on_message(Released())


def test_a_child_that_is_stopped_while_it_waits_for_its_restart_is_dead_until_it_is_launched() -> None:
    subject = running()
    subject.on_message(Ended(-9, 0, 0.0))
    subject.on_message(StopAsked())
    assert subject.is_dead
    subject.on_message(Launched(0))
    assert not subject.is_dead
