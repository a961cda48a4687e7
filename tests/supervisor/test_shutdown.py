"""The shutdown table and the walk through it."""

from messages.from_child import ProcessKind
from messages.to_child import Drain, ReportRequest, StopProcess
from supervisor.shutdown import (
    ANSWER_GRACE_MS,
    KILL_DEADLINE_MS,
    NS_PER_MS,
    REPORT_DEADLINE_MS,
    TABLE,
    Goal,
    Late,
    Living,
    Shutdown,
)

EXCHANGE = Living(ProcessKind.EXCHANGE, is_ready=True)
GATEWAY = Living(ProcessKind.GATEWAY, is_ready=True)
STRATEGY = Living(ProcessKind.STRATEGY, is_ready=True)
CLUSTER = {"exchange": EXCHANGE, "spot": GATEWAY, "perp": GATEWAY, "carry": STRATEGY, "other": STRATEGY}


def walk() -> Shutdown:
    return Shutdown(drain_deadline_ms=3_000, stop_deadline_ms=1_000)


def finish_step(shutdown: Shutdown, living: dict[str, Living]) -> None:
    """Everybody does what the present step asks."""
    assert shutdown.step is not None
    for name in list(shutdown.waiting):
        if shutdown.step.goal is Goal.ANSWER:
            shutdown.answered(name)
        else:
            shutdown.ended(name)
            del living[name]


def test_strategies_drain_then_all_report_then_processes_stop_in_reverse_order() -> None:
    shutdown, living, seen = walk(), dict(CLUSTER), []
    while (step := shutdown.next_step(living, 0)) is not None:
        seen.append((step.phase, step.command, sorted(shutdown.waiting)))
        finish_step(shutdown, living)
    assert seen == [
        ("draining", Drain, ["carry", "other"]),
        ("draining", ReportRequest, ["carry", "exchange", "other"]),
        ("stopping", StopProcess, ["carry", "other"]),
        ("stopping", StopProcess, ["perp", "spot"]),
        ("stopping", StopProcess, ["exchange"]),
    ]
    assert living == {}
    assert shutdown.step is None
    assert shutdown.due_ns is None
    assert shutdown.overdue(10**18) is None


def test_a_step_that_nobody_is_in_is_passed_over() -> None:
    shutdown = walk()
    step = shutdown.next_step({"spot": GATEWAY}, 0)
    assert step is not None
    assert step.name == "stop-gateways"


def test_a_process_that_never_became_ready_is_only_asked_to_stop() -> None:
    shutdown = walk()
    step = shutdown.next_step({"carry": Living(ProcessKind.STRATEGY, is_ready=False)}, 0)
    assert step is not None
    assert step.command is StopProcess


def test_each_step_has_the_deadline_of_its_command_and_time_for_the_answer() -> None:
    shutdown, living = walk(), dict(CLUSTER)
    expected_ms = [3_000, REPORT_DEADLINE_MS, 1_000, 1_000, 1_000]
    for deadline_ms in expected_ms:
        assert shutdown.next_step(living, 7) is not None
        assert shutdown.due_ns == 7 + (deadline_ms + ANSWER_GRACE_MS) * NS_PER_MS
        finish_step(shutdown, living)


def test_a_strategy_that_does_not_answer_is_not_waited_for() -> None:
    shutdown = walk()
    shutdown.next_step(CLUSTER, 0)
    shutdown.answered("other")
    due_ns = shutdown.due_ns
    assert due_ns is not None
    assert shutdown.overdue(due_ns - 1) is None
    assert shutdown.overdue(due_ns) == Late(TABLE[0], ("carry",), is_killed=False)
    assert shutdown.waiting == set()


def test_a_process_that_does_not_stop_is_killed_and_then_given_up() -> None:
    shutdown = walk()
    step = shutdown.next_step({"spot": GATEWAY, "perp": GATEWAY}, 0)
    assert step is not None
    kill_ns = shutdown.due_ns
    assert kill_ns is not None
    assert shutdown.overdue(kill_ns) == Late(step, ("perp", "spot"), is_killed=True)
    shutdown.ended("perp")
    assert shutdown.overdue(kill_ns) is None
    give_up_ns = kill_ns + KILL_DEADLINE_MS * NS_PER_MS
    assert shutdown.due_ns == give_up_ns
    assert shutdown.overdue(give_up_ns) == Late(step, ("spot",), is_killed=False)


def test_a_step_that_is_done_is_never_late() -> None:
    shutdown = walk()
    shutdown.next_step({"spot": GATEWAY}, 0)
    shutdown.ended("spot")
    assert shutdown.overdue(10**18) is None


def test_an_answer_does_not_stand_for_the_end_of_a_process() -> None:
    shutdown = walk()
    shutdown.next_step({"spot": GATEWAY}, 0)
    shutdown.answered("spot")
    assert shutdown.waiting == {"spot"}
