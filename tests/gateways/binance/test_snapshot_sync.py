import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateways.binance.market import Market
from gateways.binance.snapshot_sync import (
    BUFFERED_DIFFS_MAX,
    Diff,
    Outcome,
    SnapshotSync,
    SyncState,
)
from gateways.exchange.sources.source import BookChange

FUTURES = [Market.USDM, Market.COINM]


def diff(first: int, last: int, previous: int = 0) -> Diff:
    return Diff(first, previous, BookChange("BTCUSDT.v", [], [], last, 0, 0))


def synchronised(market: Market, last_update_id: int) -> SnapshotSync:
    sync = SnapshotSync(market)
    assert [] == sync.on_snapshot(last_update_id)
    return sync


def test_diffs_wait_for_the_snapshot_and_are_judged_once_it_comes():
    sync = SnapshotSync(Market.SPOT)
    early = [diff(90, 95), diff(96, 100), diff(101, 104), diff(105, 109)]
    assert [Outcome.BUFFERED] * 4 == [sync.on_diff(each) for each in early]
    assert SyncState.WAITING_FOR_SNAPSHOT is sync.state
    buffered = sync.on_snapshot(100)
    assert early == buffered
    # the snapshot ends at 100: it contains 90-95 and 96-100, and 101-104 is the first after it
    expected = [Outcome.DISCARDED, Outcome.DISCARDED, Outcome.APPLIED, Outcome.APPLIED]
    assert expected == [sync.on_diff(each) for each in buffered]
    assert (2, 2, 0, 109) == (sync.applied, sync.discarded, sync.gaps, sync.last_update_id)


@pytest.mark.parametrize(
    ("first", "last", "outcome"),
    [
        (95, 99, Outcome.DISCARDED),
        (95, 100, Outcome.DISCARDED),  # u = lastUpdateId is contained on spot
        (95, 101, Outcome.APPLIED),  # straddles lastUpdateId + 1
        (101, 101, Outcome.APPLIED),
        (101, 120, Outcome.APPLIED),
        (102, 120, Outcome.GAP_FOUND),  # 101 is missing
    ],
)
def test_the_first_diff_after_a_spot_snapshot_of_100_covers_101(first, last, outcome):
    assert outcome is synchronised(Market.SPOT, 100).on_diff(diff(first, last))


@pytest.mark.parametrize("market", FUTURES)
@pytest.mark.parametrize(
    ("first", "last", "outcome"),
    [
        (95, 99, Outcome.DISCARDED),
        (95, 100, Outcome.APPLIED),  # u = lastUpdateId is not contained on futures
        (100, 100, Outcome.APPLIED),
        (100, 120, Outcome.APPLIED),
        (101, 120, Outcome.GAP_FOUND),  # U <= lastUpdateId is asked for
    ],
)
def test_the_first_diff_after_a_futures_snapshot_of_100_covers_100(market, first, last, outcome):
    assert outcome is synchronised(market, 100).on_diff(diff(first, last, previous=94))


@pytest.mark.parametrize("market", FUTURES)
def test_a_first_futures_diff_that_names_the_snapshot_as_its_previous_misses_nothing(market):
    assert Outcome.APPLIED is synchronised(market, 100).on_diff(diff(130, 140, previous=100))
    assert Outcome.GAP_FOUND is synchronised(market, 100).on_diff(diff(130, 140, previous=101))


@pytest.mark.parametrize(
    ("market", "first", "previous", "is_too_old"),
    [
        (Market.SPOT, 101, 0, False),
        (Market.SPOT, 102, 0, True),  # 101 is missing
        (Market.USDM, 100, 90, False),
        (Market.USDM, 130, 100, False),
        (Market.USDM, 130, 101, True),
        (Market.COINM, 130, 99, True),
    ],
)
def test_a_snapshot_of_100_is_too_old_where_updates_are_missing_before_the_oldest_waiting_diff(
    market, first, previous, is_too_old
):
    sync = SnapshotSync(market)
    assert not sync.is_too_old(100)  # nothing waits
    sync.on_diff(diff(first, 140, previous))
    sync.on_diff(diff(141, 150, 140))
    assert is_too_old is sync.is_too_old(100)


def test_a_lost_stream_is_joined_to_a_new_snapshot_and_its_old_diffs_are_forgotten():
    sync = synchronised(Market.SPOT, 100)
    sync.on_diff(diff(101, 105))
    sync.on_diff(diff(108, 110))  # a gap; it waits
    sync.lose()
    assert (SyncState.WAITING_FOR_SNAPSHOT, 0) == (sync.state, sync.last_update_id)
    assert [] == sync.on_snapshot(50)  # whatever its number: the venue may count anew
    assert Outcome.APPLIED is sync.on_diff(diff(51, 52))


def test_a_spot_diff_follows_when_it_starts_one_after_the_last():
    sync = synchronised(Market.SPOT, 100)
    sync.on_diff(diff(99, 105))
    assert Outcome.APPLIED is sync.on_diff(diff(106, 110))
    assert Outcome.GAP_FOUND is sync.on_diff(diff(112, 115))  # 111 is missing


@pytest.mark.parametrize("market", FUTURES)
def test_a_futures_diff_follows_when_it_names_the_last_as_its_previous(market):
    sync = synchronised(market, 100)
    sync.on_diff(diff(99, 105, previous=90))
    assert Outcome.APPLIED is sync.on_diff(diff(130, 140, previous=105))  # ids of other symbols lie between
    assert Outcome.GAP_FOUND is sync.on_diff(diff(141, 150, previous=141))


@pytest.mark.parametrize("market", list(Market))
def test_a_diff_that_comes_twice_is_applied_once(market):
    sync = synchronised(market, 100)
    again = diff(100, 105, previous=99)
    assert [Outcome.APPLIED, Outcome.DISCARDED] == [sync.on_diff(again), sync.on_diff(again)]
    assert (1, 1, 0) == (sync.applied, sync.discarded, sync.gaps)
    assert SyncState.SYNCHRONISED is sync.state


def test_after_a_gap_nothing_is_applied_until_the_next_snapshot():
    sync = synchronised(Market.SPOT, 100)
    sync.on_diff(diff(101, 105))
    late = [diff(108, 110), diff(111, 115), diff(116, 118)]
    assert [Outcome.GAP_FOUND, Outcome.BUFFERED, Outcome.BUFFERED] == [sync.on_diff(each) for each in late]
    assert (SyncState.GAP, 1, 105) == (sync.state, sync.gaps, sync.last_update_id)
    assert late == sync.on_snapshot(112)
    # the new snapshot ends at 112: 108-110 is in it, 111-115 straddles 113
    expected = [Outcome.DISCARDED, Outcome.APPLIED, Outcome.APPLIED]
    assert expected == [sync.on_diff(each) for each in late]
    assert (SyncState.SYNCHRONISED, 1, 118) == (sync.state, sync.gaps, sync.last_update_id)


def test_a_snapshot_older_than_the_buffered_diffs_is_a_gap():
    sync = SnapshotSync(Market.SPOT)
    sync.on_diff(diff(200, 210))
    (buffered,) = sync.on_snapshot(150) or []
    assert Outcome.GAP_FOUND is sync.on_diff(buffered)  # 151 to 199 are missing
    assert [buffered] == sync.on_snapshot(205)
    assert Outcome.APPLIED is sync.on_diff(buffered)


def test_a_snapshot_older_than_the_book_is_ignored():
    sync = synchronised(Market.SPOT, 100)
    sync.on_diff(diff(101, 105))
    assert None is sync.on_snapshot(104)
    assert 105 == sync.last_update_id
    assert Outcome.APPLIED is sync.on_diff(diff(106, 107))


def test_a_newer_snapshot_is_joined_anew():
    sync = synchronised(Market.SPOT, 100)
    assert [] == sync.on_snapshot(120)
    assert Outcome.DISCARDED is sync.on_diff(diff(101, 120))
    assert Outcome.APPLIED is sync.on_diff(diff(119, 125))


def test_the_buffer_keeps_the_newest_diffs_and_counts_the_others():
    sync = SnapshotSync(Market.SPOT)
    diffs = [diff(number, number) for number in range(1, BUFFERED_DIFFS_MAX + 4)]
    assert {Outcome.BUFFERED} == {sync.on_diff(each) for each in diffs}
    assert 3 == sync.dropped
    assert diffs[3:] == sync.on_snapshot(10)


@given(
    market=st.sampled_from(list(Market)),
    lengths=st.lists(st.integers(1, 5), min_size=2, max_size=30),
    lost=st.none() | st.integers(0, 29),
    data=st.data(),
)
def test_every_update_after_the_snapshot_is_applied_exactly_once_or_there_is_a_gap(market, lengths, lost, data):
    """A contiguous stream of diffs, one of them lost, and a snapshot at any point of it, arriving at any point."""
    diffs, last = [], 0
    for length in lengths:
        diffs.append(diff(last + 1, last + length, previous=last))
        last += length
    snapshot_id = data.draw(st.integers(1, last), label="snapshot id")
    snapshot_at = data.draw(st.integers(0, len(diffs)), label="snapshot arrives before diff")
    sync, applied = SnapshotSync(market), []

    def hear(each):
        if sync.on_diff(each) is Outcome.APPLIED:
            applied.append(each)

    for number, each in enumerate(diffs):
        if number == snapshot_at:
            for buffered in sync.on_snapshot(snapshot_id):
                hear(buffered)
        if number != lost:
            hear(each)
    if snapshot_at == len(diffs):
        for buffered in sync.on_snapshot(snapshot_id):
            hear(buffered)

    # futures take the diff that ends at the snapshot's id once more, which does not change the book; nor does its loss
    first_taken = snapshot_id if market is not Market.SPOT else snapshot_id + 1
    is_lost = lost is not None and lost < len(diffs) and diffs[lost].change.update_id > snapshot_id
    needed = [each for n, each in enumerate(diffs) if each.change.update_id >= first_taken and (is_lost or n != lost)]
    if is_lost:
        until_lost = needed[: needed.index(diffs[lost])]
        assert until_lost == applied
        assert int([*until_lost, diffs[lost]] != needed) == sync.gaps  # a loss at the very end is not seen
    else:
        assert needed == applied
        assert 0 == sync.gaps
        assert SyncState.SYNCHRONISED is sync.state
