from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateways.exchange.latency import REQUESTS_QUEUED_MAX, LatencyModel, LatencyQueue
from gateways.venue import AccountQuery
from messages.base import NS_MAX

MS = 1_000_000


def query(number: int) -> AccountQuery:
    return AccountQuery("sim", number)


def test_a_latency_without_jitter_is_always_the_same():
    model = LatencyModel(5.0, 0.0, seed=1)
    assert [5 * MS] * 3 == [model.sample_ns() for _ in range(3)]


def test_jitter_adds_to_the_fixed_part_with_the_stated_mean():
    model = LatencyModel(5.0, 2.0, seed=1)
    samples = [model.sample_ns() for _ in range(20_000)]
    assert 5 * MS <= min(samples)
    # mean 5 + 2 ms; standard error of the mean = 2 ms / sqrt(20,000) = 0.014 ms, so 0.06 ms is more than four of them
    assert 7.0 == pytest.approx(sum(samples) / len(samples) / MS, abs=0.06)


def test_the_same_seed_draws_the_same_latencies_and_another_one_others():
    draws = [[LatencyModel(1.0, 1.0, seed).sample_ns() for _ in range(2)] for seed in (7, 7, 8)]
    assert draws[0] == draws[1]
    assert draws[0] != draws[2]


@given(st.lists(st.integers(0, 10 * MS), min_size=1, max_size=50), st.integers(0, 100))
def test_no_request_overtakes_another_and_none_is_early(gaps, seed):
    queue = LatencyQueue(LatencyModel(1.0, 5.0, seed))
    sent, now = [], 0
    for number, gap in enumerate(gaps):
        now += gap
        sent.append(now)
        queue.push(query(number), now)
    assert len(gaps) == len(queue)
    popped = [queue.pop() for _ in gaps]
    assert [query(number) for number in range(len(gaps))] == [request for _, request in popped]
    assert all(before.due_ns <= after.due_ns for before, after in pairwise(popped))
    assert all(due_ns >= sent_ns + MS for (due_ns, _), sent_ns in zip(popped, sent, strict=True))


def test_an_empty_queue_is_never_due():
    queue = LatencyQueue(LatencyModel(1.0, 0.0, seed=1))
    assert NS_MAX == queue.due_ns
    queue.push(query(1), 10)
    assert 10 + MS == queue.due_ns


def test_a_queue_is_full_at_its_bound():
    queue = LatencyQueue(LatencyModel(1.0, 0.0, seed=1))
    request = query(1)
    for _ in range(REQUESTS_QUEUED_MAX - 1):
        queue.push(request, 0)
    assert not queue.is_full
    queue.push(request, 0)
    assert queue.is_full
