"""The window of a lossless stream: never more than so far ahead, never stuck."""

from hypothesis import given
from hypothesis import strategies as st

from gateways.exchange.stream_window import CHECKPOINT_EVERY, CHECKPOINTS_OUTSTANDING_MAX, StreamWindow


def test_a_checkpoint_is_due_behind_so_many_messages() -> None:
    window = StreamWindow()
    assert [window.count(1) for _ in range(CHECKPOINT_EVERY - 1)] == [None] * (CHECKPOINT_EVERY - 1)
    assert window.count(1) == 1
    assert window.count(CHECKPOINT_EVERY - 1) is None
    assert window.count(5) == 2, "several at once are counted as several"


def test_the_window_closes_when_too_many_checkpoints_are_outstanding_and_opens_with_the_first_reached() -> None:
    window = StreamWindow()
    for number in range(1, CHECKPOINTS_OUTSTANDING_MAX + 1):
        assert window.is_open
        assert window.count(CHECKPOINT_EVERY) == number
    assert not window.is_open
    window.reached(1)
    assert window.is_open
    window.reached(1)
    window.reached(0)
    assert window.is_open
    assert window.count(CHECKPOINT_EVERY) == CHECKPOINTS_OUTSTANDING_MAX + 1
    assert not window.is_open, "a repeated answer opens it no further"


def test_an_answer_to_a_checkpoint_that_was_never_sent_counts_for_no_more_than_was_sent() -> None:
    window = StreamWindow()
    window.count(CHECKPOINT_EVERY)
    window.reached(1_000)
    for _ in range(CHECKPOINTS_OUTSTANDING_MAX):
        window.count(CHECKPOINT_EVERY)
    assert not window.is_open


def test_a_new_reader_owes_nothing() -> None:
    window = StreamWindow()
    for _ in range(CHECKPOINTS_OUTSTANDING_MAX):
        window.count(CHECKPOINT_EVERY)
    window.restart()
    assert window.is_open


@given(st.lists(st.integers(1, 64), max_size=200))
def test_the_stream_is_never_further_ahead_than_the_bound(batches: list[int]) -> None:
    window, sent, reached_at = StreamWindow(), 0, 0
    outstanding: list[tuple[int, int]] = []  # number of each checkpoint, and the messages before it
    for batch in batches:
        if not window.is_open:
            number, reached_at = outstanding.pop(0)
            window.reached(number)
            assert window.is_open, "one answer lets the stream go on"
        sent += batch
        due = window.count(batch)
        if due is not None:
            outstanding.append((due, sent))
        assert len(outstanding) <= CHECKPOINTS_OUTSTANDING_MAX
        # Each checkpoint stands behind 32 messages and at most 63 more of the batch that made them 32.
        assert sent - reached_at <= CHECKPOINTS_OUTSTANDING_MAX * (CHECKPOINT_EVERY + 63)
