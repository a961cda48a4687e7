"""Commands at least once."""

from messages.control import Halt, StartTrading
from supervisor.outbox import COMMAND_DEADLINE_NS, RESEND_NS, Dispatch, Outbox

HALT = Halt("halt", "test")
START = StartTrading("start")


def test_a_command_is_repeated_until_it_is_settled() -> None:
    outbox = Outbox()
    assert outbox.add("spot", HALT, 0) == Dispatch("spot", HALT)
    assert outbox.next_ns == RESEND_NS
    assert outbox.repeat(RESEND_NS - 1) == ([], [])
    assert outbox.repeat(RESEND_NS) == ([Dispatch("spot", HALT)], [])
    assert outbox.next_ns == 2 * RESEND_NS
    assert outbox.settle("spot", "halt") == HALT
    assert outbox.settle("spot", "halt") is None
    assert outbox.next_ns is None


def test_a_command_is_given_up_at_its_deadline() -> None:
    outbox = Outbox()
    outbox.add("spot", HALT, 0, timeout_ns=RESEND_NS // 2)
    assert outbox.next_ns == RESEND_NS // 2
    assert outbox.repeat(RESEND_NS // 2) == ([], [Dispatch("spot", HALT)])
    assert outbox.repeat(COMMAND_DEADLINE_NS) == ([], [])


def test_what_a_dead_child_was_asked_is_forgotten_and_nothing_else() -> None:
    outbox = Outbox()
    outbox.add("spot", HALT, 0)
    outbox.add("perp", START, 0)
    outbox.forget("spot")
    assert outbox.repeat(RESEND_NS) == ([Dispatch("perp", START)], [])


def test_one_id_may_be_pending_at_several_children() -> None:
    outbox = Outbox()
    outbox.add("spot", HALT, 0)
    outbox.add("perp", HALT, 0)
    outbox.settle("spot", "halt")
    assert outbox.repeat(RESEND_NS) == ([Dispatch("perp", HALT)], [])
