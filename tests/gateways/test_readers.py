"""Readers of a lossless market: a checkpoint is answered once the slowest has reached it, and never twice."""

from hypothesis import given
from hypothesis import strategies as st

from gateways.readers import Readers


def test_where_nobody_reads_a_checkpoint_is_passed_at_once() -> None:
    assert Readers().passed(1)


def test_a_checkpoint_is_reached_when_its_last_reader_has_reached_it() -> None:
    readers = Readers()
    for name in ("a", "b"):
        assert readers.join(name) == []
    assert not readers.passed(1)
    assert not readers.reached("a", 1)
    assert not readers.reached("a", 1), "one reader does not stand for two"
    assert readers.reached("b", 1)
    assert not readers.reached("b", 1), "it is answered once"
    assert not readers.reached("a", 99), "a checkpoint that was never passed"


def test_a_reader_that_leaves_is_waited_for_no_more() -> None:
    readers = Readers()
    readers.join("a")
    readers.join("b")
    readers.passed(1)
    readers.passed(2)
    assert not readers.reached("a", 1)
    assert readers.leave("b") == [1], "2 still waits for a"
    assert readers.reached("a", 2)
    assert readers.leave("a") == []
    assert readers.passed(3)


def test_a_new_incarnation_owes_nothing_of_the_old_one() -> None:
    readers = Readers()
    readers.join("a")
    readers.passed(1)
    readers.passed(2)
    assert readers.join("a") == [1, 2]
    assert not readers.passed(3)
    assert readers.reached("a", 3)


def test_a_reader_that_came_later_is_not_waited_for_at_earlier_checkpoints() -> None:
    readers = Readers()
    readers.join("a")
    readers.passed(1)
    assert readers.join("b") == []
    assert readers.reached("a", 1)


acts = st.tuples(st.sampled_from(["join", "leave", "pass", "reach"]), st.sampled_from("abc"), st.integers(0, 30))


@given(st.lists(acts, max_size=80))
def test_every_checkpoint_is_answered_exactly_once_when_all_have_reached_or_left(
    plan: list[tuple[str, str, int]],
) -> None:
    readers, answered, number = Readers(), list[int](), 0
    joined, owed = set[str](), dict[int, set[str]]()
    for act, name, pick in plan:
        if act == "join":
            answered += readers.join(name)
            joined.add(name)
        elif act == "leave":
            answered += readers.leave(name)
            joined.discard(name)
        elif act == "pass":
            number += 1
            owed[number] = set(joined)
            answered += [number] if readers.passed(number) else []
        elif number:
            answered += [1 + pick % number] if readers.reached(name, 1 + pick % number) else []
            owed[1 + pick % number].discard(name)
        if act in ("join", "leave"):
            for waiting in owed.values():
                waiting.discard(name)
        assert sorted(answered) == [at for at, waiting in owed.items() if not waiting]
