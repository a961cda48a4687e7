from hypothesis import given
from hypothesis import strategies as st

from gateways.bybit.book_sync import BookSync, Outcome


def synchronised(update_id: int = 10, seq: int = 100) -> BookSync:
    sync = BookSync()
    assert Outcome.RESET is sync.judge(True, update_id, seq)
    return sync


def test_a_delta_before_any_snapshot_is_dropped():
    sync = BookSync()

    assert Outcome.DROPPED is sync.judge(False, 7, 70)
    assert (1, 0, 0) == (sync.dropped, sync.gaps, sync.update_id)


def test_the_next_update_id_is_applied():
    sync = synchronised()

    assert Outcome.APPLIED is sync.judge(False, 11, 105)
    assert (11, 1) == (sync.update_id, sync.applied)


def test_a_missing_update_is_a_gap_until_the_next_snapshot():
    sync = synchronised()

    assert Outcome.GAP_FOUND is sync.judge(False, 12, 110)
    assert Outcome.DROPPED is sync.judge(False, 13, 120)
    assert Outcome.RESET is sync.judge(True, 14, 130)
    assert Outcome.APPLIED is sync.judge(False, 15, 140)
    assert (1, 1, 2) == (sync.gaps, sync.dropped, sync.resets)


def test_a_repetition_is_discarded():
    sync = synchronised()

    assert Outcome.DISCARDED is sync.judge(False, 10, 100)
    assert Outcome.DISCARDED is sync.judge(False, 9, 90)
    assert Outcome.APPLIED is sync.judge(False, 11, 110)


def test_update_id_one_is_a_whole_book_whatever_its_type():
    sync = synchronised()

    assert Outcome.RESET is sync.judge(False, 1, 50)
    assert Outcome.APPLIED is sync.judge(False, 2, 60)


def test_a_lower_update_id_with_a_higher_seq_is_a_restart_whose_snapshot_was_missed():
    sync = synchronised()

    assert Outcome.GAP_FOUND is sync.judge(False, 2, 101)


def test_a_snapshot_with_the_same_update_id_is_taken_again():
    sync = synchronised()

    assert Outcome.RESET is sync.judge(True, 10, 100)


def test_after_a_lost_connection_only_a_snapshot_helps():
    sync = synchronised()

    sync.forget()

    assert Outcome.DROPPED is sync.judge(False, 11, 110)


@given(st.sets(st.integers(2, 60)))
def test_every_lost_delta_is_seen_with_the_next_one_that_comes(lost: set[int]):
    sync = synchronised(update_id=1, seq=1)
    expected = 1
    for update_id in range(2, 62):
        if update_id in lost:
            continue
        outcome = sync.judge(False, update_id, update_id)
        if update_id == expected + 1:
            assert Outcome.APPLIED is outcome
        else:
            assert Outcome.GAP_FOUND is outcome
            assert Outcome.RESET is sync.judge(True, update_id, update_id)
        expected = update_id
