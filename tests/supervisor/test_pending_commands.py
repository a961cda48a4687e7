"""Commands at least once."""

from messages.to_child import Halt, ReportRequest, StartTrading, StopProcess
from supervisor.pending_commands import COMMAND_DEADLINE_NS, RESEND_NS, Dispatch, PendingCommands

HALT = Halt("halt", "test")
START = StartTrading("start")


def test_a_command_is_repeated_until_it_is_settled() -> None:
    pending = PendingCommands()
    assert pending.add("spot", HALT, 0) == Dispatch("spot", HALT)
    assert pending.next_ns == RESEND_NS
    assert pending.repeat(RESEND_NS - 1) == ([], [])
    assert pending.repeat(RESEND_NS) == ([Dispatch("spot", HALT)], [])
    assert pending.next_ns == 2 * RESEND_NS
    assert pending.settle("spot", "halt") == HALT
    assert pending.settle("spot", "halt") is None
    assert pending.next_ns is None


def test_a_command_is_given_up_at_its_deadline() -> None:
    pending = PendingCommands()
    pending.add("spot", HALT, 0, timeout_ns=RESEND_NS // 2)
    assert pending.next_ns == RESEND_NS // 2
    assert pending.repeat(RESEND_NS // 2) == ([], [Dispatch("spot", HALT)])
    assert pending.repeat(COMMAND_DEADLINE_NS) == ([], [])


def test_what_a_dead_child_was_asked_is_forgotten_and_nothing_else() -> None:
    pending = PendingCommands()
    pending.add("spot", HALT, 0)
    pending.add("perp", START, 0)
    pending.forget("spot")
    assert pending.repeat(RESEND_NS) == ([Dispatch("perp", START)], [])


def test_one_id_may_be_pending_at_several_children() -> None:
    pending = PendingCommands()
    pending.add("spot", HALT, 0)
    pending.add("perp", HALT, 0)
    pending.settle("spot", "halt")
    assert pending.repeat(RESEND_NS) == ([Dispatch("perp", HALT)], [])


def test_what_is_withdrawn_is_not_said_again_and_the_rest_is() -> None:
    pending = PendingCommands()
    pending.add("carry", StopProcess("a", 1), 0)
    pending.add("carry", ReportRequest("b"), 0)
    pending.add("other", ReportRequest("c"), 0)
    pending.withdraw(ReportRequest, child="carry")
    assert pending.waiting == (Dispatch("carry", StopProcess("a", 1)), Dispatch("other", ReportRequest("c")))
    pending.withdraw(ReportRequest, StopProcess)
    assert pending.waiting == ()
    assert pending.next_ns is None
