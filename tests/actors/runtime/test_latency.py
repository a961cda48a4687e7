"""The latency histogram: nearest-rank percentiles to one per cent, however late the late ones are."""

from math import ceil

from hypothesis import given
from hypothesis import strategies as st

from actors.runtime.latency import LatencyHistogram
from messages.codec import encode
from messages.health import Latency

RATIOS = {"p50": (1, 2), "p99": (99, 100), "p999": (999, 1_000)}
samples_ns = st.integers(1, 10**13) | st.integers(100_000, 200_000)


def histogram(samples: list[int]) -> LatencyHistogram:
    made = LatencyHistogram()
    for sample in samples:
        made.add(sample)
    return made


def nearest_rank(samples: list[int], numerator: int, denominator: int) -> int:
    """The smallest sample that so many of all are not above, counted in whole numbers."""
    rank = max(1, -(-numerator * len(samples) // denominator))
    return sorted(samples)[rank - 1]


@given(st.lists(samples_ns, min_size=1, max_size=300))
def test_a_percentile_is_the_nearest_rank_to_one_per_cent(samples: list[int]) -> None:
    summary = histogram(samples).summary()
    assert summary.n == len(samples)
    for name, (numerator, denominator) in RATIOS.items():
        exact_us = nearest_rank(samples, numerator, denominator) / 1_000
        assert abs(getattr(summary, name) - exact_us) <= 0.01 * exact_us


def test_worked_percentiles_of_a_thousand_samples() -> None:
    # 1 µs to 1,000 µs: ranks 500, 990 and 999
    summary = histogram([number * 1_000 for number in range(1, 1_001)]).summary()
    assert [round(value) for value in (summary.p50 / 5, summary.p99 / 9.9, summary.p999 / 9.99)] == [100, 100, 100]


def test_a_single_late_sample_is_seen_in_the_tail_and_not_in_the_middle() -> None:
    summary = histogram([10_000] * 999 + [5_000_000_000]).summary()
    assert abs(summary.p50 - 10) < 0.1
    assert abs(summary.p999 - 10) < 0.1  # rank 999 of 1,000
    assert abs(histogram([10_000] * 99 + [5_000_000_000]).summary().p999 - 5_000_000) < 50_000  # rank 100 of 100


def test_without_samples_all_is_zero_and_a_clock_that_stepped_back_counts_as_nothing() -> None:
    assert LatencyHistogram().summary() == Latency(p50=0.0, p99=0.0, p999=0.0, n=0)
    stepped = histogram([0, -5])
    assert stepped.n == 2
    assert stepped.percentile_ns(0.5) < 1.01


def test_ranks_are_exact_for_every_number_of_samples() -> None:
    for numerator, denominator in RATIOS.values():
        for n in range(1, 5_000):
            assert ceil(numerator / denominator * n) == -(-numerator * n // denominator)


def test_memory_is_bounded_by_the_range_and_not_by_the_number_of_samples() -> None:
    made = histogram([1_000 + number % 1_000 for number in range(100_000)])
    assert made.n == 100_000
    assert len(made._counts) <= 71  # ln(2) / 0.01 buckets between 1 and 2 µs
    assert encode(made.summary())
