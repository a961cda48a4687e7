"""Token buckets by a venue's rules: what may be sent, when again, and what is kept for cancels."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateways.gate.rate_limits import RETRY_AFTER_MS_MAX, RateRule, RequestKind, TokenBucket, VenueBudget

MS = 1_000_000
S = 1_000 * MS
SUBMIT, CANCEL, AMEND, QUERY, ACCOUNT, LOGIN = RequestKind


def rule(**changes: object) -> RateRule:
    return RateRule(**{"name": "orders", "capacity": 10.0, "per_ms": 1_000, "cancel_reserve": 0.2, **changes})  # type: ignore[arg-type]


def drained(bucket: TokenBucket, kind: RequestKind, now_ns: int) -> int:
    """How many requests leave at one moment."""
    count = 0
    while bucket.admits(kind, now_ns):
        bucket.take(kind, now_ns)
        count += 1
    return count


def test_orders_leave_until_only_the_reserve_is_left_and_cancels_use_that_too() -> None:
    bucket = TokenBucket(rule(), 0)
    assert drained(bucket, SUBMIT, 0) == 8  # 10 less the reserve of 0.2 × 10
    assert drained(bucket, CANCEL, 0) == 2
    assert bucket.level(0) == 0


def test_a_bucket_refills_evenly_over_its_window_and_never_above_its_capacity() -> None:
    bucket = TokenBucket(rule(), 0)
    drained(bucket, CANCEL, 0)
    assert bucket.level(300 * MS) == pytest.approx(3.0)  # 10 in 1,000 ms
    assert bucket.level(5 * S) == 10.0


def test_a_bucket_says_when_the_next_request_may_leave() -> None:
    bucket = TokenBucket(rule(), 0)
    drained(bucket, CANCEL, 0)
    # a submit needs 1 + the reserve of 2: 3 of 10 a second = 300 ms; a cancel needs 1: 100 ms
    assert bucket.wait_ns(SUBMIT, 0) == pytest.approx(300 * MS, abs=2)
    assert bucket.wait_ns(CANCEL, 0) == pytest.approx(100 * MS, abs=2)
    assert bucket.admits(SUBMIT, bucket.wait_ns(SUBMIT, 0))


def test_a_request_that_a_rule_does_not_count_is_always_admitted_by_it() -> None:
    bucket = TokenBucket(rule(cancel=0.0), 0)
    drained(bucket, SUBMIT, 0)
    assert bucket.admits(CANCEL, 0)
    assert bucket.wait_ns(CANCEL, 0) == 0


def test_a_clock_that_steps_back_refills_nothing() -> None:
    bucket = TokenBucket(rule(), 10 * S)
    drained(bucket, CANCEL, 10 * S)
    assert bucket.level(5 * S) == 0
    assert bucket.level(10 * S + 100 * MS) == pytest.approx(1.0)


def test_the_venues_own_count_is_believed_where_it_leaves_less() -> None:
    bucket = TokenBucket(rule(), 0)
    bucket.correct(7.0, 0)
    assert bucket.level(0) == 3.0
    bucket.correct(1.0, 0)
    assert bucket.level(0) == 3.0


def test_a_rule_that_can_never_admit_a_request_is_refused() -> None:
    with pytest.raises(ValueError, match="one query takes 9 and at most 8 is there for it"):
        rule(query=9.0)
    rule(cancel=10.0)


def test_a_question_about_the_account_and_a_login_take_what_a_query_takes_unless_a_rule_says_otherwise() -> None:
    counted = rule(capacity=100.0, query=4.0, account=20.0)
    assert [counted.cost(kind) for kind in (QUERY, ACCOUNT, LOGIN)] == [4.0, 20.0, 4.0]
    assert [rule(query=0.0, login=2.0).cost(kind) for kind in (ACCOUNT, LOGIN)] == [0.0, 2.0]
    with pytest.raises(ValueError, match="one account takes 9 and at most 8 is there for it"):
        rule(account=9.0)
    rule(login=10.0)


def test_a_login_may_use_the_reserve_and_a_question_may_not() -> None:
    bucket = TokenBucket(rule(), 0)
    drained(bucket, SUBMIT, 0)
    assert [bucket.admits(kind, 0) for kind in (QUERY, ACCOUNT, LOGIN)] == [False, False, True]


def test_a_request_needs_every_rule_that_counts_it() -> None:
    weight = rule(name="weight", capacity=100.0, per_ms=60_000, query=40.0, cancel_reserve=0.0)
    budget = VenueBudget([rule(), weight], 0)
    assert budget.is_bounded
    budget.spend(QUERY, 0)
    budget.spend(QUERY, 0)
    assert not budget.admits(QUERY, 0)  # 20 of 100 left
    assert budget.admits(SUBMIT, 0)
    assert budget.wait_ns(QUERY, 0) == pytest.approx(12 * S, abs=2)  # 20 more at 100 a minute
    assert [(line.name, line.left) for line in budget.status(0)] == [("orders", 8.0), ("weight", 20.0)]


def test_a_ban_stops_everything_until_the_venue_listens_again() -> None:
    budget = VenueBudget([rule()], 0)
    budget.ban(500, 0)
    budget.ban(100, 0)  # a shorter one does not shorten it
    assert not budget.admits(CANCEL, 499 * MS)
    assert budget.wait_ns(CANCEL, 0) == 500 * MS
    assert budget.admits(CANCEL, 500 * MS)
    budget.ban(10 * RETRY_AFTER_MS_MAX, S)
    assert budget.wait_ns(CANCEL, S) == RETRY_AFTER_MS_MAX * MS


def test_the_venues_word_on_one_rule_leaves_the_others_as_they_are() -> None:
    budget = VenueBudget([rule(), rule(name="weight")], 0)
    budget.correct("weight", 10.0, 0)
    assert [line.left for line in budget.status(0)] == [10.0, 0.0]


def test_without_rules_everything_is_admitted() -> None:
    budget = VenueBudget([], 0)
    assert not budget.is_bounded
    assert budget.admits(SUBMIT, 0)
    assert budget.wait_ns(SUBMIT, 0) == 0


@given(st.lists(st.tuples(st.sampled_from([SUBMIT, CANCEL]), st.integers(0, 500 * MS)), max_size=80))
def test_in_no_window_does_more_leave_than_twice_the_capacity_and_never_more_than_capacity_plus_refill(
    steps: list[tuple[RequestKind, int]],
) -> None:
    bucket, now_ns, left_ns = TokenBucket(rule(), 0), 0, []
    for kind, pause_ns in steps:
        now_ns += pause_ns
        if bucket.admits(kind, now_ns):
            bucket.take(kind, now_ns)
            left_ns.append(now_ns)
    for start, begin_ns in enumerate(left_ns):
        for end in range(start, len(left_ns)):
            # full at first, then 10 a second
            assert end - start + 1 <= 10 + (left_ns[end] - begin_ns) * 10 / S + 1e-6
